"""The same mistakes in exported graphs: a torch candidate as an ONNX file, held against the reference in torch."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import torch

from auscult.runtime.runner import runner_of
from auscult.verbs.compare.compare import compare
from corpus.computation.candidates import pair
from corpus.computation.judge import Judgement, alarm
from corpus.computation.networks import Inputs, inputs, network
from corpus.computation.plants import Plant

NOT_EXPORTED = frozenset({"dropout-active", "batch-norm-train-mode"})
"""Exporters put the model in evaluation mode."""
EXPORTABLE = ("transformer", "conformer", "flow", "recurrent", "hifigan", "streamspeech-modified")
"""The iSTFT vocoder's complex numbers have no operator in ONNX."""


def exported(model: torch.nn.Module, given: Inputs, path: Path) -> str:
    """The model as an ONNX file, its weight norms fused.

    Raises:
        torch.onnx.OnnxExporterError: If the model draws numbers in a way that has no operator.
    """
    for module in model.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    arguments = tuple(torch.tensor(array) for array in given.values())
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(model, arguments, str(path), dynamo=False, opset_version=20)
    return str(path)


def is_planted_in_graphs(plant: Plant) -> bool:
    """Whether an exported graph can have that mistake."""
    return (
        plant.network in EXPORTABLE
        and plant.cause not in NOT_EXPORTED
        and "seed" not in plant.changes
        and plant.prepare is None
    )


def judge_export(plant: Plant, seed: int) -> Judgement:
    """Run and score one planted mistake in an ONNX graph.

    A graph does not show every module: the place counts if it is the planted one, or takes or gives the very tensor of it.
    """
    sides = pair(plant, "torch", seed)
    assert sides is not None
    reference, candidate = sides
    given = inputs(plant.network, seed)
    with tempfile.TemporaryDirectory() as folder:
        report = compare(
            reference, exported(candidate, given, Path(folder) / "model.onnx"), inputs=given
        )
    if not report.findings:
        return Judgement(False, False, f"nothing ({report.verdict})")
    first = report.findings[0]
    place = "" if first.where[0] == "(model)" else first.where[0]
    at = place == plant.path or place in holders(reference, given, plant)
    return Judgement(
        first.cause == plant.cause, at, f"{first.cause} at {first.where[0]}: {first.message}"
    )


def holders(reference: torch.nn.Module, given: Inputs, plant: Plant) -> frozenset[str]:
    """The modules that take or give the tensor of the planted place."""
    trace = runner_of(reference).run(given)
    record = trace.find(plant.path, plant.role, plant.call)
    tensor = None if record is None else record.same_as or record.key
    return frozenset(r.path for r in trace.records if (r.same_as or r.key) == tensor)


def export_alarm(name: str, seed: int) -> str:
    """What a right export is accused of; empty where nothing is."""
    given = inputs(name, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = exported(network(name, {}, seed), given, Path(folder) / "model.onnx")
        return alarm(compare(network(name, {}, seed), file, inputs=given))
