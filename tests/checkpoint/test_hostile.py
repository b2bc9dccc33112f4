"""Files made to harm the one who opens them: nothing runs, nothing is imported, memory and time stay bounded."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError

MAX_SECONDS = 20.0


class Attack:
    """Runs a command when unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_pickle_is_reported_and_not_run(
    tmp_path: Path, marker: Path, legacy: bool, protocol: int
) -> None:
    path = tmp_path / "m.pth"
    content = {
        "model": {
            "a.weight": torch.ones(3),
            "evil": Attack(os.system, f"touch {marker}"),
            "b.weight": torch.zeros(2),
        },
        "more": Attack(eval, f"open({str(marker)!r}, 'w')"),
        "import": Attack(__import__, "antigravity"),
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    checkpoint = open_checkpoint(path)
    assert list(checkpoint) == ["a.weight", "b.weight"]
    np.testing.assert_array_equal(checkpoint["a.weight"].numpy(), np.ones(3))
    assert {(hazard.what.split(".")[-1], hazard.calls) for hazard in checkpoint.hazards} == {
        ("system", True),
        ("eval", True),
        ("__import__", True),
    }
    assert all(" at byte " in hazard.where for hazard in checkpoint.hazards)
    assert not marker.exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'touch %s'\ntR.",
        b"(S'touch %s'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch %s'\no.",
        b"cos\nsystem\n(S'touch %s'\nt\x81.",
        b"\x8c\x02os\x8c\x06system\x93(S'touch %s'\ntR.",
        b"ccopyreg\n_reconstructor\n(cos\nsystem\nS'touch %s'\nNtR.",
        b"cbuiltins\ngetattr\n(cos\nsystem\nS'__call__'\ntR(S'touch %s'\ntR.",
        b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nN(S'touch %s'\ntNtR.",
        b"ccollections\ndefaultdict\n(cos\nsystem\ntR.",
        b"\x82\x01(S'touch %s'\ntR.",
    ],
)
def test_every_way_to_name_a_function_is_seen(tmp_path: Path, marker: Path, code: bytes) -> None:
    body = code % str(marker).encode() if b"%s" in code else code
    path = tmp_path / "m.pkl"
    path.write_bytes(b"\x80\x02" + body)
    checkpoint = open_checkpoint(path)
    assert len(checkpoint) == 0
    assert checkpoint.hazards
    assert not marker.exists()


def test_objects_in_numpy_files_are_reported_and_not_run(tmp_path: Path, marker: Path) -> None:
    evil = np.array([Attack(os.system, f"touch {marker}")], dtype=object)
    np.save(tmp_path / "m.npy", evil)
    np.savez(tmp_path / "m.npz", evil=evil, good=np.ones(2))
    assert [hazard.what for hazard in open_checkpoint(tmp_path / "m.npy").hazards] == [
        "posix.system"
    ]
    checkpoint = open_checkpoint(tmp_path / "m.npz")
    assert list(checkpoint) == ["good"]
    assert [hazard.what for hazard in checkpoint.hazards] == ["posix.system"]
    assert not marker.exists()


def test_a_class_of_ones_own_is_opaque_and_its_tensors_are_read(tmp_path: Path) -> None:
    model = b"cmy_models\nGenerator\n)\x81}(X\x06\x00\x00\x00weightK\x01ub"
    body = b"\x80\x02}(X\x05\x00\x00\x00model" + model + b"X\x05\x00\x00\x00epochK\x03u."
    path = tmp_path / "m.pkl"
    path.write_bytes(body)
    checkpoint = open_checkpoint(path)
    assert [(hazard.what, hazard.calls) for hazard in checkpoint.hazards] == [
        ("my_models.Generator", True)
    ]
    assert checkpoint.metadata["epoch"] == "3"
    assert "my_models" not in sys.modules


def deep(opcode: bytes, count: int) -> bytes:
    return b"\x80\x02N" + opcode * count + b"."


