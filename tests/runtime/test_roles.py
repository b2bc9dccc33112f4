"""Names of the tensors of a call, and calls rebuilt from them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

from auscult.runtime.roles import (
    bind_arguments,
    format_role,
    iter_call_roles,
    iter_role_inputs,
    iter_roles,
    parse_position,
    replace_tensors,
    split_arguments,
)


def is_tensor(value: object) -> bool:
    return isinstance(value, float)


class State(NamedTuple):
    h: float
    c: float


@dataclass
class Result:
    logits: float
    caches: list[float]
    count: int = 3


def test_roles_of_nested_results() -> None:
    assert dict(iter_roles(1.0, "output", is_tensor)) == {"output": 1.0}
    nested = (1.0, (2.0, 3.0))
    assert list(iter_roles(nested, "output", is_tensor)) == [
        ("output", 1.0),
        ("output.1.0", 2.0),
        ("output.1.1", 3.0),
    ]
    assert [role for role, _ in iter_roles(Result(1.0, [2.0]), "output", is_tensor)] == [
        "output.logits",
        "output.caches.0",
    ]


def test_roles_of_arguments() -> None:
    assert list(iter_call_roles((1.0, 2.0), {"mask": 3.0, "scale": 4}, is_tensor)) == [
        ("input", 1.0),
        ("input.1", 2.0),
        ("input.mask", 3.0),
    ]


def double(value: Any) -> Any:
    return replace_tensors(value, "output", lambda _, tensor: 2 * tensor, is_tensor)


def test_containers_keep_their_kind() -> None:
    state = double((State(1.0, 2.0), OrderedDict(a=3.0), "text"))
    assert state == (State(2.0, 4.0), OrderedDict(a=6.0), "text")
    assert isinstance(state[0], State)
    assert isinstance(state[1], OrderedDict)
    assert double(Result(1.0, [2.0])) == Result(2.0, [4.0])
    untouched = (1, "text")
    assert double(untouched) is untouched


def test_a_swap_knows_the_role() -> None:
    swapped = replace_tensors(
        (1.0, 2.0), "output", lambda role, tensor: 9.0 if role == "output.1" else tensor, is_tensor
    )
    assert swapped == (1.0, 9.0)


def test_names_become_positions_and_keywords() -> None:
    inputs = {"input.1": "b", "input": "a", "input.mask": "m", "length": "n"}
    assert split_arguments(inputs) == (["a", "b"], {"mask": "m", "length": "n"})
    assert split_arguments({"1": "b", "0": "a"}) == (["a", "b"], {})
    assert list(iter_role_inputs({"0": "a", "1": "b", "mask": "m"})) == [
        ("input", "a"),
        ("input.1", "b"),
        ("input.mask", "m"),
    ]


def test_names_of_the_signature_are_positions() -> None:
    def forward(mel: Any, speaker: Any = None, *, scale: float = 1) -> None: ...

    assert bind_arguments(forward, {"mel": 1, "speaker": 2, "scale": 3}) == ([1, 2], {"scale": 3})
    assert bind_arguments(forward, {"speaker": 2, "mel": 1}) == ([1, 2], {})
    assert bind_arguments(forward, {"x": 1}) == ([1], {})  # there is no choice
    assert bind_arguments(forward, {"x": 1, "y": 2}) == ([], {"x": 1, "y": 2})


def test_a_foreign_name_stays_where_any_keyword_is_taken() -> None:
    def forward(**inputs: Any) -> None: ...

    assert bind_arguments(forward, {"x": 1}) == ([], {"x": 1})


def test_positions_and_the_roles_that_say_them() -> None:
    assert [format_role("output", index) for index in range(3)] == [
        "output",
        "output.1",
        "output.2",
    ]
    assert [parse_position(name) for name in ("input", "0", "input.2", "7")] == [0, 0, 2, 7]
    assert parse_position("input.mask") is None
    assert parse_position("mel") is None
