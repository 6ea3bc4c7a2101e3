"""The dense layers after the recurrent ones, the loss and the gradients of both, in one compiled go.

    y_0 = the features, y_l = sigma(W_l y_{l-1} + b_l), the last layer without sigma
    classes: the loss of a row is log(sum_k e^{y_k}) - y_target, its gradient softmax(y) - onehot(target)
    values:  the loss of a row is the mean of (y - target)^2

Since the loss is a single number, all gradients are known as soon as it is, and the backward pass of autograd has only
to hand them out.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnn_explorer.kernels.language import DTYPES, LANES, Array, Code, Compiled, DType, Value, compiled
from rnn_explorer.kernels.products import WIDTH, Tile, copy, outer, padded, tiles, zeros

ACTIVATIONS = ("relu", "tanh", "sigmoid")
_NEVER = -1e30  # a logit beyond the last class

# What the table holds of each layer: addresses of numbers, and two sizes. Y are the rows that a layer gives, X those
# that it is given, D and E the gradients by them; rows are padded to whole vectors.
_ENTRIES = ("w", "b", "dw", "db", "inputs", "outputs", "x", "y", "forward", "bias", "backward", "d", "e", "scratch")
_GATHER = "x xt: xb: rows# all: count: steps: features: out"
_SCATTER = "d rows# count: features: out"
_AHEAD = "table# layers: rows: activation: pad~"
_CLASSES = "y stride: rows: targets# result d scale~"
_VALUES = "y stride: rows: size: targets result d scale~"
_BACK = "table# layers: rows: activation:"


class _Layer:
    """A layer's entries in the table, by name."""

    def __init__(self, code: Code, number: Value) -> None:
        for place, name in enumerate(_ENTRIES):
            at = number * len(_ENTRIES) + place
            setattr(self, name, code.table.one(at) if name in ("inputs", "outputs") else code.table.array(at))
        self.inputs: Value
        self.outputs: Value

    def __getattr__(self, name: str) -> Array:
        raise AttributeError(name)


def _row(code: Code, n: Value) -> tuple[Value, Value]:
    """Sequence and step of row `n` of all."""
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
    with code.when(code.all < 1), code.loop(0, code.count) as n:
        take(n, code.rows.one(n))


def _scatter(code: Code) -> None:
    with code.loop(0, code.count) as n:
        P = padded(code.features)
        copy(code, code.d.from_(n * P), code.out.from_(code.rows.one(n) * P), P)


