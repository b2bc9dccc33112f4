"""Gradients of live modules: how large they are in each part, and whether they are the derivative
of what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]
MIN_OVER_ROUNDING = 100.0
"""A finite difference below so many roundings of the output says nothing."""


def compute_gradient_norm(parameters: Iterable[Tensor]) -> float:
    """Euclidean norm of the gradients that are there (`.grad`), over all of the parameters."""
    return math.sqrt(
        sum(
            float(p.grad.detach().double().square().sum()) for p in parameters if p.grad is not None
        )
    )


def compute_part_norms(parts: Mapping[str, nn.Module]) -> dict[str, float]:
    """The gradient norm of each part, after a backward pass."""
    return {name: compute_gradient_norm(part.parameters()) for name, part in parts.items()}


def compute_term_norms(terms: Mapping[str, Tensor], tensors: Sequence[Tensor]) -> dict[str, float]:
    """For each loss term, the norm of its own gradient at these tensors; 0 where it does not reach
    them.

    The graph is kept. A term that needs no gradient at all (detached, or a plain number) gives 0.
    """
    return {name: _compute_norm(_compute_gradients(term, tensors)) for name, term in terms.items()}


def _compute_gradients(term: Tensor, tensors: Sequence[Tensor]) -> list[Tensor]:
    if not isinstance(term, Tensor) or not term.requires_grad:
        return []
    gradients = torch.autograd.grad(
        term.sum(),
        [tensor for tensor in tensors if tensor.requires_grad],
        retain_graph=True,
        allow_unused=True,
    )
    return [value for value in gradients if value is not None]


def _compute_norm(values: Iterable[Tensor]) -> float:
    return math.sqrt(sum(float(value.detach().double().square().sum()) for value in values))


def measure_derivative_gain(
    function: Function, point: Tensor, *, step: float = 1e-2, seed: int = 0
) -> float:
    """The gradient that autograd gives over the one that the function has: 1 where both agree, 8
    where it is eight times.

    A random direction u is tried: d = (f(x + hu) - f(x - hu)) / 2h is what really happens, and ⟨u,
    Jᵀd⟩ / ⟨d, d⟩ is 1 if J is its Jacobian. NaN where the function does not react.

    Args:
        function: Smooth (no quantizer inside) and repeatable: noise and dropout drawn the same in
            each call.
        point: Where to try, [...]; `step` is relative to its RMS.
    """
    x = point.detach()
    generator = torch.Generator().manual_seed(seed)
    scale = float(x.double().square().mean().sqrt()) or 1.0
    direction = torch.randn(x.shape, generator=generator).to(x) * scale
    with torch.no_grad():
        above, below = (
            function(x + step * direction).double(),
            function(x - step * direction).double(),
        )
    actual = (above - below) / (2 * step)
    energy = float(actual.square().sum())
    rounding = torch.finfo(x.dtype).eps * float(above.square().sum().sqrt())
    if 2 * step * math.sqrt(energy) <= MIN_OVER_ROUNDING * rounding:
        return float("nan")  # what the function does is lost in the rounding of what it gives
    leaf = x.clone().requires_grad_()
    output = function(leaf)
    if not output.requires_grad:
        return 0.0
    (pulled,) = torch.autograd.grad(output, leaf, actual.to(output.dtype), allow_unused=True)
    if pulled is None:
        return 0.0
    return float((pulled.double() * direction.double()).sum()) / energy


def compute_projected_gain(gradient: Tensor | None, expected: Tensor) -> tuple[float, float]:
    """How many times `expected` lies in `gradient`, and the cosine between them; (0, 0) without a
    gradient.
    """
    if gradient is None:
        return 0.0, 0.0
    g, e = gradient.double().flatten(), expected.double().flatten()
    product, energy, gradient_energy = float(g @ e), float(e @ e), float(g @ g)
    if energy == 0.0 or gradient_energy == 0.0:
        return 0.0, 0.0
    return product / energy, product / math.sqrt(energy * gradient_energy)
