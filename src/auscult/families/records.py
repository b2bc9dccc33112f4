"""What a family says about a checkpoint, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Choice:
    """Something that the model computes and no tensor shows, as a finite set to be tried.

    Attributes:
        field: The field of the family's config.
        values: Every value worth trying; the default is among them.
        meaning: What it decides, in the field's terms.
    """

    field: str
    values: tuple[Any, ...]
    default: Any
    meaning: str


@dataclass(frozen=True)
class Variant:
    """A config under the name by which people know it, with where it comes from."""

    name: str
    config: Any
    origin: str
