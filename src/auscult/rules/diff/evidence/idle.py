"""Tensors that one side alone has and whose absence makes no difference, by kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from auscult.facts.buffers import is_derived
from auscult.rules.diff.evidence.names import (
    is_bookkeeping,
    is_operator_parameter,
    is_zero_bias,
)
from auscult.rules.diff.evidence.vector_parts import MatchedVectors
from auscult.rules.diff.subject import DiffSubject, Role

IdleKind = Literal["operator", "empty", "zero-bias", "buffer", "part"]


class IdleTensors:
    """Tells the tensors that are no weights from those that are."""

    def __init__(self, subject: DiffSubject) -> None:
        self._subject = subject
        self._vectors = MatchedVectors(subject)

    def classify(self, role: Role, name: str) -> IdleKind | None:
        """What a tensor without a partner is, if it is no weight; None for a weight."""
        checkpoint = self._subject.checkpoint(role)
        if is_operator_parameter(checkpoint, name):
            if checkpoint[name].size == 0:
                return "empty"
            return "operator"
        if is_derived(name) or is_bookkeeping(checkpoint, name):
            return "buffer"
        other_role: Role = "candidate" if role == "reference" else "reference"
        if self._subject.checkpoint(other_role).is_graph and is_zero_bias(checkpoint, name):
            return "zero-bias"
        if self._vectors.holds_run(role, name):
            return "part"
        return None

    def list_weights(self, role: Role, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are weights."""
        return tuple(name for name in names if self.classify(role, name) is None)
