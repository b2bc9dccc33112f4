"""Cases for `diagnose` from all corpora: planted defects and things that are right, each with what its user would have.

Drawn so that every defect comes up at least twice, on seeds, voices and texts that no threshold was set on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from auscult.sound.recording import Recording
from auscult.verbs.diagnose.diagnose import diagnose
from auscult.verdict import Report, Verdict
from corpus.combined import stories
from corpus.computation.candidates import PORTS, mlx_inputs, pair
from corpus.computation.networks import NAMES, inputs, network
from corpus.computation.plants import PLANTS
from corpus.computation.plants import Plant as Mistake
from corpus.judge import checkpoint
from corpus.networks import NETWORKS
from corpus.plant import Planted, planters
from corpus.sound import judge as sound
from corpus.sound import plant as sounds
from corpus.sound.coded import coded_clips
from corpus.sound.material import clips

RIGHT = frozenset((Verdict.PASS, Verdict.EQUIVALENT))
FRESH_SEED = 1000
"""Beyond the seeds of the tests and of the other sections of the benchmark."""
FRESH_CLIPS = 70_000
FRAMEWORKS = ("torch", "mlx")


@dataclass(frozen=True)
class Case:
    """One diagnosis to be made.

    Attributes:
        kind: The corpus.
        causes: What counts as the right answer; nothing is wrong where it is empty.
    """

    kind: str
    label: str
    causes: frozenset[str]
    diagnose: Callable[[], Report]


@dataclass(frozen=True)
class Answer:
    """What was said of a case."""

    case: Case
    said: str
    is_right: bool


def judge(case: Case) -> Answer:
    """Diagnose a case. Of what is right the verdict counts, of what is not the cause that is named first."""
    report = case.diagnose()
    said = named(report)
    if not case.causes:
        return Answer(case, f"{report.verdict} {said}", report.verdict in RIGHT)
    return Answer(case, said, said in case.causes)


def named(report: Report) -> str:
    """What the user reads first: the cause; where the evidence shows none, the first symptom."""
    diagnosis = report.extra["diagnosis"]
    first = [diagnosis["cause"]] if diagnosis["cause"] else diagnosis["symptoms"]
    told = [finding.cause for finding in report.findings]
    return first[0]["cause"] if first else told[0] if told else "nothing"


def planted_cases(each: int) -> Iterator[Case]:
    """Every planted defect, in `each` cases or more where it can be planted in so many ways."""
    yield from weights(each)
    yield from computation(each)
    yield from heard(each)
    for story in stories.STORIES:
        for seed in range(FRESH_SEED, FRESH_SEED + (each // 2 if story.weights else 1)):
            yield Case("stories", story.name, story.causes, partial(stories.answer, story, seed))


def healthy_cases(each: int) -> Iterator[Case]:
    """Nothing is wrong: correct ports of weights and of computation, clean and coded sound, the vocoder in another format."""
    yield from weights(each, ports=True)
    for place, name in enumerate(NAMES):
        for number, port in enumerate(PORTS):
            if (place + number) % max(1, 4 - each // 2) == 0:
                yield Case(
                    "computation", f"{port} of {name}", frozenset(), partial(_ported, name, port)
                )
    material = clips(3 * each, held_out=True, first=FRESH_CLIPS + 500)
    for clip in material:
        name = f"{clip.kind}, {clip.label}"
        yield Case("sound", name, frozenset(), partial(diagnose, audio=clip.recording))
        yield Case(
            "sound", f"{name} beside itself", frozenset(), _beside(clip.recording, clip.recording)
        )
    for clip in material[:each]:
        for coded in coded_clips([clip]):
            yield Case(
                "sound",
                f"{coded.label} beside itself",
                frozenset(),
                _beside(coded.recording, clip.recording),
            )
    for story in stories.HEALTHY:
        yield Case("stories", story.name, frozenset(), partial(stories.answer, story, FRESH_SEED))


def weights(each: int, *, ports: bool = False) -> Iterator[Case]:
    """Defects, or correct ports, of the weights of small networks, in turn over the networks."""
    for cause, makers in planters().items():
        if cause.startswith("port:") is not ports:
            continue
        found = 0
        for turn in range(len(NETWORKS) * each):
            name = sorted(NETWORKS)[(turn + len(cause)) % len(NETWORKS)]
            made = NETWORKS[name](FRESH_SEED + turn, 16 * (1 + turn % 2))
            planted = makers[turn % len(makers)](
                made, np.random.default_rng([FRESH_SEED, turn, len(cause)])
            )
            if planted is not None and found < max(each, len(makers)):
                found += 1
                wanted = frozenset(() if ports else (cause,))
                yield Case("weights", f"{cause} on {name}", wanted, partial(_held_against, planted))


def _held_against(planted: Planted) -> Report:
    """The checkpoint with its code or its original; what `inspect` has to find, alone."""
    other = checkpoint(
        planted.reference, "reference", planted.reference_details, template=planted.template
    )
    with tempfile.TemporaryDirectory() as folder:
        if callable(planted.candidate):
            broken: object = planted.candidate(Path(folder))
        else:
            broken = checkpoint(planted.candidate, "candidate", planted.details, template=False)
        if planted.verb == "inspect":
            return diagnose(broken)
        return (
            diagnose(broken, other)
            if planted.template
            else diagnose(broken, reference_checkpoint=other)
        )


def computation(each: int) -> Iterator[Case]:
    """Mistakes of computation between two live models; in both frameworks where there are few of a kind."""
    counts: dict[str, int] = {}
    for mistake in PLANTS:
        for framework in FRAMEWORKS:
            if counts.get(mistake.cause, 0) >= each or (
                framework == "mlx" and mistake.mutate and mistake.mlx is None
            ):
                continue
            counts[mistake.cause] = counts.get(mistake.cause, 0) + 1
            label = f"{mistake.label} in {framework}"
            yield Case(
                "computation",
                label,
                frozenset((mistake.cause,)),
                partial(_run_both, mistake, framework),
            )


def _run_both(mistake: Mistake, framework: str) -> Report:
    sides = pair(mistake, framework, FRESH_SEED)
    given = inputs(mistake.network, FRESH_SEED)
    mine = given if framework == "torch" else mlx_inputs(mistake.network, given)
    return diagnose(traces=sides, trace_inputs=given, trace_inputs_candidate=mine)


def _ported(name: str, port: str) -> Report:
    reference, given = network(name, {}, FRESH_SEED), inputs(name, FRESH_SEED)
    mine: Mapping[str, object] = mlx_inputs(name, given) if port.startswith("mlx") else given
    sides = (reference, PORTS[port](name, reference))
    return diagnose(traces=sides, trace_inputs=given, trace_inputs_candidate=mine)


def heard(each: int) -> Iterator[Case]:
    """Planted sounds at strengths that have to be found, from the weakest to the strongest, with the evidence of their level."""
    material = clips(4 * each, held_out=True, first=FRESH_CLIPS)
    for number, planter in enumerate(sounds.planters()):
        strengths = [
            strength for strength in planter.STRENGTHS if sound.is_audible(planter, strength)
        ]
        kinds = getattr(planter, "KINDS", ("speech", "music", "tones"))
        suited = [clip for clip in material if clip.kind in kinds]
        for turn in range(each if strengths else 0):
            strength = strengths[turn * (len(strengths) - 1) // max(1, each - 1)]
            planted = sound.plant(
                planter, suited[(number + turn) % len(suited)], strength, FRESH_SEED + turn
            )
            label = f"{planted.cause} at {strength:g} ({planter.LEVEL})"
            yield Case("sound", label, frozenset((planted.cause,)), partial(_listened, planted))


def _listened(planted: sound.Planted) -> Report:
    return diagnose(audio=planted.recording, reference_audio=planted.reference, facts=planted.facts)


def _beside(recording: Recording, reference: Recording) -> Callable[[], Report]:
    return partial(diagnose, audio=recording, reference_audio=reference)
