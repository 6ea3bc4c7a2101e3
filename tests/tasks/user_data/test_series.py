"""Tables of one's own: what is read of them, how they are cut and normalized, and what is said of bad ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import PROBES, Batch, Task
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.tasks.user_data.series import OwnSeries, OwnSeriesSettings, suggested
from rnn_explorer.tasks.user_data.series_forecast import longest_window
from rnn_explorer.tasks.user_data.series_settings import example, join_names, split_names
from rnn_explorer.training import Trainer


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


def csv(columns: dict[str, list]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    return "\n".join(lines).encode()


def make(data: bytes, val_split: float = 0.2, seed: int = 0, **changes: object) -> Task:
    token = store.put(data, "a.csv")
    return Experiment.default("own_series").replace(data=token, val_split=val_split, seed=seed, **changes).make_task()


def refusal(data: bytes, **changes: object) -> SettingError:
    with pytest.raises(SettingError) as caught:
        make(data, **changes)
    assert len(str(caught.value)) < 400 and str(caught.value)[-1] in ".?"
    return caught.value


def ramp(count: int = 200) -> bytes:
    return csv({"t": list(range(count)), "x": [n * n for n in range(count)], "c": [5] * count, "w": ["a"] * count})


def in_units(task: Task, batch: Batch) -> np.ndarray:
    """(batch, seq_len + 1, columns): whole windows in the units of the file."""
    windows = np.concatenate([batch.inputs, batch.targets[:, -1:]], axis=1)
    return windows * task.inner.scale + task.inner.mean


# -- forecast ---------------------------------------------------------------------------------------------------


def test_windows_are_those_of_the_series_cut_by_time() -> None:
    task = make(ramp(), columns="x", seq_len=10)
    parts = {"train": range(0, 128), "validation": range(128, 160), "test": range(160, 200)}  # 20 % of 200, of 160
    for split, part in parts.items():
        found = in_units(task, task.finite_set(split))[:, :, 0]
        expected = [[n * n for n in part[start : start + 11]] for start in range(len(part) - 10)]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.05)


def test_normalization_is_from_the_training_part_only() -> None:
    data = {"x": [math.sin(n) for n in range(128)] + [1000.0 + n for n in range(72)]}
    task = make(csv(data), columns="x", seq_len=10)
    seen = np.array(data["x"][:128])
    assert task.inner.mean[0] == pytest.approx(seen.mean()) and task.inner.scale[0] == pytest.approx(seen.std())


def test_several_columns_are_read_and_forecast_together() -> None:
    rng = np.random.default_rng(0)
    data = {
        "a": rng.normal(3, 2, 200).tolist(),
        "b, c": rng.normal(-5, 9, 200).tolist(),
        "d": rng.normal(size=200).tolist(),
    }
    content = csv({'"b, c"' if name == "b, c" else name: values for name, values in data.items()})
    task = make(content, columns='"b, c", a', seq_len=12)
    assert task.input.names == ("b, c", "a") and task.output.names == ("next b, c", "next a")
    first = in_units(task, task.finite_set("train"))[0]
    np.testing.assert_allclose(first, np.stack([data["b, c"][:13], data["a"][:13]], axis=1), rtol=1e-4, atol=1e-4)


def test_without_a_choice_the_first_column_that_does_not_count_rows_is_read() -> None:
    assert make(ramp(), seq_len=10).input.names == ("x",)
    assert make(csv({"year": list(range(200))}), seq_len=10).input.names == ("year",), "where there is nothing else"


def test_the_baseline_adds_what_usually_comes_to_the_last_value() -> None:
    task = make(ramp(), columns="x", seq_len=10)
    x = (np.arange(200.0) ** 2 - task.inner.mean[0]) / task.inner.scale[0]
    steps = np.diff(x)
    errors = [steps[start + 5 : start + 10] ** 2 for start in range(128, 150)]  # the second half of each window
    assert task.baseline().loss < 0.1 * np.mean(errors), "the steps grow, and those of the end are known"
    assert "adds to the last value a polynomial of third order" in task.baseline().how


def test_a_walk_at_random_is_best_forecast_by_its_last_value() -> None:
    x = np.random.default_rng(2).normal(size=400).cumsum().round(4)
    task = make(csv({"x": x.tolist()}), seq_len=10)
    batch = task.finite_set("validation")
    assert task.baseline().how.startswith("repeats the last value")
    lazy = ((batch.inputs - batch.targets) ** 2)[batch.step_mask()].mean()
    assert task.baseline().loss == pytest.approx(float(lazy), rel=1e-5)


def test_gaps_are_filled_from_the_past_within_a_part_or_dropped() -> None:
    x: list[float | None] = [float(n % 7) for n in range(200)]
    x[3] = x[127] = x[128] = None  # the last of the training part and the first of the validation part among them
    task = make(csv({"x": x, "y": list(range(200))}), columns="x", seq_len=10)
    assert (
        "3 missing values in 3 rows (1.5 %) are read as the last one before, and what should come there is not judged."
        in task.notes
    )
    train, validation = task.finite_set("train"), task.finite_set("validation")

    def read(batch: Batch) -> np.ndarray:
        return batch.inputs[:, :, 0] * task.inner.scale + task.inner.mean

    assert read(train)[0, 3] == pytest.approx(2.0, abs=1e-5), "the value before, never one from the future"
    assert read(validation)[0, 0] == pytest.approx(task.inner.mean[0]), "nothing comes over the border of a part"
    last = train.targets[-1, :, 0]
    assert np.isnan(last).tolist() == [False] * 9 + [True] and not train.mask[-1, 9] and train.mask[-1, 5:9].all()
    dropped = make(csv({"x": x, "y": list(range(200))}), columns="x", seq_len=10, missing="drop")
    assert "3 rows with a missing value (1.5 %) are left out." in dropped.notes
    np.testing.assert_allclose(in_units(dropped, dropped.finite_set("train"))[0, :5, 0], [0, 1, 2, 4, 5], atol=1e-5)


def test_windows_of_several_series_stay_within_them() -> None:
    ids = [name for n in range(100) for name in ("p", "q")] + ["short"] * 5  # rows of two series take turns
    x = [value for n in range(100) for value in (n % 9, 1000 + n % 5)] + [0] * 5
    task = make(csv({"id": ids, "x": x}), columns="x", series_id="id", seq_len=10)
    assert "1 of 3 series are too short and left out." in task.notes
    for split in ("train", "validation", "test"):
        windows = in_units(task, task.finite_set(split))[:, :, 0]
        low = windows < 500
        assert (low.all(axis=1) | ~low.any(axis=1)).all() and low.any() and not low.all()
    titles = {told.title.split(",")[0] for told in Trainer(_experiment(task)).snapshot().explanations}
    assert titles == {"series p", "series q"}


def _experiment(task: Task) -> Experiment:
    return Experiment.default("own_series").replace(**task.settings.to_dict(), hidden_size=4)


def test_an_explanation_is_in_units_and_names_the_rows() -> None:
    task = make(ramp(), columns="x", seq_len=10)
    batch = task.evaluation("validation")
    told = task.explain(batch.inputs[2], batch.targets[2], 10, batch.targets[2])
    assert told.title == "rows 131 to 141" and told.verdict.startswith("squared error 0;")
    assert [strip.role for strip in told.strips] == ["input", "target", "answer"]
    np.testing.assert_allclose(told.strips[0].values, np.arange(130, 140) ** 2, rtol=1e-4)
    assert np.isnan(told.strips[1].values[:5]).all()
    np.testing.assert_allclose(told.strips[1].values[5:], np.arange(136, 141) ** 2, rtol=1e-4)
    assert task.explain(np.zeros((10, 1)), np.zeros((10, 1)), 10, np.zeros((10, 1))).title == "a.csv"


def test_a_large_table_has_no_more_windows_than_can_be_passed_in_a_while() -> None:
    rng = np.random.default_rng(0)
    task = make(csv({"x": np.round(rng.normal(size=90_000), 3).tolist()}), seq_len=20)
    assert 14_000 < task.train_size <= 20_000 and len(task.evaluation("validation")) == 256


# -- classification ---------------------------------------------------------------------------------------------


def long_table(series: int = 60, rows: int = 12, shift: float = 4.0) -> dict[str, list]:
    """Series of two kinds: ups and downs of different pace."""
    rng = np.random.default_rng(1)
    columns: dict[str, list] = {"run": [], "x": [], "y": [], "species": []}
    for number in range(series):
        kind = number % 2
        for step in range(rows + number % 3):
            columns["run"].append(number)
            columns["x"].append(round(math.sin(step * (1 + kind)) + 0.1 * rng.normal(), 4))
            columns["y"].append(round(shift * kind + rng.normal(), 4))
            columns["species"].append(("cat", "dog")[kind])
    return columns


def test_series_are_classified_by_id_and_label() -> None:
    data = long_table()
    task = make(csv(data), kind="classification", label="species", series_id="run")
    assert task.input.names == ("x", "y") and task.output.names == ("cat", "dog") and task.metric.name == "accuracy"
    sizes = {split: len(task.finite_set(split)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 38, "validation": 10, "test": 12}
    x, runs = np.array([data["x"], data["y"]]).T, np.array(data["run"])
    known = {tuple(np.round(1e4 * x[runs == run].ravel())): run % 2 for run in range(60)}
    seen = []
    for split in sizes:
        batch = task.finite_set(split)
        for inputs, target, length in zip(batch.inputs, batch.targets, batch.lengths, strict=True):
            values = inputs[:length] * task.inner.scale + task.inner.mean
            key = tuple(np.round(1e4 * values.ravel()))
            assert known[key] == target and (inputs[length:] == 0).all()
            seen.append(key)
    assert len(set(seen)) == 60, "each series is in one part"
    train = task.finite_set("train")
    values = train.inputs[train.step_mask()]
    assert np.abs(values.mean(axis=0)).max() < 1e-5 and np.abs(values.std(axis=0) - 1).max() < 1e-2
    for split in sizes:
        share = task.finite_set(split).targets.mean()
        assert 0.4 <= share <= 0.6, "the classes are shared out"


def test_long_series_are_cut_into_pieces_that_stay_together() -> None:
    task = make(
        csv(long_table(series=40, rows=30)), kind="classification", label="species", series_id="run", seq_len=10
    )
    assert task.longest <= 10
    inner = task.inner
    where = {split: set(inner.item_at[stretches.starts].tolist()) for split, stretches in inner.stretches.items()}
    assert not where["train"] & where["validation"] and not where["train"] & where["test"]
    assert set().union(*where.values()) == set(range(40))
    assert sum(int(stretches.lengths.sum()) for stretches in inner.stretches.values()) == len(inner.values), (
        "nothing lost"
    )


def test_without_an_id_each_row_is_a_series() -> None:
    offsets = np.random.default_rng(2).normal(size=50).round(4).tolist()
    rows = [[n % 2, *(math.sin(step * (1 + n % 2)) + offsets[n] for step in range(6))] for n in range(50)]
    data = csv({name: [row[place] for row in rows] for place, name in enumerate(["k", *"abcdef"])})
    task = make(data, kind="classification", label="k")
    assert task.longest == 6 and task.input.size == 1 and task.output.names == ("0", "1")
    batch = task.finite_set("test")
    told = task.explain(batch.inputs[0], batch.targets[0], 6, np.full((6, 2), 0.5))
    row = int(told.title.removeprefix("row ")) - 1
    np.testing.assert_allclose(told.strips[0].values, rows[row][1:], rtol=1e-3, atol=1e-5)
    assert told.target_class == rows[row][0]


def test_gaps_in_series_are_closed_or_dropped() -> None:
    data = long_table()
    data["x"][5] = None
    data["species"][30] = None
    task = make(csv(data), kind="classification", label="species", series_id="run")
    assert "1 missing value in 1 row (0.13 %) is read as the last one before." in task.notes
    assert len(task.inner.item_names) == 60
    task = make(csv(data), kind="classification", label="species", series_id="run", missing="drop")
    assert int(task.inner.item_at.shape[0]) == len(data["x"]) - 1


def test_series_without_a_label_are_left_out() -> None:
    data = long_table()
    data["species"] = [
        None if run in (3, 4) else label for run, label in zip(data["run"], data["species"], strict=True)
    ]
    task = make(csv(data), kind="classification", label="species", series_id="run")
    assert "2 series without a label or without values are left out." in task.notes


def test_the_only_text_column_is_the_label() -> None:
    assert make(csv(long_table()), kind="classification", series_id="run").output.names == ("cat", "dog")


def test_the_baseline_knows_the_last_step() -> None:
    good = make(csv(long_table(shift=9.0)), kind="classification", series_id="run").baseline()
    none = make(csv(long_table(shift=0.0)), kind="classification", series_id="run", columns="y").baseline()
    assert good.metric == 1.0 and good.loss < 0.05
    assert none.metric < 0.9 and none.loss > 0.4


# -- what does not do -------------------------------------------------------------------------------------------


def sine(count: int) -> list[float]:
    return [round(math.sin(n), 4) for n in range(count)]


BAD = {
    "no such column": (ramp(), {"columns": "z"}, "columns", "no column 'z'"),
    "a text column": (ramp(), {"columns": "w"}, "columns", "The column 'w' is not numeric: line 2 says 'a'"),
    "a constant column": (ramp(), {"columns": "c"}, "columns", "The column 'c' is constant (always 5)"),
    "a column twice": (ramp(), {"columns": "x,x"}, "columns", "A column is named twice"),
    "nothing numeric": (
        csv({"w": list("abc") * 60}),
        {},
        "columns",
        "no numeric column to read. The column 'w' is not",
    ),
    "only constants": (csv({"c": [1] * 200}), {}, "columns", "no numeric column to read whose values differ"),
    "too short for the window": (
        csv({"x": sine(100)}),
        {},
        "seq_len",
        "Choose a window length (seq_len) of at most 25",
    ),
    "too short for any": (csv({"x": sine(30)}), {}, "data", "too short for any window; bring at least 39 rows."),
    "too short once dropped": (
        csv({"x": [n % 9 if n % 9 < 3 else None for n in range(200)]}),
        {"missing": "drop"},
        "seq_len",
        "The longest series has 68 rows, and windows of 30 time steps need 114",
    ),
    "a part without values": (
        csv({"x": [*sine(160), *["NA"] * 40], "y": sine(200)}),
        {"columns": "x"},
        "columns",
        "The test part has no window in which a judged time step has a value",
    ),
    "constant while training": (
        csv({"x": [*[1] * 140, *sine(60)]}),
        {"columns": "x"},
        "columns",
        "is constant in the training part",
    ),
    "beyond comparison": (
        csv({"x": [*(s * 1e-100 for s in sine(140)), *(s * 1e30 for s in sine(60))]}),
        {},
        "columns",
        "beyond all comparison",
    ),
    "too many columns": (
        csv({f"x{n}": sine(200) for n in range(17)}),
        {"columns": ",".join(f"x{n}" for n in range(17))},
        "columns",
        "17 columns are too many, the limit is 16",
    ),
    "no such id": (ramp(), {"series_id": "run"}, "series_id", "no column 'run'"),
    "too many series": (
        csv({"id": range(20_001), "x": range(20_001)}),
        {"series_id": "id"},
        "series_id",
        "20,001 series",
    ),
    "every series too short": (
        csv({"id": [n // 9 for n in range(200)], "x": sine(200)}),
        {"series_id": "id"},
        "data",
        "The longest series has 9 rows",
    ),
}
LONG = long_table()
BAD_CLASSES = {
    "no label": (csv({"x": sine(60), "y": sine(60)}), {}, "label", "Say which column holds the label: none"),
    "two text columns": (csv({"x": sine(60), "p": ["a"] * 60, "q": ["b"] * 60}), {}, "label", "'p', 'q' are text"),
    "no such label": (csv(LONG), {"label": "kind"}, "label", "no column 'kind'"),
    "one class": (
        csv({"x": sine(60), "y": sine(60)[::-1], "k": ["a"] * 60}),
        {},
        "label",
        "holds one class only ('a')",
    ),
    "too many classes": (
        csv({"x": sine(300), "k": [f"k{n}" for n in range(300)]}),
        {},
        "label",
        "300 different values",
    ),
    "an empty label": (csv({"x": sine(60), "k": [None] * 60}), {"label": "k"}, "label", "The column 'k' is empty"),
    "a class too rare": (
        csv({"x": sine(60), "y": sine(60), "k": ["a"] * 58 + ["b"] * 2}),
        {},
        "label",
        "The class 'b' has 2 series only",
    ),
    "too few series": (
        csv({"x": sine(12), "y": sine(12), "k": list("ab") * 6}),
        {},
        "label",
        "There are too few series (12 of 2 classes)",
    ),
    "the label among the columns": (
        csv({"x": sine(60), "k": [0, 1] * 30}),
        {"label": "k", "columns": "x,k"},
        "columns",
        "would give the answer away",
    ),
    "one time step": (
        csv({"x": sine(60), "k": list("ab") * 30}),
        {},
        "columns",
        "so two or more numeric columns are needed",
    ),
    "series of one row": (
        csv({"id": range(60), "x": sine(60), "k": list("ab") * 30}),
        {"series_id": "id"},
        "series_id",
        "one row only",
    ),
    "two labels in a series": (
        csv({**LONG, "species": ["cat", "dog"] * (len(LONG["x"]) // 2)}),
        {"series_id": "run"},
        "series_id",
        "The series '0' has more than one label",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_forecast_is_told(case: str) -> None:
    data, changes, field, words = BAD[case]
    error = refusal(data, **changes)
    assert words in str(error) and error.field == field, error


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_what_cannot_be_classified_is_told(case: str) -> None:
    data, changes, field, words = BAD_CLASSES[case]
    error = refusal(data, kind="classification", **changes)
    assert words in str(error) and error.field == field, error


def test_data_that_are_gone_are_told() -> None:
    for token in ("x" * 22, "../../etc/passwd", "é"):
        with pytest.raises(SettingError, match="uploaded by somebody else or is gone") as caught:
            Experiment.default("own_series").replace(data=token).make_task()
        assert caught.value.field == "data"


def test_a_text_is_no_table() -> None:
    token = store.put(b"some text", "a.txt")
    with pytest.raises(SettingError, match="The upload is a text, not a table"):
        Experiment.default("own_series").replace(data=token).make_task()


COLUMN = st.one_of(
    st.lists(st.one_of(st.integers(-5, 5), st.just(""), st.floats(-1e40, 1e40)), min_size=90, max_size=90),
    st.lists(st.sampled_from(["a", "b", "c", "", "1"]), min_size=90, max_size=90),
    st.just([n // 3 for n in range(90)]),
    st.just([n // 9 for n in range(90)]),
    st.just(["ab"[n // 9 % 2] for n in range(90)]),
)
NAME = st.sampled_from(["", "p", "q", "r", "q,r", "z", '"', "p,,q"])


@given(
    st.lists(COLUMN, min_size=3, max_size=3), NAME, NAME, NAME, st.sampled_from([0.0, 0.2, 0.5]), st.integers(5, 30),
    st.sampled_from(["forecast", "classification"]), st.sampled_from(["carry_forward", "drop"]),
)  # fmt: skip
def test_any_table_makes_a_task_or_a_sentence(
    columns, chosen, label, series_id, val_split, seq_len, kind, missing
) -> None:
    data = csv(dict(zip("pqr", columns, strict=True)))
    told = {"columns": chosen, "label": label, "series_id": series_id, "seq_len": seq_len, "kind": kind}
    try:
        task = make(data, val_split=val_split, missing=missing, **told)
    except SettingError as error:
        assert error.field in {*told, "data"} and len(str(error)) < 400 and str(error)[-1] in ".?"
        return
    finally:
        store.drop_all()
    for split in ("train", "validation", "test"):
        batch = task.evaluation(split)
        assert len(batch) >= PROBES or (split == "validation" and val_split == 0)
        assert np.isfinite(batch.inputs).all()
    assert math.isfinite(task.baseline().loss)
    batch = task.probe()
    length = batch.inputs.shape[1] if batch.lengths is None else int(batch.lengths[0])
    answers = np.zeros((batch.inputs.shape[1], task.output.size))
    assert task.explain(batch.inputs[0], batch.targets[0], length, answers).title


# -- the rest ---------------------------------------------------------------------------------------------------


def test_names_are_joined_and_split() -> None:
    for names in (["a"], ["a", "b"], ['say "x"', "a, b", "c"], ["temp in °C"]):
        assert split_names(join_names(names)) == names
    assert split_names("") == [] and split_names(" a , b ") == ["a", "b"]


def test_the_example_is_a_whole_year() -> None:
    table = example()
    assert table.rows == 2919 and table.kinds == {"temperature": "numeric", "day": "numeric", "season": "text"}
    codes, names = table.column("season").names()
    assert names[codes[0]] == "winter" and np.bincount(codes).min() > 700


def test_what_suits_a_table() -> None:
    table = read(csv({"x": sine(100)}), "a.csv")
    assert suggested(table, {}) == {"seq_len": 25} and longest_window(100) == 25
    assert suggested(table, {"seq_len": "7"}) == {}
    assert suggested(table, {"label": "k"}) == {"kind": "classification"}
    assert suggested(read(csv({"x": sine(300)}), "a.csv"), {}) == {}
    make(csv({"x": sine(100)}), **suggested(table, {}))


def test_settings_that_do_nothing_do_not_apply_and_uploads_are_private() -> None:
    forecast, wide = OwnSeriesSettings(), OwnSeriesSettings(data="x", kind="classification")
    assert not forecast.applies("label") and forecast.applies("seq_len") and not forecast.private
    assert wide.applies("label") and not wide.applies("seq_len") and wide.private
    assert OwnSeries.is_autoregressive(forecast) and not OwnSeries.is_autoregressive(wide)
    Experiment.default("own_series").replace(kind="classification", bidirectional=True)
    with pytest.raises(SettingError, match=r"^bidirectional is True, but must be false"):
        Experiment.default("own_series").replace(bidirectional=True)


@pytest.mark.parametrize("kind", ["forecast", "classification"])
def test_a_few_steps_on_a_real_table_help(kind: str) -> None:
    table = example()
    rows = zip(
        *(column.numbers for column in list(table.columns.values())[:2]), table.column("season").names()[0], strict=True
    )
    lines = [
        "temperature;day;season",
        *(f"{x:.1f};{day:.0f};{'wsua'[code]}".replace(".", ",") for x, day, code in rows),
    ]
    token = store.put("\n".join(lines).encode("utf-16"), "seattle.csv", "utf-16")
    experiment = Experiment.default("own_series").replace(
        data=token, kind=kind, columns="temperature", series_id="day" if kind == "classification" else "", steps=60
    )
    trainer = Trainer(experiment)
    before = trainer.opening().val_loss
    trainer.advance(60)
    assert trainer.step_count == 60 and trainer.evaluate("validation")[0] < 0.9 * before
    assert trainer.snapshot().explanations[0].title.startswith("series" if kind == "classification" else "rows")
