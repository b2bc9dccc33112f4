"""Tensors and storages as torch's pickles describe them, and where in the file their elements lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, Protocol

from auscult.checkpoint.contents import Leaf
from auscult.checkpoint.file_array import FileArray, SignedData, is_contiguous, span_of
from auscult.checkpoint.source import ByteSource, item_bytes, make_bounds_error
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.late import numpy as np
from auscult.weights import Array, Quantization, Shape, Storage, Tensor, TensorData

STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "QInt32Storage": "int32",
    "UntypedStorage": "uint8",
    "_UntypedStorage": "uint8",
}
TORCH_DTYPES = {
    **{
        name: name
        for name in (
            "float64",
            "float32",
            "float16",
            "bfloat16",
            "int64",
            "int32",
            "int16",
            "int8",
            "uint8",
            "bool",
        )
    },
    **{
        name: name
        for name in (
            "uint16",
            "uint32",
            "uint64",
            "complex64",
            "complex128",
            "float8_e4m3fn",
            "float8_e4m3fnuz",
        )
    },
    **{name: name for name in ("float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")},
    **{
        "double": "float64",
        "float": "float32",
        "half": "float16",
        "long": "int64",
        "int": "int32",
        "short": "int16",
    },
    **{
        "qint8": "int8",
        "quint8": "uint8",
        "qint32": "int32",
        "cfloat": "complex64",
        "cdouble": "complex128",
    },
}
"""numpy's name per torch dtype."""


class StorageLocator(Protocol):
    """Where the storages of a file lie."""

    byteorder: Literal["<", ">"]

    def place(self, storage: StorageRef) -> tuple[ByteSource, int, int]:
        """Bytes, offset of the storage in them, and its length in bytes."""

    def note_storage(self, storage: StorageRef) -> None:
        """Take note of a storage that the pickle names."""


@dataclass(eq=False)
class StorageRef:
    """A storage that a pickle refers to by its key; `dtype` is None for a type that numpy cannot hold."""

    places: StorageLocator
    key: str
    kind: str
    dtype: str | None
    count: int
    base: int = 0  # elements before it, for a view of another storage (torch before 0.4)


@dataclass(eq=False, slots=True)
class TensorNode(Leaf):
    """A tensor as a pickle describes it; checked against its storage when its name is known."""

    storage: StorageRef
    dtype: str | None
    first: int
    shape: Shape
    strides: tuple[int, ...]
    trainable: bool | None = None
    quantizer: tuple[Any, ...] | None = None
    conjugate: bool = False
    negative: bool = False

    def describe(self, name: str) -> Tensor | Skip:
        ref = self.storage
        if self.dtype is None:
            return Skip(
                name, f"elements of type {ref.kind}, which numpy cannot hold", is_weight=True
            )
        width = item_bytes(self.dtype)
        ref, first, shape = self.storage, self.first + self.storage.base, self.shape
        source, _, available = ref.places.place(ref)
        contiguous = is_contiguous(shape, self.strides)
        span = prod(shape) if contiguous else span_of(shape, self.strides)
        if span and (first + span) * width > available:
            raise make_bounds_error(source.where, available, first * width, span * width)
        storage = Storage(ref.key, first, None if contiguous else self.strides)
        quantization = self._read_quantization(name) if self.quantizer else None
        return Tensor(
            name,
            shape,
            self.dtype,
            self,
            prod(shape) * width,
            storage,
            quantization,
            self.trainable,
        )

    def array(self) -> Array:
        return self._data().array()

    def flat(self, start: int, stop: int) -> Array:
        return self._data().flat(start, stop)

    def view_bytes(self, start: int, stop: int) -> memoryview | None:
        """See `FileArray.view_bytes`."""
        data = self._data()
        if isinstance(data, FileArray):
            return data.view_bytes(start, stop)
        return None

    def _data(self) -> TensorData:
        """Where the elements lie. Made on use: most tensors of a large file are only listed."""
        ref = self.storage
        source, offset, _ = ref.places.place(ref)
        strides = None if is_contiguous(self.shape, self.strides) else self.strides
        data = FileArray(
            source,
            offset,
            str(self.dtype),
            self.shape,
            self.first + ref.base,
            strides,
            ref.places.byteorder,
        )
        if self.conjugate or self.negative:
            return SignedData(data, self.conjugate, self.negative)
        return data

    def _read_quantization(self, name: str) -> Quantization | None:
        scheme, *parameters = self.quantizer or ("?",)
        if (
            scheme.startswith("per_tensor")
            and len(parameters) >= 2
            and all(type(value) in (int, float) for value in parameters[:2])
        ):
            return Quantization(
                np.asarray(parameters[0], np.float64), np.asarray(float(parameters[1]), np.float64)
            )
        if (
            scheme.startswith("per_channel")
            and len(parameters) >= 3
            and type(parameters[2]) is int
            and 0 <= parameters[2] < len(self.shape)
        ):
            descriptions = [
                part.describe(name) for part in parameters[:2] if isinstance(part, TensorNode)
            ]
            parts = [
                part
                for part in descriptions
                if isinstance(part, Tensor) and part.shape == (self.shape[parameters[2]],)
            ]
            if len(parts) == 2:
                return Quantization(parts[0].numpy(), parts[1].numpy(), parameters[2])
        raise CheckpointError(
            "has quantisation parameters that make no sense",
            where=f"{self.storage.key}, tensor {name[:200]}",
        )


@dataclass(eq=False)
class UnreadableNode(Leaf):
    """A tensor of a kind that has no plain array of elements (sparse, meta, nested)."""

    shape: Shape
    reason: str
    holds_no_values: bool = False

    def describe(self, name: str) -> Skip:
        return Skip(name, self.reason, is_weight=True, holds_no_values=self.holds_no_values)
