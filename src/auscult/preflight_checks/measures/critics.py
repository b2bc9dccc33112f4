"""What critics (discriminators) are given and what they are asked for: their calls, and the gradients
at their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from auscult.preflight_checks.structure import iter_leaves

MAX_SCORE_CHANNELS = 1
"""A critic's score has one channel ([batch, time] or [batch, 1, time]); features have more."""


@dataclass
class CriticCall:
    """One call from outside.

    Attributes:
        is_attached: Whether a gradient can go back through an input.
        roles: Per input: `real` (the batch's target), `fake` (the model's output) or None.
        arguments: The inputs; empty where they are not tensors alone.
        leaves: Scores that it gave.
        gradients: Per score, the sum of the gradient that came back.
    """

    critic: int
    is_attached: bool
    roles: tuple[str | None, ...]
    arguments: tuple[Any, ...]
    leaves: int = 0
    gradients: dict[int, float] = field(default_factory=dict)


class CriticWatch:
    """Hooks on the critics and on the model's output, while it is entered.

    Args:
        find_role: What an input tensor is: `real`, `fake` or None.
    """

    def __init__(self, critics: list[nn.Module], find_role: Callable[[Tensor], str | None]) -> None:
        self.critics, self.find_role = critics, find_role
        self.calls: list[CriticCall] = []
        self._depth = [0] * len(critics)
        self._open: list[CriticCall | None] = [None] * len(critics)
        self._hooks = ExitStack()

    def __enter__(self) -> CriticWatch:
        for index, critic in enumerate(self.critics):
            for module in critic.modules():
                before = module.register_forward_pre_hook(
                    lambda _m, args, kwargs, index=index: self._enter_call(index, args, kwargs),
                    with_kwargs=True,
                )
                after = module.register_forward_hook(
                    lambda _m, _args, output, index=index: self._leave_call(index, output),
                    always_call=True,
                )
                self._hooks.callback(before.remove)
                self._hooks.callback(after.remove)
        return self

    def __exit__(self, *raised: object) -> None:
        self._hooks.close()

    def take_calls(self) -> list[CriticCall]:
        """The calls since the last time."""
        calls, self.calls = self.calls, []
        return calls

    def _enter_call(self, index: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._depth[index] += 1
        if self._depth[index] > 1:
            return
        tensors = [leaf for _, leaf in iter_leaves([*args, *kwargs.values()])]
        is_plain = not kwargs and all(isinstance(argument, Tensor) for argument in args)
        self._open[index] = CriticCall(
            index,
            torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors),
            tuple(self.find_role(tensor) for tensor in tensors),
            tuple(tensor.detach() for tensor in tensors) if is_plain else (),
        )

    def _leave_call(self, index: int, output: Any) -> None:
        self._depth[index] -= 1
        call = self._open[index]
        if self._depth[index] or call is None:
            return
        self._open[index] = None
        self.calls.append(call)
        for position, leaf in enumerate(iter_scores(output)):
            call.leaves = position + 1
            if leaf.requires_grad:
                leaf.register_hook(
                    lambda gradient, call=call, position=position: _note_gradient(
                        call, position, gradient
                    )
                )


def _note_gradient(call: CriticCall, position: int, gradient: Tensor) -> None:
    call.gradients[position] = call.gradients.get(position, 0.0) + float(gradient.detach().sum())


def iter_scores(output: Any) -> Iterator[Tensor]:
    """The tensors of a critic's output that are scores, not features; all, where none looks like one."""
    leaves = [leaf for _, leaf in iter_leaves(output) if leaf.is_floating_point()]
    scores = [leaf for leaf in leaves if is_score(leaf)]
    yield from scores or leaves


def is_score(tensor: Tensor) -> bool:
    """Whether a tensor has the form of a score: no channels, or one."""
    return tensor.ndim <= 2 or tensor.shape[1] <= MAX_SCORE_CHANNELS


def find_scored_roles(critic: nn.Module, call: CriticCall) -> tuple[str | None, ...]:
    """Which score judges the real sound and which the model's: those that change when that input does.

    A call with one role gives it to all its scores; with both, the critic is run again on changed inputs.
    """
    roles = set(call.roles) - {None}
    if len(roles) == 1 and len(call.roles) == 1:
        return (next(iter(roles)),) * call.leaves
    if roles != {"real", "fake"} or len(call.arguments) != 2:
        return (None,) * call.leaves
    usual = _run_scores(critic, call.arguments)
    changed: dict[str, list[bool]] = {}
    for position, role in enumerate(call.roles):
        arguments = [tensor.clone() for tensor in call.arguments]
        arguments[position] = torch.roll(arguments[position], 1, dims=-1) * 0.5
        scores = _run_scores(critic, tuple(arguments))
        changed[str(role)] = [not torch.equal(a, b) for a, b in zip(usual, scores, strict=True)]
    scored_roles: list[str | None] = []
    for by_real, by_fake in zip(changed["real"], changed["fake"], strict=True):
        if by_real == by_fake:
            scored_roles.append(None)
        else:
            scored_roles.append("real" if by_real else "fake")
    return tuple(scored_roles)


def _run_scores(critic: nn.Module, arguments: tuple[Any, ...]) -> list[Tensor]:
    devices = [arguments[0].device] if arguments[0].is_cuda else []
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        return list(iter_scores(critic(*arguments)))
