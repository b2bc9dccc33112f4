"""One side holds names and shapes, and no values at all.

**What it finds.** A file in which every tensor is empty: tensors on torch's meta device, or the placeholders of size zero
that stand for weights which are spread over other files.

**What you hear.** Nothing, if the loader raises. One that fills what is empty leaves random weights, and you hear noise.

**Why it happens.** A model was built without memory (`torch.device("meta")`, `init_empty_weights`) and saved before its
weights were loaded; or the file of one process was saved, of a training in which each process holds a part.

**Blind spots.** A file with a single value is not meant. If only some tensors hold no values, the rest is compared, and the
verdict is no better than INCONCLUSIVE.

**How it is measured.** By counting: no tensor has a value, and none was left out for another reason. No threshold.

**Example.** The model is saved before anything is loaded into it:

    with torch.device("meta"):
        model = Vocoder()
    torch.save(model.state_dict(), "port.pth")  # names and shapes

**Fix.** Load the weights, then save: `model.load_state_dict(state, assign=True)` gives a meta model its values. From
this file there is nothing to be had. Safety: not repairable.

**References.** pytorch.org/docs/stable/meta.html; accelerate, `init_empty_weights`.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.subject import ROLES, DiffSubject

CODE = "CKP017"
NAME = "no-values"
REQUIRES = DiffSubject
DIVERGES = True


def check(subject: DiffSubject) -> Iterable[Finding]:
    roles = [role for role in ROLES if subject.checkpoint(role).holds_no_values]
    if not roles or subject.compares_shapes:
        return
    names = tuple(
        dict.fromkeys(
            name for role in roles for name in subject.checkpoint(role).list_weight_names()
        )
    )
    sides = " and ".join(f"the {subject.noun(role)}" for role in roles)
    verb = "hold" if len(roles) > 1 else "holds"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        names,
        f"{sides} {verb} no values: {format_count(len(names), 'tensor')} with a name and a shape, and nothing was saved in them",
        rank=1,
    )
