"""Stable Audio Open run by MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np

from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.generate import Floats, Tokens
from auscult.families.stable_audio.guidance import steered
from auscult.families.stable_audio.mlx import Conditioning, StableAudio
from auscult.families.stable_audio.samplers import Model
from auscult.families.t5_encoder.mlx import Encoder


class MlxRuntime:
    """See `auscult.families.stable_audio.generate.Runtime`."""

    name = "mlx"

    def __init__(self, model: StableAudio, text: Encoder) -> None:
        self.config: Config = model.config
        self._model, self._text = model, text
        model.eval()

    def condition(self, prompt: Tokens, numbers: Mapping[str, float]) -> Conditioning:
        ids, mask = mx.array(prompt.ids), mx.array(prompt.mask)
        told = {name: mx.array([float(numbers[name])]) for name in self.config.numbers}
        return self._model.conditioner(self._text(ids, mask), mask, told)

    def unconditioned(self, conditioning: Conditioning) -> Conditioning:
        return Conditioning(mx.zeros_like(conditioning.cross), conditioning.globals)

    def model(
        self,
        conditioning: Conditioning,
        against: Conditioning,
        guidance: float,
        interval: tuple[float, float] = (0.0, 1.0),
        concat: Floats | None = None,
    ) -> Model:
        transformer = self._model.transformer
        one = self._model.prepare((conditioning,))
        two = (
            self._model.prepare((conditioning, against._replace(globals=conditioning.globals)))
            if guidance != 1
            else one
        )
        beside = None if concat is None else self.latent(concat)

        def alone(x: mx.array, time: float) -> mx.array:
            answer = transformer.velocity(x, mx.full((1,), time), one, beside)
            mx.eval(answer)
            return answer

        def both(x: mx.array, time: float) -> tuple[mx.array, mx.array]:
            doubled = None if beside is None else mx.concatenate([beside, beside])
            answers = transformer.velocity(
                mx.concatenate([x, x]), mx.full((2,), time), two, doubled
            )
            mx.eval(answers)
            return answers[:1], answers[1:]

        return steered(alone, both, guidance, self.config.objective, interval)

    def latent(self, array: Floats) -> mx.array:
        return mx.array(array.transpose(0, 2, 1))

    def array(self, latent: mx.array) -> Floats:
        return np.ascontiguousarray(np.asarray(latent, np.float32).transpose(0, 2, 1))

    def decode(self, latent: mx.array) -> Floats:
        return np.ascontiguousarray(
            np.asarray(self._model.autoencoder.decode(latent)[0], np.float32).T
        )

    def encode(self, audio: Floats, noise: Floats) -> Floats:
        return self.array(
            self._model.autoencoder.encode(mx.array(audio.T[None]), self.latent(noise))
        )
