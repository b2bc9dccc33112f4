"""A border of zeros in place of a reflection, and causal padding."""

from __future__ import annotations

from dataclasses import replace

from auscult.explain.algebra.layers import PaddingMode, conv1d, pad_time
from auscult.explain.case import LayerCase
from auscult.weights import Array, ModuleInfo
from tests.explain.mistakes.code_places import WAVE, Features, list_causes
from tests.explain.planted import assert_explained, draw_even, layer, place

X, WEIGHT = 0.3 * draw_even(0, 1, 4, 40), draw_even(1, 6, 4, 3)


def convolve(left: int, right: int, mode: PaddingMode) -> Array:
    padded = pad_time(X, left, right, mode)
    assert padded is not None
    return conv1d(padded, WEIGHT)


def test_zeros_for_a_reflection() -> None:
    reference, candidate = convolve(1, 1, "reflect"), convolve(1, 1, "zeros")
    weights = {"weight": WEIGHT}
    case = layer("Conv1d", X, reference, candidate, weights, padding=1, padding_mode="reflect")
    assert "with zeros, the reference" in assert_explained("padding-mode", case).says


def test_all_of_the_padding_on_the_left() -> None:
    reference, candidate = convolve(1, 1, "zeros"), convolve(2, 0, "zeros")
    case = layer("Conv1d", X, reference, candidate, {"weight": WEIGHT}, padding=1)
    assert "pads 2 left and 0 right" in assert_explained("padding-mode", case).says


def test_a_known_tensor_padded_with_something_else() -> None:
    reference, candidate = pad_time(X, 3, 3, "reflect"), pad_time(X, 3, 3, "replicate")
    assert reference is not None
    assert candidate is not None
    assert_explained("padding-mode", place(reference, candidate, x=X))


def test_a_module_that_only_pads() -> None:
    reference, candidate = pad_time(X, 3, 3, "reflect"), pad_time(X, 3, 3, "zeros")
    assert reference is not None
    assert candidate is not None
    case = layer("ReflectionPad1d", X, reference, candidate)
    assert "pads its input by" in assert_explained("padding-mode", case).says


def test_the_border_of_a_spectrogram_in_the_code() -> None:
    ((cause, message),) = list_causes(Features(), Features(pad_mode="constant"), WAVE)
    assert cause == "padding-mode"
    assert message.endswith("fills the border of stft by constant, the reference by reflect")


def pad_before_a_module(
    left: int, right: int, padding_mode: str, pads: tuple[int, ...] = (0, 0)
) -> LayerCase:
    x = draw_even(5, 1, 4, 40)
    candidate = pad_time(x, left, right)
    assert candidate is not None
    module = ModuleInfo("conv", "Conv1d", {"padding": (2,), "padding_mode": padding_mode})
    convolution = ModuleInfo("Conv", "Conv", {"pads": pads})
    case = place(x, candidate, x=x)
    return replace(case, module=module, candidate_module=convolution)


def test_zeros_before_a_module_that_reflects() -> None:
    first = assert_explained("padding-mode", pad_before_a_module(2, 2, "reflect"))
    assert first.parameters == {"reference": [2, 2, "reflect"], "candidate": [2, 2, "zeros"]}


def test_more_than_the_module_pads_is_another_padding() -> None:
    first = assert_explained("stride-padding", pad_before_a_module(3, 3, "reflect"))
    assert first.parameters["reference"] == [0, 0, "zeros"]


def test_padding_once_more_before_a_module_that_pads_is_no_other_border() -> None:
    case = pad_before_a_module(2, 2, "reflect", pads=(2, 2))
    assert assert_explained("stride-padding", case).parameters["reference"] == [0, 0, "zeros"]
