"""A BatchNorm folded into the convolution or linear layer in front of it, on one side only."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.align.derived import Candidate, View
from auscult.recipe.ops.fold_batch_norm import FoldBatchNorm

PRIORITY = 25
BOTH_WAYS = True

EPSILONS = (
    1e-5,
    1e-3,
    1e-6,
    1e-4,
    1e-8,
    1e-12,
    0.0,
)  # torch, Keras, and what authors choose; it is not in the tensors
REACH = 8  # tensors in the file between a layer's weight and its norm


def propose(view: View) -> Iterator[Candidate]:
    for norm in _norms(view):
        channels = view.x.shapes[norm[0]]
        for weight in _layers_near(view, norm):
            yield from _folded(view, weight, norm, channels[0])


def _norms(view: View) -> Iterator[tuple[str, str, str, str]]:
    """(gamma, beta, mean, variance) of each BatchNorm without a partner."""
    for name in view.x.remaining():
        if name.endswith("running_var"):
            stem = name.removesuffix("running_var")
            parts = (stem + "weight", stem + "bias", stem + "running_mean", name)
            if all(
                part in view.x.left and view.x.shapes[part] == view.x.shapes[name] for part in parts
            ):
                yield parts


def _layers_near(view: View, norm: tuple[str, ...]) -> Iterator[str]:
    """Weights without a partner close to the norm in the file, those in front of it first."""
    start = min(view.x.position[part] for part in norm)
    names = view.x.names
    near = [
        *range(start - 1, max(start - REACH, 0) - 1, -1),
        *range(start, min(start + REACH, len(names))),
    ]
    for place in near:
        name = names[place]
        if name in view.x.left and name not in norm and len(view.x.shapes[name]) >= 2:
            yield name


def _folded(view: View, weight: str, norm: tuple[str, ...], channels: int) -> Iterator[Candidate]:
    bias = weight.removesuffix("weight") + "bias"
    own = (bias,) if weight.endswith("weight") and bias in view.x.left else ()
    if own and view.x.shapes[bias] != (channels,):
        return  # the norm is as wide as the layer's input: it stands before the layer
    sources = (weight, *own, *norm)
    for dim in [axis for axis, side in enumerate(view.x.shapes[weight]) if side == channels]:
        for eps in EPSILONS:
            fold = FoldBatchNorm(eps, dim)
            for target, shift in _targets(view, fold, sources, weight, channels):
                yield Candidate(
                    sources,
                    (target, shift),
                    (fold,),
                    "norm-folded",
                    computed=True,
                    evidence={"eps": eps, "norm": norm[0]},
                )


def _targets(
    view: View, fold: FoldBatchNorm, sources: tuple[str, ...], weight: str, channels: int
) -> Iterator[tuple[str, str]]:
    """(folded weight, folded bias) on the other side: by name, else by content."""
    targets = [name for name in view.expected(weight) if view.y.sides(name) == view.x.sides(weight)]
    if not targets and fold.eps == EPSILONS[0] and all(source in view.x.left for source in sources):
        targets = view.similar(fold.apply([view.x.array(source) for source in sources])[0])[:2]
    for target in targets:
        for shift in _shifts(view, fold, sources, target):
            if shift in view.y.left and view.y.size(shift) == channels:
                yield target, shift


def _shifts(view: View, fold: FoldBatchNorm, sources: tuple[str, ...], target: str) -> list[str]:
    """Where the folded bias may be: beside a target called `weight`, else (graphs number what they fold) by content."""
    if target.endswith("weight"):
        return [target.removesuffix("weight") + "bias"]
    place = view.y.position[target]
    near = view.y.names[
        place + 1 : place + 2
    ]  # too small to be told by content: the graph's next constant
    return list(
        dict.fromkeys(
            [*view.similar(fold.apply([view.x.array(source) for source in sources])[1])[:2], *near]
        )
    )
