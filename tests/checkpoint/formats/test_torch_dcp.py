from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch.distributed.checkpoint import metadata as dcp

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.verbs.inspect.inspect import inspect
from tests.checkpoint.folder_samples import torch_dcp


def bits(values: object) -> bytes:
    return torch.as_tensor(values).contiguous().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("axis", [0, 1])
def test_pieces_of_two_ranks_make_whole_tensors(axis: int, tmp_path: Path) -> None:
    expected = torch_dcp.draw(3)
    torch_dcp.write(tmp_path, expected, axis=axis)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.format == "torch-dcp"
    assert checkpoint.container == ("model",)
    assert list(checkpoint) == ["conv.weight", "conv.bias"]
    for name, tensor in checkpoint.items():
        whole = expected[f"model.{name}"]
        assert tensor.numpy().tobytes() == bits(whole)
        assert tensor.flat(2, 4).tobytes() == bits(whole.reshape(-1)[2:4])
    assert checkpoint["conv.weight"].flat(5, 19).tobytes() == bits(
        expected[torch_dcp.WEIGHT].reshape(-1)[5:19]
    )
    assert (checkpoint.skips, checkpoint.hazards) == ((), ())


def test_an_optimizer_is_not_the_model(tmp_path: Path) -> None:
    tensors = torch_dcp.draw(0)
    torch_dcp.write(tmp_path, tensors, axis=0)
    index = pickle.loads((tmp_path / ".metadata").read_bytes())
    index.planner_data[torch_dcp.BIAS] = ("optimizer", "state", 0, "exp_avg")
    (tmp_path / ".metadata").write_bytes(pickle.dumps(index))
    checkpoint = open_checkpoint(tmp_path)
    assert list(checkpoint) == ["conv.weight"]
    assert {entry.kind for entry in checkpoint.containers} == {"model", "optimizer"}


def test_each_rank_may_have_an_index_of_its_own(tmp_path: Path) -> None:
    expected = torch_dcp.draw(1)
    torch_dcp.write(tmp_path, expected, axis=0)
    index = pickle.loads((tmp_path / ".metadata").read_bytes())
    (tmp_path / ".metadata").unlink()
    for rank in (0, 1):
        entries: dict[str, dcp.TensorStorageMetadata | dcp.BytesStorageMetadata] = {}
        for name, entry in index.state_dict_metadata.items():
            if isinstance(entry, dcp.TensorStorageMetadata):
                chunks = entry.chunks[rank : rank + 1]
                if chunks:
                    entries[name] = dcp.TensorStorageMetadata(entry.properties, entry.size, chunks)
            elif rank == 0:
                entries[name] = entry
        part = dcp.Metadata(entries, index.planner_data, index.storage_data)
        (tmp_path / f"__{rank}.metadata").write_bytes(pickle.dumps(part))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint["conv.weight"].numpy().tobytes() == bits(expected[torch_dcp.WEIGHT])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    (tmp_path / "__1_0.distcp").unlink()
    with pytest.raises(CheckpointError, match=r"__1_0\.distcp, which is not there"):
        open_checkpoint(tmp_path)


def test_a_short_file_is_refused(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    content = (tmp_path / "__1_0.distcp").read_bytes()
    (tmp_path / "__1_0.distcp").write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match="points outside the file"):
        open_checkpoint(tmp_path)


def test_one_file_alone_names_its_index(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    with pytest.raises(CheckpointError, match=r"distributed checkpoint.*\.metadata lies in"):
        open_checkpoint(tmp_path / "__0_0.distcp")
    assert list(open_checkpoint(tmp_path / ".metadata")) == ["conv.weight", "conv.bias"]


@pytest.mark.parametrize("problem", ["gap", "overlap", "no place"])
def test_a_damaged_index_is_refused(problem: str, tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    index = pickle.loads((tmp_path / ".metadata").read_bytes())
    entry = index.state_dict_metadata[torch_dcp.WEIGHT]
    if problem == "gap":
        entry.chunks.pop()
    elif problem == "overlap":
        entry.chunks[1] = dcp.ChunkStorageMetadata(torch.Size([1, 0]), entry.chunks[1].sizes)
        index.storage_data = {
            (dcp.MetadataIndex(key.fqn, torch.Size([1, 0])) if key.index == 1 else key): place
            for key, place in index.storage_data.items()
        }
    else:
        index.storage_data.popitem()
    (tmp_path / ".metadata").write_bytes(pickle.dumps(index))
    expected = {"gap": "is not filled", "overlap": "overlap", "no place": "has no place"}[problem]
    with pytest.raises(CheckpointError, match=expected):
        open_checkpoint(tmp_path)


def test_pieces_that_were_exchanged_are_refused_when_read(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    index = pickle.loads((tmp_path / ".metadata").read_bytes())
    keys = {(key.fqn, key.index): key for key in index.storage_data}
    bias, weight = keys[torch_dcp.BIAS, 0], keys[torch_dcp.WEIGHT, 0]
    places = index.storage_data
    places[bias], places[weight] = places[weight], places[bias]
    (tmp_path / ".metadata").write_bytes(pickle.dumps(index))
    with pytest.raises(CheckpointError, match="than its index says"):
        open_checkpoint(tmp_path)["conv.bias"].numpy()


def test_a_compressed_piece_is_skipped_as_a_weight(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    index = pickle.loads((tmp_path / ".metadata").read_bytes())
    key = next(key for key in index.storage_data if key.fqn == torch_dcp.BIAS)
    index.storage_data[key].transform_descriptors = ["stream.zstd"]
    (tmp_path / ".metadata").write_bytes(pickle.dumps(index))
    (skip,) = open_checkpoint(tmp_path).skips
    assert skip.is_weight
    assert "compressed" in skip.reason


def test_a_folder_that_only_looks_similar_is_another(tmp_path: Path) -> None:
    (tmp_path / ".metadata").write_bytes(pickle.dumps({"title": "songs"}))
    with pytest.raises(CheckpointError, match="without a checkpoint"):
        open_checkpoint(tmp_path)


def test_the_index_is_not_executed(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    content = (tmp_path / ".metadata").read_bytes()
    call = b"cos\nsystem\n(S'true'\ntR0"
    (tmp_path / ".metadata").write_bytes(content[:-1] + call + b".")
    hazards = open_checkpoint(tmp_path).hazards
    assert [(hazard.what, hazard.calls) for hazard in hazards] == [("os.system", True)]


def test_the_remedy_of_a_nested_model_is_code_that_reads_the_folder(tmp_path: Path) -> None:
    torch_dcp.make(tmp_path, 0)
    (fix,) = (f.fix for f in inspect(tmp_path).findings if f.cause == "wrapped")
    assert fix is not None
    assert "dcp_to_torch_save" in str(fix.code)
