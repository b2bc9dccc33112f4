"""The rules: one file per cause, found by its folder and named by its code (`lay001_layout_conv1d.py`).

The rules of parity are the mistakes of `auscult.explain.mistakes`, of which `rules.parity` makes findings.

A rule module has a docstring, which is its page, the names `CODE`, `NAME` and `REQUIRES`, and a function `check(subject)`.
Further names are optional; `Rule` lists each with its meaning and its default.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from inspect import cleandoc
from types import ModuleType
from typing import Any, Literal

from auscult.errors import UsageError
from auscult.explain.mistakes import load_mistake, mistake_files
from auscult.finding import Finding, Skip
from auscult.rules.suspects import Suspect

CODED_FILE = re.compile(r"(?P<code>[a-z]{3}\d{3})_\w+")
"""Name of a module that holds a rule."""
DOMAIN_LETTERS = 3
"""Letters at the beginning of a code, which name its domain."""


@dataclass(frozen=True)
class Rule:
    """What a rule module declares; a field is the module's name in small letters.

    Attributes:
        code: `CODE`, such as `LAY001`; never reused.
        name: `NAME`, the cause that it finds, such as `layout-conv1d`.
        requires: `REQUIRES`, the class of the subject that it looks at.
        check: Yields findings and skips of a subject.
        page: The module's docstring.
        diverges: `DIVERGES`: a finding makes `diff` DIVERGENT even where every tensor has its partner.
        benign: `BENIGN`: what it claims does not make two files different.
        closes: `CLOSES`: a claim takes the tensor from the rules behind it in rank.
        claim: Of a rule of `diff`: the places that it explains, before any rule is checked.
        precedence: `PRECEDENCE`: rules of `diff` claim in this order, the lowest first.
        evidence: `EVIDENCE`: what a rule of sound needs: `nothing`, `metadata` or `reference`.
        extent: `EXTENT`: in which parts of a long recording its cause has to show: `anywhere`, `mostly`, `always`, or `whole`.
        explains: `EXPLAINS`: causes of sound that follow from its own.
        suspects: `SUSPECTS`: of a rule of sound, what in a model can make it, likeliest first; none: no such cause is known.
        writing: `WRITING`: the remedy where the sound was written or labelled wrongly, which no other evidence has to show.
        undecided: `UNDECIDED`: a finding of sound that keeps the verdict from being PASS, although it shows no defect.
        follows: `FOLLOWS`: any wrong computation may leave this sound; beside a cause in the model it needs none of its own.
    """

    code: str
    name: str
    requires: type
    check: Callable[[Any], Iterable[Finding | Skip]]
    page: str
    diverges: bool = False
    benign: bool = False
    closes: bool = True
    claim: Callable[[Any, Any], Iterable[Any]] | None = None
    precedence: int = 100
    evidence: str = "reference"
    extent: Literal["anywhere", "mostly", "always", "whole"] = "whole"
    explains: tuple[str, ...] = field(default=())
    suspects: tuple[Suspect, ...] = field(default=())
    writing: str | None = None
    follows: bool = False
    undecided: bool = False

    @property
    def summary(self) -> str:
        """The first line of the page."""
        return self.page.split("\n", 1)[0]


@cache
def rule_files() -> Mapping[str, str]:
    """Dotted module name of every rule by its code, from file names alone: nothing is imported."""
    modules = (info.name for info in pkgutil.walk_packages(__path__, f"{__name__}."))
    matches = ((module, CODED_FILE.fullmatch(module.rpartition(".")[2])) for module in modules)
    files = {match["code"].upper(): module for module, match in sorted(matches) if match}
    return {**files, **mistake_files()}


def rule_of(module: ModuleType) -> Rule:
    """The rule that a module declares, with the defaults for what it leaves out."""
    declared: dict[str, Any] = {"page": cleandoc(module.__doc__ or "")}
    for known in fields(Rule):
        if known.name in ("check", "claim"):
            spelling = known.name
        else:
            spelling = known.name.upper()
        if hasattr(module, spelling):
            declared[known.name] = getattr(module, spelling)
    return Rule(**declared)


@cache
def load_rule(code: str) -> Rule:
    """The rule of that code; of the rules, only its own module is imported."""
    if code in mistake_files():
        from auscult.rules.parity import build_rule  # needs NumPy, which no other page does

        return build_rule(load_mistake(code))
    return rule_of(importlib.import_module(rule_files()[code]))


def every_rule(domain: str = "") -> Iterator[Rule]:
    """All rules in the order of their files, or those of one folder (`diff`, `sound`) without importing the others."""
    folder = f"{__name__}.{domain}." if domain else ""
    for code, module in rule_files().items():
        if module.startswith(folder):
            yield load_rule(code)


def require_known_codes(prefixes: Iterable[str], option: str) -> None:
    """Refuse the beginning of a code with which no rule's code begins; no rule is imported for it.

    Raises:
        UsageError: If no rule begins so; it suggests the nearest codes.
    """
    codes = tuple(rule_files())
    for prefix in prefixes:
        if any(code.startswith(prefix) for code in codes):
            continue
        near_codes = _find_near_codes(prefix, codes)
        if near_codes:
            hint = f"did you mean {' or '.join(near_codes)}?"
        else:
            hint = "`auscult rules` lists them"
        raise UsageError(f"no rule's code begins with `{prefix}`", where=option, hint=hint)


def _find_near_codes(prefix: str, codes: Iterable[str]) -> list[str]:
    """The nearest codes, or beginnings of codes where only three letters or fewer were given."""
    if len(prefix) <= DOMAIN_LETTERS:
        candidates = sorted({code[:DOMAIN_LETTERS] for code in codes})
    else:
        candidates = list(codes)
    return difflib.get_close_matches(prefix, candidates, n=2)


def run_rules(subject: object, domain: str) -> tuple[tuple[Finding, ...], tuple[Skip, ...]]:
    """What every rule of one folder that fits the subject has to say."""
    findings: list[Finding] = []
    skips: list[Skip] = []
    for rule in every_rule(domain):
        if rule.requires is type(subject):
            for outcome in rule.check(subject):
                (findings if isinstance(outcome, Finding) else skips).append(outcome)  # type: ignore[arg-type]
    return tuple(findings), tuple(skips)
