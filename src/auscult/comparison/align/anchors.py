"""Pair modules by the weights that they own, whatever the modules are called.

In: the modules of two traces with the fingerprints of their weights, or an alignment of the weights
themselves. Out: pairs of modules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import sqrt
from typing import NamedTuple

from auscult.align.records import WeightAlignment
from auscult.comparison.align.pairs import LayerPair, PairBasis, collect_paired_paths
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.traces.fingerprint import ContentFingerprint
from auscult.verdict import Equality

CLEAR_RATIO = 3.0
"""Fingerprints of rounded weights are close by chance in some layers of one size; the nearest must
be nearer by this factor.

Chosen, not measured.
"""
MAX_OPERATIONS_APART = 3
"""Operations from the one that owns a weight to the one that owns the bias.

Chosen, not measured.
"""


class ModuleLink(NamedTuple):
    """Modules whose weights are each other's, by an alignment of the weights themselves."""

    reference: tuple[str, ...]
    candidate: tuple[str, ...]
    derived: bool


def find_module_links(
    alignment: WeightAlignment, reference: ModuleTree, candidate: ModuleTree
) -> list[ModuleLink]:
    """Groups of modules that an alignment of `PATH.PARAMETER` tensors joins.

    Raises nothing: parameters of modules that the traces do not show are left out.
    """
    joined_nodes: dict[tuple[int, str], set[tuple[int, str]]] = defaultdict(set)
    derived: set[tuple[int, str]] = set()
    for match in alignment.matches:
        if match.equality is Equality.DIFFERENT or match.by not in ("content", "neighbours"):
            continue
        nodes = {
            *((0, path) for path in map(_find_owning_module, match.a) if path in reference.modules),
            *((1, path) for path in map(_find_owning_module, match.b) if path in candidate.modules),
        }
        for node in nodes:
            joined_nodes[node] |= nodes
            if len(match.a) != len(match.b):
                derived.add(node)
    return [
        _link_from_group(group, derived, reference, candidate)
        for group in _iter_components(joined_nodes)
    ]


def _find_owning_module(name: str) -> str:
    """The module that owns a parameter; `parametrizations.NAME` below it is its own."""
    path = name.rpartition(".")[0]
    if ".parametrizations" in path:
        return path.partition(".parametrizations")[0]
    return path


def _iter_components(
    joined_nodes: Mapping[tuple[int, str], set[tuple[int, str]]],
) -> Iterator[set[tuple[int, str]]]:
    visited_nodes: set[tuple[int, str]] = set()
    for start in joined_nodes:
        if start in visited_nodes:
            continue
        group, pending_nodes = set(), [start]
        while pending_nodes:
            node = pending_nodes.pop()
            if node not in group:
                group.add(node)
                pending_nodes.extend(joined_nodes[node] - group)
        visited_nodes |= group
        yield group


def _link_from_group(
    group: Iterable[tuple[int, str]],
    derived: set[tuple[int, str]],
    reference: ModuleTree,
    candidate: ModuleTree,
) -> ModuleLink:
    group = list(group)
    reference_paths = [path for side, path in group if side == 0]
    candidate_paths = [path for side, path in group if side == 1]
    return ModuleLink(
        tuple(sorted(reference_paths, key=lambda path: reference.modules[path].order)),
        tuple(sorted(candidate_paths, key=lambda path: candidate.modules[path].order)),
        any(node in derived for node in group),
    )


def iter_link_pairs(links: Iterable[ModuleLink]) -> Iterator[LayerPair]:
    """One pair per link; equally many modules on both sides are tied weights and are paired as they
    ran.
    """
    for link in links:
        if not link.reference or not link.candidate:
            continue
        basis: PairBasis = "derived" if link.derived else "weights"
        if len(link.reference) == len(link.candidate):
            for reference_path, candidate_path in zip(link.reference, link.candidate, strict=True):
                yield LayerPair((reference_path,), (candidate_path,), basis)
        else:
            yield LayerPair(link.reference, link.candidate, "derived")


def pair_by_content(
    reference: Iterable[TracedModule], candidate: Iterable[TracedModule]
) -> list[LayerPair]:
    """Pairs by the fingerprints in the manifests: equal ones first, then those that may be one
    content in two number formats.
    """
    reference_modules = [module for module in reference if module.weights]
    candidate_modules = [module for module in candidate if module.weights]
    equal_pairs = _pair_equal_weights(reference_modules, candidate_modules)
    paired_reference = {pair.a for pair in equal_pairs}
    paired_candidate = {pair.b for pair in equal_pairs}
    return equal_pairs + _pair_nearest_weights(
        [module for module in reference_modules if module.path not in paired_reference],
        [module for module in candidate_modules if module.path not in paired_candidate],
    )


def _pair_equal_weights(
    reference_modules: list[TracedModule], candidate_modules: list[TracedModule]
) -> list[LayerPair]:
    """Modules that share an equal fingerprint; several that share one are taken by name, then as
    they ran.
    """
    holders: dict[tuple[int, int, str, str, str], tuple[list[TracedModule], list[TracedModule]]] = (
        defaultdict(lambda: ([], []))
    )
    for side, modules in enumerate((reference_modules, candidate_modules)):
        for module in modules:
            for weight in module.weights:
                holders[weight.exact][side].append(module)
    pairs: dict[str, LayerPair] = {}
    paired_candidates: set[str] = set()
    largest_first = sorted(holders.items(), key=lambda item: -item[0][0])
    for _, (reference_holders, candidate_holders) in largest_first:
        a = [m for m in reference_holders if m.path not in pairs]
        b = [m for m in candidate_holders if m.path not in paired_candidates]
        for reference_module, candidate_module in _iter_matched_owners(a, b):
            pairs[reference_module.path] = LayerPair(
                (reference_module.path,), (candidate_module.path,), "weights"
            )
            paired_candidates.add(candidate_module.path)
    return list(pairs.values())


