"""Whether the model gives the same output a second time; if not, which module draws, or what a call leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.errors import AuscultError
from auscult.facts.words import list_first_names
from auscult.properties.change import measure_change
from auscult.properties.model import CheckedModel
from auscult.properties.model_run import ModelRun
from auscult.properties.records import Observation
from auscult.runtime.noise import find_distribution_kind

QUESTION = "The same input gives the same output."
DEMANDED = True
MAX_SHOWN_PLACES = 3
"""Places named in one sentence. Chosen, not measured."""


def measure_property(model: CheckedModel) -> Iterator[Observation | str]:
    """Run it twice; then again with the noise of the first run, and again from a fresh copy."""
    first = model.base
    second = model.run(model.inputs, is_full=True, is_continued=True)
    if is_alike(model, first, second):
        yield Observation("holds", "two runs give the same output")
        return
    if model.draws:
        yield from _describe_draws(model)
        if _is_alike_with_noise(model):
            return
    fresh = model.make_fresh_copy()
    fresh_run = fresh.run(model.inputs, is_full=True) if fresh is not None else None
    if model.draws and fresh_run is not None:
        fresh_run = _replay(fresh, model) if fresh is not None else None
    if fresh_run is not None and is_alike(model, first, fresh_run):
        model.mark_stateful()
        yield _describe_state(model, second)
        return
    yield _describe_unknown(model, second)


def is_alike(model: CheckedModel, first: ModelRun, second: ModelRun) -> bool:
    """Whether all outputs of two runs agree within rounding."""
    return all(
        role in second.outputs and measure_change(array, second.outputs[role]) <= model.limit
        for role, array in first.outputs.items()
    )


def _is_alike_with_noise(model: CheckedModel) -> bool:
    try:
        again = model.run(model.inputs, replay=model.base.trace)
    except AuscultError:
        return False
    return is_alike(model, model.base, again)


def _replay(fresh: CheckedModel | None, model: CheckedModel) -> ModelRun | None:
    if fresh is None:
        return None
    try:
        return fresh.run(model.inputs, replay=model.base.trace, is_full=True)
    except AuscultError:
        return None


def _describe_draws(model: CheckedModel) -> Iterator[Observation]:
    """Dropout is a fault in evaluation; noise is told, since a sampler or a source of noise is meant to draw."""
    records = {record.key: record for record in model.base.trace.records if record.role == "noise"}
    kinds: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for key in model.draws:
        record = records[key]
        is_dropout = find_distribution_kind(record.type) == "binary"
        kinds[is_dropout].setdefault(record.path, record.type)
    if kinds[True]:
        places = tuple(path or "(model)" for path in kinds[True])
        yield Observation(
            "broken",
            f"dropout is active in evaluation mode in {list_first_names(places, MAX_SHOWN_PLACES)}: every run gives another output",
            "dropout-active",
            places,
            {"draws": sum(records[key].path in kinds[True] for key in model.draws)},
            "pass training=self.training to F.dropout; if the model is meant to drop out when it speaks, allow it with --allow determinism",
        )
    if kinds[False]:
        places = tuple(path or "(model)" for path in kinds[False])
        function = next(iter(kinds[False].values()))
        yield Observation(
            "changed",
            f"{list_first_names(places, MAX_SHOWN_PLACES)} draws noise ({function}): every run gives another output",
            "noise-drawn",
            places,
            {"draws": len(model.draws)},
            "seed the generator, or take the noise as an argument, where runs have to repeat",
            is_warning=True,
        )


def _describe_state(model: CheckedModel, second: ModelRun) -> Observation:
    place = model.find_place(model.base, second)
    where = str(place) if place is not None else "the model"
    return Observation(
        "broken",
        f"a call leaves something behind that changes the next call; it shows first in {where}",
        "state-left",
        (place.path or "(model)",) if place is not None else ("(model)",),
        {} if place is None else {"error": place.error},
        "clear the state at the start of an utterance, in a method reset() that needs no argument",
    )


def _describe_unknown(model: CheckedModel, second: ModelRun) -> Observation:
    place = model.find_place(model.base, second)
    hidden = model.base.trace.manifest.notes.get("noise_not_recorded")
    where = str(place) if place is not None else "the model"
    reason = (
        f"it draws by {hidden}" if hidden else "the framework's own generator does not draw there"
    )
    return Observation(
        "broken",
        f"two runs give different outputs, first in {where}: {reason}",
        "not-repeatable",
        (place.path or "(model)",) if place is not None else ("(model)",),
        {} if place is None else {"error": place.error},
        "look for Python's or NumPy's random numbers, memory that was never written, and sums in no fixed order",
    )
