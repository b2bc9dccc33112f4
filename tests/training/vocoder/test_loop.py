"""A vocoder's run: it leaves what `run vocoder` reads, resumes bit for bit, and stops with a diagnosis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")
pytest.importorskip("pystoi")

from auscult.checkpoint import open_checkpoint  # noqa: E402
from auscult.errors import UsageError  # noqa: E402
from auscult.families.codec.storage import read_tensors  # noqa: E402
from auscult.sound.mel import mel_spectrogram  # noqa: E402
from auscult.sound.recording import Recording, read_recording, write_recording  # noqa: E402
from auscult.training.loop import TrainingError, TrainingStoppedError  # noqa: E402
from auscult.training.recordings import Speech  # noqa: E402
from auscult.training.trainer import RESUME  # noqa: E402
from auscult.training.vocoder.loop import train_vocoder  # noqa: E402
from auscult.training.vocoder.trainer import RELEASE, VocoderTrainer  # noqa: E402
from auscult.training.vocoder.validate import render_frames  # noqa: E402
from auscult.verbs.diagnose.family_build import read_stored_mel  # noqa: E402
from auscult.verbs.run.vocoder.vocoder import run_vocoder  # noqa: E402
from tests.training.codec.small import RATE, tones  # noqa: E402
from tests.training.vocoder.small import MEL, config, speech  # noqa: E402


def read_lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("family", ["vocos", "hifigan"])
def test_run_vocoder_makes_the_sound_that_the_trainer_makes(tmp_path: Path, family: str) -> None:
    figures = train_vocoder(config(tmp_path, family=family, steps=2), speech())
    assert read_stored_mel(open_checkpoint(tmp_path / RELEASE)) == MEL
    assert figures.keys() == {"held_out", "griffin_lim"}
    assert figures["griffin_lim"]["mel_l1"] < figures["held_out"]["mel_l1"]

    samples = tones(1.0, 9)
    audio, output = tmp_path / "in.wav", tmp_path / "out.wav"
    write_recording(Recording.from_mono(samples, RATE), audio, exact=True)
    report = run_vocoder(tmp_path / RELEASE, output, audio=audio)
    assert family in str(report.to_json()["run"]["family"])

    trainer = VocoderTrainer(config(tmp_path, family=family, steps=2), speech())
    trainer.restore(*read_tensors(tmp_path / RESUME))
    expected = render_frames(trainer.generator, mel_spectrogram(samples, MEL))
    made = read_recording(output).mono[: len(expected)]
    assert np.abs(made - expected[: len(made)]).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("family", ["vocos", "hifigan"])
def test_a_resumed_run_is_the_same_bit_for_bit(tmp_path: Path, family: str) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_vocoder(config(whole, family=family), speech())
    step = VocoderTrainer.train_step

    def die_in_step_3(self: VocoderTrainer) -> dict[str, float]:
        if self.step == 3:
            raise KeyboardInterrupt
        return step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VocoderTrainer, "train_step", die_in_step_3)
        with pytest.raises(KeyboardInterrupt):
            train_vocoder(config(parts, family=family), speech())
    assert read_tensors(parts / RESUME)[1]["step"] == 2
    train_vocoder(config(parts, family=family), speech())
    first, second = (read_tensors(out / RESUME)[0] for out in (whole, parts))
    assert first.keys() == second.keys()
    assert any(name.startswith("critics.") for name in first)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [line.get("step") for line in read_lines(whole)] == [
        line.get("step") for line in read_lines(parts)
    ]


def test_it_learns_and_the_log_has_the_start(tmp_path: Path) -> None:
    train_vocoder(config(tmp_path, steps=40, critic_share=1.0, learning_rate=3e-3), speech())
    first, last = (line["validation"] for line in read_lines(tmp_path) if "validation" in line)
    assert last["mel_l1"] < 0.8 * first["mel_l1"]


def test_a_folder_with_a_run_of_another_mel_is_refused(tmp_path: Path) -> None:
    train_vocoder(config(tmp_path, steps=1), speech())
    with pytest.raises(TrainingError, match=r"another network.*width=16.*width=8"):
        train_vocoder(config(tmp_path, model={"width": 8, "hidden": 8, "layers": 1}), speech())


def test_the_monitor_stops_a_run_that_gets_loud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = VocoderTrainer.train_step

    def shout(self: VocoderTrainer) -> dict[str, float]:
        figures = step(self)
        with torch.no_grad():
            self.generator.head.out.bias[: 2 * MEL.hop] = 6.0
        return figures

    monkeypatch.setattr(VocoderTrainer, "train_step", shout)
    with pytest.raises(TrainingStoppedError, match="wrong-level"):
        train_vocoder(config(tmp_path, watch_every=1, critic_share=1.0), speech())


def test_too_little_speech_is_told(tmp_path: Path) -> None:
    short = Speech((tones(0.2, 0), np.zeros(10, np.float32)), (), (), RATE)
    with pytest.raises(UsageError, match=r"too little to train on"):
        train_vocoder(config(tmp_path), short)
