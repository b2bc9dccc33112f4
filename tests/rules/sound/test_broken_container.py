"""WAV files whose header states another length than there is, and one that is right."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import AudioError
from auscult.rules.sound.snd038_broken_container import check
from auscult.rules.sound.subject import ContainerSubject
from auscult.sound.container import describe_foreign_file
from auscult.sound.stream import read_header


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
    [
        (0, "covers 0.00 s"),
        (16000, "covers 0.50 s"),
        (0xFFFFFFFF, "never filled in"),
        (2_000_000_000, "never filled in"),
    ],
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


@pytest.mark.parametrize(("shift", "is_low"), [(0, True), (8, False)])
def test_24_bits_in_the_lower_part_of_32(tmp_path: Path, shift: int, is_low: bool) -> None:
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, 16000)
    soundfile.write(path, ((samples * 2**23).astype(np.int32) << shift), 16000, subtype="PCM_32")
    told = [message for message in tell(path) if "lower 24" in message]
    assert bool(told) is is_low


def test_a_loud_recording_of_32_bits_is_right(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, 16000)
    soundfile.write(path, samples, 16000, subtype="PCM_32")
    assert tell(path) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<html>404</html>", "a web page"),
        (b"\0\0\0 ftypM4A ", "an MP4 container"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=words):
        read_header(path)
    (tmp_path / "b.wav").write_bytes(bytes(range(1, 60)))
    assert describe_foreign_file(tmp_path / "b.wav") is None
