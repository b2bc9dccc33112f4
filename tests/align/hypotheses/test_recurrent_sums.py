"""Biases of recurrent layers as OpenVINO and ncnn keep them: sums, and a GRU's four parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Equality, Verdict
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays, aligned

HIDDEN, INPUTS = 20, 12
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
OPENVINO_ORDER = {"lstm": (1, 0, 2, 3), "gru": (1, 0, 2), "rnn": (0,)}
"""f, i, c, o of torch's i, f, g, o; z, r, h of r, z, n."""


def make_layer(rng: np.random.Generator, kind: str, directions: int) -> Arrays:
    rows = GATES[kind] * HIDDEN
    layer = {}
    for suffix in ("", "_reverse")[:directions]:
        layer[f"rnn.weight_ih_l0{suffix}"] = rng.normal(size=(rows, INPUTS))
        layer[f"rnn.weight_hh_l0{suffix}"] = rng.normal(size=(rows, HIDDEN))
        layer[f"rnn.bias_ih_l0{suffix}"] = rng.normal(size=rows)
        layer[f"rnn.bias_hh_l0{suffix}"] = rng.normal(size=rows)
    return {name: values.astype(np.float32) for name, values in layer.items()}


def make_bias(layer: Arrays, kind: str, suffix: str, order: tuple[int, ...]) -> Any:
    """What one direction adds: sums of both biases, and of a GRU's new gate both."""
    inputs = np.split(layer[f"rnn.bias_ih_l0{suffix}"], GATES[kind])
    hidden = np.split(layer[f"rnn.bias_hh_l0{suffix}"], GATES[kind])
    sums = [inputs[index] + hidden[index] for index in order]
    if kind == "gru":
        sums = [*sums[:2], inputs[2], hidden[2]]
    return np.concatenate(sums)


def make_openvino(layer: Arrays, kind: str, dtype: Any) -> Arrays:
    """W, R [directions, gates * hidden, in] and B [directions, gates * hidden], or four parts of a GRU."""
    suffixes = [suffix for suffix in ("", "_reverse") if f"rnn.bias_ih_l0{suffix}" in layer]
    order = OPENVINO_ORDER[kind]

    def stack(part: str) -> Any:
        blocks = [np.split(layer[f"rnn.{part}_l0{suffix}"], GATES[kind]) for suffix in suffixes]
        return np.stack([np.concatenate([rows[index] for index in order]) for rows in blocks])

    bias = np.stack([make_bias(layer, kind, suffix, order) for suffix in suffixes])
    graph = {"Concat": stack("weight_ih"), "Concat_1": stack("weight_hh"), "Concat_2": bias}
    return {name: values.astype(dtype) for name, values in graph.items()}


def make_ncnn(layer: Arrays, kind: str) -> Arrays:
    """float16 values in float32: a tensor of each direction, r before z, the bias in one row for each of its parts."""
    order = tuple(range(GATES[kind]))
    graph = {}
    for suffix in [suffix for suffix in ("", "_reverse") if f"rnn.bias_ih_l0{suffix}" in layer]:
        graph[f"rnn_3.weight_xc{suffix}"] = layer[f"rnn.weight_ih_l0{suffix}"]
        graph[f"rnn_3.weight_hc{suffix}"] = layer[f"rnn.weight_hh_l0{suffix}"]
        bias = make_bias(layer, kind, suffix, order).reshape(-1, HIDDEN)
        graph[f"rnn_3.bias_c{suffix}"] = bias
    return {name: values.astype(np.float16).astype(np.float32) for name, values in graph.items()}


def make_graph(layer: Arrays, kind: str, form: str) -> Arrays:
    if form == "ncnn":
        return make_ncnn(layer, kind)
    return make_openvino(layer, kind, np.dtype(form))


@pytest.mark.parametrize("form", ["float32", "float16", "ncnn"])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("is_swapped", [False, True])
def test_every_bias_is_found(
    rng: np.random.Generator, form: str, directions: int, kind: str, *, is_swapped: bool
) -> None:
    layer = make_layer(rng, kind, directions)
    graph = make_graph(layer, kind, form)
    found = aligned(graph, layer) if is_swapped else aligned(layer, graph)
    assert not found.only_in_a
    assert not found.only_in_b
    assert all(match.equality is not Equality.DIFFERENT for match in found.matches)


def change_one(layer: Arrays) -> None:
    layer["rnn.bias_ih_l0"][3] += 0.05


def forget_part(layer: Arrays) -> None:
    layer["rnn.bias_hh_l0"][-HIDDEN:] = 0


def exchange_directions(layer: Arrays) -> None:
    for part in ("bias_ih", "bias_hh"):
        forward, reverse = f"rnn.{part}_l0", f"rnn.{part}_l0_reverse"
        layer[forward], layer[reverse] = layer[reverse], layer[forward]


def exchange_new_gate(layer: Arrays) -> None:
    """The input's bias of the new gate with the hidden state's: their sums are the same, the four parts are not."""
    inputs, hidden = layer["rnn.bias_ih_l0"], layer["rnn.bias_hh_l0"]
    kept = inputs[-HIDDEN:].copy()
    inputs[-HIDDEN:], hidden[-HIDDEN:] = hidden[-HIDDEN:], kept


