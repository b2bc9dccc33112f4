"""Pre-emphasis was left in, or de-emphasis taken too often: a filter tilts the spectrum.

**What it finds.** A difference of the long-term spectra that 1 - a z^-1 explains, or its inverse.

**What you hear.** Thin, sharp and hissing speech (pre-emphasis left in: 6 dB more per octave); or
dull and booming (de- emphasis without pre-emphasis).

**Why it happens.** Tacotron-like systems filter the samples with 0.97 before the mel, and the
inverse filter after the vocoder is left out; Kaldi's features do so too.

**What makes this sound.** A pre-emphasis was not taken back, or taken back twice. The sound is thin
or dull by 6 dB per octave.

**Example.** Wrong and right:

```python
soundfile.write("out.wav", vocoder(mel), rate)  # wrong: trained on samples with pre-emphasis

samples = scipy.signal.lfilter([1], [1, -0.97], vocoder(mel))  # right: the inverse filter
soundfile.write("out.wav", samples, rate)
```

**Blind spots.** Equalisers of other shapes; a vocoder's own dullness does not fit the curve.
Material with less than three octaves.

**How it is measured.** Levels of the aligned pair in third octaves within 60 dB of the loudest;
their difference against the curves for a = 0.7 to 0.98. Reported when the curve leaves at most
`MAX_OFF_DB` = 1.5 dB rms (2.5 where only spectra agree) and at most `MAX_SHARE` = 0.35 of what
there is without it, and spans at least `MIN_SPAN_DB` = 8 dB.

**Fix.** The inverse filter.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_relation
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.counterpart import SpectralTilt, find_tilt

CODE = "SND049"
NAME = "pre-emphasis"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ("gain", "mel-definition", "phase-metallic", "band-limited", "noise")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("transform-invented",),
        "the features of training were computed from pre-emphasised sound",
        needs="traces",
    ),
)
WRITING = (
    "apply the inverse filter y[n] = x[n] + a·y[n-1] with the a of training (0.97 or so), once"
)
MAX_OFF_DB = 1.5
"""What the filter's curve may leave where the waveforms agree. Chosen, not measured."""
MAX_OFF_SPECTRAL_DB = 2.5
"""What it may leave where only the spectra agree. Chosen, not measured."""
MAX_SHARE = 0.35
"""And at most this share of what there is without the filter. Chosen, not measured."""
MIN_SPAN_DB = 8.0
"""By how much the filter has to differ between low and high. Chosen, not measured."""


def is_filter_tilt(spectral_tilt: SpectralTilt, *, coherent: bool) -> bool:
    """Whether the filter explains the difference of the spectra."""
    return (
        spectral_tilt.off_db <= (MAX_OFF_DB if coherent else MAX_OFF_SPECTRAL_DB)
        and spectral_tilt.off_db <= MAX_SHARE * spectral_tilt.flat_db
        and spectral_tilt.span_db >= MIN_SPAN_DB
    )


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None:
        return
    spectral_tilt = find_tilt(relation)
    if spectral_tilt is None or not is_filter_tilt(spectral_tilt, coherent=relation.coherent):
        return
    a = abs(spectral_tilt.coefficient)
    if spectral_tilt.coefficient > 0:
        fault, formula = "pre-emphasis is left in", "1 - a/z"
        code = f"samples = scipy.signal.lfilter([1], [1, -{a}], samples)"
    else:
        fault, formula = "de-emphasis without pre-emphasis", "1 / (1 - a/z)"
        code = f"samples = scipy.signal.lfilter([1, -{a}], [1], samples)"
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"{fault}: the spectrum is the reference's through {formula} with a = {a} "
        f"({spectral_tilt.off_db:.1f} dB off, {spectral_tilt.flat_db:.1f} without)",
        confidence=0.95 if relation.coherent else 0.8,
        evidence={
            "a": spectral_tilt.coefficient,
            "off_db": round(spectral_tilt.off_db, 2),
            "flat_db": round(spectral_tilt.flat_db, 2),
        },
        fix=Fix("safe", "The inverse filter.", code=code),
        rank=15,
    )
