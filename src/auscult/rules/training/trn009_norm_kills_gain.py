"""A normalisation removes the loudness that the decoder must give back.

**What it finds.** Models whose latents (or, without an encoder, output) are the same for an input
at half its level, while the target's level differs from item to item.

**What you hear.** Everything comes out equally loud, or the level wanders; waveform losses stop at
the spread of the levels.

**Why it happens.** Instance or group norm without a way round it, or peak normalisation inside the
model, and no scale that is carried to the output (EnCodec at 48 kHz normalises too, but sends the
scale along).

**Example.** Wrong and right:

```python
z = nn.InstanceNorm1d(64)(encoder(x))   # wrong: loud and quiet inputs give the same latents
z = encoder(x)                          # right: weight norm in the layers, if any is needed
```

**Blind spots.** Norms that an epsilon switches off at low levels. Batches in which all items are
equally loud: there it is told, and no error. Vocoders need `features`, so that the level of their
input can be changed.

**How it is measured.** Change of the latents when the input is halved over their change when its
content is exchanged: below 0.1 (`MAX_RESPONSE`), where the output does not follow either (its level
stays above 0.9 of what it was). Healthy trainers gave 0.3 to 0.5.

**Fix.** Drop the norm, normalise by weights instead (weight norm), or carry the scale beside the
codes. Safety: guess.

**References.** facebookresearch/encodec model.py (scale per segment at 48 kHz).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN009"
NAME = "norm-kills-gain"
REQUIRES = PreflightSubject
MAX_RESPONSE = 0.1
"""Change of the latents when the input is halved, over that of other content.

Measured on healthy trainers: 0.3 to 0.5. Margin: 3.
"""
MIN_FOLLOWS, MAX_FOLLOWS = 0.9, 1.1
"""Between these factors the output's level stays where it was. Chosen, not measured."""
MIN_SPREAD_DB = 0.5
"""Items whose levels differ by less are equally loud. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    gain_response = subject.measured.gain_response
    if gain_response is None:
        return
    if gain_response.latents is None:
        response, part, changed = gain_response.output, "model", "the output"
    else:
        response, part, changed = gain_response.latents, "encoder", "the latents"
    if not response < MAX_RESPONSE or not MIN_FOLLOWS <= gain_response.follows <= MAX_FOLLOWS:
        return
    has_equal_levels = gain_response.levels_db < MIN_SPREAD_DB
    yield Finding(
        CODE,
        NAME,
        Severity.INFO if has_equal_levels else Severity.ERROR,
        (part,),
        f"halving the input changes {changed} by {response:.1%} of what other content does: a "
        f"normalisation removes the level, which differs by {gain_response.levels_db:.1f} dB"
        " between the items",
        evidence={
            "response": round(response, 4),
            "output_follows": round(gain_response.follows, 4),
            "levels_db": round(gain_response.levels_db, 2),
        },
        rank=18,
    )
