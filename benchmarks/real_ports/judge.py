"""Runs a pair: the truth by the outputs, then what auscult says, and whether that is right."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.real_ports.pair import Fault, Pair, Sides

MAX_EQUAL_ERROR = 2e-5
"""Relative error of outputs that differ by rounding alone: the equal pairs lie below 4e-6, the others above 1e-4."""
MAX_ROUNDED_ERROR = 0.2
"""The same of outputs of rounded weights, int8 at most."""
UNEXPLAINED = "unexplained"
GOOD_VERDICTS = ("PASS", "EQUIVALENT")


@dataclass(frozen=True)
class Outcome:
    """What auscult says of a pair, beside what is true.

    Attributes:
        output_error: Relative error of the candidate's output, measured here and not by auscult.
        verdict, said: Verdict, and the findings of `compare` in short.
        diff_verdict, diff_said: The same of `diff` on the weights; empty for files.
        verdict_right, place_right, cause_right, diff_right: None where the question does not arise.
        explained: Whether the first finding names a cause.
        seconds: Wall time of `compare`.
        report: The whole report, for whom it may concern.
    """

    pair: Pair
    output_error: float
    verdict: str
    said: str
    diff_verdict: str
    diff_said: str
    verdict_right: bool
    place_right: bool | None
    cause_right: bool | None
    explained: bool | None
    diff_right: bool | None
    seconds: float
    report: Any


def judge(pair: Pair, folder: Path) -> Outcome:
    """Make the pair, measure its outputs, compare it, and judge the answer.

    Raises:
        ValueError: If the outputs contradict what the pair states.
    """
    from auscult.verbs.compare.compare import compare

    sides = pair.make(folder)
    output_error = measure_output_error(sides)
    if (output_error > _get_allowed_error(pair)) != bool(pair.faults):
        stated = "differ" if pair.faults else "are equal"
        raise ValueError(f"the outputs are stated to {stated}, and are {output_error:.2g} apart")
    start = time.perf_counter()
    report = compare(
        sides.reference, sides.candidate, inputs=sides.inputs, inputs_cand=sides.candidate_inputs
    )
    seconds = time.perf_counter() - start
    errors = [finding for finding in report.findings if finding.severity == "error"]
    place_right = cause_right = explained = None
    if pair.faults:
        place_right = all(names_place(fault, errors) for fault in pair.faults)
        cause_right = bool(errors) and all(is_allowed(finding, pair.faults) for finding in errors)
        explained = bool(errors) and errors[0].cause != UNEXPLAINED
    diff_verdict, diff_said = compare_weights(sides)
    return Outcome(
        pair,
        output_error,
        str(report.verdict),
        "; ".join(f"{finding.cause} at {finding.where[0]}" for finding in errors[:3]),
        diff_verdict,
        diff_said,
        (str(report.verdict) in GOOD_VERDICTS) != bool(pair.faults)
        and str(report.verdict) != "INCONCLUSIVE",
        place_right,
        cause_right,
        explained,
        None if not diff_verdict else (diff_verdict in GOOD_VERDICTS) == pair.same_weights,
        seconds,
        report,
    )


def _get_allowed_error(pair: Pair) -> float:
    """The error up to which the pair counts as equal."""
    return MAX_ROUNDED_ERROR if pair.rounded and not pair.faults else MAX_EQUAL_ERROR


def names_place(fault: Fault, findings: list[Any]) -> bool:
    """Whether a finding is at one of the fault's places."""
    return any(
        re.fullmatch(pattern, place)
        for finding in findings
        for place in finding.where
        for pattern in fault.places
    )


def is_allowed(finding: Any, faults: tuple[Fault, ...]) -> bool:
    """Whether a finding is honest: a fault's place with its cause, or no cause."""
    return any(
        names_place(fault, [finding]) and finding.cause in (*fault.causes, UNEXPLAINED)
        for fault in faults
    )


def compare_weights(sides: Sides) -> tuple[str, str]:
    """Verdict and findings of `diff`; nothing for files."""
    from auscult.verbs.diff.diff import diff

    if isinstance(sides.candidate, str | Path):
        return "", ""
    report = diff(sides.reference, sides.candidate)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    said = "; ".join(f"{finding.cause} at {finding.where[0]}" for finding in errors[:2])
    return str(report.verdict), said


def measure_output_error(sides: Sides) -> float:
    """Root mean square error of the candidate's first output relative to the reference's, on the common part."""
    reference = run_torch(sides.reference, sides.inputs)
    candidate = run_side(sides.candidate, sides.candidate_inputs or sides.inputs)
    if sides.order is not None:
        candidate = candidate.transpose(sides.order)
    if candidate.size == reference.size:
        candidate = candidate.reshape(reference.shape)
    if candidate.ndim != reference.ndim:
        candidate, reference = np.squeeze(candidate), np.squeeze(reference)
    if candidate.ndim != reference.ndim:
        return float("inf")
    common = tuple(slice(min(pair)) for pair in zip(reference.shape, candidate.shape, strict=True))
    difference = np.asarray(candidate[common], np.float64) - reference[common]
    size = np.sqrt(np.mean(np.asarray(reference[common], np.float64) ** 2))
    error = float(np.sqrt(np.mean(difference**2)) / max(float(size), 1e-30))
    return error if candidate.shape == reference.shape else max(error, 1.0)


def run_side(side: Any, inputs: Mapping[str, Any]) -> Any:
    """The first output of a torch or MLX module, or of an ONNX or LiteRT file."""
    if isinstance(side, str | Path):
        if str(side).endswith(".tflite"):
            return run_litert(str(side), inputs)
        return run_onnx(str(side), inputs)
    if type(side).__module__.startswith("mlx") or hasattr(side, "load_weights"):
        return run_mlx(side, inputs)
    return run_torch(side, inputs)


def run_torch(module: Any, inputs: Mapping[str, Any]) -> Any:
    import torch

    positions, keywords = split_inputs({name: torch.as_tensor(a) for name, a in inputs.items()})
    torch.manual_seed(0)
    with torch.no_grad():
        return take_first(module(*positions, **keywords)).detach().numpy()


def run_mlx(module: Any, inputs: Mapping[str, Any]) -> Any:
    import mlx.core as mx

    positions, keywords = split_inputs({name: mx.array(a) for name, a in inputs.items()})
    return np.array(take_first(module(*positions, **keywords)))


def run_onnx(file: str, inputs: Mapping[str, Any]) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs.values(), strict=True)))[0]


def run_litert(file: str, inputs: Mapping[str, Any]) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(file)
    interpreter.allocate_tensors()
    details = sorted(interpreter.get_input_details(), key=lambda detail: detail["name"])
    for detail, array in zip(details, inputs.values(), strict=True):
        interpreter.set_tensor(detail["index"], np.asarray(array))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def split_inputs(inputs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positions and keywords."""
    positions = [array for name, array in inputs.items() if name.partition(".")[0] == "input"]
    keywords = {n: array for n, array in inputs.items() if n.partition(".")[0] != "input"}
    return positions, keywords


def take_first(output: Any) -> Any:
    """The first tensor of what a module returns."""
    while not hasattr(output, "shape"):
        if isinstance(output, Mapping):
            output = next(iter(output.values()))
        elif hasattr(output, "__dataclass_fields__"):
            output = getattr(output, next(iter(output.__dataclass_fields__)))
        else:
            output = output[0]
    return output
