"""Copies and critics among flat names: listed as containers, and not taken for the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from auscult.checkpoint import open_checkpoint
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint

MODEL = {"conv.weight": (8, 4, 3), "conv.bias": (8,), "out.weight": (1, 8, 3)}


def draw_state(
    prefix: str, seed: int, names: dict[str, tuple[int, ...]] = MODEL
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        f"{prefix}{name}": rng.standard_normal(shape, np.float32) for name, shape in names.items()
    }


@pytest.mark.parametrize(
    ("model", "copy"),
    [("gen.", "ema."), ("diffusion.", "diffusion_ema.ema_model."), ("", "model_ema.")],
)
def test_an_averaged_copy_is_a_version(tmp_path: Path, model: str, copy: str) -> None:
    path = tmp_path / "m.safetensors"
    save_file(draw_state(model, 0) | draw_state(copy, 1), path)
    checkpoint = open_checkpoint(path)
    assert set(checkpoint) == {f"{model}{name}" for name in MODEL}
    versions = [entry for entry in checkpoint.containers if entry.kind == "ema"]
    assert [entry.tensors for entry in versions] == [len(MODEL)]
    chosen = open_checkpoint(path, copy.rstrip("."))
    assert len(chosen) == len(MODEL)


def test_a_critic_is_not_the_model(tmp_path: Path) -> None:
    path = tmp_path / "lightning.ckpt"
    critic = draw_state("discriminator.", 2, {"convs.0.weight": (4, 1, 5), "convs.0.bias": (4,)})
    state = draw_state("generator.", 0) | critic
    torch.save(
        {"state_dict": {name: torch.from_numpy(array) for name, array in state.items()}}, path
    )
    assert set(open_checkpoint(path)) == {f"generator.{name}" for name in MODEL}


def test_a_training_module_finds_its_critic_in_the_file(tmp_path: Path) -> None:
    """The module holds the discriminator too: nothing of it is missing."""
    critic = draw_state("discriminator.", 2, {"convs.0.weight": (4, 1, 5), "convs.0.bias": (4,)})
    state = draw_state("generator.", 0) | critic
    path = tmp_path / "lightning.ckpt"
    torch.save(
        {"state_dict": {name: torch.from_numpy(array) for name, array in state.items()}}, path
    )
    report = diff(path, Checkpoint.of(state))
    assert report.verdict is not Verdict.DIVERGENT
    assert report.coverage is not None
    assert report.coverage.total == len(state)


def test_a_critic_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "d.safetensors"
    critic = draw_state("discriminator.", 2) | draw_state("mpd.", 3)
    save_file(critic, path)
    assert set(open_checkpoint(path)) == set(critic)


def test_twins_without_the_name_of_an_average_are_one_model(tmp_path: Path) -> None:
    """Two towers of one shape, as of text and audio, are both the model."""
    path = tmp_path / "towers.safetensors"
    state = draw_state("text_encoder.", 0) | draw_state("audio_encoder.", 1)
    save_file(state, path)
    assert set(open_checkpoint(path)) == set(state)


def test_an_average_that_nothing_else_holds_is_the_model(tmp_path: Path) -> None:
    """F5-TTS releases hold `ema_model.` names alone."""
    path = tmp_path / "f5.safetensors"
    state = draw_state("ema_model.", 0)
    save_file(state, path)
    assert set(open_checkpoint(path)) == set(state)
