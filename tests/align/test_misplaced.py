"""Contents in each other's places are a fault in renamed files and graphs too; other names alone are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from auscult.align import align
from auscult.weights import Checkpoint, ModuleInfo
from tests.align.pairs import Arrays, aligned

SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "conv": {"weight": (16, 12, 3), "bias": (16,)},
    "up.0": {"weight": (12, 16, 4), "bias": (16,)},
    "up.1": {"weight": (12, 16, 4), "bias": (16,)},
    "norm": {"weight": (16,), "bias": (16,), "running_mean": (16,), "running_var": (16,)},
}
KERAS_LAYERS = {"conv": "conv1d", "up.0": "deconvA", "up.1": "deconvB", "norm": "batch"}
KERAS_PARTS = {
    "weight": "kernel",
    "bias": "bias",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
EXCHANGES = [
    ("norm.weight", "norm.bias"),
    ("norm.bias", "norm.running_mean"),
    ("norm.running_var", "up.0.bias"),
    ("up.0.bias", "up.1.bias"),
    ("conv.bias", "up.0.bias"),
]


@pytest.fixture
def right(rng: np.random.Generator) -> Arrays:
    return {
        f"{layer}.{part}": rng.standard_normal(shape).astype(np.float32)
        for layer, parts in SHAPES.items()
        for part, shape in parts.items()
    }


def rename_as_keras(arrays: Arrays) -> Arrays:
    result = {}
    for name, array in arrays.items():
        layer, _, part = name.rpartition(".")
        keras_part = {"weight": "gamma", "bias": "beta"}.get(part, KERAS_PARTS[part])
        if layer != "norm":
            keras_part = KERAS_PARTS[part]
        result[f"{KERAS_LAYERS[layer]}/{keras_part}"] = array
    return result


def exchange(arrays: Arrays, first: str, second: str) -> Arrays:
    return arrays | {first: arrays[second], second: arrays[first]}


def list_faults(a: Checkpoint, b: Checkpoint) -> set[str]:
    return {name for match in align(a, b).matches if match.fault for name in match.a}


@pytest.mark.parametrize("names", EXCHANGES)
def test_vectors_in_other_roles_or_layers_are_a_fault(
    names: tuple[str, str], right: Arrays
) -> None:
    wrong = exchange(right, *names)
    result = aligned(right, rename_as_keras(wrong))
    assert {match.a[0] for match in result.matches if match.cause == "swapped"} == set(names)
    result = aligned(rename_as_keras(right), wrong)
    assert {match.b[0] for match in result.matches if match.fault} == set(names)


def test_other_names_for_all_are_none(right: Arrays) -> None:
    assert not any(match.fault for match in aligned(right, rename_as_keras(right)).matches)
    assert not any(match.fault for match in aligned(rename_as_keras(right), right).matches)


def test_layers_that_are_numbered_from_the_end_are_none(rng: np.random.Generator) -> None:
    arrays = {
        f"up.{index}.{part}": rng.standard_normal(shape).astype(np.float32)
        for index in range(3)
        for part, shape in {"weight": (16, 12, 3), "bias": (16,)}.items()
    }
    port = {
        f"up_blocks.{2 - int(name[3])}{name[4:]}": array for name, array in reversed(arrays.items())
    }
    assert not any(match.fault for match in aligned(arrays, port).matches)


def make_graph(right: Arrays, matrices: dict[str, str]) -> Checkpoint:
    """What an exporter makes of two layers x W + b: matrices without a name, operators that have their layers' names.

    Args:
        matrices: The layer whose matrix each layer's operator takes.
    """
    tensors: Arrays = {}
    modules: dict[str, ModuleInfo] = {}
    for number, layer in enumerate(("enc.fc_q", "enc.fc_k")):
        matrix, bias = f"onnx::MatMul_{number}", f"{layer}.bias"
        tensors[matrix] = np.ascontiguousarray(right[f"{matrices[layer]}.weight"].T)
        tensors[bias] = right[bias]
        product = f"/{layer.replace('.', '/')}/MatMul"
        modules[matrix] = ModuleInfo(matrix, "MatMul", {"node": product, "input": 1})
        attributes = {"node": product.replace("MatMul", "Add"), "input": 0, "layer": product}
        modules[bias] = ModuleInfo(bias, "Add", attributes)
    return Checkpoint.of(tensors, modules=modules)


def draw_projections(rng: np.random.Generator) -> Arrays:
    return {
        f"enc.{layer}.{part}": rng.standard_normal(shape).astype(np.float32)
        for layer in ("fc_q", "fc_k")
        for part, shape in {"weight": (24, 16), "bias": (24,)}.items()
    }


def test_matrices_of_a_graph_that_other_layers_take_are_a_fault(rng: np.random.Generator) -> None:
    right = draw_projections(rng)
    same = {"enc.fc_q": "enc.fc_q", "enc.fc_k": "enc.fc_k"}
    crossed = {"enc.fc_q": "enc.fc_k", "enc.fc_k": "enc.fc_q"}
    reference = Checkpoint.of(right)
    assert list_faults(reference, make_graph(right, same)) == set()
    assert list_faults(reference, make_graph(right, crossed)) == {
        "enc.fc_q.weight",
        "enc.fc_k.weight",
    }


def test_operators_without_names_are_told_by_the_bias_beside_them(
    rng: np.random.Generator,
) -> None:
    right = draw_projections(rng)
    crossed = make_graph(right, {"enc.fc_q": "enc.fc_k", "enc.fc_k": "enc.fc_q"})
    nameless = {
        name: ModuleInfo(name, info.type, dict(info.attributes) | _strip_words(info))
        for name, info in crossed.modules.items()
    }
    graph = Checkpoint.of(
        {name: tensor.numpy() for name, tensor in crossed.items()}, modules=nameless
    )
    assert len(list_faults(Checkpoint.of(right), graph)) == 2


def _strip_words(info: ModuleInfo) -> dict[str, Any]:
    layer = info.attributes.get("layer", info.attributes["node"])
    number = "0" if "fc_q" in layer else "1"
    return {"node": f"node_{info.type}_{number}"} | (
        {"layer": f"node_MatMul_{number}"} if "layer" in info.attributes else {}
    )


def test_a_bias_in_the_layer_whose_own_is_left_over_is_a_fault(rng: np.random.Generator) -> None:
    right = draw_projections(rng) | {"enc.fc_k.bias": np.zeros(24, np.float32)}
    graph = make_graph(right, {"enc.fc_q": "enc.fc_q", "enc.fc_k": "enc.fc_k"})
    without_zeros = Checkpoint.of(
        {name: t.numpy() for name, t in graph.items() if name != "enc.fc_k.bias"},
        modules={n: info for n, info in graph.modules.items() if n != "enc.fc_k.bias"},
    )
    assert list_faults(without_zeros, Checkpoint.of(right)) == set()
    wrong = Checkpoint.of(exchange(right, "enc.fc_q.bias", "enc.fc_k.bias"))
    assert list_faults(without_zeros, wrong) == {"enc.fc_q.bias"}


@pytest.mark.parametrize(
    "packed", ["_all_weight_values.0.param.{}.4.{}.0.0", "_all_weight_values.0.param.{}.4.{}.0"]
)
def test_what_multiplies_the_input_stands_for_the_state(
    packed: str, rng: np.random.Generator
) -> None:
    """Both matrices have one shape; torch's dynamic quantisation packs them under numbers."""
    right = {
        f"gru.weight_{part}_l0": rng.standard_normal((24, 8)).astype(np.float32)
        for part in ("ih", "hh")
    }
    port = {f"gru.{packed.format(0, number)}": array for number, array in enumerate(right.values())}
    assert not any(match.fault for match in aligned(right, port).matches)
    wrong = exchange(port, *port)
    assert all(match.fault for match in aligned(right, wrong).matches)
