"""What a model writes and foretells, against the same model reading everything anew at each step."""

from __future__ import annotations

import copy
import csv
import dataclasses
import functools
import json
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rnn_explorer.analysis import registry
from rnn_explorer.analysis.correlates.record import Correlates
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.generate.record import ClosedLoop, Sample, SampleOptions
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.experiment import Experiment
from rnn_explorer.slices import run_to_end
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import InputSpec, OutputSpec
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer

LONGEST = SampleOptions.spec("prefix").longest

CELLS = ("cell=rnn", "cell=rnn&nonlinearity=relu", "cell=lstm", "cell=gru")


@functools.lru_cache(maxsize=32)
def made(query: str, size: float = 0.5) -> FrozenModel:
    """A model with random weights that are large enough for its probabilities to differ."""
    frozen = FrozenModel.of(Trainer(Experiment.from_query(query)))
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in frozen.model.parameters():
            parameter.uniform_(-size, size, generator=source)
    return frozen


def text_model(cell: str = "cell=lstm", more: str = "") -> FrozenModel:
    return made(f"task=char_lm&hidden_size=12&embedding=5&{cell}{more}")


def series_model(cell: str = "cell=lstm", more: str = "") -> FrozenModel:
    return made(f"task=forecast&hidden_size=6&{cell}{more}")


def ask(name: str, frozen: FrozenModel, **options: Any) -> Any:
    registry.load()
    return run_to_end(ANALYSES.get(name)(frozen, **options))


def write(frozen: FrozenModel, **options: Any) -> Sample:
    return ask("sample", frozen, **options)


def go_on(frozen: FrozenModel, **options: Any) -> ClosedLoop:
    return ask("closed_loop", frozen, **options)


def compare(frozen: FrozenModel, **options: Any) -> Correlates:
    return ask("correlates", frozen, **options)


def codes_of(frozen: FrozenModel, found: Sample) -> list[int]:
    return [frozen.task.input.names.index(symbol) for symbol in found.symbols]


# -- text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("more", ["", "&num_layers=2&dense=7", "&embedding=0"])
def test_what_it_expects_is_what_the_model_says_of_the_whole_text(cell: str, more: str) -> None:
    frozen = made(f"task=char_lm&hidden_size=12&{cell}{more}" + ("" if "embedding" in more else "&embedding=5"))
    found = write(frozen, prefix="Call me ", length=40, seed=3)
    assert found.text.startswith("Call me ") and found.given == 8 and len(found.symbols) == 48
    assert found.written == found.text[8:] and found.notes == ()
    codes = codes_of(frozen, found)
    said = frozen.model(torch.tensor([codes]))[0].double().softmax(dim=-1)  # (time, classes), in one go
    top, index = said.topk(5)
    assert found.candidates.shape == found.probabilities.shape == (48, 5)
    np.testing.assert_allclose(found.probabilities, top, atol=1e-5)
    clear = (top[:, :-1] - top[:, 1:] > 1e-4).all(dim=1).numpy()
    assert clear.sum() > 20
    assert [list(row) for row in found.candidates[clear]] == [
        [frozen.task.output.names[code] for code in row] for row in index[clear].tolist()
    ]
    np.testing.assert_allclose(found.chances, found.probabilities, atol=1e-6)
    np.testing.assert_allclose(found.taken, said[torch.arange(47), codes[1:]], atol=1e-5)


def test_temperature_raises_or_lowers_the_odds() -> None:
    for temperature in (0.3, 2.5):
        found = write(text_model(), prefix="The", length=30, temperature=temperature)
        odds = found.chances[:, :1] / found.chances
        np.testing.assert_allclose(
            odds, (found.probabilities[:, :1] / found.probabilities) ** (1 / temperature), rtol=1e-3
        )


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-300])
def test_without_warmth_the_likeliest_is_taken(temperature: float) -> None:
    frozen = text_model()
    found = write(frozen, prefix="The", length=60, temperature=temperature)
    said = frozen.model(torch.tensor([codes_of(frozen, found)]))[0].argmax(dim=-1).tolist()
    assert [frozen.task.output.names[code] for code in said[2:-1]] == list(found.symbols[3:])
    assert (found.taken[2:] == 1).all() and (found.chances[:, 0] == 1).all() and (found.chances[:, 1:] == 0).all()
    assert (found.probabilities[:, 0] < 1).all(), "the model's own probabilities stay"
    assert found.written == write(frozen, prefix="The", length=60, temperature=temperature, seed=9).written


