"""The names that a family's `signature.py` has.

To add a family, add a folder with an `__init__.py` (docstring, `ANCHORS`) and a `signature.py` with these names; nothing
else needs a change. A family that auscult can run also has `choices(config, hop=None)` and `variants(config)` there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from auscult.families._plan import Plan
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.weights import Shape


class Signature(Protocol):
    """A family by names and shapes alone; imports no framework.

    Attributes:
        EVIDENCE: What tells the family from those that share its names.
    """

    EVIDENCE: tuple[SignatureFact, ...]

    def infer(self, shapes: Shapes) -> Any:
        """A config from canonical names and torch-layout shapes, or None if they cannot be this family's."""

    def plan(self, config: Any) -> Plan:
        """Every tensor that a model of this config has."""

    def expected(self, config: Any) -> dict[str, Shape]:
        """Name -> shape of every tensor, in torch's layout, weight norm fused."""

    def transposed(self, name: str) -> bool:
        """Whether a three-dimensional weight of that canonical name is a transposed convolution's."""

    def undetermined(self, config: Any) -> Mapping[str, tuple[Any, ...]]:
        """Fields of the config that no tensor shows, with the values worth trying."""

    def variant(self, config: Any) -> str | None:
        """The name of a well-known configuration with these sizes."""
