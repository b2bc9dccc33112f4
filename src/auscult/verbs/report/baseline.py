"""A report held against an earlier one, its baseline: only what is new since then makes a command fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auscult.errors import UsageError
from auscult.finding import Finding, Severity
from auscult.report._saved import read_report
from auscult.verbs.report.report import VERDICT_ORDER, has_worsened, pair_findings
from auscult.verdict import FAIL_NEVER, FAIL_NEW, Report, Verdict


@dataclass(frozen=True)
class BaselineComparison:
    """What a report has that its baseline does not have.

    Attributes:
        new: Findings of which the baseline has none.
        worse: Findings that are more severe than in the baseline, or in other places too.
    """

    report: Report
    baseline: Report
    new: tuple[Finding, ...]
    worse: tuple[Finding, ...]

    def exit_code(self, fail_on: Sequence[str] = ()) -> int:
        """The exit code of a command with this baseline.

        Args:
            fail_on: As in `Report.exit_code`, of the findings that are new or worse; `new` is any finding that is new. Empty:
                those of severity error.

        Returns:
            1 if one of these findings is new or worse. Otherwise 0 where the verdict is no worse than the baseline's, and the
            verdict's where it is. ERROR stays 2, INCONCLUSIVE stays 3, unless `never` is given.
        """
        verdict = self.report.verdict
        if verdict is Verdict.ERROR:
            return verdict.exit_code
        if FAIL_NEVER in fail_on:
            return 0
        if FAIL_NEW in fail_on and self.new:
            return 1
        severities = [word for word in fail_on if word != FAIL_NEW]
        if not fail_on:
            severities = [Severity.ERROR.value]
        changed = replace(self.report, findings=(*self.new, *self.worse), hidden=())
        if severities and changed.exit_code(severities) == 1:
            return 1
        is_declined = VERDICT_ORDER.index(verdict) > VERDICT_ORDER.index(self.baseline.verdict)
        if verdict is Verdict.INCONCLUSIVE or (is_declined and not fail_on):
            return verdict.exit_code
        return 0

    def describe(self) -> str:
        """One line for the terminal."""
        total = len(self.report.findings) + len(self.report.hidden)
        if not self.new and not self.worse:
            return f"baseline: none of {total} findings is new"
        names = [f"{finding.code} {finding.cause}" for finding in (*self.new, *self.worse)]
        return f"baseline: {len(self.new)} new, {len(self.worse)} worse of {total} findings: {', '.join(names)}"


def compare_to_baseline(report: Report, path: str | Path) -> BaselineComparison:
    """What is new in a report since the one that was saved in a file.

    Raises:
        UsageError: If the file holds no report, or one of another command.
    """
    baseline = read_report(path)
    if baseline.command != report.command:
        raise UsageError(
            "is a report of another command",
            where=str(path),
            expected=report.command,
            found=baseline.command,
            hint="save a baseline with the same command and --format json -o FILE.json",
        )
    pairs = list(
        pair_findings((*baseline.findings, *baseline.hidden), (*report.findings, *report.hidden))
    )
    new = tuple(now for before, now in pairs if before is None and now is not None)
    worse = tuple(
        now
        for before, now in pairs
        if before is not None
        and now is not None
        and (has_worsened(before, now) or not set(now.where) <= set(before.where))
    )
    return BaselineComparison(report, baseline, new, worse)
