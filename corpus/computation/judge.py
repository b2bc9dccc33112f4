"""Judge `compare`: is the first finding's cause the planted one, is the place exact, does a correct port raise an alarm?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auscult.finding import Severity
from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict
from corpus.computation.candidates import PORTS, mlx_inputs, pair
from corpus.computation.networks import NAMES, inputs, network
from corpus.computation.plants import PLANTS, Plant

FRAMEWORKS = ("torch", "mlx")
WRONG = frozenset({Verdict.DIVERGENT, Verdict.ERROR, Verdict.INCONCLUSIVE})


@dataclass(frozen=True)
class Judgement:
    """`place` is None where nothing was found."""

    top1: bool
    place: bool
    answer: str


def cases(seeds: int = 1, only: str = "") -> Iterator[tuple[Plant, str, int]]:
    """Every planted mistake in both frameworks, at several seeds."""
    for plant in PLANTS:
        for framework in FRAMEWORKS:
            for seed in range(seeds):
                if only in f"{plant.label}/{framework}":
                    yield plant, framework, seed


def judge(plant: Plant, framework: str, seed: int) -> Judgement | None:
    """Run and score one planted mistake; None where it is not planted in that framework."""
    sides = pair(plant, framework, seed)
    if sides is None:
        return None
    given = inputs(plant.network, seed)
    mine = given if framework == "torch" else mlx_inputs(plant.network, given)
    report = compare(*sides, inputs=given, inputs_cand=mine)
    if not report.findings:
        return Judgement(False, False, f"nothing ({report.verdict})")
    first = report.findings[0]
    place = first.where[0] == (plant.path or "(model)")
    return Judgement(
        first.cause == plant.cause, place, f"{first.cause} at {first.where[0]}: {first.message}"
    )


def port_alarm(name: str, port: str, seed: int) -> str:
    """What a correct port is accused of; empty where nothing is."""
    reference = network(name, {}, seed)
    given = inputs(name, seed)
    mine = mlx_inputs(name, given) if port.startswith("mlx") else given
    report = compare(reference, PORTS[port](name, reference), inputs=given, inputs_cand=mine)
    return alarm(report)


def alarm(report: Report) -> str:
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    if errors:
        return f"{errors[0].cause} at {errors[0].where[0]}: {errors[0].message}"
    return str(report.verdict) if report.verdict in WRONG else ""


def ports(seeds: int = 1) -> Iterator[tuple[str, str, int]]:
    """Every correct port of every network."""
    for name in NAMES:
        for port in PORTS:
            for seed in range(seeds):
                yield name, port, seed
