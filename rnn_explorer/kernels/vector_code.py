"""A small language for loops over vectors of eight numbers, compiled by LLVM when a process first needs them.

A `Code` is one function being written. Its values are wrapped (`Value`), so that formulas read as they do in the
equations: `(1 - z) * n + z * h` writes the instructions for eight units at once. LLVM fits the vectors to the processor
at hand: eight floats are one register with AVX, two with SSE or NEON.

Nothing here knows of recurrent networks. Only this module imports llvmlite, which is an extra; without it, `AVAILABLE`
is False and nothing else may be called.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch

from rnn_explorer.kernels import cache

try:
    import llvmlite
    import llvmlite.binding as llvm
    from llvmlite import ir
except ImportError:  # pragma: no cover - the extra is not installed
    AVAILABLE = False
else:
    AVAILABLE = True

Compiled = dict[str, Callable[..., None]]

LANES = 8  # numbers in a vector
DType = Literal["float32", "float64"]
DTYPES: dict[torch.dtype, DType] = {torch.float32: "float32", torch.float64: "float64"}


class _Format:
    """What is particular to one type of number: how it is cut into sign, exponent and fraction.

    Args:
        ctype: of C.
        bits: of a number.
        fraction: bits of the fraction.
        bias: what is added to an exponent.
        degree: of the polynomial that gives (2^f - 1) / f for |f| <= 1/2 to the last digit.
        log_terms: of the series of the logarithm, as many as the last digit needs.
    """

    def __init__(self, ctype: Any, bits: int, fraction: int, bias: int, degree: int, log_terms: int) -> None:
        self.ctype, self.bits, self.fraction, self.bias, self.log_terms = ctype, bits, fraction, bias, log_terms
        self.size = bits // 8
        self.room = float(bias - 2)  # 2^x has an exponent up to there; beyond, a gate is 0 or 1 anyway
        # Equal to the function where a Chebyshev polynomial is 0, which all but minimizes the largest error.
        fitted = np.polynomial.Chebyshev.interpolate(_growth, degree, domain=[-0.5, 0.5])
        self.series = [float(c) for c in fitted.convert(kind=np.polynomial.Polynomial).coef]


def _growth(f: Any) -> Any:
    """(2^f - 1) / f."""
    safe = np.where(f == 0, 1.0, f)
    return np.where(f == 0, math.log(2), np.expm1(safe * math.log(2)) / safe)


_FORMATS = {
    "float32": _Format(ctypes.c_float, 32, 23, 127, degree=5, log_terms=6),
    "float64": _Format(ctypes.c_double, 64, 52, 1023, degree=10, log_terms=12),
}


def addresses(tensors: Sequence[torch.Tensor]) -> list[int]:
    """Where tensors lie, as compiled functions take them."""
    return [tensor.data_ptr() for tensor in tensors]


def numbers(dtype: torch.dtype, count: int) -> Any:
    """Room for numbers that a compiled function writes and Python reads."""
    return (_FORMATS[DTYPES[dtype]].ctype * count)()


class Value:
    """A whole number, a number, or a vector of numbers that the code will have computed here."""

    def __init__(self, code: Code, ir_value: Any) -> None:
        self.code, self.ir = code, ir_value

    @property
    def whole(self) -> bool:
        return isinstance(self.ir.type, ir.IntType)

    def _like(self, other: Value | float) -> Value:
        if isinstance(other, Value):
            return other
        return Value(self.code, _constant(self.ir.type, other))

    def _with(self, other: Value | float, whole: str, number: str, swapped: bool = False) -> Value:
        first, second = (self._like(other), self) if swapped else (self, self._like(other))
        make = getattr(self.code.builder, whole if self.whole else number)
        return Value(self.code, make(first.ir, second.ir))

    def __add__(self, other: Value | float) -> Value:
        return self._with(other, "add", "fadd")

    __radd__ = __add__

    def __mul__(self, other: Value | float) -> Value:
        return self._with(other, "mul", "fmul")

    __rmul__ = __mul__

    def __sub__(self, other: Value | float) -> Value:
        return self._with(other, "sub", "fsub")

    def __rsub__(self, other: Value | float) -> Value:
        return self._with(other, "sub", "fsub", swapped=True)

    def __truediv__(self, other: Value | float) -> Value:
        return self._with(other, "sdiv", "fdiv")

    def __rtruediv__(self, other: Value | float) -> Value:
        return self._with(other, "sdiv", "fdiv", swapped=True)

    def __floordiv__(self, other: int) -> Value:
        return Value(self.code, self.code.builder.sdiv(self.ir, self._like(other).ir))

    def __neg__(self) -> Value:
        return 0 - self if self.whole else Value(self.code, self.code.builder.fneg(self.ir))

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("<", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare(">", other)

    def equals(self, other: Value | float) -> Value:
        return self._compare("==", other)

    def _compare(self, sign: str, other: Value | float) -> Value:
        builder = self.code.builder
        make = builder.icmp_signed if self.whole else builder.fcmp_ordered
        return Value(self.code, make(sign, self.ir, self._like(other).ir))


class Variable:
    """A value that changes: what a loop sums up."""

    def __init__(self, code: Code, first: Value) -> None:
        self.code = code
        with code.builder.goto_entry_block():
            self._slot = code.builder.alloca(first.ir.type)
        self._type = first.ir.type
        self.set(first)

    def get(self) -> Value:
        return Value(self.code, self.code.builder.load(self._slot, typ=self._type))

    def set(self, value: Value) -> None:
        self.code.builder.store(value.ir, self._slot)


class Array:
    """Numbers in memory, counted from where the pointer points."""

    def __init__(self, code: Code, pointer: Any) -> None:
        self.code, self.pointer = code, pointer

    def _at(self, index: Value | int) -> Any:
        where = index.ir if isinstance(index, Value) else ir.Constant(_WHOLE, index)
        return self.code.builder.gep(self.pointer, [where], source_etype=self.code.number)

    def load(self, index: Value | int) -> Value:
        """The vector that begins at `index`."""
        code = self.code
        return Value(code, code.builder.load(self._at(index), typ=code.vector, align=code.format.size))

    def store(self, index: Value | int, vector: Value) -> None:
        """Write a vector from `index` on."""
        self.code.builder.store(vector.ir, self._at(index), align=self.code.format.size)

    def one(self, index: Value | int) -> Value:
        """The number at `index`."""
        code = self.code
        return Value(code, code.builder.load(self._at(index), typ=code.number, align=code.format.size))

    def spread(self, index: Value | int) -> Value:
        """A vector of eight times the number at `index`."""
        return self.code.spread(self.one(index))

    def put(self, index: Value | int, number: Value) -> None:
        """Write one number."""
        self.code.builder.store(number.ir, self._at(index), align=self.code.format.size)

    def from_(self, index: Value | int) -> Array:
        """The same numbers, counted from `index`."""
        return Array(self.code, self._at(index))


class Wholes:
    """Whole numbers in memory, among them addresses of arrays."""

    def __init__(self, code: Code, pointer: Any) -> None:
        self.code, self.pointer = code, pointer

    def one(self, index: Value | int) -> Value:
        """The whole number at `index`."""
        where = index.ir if isinstance(index, Value) else ir.Constant(_WHOLE, index)
        builder = self.code.builder
        at = builder.gep(self.pointer, [where], source_etype=_WHOLE)
        return Value(self.code, builder.load(at, typ=_WHOLE))

    def array(self, index: Value | int) -> Array:
        """The array whose address stands at `index`."""
        return Array(self.code, self.code.builder.inttoptr(self.one(index).ir, ir.PointerType()))


class Code:
    """One function, written from its first instruction to its last.

    Args:
        module: which compiled module it goes to.
        name: of the function.
        dtype: of all its numbers.
        parameters: in the order of the call: "x" for an array, "n:" for a whole number, "n~" for a number, "n#" for an
            array of whole numbers.
    """

    def __init__(self, module: ir.Module, name: str, dtype: DType, parameters: str) -> None:
        self.format = _FORMATS[dtype]
        self.number = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.number, LANES)
        self._bits = ir.VectorType(ir.IntType(self.format.bits), LANES)
        names = parameters.split()
        types = [{":": _WHOLE, "~": self.number}.get(name[-1], ir.PointerType()) for name in names]
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), types), name)
        self.parameters: dict[str, Any] = {}
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        # The entry block holds variables alone, so that more can be added to it at any time.
        body = function.append_basic_block("body")
        self.builder.branch(body)
        self.builder.position_at_end(body)
        for name, argument in zip(names, function.args, strict=True):
            kind: Any = {":": Value, "~": Value, "#": Wholes}.get(name[-1], Array)
            self.parameters[name.rstrip(":~#")] = kind(self, argument)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["parameters"][name]
        except KeyError:
            raise AttributeError(name) from None

    # -- flow ---------------------------------------------------------------------------------------------------

    def whole(self, number: int) -> Value:
        """A constant whole number."""
        return Value(self, ir.Constant(_WHOLE, number))

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: int = 1) -> Iterator[Value]:
        """Do what follows for start, start + step, ... as long as it is below `stop` (above it, for a step below 0)."""
        builder = self.builder
        first, last = (end if isinstance(end, Value) else self.whole(end) for end in (start, stop))
        before = builder.block
        head, body, after = (builder.append_basic_block(name) for name in ("head", "turn", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(_WHOLE)
        index.add_incoming(first.ir, before)
        builder.cbranch(builder.icmp_signed("<" if step > 0 else ">", index, last.ir), body, after)
        builder.position_at_end(body)
        yield Value(self, index)
        index.add_incoming(builder.add(index, ir.Constant(_WHOLE, step)), builder.block)
        builder.branch(head)
        builder.position_at_end(after)

    def blocks(self, start: Value, stop: Value, size: int, body: Callable[[Value, int], None]) -> None:
        """Cut start ... stop into blocks of `size` and single ones: `body(first, how_many)` writes the code of both."""
        whole = start + (stop - start) // size * size
        with self.loop(start, whole, size) as first:
            body(first, size)
        if size > 1:
            with self.loop(whole, stop) as first:
                body(first, 1)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Do what follows only where the condition holds."""
        with self.builder.if_then(condition.ir):
            yield

    @contextmanager
    def unless(self, condition: Value) -> Iterator[None]:
        """Do what follows only where the condition does not hold."""
        with self.builder.if_then(self.builder.not_(condition.ir)):
            yield

    def both(self, first: Value, second: Value) -> Value:
        """Whether two conditions hold."""
        return Value(self, self.builder.and_(first.ir, second.ir))

    def end(self) -> None:
        """The function is complete."""
        self.builder.ret_void()

    # -- numbers ------------------------------------------------------------------------------------------------

    def number_of(self, number: float) -> Value:
        """A constant number."""
        return Value(self, _constant(self.number, number))

    def as_number(self, whole: Value) -> Value:
        """A whole number as a number."""
        return Value(self, self.builder.sitofp(whole.ir, self.number))

    def splat(self, number: float) -> Value:
        """A vector of eight times the same constant."""
        return Value(self, _constant(self.vector, number))

    def spread(self, number: Value) -> Value:
        """A vector of eight times the same computed number."""
        builder = self.builder
        one = builder.insert_element(ir.Constant(self.vector, ir.Undefined), number.ir, ir.Constant(_INDEX, 0))
        lanes = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
        return Value(self, builder.shuffle_vector(one, ir.Constant(self.vector, ir.Undefined), lanes))

    def lane(self, vector: Value, number: int) -> Value:
        """One number of a vector."""
        return Value(self, self.builder.extract_element(vector.ir, ir.Constant(_INDEX, number)))

    def across(self, vector: Value, join: Callable[[Value, Value], Value]) -> Value:
        """A vector's numbers joined two by two, as by `join(a, b) = a + b`; every number of the result is the same."""
        builder = self.builder
        for distance in (4, 2, 1):
            lanes = ir.Constant(ir.VectorType(_INDEX, LANES), [lane ^ distance for lane in range(LANES)])
            vector = join(vector, Value(self, builder.shuffle_vector(vector.ir, vector.ir, lanes)))
        return vector

    def counting(self) -> Value:
        """The vector 0, 1, ... 7."""
        return Value(self, ir.Constant(self.vector, [float(lane) for lane in range(LANES)]))

    def variable(self, first: Value) -> Variable:
        return Variable(self, first)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, in one instruction where the processor has it."""
        return self._intrinsic("fmuladd", a, b, c)

    def _intrinsic(self, name: str, *values: Value) -> Value:
        """One of LLVM's own functions on vectors."""
        module = self.builder.module
        full = f"llvm.{name}.v{LANES}f{self.format.bits}"
        function = module.globals.get(full)
        if function is None:
            function = ir.Function(module, ir.FunctionType(self.vector, [self.vector] * len(values)), full)
        return Value(self, self.builder.call(function, [value.ir for value in values]))

    def choose(self, condition: Value, yes: Value, no: Value) -> Value:
        return Value(self, self.builder.select(condition.ir, yes.ir, no.ir))

    def absolute(self, x: Value) -> Value:
        return self._intrinsic("fabs", x)

    def signed_as(self, x: Value, sign: Value) -> Value:
        """x with the sign of `sign`."""
        return self._intrinsic("copysign", x, sign)

    def smaller(self, a: Value, b: Value) -> Value:
        return self.choose(a < b, a, b)

    def larger(self, a: Value, b: Value) -> Value:
        """The larger one; a number that is none (NaN) in `b` stays."""
        return self.choose(a > b, a, b)

    def _two_to(self, x: Value) -> tuple[Value, Value, Value]:
        """(f, q, k) with x = f + k, |f| <= 1/2 and 2^x = 2^k (1 + f q); k as the last bits of a number."""
        form = self.format
        # Added to a number so large that nothing but a whole number is left of the fraction, x is rounded.
        shift = 1.5 * 2.0**form.fraction
        moved = x + shift
        f = x - (moved - shift)
        *lower, highest = form.series
        q = self.splat(highest)
        for coefficient in reversed(lower):
            q = self.fma(q, f, self.splat(coefficient))
        return f, q, moved

    def _as_exponent(self, k: Value, bias: int = 0) -> Any:
        """The last bits of `k`, and `bias`, shifted to where a number has its exponent."""
        builder, form = self.builder, self.format
        bits = builder.bitcast(k.ir, self._bits)
        if bias:
            bits = builder.add(bits, _constant(self._bits, bias))
        return builder.shl(bits, _constant(self._bits, form.fraction))

    def root(self, x: Value) -> Value:
        """The square root."""
        return self._intrinsic("sqrt", x)

    def exp(self, x: Value) -> Value:
        """e^x; as good as 0 or infinite where there is no number for it; NaN stays."""
        room, builder = self.splat(self.format.room), self.builder
        f, q, k = self._two_to(self.larger(-room, self.smaller(room, x * (1 / math.log(2)))))
        fraction = builder.bitcast(self.fma(f, q, self.splat(1.0)).ir, self._bits)
        return Value(self, builder.bitcast(builder.add(fraction, self._as_exponent(k)), self.vector))

    def log(self, x: Value) -> Value:
        """The natural logarithm of numbers that are 1 or larger; NaN stays.

        x = 2^e m with m near 1, and log m = 2 artanh((m - 1) / (m + 1)), whose series is short there.
        """
        form, builder = self.format, self.builder
        bits = builder.bitcast(x.ir, self._bits)
        raised = builder.lshr(
            builder.add(bits, _constant(self._bits, self._below_root2())), _constant(self._bits, form.fraction)
        )
        e = builder.sub(raised, _constant(self._bits, form.bias))
        m = Value(
            self, builder.bitcast(builder.sub(bits, builder.shl(e, _constant(self._bits, form.fraction))), self.vector)
        )
        t = (m - 1) / (m + 1)
        square, series = t * t, self.splat(0.0)
        for power in reversed(range(form.log_terms)):
            series = self.fma(series, square, self.splat(2 / (2 * power + 1)))
        whole = Value(self, builder.sitofp(e, self.vector))
        return self.fma(whole, self.splat(math.log(2)), series * t)

    def _below_root2(self) -> int:
        """What must be added to the bits of the root of 2 so that its exponent counts one more."""
        form = self.format
        return (1 << form.fraction) - int((math.sqrt(2) - 1) * (1 << form.fraction))

    def sigmoid(self, x: Value) -> Value:
        """1 / (1 + e^-x), right to the last digits wherever it is not below the smallest numbers; NaN stays."""
        return 1 / (1 + self.exp(-x))

    def tanh(self, x: Value) -> Value:
        """-m / (m + 2) with m = e^(-2|x|) - 1, which loses no digits near 0; NaN stays."""
        form = self.format
        powers = self.absolute(x) * (-2 / math.log(2))
        f, q, k = self._two_to(self.larger(self.splat(-form.room), powers))
        power = Value(self, self.builder.bitcast(self._as_exponent(k, form.bias), self.vector))
        m = self.fma(power * f, q, power - 1)
        return self.signed_as(m / (m + 2), x)

    def relu(self, x: Value) -> Value:
        """max(x, 0); NaN stays."""
        return self.choose(Value(self, self.builder.fcmp_ordered("<=", x.ir, self.splat(0.0).ir)), self.splat(0.0), x)


