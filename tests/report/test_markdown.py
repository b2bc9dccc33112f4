"""A report as the text of an issue."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auscult.finding import Finding, Severity, Skip
from auscult.report import markdown
from auscult.report.markdown import MAX_FINDINGS
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict


def test_it_says_what_where_and_with_which_versions(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal((8, 6, 3)).astype(np.float32)
    np.savez(tmp_path / "model.npz", conv=noise)
    np.savez(tmp_path / "port.npz", conv=noise.transpose(0, 2, 1))
    text = markdown.render(diff(tmp_path / "model.npz", tmp_path / "port.npz"))
    assert text.startswith("## auscult diff: EQUIVALENT\n\n`model.npz` · `port.npz`\n")
    assert "### info: layout-conv1d (LAY001)" in text
    assert "- where: `conv`" in text
    assert "numpy " in text
    assert "SHA-256" in text


def test_no_folder_of_the_machine_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "somebody" / "secret project"
    folder.mkdir(parents=True)
    np.savez(folder / "model.npz", conv=np.ones((2, 2)))
    message = f"{folder}/model.npz differs, as does {Path.home()}/other.npz"
    findings = (Finding("CKP008", "swapped", Severity.ERROR, ("x",), message),)
    report = Report("inspect", (str(folder / "model.npz"),), Verdict.DIVERGENT, None, findings)
    text = markdown.render(report)
    assert "somebody" not in text
    assert str(Path.home()) not in text
    assert "model.npz differs, as does ~/other.npz" in text


def test_markup_in_a_message_stays_text() -> None:
    findings = (Finding("CKP008", "swapped", Severity.ERROR, ("x",), "a_b <img> `c` | d"),)
    text = markdown.render(Report("inspect", ("f",), Verdict.DIVERGENT, None, findings))
    assert r"a\_b \<img\> \`c\` \| d" in text


def test_many_findings_are_counted_and_shown_on_request() -> None:
    findings = tuple(
        Finding(f"CKP0{10 + index}", f"cause-{index}", Severity.INFO, ("x",), "m")
        for index in range(MAX_FINDINGS + 3)
    )
    skips = (Skip("q", "unknown dtype"),)
    report = Report("diff", ("a", "b"), Verdict.INCONCLUSIVE, None, findings, skips)
    short, whole = markdown.render(report), markdown.render(report, verbose=1)
    assert short.count("### ") == MAX_FINDINGS
    assert "3 further findings" in short
    assert "- `q`: unknown dtype" in short
    assert whole.count("### ") == MAX_FINDINGS + 3
