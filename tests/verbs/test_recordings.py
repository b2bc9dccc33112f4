"""A folder of recordings before a training: the flawed ones are listed, the good ones are not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult.errors import UsageError
from auscult.rules.training._recordings_text import format_flawed
from auscult.verbs.listen.one_file import ListenedFile
from auscult.verbs.preflight import preflight
from auscult.verbs.recordings import check_recordings, find_copies, hear_recordings
from auscult.verdict import Verdict

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
    assert (check.count, check.flawed, check.copies) == (4, {}, {})


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


def test_copies_are_named_once_in_any_container(folder: Path) -> None:
    shutil.copy(folder / "good1.wav", folder / "later.wav")
    soundfile.write(folder / "packed.flac", *soundfile.read(folder / "good1.wav"))
    quieter = 0.5 * soundfile.read(folder / "good1.wav")[0]
    soundfile.write(folder / "quieter.wav", quieter, RATE)
    paths = [str(path) for path in sorted(folder.iterdir())]
    copies = {Path(path).name: Path(first).name for path, first in find_copies(paths).items()}
    assert copies == {"later.wav": "good1.wav", "packed.flac": "good1.wav"}


@pytest.fixture
def headers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the sound does not matter: only headers are read, which takes no time."""

    def hear_all(paths: list[str], *_: Any, **__: Any) -> list[ListenedFile]:
        return [
            ListenedFile(path, (), recording={"sample_rate": soundfile.info(path).samplerate})
            for path in paths
        ]

    monkeypatch.setattr("auscult.verbs.recordings.hear_all", hear_all)


def causes(folder: Path, **options: Any) -> dict[str, str]:
    """What preflight finds in a folder, with its severity."""
    report = preflight(data=folder, **options)
    assert report.section is not None
    return {finding.cause: finding.severity.value for finding in report.findings}


def test_preflight_lists_all_that_is_wrong_in_one_run(folder: Path) -> None:
    voice = make_voice(7)
    soundfile.write(folder / "offset.wav", 0.4 * voice + 0.4, RATE)
    soundfile.write(folder / "slow.wav", voice, RATE // 2)
    shutil.copy(folder / "good1.wav", folder / "later.wav")
    report = preflight(data=folder)
    found = {finding.cause: finding for finding in report.findings}
    assert report.verdict is Verdict.DIVERGENT
    assert list(found) == ["flawed-recordings", "uneven-recordings", "copied-recordings"]
    assert "1 dc (offset.wav)" in found["flawed-recordings"].message
    assert "1 at 8000 Hz (slow.wav)" in found["uneven-recordings"].message
    assert "later.wav = good1.wav" in found["copied-recordings"].message


@pytest.mark.usefixtures("headers_alone")
def test_preflight_passes_a_good_folder_and_knows_the_rate_of_the_training(folder: Path) -> None:
    assert causes(folder, sample_rate=RATE) == {}
    assert causes(folder, sample_rate=2 * RATE) == {"uneven-recordings": "warning"}


@pytest.mark.usefixtures("headers_alone")
def test_held_out_recordings_that_are_trained_on_are_named(folder: Path) -> None:
    (folder / "valid").mkdir()
    shutil.move(folder / "good3.wav", folder / "valid" / "good3.wav")
    assert causes(folder) == {}
    shutil.copy(folder / "good0.wav", folder / "valid" / "again.wav")
    assert causes(folder) == {"held-out-in-training": "error"}


@pytest.mark.usefixtures("headers_alone")
def test_the_folder_of_a_trainer_is_looked_at_in_part(folder: Path) -> None:
    check = hear_recordings(folder, most=2)
    assert (check.count, check.heard) == (4, 2)


def test_a_long_list_is_cut() -> None:
    flawed: dict[str, tuple[str, ...]] = {
        f"/data/{number}.wav": ("silence",) for number in range(50)
    }
    text = format_flawed(flawed, Path("/data"))
    assert text.startswith("50 silence (0.wav, 1.wav")
    assert text.endswith("and 30 more)")
