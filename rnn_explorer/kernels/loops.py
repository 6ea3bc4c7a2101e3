"""The loops over time of the three cells, forward and backward, written in `vector_code`.

Memory. Time comes first, so that a time step's batch is one block; rows are sequences; P is hidden_size rounded up to
whole vectors of 8 (J of them), and the padding stays 0 throughout.

    z          (time + 1, batch, S): at each step the hidden state before it (P numbers), its input, a 1, and zeros up
               to a whole vector; so a weighted sum is one product, and so is the gradient of weights and biases
    cs         (time + 1, batch, P): the cell states of an LSTM, the initial one first
    gates      (time, batch, kept, P): gates and sums that the backward pass needs
    d          (time * batch, D): loss gradients of the weighted sums, `Layout.columns` times P of them and some space,
               since rows at a distance of a power of two would evict each other from the cache
    forward    packed weights: for each block of 2 vectors of units and each gate, a row of 16 for each number of z
    backward   packed recurrent weights: for each block of 2 vectors of units, a row of 16 for each column of d
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from rnn_explorer.kernels.products import WIDTH, Size, Tile, copy, outer, padded, product, tiles, zeros
from rnn_explorer.kernels.vector_code import LANES, Array, Code, Compiled, DType, Value, compiled

SPACE = LANES  # numbers between two rows of d

ENTER = "x xt: xb: h c z cs steps: batch: inputs: hidden:"
PACK_FORWARD = "w_ih w_hh b_ih b_hh weights bias inputs: hidden:"
FORWARD = "weights bias z cs gates gt: steps: batch: inputs: hidden: first: last:"
PACK_BACKWARD = "w_hh weights hidden:"
BACKWARD = "up ut: ub: weights z cs gates gt: dh dc d steps: batch: inputs: hidden: first: last:"
OUTER = "d ds: z zs: out os: rows: columns: first: last:"
PACK_DOWN = "w_ih weights inputs: hidden:"
DOWN = "d ds: weights e inputs: hidden: first: last:"
UNPACK = "out w_ih w_hh b_ih b_hh inputs: hidden:"


@dataclass(frozen=True)
class Layout:
    """A cell's arrays in memory.

    Attributes:
        gates: rows of weights per unit, in the order of the cell's `gate_names`.
        kept: numbers per unit that the forward pass keeps in `gates`.
        recurrent: the columns of d that go back through the recurrent weights, by the number of their gate; they are
            the first ones.
        columns: all columns of d.
        entering: the first of the columns that go back through the input weights, in the order of the gates.
    """

    gates: int
    kept: int
    recurrent: tuple[int, ...]
    columns: int
    entering: int

    @property
    def biases(self) -> int:
        """Vectors of bias per vector of units: one per gate, and one for the GRU's inner sum."""
        return self.gates + (self.entering > 0)


LAYOUTS = {
    "rnn_tanh": Layout(gates=1, kept=0, recurrent=(0,), columns=1, entering=0),
    "rnn_relu": Layout(gates=1, kept=0, recurrent=(0,), columns=1, entering=0),
    # Of d: what enters W_hn h + b_hn, then reset gate, update gate, candidate.
    "gru": Layout(gates=3, kept=4, recurrent=(2, 0, 1), columns=4, entering=1),
    "lstm": Layout(gates=4, kept=4, recurrent=(0, 1, 2, 3), columns=4, entering=0),
}


def row_size(inputs: Size, hidden: Size) -> Size:
    """S: the numbers in a row of z."""
    return padded(hidden) + padded(inputs + 1)


@dataclass(frozen=True)
class _Place:
    """Indices of eight units of one sequence at one time step, into each array."""

    t: Value
    row: Value
    units: Value
    P: Value
    S: Value
    D: Value
    code: Code

    def hidden(self, later: int = 0) -> Value:
        """Into z: 0 for the state before the step, 1 for the state after it."""
        return ((self.t + later) * self.code.batch + self.row) * self.S + self.units

    def cell(self, later: int = 0) -> Value:
        """Into cs."""
        return ((self.t + later) * self.code.batch + self.row) * self.P + self.units

    def gate(self, number: Value | int) -> Value:
        """Into gates, of four; without a backward pass all steps share one place."""
        return self.t * self.code.gt + (self.row * 4 + number) * self.P + self.units

    def column(self, number: int) -> Value:
        """Into d."""
        return (self.t * self.code.batch + self.row) * self.D + self.P * number + self.units

    def now(self) -> Value:
        """Into dh and dc."""
        return self.row * self.P + self.units


