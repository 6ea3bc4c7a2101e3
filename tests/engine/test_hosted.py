"""A run as its worker holds it: how fast it goes."""

from __future__ import annotations

import itertools
import math

import pytest

from rnn_explorer.engine.hosted import GOES, SLOW, SLOWEST, HostedRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer


def hosted(query: str) -> HostedRun:
    run = HostedRun("run", Experiment.from_query(f"task=adding&hidden_size=4&{query}"))
    run.trainer = Trainer(run.experiment)
    return run


def times(run: HostedRun, steps: int) -> list[float]:
    """Seconds after which each step comes, in a worker that has nothing else to do."""
    now, found = 0.0, [0.0]
    assert run.trainer is not None
    while len(found) <= steps:
        count, seconds = run.stride()
        now += count * seconds
        found += [now] * count
        run.trainer.step_count += count
    return found


@pytest.mark.parametrize("steps", [100, 1500, 100_000])
def test_a_budget_takes_about_twenty_seconds_and_its_beginning_the_longest(steps: int) -> None:
    found = times(hosted(f"steps={steps}"), 2 * steps)
    assert 0.7 * SLOW < found[steps] < 1.1 * SLOW
    for part in (0.25, 0.5, 0.75):
        assert found[int(part * steps)] == pytest.approx(SLOW * math.sqrt(part), abs=0.3 * SLOW)
    assert found[5] >= 5 / max(SLOWEST, 2 * math.sqrt(5 * steps) / SLOW), "the first steps come one by one"
    assert found[2 * steps] - found[steps] == pytest.approx(SLOW / 2, rel=0.1), "then it goes on as it ended"
    moments = sorted(set(found))
    assert min(later - earlier for earlier, later in itertools.pairwise(moments)) > 0.4 / GOES, (
        "however fast it is, it is told of a bounded number of times a second"
    )


def test_a_limit_counts_whatever_the_pace_and_full_speed_waits_for_nothing() -> None:
    for pace in ("slow", "fast"):
        assert hosted(f"pace={pace}&speed_limit=4").stride() == (1, 0.25)
    assert hosted("pace=fast").stride() == (0, 0.0)
