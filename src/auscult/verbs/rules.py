"""`rules`: what a code means, from the rule's own docstring."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from auscult.errors import UsageError
from auscult.rules import Rule, every_rule
from auscult.verdict import Report, Verdict


def rules(code: str | None = None) -> Report:
    """The rules with their pages: all, the one of that code or cause, or those whose code begins so.

    Raises:
        UsageError: If no rule has that code, name or prefix.
    """
    known = sorted(every_rule(), key=lambda rule: rule.CODE)
    found = [rule for rule in known if code is None or _fits(rule, code)]
    if not found and code is not None:
        raise UsageError(f"there is no rule `{code}`", hint=_hint(code, known))
    rows = [
        {"code": rule.CODE, "cause": rule.NAME, "summary": page(rule).split("\n", 1)[0], "page": page(rule)} for rule in found
    ]
    subjects = (code,) if code else ()
    extra: dict[str, Any] = {"rules": rows}
    return Report("rules", subjects, Verdict.PASS, extra=extra)


def page(rule: Rule) -> str:
    """The rule's page: its module docstring."""
    return inspect.cleandoc(rule.__doc__ or "")


def _fits(rule: Rule, code: str) -> bool:
    return rule.CODE.startswith(code.upper()) or code == rule.NAME


def _hint(code: str, known: list[Rule]) -> str:
    names = list(dict.fromkeys(name for rule in known for name in (rule.CODE, rule.NAME)))
    close = difflib.get_close_matches(code if code.islower() else code.upper(), names, n=2)
    return f"did you mean {' or '.join(close)}?" if close else "`auscult rules` lists them"
