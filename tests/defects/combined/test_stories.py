"""The stories: faults of writing in the everyday tests, those in weights and code, which run models, in the slow ones."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from tests.defects.combined.stories import STORIES, Story, judge

WRITTEN = [story for story in STORIES if story.sound]
COMPUTED = [story for story in STORIES if not story.sound]


@pytest.mark.parametrize("story", WRITTEN, ids=lambda story: story.name)
def test_a_fault_of_writing_is_told_from_the_model(story: Story) -> None:
    right, answer = judge(story, 0)
    assert right, answer


@pytest.mark.slow
@pytest.mark.parametrize("story", COMPUTED, ids=lambda story: story.name)
def test_a_fault_of_weights_or_code_is_the_cause_of_what_is_heard(story: Story) -> None:
    right, answer = judge(story, 0)
    assert right, answer
