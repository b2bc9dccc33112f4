"""The port of the story, with the faults that its author found one after the other, and the model that it was ported from.

Source: sandst1/stable-audio-mlx, DIAGNOSIS.md and the commits after it. The port has the reference's weights in every case but
`other-weights`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

from auscult.families import signature
from auscult.families.stable_audio import torch as model
from auscult.families.stable_audio.config import TINY
from auscult.families.stable_audio.guidance import guided
from auscult.families.stable_audio.runtimes import draw_random_state
from auscult.families.stable_audio.samplers import SAMPLERS
from auscult.families.stable_audio.schedules import linear
from auscult.families.stable_audio.torch_dit import LayerNorm
from auscult.families.stable_audio.torch_pipeline import Pipeline
from auscult.families.t5_encoder import torch as text
from auscult.families.t5_encoder.signature import TINY as TEXT

SECONDS = 0.07
FAULTS = ("pads", "number", "sampler", "eps", "length")


def reference(seed: int = 1) -> Pipeline:
    """The model with the weights of one training run; another seed is another run."""
    whole, words = model.build(TINY), text.build(TEXT)
    state, text_state = (
        draw_random_state(signature("stable-audio").plan(TINY), seed),
        draw_random_state(signature("t5-encoder").plan(TEXT), 2),
    )
    model.load(whole, {name: torch.from_numpy(value) for name, value in state.items()})
    text.load(words, {name: torch.from_numpy(value) for name, value in text_state.items()})
    return Pipeline(whole, words).eval()


def port(faults: Collection[str], seed: int = 1) -> Pipeline:
    """The same weights in code with these faults."""
    pipeline = reference(seed)
    if "pads" in faults:
        pipeline.conditioner.prompt.__class__ = Unmasked
    if "number" in faults:
        for conditioner in pipeline.conditioner.conditioners.values():
            conditioner.__class__ = RawNumber
            conditioner.embedder.embedding[0].__class__ = OtherOrder  # type: ignore[union-attr, index]
    if "eps" in faults:
        for module in pipeline.modules():
            if isinstance(module, LayerNorm):
                module.eps = 1e-6
    if "sampler" in faults:
        pipeline.__class__ = OdePipeline
    if "length" in faults:
        pipeline.__class__ = ShortPipeline
    return pipeline


class Unmasked(model.Masked):
    """Padding keeps what T5 gave it."""

    def forward(self, prompt: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        return prompt


class RawNumber(model.NumberConditioner):
    """Seconds as they are, not over their range."""

    def forward(self, numbers: Tensor) -> Tensor:
        return self.embedder(numbers)


class OtherOrder(model.NumberFeatures):
    """Cosines, sines, the number."""

    def forward(self, x: Tensor) -> Tensor:
        angles = x[:, None] * self.weights * (2 * torch.pi)
        return torch.cat((angles.cos(), angles.sin(), x[:, None]), dim=-1)


class OdePipeline(Pipeline):
    """Runge-Kutta on even steps, with guidance."""

    def sampled(self, cross: Tensor, globals: Tensor) -> Tensor:
        start = torch.randn(1, self.config.latent, self.config.frames).to(cross.dtype)

        def velocity(x: Tensor, time: float) -> Tensor:
            t = torch.full((1,), time, dtype=x.dtype)
            return guided(
                self.estimator(x, t, cross, globals),
                self.estimator(x, t, torch.zeros_like(cross), globals),
                6.0,
            )

        return SAMPLERS["rk4"].method(
            velocity, start, linear(self.steps), lambda _: start, lambda _d, _t: None
        )


class ShortPipeline(Pipeline):
    """As many frames as the seconds ask for, not as many as it was trained on."""

    def forward(self, ids: Tensor, mask: Tensor, seconds_total: Tensor) -> Tensor:
        words = self.text(input_ids=ids, attention_mask=mask).last_hidden_state
        told = self.conditioner(words, mask, {"seconds_total": seconds_total})
        frames = int(float(seconds_total[0]) * self.config.sample_rate / self.config.hop)
        latent = self.sampled(told.cross, told.globals)
        return self.decoder(latent[..., :frames])


def story_inputs() -> dict[str, Any]:
    """A prompt of five tokens among twelve."""
    ids, mask = (
        np.zeros((1, TINY.prompt_tokens), np.int64),
        np.zeros((1, TINY.prompt_tokens), np.int64),
    )
    ids[0, :5], mask[0, :5] = [7, 99, 300, 12, 1], 1
    return {"ids": ids, "mask": mask, "seconds_total": np.array([SECONDS], np.float32)}
