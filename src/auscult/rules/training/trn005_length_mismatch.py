"""The output is not as long as its target, or was not before it was cut or filled with zeros.

**What it finds.** Outputs that are longer or shorter than the target by more than a frame; decoders
that give too few samples, which the model then fills with zeros, or many too many, which it cuts.

**What you hear.** Time drifts against the input, by more the later in the recording: echo against
the original, a waveform loss that cannot fall, silence at the end.

**Why it happens.** Convolutions without the padding that their stride needs, in encoder and
decoder; strides whose product is not the hop of the features (×512 for a hop of 256).

**Example.** Wrong and right:

```python
nn.Conv1d(1, 32, 7, stride=4)             # wrong: a few samples are lost at each stage
nn.Conv1d(1, 32, 7, stride=4, padding=3)  # right: the length divided by the stride
```

**Blind spots.** A difference up to one frame is told but is no error, since codecs with odd strides
have it by design (DAC at 16 kHz gives 8 samples fewer than it gets). Samples that the model itself
puts before its encoder, for a delay or to fill a frame, may come out of the decoder and be cut off
again: that is meant. Where output and target are cut alike before the model's end, nothing is seen.

**How it is measured.** Samples of target, output and decoder; exact zeros at the end of all items.
No threshold but the frame.

**Fix.** Pad so that each stage divides or multiplies the length by its stride. Safety: safe.

**References.** descript-audio-codec dac.py (preprocess); devasphn/NewProject at 1c72334: 15,768
samples for 16,000, the rest zeros.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.preflight_checks.records import SignalLengths
from auscult.rules.training.subject import PreflightSubject

CODE = "TRN005"
NAME = "length-mismatch"
REQUIRES = PreflightSubject
USUAL_HOP = 64
"""Samples of a frame where the model's hop is not known. Chosen, not measured."""
MAX_CUT_HOPS = 2
"""Frames that a model may cut off by design. Chosen, not measured."""


def check(subject: PreflightSubject) -> Iterable[Finding]:
    lengths = subject.measured.lengths
    if lengths is None:
        return
    missing, message = _describe_difference(lengths)
    if missing == 0:
        return
    hop = lengths.hop or USUAL_HOP
    is_serious = abs(missing) > hop
    yield Finding(
        CODE,
        NAME,
        Severity.ERROR if is_serious else Severity.INFO,
        (subject.measured.name,),
        message + ("" if is_serious else f"; within one frame of {hop}"),
        evidence={
            "target": lengths.target,
            "output": lengths.output,
            "decoded": lengths.decoded,
            "zeros_at_end": lengths.zeros_at_end,
            "hop": lengths.hop,
        },
        rank=16,
    )


def _describe_difference(lengths: SignalLengths) -> tuple[int, str]:
    """Samples missing (below 0: too many), and the sentence."""
    if lengths.output != lengths.target:
        missing = lengths.target - lengths.output
        return (
            missing,
            f"the output has {lengths.output:,} samples, its target {lengths.target:,}: "
            f"{_format_signed(missing)}",
        )
    decoded, hop = lengths.decoded, lengths.hop or USUAL_HOP
    if decoded is not None and decoded < lengths.target:
        missing = lengths.target - decoded
        return (
            missing,
            f"the decoder gives {decoded:,} samples for {lengths.target:,}; the model fills up "
            f"the other {missing:,}",
        )
    if (
        decoded is not None
        and decoded - max(lengths.target, lengths.encoded or 0) > MAX_CUT_HOPS * hop
    ):
        return (
            lengths.target - decoded,
            f"the decoder gives {decoded:,} samples for {lengths.target:,}; the model cuts the "
            "rest off",
        )
    if lengths.zeros_at_end > hop:
        return (
            lengths.zeros_at_end,
            f"the last {lengths.zeros_at_end:,} samples of every output are exactly zero: filled "
            "up, not decoded",
        )
    return 0, ""


def _format_signed(missing: int) -> str:
    if missing > 0:
        return f"{missing:,} too few"
    return f"{-missing:,} too many"
