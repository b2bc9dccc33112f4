from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auscult.errors import AudioError
from auscult.sound.recording import Recording, read_recording, write_recording


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    samples = np.round(np.random.default_rng(0).uniform(-0.9, 0.9, (2, 500)) * 32768) / 32768
    written = write_recording(Recording(samples.astype(np.float32), 22050), tmp_path / f"x{suffix}")
    back = read_recording(written)
    assert back.sample_rate == 22050
    np.testing.assert_allclose(back.samples, samples, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == [f"x{suffix}"]


def test_mono_cut_and_resampled() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000).astype(np.float32)
    recording = Recording(np.stack([tone, np.zeros_like(tone)]), 48000)
    assert recording.mono == pytest.approx(tone / 2)
    half = recording.cut(0.5).resample(16000)
    assert half.samples.shape == (2, 8000)
    assert half.seconds == 0.5
    expected = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000)
    np.testing.assert_allclose(half.samples[0, 500:-500], expected[500:-500], atol=1e-3)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not sound at all" * 10])
def test_what_is_not_sound_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=r"x\.wav"):
        read_recording(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be written"):
        write_recording(
            Recording.from_mono(np.zeros(8, np.float32), 8000), tmp_path / "no" / "x.wav"
        )
