"""constraints.txt names a tested version of every package that the requirements ask for, within their ranges."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]


TESTED = {canonicalize_name(one.name): one.specifier for one in requirements("constraints.txt")}


@pytest.mark.parametrize(
    "asked",
    [one for path in sorted(ROOT.glob("requirements*.txt")) for one in requirements(path.name)],
    ids=lambda one: one.name,
)
def test_the_tested_version_is_one_that_may_be_installed(asked: Requirement) -> None:
    (tested,) = TESTED[canonicalize_name(asked.name)]
    assert tested.operator == "==" and asked.specifier.contains(tested.version)


def test_a_constraint_is_a_name_and_a_version_and_no_address() -> None:
    for one in requirements("constraints.txt"):
        (tested,) = one.specifier
        assert tested.operator == "==" and "+" not in tested.version and not one.url
