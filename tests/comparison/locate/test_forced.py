"""One side run with every layer replaced by what the other side computed there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pytest

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.locate.forced import (
    OWN_NOISE_NOTE,
    run_again,
    run_candidate,
    run_reference,
    run_replaying_noise,
    view_own_outputs,
)
from auscult.comparison.modules import ModuleTree
from auscult.errors import TraceError, UsageError
from auscult.runtime.runner import Runner
from auscult.traces.records import Trace
from auscult.weights import Array
from tests.hand_made import make_noise, make_trace, make_tree

X = make_noise(1, 3, 5)


class TwoLayers:
    """b(a(x)) with factors; records what replaced modules gave themselves, if it is told to."""

    framework, name, dtype = "numpy", "two", "float32"

    def __init__(
        self, a: float, b: float, *, shows_own: bool = True, axes: tuple[int, ...] = ()
    ) -> None:
        self.factors = {"a": np.float32(a), "b": np.float32(b)}
        self.shows_own, self.axes = shows_own, axes or (0, 1, 2)
        self.substitutes: dict[str, Mapping[str, Array]] = {}
        self.refuses_noise = False

    @contextmanager
    def replace(
        self, path: str, outputs: Mapping[str, Array], *, call: int | None = None
    ) -> Iterator[None]:
        if path not in self.factors:
            raise UsageError("cannot be replaced", where=path)
        assert call == 0
        self.substitutes[path] = outputs
        yield
        del self.substitutes[path]

    def run(self, inputs: Mapping[str, Array], **options: Any) -> Trace:
        if self.refuses_noise and "replay" in options:
            raise TraceError("draws other noise", where="two")
        x = inputs["input"].transpose(self.axes)
        rows: list[tuple[str, Array]] = []
        for path, factor in self.factors.items():
            own = x * factor
            substitute = self.substitutes.get(path)
            x = own if substitute is None else np.array(substitute["output"])
            rows.append((path, x))
            if substitute is not None and self.shows_own:
                rows.append((f"{path}:own", own))
        return make_trace([*rows, ("", x * 1)])


def as_runner(layers: TwoLayers) -> Runner:
    return cast(Runner, layers)


def run_tree(layers: TwoLayers) -> ModuleTree:
    return ModuleTree.of(layers.run({"input": X}))


ALIGNMENT = LayerAlignment(tuple(LayerPair((p,), (p,), "name") for p in ("a", "b", "")))
TURNED = LayerAlignment(ALIGNMENT.pairs, orders={3: (0, 2, 1)})


def output(trace: Trace, path: str, role: str = "output") -> Array:
    record = trace.find(path, role)
    assert record is not None
    return trace.tensor(record)


def test_the_candidate_works_on_the_tensors_of_the_reference() -> None:
    ref, cand = TwoLayers(2, 3), TwoLayers(7, 5)
    trace = run_candidate(as_runner(cand), {"input": X}, run_tree(ref), run_tree(cand), ALIGNMENT)
    assert np.allclose(output(trace, "a", "own"), 7 * X)
    assert np.allclose(output(trace, "a"), 2 * X)
    assert np.allclose(output(trace, "b", "own"), 5 * 2 * X)  # its own factor on exact input
    assert cand.substitutes == {}


def test_in_the_order_of_axes_of_the_candidate() -> None:
    ref, cand = TwoLayers(2, 3), TwoLayers(7, 5, axes=(0, 2, 1))
    trace = run_candidate(as_runner(cand), {"input": X}, run_tree(ref), run_tree(cand), TURNED)
    assert np.allclose(output(trace, "b", "own"), 10 * X.transpose(0, 2, 1))


def test_and_the_reverse() -> None:
    ref, cand = TwoLayers(2, 3), TwoLayers(7, 5, axes=(0, 2, 1))
    trace = run_reference(as_runner(ref), {"input": X}, run_tree(ref), run_tree(cand), TURNED)
    assert np.allclose(output(trace, "b", "own"), 3 * 7 * X)


def test_a_run_on_its_own_tensors_changes_nothing() -> None:
    layers = TwoLayers(2, 3)
    trace = run_again(as_runner(layers), {"input": X}, layers.run({"input": X}))
    assert np.allclose(output(trace, "b", "own"), 6 * X)


def test_a_runtime_that_hides_what_modules_gave_is_refused() -> None:
    ref, cand = TwoLayers(2, 3), TwoLayers(7, 5, shows_own=False)
    with pytest.raises(UsageError, match="without a record of what it gave itself"):
        run_candidate(as_runner(cand), {"input": X}, run_tree(ref), run_tree(cand), ALIGNMENT)


def test_own_noise_is_noted_where_the_other_sides_cannot_be_drawn() -> None:
    layers = TwoLayers(2, 3)
    noise = make_trace([])
    assert run_replaying_noise(as_runner(layers), {"input": X}, noise).manifest.notes == {}
    layers.refuses_noise = True
    trace = run_replaying_noise(as_runner(layers), {"input": X}, noise)
    assert "draws other noise" in trace.manifest.notes[OWN_NOISE_NOTE]


def test_a_view_in_which_outputs_are_what_modules_gave_themselves() -> None:
    given, own = X * 2, X * 7
    trace = make_trace([("a", given), ("a:own", own), ("b:input", given), ("b", X)])
    view = view_own_outputs(trace)
    assert [record.key for record in view] == ["a#0:output", "b#0:input", "b#0:output"]
    assert np.array_equal(output(view, "a"), own)
    assert np.array_equal(output(view, "b", "input"), given)  # stays what it was
    assert ModuleTree.of(view).modules["a"].output() is not None
    assert make_tree([("a", given)]).modules["a"].shape == (3, 5)
