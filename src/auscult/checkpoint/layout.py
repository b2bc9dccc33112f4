"""Which axis order the convolutions of a file have, and whether weight norm is fused, with the evidence for it.

A 3-D weight is (out, in, kernel) in torch, (in, out, kernel) in torch's transposed convolution, and (out, kernel, in) in MLX.
Shapes alone do not tell which side is the kernel: (256, 18, 30) is a convolution of kernel 30 over 18 channels. Each tensor is
therefore asked two questions, and votes only if they do not contradict each other:

- its bias: as long as side 1 and not as side 0, it is a torch transposed convolution;
- its neighbours: the number of channels going in must be a number that some layer of the file gives out, a kernel need not be.

A kernel of 1 and a square weight say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from auscult.facts.weight_norm import (
    get_fused_name,
    is_direction_name,
    is_gain_name,
    parse_weight_norm_name,
)
from auscult.weights import Shape

LayoutVerdict = Literal["torch", "mlx", "mixed", "unknown"]
LayoutVote = Literal["torch", "mlx", "undecided"]
WeightNormForm = Literal["weight-norm-old", "weight-norm-new", "mixed", "none"]

MAX_KERNEL = 128
"""No convolution of the known audio models has a longer kernel beside more than that many channels."""
MIN_CLEAR_RATIO = 4  # how many times the kernel the channels must be for the plain shape to vote,
MIN_CHANNELS = 64  # and how many at least: a grouped convolution of kernel 41 over 8 channels per group is a real one
MIN_KNOWN_RATIO = 2  # how many times the kernel where the file knows the number: small numbers of channels are kernels of other layers

INPUT_CHANNELS = frozenset((2, 4))
"""Channels of recordings, which no layer of the file gives out: stereo, and real and imaginary part of a stereo spectrogram."""
_FIRST_INDEX = re.compile(r"\.\d+(\.|$)")


class LayoutEvidence(NamedTuple):
    """The verdict on the axis order, and how every convolution voted.

    Attributes:
        torch, mlx: Names of the tensors that can only be read so.
        undecided: Names whose shape fits both readings.
    """

    layout: LayoutVerdict
    torch: tuple[str, ...]
    mlx: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The evidence in words."""
        if not (self.torch or self.mlx or self.undecided):
            return "no convolution weights"
        parts = [
            ("only as torch's", self.torch),
            ("only as MLX's", self.mlx),
            ("either way", self.undecided),
        ]
        return "of the convolutions " + ", ".join(
            f"{len(names)} can be read {how}" for how, names in parts if names
        )


def detect_layout(shapes: Mapping[str, Shape]) -> LayoutEvidence:
    """The axis order of the convolution weights, from names and shapes."""
    channels = _collect_channel_counts(shapes)
    votes: dict[LayoutVote, list[str]] = {"torch": [], "mlx": [], "undecided": []}
    visited_rows: set[str] = set()
    for name, shape in shapes.items():
        if len(shape) in (3, 4) and _is_weight(name) and min(shape) > 0:
            vote = _vote_on_layout(shape, shapes.get(_name_bias(name)), channels)
            row = _FIRST_INDEX.split(name)[0]
            if row not in visited_rows and _may_be_input_layer(shape, vote):
                vote = "undecided"
            visited_rows.add(row)
            votes[vote].append(name)
    torch, mlx = tuple(votes["torch"]), tuple(votes["mlx"])
    layout: LayoutVerdict = "unknown"
    if torch or mlx:
        if torch and mlx:
            layout = "mixed"
        elif torch:
            layout = "torch"
        else:
            layout = "mlx"
    return LayoutEvidence(layout, torch, mlx, tuple(votes["undecided"]))


