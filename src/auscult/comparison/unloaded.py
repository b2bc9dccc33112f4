"""Layers that own other weights than the reference's, recognised from the traces alone.

In: two traces and their alignment. Out: which layers own the reference's content, and which have
weights of the scale that constructors draw, by the fingerprints of the weights in the manifests.
`auscult.comparison.start_noise` recognises what such weights make of a sampler.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.explain.case import Explanation
from auscult.explain.mistakes.par047_istft_window import NAME as ISTFT_WINDOW
from auscult.explain.mistakes.par056_untrained import NAME as UNTRAINED
from auscult.explain.mistakes.par057_partial_load import NAME as PARTIAL_LOAD
from auscult.explain.mistakes.par098_other_weights import NAME as OTHER_WEIGHTS
from auscult.traces.fingerprint import ContentFingerprint, parse_fingerprint
from auscult.weights import ModuleInfo

MIN_DRAWN_VALUES = 256
"""Values that a weight needs before its rms says that it is freshly drawn.

Chosen, not measured.
"""
FRESH_SLACK = 0.03
"""Relative deviation of the rms of a freshly drawn weight from what its constructor draws.

Chosen, not measured.
"""
FUSED_TOLERANCE, ROUNDED_TOLERANCE = 1e-5, 1e-2
"""How far mean and rms of one content may lie apart, relative to the rms, in one format of 32 bits
or more, and in two.

Chosen, not measured.
"""
OTHER_WINDOW = Explanation(
    ISTFT_WINDOW,
    says="the window that it stores is not the reference's",
    reproduced=False,
    fix="take the reference's window",
)
OUTPUT_COUNT_ATTRIBUTES = ("out_channels", "out_features", "output_dims")


@dataclass(frozen=True)
class WeightOwnership:
    """Which paired layers own the reference's weights.

    Attributes:
        same, other: Reference paths of layers whose content is the reference's, or is not, in
            whatever axis order or format.
        fresh: Those of `other` whose content has the scale that constructors draw, and not the
            reference's.
        windows: Those of `other` that own nothing but the window of a transform.
    """

    same: tuple[str, ...]
    other: tuple[str, ...]
    fresh: tuple[str, ...]
    windows: tuple[str, ...] = ()


def compare_owned_weights(
    reference: ModuleTree, candidate: ModuleTree, alignment: LayerAlignment
) -> WeightOwnership:
    """Compare the fingerprints of the weights that aligned layers own."""
    same_paths: list[str] = []
    other_paths: list[str] = []
    fresh_paths: list[str] = []
    for pair in alignment.pairs:
        if not pair.is_single or pair.by == "derived":
            continue
        a, b = reference.modules[pair.a], candidate.modules[pair.b]
        is_owned = _has_same_content(a, b)
        is_constant = is_owned is None and _is_constant(
            a, candidate.trace.manifest.weights.get(pair.b, {}).values()
        )
        if is_owned is None and not is_constant:
            continue
        if is_owned:
            same_paths.append(pair.a)
        else:
            other_paths.append(pair.a)
        if is_constant or (
            not is_owned and _is_fresh(b, candidate.trace.manifest.modules.get(pair.b))
        ):
            fresh_paths.append(pair.a)
    windows = tuple(path for path in other_paths if _owns_only_windows(reference, path))
    return WeightOwnership(tuple(same_paths), tuple(other_paths), tuple(fresh_paths), windows)


def _owns_only_windows(tree: ModuleTree, path: str) -> bool:
    names = tree.trace.manifest.weights.get(path, {})
    return bool(names) and all("window" in name.lower() for name in names)


def _has_same_content(a: TracedModule, b: TracedModule) -> bool | None:
    """Whether b owns a's content; None where nothing tells.

    Every parameter of b that has an equal in size must have one.
    """
    if not a.weights or not b.weights:
        return None
    sizes = {weight.size for weight in a.weights}
    comparable_weights = [weight for weight in b.weights if weight.size in sizes]
    if not comparable_weights:
        return None
    return all(_owns_content(a, weight) for weight in comparable_weights)


def _owns_content(module: TracedModule, weight: ContentFingerprint) -> bool:
    return any(_is_same_content(own_weight, weight) for own_weight in module.weights)


def _is_constant(a: TracedModule, texts: Iterable[str]) -> bool:
    """Whether the candidate has tensors of one value each where the reference has values: the ones
    and zeros of a fresh norm.
    """
    sizes = {weight.size for weight in a.weights}
    fitting = [weight for weight in map(parse_fingerprint, texts) if weight.size in sizes]
    return bool(fitting) and all(weight.is_constant for weight in fitting)


def _is_same_content(weight: ContentFingerprint, other: ContentFingerprint) -> bool:
    """Equal content, or equal but for rounding: of the coarser format, or of fusing a weight
    norm.
    """
    tolerance = ROUNDED_TOLERANCE
    if weight.width == other.width and weight.width >= 4:
        tolerance = FUSED_TOLERANCE
    return weight.exact == other.exact or weight.is_close(other, tolerance)


def _is_fresh(module: TracedModule, info: ModuleInfo | None) -> bool:
    """Whether its largest weight is as torch's and MLX's linear and convolution layers draw it:
    uniform in ±1/√fan_in.
    """
    outputs = None
    if info:
        counts = [info.attributes.get(name) for name in OUTPUT_COUNT_ATTRIBUTES]
        outputs = next((count for count in counts if count is not None), None)
    size, rms = max((weight.size, weight.rms) for weight in module.weights)
    if not isinstance(outputs, int) or not outputs or size < MIN_DRAWN_VALUES:
        return False
    expected = 1.0 / sqrt(3.0 * size / outputs)
    return abs(rms - expected) < FRESH_SLACK * expected


def explain_ownership(ownership: WeightOwnership, path: str) -> Explanation | None:
    """What the fingerprints say of a layer with an error of its own; None where it owns what it
    should.
    """
    if path not in ownership.other:
        return None
    if path in ownership.windows:
        return OTHER_WINDOW
    counts = {
        "layers_same": len(ownership.same),
        "layers_other": len(ownership.other),
        "layers_fresh": len(ownership.fresh),
    }
    total = len(ownership.same) + len(ownership.other)
    if not ownership.same and path in ownership.fresh:
        sentence = (
            f"none of the {total} layers own the reference's weights, and this one's have the scale"
            " that a constructor draws"
        )
        cause = UNTRAINED
    elif path in ownership.fresh:
        sentence = (
            "its weights are not the reference's but as a constructor draws them;"
            f" {len(ownership.same)} of {total} layers own theirs"
        )
        cause = PARTIAL_LOAD
    else:
        sentence = (
            f"its weights are not the reference's; {len(ownership.same)} of {total} layers own"
            " theirs"
        )
        cause = OTHER_WEIGHTS
    return Explanation(
        cause,
        says=sentence,
        reproduced=False,
        evidence=counts,
        fix="load the reference's weights into this layer",
    )
