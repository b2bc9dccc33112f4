"""One step of a vocoder's training, and everything that it depends on beside what every trainer has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from auscult.training.monitor import MonitorReading
from auscult.training.recordings import Speech
from auscult.training.steps import draw_share
from auscult.training.trainer import GeneratorTrainer
from auscult.training.vocoder.config import VocoderTrainConfig
from auscult.training.vocoder.initial import start_generator
from auscult.training.vocoder.losses import VocoderLosses
from auscult.training.vocoder.monitor import VocoderMonitor
from auscult.training.vocoder.segments import MelSegments
from auscult.training.vocoder.sizes import build_config
from auscult.training.vocoder.storage import write_vocoder

RELEASE = "vocoder.safetensors"
BETA = 0.8  # first moment of the generator's optimizer, as HiFi-GAN and Vocos have it


class VocoderTrainer(GeneratorTrainer[VocoderTrainConfig]):
    """The state of a run, and its steps."""

    GENERATOR_NAME, RELEASE_NAME = "generator", RELEASE

    def __init__(self, config: VocoderTrainConfig, speech: Speech) -> None:
        super().__init__(config, speech)
        self.model_config = build_config(config.family, config.mel, config.model)
        mel = config.mel
        frames = max(2, round(config.segment * mel.sample_rate / mel.hop))
        self.segments = MelSegments(speech, mel, frames, config.seed)
        torch.manual_seed(config.seed)
        self.prepare_generator(start_generator(self.model_config, self.segments.samples), BETA)
        self.losses = VocoderLosses(
            mel, (frames - 1) * mel.hop, bands=config.mel_weight > 0, stft=config.stft_weight > 0
        ).to(self.accelerator.device)
        self.monitor = VocoderMonitor(mel.sample_rate)
        self.prepare_critics()

    def train_step(self) -> dict[str, float]:
        """One update; the loss terms and a few figures by name.

        A step without a finite gradient changes nothing.
        """
        mel, target = draw_share(self.accelerator, self.segments.draw, self.step, self.config.batch)
        self.set_learning_rate()
        output = self.model(mel).float()
        target = target[..., : output.shape[-1]]
        critic = self.train_critics(output, target)
        terms = self.terms(output, target)
        norm = self.update_generator(self.sum_terms(terms, output))
        self.step += 1
        figures = {name: float(value.detach()) for name, value in {**terms, **critic}.items()}
        return {**figures, "gradient": norm}

    def look(self) -> MonitorReading:
        """What the monitor sees on the next step's segments."""
        mel, target = draw_share(self.accelerator, self.segments.draw, self.step, self.config.batch)
        return self.monitor.look(self.generator, mel, target, self.terms)

    def write_release(self, path: Path, facts: Mapping[str, Any]) -> None:
        write_vocoder(self.generator, self.model_config, self.config.mel, path, facts)
