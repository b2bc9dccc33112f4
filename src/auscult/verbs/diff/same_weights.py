"""What `diff` says first of two forms of one model: the weights are the same, how exactly, and what only one side has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from auscult.align.records import Match
from auscult.facts.buffers import is_derived
from auscult.finding import Finding, Skip
from auscult.rules.diff.evidence.idle import IdleTensors
from auscult.rules.diff.subject import ROLES, SIDE_KEYS, DiffSubject, Role
from auscult.verdict import Equality
from auscult.weights import Checkpoint

MIN_MODULE_TENSORS = 8
"""Tensors of a module that an export may leave out as a whole; fewer are missing weights. Chosen, not measured."""
MIN_BLOCK_TENSORS = 4
"""Tensors of a block that one would miss; fewer have the shapes of something else too easily. Chosen, not measured."""
MIN_ALIKE_SHARE = 0.5
"""Share of the graph's unequal matrices and filters with a partner of their shape where weights are others. Chosen, not measured."""


@dataclass(frozen=True)
class UnsharedParts:
    """Tensors of parts that one side holds as a whole and the other was never meant to."""

    names: frozenset[str] = frozenset()
    skips: tuple[Skip, ...] = ()


LEFTOVER_CAUSES = frozenset(("tensor-missing", "tensor-extra", "modules-never-trained"))
"""Causes that tensors without a counterpart are reported as."""


def find_unshared_parts(subject: DiffSubject) -> UnsharedParts:
    """What one side holds and the other has no need of: modules that a graph leaves out, parts that come in another file."""
    unexported_parts, foreign_parts = find_unexported_modules(subject), find_other_part(subject)
    return UnsharedParts(
        unexported_parts.names | foreign_parts.names,
        (*unexported_parts.skips, *foreign_parts.skips),
    )


def drop_unshared_findings(
    findings: Iterable[Finding], parts: UnsharedParts
) -> tuple[Finding, ...]:
    """The findings but those that are of such parts alone."""
    return tuple(
        finding
        for finding in findings
        if not (
            finding.cause in LEFTOVER_CAUSES and parts.names and parts.names >= set(finding.where)
        )
    )


def find_unexported_modules(subject: DiffSubject) -> UnsharedParts:
    """The modules of a checkpoint that an inference graph on the other side leaves out as a whole.

    Only where everything else has its place: a graph of which some weight is unaccounted for proves nothing.
    """
    sides = _match_checkpoint_and_graph(subject)
    if sides is None or (sides.weights and not _is_complete(sides)):
        return UnsharedParts()
    modules = find_absent_modules(set(sides.left), sides.matched)
    if sum(map(len, modules.values())) != len(sides.left):
        return UnsharedParts()
    names = frozenset(name for group in modules.values() for name in group)
    reason = "not in the graph, which does not run it"
    return UnsharedParts(
        names,
        tuple(Skip(module, f"{len(group)} tensors: {reason}") for module, group in modules.items()),
    )


def find_other_part(subject: DiffSubject) -> UnsharedParts:
    """The weights of a graph that belong to a part which comes in a file of its own, as Stable Audio's T5 does.

    Only where the checkpoint is all that its family is made of, every tensor of it has its place (or is in a module that the
    graph leaves out), and what the graph has besides could not be one more of the checkpoint's blocks.
    """
    sides = _match_checkpoint_and_graph(subject)
    if sides is None or not sides.weights or not _is_complete(sides):
        return UnsharedParts()
    values = sum(sides.graph[name].size for name in sides.weights)
    graph_key, whole_key = "b", "a"
    if sides.graph is subject.reference:
        graph_key, whole_key = "a", "b"
    reason = (
        f"{len(sides.weights)} tensors ({values:,} values) of a part that {sides.whole.path} is whole without: nothing to "
        f"compare them with; give its file too (--also-{whole_key})"
    )
    return UnsharedParts(frozenset(sides.weights), (Skip(f"only in {graph_key}", reason),))


