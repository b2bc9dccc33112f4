"""What is known at one place, in the reference's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest

from auscult.comparison.fault_cases import CaseMaterial, TensorPlace, build_layer_case
from auscult.runtime.runner import Runner
from auscult.weights import Array
from tests.hand_made import make_noise, make_trace

X, A, B, Y = (make_noise(1, 3, 5, seed=seed) for seed in range(4))
TYPES = {"": "Net", "a": "Conv1d", "b": "LeakyReLU"}
ROWS = [(":input", X), ("a:input", X), ("a", A), ("b:input", A), ("b", B), ("", Y)]
REF = make_trace(ROWS, types=TYPES)


class Weights:
    """A runner that owns a weight in `a`."""

    def weights(self, path: str) -> Mapping[str, Array]:
        return {"weight": A} if path == "a" else {}


RUNNER = cast(Runner, Weights())


def locate(path_ref: str, path_cand: str, role: str = "output") -> TensorPlace:
    return TensorPlace(path_ref, path_cand, role, 0, role, 0)


def test_an_output_with_its_inputs_and_weights() -> None:
    turned = np.ascontiguousarray(2 * A.transpose(0, 2, 1))
    cand = make_trace([("p:input", X), ("p", turned)], types={"p": "Conv"})
    material = CaseMaterial(REF, cand, {"a": "p"}, RUNNER, {3: (0, 2, 1)})
    case = build_layer_case(material, locate("a", "p"))
    assert case is not None
    assert (case.key, case.module.type, case.candidate_path) == ("a#0:output", "Conv1d", "p")
    assert case.candidate_module is not None
    assert case.candidate_module.type == "Conv"
    assert np.array_equal(case.candidate, 2 * case.reference)
    assert np.array_equal(case.inputs["input"], X)
    assert list(case.weights) == ["weight"]


def test_an_input_with_all_that_the_parent_knew_before() -> None:
    before, behind = ROWS[:3], ROWS[4:]
    ref = make_trace([*before, ("b:input", 2 * A), *behind], types=TYPES)
    cand = make_trace([*before, ("b:input", 3 * A), *behind])
    case = build_layer_case(CaseMaterial(ref, cand), locate("b", "b", "input"))
    assert case is not None
    assert (case.role, case.parent, case.rerun) == ("input", "", None)
    assert list(case.context) == [":input", "a:output"]  # not what reaches the place itself
    assert {path: info.type for path, info in case.attributes.items()} == TYPES
    assert case.candidate_calls == ("a", "b")


@pytest.mark.parametrize("stored", ["sketch", "statistics"])
def test_no_case_without_tensors(stored: str) -> None:
    without_tensors = CaseMaterial(REF, make_trace([("a", A)], stored=stored))
    assert build_layer_case(without_tensors, locate("a", "a")) is None
    assert build_layer_case(CaseMaterial(REF, REF), locate("nowhere", "a")) is None


def test_the_steps_of_a_loop() -> None:
    rows: list[tuple[str, Array]] = [(":input", X)]
    for step in range(4):
        rows += [(f"f#{step}:input", X * step), (f"f#{step}", A * step)]
    ref = make_trace([*rows, (":noise", B), ("", Y)])
    case = build_layer_case(CaseMaterial(ref, ref), locate("", ""))
    assert case is not None
    assert case.reference_steps is not None
    assert case.candidate_steps is not None
    steps = case.reference_steps
    assert (steps.path, len(steps.inputs), len(steps.outputs)) == ("f", 4, 4)
    assert np.array_equal(steps.outputs[2], A * 2)
    assert steps.result is not None
    assert np.array_equal(steps.result, Y)
    twice = make_trace([*rows[:5], ("", Y)])
    short = build_layer_case(CaseMaterial(twice, twice), locate("", ""))
    assert short is not None
    assert short.reference_steps is None  # two calls are no loop


def test_a_tensor_that_only_the_candidate_changes_before_it_hands_it_on() -> None:
    """The block hands its input to `attn`; the candidate's norms it first, with a norm that the reference calls later."""
    types = {"": "Net", "block": "Block", "block.attn": "Linear", "block.norm": "LayerNorm"}
    rows = [("block:input", X), ("block.attn:input", X), ("block.attn", A)]
    rows += [("block.norm:input", B), ("block.norm", Y), ("block", Y)]
    reference = make_trace(rows, types=types)
    changed = [("block:input", X), ("block.norm:input", X), ("block.norm", Y)]
    changed += [("block.attn:input", Y), ("block.attn", A), ("block", A)]
    pairs = {path: path for path in types}
    for candidate_rows, parent, later in (
        (changed, "block", ["block.norm:output"]),
        (rows, "", ["block:output"]),
    ):
        candidate = make_trace(candidate_rows, types=types)
        material = CaseMaterial(reference, candidate, pairs)
        case = build_layer_case(material, locate("block.attn", "block.attn", "input"))
        assert case is not None
        assert (case.parent, list(case.later)) == (parent, later)
