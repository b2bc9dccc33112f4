"""Tensors of one shape stand in each other's places.

**What it finds.** Two or more tensors whose content is at each other's names: a cycle between where
the names say a tensor belongs and where its content is.

**What you hear.** All names and shapes are right and everything loads. Exchanged norms or
convolutions blur or distort the sound. Exchanged speaker vectors give another voice.

**Why it happens.** A mapping table with two lines exchanged (norm2 and norm3 of a transformer
block), arguments in the wrong order.

**Blind spots.** Needs a reference. Tensors of equal content (zero biases) cannot be told apart and
need not be.

**How it is measured.** By content, bit for bit or within a number format's error. No threshold. In
a renamed file or a graph, by the place where most tensors of the same pattern went, by what multiplies
and what is added, by the layer of the weight beside it, and by the words of names and operators.

**Example.** Two lines of a mapping table are exchanged, and every shape still fits:

    "norm2.weight": state["norm3.weight"],
    "norm3.weight": state["norm2.weight"],

**Fix.** Exchange them, as a recipe; every bit is kept. Safety: safe.

**References.** a10n-io/nightingale_TTS, commit a252e5c (norm3 taken for norm2: largest difference
5.44 before, 2.7e-5 after).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.evidence.repair import build_repair_entries, describe_direction
from auscult.rules.diff.subject import DiffSubject

CODE = "CKP008"
NAME = "swapped"
REQUIRES = DiffSubject
DIVERGES = True


def check(subject: DiffSubject) -> Iterable[Finding]:
    groups = subject.names.swapped
    if not groups:
        return
    matches = [match for group in groups for match in group]
    where = tuple(name for match in matches for name in match.b)
    first_names = " and ".join(match.b[-1] for match in groups[0][:3])
    if len(groups[0]) == 1:
        first_names += f" holds what belongs in {groups[0][0].evidence['expected']}"
    places = "each other's places" if len(matches) > 1 else "another one's place"
    if len(groups) > 1:
        more_note = f", and {format_count(len(groups) - 1, 'other group')}"
    else:
        more_note = ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        where,
        f"{format_count(len(matches), 'tensor')} of the {subject.noun('candidate')} in {places}: {first_names}{more_note}",
        evidence={"groups": [[list(match.b) for match in group] for group in groups]},
        fix=Fix(
            "safe",
            f"put each under the name that its content belongs to, {describe_direction(subject)}",
            recipe=build_repair_entries(subject, matches),
        ),
        rank=8,
    )
