"""Listening to many files: one after the other, in worker processes, or over a Ray cluster.

The results come in file order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.facts.progress import Progress
from auscult.rules.sound.subject import SoundFacts
from auscult.verbs.listen.one_file import ListenedFile, hear_file

Engine = Literal["local", "ray"]

FILES_PER_WORKER = 4
"""Fewer files than this for each worker are not worth starting it."""


def hear_all(
    paths: Sequence[str],
    references: Sequence[str | None],
    facts: SoundFacts,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[ListenedFile]:
    """What is heard in every file.

    Args:
        references: What each of the files is held against; None for by itself.
        workers: Processes; 0 for none but this one, None for as many as there are processors, where
            the files are many.

    Raises:
        UsageError: If the engine is Ray and Ray is not installed.
    """
    if engine == "ray":
        return _hear_over_ray(paths, references, facts)
    worker_limit = _count_processors() if workers is None else workers
    count = min(worker_limit, len(paths) // FILES_PER_WORKER if workers is None else len(paths))
    listen = partial(hear_file, facts=facts)
    if count < 2:
        return _hear_sequentially(paths, references, listen, progress)
    return _hear_in_processes(paths, references, listen, count, progress)


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _hear_sequentially(
    paths: Sequence[str],
    references: Sequence[str | None],
    listen: Callable[[str, str | None], ListenedFile],
    progress: Progress | None,
) -> list[ListenedFile]:
    listened_files = []
    for done, (path, reference) in enumerate(zip(paths, references, strict=True)):
        if progress is not None:
            progress(done, len(paths), path)
        listened_files.append(listen(path, reference))
    return listened_files


def _hear_in_processes(
    paths: Sequence[str],
    references: Sequence[str | None],
    listen: Callable[[str, str | None], ListenedFile],
    count: int,
    progress: Progress | None,
) -> list[ListenedFile]:
    """Spawned, not forked: a fork would copy the threads' locks of whatever the caller has
    loaded.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    listened_files = []
    chunk_size = max(1, min(8, len(paths) // (4 * count)))
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done, result in enumerate(pool.map(listen, paths, references, chunksize=chunk_size), 1):
            listened_files.append(result)
            if progress is not None:
                progress(done, len(paths), result.path)
    return listened_files


def _hear_over_ray(
    paths: Sequence[str], references: Sequence[str | None], facts: SoundFacts
) -> list[ListenedFile]:
    """Ray Data: the cluster that RAY_ADDRESS names, or one on this machine.

    Every node has to see the files.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError("Ray is not installed", hint=format_install_command("ray")) from error
    import pickle

    def hear_row(row: dict[str, Any]) -> dict[str, Any]:
        return {
            "index": row["index"],
            "heard": pickle.dumps(hear_file(row["path"], row["reference"], facts)),
        }

    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.from_items(
        [
            {"index": index, "path": path, "reference": reference}
            for index, (path, reference) in enumerate(zip(paths, references, strict=True))
        ]
    )
    results = sorted(rows.map(hear_row).take_all(), key=lambda row: row["index"])
    return [
        pickle.loads(row["heard"]) for row in results
    ]  # bytes that our own workers made a moment ago
