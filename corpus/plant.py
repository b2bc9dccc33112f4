"""What a planted defect is.

A planter is a function `(network, rng) -> Planted | None`, decorated with `@plants("cause")`; None where the defect makes no
sense on that network. Planters live in `corpus/plants/`, found by their folder, each beside its clean control.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from corpus.networks import Arrays, Network


@dataclass(frozen=True)
class PlantedDefect:
    """A defective candidate beside its healthy reference.

    Attributes:
        cause: The name of what was planted; None on a clean control (a correct port).
        candidate: Arrays, or a function that writes a file into a folder and gives its path.
        reference: Arrays of the healthy side (or of a code template).
        where: Candidate or reference names at which the finding must point, exactly.
        repairable: Whether the original can be had back from the candidate.
        expected: What a repair must give: by default the reference.
        exact: Whether the repair must give every bit; False where it has to compute (g * v / |v|, W + BA, ln).
        template: Whether the reference is code whose weights are a fresh initialisation.
        verb: Which command must find it.
        details: Extra keyword arguments of a Checkpoint over the candidate.
        reference_details: The same for the reference.
    """

    cause: str | None
    candidate: Arrays | Callable[[Path], Path]
    reference: Arrays
    where: frozenset[str] = frozenset()
    repairable: bool = True
    expected: Arrays | None = None
    exact: bool = True
    template: bool = False
    verb: str = "diff"
    details: Mapping[str, Any] = field(default_factory=dict)
    reference_details: Mapping[str, Any] = field(default_factory=dict)


Planter = Callable[[Network, np.random.Generator], PlantedDefect | None]
_PLANTERS: dict[str, list[Planter]] = {}


def register_planter(cause: str) -> Callable[[Planter], Planter]:
    """Register a planter under the cause that it plants; `port:...` for a correct port."""

    def register(planter: Planter) -> Planter:
        _PLANTERS.setdefault(cause, []).append(planter)
        return planter

    return register


def list_planters() -> Mapping[str, list[Planter]]:
    """Every planter, by cause."""
    package = importlib.import_module("corpus.plants")
    for info in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"corpus.plants.{info.name}")
    return dict(sorted(_PLANTERS.items()))
