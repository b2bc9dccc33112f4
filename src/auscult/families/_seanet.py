"""SEANet, the convolutional encoder and decoder that EnCodec and Mimi share, under either of its namings."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.families._plan import Planner
from auscult.families._shapes import Shapes


@dataclass(frozen=True)
class SeanetNaming:
    """How a file calls the parts.

    Attributes:
        root: The list of layers inside `encoder` and `decoder`: `model` or `layers`.
        conv: What follows a layer's number for a convolution; `convtr` for a transposed one; `norm`, `convtr_norm` for the
            group norm beside them.
    """

    root: str
    conv: str
    convtr: str
    norm: str
    convtr_norm: str


ORIGINAL_NAMING = SeanetNaming("model", "conv.conv", "convtr.convtr", "conv.norm", "convtr.norm")
TRANSFORMERS_NAMING = SeanetNaming("layers", "conv", "conv", "norm", "norm")


@dataclass(frozen=True)
class SeanetSizes:
    """Sizes of the convolutional stack.

    Attributes:
        kernels: Of the strided convolutions, from the input inwards (twice the stride).
        lstm: Number of LSTM layers in the middle; 0 for none.
        shortcut: Whether residual blocks have a convolution on their shortcut.
        group_norm: EnCodec 48 kHz has it in place of weight norm.
    """

    channels: int
    filters: int
    latent: int
    kernels: tuple[int, ...]
    kernel_size: int
    residual_kernel_size: int
    last_kernel_size: int
    lstm: int
    shortcut: bool
    group_norm: bool
    weight_norm: bool


def plan_seanet(planner: Planner, naming: SeanetNaming, net: SeanetSizes) -> None:
    """Encoder, then decoder."""
    _plan_encoder(planner, naming, net)
    _plan_decoder(planner, naming, net)


def _plan_encoder(planner: Planner, naming: SeanetNaming, net: SeanetSizes) -> None:
    stem, width, index = f"encoder.{naming.root}", net.filters, 0
    _plan_conv(planner, naming, net, f"{stem}.0", net.channels, width, net.kernel_size)
    for kernel in net.kernels:
        _plan_residual(planner, naming, net, f"{stem}.{index + 1}", width)
        _plan_conv(planner, naming, net, f"{stem}.{index + 3}", width, 2 * width, kernel)
        width, index = 2 * width, index + 3
    if net.lstm:
        index += 1
        planner.lstm(f"{stem}.{index}.lstm", width, width, net.lstm)
    _plan_conv(planner, naming, net, f"{stem}.{index + 2}", width, net.latent, net.last_kernel_size)


def _plan_decoder(planner: Planner, naming: SeanetNaming, net: SeanetSizes) -> None:
    stem, width, index = f"decoder.{naming.root}", net.filters * 2 ** len(net.kernels), 0
    _plan_conv(planner, naming, net, f"{stem}.0", net.latent, width, net.kernel_size)
    if net.lstm:
        index += 1
        planner.lstm(f"{stem}.{index}.lstm", width, width, net.lstm)
    for kernel in reversed(net.kernels):
        name = f"{stem}.{index + 2}"
        planner.conv_transpose1d(
            f"{name}.{naming.convtr}", width, width // 2, kernel, norm=net.weight_norm
        )
        if net.group_norm:
            planner.norm(f"{name}.{naming.convtr_norm}", width // 2)
        width, index = width // 2, index + 3
        _plan_residual(planner, naming, net, f"{stem}.{index}", width)
    _plan_conv(
        planner, naming, net, f"{stem}.{index + 2}", width, net.channels, net.last_kernel_size
    )


def _plan_residual(
    planner: Planner, naming: SeanetNaming, net: SeanetSizes, name: str, width: int
) -> None:
    _plan_conv(planner, naming, net, f"{name}.block.1", width, width // 2, net.residual_kernel_size)
    _plan_conv(planner, naming, net, f"{name}.block.3", width // 2, width, 1)
    if net.shortcut:
        _plan_conv(planner, naming, net, f"{name}.shortcut", width, width, 1)


def _plan_conv(  # noqa: PLR0917
    planner: Planner,
    naming: SeanetNaming,
    net: SeanetSizes,
    name: str,
    source: int,
    target: int,
    kernel: int,
) -> None:
    planner.conv1d(f"{name}.{naming.conv}", source, target, kernel, norm=net.weight_norm)
    if net.group_norm:
        planner.norm(f"{name}.{naming.norm}", target)


def infer_seanet(
    shapes: Shapes, naming: SeanetNaming, *, lstm: int, weight_norm: bool
) -> SeanetSizes | None:
    """Sizes from names and torch-layout shapes, or None where the encoder's first convolution has no width."""
    stem, conv = f"encoder.{naming.root}", naming.conv
    after = 2 + (1 if lstm else 0)
    layers = shapes.count(f"{stem}.") or shapes.count(f"decoder.{naming.root}.")
    stages = (layers - 1 - after) // 3
    filters = shapes.find(
        (f"{stem}.0.{conv}.weight", 0),
        (f"{stem}.0.{conv}.bias", 0),
        (f"{stem}.1.block.3.{conv}.bias", 0),
    )
    if stages < 1 or not filters:
        return None
    last = f"{stem}.{layers - 1}.{conv}"
    end = f"decoder.{naming.root}.{layers - 1}.{conv}"
    down = [f"{stem}.{3 * stage + 3}.{conv}.weight" for stage in range(stages)]
    first_up = 3 if lstm else 2
    up = [
        f"decoder.{naming.root}.{first_up + 3 * (stages - 1 - stage)}.{naming.convtr}.weight"
        for stage in range(stages)
    ]
    inner = [(f"{stem}.{3 * stage + 1}.block.1.{conv}.weight", 2) for stage in range(stages)]
    return SeanetSizes(
        channels=shapes.size((f"{stem}.0.{conv}.weight", 1), (f"{end}.bias", 0), default=1),
        filters=filters,
        latent=shapes.size((f"{last}.weight", 0), (f"{last}.bias", 0), default=128),
        kernels=tuple(
            shapes.size((a, 2), (b, 2), default=8) for a, b in zip(down, up, strict=True)
        ),
        kernel_size=shapes.size(
            (f"{stem}.0.{conv}.weight", 2), (f"decoder.{naming.root}.0.{conv}.weight", 2), default=7
        ),
        residual_kernel_size=shapes.size(*inner, default=3),
        last_kernel_size=shapes.size((f"{last}.weight", 2), (f"{end}.weight", 2), default=7),
        lstm=lstm,
        shortcut=shapes.has(f"{stem}.1.shortcut.", f"{stem}.4.shortcut."),
        group_norm=shapes.has(f"{stem}.0.{naming.norm}.", f"{stem}.3.{naming.norm}."),
        weight_norm=weight_norm,
    )