@pytest.mark.parametrize("form", ["float32", "float16", "ncnn"])
@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize("change", [change_one, forget_part, exchange_directions])
def test_another_bias_is_not(rng: np.random.Generator, form: str, kind: str, change: Any) -> None:
    layer = make_layer(rng, kind, 2)
    other = {name: values.copy() for name, values in layer.items()}
    change(other)
    report = diff(Checkpoint.of(layer), Checkpoint.of(make_graph(other, kind, form)))
    assert report.verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("form", ["float32", "float16", "ncnn"])
def test_the_new_gates_two_biases_are_told_apart(rng: np.random.Generator, form: str) -> None:
    layer = make_layer(rng, "gru", 1)
    other = {name: values.copy() for name, values in layer.items()}
    exchange_new_gate(other)
    report = diff(Checkpoint.of(layer), Checkpoint.of(make_graph(other, "gru", form)))
    assert report.verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("form", ["float32", "float16", "ncnn"])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_gates_of_the_bias_in_another_order_than_the_weights_are_a_fault(
    rng: np.random.Generator, form: str, directions: int, kind: str, *, is_swapped: bool
) -> None:
    layer = make_layer(rng, kind, directions)
    other = {name: values.copy() for name, values in layer.items()}
    for part in ("bias_ih_l0", "bias_hh_l0"):
        first, second, *rest = np.split(layer[f"rnn.{part}"], GATES[kind])
        other[f"rnn.{part}"] = np.concatenate([second, first, *rest])
    graph = make_graph(other, kind, form)
    files = (graph, layer) if is_swapped else (layer, graph)
    assert diff(*map(Checkpoint.of, files)).verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("form", ["float32", "float16"])
def test_gates_whose_biases_are_alike_can_lie_in_any_order(
    rng: np.random.Generator, form: str
) -> None:
    """A bias as it is initialised: ones for the forget gate, zeros for the others."""
    layer = make_layer(rng, "lstm", 1)
    layer["rnn.bias_ih_l0"] = np.repeat(np.array([0, 1, 0, 0], np.float32), HIDDEN)
    layer["rnn.bias_hh_l0"] = layer["rnn.bias_ih_l0"] / 2
    report = diff(Checkpoint.of(layer), Checkpoint.of(make_graph(layer, "lstm", form)))
    assert report.verdict is Verdict.EQUIVALENT


def make_mlx_gru(layer: Arrays) -> Arrays:
    """MLX's `b`, in which r and z have both biases, and `bhn`, the hidden bias of n."""
    bias = make_bias(layer, "gru", "", (0, 1, 2))
    return {
        "rnn.Wx": layer["rnn.weight_ih_l0"],
        "rnn.Wh": layer["rnn.weight_hh_l0"],
        "rnn.b": bias[: 3 * HIDDEN],
        "rnn.bhn": bias[3 * HIDDEN :],
    }


@pytest.mark.parametrize("is_swapped", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_gru_of_mlx_is_the_same(
    rng: np.random.Generator, dtype: str, *, is_swapped: bool
) -> None:
    layer = make_layer(rng, "gru", 1)
    port = {name: values.astype(dtype) for name, values in make_mlx_gru(layer).items()}
    files = (port, layer) if is_swapped else (layer, port)
    report = diff(*map(Checkpoint.of, files))
    assert report.verdict is Verdict.EQUIVALENT
    (finding,) = [finding for finding in report.findings if finding.cause == "gate-order"]
    assert finding.severity is Severity.INFO


def drop_hidden_bias(port: Arrays, layer: Arrays) -> None:
    port["rnn.b"] = layer["rnn.bias_ih_l0"]


def add_all_up(port: Arrays, layer: Arrays) -> None:
    port["rnn.b"] = layer["rnn.bias_ih_l0"] + layer["rnn.bias_hh_l0"]


def forget_last_part(port: Arrays, _layer: Arrays) -> None:
    port["rnn.bhn"] = np.zeros_like(port["rnn.bhn"])


def exchange_gates(port: Arrays, _layer: Arrays) -> None:
    first, second, last = np.split(port["rnn.b"], 3)
    port["rnn.b"] = np.concatenate([second, first, last])


@pytest.mark.parametrize("change", [drop_hidden_bias, add_all_up, forget_last_part, exchange_gates])
def test_another_gru_of_mlx_is_not(rng: np.random.Generator, change: Any) -> None:
    layer = make_layer(rng, "gru", 1)
    port = make_mlx_gru(layer)
    change(port, layer)
    report = diff(Checkpoint.of(layer), Checkpoint.of(port))
    assert report.verdict is Verdict.DIVERGENT
    places = [
        place
        for finding in report.findings
        if finding.severity is not Severity.INFO and finding.cause != "renamed"
        for place in finding.where
    ]
    assert places
    assert all(place.startswith("rnn.b") for place in places)
