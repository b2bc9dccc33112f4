"""A trained vocoder on the disk: one safetensors file whose header has the settings of the network and of the mel.

Names, header and shapes are what `auscult run vocoder` and `auscult inspect` read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from auscult.families._torch import load
from auscult.families.codec.storage import write_tensors
from auscult.families.hifigan.config import Config as HifiganConfig
from auscult.families.vocos.config import Config as VocosConfig
from auscult.sound.mel_definition import MelDefinition
from auscult.training.vocoder.initial import build_plain
from auscult.training.vocoder.sizes import list_metadata


def write_vocoder(
    generator: nn.Module,
    config: VocosConfig | HifiganConfig,
    mel: MelDefinition,
    path: Path,
    about: Mapping[str, Any],
) -> None:
    """The generator alone, weight norm fused.

    Raises:
        OSError: If the disk is full or the folder cannot be written; a file that was there before is then untouched.
    """
    plain = build_plain(config)
    load(plain, {name: value.detach().cpu() for name, value in generator.state_dict().items()})
    write_tensors(plain.state_dict(), about, path, header=list_metadata(config, mel))
