"""Blocks against LiteRT files that litert-torch made of hand-made ports; and the same in eight bits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import (
    BlockFault,
    build_block_pairs,
    convert_to_litert,
    copy_into,
)
from benchmarks.real_ports.blocks import attention, encoders
from benchmarks.real_ports.weights import draw_normal

WIDTH = 8


def convert_port(
    make_port: Callable[[Any, str], Any], inputs: Callable[[], Sequence[Any]]
) -> Callable[[Any, str], Any]:
    """The port, converted."""
    return lambda reference, fault: convert_to_litert(make_port(reference, fault), inputs())


class Vocoder(nn.Module):
    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(6, WIDTH, 7, padding=3)
        self.up1 = nn.ConvTranspose1d(WIDTH, WIDTH, 4, 2, 1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, padding=3, dilation=3)
        self.norm = nn.GroupNorm(4, WIDTH)
        self.up2 = nn.ConvTranspose1d(WIDTH, WIDTH, 4, 2, 1)
        self.conv3 = nn.Conv1d(WIDTH, 1, 7, padding=3)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slope = 0.2 if "another slope" in self.fault else 0.1
        x = self.up1(functional.leaky_relu(self.conv1(x), 0.1))
        mode = "reflect" if "reflected" in self.fault else "constant"
        y = functional.conv1d(
            functional.pad(x, (3, 3), mode), self.conv2.weight, self.conv2.bias, dilation=3
        )
        x = x + self.normalise(functional.leaky_relu(y, slope))
        x = self.up2(functional.leaky_relu(x, 0.1))
        return torch.tanh(self.conv3(functional.leaky_relu(x, 0.01)))

    def normalise(self, x: torch.Tensor) -> torch.Tensor:
        groups = 2 if "two groups" in self.fault else 4
        eps = 1e-3 if "eps" in self.fault else 1e-5
        return functional.group_norm(x, groups, self.norm.weight, self.norm.bias, eps)


class VocoderReference(Vocoder):
    """The same with its modules called."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.up1(functional.leaky_relu(self.conv1(x), 0.1))
        x = x + self.norm(functional.leaky_relu(self.conv2(x), 0.1))
        x = self.up2(functional.leaky_relu(x, 0.1))
        return torch.tanh(self.conv3(functional.leaky_relu(x, 0.01)))


class Quantised:
    """A LiteRT file in eight bits, made when it is written."""

    def __init__(self, converted: Any, recipe: str, samples: Sequence[Any]) -> None:
        self.converted, self.recipe, self.samples = converted, recipe, samples

    def export(self, file: str) -> None:
        from ai_edge_quantizer import quantizer, recipe

        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "float.tflite")
            self.converted.export(path)
            made = quantizer.Quantizer(path)
            made.load_quantization_recipe(getattr(recipe, self.recipe)())
            ranges = None
            if made.need_calibration:
                key = "serving_default"
                ranges = made.calibrate({key: [{"args_0": each} for each in self.samples]})
            made.quantize(ranges).export_model(file, overwrite=True)


def quantise_vocoder(recipe: str) -> Callable[[Any, str], Any]:
    """The vocoder in eight bits, its ranges taken from inputs like the test's; or from quieter ones."""

    def make_port(reference: Any, fault: str) -> Any:
        port = copy_into(VocoderReference(), reference)
        if "bias of zero" in fault:
            nn.init.zeros_(port.conv2.bias)
        inputs = draw_inputs()
        loudness = 0.15 if "quiet" in fault else 1.0
        samples = [inputs[0] * loudness]
        return Quantised(convert_to_litert(port, inputs), recipe, samples)

    return make_port


def draw_inputs() -> list[Any]:
    return [draw_normal(1, 6, 24)]


def draw_frames() -> list[Any]:
    return [draw_normal(1, 13, 6)]


def draw_hidden() -> list[Any]:
    return [draw_normal(1, 11, attention.WIDTH) * 0.5]


LAYER = r"layers\.\d"
BEHIND = (r"up1|conv2|norm|up2",)
PAIRS = [
    *build_block_pairs(
        "Small vocoder: torch against LiteRT",
        VocoderReference,
        convert_port(lambda reference, fault: copy_into(Vocoder(fault), reference), draw_inputs),
        draw_inputs,
        [
            BlockFault("another slope", BEHIND, ("leaky-slope",)),
            BlockFault("reflected borders", (r"conv2",), ("padding-mode",)),
            BlockFault("two groups", (r"norm",), ("group-norm-convention",)),
            BlockFault("another eps", (r"norm",), ("layer-norm-eps",)),
        ],
    ),
    *build_block_pairs(
        "Transformer encoder: torch against LiteRT",
        encoders.make_encoder,
        convert_port(encoders.port_encoder, draw_frames),
        draw_frames,
        [
            BlockFault("norms behind", encoders.NORMS_BEHIND, ("norm-order",)),
            BlockFault(
                "sinusoids in halves",
                (r"positions|embed|layers\.0\.norm1",),
                ("position-sinusoids",),
            ),
            BlockFault("GELU's tanh form", (rf"{LAYER}\.linear2",), ("gelu-variant",)),
        ],
    ),
    *build_block_pairs(
        "Decoder with grouped heads: torch against LiteRT",
        attention.make_decoder,
        convert_port(attention.port_decoder, draw_hidden),
        draw_hidden,
        [
            BlockFault("heads tiled", attention.ATTENTION, ("attention-heads",)),
            BlockFault("another base of the rotation", attention.ATTENTION, ("rope-convention",)),
            BlockFault("SiLU as gate", attention.MLP, ("activation-wrong",)),
        ],
    ),
    *build_block_pairs(
        "Small vocoder: torch against LiteRT, weights in eight bits",
        VocoderReference,
        quantise_vocoder("dynamic_wi8_afp32"),
        draw_inputs,
        [BlockFault("a bias of zero", (r"conv2",), ("bias-missing",))],
        rounded=True,
    ),
    *build_block_pairs(
        "Small vocoder: torch against LiteRT, all in eight bits",
        VocoderReference,
        quantise_vocoder("static_wi8_ai8"),
        draw_inputs,
        [
            BlockFault("a bias of zero", (r"conv2",), ("bias-missing",)),
            BlockFault(
                "ranges of quiet inputs", (r"\(model\)|.*",), ("quantisation-range", "clipped")
            ),
        ],
        rounded=True,
    ),
]
