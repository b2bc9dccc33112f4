"""Networks for the defect corpus: names and shapes as audio models have them, filled with trained-looking weights.

Random initialisation is too easy and too hard at once: no two tensors are alike in statistics, and nothing looks trained.
`trained` therefore draws what training leaves behind: a low-rank part, heavy tails, channels of unequal gain, biases away
from zero and norm gains spread round one. Beside these stands one network that really was trained: the package's own vocoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auscult.checkpoint import open_checkpoint
from auscult.data import VOCODER, path
from auscult.families import detect_families
from auscult.families.streamspeech_modified.signature import expected

WeightKind = Literal[
    "conv1d",
    "conv_transpose1d",
    "conv2d",
    "linear",
    "embedding",
    "bias",
    "gain",
    "mean",
    "var",
    "counter",
    "snake",
    "lstm",
    "gru",
]
Arrays = dict[str, NDArray[Any]]


@dataclass
class Network:
    """A named set of tensors with the kind of each.

    Attributes:
        weights: Name to array, in the order in which a state dict would list them.
        kinds: Name to kind, for those who plant defects.
        normed: Pairs (convolution, the BatchNorm behind it).
    """

    name: str
    weights: Arrays = field(default_factory=dict)
    kinds: dict[str, WeightKind] = field(default_factory=dict)
    normed: list[tuple[str, str]] = field(default_factory=list)

    def names_of_kind(self, *kinds: WeightKind) -> list[str]:
        """Names of that kind, in order."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def copy(self) -> Network:
        return Network(
            self.name,
            {name: array.copy() for name, array in self.weights.items()},
            dict(self.kinds),
            list(self.normed),
        )


def draw_trained_weights(
    shape: tuple[int, ...], kind: WeightKind, rng: np.random.Generator
) -> NDArray[Any]:
    """Weights of that kind as training leaves them, float32 (int64 for a counter)."""
    if kind == "counter":
        return np.array(rng.integers(1_000, 1_000_000), np.int64)
    if kind == "gain":
        return np.asarray(1 + 0.25 * rng.standard_normal(shape), np.float32)
    if kind == "var":
        return np.asarray(np.exp(0.5 * rng.standard_normal(shape)), np.float32)
    if kind in {"bias", "mean"}:
        return np.asarray(0.1 * rng.standard_t(4, shape), np.float32)
    if kind == "snake":
        return np.asarray(0.4 * rng.standard_normal(shape), np.float32)
    fan_in = int(np.prod(shape[1:]))
    rank = max(1, min(shape[0], fan_in) // 4)
    low = (
        rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, fan_in)) / np.sqrt(rank)
    )
    noise = rng.standard_t(5, (shape[0], fan_in))
    gain = np.exp(0.4 * rng.standard_normal((shape[0], 1)))
    return np.asarray(
        (gain * (0.7 * low + 0.5 * noise) / np.sqrt(fan_in)).reshape(shape), np.float32
    )


class NetworkBuilder:
    """Adds tensors to a network by module, as a framework would name them."""

    def __init__(self, name: str, seed: int) -> None:
        self.network = Network(name)
        self.rng = np.random.default_rng(seed)

    def add(self, name: str, shape: tuple[int, ...], kind: WeightKind) -> None:
        self.network.weights[name] = draw_trained_weights(shape, kind, self.rng)
        self.network.kinds[name] = kind

    def conv(self, name: str, out: int, inner: int, kernel: int, *, bias: bool = True) -> None:
        self.add(f"{name}.weight", (out, inner, kernel), "conv1d")
        if bias:
            self.add(f"{name}.bias", (out,), "bias")

    def conv_transpose(self, name: str, inner: int, out: int, kernel: int) -> None:
        self.add(f"{name}.weight", (inner, out, kernel), "conv_transpose1d")
        self.add(f"{name}.bias", (out,), "bias")

    def conv2d(self, name: str, out: int, inner: int, kernel: tuple[int, int]) -> None:
        self.add(f"{name}.weight", (out, inner, *kernel), "conv2d")
        self.add(f"{name}.bias", (out,), "bias")

    def linear(self, name: str, out: int, inner: int, *, bias: bool = True) -> None:
        self.add(f"{name}.weight", (out, inner), "linear")
        if bias:
            self.add(f"{name}.bias", (out,), "bias")

    def norm(self, name: str, width: int) -> None:
        self.add(f"{name}.weight", (width,), "gain")
        self.add(f"{name}.bias", (width,), "bias")

    def batch_norm(self, name: str, width: int, *, behind: str) -> None:
        self.norm(name, width)
        self.add(f"{name}.running_mean", (width,), "mean")
        self.add(f"{name}.running_var", (width,), "var")
        self.add(f"{name}.num_batches_tracked", (), "counter")
        self.network.normed.append((behind, name))

    def attention(self, name: str, width: int) -> None:
        """Separate projections, as torch's diffusers-style blocks have them."""
        for part in ("q", "k", "v"):
            self.linear(f"{name}.to_{part}", width, width, bias=False)
        self.linear(f"{name}.to_out.0", width, width)

    def recurrent(
        self, name: str, kind: Literal["lstm", "gru"], inner: int, hidden: int, layers: int
    ) -> None:
        gates = {"lstm": 4, "gru": 3}[kind]
        for layer in range(layers):
            width = inner if layer == 0 else hidden
            self.add(f"{name}.weight_ih_l{layer}", (gates * hidden, width), kind)
            self.add(f"{name}.weight_hh_l{layer}", (gates * hidden, hidden), kind)
            self.add(f"{name}.bias_ih_l{layer}", (gates * hidden,), "bias")
            self.add(f"{name}.bias_hh_l{layer}", (gates * hidden,), "bias")