def test_draws_follow_the_chances() -> None:
    found = write(text_model(), length=2000, temperature=0.1, seed=5)
    chances = found.chances[:-1].astype(float)
    pairs = zip(found.symbols[1:], found.candidates, strict=False)
    place = np.array([[*row, symbol].index(symbol) for symbol, row in pairs])
    assert len(np.unique(place)) == 6, "each of the five comes, and others"
    for candidate in range(6):
        p = chances[:, candidate] if candidate < 5 else 1 - chances.sum(axis=1)
        # Draw by draw, hit less p has mean 0 and variance p (1 - p), whatever was drawn before.
        assert abs(((place == candidate) - p).sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_the_seed_decides_and_nothing_is_changed() -> None:
    frozen = text_model()
    before = copy.deepcopy(frozen.model.state_dict())
    state = torch.get_rng_state()
    one, again, other = (write(frozen, prefix="a", length=50, seed=seed) for seed in (1, 1, 2))
    assert one.written == again.written != other.written
    assert all(torch.equal(before[name], values) for name, values in frozen.model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_what_the_alphabet_lacks_is_told() -> None:
    found = write(text_model(), prefix="Caf\u00e9\u00e9 \u00a5", length=1)
    assert found.text[:-1] == "Caf " and found.given == 4
    assert found.notes == ('"\u00e9" and "\u00a5" were left out, since the alphabet lacks them.',)


def autoregressive(**given: Any) -> Any:
    """What the analyses ask of a task whose targets are the next inputs."""
    return SimpleNamespace(
        title="a task", settings=None, is_autoregressive=lambda settings: True, course=lambda inputs: None,
        mean=0.0, scale=1.0, **given,
    )  # fmt: skip


def test_the_other_case_stands_in() -> None:
    frozen = text_model()
    names = tuple("\u03b2" if name == "B" else name for name in frozen.task.input.names)
    size = len(names)
    task = autoregressive(input=InputSpec("symbols", size, names), output=OutputSpec("classes_per_step", size, names))
    found = write(dataclasses.replace(frozen, task=task), prefix="aBBc", length=2)
    assert found.text[:4] == "abbc"
    assert found.notes == ('"B" became the other case, since the alphabet lacks it.',)


def test_an_empty_prefix_begins_after_a_line() -> None:
    for prefix in ("", "\u00e9"):
        found = write(text_model(), prefix=prefix, length=3)
        assert found.symbols[0] == "\n" and found.given == 1
        assert found.notes[-1] == "Nothing was given, so it begins after the end of a line."


@pytest.mark.parametrize("prefix", ["", "|", "aab", "|aab"])
def test_a_string_of_a_grammar_begins_with_its_border(prefix: str) -> None:
    found = write(made("task=anbn"), prefix=prefix, length=4)
    assert found.text.startswith("|" + prefix.lstrip("|")) and found.given == 1 + len(prefix.lstrip("|"))
    assert bool(found.notes) == (not prefix.startswith("|"))
    assert found.candidates.shape == (found.given + 4, 3), "no more candidates than symbols"


@pytest.mark.parametrize(
    "options, words",
    [
        ({"length": 0}, "length is 0, but must be a whole number from 1 to 2000"),
        ({"length": 2001}, "length"),
        ({"length": 2.0}, "length"),
        ({"length": True}, "length"),
        ({"temperature": -0.1}, "temperature is -0.1, but must be a number from 0 to 10"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"seed": -1}, "seed"),
        ({"prefix": "a" * (LONGEST + 1)}, "at most 2000 characters"),
        ({"prefix": None}, "prefix"),
    ],
)
def test_options_out_of_range_are_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(text_model(), **options)


@pytest.mark.parametrize("query", ["task=names&hidden_size=4", "task=digits", "task=forecast", "task=temporal_order"])
def test_a_task_without_a_next_symbol_cannot_write(query: str) -> None:
    with pytest.raises(ValueError, match=r"asks for no next symbol.*choose a character model"):
        write(made(query))


def test_a_model_that_has_exploded_says_so() -> None:
    frozen = copy.deepcopy(text_model())
    frozen.model.head.weight[0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"not finite.*earlier step"):
        write(frozen, length=5)


# -- series -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("more", ["", "&num_layers=2"])
def test_the_free_run_by_reading_everything_anew_at_each_step(cell: str, more: str) -> None:
    frozen = series_model(cell, more + "&seq_len=20")
    found = go_on(frozen, sequence=2, steps=12)
    read = frozen.probe.inputs[2:3]
    for _ in range(12):
        read = torch.cat([read, frozen.model(read)[:, -1:]], dim=1)
    task: Any = frozen.task
    np.testing.assert_allclose(found.free, read[0, 20:].numpy() * task.scale + task.mean, rtol=1e-4, atol=1e-5)
    truth = torch.from_numpy((found.truth - task.mean) / task.scale).float()[None]
    said = frozen.model(torch.cat([frozen.probe.inputs[2:3], truth], dim=1))[0]
    np.testing.assert_allclose(found.one_step, said.numpy() * task.scale + task.mean, rtol=1e-4, atol=1e-5)
    assert found.one_step.shape == (32, 1) and found.read == 20
    np.testing.assert_allclose(found.one_step[19], found.free[0], rtol=1e-5)


def test_values_are_in_the_series_own_unit_and_end_with_it() -> None:
    frozen = series_model("cell=gru", "&series=sunspots&seq_len=20")
    with (files.FOLDER / "sunspots.csv").open(newline="") as file:
        rows = [(row["year"], float(row["sunspots"])) for row in csv.DictReader(file)]
    task: Any = frozen.task
    for sequence, steps in ((0, 10), (7, 500)):
        found = go_on(frozen, sequence=sequence, steps=steps)
        first = found.when.index(found.when[0]) + [year for year, _ in rows].index(found.when[0])
        known = rows[first : first + 20 + steps]
        assert list(found.when) == [year for year, _ in known]
        np.testing.assert_allclose(found.window[:, 0], [value for _, value in known[:20]], atol=1e-3)
        np.testing.assert_allclose(found.truth[:, 0], [value for _, value in known[20:]], atol=1e-3)
        assert found.free.shape == (steps, 1) and len(found.truth) == min(steps, len(rows) - first - 20)
        assert found.title == "Sunspots" and found.scale.tolist() == [task.scale]
    assert len(found.truth) < 500 and found.when[-1] == "2008"


def test_horizon_by_hand() -> None:
    truth = np.zeros((4, 1))
    loop = ClosedLoop(0, "", ("x",), np.zeros((2, 1)), truth, np.zeros((6, 1)), truth, np.array([2.0]))

    def horizon(*free: float) -> int:
        return dataclasses.replace(loop, free=np.array(free)[:, None]).horizon()

    assert horizon(0, 0.9, -1, 1.1, 0, 0) == 3 and horizon(0, 0.9, -1, 0) == 4 and horizon(5, 0, 0, 0) == 0
    assert horizon(0, np.nan, 0, 0) == 1 and horizon(0, 0, np.inf, 0) == 2
    assert dataclasses.replace(loop, truth=truth[:0]).horizon() == 0
    assert dataclasses.replace(loop, free=truth + 1, scale=np.array([4.0])).drift().tolist() == [0.25] * 4
    gone = dataclasses.replace(loop, truth=np.array([[0.0], [np.nan], [0.0], [0.0]]))
    assert dataclasses.replace(gone, free=np.array([[0.0], [9.0], [0.0], [9.0]])).horizon() == 3, "nothing came there"


def test_a_task_that_is_no_series_has_no_truth_and_several_values_work() -> None:
    frozen = made("task=flip_flop&hidden_size=5")
    probe = dataclasses.replace(
        frozen.probe, targets=torch.cat([frozen.probe.inputs[:, 1:], frozen.probe.inputs[:, :1]], 1)
    )
    names = frozen.task.input.names
    task = autoregressive(input=InputSpec("values", 3, names), output=OutputSpec("values_per_step", 3, names))
    found = go_on(dataclasses.replace(frozen, probe=probe, task=task), steps=5)
    assert found.truth.shape == (0, 3) and found.when == () and found.names == names and found.title == "a task"
    np.testing.assert_array_equal(found.window, frozen.probe.inputs[0].numpy())
    np.testing.assert_allclose(found.free[0], frozen.model(frozen.probe.inputs[:1])[0, -1].numpy(), rtol=1e-5)
    assert found.free.shape == (5, 3) and found.drift().shape == (0,)
    task.mean, task.scale = np.array([1.0, 2.0, 3.0]), np.array([10.0, 1.0, 0.1])
    in_units = go_on(dataclasses.replace(frozen, probe=probe, task=task), steps=5)
    np.testing.assert_allclose(in_units.free, found.free * [10, 1, 0.1] + [1, 2, 3])
    assert in_units.scale.tolist() == [10, 1, 0.1]


def own_series(**changes: Any) -> tuple[FrozenModel, np.ndarray]:
    """A model on two series of one file, the second with gaps, and what the file holds."""
    rng = np.random.default_rng(0)
    x = np.stack([np.sin(np.arange(120) / 4), 50 + np.cos(np.arange(120) / 3)], axis=1) + 0.01 * rng.normal(
        size=(120, 2)
    )
    x = x.round(4)
    lines = [
        f"{name},{'' if n == 115 and name == 'q' else value}"
        for n, row in enumerate(x)
        for name, value in zip("pq", row, strict=True)
    ]
    token = store.put("\n".join(["id,x", *lines]).encode(), "two.csv")
    settings = {"data": token, "series_id": "id", "seq_len": 10, "hidden_size": 5, **changes}
    x[115, 1] = np.nan
    return FrozenModel.of(Trainer(Experiment.default("own_series").replace(**settings))), x


@pytest.mark.parametrize("back", [0, 7, 25, 10_000])
def test_an_own_series_goes_on_beyond_its_last_row_beside_what_came(back: int) -> None:
    frozen, x = own_series()
    for sequence in range(8):
        course: Any = frozen.task.course(frozen.probe.inputs[sequence].numpy())
        name = course.title.removeprefix("series ")
        column = x[:, "pq".index(name)]
        first = max(110 - back, 0)
        found = go_on(frozen, sequence=sequence, steps=12, back=back)
        known = column[first + 10 : first + 22]
        assert found.title == f"series {name}" and found.beyond == 12 - len(known) and found.free.shape == (12, 1)
        np.testing.assert_allclose(found.truth[:, 0], known, atol=1e-4, equal_nan=True)
        filled = column[first : first + 10].copy()
        filled[np.isnan(filled)] = column[114]
        np.testing.assert_allclose(found.window[:, 0], filled, atol=1e-4)
        assert found.when == tuple(f"row {2 * n + 1 + 'pq'.index(name)}" for n in range(first, first + 10 + len(known)))
        read = torch.from_numpy(course.values[None, first : first + 10])
        for _ in range(12):
            read = torch.cat([read, frozen.model(read)[:, -1:]], dim=1)
        mean, scale = frozen.task.inner.mean, frozen.task.inner.scale  # type: ignore[attr-defined]
        np.testing.assert_allclose(found.free, read[0, 10:].numpy() * scale + mean, rtol=1e-4, atol=1e-5)
        assert np.isfinite(found.one_step).all() and len(found.one_step) == 10 + len(known)
        assert None not in found.to_dict()["one_step"] and found.horizon() <= len(known)


def test_after_the_sequence_an_own_series_shows_what_came() -> None:
    frozen, x = own_series()
    found = go_on(frozen, sequence=0, steps=300)
    rows = [int(row.removeprefix("row ")) for row in found.when]
    column = (rows[0] - 1) % 2
    np.testing.assert_allclose(found.truth[:, 0], x[(np.array(rows[10:]) - 1) // 2, column], atol=1e-4, equal_nan=True)
    assert rows[-1] == 239 + column and found.beyond == 300 - len(found.truth) > 200


@pytest.mark.parametrize("series", ["sunspots", "lorenz"])
def test_a_shipped_series_goes_on_beyond_its_end(series: str) -> None:
    frozen = series_model("cell=gru", f"&series={series}&seq_len=20")
    whole = frozen.task.series.values  # type: ignore[attr-defined]
    found = go_on(frozen, steps=30, back=0)
    np.testing.assert_allclose(found.window[:, 0], whole[-20:], rtol=1e-4, atol=1e-3)
    assert found.truth.shape == (0, 1) and found.beyond == 30 and len(found.when) == 20
    earlier = go_on(frozen, steps=30, back=25)
    np.testing.assert_allclose(earlier.truth[:, 0], whole[-25:], rtol=1e-4, atol=1e-3)
    assert earlier.beyond == 5


def test_where_nobody_knows_the_end_it_cannot_begin_there() -> None:
    frozen = series_model()
    lost = dataclasses.replace(frozen, probe=dataclasses.replace(
        frozen.probe, inputs=frozen.probe.inputs + 1, targets=frozen.probe.targets + 1))  # fmt: skip
    assert go_on(lost, steps=3).truth.shape == (0, 1)
    with pytest.raises(ValueError, match="nobody knows where a series of"):
        go_on(lost, steps=3, back=0)
    for back in (-1, 1.5, True):
        with pytest.raises(ValueError, match=r"back is .* must be a whole number"):
            go_on(frozen, back=back)


def test_a_run_beyond_all_bounds_is_kept() -> None:
    frozen = copy.deepcopy(series_model("cell=rnn&nonlinearity=relu"))
    for cell in frozen.model.cells():
        cell.weight_hh.fill_(3.0)
        cell.weight_ih.fill_(1.0)
    found = go_on(frozen, steps=200)
    assert not np.isfinite(found.free).all() and found.horizon() == 0
    assert None in json.loads(json.dumps(found.to_dict(), allow_nan=False))["free"][-1]


@pytest.mark.parametrize("options", [{"sequence": 8}, {"sequence": -1}, {"steps": 0}, {"steps": 2001}, {"steps": "9"}])
def test_a_series_needs_a_sequence_and_steps_that_there_are(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be a whole number from"):
        go_on(series_model(), **options)


@pytest.mark.parametrize("query", ["task=flip_flop&hidden_size=4", "task=adding", "task=names&hidden_size=4"])
def test_a_task_without_a_next_value_cannot_go_on(query: str) -> None:
    with pytest.raises(ValueError, match="asks for no next value"):
        go_on(made(query))


# -- what units follow ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query, layer, direction",
    [
        ("task=char_lm&hidden_size=6&cell=lstm&embedding=4&seq_len=30", 0, "forward"),
        ("task=names&hidden_size=5&cell=gru&num_layers=2&bidirectional=true", 1, "backward"),
        ("task=names&hidden_size=5&cell=lstm&num_layers=2&bidirectional=true", 1, "forward"),
        ("task=temporal_order&hidden_size=4&cell=rnn", 0, "forward"),
    ],
)
def test_every_r_is_that_of_numpy(query: str, layer: int, direction: Any) -> None:
    frozen = made(query)
    found = compare(frozen, layer=layer, direction=direction)
    batch = frozen.task.evaluation("validation")
    batch = TensorBatch.of(batch.select(slice(256)))
    entry = frozen.model.trace(batch).layer(layer, direction)
    real = np.ones(batch.inputs.shape, bool)
    if batch.lengths is not None:
        real = np.arange(batch.inputs.shape[1]) < batch.lengths.numpy()[:, None]
    assert found.steps == real.sum() and found.split == "validation"
    assert found.quantities == (*entry.states, *entry.gates)
    symbols = np.array(frozen.task.input.names, dtype=object)[batch.inputs.numpy()]
    expected = {
        "position": np.broadcast_to(np.arange(1, symbols.shape[1] + 1), symbols.shape)[real],
        "is a vowel": np.isin(symbols[real], [*"aeiouAEIOU"]) if "names" not in query else None,
        "is a space": np.isin(symbols[real], [" ", "\n"]) if "char_lm" in query else None,
        "is 'X'": symbols[real] == "X" if "temporal" in query else None,
    }
    for feature, values in expected.items():
        if values is None or feature not in found.features:
            continue
        column = found.features.index(feature)
        for number, name in enumerate(found.quantities):
            recorded = {**entry.states, **entry.gates}[name][real]  # (steps, hidden)
            for unit in range(recorded.shape[1]):
                r = np.corrcoef(recorded[:, unit].astype(float), values)[0, 1]
                assert found.values[number, unit, column] == pytest.approx(r, abs=1e-5), (name, unit, feature)


def test_a_unit_that_counts_is_found() -> None:
    frozen = copy.deepcopy(made("task=anbn&hidden_size=3&cell=rnn&nonlinearity=relu"))
    (cell,) = frozen.model.cells()
    for parameter in cell.weights():
        parameter.zero_()
    cell.weight_hh[1, 1] = 1.0  # unit 1 keeps its value, adds 1 for an a and takes 1 away for a b
    cell.weight_ih[1] = torch.tensor([0.0, 1.0, -1.0])
    found = compare(frozen)
    assert found.ranked("'a' less 'b'") == [(1, pytest.approx(1.0, abs=1e-6))]
    assert found.of("hidden", 1)["'a' less 'b'"] == pytest.approx(1.0, abs=1e-6)
    assert found.strongest(1) == [("hidden", 1, "'a' less 'b'", pytest.approx(1.0, abs=1e-6))]
    assert np.isnan(found.values[0, [0, 2]]).all(), "units that never change go with nothing"
    assert all(unit == 1 for _, unit, _, _ in found.strongest(1000))


def test_without_a_validation_set_the_test_set_is_read() -> None:
    found = compare(made("task=names&hidden_size=4&val_split=0"))
    assert found.split == "test" and found.steps > 1000


def test_a_task_of_numbers_has_no_text() -> None:
    with pytest.raises(ValueError, match="reads numbers"):
        compare(series_model())
    with pytest.raises(ValueError, match="layers 0 to 0"):
        compare(text_model(), layer=1)
    with pytest.raises(ValueError, match="forwards only"):
        compare(text_model(), direction="backward")


# -- all three --------------------------------------------------------------------------------------------------

ASKED = [("sample", text_model), ("closed_loop", series_model), ("correlates", text_model)]


@pytest.mark.parametrize("name, frozen", ASKED)
def test_an_answer_travels_and_progress_goes_up(name: str, frozen: Any) -> None:
    registry.load()
    progress, told = ANALYSES.get(name)(frozen()), list[float]()
    while True:
        try:
            told.append(next(progress))
        except StopIteration as end:
            found = end.value
            break
    assert told[0] == 0 and told == sorted(told) and told[-1] <= 1 and len(told) > 5
    again = pickle.loads(pickle.dumps(found))
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.dumps(again.to_dict(), allow_nan=False) == text and len(text) > 100
