"""The sound comes twice: a copy of itself lies under it, a moment later.

**What it finds.** One delay at which a copy of the sound was added to it.

**What you hear.** An echo, a doubled voice; below 30 ms a hollow, metallic colour (a comb filter).

**Why it happens.** Two players play the same file; chunks overlap and are added where they should
replace each other; a delay line of an effect that was left on.

**What makes this sound.** The same samples are added twice, some milliseconds apart.

**Example.** Wrong and right:

```python
out[start:stop] += chunk  # wrong: the overlap of the chunk before is there already
out[start:stop] = chunk   # right
```

**Blind spots.** Echoes weaker than about a third, and nearer than 6 ms without a reference: desks and
walls make those. An echo that a mixing desk added on purpose is found like any other. In music, and in
sounds that rattle, it is information: chords and pulses at one distance look the same.

**How it is measured.** With a reference: correlation of first differences of the residual with the
reference, at delays of 2 ms to 1 s (`MIN_COPY` = 0.6; 0.38 at most after codecs). Without: the
cepstrum of frames of 1.4 s, mean over the recording, at 6 ms to 0.3 s; an echo of share g gives a
peak of g there, one sample wide. Reported from `MIN_PEAK` = 0.18 on and `MIN_SIGMAS` = 12 times what
the cepstrum scatters; a warning from `SURE_PEAK` = 0.25 on in what has the pulses and the rhythm of
speech. Where thirds or quarters of the delay have peaks too (`COMB_SHARE` = 0.3 of it), it is the clock of
an upsampling layer, and nothing is told.

**Fix.** None that is exact. Play it once.

**References.** jamiepine/voicebox 564.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_periodic_hann
from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.subject import SoundSubject

CODE = "SND028"
NAME = "echo"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = (
    *("gain", "lag", "unexplained", "phase-metallic", "truncated-sound", "padded-sound"),
    *("mel-definition", "level-jump", "imaging", "frames-shuffled"),
)
WRITING = "play or add every chunk once; where chunks overlap, let one replace the other"
COMB_PARTS = (3, 4)
"""Parts of the delay at whose multiples a clock shows that ticks several times in it. Chosen, not
measured."""
COMB_SHARE = 0.3
"""Height of a peak there against that of the echo.

Measured on 4 sentences of the bundled vocoder: two peaks of 0.32 at least; on 4 voices with an echo: 0.06
at most. Margin: 0.02 and 0.24.
"""
MIN_COMB_PEAKS = 2
"""Such peaks that make a comb. Chosen, not measured."""
MIN_COPY = 0.6
"""Correlation of the residual with the reference some time earlier.

Measured on Opus, Vorbis, MP3 and filters of a voice and music: 0.38 at most. Margin: 0.22.
"""
MIN_PEAK = 0.18
"""Height of the cepstrum at the delay, which is the share of the echo. Chosen, not measured."""
SURE_PEAK = 0.25
"""Height from which on it is a warning: music has faint echoes that were meant. Chosen, not measured."""
MIN_SIGMAS = 12.0
"""The same against its scatter in the neighbourhood. Chosen, not measured."""
FRAME_SECONDS = 1.4
"""Length of a frame of the cepstrum: more than twice the longest delay. Chosen, not measured."""
MAX_FRAMES = 12
"""Frames, evenly spaced. Chosen, not measured."""
MIN_SECONDS = 0.006
"""Nearest echo that is looked for without a reference. Chosen, not measured."""
MAX_SECONDS = 0.3
"""Farthest. Chosen, not measured."""
NEAR_SAMPLES = 201
"""Width of the neighbourhood of a delay. Chosen, not measured."""
MAX_SNR_DB = 30.0
"""Level of the sound above the residual, above which there is no echo worth a word.

Chosen, not measured.
"""


def find_echo(voice: NDArray[np.float32], rate: int) -> tuple[float, float, float]:
    """Delay in seconds, height and height over scatter of the sharpest peak of the mean cepstrum."""
    from scipy.fft import irfft, rfft
    from scipy.ndimage import median_filter

    size = int(2 ** np.ceil(np.log2(FRAME_SECONDS * rate)))
    samples = voice if len(voice) >= size else np.pad(voice, (0, size - len(voice)))
    count = int(np.clip(len(samples) // (size // 2) - 1, 1, MAX_FRAMES))
    starts = np.linspace(0, len(samples) - size, count).astype(int)
    window = make_periodic_hann(size).astype(np.float32)
    total = np.zeros(size)
    weight = 0.0
    for start in starts:
        frame = samples[start : start + size] * window
        energy = float(frame @ frame)
        power = np.square(np.abs(rfft(frame))) if energy > 0 else None
        if power is None:
            continue
        total += energy * irfft(np.log(power + power.mean() * 1e-7))
        weight += energy
    if weight <= 0:
        return 0.0, 0.0, 0.0
    first, last = int(MIN_SECONDS * rate), min(int(MAX_SECONDS * rate), size // 2 - NEAR_SAMPLES)
    if last <= first:
        return 0.0, 0.0, 0.0
    cepstrum = total[first:last] / weight
    sharp = cepstrum - median_filter(cepstrum, 9, mode="nearest")
    scatter = 1.4826 * median_filter(np.abs(cepstrum), NEAR_SAMPLES, mode="nearest") + 1e-9
    top = int(np.argmax(np.where(sharp / scatter >= MIN_SIGMAS, sharp, 0.0)))
    if is_comb(sharp, first, first + top):
        return 0.0, 0.0, 0.0
    return (first + top) / rate, float(sharp[top]), float(sharp[top] / scatter[top])


def is_comb(sharp: NDArray[np.float64], first: int, delay: int) -> bool:
    """Whether fractions of the delay have peaks too, in a cepstrum that begins at sample `first`: the
    clock of an upsampling layer repeats at all of them, an echo at one.
    """
    height = sharp[delay - first]
    for parts in COMB_PARTS:
        places = [round(delay * k / parts) - first for k in range(1, 2 * parts) if k != parts]
        heights = [sharp[place] for place in places if 0 <= place < len(sharp)]
        if sum(each >= COMB_SHARE * height for each in heights) >= MIN_COMB_PEAKS:
            return True
    return False


def check(subject: SoundSubject) -> Iterable[Finding]:
    residual = find_residual(subject)
    if residual is not None:
        share, delay = residual.echo
        if abs(share) < MIN_COPY or residual.snr_db > MAX_SNR_DB:
            return
        evidence = {"correlation": round(share, 3), "delay_ms": round(1000 * abs(delay), 3)}
        severity = Severity.ERROR
    else:
        analysis = subject.analysis
        if not analysis.active_frames.any():
            return
        delay, height, sigmas = find_echo(analysis.voice, analysis.sample_rate)
        if height < MIN_PEAK or sigmas < MIN_SIGMAS:
            return
        evidence = {
            "share": round(height, 3),
            "sigmas": round(sigmas, 1),
            "delay_ms": round(1000 * delay, 3),
        }
        is_sure = height >= SURE_PEAK and is_voice(subject)
        severity = Severity.WARNING if is_sure else Severity.INFO
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"an echo: a copy of itself lies under the sound, {1000 * abs(delay):.1f} ms apart",
        confidence=0.9,
        evidence=evidence,
        rank=16,
    )
