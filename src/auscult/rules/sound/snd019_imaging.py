"""Images of the spectrum: what an upsampling layer leaves when its filter is missing or weak.

**What it finds.** Bins of the spectrum whose phase follows that of a louder bin, a multiple of
sample rate / stride away; a steady tone at such a multiple.

**What you hear.** Metallic brightness, a ringing tone, a second, mirrored voice in the treble.

**Why it happens.** Zeros stuffed between the samples without a low-pass, a transposed convolution
whose kernel is no multiple of its stride, nearest-neighbour upsampling, a bias before a transposed
convolution.

**What makes this sound.** The transposed convolutions leave their own pattern: mirror images and
steady tones at multiples of sample rate / stride.

**Example.** Wrong and right:

```python
nn.ConvTranspose1d(256, 128, kernel_size=7, stride=4)            # wrong: 7 is no multiple of 4
nn.ConvTranspose1d(256, 128, kernel_size=8, stride=4, padding=2)  # right
```

**Blind spots.** Images that other sound masks, or above what one hears, are information where they
are plain and nothing where they are not. So is what a trained vocoder leaves: part of its treble is
an image of its lower bands, at the level that the treble should have. A steady note at a multiple
of sample rate / stride looks like a tone of the upsampling, if it lasts from beginning to end
without a change of level.

**How it is measured.** For strides of 2, 3, 4, 5 and 8, and those of the model: coherence over time
of the phases of two bins k / stride of the sample rate apart, the magnitudes left out (frames of 40
ms, at most 360). Its square is the share of the weaker bin's power that is an image. Images are
held against the masking threshold of the rest (ITU-R BS.1387), half a Bark at a time: an error from
`MIN_AUDIBLE_DB` = 12 dB above it, information from 1.5 dB, or where a tenth of all frequencies are
images by `PLAIN_SHARE` = 0.6. For tones, the share of segments of 0.25 s that agree in amplitude
and phase (`MIN_AGREEMENT` = 0.75; 0.45 at most on clean clips, 0.71 in 50 sentences of the bundled
vocoder), and a level of at least `MIN_LINE_DB` = -60 dB against the sound. On 150 clean clips of
speech, music and instruments the images were 16 dB below the threshold or lower, after Opus, Vorbis
and MP3 9 dB below it (156 clips); 30 sentences of the bundled vocoder set the limit with 8 dB above
it at most (20 others: 8.5 dB). False alarms: none on 120 clean clips, 156 coded ones and 40
sentences of the bundled vocoder, of whose kind some were seen when limits were set. A tone is an
error from `SURE_AGREEMENT` = 0.9. In what is nothing but noise (SND016) images are information.

**Fix.** None in the sound. The layer with that stride: its kernel, its filter, its bias.

**References.** Gardner (IEEE Signal Processing Magazine, 1991) for the coherence; Pons et al.
(arXiv 2010.14356); ITU-R BS.1387-2; jik876/hifi-gan issues 42, 100, 165.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from auscult.finding import Finding, Severity, Skip
from auscult.rules.sound.shared_suspects import NOT_LOADED
from auscult.rules.sound.snd016_noise import is_noise
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.images import find_images, iter_steady_tones
from auscult.sound.masking import HEARD_DB

CODE = "SND019"
NAME = "imaging"
REQUIRES = SoundSubject
EVIDENCE = "metadata"
EXTENT = "mostly"
EXPLAINS = ("phase-metallic", "frame-seams")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("layout-conv-transpose1d", "weight-norm-axis", "kernel-flipped"),
        "transposed convolutions with exchanged channels or a flipped kernel leave the pattern of "
        "their stride",
        needs="reference-weights",
    ),
    Suspect(
        ("upsample-mode", "stride-padding"),
        "zeros between samples without the filter that belongs behind them",
        needs="traces",
    ),
    NOT_LOADED,
)
MIN_AUDIBLE_DB = 12.0
"""Above the masking threshold, from which on images are an error.

Measured on 150 clean clips and 156 coded ones: -16 dB and -9 dB at most; 50 sentences of the
bundled vocoder: 8.5 dB at most. Margin: 3.5 dB.
"""
PLAIN_SHARE = 0.6
"""Share of images in a tenth of all frequencies, from which on they are told even where nobody
hears them.

