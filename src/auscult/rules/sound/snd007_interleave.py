"""Channels in the wrong order in memory: interleaved samples read as planar ones, or the reverse.

**What it finds.** One channel whose samples come in pairs; two channels of which one lies between
the samples of the other.

**What you hear.** Half speed an octave low, with a harsh mirror image above; or double speed, and
the sound twice over.

**Why it happens.** `[time, channels]` and `[channels, time]` confused at a reshape, or a header
that says another number of channels.

**What makes this sound.** Two channels lie in one row of samples and were read in the wrong order:
half speed and doubled images, or the reverse.

**Example.** Wrong and right:

```python
stereo = samples.reshape(2, -1)     # wrong: libraries write left and right alternately
stereo = samples.reshape(-1, 2).T   # right: [channels, time]
```

**Blind spots.** Two equal channels read as one give every sample twice, which repeating samples to
upsample gives as well: the message says so. More than two channels are not looked for, and two channels of which the one has nothing of the other
are not found where they lie one after the other.

**How it is measured.** In one channel: the difference within pairs against that between pairs, in
dB (`MIN_ASYMMETRY_DB` = 1), and the correlation of samples two apart less that of neighbours
(`MIN_SKIP` = 0.05, the former at least `MIN_TWO_APART` = 0.35), while the odd samples do not lie
between the even ones. In two: the residual of predicting one from half a sample later in the other
over that from the same sample (below `MAX_HALF_STEP` = 0.88), while the two read as one channel
show no pairs, and the two halves of that are alike at some lag (`MIN_HALVES` = 0.3), as two
channels of one recording are: converters that sample left and right in turn leave half a sample
between the channels as well. False alarms: none on 270 clean clips of speech, music and instruments (180 set the
thresholds, 90 were held out).

**Fix.** Safe: `samples.reshape(-1, 2).T` for one channel. A guess for two: `np.concatenate` of the
interleaved samples' halves.

**References.** ONNX, torch and soundfile differ in the order: torchaudio gives [channels, time],
soundfile [time, channels].
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.channels import correlate_halves, measure_half_step, measure_pairing

CODE = "SND007"
NAME = "interleave"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = (
    *(
        "imaging",
        "sample-rate-label",
        "band-limited",
        "polarity",
        "frame-seams",
        "phase-metallic",
        "noise",
        "flat-mel",
    ),
    *("saturated", "repeat", "aliasing", "echo"),
)
FOLLOWS = True
WRITING = "transpose [channels, time] to [time, channels] before writing, or reverse on reading"
MIN_ASYMMETRY_DB = 1.0
"""Difference within pairs against that between pairs, above which samples come in pairs.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_SKIP = 0.05
"""Correlation of samples two apart less that of neighbours, above which samples come in pairs.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_TWO_APART = 0.35
"""Correlation of samples two apart that there has to be for that.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_NEIGHBOURS = 0.5
"""Correlation of neighbours where channels that are not alike alternate: a low sound under a hiss near
half the sample rate has more.

Measured on 687 real clips of 48 sources, some of the reported half among them: 0.68 in the one that
reached it. Margin: 0.18.
"""
MAX_BALANCE_DB = 12.0
"""Where every other sample is nearly nothing, zeros were stuffed in, which is `imaging`.

Chosen, not measured.
"""
MAX_HALF_STEP = 0.88
"""Residual of predicting one channel from half a sample later in the other, over that from the same
sample.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MAX_JOINED_ASYMMETRY_DB = 0.6
"""Of two channels read as one: more shows pairs. Chosen, not measured."""
MAX_JOINED_SKIP = 0.005
"""Of two channels read as one: more shows pairs. Chosen, not measured."""
MIN_PLAIN_ASYMMETRY_DB = 3.0
"""Difference within pairs against that between pairs, where samples two apart are no more alike than
neighbours are: sounds in 8 bits have some by chance.

Measured on 330 real clips of 25 sources: 1.85 dB at most. Margin: 1.1 dB.
"""
MIN_HALVES = 0.3
"""Correlation of the two halves of what the channels join to, at its best lag: they are the two
channels of one recording.

Measured on stereo recordings with half a sample between their channels: see the rule's page. Margin:
not recorded.
"""
EQUAL_DB = 40.0
"""Asymmetry above which the samples of a pair are equal. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    samples = subject.analysis.samples
    if samples.shape[0] == 1:
        yield from _check_one_channel(subject)
    elif samples.shape[0] == 2:
        yield from _check_two_channels(subject)


def _check_one_channel(subject: SoundSubject) -> Iterable[Finding]:
    pairs = measure_pairing(subject.analysis.samples[0])
    is_alternating = (
        pairs.skip >= MIN_SKIP
        and pairs.skip_in_blocks >= MIN_SKIP
        and pairs.two_apart >= MIN_TWO_APART
        and pairs.half_step > MAX_HALF_STEP
    )
    is_alternating = (
        is_alternating
        and pairs.balance_db < MAX_BALANCE_DB
        and pairs.two_apart - pairs.skip <= MAX_NEIGHBOURS
    )
    least = MIN_ASYMMETRY_DB if pairs.skip > 0 else MIN_PLAIN_ASYMMETRY_DB
    if pairs.asymmetry_db < least and not is_alternating:
        return
    is_repeated = pairs.asymmetry_db > EQUAL_DB
    if is_repeated:
        repeat_note = " (or one channel was upsampled by repeating each sample)"
    else:
        repeat_note = ""
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        "the samples come in pairs: two interleaved channels were read as one, at half their "
        f"speed{repeat_note}",
        confidence=0.6 if is_repeated else 0.95,
        evidence={"asymmetry_db": round(pairs.asymmetry_db, 2), "skip": round(pairs.skip, 3)},
        fix=Fix("safe", "Read the samples as [time, 2].", code="samples.reshape(-1, 2).T"),
        rank=6,
    )


def _check_two_channels(subject: SoundSubject) -> Iterable[Finding]:
    left, right = subject.analysis.samples
    ratio = measure_half_step(left, right)
    joined = measure_pairing(subject.analysis.samples.T.reshape(-1))
    if (
        ratio > MAX_HALF_STEP
        or joined.asymmetry_db > MAX_JOINED_ASYMMETRY_DB
        or joined.skip > MAX_JOINED_SKIP
    ):
        return
    halves = correlate_halves(subject.analysis.samples)
    if halves < MIN_HALVES:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        "the two channels are the even and the odd samples of one signal: one after the other in "
        "memory, read as interleaved",
        confidence=0.95 if ratio < 0.5 else 0.8,
        evidence={
            "half_step": round(ratio, 3),
            "joined_skip": round(joined.skip, 3),
            "halves": round(halves, 3),
        },
        fix=Fix(
            "guess",
            "Join the channels sample by sample, then cut the result in two halves.",
            code="samples.T.reshape(2, -1)",
        ),
        rank=6,
    )
