from __future__ import annotations

import pickle
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.weights import Array
from tests.checkpoint.samples import torch_zip, torchscript

FORMATS = {"torch": True, "torch-legacy": False}
Save = Callable[[Any, str], Path]
DTYPES = [*torch_zip.DTYPES, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


@pytest.fixture(params=FORMATS)
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Save:
    def save(what: Any, name: str = "model.pth") -> Path:
        torch.save(what, tmp_path / name, _use_new_zipfile_serialization=FORMATS[request.param])
        return tmp_path / name

    return save


def bits(tensor: torch.Tensor) -> bytes:
    """The elements' bytes in row-major order, whatever the dtype."""
    stored = tensor.int_repr() if tensor.is_quantized else tensor
    flat = torch.empty(stored.numel(), dtype=stored.dtype).copy_(
        stored.resolve_conj().resolve_neg().reshape(-1)
    )
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def same(found: Array, expected: torch.Tensor) -> bool:
    return tuple(found.shape) == tuple(expected.shape) and found.tobytes() == bits(expected)


def test_every_dtype_and_view_is_read_bit_for_bit(save: Save) -> None:
    expected = torch_zip.tensors(3) | torch_zip.quantized(3)
    checkpoint = open_checkpoint(save(expected, "m.pth"))
    assert list(checkpoint) == list(expected)
    for name, tensor in checkpoint.items():
        assert same(tensor.numpy(), expected[name]), name
        assert same(tensor.flat(0, tensor.size), expected[name].reshape(-1)), name
        assert tensor.size == expected[name].numel()
    assert checkpoint.ties == (("base", "tied"),)
    assert checkpoint.hazards == ()
    assert checkpoint.skips == ()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    dtype=st.sampled_from(DTYPES),
    sides=st.lists(st.integers(0, 5), max_size=4),
    seed=st.integers(0, 99),
)
def test_any_view_is_read_as_torch_reads_it(
    save: Save, data: st.DataObject, dtype: torch.dtype, sides: list[int], seed: int
) -> None:
    torch.manual_seed(seed)
    tensor = (torch.randn(sides) * 10).abs().to(dtype)
    for axis in range(len(sides)):
        start = data.draw(st.integers(0, sides[axis]))
        tensor = tensor.narrow(axis, start, data.draw(st.integers(0, sides[axis] - start)))
    if sides:
        tensor = tensor.permute(data.draw(st.permutations(range(len(sides)))))
    if tensor.ndim and data.draw(st.booleans()):
        tensor = tensor[..., :: data.draw(st.integers(1, 3))]
    found = open_checkpoint(save({"w": tensor}, "m.pt"))["w"]
    assert same(found.numpy(), tensor)
    start, stop = sorted(
        data.draw(st.tuples(st.integers(0, found.size), st.integers(0, found.size)))
    )
    assert found.flat(start, stop).tobytes() == bits(tensor.reshape(-1)[start:stop])


def test_quantised_tensors_are_dequantised_as_torch_does(save: Save) -> None:
    expected = torch_zip.quantized(1)
    checkpoint = open_checkpoint(save(expected, "m.pth"))
    for name, tensor in checkpoint.items():
        np.testing.assert_allclose(
            tensor.values(), expected[name].dequantize().numpy(), rtol=1e-6, atol=1e-7
        )


def test_a_training_checkpoint_shows_its_model_and_lists_the_rest(save: Save) -> None:
    checkpoint = open_checkpoint(save(torch_zip.content(2), "m.pth"))
    assert checkpoint.container == ("model_state_dict",)
    assert [(entry.label, entry.kind, entry.tensors) for entry in checkpoint.containers] == [
        ("(top level)", "other", 2),
        ('["model_state_dict"]', "model", len(torch_zip.tensors(2)) + 2),
        ('["optimizer_state_dict"]', "optimizer", 6),
    ]
    assert checkpoint.metadata["epoch"] == "2"
    assert checkpoint.metadata["loss"] == "0.5"
    assert checkpoint.metadata["args.lr"] == "0.0001"
    assert checkpoint.hazards == ()


def test_sparse_tensors_are_skipped_with_the_reason(save: Save) -> None:
    checkpoint = open_checkpoint(
        save({"a.weight": torch.eye(3), "b.weight": torch.eye(3).to_sparse()}, "m.pth")
    )
    assert list(checkpoint) == ["a.weight"]
    assert [(skip.where, skip.reason) for skip in checkpoint.skips] == [
        ("b.weight", "a sparse tensor")
    ]


def test_a_pickled_module_gives_its_state_dict_and_what_is_trained(save: Save) -> None:
    module = torchscript.module(1)
    checkpoint = open_checkpoint(save(module, "m.pt"))
    state = module.state_dict()
    assert set(checkpoint) == set(state)
    assert all(same(tensor.numpy(), state[name]) for name, tensor in checkpoint.items())
    trained = dict(module.named_parameters())
    assert all(tensor.trainable is (name in trained) for name, tensor in checkpoint.items())
    assert checkpoint.hazards == ()


def test_numpy_arrays_inside_are_read(save: Save) -> None:
    arrays = {
        "mean": np.arange(5.0),
        "large": np.arange(9000, dtype=">i4").reshape(90, 100),
        "columns": np.asfortranarray(np.eye(3)[:2]),
    }
    checkpoint = open_checkpoint(
        save({"stats": arrays, "step": np.int64(7)}, "m.pth"), container="stats"
    )
    for name, array in arrays.items():
        np.testing.assert_array_equal(checkpoint[name].numpy(), array)
        np.testing.assert_array_equal(checkpoint[name].flat(1, 3), array.ravel()[1:3])
    assert checkpoint.metadata["step"] == "7"


