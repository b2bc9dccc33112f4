"""The state dict is nested under a key.

**What it finds.** A file whose tensors lie under `generator`, `model_state_dict`, `state_dict`,
`model`, `ema` or the like, and not at its top level. auscult takes the model's container and names
it; `--container` takes another.

**What you hear.** A loader that hands the whole file to `load_state_dict(strict=False)` loads
nothing and says nothing: the result is noise. Tools that look at the top level report "0
parameters".

**Why it happens.** Training scripts save the epoch, the optimizer and the model in one dictionary.

**Blind spots.** A file with both `model` and `ema` holds the weights twice; the finding lists all
groups that were found.

**How it is measured.** By the structure of the file. No threshold.

**Example.** The weights lie one level down, and the loader hands over the whole file:

    torch.save({"generator": model.state_dict(), "steps": 1000}, "g.pth")
    model.load_state_dict(torch.load("g.pth"), strict=False)  # loads nothing
    model.load_state_dict(torch.load("g.pth")["generator"])  # loads the model

**Fix.** Unwrap in the loader, as the code hint shows. Safety: safe.

**References.** jik876/hifi-gan saves {"generator": ...}; PyTorch Lightning saves {"state_dict":
...}.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.diff.subject import DiffSubject
from auscult.weights import Checkpoint

CODE = "CKP001"
NAME = "wrapped"
REQUIRES = DiffSubject


def check(subject: DiffSubject) -> Iterable[Finding]:
    reference, candidate = subject.reference, subject.candidate
    if reference.container == candidate.container:
        return
    side, option = (
        (reference, "--container") if reference.container else (candidate, "--container-b")
    )
    path = format_container_path(side)
    other_labels = [
        container.label for container in side.containers if container.path != side.container
    ]
    text = f"{side.path}: the {format_count(len(side), 'tensor')} lie under {path}, not at the top level"
    rivals = [
        entry
        for entry in side.containers
        if entry.path != side.container and entry.kind in ("model", "ema")
    ]
    settled_by = None
    if rivals:
        labels = ", ".join(dict.fromkeys(rival.label for rival in rivals))
        kinds = ", ".join(dict.fromkeys(rival.kind for rival in rivals))
        text += f"; not compared: {labels} ({kinds})"
        settled_by = f"{option} '{rivals[0].label}' compares the other"
    yield Finding(
        CODE,
        NAME,
        Severity.INFO,
        tuple(side),
        text,
        evidence={"container": list(side.container), "other_containers": other_labels},
        settled_by=settled_by,
        fix=Fix(
            "safe",
            f"unwrap {path} before loading",
            code=side.write_load_call(),
        ),
        rank=92,
    )


def format_container_path(checkpoint: Checkpoint) -> str:
    """The container as an index expression: `["model"]["ema"]`."""
    return "".join(
        f'["{step}"]' if isinstance(step, str) else f"[{step}]" for step in checkpoint.container
    )
