"""The families that turn a mel or units into sound, and what a program has to know to run a file of one.

A family that can be run so has a `vocoder.py` in its folder, found by its place, with the names of `Vocoder`; beside it
are its `torch.py` and `mlx.py`. Where other projects keep the same network under other names, its folder has a `forks.py`
with `FORKS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from auscult.families import import_family, list_families

VocoderInput = Literal["mel", "units", "codes"]


class Vocoder(Protocol):
    """A family's `vocoder.py`.

    Attributes:
        MELS: Names in `auscult.sound.mel_search.families.FAMILIES`, the likeliest first: the definitions that published
            models of the family were trained on.
        CONFIG_NAMES: Field of the family's config -> the names that public configs give it.
        SAMPLE_RATE: In Hz, where neither a config nor a mel definition says it.
    """

    MELS: tuple[str, ...]
    CONFIG_NAMES: Mapping[str, tuple[str, ...]]
    SAMPLE_RATE: int

    def name_input(self, config: Any) -> VocoderInput:
        """What a model of this config is fed: mel [bands, frames], units [time], or codes [books, frames]."""


@dataclass(frozen=True)
class Fork:
    """Another project's names for a family's network.

    Attributes:
        name: The project.
        rename: The family's name of a tensor, or None where the tensor is no part of the generator.
        is_present: Whether a checkpoint with these names is this project's.
        fields: Fields of the family's config that the project's code decides, such as how it pads.
        mels: As `Vocoder.MELS`, where the project has its own.
    """

    name: str
    is_present: Callable[[Collection[str]], bool]
    rename: Callable[[str], str | None]
    fields: Mapping[str, Any] = field(default_factory=dict)
    mels: tuple[str, ...] = ()


def list_vocoders() -> tuple[str, ...]:
    """Names of the families that have a `vocoder.py`, sorted."""
    return tuple(
        name for name in list_families() if _get_folder(name).joinpath("vocoder.py").exists()
    )


def import_vocoder(name: str) -> Vocoder:
    """The family's `vocoder.py`.

    Raises:
        UsageError: If there is no family of that name.
    """
    return cast(Vocoder, importlib.import_module(f"{import_family(name).__name__}.vocoder"))


def find_fork(names: Collection[str]) -> Fork | None:
    """The project whose names these are, where they are not a family's own."""
    return next((fork for fork in _iter_forks() if fork.is_present(names)), None)


def _iter_forks() -> Iterator[Fork]:
    for name in list_families():
        if _get_folder(name).joinpath("forks.py").exists():
            forks: tuple[Fork, ...] = importlib.import_module(
                f"{import_family(name).__name__}.forks"
            ).FORKS
            yield from forks


def _get_folder(name: str) -> Path:
    return Path(__file__).parent / name.replace("-", "_")
