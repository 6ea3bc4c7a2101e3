"""Adam (D. P. Kingma and J. Ba 2015, arXiv:1412.6980) in two passes over all parameters.

    g = gradient * factor + weight_decay * p
    m = m + (1 - beta_1) (g - m)
    v = beta_2 v + (1 - beta_2) g^2
    p = p - learning_rate / (1 - beta_1^t) * m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)

torch's optimizer makes these operations for one parameter tensor after the other, and clipping the gradient and copying
the weights are two more passes; for small models the calls cost more than the arithmetic.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnn_explorer.kernels import checks
from rnn_explorer.kernels.vector_code import (
    DTYPES,
    LANES,
    Array,
    Code,
    Compiled,
    DType,
    Value,
    addresses,
    compiled,
    numbers,
)

_ENTRIES = ("size", "p", "g", "m", "v", "previous")
_NORM = "table# tensors: result"
_UPDATE = "table# tensors: factor~ decay~ beta1~ beta2~ rate~ root~ epsilon~"


class _Tensor:
    """A parameter's entries in the table: size; addresses of itself, gradient, moments and previous value."""

    def __init__(self, code: Code, number: Value) -> None:
        at = number * len(_ENTRIES)
        self.size: Value = code.table.one(at)
        self.p, self.g, self.m, self.v, self.previous = (
            code.table.array(at + place) for place in range(1, len(_ENTRIES))
        )


def _each(
    code: Code, body: Callable[[_Tensor, Callable[[Array], Value], Callable[[Array, Value], None]], None]
) -> None:
    """body(tensor, load, store) for all numbers of all tensors: eight at a time, one where fewer are left."""
    with code.loop(0, code.tensors) as number:
        tensor = _Tensor(code, number)
        whole = tensor.size // LANES * LANES
        with code.loop(0, whole, LANES) as k:
            body(tensor, lambda array: array.load(k), lambda array, value: array.store(k, value))
        with code.loop(whole, tensor.size) as k:
            body(tensor, lambda array: array.spread(k), lambda array, value: array.put(k, code.lane(value, 0)))


def _norm(code: Code) -> None:
    total, rest = (code.variable(code.splat(0.0)) for _ in range(2))
    with code.loop(0, code.tensors) as number:
        tensor = _Tensor(code, number)
        whole = tensor.size // LANES * LANES
        with code.loop(0, whole, LANES) as k:
            g = tensor.g.load(k)
            total.set(code.fma(g, g, total.get()))
        with code.loop(whole, tensor.size) as k:
            g = tensor.g.spread(k)
            rest.set(code.fma(g, g, rest.get()))
    squares = code.across(total.get(), lambda a, b: a + b) + rest.get()
    code.result.put(0, code.lane(code.root(squares), 0))


def _update(code: Code) -> None:
    factor, decay, beta1, beta2, rate, root, epsilon = (
        code.spread(number)
        for number in (code.factor, code.decay, code.beta1, code.beta2, code.rate, code.root_, code.epsilon)
    )

    def body(tensor: _Tensor, load: Callable[[Array], Value], store: Callable[[Array, Value], None]) -> None:
        p, m, v = load(tensor.p), load(tensor.m), load(tensor.v)
        applied = load(tensor.g) * factor
        store(tensor.g, applied)
        g = code.fma(decay, p, applied)
        m = code.fma(1 - beta1, g - m, m)
        v = code.fma(beta2, v, (1 - beta2) * g * g)
        store(tensor.previous, p)
        store(tensor.m, m)
        store(tensor.v, v)
        store(tensor.p, p - rate * m / (code.root(v) * root + epsilon))

    _each(code, body)


@functools.cache
def program(dtype: DType) -> Compiled:
    """The compiled functions: norm, update."""
    return compiled("adam", dtype, {"norm": (_NORM, _norm), "update": (_UPDATE.replace("root~", "root_~"), _update)})


