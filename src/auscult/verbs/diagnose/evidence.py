"""What the evidence of a diagnosis has shown so far, and the words for what the user gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auscult.errors import UsageError
from auscult.finding import Finding, Json, Skip
from auscult.report.sections import Facts, find_section
from auscult.report.sections.compare import CompareSection
from auscult.report.sections.diff import DiffSection
from auscult.report.sections.settle import SettleSection
from auscult.rules.suspects import EvidenceKind
from auscult.verdict import Coverage, MappingEntry, Report, Verdict

EVIDENCE_OF_VERB: Mapping[str, tuple[str, tuple[EvidenceKind, ...]]] = {
    "inspect": ("weights", ("weights",)),
    "diff": ("weights against the other side", ("weights", "reference-weights")),
    "compare": ("layers", ("traces",)),
    "preflight": ("training", ("training",)),
    "train": ("training", ("training",)),
    "listen": ("sound", ()),
}
"""What the saved report of each verb stands for, and which evidence it is."""


ROUNDING_UNITS = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "int8": 2.0**-8}
"""Unit of rounding of the formats in which weights are kept."""
MAX_ROUNDING_UNITS = 8.0
"""Units by which a layer over rounded weights may be off; the trained vocoder's layers were off by
0.9 at most.
"""


@dataclass
class DiagnosisCase:
    """What the evidence has shown so far.

    Attributes:
        kinds: Which kinds of evidence were looked at.
        lines: What each of them says, for the person at the terminal.
        verdicts: Of the comparisons that were made.
        unlike: Whether the recording has other content than its reference, so that nothing could be
            compared.
    """

    findings: list[Finding] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    kinds: set[EvidenceKind] = field(default_factory=set)
    lines: list[Json] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    unlike: bool = False
    same_weights: Facts | None = None
    comparison: CompareSection | None = None
    settled: SettleSection | None = None
    subjects: list[str] = field(default_factory=list)
    coverage: Coverage | None = None
    mapping: tuple[MappingEntry, ...] = ()

    def add(self, kind: str, report: Report, evidence_kinds: Sequence[EvidenceKind]) -> None:
        """Take in the report of another verb."""
        self.findings += report.findings
        self.skips += report.skips
        self.kinds.update(evidence_kinds)
        self.verdicts.append(report.verdict)
        self.subjects += [name for name in report.subjects if name not in self.subjects]
        self.coverage = self.coverage or report.coverage
        self.mapping = self.mapping or report.mapping
        section = find_section(report, DiffSection)
        if section is not None and section.same_weights is not None:
            self.same_weights = section.same_weights
        self.lines.append(
            {"kind": kind, "verdict": report.verdict.value, "subjects": list(report.subjects)}
        )
        if report.coverage is not None:
            self.lines[-1]["coverage"] = report.coverage.to_json()

    def rounding(self) -> float | None:
        """The relative error that layers may have where the weights were equal within a coarser
        format; None if they were not.
        """
        formats = {
            entry.number_format for entry in self.mapping if entry.number_format in ROUNDING_UNITS
        }
        return max(
            (MAX_ROUNDING_UNITS * ROUNDING_UNITS[name] for name in formats if name), default=None
        )

    def add_saved_report(self, file: str | Path) -> None:
        """Take in a report that another run saved; what came from code alone says nothing of the
        original's values.

        Raises:
            UsageError: If the file holds no report, or one that tells a diagnosis nothing.
        """
        from auscult.report._saved import read_report

        report = read_report(file)
        if report.command not in EVIDENCE_OF_VERB:
            raise UsageError(
                "is a report that tells a diagnosis nothing",
                where=str(file),
                expected=f"one of {', '.join(EVIDENCE_OF_VERB)}",
                found=report.command,
                hint="save one of these with --format json -o FILE.json",
            )
        kind, evidence_kinds = EVIDENCE_OF_VERB[report.command]
        section = find_section(report, DiffSection)
        if section is not None and section.compared == "shapes":
            evidence_kinds = ("weights", "code")
        self.add(kind, report, evidence_kinds)
        self.lines[-1]["subjects"] = [str(file)]
