"""Where an error is born, and where it only passes through."""

from __future__ import annotations

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.locate.places import FaultPlace, locate_faults
from auscult.comparison.measure.floor import floor_from_error
from auscult.comparison.measure.tensor_comparisons import compare_tensors
from auscult.comparison.modules import ModuleTree
from auscult.weights import Array
from tests.hand_made import make_noise, make_tree

X, A, B, Y = (make_noise(1, 8, seed=seed) for seed in range(4))
PATHS = ("a", "b", "")


def make_chain(a: Array = A, b_input: Array = A, b: Array = B, y: Array = B) -> ModuleTree:
    """The whole model calls a, then b on what a gave."""
    return make_tree(
        [(":input", X), ("a:input", X), ("a", a), ("b:input", b_input), ("b", b), ("", y)]
    )


def locate(cand: ModuleTree, *, forced: bool = False) -> list[FaultPlace]:
    pairs = tuple(LayerPair((path,), (path,), "name" if path else "root") for path in PATHS)
    ref = make_chain()
    comparisons = compare_tensors(ref, cand, LayerAlignment(pairs), floor_from_error(1e-3))
    return locate_faults(ref, comparisons, forced=forced)


def keys(places: list[FaultPlace]) -> list[str]:
    return [place.key for place in places]


def test_nothing_is_born_where_nothing_differs() -> None:
    assert locate(make_chain()) == []


def test_an_output_is_born_where_its_inputs_agree() -> None:
    wrong = make_chain(a=2 * A, b_input=2 * A, b=2 * B, y=2 * B)
    assert keys(locate(wrong)) == ["a#0:output"]


def test_an_input_is_born_in_the_code_of_the_parent() -> None:
    (place,) = locate(make_chain(b_input=2 * A, b=2 * B, y=2 * B))
    assert (place.key, place.parent, place.certain) == ("b#0:input", "", True)


def test_the_code_behind_the_last_module() -> None:
    assert keys(locate(make_chain(y=3 * B))) == ["#0:output"]


def test_with_the_tensors_of_the_other_side_every_fault_shows() -> None:
    both = make_chain(a=2 * A, b=2 * B, y=B)
    assert keys(locate(both, forced=True)) == ["a#0:output", "b#0:output"]
    behind = make_chain(a=2 * A, b_input=2 * A, b=7 * B, y=B)
    assert keys(locate(behind)) == ["a#0:output"]
