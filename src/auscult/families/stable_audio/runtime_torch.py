"""Stable Audio Open run by PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.generate import Floats, Tokens
from auscult.families.stable_audio.guidance import steered
from auscult.families.stable_audio.samplers import Model
from auscult.families.stable_audio.torch import Conditioning, StableAudio


class TorchRuntime:
    """See `auscult.families.stable_audio.generate.Runtime`; `text` is a T5 encoder of transformers."""

    name = "torch"

    def __init__(self, model: StableAudio, text: Any) -> None:
        self.config: Config = model.config
        self._model, self._text = model.eval(), text.eval()
        self._device = next(model.parameters()).device

    @torch.inference_mode()
    def condition(self, prompt: Tokens, numbers: Mapping[str, float]) -> Conditioning:
        ids, mask = (torch.from_numpy(part).to(self._device) for part in (prompt.ids, prompt.mask))
        embeddings = self._text(input_ids=ids, attention_mask=mask).last_hidden_state
        told = {
            name: torch.tensor([float(numbers[name])], device=self._device)
            for name in self.config.numbers
        }
        return self._model.conditioner(embeddings, mask, told)

    def unconditioned(self, conditioning: Conditioning) -> Conditioning:
        return Conditioning(torch.zeros_like(conditioning.cross), conditioning.globals)

    @torch.inference_mode()
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
        # the reference guides away from another prompt, and keeps the global vector
        two = (
            self._model.prepare((conditioning, against._replace(globals=conditioning.globals)))
            if guidance != 1
            else one
        )
        beside = None if concat is None else self.latent(concat)

        @torch.inference_mode()
        def alone(x: Tensor, time: float) -> Tensor:
            return transformer.velocity(x, torch.full((1,), time, device=x.device), one, beside)

        @torch.inference_mode()
        def both(x: Tensor, time: float) -> tuple[Tensor, Tensor]:
            doubled = None if beside is None else beside.repeat(2, 1, 1)
            answers = transformer.velocity(
                x.repeat(2, 1, 1), torch.full((2,), time, device=x.device), two, doubled
            )
            return answers[:1], answers[1:]

        return steered(alone, both, guidance, self.config.objective, interval)

    def latent(self, array: Floats) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def array(self, latent: Tensor) -> Floats:
        return np.asarray(latent.numpy(force=True), np.float32)

    @torch.inference_mode()
    def decode(self, latent: Tensor) -> Floats:
        return np.asarray(self._model.autoencoder.decode(latent)[0].numpy(force=True), np.float32)

    @torch.inference_mode()
    def encode(self, audio: Floats, noise: Floats) -> Floats:
        return np.asarray(
            self._model.autoencoder.encode(self.latent(audio[None]), self.latent(noise)).numpy(
                force=True
            ),
            np.float32,
        )
