"""The whole of Stable Audio Open as one MLX module; the twin of `torch_pipeline`."""

from __future__ import annotations

import mlx.core as mx
from mlx import nn

from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.mlx import Conditioner, StableAudio
from auscult.families.stable_audio.mlx_dit import Transformer
from auscult.families.stable_audio.mlx_vae import Coder
from auscult.families.stable_audio.samplers import sample
from auscult.families.t5_encoder.mlx import Encoder


class Estimator(nn.Module):
    """One call of the transformer, as a sampler makes it: x [batch, frames, latent] at t [batch]."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__()
        self.transformer = transformer

    def __call__(self, x: mx.array, t: mx.array, cross: mx.array, globals: mx.array) -> mx.array:
        return self.transformer(x, t, cross, globals)


class Pipeline(nn.Module):
    """A call with (ids, mask, seconds_total) gives sound [1, samples, channels]; noise is drawn by MLX. Parts as its twin's."""

    def __init__(self, model: StableAudio, text: Encoder, steps: int = 8) -> None:
        super().__init__()
        self.config: Config = model.config
        self.steps = steps
        self.text = text
        self.conditioner: Conditioner = model.conditioner
        self.estimator = Estimator(model.transformer)
        self.decoder: Coder = model.autoencoder.decoder

    def __call__(self, ids: mx.array, mask: mx.array, seconds_total: mx.array) -> mx.array:
        told = self.conditioner(self.text(ids, mask), mask, {"seconds_total": seconds_total})
        return self.decoder(self.sampled(told.cross, told.globals))

    def sampled(self, cross: mx.array, globals: mx.array) -> mx.array:
        """The latent that ping-pong gives."""
        shape = (1, self.config.frames, self.config.latent)

        def velocity(x: mx.array, time: float) -> mx.array:
            return self.estimator(x, mx.full((1,), time), cross, globals)

        return sample(
            "pingpong",
            velocity,
            mx.random.normal(shape),
            lambda _step: mx.random.normal(shape),
            self.config,
            steps=self.steps,
            length=self.config.frames,
        )
