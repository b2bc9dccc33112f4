"""Every rule of a diff: its page, its code, its name; and the helpers that all of them share."""

from __future__ import annotations

import re

import pytest

from auscult.facts.words import fold_columns, format_count, list_first_names
from auscult.rules import Rule, every_rule, rule_files
from auscult.rules.diff.subject import DiffSubject

DIFF_RULES = [rule for rule in every_rule() if rule.requires is DiffSubject]
SECTIONS = (
    "What it finds",
    "What you hear",
    "Why it happens",
    "Blind spots",
    "How it is measured",
    "Example",
    "Fix",
    "References",
)
FOLDERS = {"CKP": "checkpoint", "LAY": "layout", "ARC": "architecture"}


@pytest.mark.parametrize("rule", DIFF_RULES, ids=lambda rule: str(rule.name))
def test_a_rule_has_its_page_code_and_name(rule: Rule) -> None:
    assert [title for title in SECTIONS if f"**{title}.**" not in rule.page] == []
    folder = FOLDERS[rule.code[:3]]
    file = f"{rule.code.lower()}_{rule.name.replace('-', '_')}"
    assert rule_files()[rule.code] == f"auscult.rules.diff.{folder}.{file}"
    assert re.search(r"Safety:\s+(safe|lossy|guess|not\s+repairable)|None from weights", rule.page)


@pytest.mark.parametrize("rule", list(every_rule("inspect")), ids=lambda rule: str(rule.code))
def test_a_rule_of_inspect_has_its_page(rule: Rule) -> None:
    assert [title for title in SECTIONS if f"**{title}.**" not in rule.page] == []


def test_codes_and_names_are_unique() -> None:
    rules = list(every_rule())
    assert len({rule.code for rule in rules}) == len(rules)
    assert len({rule.name for rule in DIFF_RULES}) == len(DIFF_RULES)


def test_every_cause_of_the_catalogue_has_a_rule() -> None:
    causes = {
        "wrapped",
        "prefix",
        "renamed",
        "tensor-missing",
        "tensor-extra",
        "untrained",
        "partial-load",
        "swapped",
        "tie-lost",
        "truncated",
        "corrupt",
        "non-finite",
        "wrong-dtype",
        "lossy",
        "layout-conv1d",
        "layout-conv-transpose1d",
        "layout-conv2d",
        "layout-linear",
        "layout-mixed",
        "layout-fortran",
        "weight-norm-unfused",
        "weight-norm-axis",
        "weight-norm-swapped",
        "qkv-fused",
        "qkv-order",
        "gate-order",
        "norm-folded",
        "lora-unmerged",
        "snake-parametrisation",
        "conv-grouped",
        "kernel-size",
        "width",
        "depth",
        "modules-never-trained",
        "undetermined-by-weights",
    }
    assert causes - {rule.name for rule in DIFF_RULES} == set()


def test_folded_names() -> None:
    assert fold_columns(["ups.0.conv.weight", "ups.1.conv.weight", "out.bias"]) == (
        "ups.{0..1}.conv.weight",
        "out.bias",
    )
    assert fold_columns(["a.0.b.1", "a.2.b.1"]) == ("a.{0,2}.b.1",)
    assert fold_columns(["a.0.0", "a.1.1"]) == ("a.{0..1}.{0..1} (2 of 4)",)
    assert list_first_names(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert (format_count(1, "tensor"), format_count(2_000, "tensor"), format_count(3, "entry")) == (
        "1 tensor",
        "2,000 tensors",
        "3 entries",
    )