BOMBS = {
    "nested tuples": deep(b"\x85", 3_000_000),
    "nested lists": b"\x80\x02" + b"](" * 500_000 + b"e" * 500_000 + b".",
    "a tuple that doubles": b"\x80\x02)" + b"q\x00h\x00h\x00\x86" * 200 + b".",
    "a doubling tuple as key": b"\x80\x02})" + b"q\x00h\x00h\x00\x86" * 200 + b"Ns.",
    "a doubling list": b"\x80\x02]q\x00" + b"](h\x00h\x00eq\x00" * 200 + b".",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a dict in itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    "empty sets": b"\x80\x04" + b"\x8f" * 5_000_000 + b".",
    "marks": b"\x80\x02" + b"(" * 5_000_000 + b".",
    "copies of a set": b"\x80\x02(" + b"N" * 1_000_000 + b"tq\x00cbuiltins\nset\nq\x01" + b"h\x01h\x00\x85R" * 20_000 + b".",
    "copies of a text": b"\x80\x02X\x00\x10\x00\x00" + b"a" * 4096 + b"q\x00c_codecs\nencode\nq\x01X\x06\x00\x00\x00latin1q\x02"
    + b"h\x01h\x00h\x02\x86R" * 300_000 + b".",
    "a long byte string": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
    "a long number": b"\x80\x02\x8b" + struct.pack("<i", 0x7FFFFFFF) + b"\x01" * 1000 + b".",
    "a negative length": b"\x80\x02\x8b" + struct.pack("<i", -5) + b".",
    "many digits": b"\x80\x02L" + b"9" * 60_000 + b"L\n.",
    "a huge memo index": b"\x80\x02Nr\xff\xff\xff\xff.",
    "an array of a thousand dimensions": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01(" + b"K\x01" * 999 + b"tNNNtb.",
    "a bytearray by length": b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",
    "a range": b"\x80\x02cbuiltins\nlist\ncbuiltins\nrange\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R\x85R.",
}  # fmt: skip


def tensors_in(path: Path) -> int:
    """How many tensors a file gives; none where it is refused."""
    try:
        return len(open_checkpoint(path))
    except CheckpointError:
        return 0


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_neither_time_nor_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(BOMBS[name])
    start = time.monotonic()
    assert tensors_in(path) == 0
    assert time.monotonic() - start < MAX_SECONDS
    if len(BOMBS[name]) < 1_000_000:
        tracemalloc.start()
        tensors_in(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 50_000_000 + 100 * len(BOMBS[name])


def tensor_file(path: Path, size: str, stride: str, *, offset: int = 0, count: int = 4) -> Path:
    """A torch file with one tensor of that size and stride (pickled tuples) over a storage of `count` float32."""
    body = (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuI%d\ntQI%d\n%s%sI00\nccollections\nOrderedDict\n)RtRs."
    ) % (count, offset, size.encode(), stride.encode())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", body)
        archive.writestr("archive/data/0", np.arange(count, dtype="<f4").tobytes())
    return path


def test_a_view_of_the_storage_is_read(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(tensor_file(tmp_path / "m.pt", "(I2\nt", "(I2\nt", offset=1))
    np.testing.assert_array_equal(checkpoint["w"].numpy(), [1, 3])


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ("(I5\nt", "(I1\nt", 0),
        ("(I4\nt", "(I1\nt", 1),
        ("(I2\nt", "(I4\nt", 0),
        ("(I4\nt", "(I-1\nt", 3),
        ("(I-4\nt", "(I1\nt", 0),
        ("(I4611686018427387904\nI4611686018427387904\nt", "(I0\nI0\nt", 0),
        ("(I4\nt", "(I1\nI1\nt", 0),
        ("(F1.5\nt", "(I1\nt", 0),
        ("I4\n", "(I1\nt", 0),
        ("(I4\nt", "(I1\nt", -1),
        ("(" + "I1\n" * 100 + "t", "(" + "I1\n" * 100 + "t", 0),
    ],
)
def test_tensors_that_leave_their_storage_are_refused(
    tmp_path: Path, size: str, stride: str, offset: int
) -> None:
    with pytest.raises(CheckpointError):
        open_checkpoint(tensor_file(tmp_path / "m.pt", size, stride, offset=offset))


def test_a_broadcast_tensor_of_terabytes_is_described_and_not_read(tmp_path: Path) -> None:
    tensor = open_checkpoint(
        tensor_file(tmp_path / "m.pt", "(I1000000\nI1000000\nt", "(I0\nI0\nt")
    )["w"]
    assert tensor.size == 10**12
    with pytest.raises(CheckpointError, match="broadcast"):
        tensor.numpy()
    with pytest.raises(CheckpointError, match="broadcast"):
        tensor.flat(0, 10)


@pytest.mark.parametrize("claimed", [1 << 20, 1 << 29, 0xFFFFFFF0])
def test_a_deflate_bomb_is_refused(tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "m.npz"
    np.savez_compressed(path, a=np.zeros(1000))
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rfind(b"PK\x01\x02") + 24, claimed)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="would inflate"):
        open_checkpoint(path)


def test_a_pickle_that_inflates_beyond_bounds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * (1 << 25) + b"}.")
    with pytest.raises(CheckpointError, match="too large"):
        open_checkpoint(path)


def test_a_member_that_inflates_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez_compressed(path, a=np.zeros(1000))
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    size = struct.unpack_from("<I", content, at + 24)[0]
    struct.pack_into("<I", content, at + 24, size - 8)
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        open_checkpoint(path)["a"].numpy()


def test_damage_in_a_deflated_member_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez_compressed(path, a=np.random.default_rng(0).normal(size=1000))
    content = bytearray(path.read_bytes())
    content[4000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"inflated|checksum"):
        open_checkpoint(path)["a"].numpy()


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", b"")
    with pytest.raises(CheckpointError, match="two members named"):
        open_checkpoint(path)


HEADERS = {
    "overlap": {
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]},
    },
    "hole": {
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    },
    "beyond the end": {"a": {"dtype": "F32", "shape": [100], "data_offsets": [0, 400]}},
    "bytes behind": {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
    "wrong size": {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
    "overflow": {"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 8]}},
    "negative": {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
    "backwards": {"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
    "fractions": {"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}},
    "booleans": {"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 8]}},
    "no description": {"a": 3},
    "no dtype": {"a": {"shape": [2], "data_offsets": [0, 8]}},
    "a list": [],
}


@pytest.mark.parametrize("name", HEADERS)
def test_wrong_safetensors_headers_are_refused(tmp_path: Path, name: str) -> None:
    header = json.dumps(HEADERS[name]).encode().ljust(8)
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    with pytest.raises(CheckpointError):
        open_checkpoint(path)


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"a":NaN}',
        b'{"a":\xff}',
        b"{" + b'"a":[' + b"[]," * 3_500_000 + b"1]}",
        b'{"a":' + b"9" * 5000 + b"}",
        b"{",
    ],
)
def test_headers_that_are_no_sound_json_are_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(CheckpointError, match=r"parsed|JSON"):
        open_checkpoint(path)


def test_a_header_length_beyond_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    with pytest.raises(CheckpointError, match="header longer"):
        open_checkpoint(path)


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path / "pipe.pth", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(CheckpointError, match="no file"):
            open_checkpoint(path)


def test_the_attacks_would_run_if_unpickled(tmp_path: Path, marker: Path) -> None:
    pickle.loads(pickle.dumps(Attack(os.system, f"touch {marker}")))
    assert marker.exists()
