"""numpy arrays, scalars and dtypes inside a pickle, as descriptions.

Signatures: numpy's `ndarray.__reduce__`, `dtype.__reduce__` and `generic.__reduce__`, numpy 1.x and 2.x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from auscult.checkpoint.contents import Leaf, Opaque
from auscult.checkpoint.pickle_machine import GlobalBuilder, PickleMachine
from auscult.checkpoint.pickle_values import GlobalName, LongBytes, MalformedPickle
from auscult.checkpoint.source import ITEM_BYTES, ML_DTYPES, dtype_of, item_bytes
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor

NUMPY_CODES = {
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "c8": "complex64",
    "c16": "complex128",
    "b1": "bool",
} | {
    f"{code}{size}": f"{name}{size * 8}"
    for code, name in (("i", "int"), ("u", "uint"))
    for size in (1, 2, 4, 8)
}
"""numpy's type codes without byte order."""
TYPE_CODE = re.compile(r"([<>=|]?)([a-zA-Z]\d*)")
MAX_RANK = 64
MAX_ELEMENTS = 1 << 60


def parse_type_code(code: str) -> tuple[str | None, Literal["<", ">"]]:
    """Name and byte order of a numpy type code such as `<f4`; the name is None where it is no number."""
    match = TYPE_CODE.fullmatch(code)
    order: Literal["<", ">"] = ">" if match and match[1] == ">" else "<"
    return (NUMPY_CODES.get(match[2]) if match else None), order


@dataclass(eq=False)
class DTypeNode:
    """A numpy dtype; `name` is None where it is no number."""

    code: str
    name: str | None
    byteorder: Literal["<", ">"] = "<"

    def set_state(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.byteorder = ">"


@dataclass(frozen=True)
class PickledArray:
    """Data of an array whose bytes lie inside a pickle."""

    raw: bytes | LongBytes
    dtype: str
    byteorder: Literal["<", ">"]
    shape: Shape
    fortran: bool

    def array(self) -> Array:
        raw = self.raw.read() if isinstance(self.raw, LongBytes) else self.raw
        kind = dtype_of(self.dtype)
        if len(raw) != prod(self.shape) * kind.itemsize:
            raise CheckpointError(
                "a pickled array has another number of bytes than its shape",
                expected=self.shape,
                found=len(raw),
            )
        if self.byteorder == ">" and kind.itemsize > 1:
            kind = kind.newbyteorder(">")
        return np.frombuffer(raw, kind).reshape(self.shape, order="F" if self.fortran else "C")

    def flat(self, start: int, stop: int) -> Array:
        return self.array().ravel()[start:stop]


@dataclass(eq=False)
class ArrayNode(Leaf):
    """An array that a pickle rebuilds: empty until its state is set."""

    shape: Shape = ()
    dtype: DTypeNode | None = None
    fortran: bool = False
    raw: Any = b""

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], DTypeNode):
            raise MalformedPickle("has an array without its details")
        self.shape, self.dtype, self.fortran, self.raw = (
            _check_shape(state[1]),
            state[2],
            bool(state[3] is True),
            state[4],
        )

    @property
    def objects(self) -> Any:
        """The elements of an array of objects; None for an array of numbers."""
        if not isinstance(self.raw, list):
            return None
        if self.shape == () and len(self.raw) == 1:
            return self.raw[0]
        return self.raw

    def describe(self, name: str) -> Tensor | Skip:
        if self.dtype is None or self.dtype.name is None:
            return Skip(
                name,
                f"a numpy array of type {self.dtype.code[:60] if self.dtype else 'unknown'}, which holds no numbers",
            )
        if isinstance(self.raw, str):
            raw = self.raw.encode("latin-1", "replace")
        else:
            raw = self.raw
        if not isinstance(raw, bytes | LongBytes):
            raise CheckpointError("a pickled array has no bytes", where=name[:200])
        data = PickledArray(raw, self.dtype.name, self.dtype.byteorder, self.shape, self.fortran)
        needed_bytes = prod(self.shape) * item_bytes(self.dtype.name)
        byte_count = len(raw) if isinstance(raw, bytes) else raw.length
        if byte_count < needed_bytes or (
            byte_count > needed_bytes
            and not (isinstance(raw, LongBytes) and raw.latin1 and byte_count <= 2 * needed_bytes)
        ):
            raise CheckpointError(
                "a pickled array has another number of bytes than its shape",
                where=name[:200],
                found=byte_count,
            )
        return Tensor(name, self.shape, self.dtype.name, data, needed_bytes)


def _check_shape(value: Any) -> Shape:
    if not isinstance(value, tuple) or len(value) > MAX_RANK:
        raise MalformedPickle("has an array whose shape is none")
    if (
        any(type(side) is not int or not 0 <= side <= MAX_ELEMENTS for side in value)
        or prod(value) > MAX_ELEMENTS
    ):
        raise MalformedPickle("has an array whose shape makes no sense")
    return tuple(value)


def _build_dtype(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> DTypeNode:
    code = arguments[0] if arguments else None
    if isinstance(code, GlobalName):  # a scalar type such as ml_dtypes.bfloat16
        name = code.name.rstrip("_")
        return DTypeNode(code.what, name if name in ML_DTYPES or name in ITEM_BYTES else None)
    if not isinstance(code, str):
        return DTypeNode("structured", None)
    dtype_name, order = parse_type_code(code)
    return DTypeNode(code, dtype_name, order)


def _build_empty_array(_: PickleMachine, __: GlobalName, ___: tuple[Any, ...]) -> ArrayNode:
    return ArrayNode()


def _build_from_buffer(_: PickleMachine, function: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """`_frombuffer(buffer, dtype, shape, order)` of protocol 5."""
    if len(arguments) != 4 or not isinstance(arguments[1], DTypeNode):
        return Opaque(function.what)
    return ArrayNode(_check_shape(arguments[2]), arguments[1], arguments[3] == "F", arguments[0])


def _build_scalar(_: PickleMachine, function: GlobalName, arguments: tuple[Any, ...]) -> Any:
    """`scalar(dtype, bytes)`: a numpy number, as a Python one."""
    if len(arguments) != 2 or not isinstance(arguments[0], DTypeNode) or arguments[0].name is None:
        return Opaque(function.what)
    if isinstance(arguments[1], str):
        raw = arguments[1].encode("latin-1", "replace")
    else:
        raw = arguments[1]
    if not isinstance(raw, bytes) or len(raw) != item_bytes(arguments[0].name):
        raise MalformedPickle("has a numpy number of the wrong size")
    return (
        PickledArray(raw, arguments[0].name, arguments[0].byteorder, (), fortran=False)
        .array()
        .item()
    )


_NUMPY_CORES = ("numpy.core", "numpy._core")
NUMPY_BUILDERS: dict[str, GlobalBuilder] = {
    "numpy.dtype": _build_dtype,
    **{f"{core}.multiarray._reconstruct": _build_empty_array for core in _NUMPY_CORES},
    **{f"{core}.multiarray.scalar": _build_scalar for core in _NUMPY_CORES},
    **{f"{core}.numeric._frombuffer": _build_from_buffer for core in _NUMPY_CORES},
}
NUMPY_NAMES = frozenset(
    (
        "numpy.ndarray",
        *(f"numpy.{name}" for name in (*ITEM_BYTES, "bool_", "str_", "bytes_")),
        *(
            f"numpy.dtypes.{name}"
            for name in ("Float32DType", "Float64DType", "Int64DType", "Int32DType")
        ),
        *(f"ml_dtypes.{name}" for name in ML_DTYPES),
    )
)
