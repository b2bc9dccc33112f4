"""The code's layers are wider or narrower than the checkpoint's.

**What it finds.** Tensors of one name whose numbers of channels differ, where neither groups nor
the kernel explain it.

**What you hear.** `load_state_dict` raises; a caller who goes on runs random weights.

**Why it happens.** The config of another model size (HiFi-GAN V1 has 512 channels, V2 128), another
number of mel bins or speakers, another vocabulary.

**Blind spots.** A different number of attention heads within the same width leaves no trace in the
shapes.

**How it is measured.** Axis by axis; the evidence lists the pairs (checkpoint, model) by which axes
differ, most frequent first. No threshold.

**Example.** The config of HiFi-GAN V2 is used for a checkpoint of V1:

    Generator(upsample_initial_channel=128)  # wrong
    Generator(upsample_initial_channel=512)  # right

**Fix.** In the code or its config: the checkpoint's channels. Safety: safe.

**References.** jik876/hifi-gan, config_v1.json and config_v2.json (upsample_initial_channel).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.align.records import Match
from auscult.facts.words import format_count, format_shape
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.shapes import (
    get_shape_pair,
    get_trained_role,
    select_by_cause,
)
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "ARC003"
NAME = "width"
REQUIRES = DiffSubject
PRECEDENCE = 102
MAX_LISTED_CHANGES = 4
"""Pairs of widths that the message names. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    open_matches = {id(match) for match in items.unequal_matches}
    for match, _ in select_by_cause(subject, "width"):
        if id(match) in open_matches:
            yield ClaimedPlace(match.b, match)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    matches = [place.match for place in places if place.match is not None]
    changes = _count_changes(subject, matches)
    changes_text = ", ".join(
        f"{candidate} instead of {reference}"
        for (reference, candidate), _ in changes.most_common(MAX_LISTED_CHANGES)
    )
    reference_shape, candidate_shape = get_shape_pair(subject, matches[0])
    reference, candidate = subject.noun("reference"), subject.noun("candidate")
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{format_count(len(places), 'tensor')} of the {candidate} with another width than the {reference}'s:"
        f" {changes_text or 'other numbers of axes'} ({matches[0].b[0]}: {reference} {format_shape(reference_shape)},"
        f" {candidate} {format_shape(candidate_shape)})",
        evidence={"channels": [[*pair, count] for pair, count in changes.most_common()]},
        fix=Fix(
            "safe", f"build the model with the {subject.noun(get_trained_role(subject))}'s channels"
        ),
        rank=13,
    )


def _count_changes(subject: DiffSubject, matches: Iterable[Match]) -> Counter[tuple[int, int]]:
    """How many tensors have an axis of that length in the reference and of that length in the candidate."""
    changes: Counter[tuple[int, int]] = Counter()
    for match in matches:
        reference_shape, candidate_shape = get_shape_pair(subject, match)
        if len(reference_shape) == len(candidate_shape):
            lengths = zip(reference_shape, candidate_shape, strict=True)
            changes.update({pair for pair in lengths if pair[0] != pair[1]})
    return changes
