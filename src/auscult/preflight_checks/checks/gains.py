"""Does each part hand back the gradient that it should? Parts against their derivative, passages and the quantizer against 1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from auscult.preflight_checks.checks.capture import Captured, PartCall, capture, first_float
from auscult.preflight_checks.keep import Kept
from auscult.preflight_checks.measures.codebooks import find_codebooks
from auscult.preflight_checks.measures.gradients import derivative_gain, projected_gain
from auscult.preflight_checks.measures.straight_through import quantizer_gain
from auscult.preflight_checks.records import PartGain
from auscult.preflight_checks.setup import Setup, total_of


def measure_gains(setup: Setup, kept: Kept) -> tuple[PartGain, ...]:
    """Gains of the quantizer, of the passages between parts, and of encoder and decoder (or the whole model)."""
    found: list[PartGain] = []
    with torch.enable_grad():
        captured = capture(setup)
        found += passages(setup, captured)
        kept.restore()
        found += _quantizer(setup, captured)
        kept.restore()
        smooth = {name: call for name, call in captured.calls.items() if name != "quantizer"}
        for name, call in smooth.items():
            found += _smooth(name, call)
        if not smooth:
            found += _whole(setup)
        kept.restore()
    return tuple(found)


def _quantizer(setup: Setup, captured: Captured) -> Iterator[PartGain]:
    call = captured.calls.get("quantizer")
    if call is None or call.given is None:
        return
    books = find_codebooks(call.module)
    given = call.given
    place = next((i for i, value in enumerate(call.args) if value is given), None)
    if place != 0:
        return
    setup.model.train()
    torch.manual_seed(0)
    gain = quantizer_gain(call.module, given, books, args=tuple(call.args[1:]), kwargs=call.kwargs)
    if gain is not None:
        yield PartGain("quantizer", gain.factor, gain.cosine, "straight-through", gain.books)


def passages(setup: Setup, captured: Captured) -> Iterator[PartGain]:
    """Where one part's output is the next one's input, value for value, its gradient must be the same too."""
    terms = setup.terms(captured.output, setup.batch)
    if not terms:
        return
    total = total_of(terms)
    if not total.requires_grad:
        return
    order = [name for name in ("encoder", "quantizer", "decoder") if name in captured.calls]
    for first, second in itertools.pairwise(order):
        given = captured.calls[second].given
        result = _equal_leaf(captured.calls[first].result, given)
        if given is None or result is None or result is given:
            continue
        if not result.requires_grad:
            continue
        if not given.requires_grad:
            yield PartGain(f"{first} to {second}", 0.0, 0.0, "passage")
            continue
        here, there = torch.autograd.grad(
            total, [result, given], retain_graph=True, allow_unused=True
        )
        if there is not None and bool(there.any()):
            yield PartGain(f"{first} to {second}", *projected_gain(here, there), "passage")


def _equal_leaf(result: Any, given: Tensor | None) -> Tensor | None:
    from auscult.preflight_checks.structure import leaves

    if given is None:
        return None
    same = [
        leaf for _, leaf in leaves(result) if leaf.shape == given.shape and leaf.is_floating_point()
    ]
    return next(
        (
            leaf
            for leaf in same
            if torch.allclose(leaf.detach(), given.detach(), rtol=1e-4, atol=1e-9)
        ),
        None,
    )


def _smooth(name: str, call: PartCall) -> Iterator[PartGain]:
    if call.given is None or call.given.ndim < 2:
        return

    def function(value: Tensor) -> Tensor:
        torch.manual_seed(0)
        result = first_float(call.again(value))
        return value.new_zeros(()) if result is None else result

    factor = derivative_gain(function, call.given)
    if not math.isnan(factor):
        yield PartGain(name, factor, 1.0, "derivative")


def _whole(setup: Setup) -> Iterator[PartGain]:
    source = setup.source
    if source is None or not source.is_floating_point() or "quantizer" in setup.parts:
        return

    def function(value: Tensor) -> Tensor:
        torch.manual_seed(0)
        return setup.waveform(setup.output_of(setup.with_source(value)))

    factor = derivative_gain(function, source)
    if not math.isnan(factor):
        yield PartGain("model", factor, 1.0, "derivative")