def detect_parametrisation(names: Mapping[str, object]) -> tuple[WeightNormForm, str]:
    """How weight norm is stored, and the evidence in words."""
    pairs = [
        pair
        for pair in map(parse_weight_norm_name, names)
        if pair is not None and pair.gain in names and pair.direction in names
    ]
    # each pair was met by both of its names
    old_pairs = sum(pair.form == "weight-norm-old" for pair in pairs) // 2
    new_pairs = sum(pair.form == "weight-norm-new" for pair in pairs) // 2
    if old_pairs and new_pairs:
        return (
            "mixed",
            f"{old_pairs} pairs weight_g / weight_v and {new_pairs} pairs parametrizations.weight.original0 / original1",
        )
    if old_pairs:
        return "weight-norm-old", f"{old_pairs} pairs weight_g / weight_v"
    if new_pairs:
        return (
            "weight-norm-new",
            f"{new_pairs} pairs parametrizations.weight.original0 (gain) / original1 (direction)",
        )
    return "none", "no weight-norm pairs: fused, or never normed"


def _is_weight(name: str) -> bool:
    return name == "weight" or name.endswith(".weight") or is_direction_name(name)


def _name_bias(name: str) -> str:
    layer, dot, _ = get_fused_name(name).rpartition(".")
    return f"{layer}{dot}bias"


def _collect_channel_counts(shapes: Mapping[str, Shape]) -> frozenset[int]:
    """Numbers of channels that some layer of the file gives out: the lengths of its biases, norms and linear weights."""
    counts = {
        shape[0]
        for name, shape in shapes.items()
        if len(shape) == 1 and shape[0] > 1 and not is_gain_name(name)
    }
    return frozenset(
        counts | {side for shape in shapes.values() if len(shape) == 2 for side in shape}
    )


def _vote_on_layout(shape: Shape, bias: Shape | None, channels: frozenset[int]) -> LayoutVote:
    kernel, inner = (
        max(shape[2:]),
        max(shape[1:-1]),
    )  # the kernel as torch would have it, and as MLX would
    as_torch, as_mlx = kernel <= MAX_KERNEL, inner <= MAX_KERNEL
    if bias is not None and len(bias) == 1 and bias[0] != shape[0]:
        # a transposed convolution of torch: MLX has the output channels first there too
        if bias[0] == shape[1]:
            return "torch"
        return "undecided"
    if as_torch != as_mlx:
        if as_torch:
            return "torch"
        return "mlx"
    if not as_torch or shape[1] == shape[-1] or 1 in (shape[1], shape[-1]):
        return "undecided"
    return _vote_by_channels(shape[1], kernel, shape[-1], inner, channels)


def _may_be_input_layer(shape: Shape, vote: LayoutVote) -> bool:
    """Whether the first convolution of a row may be read against its vote: over the channels of a recording, with a kernel
    that is by chance a number of channels too, as in Demucs (48 filters of kernel 8 over 2 channels)."""
    if vote == "undecided":
        return False
    inputs, kernel = (shape[1], shape[-1]) if vote == "mlx" else (shape[-1], shape[1])
    return inputs in INPUT_CHANNELS and kernel < max(MIN_CLEAR_RATIO * inputs, MIN_CHANNELS)


def _vote_by_channels(
    in_torch: int, kernel_torch: int, in_mlx: int, kernel_mlx: int, channels: frozenset[int]
) -> LayoutVote:
    """The reading whose channels the file knows, or whose channels are plainly no kernel."""
    known_torch, known_mlx = in_torch in channels, in_mlx in channels
    torch = (
        in_torch >= _choose_min_channels(kernel_torch, is_known_count=known_torch)
        and known_torch >= known_mlx
    )
    mlx = (
        in_mlx >= _choose_min_channels(kernel_mlx, is_known_count=known_mlx)
        and known_mlx >= known_torch
    )
    if torch == mlx:
        return "undecided"
    if torch:
        return "torch"
    return "mlx"


def _choose_min_channels(kernel: int, *, is_known_count: bool) -> int:
    """From how many channels on a side is taken for channels beside a kernel of that length."""
    if is_known_count:
        return MIN_KNOWN_RATIO * kernel
    return max(MIN_CLEAR_RATIO * kernel, MIN_CHANNELS)
