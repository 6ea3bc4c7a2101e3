"""The limit of open files: raised as far as it goes, and told where it is low."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_explorer.ui import descriptors

resource = pytest.importorskip("resource", reason="Windows has no such limit")
ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, logging, resource, sys
logging.basicConfig(stream=sys.stderr, format="%(message)s")
from rnn_explorer.ui import descriptors
print(json.dumps([descriptors.raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


def told(limits: str) -> tuple[list[int], str]:
    """What the limit becomes in a process that starts with `ulimit` as given, and what its log says."""
    done = subprocess.run(
        ["sh", "-c", f'{limits} && exec "$0" -c "$1"', sys.executable, PROGRAM],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = descriptors.ENOUGH if hard == resource.RLIM_INFINITY else min(hard, descriptors.ENOUGH)
    assert wanted >= descriptors.LOW, "this machine has room"
    assert told("ulimit -S -n 256") == ([wanted, wanted, hard], "")


def test_a_hard_limit_is_told_with_the_visitors_that_it_is_enough_for() -> None:
    limits, log = told("ulimit -n 256")
    assert limits == [256, 256, 256]
    assert "256 files" in log and f"{descriptors.visitors(256)} visitors" in log and "ulimit -n" in log


def test_a_system_that_grants_less_than_it_says_is_asked_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has no hard limit, and refuses more than 10,240."""
    set_to = []

    def grant(_kind: int, limits: tuple[int, int]) -> None:
        if limits[0] > descriptors.OF_MACOS:
            raise ValueError("current limit exceeds maximum limit")
        set_to.append(limits)

    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _kind: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(descriptors.resource, "setrlimit", grant)
    assert descriptors.raise_limit() == descriptors.OF_MACOS
    assert set_to == [(descriptors.OF_MACOS, resource.RLIM_INFINITY)]


def test_a_larger_limit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors.resource, "setrlimit", lambda *_: pytest.fail("lowered"))
    for limit in (100_000, resource.RLIM_INFINITY):
        monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _kind, limit=limit: (limit, limit))
        assert descriptors.raise_limit() == (None if limit == resource.RLIM_INFINITY else limit)


def test_few_files_are_few_visitors_and_never_less_than_none() -> None:
    assert descriptors.visitors(10) == 0 < descriptors.visitors(256) < descriptors.visitors(65_536)
