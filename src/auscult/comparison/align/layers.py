"""Which layers of two traces are the same layer, under whatever names, granularity and order of axes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from auscult.align.records import Alignment
from auscult.comparison.align.anchors import (
    links_of,
    pairs_by_content,
    pairs_of_links,
    with_split_owners,
)
from auscult.comparison.align.axes import Order
from auscult.comparison.align.boundaries import find_boundaries, joined
from auscult.comparison.align.gaps import pairs_in_order
from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.align.wholes import wholes
from auscult.comparison.measure.distance import learned_order
from auscult.comparison.modules import Side, Traced
from auscult.errors import UsageError
from auscult.finding import Skip
from auscult.traces.records import Trace

MAX_LEARNED = 64
"""So many tensors are looked at to learn the order of axes."""


def align_layers(
    ref: Trace,
    cand: Trace,
    overrides: Mapping[str, str] | None = None,
    weights: Alignment | None = None,
) -> LayerAlignment:
    """Align the modules of two traces.

    First by the weights that they own, whatever their names; composite modules by their parts; the rest by name, by the order
    between those neighbours with shape and kind, and by what they computed.

    Args:
        overrides: Pairs that hold in any case, reference path to candidate path.
        weights: Alignment of tensors named `PATH.PARAMETER`, where both models are at hand: it finds fused, folded and
            concatenated weights too.

    Raises:
        UsageError: If an override names a module that the trace does not show.
    """
    work = _Work(Side.of(ref), Side.of(cand))
    for pair in _mapped(overrides or {}, work.ref, work.cand):
        work.take(pair)
    if "" in work.ref.modules and "" in work.cand.modules:
        work.take(LayerPair(("",), ("",), "root"))
    if weights is not None:
        for pair in pairs_of_links(links_of(weights, work.ref, work.cand)):
            work.take(joined(work.ref, work.cand, pair))
    for pair in pairs_by_content(work.open_ref(), work.open_cand()):
        if work.are_of_a_kind(pair):
            work.take(pair)
    for pair, wider in list(with_split_owners(work.pairs, work.ref, work.cand)):
        work.widen(pair, wider)
    work.pair_composites()
    work.pair_names()
    work.pair_composites()
    work.orders = learned_orders(work.ref, work.cand, work.pairs)
    for pair in pairs_in_order(work.ref, work.cand, work.pairs, work.orders):
        work.take(pair)
    for pair in wholes(work.ref, work.cand, work.pairs, work.orders):
        work.take(pair)
    return work.finish()


class _Work:
    """An alignment in the making."""

    def __init__(self, ref: Side, cand: Side) -> None:
        self.ref, self.cand = ref, cand
        self.pairs: list[LayerPair] = []
        self.orders: Mapping[int, Order] = {}
        self._a: dict[str, LayerPair] = {}
        self._b: dict[str, LayerPair] = {}

    def take(self, pair: LayerPair) -> None:
        """Keep a pair unless one of its modules is taken."""
        if any(path in self._a for path in pair.ref) or any(path in self._b for path in pair.cand):
            return
        if pair.by in ("values", "order") and pair.is_single and self._hands_on(pair):
            return
        self.pairs.append(pair)
        self._a |= dict.fromkeys(pair.ref, pair)
        self._b |= dict.fromkeys(pair.cand, pair)

    def are_of_a_kind(self, pair: LayerPair) -> bool:
        """Whether both consist of others, or neither; a module of several is an operation only if that gives the same shape."""
        a, b = self.ref.modules[pair.a], self.cand.modules[pair.b]
        return (pair.a in self.ref.children) == (pair.b in self.cand.children) or a.shape == b.shape

    def _hands_on(self, pair: LayerPair) -> bool:
        """Whether one side only hands on what it took, as dropout does, and the other computes: then they are two things."""
        a, b = self.ref.modules[pair.a], self.cand.modules[pair.b]
        return a.type.lower() != b.type.lower() and a.hands_on != b.hands_on

    def widen(self, pair: LayerPair, wider: LayerPair) -> None:
        """Put a pair of more modules in a pair's place."""
        self.pairs[self.pairs.index(pair)] = wider
        self._a |= dict.fromkeys(wider.ref, wider)
        self._b |= dict.fromkeys(wider.cand, wider)

    def open_ref(self) -> list[Traced]:
        return [module for path, module in self.ref.modules.items() if path not in self._a]

    def open_cand(self) -> list[Traced]:
        return [module for path, module in self.cand.modules.items() if path not in self._b]

    def pair_composites(self) -> None:
        """Composite modules that consist of the same paired modules, the outer ones first."""
        images: dict[frozenset[str], list[str]] = defaultdict(list)
        for path in self.cand.children:
            if path not in self._b and (parts := self._parts(self.cand, path, self._b)):
                images[frozenset(self._b[part].a for part in parts)].append(path)
        for path in sorted(self.ref.children, key=_depth):
            parts = self._parts(self.ref, path, self._a)
            same = (
                images.get(frozenset(self._a[part].a for part in parts))
                if parts and path not in self._a
                else None
            )
            if same:
                chosen = min(same, key=lambda other: (_last(other) != _last(path), _depth(other)))
                same.remove(chosen)
                self.take(LayerPair((path,), (chosen,), "parts"))

    @staticmethod
    def _parts(side: Side, path: str, paired: Mapping[str, LayerPair]) -> list[str]:
        """The paired modules below a path that own weights or have none below them."""
        return [
            part
            for part in side.descendants(path)
            if part in paired and (side.modules[part].weights or part not in side.children)
        ]

    def pair_names(self) -> None:
        """Modules of one name below modules that are a pair; the same path where nothing above is paired."""
        for module in sorted(self.open_ref(), key=lambda m: _depth(m.path)):
            path = self._translated(module.path)
            other = self.cand.modules.get(path)
            if other is None or path in self._b:
                continue
            differs = bool(module.weights and other.weights)
            doubt = "the same name, but other weights" if differs else ""
            self.take(LayerPair((module.path,), (path,), "name", doubt=doubt))

    def _translated(self, path: str) -> str:
        head = path
        while head:
            head = head.rpartition(".")[0]
            pair = self._a.get(head)
            if pair is not None and pair.is_single:
                tail = path[len(head) :].lstrip(".")
                return f"{pair.b}.{tail}" if pair.b else tail
        return path

    def finish(self) -> LayerAlignment:
        pairs = find_boundaries(self.ref, self.cand, self.pairs, self.orders)
        in_a = {path for pair in pairs for path in pair.ref}
        in_b = {path for pair in pairs for path in pair.cand}
        return LayerAlignment(
            tuple(sorted(pairs, key=lambda pair: self.ref.modules[pair.a].order)),
            tuple(path for path in self.ref.modules if path not in in_a),
            tuple(path for path in self.cand.modules if path not in in_b),
            learned_orders(self.ref, self.cand, pairs),
            tuple(_never_ran(self.ref, "reference")) + tuple(_never_ran(self.cand, "candidate")),
        )


