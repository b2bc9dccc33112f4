"""Watch the user's own step: its optimizers, its critics and its learning rates.

In: a `Setup` with a step. Out: a `StepRecord`, which the rules on critics, stale gradients and
schedules judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from auscult.preflight_checks.keep import iter_nested
from auscult.preflight_checks.measures.backward import (
    BackwardPass,
    GradientHistory,
    GradientUse,
    list_parameters,
)
from auscult.preflight_checks.measures.critics import CriticCall, CriticWatch, find_scored_roles
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.step_records import CriticRecord, OptimizerRecord, StepRecord
from auscult.preflight_checks.structure import iter_leaves

MIN_LEANING = 0.25
"""Share of the scores' gradients that has to point one way for a wish to be read from them.

Chosen, not measured.
"""

CallKind = tuple[int, tuple[str | None, ...], int]
"""Critic, roles of its inputs, number of its scores."""


class StepWatch:
    """Instruments on the user's step, while it is entered; `finish` says what they saw."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.optimizers = list_optimizers(setup)
        self.critics = list(iter_critics(setup))
        self._critic_parameters = [_list_trainable(critic) for critic in self.critics]
        self._model_ids = {id(p) for p in setup.model.parameters()}
        self._held_ids = [{id(p) for p in list_parameters(o)} for o in self.optimizers]
        extra: list[Tensor] = []
        for parameters in self._critic_parameters:
            extra += parameters.values()
        self._critic_ids = {id(p) for p in extra}
        self.history = GradientHistory(self.optimizers, [*setup.model.parameters(), *extra])
        self.history.on_backward = self._note_backward
        self.watch = CriticWatch(self.critics, self._find_role)
        self._rates: list[list[float]] = [[_read_rate(o)] for o in self.optimizers]
        self._before = {id(p): p.detach().clone() for p in extra}
        self._fake: list[Tensor] = []
        self._calls: list[tuple[BackwardPass, list[CriticCall]]] = []
        self._scored_roles: dict[CallKind, tuple[str | None, ...]] = {}
        self._wishes: list[dict[str, list[int]]] = [
            {"critic": [], "model": []} for _ in self.critics
        ]
        self._attached = [0] * len(self.critics)
        self._detached = [0] * len(self.critics)
        self._own_passes = [0] * len(self.critics)
        self._hooks = ExitStack()

    def __enter__(self) -> StepWatch:
        model_hook = self.setup.model.register_forward_hook(self._note_output)
        self._hooks.callback(model_hook.remove)
        self._hooks.enter_context(self.history)
        self._hooks.enter_context(self.watch)
        return self

    def __exit__(self, *raised: object) -> None:
        self._hooks.close()

    def _note_output(self, _module: nn.Module, _args: Any, output: Any) -> None:
        self._fake += [leaf for _, leaf in iter_leaves(output)]

    def _find_role(self, tensor: Tensor) -> str | None:
        """Whether a tensor is the batch's target or the model's output, by where its values lie."""
        place = tensor.untyped_storage().data_ptr()
        if any(place == leaf.untyped_storage().data_ptr() for leaf in self._fake):
            return "fake"
        target = self.setup.target
        if target is not None and place == target.untyped_storage().data_ptr():
            return "real"
        return None

    def _note_backward(self, backward_pass: BackwardPass) -> None:
        self._calls.append((backward_pass, self.watch.take_calls()))

    def end_step(self) -> None:
        """Evaluate the step that has just ended."""
        for index, optimizer in enumerate(self.optimizers):
            self._rates[index].append(_read_rate(optimizer))
        for index in range(len(self.critics)):
            self._follow_critic(index)
        self._calls.clear()
        self._fake.clear()

    def _follow_critic(self, index: int) -> None:
        critic_ids = {id(p) for p in self._critic_parameters[index].values()}
        calls_before: list[CriticCall] = []
        for backward_pass, calls in self._calls:
            fills_critic = bool(backward_pass.filled & critic_ids)
            is_models = bool(backward_pass.filled & self._model_ids) and self._is_used_by_model(
                backward_pass
            )
            own_calls = [call for call in calls if call.critic == index]
            if is_models:
                self._attached[index] += sum(call.is_attached for call in own_calls)
                if fills_critic and own_calls and not any(c.is_attached for c in own_calls):
                    self._detached[index] += 1
                self._note_wish(index, "model", own_calls)
            elif fills_critic:
                self._own_passes[index] += 1
                self._note_wish(index, "critic", [*calls_before, *own_calls])
            calls_before = [] if is_models or fills_critic else [*calls_before, *own_calls]

    def _is_used_by_model(self, backward_pass: BackwardPass) -> bool:
        """Whether an optimizer of the model stepped with this pass."""
        return any(self._model_ids & self._held_ids[index] for index in backward_pass.used_by)

    def _note_wish(self, index: int, side: str, calls: list[CriticCall]) -> None:
        """Which way the gradients at the scores point, for real sound and for the model's."""
        sums = {"real": 0.0, "fake": 0.0}
        sizes = 0.0
        for call in calls:
            roles = self._find_scored_roles(call)
            for position, gradient in call.gradients.items():
                role = roles[position]
                if role is not None:
                    sums[role] += gradient
                    sizes += abs(gradient)
        # a loss falls against its gradient: where it is negative, a higher score is wanted
        wish = sums["real"] - sums["fake"] if side == "critic" else sums["fake"]
        if sizes and abs(wish) >= MIN_LEANING * sizes:
            self._wishes[index][side].append(1 if wish < 0 else -1)

    def _find_scored_roles(self, call: CriticCall) -> tuple[str | None, ...]:
        """Which score judges what; found out once for each kind of call, for it takes runs of the critic."""
        kind = (call.critic, call.roles, call.leaves)
        if kind not in self._scored_roles:
            self._scored_roles[kind] = find_scored_roles(self.critics[call.critic], call)
        return self._scored_roles[kind]

    def finish(self) -> StepRecord:
        """What all steps showed."""
        return StepRecord(
            tuple(self._describe_optimizer(index) for index in range(len(self.optimizers))),
            tuple(self._describe_critic(index) for index in range(len(self.critics))),
            self.setup.planned_steps,
        )

    def _describe_optimizer(self, index: int) -> OptimizerRecord:
        uses = [use for use in self.history.uses if use.optimizer == index]
        stale_uses = [use for use in uses if use.stale is not None]
        return OptimizerRecord(
            self.name_optimizer(index),
            len(self._held_ids[index] & self._model_ids),
            len(self._held_ids[index] & self._critic_ids),
            len(uses),
            len(stale_uses),
            self._name_user(stale_uses[0]) if stale_uses else None,
            max((use.left_share for use in stale_uses), default=0.0),
            tuple(self._rates[index]),
        )

    def name_optimizer(self, index: int) -> str:
        """Class and number, such as `AdamW 2`; the class alone where there is one optimizer."""
        kind = type(self.optimizers[index]).__name__
        return f"{kind} {index + 1}" if len(self.optimizers) > 1 else kind

    def _name_user(self, use: GradientUse) -> str:
        users = self.history.passes[use.stale or 0].used_by
        first_user = min(users, key=lambda index: users[index])
        return self.name_optimizer(first_user)

    def _describe_critic(self, index: int) -> CriticRecord:
        parameters = self._critic_parameters[index]
        ids = {id(p) for p in parameters.values()}
        holders = [position for position, held in enumerate(self._held_ids) if ids & held]
        holder = holders[0] if holders else None
        uses = [use for use in self.history.uses if use.optimizer == holder]
        empty_names = [
            name for name, p in parameters.items() if uses and all(id(p) in u.empty for u in uses)
        ]
        return CriticRecord(
            type(self.critics[index]).__name__,
            len(parameters),
            self.name_optimizer(holder) if holder is not None else None,
            self._own_passes[index],
            tuple(find_whole_parts(parameters, empty_names)),
            max((self._measure_move(p) for p in parameters.values()), default=0.0),
            self._attached[index],
            self._detached[index],
            tuple(self._wishes[index]["critic"]),
            tuple(self._wishes[index]["model"]),
        )

    def _measure_move(self, parameter: Tensor) -> float:
        old = self._before[id(parameter)]
        if not old.numel():
            return 0.0
        scale = float(old.abs().max()) or 1.0
        return float((parameter.detach() - old).abs().max()) / scale


def list_optimizers(setup: Setup) -> list[torch.optim.Optimizer]:
    """The given ones, and those among what is kept."""
    kept = [item for item in iter_nested(setup.keep) if isinstance(item, torch.optim.Optimizer)]
    return list({id(item): item for item in (*setup.optimizers, *kept)}.values())


def iter_critics(setup: Setup) -> Iterator[nn.Module]:
    """Modules beside the model that may be trained."""
    model_ids = {id(module) for module in setup.model.modules()}
    for item in iter_nested(setup.keep):
        if isinstance(item, nn.Module) and id(item) not in model_ids and _list_trainable(item):
            yield item


def _list_trainable(module: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def find_whole_parts(names: dict[str, Tensor], empty_names: list[str]) -> list[str]:
    """The highest branches of a module of which every parameter is among the empty ones."""
    found: list[str] = []
    for name in empty_names:
        parts = name.split(".")
        for depth in range(len(parts)):
            branch = ".".join(parts[:depth])
            inside = [other for other in names if not branch or other.startswith(f"{branch}.")]
            if set(inside) <= set(empty_names):
                found.append(branch or "all of it")
                break
    return list(dict.fromkeys(found))


def _read_rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])
