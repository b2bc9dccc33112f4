"""Read a pickle as descriptions of tensors: the machine, its opcodes and its globals, put together."""

from __future__ import annotations

from auscult.checkpoint import pickle_opcodes  # noqa: F401 - fills the machine's table
from auscult.checkpoint.legacy_stream import make_storage_builder
from auscult.checkpoint.pickle_globals import PLAIN_BUILDERS, is_harmless
from auscult.checkpoint.pickle_machine import PersistentLoader, PickleMachine
from auscult.checkpoint.pickle_numpy import NUMPY_BUILDERS, NUMPY_NAMES
from auscult.checkpoint.pickle_torch import TORCH_BUILDERS, TORCH_NAMES
from auscult.checkpoint.pickle_values import GlobalName
from auscult.checkpoint.source import ByteSource

SIMPLE_BUILDERS = {**PLAIN_BUILDERS, **TORCH_BUILDERS, **NUMPY_BUILDERS}
BUILDERS = {
    **SIMPLE_BUILDERS,
    "torch.storage._load_from_bytes": make_storage_builder(SIMPLE_BUILDERS),
}


def is_harmless_global(global_name: GlobalName) -> bool:
    """Whether a global may be left opaque without a warning."""
    return (
        global_name.what in TORCH_NAMES
        or global_name.what in NUMPY_NAMES
        or is_harmless(global_name)
    )


def make_machine(
    source: ByteSource, label: str, load: PersistentLoader, start: int = 0
) -> PickleMachine:
    """A machine that reads the pickle at `start`; call `run()` once per pickle of a stream."""
    return PickleMachine(
        source, label, builders=BUILDERS, harmless=is_harmless_global, load=load, start=start
    )
