"""What the weights cannot tell: settings of the computation that leave no tensor.

**What it finds.** For code, or where the two sides have different architectures: the choices that a
state dict does not record, for the kinds of module that are present. Dilation, stride, padding and
padding mode of convolutions; activations and their slope; norms without affine parameters, eps and
normalised axes; sum or mean of parallel branches; number of heads, scale, mask and rotary
convention of attention; final activation.

**What you hear.** Anything from nothing to noise. On record: a substitute model that loads 94 of 94
tensors and still differs by 43 % in one block (relative error), because dilation, norm and
activation are not in the file.

**Why it happens.** "0 missing, 0 unexpected, 0 mismatched" proves names and shapes, and nothing
about the computation.

**Blind spots.** This is a list of what is open, not of what is wrong.

**How it is measured.** By the kinds of module and by the attributes of the code's modules; a family
that declares its free choices gives the exact list. No threshold.

**Example.** Both of these load the same checkpoint without a complaint, and only one is right:

    nn.Conv1d(8, 8, 3, padding=1)
    nn.Conv1d(8, 8, 3, padding=3, dilation=3)

**Fix.** None from weights. A run settles it: `auscult diagnose --reference-audio` tries the
family's declared variants and keeps the one whose output has the mel that went in; `auscult
compare` against a reference run tells the first layer that differs.

**References.** ronliwag/tool, grc_simple_matching_checkpoint.py (loads 94/94) beside
grc_lora_fixed.py (the training code).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auscult.align.kinds import find_layer_kind
from auscult.facts.words import fold_columns
from auscult.finding import Finding, Severity
from auscult.rules.diff.evidence.modules import classify_module
from auscult.rules.diff.subject import DiffSubject
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
_LABEL_BY_KIND = {
    "conv1d": "conv",
    "conv2d": "conv",
    "conv_transpose1d": "conv-transpose",
    "conv_transpose2d": "conv-transpose",
    "recurrent": "recurrent",
}
_ALWAYS_OPEN = (
    "activation functions and their slope",
    "norms without affine parameters",
    "sum or mean of branches",
    "final activation",
)
_ARCHITECTURE_CAUSES = ("conv-grouped", "kernel-size", "width", "depth", "modules-never-trained")


def measure(checkpoint: Checkpoint) -> dict[str, tuple[str, ...]]:
    """The modules of each kind that leave something open, as folded paths."""
    modules_by_label: dict[str, list[str]] = {}
    for name, tensor in checkpoint.items():
        module = name.rpartition(".")[0]
        label = _LABEL_BY_KIND.get(find_layer_kind(checkpoint, name))
        if name.endswith((".alpha", ".beta")):
            label = "snake"
        elif (
            label is None
            and classify_module(checkpoint, name, name) in {"norm", "attention"}
            and tensor.size
        ):
            label = classify_module(checkpoint, name, name)
        if label:
            modules_by_label.setdefault(label, []).append(module)
    return {
        label: fold_columns(dict.fromkeys(modules)) for label, modules in modules_by_label.items()
    }


def check(subject: DiffSubject) -> Iterable[Finding]:
    has_code = subject.reference.is_code or subject.candidate.is_code
    if not has_code and not any(subject.places.get(cause) for cause in _ARCHITECTURE_CAUSES):
        return
    modules = measure(subject.source)
    choices = {label: _OPEN_CHOICES[label] for label in modules}
    if subject.compares_shapes:
        severity = Severity.WARNING
    else:
        severity = Severity.INFO
    code_side = subject.target
    if not code_side.modules:
        code_side = subject.source
    yield Finding(
        CODE,
        NAME,
        severity,
        tuple(path for paths in modules.values() for path in paths),
        _describe_choices(subject, choices),
        evidence={
            "open": {label: list(open_settings) for label, open_settings in choices.items()},
            "always_open": list(_ALWAYS_OPEN),
            "family_choices": {
                choice.field: [str(value) for value in choice.values] for choice in subject.choices
            },
            "declared_by_code": _collect_declared_choices(code_side),
        },
        settled_by=_suggest_run(subject),
        rank=90,
    )


def _describe_choices(subject: DiffSubject, choices: Mapping[str, tuple[str, ...]]) -> str:
    fitting_count = sum(match.equality != "different" for match in subject.alignment.matches)
    choices_text = "; ".join(
        f"{', '.join(open_settings)} of {label} layers" for label, open_settings in choices.items()
    )
    text = (
        f"{fitting_count} of {len(subject.source)} tensors fit, and the weights still cannot tell: {choices_text};"
        f" {', '.join(_ALWAYS_OPEN)}"
    )
    if subject.choices:
        text += (
            f" (declared by the family: {', '.join(choice.field for choice in subject.choices)})"
        )
    return text


def _suggest_run(subject: DiffSubject) -> str:
    """The run that would settle it: the family's variants on a recording, or a reference run layer by layer."""
    if subject.choices:
        return f"auscult diagnose {subject.source.path} --reference-audio RECORDING.wav"
    sides = (subject.candidate, subject.reference)
    model_path = next((side.path for side in sides if side.is_code), "CANDIDATE")
    return (
        f"auscult compare REFERENCE {model_path} --inputs INPUTS.npz,"
        " where REFERENCE is the code that it was trained with"
    )


def _collect_declared_choices(checkpoint: Checkpoint) -> dict[str, list[str]]:
    """What the code at hand has chosen, so that a reader can hold it against the training code."""
    fields = ("dilation", "stride", "padding_mode", "eps", "negative_slope", "num_heads")
    result: dict[str, set[str]] = {}
    for info in checkpoint.modules.values():
        for field in fields:
            if field in info.attributes:
                result.setdefault(f"{info.type}.{field}", set()).add(str(info.attributes[field]))
    return {key: sorted(values) for key, values in sorted(result.items())}
