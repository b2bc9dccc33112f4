"""Nothing but noise: of some colour, and the same from beginning to end.

**What it finds.** A recording whose every frequency behaves over time as Gaussian noise does,
without tones. The message says where its energy lies: white, low, or high.

**What you hear.** Hiss, rush, rumble.

**Why it happens.** A mel that is still the noise it started from (a diffusion or flow model whose
network was not in use), a vocoder with random weights, codes of another codec, bytes in the wrong
order.

**What makes this sound.** What the layers compute no longer depends on the input. White or shaped
noise comes out, without the rhythm of what should be said.

**Example.** Wrong and right:

```python
mel = torch.randn(80, frames)  # wrong: the start noise itself goes to the vocoder
mel = sampler(network, mel)    # right: the steps that turn it into a mel
```

**Blind spots.** A recording of rain: without a reference or the facts of a model it is a warning. Noise with the rhythm of speech moves, and is not reported.

**How it is measured.** Level in dB of each bin of the frames against the mean power of that bin,
mean over both: Gaussian noise of any colour gives -2.51 dB (-10 γ / ln 10), a steady tone 0.
Reported between `MIN_LEVEL_DB` = -3.4 and `MAX_LEVEL_DB` = -1.8, also with every bin weighted by
its energy, where less than `MAX_PEAKS` = 0.4 of the energy stands out of its neighbourhood by 10
dB. False alarms: none on 270 clean clips of speech, music and instruments (180 set the thresholds,
90 were held out).

**Fix.** None in the sound. `auscult diff CHECKPOINT package.module:factory` says which weights are
not in use.

**References.** A mel of start noise (range ±4, 53 % positive) through HiFT: 82 % of the energy in
the high band.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.sound._related import rate_stillness
from auscult.rules.sound.shared_suspects import NOT_LOADED, SCRAMBLED
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.analysis import SoundAnalysis

CODE = "SND016"
NAME = "noise"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = (
    *(
        "flat-mel",
        "band-limited",
        "phase-metallic",
        "saturated",
        "imaging",
        "window-ripple",
        "frame-seams",
        "sample-rate-label",
    ),
    "interleave",
)
FOLLOWS = True
SUSPECTS = (
    NOT_LOADED,
    SCRAMBLED,
    Suspect(
        ("velocity-zero", "noise-differs", "sampler-mismatch", "sigma-schedule"),
        "a sampler that never moves hands its start noise on to the vocoder",
        needs="traces",
    ),
    Suspect(
        ("transform-invented", "mel-definition"),
        "features on another scale than in training drive every layer out of its range",
        needs="traces",
    ),
    Suspect(
        ("wrong-dtype", "corrupt", "non-finite"),
        "bytes read as another number type are noise, and so is what is computed with them",
        needs="weights",
    ),
)
MIN_LEVEL_DB = -3.4
"""Level of each bin against its mean power; Gaussian noise has -2.51.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_LEVEL_DB = -1.8
"""The same, at most.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_PEAKS = 0.4
"""Of the energy in bins that stand out.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_WHITE_DB = 3.0
"""Standard deviation over frequency below which noise is called white. Chosen, not measured."""
LOW_CENTRE_SHARE = 0.8
"""Of a quarter of the sample rate: noise whose centre is below is called low.

Chosen, not measured.
"""
HIGH_CENTRE_SHARE = 1.2
"""Of a quarter of the sample rate: noise whose centre is above is called high.

Chosen, not measured.
"""
MIN_RMS = 1e-5
"""A quieter recording is silence. Chosen, not measured."""


def is_noise(analysis: SoundAnalysis) -> bool:
    """Whether the sound is nothing but noise, the same from beginning to end."""
    stillness = analysis.stillness
    return (
        analysis.rms >= MIN_RMS
        and MIN_LEVEL_DB <= stillness.level_db <= MAX_LEVEL_DB
        and stillness.peaks <= MAX_PEAKS
        and stillness.weighted_db <= MAX_LEVEL_DB
    )


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    if not is_noise(analysis):
        return
    spectral_stillness = analysis.stillness
    middle = analysis.sample_rate / 4
    if spectral_stillness.centroid_hz < LOW_CENTRE_SHARE * middle:
        band_name = "low"
    elif spectral_stillness.centroid_hz > HIGH_CENTRE_SHARE * middle:
        band_name = "high"
    else:
        band_name = "all"
    if spectral_stillness.colour_db < MAX_WHITE_DB:
        colour = "white"
    elif band_name != "all":
        colour = f"mostly in the {band_name} frequencies"
    else:
        colour = "coloured"
    severity = rate_stillness(subject)
    if severity is Severity.INFO:
        severity = Severity.WARNING  # it may be rain, and is still worth a look
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"nothing but noise, {colour}, the same from beginning to end",
        confidence=0.9,
        evidence={
            "level_db": round(spectral_stillness.level_db, 3),
            "peaks": round(spectral_stillness.peaks, 3),
            "centroid_hz": round(spectral_stillness.centroid_hz, 1),
            "colour_db": round(spectral_stillness.colour_db, 2),
        },
        rank=20,
    )