def _enter(code: Code, layout: Layout) -> None:
    """Copy inputs, ones and initial states into z and cs."""
    P, S = padded(code.hidden), row_size(code.inputs, code.hidden)
    with code.loop(0, code.steps) as t, code.loop(0, code.batch) as row:
        to, at = code.z.from_((t * code.batch + row) * S + P), code.x.from_(t * code.xt + row * code.xb)
        copy(code, at, to, code.inputs)
        to.put(code.inputs, code.number_of(1.0))
        zeros(code, to, code.inputs + 1, S - P)
    with code.loop(0, code.batch) as row:
        _copy_padded(code, code.h.from_(row * code.hidden), code.z.from_(row * S), P)
        if layout is LAYOUTS["lstm"]:
            _copy_padded(code, code.c.from_(row * code.hidden), code.cs.from_(row * P), P)


def _copy_padded(code: Code, at: Array, to: Array, P: Value) -> None:
    copy(code, at, to, code.hidden)
    zeros(code, to, code.hidden, P)


def _pack_forward(code: Code, layout: Layout) -> None:
    P = padded(code.hidden)
    J, K = P // LANES, P + code.inputs

    def block(j: Value, width: int) -> None:
        with code.loop(0, width * LANES) as inside:
            unit = j * LANES + inside
            with code.when(unit < code.hidden):
                for gate in range(layout.gates):
                    to = code.weights.from_((j * layout.gates + gate * width) * LANES * K + inside)
                    row = code.hidden * gate + unit
                    with code.loop(0, code.hidden) as k:
                        to.put(k * (width * LANES), code.w_hh.one(row * code.hidden + k))
                    with code.loop(0, code.inputs) as k:
                        to.put((P + k) * (width * LANES), code.w_ih.one(row * code.inputs + k))

    code.blocks(code.whole(0), J, WIDTH, block)
    with code.loop(0, code.hidden) as unit:
        for gate in range(layout.gates):
            at = code.hidden * gate + unit
            apart = layout.entering and gate == layout.gates - 1
            value = code.b_ih.one(at) if apart else code.b_ih.one(at) + code.b_hh.one(at)
            code.bias.put(P * gate + unit, value)
            if apart:
                code.bias.put(P * (gate + 1) + unit, code.b_hh.one(at))


def _forward(code: Code, layout: Layout, step: Callable[[Code, _Place], None]) -> None:
    """At each time step first the weighted sums of all gates, then gates and states from them, in place."""
    P, S = padded(code.hidden), row_size(code.inputs, code.hidden)
    J, K = P // LANES, P + code.inputs

    def tile(t: Value, r: Value, rows: int, j: Value, width: int) -> None:
        zs = [code.z.from_((t * code.batch + r + row) * S) for row in range(rows)]

        def sums(gate: Value, number: Value, first: Value, count: Value) -> None:
            tile = Tile(code, rows, width, lambda row, part: code.bias.load(P * number + (j + part) * LANES))
            weights = code.weights.from_((j * layout.gates + gate * width) * LANES * K)
            tile.add(weights.from_(first * (width * LANES)), [row.from_(first) for row in zs], count)
            for row, values in enumerate(tile.values()):
                for part, value in enumerate(values):
                    place = _Place(t, r + row, (j + part) * LANES, P, S, P, code)
                    if layout.kept:
                        code.gates.store(place.gate(number), value)
                    else:
                        code.z.store(place.hidden(1), value)

        plain = layout.gates - (layout.entering > 0)
        with code.loop(0, plain) as gate:
            sums(gate, gate, code.whole(0), K)
        if layout.entering:  # the reset gate scales the candidate's recurrent sum, so it is kept apart
            gate = code.whole(plain)
            sums(gate, gate, P, code.inputs)
            sums(gate, gate + 1, code.whole(0), P)

    with code.loop(0, code.steps) as t:
        tiles(code, code.first, code.last, J, functools.partial(tile, t))
        with code.loop(code.first, code.last) as row, code.loop(0, J) as j:
            step(code, _Place(t, row, j * LANES, P, S, P, code))


