"""One file holds convolutions in two layouts.

**What it finds.** Convolutions of one kind of which some need a permutation to equal the other side and the rest need
none. The fewer of the two are named.

**What you hear.** Most layers work and a few are scrambled: a voice with a metallic or noisy layer on it, or pure noise
if an early layer is concerned.

**Why it happens.** A conversion script that decided tensor by tensor from the shape. On record: "346 MLX, 1 PyTorch" was
the verdict of such a heuristic on a file that was all MLX; the one tensor that it then "fixed" was the only wrong one.

**Blind spots.** Needs values on both sides. Two equally large groups: those that need the permutation are named.

**How it is measured.** Per kind of convolution (plain, transposed, 2-D), over the layers in which the permutation would
move anything. Decided by content, so no shape heuristic is involved. No threshold.

**Fix.** The permutation for the named layers alone. Safety: safe.

**References.** S3Gen's `mel2wav.source_downs.0.weight`, (256, 18, 30): the kernel is longer than the input is wide.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OPEN, OpenItems
from auscult.rules.diff.subject import DiffSubject, Place
from auscult.rules.wording import counted, entries, some
from auscult.verdict import Equality

CODE = "LAY005"
NAME = "layout-mixed"
REQUIRES = DiffSubject
PRECEDENCE = 19
DIVERGES = True


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:  # noqa: ARG001
    for kind, group in subject.odd_layers.items():
        for layer in group:
            unequal = layer.match.equality is Equality.DIFFERENT
            yield Place(
                layer.match.a,
                layer.match,
                {"kind": kind, "permuted": layer.axes is not None, OPEN: unequal},
            )


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    kinds = {str(place.evidence["kind"]) for place in places}
    every = [layer for layer in subject.layers if layer.kind in kinds]
    permuted = sum(layer.axes is not None for layer in every)
    matches = [place.match for place in places if place.match is not None]
    names = tuple(name for match in matches for name in match.a)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"two layouts in one file: of {counted(len(every), 'convolution')}, {permuted} need a permutation to equal the other side"
        f" and {len(every) - permuted} need none; the odd ones are {some(names)}",
        evidence={"permuted": permuted, "straight": len(every) - permuted, "kinds": sorted(kinds)},
        fix=Fix("safe", f"re-lay {counted(len(places), 'tensor')} only", recipe=entries(matches)),
        rank=9,
    )
