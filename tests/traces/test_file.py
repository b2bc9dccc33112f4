"""The file: what goes in comes out, however large, and damage is told."""

from __future__ import annotations

import contextlib
import json
import struct
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from auscult.errors import AuscultError, CheckpointError, TraceError, UsageError
from auscult.runtime.options import CaptureOptions
from auscult.runtime.recorder import Recorder
from auscult.traces import file
from auscult.traces.file import FileStore, read_trace, write_trace
from auscult.traces.manifest import MANIFEST_KEY, split_key
from auscult.traces.records import Manifest, Trace
from auscult.weights import ModuleInfo

DTYPES = ["float32", "float16", "float64", "int64", "uint8", "bool", "bfloat16", "complex64"]
MANIFEST = Manifest(
    "torch",
    "2.0",
    "float32",
    weights={"a": {"weight": "1:4:0:0:0:0:0"}},
    modules={"a": ModuleInfo("a", "Conv1d", {"stride": (2,), "bias": None, "max": float("inf")})},
    seeds={"torch": 3},
    notes={"training": True},
)


def arrays(count: int = 12) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    names = [DTYPES[i % len(DTYPES)] for i in range(count)]
    shapes = [tuple(rng.integers(0, 5, i % 4)) for i in range(count)]
    return [
        np.asarray(rng.standard_normal(shape) * 3).astype(
            ml_dtypes.bfloat16 if name == "bfloat16" else name
        )
        for name, shape in zip(names, shapes, strict=True)
    ]


def recorded(store: FileStore | None = None, **options: object) -> Trace:
    recorder = Recorder(CaptureOptions(**options), store)  # type: ignore[arg-type]
    for i, array in enumerate(arrays()):
        record = recorder.add("a.b", i, "output", "Conv1d", array, axes="NCT" if i == 3 else None)
    recorder.again("a.c", 0, "input", "ReLU", record)
    recorder.add("a", 0, "noise", "randn", np.ones(3, np.float32))
    return recorder.finish(Manifest(**{**vars(MANIFEST), "noise": tuple(recorder.noise)}))


@pytest.mark.parametrize("detail", ["full", "sketch", "sample", "statistics"])
@pytest.mark.parametrize("spool", [1 << 20, 0])
@pytest.mark.parametrize("room", [1 << 20, 64])
def test_what_goes_in_comes_out(
    detail: str, spool: int, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "SPOOL_BYTES", spool)
    monkeypatch.setattr(file, "ROOM_BYTES", room)
    monkeypatch.setattr(file, "PIECE_BYTES", 100)
    path = tmp_path / "t.safetensors"
    memory = recorded(detail=detail)
    for written in (
        recorded(FileStore(path), detail=detail),
        read_trace(path),
        write_trace(memory, tmp_path / "again"),
    ):
        assert written.manifest.modules["a"].attributes["stride"] == (2,)
        assert written.manifest.weights == MANIFEST.weights
        assert written.manifest.noise == ("a#0:noise",)
        assert [vars(r) | {"statistics": 0} for r in written] == [
            vars(r) | {"statistics": 0} for r in memory
        ]
        for a, b in zip(written, memory, strict=True):
            assert a.statistics.rms == b.statistics.rms
            assert a.statistics.quantiles == pytest.approx(b.statistics.quantiles, rel=1e-5)
            if b.stored in ("full", "sample"):
                got, expected = written.tensor(a), memory.tensor(b)
                assert got.dtype == expected.dtype
                np.testing.assert_array_equal(got, expected)
            elif b.stored == "sketch":
                np.testing.assert_array_equal(written.sketch(a), memory.sketch(b))


def test_the_safetensors_package_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    trace = recorded(FileStore(path), include=())
    try:
        loaded = load_file(path)
    except KeyError:  # versions that do not know bfloat16 in numpy
        pytest.skip("this safetensors reads no bfloat16 into numpy")
    stored = [record for record in trace if record.same_as is None]
    assert len(loaded) == len(stored)
    np.testing.assert_array_equal(loaded["a#0:noise"], np.ones(3, np.float32))


def test_nothing_is_left_after_an_error_and_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "t.safetensors")
    store.put("a#0:output", np.ones(4))
    store.discard()
    assert list(tmp_path.iterdir()) == []
    recorded(FileStore(tmp_path / "t.safetensors"))
    with pytest.raises(UsageError, match="already there"):
        FileStore(tmp_path / "t.safetensors")
    recorded(FileStore(tmp_path / "t.safetensors", force=True))


