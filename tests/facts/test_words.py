"""Folding of names: exact, disjoint and reversible."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.facts.words import fold_names, format_count, summarise_names


def unfold(pattern: str) -> list[str]:
    """The textbook expansion of a pattern."""
    parts = re.split(r"\{([^}]*)\}", pattern)
    choices = []
    for index, part in enumerate(parts):
        if index % 2 == 0:
            choices.append([part])
        elif ".." in part:
            first, last = map(int, part.split(".."))
            choices.append([str(value) for value in range(first, last + 1)])
        else:
            choices.append(part.split(","))
    return ["".join(words) for words in itertools.product(*choices)]


NAMES = st.lists(
    st.builds(
        lambda a, b, leaf: f"{a}.{b}.{leaf}",
        st.integers(0, 5),
        st.integers(0, 12),
        st.sampled_from(["weight", "bias", "w1.x"]),
    ),
    unique=True,
)


@given(NAMES)
def test_patterns_stand_for_exactly_these_names(names: list[str]) -> None:
    folds = fold_names(names)
    unfolded = [name for part in folds for name in unfold(part.pattern)]
    assert sorted(unfolded) == sorted(names)
    assert sum(part.size for part in folds) == len(names)


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        ([f"mrfs.{i}.convs.{j}" for i in range(5) for j in range(3)], ["mrfs.{0..4}.convs.{0..2}"]),
        (["a.0", "a.1", "a.3"], ["a.{0,1,3}"]),
        (["a.0.x", "a.1.x", "a.0.y"], ["a.{0..1}.x", "a.0.y"]),
        (["a.0.b.0", "a.0.b.1", "a.1.b.0"], ["a.0.b.{0..1}", "a.1.b.0"]),
        (["plain", "plain"], ["plain"]),
        (["a.00", "a.01"], ["a.00", "a.01"]),
        ([""], [""]),
        ([], []),
    ],
)
def test_examples(names: list[str], patterns: list[str]) -> None:
    assert [part.pattern for part in fold_names(names)] == patterns


def test_sentences() -> None:
    assert summarise_names(["a.0", "a.1", "b", "c", "d.0", "d.1"]) == "a.{0..1}, b, c and 2 more"
    assert (format_count(1, "tensor"), format_count(2000, "tensor")) == (
        "1 tensor",
        "2,000 tensors",
    )


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "tensor", "0 tensors"),
        (1, "entry", "1 entry"),
        (2, "entry", "2 entries"),
        (2, "array", "2 arrays"),
        (2, "bias", "2 biases"),
        (1234, "branch", "1,234 branches"),
    ],
)
def test_counts_have_their_plural(number: int, noun: str, text: str) -> None:
    assert format_count(number, noun) == text
