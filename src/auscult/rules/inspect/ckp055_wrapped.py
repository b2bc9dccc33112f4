"""The state dict is nested under a key.

**What it finds.** A file whose model lies under `generator`, `model_state_dict`, `state_dict`,
`ema` or the like; and the other groups of tensors in the file, which were not looked at.

**What you hear.** `load_state_dict(file, strict=False)` on the whole file loads nothing and says
nothing: noise.

**Why it happens.** Training scripts save the epoch, the optimizer and the model in one dictionary.

**Blind spots.** Where a file has several models (`model` and `ema`) auscult takes one;
`--container` takes another.

**How it is measured.** By the structure of the file. No threshold.

**Example.** The weights lie one level down, and the loader hands over the whole file:

    model.load_state_dict(torch.load("g.pth"), strict=False)  # loads nothing
    model.load_state_dict(torch.load("g.pth")["generator"])  # loads the model

**Fix.** Unwrap in the loader, as the code hint shows. Safety: safe.

**References.** jik876/hifi-gan saves {"generator": ...}; PyTorch Lightning saves {"state_dict":
...}.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.inspect.subject import InspectSubject
from auscult.weights import Container

CODE = "CKP055"
NAME = "wrapped"
REQUIRES = InspectSubject


def check(subject: InspectSubject) -> Iterable[Finding]:
    checkpoint = subject.checkpoint
    if not checkpoint.container:
        return
    label = Container(checkpoint.container, "model", 0, 0).label
    other_labels = [
        entry.label for entry in checkpoint.containers if entry.path != checkpoint.container
    ]
    if other_labels:
        others_note = f"; beside it lie {', '.join(other_labels[:4])}"
    else:
        others_note = ""
    yield Finding(
        CODE,
        NAME,
        Severity.INFO,
        (label,),
        f"the model is nested under {label}{others_note}",
        count=len(checkpoint),
        evidence={"container": list(checkpoint.container), "others": other_labels},
        fix=Fix(
            "safe",
            "unwrap it before load_state_dict",
            code=checkpoint.write_load_call(),
        ),
        rank=90,
    )
