"""`auscult rules`."""

from __future__ import annotations

import json
from collections.abc import Callable

from auscult.rules import every_rule
from tests.conftest import Ran


def test_every_rule_is_listed_once(auscult: Callable[..., Ran]) -> None:
    rows = json.loads(auscult("rules", "--format", "json").out)["rules"]
    assert [row["code"] for row in rows] == sorted(rule.code for rule in every_rule())
    assert len({row["code"] for row in rows}) == len(rows)
    text = auscult("rules").out
    assert all(f"{row['code']}  {row['cause']}" in text for row in rows)


def test_a_page_by_code_and_by_name(auscult: Callable[..., Ran]) -> None:
    page = auscult("rules", "ckp050").out
    assert page.startswith(
        "CKP050  non-finite\n\nValues that are NaN or infinite.\n\n**What it finds.**"
    )
    both = auscult("rules", "non-finite").out
    assert "CKP050  non-finite" in both
    assert "CKP012  non-finite" in both


def test_a_prefix_lists(auscult: Callable[..., Ran]) -> None:
    rows = json.loads(auscult("rules", "LAY", "--format", "json").out)["rules"]
    assert len(rows) > 5
    assert all(row["code"].startswith("LAY") for row in rows)


def test_an_unknown_code_suggests(auscult: Callable[..., Ran]) -> None:
    ran = auscult("rules", "non-finit")
    assert (ran.exit_code, ran.out) == (2, "")
    assert (
        ran.err
        == "auscult: there is no rule `non-finit`; did you mean non-finite or non-finite-sound?\n"
    )
