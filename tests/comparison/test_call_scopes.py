"""The call in whose code a tensor was made."""

from __future__ import annotations

from auscult.comparison.call_scopes import find_call_scope, find_call_windows
from tests.hand_made import make_noise, make_trace

X, A, B, Y = (make_noise(1, 3, 5, seed=seed) for seed in range(4))
TRACE = make_trace([(":input", X), ("a:input", X), ("a", A), ("b:input", 2 * A), ("b", B), ("", Y)])


def test_an_output_lies_in_its_own_call() -> None:
    record = TRACE.find("", "output")
    assert record is not None
    scope = find_call_scope(TRACE, record)
    assert (scope.path, scope.call) == ("", 0)
    assert [record.key for record in scope.inputs] == ["#0:input"]
    assert scope.list_child_paths() == ["a", "b"]


def test_an_input_lies_in_the_call_that_hands_it_over() -> None:
    record = TRACE.find("b", "input")
    assert record is not None
    scope = find_call_scope(TRACE, record)
    assert scope.path == ""
    assert [record.key for record in scope.before] == ["a#0:input", "a#0:output"]
    assert [record.path for record in scope.records] == ["a", "a", "b", "b"]


def test_a_module_that_only_hands_on_is_passed_over() -> None:
    rows = [(":input", X), ("s:input", A), ("s.l:input", A), ("s.l", B), ("s", B), ("", Y)]
    trace = make_trace(rows)
    record = trace.find("s.l", "input")
    assert record is not None
    assert find_call_scope(trace, record).path == ""


def test_windows_of_calls() -> None:
    trace = make_trace([("f:input", X), ("f", A), ("f#1:input", A), ("f#1", B), ("f:noise", Y)])
    assert find_call_windows(trace, "f") == {0: (0, 1), 1: (2, 3)}
