"""The modules that a trace shows, with their records, and how they nest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from auscult.traces.fingerprint import ContentFingerprint, parse_fingerprint
from auscult.traces.records import Record, Trace
from auscult.traces.sketch import get_canonical_shape
from auscult.weights import Shape

BASE_ROLES = ("output", "input", "own")


def get_base_role(role: str) -> str:
    """`output` for `output.1`, `input` for `input.mask`."""
    return role.partition(".")[0]


@dataclass(frozen=True, eq=False)
class TracedModule:
    """One module with its records.

    Attributes:
        order: Of its first output, or of its last record where it gave none.
        weights: Fingerprints of the parameters it owns (`auscult.traces.fingerprint`), those that
            say anything about identity.
        parent: The nearest module above it that is in the trace; None for the outermost.
    """

    path: str
    type: str
    order: int
    records: tuple[Record, ...]
    weights: tuple[ContentFingerprint, ...] = ()
    parent: str | None = None

    @cached_property
    def by_key(self) -> Mapping[tuple[int, str], Record]:
        return {(record.call, record.role): record for record in self.records}

    @cached_property
    def calls(self) -> int:
        return 1 + max((record.call for record in self.records), default=-1)

    def output(self, call: int = 0) -> Record | None:
        """The first output of a call."""
        return self.by_key.get((call, "output"))

    def roles(self, base: str, call: int = 0) -> tuple[Record, ...]:
        """The call's inputs or outputs, in order."""
        return tuple(
            record
            for record in self.records
            if record.call == call and get_base_role(record.role) == base
        )

    @property
    def is_pass_through(self) -> bool:
        """Whether its first call gives the very tensor that it took."""
        output = self.output()
        return output is not None and output.same_as in {
            record.same_as or record.key for record in self.roles("input")
        }

    @property
    def shape(self) -> Shape | None:
        output = self.output()
        if output is None:
            return None
        return get_canonical_shape(output.shape)


@dataclass(frozen=True, eq=False)
class ModuleTree:
    """All modules of a trace by path, in the order in which they first ended."""

    trace: Trace
    modules: Mapping[str, TracedModule] = field(default_factory=dict)

    @classmethod
    def of(cls, trace: Trace) -> ModuleTree:
        grouped: dict[str, list[Record]] = {}
        for record in trace.records:
            if get_base_role(record.role) in BASE_ROLES:
                grouped.setdefault(record.path, []).append(record)
        traced_modules = [
            _build_traced_module(trace, path, records, grouped) for path, records in grouped.items()
        ]
        return cls(
            trace, {module.path: module for module in sorted(traced_modules, key=lambda m: m.order)}
        )

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Paths directly below each path, in the order of their first call."""
        paths_by_parent: dict[str, list[str]] = {}
        for module in sorted(self.modules.values(), key=lambda m: m.records[0].order):
            if module.parent is not None:
                paths_by_parent.setdefault(module.parent, []).append(module.path)
        return {path: tuple(paths) for path, paths in paths_by_parent.items()}

    def descendants(self, path: str) -> Iterable[str]:
        for child in self.children.get(path, ()):
            yield child
            yield from self.descendants(child)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Modules with none below them, in the order in which they first ended."""
        return tuple(path for path in self.modules if path not in self.children)


def match_calls(a: TracedModule, b: TracedModule) -> list[tuple[int, int]]:
    """Which call of `b` belongs to which of `a`: by number, unless only another order fits the
    shapes of what they give.

    A norm that serves queries and keys is called on either first. Calls of one shape keep their
    order. Where one side calls more often, a call that has no partner of its shape has none.
    """
    reference_shapes = [_list_output_shapes(a, call) for call in range(a.calls)]
    candidate_shapes = [_list_output_shapes(b, call) for call in range(b.calls)]
    remaining_calls: dict[tuple[Shape, ...], list[int]] = {}
    for call, shapes in enumerate(candidate_shapes):
        remaining_calls.setdefault(shapes, []).append(call)
    matched_calls = [
        (call, remaining_calls[shapes].pop(0))
        for call, shapes in enumerate(reference_shapes)
        if remaining_calls.get(shapes)
    ]
    if matched_calls and (
        len(matched_calls) == len(reference_shapes)
        or len(reference_shapes) != len(candidate_shapes)
    ):
        return matched_calls
    return [(call, call) for call in range(min(a.calls, b.calls))]


def _list_output_shapes(module: TracedModule, call: int) -> tuple[Shape, ...]:
    return tuple(get_canonical_shape(record.shape) for record in module.roles("output", call))


def _build_traced_module(
    trace: Trace, path: str, records: Sequence[Record], traced_paths: Mapping[str, object]
) -> TracedModule:
    outputs = [record for record in records if get_base_role(record.role) == "output"]
    owned_weights = trace.manifest.weights.get(path, {})
    # Zeros and ones are the same in every layer.
    fingerprints = [parse_fingerprint(text) for text in owned_weights.values()]
    return TracedModule(
        path,
        next((record.type for record in records if record.type), ""),
        (outputs[0] if outputs else records[-1]).order,
        tuple(records),
        tuple(dict.fromkeys(weight for weight in fingerprints if not weight.is_constant)),
        _find_traced_parent(path, traced_paths),
    )


def _find_traced_parent(path: str, traced_paths: Mapping[str, object]) -> str | None:
    while path:
        path = path.rpartition(".")[0]
        if path in traced_paths:
            return path
    return None
