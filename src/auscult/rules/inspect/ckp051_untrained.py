"""Tensors that look as their constructor left them.

**What it finds.** Weights that are all zero, or distributed exactly as an initialiser draws them,
among trained ones; norms whose gain is all 1 and shift all 0; or, if every weight looks so, a file
that was never trained (a warning; an error where every value is zero).

**What you hear.** Noise or buzz if the fresh layers are in the signal path; a model that ignores
its conditioning if they are in the conditioning path; nothing at all for an adapter (LoRA) whose
second factor is still zero.

**Why it happens.** `load_state_dict(strict=False)` skipped them and the model was saved again;
modules made lazily and saved before their first use; a template saved instead of the model; layers
that the loss never reached.

**Blind spots.** Weights with fewer than 1024 values are judged only if they are zero; vectors only
if they are constant. Layers that are random on purpose (frozen random projections) look the same.
Biases that are all zero are not reported: conversions write them.

**How it is measured.** Kurtosis, mean, correlation of neighbours and evenness of block variances
against uniform, normal and truncated normal draws of a known scale, each within 4.5 standard errors
(`auscult.checkpoint.initialisers`). Measured on samples of 1024 values, and of 8192 where those say
nothing against it: 0 false alarms on 2000 trained-looking tensors, 0 misses on 700 fresh ones. A
fresh tensor whose rows took gains that spread by 5 % is still called fresh in 60 % of cases, by 10
% in none of 200. Short training may leave a weight normal, and some known scale is then near by
chance: a normal draw counts only beside a bias that is fresh too (zero, constant, or uniform within
1/sqrt(fan_in)); where the module has no bias it is a warning. Uniform draws and zeros need no
witness, since training never leaves them.

**Example.** The load skipped a layer in silence, and the model was saved again:

    model.load_state_dict(state, strict=False)  # returns what it left out; nobody looks
    torch.save(model.state_dict(), "port.pth")  # holds fresh weights now

**Fix.** None from this file: load the tensors from the file that has them, and look at what
`load_state_dict` returned. Safety: not repairable.

**References.** torch.nn.init; `init_weights` of jik876/hifi-gan (normal, 0.01).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod, sqrt

from auscult.checkpoint.health import Health, is_float
from auscult.facts.words import format_count, summarise_names
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject
from auscult.weights import Tensor

CODE = "CKP051"
NAME = "untrained"
REQUIRES = InspectSubject

MIN_ZERO_VALUES = 16  # values; a smaller weight may be zero by chance or by design
BIAS_SIGMAS = 3.5
UNIFORM_STD_ERROR = 0.45  # relative standard error of a uniform draw's deviation, times sqrt(n)
WEAK_CONFIDENCE = 0.6
GAIN_SUFFIXES = (".weight", ".gamma", ".scale")
SHIFT_BY_GAIN_SUFFIX = {".weight": ".bias", ".gamma": ".beta", ".scale": ".bias"}


def measure(
    tensors: Mapping[str, Tensor], health: Mapping[str, Health]
) -> tuple[dict[str, str], int]:
    """Fresh-looking tensors with what they look like, and how many weights could be judged."""
    look_by_name: dict[str, str] = {}
    judged_count = 0
    for name, tensor in tensors.items():
        tensor_health = health.get(name)
        if (
            tensor_health is None
            or not tensor_health.seen
            or not (is_float(tensor.dtype) or tensor.weight_storage is not None)
            or tensor.trainable is False
        ):
            continue
        if len(tensor.shape) < 2 or min(tensor.shape[:2]) < 2:
            if _is_default_norm(name, health):
                look_by_name[name] = look_by_name[_name_shift(name)] = "gain 1 and shift 0"
            continue
        if tensor_health.is_zero and tensor_health.seen >= MIN_ZERO_VALUES:
            look_by_name[name] = "all zero"
        elif (
            is_float(tensor.dtype)  # rounding hides which distribution values were drawn from
            and tensor_health.fresh
            and _is_bias_fresh(name, tensor, tensor_health.fresh, health) is not False
        ):
            look_by_name[name] = tensor_health.fresh
        judged_count += tensor_health.is_zero or tensor_health.seen >= 1024
    return look_by_name, judged_count


def _is_bias_fresh(
    name: str, weight: Tensor, look: str, health: Mapping[str, Health]
) -> bool | None:
    """Whether the bias beside a normal-looking weight is fresh too; None without a bias; True where no witness is needed."""
    if look.startswith("uniform"):
        return True
    if name.endswith("weight"):
        bias = health.get(name.removesuffix("weight") + "bias")
    else:
        bias = None
    if bias is None or not bias.seen:
        return None
    if bias.is_zero or bias.is_constant:
        return True
    bound = 1 / sqrt(prod(weight.shape[1:]))
    slack = BIAS_SIGMAS * UNIFORM_STD_ERROR / sqrt(bias.seen)
    return bias.peak <= bound * (1 + 1e-6) and abs(bias.std * sqrt(3.0) / bound - 1) < slack


def _name_shift(gain: str) -> str:
    ending = next((ending for ending in GAIN_SUFFIXES if gain.endswith(ending)), "")
    return gain[: len(gain) - len(ending)] + SHIFT_BY_GAIN_SUFFIX.get(ending, "?")


def _is_default_norm(name: str, health: Mapping[str, Health]) -> bool:
    gain, shift = health[name], health.get(_name_shift(name))
    if shift is None or not shift.seen or gain.size != shift.size or gain.size < 2:
        return False
    return gain.is_constant and gain.minimum == 1.0 and shift.is_zero


def check(subject: InspectSubject) -> Iterable[Finding]:
    look_by_name, judged_count = measure(subject.checkpoint.tensors, subject.health)
    weight_names = [name for name, looks in look_by_name.items() if looks != "gain 1 and shift 0"]
    if not look_by_name:
        return
    looks = dict(Counter(look_by_name.values()).most_common())
    likeness = ", ".join(f"{count} {look}" for look, count in list(looks.items())[:4])
    evidence = {"like": looks, "judged": judged_count, "fresh": len(weight_names)}
    # zeros beside values that are none are no fresh model: part of the file was not written, or not loaded
    is_part_zero = set(looks) == {"all zero"} and _has_varied_weights(subject)
    if judged_count and len(weight_names) == judged_count and not is_part_zero:
        if subject.checkpoint.is_code:
            severity = Severity.INFO
        elif _is_all_zero(subject):
            severity = Severity.ERROR
        else:
            severity = Severity.WARNING
        message = f"all of the {format_count(judged_count, 'weight')} that can be judged look freshly initialised ({likeness}): never trained"
        yield Finding(
            CODE, NAME, severity, tuple(look_by_name), message, 0.97, evidence=evidence, rank=8
        )
        return
    sure_names = [name for name in weight_names if _is_sure(name, look_by_name[name], subject)]
    severity = Severity.ERROR if sure_names else Severity.WARNING
    yield Finding(
        CODE,
        NAME,
        severity,
        tuple(look_by_name),
        f"{format_count(len(look_by_name), 'tensor')} among trained ones look untrained ({likeness}): {summarise_names(tuple(look_by_name))}",
        0.95 if sure_names else WEAK_CONFIDENCE if weight_names else 0.8,
        evidence=evidence,
        rank=8,
    )


def _is_all_zero(subject: InspectSubject) -> bool:
    """Whether no value of the file that was looked at is other than zero: nobody trained that, and nothing sounds of it."""
    return all(health.is_zero for health in subject.health.values() if health.seen)


def _has_varied_weights(subject: InspectSubject) -> bool:
    """Whether any tensor of two axes or more holds different values, however small it is."""
    return any(
        health.seen and not health.is_zero and not health.is_constant
        for name, health in subject.health.items()
        if len(subject.checkpoint[name].shape) > 1
    )


def _is_sure(name: str, look: str, subject: InspectSubject) -> bool:
    return look == "all zero" or bool(
        _is_bias_fresh(name, subject.checkpoint[name], look, subject.health)
    )
