"""What `diff` says first of two forms of one model: the weights are the same, how exactly, and what only one side has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from auscult.finding import Finding, Skip
from auscult.rules.diff.evidence.names import GRAPHS, is_derived, is_operator_parameter
from auscult.rules.diff.subject import DiffSubject
from auscult.verdict import Equality
from auscult.weights import Checkpoint

MIN_MODULE = 8
"""Tensors of a module that an export may leave out as a whole; fewer are missing weights."""


MIN_BLOCK = 4
"""Tensors of a block that one would miss; fewer have the shapes of something else too easily."""
MIN_ALIKE = 0.5
"""Share of the graph's matrices and filters without an equal that have a partner of their shape where weights are others."""


@dataclass(frozen=True)
class Apart:
    """Tensors of parts that one side holds as a whole and the other was never meant to."""

    names: frozenset[str] = frozenset()
    skips: tuple[Skip, ...] = ()


LEFT_OVER = frozenset(("tensor-missing", "modules-never-trained"))
"""Causes that tensors without a counterpart are reported as."""


def apart(subject: DiffSubject) -> Apart:
    """What one side holds and the other has no need of: modules that a graph leaves out, parts that come in another file."""
    out, foreign = unexported(subject), other_part(subject)
    return Apart(out.names | foreign.names, (*out.skips, *foreign.skips))


def without_apart(findings: Iterable[Finding], parts: Apart) -> tuple[Finding, ...]:
    """The findings but those that are of such parts alone."""
    return tuple(
        each
        for each in findings
        if not (each.cause in LEFT_OVER and parts.names and parts.names >= set(each.where))
    )


def unexported(subject: DiffSubject) -> Apart:
    """The modules of a checkpoint that an inference graph on the other side leaves out as a whole.

    Only where everything else has its place: a graph of which some weight is unaccounted for proves nothing.
    """
    sides = _sides(subject)
    if sides is None or (sides.weights and not _complete(sides)):
        return Apart()
    modules = absent_modules(set(sides.left), sides.matched)
    if sum(map(len, modules.values())) != len(
        [name for name in sides.left if not is_derived(name)]
    ):
        return Apart()
    names = frozenset(name for group in modules.values() for name in group)
    said = "not in the graph, which does not run it"
    return Apart(
        names,
        tuple(Skip(module, f"{len(group)} tensors: {said}") for module, group in modules.items()),
    )


def other_part(subject: DiffSubject) -> Apart:
    """The weights of a graph that belong to a part which comes in a file of its own, as Stable Audio's T5 does.

    Only where the checkpoint is all that its family is made of, every tensor of it has its place (or is in a module that the
    graph leaves out), and what the graph has besides could not be one more of the checkpoint's blocks.
    """
    sides = _sides(subject)
    if sides is None or not sides.weights or not _complete(sides):
        return Apart()
    values = sum(sides.graph[name].size for name in sides.weights)
    said = (
        f"{len(sides.weights)} tensors ({values:,} values) of a part that {sides.whole.path} is whole without: nothing to "
        "compare them with; give its file too (--also-a)"
    )
    return Apart(
        frozenset(sides.weights),
        (Skip(f"only in {'b' if sides.graph is subject.b else 'a'}", said),),
    )


@dataclass(frozen=True)
class _Sides:
    """A checkpoint against a graph of which nothing differs: what is left of each, and what was matched.

    Attributes:
        left: Tensors of the checkpoint without a place in the graph.
        weights: The graph's without one in the checkpoint, operators' parameters left out.
        matched: The checkpoint's with a place; `pairs` are these with the graph's that hold them.
    """

    whole: Checkpoint
    graph: Checkpoint
    left: tuple[str, ...]
    weights: tuple[str, ...]
    matched: set[str]
    pairs: tuple[tuple[str, str], ...]


def _sides(subject: DiffSubject) -> _Sides | None:
    alignment = subject.alignment
    if subject.b_is_template or any(
        match.equality is Equality.DIFFERENT or match.fault for match in alignment.matches
    ):
        return None
    flipped = subject.a.format in GRAPHS
    whole, graph = (subject.b, subject.a) if flipped else (subject.a, subject.b)
    if graph.format not in GRAPHS or whole.format in GRAPHS or not alignment.matches:
        return None
    left, unknown = alignment.only_in_a, alignment.only_in_b
    if flipped:
        left, unknown = unknown, left
    pairs = [(match.b, match.a) if flipped else (match.a, match.b) for match in alignment.matches]
    return _Sides(
        whole,
        graph,
        tuple(left),
        tuple(name for name in unknown if not is_operator_parameter(graph, name)),
        {name for mine, _ in pairs for name in mine},
        tuple((name, other) for mine, theirs in pairs for name in mine for other in theirs),
    )


