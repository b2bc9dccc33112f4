"""A saved report as a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.verbs.report.open_page import write_page
from auscult.verdict import Report, Verdict


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "saved.json"
    Report("inspect", ("model.npz",), Verdict.PASS).save(path)
    return path


def test_the_page_lies_where_it_was_asked_for(saved: Path, tmp_path: Path) -> None:
    page = write_page(saved, tmp_path / "page.html")
    assert page == tmp_path / "page.html"
    assert page.read_text().lstrip().startswith("<!doctype html>")


def test_without_a_place_it_lies_in_a_folder_of_its_own(saved: Path) -> None:
    page = write_page(saved)
    assert page.name == "saved.html"
    assert page.parent != saved.parent


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UsageError, match="is not a report"):
        write_page(tmp_path / "other.json", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
