"""A steady tone under the sound: a whine, a hum, a line of an upsampling layer.

**What it finds.** A frequency that is there all the time at one level, far below the sound and far
above its neighbours.

**What you hear.** A whistle, a hum, a ringing in the breaths; above 16 kHz nothing.

**Why it happens.** A bias in front of a transposed convolution (lines at multiples of sample rate /
stride); training with too little pressure on silence; mains hum or the whine of a screen in the
recordings that a model learned from.

**What makes this sound.** A constant inside the network becomes a tone when it is upsampled.

**Example.** Wrong and right:

```python
nn.ConvTranspose1d(256, 128, 16, stride=8)              # wrong: what is trained on silence hums here
nn.ConvTranspose1d(256, 128, 16, stride=8, bias=False)  # right
```

**Blind spots.** Without a reference: tones that come and go with the sound; long notes of music
that lie more than 30 dB below the rest are told as well.

**How it is measured.** With a reference: a line of the residual's median spectrum stands
`MIN_RESIDUAL_DB` = 30 dB above 31 neighbours (22 dB at most after codecs). Without: spectra of
0.35 s; the 15th percentile over time of a frequency stands `MIN_LINE_DB` = 18 dB above 41 neighbours
and its level has a deviation of `MAX_STEADY_DB` = 2.5 dB at most, or 25 and 6 dB where it lies 40 dB
below the sound; and it lies at least `MIN_BELOW_DB` = 30 dB below the sound. A steady line that is
louder is a note, and nothing is told. It is a warning where it is heard when the sound is played at
`LISTENING_DB` = 70 dB, and where it is no note: in a voice, above `NOTE_HZ` = 4 kHz, or at one level to
`MAX_NOTE_STEADY_DB` = 1.5 dB; else information.

**Fix.** A notch at that frequency hides it. Better: the layer whose stride fits.

**References.** fumiama/Retrieval-based-Voice-Conversion-WebUI 87, jik876/hifi-gan 42 and 165.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_periodic_hann
from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.shared_suspects import NOT_LOADED
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect

CODE = "SND026"
NAME = "tone"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ("unexplained", "noise-added", "mel-definition", "phase-metallic", "noise")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("upsample-mode", "stride-padding", "bias-missing"),
        "a bias or zeros in front of an upsampling layer leave a line at sample rate / stride",
        needs="traces",
    ),
    NOT_LOADED,
)
MIN_RESIDUAL_DB = 30.0
"""A line of the residual against its surroundings.

Measured on codecs, dither and filters of a voice and music: 22.4 dB at most. Margin: 7.6 dB.
"""
MIN_LINE_DB = 18.0
"""A line against its surroundings where its level stays within `MAX_STEADY_DB`.

Measured on 280 real clips of 25 sources: what else reached it was a note, or a true hum or whine.
Margin: not recorded.
"""
MAX_STEADY_DB = 2.5
"""Deviation of the level of such a line over time.

Measured on 280 real clips of 25 sources: what else reached it was a note, or a true hum or whine.
Margin: not recorded.
"""
MIN_STRONG_DB = 25.0
"""The same for a line that lies deep below the sound.

Measured on 280 real clips of 25 sources: what else reached it was a note, or a true hum or whine.
Margin: not recorded.
"""
MAX_STRONG_STEADY_DB = 6.0
"""Deviation of the level of such a line.

Measured on 280 real clips of 25 sources: what else reached it was a note, or a true hum or whine.
Margin: not recorded.
"""
STRONG_BELOW_DB = 40.0
"""How far below the sound such a line lies.

Measured on 280 real clips of 25 sources: what else reached it was a note, or a true hum or whine.
Margin: not recorded.
"""
MIN_BELOW_DB = 30.0
"""A line less far below the sound is a note.

Measured on single notes: organs 5 dB, a trumpet 21 dB. Margin: 9 dB.
"""
MAX_BELOW_DB = 75.0
"""A line farther below the sound is not heard. Chosen, not measured."""
MIN_FRAMES = 7
"""Spectra that there have to be. Chosen, not measured."""
MAX_FRAMES = 60
"""Spectra, evenly spaced. Chosen, not measured."""
FRAME_SECONDS = 0.35
"""Length of a frame. Chosen, not measured."""
NEAR_BINS = 41
"""Bins to which a line is compared. Chosen, not measured."""
LOWEST_HZ = 30.0
"""Lower lines are a wind or a constant. Chosen, not measured."""
HEARD_HZ = 16000.0
"""With a reference, higher tones are information: most people do not hear them. Chosen, not
measured."""
LISTENING_DB = 70.0
"""Sound pressure level at which the sound is taken to be played: lines that are not heard then are
information. Chosen, not measured."""
NOTE_HZ = 4000.0
"""Below it, in what is no voice, a line may be a note. Chosen, not measured."""
MAX_NOTE_STEADY_DB = 1.5
"""Deviation of the level of a line there that is told as a warning.

