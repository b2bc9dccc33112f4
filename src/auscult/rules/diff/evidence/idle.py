"""Tensors that one side alone has and whose absence makes no difference, by kind."""

from __future__ import annotations

from typing import Literal

from auscult.rules.diff.evidence.names import (
    is_bookkeeping,
    is_derived,
    is_operator_parameter,
    is_zero_bias,
)
from auscult.rules.diff.evidence.vector_parts import repeats_vector
from auscult.rules.diff.subject import DiffSubject, Role

IdleKind = Literal["operator", "empty", "zero-bias", "buffer", "part"]


def classify_idle_tensor(subject: DiffSubject, role: Role, name: str) -> IdleKind | None:
    """What a tensor without a partner is, if it is no weight; None for a weight."""
    checkpoint = subject.checkpoint(role)
    if is_operator_parameter(checkpoint, name):
        if checkpoint[name].size == 0:
            return "empty"
        return "operator"
    if is_derived(name) or is_bookkeeping(checkpoint, name):
        return "buffer"
    other_role: Role = "candidate" if role == "reference" else "reference"
    if subject.checkpoint(other_role).is_graph and is_zero_bias(checkpoint, name):
        return "zero-bias"
    if repeats_vector(subject, role, name):
        return "part"
    return None
