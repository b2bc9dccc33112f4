"""A gradient balancer: weights become shares of the gradient at the output, whatever the losses'
own scales are.

Source: Défossez et al., EnCodec (arXiv 2210.13438), section 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from auscult.training.losses import average_over_processes, count_processes

DECAY = 0.999


class Balancer:
    """Keeps a running norm of each term's gradient at the output."""

    def __init__(self, decay: float = DECAY) -> None:
        self.decay = decay
        self.norms: dict[str, Tensor] = {}
        self.weight: dict[str, Tensor] = {}

    def surrogate(
        self, terms: Mapping[str, Tensor], weights: Mapping[str, float], output: Tensor
    ) -> Tensor:
        """A scalar whose gradient at `output` is the balanced one: each term's, divided by its
        running norm, times its share.

        Only the graph from the terms to the output is used up; the surrogate is what to call
        backward on.
        """
        total = sum(weights[name] for name in terms) or 1.0
        mixed = torch.zeros_like(output)
        for name, term in terms.items():
            if weights[name] == 0:
                continue
            (gradient,) = torch.autograd.grad(term, output, retain_graph=True)
            share = weights[name] / total
            mixed = mixed + share * gradient / self._update_norm(name, gradient).clamp_min(1e-12)
        return (
            count_processes() * (output * mixed.detach()).sum()
        )  # the gradient is averaged over them

    def _update_norm(self, name: str, gradient: Tensor) -> Tensor:
        norm = average_over_processes(
            torch.linalg.vector_norm(gradient.detach().flatten(1), dim=1).mean().float()
        )
        if bool(torch.isfinite(norm)):
            old, weight = (
                self.norms.get(name, norm.new_zeros(())),
                self.weight.get(name, norm.new_zeros(())),
            )
            self.norms[name] = self.decay * old + (1 - self.decay) * norm
            self.weight[name] = self.decay * weight + (1 - self.decay)
        return self.norms.get(name, norm) / self.weight.get(name, torch.ones_like(norm)).clamp_min(
            1e-12
        )

    def state(self) -> dict[str, Tensor]:
        """Running norms and their weights, for a checkpoint."""
        return {
            **{f"norm.{k}": v for k, v in self.norms.items()},
            **{f"weight.{k}": v for k, v in self.weight.items()},
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.norms = {k.removeprefix("norm."): v for k, v in state.items() if k.startswith("norm.")}
        self.weight = {
            k.removeprefix("weight."): v for k, v in state.items() if k.startswith("weight.")
        }
