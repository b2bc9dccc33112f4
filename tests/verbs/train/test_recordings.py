"""A folder of recordings before a training: the flawed ones are listed, the good ones are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import UsageError
from auscult.verbs.train.recordings import check_recordings, find_copies, format_flawed

RATE = 16000


def make_voice(seed: int) -> np.ndarray:
    """A second and a half of a pitch with harmonics under syllables."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(1.5 * RATE)) / RATE
    pitch = rng.uniform(100, 200)
    voice = sum(np.sin(2 * np.pi * k * pitch * time + rng.uniform(0, 6)) / k for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6)) + 0.2, 0, None)
    sound = voice * syllables + 1e-3 * rng.standard_normal(len(time))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(4):
        soundfile.write(tmp_path / f"good{seed}.wav", make_voice(seed), RATE)
    return tmp_path


def test_good_recordings_pass(folder: Path) -> None:
    check = check_recordings(folder)
    assert (check.count, check.flawed, check.copies) == (4, {}, ())


def test_flawed_ones_are_listed_all_at_once(folder: Path) -> None:
    soundfile.write(folder / "silent.wav", np.zeros(RATE, np.float32), RATE)
    soundfile.write(folder / "offset.wav", 0.4 * make_voice(7) + 0.4, RATE)
    (folder / "broken.mp3").write_bytes(b"ID3\x03" + bytes(3000))
    with pytest.raises(UsageError, match="3 of 7 recordings") as error:
        check_recordings(folder)
    said = str(error.value)
    assert all(word in said for word in ("silent.wav", "offset.wav", "broken.mp3", "--flawed skip"))
    assert "good" not in said
    check = check_recordings(folder, flawed="skip")
    names = {Path(path).name for path in check.list_unwanted()}
    assert names == {"silent.wav", "offset.wav", "broken.mp3"}


def test_copies_are_named_once(folder: Path) -> None:
    shutil.copy(folder / "good1.wav", folder / "later.wav")
    paths = [str(path) for path in sorted(folder.iterdir())]
    assert [Path(path).name for path in find_copies(paths)] == ["later.wav"]


def test_a_long_list_is_cut() -> None:
    flawed: dict[str, tuple[str, ...]] = {
        f"/data/{number}.wav": ("silence",) for number in range(50)
    }
    text = format_flawed(flawed, Path("/data"))
    assert text.startswith("50 silence (0.wav, 1.wav")
    assert text.endswith("and 30 more)")
