"""The verdict, the coverage that it rests on, and the report that carries both."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal, Protocol

from auscult.finding import Finding, Json, Severity, Skip

VERSION = "0.1.0"

REPR_LINES = 24
"""How many lines `repr(report)` has at most: a screen of the usual terminal."""
FAIL_NEVER = "never"
"""In `fail_on`: exit with 0 whatever was found."""
FAIL_NEW = "new"
"""In `fail_on`: exit with 1 for findings that an earlier report does not have."""


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


@dataclass(slots=True)  # not frozen, as `Tensor`
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


class Section(Protocol):
    """What one verb adds to its report, typed (`auscult.report.sections`)."""

    @property
    def inner(self) -> tuple[Section, ...]:
        """Sections of other verbs that this one took in."""
        ...

    def to_json(self) -> Json:
        """The keys that the verb adds to the envelope."""
        ...


@dataclass(frozen=True, repr=False)
class Report:
    """The outcome of one command, the same envelope for every verb (`schemas/report.schema.json`).

    `bool(report)` is True for PASS and EQUIVALENT, so that `assert auscult.diff(a, b)` says what it means.

    `section` holds what one verb adds: the file for inspect, the layers for compare; `extra` is the
    same as JSON.
    `hidden` holds the findings that a filter took out of sight; the verdict and the exit code still count them.
    """

    command: str
    subjects: tuple[str, ...]
    verdict: Verdict
    coverage: Coverage | None = None
    findings: tuple[Finding, ...] = ()
    skips: tuple[Skip, ...] = ()
    mapping: tuple[MappingEntry, ...] = ()
    section: Section | None = None
    hidden: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "findings", tuple(sorted(self.findings, key=lambda finding: finding.order))
        )

    def __bool__(self) -> bool:
        """Whether nothing is wrong: PASS or EQUIVALENT."""
        return self.verdict.exit_code == 0

    def __repr__(self) -> str:
        """The report as `--format text` prints it, on at most `REPR_LINES` lines."""
        lines = self.to_text().rstrip().splitlines()
        if len(lines) > REPR_LINES:
            left_out = len(lines) - REPR_LINES + 1
            lines = [
                *lines[: REPR_LINES - 1],
                f"... {left_out} more lines: print(report.to_text())",
            ]
        return "\n".join(lines)

    def to_text(self, *, verbose: int = 0) -> str:
        """The report as `--format text` prints it.

        Args:
            verbose: 1 shows evidence and mapping, 2 every place, -1 the verdict only.
        """
        return str(_import_formats().render_report(self, "text", verbose=verbose))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file, in the format of its suffix: .html, .json, .sarif, .xml, .md or .txt.

        Raises:
            UsageError: If no format has that suffix, or the file cannot be written.
        """
        _import_formats().save_report(self, path)

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
            **({"hidden": [finding.to_json() for finding in self.hidden]} if self.hidden else {}),
            **self.extra,
        }

    @property
    def extra(self) -> Mapping[str, Any]:
        """The section as JSON: the keys that the verb adds to the envelope."""
        return self.section.to_json() if self.section is not None else {}

    def narrowed(self, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> Report:
        """The report without the findings that were not asked for, each of them listed as a skip.

        A filter changes what is shown. It changes neither the verdict nor the exit code;
        `exit_code(fail_on=...)` does.

        Args:
            select: Beginnings of rule codes (`LAY`, `CKP05`); only findings of these are shown. Empty means all.
            ignore: Beginnings of rule codes; findings of these are not shown.
        """
        shown = tuple(
            finding for finding in self.findings if _is_selected(finding.code, select, ignore)
        )
        hidden = tuple(
            finding for finding in self.findings if not _is_selected(finding.code, select, ignore)
        )
        if not hidden:
            return self
        skips = tuple(
            Skip(f"{finding.code} {finding.cause}", f"left out as asked ({finding.count} places)")
            for finding in hidden
        )
        return replace(
            self,
            findings=shown,
            hidden=(*self.hidden, *hidden),
            skips=self.skips + skips,
        )

    def exit_code(self, fail_on: Sequence[str] = ()) -> int:
        """The exit code of a command that ends with this report.

        Args:
            fail_on: What makes the command fail, instead of the verdict: a severity (`error`,
                `warning`, `info`: a finding of at least that severity), the beginning of a rule
                code (`LAY`, `CKP05`), `never`, or `new` (of two reports: a finding that only the
                second has). Empty: the verdict decides.

        Returns:
            Without `fail_on`: 0 for PASS and EQUIVALENT, 1 for DIVERGENT, 2 for ERROR, 3 for
            INCONCLUSIVE. With it: 1 if a finding, shown or hidden, is one of those named, else 0.
            ERROR stays 2. INCONCLUSIVE stays 3 where no finding is one of those named, unless
            `never` is given.
        """
        if not fail_on or self.verdict is Verdict.ERROR:
            return self.verdict.exit_code
        if FAIL_NEVER in fail_on:
            return 0
        if FAIL_NEW in fail_on and self.extra.get("changes", {}).get("new"):
            return 1
        if any(_is_failure(finding, fail_on) for finding in (*self.findings, *self.hidden)):
            return 1
        if self.verdict is Verdict.INCONCLUSIVE:
            return self.verdict.exit_code
        return 0

    def _repr_html_(self) -> str:
        """What a notebook shows: the page of `--format html` in a frame."""
        import importlib

        return str(importlib.import_module("auscult.report.html").notebook(self))


def _import_formats() -> Any:
    import importlib

    return importlib.import_module("auscult.report._formats")


def _is_selected(code: str, select: Sequence[str], ignore: Sequence[str]) -> bool:
    """Whether the code begins with one of `select` (any code, if empty) and with none of `ignore`."""
    return (not select or code.startswith(tuple(select))) and not code.startswith(tuple(ignore))


def _is_failure(finding: Finding, fail_on: Sequence[str]) -> bool:
    """Whether the finding has at least one of the severities, or begins with one of the codes."""
    severities = {severity.value: severity for severity in Severity}
    return any(
        finding.severity.rank <= severities[word].rank
        if word in severities
        else finding.code.startswith(word)
        for word in fail_on
        if word != FAIL_NEW
    )
