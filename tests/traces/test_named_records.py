"""Records from names alone, and from what a short manifest adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.errors import TraceError
from auscult.traces.named_records import iter_described_records, read_manifest_field
from auscult.traces.records import Record
from auscult.weights import Array

ARRAYS: dict[str, Array] = {
    "b#0:output": np.full((2, 3), 2.0, np.float32),
    "a:input": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
}


def describe(arrays: dict[str, Array] = ARRAYS, **manifest: Any) -> list[tuple[str, Record]]:
    return list(iter_described_records(arrays, arrays.__getitem__, manifest, "t"))


def test_names_say_path_call_and_role() -> None:
    (first_name, first), (second_name, second) = describe()
    assert (first_name, first.key, first.order) == ("b#0:output", "b#0:output", 0)
    assert (second_name, second.key, second.order) == ("a:input", "a#0:input", 1)
    assert (first.shape, first.dtype) == ((2, 3), "float32")
    assert (first.statistics.mean, first.statistics.std) == (2.0, 0.0)


def test_the_manifest_adds_order_types_and_axes() -> None:
    (_, first), (_, second) = describe(
        order=["a:input"], types={"a": "Conv1d"}, axes={"a": "NCT", "b": "NCT"}
    )
    assert (first.path, first.type, first.axes) == ("a", "Conv1d", "NCT")
    assert (second.path, second.type, second.axes) == ("b", "", None)  # two axes are no NCT


def test_an_unknown_name_in_the_order() -> None:
    with pytest.raises(TraceError, match="`order` lists"):
        describe(order=["c"])


def test_two_names_for_one_record() -> None:
    array = np.zeros(2, np.float32)
    with pytest.raises(TraceError, match="two names for one record"):
        describe({"a": array, "a#0:output": array})


def test_a_field_is_what_it_should_be_or_empty() -> None:
    assert read_manifest_field({}, "order", list, "t") == []
    assert read_manifest_field({"order": ["a"]}, "order", list, "t") == ["a"]
    with pytest.raises(TraceError, match="odd `order`"):
        read_manifest_field({"order": {}}, "order", list, "t")
