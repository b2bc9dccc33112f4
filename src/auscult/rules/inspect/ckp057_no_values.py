"""The file holds names and shapes, and no values at all.

**What it finds.** A file in which every tensor is empty: tensors on torch's meta device, or the placeholders of size zero
that stand for weights which are spread over other files.

**What you hear.** Nothing, if the loader raises. One that fills what is empty leaves random weights, and you hear noise.

**Why it happens.** A model was built without memory (`torch.device("meta")`, `init_empty_weights`) and saved before its
weights were loaded; or the file of one process was saved, of a training in which each process holds a part.

Where only some weights are such placeholders, it is a warning, and `inspect` is INCONCLUSIVE.

**Blind spots.** If some tensors are on the meta device and others hold values, they are listed as skipped.

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
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP057"
NAME = "no-values"
REQUIRES = InspectSubject


def check(subject: InspectSubject) -> Iterable[Finding]:
    if subject.checkpoint.holds_no_values:
        names = subject.checkpoint.list_weight_names()
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            names,
            f"the file holds no values: {format_count(len(names), 'tensor')} with a name and a shape, and nothing was saved in them",
            rank=1,
        )
        return
    tensors = subject.checkpoint.tensors
    placeholders = tuple(name for name, tensor in tensors.items() if tensor.is_placeholder)
    if placeholders:
        yield Finding(
            CODE,
            NAME,
            Severity.WARNING,
            placeholders,
            f"{len(placeholders)} of {format_count(len(tensors), 'tensor')} are of size zero: placeholders of weights whose values "
            "are in other files",
            rank=1,
        )
