"""`train vocoder`: from a folder of recordings to a judged vocoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("pystoi")

from click.testing import CliRunner  # noqa: E402

from auscult.cli.train import command  # noqa: E402
from auscult.errors import UsageError  # noqa: E402
from auscult.sound.recording import Recording, write_recording  # noqa: E402
from auscult.training.vocoder import loop  # noqa: E402
from auscult.verbs.train.vocoder import read_settings, train_vocoder_model  # noqa: E402
from auscult.verdict import Verdict  # noqa: E402
from tests.training.codec.small import RATE, tones  # noqa: E402
from tests.training.vocoder.small import MEL, NETWORKS  # noqa: E402

SETTINGS = {
    "model": NETWORKS["vocos"],
    "steps": 2,
    "batch": 2,
    "segment": 0.2,
    "critic_share": 1.0,
    "threads": 1,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for seed in range(4):
        write_recording(Recording.from_mono(tones(1.0, seed), RATE), recordings / f"{seed}.wav")
    return recordings


def test_a_folder_becomes_a_vocoder_at_the_command_line(folder: Path, tmp_path: Path) -> None:
    mel, config = tmp_path / "mel.json", tmp_path / "config.json"
    mel.write_text(json.dumps(MEL.to_config()))
    config.write_text(json.dumps(SETTINGS))
    out = tmp_path / "run"
    arguments = [
        "vocoder", str(folder), "--out", str(out), "--mel", str(mel), "--config", str(config),
        "--flawed", "use", "--device", "cpu",
    ]  # fmt: skip
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "Griffin-Lim on the same mel: STOI" in result.output
    assert "2 steps are too few to say" in result.output
    assert (out / "vocoder.safetensors").exists()


def test_a_vocoder_that_learnt_nothing_is_divergent(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auscult.rules.training.subject.MIN_JUDGED_STEPS", 1)
    monkeypatch.setattr(loop, "evaluate_griffin_lim", lambda _speech, _mel: {})
    settings = {**SETTINGS, "mel": MEL.to_config(), "data": str(folder), "learning_rate": 1e-12}
    report = train_vocoder_model(settings={**settings, "out": str(tmp_path / "a")}, flawed="use")
    assert report.verdict is Verdict.DIVERGENT
    assert [finding.cause for finding in report.findings] == ["nothing-learnt"]


def test_wrong_settings_are_told_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="nosuch"):
        read_settings({"mel": "nosuch"})
    with pytest.raises(UsageError, match="three or more"):
        train_vocoder_model(settings={"data": "nowhere", "mel": MEL.to_config()})
    result = CliRunner().invoke(command, ["codec", "--family", "vocos"])
    assert result.exit_code == 2
    assert "a vocoder's" in result.output
