"""Where a report comes from: the versions that made it, the files it rests on with their hashes, and the command."""

from __future__ import annotations

import hashlib
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path

from auscult.finding import Json
from auscult.verdict import VERSION, Report

PACKAGES = ("numpy", "scipy", "safetensors", "ml_dtypes", "soundfile", "torch", "mlx", "onnx", "onnxruntime", "ai-edge-litert")


MAX_HASHED_BYTES = 4_000_000_000
"""Ten seconds or so of hashing."""


def provenance(report: Report) -> Json:
    """Versions of the packages that are loaded, the command line, and size and SHA-256 of every input that is a file."""
    return {"command": command_line(), "versions": versions(), "files": [file_facts(path) for path in input_files(report)]}


def command_line() -> str | None:
    """The command as a shell takes it; None where auscult was called from Python."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    called = program in ("auscult", "auscult.exe") or sys.argv[0].endswith(str(Path("auscult") / "__main__.py"))
    return shlex.join(["auscult", *sys.argv[1:]]) if called else None


def versions() -> dict[str, str]:
    """auscult, Python, the system, and the packages in use."""
    found = {"auscult": VERSION, "python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        if name.replace("-", "_") in sys.modules:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
    return found


def input_files(report: Report) -> list[Path]:
    """The files among the subjects, those of code targets (`file.py:callable`) included, each once."""
    candidates = [part for subject in report.subjects for part in (subject, subject.rpartition(":")[0])]
    found = [Path(name) for name in candidates if name and _is_file(name)]
    return list(dict.fromkeys(found))


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def file_facts(path: Path) -> Json:
    """Path, size and hash; the reason in the place of the hash where there is none."""
    try:
        if path.stat().st_size > MAX_HASHED_BYTES:
            return {"path": str(path), "bytes": path.stat().st_size, "sha256": "not computed for so large a file"}
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        return {"path": str(path), "bytes": None, "sha256": f"cannot be read: {error.strerror}"}
    return {"path": str(path), "bytes": path.stat().st_size, "sha256": digest}
