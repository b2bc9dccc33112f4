"""LiteRT's own forms of a model are no faults: convolutions as [out, 1, k, in], biases computed in advance, quantised scalars."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint, ModuleInfo, Quantization, Tensor
from tests.align.pairs import Arrays


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


def model() -> Arrays:
    return {
        "pre.weight": draw(8, 6, 5),
        "pre.bias": draw(8),
        "up.weight": draw(8, 6, 4),
        "up.bias": draw(6),
        "depthwise.weight": draw(6, 1, 7),
        "post.weight": draw(1, 6, 3),
    }


def graph(arrays: Arrays, operators: dict[str, tuple[str, int]], **tensors: Tensor) -> Checkpoint:
    """A LiteRT model: constants with the operator and the input that take them."""
    listed = {name: Tensor.of(name, array) for name, array in arrays.items()} | tensors
    modules = {
        name: ModuleInfo(name, kind, {"input": place, "node": f"0/{name.split('/')[0]}"})
        for name, (kind, place) in operators.items()
    }
    return Checkpoint("m.tflite", "litert", listed, modules=modules)


def converted(arrays: Arrays, plain: tuple[int, ...] = (0, 2, 1)) -> Checkpoint:
    """As litert-torch writes it: every convolution over time is one over a plane of height one."""
    constants = {
        "1/w": arrays["pre.weight"].transpose(plain)[:, None],
        "1/b": arrays["pre.bias"],
        "2/w": arrays["up.weight"].transpose(1, 2, 0)[:, None],
        "2/b": arrays["up.bias"],
        "3/w": arrays["depthwise.weight"].transpose(1, 2, 0)[None],
        "4/w": arrays["post.weight"].transpose(0, 2, 1)[:, None],
    }
    operators = {
        "1/w": ("CONV_2D", 1),
        "1/b": ("CONV_2D", 2),
        "2/w": ("TRANSPOSE_CONV", 1),
        "2/b": ("TRANSPOSE_CONV", 3),
        "3/w": ("DEPTHWISE_CONV_2D", 1),
        "4/w": ("CONV_2D", 1),
    }
    return graph({n: np.ascontiguousarray(a) for n, a in constants.items()}, operators)


def errors(report: Report) -> list[str]:
    return [item.cause for item in report.findings if item.severity is Severity.ERROR]


def test_the_formats_order_of_axes_is_no_error() -> None:
    whole = Checkpoint.of(model())
    for sides in ((whole, converted(model())), (converted(model()), whole)):
        report = diff(*sides)
        assert (report.verdict, errors(report)) == (Verdict.EQUIVALENT, [])
        layouts = [item for item in report.findings if item.cause.startswith("layout-")]
        assert {item.severity for item in layouts} == {Severity.INFO}


def test_an_order_that_no_framework_has_is_an_error() -> None:
    """Kernel and channels of the plain convolutions reversed, as no converter writes them."""
    odd = converted(model(), plain=(1, 0, 2))
    for sides in ((Checkpoint.of(model()), odd), (odd, Checkpoint.of(model()))):
        assert "layout-conv1d" in errors(diff(*sides))


def recurrent() -> tuple[Checkpoint, Arrays]:
    whole = {
        "gru.weight_ih": draw(12, 5),
        "gru.weight_hh": draw(12, 4),
        "gru.bias_ih": draw(12),
        "gru.bias_hh": draw(12, 1)[:, 0],
    }
    return Checkpoint.of(whole), {f"{n}/w": a for n, a in enumerate(whole.values())}


@pytest.mark.parametrize("cut", [slice(0, 12), slice(4, 8)])
def test_a_bias_computed_in_advance_is_no_weight(cut: slice) -> None:
    whole, constants = recurrent()
    constants["9/first"] = constants["3/w"][cut].reshape(1, 1, -1)
    operators = dict.fromkeys(constants, ("FULLY_CONNECTED", 1)) | {"9/first": ("ADD", 1)}
    report = diff(whole, graph(constants, operators))
    assert (report.verdict, errors(report)) == (Verdict.EQUIVALENT, [])


def test_numbers_of_no_bias_are_a_weight() -> None:
    whole, constants = recurrent()
    constants["9/first"] = constants["3/w"][4:8].reshape(1, 1, -1) + np.float32(1e-3)
    operators = dict.fromkeys(constants, ("FULLY_CONNECTED", 1)) | {"9/first": ("ADD", 1)}
    assert diff(graph(constants, operators), whole).verdict is Verdict.DIVERGENT


def test_a_quantised_number_that_no_layer_takes_is_a_parameter_of_an_operator() -> None:
    whole = Checkpoint.of({"out.weight": draw(6, 4)})
    stored = Tensor.of("eps", np.array(127, np.int8))
    eps = Tensor(
        "eps", (), "int8", stored.data, 1, None, Quantization(np.array(1e-5), np.array(0.0))
    )
    candidate = graph(
        {"0/w": draw(6, 4)}, {"0/w": ("FULLY_CONNECTED", 1), "eps": ("ADD", 1)}, eps=eps
    )
    for sides in ((whole, candidate), (candidate, whole)):
        assert diff(*sides).verdict is Verdict.EQUIVALENT
