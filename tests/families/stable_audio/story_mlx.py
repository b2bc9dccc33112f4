"""The port of `story` as its author had it: in MLX, channel-last, with the faults planted there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import mlx.core as mx
import numpy as np

from auscult.families import signature
from auscult.families.stable_audio import mlx as model
from auscult.families.stable_audio.config import TINY
from auscult.families.stable_audio.guidance import guided
from auscult.families.stable_audio.mlx_dit import LayerNorm
from auscult.families.stable_audio.mlx_pipeline import Pipeline
from auscult.families.stable_audio.runtimes import draw_random_state
from auscult.families.stable_audio.samplers import SAMPLERS
from auscult.families.stable_audio.schedules import linear
from auscult.families.t5_encoder import mlx as text
from auscult.families.t5_encoder.signature import TINY as TEXT


def port(faults: Collection[str], seed: int = 1) -> Pipeline:
    """`story.reference`'s weights in MLX with these faults."""
    whole, words = model.build(TINY), text.build(TEXT)
    model.load(whole, draw_random_state(signature("stable-audio").plan(TINY), seed))
    text.load(words, draw_random_state(signature("t5-encoder").plan(TEXT), 2))
    pipeline = Pipeline(whole, words)
    if "pads" in faults:
        pipeline.conditioner.prompt.__class__ = Unmasked
    if "number" in faults:
        for conditioner in pipeline.conditioner.conditioners.values():
            conditioner.__class__ = RawNumber
            conditioner.embedder.embedding[0].__class__ = OtherOrder
    if "eps" in faults:
        for _, module in pipeline.named_modules():
            if isinstance(module, LayerNorm):
                module.eps = 1e-6
    if "sampler" in faults:
        pipeline.__class__ = OdePipeline
    if "length" in faults:
        pipeline.__class__ = ShortPipeline
    pipeline.eval()
    return pipeline


class Unmasked(model.Masked):
    def __call__(self, prompt: mx.array, mask: mx.array) -> mx.array:  # noqa: ARG002
        return prompt


class RawNumber(model.NumberConditioner):
    def __call__(self, numbers: mx.array) -> mx.array:
        return self.embedder(numbers)


class OtherOrder(model.NumberFeatures):
    def __call__(self, x: mx.array) -> mx.array:
        angles = x[:, None] * self.weights * (2 * np.pi)
        return mx.concatenate([mx.cos(angles), mx.sin(angles), x[:, None]], axis=-1)


class OdePipeline(Pipeline):
    def sampled(self, cross: mx.array, globals: mx.array) -> mx.array:
        start = mx.random.normal((1, self.config.frames, self.config.latent))

        def velocity(x: mx.array, time: float) -> Any:
            t = mx.full((1,), time)
            return guided(
                self.estimator(x, t, cross, globals),
                self.estimator(x, t, mx.zeros_like(cross), globals),
                6.0,
            )

        return SAMPLERS["rk4"].method(
            velocity, start, linear(self.steps), lambda _: start, lambda _d, _t: None
        )


class ShortPipeline(Pipeline):
    def __call__(self, ids: mx.array, mask: mx.array, seconds_total: mx.array) -> mx.array:
        told = self.conditioner(self.text(ids, mask), mask, {"seconds_total": seconds_total})
        frames = int(float(seconds_total[0]) * self.config.sample_rate / self.config.hop)
        return self.decoder(self.sampled(told.cross, told.globals)[:, :frames])
