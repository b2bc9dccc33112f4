"""What a capture keeps, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

from auscult.traces.records import Trace

Detail = Literal["full", "sketch", "sample", "statistics"]
DETAILS: tuple[Detail, ...] = ("full", "sketch", "sample", "statistics")


@dataclass(frozen=True)
class CaptureOptions:
    """What a capture keeps.

    Attributes:
        detail: Of every tensor: all of it; statistics and a projection (`auscult.traces.sketch`);
            statistics and 4096 elements; statistics only.
        max_bytes: Of tensors kept in full; the ones beyond it are kept as sketches and listed in
            `Trace.left_out`.
        include: Patterns of module paths (`*` matches anything); empty means all.
        exclude: Patterns of module paths that are left out, also of those included.
        with_inputs: Whether what modules take is recorded, beside what they give.
        leaves_only: Whether modules that consist of others are left out.
        operations: Whether results of functional operations inside composite modules are recorded
            (torch).
        noise: Whether random draws are recorded.
        fingerprints: Whether the content of the modules' weights goes into the manifest, for
            alignment without the models.
        batch_bytes: Of tensors that a runtime may hold at once, where it gives intermediates only
            as outputs (ONNX Runtime): what does not fit is computed in further runs.
        replay: Draw the noise of this trace again, in its order, instead of fresh one.
    """

    detail: Detail = "full"
    max_bytes: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    with_inputs: bool = True
    leaves_only: bool = False
    operations: bool = False
    noise: bool = True
    fingerprints: bool = True
    batch_bytes: int = 1 << 30
    replay: Trace | None = None

    def is_included(self, path: str) -> bool:
        """Whether the module of that path is recorded."""
        is_recorded = self._known.get(path)
        if is_recorded is None:
            is_recorded = (
                not self.include or _matches_any(path, self.include)
            ) and not _matches_any(path, self.exclude)
            self._known[path] = is_recorded
        return is_recorded

    @cached_property
    def _known(self) -> dict[str, bool]:
        return {}


def _matches_any(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
