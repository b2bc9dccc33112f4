"""The weights of 2-D convolutions lie in another framework's axis order.

**What it finds.** Weights stored (out, h, w, in), as MLX and LiteRT do, where PyTorch's (out, in,
h, w) is expected, or the reverse; Keras' (h, w, in, out); transposed 2-D convolutions likewise.

**What you hear.** Where the shape differs, the loader raises, or leaves the layer out in silence.
Where all sides are equal, such as 3 input channels and a 3 x 3 kernel, the filter is scrambled.

**Why it happens.** A port transposes once too often or not at all.

**Blind spots.** As for `layout-conv1d`.

**How it is measured.** Against the other side's values: the permutation after which they are equal,
bit for bit or within a number format's error. Where one side is code with fresh weights, by shapes
and the kind of layer, and square weights follow the layout that the others show (`same_shape`
counts them; confidence 0.7). No threshold.

**Example.** A port to MLX keeps PyTorch's order of axes:

    mlx_conv.weight = mx.array(torch_conv.weight.numpy())  # wrong: (out, in, h, w)
    mlx_conv.weight = mx.array(torch_conv.weight.numpy().transpose(0, 2, 3, 1))  # right

**Fix.** The permutation, as a recipe; every bit is kept. Safety: safe (guess where only square
shapes were at hand).

**References.** torch.nn.Conv2d; mlx.nn.Conv2d; TensorFlow Lite CONV_2D (out, h, w, in).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.layout_finding import build_layout_finding
from auscult.rules.diff.evidence.permutations import find_permuted_places
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY003"
NAME = "layout-conv2d"
REQUIRES = DiffSubject
PRECEDENCE = 20


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return find_permuted_places(subject, ("conv2d", "conv_transpose2d"))


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield build_layout_finding(CODE, NAME, "2-D convolution", subject, places)
