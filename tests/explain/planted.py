"""Places with a mistake planted by hand, and what has to be said of them and of correct ones beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from auscult.explain.case import Explanation, IteratedCalls, LayerCase
from auscult.explain.mistakes import Mistake, find_mistake
from auscult.explain.try_mistakes import collect_explanations, explain_case
from auscult.weights import Array, ModuleInfo

FLOOR = 1e-6
ROUNDING = 1e-7
DISTURBANCE = 0.1


def draw(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def draw_even(seed: int, *shape: int) -> Array:
    """Values spread evenly from -1 to 1, which no one takes for a draw of noise."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def single(values: Any) -> Array:
    return np.asarray(values, np.float32)


def place(reference: Array, candidate: Array, **context: Array) -> LayerCase:
    """What reaches a convolution, and the tensors that were known before."""
    return LayerCase(
        "conv",
        ModuleInfo("conv", "Conv1d"),
        single(reference),
        single(candidate),
        role="input",
        context=context,
    )


def layer(
    kind: str,
    x: Array,
    reference: Array,
    candidate: Array,
    weights: dict[str, Array] | None = None,
    **attributes: Any,
) -> LayerCase:
    """The output of a layer that was handed the reference's input."""
    return LayerCase(
        "layer",
        ModuleInfo("layer", kind, attributes),
        single(reference),
        single(candidate),
        inputs={"input": x},
        weights=weights or {},
    )


def count_given(mistake: Mistake, case: LayerCase) -> int:
    """How many explanations a mistake gives of a place, near or not."""
    return len(list(mistake.explain(case, FLOOR))) if mistake.explain else 0


def assert_explained(
    name: str, case: LayerCase, correct: LayerCase | None = None, *, first: bool = True
) -> Explanation:
    """The mistake explains the case, before all others; it says nothing of a correct place, nor of one that is merely wrong.

    Args:
        correct: The correct place beside it; by default one whose candidate is the reference's tensor but for rounding.
        first: Whether no other mistake explains the case as simply.
    """
    mistake = find_mistake(name, found_by="a test")
    explanations = collect_explanations(mistake, case, FLOOR)
    assert explanations, (
        f"{name} is not found: its explain() gave {count_given(mistake, case)} explanations of the planted place, "
        "and none within the noise floor"
    )
    if first:
        ranked = explain_case(case, FLOOR)
        assert ranked[0].cause == name, [
            (each.cause, each.complexity, each.residual, each.says) for each in ranked
        ]
    rng = np.random.default_rng(99)
    if correct is not None:
        assert collect_explanations(mistake, correct, FLOOR) == []
    else:
        rounding = 1 + ROUNDING * rng.standard_normal(case.reference.shape)
        rounded = single(case.reference * rounding)
        assert collect_explanations(mistake, replace(case, candidate=rounded), FLOOR) == []
        spread = DISTURBANCE * case.reference.std()
        disturbed = single(case.reference + spread * rng.standard_normal(case.reference.shape))
        assert collect_explanations(mistake, replace(case, candidate=disturbed), FLOOR) == []
    return min(explanations, key=lambda each: (not each.reproduced, each.complexity))


def attend(
    q: Array, k: Array, v: Array, heads: int, scale: float, *, bias: Array | float = 0.0
) -> Array:
    """Attention of [batch, time, width] tensors, head by head."""
    outputs = []
    for part in range(heads):
        width = q.shape[-1] // heads
        chosen = slice(part * width, (part + 1) * width)
        scores = q[..., chosen] @ k[..., chosen].swapaxes(-1, -2) * scale + bias
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        outputs.append(powers / powers.sum(-1, keepdims=True) @ v[..., chosen])
    return np.concatenate(outputs, -1)


def attention_place(reference: Array, candidate: Array, heads: int, **context: Array) -> LayerCase:
    """What reaches the output projection of an attention with q, k and v among the tensors known."""
    return LayerCase(
        "attn.out_proj",
        ModuleInfo("attn.out_proj", "Linear"),
        single(reference),
        single(candidate),
        role="input",
        context={f"attn.{name}:output": value for name, value in context.items()},
        attributes={"attn": ModuleInfo("attn", "Attention", {"num_heads": heads})},
        parent="attn",
    )


def sample(
    step: Callable[[Array, float, float, Array, Array], Array], times: Array, *, guided: bool
) -> IteratedCalls:
    """Calls of an estimator in a sampler; `step` takes state, time, next time and both velocities."""
    x = draw(0, 1, 4, 50).astype(np.float64)
    inputs, outputs = [], []
    for t, t_next in pairwise(times):
        velocity = np.tanh(x + t) + 0.3
        other = np.sin(2 * x - t)
        rows = 2 if guided else 1
        inputs.append({"x": np.concatenate([x] * rows), "t": np.full(rows, t)})
        outputs.append(np.concatenate([velocity, other][:rows]))
        x = step(x, float(t), float(t_next), velocity, other)
    return IteratedCalls("estimator", tuple(inputs), tuple(outputs), x)


def sampler_place(reference: IteratedCalls, candidate: IteratedCalls) -> LayerCase:
    """The output of the loop around an estimator."""
    assert reference.result is not None
    assert candidate.result is not None
    return LayerCase(
        "",
        ModuleInfo("", "Sampler"),
        single(reference.result),
        single(candidate.result),
        reference_steps=reference,
        candidate_steps=candidate,
    )