def _rnn_forward(code: Code, place: _Place, relu: bool) -> None:
    a = code.z.load(place.hidden(1))
    code.z.store(place.hidden(1), code.relu(a) if relu else code.tanh(a))


def _lstm_forward(code: Code, place: _Place) -> None:
    i, f, g, o = (code.gates.load(place.gate(number)) for number in range(4))
    i, f, g, o = code.sigmoid(i), code.sigmoid(f), code.tanh(g), code.sigmoid(o)
    c = code.fma(f, code.cs.load(place.cell()), i * g)
    for number, gate in enumerate((i, f, g, o)):
        code.gates.store(place.gate(number), gate)
    code.cs.store(place.cell(1), c)
    code.z.store(place.hidden(1), o * code.tanh(c))


def _gru_forward(code: Code, place: _Place) -> None:
    r, z, n, inner = (code.gates.load(place.gate(number)) for number in range(4))
    r, z = code.sigmoid(r), code.sigmoid(z)
    n = code.tanh(code.fma(r, inner, n))
    for number, gate in enumerate((r, z, n)):
        code.gates.store(place.gate(number), gate)
    code.z.store(place.hidden(1), code.fma(z, code.z.load(place.hidden()) - n, n))


def _pack_backward(code: Code, layout: Layout) -> None:
    _pack_columns(code, code.w_hh, layout.recurrent, padded(code.hidden) * len(layout.recurrent), code.hidden)


def _backward(code: Code, layout: Layout, step: Callable[[Code, _Place, Value], None]) -> None:
    P, S = padded(code.hidden), row_size(code.inputs, code.hidden)
    J, N, D = P // LANES, P * len(layout.recurrent), P * layout.columns + SPACE
    past_weights = bool(layout.entering)  # the GRU's state has a path around the weights, z * h

    with code.loop(code.steps - 1, -1, -1) as t:
        with code.loop(code.first, code.last) as row:
            with code.when(code.ub > 0), code.loop(0, J) as j:
                at = row * P + j * LANES
                code.dh.store(at, code.dh.load(at) + code.up.load(t * code.ut + row * code.ub + j * LANES))
            with code.loop(0, J) as j:
                place = _Place(t, row, j * LANES, P, S, D, code)
                step(code, place, code.dh.load(place.now()))
        ds = code.d.from_(t * code.batch * D)
        product(
            code, code.first, code.last, J, N,
            row=lambda row: ds.from_(row * D),
            weights=code.weights,
            start=lambda row, units: code.dh.load(row * P + units) if past_weights else code.splat(0.0),
            put=lambda row, units, value: code.dh.store(row * P + units, value),
        )  # fmt: skip


def _rnn_backward(code: Code, place: _Place, dh: Value, relu: bool) -> None:
    h = code.z.load(place.hidden(1))
    slope = code.choose(h > 0.0, code.splat(1.0), code.splat(0.0)) if relu else code.fma(-h, h, code.splat(1.0))
    code.d.store(place.column(0), dh * slope)


def _lstm_backward(code: Code, place: _Place, dh: Value) -> None:
    i, f, g, o = (code.gates.load(place.gate(number)) for number in range(4))
    before, squashed = code.cs.load(place.cell()), code.tanh(code.cs.load(place.cell(1)))
    dc = code.fma(dh * o, code.fma(-squashed, squashed, code.splat(1.0)), code.dc.load(place.now()))
    code.dc.store(place.now(), dc * f)
    code.d.store(place.column(0), dc * g * (i * (1 - i)))
    code.d.store(place.column(1), dc * before * (f * (1 - f)))
    code.d.store(place.column(2), dc * i * code.fma(-g, g, code.splat(1.0)))
    code.d.store(place.column(3), dh * squashed * (o * (1 - o)))


def _gru_backward(code: Code, place: _Place, dh: Value) -> None:
    r, z, n, inner = (code.gates.load(place.gate(number)) for number in range(4))
    dn = dh * (1 - z) * code.fma(-n, n, code.splat(1.0))
    code.d.store(place.column(0), dn * r)
    code.d.store(place.column(1), dn * inner * (r * (1 - r)))
    code.d.store(place.column(2), dh * (code.z.load(place.hidden()) - n) * (z * (1 - z)))
    code.d.store(place.column(3), dn)
    code.dh.store(place.now(), dh * z)


