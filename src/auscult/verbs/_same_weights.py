"""What `diff` says first of two forms of one model: the weights are the same, how exactly, and what only one side has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auscult.finding import Skip
from auscult.rules.names import GRAPHS, is_derived, is_operator_parameter
from auscult.rules.subject import DiffSubject
from auscult.verdict import Equality

MIN_MODULE = 8
"""Tensors of a module that an export may leave out as a whole; fewer are missing weights."""


@dataclass(frozen=True)
class Unexported:
    """Tensors of whole modules that a graph does not run, so that it does not hold them."""

    names: frozenset[str] = frozenset()
    skips: tuple[Skip, ...] = ()


def unexported(subject: DiffSubject) -> Unexported:
    """The modules of a checkpoint that an inference graph on the other side leaves out as a whole.

    Only where everything else has its place: a graph of which some weight is unaccounted for proves nothing.
    """
    alignment = subject.alignment
    if subject.b_is_template or any(match.equality is Equality.DIFFERENT or match.fault for match in alignment.matches):
        return Unexported()
    for whole, graph, left, unknown in (
        (subject.a, subject.b, alignment.only_in_a, alignment.only_in_b),
        (subject.b, subject.a, alignment.only_in_b, alignment.only_in_a),
    ):
        if graph.format not in GRAPHS or whole.format in GRAPHS or not alignment.matches:
            continue
        if not all(is_operator_parameter(graph, name) for name in unknown):
            continue
        matched = {name for match in alignment.matches for name in (match.a if whole is subject.a else match.b)}
        modules = absent_modules(set(left), matched)
        if sum(map(len, modules.values())) == len([name for name in left if not is_derived(name)]):
            names = frozenset(name for group in modules.values() for name in group)
            said = "not in the graph, which does not run it"
            return Unexported(names, tuple(Skip(module, f"{len(group)} tensors: {said}") for module, group in modules.items()))
    return Unexported()


def absent_modules(left: set[str], matched: set[str]) -> dict[str, list[str]]:
    """The largest modules of which every tensor is left and a sibling is matched, with their tensors."""
    present = {name[: index + 1] for name in matched for index, char in enumerate(name) if char == "."}
    modules: dict[str, list[str]] = {}
    for name in sorted(left):
        if is_derived(name):
            continue
        dots = [index for index, char in enumerate(name) if char == "."]
        top = next((name[: dot + 1] for dot in dots if name[: dot + 1] not in present), None)
        if top is not None:
            modules.setdefault(top.rstrip("."), []).append(name)
    return {module: names for module, names in modules.items() if len(names) >= MIN_MODULE}


def same_weights(subject: DiffSubject, *, flipped: bool = False) -> dict[str, Any]:
    """`{"same_weights": {...}}` where both sides are files, one of them a graph, and what both have is equal; else empty."""
    alignment = subject.alignment
    formats = {subject.a.format, subject.b.format}
    if subject.b_is_template or not formats & GRAPHS or len(formats) < 2 or not alignment.matches:
        return {}
    counts = {"exact": 0, "computed": 0}
    rounded: dict[str, int] = {}
    for match in alignment.matches:
        if match.equality is Equality.DIFFERENT or match.fault:
            return {}
        if match.equality is Equality.EXACT:
            counts["exact"] += 1
        elif match.number_format and match.number_format != "float32":
            rounded[match.number_format] = rounded.get(match.number_format, 0) + 1
        else:
            counts["computed"] += 1
    only = {
        side: sum(not is_operator_parameter(checkpoint, name) and not is_derived(name) for name in names)
        for side, checkpoint, names in (
            ("b" if flipped else "a", subject.a, alignment.only_in_a),
            ("a" if flipped else "b", subject.b, alignment.only_in_b),
        )
    }
    if sum(only.values()) > sum(counts.values()) + sum(rounded.values()):
        return {}
    said = [f"{counts['exact']} exact"]
    said += [f"{number} within {name} error" for name, number in sorted(rounded.items())]
    said += [f"{counts['computed']} within float32 error after folding"] if counts["computed"] else []
    said += [f"{number} only in {side}" for side, number in sorted(only.items()) if number]
    facts = {**counts, "rounded": rounded, "only_in": only, "says": f"same weights: {', '.join(said)}"}
    return {"same_weights": facts}
