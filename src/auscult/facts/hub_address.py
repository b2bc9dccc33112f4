"""`hf://org/name[@revision][/file]`: a file or folder in the local cache of huggingface_hub; nothing is ever downloaded.

The cache is where the environment says: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`.
Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from auscult.errors import UsageError

PREFIX = "hf://"
MAX_REF_BYTES = 256
"""Length of a ref, which is a commit's hash. Chosen, not measured."""
_ADDRESS = re.compile(
    r"hf://(?P<model>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>[^/\s]+))?(?:/(?P<file>.+))?$"
)


def resolve_address(address: str) -> str:
    """The local path of an address; anything that is no address stays as it is.

    Raises:
        UsageError: If the address is not well formed, or what it names is not in the cache.
    """
    if not address.startswith(PREFIX):
        return address
    match = _ADDRESS.match(address)
    if match is None:
        raise UsageError(
            "is no address of a model",
            where=address,
            expected="hf://org/name, hf://org/name@revision or hf://org/name/file",
            found="another form",
        )
    model, revision, file = match["model"], match["revision"] or "main", match["file"]
    folder = get_cache_folder() / f"models--{model.replace('/', '--')}"
    snapshot = _find_snapshot(folder, revision)
    path = snapshot / file if snapshot and file else snapshot
    if path is None or not path.exists() or not _is_below(path, folder):
        raise UsageError(
            "is not in the local cache, and nothing is downloaded",
            where=address,
            found=_describe_what_is_there(folder, snapshot),
            hint=f"fetch it with `{_write_download_command(model, match['revision'], file)}`",
        )
    return str(path)


def get_cache_folder() -> Path:
    """Where huggingface_hub keeps what it has fetched."""
    if folder := os.environ.get("HF_HUB_CACHE"):
        return Path(folder).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    return Path("~/.cache/huggingface/hub").expanduser()


def read_ref(path: Path) -> str:
    """The commit that a ref of the cache names; empty where there is no such ref."""
    try:
        with path.open("rb") as handle:
            return handle.read(MAX_REF_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _find_snapshot(folder: Path, revision: str) -> Path | None:
    """The folder of a revision: named by its ref, or by its commit, whole or its beginning."""
    snapshots = folder / "snapshots"
    commit = read_ref(folder / "refs" / revision) or revision
    if not snapshots.is_dir():
        return None
    candidates = [entry for entry in snapshots.iterdir() if entry.name.startswith(commit)]
    return candidates[0] if len(candidates) == 1 else None


def _is_below(path: Path, folder: Path) -> bool:
    """Whether a path stays inside a folder, whatever `..` it holds; links of the cache itself stay inside too."""
    return Path(os.path.normpath(path)).is_relative_to(Path(os.path.normpath(folder)))


def _describe_what_is_there(folder: Path, snapshot: Path | None) -> str:
    if not folder.is_dir():
        return f"no {folder.name} in {folder.parent}"
    if snapshot is not None:
        names = sorted(
            entry.relative_to(snapshot).as_posix()
            for entry in snapshot.rglob("*")
            if entry.is_file()
        )
        return ", ".join(names[:8]) or "an empty snapshot"
    snapshots = folder / "snapshots"
    names = sorted(entry.name for entry in snapshots.iterdir()) if snapshots.is_dir() else []
    return f"revisions {', '.join(name[:12] for name in names[:5])}" if names else "no revision"


def _write_download_command(model: str, revision: str | None, file: str | None) -> str:
    words = ["hf download", model]
    if file:
        words.append(file)
    if revision:
        words.append(f"--revision {revision}")
    return " ".join(words)