def _outer(code: Code, layout: Layout) -> None:
    outer(code, code.d, code.ds, code.z, code.zs, code.out, code.os, code.rows, code.columns, code.first, code.last)


def _down(code: Code, layout: Layout) -> None:
    """The loss gradient of the inputs, (time * batch, inputs rounded up), rows `first` to `last`: d x W_ih."""
    P, PI = padded(code.hidden), padded(code.inputs)
    product(
        code, code.first, code.last, PI // LANES, P * layout.gates,
        row=lambda row: code.d.from_(row * code.ds + P * layout.entering),
        weights=code.weights,
        start=lambda row, units: code.splat(0.0),
        put=lambda row, units, value: code.e.store(row * PI + units, value),
    )  # fmt: skip


def _pack_down(code: Code, layout: Layout) -> None:
    P = padded(code.hidden)
    _pack_columns(code, code.w_ih, tuple(range(layout.gates)), P * layout.gates, code.inputs)


def _pack_columns(code: Code, matrix: Array, gates: tuple[int, ...], N: Value, units: Value) -> None:
    """Pack (gates * hidden, units): for each block of units, a row of that block for each column of d."""
    P = padded(code.hidden)

    def block(j: Value, width: int) -> None:
        for number, gate in enumerate(gates):
            to = code.weights.from_(j * (N * LANES) + P * number * (width * LANES))
            at = matrix.from_(code.hidden * gate * units + j * LANES)
            for_units = code.smaller(code.whole(width * LANES), units - j * LANES)
            with code.loop(0, code.hidden) as row, code.loop(0, for_units) as lane:
                to.put(row * (width * LANES) + lane, at.one(row * units + lane))

    code.blocks(code.whole(0), padded(units) // LANES, WIDTH, block)


def _unpack(code: Code, layout: Layout) -> None:
    """The gradients of the four parameters, from the result of `outer`."""
    P, S = padded(code.hidden), row_size(code.inputs, code.hidden)
    for number, gate in enumerate(layout.recurrent):
        with code.loop(0, code.hidden) as unit:
            to, row = code.hidden * gate + unit, code.out.from_((P * number + unit) * S)
            copy(code, row, code.w_hh.from_(to * code.hidden), code.hidden)
            code.b_hh.put(to, row.one(P + code.inputs))
    for gate in range(layout.gates):
        with code.loop(0, code.hidden) as unit:
            to, row = code.hidden * gate + unit, code.out.from_((P * (layout.entering + gate) + unit) * S + P)
            copy(code, row, code.w_ih.from_(to * code.inputs), code.inputs)
            code.b_ih.put(to, row.one(code.inputs))


_STEPS: dict[str, tuple[Callable[[Code, _Place], None], Callable[[Code, _Place, Value], None]]] = {
    "rnn_tanh": (functools.partial(_rnn_forward, relu=False), functools.partial(_rnn_backward, relu=False)),
    "rnn_relu": (functools.partial(_rnn_forward, relu=True), functools.partial(_rnn_backward, relu=True)),
    "lstm": (_lstm_forward, _lstm_backward),
    "gru": (_gru_forward, _gru_backward),
}


@functools.cache
def program(cell: str, dtype: DType) -> Compiled:
    """The compiled functions of a cell, by the names of their parameter lists above in lower case.

    Compiled at the first call: some tenths of a second, unless the machine code is in the `cache`.

    Args:
        cell: a key of `LAYOUTS`.
        dtype: of all numbers.
    """
    forward, backward = _STEPS[cell]
    parts: dict[str, tuple[str, Callable[..., None]]] = {
        "enter": (ENTER, _enter),
        "pack_forward": (PACK_FORWARD, _pack_forward),
        "forward": (FORWARD, functools.partial(_forward, step=forward)),
        "pack_backward": (PACK_BACKWARD, _pack_backward),
        "backward": (BACKWARD, functools.partial(_backward, step=backward)),
        "outer": (OUTER, _outer),
        "unpack": (UNPACK, _unpack),
        "pack_down": (PACK_DOWN, _pack_down),
        "down": (DOWN, _down),
    }
    bound = {name: (names, functools.partial(write, layout=LAYOUTS[cell])) for name, (names, write) in parts.items()}
    return compiled(cell, dtype, bound)
