"""Stable Audio Open in PyTorch: conditioners, diffusion transformer and autoencoder under the released checkpoint's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from auscult.families import _torch
from auscult.families._torch import WeightNormForm
from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.signature import plan
from auscult.families.stable_audio.torch_dit import Prepared, Transformer, rotary_frequencies
from auscult.families.stable_audio.torch_vae import Autoencoder

__all__ = ["StableAudio", "build", "load"]


class Conditioning(NamedTuple):
    """What the transformer is told. `cross` [batch, tokens, cond_dim] is the prompt then a token a number; `globals` is
    [batch, global_dim]."""

    cross: Tensor
    globals: Tensor


class NumberFeatures(nn.Module):
    """[batch] -> [batch, 1 + 2 * features]: the number, then the sines, then the cosines of 2 pi times it and the weights."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(features))

    def forward(self, x: Tensor) -> Tensor:
        angles = x[:, None] * self.weights * (2 * torch.pi)
        return torch.cat((x[:, None], angles.sin(), angles.cos()), dim=-1)


class NumberEmbedder(nn.Module):
    """A scaled number [batch] as a vector [batch, dim]."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Sequential(NumberFeatures(features), nn.Linear(2 * features + 1, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.embedding(x)


class NumberConditioner(nn.Module):
    """Numbers [batch] in their own unit as vectors [batch, dim]: clamped to the range, scaled to 0...1, embedded."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.low, self.high = config.number_range
        self.embedder = NumberEmbedder(config.number_features, config.number_dim)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.embedder(
            (numbers.clamp(self.low, self.high) - self.low) / (self.high - self.low)
        )


class Masked(nn.Module):
    """Embeddings [batch, tokens, dim] with those of padding set to zero, for the transformer masks none."""

    def forward(self, prompt: Tensor, mask: Tensor) -> Tensor:
        return prompt * mask[..., None].to(prompt.dtype)


class Conditioner(nn.Module):
    """The prompt's embeddings with their padding set to zero, and the numbers, as the transformer's conditioning."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.prompt = Masked()
        self.conditioners = nn.ModuleDict(
            {name: NumberConditioner(config) for name in config.numbers}
        )

    def forward(self, prompt: Tensor, mask: Tensor, numbers: Mapping[str, Tensor]) -> Conditioning:
        """`prompt` [batch, tokens, cond_dim] from T5, `mask` [batch, tokens] of 1 and 0, a number [batch] for every name."""
        vectors = [embed(numbers[name]) for name, embed in self.conditioners.items()]
        return Conditioning(
            torch.cat((self.prompt(prompt, mask), *(vector[:, None] for vector in vectors)), dim=1),
            torch.cat(vectors, dim=-1),
        )


class Model(nn.Module):
    """Holds the part that the checkpoint's names put one level deeper."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


class StableAudio(nn.Module):
    """The parts of the checkpoint. `forward` is one call of the transformer.

    Attributes:
        conditioner: See `Conditioner`.
        transformer: See `auscult.families.stable_audio.torch_dit.Transformer`.
        autoencoder: See `auscult.families.stable_audio.torch_vae.Autoencoder`.
    """

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        self.model = Model(Transformer(config))
        self.pretransform = Model(Autoencoder(config, form)) if config.vae_kernels else None
        self.conditioner = Conditioner(config)

    @property
    def transformer(self) -> Transformer:
        return self.model.model  # type: ignore[return-value]

    @property
    def autoencoder(self) -> Autoencoder:
        return self.pretransform.model  # type: ignore[union-attr, return-value]

    def forward(
        self, x: Tensor, t: Tensor, cross: Tensor, globals: Tensor, concat: Tensor | None = None
    ) -> Tensor:
        """The transformer's answer to x [batch, latent, frames] at times t [batch]."""
        return self.transformer(x, t, cross, globals, concat)

    def prepare(self, conditioning: Sequence[Conditioning]) -> Prepared:
        """Everything that depends on the conditioning alone, once for all steps; several are stacked into one batch."""
        return self.transformer.prepare(
            torch.cat([each.cross for each in conditioning]),
            torch.cat([each.globals for each in conditioning]),
        )


def build(config: Config, form: WeightNormForm = "fused") -> StableAudio:
    """A freshly initialised model, with weight norm in the given form. `load` fills it from any form."""
    return StableAudio(config, form)


def load(module: StableAudio, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """See `auscult.families._torch.load`; buffers that a file leaves out are what they always are."""
    filled = dict(state)
    for name, planned in plan(module.config).items():
        if planned.optional:
            known = (
                rotary_frequencies(module.config)
                if name.endswith("inv_freq")
                else torch.zeros(planned.shape)
            )
            filled.setdefault(prefix + name, known)
    _torch.load(module, filled, prefix)
