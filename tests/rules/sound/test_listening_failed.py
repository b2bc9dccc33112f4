"""A value that is no number beside a reference, and a file at which listening itself fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.sound.recording import read_recording
from auscult.verbs.listen import one_file
from auscult.verbs.listen.listen import listen
from auscult.verdict import Verdict
from tests.sound.mel_grid import sound

CLEAN = sound(16000, 1.5, 7)


def write(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples.T, 16000, subtype="FLOAT")
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_value_that_is_no_number_beside_a_reference(tmp_path: Path, value: float) -> None:
    samples = CLEAN.samples.copy()
    samples[0, 8000] = value
    bad, good = write(tmp_path / "bad.wav", samples), write(tmp_path / "good.wav", CLEAN.samples)
    report = listen(bad, reference=good)
    assert [finding.cause for finding in report.findings] == ["non-finite-sound"]


def test_a_folder_goes_on_after_a_file_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.wav", CLEAN.samples)
    read = read_recording

    def fail_at_a(path: str) -> object:
        if path.endswith("a.wav"):
            raise IndexError("index -1 is out of bounds")
        return read(path)

    monkeypatch.setattr(one_file, "read_recording", fail_at_a)
    report = listen(tmp_path, workers=0)
    assert report.verdict is Verdict.INCONCLUSIVE
    (failure,) = (each for each in report.findings if each.cause == "listening-failed")
    assert "IndexError: index -1" in failure.message
    assert len(report.extra["recordings"]) == 2
    monkeypatch.undo()
    assert listen(tmp_path, workers=0).verdict is Verdict.PASS
