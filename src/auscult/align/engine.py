"""Content alignment of two checkpoints: which tensor on this side is which on that side, through which operations.

Six levels, each on what the one before has left: equal bits under any permutation; equal within a number format's error;
derived by a hypothesis; small tensors by their layer; the same name with different content; only on one side. Nothing but names and neighbours ever
decides between tensors of equal content, and nothing but the elements ever decides that a content is equal.
"""

from __future__ import annotations

import numpy as np

from auscult.align.derived import match_derived
from auscult.align.exact import match_exactly
from auscult.align.finish import build_alignment
from auscult.align.fresh_weight_norm import rejoin_fresh_weight_norms
from auscult.align.layers import match_by_layer
from auscult.align.ledger import Ledger
from auscult.align.lossy import match_closely
from auscult.align.named import match_by_name
from auscult.align.records import WeightAlignment
from auscult.align.side import CheckpointSide
from auscult.align.ties import settle_by_name, settle_by_place
from auscult.facts.progress import Progress
from auscult.weights import Checkpoint


def align(a: Checkpoint, b: Checkpoint, *, progress: Progress | None = None) -> WeightAlignment:
    """Match the tensors of two checkpoints by their content.

    Every tensor of both sides ends in exactly one place: one match, `only_in_a` or `only_in_b`, or a skip. The result does
    not depend on threads or on the order of sets. `Checkpoint.skips`, what the readers left out, is not looked at here.

    Args:
        progress: Called with (tensors done, tensors in all, what).

    Raises:
        CheckpointError: If a tensor that could be read at first cannot be read again.
    """
    with np.errstate(all="ignore"):  # NaN, Inf and overflow are content here
        return _align_sides(a, b, progress)


def _align_sides(a: Checkpoint, b: Checkpoint, progress: Progress | None) -> WeightAlignment:
    sides = CheckpointSide(a), CheckpointSide(b)
    total, done_count = len(a) + len(b), 0

    def report_tensor() -> None:
        nonlocal done_count
        done_count += 1
        if progress:
            progress(done_count, total, "reading tensors")

    def report_stage(stage_name: str) -> None:
        if progress:
            progress(total - len(sides[0].left) - len(sides[1].left), total, stage_name)

    for side in sides:
        side.read(report_tensor)
    ledger = Ledger(*sides)
    report_stage("matching equal content")
    match_exactly(ledger)
    ledger.update_renaming()
    settle_by_name(ledger)
    settle_by_place(ledger, constants=False)
    ledger.update_renaming()
    if ledger.open:
        report_stage("matching rounded content")
        match_closely(ledger)
    if ledger.open:
        report_stage("matching derived content")
        ledger.update_renaming()
        rejoin_fresh_weight_norms(ledger)
        match_derived(ledger)
        ledger.update_renaming()
        settle_by_name(ledger)
        settle_by_place(ledger, constants=True)
    if ledger.open:
        match_by_layer(ledger)
        report_stage("pairing by name")
        match_by_name(ledger)
    report_stage("done")
    return build_alignment(ledger)
