"""Judge auscult's answer to a planted defect: is the first cause right, the place exact, the repair true?"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.checkpoint import open_checkpoint
from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint, Tensor
from corpus.plant import PlantedDefect

# On a correct port these explain what differs by intent; anything else, or any divergence, is a false alarm.
WRONG_VERDICTS = frozenset({Verdict.DIVERGENT, Verdict.ERROR, Verdict.INCONCLUSIVE})


@dataclass(frozen=True)
class WeightJudgement:
    """None where the question does not arise (no place to name, nothing to repair)."""

    top1: bool
    place: bool | None
    repair: bool | None
    false_alarm: bool | None
    answer: str


def build_checkpoint(
    arrays: Mapping[str, NDArray[Any]], path: str, details: Mapping[str, Any], *, template: bool
) -> Checkpoint:
    """A checkpoint over the arrays, as a file would give it, or as live code would."""
    tensors = {name: Tensor.of(name, array) for name, array in arrays.items()}
    return Checkpoint(path, "code:torch" if template else "memory", tensors, **details)


def run_verb(planted: PlantedDefect, folder: Path, fix: Path | None = None) -> Report:
    """Run the verb that must find the defect."""
    candidate: Path | Checkpoint
    if callable(planted.candidate):
        candidate = planted.candidate(folder)
    else:
        candidate = build_checkpoint(
            planted.candidate, "candidate", planted.details, template=False
        )
    if planted.verb == "inspect":
        return inspect(candidate)
    reference = build_checkpoint(
        planted.reference, "reference", planted.reference_details, template=planted.template
    )
    return diff(reference, candidate, fix=fix)


def has_same_bits(candidate: NDArray[Any], reference: NDArray[Any]) -> bool:
    return (
        candidate.dtype == reference.dtype
        and candidate.shape == reference.shape
        and candidate.tobytes() == reference.tobytes()
    )


def is_restored(file: Path, expected_arrays: Mapping[str, NDArray[Any]], *, exact: bool) -> bool:
    """Whether the file holds exactly these tensors, bit for bit or, if the repair computes, within float32 rounding."""
    if not file.exists():
        return False
    repaired = open_checkpoint(file)
    if set(repaired) != set(expected_arrays):
        return False
    if exact:
        return all(
            has_same_bits(repaired[name].numpy(), array) for name, array in expected_arrays.items()
        )
    pairs = ((repaired[name].numpy(), array) for name, array in expected_arrays.items())
    return all(
        a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=1e-6, atol=1e-7)
        for a, b in pairs
    )


def judge_planted(planted: PlantedDefect) -> WeightJudgement:
    """Run and score one planted defect or correct port."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = run_verb(planted, folder)
        first = report.findings[0].cause if report.findings else "nothing"
        if planted.cause is None:
            alarm = report.verdict in WRONG_VERDICTS or any(
                f.severity is Severity.ERROR and f.fix is None for f in report.findings
            )
            return WeightJudgement(not alarm, None, None, alarm, f"{report.verdict} {first}")
        top1 = first == planted.cause
        place = (
            set(report.findings[0].where) == planted.where
            if planted.where and report.findings
            else None
        )
        repair = None
        if planted.repairable:
            repaired_path = folder / "fixed.safetensors"
            run_verb(planted, folder, fix=repaired_path)
            repair = is_restored(
                repaired_path, planted.expected or planted.reference, exact=planted.exact
            )
        return WeightJudgement(top1, place, repair, None, f"{report.verdict} {first}")
