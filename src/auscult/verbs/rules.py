"""`rules`: what a code means, from the rule's own docstring."""

from __future__ import annotations

import difflib
import re

from auscult.errors import UsageError
from auscult.report.sections.rules import RulesSection
from auscult.rules import every_rule, load_rule, rule_files
from auscult.verdict import Report, Verdict

CODE_OR_PREFIX = re.compile(r"[A-Za-z]{1,3}\d{0,3}")


def list_rules(code: str | None = None) -> Report:
    """The rules with their pages: all, the one of that code or cause, or those whose code begins
    so.

    Raises:
        UsageError: If no rule has that code, name or prefix.
    """
    asked = [
        load_rule(all_rules)
        for all_rules in sorted(rule_files())
        if code is None or _may_fit(all_rules, code)
    ]
    if not asked and code is not None:
        raise UsageError(f"there is no rule `{code}`", hint=_suggest_codes(code))
    rows = [
        {"code": rule.code, "cause": rule.name, "summary": rule.summary, "page": rule.page}
        for rule in asked
    ]
    subjects = (code,) if code else ()
    return Report("rules", subjects, Verdict.PASS, section=RulesSection(rows))


def _may_fit(known: str, code: str) -> bool:
    """Whether the rule has that code or prefix or, only then is it imported, that cause."""
    if CODE_OR_PREFIX.fullmatch(code):
        return known.startswith(code.upper())
    return load_rule(known).name == code


def _suggest_codes(code: str) -> str:
    names = list(dict.fromkeys(name for rule in every_rule() for name in (rule.code, rule.name)))
    close_matches = difflib.get_close_matches(code if code.islower() else code.upper(), names, n=2)
    if close_matches:
        return f"did you mean {' or '.join(close_matches)}?"
    return "`auscult rules` lists them"