def test_a_plain_safetensors_file_is_a_trace(tmp_path: Path) -> None:
    save_file(
        {
            "up#1:output": np.ones(2, np.float32),
            "up": np.zeros((1, 2, 3), np.float32),
            "in:input.mask": np.eye(2),
        },
        tmp_path / "t",
    )
    trace = read_trace(tmp_path / "t")
    assert {record.key for record in trace} == {"up#1:output", "up#0:output", "in#0:input.mask"}
    assert trace.find("up", call=1).statistics.mean == 1  # type: ignore[union-attr]
    assert trace.tensor(trace.find("up")).shape == (1, 2, 3)  # type: ignore[arg-type]
    assert trace.manifest.framework == "unknown"
    assert "unknown" in trace.manifest.notes["order"]


def test_a_short_manifest_gives_order_types_and_axes(tmp_path: Path) -> None:
    manifest = {
        "framework": "swift-mlx",
        "order": ["b", "a"],
        "types": {"a": "Linear"},
        "axes": "NTC",
    }
    arrays = {"a": np.zeros((1, 2, 3), np.float32), "b": np.zeros(2, np.float32)}
    save_file(arrays, tmp_path / "t", metadata={MANIFEST_KEY: json.dumps(manifest)})
    trace = read_trace(tmp_path / "t")
    assert [(r.path, r.order, r.type, r.axes) for r in trace] == [
        ("b", 0, "", None),
        ("a", 1, "Linear", "NTC"),
    ]
    assert trace.manifest.framework == "swift-mlx"
    assert "order" not in trace.manifest.notes


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ('{"auscult_trace": 9}', "another version"),
        ('{"weights": 3}', "odd `weights`"),
        ('{"order": ["nothing"]}', "its `order` lists"),
        ('{"records": [{"path": "a"}]}', "damaged record 0"),
        ('{"records": [{"path": "b", "shape": [1], "dtype": "float32"}]}', "lacks a tensor"),
        ('{"records": [{"path": "a", "shape": [2], "dtype": "float32"}]}', "another shape"),
        (
            '{"records": [{"path": "a", "shape": [1], "dtype": "float32", "same_as": "x"}]}',
            "speaks of a record",
        ),
        (
            '{"records": [{"path": "a", "shape": [1], "dtype": "float32", "statistics": {"mean": []}}]}',
            "damaged record",
        ),
        ('{"records": [], "left_out": []}', "odd `left_out`"),
    ],
)
def test_a_damaged_manifest_is_told(manifest: str, message: str, tmp_path: Path) -> None:
    zero = {"mean": 0, "std": 0, "rms": 0, "low": 0, "high": 0}
    text = manifest.replace(
        '"dtype": "float32"}', f'"dtype": "float32", "statistics": {json.dumps(zero)}}}'
    )
    text = text.replace('"same_as"', f'"statistics": {json.dumps(zero)}, "same_as"')
    save_file(
        {"a#0:output": np.zeros(1, np.float32)}, tmp_path / "t", metadata={MANIFEST_KEY: text}
    )
    with pytest.raises(TraceError, match=message):
        read_trace(tmp_path / "t")


def test_sketches_of_another_projection_are_refused(tmp_path: Path) -> None:
    recorded(FileStore(tmp_path / "t"), detail="sketch")
    data = (tmp_path / "t").read_bytes()
    old = data.replace(b'\\"sketch\\":2', b'\\"sketch\\":1')
    assert old != data
    (tmp_path / "old").write_bytes(old)
    with pytest.raises(TraceError, match=r"sketches of another version.*trace again"):
        read_trace(tmp_path / "old")


def test_other_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no file"):
        read_trace(tmp_path / "nothing")
    (tmp_path / "x").write_bytes(b"PK\3\4 and so on and on")
    with pytest.raises(CheckpointError, match="is no trace"):
        read_trace(tmp_path / "x")


@given(st.binary(max_size=40), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_damage_anywhere_is_an_error_of_ours_or_none(damage: bytes, place: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t"
        text = json.dumps(
            {
                "framework": "x",
                "records": [{"path": "a", "shape": [2], "dtype": "float32", "statistics": {}}],
            }
        )
        header = json.dumps(
            {
                "__metadata__": {MANIFEST_KEY: text},
                "a#0:output": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            }
        )
        whole = bytearray(struct.pack("<Q", len(header)) + header.encode() + bytes(8))
        whole[place : place + len(damage)] = damage
        path.write_bytes(whole)
        with contextlib.suppress(AuscultError):
            list(read_trace(path))


@example("\n", 0, "output")
@given(
    st.text(max_size=12),
    st.integers(0, 10**6),
    st.sampled_from(["output", "input.1", "op:leaky_relu.2", "noise"]),
)
def test_keys_are_split_as_they_were_made(path: str, call: int, role: str) -> None:
    if "#" in path or ":" in path:
        return
    assert split_key(f"{path}#{call}:{role}") == (path, call, role)
    assert split_key(path) == (path, 0, "output")
