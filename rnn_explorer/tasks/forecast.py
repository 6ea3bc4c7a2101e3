"""Forecasting: the next value of a series, from those before it."""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnn_explorer.readable import number
from rnn_explorer.settings import setting
from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import (
    PROBES,
    STREAM_EVALUATION,
    TASKS,
    Baseline,
    Batch,
    BenchmarkRow,
    Course,
    InputSpec,
    Metric,
    OutputSpec,
    Source,
    Split,
    Task,
    TaskSettings,
)
from rnn_explorer.tasks.memoryless import NextValue
from rnn_explorer.tasks.splits import split_in_order
from rnn_explorer.trace import Array, Explanation, Strip

TEST_SHARE = 0.2  # of the series, at its end
GENERATED = 2000  # values in a generated series
PERIOD = 36  # steps, of the noisy sine
LORENZ_STEP = 0.025  # units of the equations' time from one value to the next
Point = tuple[float, float, float]
# strftime would follow the language of the machine
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Series:
    """One series of numbers.

    Attributes:
        title: what it is, for people.
        unit: what the numbers are.
        values: (time,) in that unit.
        when: says what time a position is.
    """

    title: str
    unit: str
    values: Array
    when: Callable[[int], str]


def _sunspots(generator: np.random.Generator, noise: float) -> Series:
    table = files.columns("sunspots")
    years, values = table["year"], np.array(table["sunspots"], dtype=np.float64)
    return Series("Sunspots", "sunspots in the year", values, lambda index: years[index])


def _seattle(generator: np.random.Generator, noise: float) -> Series:
    table = files.arrays("seattle")
    start, hours = datetime.datetime(2010, 1, 1), table["hours"]

    def when(index: int) -> str:
        time = start + datetime.timedelta(hours=int(hours[index]))
        return f"{time.day} {MONTHS[time.month - 1]} {time:%H:%M}"

    return Series("Seattle", "temperature in °C", (table["tenths_fahrenheit"] / 10 - 32) / 1.8, when)


def _mackey_glass(generator: np.random.Generator, noise: float) -> Series:
    history = 0.5 + float(generator.random())
    values = mackey_glass(history, GENERATED + 500)[500:]  # by then it is on the attractor
    return Series("Mackey-Glass", "value", values, lambda index: f"t = {index}")


def _lorenz(generator: np.random.Generator, noise: float) -> Series:
    start = 1 + float(generator.random())
    values = lorenz(start, GENERATED + 500)[500:]  # by then it is on the attractor
    return Series("Lorenz", "x", values, lambda index: f"t = {LORENZ_STEP * index:g}")


def _noisy_sine(generator: np.random.Generator, noise: float) -> Series:
    phase = 2 * math.pi * float(generator.random())
    clean = np.sin(2 * math.pi * np.arange(GENERATED) / PERIOD + phase)
    jitter = generator.standard_normal(GENERATED)
    return Series("Noisy sine", "value", clean + noise * jitter, lambda index: f"t = {index}")


@functools.lru_cache(maxsize=16)
def mackey_glass(history: float, count: int) -> Array:
    """The Mackey-Glass equation dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x, one value per unit of time.

    Solved at steps of 0.1 with the delayed term held at its value in the middle of the step, for which the linear
    rest has an exact solution; the error is of second order in the step.

    Args:
        history: the value at all times up to 0; 0.5 to 1.5 leads to the chaotic attractor.
        count: values wanted, at t = 1, 2, ...

    Returns:
        (count,), not to be written to.
    """
    per_unit, delay = 10, 170
    decay = math.exp(-0.1 / per_unit)
    gain = (1 - decay) / 0.1
    x = [history] * (delay + 1)  # x[i] is the value at time (i - delay) / per_unit
    for i in range(count * per_unit):
        late = 0.5 * (x[i] + x[i + 1])
        x.append(decay * x[-1] + gain * 0.2 * late / (1 + late**10))
    values = np.array(x[delay + per_unit :: per_unit])
    values.setflags(write=False)
    return values


@functools.lru_cache(maxsize=16)
def lorenz(start: float, count: int) -> Array:
    """The coordinate x of the Lorenz equations, one value every `LORENZ_STEP` units of time.

    dx/dt = 10 (y - x), dy/dt = x (28 - z) - y, dz/dt = x y - 8/3 z, by the classical Runge-Kutta method in steps of a
    fifth of that.

    Args:
        start: x and y at time 0, where z is 20.
        count: values wanted, from `LORENZ_STEP` on.

    Returns:
        (count,), not to be written to.
    """
    parts = 5
    step = LORENZ_STEP / parts
    point, values = (start, start, 20.0), np.empty(count)
    for i in range(count):
        for _ in range(parts):
            k1 = _lorenz_slope(point)
            k2 = _lorenz_slope(_moved(point, k1, step / 2))
            k3 = _lorenz_slope(_moved(point, k2, step / 2))
            k4 = _lorenz_slope(_moved(point, k3, step))
            for slope, share in ((k1, 1), (k2, 2), (k3, 2), (k4, 1)):
                point = _moved(point, slope, share * step / 6)
        values[i] = point[0]
    values.setflags(write=False)
    return values


