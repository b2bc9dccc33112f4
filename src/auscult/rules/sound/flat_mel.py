"""The spectrum hardly moves in time: horizontal lines in the mel where there should be speech.

**What it finds.** A recording whose mel bands stay at the same level from frame to frame: a tone, a hum or a noise of
constant colour. The message says which, by the spectral flatness.

**What you hear.** One unchanging sound: a buzz, a hiss, a drone.

**Why it happens.** The model's output does not depend on its input: weights not in use, a constant input, a decoder whose
normalisation statistics were never trained.

**Blind spots.** Sustained music is flat too: with a reference recording, only a sound that is much flatter than the reference
is reported. Digital silence is left to `silence`.

**How it is measured.** Standard deviation over time of the log-mel in dB, mean over 64 bands, of frames within 40 dB of the
loudest; levels more than 80 dB below the loudest count as that. Reported below `MAX_MOVEMENT_DB` = 6 dB, with a reference
also below half of its movement. 74 clean espeak-ng sentences gave 10.4 to 14.3 dB, four recordings of people 8.7 to
11.4 dB (a noisy one the least); white noise 1.4 dB; a half-loaded vocoder 2.9 dB.

**Fix.** None in the sound. Compare checkpoint and code with `auscult diff CHECKPOINT package.module:factory`.

**References.** ronliwag/tool: "flat horizontal lines" in the spectrogram of a vocoder that was 23 % loaded.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.subject import SoundSubject
from auscult.sound.measures import mel_movement_db, rms, spectral_flatness

CODE = "SND002"
NAME = "flat-mel"
REQUIRES = SoundSubject
MAX_MOVEMENT_DB = 6.0
MAX_SHARE_OF_REFERENCE = 0.5
MIN_RMS = 1e-6
"""Below this a recording is silent, which is another finding."""
MIN_NOISE_FLATNESS = 0.3


def check(subject: SoundSubject) -> Iterable[Finding]:
    recording, reference = subject.recording, subject.reference
    samples, rate = recording.mono, recording.sample_rate
    if rms(samples - samples.mean()) < MIN_RMS:
        return
    movement = mel_movement_db(samples, rate)
    usual = mel_movement_db(reference.mono, reference.sample_rate) if reference else None
    if movement > MAX_MOVEMENT_DB or (usual is not None and movement > MAX_SHARE_OF_REFERENCE * usual):
        return
    flatness = spectral_flatness(samples, rate)
    kind = "noise" if flatness >= MIN_NOISE_FLATNESS else "a steady tone or hum"
    against = f" ({usual:.1f} dB in the reference)" if usual is not None else ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (recording.name,),
        f"the mel moves by only {movement:.1f} dB over time{against}: {kind}, the same from beginning to end",
        confidence=0.95 if usual is not None else 0.8,
        evidence={
            "movement_db": round(movement, 2),
            "reference_movement_db": usual and round(usual, 2),
            "flatness": round(flatness, 4),
        },
        rank=61,
    )
