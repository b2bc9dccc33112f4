"""The text report as whole blocks, and the JSON one in JSON's own types."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from auscult.finding import Finding, Fix, Severity, Skip
from auscult.report import json_, text
from auscult.report.sections import section_from_json
from auscult.verdict import Coverage, Equality, MappingEntry, Report, Verdict

REPORT = Report(
    "diff",
    ("a.pth", "my model.safetensors"),
    Verdict.DIVERGENT,
    Coverage("tensors", {"identical": 1200, "equivalent": 78, "close": 0, "different": 2}),
    (
        Finding("CKP055", "wrapped", Severity.INFO, (), "nested", rank=90),
        Finding(
            "LAY001",
            "layout-conv1d",
            Severity.ERROR,
            (
                *(f"ups.{i}.conv.weight" for i in range(4)),
                "pre.weight",
                "post.weight",
                "skip.weight",
                "end.weight",
            ),
            "(out, k, in) where (out, in, k) is expected",
            0.9,
            evidence={"ratio": 0.123456789, "axes": [0, 2, 1], "by": {"a": 1}},
            fix=Fix(
                "safe",
                "permute 8 tensors",
                recipe=({"op": "permute"},),
                code="w = w.permute(0, 2, 1)",
            ),
            settled_by="auscult diff a b",
        ),
    ),
    (Skip("epoch", "is no tensor"), Skip("step", "is no tensor"), Skip("x.0", "other reason")),
    (
        MappingEntry(("a.w",), ("b.w",), ({"op": "permute", "axes": [0, 2, 1]},), Equality.EXACT),
        MappingEntry(("c",), ("c",), (), Equality.CLOSE, "float16"),
    ),
)

PLAIN = """\
DIVERGENT  a.pth against my model.safetensors
1 280 tensors = 1 200 identical + 78 equivalent (equal once rearranged) + 2 different

ups.{0..3}.conv.weight, pre.weight, post.weight +2 more  LAY001 error  layout-conv1d: (out, k, in) where (out, in, k) is \
expected (confidence 0.90)
    fix (safe): permute 8 tensors
        w = w.permute(0, 2, 1)
    to settle it: auscult diff a b
(whole)  CKP055 info  wrapped: nested

skipped  epoch, step: is no tensor
skipped  x.0: other reason

1 error, 1 info, 3 skipped; next: auscult diff a.pth 'my model.safetensors' --fix OUT
"""

DETAILS = """\
    ratio = 0.123457
    axes = [0, 2, 1]
    by = {a: 1}
"""

MAPPING = """\
a.w -> b.w  permute(axes=[0, 2, 1])  exact
c  close (float16)
"""


def test_text_as_a_whole() -> None:
    assert text.render(REPORT) == PLAIN


def test_quiet_is_the_verdict_alone() -> None:
    assert text.render(REPORT, verbose=-1) == "DIVERGENT  a.pth against my model.safetensors\n"


def test_verbose_adds_evidence_and_mapping() -> None:
    shown = text.render(REPORT, verbose=1)
    assert DETAILS in shown
    assert MAPPING in shown
    assert "+2 more" in shown
    assert "end.weight" in text.render(REPORT, verbose=2)


def test_colour_changes_nothing_but_colour() -> None:
    import re

    coloured = text.render(REPORT, color=True, verbose=2)
    assert "\x1b[31;1mDIVERGENT\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text.render(REPORT, verbose=2)


def test_nothing_found() -> None:
    report = Report("diff", ("a", "b"), Verdict.PASS, Coverage("tensors", {"identical": 1}))
    assert text.render(report) == "PASS  a against b\n1 tensor = 1 identical\n\nnothing found\n"


def test_json_is_the_envelope() -> None:
    rendered = json.loads(json_.render(REPORT))
    assert rendered.pop("provenance")["versions"]["python"]
    assert rendered == json.loads(json.dumps(REPORT.to_json()))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=10
    )
)
def test_anything_becomes_strict_json(value: object) -> None:
    report = Report("x", (), Verdict.PASS, section=section_from_json("x", {"value": value}))
    json.loads(json_.render(report), parse_constant=lambda _name: 1 / 0)


def test_numpys_values_become_plain_ones() -> None:
    found = {
        "a": np.float32(0.5),
        "b": np.arange(3),
        "c": np.int64(7),
        "d": np.nan,
        "e": {1},
        "f": np.bool_(True),
        3: (1, 2),
    }
    wanted = {"a": 0.5, "b": [0, 1, 2], "c": 7, "d": "nan", "e": [1], "f": True, "3": [1, 2]}
    assert (
        json.loads(
            json_.render(
                Report("x", (), Verdict.PASS, section=section_from_json("x", {"v": found}))
            )
        )["v"]
        == wanted
    )
