"""One file holds convolutions in two layouts.

**What it finds.** Convolutions of one kind of which some need a permutation to equal the other side
and the rest need none. The fewer of the two are named.

**What you hear.** Most layers work and a few are scrambled: a voice with a metallic or noisy layer
on it, or pure noise if an early layer is concerned.

**Why it happens.** A conversion script that decided tensor by tensor from the shape. On record:
"346 MLX, 1 PyTorch" was the verdict of such a heuristic on a file that was all MLX; the one tensor
that it then "fixed" was the only wrong one.

**Blind spots.** Needs values on both sides. Two equally large groups: those that need the
permutation are named.

**How it is measured.** Per kind of convolution (plain, transposed, 2-D), over the layers in which
the permutation would move anything. Decided by content, so no shape heuristic is involved. No
threshold.

**Example.** A conversion looks at shapes and leaves one layer as it was:

    error   layout-mixed (LAY005): two layouts on one side: of 56 convolutions of the candidate, 8 need a
    permutation to equal the reference and 48 need none; the odd ones are ...

**Fix.** The permutation for the named layers alone. Safety: safe.

**References.** S3Gen's `mel2wav.source_downs.0.weight`, (256, 18, 30): the kernel is longer than
the input is wide.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count, list_first_names
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OPEN_KEY, OpenItems
from auscult.rules.diff.evidence.repair import build_repair_entries, describe_direction
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.verdict import Equality

CODE = "LAY005"
NAME = "layout-mixed"
REQUIRES = DiffSubject
PRECEDENCE = 19
DIVERGES = True


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    for kind, group in subject.minority_layers.items():
        for layer in group:
            is_unequal = layer.match.equality is Equality.DIFFERENT
            yield ClaimedPlace(
                layer.match.b,
                layer.match,
                {"kind": kind, "permuted": layer.axes is not None, OPEN_KEY: is_unequal},
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    kinds = {str(place.evidence["kind"]) for place in places}
    all_layers = [layer for layer in subject.layers if layer.kind in kinds]
    permuted_count = sum(layer.axes is not None for layer in all_layers)
    matches = [place.match for place in places if place.match is not None]
    names = tuple(name for match in matches for name in match.b)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"two layouts on one side: of {format_count(len(all_layers), 'convolution')} of the {subject.noun('candidate')},"
        f" {permuted_count} need a permutation to equal the {subject.noun('reference')}"
        f" and {len(all_layers) - permuted_count} need none; the odd ones are {list_first_names(names)}",
        evidence={
            "permuted": permuted_count,
            "straight": len(all_layers) - permuted_count,
            "kinds": sorted(kinds),
        },
        fix=Fix(
            "safe",
            f"permute the axes of {format_count(len(places), 'tensor')} only, {describe_direction(subject)}",
            recipe=build_repair_entries(subject, matches),
        ),
        rank=9,
    )
