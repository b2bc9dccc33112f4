"""The stories: those of two recordings in the everyday tests, those with traces, which run models, in the slow ones."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from auscult.report.text import render
from auscult.verdict import Report, Verdict
from corpus.combined.stories import HEALTHY, STORIES, Story, diagnose_story

UNTRACED = [story for story in STORIES if not story.traced]
TRACED = [story for story in STORIES if story.traced]
SCREEN = (40, 100)
"""Lines and columns."""


def fits_the_screen(report: Report) -> bool:
    """A command is not wrapped, so that it can be copied; everything else fits."""
    lines = render(report).splitlines()
    return len(lines) <= SCREEN[0] and all(
        len(line) <= SCREEN[1] for line in lines if not line.startswith("next")
    )


def check(story: Story) -> None:
    report = diagnose_story(story, 0)
    cause = report.extra["diagnosis"]["cause"]
    assert report.verdict is Verdict.DIVERGENT
    assert cause["cause"] in story.causes, render(report)
    assert report.extra["diagnosis"]["next"]
    assert fits_the_screen(report), render(report)


@pytest.mark.parametrize("story", UNTRACED, ids=lambda story: story.name)
def test_a_fault_of_writing_is_told_from_the_model(story: Story) -> None:
    check(story)


@pytest.mark.slow
@pytest.mark.parametrize("story", TRACED, ids=lambda story: story.name)
def test_with_traces_the_cause_of_what_is_heard_is_found(story: Story) -> None:
    check(story)


@pytest.mark.slow
@pytest.mark.parametrize("story", HEALTHY, ids=lambda story: story.name)
def test_nothing_is_wrong(story: Story) -> None:
    report = diagnose_story(story, 0)
    assert report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}, render(report)
