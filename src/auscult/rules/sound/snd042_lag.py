"""The recording comes later or earlier than the reference, or drifts away from it.

**What it finds.** A lag, to the sample where the waveforms agree; a clock that is some millionths
off.

**What you hear.** Nothing by itself. Mixed with other tracks an echo or a comb filter; beside a
picture, lips out of step.

**Why it happens.** Delay of a codec or resampler that is not taken off; a transposed convolution
cropped on the wrong side; iSTFT without its centre trimmed; a file played by another clock.

**What makes this sound.** Everything comes earlier or later by a constant time.

**Example.** Wrong and right:

```python
samples = overlap_add(frames)                # wrong: the padding of the transform is left in
samples = overlap_add(frames)[n_fft // 2 :]  # right, for frames that were made with center=True
```

**Blind spots.** Where only the spectrograms agree (a vocoder's phases are its own), the lag is
known to a frame, and reported from `MIN_FRAME_LAG_SECONDS` = 40 ms on. Sound of one period is alike
at every period.

**How it is measured.** The median of the lags of up to 24 pieces of 0.6 s, each at the maximum of
the normalised correlation of first differences; drift by the line through them, where it moves the
lag by more than a sample. A lag that comes with missing or added seconds is `truncated-sound` or
`padded-sound`.

**Fix.** Cut off or add that many samples.

**References.** Blaizzy/mlx-audio PR 858 and 859 (one frame, by the crop of a transposed
convolution).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound._related import find_relation, is_same_speed
from auscult.rules.sound.snd044_truncated_sound import MIN_SECONDS as LEAST_CUT
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.counterpart import measure_overhang
from auscult.sound.relation import Relation

CODE = "SND042"
NAME = "lag"
REQUIRES = SoundSubject
EVIDENCE = "reference"
EXTENT = "whole"
EXPLAINS = ()
SUSPECTS = (
    Suspect(
        ("istft-trim", "stride-padding", "padding-mode"),
        "padding on one side, or an inverse STFT trimmed elsewhere, moves everything",
        needs="traces",
    ),
)
WRITING = "the sound needs no repair; align the two files before you compare them sample by sample"
MIN_FRAME_LAG_SECONDS = 0.04
"""Lag from which on it is reported where only the spectrograms agree. Chosen, not measured."""
MIN_DRIFT_PPM = 5.0
"""Drift from which on it is reported. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    relation = find_relation(subject)
    if relation is None or subject.reference is None or not is_same_speed(relation):
        return
    if relation.coherent:
        min_lag = 1
    else:
        min_lag = round(MIN_FRAME_LAG_SECONDS * relation.aligned_reference.sample_rate)
    is_drifting = abs(relation.drift_ppm) >= MIN_DRIFT_PPM
    if abs(relation.lag_samples) < min_lag and not is_drifting:
        return
    if not is_drifting:
        overhang = measure_overhang(relation, *subject.finite_pair)
        if max(overhang.missing_sound[0], overhang.extra_sound[0]) >= LEAST_CUT:
            return  # the start is cut off or another one is before it
    yield _report_lag(subject, relation)


def _report_lag(subject: SoundSubject, relation: Relation) -> Finding:
    rate = relation.aligned_reference.sample_rate
    return Finding(
        CODE,
        NAME,
        Severity.WARNING,
        (subject.recording.name,),
        _describe_lag(relation),
        confidence=0.99 if relation.coherent else 0.7,
        evidence={
            "lag_samples": relation.lag_samples,
            "lag_ms": round(1000 * relation.lag_samples / rate, 4),
            "drift_ppm": round(relation.drift_ppm, 2),
            "rate": rate,
        },
        fix=_make_fix(relation),
        rank=40,
    )


def _describe_lag(relation: Relation) -> str:
    lag, drift = relation.lag_samples, relation.drift_ppm
    parts = []
    if lag:
        milliseconds = 1000 * abs(lag) / relation.aligned_reference.sample_rate
        direction = "late" if lag > 0 else "early"
        parts.append(f"comes {abs(lag)} samples ({milliseconds:.4g} ms) {direction}")
    if abs(drift) >= MIN_DRIFT_PPM:
        parts.append(f"runs {abs(drift):.1f} ppm too {'fast' if drift > 0 else 'slow'}")
    message = " and ".join(parts)
    if not relation.coherent:
        message += ", to a frame"
    return f"{message}, against the reference"


def _make_fix(relation: Relation) -> Fix | None:
    """Where the lag is known to the sample, the line that takes it off."""
    lag = relation.lag_samples
    if not lag or not relation.coherent:
        return None
    if lag > 0:
        return Fix("safe", "Take the lag off.", code=f"samples = samples[:, {lag}:]")
    code = f"samples = np.pad(samples, ((0, 0), ({-lag}, 0)))"
    return Fix("lossy", "Take the lag off.", code=code)
