"""Files that appear whole or not at all: written beside their place, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from auscult.errors import CheckpointError, UsageError

FLUSH_SECONDS = 0.05


@contextlib.contextmanager
def open_atomic_files(
    paths: Sequence[Path], *, force: bool = False, durable: bool = True
) -> Iterator[list[BinaryIO]]:
    """Open one temporary file for each path; on a clean exit they take their places, in order, otherwise they vanish.

    The last file is renamed last, so that an index written as the last never names shards that are not there.

    Args:
        force: Whether a file that is already there is replaced.
        durable: Whether to wait until the disk has it all, so that a power cut cannot lose it.

    Raises:
        UsageError: If a file is already there and `force` is not given, also if it appears while writing.
        CheckpointError: If the folder or disk refuses, such as a full disk.
    """
    paths = [_resolve_destination(path) for path in paths]
    if not force:
        for path in paths:
            _refuse_existing(path)
    part_paths: list[Path] = []
    with contextlib.ExitStack() as stack:
        stack.callback(_remove_files, part_paths)
        try:
            handles = []
            for path in paths:
                part_path = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
                handle = stack.enter_context(_create_file(part_path))
                part_paths.append(part_path)
                handles.append(handle)
            with _flush_in_background(handles if durable else ()):
                yield handles
            for handle in handles:
                handle.flush()
                if durable:
                    os.fsync(handle.fileno())
                handle.close()
            for part_path, path in zip(list(part_paths), paths, strict=True):
                _move_into_place(part_path, path, force=force)
                part_paths.remove(part_path)
            if durable:
                _flush_folder(paths[-1].parent)
        except OSError as error:
            raise _make_write_error(error, paths[-1]) from error


@contextlib.contextmanager
def replace_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Where to write what takes the place of `path` on a clean exit, for code that opens its file by name.

    The file keeps its name, in a folder of its own beside `path`: some writers go by the suffix, and some store the name.

    Args:
        durable: Whether to wait until the disk has it all, so that a power cut cannot lose it.

    Raises:
        OSError: If the folder or disk refuses; a file that was there before is then untouched.
    """
    import tempfile  # it imports random and three compressors, and most runs write nothing

    with tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", suffix=".part", dir=path.parent, ignore_cleanup_errors=True
    ) as folder:
        part_path = Path(folder, path.name)
        yield part_path
        if durable:
            with part_path.open("rb+") as handle:
                os.fsync(handle.fileno())
        os.replace(part_path, path)


def reserve_space(handle: BinaryIO, size: int) -> None:
    """Ask the disk for `size` bytes at once: a full disk says so before the work, and one large extent is faster to fill.

    The file is that long afterwards; truncate it where the writing ended.

    Raises:
        OSError: If there is no room.
    """
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (
                errno.EINVAL,
                errno.EOPNOTSUPP,
                errno.ENOSYS,
            ):  # a file system that cannot reserve
                raise


@contextlib.contextmanager
def _flush_in_background(handles: Sequence[BinaryIO]) -> Iterator[None]:
    """Bring to the disk what was written so far, again and again while more is computed, so that the last flush is short.

    Raises:
        OSError: If one of these flushes failed; the system tells of a failed write once, and never again.
    """
    stop_event = threading.Event()
    failures: list[OSError] = []

    def flush_handles() -> None:
        while not failures and not stop_event.wait(FLUSH_SECONDS):
            for handle in handles:
                try:
                    os.fdatasync(handle.fileno())
                except OSError as error:
                    failures.append(error)

    if not handles or not hasattr(os, "fdatasync"):
        yield
        return
    thread = threading.Thread(target=flush_handles, name="auscult-flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop_event.set()
        thread.join()
    if failures:
        raise failures[0]


def _resolve_destination(path: Path) -> Path:
    """Where the name leads: a link to a file stays a link, and the file behind it is the one that is replaced."""
    if not path.parent.is_dir():
        raise UsageError(
            "there is no such folder to write into", where=str(path.parent), hint="make it first"
        )
    if path.is_dir():
        raise UsageError("is a folder", where=str(path), hint="name a file in it")
    if path.is_symlink():
        return path.resolve()
    return path


def _create_file(path: Path) -> BinaryIO:
    return path.open("x+b", buffering=1 << 20)


def _move_into_place(part_path: Path, path: Path, *, force: bool) -> None:
    if force:
        os.replace(part_path, path)
        return
    try:
        os.link(
            part_path, path
        )  # unlike rename, this never replaces a file that appeared in the meantime
    except FileExistsError:
        _refuse_existing(path)
    except OSError:  # a file system without hard links
        _refuse_existing(path)
        os.replace(part_path, path)
    else:
        part_path.unlink()


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UsageError(
            "is already there", where=str(path), hint="give --force to replace it, or another name"
        )


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_files(part_paths: list[Path]) -> None:
    for part_path in part_paths:
        part_path.unlink(missing_ok=True)


def _make_write_error(error: OSError, path: Path) -> CheckpointError:
    reason = error.strerror or str(error)
    return CheckpointError(
        f"cannot be written: {reason}",
        where=str(path),
        hint="nothing was left there; free some space",
    )