Measured on 330 real clips of 25 sources: notes have 1.9 dB at least. Margin: 0.4 dB.
"""
SILENT_SHARE = 1e-9
"""Of the loudest frame: what is below is digital silence. Chosen, not measured."""
MAINS_HZ = (50.0, 60.0)


@dataclass(frozen=True)
class SteadyLine:
    """A line: where, how far above its neighbours, how steady, and how far below the sound."""

    hertz: float
    above_db: float
    unsteady_db: float
    below_db: float


def find_lines(voice: NDArray[np.float32], rate: int) -> list[SteadyLine]:
    """Steady lines far below the sound, the clearest first."""
    from scipy.ndimage import median_filter

    size = int(2 ** round(np.log2(FRAME_SECONDS * rate)))
    if len(voice) < size * (MIN_FRAMES + 1) // 2:
        return []
    frames = np.lib.stride_tricks.sliding_window_view(voice, size)[:: size // 2]
    frames = frames[:: max(1, len(frames) // MAX_FRAMES)]
    spectra = np.fft.rfft(frames * make_periodic_hann(size).astype(np.float32), axis=1)
    power = np.square(np.abs(spectra))
    level = power.sum(axis=1)
    is_sounding = level > level.max() * SILENT_SHARE
    power, mean = power[is_sounding], float(level[is_sounding].mean()) if is_sounding.any() else 0.0
    if len(power) < MIN_FRAMES or mean <= 0:
        return []
    low = np.percentile(power, 15, axis=0) + 1e-20
    near = np.maximum(median_filter(low, NEAR_BINS, mode="nearest"), low.max() * 1e-14)
    above = 10 * np.log10(low / near)
    above[: int(LOWEST_HZ * size / rate) + 1] = 0
    lines: list[SteadyLine] = []
    for bin_number in np.argsort(-above)[:24]:
        if above[bin_number] < MIN_LINE_DB:
            break
        band = power[:, max(bin_number - 1, 0) : bin_number + 2].sum(axis=1)
        line = SteadyLine(
            float(bin_number * rate / size),
            float(above[bin_number]),
            float((10 * np.log10(band + 1e-20)).std()),
            -float(10 * np.log10(np.median(power[:, bin_number]) / mean + 1e-20)),
        )
        if line.below_db < MIN_BELOW_DB and line.unsteady_db <= MAX_STRONG_STEADY_DB:
            return []  # a note, and its partials are lines as well
        if is_steady(line) and all(abs(line.hertz - o.hertz) > 4 * rate / size for o in lines):
            lines.append(line)
    return lines


def is_steady(line: SteadyLine) -> bool:
    """Whether a line is no part of the sound."""
    if not MIN_BELOW_DB <= line.below_db <= MAX_BELOW_DB:
        return False
    if line.above_db >= MIN_LINE_DB and line.unsteady_db <= MAX_STEADY_DB:
        return True
    return (
        line.above_db >= MIN_STRONG_DB
        and line.unsteady_db <= MAX_STRONG_STEADY_DB
        and line.below_db >= STRONG_BELOW_DB
    )


def name_mains(hertz: float, width: float) -> str:
    """Mains hum, where the frequency is one of its first multiples."""
    for mains in MAINS_HZ:
        multiple = round(hertz / mains)
        if 1 <= multiple <= 6 and abs(hertz - multiple * mains) <= width:
            return f" (hum of {mains:.0f} Hz mains)"
    return ""


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    if residual is not None:
        above, hertz = residual.line
        if above < MIN_RESIDUAL_DB or residual.snr_db > MAX_BELOW_DB:
            return
        severity = Severity.ERROR if hertz < HEARD_HZ else Severity.INFO
        width = residual.rate / 2048
        yield _report(subject, hertz, residual.snr_db, severity, lines=[hertz], width=width)
        return
    analysis = subject.analysis
    lines = find_lines(analysis.voice, analysis.sample_rate)
    if lines:
        is_speech = is_voice(subject)
        told = [line for line in lines if is_heard(line.hertz, line.below_db)]
        sure = [line for line in told if is_speech or is_no_note(line)]
        best = min(sure or told or lines, key=lambda line: line.below_db)
        severity = Severity.WARNING if sure else Severity.INFO
        all_hertz = [line.hertz for line in lines]
        yield _report(subject, best.hertz, best.below_db, severity, lines=all_hertz)


def is_heard(hertz: float, below_db: float) -> bool:
    """Whether a line so far below a sound of `LISTENING_DB` is above the threshold in quiet.

    The threshold's formula is that of Terhardt, "Calculating virtual pitch" (Hearing Research 1979).
    """
    kilohertz = hertz / 1000
    bump = 6.5 * np.exp(-0.6 * (kilohertz - 3.3) ** 2)
    threshold = 3.64 * kilohertz**-0.8 - bump + 1e-3 * kilohertz**4
    return bool(LISTENING_DB - below_db >= threshold)


def is_no_note(line: SteadyLine) -> bool:
    """Whether a line is too high or too steady for a note of music."""
    return line.hertz >= NOTE_HZ or line.unsteady_db <= MAX_NOTE_STEADY_DB


def _report(
    subject: SoundSubject,
    hertz: float,
    below_db: float,
    severity: Severity,
    *,
    lines: list[float],
    width: float = 4.0,
) -> Finding:
    others = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    return Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"a steady tone at {hertz:,.0f} Hz{name_mains(hertz, width)}{others}, {below_db:.0f} dB "
        "below the sound",
        confidence=0.85,
        evidence={
            "hertz": round(hertz, 1),
            "below_db": round(below_db, 1),
            "lines": [round(each, 1) for each in sorted(lines)],
        },
        rank=19,
    )
