"""Whether the model was handed over in evaluation mode; which modules compute something else in training."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.errors import AuscultError
from auscult.facts.words import list_first_names
from auscult.properties.change import measure_change
from auscult.properties.model import CheckedModel
from auscult.properties.model_run import ModelRun
from auscult.properties.records import Observation
from auscult.runtime.module_runner import ModuleRunner

QUESTION = "The model as it is handed over computes what it computes in evaluation mode."
DEMANDED = True
MAX_SHOWN_PLACES = 3
"""Places named in one sentence. Chosen, not measured."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Run it as handed over, on a copy: batch norm in training changes its statistics."""
    training_paths = list_training_modules(model.given)
    if not training_paths:
        yield Observation("holds", "all modules are in evaluation mode")
        return
    changing = _find_changing_modules(model, training_paths)
    if not changing:
        yield Observation(
            "holds",
            "the model is in training mode, where none of its modules computes anything else",
        )
        return
    places = tuple(path or "(model)" for path in changing)
    worst = max(changing.values())
    yield Observation(
        "broken",
        f"the model is in training mode, and {list_first_names(places, MAX_SHOWN_PLACES)} computes something else there",
        "training-mode",
        places,
        {"error": worst},
        "call model.eval() after loading; everything else here was checked in evaluation mode",
    )


def list_training_modules(runner: ModuleRunner) -> list[str]:
    """Paths of the modules that are in training mode."""
    return [path for path, module in runner.modules() if getattr(module, "training", False)]


def _find_changing_modules(model: CheckedModel, paths: list[str]) -> dict[str, float]:
    """Modules that consist of no others, with the error that training makes in their output for the same input."""
    given = model.given.copy()
    inputs_of = _collect_inputs(model.base)
    changing: dict[str, float] = {}
    for path in paths:
        if path not in inputs_of or not given.is_leaf(path):
            continue
        try:
            trained = given.call(path, inputs_of[path])
        except AuscultError:
            continue
        record = model.base.trace.find(path)
        if record is None or "output" not in trained:
            continue
        error = measure_change(model.base.trace.tensor(record), trained["output"])
        if error > model.limit:
            changing[path] = error
    if changing:
        return changing
    return _compare_whole(model)


def _collect_inputs(run: ModelRun) -> dict[str, dict[str, object]]:
    inputs_of: dict[str, dict[str, object]] = {}
    for record in run.trace.records:
        if record.role.startswith("input") and record.call == 0 and record.stored == "full":
            inputs_of.setdefault(record.path, {})[record.role] = run.trace.tensor(record)
    return inputs_of


def _compare_whole(model: CheckedModel) -> dict[str, float]:
    """The whole model in training mode, where no single module explains anything (a functional dropout)."""
    trace = model.given.copy().run(
        model.inputs, fingerprints=False, replay=model.base.trace if model.draws else None
    )
    run = ModelRun(
        {record.role: trace.tensor(record) for record in trace.records if record.path == ""}, trace
    )
    error = model.compare_timed(model.base, run)
    if error <= model.limit:
        return {}
    place = model.find_place(model.base, run)
    return {place.path if place is not None else "": error}
