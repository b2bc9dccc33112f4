"""Read a pickle as descriptions of tensors: the machine, its opcodes and its globals, put together."""

from __future__ import annotations

from auscult.checkpoint import pickle_opcodes  # noqa: F401 - fills the machine's table
from auscult.checkpoint.legacy_stream import nested_storage
from auscult.checkpoint.pickle_globals import PLAIN_BUILDERS, is_harmless
from auscult.checkpoint.pickle_machine import Loader, Machine
from auscult.checkpoint.pickle_numpy import NUMPY_BUILDERS, NUMPY_NAMES
from auscult.checkpoint.pickle_torch import TORCH_BUILDERS, TORCH_NAMES
from auscult.checkpoint.pickle_values import Global
from auscult.checkpoint.source import Bytes

SIMPLE = {**PLAIN_BUILDERS, **TORCH_BUILDERS, **NUMPY_BUILDERS}
BUILDERS = {**SIMPLE, "torch.storage._load_from_bytes": nested_storage(SIMPLE)}


def harmless(found: Global) -> bool:
    """Whether a global may be left opaque without a warning."""
    return found.what in TORCH_NAMES or found.what in NUMPY_NAMES or is_harmless(found)


def machine_for(source: Bytes, label: str, load: Loader, start: int = 0) -> Machine:
    """A machine that reads the pickle at `start`; call `run()` once per pickle of a stream."""
    return Machine(source, label, builders=BUILDERS, harmless=harmless, load=load, start=start)