def test_torchscript_gives_the_modules_tensors_without_hazards(tmp_path: Path) -> None:
    module = torchscript.make(tmp_path / "m.pt", 2)
    checkpoint = open_checkpoint(tmp_path / "m.pt")
    state = module.state_dict()
    assert checkpoint.format == "torchscript"
    assert set(checkpoint) == set(state)
    assert all(same(tensor.numpy(), state[name]) for name, tensor in checkpoint.items())
    assert checkpoint.hazards == ()


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    values = {
        "a": torch.arange(4, dtype=torch.float32),
        "b": torch.arange(3).bfloat16(),
        "c": torch.tensor([1 + 2j]),
    }
    path = tmp_path / "m.pth"
    torch.save(values, path)
    swapped = rewritten(
        path,
        {"byteorder": lambda _: b"big", "data/0": swap(4), "data/1": swap(2), "data/2": swap(4)},
    )
    checkpoint = open_checkpoint(swapped)
    assert all(
        same(
            checkpoint[name].numpy().astype(checkpoint[name].numpy().dtype.newbyteorder("=")),
            values[name],
        )
        for name in values
    )


def test_deflated_archives_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    torch.save({"w": torch.arange(1000.0)}, path)
    np.testing.assert_array_equal(
        open_checkpoint(rewritten(path, {}, deflate=True))["w"].numpy(), np.arange(1000.0)
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_plain_pickle_of_arrays_and_tensors_is_read(tmp_path: Path, protocol: int) -> None:
    tied = torch.arange(6.0).reshape(2, 3)
    values = {
        "a.weight": np.eye(3),
        "a.tied": tied,
        "a.same": tied,
        "a.row": tied[1],
        "a.long": torch.randn(3000).bfloat16(),
    }
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(values, protocol=protocol))
    checkpoint = open_checkpoint(tmp_path / "m.pkl")
    assert checkpoint.format == "pickle"
    assert checkpoint.hazards == ()
    assert list(checkpoint) == list(values)
    np.testing.assert_array_equal(checkpoint["a.weight"].numpy(), np.eye(3))
    assert all(
        same(checkpoint[name].numpy(), value)
        for name, value in values.items()
        if isinstance(value, torch.Tensor)
    )
    assert checkpoint.ties == (("a.tied", "a.same"),)


def test_a_lone_tensor_and_a_list_of_state_dicts_are_read(save: Save) -> None:
    assert list(open_checkpoint(save(torch.ones(2), "one.pt"))) == ["tensor"]
    checkpoint = open_checkpoint(save(({"l.weight": torch.ones(2)}, {"lr": 0.1}), "pair.pt"))
    assert (checkpoint.container, list(checkpoint)) == ((0,), ["l.weight"])


def test_the_tar_format_is_named_with_what_to_do(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m.pth", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(CheckpointError, match="save it again"):
        open_checkpoint(tmp_path / "m.pth")


def test_a_truncated_file_says_so(save: Save) -> None:
    path = save({"w": torch.zeros(1000)}, "m.pth")
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(CheckpointError, match="fetch it again"):
        open_checkpoint(path)


OPEN_IN_LITTLE_MEMORY = """
import os, sys
from auscult.checkpoint import open_checkpoint
def read_resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = read_resident()
checkpoint = open_checkpoint(sys.argv[1])
assert len(checkpoint) == 10
opened = read_resident() - before
heavy = {'torch', 'scipy', 'rich', 'ml_dtypes', 'safetensors', 'soundfile'} & set(sys.modules)
assert not heavy, heavy
kept = [tensor.numpy() for tensor in checkpoint.values()]
total = sum(array.sum() for array in kept)
print(opened, read_resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
def test_opening_reads_no_elements_and_imports_no_framework(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    torch.save({"generator": {f"l.{i}.weight": torch.zeros(1000, 1000) for i in range(10)}}, path)
    ran = subprocess.run(
        [sys.executable, "-c", OPEN_IN_LITTLE_MEMORY, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    opened, read = map(int, ran.stdout.split())
    assert opened < 8e6
    assert read > 40e6, "what is read is seen by this measure"


def swap(width: int) -> Callable[[bytes], bytes]:
    return lambda data: np.frombuffer(data, f"<u{width}").byteswap().tobytes()


def rewritten(
    path: Path, changes: dict[str, Callable[[bytes], bytes]], *, deflate: bool = False
) -> Path:
    """A copy of an archive with some members changed."""
    import zipfile

    copy = path.with_name("copy.pth")
    with (
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED) as new,
    ):
        for name in old.namelist():
            change = changes.get(name.partition("/")[2], lambda data: data)
            new.writestr(name, change(old.read(name)))
    return copy


class RankPart:
    """Pickled as torch pickles a DTensor: a wrapper without values, with the rank's own part in its state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild = torch._utils._rebuild_wrapper_subclass
        details = (torch.distributed.tensor.DTensor, torch.float32, (4, 6), (6, 1), 0)
        arguments = (rebuild, torch.distributed.tensor.DTensor, details, self.state)
        return torch._tensor._rebuild_from_type_v2, arguments


@pytest.mark.parametrize("state", [{"_local_tensor": torch.ones(2, 6)}, (None, {})])
def test_one_ranks_part_of_a_tensor_is_said_to_be_that(state: Any, tmp_path: Path) -> None:
    import torch.distributed.tensor

    torch.save({"weight": RankPart(state), "bias": torch.ones(4)}, tmp_path / "rank0.pt")
    checkpoint = open_checkpoint(tmp_path / "rank0.pt")
    (skip,) = checkpoint.skips
    assert skip.is_weight
    assert "one rank's part" in skip.reason
    assert list(checkpoint) == ["bias"]
