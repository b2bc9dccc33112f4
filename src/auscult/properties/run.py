"""Measures the properties of a model in turn.

In: a model with its inputs. Out: a result for each property; what could not be tried says why.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import ModuleType

from auscult import plugins
from auscult.errors import AuscultError, UsageError
from auscult.facts.progress import Progress
from auscult.properties.model import CheckedModel
from auscult.properties.records import CheckMeasurements, Observation, PropertyResult

CHECKS_PACKAGE = "auscult.properties.checks"
FIRST = ("determinism", "mode")
"""Properties that the others rest on: what is random, and what a call leaves behind."""


@cache
def list_properties() -> tuple[str, ...]:
    """Names of all properties, in the order in which they are measured."""
    names = plugins.list_module_names(CHECKS_PACKAGE)
    return (*FIRST, *(name for name in names if name not in FIRST))


def load_property(name: str) -> ModuleType:
    """The file of a property: `QUESTION` says what is asked, `DEMANDED` whether a model has to have it by default or
    `is_demanded(model)` does, and `measure_property(model)` yields observations, and reasons why something was left out.
    """
    return importlib.import_module(f"{CHECKS_PACKAGE}.{name}")


def require_properties(names: tuple[str, ...], option: str) -> None:
    """Refuse names that no property has.

    Raises:
        UsageError: If there is one.
    """
    for name in names:
        if name not in list_properties():
            raise UsageError(
                f"there is no property `{name}`",
                where=option,
                hint=f"they are {', '.join(list_properties())}",
            )


def measure_properties(model: CheckedModel, progress: Progress | None = None) -> CheckMeasurements:
    """Measure what was asked for.

    Raises:
        TargetError: If the model does not run on the inputs as given.
    """
    options = model.options
    names = [name for name in list_properties() if not options.only or name in options.only]
    _ = (
        model.base
    )  # a model that does not run at all is an error of the command, no skip of a property
    results = []
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names), name)
        results.append(measure_one_property(model, name))
    return CheckMeasurements(model.given.name, tuple(results), tuple(model.precision))


def measure_one_property(model: CheckedModel, name: str) -> PropertyResult:
    """One property, with what the user expects of it."""
    started = time.perf_counter()
    module = load_property(name)
    is_demanded = _is_demanded(model, module, name)
    observations: list[Observation] = []
    skips: list[str] = []
    known_reservations = len(model.reservations)
    try:
        for outcome in module.measure_property(model):
            if isinstance(outcome, str):
                skips.append(outcome)
            else:
                observations.append(
                    _weigh_observation(
                        outcome, is_demanded=is_demanded, is_expected=name in model.options.expect
                    )
                )
    except AuscultError as error:
        skips.append(f"stopped: {error.what}")
    skips += model.reservations[known_reservations:]
    seconds = time.perf_counter() - started
    return PropertyResult(name, tuple(observations), tuple(skips), is_demanded, seconds)


def _is_demanded(model: CheckedModel, module: ModuleType, name: str) -> bool:
    if name in model.options.expect:
        return True
    if name in model.options.allow:
        return False
    if hasattr(module, "is_demanded"):
        return bool(module.is_demanded(model))
    return bool(module.DEMANDED)


def _weigh_observation(
    observation: Observation, *, is_demanded: bool, is_expected: bool
) -> Observation:
    if observation.outcome == "broken" and not is_demanded:
        return replace(observation, outcome="changed")
    if is_expected and observation.cause and observation.outcome in ("changed", "measured"):
        return replace(observation, outcome="broken")
    return observation


def iter_observations(measured: CheckMeasurements) -> Iterator[tuple[PropertyResult, Observation]]:
    """Every observation with the property that it is of."""
    for result in measured.results:
        for observation in result.observations:
            yield result, observation
