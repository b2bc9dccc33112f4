"""Samples that were put in or are missing, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.sound._related import has_sound
from auscult.rules.sound._times import MAX_SPANS, Spans
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.splices import SpliceStretch, find_splice_stretch
from auscult.sound.steps import StepTrack, find_period


@dataclass(frozen=True)
class DescribedSteps:
    """A message, its evidence, and the times in the recording."""

    message: str
    evidence: dict[str, Any]
    times: Spans


def find_spliced(subject: SoundSubject) -> SpliceStretch | None:
    """The stretch that was made by splicing, where there is a reference and it was."""
    if subject.reference is None or not has_sound(subject):
        return None
    return find_splice_stretch(subject.steps, subject.finite_pair[1].sample_rate)


def iter_step_findings(
    subject: SoundSubject, code: str, cause: str, *, inserted: bool
) -> Iterator[Finding]:
    """The finding of the rule `code` where samples were put in, or are missing, beside the reference."""
    if subject.reference is None or not has_sound(subject) or find_spliced(subject) is not None:
        return
    found = describe_steps(subject.steps, subject.finite_pair[1].sample_rate, inserted=inserted)
    if found is None:
        return
    yield Finding(
        code,
        cause,
        Severity.ERROR,
        (subject.recording.name,),
        found.message,
        confidence=min(0.99, 0.7 + 0.1 * found.evidence["places"]),
        evidence=found.evidence,
        times=found.times,
        rank=15,
    )


def describe_steps(track: StepTrack, rate: int, *, inserted: bool) -> DescribedSteps | None:
    """What the steps of one direction amount to; None where there are none."""
    steps = [step for step in track.steps if (step.count > 0) == inserted]
    if not steps:
        return None
    counts = np.array([abs(step.count) for step in steps])
    total = int(counts.sum())
    period = find_period(tuple(step.place for step in steps))
    places = format_count(len(steps), "place")
    each = f", {int(np.median(counts))} each" if len(steps) > 1 and np.ptp(counts) <= 4 else ""
    every = "" if period is None else f", every {period / rate:.4g} s"
    what = "were put in at" if inserted else "of the reference are missing at"
    message = f"{total} samples ({1000 * total / rate:.1f} ms) {what} {places}{each}{every}"
    times = []
    for step in steps[:MAX_SPANS]:
        start = step.place + step.lag - max(step.count, 0)
        stop = start + max(step.count, 1)
        times.append((round(start / rate, 4), round(stop / rate, 4)))
    evidence = {
        "places": len(steps),
        "samples": total,
        "each": int(np.median(counts)),
        "period_seconds": None if period is None else round(period / rate, 5),
        "copied": round(track.found, 3),
    }
    return DescribedSteps(message, evidence, tuple(times))
