"""Which backward pass filled whose gradients, and which optimizer used them.

A gradient tensor says nothing of where it came from. So every backward pass is counted, and each
parameter remembers the passes that changed its gradient since it was last empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

GradientSums = tuple[float, float]
"""Sum and sum of squares of a gradient: what changes when something is added."""


@dataclass
class BackwardPass:
    """One call of `backward`.

    Attributes:
        filled: Identities of the parameters whose gradients it changed.
        used_by: Optimizers that have stepped with such a gradient, and which step of all it was.
    """

    number: int
    filled: set[int] = field(default_factory=set)
    used_by: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class GradientUse:
    """One step of one optimizer.

    Attributes:
        passes: The backward passes in its gradients.
        empty: Identities of its parameters without any gradient.
        stale: The pass that was left from before and already used; None where all are fresh.
        left_share: Norm of what was left over the norm of all.
    """

    optimizer: int
    passes: tuple[int, ...]
    empty: frozenset[int]
    stale: int | None = None
    left_share: float = 0.0


class GradientHistory:
    """Watches `torch.autograd.backward` and the optimizers while it is entered."""

    def __init__(
        self, optimizers: Sequence[torch.optim.Optimizer], extra: Iterable[Tensor]
    ) -> None:
        self.optimizers = optimizers
        self.passes: list[BackwardPass] = []
        self.uses: list[GradientUse] = []
        self._parameters = {id(parameter): parameter for parameter in extra}
        for optimizer in optimizers:
            self._parameters.update({id(p): p for p in list_parameters(optimizer)})
        self._sources: dict[int, set[int]] = {key: set() for key in self._parameters}
        self._left: dict[tuple[int, int], float] = {}
        self._steps = 0
        self._hooks = ExitStack()
        self.on_backward: Callable[[BackwardPass], None] | None = None

    def __enter__(self) -> GradientHistory:
        original_backward = torch.autograd.backward

        def backward(*args: Any, **kwargs: Any) -> Any:
            before = self._begin_pass()
            result = original_backward(*args, **kwargs)
            self._end_pass(before)
            return result

        torch.autograd.backward = backward
        self._hooks.callback(setattr, torch.autograd, "backward", original_backward)
        for index, optimizer in enumerate(self.optimizers):
            hook = optimizer.register_step_pre_hook(lambda *_, index=index: self._note_use(index))
            self._hooks.callback(hook.remove)
        return self

    def __exit__(self, *raised: object) -> None:
        self._hooks.close()

    def _begin_pass(self) -> dict[int, GradientSums | None]:
        """Every gradient as it is; passes are forgotten where it is empty."""
        sums_by_id: dict[int, GradientSums | None] = {}
        for key, parameter in self._parameters.items():
            sums = sum_gradient(parameter)
            sums_by_id[key] = sums
            if sums is None:
                self._sources[key].clear()
        return sums_by_id

    def _end_pass(self, before: dict[int, GradientSums | None]) -> None:
        backward_pass = BackwardPass(len(self.passes))
        for key, parameter in self._parameters.items():
            sums = sum_gradient(parameter)
            if sums is not None and sums != before[key]:
                self._sources[key].add(backward_pass.number)
                backward_pass.filled.add(key)
        for index in range(len(self.optimizers)):
            keys = [id(p) for p in list_parameters(self.optimizers[index])]
            left_sums = [before[key] for key in keys]
            self._left[backward_pass.number, index] = sum(
                sums[1] for sums in left_sums if sums is not None
            )
        self.passes.append(backward_pass)
        if self.on_backward is not None:
            self.on_backward(backward_pass)

    def _note_use(self, index: int) -> None:
        """An optimizer is about to step."""
        self._steps += 1
        parameters = list_parameters(self.optimizers[index])
        sums_by_id = {id(p): sum_gradient(p) for p in parameters}
        empty = frozenset(key for key, sums in sums_by_id.items() if sums is None)
        used: set[int] = set()
        for key in sums_by_id.keys() - empty:
            used |= self._sources.get(key, set())
        newest = max(used, default=-1)
        stale = [n for n in sorted(used) if n < newest and self._was_used_before(n, newest)]
        total = sum(sums[1] for sums in sums_by_id.values() if sums is not None)
        left_share = 0.0
        if stale and total:
            left_share = min((self._left[newest, index] / total) ** 0.5, 1.0)
        self.uses.append(
            GradientUse(index, tuple(sorted(used)), empty, stale[-1] if stale else None, left_share)
        )
        for number in used:
            self.passes[number].used_by.setdefault(index, newest)

    def _was_used_before(self, number: int, later: int) -> bool:
        """Whether an optimizer stepped with this pass before the later one was run."""
        return any(newest < later for newest in self.passes[number].used_by.values())


def list_parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters that an optimizer holds, of all groups."""
    parameters: list[Tensor] = []
    for group in optimizer.param_groups:
        parameters += group["params"]
    return parameters


def sum_gradient(parameter: Tensor) -> GradientSums | None:
    """Sum and sum of squares of a parameter's gradient; None where it is missing or zero everywhere."""
    gradient = parameter.grad
    if gradient is None or not gradient.numel():
        return None
    values = gradient.detach()
    if values.is_sparse:
        values = values.coalesce().values()
    squares = float(values.square().sum(dtype=torch.float64))
    if squares == 0.0:
        return None
    return float(values.sum(dtype=torch.float64)), squares
