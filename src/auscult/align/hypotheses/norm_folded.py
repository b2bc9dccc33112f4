"""A BatchNorm folded into the convolution or linear layer in front of it, on one side only."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.align.derived import HypothesisView, Proposal
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
MAX_LAYER_DISTANCE = 8  # tensors in the file between a layer's weight and its norm


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for norm in iter_batch_norms(view):
        channels = view.x.shapes[norm[0]]
        for weight in _iter_layers_near(view, norm):
            yield from _propose_folds(view, weight, norm, channels[0])


def iter_batch_norms(view: HypothesisView) -> Iterator[tuple[str, str, str, str]]:
    """(gamma, beta, mean, variance) of each BatchNorm without a partner."""
    for name in view.x.list_remaining():
        if name.endswith("running_var"):
            stem = name.removesuffix("running_var")
            parts = (stem + "weight", stem + "bias", stem + "running_mean", name)
            if all(
                part in view.x.left and view.x.shapes[part] == view.x.shapes[name] for part in parts
            ):
                yield parts


def _iter_layers_near(view: HypothesisView, norm: tuple[str, ...]) -> Iterator[str]:
    """Weights without a partner close to the norm in the file, those in front of it first."""
    start = min(view.x.position[part] for part in norm)
    names = view.x.names
    nearby_places = [
        *range(start - 1, max(start - MAX_LAYER_DISTANCE, 0) - 1, -1),
        *range(start, min(start + MAX_LAYER_DISTANCE, len(names))),
    ]
    for position in nearby_places:
        name = names[position]
        if name in view.x.left and name not in norm and len(view.x.shapes[name]) >= 2:
            yield name


def _propose_folds(
    view: HypothesisView, weight: str, norm: tuple[str, ...], channels: int
) -> Iterator[Proposal]:
    bias = weight.removesuffix("weight") + "bias"
    bias_sources = (bias,) if weight.endswith("weight") and bias in view.x.left else ()
    if bias_sources and view.x.shapes[bias] != (channels,):
        return  # the norm is as wide as the layer's input: it stands before the layer
    sources = (weight, *bias_sources, *norm)
    for dim in [
        axis for axis, axis_length in enumerate(view.x.shapes[weight]) if axis_length == channels
    ]:
        for eps in EPSILONS:
            fold = FoldBatchNorm(eps, dim)
            for target, shift in _iter_targets(view, fold, sources, weight, channels):
                yield Proposal(
                    sources,
                    (target, shift),
                    (fold,),
                    "norm-folded",
                    computed=True,
                    evidence={"eps": eps, "norm": norm[0]},
                )


def _iter_targets(
    view: HypothesisView, fold: FoldBatchNorm, sources: tuple[str, ...], weight: str, channels: int
) -> Iterator[tuple[str, str]]:
    """(folded weight, folded bias) on the other side: by name, else by content."""
    targets = [name for name in view.expected(weight) if view.y.sides(name) == view.x.sides(weight)]
    if not targets and fold.eps == EPSILONS[0] and all(source in view.x.left for source in sources):
        targets = view.find_similar(fold.apply([view.x.array(source) for source in sources])[0])[:2]
    for target in targets:
        for shift in _find_shifts(view, fold, sources, target):
            if shift in view.y.left and view.y.size(shift) == channels:
                yield target, shift


def _find_shifts(
    view: HypothesisView, fold: FoldBatchNorm, sources: tuple[str, ...], target: str
) -> list[str]:
    """Where the folded bias may be: beside a target called `weight`, else (graphs number what they fold) by content."""
    if target.endswith("weight"):
        return [target.removesuffix("weight") + "bias"]
    target_place = view.y.position[target]
    next_names = view.y.names[
        target_place + 1 : target_place + 2
    ]  # too small to be told by content: the graph's next constant
    return list(
        dict.fromkeys(
            [
                *view.find_similar(fold.apply([view.x.array(source) for source in sources])[1])[:2],
                *next_names,
            ]
        )
    )
