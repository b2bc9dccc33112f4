"""The network of a training: the family's config for a mel, small enough for a processor where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from auscult.errors import UsageError
from auscult.families.hifigan.config import Config as HifiganConfig
from auscult.families.vocos.config import Config as VocosConfig
from auscult.sound.mel_definition import MelDefinition
from auscult.training.settings import check_fields
from auscult.training.vocoder.config import Family

STRIDES = (8, 5, 4, 3, 2)
"""Of HiFi-GAN's upsampling, the largest first. Chosen, as public configs have them."""
HIFIGAN_CHANNELS = 128
"""Before the first upsampling, halved by each: V2's."""
VOCOS_WIDTH, VOCOS_LAYERS = 192, 6
"""1.5 million weights, where the published model has 13. Chosen for a processor."""


def build_config(
    family: Family, mel: MelDefinition, changes: Mapping[str, Any]
) -> VocosConfig | HifiganConfig:
    """The config of a network that takes this mel and gives `mel.hop` samples for each frame.

    Args:
        changes: Fields of the family's config instead.

    Raises:
        UsageError: If there is no such field, or the network cannot have the mel's bands or hop.
    """
    config: VocosConfig | HifiganConfig
    if family == "vocos":
        config = _build_vocos_config(mel)
    elif family == "hifigan":
        config = _build_hifigan_config(mel, "upsample_rates" in changes)
    else:
        raise UsageError(
            "cannot be trained", where=f"family {family}", hint="choose vocos or hifigan"
        )
    values = {
        name: _convert_rows(value)
        for name, value in check_fields(type(config), changes, f"model of {family}").items()
    }
    config = replace(config, **values)
    if (config.mel_bins, config.hop) != (mel.n_mels, mel.hop):
        raise UsageError(
            "the model does not fit the mel definition",
            where=f"model of {family}",
            expected=f"{mel.n_mels} bands, a hop of {mel.hop} samples",
            found=f"{config.mel_bins} bands, a hop of {config.hop} samples",
            hint="choose another mel definition, or leave these fields of the model out",
        )
    return config


def _build_vocos_config(mel: MelDefinition) -> VocosConfig:
    padding = VocosConfig().padding if mel.padding == "centre" else "same"
    return VocosConfig(
        inputs=mel.n_mels,
        n_fft=4 * mel.hop,
        mel_n_fft=0,
        hop_length=mel.hop,
        padding=padding,
        width=VOCOS_WIDTH,
        hidden=3 * VOCOS_WIDTH,
        layers=VOCOS_LAYERS,
    )


def _build_hifigan_config(mel: MelDefinition, has_strides: bool) -> HifiganConfig:
    if has_strides:
        return HifiganConfig(mel_bins=mel.n_mels)
    rates = split_hop(mel.hop)
    channels = tuple(HIFIGAN_CHANNELS // 2**stage for stage in range(len(rates) + 1))
    kernels = tuple(2 * rate + rate % 2 for rate in rates)
    return HifiganConfig(
        mel_bins=mel.n_mels,
        channels=channels,
        upsample_rates=rates,
        upsample_kernel_sizes=kernels,
    )


def split_hop(hop: int) -> tuple[int, ...]:
    """Strides whose product is the hop.

    Raises:
        UsageError: If the hop has a prime factor over 5.
    """
    rates = []
    rest = hop
    for rate in STRIDES:
        while rest % rate == 0:
            rates.append(rate)
            rest //= rate
    if rest > 1:
        raise UsageError(
            "has no strides of the usual sizes",
            where=f"hop {hop}",
            expected="a product of 2, 3 and 5",
            hint="choose another mel definition, or --family vocos, which takes any hop",
        )
    return tuple(sorted(rates, reverse=True))


def _convert_rows(value: Any) -> Any:
    """Lists inside of a tuple as tuples, as JSON does not have them."""
    if isinstance(value, tuple):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    return value


def list_metadata(config: VocosConfig | HifiganConfig, mel: MelDefinition) -> dict[str, str]:
    """The header of the weights' file: `config.NAME`, and `config.mel.NAME` of the mel's definition."""
    header: dict[str, str] = {}
    for entry in fields(config):
        header |= _flatten(f"config.{entry.name}", getattr(config, entry.name))
    for name, value in mel.to_config().items():
        header[f"config.mel.{name}"] = str(value)
    return header


def _flatten(name: str, value: Any) -> dict[str, str]:
    """A value as text, a tuple's items under their numbers."""
    if not isinstance(value, tuple):
        return {name: str(value)}
    header: dict[str, str] = {}
    for number, item in enumerate(value):
        header |= _flatten(f"{name}.{number}", item)
    return header
