"""The weights of transposed 1-D convolutions lie in another axis order.

**What it finds.** Upsampling weights stored (out, k, in), as MLX does, where PyTorch's (in, out, k)
is expected, or the reverse, or with in and out exchanged, as if they were those of a plain
convolution.

**What you hear.** With in == out the shape does not change and everything loads: the output
correlates 0.30 with the right one, a metallic buzz at the frame rate. Otherwise an error, or a
layer that keeps random weights.

**Why it happens.** The permutation of a plain convolution, (0, 2, 1), was applied to a transposed
one, which needs (1, 2, 0).

**Blind spots.** Without a reference and with square channels nothing in the file can show it; then
only a run can.

**How it is measured.** Against the other side's values: the permutation after which they are equal,
bit for bit or within a number format's error. Where one side is code with fresh weights, by shapes
and the kind of layer, and square weights follow the layout that the others show (`same_shape`
counts them; confidence 0.7). No threshold.

**Example.** The permutation of a plain convolution is used for a transposed one:

    mlx_up.weight = mx.array(torch_up.weight.numpy().transpose(0, 2, 1))  # wrong
    mlx_up.weight = mx.array(torch_up.weight.numpy().transpose(1, 2, 0))  # right: (out, k, in)

**Fix.** The permutation, as a recipe; every bit is kept. Safety: safe (guess where only square
shapes were at hand).

**References.** torch.nn.ConvTranspose1d (in, out/groups, k); mlx.nn.ConvTranspose1d (out, k, in).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.layout_finding import build_layout_finding
from auscult.rules.diff.evidence.permutations import find_permuted_places
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY002"
NAME = "layout-conv-transpose1d"
REQUIRES = DiffSubject
PRECEDENCE = 20


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return find_permuted_places(subject, ("conv_transpose1d",))


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield build_layout_finding(CODE, NAME, "transposed 1-D convolution", subject, places)
