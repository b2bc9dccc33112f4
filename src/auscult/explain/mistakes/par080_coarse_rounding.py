"""The candidate's numbers are rounded so coarsely that its output is audibly another.

**What it finds.** A candidate with the reference's weights, rounded to few bits, or with int8 arithmetic, whose output is more
than 5 % off for that reason alone.

**What you hear.** Hiss, roughness or metallic tones under a voice that is otherwise right; in a model that feeds its output
back, other prosody or other words.

**Why it happens.** Four bits with one scale for many weights leave an error of about a tenth. Activations that are rounded while
the model runs lose what lies far below the largest of them. On x86 processors without VNNI, ONNX Runtime's products of uint8 and
int8 saturate in 16 bits: a right export is percents off on such a machine, and right on others.

**Blind spots.** 5 % of a relative error is -26 dB: whether it is heard depends on where it lies. Products inside of an LSTM and of
a convolution are not computed again.

**How it is measured.** The output of the candidate as it runs, against the reference with its own weights. Where the candidate is
an int8 export, the share of the weights' rounding, the share of the activations', and the products of matrices that are not what
their integers give are evidence. The layers themselves are judged without the rounding, so that other faults are findings of
their own.

**Example.**

```python
# torch, wrong
step = weight.abs().max() / 7  # 4 bits, one scale for the whole weight
weight = (weight / step).round() * step
# torch, right
step = weight.abs().amax(1, keepdim=True) / 127  # 8 bits, a scale for each row
weight = (weight / step).round() * step
# MLX, wrong
nn.quantize(model, group_size=128, bits=2)
# MLX, right
nn.quantize(model, group_size=64, bits=8)
```

**Fix.** Keep the layers that lose most in a finer format, give each channel or a smaller group a scale of its own, or quantise
with `reduce_range=True` where products saturate. Safety: guess.

**References.** ONNX Runtime, "Quantize ONNX models", on `reduce_range`.
"""

from __future__ import annotations

from auscult.finding import Severity

CODE = "PAR080"
NAME = "coarse-rounding"
RANK = 6
SEVERITY = Severity.WARNING
FOUND_BY = ("verbs/compare/run_findings.py",)
