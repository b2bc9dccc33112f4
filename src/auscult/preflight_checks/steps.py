"""Run some steps of the user's own loop on one batch, with instruments on codes, codebooks and
gradients.

In: a `Setup`. Out: a `StepsTrail`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from auscult.facts.progress import Progress
from auscult.preflight_checks.measures.codebooks import (
    Codebook,
    find_codebooks,
    measure_unreachable,
    measure_usage,
)
from auscult.preflight_checks.measures.codes import ChosenCodes, CodeWatch
from auscult.preflight_checks.measures.gradients import compute_part_norms
from auscult.preflight_checks.records import BookHistory
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.step_records import StepRecord
from auscult.preflight_checks.step_watch import StepWatch

MIN_MOVEMENT = 1e-7
"""Relative change of a code vector that counts as an update."""


@dataclass
class _BookTrail:
    """What one codebook did, step by step."""

    used: list[int] = field(default_factory=list)
    perplexity: list[float] = field(default_factory=list)
    unreachable: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)
    latent: list[float] = field(default_factory=list)
    vectors: int = 0
    by_forward: int = 0
    by_optimizer: int = 0
    compared: int = 0

    def to_history(self, book: Codebook) -> BookHistory:
        return BookHistory(
            book.name,
            book.size,
            self.vectors,
            tuple(self.used),
            tuple(self.perplexity),
            tuple(self.unreachable),
            tuple(self.longest),
            tuple(self.latent),
            self.by_forward,
            self.by_optimizer,
            self.compared,
        )


@dataclass
class StepsTrail:
    """What the steps left behind.

    Attributes:
        losses: Total per step, where the step says it.
        largest_gradients: Parameter name to the largest absolute gradient that was seen; absent where it was
            always None.
        moved: Parameter name to its largest relative change over all steps.
        gradients: Part to the median over the steps of its gradient norm.
        broken: Names of gradients or terms that were not finite, with the step.
        seconds: Per step.
        watched: What the user's own step did to optimizers, critics and rates.
    """

    losses: list[float] = field(default_factory=list)
    books: dict[str, BookHistory] = field(default_factory=dict)
    largest_gradients: dict[str, float] = field(default_factory=dict)
    moved: dict[str, float] = field(default_factory=dict)
    gradients: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    seconds: float = 0.0
    watched: StepRecord = field(default_factory=StepRecord)


class Instruments:
    """Hooks on the model, its quantizer and the optimizers, for the steps run while it is
    entered.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        quantizer = setup.parts.get("quantizer", setup.model)
        self.books = find_codebooks(quantizer) if "quantizer" in setup.parts else ()
        self.watch = CodeWatch(quantizer, self.books) if self.books else None
        self.trails = {book.name: _BookTrail() for book in self.books}
        self.trail = StepsTrail()
        self._norms: dict[str, list[float]] = {name: [] for name in setup.parts}
        self._hooks = ExitStack()
        self._latent: Tensor | None = None
        self._snapshots: dict[str, dict[str, Tensor]] = {}
        self._stepped = False
        self._unused: list[str] = []  # gradients that were not finite, and that no optimizer used

    def __enter__(self) -> Instruments:
        for optimizer in self.setup.optimizers:
            before = optimizer.register_step_pre_hook(lambda *_: self._before_optimizer())
            after = optimizer.register_step_post_hook(lambda *_: self._snapshot_books("stepped"))
            self._hooks.callback(before.remove)
            self._hooks.callback(after.remove)
        if self.watch is not None:
            latent_hook = self.setup.parts["quantizer"].register_forward_pre_hook(self._note_latent)
            self._hooks.callback(latent_hook.remove)
            self._hooks.enter_context(self.watch)
        return self

    def __exit__(self, *raised: object) -> None:
        self._hooks.close()

    def _note_latent(self, _module: Any, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor):
            self._latent = args[0].detach()

    def _snapshot_books(self, name: str) -> None:
        self._snapshots[name] = {book.name: book.vectors().clone() for book in self.books}

    def _before_optimizer(self) -> None:
        if not self._stepped:
            self._stepped = True
            self._snapshot_books("forwarded")
        self.read_gradients()

    def read_gradients(self) -> None:
        """Note the gradients as they are now."""
        for name, parameter in self.setup.model.named_parameters():
            if parameter.grad is None:
                continue
            largest = 0.0
            if parameter.grad.numel():
                largest = float(parameter.grad.detach().abs().max())
            if not math.isfinite(largest):
                broken = f"gradient of {name} in step {len(self.trail.losses) + 1}"
                if not self._stepped:
                    self._unused.append(broken)
                    continue
                self.trail.broken.append(broken)
            self.trail.largest_gradients[name] = max(
                self.trail.largest_gradients.get(name, 0.0), largest
            )
        for name, norm in compute_part_norms(self.setup.parts).items():
            if self._stepped or math.isfinite(norm):
                self._norms[name].append(norm)

    def step(self, number: int) -> None:
        """One step, watched."""
        self._stepped = False
        self._snapshots = {}
        self._snapshot_books("started")
        losses = run_step(self.setup)
        if not self._stepped:
            self.read_gradients()
        self._snapshot_books("ended")
        self.trail.broken += [
            f"{name} in step {number + 1}"
            for name, value in losses.items()
            if not math.isfinite(value)
        ]
        if losses:
            self.trail.losses.append(sum(losses.values()))
        codes_by_book = self.watch.take() if self.watch is not None else {}
        for book in self.books:
            if book.name in codes_by_book:
                self._follow_book(book, codes_by_book[book.name], number)

    def _follow_book(self, book: Codebook, chosen: ChosenCodes, number: int) -> None:
        trail, code_usage = self.trails[book.name], measure_usage(chosen.codes, chosen.size)
        trail.used.append(code_usage.used)
        trail.perplexity.append(code_usage.perplexity)
        trail.vectors = code_usage.vectors
        start, end = self._snapshots["started"][book.name], self._snapshots["ended"][book.name]
        trail.longest.append(float(end.norm(dim=-1).max()))
        latents = self._latent if chosen.latents is None else chosen.latents
        latents = _orient_latents(latents, end.shape[-1])
        if latents is not None:
            trail.unreachable.append(measure_unreachable(end, latents))
            trail.latent.append(float(latents.norm(dim=-1).max()))
        if number == 0:
            # The first batch may initialise the book, which is no update.
            return
        codes = chosen.codes.flatten().unique()
        codes = codes[codes >= 0].to(start.device)
        forwarded, stepped = self._snapshots.get("forwarded"), self._snapshots.get("stepped")
        trail.compared += 1
        if forwarded is not None and stepped is not None:
            trail.by_optimizer += _has_moved(forwarded[book.name], stepped[book.name], codes)
            trail.by_forward += _has_moved(start, forwarded[book.name], codes) or _has_moved(
                stepped[book.name], end, codes
            )
        else:
            trail.by_forward += _has_moved(start, end, codes)

    def finish(self, before: Mapping[str, Tensor]) -> StepsTrail:
        """The trail, with what moved since `before` (parameter name to its values then)."""
        for book in self.books:
            trail = self.trails[book.name]
            if trail.used:
                self.trail.books[book.name] = trail.to_history(book)
        if not self._stepped:
            # a loss scaler that skips its first steps finds its scale; one that skips to the end does not
            self.trail.broken += self._unused
        for name, parameter in self.setup.model.named_parameters():
            old = before.get(name)
            if old is not None and old.shape == parameter.shape:
                scale = float(old.abs().max()) or 1.0
                if old.numel():
                    self.trail.moved[name] = float((parameter.detach() - old).abs().max()) / scale
                else:
                    self.trail.moved[name] = 0.0
        self.trail.gradients = {
            name: sorted(norms)[len(norms) // 2] for name, norms in self._norms.items() if norms
        }
        return self.trail


def _orient_latents(latents: Tensor | None, dim: int) -> Tensor | None:
    """Latents as [..., dim], whichever axis holds the dimension."""
    if latents is None:
        return None
    if latents.shape[-1] == dim:
        return latents
    if latents.ndim >= 3 and latents.shape[1] == dim:
        return latents.transpose(1, -1)
    return None


def _has_moved(before: Tensor, after: Tensor, codes: Tensor) -> bool:
    """Whether any of these rows changed."""
    if not len(codes):
        return False
    old_rows, new_rows = before[codes], after[codes]
    movement = (new_rows - old_rows).abs().amax(dim=-1)
    size = old_rows.abs().amax(dim=-1).clamp_min(1e-12)
    return bool((movement > MIN_MOVEMENT * size).any())


def run_step(setup: Setup) -> dict[str, float]:
    """One step, the user's or the plain one; what it says of its losses, by name."""
    if setup.step is None:
        return setup.plain_step()
    return read_losses(setup.step())


def read_losses(step_result: Any) -> dict[str, float]:
    """The losses in what a step returned: a number, or numbers by name (then `total`, `loss` or
    `loss_g` counts alone).
    """
    if isinstance(step_result, Mapping):
        numbers = {
            str(name): _to_number(value) for name, value in step_result.items() if _is_number(value)
        }
        total = next(
            (name for name in ("total", "loss", "loss_g", "loss_gen_all") if name in numbers), None
        )
        if total:
            return {total: numbers[total]}
        return numbers
    if isinstance(step_result, list | tuple) and step_result:
        return read_losses(step_result[0])
    if _is_number(step_result):
        return {"loss": _to_number(step_result)}
    return {}


def _to_number(value: Any) -> float:
    if isinstance(value, Tensor):
        return float(value.detach())
    return float(value)


def _is_number(value: Any) -> bool:
    return (isinstance(value, Tensor) and value.numel() == 1) or (
        isinstance(value, int | float) and not isinstance(value, bool)
    )


def run_steps(
    setup: Setup, count: int, deadline: float, progress: Progress | None = None
) -> StepsTrail:
    """Run up to `count` steps on the batch, as many as fit before `deadline` (of `time.monotonic`),
    at least three.
    """
    before = {
        name: parameter.detach().clone() for name, parameter in setup.model.named_parameters()
    }
    setup.model.train()
    started = time.monotonic()
    done = 0
    step_watch = StepWatch(setup) if setup.step is not None else None
    with torch.enable_grad(), Instruments(setup) as instruments, step_watch or nullcontext():
        for number in range(count):
            if number >= 3 and time.monotonic() > deadline:
                break
            instruments.step(number)
            if step_watch is not None:
                step_watch.end_step()
            done += 1
            if progress:
                progress(done, count, "training steps")
    trail = instruments.finish(before)
    if step_watch is not None:
        trail.watched = step_watch.finish()
    trail.seconds = (time.monotonic() - started) / max(1, done)
    return trail
