"""Damage a file, read it, and hold the reader to its promise: the tensors, or a CheckpointError of one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.weights import Tensor

EXTREMES = (
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x00" * 8,
    b"\xff\xff\xff\x7f",
    b"\x80" * 12,
    b"\x00\x00\x00\x80",
    b"\x91" * 200,
    b"\x01",
)

Edit = tuple[float, int, bytes]
edits: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from((0, 1, 2, 3)),
        st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(EXTREMES)),
    ),
    min_size=1,
    max_size=6,
)
"""Where in the file, and what: 0 overwrites, 1 inserts, 2 cuts out, 3 cuts off all that follows."""


def damage(content: bytes, changes: list[Edit]) -> bytes:
    """`content` with the edits made one after the other."""
    for where, action, new in changes:
        # half of the edits go to the front, where headers are
        place = (
            int(where * 2 * len(content))
            if where < 0.5
            else int((where - 0.5) * 2 * min(len(content), 256))
        )
        rest = {
            0: content[place + len(new) :],
            1: content[place:],
            2: content[place + 8 * len(new) :],
            3: b"",
        }[action]
        content = content[:place] + (new if action < 2 else b"") + rest
    return content


def read_all(read: Callable[[Source], Contents], path: Path) -> int:
    """Read a file and all its tensors; how many there were, -1 if it was refused.

    Every other exception than a CheckpointError of one line goes through.
    """
    refusal = ""
    tensors: list[Tensor] = []
    try:
        tensors = leaves(read(Source(path)).tree)
        for tensor in tensors:
            stored = tensor.numpy()
            assert stored.shape == tensor.shape
            assert tensor.flat(0, 3).shape == (min(3, tensor.size),)
            tensor.values()
    except CheckpointError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert len(refusal) < 2000
    return -1 if refusal else len(tensors)


def leaves(tree: object) -> list[Tensor]:
    """The tensors of a tree, in order."""
    if isinstance(tree, Tensor):
        return [tree]
    if isinstance(tree, dict):
        return [tensor for value in tree.values() for tensor in leaves(value)]
    if isinstance(tree, list):
        return [tensor for value in tree for tensor in leaves(value)]
    return []
