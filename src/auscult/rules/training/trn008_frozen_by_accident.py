"""Parameters that get a gradient and do not move, or that no optimizer has.

**What it finds.** Parameters with a gradient that are in no optimizer; in an optimizer but unchanged after the steps; with
`requires_grad` off; and optimizers that hold tensors which the model no longer has.

**What you hear.** A part that stays as it was initialised: noise from that part on.

**Why it happens.** The optimizer was made before the model was wrapped, moved or given weight norm; a learning rate of zero
in one group; `requires_grad_(False)` left from an experiment; only some parts handed to the optimizer.

**Blind spots.** What is meant to stay belongs into `frozen`. Several optimizers, of which one was not handed over.

**How it is measured.** Identity of the tensors in the optimizers, and the largest change of each parameter over the steps; no
threshold. Switched-off gradients alone are a warning, since they may be meant.

**Fix.** Build the optimizer last, from `model.parameters()`. Safety: safe.

**References.** torch.optim, constructing an optimizer.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import some
from auscult.finding import Finding, Fix, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN008"
NAME = "frozen-by-accident"
REQUIRES = PreflightSubject
MIN_MOVED = 1e-6
"""Largest relative change of any parameter below which the whole model stands still."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    found = subject.measured.parameters
    if found is None:
        return
    left_out, stuck, off = found.not_optimized, found.not_moving, found.not_required
    learning = subject.measured.learning
    if learning is not None and (learning.moved or 0.0) < MIN_MOVED:
        stuck = ()  # nothing moves: that is the loop's affair (cannot-overfit)
    if not (left_out or stuck or off):
        return
    parts = []
    if left_out:
        foreign = (
            f", which holds {found.foreign} tensors that are not the model's"
            if found.foreign
            else ""
        )
        parts.append(
            f"{len(left_out)} parameters with a gradient are in no optimizer{foreign}: {some(left_out)}"
        )
    if stuck:
        parts.append(f"{len(stuck)} are in an optimizer and do not move: {some(stuck)}")
    if off:
        parts.append(f"{len(off)} have requires_grad off: {some(off)}")
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if left_out or stuck else Severity.WARNING,
        (*left_out, *stuck, *off),
        "; ".join(parts),
        evidence={
            "not_optimized": len(left_out),
            "not_moving": len(stuck),
            "not_required": len(off),
            "foreign": found.foreign,
        },
        fix=Fix(
            "safe",
            "build the optimizer last, from all parameters",
            code="torch.optim.AdamW(model.parameters(), lr)",
        ),
        rank=13,
    )
