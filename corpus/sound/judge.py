"""Judge auscult's answer to a planted sound: is the first finding the cause, and what is said of clean sound?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from auscult import rules
from auscult.finding import Finding, Severity
from auscult.rules.sound.hearing import hear
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.recording import Recording
from corpus.sound.material import Clip
from corpus.sound.plant import Planter, changed, planters


@dataclass(frozen=True)
class Planted:
    """A recording with one defect, and what else is known of it.

    Attributes:
        cause: What was planted.
        level: Of evidence that the case has: "nothing", "metadata", "reference".
    """

    cause: str
    strength: float
    level: str
    is_audible: bool
    recording: Recording
    facts: SoundFacts
    reference: Recording | None = None


@dataclass(frozen=True)
class Judgement:
    """What was said of one planted recording."""

    planted: Planted
    answer: str
    every: tuple[str, ...]

    @property
    def top1(self) -> bool:
        return self.answer == self.planted.cause


def plant(planter: Planter, clip: Clip, strength: float, seed: int) -> Planted:
    """Plant one defect; the result is rounded to 16 bits, as a file would be, unless the planter needs floats."""
    rng = np.random.default_rng([seed, 7])
    facts = getattr(planter, "facts", None)
    known = facts(clip.recording, np.random.default_rng([seed, 7])) if facts else SoundFacts()
    prepare = getattr(planter, "prepare", None)
    clean = prepare(clip.recording, strength, rng) if prepare else clip.recording
    defective = planter.plant(clean, strength, rng)
    if not getattr(planter, "FLOATS", False):
        defective = rounded(defective)
    level = planter.LEVEL
    reference = clean if level == "reference" else None
    return Planted(
        planter.NAME,
        strength,
        level,
        is_audible(planter, strength, clean),
        defective,
        known,
        reference,
    )


def rounded(recording: Recording) -> Recording:
    """As 16-bit integers would hold it."""
    return changed(recording, np.rint(np.clip(recording.samples, -1, 1) * 32767) / 32768)


def is_audible(planter: Planter, strength: float, recording: Recording | None = None) -> bool:
    """Whether this strength has to be found, in this recording if one is given.

    Strengths are listed from weak to strong; none has to be found where `AUDIBLE` is not among them.
    """
    order, is_heard = list(planter.STRENGTHS), getattr(planter, "is_heard", None)
    if planter.AUDIBLE not in order or order.index(strength) < order.index(planter.AUDIBLE):
        return False
    return is_heard is None or recording is None or bool(is_heard(recording, strength))


def judge(planted: Planted) -> Judgement:
    """Listen, and keep the first cause."""
    findings = heard(SoundSubject(planted.recording, planted.reference, facts=planted.facts))
    answer = findings[0].cause if findings else "nothing"
    return Judgement(planted, answer, tuple(finding.cause for finding in findings))


def heard(subject: SoundSubject) -> tuple[Finding, ...]:
    """What the rules say, causes first."""
    return hear(subject)[0]


def false_alarms(clip: Clip, facts: SoundFacts | None = None) -> tuple[str, ...]:
    """Causes that are reported of a clean clip, as errors or warnings."""
    found = rules.run_rules(SoundSubject(clip.recording, facts=facts or SoundFacts()), "sound")[0]
    return tuple(finding.cause for finding in found if finding.severity is not Severity.INFO)


def cases(
    clips: Mapping[int, Clip] | list[Clip], *, level: str | None = None
) -> Iterator[tuple[Planter, Clip, float, int]]:
    """Every planter at every strength on every clip, with the seed of the case."""
    numbered = clips.items() if isinstance(clips, Mapping) else enumerate(clips)
    rows = list(numbered)
    for planter in planters():
        if level is not None and level != planter.LEVEL:
            continue
        for strength in planter.STRENGTHS:
            for seed, clip in rows:
                if clip.kind in getattr(planter, "KINDS", (clip.kind,)):
                    yield planter, clip, strength, seed
