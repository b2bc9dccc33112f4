"""Samples that overflow their integers: what is louder than full scale comes back at the other end.

**What it finds.** Jumps from one end of the scale to the other, with calm samples before and after,
that vanish when the whole range of the integers is added.

**What you hear.** Loud cracks on the loud syllables.

**Why it happens.** `(samples * 32768).astype(np.int16)` of samples that reach 1: numpy wraps, it
does not cut off.

**What makes this sound.** Integers overflowed where they should have been limited. Peaks jump to
the other end of the range.

**Example.** Wrong and right:

```python
pcm = (samples * 32768).astype(np.int16)              # wrong: 1.0 becomes -32,768
pcm = (samples.clip(-1, 1) * 32767).astype(np.int16)  # right
```

**Blind spots.** A sawtooth oscillator jumps just so, at equal distances; those are left out. After
resampling or lossy coding the jumps are smoothed. In bursts of noise, as of a drum or a plucked
string, single samples wrap that look like the burst's own jumps: there 3 dB over full scale may be
missed, which is found in speech, and 6 dB are needed.

**How it is measured.** Steps larger than the peak between samples of opposite sign, whose
neighbouring steps are less than 0.35 of them; `SURE_FITS` = 4 of them have to vanish to a tenth of
the range, or `MIN_FITS` = 2 where that range is full scale, and `MIN_SHARE` = 0.4 of all jumps.
False alarms: none on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no
threshold.

**Fix.** Lossy: `np.clip(samples, -1, 1)` before the conversion; in the file, add the range back and
scale down.

**References.** numpy's documentation of `astype`: out-of-range casts are undefined or wrap.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._times import join_into_spans
from auscult.rules.sound.snd009_clipping import is_cut
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.ceiling import find_largest_pile, find_wraps, measure_squeeze

CODE = "SND008"
NAME = "wrap-around"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = (
    "clipping",
    "saturated",
    "frame-seams",
    "noise",
    "interleave",
    "phase-metallic",
    "dropouts",
)
WRITING = "limit to ±1 before converting to integers, and scale by 32767"
MIN_FITS = 2
"""Jumps that have to vanish where their height is the full scale.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
MIN_SHARE = 0.4
"""Of all jumps: those that have to vanish.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
SURE_FITS = 4
"""Jumps that have to vanish at any other height.

Measured on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold: no
false alarm of the rule. Margin: not recorded.
"""
FULL_RANGE = 2.0
"""Of samples within ±1: a jump of this height is that of integers, and two of them are enough.

Chosen, not measured.
"""
RANGE_TOLERANCE = 0.02
"""Of the full range: by which a height may be off it. Chosen, not measured."""
MAX_STEADINESS = 0.7
"""Share of equal distances between jumps above which they are those of a sawtooth.

Chosen, not measured.
"""
MAX_HELD = 0.31
"""Of the samples near the ceiling: what stays there was squeezed, and jumps from one end to the
other by itself.

Chosen, not measured.
"""


def check(subject: SoundSubject) -> Iterable[Finding]:
    if measure_squeeze(subject.analysis.voice, subject.analysis.sample_rate).held > MAX_HELD:
        return
    for channel_number, channel in enumerate(subject.analysis.samples):
        wrap_jumps = find_wraps(channel)
        if abs(wrap_jumps.modulus - FULL_RANGE) < RANGE_TOLERANCE * FULL_RANGE:
            min_fits = MIN_FITS
        else:
            min_fits = SURE_FITS
        if (
            wrap_jumps.fits < min_fits
            or wrap_jumps.fits < MIN_SHARE * wrap_jumps.jumps
            or wrap_jumps.steadiness > MAX_STEADINESS
        ):
            continue
        if is_cut(find_largest_pile(channel), subject.analysis.level_count):
            return
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (subject.recording.name,),
            f"{format_count(wrap_jumps.fits, 'jump')} from one end of the scale to the other: "
            "louder than full scale, and wrapped round",
            confidence=min(0.99, 0.8 + 0.02 * wrap_jumps.fits),
            evidence={
                "jumps": wrap_jumps.fits,
                "other_jumps": wrap_jumps.jumps - wrap_jumps.fits,
                "modulus": wrap_jumps.modulus,
                "channel": channel_number,
            },
            fix=Fix(
                "lossy",
                "Cut off at full scale before converting to integers.",
                code="np.clip(samples, -1.0, 1.0)",
            ),
            times=join_into_spans(wrap_jumps.places, subject.analysis.sample_rate),
            rank=8,
        )
        return
