"""Output channels whose weights are all zero.

**What it finds.** Rows of a weight (axis 0), or weight-norm gains, that are nothing beside the
other rows of the same tensor.

**What you hear.** Mostly nothing: the model learned to do without. A dull or hollow sound where
many are dead in one layer.

**Why it happens.** Pruning; weight decay on a channel that a ReLU closed; rows of a longer
vocabulary or speaker table that were never used; a partial copy that left the rest of a tensor at
zero.

**Blind spots.** Only tensors that were read whole are judged: the small ones (gains, biases of a
layer) by default, all with `--full`.

**How it is measured.** A channel is dead if its largest magnitude is below a millionth of the
median channel's. A tensor that is zero throughout is `untrained`, not this; long stretches, and many
rows of an embedding, are `corrupt`. Never met on randomly
initialised or trained weights without cause.

**Example.** Four rows of an embedding were never used, and weight decay made them zero:

    embedding.weight[60:64]  # all zero, beside rows of magnitude 0.1

**Fix.** None needed unless the channels should be there. Safety: not repairable from this file.

**References.** None.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.checkpoint.constant_rows import join_runs
from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.inspect.ckp060_corrupt import judge_rows
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP052"
NAME = "dead-channels"
REQUIRES = InspectSubject

WARNING_SHARE = 0.05  # of the channels of one tensor; fewer are information


def check(subject: InspectSubject) -> Iterable[Finding]:
    dead_tensors = {
        name: health
        for name, health in subject.health.items()
        if health.dead and judge_rows(subject.checkpoint, name, join_runs(health.dead)) is None
    }
    if not dead_tensors:
        return
    worst_share = max(len(health.dead) / health.channels for health in dead_tensors.values())
    count = sum(len(health.dead) for health in dead_tensors.values())
    total = sum(health.channels for health in dead_tensors.values())
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if worst_share >= WARNING_SHARE else Severity.INFO,
        tuple(dead_tensors),
        f"{format_count(count, 'channel')} of {total:,} are dead in {format_count(len(dead_tensors), 'tensor')}: {summarise_names(tuple(dead_tensors))}",
        evidence={
            name: {"dead": list(health.dead[:16]), "of": health.channels}
            for name, health in list(dead_tensors.items())[:16]
        },
        rank=30,
    )
