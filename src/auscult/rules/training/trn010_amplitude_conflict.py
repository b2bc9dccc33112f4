"""Several mechanisms own the output's amplitude, and losses pull it in different directions.

**What it finds.** A learned scale of the output beside a bounded end (tanh, clamp), or beside a
loss on the level alone; and a loss on the level whose pull opposes that of all other terms.

**What you hear.** Too loud or too quiet, clipped or saturated; the level wanders in training.

**Why it happens.** Someone saw a quiet output and gave it a scale, a tanh and a loss for its level,
one after the other. A quiet output is rarely the cause: where output and target are uncorrelated,
the least-squares answer *is* silence (RMS ratio √(1 - 10^(-SNR/10)): 0 at 0 dB), and it grows by
itself as the model learns.

**Example.** Wrong and right:

```python
output = torch.tanh(self.gain * x)               # wrong: a scale, a tanh,
loss = loss + (output.std() - target.std()).abs()  # and a loss on the level

output = torch.tanh(x)                           # right: one of them
```

**Blind spots.** Scales with more than one value. A bounded end alone is no conflict: DAC and
HiFi-GAN end in tanh.

**How it is measured.** Scale: a parameter of one value whose change by 5 % changes the output along
itself, or as a gain in front of the tanh does (cosine above 0.9). Bounded end: the last tanh, clamp
or sigmoid, if the output is proportional to its result. Loss on the level: reacts to half level or
silence, and by less than 5 % of that to noise, other content and other frequencies at the same
level. Pull: the derivative of each term by the logarithm of the output's gain. Where codebooks have
collapsed or a gradient is multiplied, the finding is information: a symptom.

**Fix.** Let one mechanism own the amplitude: drop the scale and the loss on the level. Safety:
guess.

**References.** devasphn/NewProject at 1c72334, and at 14c087c, whose model works with a tanh at its
end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auscult.finding import Finding, Fix, Severity
from auscult.preflight_checks.records import TermMeasure, TrainingMeasurements
from auscult.rules.training._evidence import find_collapsed_books, find_wrong_gains, is_level_only
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN010"
NAME = "amplitude-conflict"
REQUIRES = PreflightSubject
MIN_OPPOSING_PULL = 0.5
"""Pull of the loss on the level, against the sum of the other pulls. Chosen, not measured."""


@dataclass(frozen=True)
class _LevelOwners:
    """What decides the level of the output.

    Attributes:
        scales: Learned scales and their values.
        bounded: What bounds the output, such as tanh.
        level_terms: Losses on the level alone.
        opposing_terms: Those of them that pull against all other terms.
    """

    scales: Mapping[str, float]
    bounded: str | None
    level_terms: tuple[TermMeasure, ...]
    opposing_terms: tuple[TermMeasure, ...]

    @property
    def are_in_conflict(self) -> bool:
        has_two_owners = bool(self.scales) and bool(self.bounded or self.level_terms)
        return has_two_owners or bool(self.opposing_terms)

    def list_parts(self) -> list[str]:
        """Each owner in words."""
        parts = [f"the scale {name} = {value:.3g}" for name, value in self.scales.items()]
        if self.bounded:
            parts.append(f"a {self.bounded} at the end")
        return parts + [f"the loss `{term.name}` on the level alone" for term in self.level_terms]

    def list_places(self) -> tuple[str, ...]:
        output = ("output",) if self.bounded else ()
        return (*self.scales, *output, *(term.name for term in self.level_terms))


def check(subject: PreflightSubject) -> Iterable[Finding]:
    measured = subject.measured
    owners = _find_owners(measured)
    if not owners.are_in_conflict:
        return
    causes = _find_real_causes(measured)
    if causes:
        severity = Severity.INFO
    elif owners.opposing_terms or len(owners.list_parts()) > 2:
        severity = Severity.ERROR
    else:
        severity = Severity.WARNING
    yield Finding(
        CODE,
        NAME,
        severity,
        owners.list_places(),
        _describe_conflict(owners, causes),
        confidence=0.8,
        evidence={
            "scales": dict(owners.scales),
            "bounded": owners.bounded,
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


def _find_owners(measured: TrainingMeasurements) -> _LevelOwners:
    level_terms = tuple(term for term in measured.terms if term.at_output and is_level_only(term))
    opposing_terms = tuple(term for term in level_terms if _is_opposing(term, measured))
    if measured.owners is None:
        return _LevelOwners({}, None, level_terms, opposing_terms)
    return _LevelOwners(
        measured.owners.scales, measured.owners.bounded, level_terms, opposing_terms
    )


def _describe_conflict(owners: _LevelOwners, causes: list[str]) -> str:
    parts = owners.list_parts()
    message = f"the amplitude has {len(parts)} owners: {', '.join(parts)}"
    if owners.opposing_terms:
        names = ", ".join(term.name for term in owners.opposing_terms)
        message += f"; {names} pulls against all other terms"
    if causes:
        message += (
            f". A symptom, not the cause: with {' and '.join(causes)} output and target stay"
            " uncorrelated, and the best level of such an output is near silence"
        )
    return message


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
