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

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.claims import OpenItems
from auscult.rules.subject import DiffSubject, Place
from auscult.rules.wording import counted

CODE = "CKP005"
NAME = "tensor-extra"
REQUIRES = DiffSubject
PRECEDENCE = 901


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:  # noqa: ARG001
    return [Place((name,)) for name in items.surplus]


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    values = sum(subject.a[name].size for name in names)
    side = "model" if subject.b_is_template else "reference"
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING,
        names,
        f"{counted(len(names), 'tensor')} of the checkpoint ({values:,} values) without a place in the {side}",
        evidence={"values": values, "share_of_values": values / max(subject.a.parameters, 1)},
        rank=26,
    )
