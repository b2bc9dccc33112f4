"""The candidate has tensors that the reference does not have.

**What it finds.** Tensors of the candidate for which the reference has nothing. Where the candidate
is code that loads a checkpoint, these are tensors of the model for which there are no trained
weights.

**What you hear.** A file that has more than the reference often sounds the same. It may also hold
what the reference's code lacks: a last projection, a speaker embedding, an adapter. A model that
has more than its checkpoint runs these layers with their initial values: with `strict=False`, in
MLX or in Swift, nothing raises.

**Why it happens.** The code is newer or larger than the training, or a renaming missed a branch.
Weights of an optimizer or a discriminator may lie in the same file.

**Blind spots.** Whether the tensors matter cannot be seen; their share of the values is given.

**How it is measured.** The tensors of the candidate that are left over after the alignment. No
threshold.

**Example.** The code has a layer that the checkpoint was trained without. `auscult diff vocoder.pth
port:build` says:

    final_proj.weight  CKP005 error  tensor-extra: the model has 1 tensor that the checkpoint has not
    (117 values): no trained weights for them, so they keep their initial values

**Fix.** Build the model without the modules that these tensors belong to, or drop the tensors on
purpose. Safety: guess.

**References.** torch.nn.Module.load_state_dict, `missing_keys` and `unexpected_keys`.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.copies import describe_second_copy
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "CKP005"
NAME = "tensor-extra"
REQUIRES = DiffSubject
PRECEDENCE = 901


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return [ClaimedPlace((name,)) for name in items.surplus]


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    reference, candidate = subject.noun("reference"), subject.noun("candidate")
    values = sum(subject.candidate[name].size for name in names)
    text = f"the {candidate} has {format_count(len(names), 'tensor')} that the {reference} has not ({values:,} values)"
    severity, rank = Severity.WARNING, 26
    if subject.source_role == "reference":
        text += ": no trained weights for them, so they keep their initial values"
        severity, rank = Severity.ERROR, 25
    yield Finding(
        CODE,
        NAME,
        severity,
        names,
        text + describe_second_copy(subject, "candidate", names),
        evidence={
            "values": values,
            "share_of_values": values / max(subject.candidate.parameters, 1),
        },
        rank=rank,
    )
