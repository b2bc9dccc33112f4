"""The same mistakes in exported graphs: a torch candidate as an ONNX file, held against the reference in torch."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import torch

from auscult.runtime.runner import make_runner
from auscult.verbs.compare.compare import compare
from corpus.computation.candidates import build_sides
from corpus.computation.judge import ComputationJudgement, find_alarm
from corpus.computation.networks import NetworkInputs, build_network, make_inputs
from corpus.computation.plants import PlantedMistake

NOT_EXPORTED = frozenset({"dropout-active", "batch-norm-train-mode"})
"""Exporters put the model in evaluation mode."""
EXPORTABLE = ("transformer", "conformer", "flow", "recurrent", "hifigan", "streamspeech-modified")
"""The iSTFT vocoder's complex numbers have no operator in ONNX."""


def export_to_onnx(model: torch.nn.Module, model_inputs: NetworkInputs, path: Path) -> str:
    """The model as an ONNX file, its weight norms fused.

    Raises:
        torch.onnx.OnnxExporterError: If the model draws numbers in a way that has no operator.
    """
    for module in model.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    arguments = tuple(torch.tensor(array) for array in model_inputs.values())
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(model, arguments, str(path), dynamo=False, opset_version=20)
    return str(path)


def is_planted_in_graphs(plant: PlantedMistake) -> bool:
    """Whether an exported graph can have that mistake."""
    return (
        plant.network in EXPORTABLE
        and plant.cause not in NOT_EXPORTED
        and "seed" not in plant.changes
        and plant.prepare is None
    )


def judge_export(plant: PlantedMistake, seed: int) -> ComputationJudgement:
    """Run and score one planted mistake in an ONNX graph.

    A graph does not show every module: the place counts if it is the planted one, or takes or gives the very tensor of it.
    """
    sides = build_sides(plant, "torch", seed)
    assert sides is not None
    reference, candidate = sides
    model_inputs = make_inputs(plant.network, seed)
    with tempfile.TemporaryDirectory() as folder:
        report = compare(
            reference,
            export_to_onnx(candidate, model_inputs, Path(folder) / "model.onnx"),
            inputs=model_inputs,
        )
    if not report.findings:
        return ComputationJudgement(False, False, f"nothing ({report.verdict})")
    first = report.findings[0]
    place = "" if first.where[0] == "(model)" else first.where[0]
    is_place_right = place == plant.path or place in find_holders(reference, model_inputs, plant)
    return ComputationJudgement(
        first.cause == plant.cause,
        is_place_right,
        f"{first.cause} at {first.where[0]}: {first.message}",
    )


def find_holders(
    reference: torch.nn.Module, model_inputs: NetworkInputs, plant: PlantedMistake
) -> frozenset[str]:
    """The modules that take or give the tensor of the planted place."""
    trace = make_runner(reference).run(model_inputs)
    record = trace.find(plant.path, plant.role, plant.call)
    tensor = None if record is None else record.same_as or record.key
    return frozenset(r.path for r in trace.records if (r.same_as or r.key) == tensor)


def find_export_alarm(name: str, seed: int) -> str:
    """What a right export is accused of; empty where nothing is."""
    model_inputs = make_inputs(name, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = export_to_onnx(
            build_network(name, {}, seed), model_inputs, Path(folder) / "model.onnx"
        )
        return find_alarm(compare(build_network(name, {}, seed), file, inputs=model_inputs))
