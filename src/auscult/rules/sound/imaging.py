"""Images of the spectrum: what an upsampling layer leaves when its filter is missing or weak.

**What it finds.** A fine structure that is mirrored about half of a lower rate; phases of an upsampling that are not equally
curved; a steady tone at a multiple of sample rate / stride.

**What you hear.** Metallic brightness, a ringing tone, a second, mirrored voice in the treble.

**Why it happens.** Zeros stuffed between the samples without a low-pass, a transposed convolution whose kernel is no multiple of
its stride, nearest-neighbour upsampling, a bias before a transposed convolution.

**Blind spots.** Images more than 40 dB below the sound, in places where the sound has treble of its own. A steady note at
that very frequency looks like a tone of the upsampling, if it lasts from beginning to end without a change of level.

**How it is measured.** For strides of 2, 3, 4, 5 and 8, and those of the model: correlation of the spectrum's fine structure
with its mirror, less that about frequencies nearby (`MIN_MIRROR` = 0.35); second differences of the phases, largest against
smallest in dB, over its standard error from segments of 0.25 s (`MIN_PHASES_DB` = 1 and `MIN_PHASES_Z` = 8); for tones,
coherence of the phase over the segments (`MIN_COHERENCE` = 0.8), the amplitude's tenth percentile over its mean
(`MIN_STEADINESS` = 0.5), and a level of at least `MIN_LINE_DB` = -60 dB against the sound.
False alarms: none on 270 clean clips of speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** None in the sound. The layer with that stride: its kernel, its filter, its bias.

**References.** Pons et al. (arXiv 2010.14356); jik876/hifi-gan issues 42, 100, 165.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from operator import mul

from auscult.finding import Finding, Severity, Skip
from auscult.rules.subject import SoundSubject
from auscult.sound.analysis import Analysis
from auscult.sound.images import lines, mirror, phases

CODE = "SND019"
NAME = "imaging"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = ("phase-metallic", "frame-seams")
MIN_MIRROR = 0.35
MIN_PHASES_DB = 1.0
MIN_PHASES_Z = 8.0
MIN_COHERENCE = 0.8
MIN_STEADINESS = 0.5
MIN_LINE_DB = -60.0
MIN_IMAGE_DB = -75.0
STRIDES = (2, 3, 4, 5, 8)
LONGEST_PERIOD = 16


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    analysis = subject.analysis
    if not subject.facts.strides:
        yield Skip(
            subject.recording.name, "images were looked for at strides of 2, 3, 4, 5 and 8 only: the model's are not known"
        )
    if not analysis.active.any():
        return
    evidence: dict[str, float] = {}
    words: list[str] = []
    periods = periods_of(subject)
    for period in (p for p in periods if _is_heard_above(analysis, p)):
        found = mirror(analysis.fine_structure, period, analysis.sample_rate)
        if found.correlation - max(0.0, found.chance) >= MIN_MIRROR:
            evidence |= {"mirror": round(found.correlation, 3), "mirror_hz": round(found.hertz, 1), "stride": period}
            words.append(f"the spectrum is mirrored about {found.hertz:,.0f} Hz")
            break
    for period in periods:
        uneven = phases(analysis.log_curvature, analysis.sample_rate, period)
        if uneven.imbalance_db >= MIN_PHASES_DB and uneven.z >= MIN_PHASES_Z:
            evidence |= {"phases_db": round(uneven.imbalance_db, 2), "phases_z": round(uneven.z, 1), "stride": period}
            words.append(f"every {period} samples one phase is {uneven.imbalance_db:.1f} dB rougher")
            break
    for period in periods:
        tone = lines(analysis.voice, analysis.sample_rate, period)
        if tone.coherence >= MIN_COHERENCE and tone.steadiness >= MIN_STEADINESS and tone.level_db >= MIN_LINE_DB:
            evidence |= {"tone_hz": round(tone.hertz, 2), "tone_db": round(tone.level_db, 1), "stride": period}
            words.append(f"a steady tone at {tone.hertz:,.4g} Hz, {tone.level_db:.0f} dB against the sound")
            break
    if words:
        yield Finding(
            CODE,
            NAME,
            Severity.ERROR,
            (subject.recording.name,),
            f"an upsampling by {evidence['stride']} shows: {'; '.join(words)}",
            confidence=0.95 if len(words) > 1 else 0.85,
            evidence=evidence,
            rank=18,
        )


def _is_heard_above(analysis: Analysis, stride: int) -> bool:
    """Whether there is anything where the image would be."""
    bins = len(analysis.mean_power) - 1
    pivot = bins // stride
    below, above = analysis.mean_power[2:pivot].sum(), analysis.mean_power[pivot + 2 : 2 * pivot].sum()
    return bool(above > below * 10.0 ** (MIN_IMAGE_DB / 10))


def periods_of(subject: SoundSubject) -> tuple[int, ...]:
    """Output samples per input sample of each upsampling layer, small ones first: products of the strides from the end."""
    known = accumulate(reversed(subject.facts.strides), mul)
    return tuple(sorted({period for period in known if period <= LONGEST_PERIOD} | set(STRIDES)))
