"""What scripts rest on: reports say the same as before, in the same keys.

The JSON files beside this test were written by the version before the code was moved to its present folders; prose is left out
of them. A run is recorded anew with `python -m tests.contract.runs NAME`, only where a change of the report is meant and stands
in the CHANGELOG.

Recorded anew since: diff-changed and diff-template. The first argument of `diff` was the candidate and is the reference now. The
two ask the same in the new order and find the same causes at the same places. What is other in them: the order of `subjects`
and of `mapping`, `only_in_a` and `only_in_b` exchanged, and `median_change`, which is relative to side b, now the candidate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auscult.cli.main import run_command_line
from tests.contract.inputs import make_inputs
from tests.contract.runs import HERE, RUNS, reduce_to_contract

RELATIVE_TOLERANCE = 0.02
"""Processors round otherwise, and a report's errors hang on it. Chosen, not measured."""

ROUNDING = 1e-4
"""Below this, two figures are both rounding noise."""

NEEDS_TORCH = ("compare-traces", "compare-models", "diff-template")

DURATIONS = frozenset(("report.preflight.seconds",))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_report_says_the_same_as_before(
    name: str,
    inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if name in NEEDS_TORCH:
        pytest.importorskip("torch")
    monkeypatch.chdir(inputs)
    for command in RUNS[name]:
        exit_code = run_command_line([*command.split(), "--format", "json"])
        out, _ = capsys.readouterr()
    today = {"exit_code": exit_code, "report": reduce_to_contract(json.loads(out))}
    recorded = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    assert list(find_differences(recorded, today)) == []


def find_differences(recorded: Any, today: Any, path: str = "") -> Iterator[str]:
    """Every place where two reports say different things."""
    if isinstance(recorded, dict) and isinstance(today, dict):
        for key in recorded.keys() | today.keys():
            place = f"{path}.{key}".strip(".")
            if key not in today:
                yield f"{place} is gone"
            elif key not in recorded:
                yield f"{place} is new"
            else:
                yield from find_differences(recorded[key], today[key], place)
    elif isinstance(recorded, list) and isinstance(today, list):
        if len(recorded) != len(today):
            yield f"{path} has {len(today)} items, had {len(recorded)}"
        for index, (before, after) in enumerate(zip(recorded, today, strict=False)):
            yield from find_differences(before, after, f"{path}[{index}]")
    elif not is_same(recorded, today, path):
        yield f"{path} is {today!r}, was {recorded!r}"


def is_same(recorded: Any, today: Any, path: str = "") -> bool:
    if path in DURATIONS:
        return True
    if is_number(recorded) and is_number(today):
        return math.isclose(recorded, today, rel_tol=RELATIVE_TOLERANCE, abs_tol=ROUNDING)
    return type(recorded) is type(today) and bool(recorded == today)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_every_difference_is_seen() -> None:
    recorded = {"verdict": "PASS", "count": 3, "where": ["a", "b"], "error": 0.5, "fix": None}
    assert list(find_differences(recorded, recorded)) == []
    changes: list[dict[str, Any]] = [
        {"verdict": "DIVERGENT"},
        {"count": 4},
        {"where": ["a"]},
        {"where": ["a", "c"]},
        {"error": 0.6},
        {"fix": {}},
        {"another": 1},
    ]
    for change in changes:
        assert len(list(find_differences(recorded, recorded | change))) == 1
    assert len(list(find_differences(recorded, {"verdict": "PASS"}))) == 4


def test_rounding_is_no_difference() -> None:
    assert is_same(6.3e-08, 1.7e-07)
    assert is_same(0.5, 0.505)
    assert not is_same(0.5, 0.52)
    assert not is_same(True, 1)
