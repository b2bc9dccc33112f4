"""The end of float16, and how near values come to it."""

from __future__ import annotations

from auscult.traces.records import Record

LARGEST_FLOAT16 = 65504.0
"""Defined by IEEE 754."""


def get_peak(record: Record) -> float:
    """The largest magnitude of a record."""
    return max(abs(record.statistics.low), abs(record.statistics.high))
