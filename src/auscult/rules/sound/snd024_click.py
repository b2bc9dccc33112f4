"""Clicks: single samples, or a millisecond of them, that belong to no sound.

**What it finds.** Impulses that stand far out of what is before and behind them; and the bytes of a
WAV header among the samples, which it decodes.

**What you hear.** Clicks and pops, at the joins of chunks or sentences often.

**Why it happens.** Every chunk of a stream is a whole WAV file and its header is played as samples;
two pieces are joined without a crossfade; a state that starts from zero.

**What makes this sound.** Something that is no sound was written between the chunks, or two chunks
do not meet.

**Example.** Wrong and right:

```python
stream.write(chunk_file.read_bytes())       # wrong: 44 bytes of header in front of every chunk
stream.write(chunk_file.read_bytes()[44:])  # right, for a plain header
```

**Blind spots.** Clicks in loud noise, or softer than a quarter of the recording's peak, without a
reference. Crackle of old discs, and sound effects that are clicks, are told as well.

**How it is measured.** Header bytes: the letters RIFF and WAVE, or two size fields of which the
second counts the bytes since the last ones. Impulses: the largest second difference in 1.5 ms has
to be `MIN_SHARE` = 0.25 of the peak, and `MIN_RATIO` = 80 times the root mean square of what is 2 to
9 ms, and up to 30 ms, before and behind it. In 300 real clips of 25 sources two reached that. With a
reference: samples of the residual `MIN_CREST_DB` = 60 dB above its median level and at least
`MIN_REFERENCE_SHARE` = 0.2 of the sound's root mean square.

**Fix.** Lossy: replace the samples at the times in the message by what lies around them.

**References.** remsky/Kokoro-FastAPI 463 and 467, travisvn/chatterbox-tts-api 14.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.sound._related import find_residual
from auscult.rules.sound._times import join_into_spans
from auscult.rules.sound.subject import SoundSubject
from auscult.sound.clicks import BLOCK_SECONDS, HeaderBytes, find_header_bytes, measure_clicks
from auscult.sound.residual import Residual

CODE = "SND024"
NAME = "click"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = ("unexplained", "lag", "wrap-around")
WRITING = "write the samples of every chunk without its header, and crossfade where chunks meet"
MIN_SHARE = 0.25
"""Second difference against the peak of the recording.

Measured on 300 real clips of 25 sources: with the other two limits 2 are told. Margin: not recorded.
"""
MIN_RATIO = 80.0
"""The same against what is near.

Measured on 300 real clips of 25 sources: with the other two limits 2 are told. Margin: not recorded.
"""
MIN_CREST_DB = 60.0
"""A sample of the residual above its median level.

Measured on codecs, dither and filters of a voice and music: 50 dB at most where the residual is
heard. Margin: 10 dB.
"""
MIN_REFERENCE_SHARE = 0.2
"""The same against the root mean square of the sound. Chosen, not measured."""
MAX_SILENT_SHARE = 0.05
"""Of a sample of the residual, that the recording may have around it where it is silent.

Chosen, not measured.
"""
MAX_SHARE_OF_TIME = 0.02
"""Share of the recording that clicks may fill; more is another defect. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    headers = find_header_bytes(subject.analysis.samples)
    if headers:
        yield _report_headers(subject, headers)
        return
    residual = find_residual(subject)
    analysis = subject.analysis
    rate = analysis.sample_rate
    if residual is not None:
        places, rate = find_residual_clicks(residual), residual.rate
    else:
        measures = measure_clicks(analysis.second_difference, analysis.peak, rate)
        if measures is None:
            return
        is_click = (
            (measures.near >= MIN_RATIO)
            & (measures.far >= MIN_RATIO)
            & (measures.share >= MIN_SHARE)
        )
        places = np.flatnonzero(is_click) * max(int(BLOCK_SECONDS * rate), 6)
    spans = join_into_spans(np.asarray(places, np.int64), rate, apart_seconds=0.005)
    if not spans or sum(b - a for a, b in spans) > MAX_SHARE_OF_TIME * analysis.seconds:
        return
    yield Finding(
        CODE,
        NAME,
        Severity.WARNING if residual is None else Severity.ERROR,
        (subject.recording.name,),
        f"{format_count(len(spans), 'click')}, the first at {spans[0][0]:.3f} s: an impulse that "
        "belongs to no sound",
        confidence=0.8,
        evidence={"clicks": len(spans)},
        times=spans,
        rank=20,
    )


def find_residual_clicks(residual: Residual) -> np.ndarray:
    """Samples of the residual that stand far out of it, [clicks]."""
    sound = float(np.sqrt(np.mean(np.square(residual.reference)))) if residual.reference.size else 0
    usual = float(np.median(residual.short_levels)) if len(residual.short_levels) else 0.0
    least = max(MIN_REFERENCE_SHARE * sound, 10 ** (MIN_CREST_DB / 20) * (usual + 1e-6))
    places = np.flatnonzero(np.abs(residual.samples) >= least)
    return np.asarray(places[~_is_missing(residual, places)])


def _is_missing(residual: Residual, places: np.ndarray) -> np.ndarray:
    """Whether the recording is silent before or behind each place, and there: what is left is the
    reference's sound, which the recording lacks, and no impulse.
    """
    width = max(int(BLOCK_SECONDS * residual.rate), 6)
    last = len(residual.recording) - 1

    def is_silent(steps: np.ndarray) -> np.ndarray:
        near = np.abs(residual.recording[np.clip(places[:, None] + steps, 0, last)])
        share = near.max(axis=1) / np.abs(residual.samples[places])
        return np.asarray(share < MAX_SILENT_SHARE)

    return np.asarray(is_silent(np.arange(-width, 1)) | is_silent(np.arange(width + 1)))


def _report_headers(subject: SoundSubject, headers: list[HeaderBytes]) -> Finding:
    analysis = subject.analysis
    scale = analysis.samples.shape[0] * analysis.sample_rate
    spans = [
        (round(each.place / scale, 4), round((each.place + each.count) / scale, 4))
        for each in headers[:50]
    ]
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        (subject.recording.name,),
        f"{format_count(len(headers), 'click')}, the first at {spans[0][0]:.3f} s: the samples there "
        f"are the bytes of {headers[0].what}",
        confidence=0.99,
        evidence={
            "headers": len(headers),
            "bytes": 2 * headers[0].count,
            "what": headers[0].what,
        },
        times=tuple(spans),
        rank=5,
    )
