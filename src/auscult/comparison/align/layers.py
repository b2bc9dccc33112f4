"""Align the layers of two traces, under whatever names, granularity and order of axes.

In: two traces. Out: a `LayerAlignment`, in which every module of both is in a pair or left over.
The steps have files of their own: `anchors`, `gaps`, `wholes`, `boundaries`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from auscult.align.records import WeightAlignment
from auscult.comparison.align.anchors import (
    find_module_links,
    iter_link_pairs,
    pair_by_content,
    widen_split_owners,
)
from auscult.comparison.align.axes import AxisOrder
from auscult.comparison.align.boundaries import choose_join, find_boundaries
from auscult.comparison.align.directions import mark_directions, take_in_other_direction
from auscult.comparison.align.gaps import iter_pairs_in_order
from auscult.comparison.align.pairs import LayerAlignment, LayerPair, collect_paired_paths
from auscult.comparison.align.wholes import find_whole_pairs
from auscult.comparison.measure.distance import learn_axis_order
from auscult.comparison.modules import ModuleTree, TracedModule
from auscult.errors import UsageError
from auscult.finding import Skip
from auscult.traces.records import Trace

MAX_LEARNED_TENSORS = 64
"""Tensors that are looked at to learn the order of axes.

Chosen, not measured.
"""


def align_layers(
    reference: Trace,
    candidate: Trace,
    overrides: Mapping[str, str] | None = None,
    weights: WeightAlignment | None = None,
) -> LayerAlignment:
    """Align the modules of two traces.

    First by the weights that they own, whatever their names; composite modules by their parts; the
    rest by name, by the order between those neighbours with shape and kind, and by what they
    computed.

    Args:
        overrides: Pairs that hold in any case, reference path to candidate path.
        weights: Alignment of tensors named `PATH.PARAMETER`, where both models are at hand: it
            finds fused, folded and concatenated weights too.

    Raises:
        UsageError: If an override names a module that the trace does not show.
    """
    builder = _AlignmentBuilder(ModuleTree.of(reference), ModuleTree.of(candidate))
    for pair in _iter_override_pairs(overrides or {}, builder.reference, builder.candidate):
        builder.take_pair(pair)
    if "" in builder.reference.modules and "" in builder.candidate.modules:
        builder.take_pair(LayerPair(("",), ("",), "root"))
    if weights is not None:
        for pair in iter_link_pairs(
            find_module_links(weights, builder.reference, builder.candidate)
        ):
            builder.take_pair(choose_join(builder.reference, builder.candidate, pair))
    for pair in pair_by_content(builder.list_open_reference(), builder.list_open_candidate()):
        if builder.is_same_kind(pair):
            builder.take_pair(pair)
    for pair, wider in list(
        widen_split_owners(builder.pairs, builder.reference, builder.candidate)
    ):
        builder.replace_pair(pair, wider)
    builder.pair_composites()
    builder.pair_names()
    builder.pair_composites()
    builder.orders = learn_axis_orders(builder.reference, builder.candidate, builder.pairs)
    for pair in iter_pairs_in_order(
        builder.reference, builder.candidate, builder.pairs, builder.orders
    ):
        builder.take_pair(pair)
    for pair in find_whole_pairs(
        builder.reference, builder.candidate, builder.pairs, builder.orders
    ):
        builder.take_pair(pair)
    return builder.build_alignment()


class _AlignmentBuilder:
    """An alignment in the making."""

    def __init__(self, reference: ModuleTree, candidate: ModuleTree) -> None:
        self.reference, self.candidate = reference, candidate
        self.pairs: list[LayerPair] = []
        self.orders: Mapping[int, AxisOrder] = {}
        self._pair_by_reference: dict[str, LayerPair] = {}
        self._pair_by_candidate: dict[str, LayerPair] = {}

    def take_pair(self, pair: LayerPair) -> None:
        """Keep a pair unless one of its modules is taken."""
        if any(path in self._pair_by_reference for path in pair.reference) or any(
            path in self._pair_by_candidate for path in pair.candidate
        ):
            return
        if (
            pair.by in ("values", "order")
            and pair.is_single
            and self._is_one_side_pass_through(pair)
        ):
            return
        pair = mark_directions(self.reference, self.candidate, pair)
        self.pairs.append(pair)
        self._pair_by_reference |= dict.fromkeys(pair.reference, pair)
        self._pair_by_candidate |= dict.fromkeys(pair.candidate, pair)

    def is_same_kind(self, pair: LayerPair) -> bool:
        """Whether both consist of others, or neither.

        A module of several is an operation only if that gives the same shape, and if no part of it
        owns weights: an encoder that owns a table of positions is not the other side's embedding.
        """
        a, b = self.reference.modules[pair.a], self.candidate.modules[pair.b]
        has_parts = pair.a in self.reference.children, pair.b in self.candidate.children
        if has_parts[0] == has_parts[1]:
            return True
        if has_parts[0]:
            return a.shape == b.shape and not _has_weighted_part(self.reference, pair.a)
        return a.shape == b.shape and not _has_weighted_part(self.candidate, pair.b)

    def _is_one_side_pass_through(self, pair: LayerPair) -> bool:
        """Whether one side only hands on what it took, as dropout does, and the other computes:
        then they are two things.
        """
        a, b = self.reference.modules[pair.a], self.candidate.modules[pair.b]
        return a.type.lower() != b.type.lower() and a.is_pass_through != b.is_pass_through

    def replace_pair(self, pair: LayerPair, wider: LayerPair) -> None:
        """Put a pair of more modules in a pair's place."""
        self.pairs[self.pairs.index(pair)] = wider
        self._pair_by_reference |= dict.fromkeys(wider.reference, wider)
        self._pair_by_candidate |= dict.fromkeys(wider.candidate, wider)

    def list_open_reference(self) -> list[TracedModule]:
        return [
            module
            for path, module in self.reference.modules.items()
            if path not in self._pair_by_reference
        ]

    def list_open_candidate(self) -> list[TracedModule]:
        return [
            module
            for path, module in self.candidate.modules.items()
            if path not in self._pair_by_candidate
        ]

    def pair_composites(self) -> None:
        """Composite modules that consist of the same paired modules, the outer ones first."""
        images: dict[frozenset[str], list[str]] = defaultdict(list)
        for path in self.candidate.children:
            parts = _collect_parts(self.candidate, path, self._pair_by_candidate)
            if parts and path not in self._pair_by_candidate:
                images[parts].append(path)
        for path in sorted(self.reference.children, key=_count_path_depth):
            parts = _collect_parts(self.reference, path, self._pair_by_reference)
            equal_images = images.get(parts)
            if not parts or not equal_images or path in self._pair_by_reference:
                continue
            best_image = min(
                equal_images,
                key=lambda other: (
                    _get_last_path_part(other) != _get_last_path_part(path),
                    _count_path_depth(other),
                ),
            )
            equal_images.remove(best_image)
            self.take_pair(LayerPair((path,), (best_image,), "parts"))

    def pair_names(self) -> None:
        """Modules of one name below modules that are a pair; the same path where nothing above is
        paired.
        """
        for module in sorted(self.list_open_reference(), key=lambda m: _count_path_depth(m.path)):
            path = self._translate_path(module.path)
            other = self.candidate.modules.get(path)
            if other is None or path in self._pair_by_candidate:
                continue
            differs = bool(module.weights and other.weights)
            doubt = "the same name, but other weights" if differs else ""
            self.take_pair(LayerPair((module.path,), (path,), "name", doubt=doubt))

    def _translate_path(self, path: str) -> str:
        head = path
        while head:
            head = head.rpartition(".")[0]
            pair = self._pair_by_reference.get(head)
            if pair is not None and pair.is_single:
                tail = path[len(head) :].lstrip(".")
                if pair.b:
                    return f"{pair.b}.{tail}"
                return tail
        return path

    def build_alignment(self) -> LayerAlignment:
        for pair in [pair for pair in self.pairs if pair.join == "directions"]:
            open_modules = (*self.list_open_reference(), *self.list_open_candidate())
            open_paths = [module.path for module in open_modules]
            wider = take_in_other_direction(self.reference, self.candidate, pair, open_paths)
            self.replace_pair(pair, wider)
        pairs = find_boundaries(self.reference, self.candidate, self.pairs, self.orders)
        paired_reference, paired_candidate = collect_paired_paths(pairs)
        return LayerAlignment(
            tuple(sorted(pairs, key=lambda pair: self.reference.modules[pair.a].order)),
            tuple(path for path in self.reference.modules if path not in paired_reference),
            tuple(path for path in self.candidate.modules if path not in paired_candidate),
            learn_axis_orders(self.reference, self.candidate, pairs),
            tuple(_find_never_run_modules(self.reference, "reference"))
            + tuple(_find_never_run_modules(self.candidate, "candidate")),
        )


