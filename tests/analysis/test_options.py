"""The options of every analysis: each is declared once, and whatever shows, reads or checks it agrees with that."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

import rnn_explorer as rx
from rnn_explorer.analysis import registry
from rnn_explorer.analysis.dynamics.record import FixedPointOptions, SpectrumOptions
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.memory.record import JacobianNormOptions, MemoryOptions
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.cells import CELLS
from rnn_explorer.cli import main
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError, Settings, Spec
from rnn_explorer.tasks.user_data import store
from rnn_explorer.training import Trainer
from rnn_explorer.views import VIEWS, Control

registry.load()
# Tasks that analyses are for which are not for every task; and what is theirs to be given.
TASK = {"sample": "char_lm", "correlates": "names", "closed_loop": "forecast", "columns": "own_series"}
QUICK = {"length": 3, "inits": 8, "steps": 3}
NEEDED: dict[str, dict[str, Any]] = {"own_sequence": {"values": [[0.5, 1.0], [0.25, 0.0]]}}
OPTIONS = [(name, spec) for name, analysis in ANALYSES.items() for spec in analysis.options.specs()]
BOUND = [(name, spec) for name, spec in OPTIONS if spec.low is not None]


def named(entry: tuple[str, Spec]) -> str:
    return f"{entry[0]}.{entry[1].name}"


@functools.cache
def model_of(cell: str, task: str = "adding") -> FrozenModel:
    more: dict[str, Any] = {}
    if task == "own_series":
        rows = "\n".join(f"{n % 7},{n % 5}" for n in range(300))
        more = {"data": store.put(f"a,b\n{rows}".encode(), "a.csv"), "columns": "a,b"}
    experiment = Experiment.default(task).replace(cell=cell, hidden_size=3, num_layers=1, **more)
    if task == "adding":
        experiment = experiment.replace(seq_len=8)
    return FrozenModel.of(Trainer(experiment))


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    yield
    model_of.cache_clear()
    store.drop_all()


@pytest.mark.parametrize("name, spec", OPTIONS, ids=map(named, OPTIONS))
def test_an_option_is_declared_whole(name: str, spec: Spec) -> None:
    assert spec.label and spec.help.endswith(".") and "\n" not in spec.help
    assert spec.kind is object or spec.check(spec.default) == spec.default
    assert not spec.offered or all(spec.check(value) == value for value in spec.offered)
    assert spec.optional == (spec.default is None) == bool(spec.absent)


def test_an_analysis_takes_its_options_alone() -> None:
    for name, analysis in ANALYSES.items():
        assert list(inspect.signature(analysis.compute).parameters) == ["frozen", "options"]
        assert inspect.get_annotations(analysis.compute)["options"] == analysis.options.__name__
        with pytest.raises(TypeError, match="wings"):
            ANALYSES.get(name)(model_of("rnn"), wings=2)


@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("name", ANALYSES.names())
def test_the_defaults_work_on_every_cell(name: str, cell: str) -> None:
    model = model_of(cell, TASK.get(name, "adding"))
    defaults = {spec.name: spec.default for spec in ANALYSES.get(name).options.specs()}
    given = NEEDED.get(name, {})
    registry.check(model, name, **{**defaults, **given})
    less = {option: value for option, value in QUICK.items() if option in defaults}
    assert registry.analyze(model, name, **{**given, **less}) is not None


@pytest.mark.parametrize("name, spec", BOUND, ids=map(named, BOUND))
def test_each_bound_is_accepted_and_what_lies_beyond_is_refused_before_anything_is_done(name: str, spec: Spec) -> None:
    assert spec.low is not None and spec.high is not None
    below, above = (spec.low - 1, spec.high + 1) if spec.kind is int else (
        math.nextafter(spec.low, -math.inf), math.nextafter(spec.high, math.inf)
    )  # fmt: skip
    about = {"tolerance": spec.low} if spec.name == "slow_tolerance" else {}
    about |= {"slow_tolerance": 100} if spec.name == "tolerance" else {}
    for value in (spec.low, spec.high):
        options = ANALYSES.get(name).options(**{**about, spec.name: value})
        assert getattr(options, spec.name) == value
    for value in (below, above):
        with pytest.raises(SettingError) as caught:
            ANALYSES.get(name)(model_of("rnn"), **{spec.name: value})
        assert str(caught.value) == f"{spec.name} is {value!r}, but must be {spec.allowed}."
        with pytest.raises(UserError, match=re.escape(spec.allowed)):
            registry.analyze(model_of("rnn"), name, **{spec.name: value})


def test_options_that_do_not_go_together_are_refused() -> None:
    assert FixedPointOptions(tolerance=1e-3, slow_tolerance=1e-3).slow_tolerance == 1e-3
    with pytest.raises(SettingError, match=r"^slow_tolerance is 1e-06, but must be a number from 0.001 to 100\.$"):
        FixedPointOptions(tolerance=1e-3, slow_tolerance=1e-6)
    for more in ({"state": (1.0,)}, {"input": (0.0,)}):
        with pytest.raises(UserError, match=r"^own_input goes with .* two\.$"):
            SpectrumOptions(own_input=True, **more)


@pytest.mark.parametrize(
    "command, options",
    [("fixed-points", FixedPointOptions), ("memory", MemoryOptions), ("memory", JacobianNormOptions)],
)
def test_the_command_line_lists_them(
    command: str, options: type[Settings], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    for spec in options.specs():
        (line,) = (line for line in lines if line.strip().startswith(f"--{spec.name.replace('_', '-')} "))
        assert f"{spec.help} {spec.allowed[0].upper()}{spec.allowed[1:]}" in line
        assert f"; {spec.text(spec.default)} if left out." in line


@pytest.mark.parametrize(
    "method, options",
    [
        (rx.Run.memory, MemoryOptions),
        (rx.Run.fixed_points, FixedPointOptions),
        (rx.Run.what_if, ANALYSES.get("what_if").options),
        (rx.Run.trace, JacobianNormOptions),
    ],
)
def test_the_library_has_the_same_defaults_and_ranges(method: Callable[..., Any], options: type[Settings]) -> None:
    for name, parameter in inspect.signature(method).parameters.items():
        if name not in ("self", "options"):
            assert parameter.default == options.spec(name).default, name
    documented = re.findall(r"(\w+): [^:]*?(\d+) to (\d+)\.", inspect.getdoc(method) or "")
    for name, low, high in documented:
        assert (int(low), int(high)) == (options.spec(name).low, options.spec(name).high)
    assert bool(documented) == (options is FixedPointOptions)


def test_a_selection_has_what_the_option_offers() -> None:
    opens, parts = {}, 0
    for view in dict(VIEWS.items()).values():
        for part in dataclasses.fields(view.selection_class):
            spec: Spec | None = part.metadata.get("spec")
            if spec is None:
                continue
            parts += 1
            if part.default != spec.default:
                opens[part.name] = part.default
            if not spec.offered:
                continue
            control = Control.of(view.selection_class, part.name)
            assert control.title == spec.help.removesuffix(".")
            for value in (*spec.offered, part.default):
                read = view.selection_class.read({part.name: str(value)})
                assert getattr(read, part.name) == value
            if spec.step is None:
                assert [value for value, _ in control.options] == list(spec.offered)
                beyond = view.selection_class.read({part.name: str(spec.offered[0] + 1)})
                assert getattr(beyond, part.name) == part.default
            else:
                assert (control.low, control.high, control.step) == (*spec.ends, spec.step)
    assert parts >= 3 * len(VIEWS)
    # What opens with another value than the option's default: a page's own, or its own number for none.
    assert opens == {"temperature": 0.8, "kick": 0.5, "unit": -2, "output": -1, "answer_step": 0, "back": 0}
