"""The text report as whole blocks, and the JSON one in JSON's own types."""

from __future__ import annotations

import json
from dataclasses import replace

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
next  auscult diff a.pth 'my model.safetensors' --fix OUT
1 280 tensors = 1 200 identical + 78 equivalent (equal once rearranged) + 2 different

error   layout-conv1d (LAY001): (out, k, in) where (out, in, k) is expected (confidence 0.90)
        ups.{0..3}.conv.weight, pre.weight, post.weight +2 more
        fix (safe): permute 8 tensors
info    wrapped (CKP055): nested

skipped  epoch, step: is no tensor
skipped  x.0: other reason

1 error, 1 info, 3 skipped
"""

DETAILS = """\
        ratio = 0.123457
        axes = [0, 2, 1]
        by = {a: 1}
        fix (safe): permute 8 tensors
            w = w.permute(0, 2, 1)
        to settle it: auscult diff a b
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


LONG = Finding(
    "LAY001",
    "layout-conv1d",
    Severity.WARNING,
    ("pre.weight", "post.weight"),
    "the axes of these tensors stand in another order than the reference's: " + "and " * 40 + "so",
    fix=Fix("safe", "permute (0, 2, 1), " + "from the candidate to the reference " * 4),
)
SETTLED = replace(
    LONG, fix=None, settled_by="auscult compare ref.py:build cand.py:build " + "x" * 60
)
AT_80_COLUMNS = """\
warning layout-conv1d (LAY001): the axes of these tensors stand in another order
        than the reference's: and and and and and and and and and and and and …
        pre.weight +1 more; fix (safe): permute (0, 2, 1), from the candidate …
"""


def render_finding(finding: Finding, width: int | None, verbose: int = 0) -> str:
    """What the terminal shows of one finding."""
    report = Report("diff", ("a", "b"), Verdict.DIVERGENT, findings=(finding,))
    shown = text.render(report, width=width, verbose=verbose)
    return shown.partition("\n\n")[2].partition("\n\n")[0] + "\n"


def test_a_finding_takes_three_lines_of_a_terminal() -> None:
    assert render_finding(LONG, 80) == AT_80_COLUMNS


@given(st.integers(40, 200), st.integers(0, 60), st.integers(0, 60), st.integers(0, 4))
def test_no_line_is_wider_than_the_terminal(
    width: int, words: int, fix_words: int, places: int
) -> None:
    finding = replace(
        LONG,
        message="word " * words,
        where=tuple(f"layer{'abcd'[index]}.weight" for index in range(places)),
        fix=Fix("guess", "then " * fix_words + "stop"),
    )
    lines = render_finding(finding, width).splitlines()
    assert len(lines) <= 3
    assert all(len(line) <= width for line in lines)


def test_in_a_pipe_nothing_is_cut() -> None:
    lines = render_finding(LONG, None).splitlines()
    assert lines == [
        f"warning layout-conv1d (LAY001): {LONG.message}",
        "        pre.weight, post.weight",
        f"        fix (safe): {(LONG.fix or Fix('safe', '')).summary.rstrip()}",
    ]


def test_a_command_is_never_cut() -> None:
    assert render_finding(SETTLED, 80).endswith(f"to settle it: {SETTLED.settled_by}\n")


def test_verbose_cuts_no_message() -> None:
    shown = " ".join(render_finding(LONG, 80, verbose=1).split())
    assert " ".join(LONG.message.split()) in shown


def test_the_times_stand_behind_the_place() -> None:
    times = ((0.0, 0.5), (1.0, 1.25), (2.0, 2.5), (3.0, 3.5))
    heard = Finding("SND001", "buzz", Severity.ERROR, ("a.wav",), "buzzes", times=times)
    assert render_finding(heard, 80).splitlines()[1] == (
        "        a.wav, at 0.000 to 0.500 s, 1.000 to 1.250 s, 2.000 to 2.500 s +1 more"
    )


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
