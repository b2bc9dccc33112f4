"""What the weights of a diagnosis show: by themselves, against the code, and against their original."""

from __future__ import annotations

from auscult.errors import CheckpointError, UsageError
from auscult.facts.progress import Progress
from auscult.finding import Skip
from auscult.rules.diff.checkpoint.ckp010_truncated import finding_from_error
from auscult.rules.suspects import EvidenceKind
from auscult.verbs.diagnose.evidence import DiagnosisCase
from auscult.verbs.diagnose.given import GivenWeights
from auscult.verbs.sides import open_side
from auscult.verdict import Verdict
from auscult.weights import Checkpoint

_AGAINST_ORIGINAL: tuple[EvidenceKind, ...] = ("weights", "reference-weights")
_AGAINST_CODE: tuple[EvidenceKind, ...] = ("weights", "code")


def open_weights(case: DiagnosisCase, given: GivenWeights) -> Checkpoint | None:
    """The checkpoint; one that is cut off is a finding.

    Raises:
        CheckpointError: If it cannot be read.
        UsageError: If code or an original is given without it.
    """
    if given.checkpoint is None:
        if given.model is not None or given.reference is not None:
            raise UsageError(
                "there is no checkpoint to hold that against",
                hint="give CHECKPOINT as the first argument",
            )
        return None
    try:
        return open_side(given.checkpoint, container=given.container)
    except CheckpointError as error:
        finding = finding_from_error(error)
        if finding is None:
            raise
        case.findings.append(finding)
        case.lines.append(
            {"kind": "weights", "verdict": Verdict.ERROR.value, "subjects": list(finding.where)}
        )
        return None


def look_at_weights(
    case: DiagnosisCase,
    weights: Checkpoint | None,
    given: GivenWeights,
    progress: Progress | None,
) -> None:
    """The checkpoint by itself, against the code, and against its original, as far as these are
    given.
    """
    if weights is None:
        return
    from auscult.verbs.diff.diff import compare_checkpoints
    from auscult.verbs.inspect.inspect import inspect

    if given.reference is not None:
        report = compare_checkpoints(open_side(given.reference), weights, progress=progress)
        if not report.mapping:
            raise UsageError(
                "has no tensor in common with its original",
                where=weights.path,
                hint="give the original of this very model",
            )
        case.add("weights against the original", report, _AGAINST_ORIGINAL)
    if given.model is not None:
        case.add(
            "weights against the code",
            compare_checkpoints(
                weights, open_side(given.model, kwargs=given.kwargs), progress=progress
            ),
            _AGAINST_CODE,
        )
    else:
        case.skips.append(Skip("model", "no code was given: checkpoint and code were not compared"))
    if given.model is None and given.reference is None:
        case.skips += weights.skips
        case.subjects.append(weights.path)
        alone = inspect(weights)
        case.findings += alone.findings
        case.kinds.add("weights")
        case.lines.append(
            {"kind": "weights", "verdict": alone.verdict.value, "subjects": [weights.path]}
        )
