"""The lossy level: the same values within the error of a coarser number format (float16, bfloat16, fp8, int8, ...)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.align.compare import PairOutcome
from auscult.align.explain import explain_array
from auscult.align.features import FeatureIndex
from auscult.align.fingerprint import Fingerprint, compute_fingerprint
from auscult.align.formats import get_float_format, has_distinct_values
from auscult.align.ledger import Ledger
from auscult.align.moves import list_moves, sample_places
from auscult.align.side import CheckpointSide, map_in_threads
from auscult.checkpoint.source import dtype_of
from auscult.verdict import Equality
from auscult.weights import Shape

MIN_SIZE = 16  # elements from which content in another format identifies a tensor without help from its name


def match_closely(ledger: Ledger) -> None:
    """Match by name first, then by the fingerprint after a cast, then by statistics; each confirmed on the elements."""
    _match_by_name(ledger)
    ledger.update_renaming()
    _match_by_name(ledger)
    _match_by_cast(ledger)
    ledger.update_renaming()
    _match_by_name(ledger)
    _match_by_statistics(ledger)
    _match_by_trusted_formats(ledger)


def iter_named_pairs(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Names without a partner that correspond under the learnt renaming and whose axes fit; no name twice."""
    used_names: set[str] = set()
    for a in ledger.a.list_remaining():
        for b in ledger.expected(a):
            if (
                b not in used_names
                and (a, b) not in ledger.tried_pairs
                and list_moves(ledger.a.shapes[a], ledger.b.shapes[b])
            ):
                used_names.add(b)
                yield a, b
                break


def _match_by_name(ledger: Ledger) -> None:
    _confirm_pairs(ledger, list(iter_named_pairs(ledger)))


def _match_by_trusted_formats(ledger: Ledger) -> None:
    """Small and constant tensors say too little about rounding; what the others were rounded to explains them too."""
    formats = {match.number_format for match in ledger.matches if match.equality is Equality.CLOSE}
    trusted = frozenset(name for name in formats if name)
    if trusted:
        ledger.update_renaming()
        retried_pairs = {pair for pair in ledger.tried_pairs if _is_small_pair(ledger, pair)}
        ledger.tried_pairs -= retried_pairs
        pairs = [pair for pair in iter_named_pairs(ledger) if _is_small_pair(ledger, pair)]
        _confirm_pairs(ledger, pairs, trusted)


def _is_small_pair(ledger: Ledger, pair: tuple[str, str]) -> bool:
    """Whether either is: rounding leaves few values of many, as of a norm's gains, all of them near 1."""
    return any(
        name in side.left and _is_small(side, name)
        for side, name in zip((ledger.a, ledger.b), pair, strict=True)
    )


def _is_small(side: CheckpointSide, name: str) -> bool:
    return (
        side.size(name) < MIN_SIZE
        or side.fingerprints[name].constant
        or not has_distinct_values(side.array(name)[sample_places(side.shapes[name])])
    )


def _confirm_pairs(
    ledger: Ledger, pairs: list[tuple[str, str]], trusted: frozenset[str] = frozenset()
) -> None:
    def explain_pair(pair: tuple[str, str]) -> PairOutcome | None:
        return explain_array(ledger.a.values(pair[0]), ledger.b.values(pair[1]), trusted=trusted)

    pairs = [pair for pair in pairs if pair not in ledger.tried_pairs]
    ledger.tried_pairs.update(pairs)
    sizes = [ledger.a.size(a) for a, _ in pairs]
    for (a, b), outcome in zip(pairs, map_in_threads(explain_pair, pairs, sizes), strict=True):
        if outcome is not None and a in ledger.a.left and b in ledger.b.left:
            is_constant = ledger.a.fingerprints[a].constant
            ledger.pair(a, b, outcome, "neighbours" if is_constant else "content")


def _match_by_cast(ledger: Ledger) -> None:
    """Round the finer side to each coarser dtype that the other has for these sides: equal fingerprints then pair up."""
    pairs: list[tuple[str, str]] = []
    for finer, coarser, forward in ((ledger.a, ledger.b, True), (ledger.b, ledger.a, False)):
        coarse_fingerprints: dict[Shape, dict[str, dict[Fingerprint, str]]] = {}
        for name in coarser.left:
            if is_identifying(coarser, name):
                names_by_dtype = coarse_fingerprints.setdefault(coarser.sides(name), {})
                names_by_dtype.setdefault(coarser.kinds[name], {}).setdefault(
                    coarser.fingerprints[name], name
                )
        for name in finer.left:
            if not is_identifying(finer, name):
                continue
            for dtype_name, names_by_fingerprint in coarse_fingerprints.get(
                finer.sides(name), {}
            ).items():
                if get_float_format(dtype_name).eps > finer.format(name).eps:
                    partner = names_by_fingerprint.get(
                        fingerprint_after_cast(finer, name, dtype_name)
                    )
                    if partner is not None:
                        pairs.append((name, partner) if forward else (partner, name))
    ledger.alike_pairs = pairs
    _confirm_pairs(ledger, _drop_repeated_names(pairs))


def fingerprint_after_cast(side: CheckpointSide, name: str, dtype: str) -> Fingerprint:
    """The fingerprint of a tensor rounded to another dtype."""
    with np.errstate(over="ignore", invalid="ignore"):
        return compute_fingerprint(side.array(name).astype(dtype_of(dtype)))


def _match_by_statistics(ledger: Ledger) -> None:
    names_a = [name for name in ledger.a.left if is_identifying(ledger.a, name)]
    names_b = [name for name in ledger.b.left if is_identifying(ledger.b, name)]
    shared = {ledger.a.sides(name) for name in names_a} & {ledger.b.sides(name) for name in names_b}
    index_a = FeatureIndex(ledger.a, [name for name in names_a if ledger.a.sides(name) in shared])
    index_b = FeatureIndex(ledger.b, [name for name in names_b if ledger.b.sides(name) in shared])
    for key, names in index_a.names.items():
        nearest = index_b.nearest_of_all(key, (index_a.of[name] for name in names))
        for rank in range(max((len(neighbours) for neighbours in nearest), default=0)):
            pairs = [
                (a, neighbours[rank])
                for a, neighbours in zip(names, nearest, strict=True)
                if len(neighbours) > rank
            ]
            _confirm_pairs(
                ledger, [(a, b) for a, b in pairs if a in ledger.a.left and b in ledger.b.left]
            )


def is_identifying(side: CheckpointSide, name: str) -> bool:
    """Whether the content is enough to tell the tensor from others."""
    return side.size(name) >= MIN_SIZE and not side.fingerprints[name].constant


def _drop_repeated_names(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    used_a: set[str] = set()
    used_b: set[str] = set()
    result = []
    for a, b in pairs:
        if a not in used_a and b not in used_b:
            used_a.add(a)
            used_b.add(b)
            result.append((a, b))
    return result
