"""Weights that were tied are stored twice and no longer agree, or stored once where two names are expected.

**What it finds.** Names that lie on one storage on one side (an embedding and the output head) and hold different values
on the other; or a tied name that one side does not list.

**What you hear.** The head no longer speaks the embedding's language: wrong or repeated tokens, babble. A name that is
merely not listed twice is harmless if the code ties it.

**Why it happens.** A copy instead of a reference when the model was saved, converted or wrapped; the copies then trained
apart.

**Blind spots.** Formats without shared storage (safetensors, npz) show ties only as equal content.

**How it is measured.** By shared storage, or equal content under two names. No threshold.

**Fix.** Where the values agree: drop one. Where they do not: none from this file alone. Safety: guess.

**References.** T5 stores `shared` and `encoder.embed_tokens` as one tensor.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.weights import Checkpoint

CODE = "CKP009"
NAME = "tie-lost"
REQUIRES = DiffSubject
PRECEDENCE = 40


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for match in items.unequal_matches:
        if len(match.a) == len(match.b) == 1 and is_parted_tie(subject, match.a[0], match.b[0]):
            yield ClaimedPlace(match.a, match, {"values": "differ"})
    for side, names, copies in (
        (subject.a, items.surplus, subject.alignment.copies_a),
        (subject.b, items.absent, subject.alignment.copies_b),
    ):
        for name in names:
            if name in copies or _is_tied_to_other(side, name, set(names)):
                yield ClaimedPlace((name,), None, {"values": "agree"})


def is_parted_tie(subject: DiffSubject, a: str, b: str) -> bool:
    """Whether `b` is tied to another tensor on its side while `a`, in its place, no longer equals that tensor's."""
    partners = [name for group in subject.b.ties if b in group for name in group if name != b]
    for partner in partners:
        match = next(
            (
                candidate_match
                for candidate_match in subject.alignment.matches
                if candidate_match.b == (partner,) and len(candidate_match.a) == 1
            ),
            None,
        )
        partner_a = match.a[0] if match else partner
        if partner_a in subject.a and not _has_equal_values(subject.a, a, partner_a):
            return True
    return False


def _has_equal_values(side: Checkpoint, first_name: str, second_name: str) -> bool:
    first_tensor, second_tensor = side[first_name], side[second_name]
    return first_tensor.shape == second_tensor.shape and np.array_equal(
        first_tensor.numpy(), second_tensor.numpy()
    )


def _is_tied_to_other(side: Checkpoint, name: str, unmatched: set[str]) -> bool:
    return any(
        name in group and any(other_name not in unmatched for other_name in group)
        for group in side.ties
    )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    for values, severity, text in (
        (
            "differ",
            Severity.ERROR,
            "tied on the other side, and here stored twice with different values",
        ),
        ("agree", Severity.INFO, "one tensor under two names, of which one side lists only one"),
    ):
        names = tuple(
            name for place in places if place.evidence["values"] == values for name in place.where
        )
        if names:
            yield Finding(
                CODE,
                NAME,
                severity,
                names,
                text,
                evidence={"values": values},
                rank=16 if values == "differ" else 94,
            )
