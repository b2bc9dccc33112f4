"""A codec on the disk: one safetensors file with the weights, weight norm fused, and the config in its header.

Files are written to a temporary file, flushed to the disk, then renamed: a reader sees the old file or the new one, never a part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from auscult.errors import CheckpointError
from auscult.facts.atomic import replace_file
from auscult.families.codec.config import Config
from auscult.families.codec.torch import Codec, build, load

FORMAT = "auscult-codec"
VERSION = 1


def write_tensors(
    tensors: Mapping[str, Tensor],
    about: Mapping[str, Any],
    path: Path,
    *,
    header: Mapping[str, str] | None = None,
) -> None:
    """One file with tensors and a JSON description.

    Args:
        header: Further entries of the file's metadata.

    Raises:
        OSError: If the disk is full or the folder cannot be written; a file that was there before is then untouched.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replace_file(path, durable=True) as partial:
        try:
            save_file(whole, partial, {**(header or {}), "about": json.dumps(about)})
        except SafetensorError as error:  # how the library reports the system's error
            raise OSError(str(error)) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The reverse of `write_tensors`.

    Raises:
        CheckpointError: If the file is missing or damaged, or not of this program.
    """
    try:
        with safe_open(path, "pt") as handle:
            about = json.loads((handle.metadata() or {})["about"])
            return {name: handle.get_tensor(name) for name in handle.keys()}, about  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            "cannot be read as a checkpoint of a training", where=str(path), found=str(error)
        ) from error


def write_codec(
    codec: nn.Module,
    config: Config,
    path: Path,
    about: Mapping[str, Any],
    dtype: torch.dtype = torch.float32,
) -> None:
    """The codec alone, to be used: weight norm fused. `dtype` float16 halves the file.

    Raises:
        OSError: As `write_tensors`.
    """
    plain = build(config)
    load(plain, {name: value.detach().cpu() for name, value in codec.state_dict().items()})
    header = {"format": FORMAT, "version": VERSION, "config": asdict(config), **about}
    write_tensors(
        {name: value.to(dtype) for name, value in plain.state_dict().items()}, header, path
    )


def read_codec(path: str | Path) -> tuple[Codec, dict[str, Any]]:
    """A codec ready to use, and what its file says about itself, with the `fingerprint` of its weights added.

    Raises:
        CheckpointError: If the file is damaged, of another kind, or does not fit its own config.
    """
    tensors, about = read_tensors(Path(path))
    if about.get("format") != FORMAT or about.get("version") != VERSION:
        found = f"{about.get('format')} {about.get('version')}"
        raise CheckpointError(
            "is no codec of this version",
            where=str(path),
            expected=f"{FORMAT} {VERSION}",
            found=found,
        )
    try:
        values: dict[str, Any] = {
            n: tuple(v) if isinstance(v, list) else v for n, v in about["config"].items()
        }
        config = Config(**values)
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            "has a config that cannot be read", where=str(path), found=str(error)
        ) from error
    codec = build(config)
    load(
        codec,
        {
            name: value.float() if value.is_floating_point() else value
            for name, value in tensors.items()
        },
    )
    return codec.eval(), {**about, "fingerprint": fingerprint(tensors)}


def fingerprint(tensors: Mapping[str, Tensor]) -> bytes:
    """8 bytes that tell these weights from any others."""
    digest = blake2b(digest_size=8)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.digest()