@dataclass(frozen=True)
class _CheckpointAndGraph:
    """A checkpoint against a graph of which nothing differs: what is left of each, and what was matched.

    Attributes:
        left: Weights of the checkpoint without a place in the graph.
        weights: Weights of the graph without one in the checkpoint.
        matched: The checkpoint's with a place; `pairs` are these with the graph's that hold them.
    """

    whole: Checkpoint
    graph: Checkpoint
    left: tuple[str, ...]
    weights: tuple[str, ...]
    matched: set[str]
    pairs: tuple[tuple[str, str], ...]


def _match_checkpoint_and_graph(subject: DiffSubject) -> _CheckpointAndGraph | None:
    graph_role = _find_graph_role(subject)
    matches = subject.alignment.matches
    has_difference = any(match.equality is Equality.DIFFERENT or match.fault for match in matches)
    if subject.compares_shapes or graph_role is None or not matches or has_difference:
        return None
    whole_role: Role = "reference"
    checkpoint_only, graph_only = subject.missing, subject.surplus
    if graph_role == "reference":
        whole_role = "candidate"
        checkpoint_only, graph_only = graph_only, checkpoint_only
    graph = subject.checkpoint(graph_role)
    pairs = [
        (name, graph_name)
        for match in matches
        for name in subject.names_of(match, whole_role)
        for graph_name in subject.names_of(match, graph_role)
    ]
    return _CheckpointAndGraph(
        subject.checkpoint(whole_role),
        graph,
        _list_weights(subject, whole_role, checkpoint_only),
        _list_weights(subject, graph_role, graph_only),
        {name for name, _ in pairs},
        tuple(pairs),
    )


def _list_weights(subject: DiffSubject, role: Role, names: Iterable[str]) -> tuple[str, ...]:
    """The names without those whose absence makes no difference."""
    return IdleTensors(subject).list_weights(role, names)


def _find_graph_role(subject: DiffSubject) -> Role | None:
    """The side that is a graph, if the other is none."""
    graph_roles = [role for role in ROLES if subject.checkpoint(role).is_graph]
    if len(graph_roles) == 1:
        return graph_roles[0]
    return None


def _is_complete(sides: _CheckpointAndGraph) -> bool:
    """Whether the checkpoint is a whole of its family, and what the graph alone has is nothing of it: neither what is left of
    the checkpoint with other values, nor one more of its blocks."""
    from auscult.families import detect_families

    detection = next(
        iter(detect_families({name: tensor.shape for name, tensor in sides.whole.items()})), None
    )
    if detection is None or detection.score < 1.0 or detection.missing_evidence:
        return False
    spare = _count_forms(sides.graph, sides.weights)
    if (spare & _count_forms(sides.whole, sides.left)).total() >= MIN_BLOCK_TENSORS:
        return False
    blocks: dict[str, set[str]] = {}
    for name, place in sides.pairs:
        for end in re.finditer(r"\.\d+(?=\.)", name):
            blocks.setdefault(name[: end.end()], set()).add(place)
    forms = [_count_forms(sides.graph, places) for places in blocks.values()]
    return not any(block.total() >= MIN_BLOCK_TENSORS and block <= spare for block in forms)


