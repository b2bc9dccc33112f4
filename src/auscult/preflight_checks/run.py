"""Measure a training within a time limit, and leave it as it was.

In: whatever TARGET returned. Out: `TrainingMeasurements`, which the rules of `rules/training/`
judge.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from auscult.errors import TargetError
from auscult.facts.progress import Progress
from auscult.preflight_checks.checks.alignment import measure_alignment
from auscult.preflight_checks.checks.capture import capture_forward
from auscult.preflight_checks.checks.gains import measure_gains, turns_gradients
from auscult.preflight_checks.checks.learning import measure_learning
from auscult.preflight_checks.checks.lengths import measure_lengths
from auscult.preflight_checks.checks.levels import (
    measure_gain_response,
    measure_level,
    measure_owners,
)
from auscult.preflight_checks.checks.limit import measure_limit
from auscult.preflight_checks.checks.parameters import measure_parameters
from auscult.preflight_checks.checks.precision import FORMATS, measure_precision
from auscult.preflight_checks.checks.terms import measure_shares, measure_terms
from auscult.preflight_checks.find import find_setup
from auscult.preflight_checks.keep import TrainingSnapshot
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.records import (
    Claim,
    LearningCurve,
    NonFiniteValues,
    TrainingMeasurements,
)
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.steps import StepsTrail, run_steps

LOOP_SHARE = 0.6
"""Of the time, for the steps; the other learning rates get the rest."""


def measure_training(
    trainer: Any, options: PreflightOptions | None = None, progress: Progress | None = None
) -> TrainingMeasurements:
    """Measure a training; model, optimizers and random state are put back afterwards, also when it
    fails.

    Args:
        trainer: A `Setup`, or whatever an adapter reads (`auscult.preflight_checks.adapters`).

    Raises:
        TargetError: If it cannot be read, or if one step of it fails.
    """
    options = options or PreflightOptions()
    setup = trainer if isinstance(trainer, Setup) else find_setup(trainer, options)
    snapshot = TrainingSnapshot(setup)
    measurement = _TrainingMeasurement(setup, options, snapshot, progress or _ignore_progress)
    try:
        with _attribute_to_user(setup.name):
            return measurement.measure_all()
    finally:
        snapshot.restore()


def _ignore_progress(_done: int, _total: int, _what: str) -> None:
    """For a caller that shows none."""


class _TrainingMeasurement:
    """The measurements of one training; each begins at the state in which the training was given."""

    def __init__(
        self,
        setup: Setup,
        options: PreflightOptions,
        snapshot: TrainingSnapshot,
        report_progress: Progress,
    ) -> None:
        self.setup, self.options, self.snapshot = setup, options, snapshot
        self.report_progress = report_progress
        self.started = time.monotonic()

    def measure_all(self) -> TrainingMeasurements:
        """Everything, in the order in which it costs time."""
        setup = self.setup
        skipped = tuple(_iter_unmeasured(setup))
        measured = TrainingMeasurements(setup.name, assumed=setup.assumed)
        measured = self._measure_forward_pass(measured)
        measured = self._measure_gradients(measured)
        trail = self._run_steps()
        measured = self._measure_after_steps(measured, trail)
        learning = self._measure_learning(trail)
        precision, not_run = self._measure_precision(trail)
        claims = (Claim("claims", **setup.claims),) if setup.claims else ()
        return replace(
            measured,
            steps=max(len(trail.losses), *(len(book.used) for book in trail.books.values()), 0, 0),
            gradients=trail.gradients,
            books=tuple(trail.books.values()),
            learning=learning,
            precision=precision,
            limit=measure_limit(setup, trail.books),
            claims=claims,
            watched=trail.watched,
            skipped=(*skipped, *not_run, *_iter_left_out(setup, trail, self.options)),
            seconds=round(time.monotonic() - self.started, 2),
        )

    def _measure_forward_pass(self, measured: TrainingMeasurements) -> TrainingMeasurements:
        setup, snapshot = self.setup, self.snapshot
        self.report_progress(0, 6, "first pass")
        with torch.no_grad():
            captured = capture_forward(setup)
            lengths, start = measure_lengths(setup, captured), measure_level(setup, captured)
            snapshot.restore()
            owners = measure_owners(setup, captured)
            snapshot.restore()
            gain_response = measure_gain_response(setup)
        snapshot.restore()
        return replace(
            measured, lengths=lengths, start=start, owners=owners, gain_response=gain_response
        )

    def _measure_gradients(self, measured: TrainingMeasurements) -> TrainingMeasurements:
        self.report_progress(1, 6, "alignment")
        alignment = measure_alignment(self.setup)
        self.report_progress(2, 6, "gradients of the parts")
        gains = measure_gains(self.setup, self.snapshot)
        self.report_progress(3, 6, "loss terms")
        terms = measure_terms(self.setup)
        self.snapshot.restore()
        return replace(measured, alignment=alignment, gains=gains, terms=terms)

    def _run_steps(self) -> StepsTrail:
        deadline = self.started + LOOP_SHARE * self.options.seconds
        return run_steps(self.setup, self.options.steps, deadline, self.report_progress)

    def _measure_after_steps(
        self, measured: TrainingMeasurements, trail: StepsTrail
    ) -> TrainingMeasurements:
        parameters = measure_parameters(self.setup, trail)
        with torch.no_grad():
            end = measure_level(self.setup, capture_forward(self.setup))
        shares = measure_shares(self.setup)
        terms = [replace(term, share_after=shares.get(term.name)) for term in measured.terms]
        self.snapshot.restore()
        return replace(measured, parameters=parameters, end=end, terms=tuple(terms))

    def _measure_learning(self, trail: StepsTrail) -> LearningCurve | None:
        if self.setup.assumed:
            return None
        deadline = self.started + self.options.seconds
        return measure_learning(self.setup, trail, self.snapshot, deadline, self.report_progress)

    def _measure_precision(
        self, trail: StepsTrail
    ) -> tuple[NonFiniteValues | None, list[tuple[str, str]]]:
        broken = tuple(dict.fromkeys(trail.broken))
        is_in_time = time.monotonic() - self.started < self.options.seconds
        formats = FORMATS if is_in_time else ()
        return measure_precision(self.setup, self.snapshot, broken, formats=formats)


def _iter_unmeasured(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.assumed:
        yield "learning", "only a model was given: loss, batch and optimizer are preflight's own"
    if setup.loss is None:
        yield "loss terms", "the trainer gives a step but no `loss(output, batch)`"
    if setup.step is None and not setup.assumed:
        reason = "no `step` of your own was given, so that a plain one was run"
        yield "critics, schedules and the order of zero_grad, backward and step", reason
    if not setup.optimizers:
        yield "optimizers", "none was given: frozen parameters and learning rates are not looked at"
    if setup.target is None:
        yield (
            "lengths, amplitude and the bound",
            "the batch holds no target waveform; give `target`",
        )
    if "quantizer" in setup.parts and turns_gradients(setup.parts["quantizer"]):
        reason = "it turns gradients as it turns the latent (rotation trick): no gain is expected"
        yield "gradient through the quantizer", reason
    if "quantizer" not in setup.parts and "encoder" in setup.parts:
        yield "codebooks", "no quantizer was found; name it in `parts`"


def _iter_left_out(
    setup: Setup, trail: StepsTrail, options: PreflightOptions
) -> Iterator[tuple[str, str]]:
    if trail.losses and len(trail.losses) < options.steps:
        reason = (
            f"{len(trail.losses)} of {options.steps} fitted into the time ({trail.seconds:.1f} s"
            " each)"
        )
        yield "training steps", f"{reason}; --seconds gives more"
    if not trail.losses:
        yield "learning", "the step returns no loss"
    if "quantizer" in setup.parts and not trail.books:
        yield "codebooks", "no table of codes or no choice among them was seen in the quantizer"


@contextlib.contextmanager
def _attribute_to_user(name: str) -> Iterator[None]:
    """What the user's code raises becomes one line that says so."""
    try:
        yield
    except TargetError:
        raise
    except (
        RuntimeError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
        NotImplementedError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        hint = "run one step of the training by itself; --debug shows the traceback"
        raise TargetError(
            f"a step raised {type(error).__name__}: {reason}", where=name, hint=hint
        ) from error
