"""The story of a port, replayed: a torch reference and its MLX port with eight faults, found and mended one after the other.

The programs are those of docs/guides/port.md. Which fault is mended next is decided by what the report says first, not here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mlx.core")

from auscult.checkpoint.target import open_target
from auscult.runtime.runner import make_runner
from auscult.verbs.compare.compare import compare
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "port"

ANSWERS: dict[str, tuple[str, str]] = {
    "estimator-prefix": ("partial-load", "flow.estimator.time_mlp"),
    "norm3-dropped": ("partial-load", "encoder.encoders.0.norm3"),
    "double-transpose": ("layout-conv1d", "flow.estimator.down"),
    "cfg-formula": ("cfg-formula", "flow.estimator"),
    "time-scale": ("time-embedding-scale", "flow.estimator.time_embeddings"),
    "causal-mask": ("attention-mask", "encoder.encoders.0.attn1.to_out.0"),
    "last-slope": ("leaky-slope", "mel2wav.conv_post"),
    "mel-clamped": ("activation-extra", "flow"),
}
"""What each fault must be called, and where it must be found."""


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """The guide's programs as modules, in a folder where the reference has written its weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(GUIDE))
    for name in ("reference", "port"):
        sys.modules.pop(name, None)

    def load(name: str) -> Any:
        return __import__(name)

    load("reference").main()
    return load


def mended(report: Report, left: list[str]) -> list[str]:
    """The faults that the first finding speaks of."""
    first = report.findings[0]
    return [
        fault
        for fault in left
        if ANSWERS[fault][0] == first.cause and ANSWERS[fault][1] in first.where
    ]


def test_the_first_report_names_a_fault_and_the_last_finds_none(
    guide: Callable[[str], Any],
) -> None:
    """The two ends of what the slow test below goes through round by round."""
    reference, port = make_runner(guide("reference").build()), guide("port")
    inputs = dict(np.load("inputs.npz"))
    left = list(port.FAULTS)
    first = compare(reference, port.written(frozenset(left)), inputs=inputs)
    assert first.verdict is Verdict.DIVERGENT
    assert mended(first, left)
    last = compare(reference, port.written(frozenset()), inputs=inputs)
    assert last.verdict is Verdict.EQUIVALENT  # channels last
    assert last.findings == ()


@pytest.mark.slow
def test_every_fault_is_found_mended_and_the_next_one_found_until_parity(
    guide: Callable[[str], Any],
) -> None:
    reference, port = guide("reference").build(), guide("port")
    inputs = dict(np.load("inputs.npz"))
    left = list(port.FAULTS)
    rounds = 0
    while True:
        report = compare(reference, port.written(frozenset(left)), inputs=inputs)
        if report.verdict is not Verdict.DIVERGENT:
            break
        found = mended(report, left)
        assert found, f"{report.findings[0].cause} at {report.findings[0].where} is none of {left}"
        left = [fault for fault in left if fault not in found]
        rounds += 1
    assert left == []
    assert report.verdict is Verdict.EQUIVALENT  # channels last
    assert report.findings == ()
    assert rounds == len(port.FAULTS) - 1  # the two that were never loaded are one finding


@pytest.mark.slow
def test_each_fault_alone_is_named_at_its_place(guide: Callable[[str], Any]) -> None:
    reference, port = make_runner(guide("reference").build()), guide("port")
    inputs = dict(np.load("inputs.npz"))
    for fault in port.FAULTS:
        report = compare(reference, port.written(frozenset([fault])), inputs=inputs)
        assert mended(report, [fault]), f"{fault}: {[(f.cause, f.where) for f in report.findings]}"
        others = [finding.cause for finding in report.findings[1:]]
        assert others == (["velocity-zero"] if fault == "estimator-prefix" else [])


def test_the_weights_alone_tell_what_was_not_loaded(guide: Callable[[str], Any]) -> None:
    guide("port")
    report = diff("reference.safetensors", "port:attempt_0")
    partial = [
        name
        for finding in report.findings
        if finding.cause == "partial-load"
        for name in finding.where
    ]
    assert partial
    assert all(name.startswith("flow.estimator.") for name in partial)
    norms = next(finding for finding in report.findings if finding.cause == "modules-never-trained")
    assert {name.rsplit(".", 2)[-2] for name in norms.where} == {"norm2"}
    assert norms.evidence["left_over"]["encoder.encoders.0.norm3"] == "encoder.encoders.0.norm2"
    assert norms.fix is not None
    assert "a renaming was left out" in norms.fix.summary
    assert diff("reference.safetensors", "port:build").verdict is Verdict.EQUIVALENT
    assert len(open_target("port:build")) == 81
