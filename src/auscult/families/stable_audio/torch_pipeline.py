"""The whole of Stable Audio Open as one PyTorch module, so that it can be traced and compared stage by stage."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from auscult.families.stable_audio.samplers import sample
from auscult.families.stable_audio.torch import Conditioner, StableAudio
from auscult.families.stable_audio.torch_dit import Transformer
from auscult.families.stable_audio.torch_vae import Autoencoder, Coder


class Estimator(nn.Module):
    """One call of the transformer, as a sampler makes it: x [batch, latent, frames] at t [batch]."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, x: Tensor, t: Tensor, cross: Tensor, globals: Tensor) -> Tensor:
        return self.transformer(x, t, cross, globals)


class Pipeline(nn.Module):
    """`forward(ids, mask, seconds_total)` gives sound [1, channels, samples]; noise is drawn by torch.

    Attributes:
        text: T5 of transformers. conditioner, estimator, decoder: the three parts of the checkpoint.
        steps: Of the sampler that fits the objective.
    """

    def __init__(self, model: StableAudio, text: Any, steps: int = 8) -> None:
        super().__init__()
        autoencoder: Autoencoder = model.autoencoder
        self.config, self.steps = model.config, steps
        self.text = text
        self.conditioner: Conditioner = model.conditioner
        self.estimator = Estimator(model.transformer)
        self.decoder: Coder = autoencoder.decoder

    def forward(self, ids: Tensor, mask: Tensor, seconds_total: Tensor) -> Tensor:
        words = self.text(input_ids=ids, attention_mask=mask).last_hidden_state
        told = self.conditioner(words, mask, {"seconds_total": seconds_total})
        return self.decoder(self.sampled(told.cross, told.globals))

    def sampled(self, cross: Tensor, globals: Tensor) -> Tensor:
        """The latent that ping-pong gives."""
        shape = (1, self.config.latent, self.config.frames)

        def velocity(x: Tensor, time: float) -> Tensor:
            return self.estimator(x, torch.full((1,), time, dtype=x.dtype), cross, globals)

        return sample(
            "pingpong",
            velocity,
            torch.randn(shape).to(cross.dtype),
            lambda _step: torch.randn(shape).to(cross.dtype),
            self.config,
            steps=self.steps,
            length=self.config.frames,
        )
