"""A BatchNorm as one factor and one summand for each channel, on one side only, where no convolution could take it in.

Scale γ/√(σ² + ε) and shift β - μ · scale, each a constant of the graph that a MUL and an ADD take: after a ReLU, before the first
layer, and wherever a converter has put a transposition between convolution and norm (litert-torch does for every Conv1d).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.hypotheses.norm_folded import EPSILONS, iter_batch_norms
from auscult.align.moves import list_moves
from auscult.recipe.op import Op
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.fold_batch_norm import FoldBatchNorm
from auscult.recipe.ops.parallel import Parallel
from auscult.weights import Array

PRIORITY = 26
BOTH_WAYS = True
MAX_ERROR = 0.1
"""Relative error from which a vector is not compared on its elements. Chosen, not measured."""
MAX_SHIFTS = 2
"""Vectors that are tried as the shift, the nearest first."""


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for norm in iter_batch_norms(view):
        vectors = [
            name
            for name in view.y.list_remaining()
            if list_moves(view.x.shapes[norm[0]], view.y.shapes[name])
        ]
        if len(vectors) < 2:
            continue
        for eps in EPSILONS:
            ops = _make_ops(view, norm, eps)
            yield from _propose_targets(view, norm, ops, vectors, eps)


def _make_ops(view: HypothesisView, norm: tuple[str, ...], eps: float) -> tuple[Op, ...]:
    """The norm folded into a layer that multiplies by one."""
    ones = Constant(view.x.shapes[norm[0]], view.x.array(norm[0]).dtype.name, 1)
    return Parallel(((0, 1, (ones,)), (4, 4, ()))), FoldBatchNorm(eps, 0)


def _propose_targets(
    view: HypothesisView,
    norm: tuple[str, ...],
    ops: tuple[Op, ...],
    vectors: list[str],
    eps: float,
) -> Iterator[Proposal]:
    """The scale that lies nearest, with the nearest shifts."""
    if any(name not in view.x.left for name in norm):
        return
    results = [view.x.array(name) for name in norm]
    for op in ops:
        results = op.apply(results)
    scale, shift = (_list_nearest(view, vectors, result) for result in results)
    for target in scale[:1]:
        for other in [name for name in shift if name != target][:MAX_SHIFTS]:
            yield Proposal(
                norm,
                (target, other),
                ops,
                "norm-folded",
                computed=True,
                evidence={"eps": eps, "norm": norm[0]},
            )


def _list_nearest(view: HypothesisView, vectors: list[str], expected: Array) -> list[str]:
    """Those of the vectors that are not far off, the nearest first."""
    wide = expected.reshape(-1).astype(np.float64)
    norm = float(np.linalg.norm(wide))
    errors = {
        name: float(np.linalg.norm(view.y.array(name).reshape(-1).astype(np.float64) - wide))
        for name in vectors
        if name in view.y.left and view.y.kinds[name] != "bool"
    }
    near = [name for name, error in errors.items() if error <= MAX_ERROR * norm]
    return sorted(near, key=lambda name: errors[name])
