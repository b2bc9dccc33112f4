"""What the rules of mel spectrograms look at: a mel and the definition that was found for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auscult.sound.mel_definition import MelDefinition
    from auscult.sound.mel_search.search import SearchOutcome


@dataclass(frozen=True, eq=False)
class MelSubject:
    """A mel spectrogram, the definition that was found for it, and the one that it should have.

    Attributes:
        name: The mel's file.
        found: The outcome of the search.
        alternatives: Per setting, the other values that explain the mel as well.
        against: Name and definition of what a vocoder was trained on, where one was asked for.
    """

    name: str
    found: SearchOutcome
    alternatives: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    against: tuple[str, MelDefinition] | None = None
