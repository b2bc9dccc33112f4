"""A baseline: what was there before does not fail, what is new or worse does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.errors import UsageError
from auscult.finding import Finding, Severity
from auscult.verbs.report.baseline import compare_to_baseline
from auscult.verdict import Report, Verdict
from tests.conftest import Ran

HUM = Finding("SND010", "hum", Severity.ERROR, ("a.wav",), "hums")
CLICK = Finding("SND020", "click", Severity.ERROR, ("b.wav",), "clicks")
HISS = Finding("SND030", "hiss", Severity.WARNING, ("b.wav",), "hisses")
BEFORE = Report("listen", ("outs",), Verdict.DIVERGENT, None, (HUM,))


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(BEFORE.to_json()))
    return path


@pytest.mark.parametrize(
    ("findings", "fail_on", "code"),
    [
        ((HUM,), (), 0),
        ((), (), 0),
        ((HUM, CLICK), (), 1),
        ((HUM, HISS), (), 0),
        ((HUM, HISS), ("new",), 1),
        ((HUM, HISS), ("warning",), 1),
        ((HUM, HISS), ("SND01",), 0),
        ((HUM, CLICK), ("never",), 0),
        ((replace(HUM, where=("c.wav",)),), (), 1),  # another file has it now
        ((replace(HUM, where=("a.wav", "c.wav"), count=2),), (), 1),
        ((replace(HUM, severity=Severity.WARNING),), (), 0),
    ],
)
def test_only_what_is_new_or_worse_fails(
    baseline: Path, findings: tuple[Finding, ...], fail_on: tuple[str, ...], code: int
) -> None:
    report = replace(BEFORE, findings=findings)
    assert compare_to_baseline(report, baseline).exit_code(fail_on) == code


def test_a_worse_verdict_fails_without_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "pass.json"
    path.write_text(json.dumps(replace(BEFORE, verdict=Verdict.PASS, findings=()).to_json()))
    for verdict, code in (
        (Verdict.PASS, 0),
        (Verdict.DIVERGENT, 1),
        (Verdict.INCONCLUSIVE, 3),
        (Verdict.ERROR, 2),
    ):
        report = replace(BEFORE, verdict=verdict, findings=())
        assert compare_to_baseline(report, path).exit_code() == code


def test_a_hidden_finding_counts(baseline: Path) -> None:
    report = replace(BEFORE, findings=(HUM, CLICK)).narrowed(ignore=["SND02"])
    assert compare_to_baseline(report, baseline).exit_code() == 1


def test_a_report_of_another_command_is_no_baseline(baseline: Path) -> None:
    with pytest.raises(UsageError, match="another command"):
        compare_to_baseline(replace(BEFORE, command="diff"), baseline)


def test_the_command_line(tmp_path: Path, auscult: Callable[..., Ran]) -> None:
    model, saved, again = (tmp_path / name for name in ("m.safetensors", "old.json", "new.json"))
    weight = np.random.default_rng(0).standard_normal((8, 4, 3)).astype(np.float32)
    weight[2, 1, 0] = np.nan
    save_file({"conv.weight": weight}, model)
    assert auscult("inspect", model, "-o", saved).exit_code == 1
    ran = auscult("inspect", model, "--baseline", saved)
    assert (ran.exit_code, "none of 1 findings is new" in ran.err) == (0, True)
    save_file({"conv.weight": weight, "more.weight": weight.copy()}, model)
    assert auscult("inspect", model, "--baseline", saved, "-o", again).exit_code == 1
    ran = auscult("inspect", model, "--fail-on", "new")
    assert (ran.exit_code, "nothing says what is new" in ran.err) == (2, True)
    assert auscult("report", saved, saved, "--fail-on", "new").exit_code == 0
    clean = tmp_path / "clean.safetensors"
    save_file({"conv.weight": np.nan_to_num(weight)}, clean)
    auscult("inspect", clean, "-o", again)
    assert auscult("report", again, saved, "--fail-on", "new").exit_code == 1
