"""The stories: those of two recordings in the everyday tests, those with traces, which run models, in the slow ones."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from tests.defects.combined.stories import STORIES, Story, judge

UNTRACED = [story for story in STORIES if not story.traced]
TRACED = [story for story in STORIES if story.traced]


@pytest.mark.parametrize("story", UNTRACED, ids=lambda story: story.name)
def test_a_fault_of_writing_is_told_from_the_model(story: Story) -> None:
    right, answer = judge(story, 0)
    assert right, answer


@pytest.mark.slow
@pytest.mark.parametrize("story", TRACED, ids=lambda story: story.name)
def test_with_traces_the_cause_of_what_is_heard_is_found(story: Story) -> None:
    right, answer = judge(story, 0)
    assert right, answer
