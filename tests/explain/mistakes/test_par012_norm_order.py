"""A norm before a place rather than after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auscult.explain.algebra.layers import normalise_axes
from auscult.weights import ModuleInfo
from tests.explain.planted import assert_explained, draw, place, single


def test_a_norm_that_is_applied_later() -> None:
    x = 2 * draw(0, 1, 9, 8) + 1
    normed = single(normalise_axes(x, (2,), 1e-5))
    case = replace(
        place(normed, x, **{"x:output": x, "norm:output": normed}),
        attributes={"norm": ModuleInfo("norm", "LayerNorm")},
        candidate_calls=("norm",),
    )
    first = assert_explained("norm-order", case)
    assert first.says == "it applies norm after this place; the reference before it"


def test_a_norm_behind_its_activation() -> None:
    x = 2 * draw(0, 2, 6, 40) + 1
    leaky = np.where(x > 0, x, 0.1 * x)
    before = normalise_axes(x, (2,), 1e-5)
    reference = np.where(before > 0, before, 0.1 * before)
    case = place(reference, normalise_axes(leaky, (2,), 1e-5), x=x)
    assert "instance_norm(leaky_relu(x, 0.1))" in assert_explained("norm-order", case).says


def test_a_norm_before_its_branch_that_should_norm_the_sum() -> None:
    x, branch = 2 * draw(0, 1, 9, 8) + 1, draw(1, 1, 9, 8)
    case = replace(
        place(x + branch, x, **{"block:input": x, "attn:output": branch}),
        path="norm",
        module=ModuleInfo("norm", "LayerNorm"),
        candidate_calls=("norm", "attn"),
    )
    first = assert_explained("norm-order", case)
    assert first.says == "it norms before attn:output is added, the reference after it"
    assert_explained("residual-missing", replace(case, candidate_calls=("attn", "norm")))


def test_a_norm_that_the_reference_calls_later() -> None:
    x, normed = 2 * draw(0, 1, 9, 8) + 1, draw(1, 1, 9, 8)
    case = replace(
        place(x, normed, **{"block:input": x}),
        attributes={"norm": ModuleInfo("norm", "LayerNorm")},
        later={"norm:output": normed},
    )
    first = assert_explained("norm-order", case)
    assert first.says == "it applies norm before this place; the reference after it"
