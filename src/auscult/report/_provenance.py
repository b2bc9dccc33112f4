"""Where a report comes from: the versions that made it, the files it rests on with their hashes, and the command."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import shlex
import sys
from pathlib import Path

from auscult.finding import Json
from auscult.verdict import VERSION, Report

PACKAGES = (
    "numpy",
    "scipy",
    "safetensors",
    "ml_dtypes",
    "soundfile",
    "torch",
    "mlx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
)


MAX_HASHED_BYTES = 2_000_000_000
"""Of all inputs together, in their order: a few seconds of hashing at most."""


def provenance(report: Report) -> Json:
    """Versions of the packages that are loaded, the command line, and size and SHA-256 of every input that is a file.

    A report that was read from a file keeps what was written there: it is of the run that made it.
    """
    known = report.extra.get("provenance")
    if known:
        return dict(known)
    left, files = MAX_HASHED_BYTES, []
    for path in input_files(report):
        facts = file_facts(path, left)
        left -= facts["bytes"] or 0 if facts["sha256"] else 0
        files.append(facts)
    return {"command": command_line(), "versions": versions(), "files": files}


def command_line() -> str | None:
    """The command as a shell takes it; None where auscult was called from Python."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    called = program in ("auscult", "auscult.exe") or sys.argv[0].endswith(
        str(Path("auscult") / "__main__.py")
    )
    return shlex.join(["auscult", *sys.argv[1:]]) if called else None


def versions() -> dict[str, str]:
    """auscult, Python, the system, and the packages in use."""
    found = {
        "auscult": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    loaded = [name for name in PACKAGES if name.replace("-", "_") in sys.modules]
    if loaded:  # the import takes longer than all the rest
        from importlib import metadata

        for name in loaded:
            with contextlib.suppress(metadata.PackageNotFoundError):
                found[name] = metadata.version(name)
    return found


def input_files(report: Report) -> list[Path]:
    """The files among the subjects and what was given, those of code targets (`file.py:callable`) included, each once."""
    given = [word for words in (report.extra.get("given") or {}).values() for word in words]
    candidates = [
        part for name in (*report.subjects, *given) for part in (name, name.rpartition(":")[0])
    ]
    return list(dict.fromkeys(Path(name) for name in candidates if name and _is_file(name)))


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def file_facts(path: Path, most: int) -> Json:
    """Path, size and hash; `note` says why there is no hash where there is none."""
    size = None
    try:
        size = path.stat().st_size
        if size > most:
            return {
                "path": str(path),
                "bytes": size,
                "sha256": None,
                "note": "not hashed: the files are too large for it",
            }
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        return {
            "path": str(path),
            "bytes": size,
            "sha256": None,
            "note": f"cannot be read: {error.strerror}",
        }
    return {"path": str(path), "bytes": size, "sha256": digest}
