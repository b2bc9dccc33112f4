"""torch's files from before 1.6: a stream of pickles, then the storages; and plain pickles of arrays.

A plain pickle may hold numpy arrays or torch tensors that `pickle.dump` wrote, or a state dict of Paddle; the stream is read by `legacy_stream`.
"""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.contents import Contents, as_tree
from auscult.checkpoint.legacy_stream import LegacyStream, NotAStream, read_stream
from auscult.checkpoint.paddle_state import FORMAT as PADDLE
from auscult.checkpoint.paddle_state import is_paddle_state, unwrap_state
from auscult.checkpoint.pickle import make_machine
from auscult.checkpoint.pickle_machine import PickleMachine
from auscult.checkpoint.pickle_torch import make_persistent_loader
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError

FORMAT = "torch-legacy"
CHECKED_WITH = ("torch 2.13.0",)
PLAIN_FORMAT = "pickle"
PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
TAR_MAGIC_OFFSET = 257


def sniff(source: Source, head: bytes) -> bool:
    """A pickle of protocol 2 to 5 (an older one by its suffix), or the tar archive that torch wrote before 0.1.10."""
    if head.startswith(PICKLE_STARTS):
        return True
    if source.suffix in (".pkl", ".pickle") and head[:1] in (b"(", b"c", b"}", b"]"):
        return True
    return head.startswith((b"sys_info\0", b"pickle\0", b"storages\0", b"tensors\0"))


def read(source: Source) -> Contents:
    """Describe the tensors of the stream.

    Raises:
        CheckpointError: If it is truncated, damaged, hostile, or in the tar format.
    """
    if source.size > TAR_MAGIC_OFFSET + 5 and source.bytes(TAR_MAGIC_OFFSET, 5) == b"ustar":
        raise CheckpointError(
            "is in the tar format of torch 0.1.9 and before",
            where=source.where,
            hint="load it once with torch.load and save it again with a torch that is newer",
        )
    stream = LegacyStream()
    machine = make_machine(source, source.name, make_persistent_loader(stream))
    try:
        return _wrap_contents(read_stream(machine, stream), machine, None)
    except NotAStream as plain_pickle:
        tree = plain_pickle.value
        if is_paddle_state(tree, source):
            return _wrap_contents(unwrap_state(tree), machine, PADDLE)
        return _wrap_contents(tree, machine, PLAIN_FORMAT)


def _wrap_contents(tree: Any, machine: PickleMachine, name: str | None) -> Contents:
    return Contents(as_tree(tree), hazards=tuple(machine.hazards.values()), format=name)
