"""The table of real recordings: its two parts stand beside each other, and what was not measured reaches no goal."""

from collections import Counter

from benchmarks.real_clip_sources import ENGINES, FRESH_PACKAGES, PACKAGES
from benchmarks.sections.real_clips import AlarmCounts, make_goals, make_rows


def make_counts(clips: int, errors: dict[str, int], warnings: dict[str, int]) -> AlarmCounts:
    return AlarmCounts(clips, Counter(errors), Counter(warnings), Counter(), Counter())


def test_each_part_has_its_columns() -> None:
    rows = make_rows(make_counts(100, {"dc": 1}, {"hiss": 2}), make_counts(50, {}, {"dc": 3}))
    assert rows == [
        ("`dc`", "1", "0", "0", "0", "0", "3", "0", "0"),
        ("`hiss`", "0", "2", "0", "0", "0", "0", "0", "0"),
    ]


def test_goals_are_reached_or_not_and_unmeasured_is_neither() -> None:
    assert [goal.reached for goal in make_goals(make_counts(100, {}, {"hiss": 1}), "x")] == [
        True,
        True,
    ]
    assert [goal.reached for goal in make_goals(make_counts(100, {"dc": 1}, {"hiss": 2}), "x")] == [
        False,
        False,
    ]
    assert [goal.reached for goal in make_goals(make_counts(0, {}, {}), "x")] == [None]


def test_new_packages_are_none_of_the_old() -> None:
    assert not set(FRESH_PACKAGES) & {*PACKAGES, *ENGINES}
