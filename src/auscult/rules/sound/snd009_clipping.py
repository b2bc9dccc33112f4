"""Cut off at a ceiling: peaks that are flat.

**What it finds.** Samples that lie exactly on the highest or lowest value, one after the other; the
level of that value does not matter, so that a recording turned down after it was clipped is found
too.

**What you hear.** Harsh, crackling loud places.

**Why it happens.** A gain that is too high before `clip`, an integer conversion or a converter;
output scaled to peaks that the training data did not have.

**What makes this sound.** The waveform is larger than the format holds: its samples are stuck at
the limits.

**Example.** Wrong and right:

```python
samples = np.clip(4.0 * samples, -1, 1)      # wrong: the peaks are cut off
samples = samples / np.abs(samples).max()    # right: as loud as possible without a cut
```

**Blind spots.** Resampling and lossy coding round the flat tops. A square wave is flat by nature.

**How it is measured.** Of the samples within a tenth of the extreme, the share that lies on it to
0.1 % (`MIN_SHARE` = 0.35), of those within 2 % the share that is equal to it (`MIN_EXACT` = 0.6),
and at least `MIN_RUNS` = 5 that follow one another, and `MIN_OVER_OTHERS` = 2
times as many as on any other level there (A-law and mu-law have few levels); or `MIN_FLAT_TOPS` = 3 peaks of three or more samples
that equal the extreme. False alarms: none on 270 clean clips of
speech, music and instruments (180 set the thresholds, 90 were held out).

**Fix.** None in the sound (the peaks are gone). Lower the gain before the cut.

**References.** Hansen, Stauffer & Xia (Speech Communication 2021).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.sound._times import join_into_spans
from auscult.rules.sound.subject import SoundSubject
from auscult.rules.suspects import Suspect
from auscult.sound.ceiling import SamplePile, find_largest_pile

CODE = "SND009"
NAME = "clipping"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "anywhere"
EXPLAINS = ("saturated", "dc", "imaging", "sample-rate-label", "dropouts")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        (
            "factor",
            "istft-normalisation",
            "weight-norm-unfused",
            "weight-norm-swapped",
            "branch-sum-mean",
            "activation-missing",
        ),
        "a factor in the model makes everything louder, or the last tanh is missing",
        needs="traces",
    ),
    Suspect(
        ("snake-parametrisation",),
        "Snake's alpha read on the wrong scale makes its output grow",
        needs="weights",
    ),
)
WRITING = "write float samples, or scale them below full scale before they are rounded to integers"
MIN_SHARE = 0.35
"""Of the samples within a tenth of the extreme: those that lie on it.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_EXACT = 0.6
"""Of the samples within 2 % of the extreme: those that equal it.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_RUNS = 5
"""Samples on the extreme that follow one another.

Measured on 270 clean clips of speech, music and instruments: no false alarm of the rule. Margin:
not recorded.
"""
MIN_OVER_OTHERS = 2.0
"""Samples on the extreme against those on any other level within a tenth of it: the highest level of
A-law or mu-law is met less often than the one below it, unless peaks are cut. Chosen, not measured.
"""
MIN_FLAT_TOPS = 3
"""Peaks with three or more samples that equal the extreme.

Measured on 687 real clips of 48 sources, some of the reported half among them: whatever has as many
is cut at full scale. Margin: not recorded.
"""
MIN_COARSE_LEVELS = 128
"""Levels that the samples have: in fewer, a tenth of the extreme holds a handful of them. Chosen, not
measured."""
MIN_LEVELS = 1000
"""Levels that the samples have: in fewer, peaks are flat by rounding. Chosen, not measured."""
ERROR_SHARE = 1e-3
"""Of all samples: more on the ceiling are an error. Chosen, not measured."""


def is_cut(pile: SamplePile, level_count: float) -> bool:
    """Whether samples pile up on an extreme as only a cut makes them."""
    is_piled = pile.share >= MIN_SHARE and pile.exact >= MIN_EXACT
    is_above_others = len(pile.places) >= MIN_OVER_OTHERS * pile.other_level
    is_fine = level_count >= MIN_COARSE_LEVELS
    return is_piled and is_above_others and pile.runs >= MIN_RUNS and is_fine


def is_cut_lightly(pile: SamplePile, level_count: float) -> bool:
    """Whether a few peaks are flat on the very extreme, in samples fine enough that this is no
    chance.
    """
    is_fine = pile.exact >= MIN_EXACT and level_count >= MIN_LEVELS
    return is_fine and pile.flat_tops >= MIN_FLAT_TOPS


def check(subject: SoundSubject) -> Iterable[Finding]:
    piles = [find_largest_pile(channel) for channel in subject.analysis.samples]
    channel_number = max(range(len(piles)), key=lambda index: piles[index].runs)
    pile = piles[channel_number]
    level_count = subject.analysis.level_count
    if not is_cut(pile, level_count) and not is_cut_lightly(pile, level_count):
        return
    share = len(pile.places) / subject.analysis.samples.shape[1]
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if share > ERROR_SHARE else Severity.WARNING,
        (subject.recording.name,),
        f"{format_count(len(pile.places), 'sample')} lie exactly on the ceiling ({share:.2%}): "
        "the peaks are cut off",
        confidence=min(0.99, 0.6 + pile.share / 2),
        evidence={
            "samples": len(pile.places),
            "pile": round(pile.share, 3),
            "exact": round(pile.exact, 3),
            "channel": channel_number,
        },
        times=join_into_spans(pile.places, subject.analysis.sample_rate),
        rank=10,
    )