def _complete(sides: _Sides) -> bool:
    """Whether the checkpoint is a whole of its family, and what the graph alone has is nothing of it: neither what is left of
    the checkpoint with other values, nor one more of its blocks."""
    from auscult.families import detect

    found = next(iter(detect({name: tensor.shape for name, tensor in sides.whole.items()})), None)
    if found is None or found.score < 1.0 or found.missing_evidence:
        return False
    spare = _forms(sides.graph, sides.weights)
    if (spare & _forms(sides.whole, sides.left)).total() >= MIN_BLOCK:
        return False
    blocks: dict[str, set[str]] = {}
    for name, place in sides.pairs:
        for end in re.finditer(r"\.\d+(?=\.)", name):
            blocks.setdefault(name[: end.end()], set()).add(place)
    forms = [_forms(sides.graph, places) for places in blocks.values()]
    return not any(block.total() >= MIN_BLOCK and block <= spare for block in forms)


def _form(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape whatever the order of its axes."""
    return tuple(sorted(side for side in shape if side > 1))


def _forms(side: Checkpoint, names: Iterable[str]) -> Counter[tuple[int, ...]]:
    """How many of these tensors are matrices and filters of each form."""
    forms = (_form(side[name].shape) for name in names if not is_derived(name))
    return Counter(shape for shape in forms if len(shape) > 1)


def absent_modules(left: set[str], matched: set[str]) -> dict[str, list[str]]:
    """The largest modules of which every tensor is left and a sibling is matched, with their tensors."""
    present = {
        name[: index + 1] for name in matched for index, char in enumerate(name) if char == "."
    }
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
    """`{"same_weights": {...}}` where both sides are files, one of them a graph, and what both have is equal.

    `{"other_weights": {...}}` where they are of two trainings; else empty.
    """
    if other := other_weights(subject):
        return other
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
        side: sum(
            not is_operator_parameter(checkpoint, name) and not is_derived(name) for name in names
        )
        for side, checkpoint, names in (
            ("b" if flipped else "a", subject.a, alignment.only_in_a),
            ("a" if flipped else "b", subject.b, alignment.only_in_b),
        )
    }
    if sum(only.values()) > sum(counts.values()) + sum(rounded.values()):
        return {}
    said = [f"{counts['exact']} exact"]
    said += [f"{number} within {name} error" for name, number in sorted(rounded.items())]
    said += (
        [f"{counts['computed']} within float32 error after folding"] if counts["computed"] else []
    )
    said += [f"{number} only in {side}" for side, number in sorted(only.items()) if number]
    facts = {
        **counts,
        "rounded": rounded,
        "only_in": only,
        "says": f"same weights: {', '.join(said)}",
    }
    return {"same_weights": facts}


def other_weights(subject: DiffSubject) -> dict[str, Any]:
    """`{"other_weights": {...}}` where a graph's weights have partners of their shapes in the checkpoint, and no equals.

    Names tell nothing in a graph and values nothing of two trainings, so that alignment leaves both sides' weights over.
    """
    alignment = subject.alignment
    if (
        subject.b_is_template
        or len({subject.a.format, subject.b.format} & GRAPHS) != 1
        or subject.a.format == subject.b.format
    ):
        return {}
    left = [_forms(subject.a, alignment.only_in_a), _forms(subject.b, alignment.only_in_b)]
    graph = left[0 if subject.a.format in GRAPHS else 1].total()
    alike = (left[0] & left[1]).total()
    if alike < max(MIN_BLOCK, MIN_ALIKE * graph):
        return {}
    equal = sum(match.equality is not Equality.DIFFERENT for match in alignment.matches)
    said = f"other weights: {alike} matrices and filters have a partner of their shape, none of their values; {equal} are equal"
    return {"other_weights": {"alike": alike, "of": graph, "equal": equal, "says": said}}