def widen_split_owners(
    pairs: Iterable[LayerPair], reference: ModuleTree, candidate: ModuleTree
) -> Iterator[tuple[LayerPair, LayerPair]]:
    """Pairs by weights in which one side keeps a part of them in an operation of its own, with the
    pair that takes it in.

    A linear layer is a product and a sum in an exported graph: the sum owns the bias.
    """
    pairs = list(pairs)
    paired_reference, paired_candidate = collect_paired_paths(pairs)
    for pair in pairs:
        if pair.by != "weights" or not pair.is_single:
            continue
        a, b = reference.modules[pair.a], candidate.modules[pair.b]
        extra_paths = _find_completing_operations(
            candidate, b, _find_lacking_weights(a, b), paired_candidate
        )
        if extra_paths:
            yield pair, LayerPair(pair.reference, (*pair.candidate, *extra_paths), "derived")
            continue
        extra_paths = _find_completing_operations(
            reference, a, _find_lacking_weights(b, a), paired_reference
        )
        if extra_paths:
            yield pair, LayerPair((*pair.reference, *extra_paths), pair.candidate, "derived")


def _find_lacking_weights(whole: TracedModule, part: TracedModule) -> list[ContentFingerprint]:
    """The weights of one module that the other has not."""
    return [weight for weight in whole.weights if not _has_close_one(part, weight)]


def _has_close_one(module: TracedModule, weight: ContentFingerprint) -> bool:
    return any(weight.is_close(other) for other in module.weights)


def _find_completing_operations(
    side: ModuleTree,
    module: TracedModule,
    lacking_weights: list[ContentFingerprint],
    paired_paths: set[str],
) -> tuple[str, ...]:
    """The open operations after a module, up to the one that owns what is lacking."""
    if not lacking_weights or module.path not in side.leaves:
        return ()
    start = side.leaves.index(module.path) + 1
    group: list[str] = []
    for path in side.leaves[start : start + MAX_OPERATIONS_APART]:
        if path in paired_paths:
            return ()
        group.append(path)
        owned_weights = side.modules[path].weights
        if owned_weights and all(_is_among(weight, lacking_weights) for weight in owned_weights):
            return tuple(group)
    return ()


def _is_among(weight: ContentFingerprint, others: list[ContentFingerprint]) -> bool:
    return any(other.is_close(weight) for other in others)


def _iter_matched_owners(
    a: list[TracedModule], b: list[TracedModule]
) -> Iterator[tuple[TracedModule, TracedModule]]:
    """By name, then by what they give: a weight may be used in several places; then as they ran."""
    candidate_by_path = {m.path: m for m in b}
    remaining_modules = []
    for reference_module in a:
        if reference_module.path in candidate_by_path:
            yield reference_module, candidate_by_path.pop(reference_module.path)
        else:
            remaining_modules.append(reference_module)
    if len(remaining_modules) < len(candidate_by_path):
        for reference_module in list(remaining_modules):
            same_shape_module = next(
                (m for m in candidate_by_path.values() if m.shape == reference_module.shape), None
            )
            if same_shape_module is not None:
                remaining_modules.remove(reference_module)
                yield reference_module, candidate_by_path.pop(same_shape_module.path)
    yield from zip(remaining_modules, candidate_by_path.values(), strict=False)


def _pair_nearest_weights(
    reference_modules: list[TracedModule], candidate_modules: list[TracedModule]
) -> list[LayerPair]:
    """Mutual nearest fingerprints, where the next is clearly farther or has another name."""
    candidates_by_reference: dict[str, list[_RankedPath]] = defaultdict(list)
    references_by_candidate: dict[str, list[_RankedPath]] = defaultdict(list)
    for a, b in product(reference_modules, candidate_modules):
        gap = _measure_content_gap(a, b)
        if gap is not None:
            has_other_name = a.path != b.path
            candidates_by_reference[a.path].append(_RankedPath(gap, has_other_name, b.path))
            references_by_candidate[b.path].append(_RankedPath(gap, has_other_name, a.path))
    pairs = []
    for path, candidates in candidates_by_reference.items():
        partner = min(candidates).path
        references = references_by_candidate[partner]
        if min(references).path != path:
            continue
        if path == partner or (_is_clear(candidates) and _is_clear(references)):
            pairs.append(LayerPair((path,), (partner,), "weights"))
    return pairs


class _RankedPath(NamedTuple):
    """A module that may be the partner; the smallest is the likeliest."""

    gap: float
    has_other_name: bool
    path: str


def _is_clear(ranked_paths: Iterable[_RankedPath]) -> bool:
    """Whether the nearest is nearer than the next by the factor."""
    nearest, *others = sorted(ranked_paths)
    return not others or others[0].gap >= CLEAR_RATIO * nearest.gap


def _measure_content_gap(a: TracedModule, b: TracedModule) -> float | None:
    """How far the contents of two modules are apart, in units of what chance would give; None if
    they cannot be the same.
    """
    fewer_weights, more_weights = sorted((a.weights, b.weights), key=len)
    worst_gap = 0.0
    for weight in fewer_weights:
        gaps = [
            _measure_fingerprint_distance(weight, other)
            for other in more_weights
            if weight.is_close(other)
        ]
        if not gaps:
            return None
        worst_gap = max(worst_gap, min(gaps))
    return worst_gap


def _measure_fingerprint_distance(weight: ContentFingerprint, other: ContentFingerprint) -> float:
    if not weight.rms:
        return 0.0
    gap = abs(weight.mean - other.mean) + abs(weight.rms - other.rms)
    return sqrt(weight.size) * gap / weight.rms
