"""Judge auscult's answer to a planted sound: is the first finding the cause, and what is said of clean sound?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from auscult import rules
from auscult.finding import Finding, Severity
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.recording import Recording
from corpus.sound.material import Clip
from corpus.sound.plant import SoundPlanter, iter_planters, replace_samples


@dataclass(frozen=True)
class PlantedSound:
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
class SoundJudgement:
    """What was said of one planted recording."""

    planted: PlantedSound
    answer: str
    every: tuple[str, ...]

    @property
    def top1(self) -> bool:
        return self.answer == self.planted.cause


def plant_defect(planter: SoundPlanter, clip: Clip, strength: float, seed: int) -> PlantedSound:
    """Plant one defect; the result is rounded to 16 bits, as a file would be, unless the planter needs floats."""
    rng = np.random.default_rng([seed, 7])
    facts = getattr(planter, "facts", None)
    sound_facts = facts(clip.recording, np.random.default_rng([seed, 7])) if facts else SoundFacts()
    prepare = getattr(planter, "prepare", None)
    clean = prepare(clip.recording, strength, rng) if prepare else clip.recording
    defective = planter.plant(clean, strength, rng)
    if not getattr(planter, "FLOATS", False):
        defective = round_to_int16(defective)
    level = planter.LEVEL
    reference = clean if level == "reference" else None
    return PlantedSound(
        planter.NAME,
        strength,
        level,
        is_audible(planter, strength, clean),
        defective,
        sound_facts,
        reference,
    )


def round_to_int16(recording: Recording) -> Recording:
    """As 16-bit integers would hold it."""
    return replace_samples(recording, np.rint(np.clip(recording.samples, -1, 1) * 32767) / 32768)


def is_audible(planter: SoundPlanter, strength: float, recording: Recording | None = None) -> bool:
    """Whether this strength has to be found, in this recording if one is given.

    Strengths are listed from weak to strong; none has to be found where `AUDIBLE` is not among them.
    """
    order, is_heard = list(planter.STRENGTHS), getattr(planter, "is_heard", None)
    if planter.AUDIBLE not in order or order.index(strength) < order.index(planter.AUDIBLE):
        return False
    return is_heard is None or recording is None or bool(is_heard(recording, strength))


def judge_planted(planted: PlantedSound) -> SoundJudgement:
    """Listen, and keep the first cause."""
    findings = list_sound_findings(
        SoundSubject(planted.recording, planted.reference, facts=planted.facts)
    )
    answer = findings[0].cause if findings else "nothing"
    return SoundJudgement(planted, answer, tuple(finding.cause for finding in findings))


def list_sound_findings(subject: SoundSubject) -> tuple[Finding, ...]:
    """What the rules say, causes first."""
    return run_sound_rules(subject)[0]


def find_false_alarms(clip: Clip, facts: SoundFacts | None = None) -> tuple[str, ...]:
    """Causes that are reported of a clean clip, as errors or warnings."""
    findings = rules.run_rules(SoundSubject(clip.recording, facts=facts or SoundFacts()), "sound")[
        0
    ]
    return tuple(finding.cause for finding in findings if finding.severity is not Severity.INFO)


def iter_cases(
    clips: Mapping[int, Clip] | list[Clip], *, level: str | None = None
) -> Iterator[tuple[SoundPlanter, Clip, float, int]]:
    """Every planter at every strength on every clip, with the seed of the case."""
    numbered = clips.items() if isinstance(clips, Mapping) else enumerate(clips)
    rows = list(numbered)
    for planter in iter_planters():
        if level is not None and level != planter.LEVEL:
            continue
        for strength in planter.STRENGTHS:
            for seed, clip in rows:
                if clip.kind in getattr(planter, "KINDS", (clip.kind,)):
                    yield planter, clip, strength, seed
