"""Modules that own the same weights are the same module, whatever they are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import sqrt
from typing import NamedTuple

from auscult.align.records import Alignment
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import Side, Traced
from auscult.traces.fingerprint import close_content
from auscult.verdict import Equality

CLEAR = 3.0
"""Fingerprints of rounded weights are close by chance in some layers of one size; the nearest must be nearer by this factor."""

MAX_APART = 3
"""Operations from the one that owns a weight to the one that owns the bias."""


class Link(NamedTuple):
    """Modules whose weights are each other's, by an alignment of the weights themselves."""

    ref: tuple[str, ...]
    cand: tuple[str, ...]
    derived: bool


def links_of(alignment: Alignment, ref: Side, cand: Side) -> list[Link]:
    """Groups of modules that an alignment of `PATH.PARAMETER` tensors joins.

    Raises nothing: parameters of modules that the traces do not show are left out.
    """
    below: dict[tuple[int, str], set[tuple[int, str]]] = defaultdict(set)
    derived: set[tuple[int, str]] = set()
    for match in alignment.matches:
        if match.equality is Equality.DIFFERENT or match.by not in ("content", "neighbours"):
            continue
        nodes = {
            *((0, path) for path in map(_module, match.a) if path in ref.modules),
            *((1, path) for path in map(_module, match.b) if path in cand.modules),
        }
        for node in nodes:
            below[node] |= nodes
            if len(match.a) != len(match.b):
                derived.add(node)
    return [_link(group, derived, ref, cand) for group in _components(below)]


def _module(name: str) -> str:
    """The module that owns a parameter; `parametrizations.NAME` below it is its own."""
    path = name.rpartition(".")[0]
    return path.partition(".parametrizations")[0] if ".parametrizations" in path else path


def _components(
    below: Mapping[tuple[int, str], set[tuple[int, str]]],
) -> Iterator[set[tuple[int, str]]]:
    seen: set[tuple[int, str]] = set()
    for start in below:
        if start in seen:
            continue
        group, waiting = set(), [start]
        while waiting:
            node = waiting.pop()
            if node not in group:
                group.add(node)
                waiting.extend(below[node] - group)
        seen |= group
        yield group


def _link(
    group: Iterable[tuple[int, str]], derived: set[tuple[int, str]], ref: Side, cand: Side
) -> Link:
    group = list(group)
    a = sorted(
        (path for side, path in group if side == 0), key=lambda path: ref.modules[path].order
    )
    b = sorted(
        (path for side, path in group if side == 1), key=lambda path: cand.modules[path].order
    )
    return Link(tuple(a), tuple(b), any(node in derived for node in group))


def pairs_of_links(links: Iterable[Link]) -> Iterator[LayerPair]:
    """One pair per link; equally many modules on both sides are tied weights and are paired as they ran."""
    for link in links:
        if not link.ref or not link.cand:
            continue
        if len(link.ref) == len(link.cand):
            yield from (
                LayerPair((a,), (b,), "derived" if link.derived else "weights")
                for a, b in zip(link.ref, link.cand, strict=True)
            )
        else:
            yield LayerPair(link.ref, link.cand, "derived")


def pairs_by_content(ref: Iterable[Traced], cand: Iterable[Traced]) -> list[LayerPair]:
    """Pairs by the fingerprints in the manifests: equal ones first, then those that may be one content in two number formats."""
    left, right = [m for m in ref if m.weights], [m for m in cand if m.weights]
    found = _equal(left, right)
    done_a, done_b = {pair.a for pair in found}, {pair.b for pair in found}
    return found + _close(
        [m for m in left if m.path not in done_a], [m for m in right if m.path not in done_b]
    )


def _equal(left: list[Traced], right: list[Traced]) -> list[LayerPair]:
    """Modules that share an equal fingerprint; several that share one are taken by name, then as they ran."""
    holders: dict[tuple[str, ...], tuple[list[Traced], list[Traced]]] = defaultdict(
        lambda: ([], [])
    )
    for side, modules in enumerate((left, right)):
        for module in modules:
            for text in module.weights:
                holders[tuple(text.split(":")[:5])][side].append(module)
    pairs: dict[str, LayerPair] = {}
    taken: set[str] = set()
    largest_first = sorted(holders.items(), key=lambda item: -int(item[0][0]))
    for _, (here, there) in largest_first:
        a = [m for m in here if m.path not in pairs]
        b = [m for m in there if m.path not in taken]
        for one, two in _in_turn(a, b):
            pairs[one.path] = LayerPair((one.path,), (two.path,), "weights")
            taken.add(two.path)
    return list(pairs.values())