def _ahead(code: Code) -> None:
    with code.loop(0, code.layers) as number:
        layer = _Layer(code, number)
        last = code.layers - 1
        P_in, P_out = padded(layer.inputs), padded(layer.outputs)
        _pack_ahead(code, layer, number.equals(last))

        def tile(r: Value, rows: int, j: Value, width: int) -> None:
            sums = Tile(code, rows, width, lambda row, part: layer.bias.load((j + part) * LANES))
            numbers = [layer.x.from_((r + row) * P_in) for row in range(rows)]
            sums.add(layer.forward.from_(j * (layer.inputs * LANES)), numbers, layer.inputs)
            for row, values in enumerate(sums.values()):
                for part, value in enumerate(values):
                    layer.y.store((r + row) * P_out + (j + part) * LANES, value)

        tiles(code, code.whole(0), code.rows, P_out // LANES, tile)
        with code.when(number < last):
            _each_activation(code, code.rows * P_out, lambda sigma, k: layer.y.store(k, sigma(layer.y.load(k))))


def _pack_ahead(code: Code, layer: _Layer, is_last: Value) -> None:
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
    """Vectors up to `count` by whichever activation is asked for."""
    for number, name in enumerate(ACTIVATIONS):
        with code.when(code.activation.equals(number)), code.loop(0, count, LANES) as k:
            body(getattr(code, name), k)


def _slope(code: Code, name: str, y: Value) -> Value:
    """The derivative of an activation, by what it gave."""
    if name == "relu":
        return code.choose(y > 0.0, code.splat(1.0), code.splat(0.0))
    return code.fma(-y, y, code.splat(1.0)) if name == "tanh" else y * (1 - y)


def _back(code: Code) -> None:
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
        _pack_back(code, layer)

        def tile(r: Value, rows: int, j: Value, width: int) -> None:
            sums = Tile(code, rows, width, lambda row, part: code.splat(0.0))
            numbers = [layer.d.from_((r + row) * P_out) for row in range(rows)]
            sums.add(layer.backward.from_(j * (layer.outputs * LANES)), numbers, layer.outputs)
            for row, values in enumerate(sums.values()):
                for part, value in enumerate(values):
                    layer.e.store((r + row) * P_in + (j + part) * LANES, value)

        tiles(code, code.whole(0), code.rows, P_in // LANES, tile)


def _sum_rows(code: Code, layer: _Layer, P_out: Value) -> None:
    with code.loop(0, P_out, LANES) as n:
        total = code.variable(code.splat(0.0))
        with code.loop(0, code.rows) as r:
            total.set(total.get() + layer.d.load(r * P_out + n))
        for lane in range(LANES):
            with code.when(n + lane < layer.outputs):
                layer.db.put(n + lane, code.lane(total.get(), lane))


def _pack_back(code: Code, layer: _Layer) -> None:
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
    """A mean over many rows, whose rounding errors are carried along (W. Kahan (1965), doi:10.1145/363707.363723)."""

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
    losses, rights = _Mean(code), _Mean(code)
    with code.loop(0, code.rows) as row:
        y, d, target = code.y.from_(row * code.stride), code.d.from_(row * code.stride), code.targets.one(row)
        best, first = code.variable(code.splat(_NEVER)), code.variable(code.splat(0.0))
        with code.loop(0, code.stride, LANES) as k:
            best.set(code.larger(best.get(), y.load(k)))
        most = code.across(best.get(), code.larger)
        # The first class that has the largest logit, as argmax has it: else a model that says the same of all classes
        # would be right whatever is asked.
        first.set(code.splat(1e9))
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
        share = code.spread(code.scale) / sum_
        with code.loop(0, code.stride, LANES) as k:
            d.store(k, d.load(k) * share)
        d.put(target, d.one(target) - code.scale)
    code.result.put(0, losses.over(code.rows))
    code.result.put(1, rights.over(code.rows))


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
    code.result.put(0, mean)
    code.result.put(1, mean)


@functools.cache
def program(dtype: DType) -> Compiled:
    """The compiled functions, by the names of the parameter lists above in lower case."""
    return compiled(
        "read_out",
        dtype,
        {
            "gather": (_GATHER, _gather),
            "scatter": (_SCATTER, _scatter),
            "ahead": (_AHEAD, _ahead),
            "classes": (_CLASSES, _classes),
            "values": (_VALUES, _values),
            "back": (_BACK, _back),
        },
    )


class Answers:
    """Dense layers on top of features of one shape, forward and backward, in memory that is used again each time.

    Args:
        count: rows that are answered.
        parameters: weight and bias of each layer, contiguous; they may change in place, but must stay where they are.
        activation: after each layer but the last.
        learning: whether gradients are wanted.
        gradient: where that by the features that counted is written, (count, features rounded up); by default in
            memory of its own.

    Attributes:
        grads: of the parameters, which `judge` writes.
    """

    def __init__(
        self, count: int, parameters: Sequence[Tensor], activation: str, learning: bool, gradient: Tensor | None = None
    ) -> None:
        weights = parameters[::2]
        self.dtype, self.count, self._parameters = weights[0].dtype, count, list(parameters)
        self.sizes = (weights[0].shape[1], *(len(weight) for weight in weights))
        self._code, self._activation = program(DTYPES[self.dtype]), ACTIVATIONS.index(activation)
        places, order, total = _plan(count, self.sizes)
        self._work = torch.empty(total, dtype=self.dtype)
        base, size = self._work.data_ptr(), self._work.element_size()
        self.learning, self._layers = learning, len(weights)
        self.grads = [torch.empty_like(parameter) for parameter in parameters] if learning else self._parameters
        P = padded(self.sizes[0])
        own = self._work[places["e", 0] :][: count * P].view(count, P)
        self.gradient = own if gradient is None else gradient
        table: list[int] = []
        for number in range(self._layers):
            both = slice(2 * number, 2 * number + 2)
            table += (tensor.data_ptr() for part in (self._parameters, self.grads) for tensor in part[both])
            table += (*self.sizes[number : number + 2], *(base + place * size for place in order[number]))
        table[_ENTRIES.index("e")] = self.gradient.data_ptr()
        self._table = (ctypes.c_int64 * len(table))(*table)
        self._result = ((ctypes.c_float if size == 4 else ctypes.c_double) * 2)()
        self._x = base + places["x", 0] * size
        self._y, self._d = (base + places[name, self._layers - 1] * size for name in ("y", "d"))
        self._outputs = padded(self.sizes[-1])

    def judge(
        self, features: tuple[int, int, int], steps: int, rows: Tensor | None, targets: Tensor
    ) -> tuple[float, float]:
        """Loss and metric, and the gradients where they are wanted.

        Args:
            features: the address of (batch, steps, features), and how many numbers from step to step and row to row.
            steps: see above.
            rows: which rows count, (count,) long; None: all, a sequence's steps side by side.
            targets: (count,) long, or (count, outputs) of numbers; contiguous.
        """
        code, count, outputs = self._code, self.count, self.sizes[-1]
        wanted = 0 if rows is None else rows.data_ptr()
        at, xt, xb = features
        code["gather"](at, xt, xb, wanted, rows is None, count, steps, self.sizes[0], self._x)
        about = (targets.data_ptr(), self._result, self._d)
        if targets.is_floating_point():
            code["ahead"](self._table, self._layers, count, self._activation, 0.0)
            code["values"](self._y, self._outputs, count, outputs, *about, 2 / (count * outputs))
        else:
            code["ahead"](self._table, self._layers, count, self._activation, _NEVER)
            code["classes"](self._y, self._outputs, count, *about, 1 / count)
        if self.learning:
            code["back"](self._table, self._layers, count, self._activation)
        return self._result[0], self._result[1]

    def spread_out(self, rows: Tensor, out: Tensor) -> None:
        """Write `gradient` to its rows of `out`, (batch * steps, features rounded up)."""
        addresses = (self.gradient.data_ptr(), rows.data_ptr())
        self._code["scatter"](*addresses, self.count, self.sizes[0], out.data_ptr())


def judge(
    features: Tensor,
    rows: Tensor | None,
    targets: Tensor,
    activation: str,
    parameters: Sequence[Tensor],
    learning: bool,
) -> tuple[tuple[Tensor, Tensor], Tensor | None, list[Tensor]]:
    """Loss and metric; and, learning, the gradients by the features and by the parameters."""
    x = features.detach() if features.dim() == 3 else features.detach()[:, None]
    if x.stride(2) != 1:
        x = x.contiguous()
    (batch, steps, width), dtype = x.shape, features.dtype
    count = batch * steps if rows is None else len(rows)
    work = Answers(count, [parameter.detach().contiguous() for parameter in parameters], activation, learning)
    result = work.judge((x.data_ptr(), x.stride(1), x.stride(0)), steps, rows, targets.contiguous())
    loss, metric = (torch.tensor(number, dtype=dtype) for number in result)
    if not learning:
        return (loss, metric), None, []
    gradient, P = work.gradient, padded(width)
    if rows is not None:
        gradient = torch.zeros(batch * steps, P, dtype=dtype)
        work.spread_out(rows, gradient)
    gradient = gradient.view(batch, steps, P)[..., :width]
    return (loss, metric), gradient if features.dim() == 3 else gradient[:, 0], work.grads


class ReadOut(torch.autograd.Function):
    """Loss and share of right answers of the last layers; see `judge` of the package."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, rows: Tensor | None, targets: Tensor, activation: str, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        (loss, metric), *ctx.gradients = judge(features, rows, targets, activation, parameters, learning=True)
        ctx.mark_non_differentiable(metric)
        return loss, metric

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
        gradient, grads = ctx.gradients
        del ctx.gradients  # so that they may become the parameters' own without a copy
        if float(d_loss) != 1.0:
            gradient, grads = gradient * d_loss, [grad * d_loss for grad in grads]
        return (gradient, None, None, None, *grads)


@functools.lru_cache(maxsize=64)
def _plan(count: int, sizes: Sequence[int]) -> tuple[dict[tuple[str, int], int], list[list[int]], int]:
    """Where in one piece of memory everything begins, by name and in the order of the table, and its length."""
    places: dict[tuple[str, int], int] = {}
    total = 0

    def take(name: str, number: int, length: int) -> None:
        nonlocal total
        places[name, number] = total
        total += padded(length)

    layers = len(sizes) - 1
    scratch = max(padded(a) * padded(b) for a, b in itertools.pairwise(sizes))
    take("scratch", 0, scratch)
    for number in range(layers):
        into, out = sizes[number : number + 2]
        if number == 0:
            take("x", 0, count * padded(into))
            take("e", 0, count * padded(into))
        else:
            places["x", number], places["e", number] = places["y", number - 1], places["d", number - 1]
        take("y", number, count * padded(out))
        take("d", number, count * padded(out))
        take("forward", number, into * padded(out))
        take("bias", number, padded(out))
        take("backward", number, out * padded(into))
        places["scratch", number] = places["scratch", 0]
    order = [[places[name, number] for name in _ENTRIES[6:]] for number in range(layers)]
    return places, order, total
