"""The rules: one file per cause, found by their folder.

A rule module has a docstring (its page), and the names `CODE`, `NAME` (the cause in DEFECTS terms), `REQUIRES` (a subject
class of `auscult.rules.subject`), and `check(subject)`, which yields findings and skips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, cast

from auscult import plugins
from auscult.finding import Finding, Skip


class Rule(Protocol):
    """The names that a rule module has."""

    CODE: str
    NAME: str
    REQUIRES: type
    __doc__: str | None

    def check(self, subject: object) -> Iterable[Finding | Skip]: ...


def every_rule() -> Iterator[Rule]:
    """All rules, ordered by folder and file name."""
    for folder in plugins.folders(__name__):
        for module in plugins.modules(folder):
            yield cast(Rule, module)


def run(subject: object, folder: str | None = None) -> tuple[tuple[Finding, ...], tuple[Skip, ...]]:
    """What every rule that fits the subject has to say.

    Args:
        folder: Look in this folder of rules alone, so that the others need not be imported.
    """
    findings: list[Finding] = []
    skips: list[Skip] = []
    rules = every_rule() if folder is None else (cast(Rule, module) for module in plugins.modules(f"{__name__}.{folder}"))
    for rule in rules:
        if rule.REQUIRES is type(subject):
            for outcome in rule.check(subject):
                (findings if isinstance(outcome, Finding) else skips).append(outcome)  # type: ignore[arg-type]
    return tuple(findings), tuple(skips)
