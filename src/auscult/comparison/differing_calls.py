"""Layers that one side calls more often than the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auscult.comparison.locate.aligned_sides import AlignedSides
from auscult.finding import Skip


def count_differing_calls(sides: AlignedSides) -> dict[str, tuple[int, int]]:
    """The reference's and the candidate's number of calls, by the reference's path, where they differ."""
    counts = {
        pair.a: (sides.reference.modules[pair.a].calls, sides.candidate.modules[pair.b].calls)
        for pair in sides.alignment.pairs
    }
    return {path: calls for path, calls in counts.items() if calls[0] != calls[1]}


def iter_uncompared_calls(calls: Mapping[str, tuple[int, int]]) -> Iterator[Skip]:
    """What is said of the calls that have no partner."""
    for path, (reference_calls, candidate_calls) in calls.items():
        yield Skip(
            path,
            f"called {reference_calls} times by the reference and {candidate_calls} times by"
            " the candidate: the rest has no partner",
        )
