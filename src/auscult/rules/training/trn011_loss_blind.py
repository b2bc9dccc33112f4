"""A loss term does not react to the signal, or not to its frequencies.

**What it finds.** Terms that no parameter gets a gradient from; terms that give one value whatever
the output is; spectral terms that cannot tell frequencies apart.

**What you hear.** What the term should have guarded: a mel loss that is blind lets the timbre go.

**Why it happens.** A detached or rounded input, a constant, a comparison of a tensor with itself, a
saturated critic; a mel filterbank that was drawn at random instead of computed, so that every band
hears everything.

**Example.** Wrong and right:

```python
loss = F.l1_loss(log_mel(output.detach()), log_mel(target))  # wrong: reaches no parameter
loss = F.l1_loss(log_mel(output), log_mel(target))           # right
```

**Blind spots.** A term that hears some frequencies and not others. Terms that do not look at the
output at all (commitment, codebook) are recognised by the parameters that they reach.

**How it is measured.** The term's value for known outputs: the target itself, shifted by 5 ms, at
half level, with its spectrum mirrored (every second sample negated), noise of its level, silence,
its halves exchanged. Blind: all values within 1e-5. Deaf to frequencies: the mirrored spectrum
moves the term by less than 0.35 (`MIN_FREQUENCY_SHARE`) of what half level or exchanged halves do;
a log-mel gave 1.2 to 2.6, an L1 of samples 0.6, a log-mel through random positive filters 0.07 to
0.10. An error where the term's name says that it is spectral, a warning elsewhere. Terms on the
level alone are left to `amplitude-conflict`.

**Fix.** In the loss. Safety: safe.

**References.** devasphn/NewProject, whose mel filterbank was random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.preflight_checks.records import TermMeasure
from auscult.rules.training._evidence import is_level_only, measure_rises
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN011"
NAME = "loss-blind"
REQUIRES = PreflightSubject
MAX_DEAF_SPREAD = 1e-5
"""Relative difference of all values up to which a term is the same for every output.

Chosen, not measured.
"""
MIN_FREQUENCY_SHARE = 0.35
"""Of the reaction to level or content: that to a mirrored spectrum.

Measured on a log-mel, an L1 of samples, and a log-mel through random positive filters: 1.2 to 2.6,
0.6, and 0.07 to 0.10. Margin: 1.7 and 3.5.
"""
_SPECTRAL_NAME = re.compile(r"mel|stft|spec|freq|fft|mag", re.IGNORECASE)


def check(subject: PreflightSubject) -> Iterable[Finding]:
    parameters = subject.measured.parameters
    has_frozen = parameters is not None and bool(parameters.not_required)
    for term in subject.measured.terms:
        message, severity = _judge_term(term)
        is_by_freezing = (
            has_frozen and not term.at_output and not term.at_parameters and _is_deaf(term)
        )  # a commitment to what is frozen
        if message and not is_by_freezing:
            yield Finding(
                CODE,
                NAME,
                severity,
                (term.name,),
                f"`{term.name}` {message}",
                evidence={
                    "value": term.value,
                    "reactions": {
                        kind: float(f"{reaction:.4g}") for kind, reaction in term.reactions.items()
                    },
                },
                rank=17 if severity is Severity.ERROR else 60,
            )


def _judge_term(term: TermMeasure) -> tuple[str, Severity]:
    if not term.at_output and not term.at_parameters:
        if term.reactions and not _is_deaf(term):
            reaction_text = "reacts to the output, but"
        else:
            reaction_text = f"is {term.value:.4g} whatever the output is:"
        return f"{reaction_text} no gradient of it reaches any parameter", Severity.ERROR
    if not term.reactions or not term.at_output:
        return "", Severity.INFO
    if _is_deaf(term):
        return f"is {term.value:.4g} for silence, noise and the target alike", Severity.ERROR
    rise_by_kind = measure_rises(term)
    usual_rise = max(rise_by_kind.get("half", 0.0), rise_by_kind.get("other", 0.0))
    if (
        usual_rise > 0
        and not is_level_only(term)
        and rise_by_kind.get("mirrored", 0.0) < MIN_FREQUENCY_SHARE * usual_rise
    ):
        share = rise_by_kind["mirrored"] / usual_rise
        message = (
            f"hears levels and no frequencies: a mirrored spectrum moves it by {share:.0%} of "
            "what other content does"
        )
        return message, Severity.ERROR if _SPECTRAL_NAME.search(term.name) else Severity.WARNING
    return "", Severity.INFO


def _is_deaf(term: TermMeasure) -> bool:
    values = list(term.reactions.values()) or [term.value]
    return max(values) - min(values) <= MAX_DEAF_SPREAD * max(map(abs, values))
