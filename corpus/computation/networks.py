"""References of the computation corpus: torch networks with weights as training leaves them, and inputs for each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from auscult.families.hifigan import torch as hifigan
from auscult.families.hifigan.config import Config as HifiganConfig
from auscult.families.streamspeech_modified import torch as streamspeech
from auscult.families.streamspeech_modified.config import Config as StreamspeechConfig
from auscult.weights import Array
from corpus.computation import torch_networks as nets
from corpus.computation.choices import Choices
from corpus.computation.torch_conformer import Conformer

NetworkInputs = Mapping[str, Array]
HIFIGAN = HifiganConfig(
    8,
    (16, 12, 8),
    (8, 4),
    resblock_kernel_sizes=(3, 5),
    upsample_rates=(4, 2),
    dilations=((1, 3), (1, 2)),
)
STREAMSPEECH = StreamspeechConfig(
    8,
    (12, 8, 6),
    (8, 4),
    2,
    (3, 5),
    speaker_dim=5,
    emotion_dim=4,
    upsample_rates=(4, 2),
    dilations=(1, 2),
)
NETWORK_CLASSES: Mapping[str, Callable[..., torch.nn.Module]] = {
    "transformer": nets.Transformer,
    "conformer": Conformer,
    "flow": nets.Flow,
    "recurrent": nets.Recurrent,
    "istft-vocoder": nets.Vocoder,
}
NAMES = (*NETWORK_CLASSES, "hifigan", "streamspeech-modified")


def build_network(name: str, changes: Mapping[str, Any], seed: int = 0) -> torch.nn.Module:
    """The network of that name with other choices, and the weights of that seed."""
    if name == "hifigan":
        module: torch.nn.Module = hifigan.build(replace(HIFIGAN, **changes))
    elif name == "streamspeech-modified":
        module = streamspeech.build(replace(STREAMSPEECH, **changes))
    else:
        module = NETWORK_CLASSES[name](replace(Choices(), **changes))
    fill_weights(module, seed)
    return module.eval()


@torch.no_grad()
def fill_weights(module: torch.nn.Module, seed: int) -> None:
    """Unequal gains, biases away from zero, norm gains round one, embeddings of deviation 0.02 as in transformers."""
    for name, tensor in module.state_dict(keep_vars=True).items():
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        if not tensor.is_floating_point() or name.endswith("window"):
            continue
        noise = torch.tensor(rng.standard_normal(tuple(tensor.shape)), dtype=tensor.dtype)
        owner = module.get_submodule(name.rpartition(".")[0])
        kind, last = type(owner).__name__, name.rpartition(".")[2]
        if ("Norm" in kind and last == "weight") or last == "gamma":
            tensor.data = 1 + 0.2 * noise
        elif last == "running_var":
            tensor.data = torch.exp(0.3 * noise)
        elif tensor.ndim < 2 and last != "weights":
            tensor.data = 0.1 * noise
        elif kind == "Embedding":
            tensor.data = 0.02 * noise
        elif last == "weights":
            tensor.data = 2 * noise
        else:
            fan_in = (
                tensor[0].numel()
                if "Transpose" not in kind
                else tensor.shape[0] * tensor.shape[2] / 4
            )
            gain = torch.exp(
                torch.tensor(0.3 * rng.standard_normal(tensor.shape[0])).float()
            ).reshape(-1, *[1] * (tensor.ndim - 1))
            tensor.data = 1.2 * gain * noise / fan_in**0.5


def make_inputs(name: str, seed: int = 0) -> NetworkInputs:
    """Inputs of the network, from a seed."""
    rng = np.random.default_rng((seed, 77))

    def draw_normal(*shape: int) -> Array:
        return rng.standard_normal(shape).astype(np.float32)

    if name in ("transformer", "conformer"):
        mask = np.ones((2, 19), np.float32)
        mask[1, 13:] = 0
        return {"input": rng.integers(1, 40, (2, 18)), "input.1": mask}
    if name == "flow":
        seconds = rng.uniform(2, 20, 1).astype(np.float32)
        return {
            "input": draw_normal(1, 8, 15),
            "input.1": seconds,
            "input.2": draw_normal(1, 8, 30),
        }
    if name == "recurrent":
        return {"input": draw_normal(2, 21, 8)}
    if name == "istft-vocoder":
        return {
            "input": draw_normal(1, 8, 27),
            "input.1": rng.uniform(0.01, 0.2, (1, 27)).astype(np.float32),
        }
    if name == "hifigan":
        return {"input": draw_normal(1, 8, 13)}
    return {
        "input": draw_normal(1, 8, 13),
        "input.1": draw_normal(1, 5),
        "input.2": draw_normal(1, 4),
    }
