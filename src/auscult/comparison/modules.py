"""The modules that a trace shows, and how they nest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from auscult.traces.records import Record, Trace
from auscult.traces.sketch import canonical_shape
from auscult.weights import Shape

BASE_ROLES = ("output", "input", "own")


def base_role(role: str) -> str:
    """`output` for `output.1`, `input` for `input.mask`."""
    return role.partition(".")[0]


@dataclass(frozen=True, eq=False)
class Traced:
    """One module with its records.

    Attributes:
        order: Of its first output, or of its last record where it gave none.
        weights: Fingerprints of the parameters it owns (`auscult.traces.fingerprint`), those that say anything about identity.
        parent: The nearest module above it that is in the trace; None for the outermost.
    """

    path: str
    type: str
    order: int
    records: tuple[Record, ...]
    weights: tuple[str, ...] = ()
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
            if record.call == call and base_role(record.role) == base
        )

    @property
    def hands_on(self) -> bool:
        """Whether its first call gives the very tensor that it took."""
        given = self.output()
        return given is not None and given.same_as in {
            record.same_as or record.key for record in self.roles("input")
        }

    @property
    def shape(self) -> Shape | None:
        found = self.output()
        return None if found is None else canonical_shape(found.shape)


@dataclass(frozen=True, eq=False)
class Side:
    """All modules of a trace by path, in the order in which they first ended."""

    trace: Trace
    modules: Mapping[str, Traced] = field(default_factory=dict)

    @classmethod
    def of(cls, trace: Trace) -> Side:
        grouped: dict[str, list[Record]] = {}
        for record in trace.records:
            if base_role(record.role) in BASE_ROLES:
                grouped.setdefault(record.path, []).append(record)
        found = [_traced(trace, path, records, grouped) for path, records in grouped.items()]
        return cls(trace, {module.path: module for module in sorted(found, key=lambda m: m.order)})

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Paths directly below each path, in the order of their first call."""
        below: dict[str, list[str]] = {}
        for module in sorted(self.modules.values(), key=lambda m: m.records[0].order):
            if module.parent is not None:
                below.setdefault(module.parent, []).append(module.path)
        return {path: tuple(paths) for path, paths in below.items()}

    def descendants(self, path: str) -> Iterable[str]:
        for child in self.children.get(path, ()):
            yield child
            yield from self.descendants(child)

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Modules with none below them, in the order in which they first ended."""
        return tuple(path for path in self.modules if path not in self.children)


def partner_calls(a: Traced, b: Traced) -> list[tuple[int, int]]:
    """Which call of `b` belongs to which of `a`: by number, unless only another order fits the shapes of what they give.

    A norm that serves queries and keys is called on either first. Calls of one shape keep their order. Where one side calls
    more often, a call that has no partner of its shape has none.
    """
    mine, theirs = ([_shapes(module, call) for call in range(module.calls)] for module in (a, b))
    left: dict[tuple[Shape, ...], list[int]] = {}
    for call, shapes in enumerate(theirs):
        left.setdefault(shapes, []).append(call)
    fitting = [(call, left[shapes].pop(0)) for call, shapes in enumerate(mine) if left.get(shapes)]
    if fitting and (len(fitting) == len(mine) or len(mine) != len(theirs)):
        return fitting
    return [(call, call) for call in range(min(a.calls, b.calls))]


def _shapes(module: Traced, call: int) -> tuple[Shape, ...]:
    return tuple(canonical_shape(record.shape) for record in module.roles("output", call))


def _traced(
    trace: Trace, path: str, records: Sequence[Record], known: Mapping[str, object]
) -> Traced:
    outputs = [record for record in records if base_role(record.role) == "output"]
    own = trace.manifest.weights.get(path, {})
    return Traced(
        path,
        next((record.type for record in records if record.type), ""),
        (outputs[0] if outputs else records[-1]).order,
        tuple(records),
        tuple(dict.fromkeys(text for text in own.values() if _says_something(text))),
        _parent(path, known),
    )


def _says_something(fingerprint: str) -> bool:
    """Zeros and ones are the same in every layer."""
    _, _, _, high, low, *_ = fingerprint.split(":")
    return high != low


def _parent(path: str, known: Mapping[str, object]) -> str | None:
    while path:
        path = path.rpartition(".")[0]
        if path in known:
            return path
    return None
