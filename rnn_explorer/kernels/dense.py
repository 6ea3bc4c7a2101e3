"""The code of dense layers, of the loss and of the gradients of both.

y_0 = the features, y_l = sigma(W_l y_{l-1} + b_l), the last layer without sigma
classes: the loss of a row is log(sum_k e^{y_k}) - y_target, its gradient softmax(y) - onehot(target);
         a row whose target is -100 does not count
values:  the loss of a row is the mean of (y - target)^2
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from rnn_explorer.kernels.products import WIDTH, copy, outer, padded, product, zeros
from rnn_explorer.kernels.vector_code import LANES, Array, Code, Compiled, DType, Value, compiled

ACTIVATIONS = ("relu", "tanh", "sigmoid")
NEVER = -1e30  # a logit beyond the last class
IGNORED = -100  # a target to be ignored, torch's `ignore_index`
LOSS, METRIC, WRONG = range(3)  # places in `result`; WRONG: how many rows or targets were out of range

# What the table holds of each layer: addresses of arrays, and two sizes. Y are the rows of its outputs, X those of its
# inputs, D and E the loss gradients of these; rows are padded to whole vectors.
ENTRIES = ("w", "b", "dw", "db", "inputs", "outputs", "x", "y", "forward", "bias", "backward", "d", "e", "scratch")
_GATHER = "x xt: xb: rows# all: count: steps: batch: features: out result"
_SCATTER = "d rows# count: features: out"
_FORWARD = "table# layers: rows: activation: pad~"
_CLASSES = "y stride: rows: size: targets# result d"
_VALUES = "y stride: rows: size: targets result d scale~"
_BACKWARD = "table# layers: rows: activation:"


class _Layer:
    """A layer's entries in the table, by name."""

    def __init__(self, code: Code, number: Value) -> None:
        for place, name in enumerate(ENTRIES):
            at = number * len(ENTRIES) + place
            setattr(self, name, code.table.one(at) if name in ("inputs", "outputs") else code.table.array(at))
        self.inputs: Value
        self.outputs: Value

    def __getattr__(self, name: str) -> Array:
        raise AttributeError(name)


def _row(code: Code, n: Value) -> tuple[Value, Value]:
    """Sequence and time step of row `n`."""
    sequence = n // code.steps
    return sequence, n - sequence * code.steps


def _gather(code: Code) -> None:
    P = padded(code.features)

    def take(n: Value, index: Value) -> None:
        sequence, step = _row(code, index)
        to = code.out.from_(n * P)
        copy(code, code.x.from_(sequence * code.xb + step * code.xt), to, code.features)
        zeros(code, to, code.features, P)

    with code.when(code.all > 0), code.loop(0, code.count) as n:
        take(n, n)
    wrong = code.variable(code.whole(0))
    with code.when(code.all < 1), code.loop(0, code.count) as n:
        row = code.rows.one(n)
        there = code.both(row > -1, row < code.batch * code.steps)
        with code.when(there):
            take(n, row)
        with code.unless(there):
            wrong.set(wrong.get() + 1)
    code.result.put(WRONG, code.as_number(wrong.get()))


def _scatter(code: Code) -> None:
    with code.loop(0, code.count) as n:
        P = padded(code.features)
        from_, to = code.d.from_(n * P), code.out.from_(code.rows.one(n) * P)
        with code.loop(0, P, LANES) as k:  # added, since an index may occur more than once
            to.store(k, to.load(k) + from_.load(k))


def _forward(code: Code) -> None:
    with code.loop(0, code.layers) as number:
        layer = _Layer(code, number)
        last = code.layers - 1
        P_in, P_out = padded(layer.inputs), padded(layer.outputs)
        _pack_forward(code, layer, number.equals(last))

        product(
            code, code.whole(0), code.rows, P_out // LANES, layer.inputs,
            row=lambda row: layer.x.from_(row * P_in),
            weights=layer.forward,
            start=lambda row, units: layer.bias.load(units),
            put=lambda row, units, value: layer.y.store(row * P_out + units, value),
        )  # fmt: skip
        with code.when(number < last):
            _each_activation(code, code.rows * P_out, lambda sigma, k: layer.y.store(k, sigma(layer.y.load(k))))


