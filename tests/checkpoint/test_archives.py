"""Archives that hold a checkpoint: NeMo's tar, torch.export, GPT-SoVITS' marked zip, frozen TorchScript, whisper.cpp."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError


def draw_state(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "conv.weight": torch.randn(4, 3, 2, generator=generator),
        "conv.bias": torch.randn(4, generator=generator),
    }


def assert_same(path: Path, state: dict[str, torch.Tensor]) -> None:
    checkpoint = open_checkpoint(path)
    assert set(checkpoint) == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(checkpoint[name].numpy(), tensor.numpy())


def write_tar(path: Path, members: dict[str, bytes], mode: Literal["w", "w:gz"] = "w") -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def save_bytes(state: dict[str, torch.Tensor]) -> bytes:
    target = io.BytesIO()
    torch.save(state, target)
    return target.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_nemo(tmp_path: Path, mode: Literal["w", "w:gz"]) -> None:
    path = tmp_path / "m.nemo"
    members = {
        "./model_config.yaml": b"sample_rate: 22050\n",
        "./model_weights.ckpt": save_bytes(draw_state()),
    }
    write_tar(path, members, mode)
    assert_same(path, draw_state())
    assert "22050" in open_checkpoint(path).metadata["model_config.yaml"]


def test_a_tar_with_two_checkpoints_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "two.tar"
    write_tar(path, {"a.pth": save_bytes(draw_state(0)), "b.pth": save_bytes(draw_state(1))})
    with pytest.raises(CheckpointError, match="no single checkpoint"):
        open_checkpoint(path)


def test_a_truncated_tar_says_so(tmp_path: Path) -> None:
    path = tmp_path / "short.nemo"
    write_tar(path, {"./model_weights.ckpt": save_bytes(draw_state())})
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(CheckpointError):
        open_checkpoint(path)


@pytest.mark.parametrize("mark", [b"03", b"05"])
def test_a_version_in_place_of_pk(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "sovits.pth"
    content = save_bytes(draw_state())
    path.write_bytes(mark + content[2:])
    assert_same(path, draw_state())
    assert mark.decode() in open_checkpoint(path).metadata.values()


def test_other_first_bytes_are_no_version(tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    path.write_bytes(b"XX" + save_bytes(draw_state())[2:])
    with pytest.raises(CheckpointError):
        open_checkpoint(path)


class Frozen(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.linear(x)
        return result


def test_the_weights_of_frozen_torchscript_are_its_constants(tmp_path: Path) -> None:
    module = Frozen().eval()
    frozen = torch.jit.freeze(torch.jit.trace(module, torch.zeros(1, 5)))
    frozen.save(str(tmp_path / "frozen.pt"))
    checkpoint = open_checkpoint(tmp_path / "frozen.pt")
    shapes = sorted(tensor.shape for tensor in checkpoint.values())
    assert shapes == [(3,), (3, 5)]
    weight = next(tensor for tensor in checkpoint.values() if tensor.shape == (3, 5))
    np.testing.assert_array_equal(weight.numpy(), module.linear.weight.detach().numpy())


def test_torch_export(tmp_path: Path) -> None:
    module = Frozen().eval()
    program = torch.export.export(module, (torch.zeros(1, 5),))
    torch.export.save(program, tmp_path / "m.pt2")
    assert_same(
        tmp_path / "m.pt2", {name: tensor.detach() for name, tensor in module.state_dict().items()}
    )


def test_whisper_cpp(tmp_path: Path) -> None:
    from tests.checkpoint.samples import ggml_bin

    ggml_bin.make(tmp_path / "ggml.bin", 3)
    checkpoint = open_checkpoint(tmp_path / "ggml.bin")
    assert [tensor.shape for tensor in checkpoint.values()] == [(3, 2, 4), (3, 1), (2, 32)]
    assert [tensor.dtype for tensor in checkpoint.values()] == ["float32", "float16", "q8_0"]
    rng = np.random.default_rng(3)
    rng.random(12, np.float32)
    rng.standard_normal((2, 32), np.float32)
    expected = rng.standard_normal((3, 2, 4), np.float32)
    np.testing.assert_array_equal(checkpoint["encoder.conv1.weight"].numpy(), expected)
