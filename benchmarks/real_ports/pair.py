"""A pair of implementations with the same weights, and what is true of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sides:
    """Two implementations, ready to run.

    Attributes:
        reference: A live torch module.
        candidate: A live torch or MLX module, or the path of an `.onnx` file.
        inputs: Arrays for the reference: `input`, `input.1` ... by position, other names as keywords.
        candidate_inputs: Arrays for the candidate, where it takes them in another form.
        order: Axes of the candidate's output in the reference's order, where they are in another one.
    """

    reference: Any
    candidate: Any
    inputs: Mapping[str, Any]
    candidate_inputs: Mapping[str, Any] | None = None
    order: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Fault:
    """One true difference in what the candidate computes.

    Attributes:
        places: Patterns of module paths of the reference that are right to name for it.
        causes: Causes that are right to name for it. `unexplained` is always allowed, and counted apart.
    """

    places: tuple[str, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """One comparison.

    Attributes:
        name: Model, and the two packages.
        make: Builds both sides with the same weights; it may write files into the folder that it is given.
        faults: What the candidate computes otherwise, first to last; none means that both compute the same.
        why: How the truth was found, in words, where the two differ.
        needs: Packages beside transformers, torch and MLX: names in `packages.PINNED`.
        same_weights: Whether both sides hold the same weights up to names, order of axes, and fused norms.
        rounded: Whether the candidate's weights are the reference's, rounded: it agrees as far as that lets it.
        planted: Whether the fault was put there on purpose.
        held_back: Whether the pair was added after the tool was last changed for a pair of this table.
    """

    name: str
    make: Callable[[Path], Sides]
    faults: tuple[Fault, ...] = ()
    why: str = ""
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    same_weights: bool = field(default=True, kw_only=True)
    rounded: bool = field(default=False, kw_only=True)
    planted: bool = field(default=False, kw_only=True)
    held_back: bool = field(default=False, kw_only=True)
