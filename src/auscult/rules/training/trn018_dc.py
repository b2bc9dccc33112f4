"""The output starts with a DC offset that is larger than its sound.

**What it finds.** Models whose untrained output is mostly a constant.

**What you hear.** Nothing of it later: training removes it in its first steps. But an RMS ratio is
fooled by it: mean -0.31 and deviation 0.11 look like a ratio of 1.33 where the sound is at 0.46 of
its level.

**Why it happens.** Random biases through ELU, sigmoid or tanh add up to an offset.

**Example.** Wrong and right:

```python
nn.Conv1d(32, 1, 7)                  # wrong: a random bias stands behind the last layer
nn.Conv1d(32, 1, 7, bias=False)      # right: or nn.init.zeros_(layer.bias)
```

**Blind spots.** None known.

**How it is measured.** Mean against the RMS about the mean, before the first step and after the
last; above 1 and above half the target's RMS. Always information: EnCodec's own code starts so.

**Fix.** Start biases at zero, and report levels about the mean. Safety: safe.

**References.** devasphn/NewProject at 1c72334 (mean 0.33, deviation 0.11 at the start).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN018"
NAME = "dc"
REQUIRES = PreflightSubject
MIN_TARGET_SHARE = 0.5
"""Of the target's root mean square: a smaller mean is not told. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    start, end = subject.measured.start, subject.measured.end
    if (
        start is None
        or abs(start.mean) <= start.ac_rms
        or abs(start.mean) < MIN_TARGET_SHARE * start.target_rms
    ):
        return
    later_note = f", {end.mean:+.3f} after the steps" if end else ""
    yield Finding(
        CODE,
        NAME,
        Severity.INFO,
        ("output",),
        f"the output starts at a mean of {start.mean:+.3f} with {start.ac_rms:.3f} of sound about "
        f"it{later_note};"
        " an RMS ratio counts it as level",
        evidence={
            "mean": start.mean,
            "ac_rms": start.ac_rms,
            "rms_ratio": start.rms_ratio,
            "ac_ratio": start.ac_ratio,
        },
        rank=80,
    )
