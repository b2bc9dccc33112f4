"""Trainers of the shapes that people have are read as they are; what a package looks like is enough, none is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.find import find_setup
from auscult.preflight_checks.material import read_folder_batch
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.run import measure_training
from auscult.preflight_checks.setup import Setup
from corpus.training.trainers import (
    RATE,
    Codec,
    Knobs,
    build_trainer,
    log_mel,
    mel_loss,
    wave_loss,
    zero_biases,
)

QUICK = PreflightOptions(steps=3, seconds=0.0)


class Critic(nn.Module):
    """A discriminator with HiFi-GAN's interface."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.Conv1d(1, 4, 15, 4), nn.Conv1d(4, 1, 3)

    def forward(
        self, y: Tensor, y_hat: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[list[Tensor]], list[list[Tensor]]]:
        real, fake = ([self.layer(side)] for side in (y, y_hat))
        return [self.last(real[0])], [self.last(fake[0])], [real], [fake]


@dataclass
class Signal:
    """Audio with its rate, as audiotools' AudioSignal has it."""

    audio_data: Tensor
    sample_rate: int

    def clone(self) -> Signal:
        return Signal(self.audio_data.clone(), self.sample_rate)


class DacShaped(nn.Module):
    """A model with DAC's interface."""

    def __init__(self, inner: Codec) -> None:
        super().__init__()
        self.encoder, self.quantizer, self.decoder = inner.encoder, inner.quantizer, inner.decoder

    def forward(self, audio: Tensor, sample_rate: int) -> dict[str, Any]:
        assert sample_rate == RATE
        found, codes, commitment, book = self.quantizer(self.encoder(audio))
        return {
            "audio": self.decoder(found),
            "codes": codes,
            "vq/commitment_loss": commitment,
            "vq/codebook_loss": book,
        }


@dataclass
class Quantized:
    """What audiocraft's models give."""

    x: Tensor
    codes: Tensor
    penalty: Tensor


class EncodecShaped(nn.Module):
    """A model with audiocraft's interface."""

    sample_rate = RATE

    def __init__(self, inner: Codec) -> None:
        super().__init__()
        self.encoder, self.quantizer, self.decoder = inner.encoder, inner.quantizer, inner.decoder

    def forward(self, x: Tensor) -> Quantized:
        found, codes, penalty = self.quantizer(self.encoder(x))
        return Quantized(self.decoder(found), codes, penalty)


def hifigan() -> dict[str, Any]:
    plain = build_trainer(Knobs("hifigan"))
    mel, audio = plain["batch"]
    return {
        "generator": plain["model"],
        "mpd": Critic(),
        "optim_g": plain["optimizers"],
        "batch": (mel, audio, ["name"] * len(mel), mel),
        "mel": lambda wave: log_mel(wave[:, None]),
        "sample_rate": RATE,
    }


def dac() -> SimpleNamespace:
    plain = build_trainer(Knobs("dac"))
    model = DacShaped(plain["model"])
    return SimpleNamespace(
        generator=model,
        optimizer_g=torch.optim.AdamW(model.parameters(), 3e-4),
        mel_loss=lambda a, b: mel_loss(a.audio_data, b.audio_data),
        waveform_loss=lambda a, b: wave_loss(a.audio_data, b.audio_data),
        lambdas={"waveform/loss": 10.0},
        batch={"signal": Signal(plain["batch"], RATE)},
    )


def encodec() -> SimpleNamespace:
    plain = build_trainer(Knobs("encodec"))
    model = EncodecShaped(plain["model"])
    return SimpleNamespace(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), 1e-3),
        aux_losses={"l1": wave_loss, "msspec": mel_loss},
        adv_losses={},
        balancer=SimpleNamespace(weights={"l1": 10.0, "msspec": 1.0}),
        batch=plain["batch"],
    )


@pytest.mark.parametrize(
    ("make", "terms", "parts"),
    [
        (hifigan, ["mel", "adversarial Critic", "features Critic"], []),
        (
            dac,
            ["mel/loss", "waveform/loss", "vq/commitment_loss", "vq/codebook_loss"],
            ["encoder", "quantizer", "decoder"],
        ),
        (encodec, ["l1", "msspec", "penalty"], ["encoder", "quantizer", "decoder"]),
    ],
)
def test_trainers_are_read_as_they_are(make: Any, terms: list[str], parts: list[str]) -> None:
    found = measure_training(make(), QUICK)
    assert [term.name for term in found.terms] == terms
    assert all(term.at_output for term in found.terms[:2])
    assert found.lengths is not None
    assert found.lengths.output == found.lengths.target
    assert list(found.gradients) == parts
    assert all(gain.factor == pytest.approx(1, abs=0.05) for gain in found.gains)
    assert found.parameters is not None
    assert found.parameters.no_gradient == found.parameters.not_optimized == ()
    assert found.parameters.foreign == 0


def test_weights_of_the_solver_count() -> None:
    setup: Setup = find_setup(dac(), QUICK)
    terms = setup.terms(setup.output_of(setup.batch), setup.batch)
    plain = mel_loss(setup.output_of(setup.batch)["audio"], setup.batch)
    assert float(terms["mel/loss"].detach()) == pytest.approx(15 * float(plain.detach()), rel=1e-5)


def test_a_codec_by_itself_is_judged_for_its_own() -> None:
    found = measure_training(zero_biases(Codec(Knobs("encodec"))), QUICK)
    assert found.assumed
    assert found.learning is None
    assert [term.name for term in found.terms] == ["wave", "spectrum", "commitment"]
    assert (
        "learning",
        "only a model was given: loss, batch and optimizer are preflight's own",
    ) in found.skipped


def test_a_quantizer_by_itself_is_put_into_a_codec() -> None:
    quantizer = Codec(Knobs("encodec", estimator="each")).quantizer
    found = measure_training(quantizer, QUICK)
    assert [book.name for book in found.books] == [f"layers.{i}._codebook.embed" for i in range(4)]
    assert found.gains[0].factor == pytest.approx(4, abs=1e-3)


def test_a_folder_of_recordings_is_a_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for index in range(2):
        loud = np.concatenate([np.zeros(16_000), 0.5 * rng.standard_normal(8_000)])
        soundfile.write(tmp_path / f"{index}.wav", loud, 8_000)
    batch = read_folder_batch(tmp_path, 8_000, seconds=0.5)
    assert batch.shape == (2, 1, 4_000)
    assert float(batch.std()) > 0.3  # the loud stretch, not the silence before it
    with pytest.raises(TargetError, match="holds no recordings"):
        read_folder_batch(tmp_path / "none", 8_000)
