"""Weights that were tied are stored twice and no longer agree, or stored once where two names are
expected.

**What it finds.** Names that lie on one storage on one side (an embedding and the output head) and
hold different values on the other; or a tied name that one side does not list.

**What you hear.** The head no longer speaks the embedding's language: wrong or repeated tokens,
babble. A name that is merely not listed twice is harmless if the code ties it.

**Why it happens.** A copy instead of a reference when the model was saved, converted or wrapped;
the copies then trained apart.

**Blind spots.** Formats without shared storage (safetensors, npz) show ties only as equal content.

**How it is measured.** By shared storage, or equal content under two names. No threshold.

**Example.** The head is a copy of the embedding, and training then moved only one of the two:

    self.head.weight = torch.nn.Parameter(self.embedding.weight.clone())  # two tensors
    self.head.weight = self.embedding.weight  # one tensor under two names

**Fix.** Where the values agree: drop one. Where they do not: none from this file alone. Safety:
guess.

**References.** T5 stores `shared` and `encoder.embed_tokens` as one tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from auscult.align.records import Match
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject, Role
from auscult.weights import Checkpoint

CODE = "CKP009"
NAME = "tie-lost"
REQUIRES = DiffSubject
PRECEDENCE = 40


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    tied_names = _group_tied_names(subject.target)
    if tied_names:
        source_by_target = _map_target_to_source(subject)
        for match in items.unequal_matches:
            if len(match.a) == len(match.b) == 1 and _is_parted_tie(
                subject, match, tied_names, source_by_target
            ):
                yield ClaimedPlace(match.b, match, {"values": "differ"})
    alignment = subject.alignment
    copies_by_role: dict[Role, Mapping[str, str]] = {
        "candidate": alignment.copies_b,
        "reference": alignment.copies_a,
    }
    for role, copies in copies_by_role.items():
        names = items.unmatched_names(role)
        unmatched, tied_names = set(names), _group_tied_names(subject.checkpoint(role))
        for name in names:
            if name in copies or not unmatched.issuperset(tied_names.get(name, ())):
                yield ClaimedPlace((name,), None, {"values": "agree"})


def _group_tied_names(side: Checkpoint) -> dict[str, tuple[str, ...]]:
    """For each tied tensor, all names of its group."""
    return {name: group for group in side.ties for name in group}


def _map_target_to_source(subject: DiffSubject) -> dict[str, str]:
    """The source's name of each tensor of the target that has a partner."""
    return {
        subject.target_names(match)[0]: subject.source_names(match)[0]
        for match in reversed(subject.alignment.matches)
        if len(match.a) == len(match.b) == 1
    }


def _is_parted_tie(
    subject: DiffSubject,
    match: Match,
    tied_names: Mapping[str, tuple[str, ...]],
    source_by_target: Mapping[str, str],
) -> bool:
    """Whether the target's tensor is tied to another one, while the source's in its place no longer equals that tensor's."""
    (source_name,), (target_name,) = subject.source_names(match), subject.target_names(match)
    partners = [
        source_by_target.get(name, name)
        for name in tied_names.get(target_name, ())
        if name != target_name
    ]
    return any(
        partner in subject.source and not _has_equal_values(subject.source, source_name, partner)
        for partner in partners
    )


def _has_equal_values(side: Checkpoint, first_name: str, second_name: str) -> bool:
    first_tensor, second_tensor = side[first_name], side[second_name]
    return first_tensor.shape == second_tensor.shape and np.array_equal(
        first_tensor.numpy(), second_tensor.numpy()
    )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    source, target = subject.noun(subject.source_role), subject.noun(subject.target_role)
    for values, severity, text in (
        (
            "differ",
            Severity.ERROR,
            f"tied in the {target}, and stored twice with different values in the {source}",
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
