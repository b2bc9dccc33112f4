"""Every rule of a diff: its page, its code, its name; and the helpers that all of them share."""

from __future__ import annotations

import re

import pytest

from auscult.rules import Rule, every_rule
from auscult.rules.subject import DiffSubject
from auscult.rules.wording import counted, folded, some

DIFF_RULES = [rule for rule in every_rule() if rule.REQUIRES is DiffSubject]
SECTIONS = ("What it finds", "What you hear", "Why it happens", "Blind spots", "How it is measured", "Fix", "References")
CODES = {"checkpoint": r"CKP\d{3}", "layout": r"LAY\d{3}", "architecture": r"ARC\d{3}"}


@pytest.mark.parametrize("rule", DIFF_RULES, ids=lambda rule: str(rule.NAME))
def test_a_rule_has_its_page_code_and_name(rule: Rule) -> None:
    page = rule.__doc__ or ""
    assert [title for title in SECTIONS if f"**{title}.**" not in page] == []
    folder, _, module = rule.__name__.rpartition(".")  # type: ignore[attr-defined]
    assert re.fullmatch(CODES[folder.rpartition(".")[2]], rule.CODE)
    assert module == rule.NAME.replace("-", "_")
    assert re.search(r"Safety:\s+(safe|lossy|guess|not\s+repairable)|None from weights", page)


def test_codes_and_names_are_unique() -> None:
    rules = list(every_rule())
    assert len({rule.CODE for rule in rules}) == len(rules)
    assert len({rule.NAME for rule in DIFF_RULES}) == len(DIFF_RULES)


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
    assert causes - {rule.NAME for rule in DIFF_RULES} == set()


def test_folded_names() -> None:
    assert folded(["ups.0.conv.weight", "ups.1.conv.weight", "out.bias"]) == ("ups.{0..1}.conv.weight", "out.bias")
    assert folded(["a.0.b.1", "a.2.b.1"]) == ("a.{0,2}.b.1",)
    assert folded(["a.0.0", "a.1.1"]) == ("a.{0..1}.{0..1} (2 of 4)",)
    assert some(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert (counted(1, "tensor"), counted(2_000, "tensor"), counted(3, "entry")) == ("1 tensor", "2,000 tensors", "3 entries")
