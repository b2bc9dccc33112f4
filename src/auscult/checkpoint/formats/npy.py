"""numpy's .npy files: one array, in C or Fortran order, versions 1 to 3.

Layout: numpy.lib.format. An array of objects is a pickle: it is interpreted, never run.
"""

from __future__ import annotations

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.npy_array import read_array
from auscult.checkpoint.source import Source

FORMAT = "npy"
CHECKED_WITH = ("NumPy 2.4.6",)
MAGIC = b"\x93NUMPY"


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the magic is enough
    """The file starts with numpy's magic."""
    return head.startswith(MAGIC)


def read(source: Source) -> Contents:
    """The array, under the file's own name.

    Raises:
        CheckpointError: If the header is damaged or the file too short for it.
    """
    array_contents = read_array(source, source.stem, source.name)
    if isinstance(array_contents.value, dict):
        tree = array_contents.value
    elif array_contents.value is not None:
        tree = {source.stem: array_contents.value}
    else:
        tree = {}
    return Contents(tree, array_contents.metadata, array_contents.hazards, array_contents.skips)
