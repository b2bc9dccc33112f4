"""What the weights cannot tell: settings of the computation that leave no tensor.

**What it finds.** For code, or where the two sides have different architectures: the choices that a state dict does not
record, for the kinds of module that are present. Dilation, stride, padding and padding mode of convolutions; activations
and their slope; norms without affine parameters, eps and normalised axes; sum or mean of parallel branches; number of
heads, scale, mask and rotary convention of attention; final activation.

**What you hear.** Anything from nothing to noise. On record: a substitute model that loads 94 of 94 tensors and still
differs by 43 % in one block (relative error), because dilation, norm and activation are not in the file.

**Why it happens.** "0 missing, 0 unexpected, 0 mismatched" proves names and shapes, and nothing about the computation.

**Blind spots.** This is a list of what is open, not of what is wrong.

**How it is measured.** By the kinds of module and by the attributes of the code's modules; a family that declares its
free choices gives the exact list. No threshold.

**Fix.** None from weights. A run settles it: `auscult diagnose --reference-audio` tries the family's declared variants and keeps
the one whose output has the mel that went in; `auscult compare` against a reference run tells the first layer that
differs.

**References.** ronliwag/tool, grc_simple_matching_checkpoint.py (loads 94/94) beside grc_lora_fixed.py (the training
code).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.kinds import layer_kind
from auscult.finding import Finding, Severity
from auscult.rules.diff.evidence.modules import module_kind
from auscult.rules.diff.subject import DiffSubject
from auscult.rules.wording import folded
from auscult.weights import Checkpoint

CODE = "ARC006"
NAME = "undetermined-by-weights"
REQUIRES = DiffSubject

_OPEN_CHOICES = {
    "conv": ("dilation", "stride", "padding", "padding mode"),
    "conv-transpose": ("stride", "padding", "output padding"),
    "norm": ("eps", "normalised axes", "training or evaluation mode"),
    "attention": ("number of heads", "scale", "mask", "rotary convention"),
    "recurrent": ("gate order", "direction"),
    "snake": ("linear or logarithmic alpha", "epsilon"),
}
_ALWAYS = (
    "activation functions and their slope",
    "norms without affine parameters",
    "sum or mean of branches",
    "final activation",
)
_ARCHITECTURE = ("conv-grouped", "kernel-size", "width", "depth", "modules-never-trained")


def measure(checkpoint: Checkpoint) -> dict[str, tuple[str, ...]]:
    """The modules of each kind that leave something open, as folded paths."""
    found: dict[str, list[str]] = {}
    for name, tensor in checkpoint.items():
        module = name.rpartition(".")[0]
        kind = layer_kind(checkpoint, name)
        group = {
            "conv1d": "conv",
            "conv2d": "conv",
            "conv-transpose1d": "conv-transpose",
            "conv-transpose2d": "conv-transpose",
        }
        label = group.get(kind) or ("recurrent" if kind == "recurrent" else None)
        if name.endswith((".alpha", ".beta")):
            label = "snake"
        elif (
            label is None
            and module_kind(checkpoint, name, name) in {"norm", "attention"}
            and tensor.size
        ):
            label = module_kind(checkpoint, name, name)
        if label:
            found.setdefault(label, []).append(module)
    return {label: folded(dict.fromkeys(modules)) for label, modules in found.items()}


def check(subject: DiffSubject) -> Iterable[Finding]:
    code = subject.a.is_code or subject.b.is_code
    if not code and not any(subject.places.get(cause) for cause in _ARCHITECTURE):
        return
    modules = measure(subject.a)
    choices = {label: _OPEN_CHOICES[label] for label in modules}
    named = [choice.field for choice in subject.choices]
    listed = "; ".join(f"{', '.join(open_)} of {label} layers" for label, open_ in choices.items())
    always = ", ".join(_ALWAYS)
    fitting = sum(1 for match in subject.alignment.matches if match.equality != "different")
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if subject.b_is_template else Severity.INFO,
        tuple(path for paths in modules.values() for path in paths),
        f"{fitting} of {len(subject.a)} tensors fit, and the weights still cannot tell: {listed}; {always}"
        + (f" (declared by the family: {', '.join(named)})" if named else ""),
        evidence={
            "open": {label: list(open_) for label, open_ in choices.items()},
            "always_open": list(_ALWAYS),
            "family_choices": {
                choice.field: [str(value) for value in choice.values] for choice in subject.choices
            },
            "declared_by_code": _declared(subject.b if subject.b.modules else subject.a),
        },
        settled_by=_run(subject),
        rank=90,
    )


def _run(subject: DiffSubject) -> str:
    """The run that would settle it: the family's variants on a recording, or a reference run layer by layer."""
    checkpoint = subject.b.path if subject.a.is_code else subject.a.path
    if subject.choices:
        return f"auscult diagnose {checkpoint} --reference-audio RECORDING.wav"
    model = next((side.path for side in (subject.a, subject.b) if side.is_code), "CANDIDATE")
    return f"auscult compare REFERENCE {model} --inputs INPUTS.npz, where REFERENCE is the code that it was trained with"


def _declared(checkpoint: Checkpoint) -> dict[str, list[str]]:
    """What the code at hand has chosen, so that a reader can hold it against the training code."""
    fields = ("dilation", "stride", "padding_mode", "eps", "negative_slope", "num_heads")
    result: dict[str, set[str]] = {}
    for info in checkpoint.modules.values():
        for field in fields:
            if field in info.attributes:
                result.setdefault(f"{info.type}.{field}", set()).add(str(info.attributes[field]))
    return {key: sorted(values) for key, values in sorted(result.items())}
