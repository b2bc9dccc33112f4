"""A gain for each channel was left out of a weight, or put in twice.

**What it finds.** A weight norm that was fused without its gain g (v or v/‖v‖ was taken for the weight) or
without its division (g·v); v of a weight norm that was saved without g, against the fused weight; and
weights whose slices along an axis are the other side's, each times a factor of its own.

**What you hear.** Wrong levels in each channel of a layer: a muffled, harsh or buzzing voice, or noise.

**Why it happens.** A loader maps `weight_v` to `weight` and ignores `weight_g`; a fusion by hand forgets
the norm, or takes it over other axes than training did; a scale per channel was applied twice, or not.

**Blind spots.** One factor for all channels is `unexplained`. Where no g and v are at hand, it is open
which step lost the gain.

**How it is measured.** With g and v: g·v, v/‖v‖ or v equals the weight within the rounding of the number
format. Without: the best factors leave at most `MAX_REST` = 5 % of the difference, at least
`MIN_VALUES_PER_FACTOR` = 4 values share each, and they are not all alike within 1 %.

**Example.** The norm is forgotten:

    weight = g * v  # wrong
    weight = g * v / np.linalg.norm(v, axis=(1, 2), keepdims=True)  # right

**Fix.** Fuse again from g and v; a weight without its gains does not hold them. Safety: guess.

**References.** Salimans & Kingma 2016; torch.nn.utils.weight_norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from auscult.align.naming import find_weight_norm_pair
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import read_aligned_arrays
from auscult.rules.diff.evidence.operations import find_caused_places
from auscult.rules.diff.evidence.slice_factors import SliceFactors, find_slice_factors
from auscult.rules.diff.subject import ROLES, ClaimedPlace, DiffSubject

CODE = "LAY016"
NAME = "channel-gain"
REQUIRES = DiffSubject
PRECEDENCE = 54
DIVERGES = True
MIN_SPREAD = 0.01
"""Relative spread of the factors from which they are one for each channel, and no single factor. Chosen, not measured."""
CONFIDENCE = 0.9
"""That factors made it is certain; which step left them out is open where g and v are not there. Chosen, not measured."""

_TEXTS = {
    "v": "v of a weight norm was taken for the weight, without its gain g",
    "g·v": "a weight norm was fused as g·v, without the division by ‖v‖",
    "v/‖v‖": "a weight norm was fused as v/‖v‖, without its gain g",
    "v alone": "only v of a weight norm is there, without its gain g; its directions are those of the weight",
    "factors": "slices are the other side's, each times a factor of its own",
}


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    if subject.compares_shapes:
        return
    yield from find_caused_places(subject, NAME)
    for match in items.unequal_matches:
        if match.cause is not None or len(match.a) != 1 or len(match.b) != 1:
            continue
        arrays = read_aligned_arrays(subject, match)
        factors = None if arrays is None else find_slice_factors(arrays[1], arrays[0])
        if factors is not None and _differ(factors):
            yield ClaimedPlace(match.b, match, _describe_factors("factors", factors))
    yield from _iter_lone_vectors(subject, items)


def _iter_lone_vectors(subject: DiffSubject, items: OpenItems) -> Iterator[ClaimedPlace]:
    """The v of a weight norm without its g on one side, whose fused weight is without a partner on the other."""
    for role, other_role in (ROLES, ROLES[::-1]):
        side, other_side = subject.checkpoint(role), subject.checkpoint(other_role)
        fused_names = set(items.unmatched_names(other_role))
        for name in items.unmatched_names(role):
            pair = find_weight_norm_pair(name)
            if pair is None or pair.names[1] != name or pair.names[0] in side:
                continue
            if pair.stem not in fused_names or other_side[pair.stem].shape != side[name].shape:
                continue
            values = {role: side[name].values(), other_role: other_side[pair.stem].values()}
            factors = find_slice_factors(values["candidate"], values["reference"])
            if factors is not None:
                where = (name, pair.stem)
                yield ClaimedPlace(where, evidence=_describe_factors("v alone", factors))


def _differ(factors: SliceFactors) -> bool:
    scale = max(abs(factors.smallest), abs(factors.largest))
    return factors.largest - factors.smallest > MIN_SPREAD * scale


def _describe_factors(fusion: str, factors: SliceFactors) -> dict[str, object]:
    return {
        "fusion": fusion,
        "axes": list(factors.axes),
        "factors": [float(f"{factor:.4g}") for factor in (factors.smallest, factors.largest)],
    }


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    for fusion in _TEXTS:
        alike = [place for place in places if place.evidence["fusion"] == fusion]
        if alike:
            yield _build_finding(fusion, alike)


def _build_finding(fusion: str, places: Sequence[ClaimedPlace]) -> Finding:
    text, confidence = _TEXTS[fusion], 1.0
    evidence: dict[str, object] = {"fusion": fusion}
    factors = [factor for place in places for factor in place.evidence.get("factors", ())]
    if factors:
        axes = sorted({axis for place in places for axis in place.evidence["axes"]})
        evidence |= {"axes": axes, "factors": [min(factors), max(factors)]}
        noun = "axis" if len(axes) == 1 else "axes"
        text += (
            f" ({min(factors):.3g} to {max(factors):.3g}, along {noun} {', '.join(map(str, axes))})"
        )
        confidence = CONFIDENCE
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for place in places for name in place.where),
        f"{text}, in {format_count(len(places), 'layer')}",
        confidence=confidence,
        evidence=evidence,
        fix=Fix("guess", "fuse g·v/‖v‖ again from the file that has g and v"),
        rank=10,
    )