def _has_weighted_part(side: ModuleTree, path: str) -> bool:
    return any(side.modules[part].weights for part in side.descendants(path))


def _collect_parts(
    side: ModuleTree, path: str, pair_by_path: Mapping[str, LayerPair]
) -> frozenset[str]:
    """The paired modules below a path that own weights or have none below them, by the reference's
    path.
    """
    return frozenset(
        pair_by_path[part].a
        for part in side.descendants(path)
        if part in pair_by_path and (side.modules[part].weights or part not in side.children)
    )


def _iter_override_pairs(
    overrides: Mapping[str, str], reference: ModuleTree, candidate: ModuleTree
) -> Iterable[LayerPair]:
    for a, b in overrides.items():
        for path, side, side_name in ((a, reference, "reference"), (b, candidate, "candidate")):
            if path not in side.modules:
                example_paths = ", ".join(list(side.modules)[:6])
                raise UsageError(
                    f"names no layer of the {side_name}",
                    where="--map",
                    found=path,
                    hint=f"it has {example_paths}",
                )
        yield LayerPair((a,), (b,), "map")


def learn_axis_orders(
    reference: ModuleTree, candidate: ModuleTree, pairs: Iterable[LayerPair]
) -> dict[int, AxisOrder]:
    """Per number of axes, the order of the candidate's axes that most outputs establish by shape or
    values.
    """
    votes: dict[int, dict[AxisOrder, int]] = defaultdict(lambda: defaultdict(int))
    compared_count = 0
    for pair in sorted(pairs, key=lambda pair: reference.modules[pair.a].order):
        a, b = reference.modules[pair.a].output(), candidate.modules[pair.b].output()
        if a is None or b is None or not pair.is_single:
            continue
        if a.stored != "full" or b.stored != "full":
            continue
        if compared_count == MAX_LEARNED_TENSORS:
            break
        compared_count += 1
        order = learn_axis_order(reference.trace.tensor(a), candidate.trace.tensor(b))
        if order is not None:
            votes[len(order)][order] += 1
    return {
        rank: max(sorted(counts), key=lambda order: counts[order]) for rank, counts in votes.items()
    }


