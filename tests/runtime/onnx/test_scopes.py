"""The modules that a graph was exported from, by the names of its nodes."""

from __future__ import annotations

from pathlib import Path

from auscult.runtime.onnx.graph import read_graph
from auscult.runtime.onnx.scopes import ScopeCall, find_scope_calls
from tests.runtime.onnx.graphs import Node, write_graph


def find_calls(tmp_path: Path, *nodes: Node) -> dict[tuple[str, int], ScopeCall]:
    graph = read_graph(write_graph(tmp_path / "m.onnx", nodes))
    return {(call.path, call.call): call for call in find_scope_calls(graph)}


TWICE: tuple[Node, ...] = (
    ("MatMul", ["x", "w"], ["a"], "/up/MatMul"),
    ("Relu", ["a"], ["b"], "/up/Relu"),
    ("MatMul", ["b", "w"], ["c"], "/up_1/MatMul"),
    ("Relu", ["c"], ["d"], "/up_1/Relu"),
)


def test_a_module_that_is_called_twice(tmp_path: Path) -> None:
    calls = find_calls(tmp_path, *TWICE)
    assert {place: (call.inputs, call.outputs) for place, call in calls.items()} == {
        ("up", 0): (("x",), ("b",)),
        ("up", 1): (("b",), ("d",)),
    }
    assert calls["up", 0].type == "MatMul"
    assert (calls["up", 1].first, calls["up", 1].last) == (2, 3)


def test_other_weights_are_another_module(tmp_path: Path) -> None:
    op, _, outputs, name = TWICE[2]
    calls = find_calls(tmp_path, *TWICE[:2], (op, ["b", "v"], outputs, name), TWICE[3])
    assert set(calls) == {("up", 0), ("up_1", 0)}


def test_modules_hold_what_runs_in_their_parts(tmp_path: Path) -> None:
    calls = find_calls(
        tmp_path,
        ("MatMul", ["x", "w"], ["a"], "/net/conv/MatMul"),
        ("Add", ["a", "x"], ["b"], "/net/Add"),
    )
    net = calls["net", 0]
    assert [node.op for node in net.nodes] == ["MatMul", "Add"]
    assert [node.op for node in net.own] == ["Add"]
    assert (net.inputs, net.outputs) == (("x",), ("b",))
    assert calls["net.conv", 0].outputs == ("a",)


def test_a_split_that_lost_its_module_belongs_to_the_one_around_it(tmp_path: Path) -> None:
    projection: Node = ("MatMul", ["x", "w"], ["a"], "/net/attn/qkv/MatMul")
    product: Node = ("Mul", ["q", "k"], ["b"], "/net/attn/Mul")
    calls = find_calls(tmp_path, projection, ("Split", ["a"], ["q", "k"], "split"), product)
    assert calls["net.attn", 0].outputs == ("b",)
    assert [node.op for node in calls["net.attn", 0].own] == ["Split", "Mul"]

    outside: Node = ("Mul", ["q", "k"], ["b"], "/net/post/Mul")
    calls = find_calls(tmp_path, projection, ("Split", ["a"], ["q", "k"], "split"), outside)
    assert calls["net.attn.qkv", 0].outputs == ("a",)
    assert ("net.attn", 0) not in calls


def test_names_without_scopes_show_no_modules(tmp_path: Path) -> None:
    assert find_calls(tmp_path, ("MatMul", ["x", "w"], ["a"], "first")) == {}


def test_calls_that_are_not_numbered_cannot_be_told_apart(tmp_path: Path) -> None:
    nodes: tuple[Node, ...] = (
        ("MatMul", ["x", "w"], ["a"], "up.MatMul"),
        ("MatMul", ["a", "w"], ["b"], "up.MatMul_1"),
    )
    assert find_calls(tmp_path, *nodes) == {}
