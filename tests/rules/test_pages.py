"""The pages of the rules of sound, mel and training: every section, an example that is Python, and thresholds as in the code."""

from __future__ import annotations

import ast
import importlib
import re

import pytest

from auscult.rules import Rule, every_rule, rule_files
from auscult.rules.training import _evidence, _log_evidence

SECTIONS = (
    *("What it finds", "What you hear", "Why it happens", "Example"),
    *("Blind spots", "How it is measured", "Fix"),
)
CODE_BLOCK = re.compile(r"```python\n(.+?)\n```", re.DOTALL)
CONSTANT = re.compile(
    r"`(?P<name>[A-Z][A-Z_]{3,})`(?: = (?P<value>-?[\d,.]+(?:e-?\d+)?)(?: ?(?P<unit>ms|%|‰|kHz)(?!\w))?)?"
)
UNITS = {"ms": 1e-3, "%": 1e-2, "‰": 1e-3, "kHz": 1e3, None: 1.0}
RULES = [
    rule for domain in ("sound", "mel", "training", "invariance") for rule in every_rule(domain)
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.code))
def test_a_page_has_every_section(rule: Rule) -> None:
    assert [title for title in SECTIONS if f"**{title}.**" not in rule.page] == []
    assert rule.summary.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.code))
def test_an_example_is_code(rule: Rule) -> None:
    """A block of Python with its wrong and its right lines, or code within the sentence."""
    section = rule.page.partition("**Example.**")[2].partition("**Blind spots.**")[0]
    example = CODE_BLOCK.search(section)
    if example is None:
        assert re.search(r"`[^`]+`", section)
        return
    code = re.sub(r"^return ", "", example[1], flags=re.MULTILINE)
    ast.parse(code)
    assert "# wrong" in code
    assert "# right" in code


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.code))
def test_thresholds_of_a_page_are_those_of_the_code(rule: Rule) -> None:
    module = importlib.import_module(rule_files()[rule.code])
    for match in CONSTANT.finditer(rule.page):
        homes = (module, _evidence, _log_evidence)
        home = next((home for home in homes if hasattr(home, match["name"])), module)
        assert hasattr(home, match["name"]), match["name"]
        if match["value"]:
            value = float(match["value"].replace(",", "").rstrip(".")) * UNITS[match["unit"]]
            assert getattr(home, match["name"]) == pytest.approx(value), match[0]
