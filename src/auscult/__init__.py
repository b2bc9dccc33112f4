"""auscult finds out why a neural audio model sounds wrong, proves it, and repairs it.

Every name below is loaded when it is first used, so that `import auscult` costs next to nothing and imports no framework.
"""

# ruff: noqa: F401  (the type checker sees the names here; at run time __getattr__ finds them)
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auscult.checkpoint.target import open_target as open
    from auscult.checkpoint.target import state_of as state_of
    from auscult.errors import AudioError as AudioError
    from auscult.errors import AuscultError as AuscultError
    from auscult.errors import CheckpointError as CheckpointError
    from auscult.errors import RecipeError as RecipeError
    from auscult.errors import TargetError as TargetError
    from auscult.errors import TraceError as TraceError
    from auscult.errors import UsageError as UsageError
    from auscult.finding import Finding as Finding
    from auscult.finding import Fix as Fix
    from auscult.finding import Severity as Severity
    from auscult.finding import Skip as Skip
    from auscult.recipe import Recipe as Recipe
    from auscult.runtime.capture_run import capture as capture
    from auscult.runtime.live import trace as trace
    from auscult.traces.file import read_trace as read_trace
    from auscult.traces.file import write_trace as write_trace
    from auscult.traces.records import Trace as Trace
    from auscult.verbs.check.check import check as check
    from auscult.verbs.compare.compare import compare as compare
    from auscult.verbs.convert.convert import convert as convert
    from auscult.verbs.diagnose.diagnose import diagnose as diagnose
    from auscult.verbs.diff.diff import diff as diff
    from auscult.verbs.inspect.inspect import inspect as inspect
    from auscult.verbs.listen.listen import listen as listen
    from auscult.verbs.mel import mel as mel
    from auscult.verbs.preflight import preflight as preflight
    from auscult.verdict import VERSION as __version__  # noqa: N811
    from auscult.verdict import Coverage as Coverage
    from auscult.verdict import Report as Report
    from auscult.verdict import Verdict as Verdict
    from auscult.weights import Checkpoint as Checkpoint
    from auscult.weights import Tensor as Tensor

_HOMES = {
    "checkpoint.target": ("state_of",),
    "errors": (
        "AudioError",
        "AuscultError",
        "CheckpointError",
        "RecipeError",
        "TargetError",
        "TraceError",
        "UsageError",
    ),
    "finding": ("Finding", "Fix", "Severity", "Skip"),
    "recipe": ("Recipe",),
    "runtime.capture_run": ("capture",),
    "runtime.live": ("trace",),
    "traces.file": ("read_trace", "write_trace"),
    "traces.records": ("Trace",),
    **{
        f"verbs.{verb}.{verb}": (verb,)
        for verb in ("check", "compare", "convert", "diagnose", "diff", "inspect", "listen")
    },
    **{f"verbs.{verb}": (verb,) for verb in ("mel", "preflight")},
    "verdict": ("Coverage", "Report", "Verdict"),
    "weights": ("Checkpoint", "Tensor"),
}
_WHERE = {name: (home, name) for home, names in _HOMES.items() for name in names} | {
    "open": ("checkpoint.target", "open_target"),
    "__version__": ("verdict", "VERSION"),
}

__all__ = [*_WHERE]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'auscult' has no attribute {name!r}")
    home, original = _WHERE[name]
    value = globals()[name] = getattr(importlib.import_module(f"auscult.{home}"), original)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
