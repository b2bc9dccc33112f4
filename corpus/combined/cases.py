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
from corpus.computation.candidates import PORTS, build_sides, to_mlx_inputs
from corpus.computation.networks import NAMES, build_network, make_inputs
from corpus.computation.plants import PLANTS
from corpus.computation.plants import PlantedMistake as Mistake
from corpus.judge import build_checkpoint
from corpus.networks import NETWORKS
from corpus.plant import PlantedDefect, list_planters
from corpus.sound import judge as sound
from corpus.sound import plant as sounds
from corpus.sound.coded import iter_coded_clips
from corpus.sound.material import make_clips

RIGHT_VERDICTS = frozenset((Verdict.PASS, Verdict.EQUIVALENT))
FRESH_SEED = 1000
"""Beyond the seeds of the tests and of the other sections of the benchmark."""
FRESH_CLIPS = 70_000
FRAMEWORKS = ("torch", "mlx")


@dataclass(frozen=True)
class CombinedCase:
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
class CaseAnswer:
    """What was said of a case."""

    case: CombinedCase
    named_cause: str
    is_right: bool


def judge_case(case: CombinedCase) -> CaseAnswer:
    """Diagnose a case. Of what is right the verdict counts, of what is not the cause that is named first."""
    report = case.diagnose()
    named_cause = name_first_cause(report)
    if not case.causes:
        return CaseAnswer(case, f"{report.verdict} {named_cause}", report.verdict in RIGHT_VERDICTS)
    return CaseAnswer(case, named_cause, named_cause in case.causes)


def name_first_cause(report: Report) -> str:
    """What the user reads first: the cause; where the evidence shows none, the first symptom."""
    diagnosis = report.extra["diagnosis"]
    shown = [diagnosis["cause"]] if diagnosis["cause"] else diagnosis["symptoms"]
    causes = [finding.cause for finding in report.findings]
    return shown[0]["cause"] if shown else causes[0] if causes else "nothing"


