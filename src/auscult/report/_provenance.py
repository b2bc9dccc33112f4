"""Where a report comes from: the versions that made it, the files it rests on with their hashes, and the command."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import shlex
import sys
from pathlib import Path

from auscult.facts.install import REPORTED_PACKAGES
from auscult.finding import Json
from auscult.report.sections import SavedSection, find_section
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.report.sections.listen import ListenSection
from auscult.verdict import VERSION, Report

MAX_HASHED_BYTES = 2_000_000_000
"""Of all inputs together, in their order: a few seconds of hashing at most."""


def collect_provenance(report: Report) -> Json:
    """Versions of the packages that are loaded, the command line, and size and SHA-256 of every input that is a file.

    A report that was read from a file keeps what was written there: it is of the run that made it.
    """
    saved_section = find_section(report, SavedSection)
    if saved_section is not None and saved_section.provenance:
        return dict(saved_section.provenance)
    remaining_bytes, files = MAX_HASHED_BYTES, []
    for path in find_input_files(report):
        facts = describe_file(path, remaining_bytes)
        remaining_bytes -= facts["bytes"] or 0 if facts["sha256"] else 0
        files.append(facts)
    return {"command": format_command_line(), "versions": collect_versions(), "files": files}


def format_command_line() -> str | None:
    """The command as a shell takes it; None where auscult was called from Python."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    is_command = program in ("auscult", "auscult.exe") or sys.argv[0].endswith(
        str(Path("auscult") / "__main__.py")
    )
    if is_command:
        return shlex.join(["auscult", *sys.argv[1:]])
    return None


def collect_versions() -> dict[str, str]:
    """auscult, Python, the system, and the packages in use."""
    version_by_name = {
        "auscult": VERSION,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    loaded_packages = [name for name in REPORTED_PACKAGES if name.replace("-", "_") in sys.modules]
    if loaded_packages:  # the import takes longer than all the rest
        from importlib import metadata

        for name in loaded_packages:
            with contextlib.suppress(metadata.PackageNotFoundError):
                version_by_name[name] = metadata.version(name)
    return version_by_name


def find_input_files(report: Report) -> list[Path]:
    """The files among the subjects, what was given and what was listened to, those of code targets (`file.py:callable`) included, each once."""
    section = find_section(report, DiagnoseSection)
    given_options = section.given if section is not None else {}
    input_words = [word for words in given_options.values() for word in words]
    candidates = [
        part
        for name in (*report.subjects, *input_words, *_list_listened_files(report))
        for part in (name, name.rpartition(":")[0])
    ]
    return list(dict.fromkeys(Path(name) for name in candidates if name and _is_file(name)))


def _list_listened_files(report: Report) -> list[str]:
    """The recordings that were listened to, and their references."""
    section = find_section(report, ListenSection)
    if section is None:
        return []
    files = [row.get(key) for row in section.recordings for key in ("file", "reference")]
    if section.reference is not None:
        files.append(section.reference.get("file"))
    return [str(file) for file in files if file is not None]


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def describe_file(path: Path, max_bytes: int) -> Json:
    """Path, size and hash; `note` says why there is no hash where there is none."""
    size = None
    try:
        size = path.stat().st_size
        if size > max_bytes:
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
