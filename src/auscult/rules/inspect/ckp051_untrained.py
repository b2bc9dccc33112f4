"""Tensors that look as their constructor left them.

**What it finds.** Weights that are all zero, or distributed exactly as an initialiser draws them, among trained ones; norms
whose gain is all 1 and shift all 0; or, if every weight looks so, a file that was never trained.

**What you hear.** Noise or buzz if the fresh layers are in the signal path; a model that ignores its conditioning if they are
in the conditioning path; nothing at all for an adapter (LoRA) whose second factor is still zero.

**Why it happens.** `load_state_dict(strict=False)` skipped them and the model was saved again; modules made lazily and saved
before their first use; a template saved instead of the model; layers that the loss never reached.

**Blind spots.** Weights with fewer than 1024 values are judged only if they are zero; vectors only if they are constant. Layers
that are random on purpose (frozen random projections) look the same. Biases that are all zero are not reported: conversions
write them.

**How it is measured.** Kurtosis, mean, correlation of neighbours and evenness of block variances against uniform, normal and
truncated normal draws of a known scale, each within 4.5 standard errors (`auscult.checkpoint.initialisers`). Measured on
samples of 1024 values, and of 8192 where those say nothing against it: 0 false alarms on 2000 trained-looking tensors, 0 misses
on 700 fresh ones. A fresh tensor whose rows took gains that spread by 5 % is still called fresh in 60 % of cases, by 10 % in
none of 200. Short training may leave a weight normal, and some known scale is then near by chance: a normal draw counts only
beside a bias that is fresh too (zero, constant, or uniform within 1/sqrt(fan_in)); where the module has no bias it is a warning.
Uniform draws and zeros need no witness, since training never leaves them.

**Fix.** None from this file: load the tensors from the file that has them, and look at what `load_state_dict` returned. Safety:
not repairable.

**References.** torch.nn.init; `init_weights` of jik876/hifi-gan (normal, 0.01).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod, sqrt

from auscult.checkpoint.health import Health, is_float
from auscult.facts.words import counted, some
from auscult.finding import Finding, Severity
from auscult.rules.inspect.subject import InspectSubject
from auscult.weights import Tensor

CODE = "CKP051"
NAME = "untrained"
REQUIRES = InspectSubject

MIN_ZEROS = 16  # values; a smaller weight may be zero by chance or by design
BIAS_SIGMAS = 3.5
UNIFORM_STD_ERROR = 0.45  # relative standard error of a uniform draw's deviation, times sqrt(n)
WEAK_CONFIDENCE = 0.6
GAINS = (".weight", ".gamma", ".scale")
SHIFTS = {".weight": ".bias", ".gamma": ".beta", ".scale": ".bias"}


def measure(
    tensors: Mapping[str, Tensor], health: Mapping[str, Health]
) -> tuple[dict[str, str], int]:
    """Fresh-looking tensors with what they look like, and how many weights could be judged."""
    found: dict[str, str] = {}
    judged = 0
    for name, tensor in tensors.items():
        measured = health.get(name)
        if (
            measured is None
            or not measured.seen
            or not is_float(tensor.dtype)
            or tensor.trainable is False
        ):
            continue
        if len(tensor.shape) < 2 or min(tensor.shape[:2]) < 2:
            if _is_default_norm(name, health):
                found[name] = found[_shift_of(name)] = "gain 1 and shift 0"
            continue
        if measured.is_zero and measured.seen >= MIN_ZEROS:
            found[name] = "all zero"
        elif measured.fresh and _bias_agrees(name, tensor, measured.fresh, health) is not False:
            found[name] = measured.fresh
        judged += measured.is_zero or measured.seen >= 1024
    return found, judged


def _bias_agrees(
    name: str, weight: Tensor, looks: str, health: Mapping[str, Health]
) -> bool | None:
    """Whether the bias beside a normal-looking weight is fresh too; None without a bias; True where no witness is needed."""
    if looks.startswith("uniform"):
        return True
    bias = health.get(name.removesuffix("weight") + "bias") if name.endswith("weight") else None
    if bias is None or not bias.seen:
        return None
    if bias.is_zero or bias.is_constant:
        return True
    bound = 1 / sqrt(prod(weight.shape[1:]))
    slack = BIAS_SIGMAS * UNIFORM_STD_ERROR / sqrt(bias.seen)
    return bias.peak <= bound * (1 + 1e-6) and abs(bias.std * sqrt(3.0) / bound - 1) < slack


def _shift_of(gain: str) -> str:
    ending = next((ending for ending in GAINS if gain.endswith(ending)), "")
    return gain[: len(gain) - len(ending)] + SHIFTS.get(ending, "?")


def _is_default_norm(name: str, health: Mapping[str, Health]) -> bool:
    gain, shift = health[name], health.get(_shift_of(name))
    if shift is None or not shift.seen or gain.size != shift.size or gain.size < 2:
        return False
    return gain.is_constant and gain.minimum == 1.0 and shift.is_zero


def check(subject: InspectSubject) -> Iterable[Finding]:
    found, judged = measure(subject.checkpoint.tensors, subject.health)
    weights = [name for name, looks in found.items() if looks != "gain 1 and shift 0"]
    if not found:
        return
    looks = dict(Counter(found.values()).most_common())
    likeness = ", ".join(f"{count} {look}" for look, count in list(looks.items())[:4])
    evidence = {"like": looks, "judged": judged, "fresh": len(weights)}
    if judged and len(weights) == judged:
        severity = Severity.INFO if subject.checkpoint.is_code else Severity.WARNING
        message = f"all of the {counted(judged, 'weight')} that can be judged look freshly initialised ({likeness}): never trained"
        yield Finding(CODE, NAME, severity, tuple(found), message, 0.97, evidence=evidence, rank=8)
        return
    sure = [name for name in weights if _is_sure(name, found[name], subject)]
    severity = Severity.ERROR if sure else Severity.WARNING
    yield Finding(
        CODE,
        NAME,
        severity,
        tuple(found),
        f"{counted(len(found), 'tensor')} among trained ones look untrained ({likeness}): {some(tuple(found))}",
        0.95 if sure else WEAK_CONFIDENCE if weights else 0.8,
        evidence=evidence,
        rank=8,
    )


def _is_sure(name: str, looks: str, subject: InspectSubject) -> bool:
    return looks == "all zero" or bool(
        _bias_agrees(name, subject.checkpoint[name], looks, subject.health)
    )