def _lorenz_slope(point: Point) -> Point:
    x, y, z = point
    return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z


def _moved(point: Point, slope: Point, by: float) -> Point:
    return point[0] + by * slope[0], point[1] + by * slope[1], point[2] + by * slope[2]


SERIES = {
    "mackey_glass": _mackey_glass, "lorenz": _lorenz, "sunspots": _sunspots, "seattle": _seattle,
    "noisy_sine": _noisy_sine,
}  # fmt: skip

_READ = {
    "mackey_glass": "the Mackey-Glass series", "lorenz": "the Lorenz series", "sunspots": "yearly sunspot numbers",
    "seattle": "hourly temperatures", "noisy_sine": "a noisy sine",
}  # fmt: skip


@dataclass(frozen=True)
class ForecastSettings(TaskSettings):
    """Which series, and how much of it a window holds."""

    series: str = setting(
        "mackey_glass", choices=tuple(SERIES), label="Series",
        help="mackey_glass and lorenz: chaotic equations. sunspots: yearly, 1700-2008. seattle: hourly "
        "temperature over a year. noisy_sine: a sine with random noise, which nobody can forecast below the noise.",
    )  # fmt: skip
    seq_len: int = setting(
        50, low=10, high=90, unit="time steps", label="Window length",
        help="Values in a window. The first half is only read; the forecasts in the second half are judged.",
    )  # fmt: skip
    noise: float = setting(
        0.15, low=0.0, high=1.0, label="Noise",
        help="Standard deviation of the noise on the sine, whose amplitude is 1.",
    )  # fmt: skip

    def applies(self, name: str) -> bool:
        return name != "noise" or self.series == "noisy_sine"

    @property
    def does(self) -> str:
        what = "a sine" if self.applies("noise") and not self.noise else _READ[self.series]
        return f"reads {what} value by value and each time forecasts the next"