class Adam(torch.optim.Adam):
    """torch's Adam, with the same `state`, for one group of contiguous parameters on the CPU.

    Args:
        parameters: of one type.
        previous: tensors of the same shapes, into which each step copies the weights that it starts from.
        lr, weight_decay: as in torch.

    Raises:
        ValueError: for parameters that compiled code cannot go through.
    """

    def __init__(
        self, parameters: Sequence[Tensor], previous: Sequence[Tensor], lr: float, weight_decay: float
    ) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay)
        self._parameters, self._previous = list(parameters), list(previous)
        self._check([("a parameter", self._parameters), ("a copy of the weights", self._previous)])
        self._code = program(DTYPES[self._parameters[0].dtype])
        self._result = numbers(self._parameters[0].dtype, 1)
        self._table = (ctypes.c_int64 * (len(_ENTRIES) * len(self._parameters)))()
        self._gradients: list[Tensor | None] = [None] * len(self._parameters)
        self._addresses: list[int] = []  # of the parameters, when the table was written
        self._count: int | None = None  # steps done; None while there is no state

    def norm(self) -> float:
        """The norm of the whole gradient; every parameter needs one.

        Raises:
            ValueError: where a parameter has no gradient, and where something is of another type or shape.
        """
        if self._count is None or addresses(self._parameters) != self._addresses:
            self._prepare()
        for number, parameter in enumerate(self._parameters):
            gradient = parameter.grad
            if gradient is None:
                raise ValueError("a parameter has no gradient.")
            if gradient is not self._gradients[number]:  # mostly the same tensor at every step
                checks.numbers(gradient, "a gradient", parameter.dtype, tuple(parameter.shape))
                if not gradient.is_contiguous():
                    gradient = parameter.grad = gradient.contiguous()
                self._gradients[number] = gradient
                self._table[number * len(_ENTRIES) + 2] = gradient.data_ptr()
        self._code["norm"](self._table, len(self._parameters), self._result)
        return self._result[0]

    def update(self, factor: float) -> None:
        """Scale the gradients by `factor` and make one step; call `norm` directly before."""
        assert self._count is not None
        self._count += 1
        group = self.param_groups[0]
        beta1, beta2 = group["betas"]
        self._code["update"](
            self._table, len(self._parameters), factor, group["weight_decay"], beta1, beta2,
            group["lr"] / (1 - beta1**self._count), 1 / math.sqrt(1 - beta2**self._count), group["eps"],
        )  # fmt: skip

    def sync_state(self) -> None:
        """Write the number of steps into `state`, as torch has it there; everything else in it is always up to date."""
        for parameter in self._parameters if self._count else ():
            self.state[parameter]["step"].fill_(float(self._count or 0))

    def reset(self) -> None:
        """Clear the moments."""
        self.state.clear()
        self._count = None

    def _check(self, groups: Sequence[tuple[str, Sequence[Tensor]]]) -> None:
        """Everything in the table has the parameters' types and shapes and is contiguous."""
        if not self._parameters:
            raise ValueError("there are no parameters.")
        dtype = checks.dtype_of(self._parameters[0])
        for name, tensors in groups:
            if len(tensors) != len(self._parameters):
                raise ValueError(f"there are {len(tensors)} of {name}, but {len(self._parameters)} parameters.")
            for tensor, parameter in zip(tensors, self._parameters, strict=True):
                checks.contiguous(tensor, name, dtype, tuple(parameter.shape))

    def _prepare(self) -> None:
        """Write the table, with the moments in `state` or new ones."""
        self._check([("a parameter", self._parameters)])
        done = self._count
        for number, parameter in enumerate(self._parameters):
            state: dict[str, Any] = self.state[parameter]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            self._check_moments(state, parameter)
            done = int(state["step"]) if self._count is None else done
            arrays = (parameter, parameter, state["exp_avg"], state["exp_avg_sq"], self._previous[number])
            first = number * len(_ENTRIES)
            self._table[first : first + len(_ENTRIES)] = [parameter.numel(), *addresses(arrays)]
        self._count = done
        self._gradients, self._addresses = [None] * len(self._parameters), addresses(self._parameters)

    @staticmethod
    def _check_moments(state: dict[str, Any], parameter: Tensor) -> None:
        """The moments may come from a file."""
        for name in ("exp_avg", "exp_avg_sq"):
            if name not in state:
                raise ValueError(f"the optimizer's memory lacks {name}.")
            checks.contiguous(state[name], f"the optimizer's {name}", parameter.dtype, tuple(parameter.shape))
        if not math.isfinite(float(state.get("step", math.nan))):
            raise ValueError("the optimizer's memory does not say how many steps it is of.")