def _sort_axes(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape whatever the order of its axes."""
    return tuple(sorted(side for side in shape if side > 1))


def _count_forms(side: Checkpoint, names: Iterable[str]) -> Counter[tuple[int, ...]]:
    """How many of these tensors are matrices and filters of each form."""
    forms = (_sort_axes(side[name].shape) for name in names if not is_derived(name))
    return Counter(shape for shape in forms if len(shape) > 1)


def find_absent_modules(unmatched: set[str], matched: set[str]) -> dict[str, list[str]]:
    """The largest modules of which every tensor is left and a sibling is matched, with their tensors."""
    present = {
        name[: index + 1] for name in matched for index, char in enumerate(name) if char == "."
    }
    modules: dict[str, list[str]] = {}
    for name in sorted(unmatched):
        if is_derived(name):
            continue
        dots = [index for index, char in enumerate(name) if char == "."]
        top = next((name[: dot + 1] for dot in dots if name[: dot + 1] not in present), None)
        if top is not None:
            modules.setdefault(top.rstrip("."), []).append(name)
    return {module: names for module, names in modules.items() if len(names) >= MIN_MODULE_TENSORS}


def describe_same_weights(subject: DiffSubject) -> dict[str, Any]:
    """`{"same_weights": {...}}` where both sides are files, one of them a graph, and what both have is equal.

    `{"other_weights": {...}}` where they are of two trainings; else empty.
    """
    if other_facts := describe_other_weights(subject):
        return other_facts
    reference, candidate = subject.reference, subject.candidate
    has_graph = reference.is_graph or candidate.is_graph
    if subject.compares_shapes or not has_graph or reference.format == candidate.format:
        return {}
    matches = subject.alignment.matches
    if not matches or any(match.equality is Equality.DIFFERENT or match.fault for match in matches):
        return {}
    kinds = Counter(map(_classify_equality, matches))
    unmatched_counts = _count_unmatched_weights(subject)
    if sum(unmatched_counts.values()) > kinds.total():
        return {}
    counts = {kind: kinds.pop(kind, 0) for kind in ("exact", "computed")}
    rounded = dict(sorted(kinds.items()))
    phrases = [f"{counts['exact']} exact"]
    phrases += [f"{number} within {name} error" for name, number in rounded.items()]
    if counts["computed"]:
        phrases.append(f"{counts['computed']} within float32 error after folding")
    phrases += [f"{number} only in {key}" for key, number in unmatched_counts.items() if number]
    facts = {
        **counts,
        "rounded": rounded,
        "only_in": unmatched_counts,
        "says": f"same weights: {', '.join(phrases)}",
    }
    return {"same_weights": facts}


def _classify_equality(match: Match) -> str:
    """`exact`, `computed`, or the number format that a pair was rounded to."""
    if match.equality is Equality.EXACT:
        return "exact"
    if match.number_format and match.number_format != "float32":
        return match.number_format
    return "computed"


def _count_unmatched_weights(subject: DiffSubject) -> dict[str, int]:
    """How many tensors each side alone has that are weights, under `a` and `b`."""
    names_by_role = {"reference": subject.missing, "candidate": subject.surplus}
    idle_tensors = IdleTensors(subject)
    return {
        SIDE_KEYS[role]: len(idle_tensors.list_weights(role, names_by_role[role])) for role in ROLES
    }


def describe_other_weights(subject: DiffSubject) -> dict[str, Any]:
    """`{"other_weights": {...}}` where a graph's weights have partners of their shapes in the checkpoint, and no equals.

    Names tell nothing in a graph and values nothing of two trainings, so that alignment leaves both sides' weights over.
    """
    graph_role = _find_graph_role(subject)
    if subject.compares_shapes or graph_role is None:
        return {}
    unmatched_forms: dict[Role, Counter[tuple[int, ...]]] = {
        "reference": _count_forms(subject.reference, subject.missing),
        "candidate": _count_forms(subject.candidate, subject.surplus),
    }
    graph = unmatched_forms[graph_role].total()
    alike = (unmatched_forms["reference"] & unmatched_forms["candidate"]).total()
    if alike < max(MIN_BLOCK_TENSORS, MIN_ALIKE_SHARE * graph):
        return {}
    equal = sum(match.equality is not Equality.DIFFERENT for match in subject.alignment.matches)
    sentence = f"other weights: {alike} matrices and filters have a partner of their shape, none of their values; {equal} are equal"
    return {"other_weights": {"alike": alike, "of": graph, "equal": equal, "says": sentence}}