def _pack_forward(code: Code, layer: _Layer, is_last: Value) -> None:
    def block(j: Value, width: int) -> None:
        to, step = layer.forward.from_(j * (layer.inputs * LANES)), width * LANES
        with code.loop(0, step) as lane:
            unit = j * LANES + lane
            there = unit < layer.outputs
            with code.when(there):
                with code.loop(0, layer.inputs) as k:
                    to.put(k * step + lane, layer.w.one(unit * layer.inputs + k))
                layer.bias.put(unit, layer.b.one(unit))
            with code.unless(there):
                with code.loop(0, layer.inputs) as k:
                    to.put(k * step + lane, code.number_of(0.0))
                layer.bias.put(unit, code.choose(is_last, code.pad, code.number_of(0.0)))

    code.blocks(code.whole(0), padded(layer.outputs) // LANES, WIDTH, block)


def _each_activation(code: Code, count: Value, body: Callable[[Callable[[Value], Value], Value], None]) -> None:
    """body(activation, k) for every vector up to `count`, with the activation that was chosen."""
    for number, name in enumerate(ACTIVATIONS):
        with code.when(code.activation.equals(number)), code.loop(0, count, LANES) as k:
            body(getattr(code, name), k)


def _slope(code: Code, name: str, y: Value) -> Value:
    """The derivative of an activation, from its output."""
    if name == "relu":
        return code.choose(y > 0.0, code.splat(1.0), code.splat(0.0))
    return code.fma(-y, y, code.splat(1.0)) if name == "tanh" else y * (1 - y)


def _backward(code: Code) -> None:
    with code.loop(code.layers - 1, -1, -1) as number:
        layer = _Layer(code, number)
        P_in, P_out = padded(layer.inputs), padded(layer.outputs)
        for which, name in enumerate(ACTIVATIONS):
            chosen = code.both(number < code.layers - 1, code.activation.equals(which))
            with code.when(chosen), code.loop(0, code.rows * P_out, LANES) as k:
                layer.d.store(k, layer.d.load(k) * _slope(code, name, layer.y.load(k)))
        _sum_rows(code, layer, P_out)
        outer(code, layer.d, P_out, layer.x, P_in, layer.scratch, P_in, code.rows, P_in // LANES, code.whole(0), P_out)
        with code.loop(0, layer.outputs) as n:
            copy(code, layer.scratch.from_(n * P_in), layer.dw.from_(n * layer.inputs), layer.inputs)
        _pack_backward(code, layer)

        product(
            code, code.whole(0), code.rows, P_in // LANES, layer.outputs,
            row=lambda row: layer.d.from_(row * P_out),
            weights=layer.backward,
            start=lambda row, units: code.splat(0.0),
            put=lambda row, units, value: layer.e.store(row * P_in + units, value),
        )  # fmt: skip


def _sum_rows(code: Code, layer: _Layer, P_out: Value) -> None:
    with code.loop(0, P_out, LANES) as n:
        total = code.variable(code.splat(0.0))
        with code.loop(0, code.rows) as r:
            total.set(total.get() + layer.d.load(r * P_out + n))
        for lane in range(LANES):
            with code.when(n + lane < layer.outputs):
                layer.db.put(n + lane, code.lane(total.get(), lane))


def _pack_backward(code: Code, layer: _Layer) -> None:
    def block(j: Value, width: int) -> None:
        to, step = layer.backward.from_(j * (layer.outputs * LANES)), width * LANES
        with code.loop(0, layer.outputs) as n, code.loop(0, step) as lane:
            unit = j * LANES + lane
            there = unit < layer.inputs
            with code.when(there):
                to.put(n * step + lane, layer.w.one(n * layer.inputs + unit))
            with code.unless(there):
                to.put(n * step + lane, code.number_of(0.0))

    code.blocks(code.whole(0), padded(layer.inputs) // LANES, WIDTH, block)


class _Mean:
    """A mean over many rows by compensated summation (W. Kahan (1965), doi:10.1145/363707.363723)."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.sum, self.error = (code.variable(code.number_of(0.0)) for _ in range(2))

    def add(self, number: Value) -> None:
        number = number - self.error.get()
        total = self.sum.get() + number
        self.error.set((total - self.sum.get()) - number)
        self.sum.set(total)

    def over(self, count: Value) -> Value:
        return self.sum.get() / self.code.as_number(count)


def _classes(code: Code) -> None:
    """Cross-entropy. A target out of range is counted, and never used as an index."""
    counted, wrong = code.variable(code.whole(0)), code.variable(code.whole(0))
    with code.loop(0, code.rows) as row:
        target = code.targets.one(row)
        there = code.both(target > -1, target < code.size)
        with code.when(there):
            counted.set(counted.get() + 1)
        with code.unless(there), code.unless(target.equals(IGNORED)):
            wrong.set(wrong.get() + 1)
    code.result.put(WRONG, code.as_number(wrong.get()))
    losses, rights, scale = _Mean(code), _Mean(code), 1 / code.as_number(counted.get())
    with code.when(wrong.get() < 1), code.loop(0, code.rows) as row:
        y, d, target = code.y.from_(row * code.stride), code.d.from_(row * code.stride), code.targets.one(row)
        with code.when(target > -1):
            _class(code, y, d, target, scale, losses, rights)
        with code.unless(target > -1):
            zeros(code, d, code.whole(0), code.stride)
    code.result.put(LOSS, losses.over(counted.get()))
    code.result.put(METRIC, rights.over(counted.get()))


def _class(code: Code, y: Array, d: Array, target: Value, scale: Value, losses: _Mean, rights: _Mean) -> None:
    """One row of the loss, the accuracy and the gradient."""
    best, first = code.variable(code.splat(NEVER)), code.variable(code.splat(1e9))
    with code.loop(0, code.stride, LANES) as k:
        best.set(code.larger(best.get(), y.load(k)))
    most = code.across(best.get(), code.larger)
    # The first class with the largest logit, as argmax: else a model with equal logits would always be right.
    total = code.variable(code.splat(0.0))
    with code.loop(0, code.stride, LANES) as k:
        logits = y.load(k)
        place = code.counting() + code.spread(code.as_number(k))
        first.set(code.smaller(first.get(), code.choose(logits.equals(most), place, code.splat(1e9))))
        e = code.exp(logits - most)
        d.store(k, e)
        total.set(total.get() + e)
    sum_ = code.across(total.get(), lambda a, b: a + b)
    loss = code.log(sum_) + most
    losses.add(code.lane(loss, 0) - y.one(target))
    answer = code.lane(code.across(first.get(), code.smaller), 0)
    right = answer.equals(code.as_number(target))
    rights.add(code.choose(right, code.number_of(1.0), code.number_of(0.0)))
    share = code.spread(scale) / sum_
    with code.loop(0, code.stride, LANES) as k:
        d.store(k, d.load(k) * share)
    d.put(target, d.one(target) - scale)


def _values(code: Code) -> None:
    losses = _Mean(code)
    with code.loop(0, code.rows) as row:
        y, d, target = (
            code.y.from_(row * code.stride), code.d.from_(row * code.stride), code.targets.from_(row * code.size),
        )  # fmt: skip
        total = code.variable(code.number_of(0.0))
        with code.loop(0, code.size) as k:
            off = y.one(k) - target.one(k)
            total.set(total.get() + off * off)
            d.put(k, off * code.scale)
        zeros(code, d, code.size, code.stride)
        losses.add(total.get())
    mean = losses.over(code.rows) / code.as_number(code.size)
    code.result.put(LOSS, mean)
    code.result.put(METRIC, mean)


@functools.cache
def program(dtype: DType) -> Compiled:
    """The compiled functions, by the names of the parameter lists above in lower case."""
    return compiled(
        "loss_head",
        dtype,
        {
            "gather": (_GATHER, _gather),
            "scatter": (_SCATTER, _scatter),
            "forward": (_FORWARD, _forward),
            "classes": (_CLASSES, _classes),
            "values": (_VALUES, _values),
            "backward": (_BACKWARD, _backward),
        },
    )
