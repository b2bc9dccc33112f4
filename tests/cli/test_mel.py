"""`auscult mel` at the command line: what it prints, its exit codes, every kind of file, and its errors in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_search.families import FAMILIES, find_family
from auscult.sound.recording import read_recording, write_recording
from auscult.verbs.mel import mel
from auscult.verdict import Verdict
from tests.sound.mel_grid import sound

MELGAN = FAMILIES["melgan"].definition


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(sound(22050, 2.0, 1), tmp_path_factory.mktemp("mel") / "speech.wav")


@pytest.fixture(scope="module")
def values(wav: Path) -> np.ndarray:
    return mel_spectrogram(read_recording(wav).mono, MELGAN)


def test_what_it_says(
    auscult: Callable[..., Any], wav: Path, values: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "mel.npy", values.T)
    ran = auscult("mel", wav, tmp_path / "mel.npy")
    assert ran.exit_code == 0
    assert "the mel of melgan" in ran.out
    assert "logarithm                   log10\n" in ran.out
    assert "[frames, bands]: transposed" in ran.out
    assert (
        "librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=0.0, fmax=11025.0, htk=False"
        in ran.out
    )
    assert "exact: residual" in ran.out


def test_what_to_change(
    auscult: Callable[..., Any], wav: Path, values: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "mel.npy", values)
    ran = auscult("mel", wav, tmp_path / "mel.npy", "--against", "hifigan", "--format", "json")
    assert ran.exit_code == 1
    report = json.loads(ran.out)
    assert report["verdict"] == "DIVERGENT"
    (finding,) = report["findings"]
    assert finding["cause"] == "mel-definition"
    assert finding["evidence"]["log"] == {"found": "log10", "wanted": "ln"}
    assert "highest frequency 11025 -> 8000; logarithm log10 -> ln" in finding["message"]
    assert {
        change["setting"] for change in report["mel"]["against"]["changes"] if not change["open"]
    } == {"fmax", "log"}
    assert report["coverage"]["compared"] == values.shape[1]


def test_only_the_logarithm_is_converted_without_the_sound(wav: Path, values: np.ndarray) -> None:
    report = mel(wav, values * np.float32(np.log(10)), against="bigvgan-22k")
    assert report.verdict is Verdict.PASS, report.findings
    report = mel(wav, values, against="bigvgan-22k")
    fix = report.findings[0].fix
    assert fix is not None
    assert fix.code is not None
    assert "log10 -> ln" in fix.code


@pytest.mark.parametrize("kind", ["npz", "safetensors", "pt"])
def test_every_kind_of_file(wav: Path, values: np.ndarray, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mel.{kind}"
    other = np.zeros((3, 5), np.float32)
    if kind == "npz":
        np.savez(path, mel=values, other=other)
    elif kind == "safetensors":
        save_file({"mel": values[None].copy(), "other": other}, path)
    else:
        torch = pytest.importorskip("torch")
        torch.save({"mel": torch.from_numpy(values), "other": torch.from_numpy(other)}, path)
    report = mel(wav, path)
    assert report.extra["mel"]["definition"]["log"] == "log10"
    assert report.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--against", "encodec"), "encodec takes no mel: it takes samples"),
        (("--against", "nothing"), "no such family"),
        (("--key", "melody"), "has no such tensor"),
    ],
)
def test_errors_in_one_line(
    auscult: Callable[..., Any], wav: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    np.save(tmp_path / "mel.npy", np.zeros((80, 172)))
    ran = auscult("mel", wav, tmp_path / "mel.npy", *arguments)
    assert ran.exit_code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_several_tensors_need_a_name(
    auscult: Callable[..., Any], wav: Path, values: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "two.npz", a=values, b=values)
    ran = auscult("mel", wav, tmp_path / "two.npz")
    assert ran.exit_code == 2
    assert "name it with --key" in ran.err
    assert auscult("mel", wav, tmp_path / "two.npz", "--key", "a", "-q").exit_code == 0


def test_a_longer_mel_than_the_sound(
    auscult: Callable[..., Any], wav: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "mel.npy", np.random.default_rng(0).normal(size=(80, 9000)))
    ran = auscult("mel", wav, tmp_path / "mel.npy")
    assert ran.exit_code == 2
    assert "more than the sound has room for" in ran.err


def test_names_of_families() -> None:
    assert find_family("CosyVoice2") is FAMILIES["chatterbox"]
    assert all(entry.source for entry in FAMILIES.values())