def build_vocoder(seed: int, width: int = 32) -> Network:
    """A HiFi-GAN-shaped generator, weight norm fused."""
    build = NetworkBuilder("vocoder", seed)
    build.conv("conv_pre", width, 20, 7)
    kernels = (8, 8, 4)
    for stage, kernel in enumerate(kernels):
        build.conv_transpose(f"ups.{stage}", width >> stage, width >> (stage + 1), kernel)
    for stage in range(len(kernels)):
        for branch, kernel in enumerate((3, 7, 11)):
            channels = width >> (stage + 1)
            for convs in ("convs1", "convs2"):
                for index in range(3):
                    build.conv(
                        f"resblocks.{3 * stage + branch}.{convs}.{index}",
                        channels,
                        channels,
                        kernel,
                    )
    build.conv("conv_post", 1, width >> len(kernels), 7)
    return build.network


def build_transformer(seed: int, width: int = 32) -> Network:
    """A speech decoder: separate and fused attention projections, layer norms, embeddings, a Conv1d front end."""
    build = NetworkBuilder("transformer", seed)
    build.add("text_emb.weight", (3 * width + 5, width), "embedding")
    build.conv("front.conv", width, width, 3)
    for layer in range(4):
        block = f"layers.{layer}"
        build.norm(f"{block}.norm1", width)
        build.norm(f"{block}.norm3", width)
        build.attention(f"{block}.attn1", width)
        build.linear(f"{block}.self_attn.to_qkv", 3 * width, width, bias=False)
        build.linear(f"{block}.ff.net.0.proj", 4 * width, width)
        build.linear(f"{block}.ff.net.2", width, 4 * width)
    build.norm("final_norm", width)
    build.linear("head", 2 * width + 3, width, bias=False)
    return build.network


def build_codec(seed: int, width: int = 16) -> Network:
    """An encoder-decoder with Snake activations, BatchNorm, 2-D convolutions, an LSTM, a GRU and codebooks."""
    build = NetworkBuilder("codec", seed)
    for index, (inner, out) in enumerate(((1, width), (width, 2 * width), (2 * width, 2 * width))):
        build.conv2d(f"head.conv{index}", out, inner, (3, 3))
        build.batch_norm(f"head.bn{index}", out, behind=f"head.conv{index}")
    for stage in range(3):
        channels = width << stage
        for unit in range(2):
            block = f"encoder.block.{stage}.block.{unit}"
            build.add(f"{block}.snake.alpha", (1, channels, 1), "snake")
            build.conv(f"{block}.conv", channels, channels, 7)
        build.conv(f"encoder.block.{stage}.down", 2 * channels, channels, 4)
        build.batch_norm(
            f"encoder.block.{stage}.bn", 2 * channels, behind=f"encoder.block.{stage}.down"
        )
    build.recurrent("encoder.lstm", "lstm", 8 * width, 2 * width, 2)
    build.recurrent("prior.gru", "gru", 2 * width, width, 1)
    for book in range(4):
        build.add(f"quantizer.layers.{book}.codebook", (64, width), "embedding")
    for stage in range(3):
        channels = width << (3 - stage)
        build.conv_transpose(f"decoder.block.{stage}.up", channels, channels >> 1, 4)
        build.conv(f"decoder.block.{stage}.conv", channels >> 1, channels >> 1, 7)
    return build.network


