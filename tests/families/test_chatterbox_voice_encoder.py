"""The voice encoder: torch against MLX at tiny size, its windows against their definition, and strict loading."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

from auscult import families  # noqa: E402
from auscult.errors import AudioError, CheckpointError  # noqa: E402
from auscult.families.chatterbox_voice_encoder import mlx as voice_mlx  # noqa: E402
from auscult.families.chatterbox_voice_encoder import signature  # noqa: E402
from auscult.families.chatterbox_voice_encoder import torch as voice  # noqa: E402
from auscult.families.chatterbox_voice_encoder.config import Config, tiny  # noqa: E402
from auscult.families.chatterbox_voice_encoder.features import averaged, counted, trimmed, windows  # noqa: E402
from tests.families import published  # noqa: E402
from tests.families.chatterbox import randomise, relative  # noqa: E402

CLOSE = 1e-4


def noise(seconds: float, seed: int = 0) -> Any:
    return (0.3 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))).astype(
        np.float32
    )


def arrays(module: Any) -> dict[str, Any]:
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def model() -> Any:
    return randomise(voice.build(tiny()))


def test_names_and_shapes_are_the_released_ones() -> None:
    state = {name: tuple(value.shape) for name, value in voice.build(Config()).state_dict().items()}
    assert state == signature.expected(Config()) == published.shapes("chatterbox_voice_encoder")
    assert families.detect_families(state)[0].config == Config()


def test_mlx_agrees_with_torch(model: Any) -> None:
    port = voice_mlx.build(tiny())
    voice_mlx.load(port, arrays(model))
    samples = noise(4.0)
    expected = model.speaker(samples)
    assert relative(port.speaker(samples), expected) <= CLOSE
    assert abs(np.linalg.norm(expected) - 1) < 1e-6
    assert (expected > 0).sum() >= 2


def test_the_ports_names_and_its_single_bias_are_the_same_model(model: Any) -> None:
    state = arrays(model)
    renamed: dict[str, Any] = {
        f"ve.{name}": value for name, value in state.items() if not name.startswith("lstm.")
    }
    for layer in range(3):
        ih, hh = state[f"lstm.bias_ih_l{layer}"], state[f"lstm.bias_hh_l{layer}"]
        stem = f"ve.lstm.layers.{layer}."
        renamed |= {
            stem + "Wx": state[f"lstm.weight_ih_l{layer}"],
            stem + "Wh": state[f"lstm.weight_hh_l{layer}"],
        }
        renamed[stem + "bias"] = ih + hh
    loaded, port = voice.build(tiny()), voice_mlx.build(tiny())
    voice.load(loaded, {name: torch.from_numpy(value) for name, value in renamed.items()}, "ve.")
    voice_mlx.load(port, renamed, "ve.")
    samples = noise(2.0)
    assert relative(loaded.speaker(samples), model.speaker(samples)) <= CLOSE
    assert relative(port.speaker(samples), model.speaker(samples)) <= CLOSE
    del renamed["ve.proj.bias"]
    with pytest.raises(CheckpointError):
        voice.load(
            loaded, {name: torch.from_numpy(value) for name, value in renamed.items()}, "ve."
        )
    with pytest.raises(CheckpointError):
        voice_mlx.load(port, renamed, "ve.")


@pytest.mark.parametrize(
    ("frames", "count"),
    [(1, 1), (100, 1), (160, 1), (161, 1), (204, 1), (205, 2), (237, 2), (282, 3), (10_000, 129)],
)
def test_windows_are_half_covered_and_the_last_one_mostly_sound(frames: int, count: int) -> None:
    """Windows of 160 every 77 frames; the last has at least 128 (80 %) of them, unless it is the only one."""
    found, length = counted(frames, Config())
    assert (found, length) == (count, 160 + 77 * (count - 1))
    assert count == 1 or frames - 77 * (count - 1) >= 128
    assert frames - 77 * count < 128


def test_windows_overlap_and_are_padded_with_zeros() -> None:
    samples = noise(2.3)
    cut = windows(samples, Config())
    assert cut.shape == (2, 160, 40)
    assert np.array_equal(cut[0, 77:], cut[1, :83])
    assert not cut[1, -1].any()
    assert cut[1, -10].any()


def test_silence_at_both_ends_is_no_voice(model: Any) -> None:
    speech = noise(1.0)
    padded = np.concatenate((np.zeros(16_384, np.float32), speech, np.zeros(20_480, np.float32)))
    kept = trimmed(padded)
    assert 16_000 <= len(kept) <= 16_000 + 3 * 2048
    assert len(trimmed(np.zeros(5000, np.float32))) == 5000
    with pytest.raises(AudioError, match="too short"):
        model.speaker(noise(0.01))


def test_no_voice_is_no_number_that_is_not_one() -> None:
    """Where the ReLU leaves nothing, the reference divides by zero."""
    dead = randomise(voice.build(replace(tiny(), final_relu=True)))
    with torch.no_grad():
        dead.proj.bias.fill_(-1e6)
    assert dead.speaker(noise(0.5)).tolist() == [0.0] * 8
    assert averaged(np.array([[3.0, 0.0], [0.0, 4.0]], np.float32)).tolist() == pytest.approx(
        [0.6, 0.8]
    )
