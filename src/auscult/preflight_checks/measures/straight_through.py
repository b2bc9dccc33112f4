"""How much gradient a quantizer hands to its encoder, against what one straight-through estimate
would.

A quantizer whose books were infinitely fine would give back what it gets. With book i passing the
gradient P_i, a residual quantizer of such books computes z -> (I - Π(I - P_i)) z; for plain
straight-through books (P = I) that is z itself: gain 1. The gradient that really comes is held
against that one, so that factorised books (DAC's 8-dimensional projections) and rotated ones are
judged by their own books. If each book adds its full straight-through gradient, the gain is the
number of books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from auscult.preflight_checks.measures.codebooks import Codebook
from auscult.preflight_checks.measures.gradients import compute_projected_gain


@dataclass(frozen=True)
class QuantizerGain:
    """Gradient through a quantizer.

    Attributes:
        factor: The expected gradient's multiple in the one that comes; 1 is right, 0 is none.
        cosine: Between the two.
        books: How many books took part, each as a module of its own; 0 where the reference is the
            plain identity.
    """

    factor: float
    cosine: float
    books: int


def measure_quantizer_gain(
    quantizer: nn.Module,
    latents: Tensor,
    books: Sequence[Codebook],
    *,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> QuantizerGain | None:
    """Measure the gain of a quantizer on real latents; its buffers may change as in a training
    step.

    Args:
        latents: What it quantises; `args` and `kwargs` are what follows in its call.
        books: Its codebooks, `find_codebooks(quantizer)`.

    Returns:
        None where its output is not of the latents' shape, so that no identity can be expected.
    """
    leaf = latents.detach().clone().requires_grad_()
    calls: list[tuple[Tensor, Tensor]] = []
    chain = find_chain(quantizer, books)
    with ExitStack() as stack:
        for module in chain:
            hook = module.register_forward_hook(
                lambda _m, inputs, result: _note_call(calls, inputs, result)
            )
            stack.callback(hook.remove)
            before = module.register_forward_pre_hook(lambda _m, inputs: _root_inputs(inputs))
            stack.callback(before.remove)
        output = find_same_shape(quantizer(leaf, *args, **(kwargs or {})), leaf)
    if output is None:
        return None
    generator = torch.Generator().manual_seed(seed)
    pull = torch.randn(output.shape, generator=generator).to(output)
    if not output.requires_grad:
        return QuantizerGain(0.0, 0.0, len(calls))
    (gradient,) = torch.autograd.grad(output, leaf, pull, retain_graph=True, allow_unused=True)
    if not calls and any(True for _ in _list_projections(quantizer, books)):
        if gradient is not None and bool(gradient.any()):
            return None
        return QuantizerGain(0.0, 0.0, 0)
    return QuantizerGain(
        *compute_projected_gain(gradient, _compute_expected_gradient(calls, pull)), len(calls)
    )


def find_chain(quantizer: nn.Module, books: Sequence[Codebook]) -> list[nn.Module]:
    """The modules of the residual chain: for each book the outermost one inside the quantizer that
    holds it alone.
    """
    holders: dict[str, int] = {}
    for book in books:
        for path in _list_paths_down_to(book.owner):
            holders[path] = holders.get(path, 0) + 1
    chain: dict[str, nn.Module] = {}
    for book in books:
        paths = _list_paths_down_to(book.owner)
        own_paths = [path for path in paths if holders[path] == 1]
        if own_paths and len(books) > 1:
            module = quantizer.get_submodule(own_paths[0])
            if not isinstance(module, nn.Embedding):
                chain[own_paths[0]] = module
    return list(chain.values())


def _list_paths_down_to(path: str) -> list[str]:
    """`a`, `a.b`, `a.b.c` for `a.b.c`; none for the whole."""
    parts = path.split(".") if path else []
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _list_projections(quantizer: nn.Module, books: Sequence[Codebook]) -> list[nn.Parameter]:
    """Parameters that are no codebook: with these inside, a single book's own gain is not known."""
    tables = {id(book.stored) for book in books}
    return [parameter for parameter in quantizer.parameters() if id(parameter) not in tables]


def _root_inputs(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The book's input as a node that gradients can be asked at, also where the residual was
    detached.
    """
    if (
        inputs
        and isinstance(inputs[0], Tensor)
        and inputs[0].is_floating_point()
        and torch.is_grad_enabled()
    ):
        if inputs[0].requires_grad:
            value = inputs[0]
        else:
            value = inputs[0].detach().requires_grad_()
        return (value.view_as(value), *inputs[1:])
    return inputs


def _note_call(calls: list[tuple[Tensor, Tensor]], inputs: tuple[Any, ...], result: Any) -> None:
    if inputs and isinstance(inputs[0], Tensor):
        output = find_same_shape(result, inputs[0])
        if output is not None:
            calls.append((inputs[0], output))


def _compute_expected_gradient(calls: Sequence[tuple[Tensor, Tensor]], pull: Tensor) -> Tensor:
    """The gradient of a residual chain of transparent books, from last to first."""
    if not calls or any(entry.shape != pull.shape for entry, _ in calls):
        return pull
    behind = torch.zeros_like(pull)
    for entry, output in reversed(calls):
        if output.requires_grad:
            (pulled,) = torch.autograd.grad(
                output, entry, pull - behind, retain_graph=True, allow_unused=True
            )
            if pulled is not None:
                behind = behind + pulled
    return behind


def find_same_shape(result: Any, like: Tensor) -> Tensor | None:
    """The first floating tensor of that shape in a module's result, however nested."""
    if isinstance(result, Tensor):
        if result.shape == like.shape and result.is_floating_point():
            return result
        return None
    values: Iterable[Any] = ()
    if isinstance(result, Mapping):
        values = result.values()
    elif isinstance(result, list | tuple):
        values = result
    if not values and hasattr(result, "__dict__"):
        values = vars(result).values()
    for value in values:
        match = find_same_shape(value, like)
        if match is not None:
            return match
    return None
