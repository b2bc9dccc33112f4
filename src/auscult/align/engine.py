"""Content alignment of two checkpoints: which tensor on this side is which on that side, through which operations.

Five levels, each on what the one before has left: equal bits under any permutation; equal within a number format's error;
derived by a hypothesis; the same name with different content; only on one side. Nothing but names and neighbours ever
decides between tensors of equal content, and nothing but the elements ever decides that a content is equal.
"""

from __future__ import annotations

import numpy as np

from auscult.align.derived import match_derived
from auscult.align.exact import match_exactly
from auscult.align.finish import alignment_of
from auscult.align.ledger import Ledger
from auscult.align.lossy import match_closely
from auscult.align.named import match_by_name
from auscult.align.records import Alignment
from auscult.align.side import Progress, Side
from auscult.align.ties import settle_by_name, settle_by_place
from auscult.weights import Checkpoint


def align(a: Checkpoint, b: Checkpoint, *, progress: Progress | None = None) -> Alignment:
    """Match the tensors of two checkpoints by their content.

    Every tensor of both sides ends in exactly one place: one match, `only_in_a` or `only_in_b`, or a skip. The result does
    not depend on threads or on the order of sets. `Checkpoint.skips`, what the readers left out, is not looked at here.

    Args:
        progress: Called with (tensors done, tensors in all, what).

    Raises:
        CheckpointError: If a tensor that could be read at first cannot be read again.
    """
    with np.errstate(all="ignore"):  # NaN, Inf and overflow are content here
        return _align(a, b, progress)


def _align(a: Checkpoint, b: Checkpoint, progress: Progress | None) -> Alignment:
    sides = Side(a), Side(b)
    total, done = len(a) + len(b), 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total, "reading tensors")

    def stage(what: str) -> None:
        if progress:
            progress(total - len(sides[0].left) - len(sides[1].left), total, what)

    for side in sides:
        side.read(tick)
    ledger = Ledger(*sides)
    stage("matching equal content")
    match_exactly(ledger)
    ledger.learn()
    settle_by_name(ledger)
    settle_by_place(ledger, constants=False)
    ledger.learn()
    if ledger.open:
        stage("matching rounded content")
        match_closely(ledger)
    if ledger.open:
        stage("matching derived content")
        ledger.learn()
        match_derived(ledger)
        ledger.learn()
        settle_by_name(ledger)
        settle_by_place(ledger, constants=True)
    if ledger.open:
        stage("pairing by name")
        match_by_name(ledger)
    stage("done")
    return alignment_of(ledger)