def with_split_owners(
    pairs: Iterable[LayerPair], ref: Side, cand: Side
) -> Iterator[tuple[LayerPair, LayerPair]]:
    """Pairs by weights in which one side keeps a part of them in an operation of its own, with the pair that takes it in.

    A linear layer is a product and a sum in an exported graph: the sum owns the bias.
    """
    pairs = list(pairs)
    taken = (
        {path for pair in pairs for path in pair.ref},
        {path for pair in pairs for path in pair.cand},
    )
    for pair in pairs:
        if pair.by != "weights" or not pair.is_single:
            continue
        a, b = ref.modules[pair.a], cand.modules[pair.b]
        more = _rest(cand, b, _lacking(a, b), taken[1])
        if more:
            yield pair, LayerPair(pair.ref, (*pair.cand, *more), "derived")
            continue
        more = _rest(ref, a, _lacking(b, a), taken[0])
        if more:
            yield pair, LayerPair((*pair.ref, *more), pair.cand, "derived")


def _lacking(whole: Traced, part: Traced) -> list[str]:
    """The weights of one module that the other has not."""
    return [
        text
        for text in whole.weights
        if not any(close_content(text, other) for other in part.weights)
    ]


def _rest(side: Side, module: Traced, lacking: list[str], taken: set[str]) -> tuple[str, ...]:
    """The open operations after a module, up to the one that owns what is lacking."""
    if not lacking or module.path not in side.leaves:
        return ()
    start = side.leaves.index(module.path) + 1
    group: list[str] = []
    for path in side.leaves[start : start + MAX_APART]:
        if path in taken:
            return ()
        group.append(path)
        own = side.modules[path].weights
        if own and all(any(close_content(text, other) for text in lacking) for other in own):
            return tuple(group)
    return ()


def _in_turn(a: list[Traced], b: list[Traced]) -> Iterator[tuple[Traced, Traced]]:
    """By name, then by what they give: a weight may be used in several places; then as they ran."""
    named = {m.path: m for m in b}
    rest = []
    for one in a:
        if one.path in named:
            yield one, named.pop(one.path)
        else:
            rest.append(one)
    if len(rest) < len(named):
        for one in list(rest):
            fitting = next((m for m in named.values() if m.shape == one.shape), None)
            if fitting is not None:
                rest.remove(one)
                yield one, named.pop(fitting.path)
    yield from zip(rest, named.values(), strict=False)


def _close(left: list[Traced], right: list[Traced]) -> list[LayerPair]:
    """Mutual nearest fingerprints, where the next is clearly farther or has another name."""
    gaps = {(a.path, b.path): gap for a in left for b in right if (gap := _gap(a, b)) is not None}
    pairs = []
    for a in left:
        near = sorted(
            (gaps[a.path, b.path], b.path != a.path, b.path)
            for b in right
            if (a.path, b.path) in gaps
        )
        if not near:
            continue
        path = near[0][2]
        back = sorted(
            (gaps[c.path, path], c.path != path, c.path) for c in left if (c.path, path) in gaps
        )
        clear = all(len(rank) == 1 or rank[1][0] >= CLEAR * rank[0][0] for rank in (near, back))
        if back[0][2] == a.path and (clear or a.path == path):
            pairs.append(LayerPair((a.path,), (path,), "weights"))
    return pairs


def _gap(a: Traced, b: Traced) -> float | None:
    """How far the contents of two modules are apart, in units of what chance would give; None if they cannot be the same."""
    few, many = sorted((a.weights, b.weights), key=len)
    worst = 0.0
    for text in few:
        gaps = [_distance(text, other) for other in many if close_content(text, other)]
        if not gaps:
            return None
        worst = max(worst, min(gaps))
    return worst


def _distance(one: str, other: str) -> float:
    size, mean, rms = _moments(one)
    _, other_mean, other_rms = _moments(other)
    return sqrt(size) * (abs(mean - other_mean) + abs(rms - other_rms)) / rms if rms else 0.0


@lru_cache(maxsize=1 << 14)
def _moments(text: str) -> tuple[int, float, float]:
    parts = text.split(":")
    return int(parts[0]), float(parts[5]), float(parts[6])
