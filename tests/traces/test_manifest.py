"""The manifest as JSON: it comes back as it was, and damage is an error that says what."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auscult.errors import TraceError
from auscult.traces.manifest import (
    MANIFEST_KEY,
    manifest_from_json,
    manifest_to_json,
    parse_manifest,
    record_from_json,
    split_key,
)
from auscult.traces.records import Manifest
from auscult.weights import ModuleInfo
from tests.hand_made import make_record

MANIFEST = Manifest(
    "torch",
    "2.4",
    "float32",
    weights={"a": {"weight": "1:2:3"}},
    modules={"a": ModuleInfo("a", "Conv1d", {"stride": (2,), "bias": None})},
    seeds={"torch": 3},
    noise=("a#0:noise",),
)


def test_a_manifest_comes_back_as_it_was() -> None:
    value = parse_manifest(manifest_to_json(MANIFEST, [], {}), "t")
    assert value[MANIFEST_KEY] == 1
    again = manifest_from_json(value, "t")
    assert again == MANIFEST


def test_a_record_comes_back_as_it_was() -> None:
    record = make_record("a.b#2:output.1", np.arange(6.0).reshape(2, 3), 4, same_as="a#0:input")
    value = json.loads(manifest_to_json(MANIFEST, [record], {}))
    assert record_from_json(value["records"][0], 4, "t") == record


def test_infinities_become_words() -> None:
    manifest = Manifest("mlx", notes={"peak": float("inf"), "steps": (1, float("nan"))})
    notes = json.loads(manifest_to_json(manifest, [], {}))["notes"]
    assert notes == {"peak": "inf", "steps": [1, "nan"]}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"auscult_trace": 99}', "written by another version"),
    ],
)
def test_a_manifest_that_cannot_be_read(text: str, what: str) -> None:
    with pytest.raises(TraceError, match=what):
        parse_manifest(text, "t")


@pytest.mark.parametrize("field", ["weights", "noise", "modules", "framework"])
def test_a_field_of_another_kind_is_named(field: str) -> None:
    with pytest.raises(TraceError, match=f"odd `{field}`"):
        manifest_from_json({field: 3}, "t")


def test_a_damaged_record_is_numbered() -> None:
    with pytest.raises(TraceError, match="damaged record 7"):
        record_from_json({"path": "a", "shape": ["x"], "dtype": "float32"}, 7, "t")


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("a.b#2:input.mask", ("a.b", 2, "input.mask")),
        ("a.b:op:add", ("a.b", 0, "op:add")),
        ("a.b#1", ("a.b", 1, "output")),
        ("a", ("a", 0, "output")),
        ("", ("", 0, "output")),
    ],
)
def test_keys(key: str, parts: tuple[str, int, str]) -> None:
    assert split_key(key) == parts
