"""Judge `compare`: is the first finding's cause the planted one, is the place exact, does a correct port raise an alarm?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult.finding import Severity
from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict
from corpus.computation.candidates import PORTS, build_sides, to_mlx_inputs
from corpus.computation.networks import NAMES, build_network, make_inputs
from corpus.computation.plants import PLANTS, PlantedMistake

FRAMEWORKS = ("torch", "mlx")
WRONG_VERDICTS = frozenset({Verdict.DIVERGENT, Verdict.ERROR, Verdict.INCONCLUSIVE})


@dataclass(frozen=True)
class ComputationJudgement:
    """`place` is None where nothing was found."""

    top1: bool
    place: bool
    answer: str


def iter_cases(seeds: int = 1, only: str = "") -> Iterator[tuple[PlantedMistake, str, int]]:
    """Every planted mistake in both frameworks, at several seeds."""
    for plant in PLANTS:
        for framework in FRAMEWORKS:
            for seed in range(seeds):
                if only in f"{plant.label}/{framework}":
                    yield plant, framework, seed


def judge_plant(plant: PlantedMistake, framework: str, seed: int) -> ComputationJudgement | None:
    """Run and score one planted mistake; None where it is not planted in that framework."""
    sides = build_sides(plant, framework, seed)
    if sides is None:
        return None
    reference_inputs = make_inputs(plant.network, seed)
    candidate_inputs = (
        reference_inputs if framework == "torch" else to_mlx_inputs(plant.network, reference_inputs)
    )
    report = compare(*sides, inputs=reference_inputs, inputs_cand=candidate_inputs)
    if not report.findings:
        return ComputationJudgement(False, False, f"nothing ({report.verdict})")
    first = report.findings[0]
    place = first.where[0] == (plant.path or "(model)")
    return ComputationJudgement(
        first.cause == plant.cause, place, f"{first.cause} at {first.where[0]}: {first.message}"
    )


def find_port_alarm(name: str, port: str, seed: int) -> str:
    """What a correct port is accused of; empty where nothing is."""
    reference = build_network(name, {}, seed)
    reference_inputs = make_inputs(name, seed)
    candidate_inputs = (
        to_mlx_inputs(name, reference_inputs) if port.startswith("mlx") else reference_inputs
    )
    report = compare(
        reference,
        PORTS[port](name, reference),
        inputs=reference_inputs,
        inputs_cand=candidate_inputs,
    )
    return find_alarm(report)


def find_alarm(report: Report) -> str:
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    if errors:
        return f"{errors[0].cause} at {errors[0].where[0]}: {errors[0].message}"
    return str(report.verdict) if report.verdict in WRONG_VERDICTS else ""


def iter_ports(seeds: int = 1) -> Iterator[tuple[str, str, int]]:
    """Every correct port of every network."""
    for name in NAMES:
        for port in PORTS:
            for seed in range(seeds):
                yield name, port, seed
