from __future__ import annotations

from pathlib import Path

import pytest
import torch

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.checkpoint.folder_samples import deepspeed

RANK_1 = "zero_pp_rank_1_mp_rank_00_optim_states.pt"


def truth(seed: int) -> dict[str, torch.Tensor]:
    return {name: tensor for group in deepspeed.draw(seed) for name, tensor in group.items()}


def assert_is_whole(checkpoint: Checkpoint, seed: int) -> None:
    for name, tensor in truth(seed).items():
        assert checkpoint[name].dtype == "float32"
        assert checkpoint[name].numpy().tobytes() == tensor.numpy().tobytes()
        assert checkpoint[name].flat(1, 3).tobytes() == tensor.reshape(-1)[1:3].numpy().tobytes()


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_masters_of_all_ranks_make_the_model(stage: int, ranks: int, tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(4), stage=stage, ranks=ranks)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.format == "deepspeed"
    assert list(checkpoint) == ["conv.weight", "head.weight", "conv.bias", "window"]
    assert_is_whole(checkpoint, 4)
    assert checkpoint["window"].trainable is False
    assert checkpoint.skips == ()


def test_the_folder_above_is_read_through_latest(tmp_path: Path) -> None:
    (tmp_path / "global_step7").mkdir()
    deepspeed.write(tmp_path / "global_step7", deepspeed.draw(4), stage=2, ranks=2, prefix="bf16_")
    (tmp_path / "latest").write_text("global_step7\n")
    assert_is_whole(open_checkpoint(tmp_path), 4)
    (tmp_path / "latest").write_text("../elsewhere")
    with pytest.raises(CheckpointError, match="without a checkpoint"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("stage", [2, 3])
def test_frozen_and_shared_weights_are_read(stage: int, tmp_path: Path) -> None:
    frozen = torch.arange(6.0).reshape(2, 3)
    extra = {
        "frozen_param_shapes": {"frozen.weight": frozen.shape},
        "frozen_param_fragments": {"frozen.weight": frozen},
        "shared_params": {"tied.weight": "head.weight"},
    }
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=stage, ranks=2, extra=extra)
    if stage == 3:
        for rank, fragment in enumerate(frozen.reshape(-1).chunk(2)):
            path = tmp_path / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt"
            state = torch.load(path)
            state["frozen_param_fragments"] = {"frozen.weight": fragment.clone()}
            torch.save(state, path)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint["frozen.weight"].numpy().tolist() == frozen.tolist()
    assert checkpoint["tied.weight"].numpy().tolist() == checkpoint["head.weight"].numpy().tolist()


@pytest.mark.parametrize("stage", [2, 3])
def test_a_missing_rank_is_named(stage: int, tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=stage, ranks=2)
    (tmp_path / RANK_1).unlink()
    with pytest.raises(CheckpointError, match=f"lacks the part of rank 1: {RANK_1}"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("stage", [2, 3])
def test_parts_of_another_model_are_refused(stage: int, tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=stage, ranks=2)
    state = torch.load(tmp_path / RANK_1)
    key = "fp32_flat_groups" if stage == 3 else "single_partition_of_fp32_groups"
    state["optimizer_state_dict"][key][0] = torch.zeros(40)
    torch.save(state, tmp_path / RANK_1)
    with pytest.raises(CheckpointError, match="another number of values"):
        open_checkpoint(tmp_path)


def test_a_model_cut_over_tensor_ranks_is_refused(tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=2, ranks=2)
    (tmp_path / "mp_rank_01_model_states.pt").write_bytes(
        (tmp_path / "mp_rank_00_model_states.pt").read_bytes()
    )
    with pytest.raises(CheckpointError, match="tensor or pipeline ranks"):
        open_checkpoint(tmp_path)


def test_a_file_of_the_name_that_is_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "mp_rank_00_model_states.pt")
    torch.save({"a": torch.ones(2)}, tmp_path / "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    with pytest.raises(CheckpointError, match="is something else"):
        open_checkpoint(tmp_path)


def test_model_states_alone_say_where_the_masters_are(tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=2, ranks=2)
    checkpoint = open_checkpoint(tmp_path / "mp_rank_00_model_states.pt")
    assert checkpoint["conv.weight"].dtype == "bfloat16"
    (skip,) = checkpoint.skips
    assert "float32 masters" in skip.reason
    assert not skip.is_weight
    assert "param_shapes" not in " ".join(checkpoint.metadata)


def test_placeholders_of_stage_3_are_no_weights(tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=3, ranks=2)
    alone = tmp_path / "zero_pp_rank_0_mp_rank_00_model_states.pt"
    checkpoint = open_checkpoint(alone)
    assert list(checkpoint) == ["window"]
    placeholders = [skip for skip in checkpoint.skips if skip.is_weight]
    assert {skip.where for skip in placeholders} == set(truth(1))
    torch.save(truth(1) | {"window": torch.arange(4.0)}, tmp_path / "truth.pth")
    assert diff(alone, tmp_path / "truth.pth").verdict is Verdict.INCONCLUSIVE
    assert diff(tmp_path, tmp_path / "truth.pth").verdict is Verdict.PASS


def test_inspect_does_not_pass_what_it_could_not_read(tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=3, ranks=2)
    alone = tmp_path / "zero_pp_rank_0_mp_rank_00_model_states.pt"
    state = torch.load(alone)
    del state["module"]["window"]
    torch.save(state, alone)
    assert inspect(alone).verdict is Verdict.INCONCLUSIVE


def test_an_empty_tensor_without_a_shape_elsewhere_stays_one(tmp_path: Path) -> None:
    deepspeed.write(tmp_path, deepspeed.draw(1), stage=2, ranks=2)
    path = tmp_path / "mp_rank_00_model_states.pt"
    state = torch.load(path)
    state["module"]["empty"] = torch.empty(0, 4)
    torch.save(state, path)
    assert open_checkpoint(path)["empty"].shape == (0, 4)