def _mapped(overrides: Mapping[str, str], ref: Side, cand: Side) -> Iterable[LayerPair]:
    for a, b in overrides.items():
        for path, side, which in ((a, ref, "reference"), (b, cand, "candidate")):
            if path not in side.modules:
                some = ", ".join(list(side.modules)[:6])
                raise UsageError(
                    f"names no layer of the {which}",
                    where="--map",
                    found=path,
                    hint=f"it has {some}",
                )
        yield LayerPair((a,), (b,), "map")


def learned_orders(ref: Side, cand: Side, pairs: Iterable[LayerPair]) -> dict[int, Order]:
    """Per number of axes, the order of the candidate's axes that most outputs establish by shape or values."""
    votes: dict[int, dict[Order, int]] = defaultdict(lambda: defaultdict(int))
    looked = 0
    for pair in sorted(pairs, key=lambda pair: ref.modules[pair.a].order):
        a, b = ref.modules[pair.a].output(), cand.modules[pair.b].output()
        if (
            a is None
            or b is None
            or not pair.is_single
            or a.stored != "full"
            or b.stored != "full"
            or looked >= MAX_LEARNED
        ):
            continue
        looked += 1
        order = learned_order(ref.trace.tensor(a), cand.trace.tensor(b))
        if order is not None:
            votes[len(order)][order] += 1
    return {
        rank: max(sorted(counts), key=lambda order: counts[order]) for rank, counts in votes.items()
    }


def _never_ran(side: Side, which: str) -> Iterable[Skip]:
    """Modules with weights that were not called in this run."""
    for path in side.trace.manifest.weights:
        if path not in side.modules:
            yield Skip(
                path, f"owns weights, but was not called or not recorded in the {which}'s run"
            )


def _depth(path: str) -> int:
    return path.count(".") + bool(path)


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def parsed_map(text: str) -> dict[str, str]:
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
