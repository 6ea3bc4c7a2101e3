"""Matrix products by tiles, and the padding of arrays in memory, for all compiled programs.

A tile is 4 rows times 2 vectors of columns, small enough for its 8 sums to stay in registers while a loop adds one
product after the other: each weight that is read serves all rows of the tile, each state all its columns.
(K. Goto and R. A. van de Geijn (2008), Anatomy of high-performance matrix multiplication, doi:10.1145/1356052.1356053.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rnn_explorer.kernels.vector_code import LANES, Array, Code, Value

ROWS, WIDTH = 4, 2  # of a tile
CHUNK = 32  # rows per block in sums over all rows
Size = TypeVar("Size", int, Value)


def padded(size: Size) -> Size:
    """A number of units rounded up to whole vectors."""
    return (size + (LANES - 1)) // LANES * LANES


class Tile:
    """The sums of some rows times some vectors of columns.

    Args:
        code: that is being written.
        rows, width: of the tile; `width` in vectors.
        first: (row, vector) -> the initial value of a sum.
    """

    def __init__(self, code: Code, rows: int, width: int, first: Callable[[int, int], Value]) -> None:
        self.code, self.width = code, width
        self.sums = [[code.variable(first(row, part)) for part in range(width)] for row in range(rows)]

    def add(self, weights: Array, rows: list[Array], count: Value) -> None:
        """Add rows x weights: for each k below `count`, number k of every row times row k of the packed weights."""
        code = self.code
        with code.loop(0, count) as k:
            vectors = [weights.load(k * (self.width * LANES) + part * LANES) for part in range(self.width)]
            for numbers, sums in zip(rows, self.sums, strict=True):
                number = numbers.spread(k)
                for vector, sum_ in zip(vectors, sums, strict=True):
                    sum_.set(code.fma(number, vector, sum_.get()))

    def values(self) -> list[list[Value]]:
        return [[sum_.get() for sum_ in row] for row in self.sums]


def tiles(
    code: Code, first: Value, last: Value, vectors: Value, tile: Callable[[Value, int, Value, int], None]
) -> None:
    """Cover rows `first` to `last` and all vectors of columns; `tile(row, rows, vector, width)` writes each tile.

    All rows meet a block of columns before the next, so that its weights stay in the nearest cache.
    """
    code.blocks(
        code.whole(0), vectors, WIDTH,
        lambda j, width: code.blocks(first, last, ROWS, lambda r, rows: tile(r, rows, j, width)),
    )  # fmt: skip


def product(
    code: Code, first: Value, last: Value, vectors: Value, count: Value, *,
    row: Callable[[Value], Array],
    weights: Array,
    start: Callable[[Value, Value], Value],
    put: Callable[[Value, Value, Value], None],
) -> None:  # fmt: skip
    """Rows times packed weights.

    Args:
        code: that is being written.
        first, last: the rows.
        vectors: of columns.
        count: numbers in a row, and rows of the weights.
        row: row number -> the row.
        weights: packed: for each block of `WIDTH` vectors of columns (of one, where one is left), `count` rows.
        start: (row, column) -> the initial value of a sum, a vector of columns from this one on.
        put: (row, column, sum) stores it.
    """

    def tile(r: Value, rows: int, j: Value, width: int) -> None:
        sums = Tile(code, rows, width, lambda n, part: start(r + n, (j + part) * LANES))
        sums.add(weights.from_(j * (count * LANES)), [row(r + n) for n in range(rows)], count)
        for n, values in enumerate(sums.values()):
            for part, value in enumerate(values):
                put(r + n, (j + part) * LANES, value)

    tiles(code, first, last, vectors, tile)


def outer(
    code: Code, d: Array, ds: Value, z: Array, zs: Value, out: Array, os: Value,
    rows: Value, vectors: Value, first: Value | int, last: Value,
) -> None:  # fmt: skip
    """out[n, k] = sum over rows of d[row, n] z[row, k], for all `vectors` of k.

    Args:
        code: that is being written.
        d, z, out: the matrices.
        ds, zs, os: numbers from one of their rows to the next.
        rows: of d and z.
        vectors: of columns of z.
        first, last: of the columns of d; whole fours.
    """  # fmt: skip

    def tile(chunk: Value, end: Value, n: Value, k: Value, width: int) -> None:
        sums = [
            [code.variable(out.load((n + row) * os + (k + part) * LANES)) for part in range(width)]
            for row in range(ROWS)
        ]
        numbers, at = d.from_(n), z.from_(k * LANES)
        with code.loop(chunk, end) as r:
            found = [at.load(r * zs + part * LANES) for part in range(width)]
            for row in range(ROWS):
                number = numbers.spread(r * ds + row)
                for part in range(width):
                    sums[row][part].set(code.fma(number, found[part], sums[row][part].get()))
        for row in range(ROWS):
            for part in range(width):
                out.store((n + row) * os + (k + part) * LANES, sums[row][part].get())

    with code.loop(first, last) as n, code.loop(0, vectors) as k:
        out.store(n * os + k * LANES, code.splat(0.0))
    with code.loop(0, rows, CHUNK) as chunk:
        end = code.choose(chunk + CHUNK < rows, chunk + CHUNK, rows)

        def block(k: Value, width: int) -> None:
            with code.loop(first, last, ROWS) as n:
                tile(chunk, end, n, k, width)

        code.blocks(code.whole(0), vectors, WIDTH, block)


def copy(code: Code, at: Array, to: Array, count: Value) -> None:
    """`count` numbers."""
    whole = count // LANES * LANES
    with code.loop(0, whole, LANES) as k:
        to.store(k, at.load(k))
    with code.loop(whole, count) as k:
        to.put(k, at.one(k))


def zeros(code: Code, to: Array, first: Value, last: Value) -> None:
    """Zeros from `first` up to `last`."""
    with code.loop(first, last) as k:
        to.put(k, code.number_of(0.0))
