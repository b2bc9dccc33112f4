"""Changes of functions, tried on a place whose code can be run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from auscult.explain.searches.functions import CodeChange, explain_code_changes, get_argument
from auscult.facts.function_changes import CallChange
from auscult.weights import Array
from tests.explain.planted import FLOOR, draw_even, layer

X = draw_even(0, 1, 4, 40)


class Doubling:
    """Code that calls `pad`; what it gives is doubled by any change."""

    def read_functions(self) -> Mapping[str, Mapping[str, object]]:
        return {"pad": {"mode": "reflect"}}

    def run(
        self,
        changes: Sequence[CallChange] = (),
        attributes: Mapping[str, object] | None = None,  # noqa: ARG002 - the protocol's
    ) -> Array:
        return X * 2 if changes else X


def list_causes(function: str, candidate: Array) -> list[str]:
    case = replace(layer("Net", X, X, candidate), rerun=Doubling())
    change = CodeChange("once", "twice", "once", (CallChange(function),))
    return [each.cause for each in explain_code_changes(case, FLOOR, "factor", [change])]


def test_a_change_that_gives_the_candidate_s_tensor() -> None:
    assert list_causes("pad", X * 2) == ["factor"]
    assert list_causes("pad", X * 3) == []


def test_a_function_that_is_not_called_is_not_changed() -> None:
    assert list_causes("stft", X * 2) == []


def test_an_argument_of_the_reference_s_call() -> None:
    case = replace(layer("Net", X, X, X), rerun=Doubling())
    assert get_argument(case, "pad", "mode", "constant") == "reflect"
    assert get_argument(case, "pad", "value", 0) == 0
