"""The small language: functions of numbers against numpy, and the flow of a program."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch

from rnn_explorer.kernels.vector_code import LANES, Code, Value, compiled

DTYPES = {"float32": torch.float32, "float64": torch.float64}
WIDE = np.longdouble
FUNCTIONS = {
    "tanh": (lambda x: np.tanh(x), (-40, 40)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), (-40, 40)),
    "exp": (lambda x: np.exp(x), (-60, 60)),
    "log": (lambda x: np.log(x), (1, 5000)),
    "root": (lambda x: np.sqrt(x), (0, 5000)),
    "relu": (lambda x: np.maximum(x, 0), (-40, 40)),
    "absolute": (lambda x: np.abs(x), (-40, 40)),
}


def each(name: str):
    def write(code: Code) -> None:
        with code.loop(0, code.n, LANES) as k:
            code.y.store(k, getattr(code, name)(code.x.load(k)))

    return write


@pytest.fixture(scope="module", params=DTYPES)
def built(request):
    return request.param, compiled("functions", request.param, {name: ("x y n:", each(name)) for name in FUNCTIONS})


def apply(built, name: str, x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    built[1][name](x.data_ptr(), y.data_ptr(), len(x))
    return y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_right_to_its_last_digits(built, name):
    right, (low, high) = FUNCTIONS[name]
    dtype = DTYPES[built[0]]
    x = torch.cat(
        [torch.linspace(low, high, 40_000, dtype=dtype), torch.linspace(max(low, -1e-3), 1e-3, 8, dtype=dtype)]
    )
    if name == "log":
        x = x.clamp(min=1.0)
    wanted = right(x.numpy().astype(WIDE))
    error = np.abs(apply(built, name, x).numpy() - wanted)
    # Powers of e lose a little for each doubling, since their exponent is rounded once.
    digits = torch.finfo(dtype).eps * (60 if name in ("exp", "sigmoid") else 16)
    assert np.all(error <= digits * np.abs(wanted) + torch.finfo(dtype).tiny)


def test_gates_saturate_and_numbers_that_are_none_stay(built):
    x = torch.tensor([np.inf, -np.inf, 1e30, -1e30, 0.0, np.nan, 200.0, -200.0], dtype=DTYPES[built[0]])
    tanh, sigmoid = (apply(built, name, x).tolist() for name in ("tanh", "sigmoid"))
    assert tanh[:5] == [1, -1, 1, -1, 0] and tanh[5] != tanh[5] and tanh[6:] == [1, -1]
    assert sigmoid[:5] == pytest.approx([1, 0, 1, 0, 0.5], abs=1e-30) and sigmoid[5] != sigmoid[5]
    assert apply(built, "relu", x)[5].isnan() and apply(built, "exp", x)[5].isnan()


def test_loops_blocks_and_conditions():
    def write(code: Code) -> None:
        def block(first: Value, size: int) -> None:
            code.sizes.put(first, code.number_of(float(size)))

        code.blocks(code.first, code.last, 4, block)
        with code.loop(code.last - 1, -1, -1) as k:
            with code.when(k < code.first):
                code.sizes.put(k, code.as_number(code.table.one(k)))
            with code.unless(code.both(k < 100, k > 0)):
                code.sizes.put(k, code.number_of(-1.0))

    run = compiled("flow", "float64", {"run": ("sizes table# first: last:", write)})["run"]
    sizes, table = torch.zeros(13, dtype=torch.float64), (ctypes.c_int64 * 13)(*range(50, 63))
    run(sizes.data_ptr(), table, 3, 13)
    assert sizes.tolist() == [-1, 51, 52, 4, 0, 0, 0, 4, 0, 0, 0, 1, 1]


def test_what_stands_across_a_vector_is_joined():
    def write(code: Code) -> None:
        x = code.x.load(0)
        code.y.store(0, code.across(x, lambda a, b: a + b))
        code.y.store(8, code.across(x, code.larger))
        code.y.store(16, code.counting() * code.spread(code.factor) + code.spread(code.lane(x, 2)))

    run = compiled("across", "float32", {"run": ("x y factor~", write)})["run"]
    x, y = torch.tensor([3.0, 1, 4, 1, 5, 9, 2, 6]), torch.zeros(24)
    run(x.data_ptr(), y.data_ptr(), 2.0)
    assert y[:8].tolist() == [31.0] * 8 and y[8:16].tolist() == [9.0] * 8
    assert y[16:].tolist() == [4.0 + 2 * n for n in range(8)]
