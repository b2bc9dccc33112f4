"""Look at a training: everything that is measured, within a time, and the training afterwards as it
was before.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from auscult.errors import TargetError
from auscult.preflight_checks.checks.alignment import measure_alignment
from auscult.preflight_checks.checks.capture import capture_forward
from auscult.preflight_checks.checks.gains import measure_gains
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
from auscult.preflight_checks.records import Claim, TermMeasure, TrainingMeasurements
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.steps import StepsTrail, run_steps

Progress = Callable[[int, int, str], None]
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
    started = time.monotonic()
    snapshot = TrainingSnapshot(setup)
    try:
        with _attribute_to_user(setup.name):
            return _measure_setup(setup, options, snapshot, started, progress)
    finally:
        snapshot.restore()


def _measure_setup(
    setup: Setup,
    options: PreflightOptions,
    snapshot: TrainingSnapshot,
    started: float,
    progress: Progress | None,
) -> TrainingMeasurements:
    skipped = list(_iter_unmeasured(setup))
    report_progress = progress or (lambda _done, _total, _what: None)
    report_progress(0, 6, "first pass")
    with torch.no_grad():
        captured = capture_forward(setup)
        lengths, start = measure_lengths(setup, captured), measure_level(setup, captured)
        snapshot.restore()
        owners = measure_owners(setup, captured)
        snapshot.restore()
        response = measure_gain_response(setup)
    snapshot.restore()
    report_progress(1, 6, "alignment")
    alignment = measure_alignment(setup)
    report_progress(2, 6, "gradients of the parts")
    gains = measure_gains(setup, snapshot)
    report_progress(3, 6, "loss terms")
    terms = measure_terms(setup)
    snapshot.restore()
    trail = run_steps(setup, options.steps, started + LOOP_SHARE * options.seconds, progress)
    parameters = measure_parameters(setup, trail)
    with torch.no_grad():
        end = measure_level(setup, capture_forward(setup))
    terms = _add_shares(terms, measure_shares(setup))
    snapshot.restore()
    if setup.assumed:
        learning = None
    else:
        learning = measure_learning(setup, trail, snapshot, started + options.seconds, progress)
    broken = tuple(dict.fromkeys(trail.broken))
    in_time = time.monotonic() - started < options.seconds
    precision, not_run = measure_precision(
        setup, snapshot, broken, formats=FORMATS if in_time else ()
    )
    return TrainingMeasurements(
        name=setup.name,
        steps=max(len(trail.losses), *(len(book.used) for book in trail.books.values()), 0, 0),
        seconds=round(time.monotonic() - started, 2),
        assumed=setup.assumed,
        lengths=lengths,
        alignment=alignment,
        gains=gains,
        parameters=parameters,
        gradients=trail.gradients,
        books=tuple(trail.books.values()),
        terms=terms,
        start=start,
        end=end,
        owners=owners,
        gain_response=response,
        learning=learning,
        precision=precision,
        limit=measure_limit(setup, trail.books),
        claims=(Claim("claims", **setup.claims),) if setup.claims else (),
        skipped=(*skipped, *not_run, *_iter_left_out(setup, trail, options)),
    )


def _add_shares(
    terms: tuple[TermMeasure, ...], shares: dict[str, float]
) -> tuple[TermMeasure, ...]:
    from dataclasses import replace

    return tuple(replace(term, share_after=shares.get(term.name)) for term in terms)


def _iter_unmeasured(setup: Setup) -> Iterator[tuple[str, str]]:
    if setup.assumed:
        yield "learning", "only a model was given: loss, batch and optimizer are preflight's own"
    if setup.loss is None:
        yield "loss terms", "the trainer gives a step but no `loss(output, batch)`"
    if not setup.optimizers:
        yield "optimizers", "none was given: frozen parameters and learning rates are not looked at"
    if setup.target is None:
        yield (
            "lengths, amplitude and the bound",
            "the batch holds no target waveform; give `target`",
        )
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
