"""LoRA factors lie beside the base weight on one side and are merged on the other.

**What it finds.** w + scale·B·A equal to the other side's weight.

**What you hear.** Without the merge the model speaks as before its fine-tuning: another voice or style.

**Why it happens.** An adapter was saved beside the base model and the loader ignores unknown names.

**Blind spots.** The scale (alpha / rank) is not in the tensors; it is estimated from the values.

**How it is measured.** The merged weight, in float64, equals the other side's within the rounding of the number format.

**Fix.** Merge, as a recipe; the factors cannot be had back. Safety: lossy.

**References.** Hu et al. 2021, LoRA.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.claims import OpenItems
from auscult.rules.operations import operation_finding, places_of
from auscult.rules.subject import DiffSubject, Place

CODE = "LAY014"
NAME = "lora-unmerged"
REQUIRES = DiffSubject
PRECEDENCE = 30


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:  # noqa: ARG001
    return places_of(subject, NAME)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield operation_finding(
            CODE,
            NAME,
            "LoRA factors are merged into the weight on one side only",
            places,
            severity=Severity.WARNING,
            rank=32,
            summary="merge the LoRA factors",
        )
