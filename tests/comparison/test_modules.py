"""The modules that a trace shows, how they nest, and which call belongs to which."""

from __future__ import annotations

import numpy as np

from auscult.comparison.modules import get_base_role, match_calls
from tests.hand_made import make_noise, make_tree

X, H, Y = make_noise(1, 3, 5), make_noise(1, 4, 5), make_noise(2, 5)
TREE = make_tree(
    [
        (":input", X),
        ("enc.block.conv:input", X),
        ("enc.block.conv", H),
        ("enc.block.drop:input", H),
        ("enc.block.drop", H),
        ("enc", H * 1),
        ("head#0", Y),
        ("head#1", Y * 2),
        ("head#1:noise", Y),
        ("", Y * 3),
    ],
    weights={
        "enc.block.conv": {"weight": make_noise(4, 3), "bias": np.zeros(4, np.float32)},
    },
)


def test_modules_are_in_the_order_in_which_they_ended() -> None:
    assert list(TREE.modules) == ["enc.block.conv", "enc.block.drop", "enc", "head", ""]
    assert TREE.leaves == ("enc.block.conv", "enc.block.drop", "head")
    assert TREE.children == {"": ("enc", "head"), "enc": ("enc.block.conv", "enc.block.drop")}
    assert list(TREE.descendants("")) == ["enc", "enc.block.conv", "enc.block.drop", "head"]


def test_one_module() -> None:
    conv, drop, head = (TREE.modules[path] for path in ("enc.block.conv", "enc.block.drop", "head"))
    assert (conv.parent, conv.calls, head.calls) == ("enc", 1, 2)
    assert conv.shape == drop.shape == (4, 5)
    assert len(conv.weights) == 1  # zeros tell nothing
    assert (conv.is_pass_through, drop.is_pass_through) == (False, True)
    assert [record.role for record in conv.roles("input")] == ["input"]
    second = head.output(1)
    assert second is not None
    assert (second.call, head.output(2)) == (1, None)
    assert [record.role for record in head.records] == ["output", "output"]


def test_roles() -> None:
    assert [get_base_role(role) for role in ("output", "output.1", "input.mask")] == [
        "output",
        "output",
        "input",
    ]


def test_calls_belong_by_number_unless_shapes_say_otherwise() -> None:
    queries, keys = make_noise(1, 4, 8), make_noise(1, 6, 8)
    a = make_tree([("norm#0", queries), ("norm#1", keys)]).modules["norm"]
    b = make_tree([("norm#0", keys), ("norm#1", queries)]).modules["norm"]
    once = make_tree([("norm#0", keys)]).modules["norm"]
    other = make_tree([("norm#0", make_noise(1, 9, 8)), ("norm#1", keys)]).modules["norm"]
    assert match_calls(a, a) == [(0, 0), (1, 1)]
    assert match_calls(a, b) == [(0, 1), (1, 0)]
    assert match_calls(a, once) == [(1, 0)]
    assert match_calls(a, other) == [(0, 0), (1, 1)]
