"""Several mechanisms own the output's amplitude, and losses pull it in different directions.

**What it finds.** A learned scale of the output beside a bounded end (tanh, clamp), or beside a loss on the level alone; and
a loss on the level whose pull opposes that of all other terms.

**What you hear.** Too loud or too quiet, clipped or saturated; the level wanders in training.

**Why it happens.** Someone saw a quiet output and gave it a scale, a tanh and a loss for its level, one after the other. A
quiet output is rarely the cause: where output and target are uncorrelated, the least-squares answer *is* silence (RMS ratio
√(1 - 10^(-SNR/10)): 0 at 0 dB), and it grows by itself as the model learns.

**Blind spots.** Scales with more than one value. A bounded end alone is no conflict: DAC and HiFi-GAN end in tanh.

**How it is measured.** Scale: a parameter of one value whose change by 5 % changes the output along itself, or as a gain in
front of the tanh does (cosine above 0.9). Bounded end: the last tanh, clamp or sigmoid, if the output is proportional to its
result. Loss on the level: reacts to half level or silence, and by less than 5 % of that to noise, other content and other
frequencies at the same level. Pull: the derivative of each term by the logarithm of the output's gain. Where codebooks have
collapsed or a gradient is multiplied, the finding is information: a symptom.

**Fix.** Let one mechanism own the amplitude: drop the scale and the loss on the level. Safety: guess.

**References.** devasphn/NewProject at 1c72334, and at 14c087c, whose model works with a tanh at its end.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import TermMeasure, TrainingMeasurements
from auscult.rules.training._evidence import find_collapsed_books, find_wrong_gains, is_level_only
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN010"
NAME = "amplitude-conflict"
REQUIRES = PreflightSubject
MIN_OPPOSING_PULL = 0.5
"""Pull of the loss on the level, against the sum of the other pulls."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    measured = subject.measured
    owners = measured.owners
    scales, bounded = (owners.scales, owners.bounded) if owners else ({}, None)
    level_terms = [term for term in measured.terms if term.at_output and is_level_only(term)]
    opposing_terms = [term for term in level_terms if _is_opposing(term, measured)]
    if not (scales and (bounded or level_terms)) and not opposing_terms:
        return
    parts = [f"the scale {name} = {value:.3g}" for name, value in scales.items()]
    parts += [f"a {bounded} at the end"] if bounded else []
    parts += [f"the loss `{term.name}` on the level alone" for term in level_terms]
    causes = _find_real_causes(measured)
    message = f"the amplitude has {len(parts)} owners: {', '.join(parts)}"
    if opposing_terms:
        message += (
            f"; {', '.join(term.name for term in opposing_terms)} pulls against all other terms"
        )
    if causes:
        message += f". A symptom, not the cause: with {' and '.join(causes)} output and target stay uncorrelated,"
        message += " and the best level of such an output is near silence"
    if causes:
        severity = Severity.INFO
    elif opposing_terms or len(parts) > 2:
        severity = Severity.ERROR
    else:
        severity = Severity.WARNING
    yield Finding(
        CODE,
        NAME,
        severity,
        (*scales, *(["output"] if bounded else []), *(term.name for term in level_terms)),
        message,
        confidence=0.8,
        evidence={
            "scales": dict(scales),
            "bounded": bounded,
            "pulls": {
                term.name: round(term.gain_slope, 4) for term in measured.terms if term.at_output
            },
            "correlation_end": measured.end.correlation if measured.end else None,
        },
        fix=Fix(
            "guess", "let one mechanism own the amplitude: drop the scale and the loss on the level"
        ),
        rank=32,
    )


def _is_opposing(term: TermMeasure, measured: TrainingMeasurements) -> bool:
    other_pull = sum(
        other.gain_slope for other in measured.terms if other is not term and other.at_output
    )
    return term.gain_slope * other_pull < 0 and abs(term.gain_slope) > MIN_OPPOSING_PULL * abs(
        other_pull
    )


def _find_real_causes(measured: TrainingMeasurements) -> list[str]:
    causes = ["the collapse of the codebooks"] if find_collapsed_books(measured) else []
    return causes + [
        f"a gradient of ×{gain.factor:.4g} into the encoder"
        for gain in find_wrong_gains(measured)[:1]
    ]
