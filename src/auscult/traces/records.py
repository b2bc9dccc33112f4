"""What a trace is: ordered records of what was computed, and the manifest that says how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from auscult.errors import UsageError
from auscult.weights import Array, ModuleInfo, Shape

SKETCH_SUFFIX = "~sketch"
"""Ends the name under which a record's projection is stored."""
INPUTS_IN_USE_ORDER = "inputs_in_order_of_use"
"""In the notes of a manifest: modules' inputs are numbered as they are used, which need not be how
they were handed over.
"""


@dataclass(frozen=True)
class TensorStatistics:
    """What is kept of a tensor at any level of detail, over its finite elements; see
    `auscult.traces.statistics` for how exactly.

    Attributes:
        non_finite: How many elements are NaN or infinite.
        quantiles: Evenly spaced quantiles of the elements, lowest to highest: exact up to
            `sketch.SAMPLE` elements, otherwise those of a pseudo-random sample of that size; empty
            where nobody took them. No reordering of axes changes them.
    """

    mean: float
    std: float
    rms: float
    low: float
    high: float
    non_finite: int = 0
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Record:
    """One tensor that one call of one module took or gave.

    Attributes:
        path: Module path from the root, with dots; "" for the whole model.
        call: How many calls of that module came before, from 0.
        role: `input`, `input.1`, `input.mask` (by position or keyword), `output`, `output.1`, `own`
            for what a module gave that was replaced by `output`, `op:NAME` for the result of
            a functional operation inside the module, or `noise` for a random draw inside the
            module.
        order: Position in the run, over all records.
        type: Class of the module or name of the operation, as the framework calls it.
        axes: Meaning of the axes where known, such as `NCT`, `NTC`, `NHWC`.
        stored: `full`, `sketch`, `sample` or `statistics`: what can be asked of the record.
        same_as: Key of an earlier record that holds this very tensor (an output that became the
            next input), which is then stored once.
    """

    path: str
    call: int
    role: str
    order: int
    type: str
    shape: Shape
    dtype: str
    statistics: TensorStatistics
    stored: str = "full"
    axes: str | None = None
    same_as: str | None = None

    @property
    def key(self) -> str:
        """The tensor's name in the trace file, `path#call:role`."""
        return f"{self.path}#{self.call}:{self.role}"


@dataclass(frozen=True)
class Manifest:
    """How the run was made.

    Attributes:
        framework: `torch`, `mlx`, `onnxruntime`, `litert`, `numpy`, `swift-mlx`, ...
        dtype: Of the computation, where one holds for all; `mixed` otherwise.
        weights: Per module path, the parameters that it owns directly: name to content fingerprint
            (axis-order free), so that two traces can be aligned without the models.
        modules: The module tree with its attributes, where the runtime shows one.
        seeds: Seeds that were set, by library.
        noise: Keys of the records (role `noise`) that hold random draws, in the order in which they
            were drawn.
    """

    framework: str
    version: str = ""
    dtype: str = ""
    device: str = "cpu"
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    modules: Mapping[str, ModuleInfo] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    noise: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


class RecordValues(Protocol):
    """Where a trace's tensors are: in memory while capturing, in a memory-mapped file
    afterwards.
    """

    def __call__(self, key: str, /) -> Array: ...


@dataclass(frozen=True, eq=False)
class Trace:
    """Ordered records with their manifest; tensors are read when asked for.

    Attributes:
        path: The file it came from, or `memory`.
        left_out: Keys that a limit on size or memory kept from being stored in full, with the
            reason.
    """

    manifest: Manifest
    records: tuple[Record, ...]
    values: RecordValues
    path: str = "memory"
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def find(self, path: str, role: str = "output", call: int = 0) -> Record | None:
        """The record of that module, role and call."""
        return next(
            (r for r in self.records if (r.path, r.role, r.call) == (path, role, call)), None
        )

    def tensor(self, record: Record) -> Array:
        """The stored tensor: whole where `stored` is `full`, the drawn elements [n] (see `sketch`)
        where it is `sample`.

        Raises:
            UsageError: If the record has no tensor.
        """
        if record.stored not in ("full", "sample"):
            raise UsageError(
                f"holds no tensor but {record.stored}",
                where=record.key,
                hint="trace again with --detail full, or compare sketches",
            )
        return self.values(record.same_as or record.key)

    def sketch(self, record: Record) -> Array:
        """The projection of the record's tensor [k], as stored or taken now; see
        `auscult.traces.sketch`.

        Raises:
            UsageError: If the record has neither tensor nor sketch.
        """
        from auscult.traces.sketch import sketch_tensor

        if record.stored == "sketch":
            return self.values((record.same_as or record.key) + SKETCH_SUFFIX)
        if record.stored != "full":
            raise UsageError(
                f"holds no sketch but {record.stored}",
                where=record.key,
                hint="trace again with --detail sketch",
            )
        return sketch_tensor(self.tensor(record))
