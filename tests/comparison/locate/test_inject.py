"""A module alone on the other side's inputs: the error that appears is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.locate.inject import ModuleInjector
from auscult.comparison.locate.places import locate_faults
from auscult.comparison.measure.floor import floor_from_error
from auscult.comparison.measure.tensor_comparisons import compare_tensors
from auscult.errors import UsageError
from auscult.runtime.runner import Runner
from auscult.weights import Array
from tests.hand_made import make_noise, make_tree

X = make_noise(1, 8)
FLOOR = floor_from_error(1e-3)
REF = make_tree([("a:input", X), ("a", 2 * X)])
NUDGED = X * np.float32(1.0005)
PAIRS = LayerAlignment((LayerPair(("a",), ("a",), "name"),))


class SingleModule:
    """A runner of one function, which keeps what it was fed."""

    def __init__(self, function: Callable[[Array], Array] | None) -> None:
        self.function = function
        self.fed: Array | None = None

    def call(self, path: str, inputs: Mapping[str, Array], **_: Any) -> Mapping[str, Array]:
        if self.function is None:
            raise UsageError("cannot be run alone", where=path)
        self.fed = inputs["input"]
        return {"output": self.function(inputs["input"])}


def confirm(module: SingleModule, output: Array, taken: Array = NUDGED) -> list[str]:
    """Places that stay, where the candidate took something a little other and gave `output`."""
    cand = make_tree([("a:input", taken), ("a", output)])
    comparisons = compare_tensors(REF, cand, PAIRS, FLOOR)
    injector = ModuleInjector(cast(Runner, module), REF, cand, {}, FLOOR, FLOOR)
    places = locate_faults(REF, comparisons, forced=True)
    return [place.key for place in injector.confirm_places(places, comparisons)]


def test_a_module_that_is_right_on_exact_inputs_is_acquitted() -> None:
    module = SingleModule(lambda x: 2 * x)
    assert confirm(module, 5 * X) == []
    assert module.fed is not None
    assert np.array_equal(module.fed, X)


def test_one_that_is_wrong_on_exact_inputs_stays() -> None:
    assert confirm(SingleModule(lambda x: 5 * x), 5 * X) == ["a#0:output"]


def test_one_that_cannot_be_run_alone_stays() -> None:
    assert confirm(SingleModule(None), 5 * X) == ["a#0:output"]


def test_one_that_was_fed_wrong_may_be_wrong_itself() -> None:
    fed_wrong = 3 * X
    assert confirm(SingleModule(lambda x: 2 * x), 6 * X, fed_wrong) == []
    assert confirm(SingleModule(lambda x: 5 * x), 15 * X, fed_wrong) == ["a#0:output"]
