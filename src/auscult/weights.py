"""Tensor and Checkpoint: what a weight file holds, described without reading it.

A `Tensor` knows its name, shape, dtype and place; nothing is read until `numpy()` or `values()` is called, and then
only its own bytes. A `Checkpoint` is an ordered mapping from names to tensors.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from auscult.finding import Skip
from auscult.late import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any
Shape = tuple[int, ...]
ContainerPath = tuple[str | int, ...]


class TensorData(Protocol):
    """Where a tensor's elements come from."""

    def array(self) -> Array:
        """The whole tensor, shaped, in its stored dtype (read-only views of the file are welcome)."""

    def flat(self, start: int, stop: int) -> Array:
        """Elements `start:stop` in the tensor's row-major order, 1-D, reading little more than these."""


class InMemoryData(NamedTuple):
    """Data of a tensor that is already an array."""

    values: Array

    def array(self) -> Array:
        return self.values

    def flat(self, start: int, stop: int) -> Array:
        if self.values.flags.c_contiguous:
            return self.values.reshape(-1)[start:stop]
        return self.values.ravel()[start:stop]


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation: value = scale * (stored - zero_point), per tensor or along `axis`."""

    scale: Array
    zero_point: Array
    axis: int | None = None

    def dequantize(self, stored: Array) -> Array:
        """Real values of `stored`, as float32."""
        scale = np.asarray(self.scale, np.float32).reshape(-1)
        zero_point = np.asarray(self.zero_point, np.float32).reshape(-1)
        if self.axis is not None and scale.size > 1:
            broadcast_shape = [1] * stored.ndim
            broadcast_shape[self.axis] = -1
            scale, zero_point = (
                scale.reshape(broadcast_shape),
                (zero_point.reshape(broadcast_shape) if zero_point.size > 1 else zero_point),
            )
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # a scale may be damaged: that is for the health check to say
            values = np.asarray((stored.astype(np.float32) - zero_point) * scale, np.float32)
        return values.reshape(stored.shape)  # a single number stays without axes


class WeightStorage(NamedTuple):
    """How the codes of a quantised weight are stored.

    Attributes:
        scheme: The quantiser and its format, such as `MLX affine` or `ggml Q4_0`.
        bits: Of one code.
        group: How many values share a scale; None where a row, a channel or the whole tensor does.
    """

    scheme: str
    bits: int
    group: int | None = None

    @property
    def label(self) -> str:
        """`4-bit, group 64 (MLX affine)`."""
        group = f", group {self.group}" if self.group else ""
        return f"{self.bits}-bit{group} ({self.scheme})"


@dataclass(slots=True)  # not frozen, as `Tensor`
class Storage:
    """Which bytes a tensor lies on, so that ties and views can be told: `key` names the storage within its file.

    `offset` and `strides` count elements; `strides` is None for a contiguous tensor.
    """

    key: str
    offset: int = 0
    strides: tuple[int, ...] | None = None


@dataclass(eq=False, slots=True)
class Tensor:
    """A named tensor in a checkpoint, unread.

    Not to be changed; `dataclasses.replace` gives another one. It is not `frozen`, because a frozen record takes six times
    as long to make, and a file may hold 100,000.

    Attributes:
        shape: As stored, in the file's own axis order.
        dtype: numpy's or ml_dtypes' name of the stored element type (`float32`, `bfloat16`, `float8_e4m3fn`), or a GGUF
            block type in lower case (`q8_0`), whose `numpy()` is dequantised float32.
        nbytes: Size of the stored elements in bytes.
        trainable: False for a buffer, None where the file does not tell.
    """

    name: str
    shape: Shape
    dtype: str
    data: TensorData
    nbytes: int
    storage: Storage | None = None
    quantization: Quantization | None = None
    trainable: bool | None = None

    @classmethod
    def of(cls, name: str, array: Array, *, trainable: bool | None = None) -> Tensor:
        """A tensor over an array in memory."""
        return cls(
            name,
            tuple(array.shape),
            array.dtype.name,
            InMemoryData(array),
            array.nbytes,
            trainable=trainable,
        )

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def is_placeholder(self) -> bool:
        """Whether it is what DeepSpeed's ZeRO-3 leaves of a parameter whose values lie elsewhere: a list of nothing."""
        return self.shape == (0,) and self.name.endswith((".weight", ".bias"))

    @property
    def weight_storage(self) -> WeightStorage | None:
        """How a quantised weight is stored; None for any other tensor."""
        if self.quantization is not None:
            digits = "".join(filter(str.isdigit, self.dtype))
            where = "a channel" if self.quantization.axis is not None else "a tensor"
            return WeightStorage(f"{self.dtype}, one scale for {where}", int(digits or 8))
        storage: WeightStorage | None = getattr(self.data, "weight_storage", None)
        return storage

    def numpy(self) -> Array:
        """The elements as stored (integers of a quantised tensor stay integers)."""
        return self.data.array()

    def values(self) -> Array:
        """The elements as real numbers: dequantised where the tensor is quantised, otherwise as stored."""
        stored = self.data.array()
        if self.quantization:
            return self.quantization.dequantize(stored)
        return stored

    def flat(self, start: int, stop: int) -> Array:
        """Stored elements `start:stop` in row-major order, without reading the rest."""
        return self.data.flat(max(start, 0), min(stop, self.size))


