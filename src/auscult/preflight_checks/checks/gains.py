"""Does each part hand back the gradient that it should?

Parts against their derivative, passages and the quantizer against 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from auscult.preflight_checks.checks.capture import (
    ForwardPass,
    PartCall,
    capture_forward,
    find_first_float,
)
from auscult.preflight_checks.keep import TrainingSnapshot
from auscult.preflight_checks.measures.codebooks import find_codebooks
from auscult.preflight_checks.measures.gradients import (
    compute_projected_gain,
    measure_derivative_gain,
)
from auscult.preflight_checks.measures.straight_through import measure_quantizer_gain
from auscult.preflight_checks.records import PartGain
from auscult.preflight_checks.setup import Setup, sum_terms


def measure_gains(setup: Setup, snapshot: TrainingSnapshot) -> tuple[PartGain, ...]:
    """Gains of the quantizer, of the passages between parts, and of encoder and decoder (or the
    whole model).
    """
    gains: list[PartGain] = []
    with torch.enable_grad():
        captured = capture_forward(setup)
        gains += measure_passages(setup, captured)
        snapshot.restore()
        gains += _measure_quantizer(setup, captured)
        snapshot.restore()
        smooth_calls = {name: call for name, call in captured.calls.items() if name != "quantizer"}
        for name, call in smooth_calls.items():
            gains += _measure_smooth_part(name, call)
        if not smooth_calls:
            gains += _measure_whole_model(setup)
        snapshot.restore()
    return tuple(gains)


def _measure_quantizer(setup: Setup, captured: ForwardPass) -> Iterator[PartGain]:
    call = captured.calls.get("quantizer")
    if call is None or call.input_tensor is None or turns_gradients(call.module):
        return
    books = find_codebooks(call.module)
    input_tensor = call.input_tensor
    place = next((i for i, value in enumerate(call.args) if value is input_tensor), None)
    if place != 0:
        return
    setup.model.train()
    torch.manual_seed(0)
    gain = measure_quantizer_gain(
        call.module, input_tensor, books, args=tuple(call.args[1:]), kwargs=call.kwargs
    )
    if gain is not None:
        yield PartGain("quantizer", gain.factor, gain.cosine, "straight-through", gain.books)


def turns_gradients(quantizer: nn.Module) -> bool:
    """Whether a quantizer turns and scales gradients as it turns the latent (the rotation trick of
    vector-quantize-pytorch, arXiv 2410.06424), so that no gain of 1 is to be expected.
    """
    return any(getattr(module, "rotation_trick", False) is True for module in quantizer.modules())


def measure_passages(setup: Setup, captured: ForwardPass) -> Iterator[PartGain]:
    """Where one part's output is the next one's input, value for value, its gradient must be the
    same too.
    """
    terms = setup.terms(captured.output, setup.batch)
    if not terms:
        return
    total = sum_terms(terms)
    if not total.requires_grad:
        return
    order = [name for name in ("encoder", "quantizer", "decoder") if name in captured.calls]
    for first, second in itertools.pairwise(order):
        next_input = captured.calls[second].input_tensor
        result = _find_equal_leaf(captured.calls[first].result, next_input)
        if next_input is None or result is None or result is next_input:
            continue
        if not result.requires_grad:
            continue
        if not next_input.requires_grad:
            yield PartGain(f"{first} to {second}", 0.0, 0.0, "passage")
            continue
        result_gradient, input_gradient = torch.autograd.grad(
            total, [result, next_input], retain_graph=True, allow_unused=True
        )
        if input_gradient is not None and bool(input_gradient.any()):
            yield PartGain(
                f"{first} to {second}",
                *compute_projected_gain(result_gradient, input_gradient),
                "passage",
            )


def _find_equal_leaf(result: Any, tensor: Tensor | None) -> Tensor | None:
    from auscult.preflight_checks.structure import iter_leaves

    if tensor is None:
        return None
    equal_leaves = [
        leaf
        for _, leaf in iter_leaves(result)
        if leaf.shape == tensor.shape and leaf.is_floating_point()
    ]
    return next(
        (
            leaf
            for leaf in equal_leaves
            if torch.allclose(leaf.detach(), tensor.detach(), rtol=1e-4, atol=1e-9)
        ),
        None,
    )


def _measure_smooth_part(name: str, call: PartCall) -> Iterator[PartGain]:
    if call.input_tensor is None or call.input_tensor.ndim < 2:
        return

    def function(value: Tensor) -> Tensor:
        torch.manual_seed(0)
        result = find_first_float(call.again(value))
        if result is None:
            return value.new_zeros(())
        return result

    factor = measure_derivative_gain(function, call.input_tensor)
    if not math.isnan(factor):
        yield PartGain(name, factor, 1.0, "derivative")


def _measure_whole_model(setup: Setup) -> Iterator[PartGain]:
    source = setup.source
    if source is None or not source.is_floating_point() or "quantizer" in setup.parts:
        return

    def function(value: Tensor) -> Tensor:
        torch.manual_seed(0)
        return setup.waveform(setup.output_of(setup.with_source(value)))

    factor = measure_derivative_gain(function, source)
    if not math.isnan(factor):
        yield PartGain("model", factor, 1.0, "derivative")