def build_speaker(seed: int, width: int = 16) -> Network:
    """A speaker encoder: 2-D convolutions and TDNN layers with BatchNorm, an LSTM, attentive pooling."""
    build = NetworkBuilder("speaker", seed)
    for index, (inner, out) in enumerate(((1, width), (width, width), (width, 2 * width))):
        build.conv2d(f"head.conv{index}", out, inner, (3, 3))
        build.batch_norm(f"head.bn{index}", out, behind=f"head.conv{index}")
    for block in range(3):
        for layer in range(3):
            name = f"xvector.block{block}.tdnnd{layer}"
            build.conv(f"{name}.linear", 2 * width, 2 * width, 3)
            build.batch_norm(f"{name}.batchnorm", 2 * width, behind=f"{name}.linear")
            build.add(f"{name}.snake.alpha", (2 * width,), "snake")
    build.recurrent("lstm", "lstm", 2 * width, width, 3)
    build.recurrent("pooling.gru", "gru", width, width, 1)
    build.attention("pooling.attn1", 2 * width)
    build.linear("pooling.to_qkv", 6 * width, 2 * width, bias=False)
    build.linear("proj", 4 * width, width)
    return build.network


def build_diffusion(seed: int, width: int = 32) -> Network:
    """A text-to-audio model: diffusion transformer, patch embedding, Snake autoencoder, recurrent duration model."""
    build = NetworkBuilder("diffusion", seed)
    build.conv2d("patch", width, 2, (4, 4))
    build.conv2d("refine", width, width, (3, 3))
    build.batch_norm("refine_bn", width, behind="refine")
    build.linear("to_cond_embed.0", width, 24, bias=False)
    for layer in range(4):
        block = f"layers.{layer}"
        build.norm(f"{block}.pre_norm", width)
        build.linear(f"{block}.self_attn.to_qkv", 3 * width, width, bias=False)
        build.linear(f"{block}.self_attn.to_out", width, width, bias=False)
        build.attention(f"{block}.attn1", width)
        build.linear(f"{block}.ff.0", 4 * width, width)
        build.linear(f"{block}.ff.2", width, 4 * width)
    build.recurrent("duration.lstm", "lstm", width, width, 1)
    build.recurrent("duration.gru", "gru", width, 8, 1)
    for stage in range(3):
        channels = width >> stage
        build.add(f"decoder.layers.{stage}.0.alpha", (channels,), "snake")
        build.conv_transpose(f"decoder.layers.{stage}.1", channels, channels >> 1, 8)
        for unit in range(3):
            build.add(f"decoder.layers.{stage}.{unit + 2}.0.alpha", (channels >> 1,), "snake")
            build.conv(f"decoder.layers.{stage}.{unit + 2}.1", channels >> 1, channels >> 1, 7)
    return build.network


@cache
def _read_vocoder_file() -> Mapping[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in open_checkpoint(path(VOCODER)).items()}


def load_speech_network() -> Network:
    """The bundled vocoder, trained on speech: 94 tensors, read from its file."""
    network = Network(
        "speech",
        {
            name.removeprefix("generator."): array.copy()
            for name, array in _read_vocoder_file().items()
        },
    )
    for name, array in network.weights.items():
        network.kinds[name] = (
            "bias" if array.ndim == 1 else "linear" if array.ndim == 2 else "conv1d"
        )
        if name.startswith("ups.") and array.ndim == 3:
            network.kinds[name] = "conv_transpose1d"
    return network


NETWORKS: dict[str, Callable[[int, int], Network]] = {
    "vocoder": build_vocoder,
    "transformer": build_transformer,
    "codec": build_codec,
    "speaker": build_speaker,
    "diffusion": build_diffusion,
}


def widen_network(network: Network) -> Arrays:
    """Zeros as the same code makes them with other channel counts."""
    if network.name == "speech":
        config = detect_families({name: array.shape for name, array in network.weights.items()})[
            0
        ].config
        wider = replace(config, channels=tuple(3 * channels // 2 for channels in config.channels))
        return {name: np.zeros(shape, np.float32) for name, shape in expected(wider).items()}
    sides = [
        array.shape
        for name, array in network.weights.items()
        if network.kinds[name] in {"conv1d", "linear"}
    ]
    return NETWORKS[network.name](0, 24 if all(24 not in shape for shape in sides) else 40).weights


def iter_networks(seeds: int, widths: tuple[int, ...] = (16, 32)) -> Iterator[Network]:
    """Each network at each width with that many seeds; the trained one, which has one width, once a seed."""
    for make in NETWORKS.values():
        for width in widths:
            for seed in range(seeds):
                yield make(seed, width)
    for _ in range(seeds):
        yield load_speech_network()
