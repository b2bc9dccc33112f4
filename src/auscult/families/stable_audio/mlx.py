"""Stable Audio Open in MLX, channel-last, under the released checkpoint's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten

from auscult.families._mlx import load_planned
from auscult.families.records import Layout
from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.mlx_dit import Prepared, Transformer
from auscult.families.stable_audio.mlx_vae import Autoencoder
from auscult.families.stable_audio.signature import plan
from auscult.weights import Array


class Conditioning(NamedTuple):
    """What the transformer is told. `cross` [batch, tokens, cond_dim] is the prompt then a token a number; `globals` is
    [batch, global_dim]."""

    cross: mx.array
    globals: mx.array


class NumberFeatures(nn.Module):
    """[batch] -> [batch, 1 + 2 * features]: the number, then the sines, then the cosines of 2 pi times it and the weights."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weights = mx.random.normal((features,))

    def __call__(self, x: mx.array) -> mx.array:
        angles = x[:, None] * self.weights * (2 * np.pi)
        return mx.concatenate([x[:, None], mx.sin(angles), mx.cos(angles)], axis=-1)


class NumberEmbedder(nn.Module):
    """A scaled number [batch] as a vector [batch, dim]."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.embedding = [NumberFeatures(features), nn.Linear(2 * features + 1, dim)]

    def __call__(self, x: mx.array) -> mx.array:
        return self.embedding[1](self.embedding[0](x))


class NumberConditioner(nn.Module):
    """Numbers [batch] in their own unit as vectors [batch, dim]: clamped to the range, scaled to 0...1, embedded."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.low, self.high = config.number_range
        self.embedder = NumberEmbedder(config.number_features, config.number_dim)

    def __call__(self, numbers: mx.array) -> mx.array:
        return self.embedder(
            (mx.clip(numbers, self.low, self.high) - self.low) / (self.high - self.low)
        )


class Masked(nn.Module):
    """Embeddings [batch, tokens, dim] with those of padding set to zero, for the transformer masks none."""

    def __call__(self, prompt: mx.array, mask: mx.array) -> mx.array:
        return prompt * mask[..., None].astype(prompt.dtype)


class Conditioner(nn.Module):
    """The prompt's embeddings with their padding set to zero, and the numbers, as the transformer's conditioning."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.prompt = Masked()
        self.conditioners = {name: NumberConditioner(config) for name in config.numbers}

    def __call__(
        self, prompt: mx.array, mask: mx.array, numbers: Mapping[str, mx.array]
    ) -> Conditioning:
        vectors = [embed(numbers[name]) for name, embed in self.conditioners.items()]
        return Conditioning(
            mx.concatenate(
                [self.prompt(prompt, mask), *(vector[:, None] for vector in vectors)], axis=1
            ),
            mx.concatenate(vectors, axis=-1),
        )


class Model(nn.Module):
    """Holds the part that the checkpoint's names put one level deeper."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


class StableAudio(nn.Module):
    """The parts of the checkpoint. A call is one call of the transformer, [batch, frames, latent]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.model = Model(Transformer(config))
        if config.vae_kernels:
            self.pretransform = Model(Autoencoder(config))
        self.conditioner = Conditioner(config)

    @property
    def transformer(self) -> Transformer:
        return self.model.model

    @property
    def autoencoder(self) -> Autoencoder:
        return self.pretransform.model

    def __call__(
        self,
        x: mx.array,
        t: mx.array,
        cross: mx.array,
        globals: mx.array,
        concat: mx.array | None = None,
    ) -> mx.array:
        return self.transformer(x, t, cross, globals, concat)

    def prepare(self, conditioning: Sequence[Conditioning]) -> Prepared:
        """Everything that depends on the conditioning alone, once for all steps; several are stacked into one batch."""
        return self.transformer.prepare(
            mx.concatenate([each.cross for each in conditioning]),
            mx.concatenate([each.globals for each in conditioning]),
        )


def build(config: Config) -> StableAudio:
    """A freshly initialised model; weight norm is fused in MLX."""
    return StableAudio(config)


def load(
    module: StableAudio, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`; buffers that some files leave out keep their values."""
    own = dict(tree_flatten(module.parameters()))
    absent = {name for name, planned in plan(module.config).items() if planned.optional} - {
        name.removeprefix(prefix) for name in state
    }
    filled = {**state, **{prefix + name: np.asarray(own[name]) for name in absent}}
    load_planned(module, plan(module.config), filled, prefix, layout)