@TASKS.register("forecast")
class Forecast(Task):
    """What is the next value?

    Inputs: (batch, seq_len, 1), a window of the series, in standard deviations from the mean of the training part.
    Targets: (batch, seq_len, 1), the same one step later. The first half of a window is warm-up: only the answers
    in the second half count, for loss, metric and baseline, so all of them are given with some context.

    The series is cut by time into a training, a validation and a test part, and no window straddles a border: 20 % at
    the end are for the test, before them the validation split's share of the rest. Each of the two has at
    least as many values as a window and its neighbors need (so a short series with long windows gives them more), and
    shows at most 256 windows, evenly spaced; the training part shows every window there is.
    """

    key = "forecast"
    title = "Forecast a series"
    order = 40
    summary = "Read a series value by value and forecast the next: chaotic equations, sunspots, temperature, a sine."
    teaches = "Regression over time, and how much better than repeating the last value a memory can do."
    reading_guide = (
        "Each time step shows the network one value; its answer is a forecast of the next. Target and answer are "
        "drawn where the forecast is made, so they should lie on each other, while an answer that trails by one time "
        "step only repeats what it saw. Judged is the second half of each window. The line on the loss curve is "
        "hardly better than that: the best that can be made of the last value alone. Loss and metric are squared "
        "errors in units of the variance of the training part, so 1 is about as bad as always saying the mean. The "
        "sunspots are few and their last cycles larger than any trained on: the training loss falls on while the "
        "validation loss turns."
    )
    source = Source(
        citation="M. C. Mackey and L. Glass (1977), Oscillation and chaos in physiological control systems, Science "
        "197, doi:10.1126/science.267326; E. N. Lorenz (1963), Deterministic nonperiodic flow, Journal of the "
        f"Atmospheric Sciences 20; {files.source('sunspots').citation}; {files.source('seattle').citation}",
        license=f"equations and sine generated here; sunspots {files.source('sunspots').license}; "
        f"temperature {files.source('seattle').license}",
        url="https://doi.org/10.1126/science.267326",
    )
    settings_class = ForecastSettings
    metric = Metric("MSE")
    why_memory = (
        "One value is all there is without memory. A function of it does a little better than repeating it where the "
        "series falls back to its mean, but whether it is rising or falling cannot be read off a single value."
    )
    finite = True
    autoregressive = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm",
        "hidden_size": 32,
        "learning_rate": 5e-3,
        "batch_size": 32,
        "steps": 400,
    }
    benchmarks = (
        BenchmarkRow("", {"rnn": ".022 to .0034", "lstm": ".022 to .0015", "gru": ".022 to .0011"}),
        BenchmarkRow("series=lorenz", {"rnn": ".0187 to .0007", "lstm": ".0187 to .0014", "gru": ".0187 to .0010"}),
        BenchmarkRow("series=sunspots", {"rnn": ".92 to .40", "lstm": ".92 to .37", "gru": ".92 to .38"}),
        BenchmarkRow("series=seattle", {"rnn": ".0046 to .0032", "lstm": ".0046 to .0020", "gru": ".0046 to .0013"}),
        BenchmarkRow("series=noisy_sine", {"": ".108 to .04"}),
    )
    output = OutputSpec("values_per_step", 1, ("next value",))
    settings: ForecastSettings

    def __init__(self, settings: ForecastSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        self.series = SERIES[settings.series](self.generator("test", 0), settings.noise)
        self.input = InputSpec("values", 1, (self.series.unit,))
        self.warm_up = settings.seq_len // 2
        least = settings.seq_len + PROBES  # room for `PROBES` different windows, and the last target
        self.parts = split_in_order(len(self.series.values), least, val_split, TEST_SHARE)
        training = self.series.values[slice(*self.parts["train"])]
        self.mean, self.scale = float(training.mean()), float(training.std())
        self.normalized = ((self.series.values - self.mean) / self.scale).astype(np.float32)
        self._sets = {split: self._windows(split) for split in self.parts}
        self._starts: dict[bytes, int] = {}

    def _windows(self, split: Split) -> Batch:
        start, end = self.parts[split]
        length = self.settings.seq_len
        if end - start <= length:
            found = np.empty((0, length + 1), dtype=np.float32)
        else:
            found = sliding_window_view(self.normalized[start:end], length + 1)  # (windows, seq_len + 1)
        if split != "train" and len(found) > STREAM_EVALUATION:
            found = found[np.linspace(0, len(found) - 1, STREAM_EVALUATION).astype(int)]
        windows = found.copy()[:, :, None]
        mask = np.tile(np.arange(length) >= self.warm_up, (len(windows), 1))
        return Batch(windows[:, :-1], windows[:, 1:], mask=mask)

    def finite_set(self, split: Split) -> Batch:
        return self._sets[split]

    def choose_probes(self, batch: Batch) -> Array:
        return np.linspace(0, len(batch) - 1, PROBES).round().astype(np.int64)  # far apart, since neighbors overlap

    def baseline(self) -> Baseline:
        split: Split = "validation" if len(self._sets["validation"]) else "test"
        predictor = NextValue.fit(self._sets["train"], self._sets[split])
        error = float(predictor.errors(self._sets[split])[0])
        return Baseline(error, error, f"{predictor.words()}, measured on the same time steps of the {split} part")

    def explain(self, inputs: Array, targets: Array, length: int, answers: Array) -> Explanation:
        inputs, targets, answers = inputs[:length, 0], targets[:length, 0], answers[:length, 0]
        judged = np.arange(length) >= self.warm_up
        error = float(np.mean((answers - targets)[judged] ** 2))
        lazy = float(np.mean((inputs - targets)[judged] ** 2))
        start, series = self._start(inputs), self.series
        title = (
            series.title if start is None else f"{series.title}, {series.when(start)} to {series.when(start + length)}"
        )
        return Explanation(
            kind="series",
            title=title,
            verdict=f"squared error {number(error)}; repeating the last value has {number(lazy)}",
            correct=None,
            length=length,
            strips=(
                Strip(series.unit, self._in_units(inputs), "input", "series"),
                Strip("next value", self._in_units(np.where(judged, targets, np.nan)), "target", "forecast"),
                Strip("forecast", self._in_units(answers), "answer", "forecast"),
            ),
        )

    def course(self, inputs: Array) -> Course | None:
        start, whole = self._start(inputs[:, 0]), self.normalized[:, None]
        return None if start is None else Course(self.series.title, whole, whole, start, self.series.when)

    def _in_units(self, values: Array) -> Array:
        return values * self.scale + self.mean

    def _start(self, inputs: Array) -> int | None:
        """Where in the series a window starts; None for one that is not of it."""
        known = inputs.tobytes()
        if known not in self._starts:
            same = (sliding_window_view(self.normalized, len(inputs)) == inputs).all(axis=1)
            if not same.any():
                return None
            if len(self._starts) >= 4 * STREAM_EVALUATION:
                self._starts.clear()
            self._starts[known] = int(same.argmax())
        return self._starts[known]
