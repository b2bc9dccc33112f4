"""The verb that fits what was named without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auscult.errors import UsageError
from auscult.verbs.choose import choose_command
from auscult.verbs.inspect.inspect import inspect

VERB_BY_NAMES = [
    (["model.npz"], ["inspect", "model.npz"]),
    (["model.npz", "other.npz"], ["diff", "model.npz", "other.npz"]),
    (["good.wav"], ["listen", "good.wav"]),
    (["good.wav", "bad.wav"], ["listen", "bad.wav", "--ref", "good.wav"]),
    (["good.wav", "bad.wav", "sounds"], ["listen", "good.wav", "bad.wav", "sounds"]),
    (["sounds"], ["listen", "sounds"]),
    (["model"], ["inspect", "model"]),
    (["good.wav", "mel.npy"], ["mel", "good.wav", "mel.npy"]),
    (["mel.npy", "good.wav"], ["mel", "good.wav", "mel.npy"]),
    (["model.npz", "good.wav"], ["diagnose", "model.npz", "--audio", "good.wav"]),
    (["report.json"], ["report", "report.json"]),
    (["report.json", "report.json"], ["report", "report.json", "report.json"]),
    (["code.py:build"], ["inspect", "code.py:build"]),
    (["model.npz", "code.py:build"], ["diff", "model.npz", "code.py:build"]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind, a folder of recordings, and a model's folder with a recording in it."""
    folder = tmp_path_factory.mktemp("kinds")
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    weights: dict[str, Any] = {
        f"conv.{index}.weight": noise[:96].reshape(4, 8, 3) for index in range(3)
    }
    np.savez(folder / "model.npz", **weights)
    np.savez(folder / "other.npz", **weights)
    np.save(folder / "mel.npy", noise.reshape(80, 100))
    for place in (folder, folder / "sounds", folder / "model"):
        place.mkdir(exist_ok=True)
        soundfile.write(place / "good.wav", 0.1 * noise, 8000)
    soundfile.write(folder / "bad.wav", 0.1 * noise, 8000)
    np.savez(folder / "model" / "weights.npz", **weights)
    inspect(folder / "model.npz").save(folder / "report.json")
    return folder


@pytest.mark.parametrize(("names", "words"), VERB_BY_NAMES, ids="+".join)
def test_paths_get_the_verb_that_fits(
    folder: Path, names: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert list(choose_command(names).words) == words


def test_what_does_not_go_together_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match="do not go together") as caught:
        choose_command(["good.wav", "report.json"])
    assert "report.json is a saved report" in str(caught.value)


def test_a_path_that_is_not_there_is_said() -> None:
    with pytest.raises(UsageError, match="no such file"):
        choose_command(["gone.wav"])
