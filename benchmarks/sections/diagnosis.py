"""`diagnose` over everything that can be planted: is the cause that it names first the one that was planted?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult.finding import Severity
from auscult.verbs.diagnose import diagnose
from auscult.verdict import Report
from benchmarks.section import Bench, Goal, Section
from benchmarks.sections.accuracy import share, text
from tests.defects.combined.stories import every_story
from tests.defects.combined.stories import judge as judge_story
from tests.defects.computation.candidates import mlx_inputs, pair
from tests.defects.computation.judge import cases as mistakes
from tests.defects.computation.networks import inputs
from tests.defects.corpus import corpus
from tests.defects.judge import checkpoint
from tests.defects.sound.judge import cases as sounds
from tests.defects.sound.judge import plant
from tests.defects.sound.material import clips

AIM = 0.90


@dataclass(frozen=True)
class Judged:
    """One case: of which kind, whether the first cause is right, and what was said instead."""

    kind: str
    right: bool
    said: str


def run(bench: Bench) -> Section:
    """All four corpora through one command."""
    judged = [*_weights(bench), *_computation(bench), *_sound(bench), *_stories(bench)]
    kinds = list(dict.fromkeys(one.kind for one in judged))
    rows = []
    for kind in kinds:
        group = [one for one in judged if one.kind == kind]
        missed = "; ".join(one.said for one in group if not one.right)
        rows.append((kind, str(len(group)), text(share(one.right for one in group)), missed[:400]))
    every = share(one.right for one in judged)
    goals = [Goal("cause, top-1, all corpora", f">= {AIM:.0%}", text(every), every[0] >= AIM * every[1])]
    intro = (
        "`auscult diagnose` is given what its user would have: checkpoint and original or code (weights), two live models "
        "(computation), two recordings (sound), and all of these at once for the trained vocoder broken in one place (stories)."
    )
    return Section("Diagnosis", intro, ("corpus", "cases", "top-1", "missed"), rows, goals)


def named(report: Report) -> str:
    """The cause that the diagnosis puts first."""
    cause = report.extra["diagnosis"]["cause"]
    if cause is not None:
        return str(cause["cause"])
    told = [finding for finding in report.findings if finding.severity is not Severity.ERROR]
    return told[0].cause if told else "nothing"


def _weights(bench: Bench) -> Iterator[Judged]:
    for cause, label, planted in corpus(seeds=1, widths=(16,) if bench.quick else (16, 32)):
        if planted.cause is None or callable(planted.candidate) or planted.verb != "diff":
            continue
        broken = checkpoint(planted.candidate, "candidate", planted.details, template=False)
        other = checkpoint(planted.reference, "reference", planted.reference_details, template=planted.template)
        report = diagnose(broken, other) if planted.template else diagnose(broken, reference_checkpoint=other)
        said = named(report)
        yield Judged("weights", said == cause, f"{cause} on {label}: {said}")


def _computation(bench: Bench) -> Iterator[Judged]:
    for mistake, framework, seed in mistakes(1):
        if bench.quick and framework == "mlx":
            continue
        sides = pair(mistake, framework, seed)
        if sides is None:
            continue
        given = inputs(mistake.network, seed)
        mine = given if framework == "torch" else mlx_inputs(mistake.network, given)
        said = named(diagnose(traces=sides, trace_inputs=given, trace_inputs_candidate=mine))
        yield Judged("computation", said == mistake.cause, f"{mistake.label} in {framework}: {said}")


def _sound(bench: Bench) -> Iterator[Judged]:
    material = clips(3 if bench.quick else 8, held_out=True)
    for planter, clip, strength, seed in sounds(material):
        planted = plant(planter, clip, strength, seed)
        if planted.is_audible and planted.level != "metadata":
            report = diagnose(audio=planted.recording, reference_audio=planted.reference)
            heard = [finding.cause for finding in report.findings if finding.code.startswith("SND")]
            said = heard[0] if heard else "nothing"
            yield Judged("sound", said == planted.cause, f"{planted.cause} at {strength:g}: {said}")


def _stories(bench: Bench) -> Iterator[Judged]:
    for story, seed in every_story(1 if bench.quick else 3):
        right, said = judge_story(story, seed)
        yield Judged("stories", right, f"{story.name}: {said}")
