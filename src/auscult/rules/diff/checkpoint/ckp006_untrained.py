"""Some tensors of a trained checkpoint look as if they had just been initialised.

**What it finds.** Tensors that are all zero, constant, or distributed like a constructor's output
on one side, while the other side holds trained values, in a checkpoint whose other tensors are
trained.

**What you hear.** The layer adds noise or passes nothing. The voice is hoarse, or there is only
noise.

**Why it happens.** `strict=False` left them out when the file was saved again; lazily created
modules; a saved template.

**Blind spots.** Small tensors (under 64 values) and vectors can only be seen where they are
constant. Many such tensors at once are reported as `partial-load`.

**How it is measured.** A Kolmogorov-Smirnov test at 1 % against a uniform distribution within
1/sqrt(fan_in), and against a normal distribution with rows of equal variance
(`auscult.rules.diff.evidence.difference`).

**Example.** A module is made at its first call, after the weights were loaded, and then saved:

    CKP006 error  untrained: 1 tensor of the candidate looks untrained (1 uniform)

**Fix.** None from this file: take the tensors from the file that has them. Safety: not repairable.

**References.** torch.nn.init.kaiming_uniform_ with a = sqrt(5), the default of Linear and Conv.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.damage import is_mostly_equal, select_measured_pairs
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP006"
NAME = "untrained"
REQUIRES = DiffSubject
PRECEDENCE = 61
MIN_EQUAL_SHARE = 0.5
"""Share of the tensors that has to be equal; below it the two are different trainings. Chosen, not measured."""
CONFIDENCE = 0.95
"""A weight of few values may look fresh by chance. Chosen, not measured."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:
    for match in items.caused_by(NAME):
        yield ClaimedPlace(
            match.b, match, {"side": "candidate", "like": "constant", **match.evidence}
        )
    is_equal = is_mostly_equal(subject, MIN_EQUAL_SHARE)
    sure_places, unsure_places = [], []
    for pair in select_measured_pairs(
        subject, [match for match in items.unequal_matches if match.cause is None]
    ):
        untrained_side = pair.untrained_side
        # where most tensors differ, the two are different trainings, and a look of freshness is chance
        if untrained_side is not None and (is_equal or untrained_side[1] in {"zero", "constant"}):
            sure_places.append(
                ClaimedPlace(
                    pair.match.b, pair.match, {"side": untrained_side[0], "like": untrained_side[1]}
                )
            )
        elif is_equal and pair.in_range:
            unsure_places.append(
                ClaimedPlace(pair.match.b, pair.match, {"side": "candidate", "like": "uniform"})
            )
    yield from sure_places
    if any(
        place.evidence["side"] == "candidate" and place.evidence["like"] == "uniform"
        for place in sure_places
    ):
        yield from unsure_places  # too small to be told alone, but unequal, and beside others that were never trained


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    likeness = Counter(str(place.evidence["like"]) for place in places)
    sides = sorted({subject.noun(place.evidence["side"]) for place in places})
    looks = ", ".join(f"{count} {like}" for like, count in likeness.most_common())
    verb = "looks" if len(names) == 1 else "look"
    fix = None
    if sides == [subject.noun("candidate")]:
        hint = (
            "report = model.load_state_dict(state, strict=False);"
            " print(report.missing_keys, report.unexpected_keys)"
        )
        fix = Fix(
            "guess",
            "load them again from the file that has them, and look at what load_state_dict returns",
            code=hint,
        )
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {' and the '.join(sides)} {verb} untrained ({looks})",
        confidence=CONFIDENCE,
        evidence={"like": dict(likeness.most_common()), "sides": sides},
        fix=fix,
        rank=15,
    )