def iter_planted_cases(each: int) -> Iterator[CombinedCase]:
    """Every planted defect, in `each` cases or more where it can be planted in so many ways."""
    yield from iter_weight_cases(each)
    yield from iter_computation_cases(each)
    yield from iter_sound_cases(each)
    for story in stories.STORIES:
        for seed in range(FRESH_SEED, FRESH_SEED + (each // 2 if story.weights else 1)):
            yield CombinedCase(
                "stories", story.name, story.causes, partial(stories.diagnose_story, story, seed)
            )


def iter_healthy_cases(each: int) -> Iterator[CombinedCase]:
    """Nothing is wrong: correct ports of weights and of computation, clean and coded sound, the vocoder in another format."""
    yield from iter_weight_cases(each, ports=True)
    for place, name in enumerate(NAMES):
        for number, port in enumerate(PORTS):
            if (place + number) % max(1, 4 - each // 2) == 0:
                yield CombinedCase(
                    "computation",
                    f"{port} of {name}",
                    frozenset(),
                    partial(_diagnose_port, name, port),
                )
    material = make_clips(3 * each, held_out=True, first=FRESH_CLIPS + 500)
    for clip in material:
        name = f"{clip.kind}, {clip.label}"
        yield CombinedCase("sound", name, frozenset(), partial(diagnose, audio=clip.recording))
        yield CombinedCase(
            "sound",
            f"{name} beside itself",
            frozenset(),
            _compare_sounds(clip.recording, clip.recording),
        )
    for clip in material[:each]:
        for coded in iter_coded_clips([clip]):
            yield CombinedCase(
                "sound",
                f"{coded.label} beside itself",
                frozenset(),
                _compare_sounds(coded.recording, clip.recording),
            )
    for story in stories.HEALTHY:
        yield CombinedCase(
            "stories", story.name, frozenset(), partial(stories.diagnose_story, story, FRESH_SEED)
        )


def iter_weight_cases(each: int, *, ports: bool = False) -> Iterator[CombinedCase]:
    """Defects, or correct ports, of the weights of small networks, in turn over the networks."""
    for cause, makers in list_planters().items():
        if cause.startswith("port:") is not ports:
            continue
        case_count = 0
        for turn in range(len(NETWORKS) * each):
            name = sorted(NETWORKS)[(turn + len(cause)) % len(NETWORKS)]
            built_network = NETWORKS[name](FRESH_SEED + turn, 16 * (1 + turn % 2))
            planted = makers[turn % len(makers)](
                built_network, np.random.default_rng([FRESH_SEED, turn, len(cause)])
            )
            if planted is not None and case_count < max(each, len(makers)):
                case_count += 1
                expected_causes = frozenset(() if ports else (cause,))
                yield CombinedCase(
                    "weights",
                    f"{cause} on {name}",
                    expected_causes,
                    partial(_diagnose_planted, planted),
                )


def _diagnose_planted(planted: PlantedDefect) -> Report:
    """The checkpoint with its code or its original; what `inspect` has to find, alone."""
    reference = build_checkpoint(
        planted.reference, "reference", planted.reference_details, template=planted.template
    )
    with tempfile.TemporaryDirectory() as folder:
        if callable(planted.candidate):
            candidate: object = planted.candidate(Path(folder))
        else:
            candidate = build_checkpoint(
                planted.candidate, "candidate", planted.details, template=False
            )
        if planted.verb == "inspect":
            return diagnose(candidate)
        return (
            diagnose(candidate, reference)
            if planted.template
            else diagnose(candidate, reference_checkpoint=reference)
        )


def iter_computation_cases(each: int) -> Iterator[CombinedCase]:
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
            yield CombinedCase(
                "computation",
                label,
                frozenset((mistake.cause,)),
                partial(_diagnose_mistake, mistake, framework),
            )


def _diagnose_mistake(mistake: Mistake, framework: str) -> Report:
    sides = build_sides(mistake, framework, FRESH_SEED)
    reference_inputs = make_inputs(mistake.network, FRESH_SEED)
    candidate_inputs = (
        reference_inputs
        if framework == "torch"
        else to_mlx_inputs(mistake.network, reference_inputs)
    )
    return diagnose(
        traces=sides, trace_inputs=reference_inputs, trace_inputs_candidate=candidate_inputs
    )


def _diagnose_port(name: str, port: str) -> Report:
    reference, reference_inputs = build_network(name, {}, FRESH_SEED), make_inputs(name, FRESH_SEED)
    candidate_inputs: Mapping[str, object] = (
        to_mlx_inputs(name, reference_inputs) if port.startswith("mlx") else reference_inputs
    )
    sides = (reference, PORTS[port](name, reference))
    return diagnose(
        traces=sides, trace_inputs=reference_inputs, trace_inputs_candidate=candidate_inputs
    )


def iter_sound_cases(each: int) -> Iterator[CombinedCase]:
    """Planted sounds at strengths that have to be found, from the weakest to the strongest, with the evidence of their level."""
    material = make_clips(4 * each, held_out=True, first=FRESH_CLIPS)
    for number, planter in enumerate(sounds.iter_planters()):
        strengths = [
            strength for strength in planter.STRENGTHS if sound.is_audible(planter, strength)
        ]
        kinds = getattr(planter, "KINDS", ("speech", "music", "tones"))
        suited = [clip for clip in material if clip.kind in kinds]
        for turn in range(each if strengths else 0):
            strength = strengths[turn * (len(strengths) - 1) // max(1, each - 1)]
            planted = sound.plant_defect(
                planter, suited[(number + turn) % len(suited)], strength, FRESH_SEED + turn
            )
            label = f"{planted.cause} at {strength:g} ({planter.LEVEL})"
            yield CombinedCase(
                "sound", label, frozenset((planted.cause,)), partial(_diagnose_sound, planted)
            )


def _diagnose_sound(planted: sound.PlantedSound) -> Report:
    return diagnose(audio=planted.recording, reference_audio=planted.reference, facts=planted.facts)


def _compare_sounds(recording: Recording, reference: Recording) -> Callable[[], Report]:
    return partial(diagnose, audio=recording, reference_audio=reference)
