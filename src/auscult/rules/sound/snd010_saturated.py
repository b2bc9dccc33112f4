"""Squeezed by a tanh: loud places crowd under a ceiling without being cut.

**What it finds.** A waveform whose loud blocks all reach the same height and stay near it.

**What you hear.** Dense, fuzzy, without accents.

**Why it happens.** The last tanh of a vocoder or codec driven too hard (weight norm fused twice, a
gain on the pre-activation), or a loudness treatment such as `tanh(1.2 * x)`.

**What makes this sound.** Peaks are rounded off by a tanh: loud parts are distorted and the crest
factor is small.

**Example.** Wrong and right:

```python
samples = torch.tanh(20 * x)  # wrong: a gain before the tanh squeezes everything under it
samples = torch.tanh(x)       # right: what the model was trained with
```

**Blind spots.** Music from a limiter looks the same, and drums and effects are made so: what is no
voice is information where nothing is known of the model. A drive of less than 12 dB over the peak is
hardly heard and hardly seen.

**How it is measured.** Blocks of 5 ms: of those within 6 dB of the highest, the share within 0.5 dB
(`MIN_CROWDING` = 0.2); in these, the share of samples above 0.7 of the ceiling (`MIN_HELD` = 0.27,
a sine by itself 0.5 but a sine does not crowd unless it is steady); of the channel that has most of
both. An error where both are above a half;
without a reference or the model's facts from `SURE_CROWDING` = 0.7 on: music from a limiter is
squeezed as well. 150 clean clips had at most 0.17 and 0.16. False alarms:
none on 120 clean clips, 156 coded ones and 20 of the bundled vocoder that set no threshold.

**Fix.** None in the sound. Look at what feeds the last activation.

**References.** ronliwag/tool applies 0.7·tanh(1.2·x) to its vocoder's output.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from auscult.finding import Finding, Severity
from auscult.rules.sound._voice import is_voice
from auscult.rules.sound.subject import SoundSubject, knows_model
from auscult.rules.suspects import Suspect
from auscult.sound.ceiling import measure_squeeze

CODE = "SND010"
NAME = "saturated"
REQUIRES = SoundSubject
EVIDENCE = "nothing"
EXTENT = "mostly"
EXPLAINS = ("sample-rate-label", "frame-seams", "dropouts", "phase-metallic", "aliasing")
FOLLOWS = True
SUSPECTS = (
    Suspect(
        ("activation-extra",),
        "a tanh or clamp that the trained model does not have stands behind its last layer",
        needs="traces",
    ),
    Suspect(
        ("factor", "branch-sum-mean", "transform-invented"),
        "a gain before the model's own tanh drives it into saturation",
        needs="traces",
    ),
    Suspect(
        ("amplitude-conflict",), "a loss rewards loudness that tanh cannot give", needs="training"
    ),
)
MIN_CROWDING = 0.2
"""Of the blocks within 6 dB of the highest: those within 0.5 dB.

Measured on 150 clean clips: 0.17 at most. Margin: 1.2.
"""
MIN_HELD = 0.27
"""Share of samples near the ceiling in these.

Measured on 150 clean clips: 0.16 at most. Margin: 1.7.
"""
ERROR_CROWDING = 0.5
"""Crowding above which it is an error, with `ERROR_HELD`. Chosen, not measured."""
SURE_CROWDING = 0.7
"""The same without a reference or the facts of a model.

Measured on 330 real clips of 25 sources: squeezed voices and effects reach 0.58. Margin: 0.12.
"""
ERROR_HELD = 0.5
"""Share of samples near the ceiling above which it is an error. Chosen, not measured."""


def check(subject: SoundSubject) -> Iterable[Finding]:
    analysis = subject.analysis
    channels = analysis.samples - analysis.means[:, None].astype(np.float32)
    strongest_squeeze = max(
        (measure_squeeze(channel, analysis.sample_rate) for channel in channels),
        key=lambda measured_squeeze: measured_squeeze.crowding * measured_squeeze.held,
    )
    if strongest_squeeze.crowding < MIN_CROWDING or strongest_squeeze.held < MIN_HELD:
        return
    is_known = subject.reference is not None or knows_model(subject.facts)
    least = ERROR_CROWDING if is_known else SURE_CROWDING
    is_error = strongest_squeeze.crowding > least and strongest_squeeze.held > ERROR_HELD
    severity = Severity.INFO
    if is_error:
        severity = Severity.ERROR
    elif is_known or is_voice(subject):
        severity = Severity.WARNING
    yield Finding(
        CODE,
        NAME,
        severity,
        (subject.recording.name,),
        f"{strongest_squeeze.crowding:.0%} of the loud places reach the same height and stay near "
        "it: squeezed by a tanh or a limiter",
        confidence=min(0.9, 0.5 + strongest_squeeze.crowding / 2),
        evidence={
            "crowding": round(strongest_squeeze.crowding, 3),
            "held": round(strongest_squeeze.held, 3),
        },
        rank=30,
    )
