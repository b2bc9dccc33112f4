"""The code's layers are wider or narrower than the checkpoint's.

**What it finds.** Tensors of one name whose numbers of channels differ, where neither groups nor the kernel explain it.

**What you hear.** `load_state_dict` raises; a caller who goes on runs random weights.

**Why it happens.** The config of another model size (HiFi-GAN V1 has 512 channels, V2 128), another number of mel bins or
speakers, another vocabulary.

**Blind spots.** A different number of attention heads within the same width leaves no trace in the shapes.

**How it is measured.** Axis by axis; the evidence lists the pairs (checkpoint, model) by which axes differ, most frequent
first. No threshold.

**Fix.** In the code or its config: the checkpoint's channels. Safety: safe.

**References.** jik876/hifi-gan, config_v1.json and config_v2.json (upsample_initial_channel).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.shapes import select_by_cause
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count, format_shape

CODE = "ARC003"
NAME = "width"
REQUIRES = DiffSubject
PRECEDENCE = 102


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    open_matches = {id(match) for match in items.unequal_matches}
    for match, _ in select_by_cause(subject, "width"):
        if id(match) in open_matches:
            yield ClaimedPlace(match.a, match)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    changes: Counter[tuple[int, int]] = Counter()
    for place in places:
        assert place.match is not None
        shape_a, shape_b = subject.a[place.match.a[0]].shape, subject.b[place.match.b[0]].shape
        if len(shape_a) == len(shape_b):
            changes.update(
                {
                    (length_a, length_b)
                    for length_a, length_b in zip(shape_a, shape_b, strict=True)
                    if length_a != length_b
                }
            )
    first_match = places[0].match
    assert first_match is not None
    side = "model" if subject.b_is_template else "reference"
    changes_text = ", ".join(
        f"{length_a} against {length_b}" for (length_a, length_b), _ in changes.most_common(4)
    )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{format_count(len(places), 'tensor')} of another width: {changes_text or 'other numbers of axes'} (checkpoint against {side};"
        f" {first_match.a[0]}: {format_shape(subject.a[first_match.a[0]].shape)} against {format_shape(subject.b[first_match.b[0]].shape)})",
        evidence={
            "channels": [
                [length_a, length_b, count] for (length_a, length_b), count in changes.most_common()
            ]
        },
        fix=Fix("safe", "build the model with the checkpoint's channels"),
        rank=13,
    )