Chosen, not measured.
"""
MIN_AGREEMENT = 0.75
"""Share of the segments that agree on a tone.

Measured on clean clips and 50 sentences of the bundled vocoder: 0.45 and 0.71 at most. Margin:
0.04.
"""
SURE_AGREEMENT = 0.9
"""From here on a tone is an error; a trained vocoder may leave one that comes and goes.

Chosen, not measured.
"""
MAX_TONE_SHARE = 0.999
"""Of half the sample rate: a tone there is heard by nobody, and converters and codecs leave one.

Measured on 687 real clips of 48 sources, some of the reported half among them: two have a line
there. Margin: not recorded.
"""
MIN_LINE_DB = -60.0
"""Against the sound: fainter tones are not told. Chosen, not measured."""
STRIDES = (2, 3, 4, 5, 8)
LONGEST_PERIOD = 16
"""Output samples per input sample above which no images are looked for. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding | Skip]:
    if not subject.facts.strides:
        yield Skip(
            subject.recording.name,
            "images were looked for at strides of 2, 3, 4, 5 and 8 only: the model's are not known",
        )
    if not subject.analysis.active_frames.any():
        return
    periods = periods_of(subject)
    traces = [*_find_image_trace(subject, periods), *_find_tone_trace(subject, periods)]
    if not traces:
        return
    evidence: dict[str, float] = {}
    for trace in traces:
        evidence |= trace.evidence
    descriptions = "; ".join(trace.description for trace in traces)
    is_heard = any(trace.is_heard for trace in traces)
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_heard and not is_noise(subject.analysis) else Severity.INFO,
        (subject.recording.name,),
        f"an upsampling by {evidence['stride']} shows: {descriptions}",
        confidence=0.95 if len(traces) > 1 else 0.85,
        evidence=evidence,
        rank=18,
    )


@dataclass(frozen=True)
class _UpsamplingTrace:
    """What an upsampling left: in words and in numbers, and whether one hears it."""

    description: str
    evidence: dict[str, float]
    is_heard: bool


def _find_image_trace(
    subject: SoundSubject, periods: tuple[int, ...]
) -> Iterator[_UpsamplingTrace]:
    images = find_images(subject.analysis.voice, subject.analysis.sample_rate, periods)
    if images.audible_db < HEARD_DB and images.share < PLAIN_SHARE:
        return
    evidence = {
        "stride": images.stride,
        "audible_db": round(images.audible_db, 1),
        "images_db": round(images.level_db, 1),
        "image_share": round(images.share, 3),
        "image_hz": round(images.hertz),
    }
    description = _describe_images(images.audible_db, images.hertz)
    yield _UpsamplingTrace(description, evidence, images.audible_db >= MIN_AUDIBLE_DB)


def _find_tone_trace(subject: SoundSubject, periods: tuple[int, ...]) -> Iterator[_UpsamplingTrace]:
    """The first steady tone."""
    analysis = subject.analysis
    tones = iter_steady_tones(analysis.voice, analysis.sample_rate, periods)
    for period, tone in zip(periods, tones, strict=True):
        if tone.agreement >= MIN_AGREEMENT and tone.level_db >= MIN_LINE_DB:
            evidence = {
                "tone_hz": round(tone.hertz, 2),
                "tone_db": round(tone.level_db, 1),
                "stride": period,
            }
            description = (
                f"a steady tone at {tone.hertz:,.4g} Hz, {tone.level_db:.0f} dB against the sound"
            )
            is_meant = (
                not subject.facts.strides and tone.hertz > MAX_TONE_SHARE * analysis.hertz[-1]
            )
            is_sure = tone.agreement >= SURE_AGREEMENT and not is_meant
            yield _UpsamplingTrace(description, evidence, is_sure)
            return


def _describe_images(audible_db: float, hertz: float) -> str:
    if audible_db < HEARD_DB:
        return "images of the spectrum that nothing lets one hear"
    return f"images of the spectrum, {audible_db:.0f} dB above what masks them at {hertz:,.0f} Hz"


def periods_of(subject: SoundSubject) -> tuple[int, ...]:
    """Output samples per input sample of each upsampling layer, small ones first: products of the
    strides from the end.
    """
    stride_products = accumulate(reversed(subject.facts.strides), mul)
    return tuple(
        sorted({period for period in stride_products if period <= LONGEST_PERIOD} | set(STRIDES))
    )
