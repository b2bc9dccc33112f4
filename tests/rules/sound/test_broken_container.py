"""WAV files whose header states another length than there is, and one that is right."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.rules.sound.snd038_broken_container import check
from auscult.rules.sound.subject import ContainerSubject


def write(path: Path) -> bytearray:
    samples = np.random.default_rng(0).uniform(-0.1, 0.1, 16000)
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    return bytearray(path.read_bytes())


def tell(path: Path) -> list[str]:
    return [finding.message for finding in check(ContainerSubject(str(path)))]


def test_a_right_file_is_quiet(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    assert tell(tmp_path / "a.wav") == []


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "covers 0.00 s"), (16000, "covers 0.50 s"), (0xFFFFFFFF, "never filled in")],
)
def test_a_size_that_is_wrong(tmp_path: Path, size: int, words: str) -> None:
    path = tmp_path / "a.wav"
    data = write(path)
    data[40:44] = struct.pack("<I", size)
    path.write_bytes(data)
    (message,) = tell(path)
    assert words in message


def test_a_file_that_ends_inside_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(write(path)[:20044])
    (message,) = tell(path)
    assert "ends inside its samples" in message
