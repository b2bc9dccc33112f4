"""Part of the model has no weights in the checkpoint.

**What it finds.** Tensors of the reference (or of the model's code) for which the checkpoint has nothing, neither under
another name nor within another tensor.

**What you hear.** With `strict=False`, in MLX or in Swift, nothing raises and the part keeps its initial values. On
record: 72 times too quiet (the source residual blocks were not loaded), a velocity 26 times too small (the last
projection).

**Why it happens.** A renaming that missed a branch, a file saved from part of a model, an `if` in the saving code.

**Blind spots.** A tensor that is there under another name and with other values.

**How it is measured.** By content and names together: the tensors left over after the alignment. No threshold.

**Fix.** None from this file: take the tensors from the file that has them. Safety: not repairable.

**References.** torch.nn.Module.load_state_dict, `missing_keys`.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.rules.wording import format_count

CODE = "CKP004"
NAME = "tensor-missing"
REQUIRES = DiffSubject
PRECEDENCE = 900


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return [ClaimedPlace((name,)) for name in items.absent]


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if not places:
        return
    names = tuple(name for place in places for name in place.where)
    values = sum(subject.b[name].size for name in names)
    side = "model" if subject.b_is_template else "reference"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{format_count(len(names), 'tensor')} of the {side} ({values:,} values) not in the checkpoint",
        evidence={"values": values, "share_of_values": values / max(subject.b.parameters, 1)},
        rank=25,
    )
