"""The trainer on a few steps: what it says, what it saves, and that it learns at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.families import detect_families
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.verbs.diagnose.family_build import read_stored_mel

torch = pytest.importorskip("torch")

from auscult.training import demo_vocoder, demo_vocoder_trainer  # noqa: E402  needs torch
from auscult.training.conditioning import vector_from_name  # noqa: E402
from auscult.training.data import Batches, Utterance  # noqa: E402
from auscult.training.losses import LogMel, SpectrogramCritics, StftLoss  # noqa: E402

RATE = demo_vocoder_trainer.MEL.sample_rate


def utterances() -> list[Utterance]:
    """Two synthetic sounds, so that these tests need no speech synthesiser."""
    time = np.arange(2 * RATE) / RATE
    made = []
    for index, pitch in enumerate((110.0, 190.0)):
        tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 9))
        made.append(
            Utterance(
                f"text {index}",
                f"voice {index}",
                "neutral",
                (0.05 * tone * (time % 0.5 > 0.1)).astype(np.float32),
            )
        )
    return made


def test_torch_mel_is_the_numpy_mel() -> None:
    samples = utterances()[0].samples
    theirs = LogMel(demo_vocoder_trainer.MEL)(torch.from_numpy(samples)[None])[0].numpy()
    mine = mel_spectrogram(samples, demo_vocoder_trainer.MEL)
    floor = -8.0  # below it the gradient's floor under |STFT| shows
    np.testing.assert_allclose(np.maximum(theirs, floor), np.maximum(mine, floor), atol=2e-3)


def test_losses_vanish_only_at_the_target() -> None:
    target = torch.from_numpy(utterances()[0].samples)[None]
    loss = StftLoss()
    assert float(loss(target, target)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(0.5 * target, target)) > 0.1


def test_critics_hand_a_gradient_to_the_output() -> None:
    target = torch.from_numpy(utterances()[0].samples[: RATE // 2])[None]
    output = (target + 0.01 * torch.randn_like(target)).requires_grad_()
    critics = SpectrogramCritics(4)
    adversarial, matching = critics.generator_loss(output, target)
    (adversarial + matching).backward()
    assert output.grad is not None
    assert float(output.grad.abs().sum()) > 0
    assert float(critics.critic_loss(output, target).detach()) > 0


def test_batches_are_what_the_utterance_says() -> None:
    mel, speech = demo_vocoder_trainer.MEL, utterances()
    samples, speakers, emotions = Batches(speech, mel, 32, 0.5, seed=0).draw(40)
    assert samples.shape == (40, 32 * mel.hop + mel.n_fft - mel.hop)
    named = [np.allclose(row, 0) for row in speakers]
    assert 5 < sum(named) < 35
    assert all(
        np.allclose(emotion, 0) == known for emotion, known in zip(emotions, named, strict=True)
    )
    assert np.abs(samples).max() > 0.01


def test_named_vectors_are_fixed_and_told_apart() -> None:
    assert vector_from_name("es+f2", 192)[:3] == pytest.approx(vector_from_name("es+f2", 192)[:3])
    assert abs(float(vector_from_name("es+f2", 192) @ vector_from_name("es+f3", 192))) < 0.3
    assert np.linalg.norm(vector_from_name("es", 256)) == pytest.approx(1.0)
    assert not vector_from_name("", 192).any()


def test_a_short_run_learns_and_saves_what_the_story_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_vocoder, "make_held_out_speech", lambda _rate: utterances()[:1])
    config = demo_vocoder_trainer.DemoTrainConfig(
        out=str(tmp_path),
        steps=8,
        critic_start=6,
        batch=2,
        frames=32,
        warmup=2,
        evaluate_every=8,
        critic_channels=4,
    )
    trainer = demo_vocoder_trainer.DemoTrainer.start(config)
    demo_vocoder.run_training(trainer, utterances(), 4.0, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == 8
    assert {"stoi", "mel_l1", "comb"} <= set(lines[-1])
    checkpoint = open_checkpoint(tmp_path / "best_model.pth")
    assert len(checkpoint) == 94
    assert checkpoint.container == ("model_state_dict",)
    assert all(name.startswith("generator.") for name in checkpoint)
    assert any(container.kind == "optimizer" for container in checkpoint.containers)
    assert read_stored_mel(checkpoint) == demo_vocoder_trainer.MEL
    assert "config.dilations.0" not in checkpoint.metadata
    detection = detect_families({name: tensor.shape for name, tensor in checkpoint.items()})[0]
    assert (detection.family, detection.score) == ("streamspeech-modified", 1.0)
    assert (tmp_path / "best_model.pth").stat().st_size <= 6_000_000

    again = demo_vocoder_trainer.DemoTrainer.start(config)
    again.restore(torch.load(tmp_path / "resume.pt", weights_only=True))
    assert again.step == 8
    for mine, theirs in zip(
        again.generator.parameters(), trainer.generator.parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_flags_are_the_fields() -> None:
    config = demo_vocoder.parse_config(["--steps", "7", "--mel-weight", "2.5"])
    assert (config.steps, config.mel_weight, config.out) == (
        7,
        2.5,
        demo_vocoder_trainer.DemoTrainConfig().out,
    )


def test_learning_rate_warms_up_and_falls() -> None:
    config = demo_vocoder_trainer.DemoTrainConfig(steps=1000, warmup=100)
    rates = [
        demo_vocoder_trainer.find_learning_rate(step, config) for step in (0, 50, 100, 500, 1000)
    ]
    assert rates[0] < rates[1] < rates[2] == config.learning_rate
    assert rates[2] > rates[3] > rates[4] == pytest.approx(config.final_rate * config.learning_rate)


def test_definition_of_the_story_is_not_the_default_one() -> None:
    assert demo_vocoder_trainer.MEL.hop == demo_vocoder_trainer.ARCHITECTURE.hop
    assert demo_vocoder_trainer.ARCHITECTURE.norm == "instance"
    assert MelDefinition().sample_rate == demo_vocoder_trainer.MEL.sample_rate
