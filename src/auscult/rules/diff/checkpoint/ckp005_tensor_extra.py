"""The checkpoint has tensors for which the model has no place.

**What it finds.** Tensors of the checkpoint that the reference (or the model's code) does not have.

**What you hear.** Nothing, or the lack of what these layers did: a model without its last projection, its speaker
embedding, its adapter.

**Why it happens.** The code is older or simpler than the training; optimizer or discriminator tensors lie in the same
file.

**Blind spots.** Whether the tensors matter cannot be seen; their share of the values is given.

**How it is measured.** The tensors left over after the alignment. No threshold.

**Fix.** In the code: the modules that these tensors belong to; or drop them on purpose. Safety: guess.

**References.** torch.nn.Module.load_state_dict, `unexpected_keys`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count
from auscult.weights import Shape

CODE = "CKP005"
NAME = "tensor-extra"
REQUIRES = DiffSubject
PRECEDENCE = 901
MIN_COPY_TENSORS = 4
"""Tensors; fewer may share a name and a shape by chance."""


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return [ClaimedPlace((name,)) for name in items.surplus]


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    values = sum(subject.a[name].size for name in names)
    side = "model" if subject.b_is_template else "reference"
    copy_note = _describe_second_copy(subject, names)
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        names,
        f"{format_count(len(names), 'tensor')} of the checkpoint ({values:,} values) without a place in the {side}{copy_note}",
        evidence={"values": values, "share_of_values": values / max(subject.a.parameters, 1)},
        rank=26,
    )


def _describe_second_copy(subject: DiffSubject, names: tuple[str, ...]) -> str:
    """What to add where most of these tensors are the model once more under another prefix, as EMA weights are."""
    prefix_by_tail: dict[tuple[str, Shape], str] = {}
    for match in subject.alignment.matches:
        for name in match.a:
            prefix_by_tail.setdefault(
                (name.partition(".")[2], subject.a[name].shape), name.partition(".")[0]
            )
    prefix_pairs = Counter(
        (name.partition(".")[0], prefix_by_tail[key])
        for name in names
        if (key := (name.partition(".")[2], subject.a[name].shape)) in prefix_by_tail
        and prefix_by_tail[key] != name.partition(".")[0]
    )
    if prefix_pairs:
        (copy_prefix, compared_prefix), count = prefix_pairs.most_common(1)[0]
    else:
        (copy_prefix, compared_prefix), count = (("", ""), 0)
    if count < MIN_COPY_TENSORS or count * 2 < len(names):
        return ""
    return f": {count} of them are the model once more, {copy_prefix}.* beside {compared_prefix}.* (EMA or an earlier state); {compared_prefix}.* was compared"
