"""The page: whole, offline, safe against what it is fed, and small."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from auscult.finding import Finding, Fix, Severity, Skip
from auscult.sound.recording import Recording, write_recording
from auscult.verdict import Coverage, Equality, MappingEntry, Report, Verdict

pytest.importorskip("jinja2")

from auscult.report import html

EVIL = '<script>alert("x")</script>'


def report(**extra: object) -> Report:
    finding = Finding(
        "LAY001",
        "layout-conv1d",
        Severity.ERROR,
        (f"{EVIL}.weight", "ups.0.weight", "ups.1.weight"),
        f"stored {EVIL}",
        confidence=0.9,
        evidence={"share": 0.5, "text": EVIL},
        fix=Fix("safe", "permute", code="x = y < z"),
    )
    mapping = (MappingEntry(("a",), ("b",), ({"op": "permute", "axes": [0, 2, 1]},), Equality.EXACT),)
    coverage = Coverage("tensors", {"identical": 3, "different": 1, "skipped": 0})
    return Report("diff", ("a.pth", EVIL), Verdict.DIVERGENT, coverage, (finding,), (Skip("c", EVIL),), mapping, extra)


class Tags(HTMLParser):
    """Every opening tag, and whether those that must close did."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in {"meta", "img", "br", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_escapes_what_it_is_fed() -> None:
    page = html.render(report())
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "alert(" in page
    assert EVIL not in page
    assert "script" not in tags.seen


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    sound = write_recording(Recording.mono_of(np.zeros(800, np.float32), 8000), tmp_path / "input.wav")
    items = [{"role": role, "file": str(sound), "seconds": 0.1, "sample_rate": 8000} for role in ("input", "heard")]
    page = html.render(report(recordings=items, pictures=[{"title": "mel", "file": str(tmp_path / "absent.png")}]))
    assert page.count("data:audio/wav;base64,") == 2
    assert "not embedded" in page
    assert not re.findall(r"https?://", page)
    assert "default-src 'none'" in page


def test_large_sounds_are_named_and_not_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_EMBEDDED_BYTES", 1000)
    sound = write_recording(Recording.mono_of(np.zeros(8000, np.float32), 8000), tmp_path / "input.wav")
    page = html.render(report(recordings=[{"role": "input", "file": str(sound), "seconds": 1.0, "sample_rate": 8000}]))
    assert "data:audio" not in page
    assert str(sound) in page


def test_an_empty_report_is_small() -> None:
    page = html.render(Report("diff", ("a", "b"), Verdict.PASS))
    assert len(page) < 20_000
    assert "Nothing found" in page