def _find_never_run_modules(side: ModuleTree, side_name: str) -> Iterable[Skip]:
    """Modules with weights that were not called in this run."""
    for path in side.trace.manifest.weights:
        if path not in side.modules:
            yield Skip(
                path, f"owns weights, but was not called or not recorded in the {side_name}'s run"
            )


def _count_path_depth(path: str) -> int:
    return path.count(".") + bool(path)


def _get_last_path_part(path: str) -> str:
    return path.rpartition(".")[2]


def parse_path_map(text: str) -> dict[str, str]:
    """Overrides from lines `REF=CAND` or a JSON object.

    Raises:
        UsageError: If it is neither.
    """
    import json

    text = text.strip()
    if text.startswith("{"):
        try:
            value = json.loads(text)
        except ValueError as error:
            raise UsageError(
                f"is not JSON: {error}", where="--map", hint="or give lines REF=CAND"
            ) from error
        if all(isinstance(other, str) for other in value.values()):
            return dict(value)
        raise UsageError("maps a path to something else than a path", where="--map")
    pairs = {}
    for row in text.splitlines():
        line = row.partition("#")[0].strip()
        if not line:
            continue
        a, sign, b = line.partition("=")
        if not sign or not a.strip() or not b.strip():
            raise UsageError("has a line that is no REF=CAND", where="--map", found=line)
        pairs[a.strip()] = b.strip()
    return pairs
