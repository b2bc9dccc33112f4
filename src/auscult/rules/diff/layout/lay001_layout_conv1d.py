"""The weights of 1-D convolutions lie in another framework's axis order.

**What it finds.** Weights stored (out, k, in), as MLX does, where (out, in, k), as PyTorch does, is
expected, or the reverse; Keras' (k, in, out); and an order that no framework has.

**What you hear.** Where the shape differs, the loader raises, or leaves the layer out in silence.
Where in and k are equal, or after two transpositions, you hear noise: the shape is legal and the
values are scrambled.

**Why it happens.** A port transposes once too often or not at all. A shape heuristic ("shape[1] <
shape[2] means MLX") is wrong wherever the kernel is longer than the input is wide.

**Blind spots.** A weight that is symmetric in the two axes, or has an axis of length 1 beside it,
needs no order.

**How it is measured.** Against the other side's values: the permutation after which they are equal,
bit for bit or within a number format's error. Where one side is code with fresh weights, by shapes
and the kind of layer, and the square weights follow the layout that the others show (`same_shape`
counts them; confidence 0.7). No threshold.

**Example.** A port to MLX keeps PyTorch's order of axes:

    mlx_conv.weight = mx.array(torch_conv.weight.numpy())  # wrong: (out, in, k)
    mlx_conv.weight = mx.array(torch_conv.weight.numpy().transpose(0, 2, 1))  # right: (out, k, in)

**Fix.** The permutation, as a recipe; every bit is kept. Safety: safe (guess where only square
shapes were at hand).

**References.** torch.nn.Conv1d (out, in/groups, k); mlx.nn.Conv1d (out, k, in/groups); mlx-audio
issue 715 (kernel-1 layers).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.layout_finding import build_layout_finding
from auscult.rules.diff.evidence.permutations import find_permuted_places
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY001"
NAME = "layout-conv1d"
REQUIRES = DiffSubject
PRECEDENCE = 20


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return find_permuted_places(subject, ("conv1d",))


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield build_layout_finding(CODE, NAME, "1-D convolution", subject, places)
