"""Recurrent layers whose gates stand in another order and whose values were rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from auscult.align import align
from auscult.align.records import WeightAlignment
from auscult.verdict import Equality
from auscult.weights import Checkpoint, Quantization, Tensor

HIDDEN, INPUTS = 12, 20
ORDERS = {4: (0, 3, 1, 2), 3: (1, 0, 2)}
"""ONNX's gates in torch's: i, o, f, c of i, f, g, o; z, r, h of r, z, n."""


def make_layer(seed: int, gates: int, directions: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    layer = {}
    for suffix in ("", "_reverse")[:directions]:
        for part, width in (("weight_ih", INPUTS), ("weight_hh", HIDDEN)):
            layer[f"rnn.{part}_l0{suffix}"] = rng.normal(size=(gates * HIDDEN, width))
        for part in ("bias_ih", "bias_hh"):
            layer[f"rnn.{part}_l0{suffix}"] = rng.normal(size=gates * HIDDEN)
    return {name: values.astype(np.float32) for name, values in layer.items()}


def make_onnx(layer: Mapping[str, Any], gates: int, directions: int) -> dict[str, Any]:
    """W, R and B as ONNX has them, in float32."""

    def reorder(name: str) -> Any:
        blocks = np.split(layer[name], gates)
        return np.concatenate([blocks[index] for index in ORDERS[gates]])

    suffixes = ("", "_reverse")[:directions]
    return {
        "W": np.stack([reorder(f"rnn.weight_ih_l0{suffix}") for suffix in suffixes]),
        "R": np.stack([reorder(f"rnn.weight_hh_l0{suffix}") for suffix in suffixes]),
        "B": np.stack(
            [
                np.concatenate(
                    [reorder(f"rnn.{bias}_l0{suffix}") for bias in ("bias_ih", "bias_hh")]
                )
                for suffix in suffixes
            ]
        ),
    }


def quantise(values: Any) -> Tensor:
    """int8 with one scale."""
    scale = np.float32(np.abs(values).max() / 127)
    codes = np.rint(values / scale).astype(np.int8)
    tensor = Tensor.of("x", codes)
    return replace(tensor, quantization=Quantization(scale.reshape(1), np.zeros(1, np.int8)))


def round_graph(graph: Mapping[str, Any], form: str) -> Checkpoint:
    """The graph's tensors rounded to float16, or quantised and transposed as DynamicQuantizeLSTM has them."""
    tensors = {}
    for name, values in graph.items():
        if form == "float16" or name == "B":
            tensors[name] = Tensor.of(name, values.astype(np.float16))
        else:
            tensors[name] = replace(quantise(values.transpose(0, 2, 1)), name=name)
    return Checkpoint("graph", "onnx", tensors)


def compare(layer: Mapping[str, Any], graph: Checkpoint, *, is_swapped: bool) -> WeightAlignment:
    named = Checkpoint.of(layer)
    return align(graph, named) if is_swapped else align(named, graph)


@pytest.mark.parametrize("form", ["float16", "int8"])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("gates", [4, 3])
@pytest.mark.parametrize("is_swapped", [False, True])
def test_every_tensor_of_the_layer_is_found(
    form: str, directions: int, gates: int, *, is_swapped: bool
) -> None:
    layer = make_layer(0, gates, directions)
    graph = round_graph(make_onnx(layer, gates, directions), form)
    found = compare(layer, graph, is_swapped=is_swapped)
    assert not found.only_in_a
    assert not found.only_in_b
    assert {match.equality for match in found.matches} == {Equality.CLOSE}
    assert {match.cause for match in found.matches} == {"gate-order"}


@pytest.mark.parametrize("form", ["float16", "int8"])
def test_another_layer_is_not_taken_for_it(form: str) -> None:
    graph = round_graph(make_onnx(make_layer(1, 4, 2), 4, 2), form)
    found = compare(make_layer(0, 4, 2), graph, is_swapped=False)
    assert not [match for match in found.matches if match.equality is not Equality.DIFFERENT]


@pytest.mark.parametrize("form", ["float16", "int8"])
def test_one_changed_row_is_a_difference(form: str) -> None:
    layer = make_layer(0, 4, 2)
    changed = {name: values.copy() for name, values in layer.items()}
    step = np.abs(layer["rnn.weight_hh_l0"]).max() / 127
    changed["rnn.weight_hh_l0"][5] += 10 * step
    graph = round_graph(make_onnx(changed, 4, 2), form)
    found = compare(layer, graph, is_swapped=False)
    equal = {
        name
        for match in found.matches
        if match.equality is not Equality.DIFFERENT
        for name in match.a
    }
    assert equal == set(layer) - {"rnn.weight_hh_l0", "rnn.weight_hh_l0_reverse"}
