"""Keeps of each tensor of a run what was asked for: all of it, a sketch, a sample or statistics.

In: tensors in the order in which they are computed. Out: a `Trace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from auscult.runtime.options import CaptureOptions, Detail
from auscult.traces.records import SKETCH_SUFFIX, Manifest, Record, Trace
from auscult.traces.sketch import sample_elements
from auscult.traces.statistics import MeasureRun, summarise_tensor
from auscult.weights import Array


class TensorStore(Protocol):
    """Where tensors go."""

    def put(self, key: str, array: Array) -> None:
        """Keep a tensor; `array` may change as soon as this returns."""

    def finish(
        self, manifest: Manifest, records: tuple[Record, ...], left_out: Mapping[str, str]
    ) -> Trace:
        """Nothing more comes: the trace."""


class MemoryStore:
    """Keeps copies in memory."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def put(self, key: str, array: Array) -> None:
        self.arrays[key] = np.array(array, order="C")

    def finish(
        self, manifest: Manifest, records: tuple[Record, ...], left_out: Mapping[str, str]
    ) -> Trace:
        return Trace(manifest, records, self.arrays.__getitem__, "memory", dict(left_out))


class Recorder:
    """Collects the records of one run; the captures call `add` as tensors appear."""

    def __init__(self, options: CaptureOptions, store: TensorStore | None = None) -> None:
        self.options = options
        self.store: TensorStore = MemoryStore() if store is None else store
        self.records: list[Record] = []
        self.noise: list[str] = []
        self.left_out: dict[str, str] = {}
        self.notes: dict[str, object] = {}
        self.measure: MeasureRun | None = None
        self._bytes = 0

    def add(
        self, path: str, call: int, role: str, type_: str, array: Array, *, axes: str | None = None
    ) -> Record:
        """Record a tensor; it may change as soon as this returns."""
        detail = self._choose_detail(f"{path}#{call}:{role}", role, array.nbytes)
        summary = summarise_tensor(array, projection=detail == "sketch", measure=self.measure)
        record = Record(
            path,
            call,
            role,
            len(self.records),
            type_,
            tuple(array.shape),
            array.dtype.name,
            summary.statistics,
            detail,
            axes,
        )
        if detail == "full":
            self.store.put(record.key, array)
            self._bytes += array.nbytes
        elif detail == "sample":
            self.store.put(record.key, sample_elements(array))
        elif summary.projection is not None:
            is_wide = array.dtype.itemsize > np.dtype(np.float32).itemsize
            self.store.put(
                record.key + SKETCH_SUFFIX,
                summary.projection if is_wide else summary.projection.astype(np.float32),
            )
        self._note(record)
        return record

    def again(self, path: str, call: int, role: str, type_: str, earlier_record: Record) -> Record:
        """Record that a module took or gave a tensor that is recorded already."""
        record = Record(
            path,
            call,
            role,
            len(self.records),
            type_,
            earlier_record.shape,
            earlier_record.dtype,
            earlier_record.statistics,
            earlier_record.stored,
            earlier_record.axes,
            earlier_record.same_as or earlier_record.key,
        )
        self._note(record)
        return record

    def finish(self, manifest: Manifest) -> Trace:
        """The trace of all that was recorded."""
        return self.store.finish(manifest, tuple(self.records), self.left_out)

    def _note(self, record: Record) -> None:
        self.records.append(record)
        if record.role == "noise":
            self.noise.append(record.key)

    def _choose_detail(self, key: str, role: str, size: int) -> Detail:
        if role == "noise":  # a draw that is not whole cannot be replayed
            return "full"
        limit = self.options.max_bytes
        if self.options.detail == "full" and limit is not None and self._bytes + size > limit:
            self.left_out[key] = (
                f"{size} bytes on top of {self._bytes} are over the limit of {limit}: kept as a"
                " sketch"
            )
            return "sketch"
        return self.options.detail