if AVAILABLE:
    _WHOLE, _INDEX = ir.IntType(64), ir.IntType(32)


def _constant(kind: Any, number: float) -> Any:
    if isinstance(kind, ir.VectorType):
        return ir.Constant(kind, [_scalar(kind.element, number)] * kind.count)
    return ir.Constant(kind, _scalar(kind, number))


def _scalar(kind: Any, number: float) -> float | int:
    return int(number) if isinstance(kind, ir.IntType) else float(number)


@functools.cache
def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )


_PIPELINE = 2  # how hard LLVM tries
_alive: list[Any] = []  # compiled code is gone with its engine


def new_module(name: str) -> Any:
    """A module to write functions into, for the processor at hand."""
    module = ir.Module(name)
    module.triple = _machine().triple
    module.data_layout = str(_machine().target_data)
    return module


def compiled(name: str, dtype: DType, parts: Mapping[str, tuple[str, Callable[[Code], None]]]) -> Compiled:
    """Write functions and compile them.

    Args:
        name: of the whole, for those who read machine code.
        dtype: of all numbers.
        parts: by name, the parameters of each function (as given to `Code`) and what writes it.

    Returns:
        The functions by name. They take addresses and numbers, and let other threads run meanwhile.
    """
    module = new_module(name)
    for part, (parameters, write) in parts.items():
        code = Code(module, part, dtype, parameters)
        write(code)
        code.end()
    machine, text = _machine(), str(module)
    features = llvm.get_host_cpu_features().flatten()
    versions = f"{llvmlite.__version__} {llvm.llvm_version_info} {_PIPELINE}"
    name_of_code = cache.key(text, machine.triple, llvm.get_host_cpu_name(), features, versions)
    kept = cache.load(name_of_code)
    parsed = llvm.parse_assembly(text)
    if kept is None:
        parsed.verify()
        # The vectors are written as vectors already: looking for more would take seconds and find nothing.
        options = llvm.create_pipeline_tuning_options(speed_level=_PIPELINE)
        options.loop_vectorization = options.slp_vectorization = False
        options.loop_interleaving = options.loop_unrolling = False
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(parsed, builder)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.set_object_cache(lambda _, made: cache.save(name_of_code, made), lambda _: kept)
    with cache.loading(name_of_code) if kept is not None else contextlib.nullcontext():
        engine.finalize_object()
    _alive.append(engine)
    found: Compiled = {}
    number = _FORMATS[dtype].ctype
    for part, (parameters, _) in parts.items():
        kinds = [{":": ctypes.c_int64, "~": number}.get(name[-1], ctypes.c_void_p) for name in parameters.split()]
        found[part] = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(part))
    return found
