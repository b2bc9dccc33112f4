"""The verdict, the coverage that it rests on, and the report that carries both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from auscult.finding import Finding, Json, Skip

VERSION = "0.1.0"


class Verdict(StrEnum):
    """The answer of a command. `EQUIVALENT` means equal after the recipe that is shown."""

    PASS = "PASS"
    EQUIVALENT = "EQUIVALENT"
    DIVERGENT = "DIVERGENT"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"

    @property
    def exit_code(self) -> int:
        """0 nothing wrong, 1 findings or divergent, 2 error, 3 inconclusive."""
        return {"PASS": 0, "EQUIVALENT": 0, "DIVERGENT": 1, "ERROR": 2, "INCONCLUSIVE": 3}[
            self.value
        ]


class Equality(StrEnum):
    """How equal two things are after their ops: bit for bit, within a number format's error, or not."""

    EXACT = "exact"
    CLOSE = "close"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Coverage:
    """What a verdict rests on. Every item is in exactly one bucket, and the buckets add up to `total`.

    Args:
        unit: What is counted: `tensors`, `layers`, `seconds`.
        buckets: Count per bucket, in the order in which they are printed.
    """

    unit: str
    buckets: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.buckets.values())

    def to_json(self) -> Json:
        return {"unit": self.unit, "total": self.total, **self.buckets}


@dataclass(frozen=True)
class MappingEntry:
    """One line of a mapping: these names on side a are those names on side b, after the ops.

    `number_format` names the coarser format that explains a `close` equality. `compared` is `shapes` where one side has no
    content and the equality is of shapes only. `backward` where the ops lead from b to a, for want of a way from a to b.
    """

    a: tuple[str, ...]
    b: tuple[str, ...]
    ops: tuple[Json, ...]
    equality: Equality
    number_format: str | None = None
    compared: Literal["values", "shapes"] = "values"
    backward: bool = False

    def to_json(self) -> Json:
        def shorten_names(side: tuple[str, ...]) -> str | list[str]:
            if len(side) == 1:
                return side[0]
            return list(side)

        result: Json = {
            "a": shorten_names(self.a),
            "b": shorten_names(self.b),
            "ops": list(self.ops),
            "equality": self.equality.value,
        }
        if self.number_format:
            result["number_format"] = self.number_format
        if self.compared != "values":
            result["compared"] = self.compared
        if self.backward:
            result["backward"] = True
        return result


@dataclass(frozen=True)
class Report:
    """The outcome of one command, the same envelope for every verb (`schemas/report.schema.json`).

    `extra` holds the keys that one verb adds: `checkpoint` for inspect, `layers` for compare, `recording` for listen.
    """

    command: str
    subjects: tuple[str, ...]
    verdict: Verdict
    coverage: Coverage | None = None
    findings: tuple[Finding, ...] = ()
    skips: tuple[Skip, ...] = ()
    mapping: tuple[MappingEntry, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "findings", tuple(sorted(self.findings, key=lambda finding: finding.order))
        )

    def to_json(self) -> Json:
        return {
            "auscult": VERSION,
            "command": self.command,
            "subjects": list(self.subjects),
            "verdict": self.verdict.value,
            "coverage": self.coverage.to_json() if self.coverage else None,
            "findings": [finding.to_json() for finding in self.findings],
            "skips": [skip.to_json() for skip in self.skips],
            "mapping": [entry.to_json() for entry in self.mapping],
            **self.extra,
        }

    def _repr_html_(self) -> str:
        """What a notebook shows: the page of `--format html` in a frame."""
        import importlib

        return str(importlib.import_module("auscult.report.html").notebook(self))


def select_findings(
    findings: Iterable[Finding], select: tuple[str, ...], ignore: tuple[str, ...]
) -> tuple[Finding, ...]:
    """Keep the findings whose code starts with a prefix in `select` (all, if empty) and with none in `ignore`."""
    return tuple(
        f
        for f in findings
        if (not select or f.code.startswith(select)) and not (ignore and f.code.startswith(ignore))
    )
