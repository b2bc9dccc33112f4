"""Names and shapes of HiFi-GAN's discriminators. Source: jik876/hifi-gan models.py.

The first multi-scale discriminator has spectral norm (`weight_orig`, `weight_u`, `weight_v`), whose `weight_v` is a vector
and no weight-norm direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.weights import Shape

EVIDENCE = (
    SignatureFact("neither `mpd` nor `msd`", any_of=("mpd.discriminators.", "msd.discriminators.")),
)

MSD_KERNELS = (15, 41, 41, 41, 41, 41, 5)
MSD_GROUPS = (1, 4, 16, 16, 16, 16, 1)


@dataclass(frozen=True)
class Config:
    """Defaults are the published ones.

    Attributes:
        periods: Number of multi-period discriminators; the periods themselves are not in the tensors.
        scales: Number of multi-scale discriminators; the first has spectral norm.
    """

    periods: int = 5
    scales: int = 3
    mpd_channels: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    mpd_kernel_size: int = 5
    msd_channels: tuple[int, ...] = (128, 128, 256, 512, 1024, 1024, 1024)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    periods, scales = shapes.count("mpd.discriminators."), shapes.count("msd.discriminators.")
    if not periods and not scales:
        return None
    kernels = (
        f"mpd.discriminators.{period}.convs.{layer}.weight"
        for period in range(periods)
        for layer in range(5)
    )
    return Config(
        periods=periods,
        scales=scales,
        mpd_channels=_channels(shapes, "mpd", periods, Config.mpd_channels),
        mpd_kernel_size=shapes.size(*((name, 2) for name in kernels), ("mpd", 0), default=5),
        msd_channels=_channels(shapes, "msd", scales, Config.msd_channels),
    )


def _channels(shapes: Shapes, part: str, count: int, usual: tuple[int, ...]) -> tuple[int, ...]:
    if not count:
        return usual
    return tuple(
        shapes.size(
            *((f"{part}.discriminators.{i}.convs.{layer}.bias", 0) for i in range(count)),
            default=width,
        )
        for layer, width in enumerate(usual)
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    for period in range(config.periods):
        name = f"mpd.discriminators.{period}"
        for layer, (source, target) in enumerate(
            zip((1, *config.mpd_channels), config.mpd_channels, strict=False)
        ):
            planner.conv2d(
                f"{name}.convs.{layer}", source, target, (config.mpd_kernel_size, 1), norm=True
            )
        planner.conv2d(f"{name}.conv_post", config.mpd_channels[-1], 1, (3, 1), norm=True)
    for scale in range(config.scales):
        name = f"msd.discriminators.{scale}"
        sizes = zip(
            (1, *config.msd_channels), config.msd_channels, MSD_KERNELS, MSD_GROUPS, strict=False
        )
        for layer, (source, target, kernel, groups) in enumerate(sizes):
            _plan_conv(
                planner,
                f"{name}.convs.{layer}",
                (target, source // groups, kernel),
                spectral=scale == 0,
            )
        _plan_conv(
            planner, f"{name}.conv_post", (1, config.msd_channels[-1], 3), spectral=scale == 0
        )
    return planner.plan


def _plan_conv(planner: Planner, name: str, shape: Shape, *, spectral: bool) -> None:
    if spectral:
        planner.tensor(f"{name}.bias", shape[:1], "bias")
        planner.tensor(f"{name}.weight_orig", shape, "conv1d")
        planner.tensor(f"{name}.weight_u", shape[:1], "buffer")
        planner.tensor(f"{name}.weight_v", (prod(shape[1:]),), "buffer")
    else:
        planner.conv1d(name, shape[1], shape[0], shape[2], norm=True)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:  # noqa: ARG001 - there is no transposed convolution
    """See `auscult.families.signature`."""
    return False


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:  # noqa: ARG001
    """The periods and the strides."""
    return {"period_values": ((2, 3, 5, 7, 11),), "slope": (0.1, 0.2)}


def variant(config: Config) -> str | None:
    """The published sizes."""
    return "HiFi-GAN" if config == Config() else None