class Container(NamedTuple):
    """A group of tensors found inside a file, such as `["model_state_dict"]["generator"]`."""

    path: ContainerPath
    kind: Literal["model", "ema", "optimizer", "other"]
    tensors: int
    parameters: int

    @property
    def label(self) -> str:
        return "".join(f"[{step!r}]" for step in self.path).replace("'", '"') or "(top level)"


class Hazard(NamedTuple):
    """Code that loading the file with pickle would import and run; auscult did neither.

    Attributes:
        what: The global, such as `os.system`.
        where: Archive member and byte offset.
        calls: Whether the pickle would call it, not only import it.
    """

    what: str
    where: str
    calls: bool


@dataclass(frozen=True)
class ModuleInfo:
    """A module of a code target: its class and the attributes that no tensor shows (groups, stride, dilation...)."""

    path: str
    type: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Checkpoint(Mapping[str, Tensor]):
    """An ordered mapping from names to tensors, with where it came from.

    Attributes:
        path: The file, folder or code target, as the user named it.
        format: The FORMAT of the reader (`safetensors`, `torch`, `onnx`, ...), `code:torch`, `code:mlx` or `memory`.
        container: Which group of tensors was taken; `containers` lists all that were found.
        modules: The module tree, by path, when the checkpoint is a code target; in graph formats (ONNX, LiteRT, OpenVINO) the
            operator that consumes a tensor, by the tensor's name; empty otherwise.
        ties: Groups of names that lie on the very same storage.
        loading_code: A Python expression that gives the container, with the file's name in the variable `path`; None where
            there is none to be had.
    """

    path: str
    format: str
    tensors: Mapping[str, Tensor]
    container: ContainerPath = ()
    containers: tuple[Container, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    hazards: tuple[Hazard, ...] = ()
    skips: tuple[Skip, ...] = ()
    modules: Mapping[str, ModuleInfo] = field(default_factory=dict)
    ties: tuple[tuple[str, ...], ...] = ()
    loading_code: str | None = None

    @classmethod
    def of(cls, arrays: Mapping[str, Array], path: str = "memory", **details: Any) -> Checkpoint:
        """A checkpoint over arrays in memory."""
        return cls(
            path,
            "memory",
            {name: Tensor.of(name, array) for name, array in arrays.items()},
            **details,
        )

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    # what `Mapping` makes of the three above calls one of them for each tensor

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def keys(self) -> KeysView[str]:
        return self.tensors.keys()

    def items(self) -> ItemsView[str, Tensor]:
        return self.tensors.items()

    def values(self) -> ValuesView[Tensor]:
        return self.tensors.values()

    @property
    def parameters(self) -> int:
        """Number of values in all tensors."""
        return sum(tensor.size for tensor in self.tensors.values())

    @property
    def is_code(self) -> bool:
        """Whether this is a live module rather than a file."""
        return self.format.startswith("code:")

    @property
    def is_graph(self) -> bool:
        """Whether this is a file that knows the operators of its tensors, such as an ONNX model."""
        return bool(self.modules) and not self.is_code

    def write_load_call(self) -> str | None:
        """The line of Python that loads the container into a module; None where no expression gives the container.

        A distributed checkpoint is turned into a plain one first, by torch.distributed.checkpoint.format_utils.
        """
        if self.loading_code is None:
            return None
        if self.format == "torch-dcp":
            code = self.loading_code.replace("torch.load(path", 'torch.load("model.pth"', 1)
            return (
                f'format_utils.dcp_to_torch_save(path, "model.pth"); model.load_state_dict({code})'
            )
        return f"model.load_state_dict({self.loading_code})"

    def list_weight_names(self) -> tuple[str, ...]:
        """The names of all weights, those included whose values were not read."""
        skipped_names = (skip.where for skip in self.skips if skip.is_weight)
        return tuple(dict.fromkeys((*self.tensors, *skipped_names)))

    @property
    def holds_no_values(self) -> bool:
        """Whether this is a file of names and shapes alone: every tensor is empty, or was saved without its values."""
        weight_skips = [skip for skip in self.skips if skip.is_weight]
        if self.is_code or not (self.tensors or weight_skips):
            return False
        if any(tensor.size for tensor in self.tensors.values()):
            return False
        return all(skip.holds_no_values for skip in weight_skips)
