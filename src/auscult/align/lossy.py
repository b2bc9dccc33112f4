"""The lossy level: the same values within the error of a coarser number format (float16, bfloat16, fp8, int8, ...)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.align.compare import Outcome
from auscult.align.explain import explain
from auscult.align.features import Index
from auscult.align.fingerprint import Print, fingerprint
from auscult.align.formats import float_format, tells
from auscult.align.ledger import Ledger
from auscult.align.moves import moves, sample
from auscult.align.side import Side, in_threads
from auscult.checkpoint.source import dtype_of
from auscult.verdict import Equality
from auscult.weights import Shape

MIN_SIZE = 16  # elements from which content in another format identifies a tensor without help from its name


def match_closely(ledger: Ledger) -> None:
    """Match by name first, then by the fingerprint after a cast, then by statistics; each confirmed on the elements."""
    _by_name(ledger)
    ledger.learn()
    _by_name(ledger)
    _by_cast(ledger)
    ledger.learn()
    _by_name(ledger)
    _by_statistics(ledger)
    _by_trust(ledger)


def named_pairs(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Names without a partner that correspond under the learnt renaming and whose axes fit; no name twice."""
    used: set[str] = set()
    for a in ledger.a.remaining():
        for b in ledger.expected(a):
            if (
                b not in used
                and (a, b) not in ledger.tried
                and moves(ledger.a.shapes[a], ledger.b.shapes[b])
            ):
                used.add(b)
                yield a, b
                break


def _by_name(ledger: Ledger) -> None:
    _confirm(ledger, list(named_pairs(ledger)))


def _by_trust(ledger: Ledger) -> None:
    """Small and constant tensors say too little about rounding; what the others were rounded to explains them too."""
    formats = {match.number_format for match in ledger.matches if match.equality is Equality.CLOSE}
    trusted = frozenset(name for name in formats if name)
    if trusted:
        ledger.learn()
        again = {pair for pair in ledger.tried if _small(ledger.a, pair[0])}
        ledger.tried -= again
        _confirm(ledger, [pair for pair in named_pairs(ledger) if pair in again], trusted)


def _small(side: Side, name: str) -> bool:
    return (
        side.size(name) < MIN_SIZE
        or side.prints[name].constant
        or not tells(side.array(name)[sample(side.shapes[name])])
    )


def _confirm(
    ledger: Ledger, pairs: list[tuple[str, str]], trusted: frozenset[str] = frozenset()
) -> None:
    def look(pair: tuple[str, str]) -> Outcome | None:
        return explain(ledger.a.values(pair[0]), ledger.b.values(pair[1]), trusted=trusted)

    pairs = [pair for pair in pairs if pair not in ledger.tried]
    ledger.tried.update(pairs)
    sizes = [ledger.a.size(a) for a, _ in pairs]
    for (a, b), outcome in zip(pairs, in_threads(look, pairs, sizes), strict=True):
        if outcome is not None and a in ledger.a.left and b in ledger.b.left:
            ledger.pair(a, b, outcome, "neighbours" if ledger.a.prints[a].constant else "content")


def _by_cast(ledger: Ledger) -> None:
    """Round the finer side to each coarser dtype that the other has for these sides: equal fingerprints then pair up."""
    pairs: list[tuple[str, str]] = []
    for finer, coarser, forward in ((ledger.a, ledger.b, True), (ledger.b, ledger.a, False)):
        wanted: dict[Shape, dict[str, dict[Print, str]]] = {}
        for name in coarser.left:
            if identifying(coarser, name):
                kinds = wanted.setdefault(coarser.sides(name), {})
                kinds.setdefault(coarser.kinds[name], {}).setdefault(coarser.prints[name], name)
        for name in finer.left:
            if not identifying(finer, name):
                continue
            for kind, prints in wanted.get(finer.sides(name), {}).items():
                if float_format(kind).eps > finer.format(name).eps:
                    partner = prints.get(cast_print(finer, name, kind))
                    if partner is not None:
                        pairs.append((name, partner) if forward else (partner, name))
    ledger.alike = pairs
    _confirm(ledger, _once(pairs))


def cast_print(side: Side, name: str, dtype: str) -> Print:
    """The fingerprint of a tensor rounded to another dtype."""
    with np.errstate(over="ignore", invalid="ignore"):
        return fingerprint(side.array(name).astype(dtype_of(dtype)))


def _by_statistics(ledger: Ledger) -> None:
    names_a = [name for name in ledger.a.left if identifying(ledger.a, name)]
    names_b = [name for name in ledger.b.left if identifying(ledger.b, name)]
    shared = {ledger.a.sides(name) for name in names_a} & {ledger.b.sides(name) for name in names_b}
    index_a = Index(ledger.a, [name for name in names_a if ledger.a.sides(name) in shared])
    index_b = Index(ledger.b, [name for name in names_b if ledger.b.sides(name) in shared])
    for key, names in index_a.names.items():
        nearest = index_b.nearest_of_all(key, (index_a.of[name] for name in names))
        for rank in range(max((len(some) for some in nearest), default=0)):
            pairs = [
                (a, some[rank]) for a, some in zip(names, nearest, strict=True) if len(some) > rank
            ]
            _confirm(
                ledger, [(a, b) for a, b in pairs if a in ledger.a.left and b in ledger.b.left]
            )


def identifying(side: Side, name: str) -> bool:
    """Whether the content is enough to tell the tensor from others."""
    return side.size(name) >= MIN_SIZE and not side.prints[name].constant


def _once(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    seen_a: set[str] = set()
    seen_b: set[str] = set()
    result = []
    for a, b in pairs:
        if a not in seen_a and b not in seen_b:
            seen_a.add(a)
            seen_b.add(b)
            result.append((a, b))
    return result
