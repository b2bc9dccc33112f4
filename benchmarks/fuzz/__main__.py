"""Fuzz the readers: `python -m benchmarks.fuzz --seconds 600`.

Each file is written to the output folder before it is read, and kept there when the reader breaks its promise (another exception
than CheckpointError, an import, a hang, more memory than the limit) or the process dies. The run is repeatable by its seed.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.checkpoint.folder_fuzzing import (
    find_opened,
    folder_names,
    mutate_folder,
    sample_folder,
    write_folder,
)
from tests.checkpoint.fuzzing import TIME_LIMIT_S, check, mutate, sample, sample_names, suffix_of

EXTRA_MEMORY = 3 << 30
SEEDS = 20


def main() -> int:
    """Run until the time is over; the number of broken promises, at most 100, is the exit status."""
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    names = options.formats or [*sample_names(), *folder_names()]
    print(f"formats: {', '.join(names)}; seed {options.seed}")
    for name in names:
        for seed in range(SEEDS):
            if name in folder_names():
                sample_folder(name, seed)
            else:
                sample(name, seed)
    _limit_memory()
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in names}
    slowest = dict.fromkeys(names, 0.0)
    end, number = time.monotonic() + options.seconds, 0
    while time.monotonic() < end:
        name = names[number % len(names)]
        result, seconds = _one(name, f"{options.seed}-{number}", options.output)
        outcomes[name][result] += 1
        slowest[name] = max(slowest[name], seconds)
        number += 1
    for name in names:
        counts = ", ".join(f"{what} {count}" for what, count in sorted(outcomes[name].items()))
        print(
            f"{name:14} {sum(outcomes[name].values()):8} files: {counts}; slowest {slowest[name]:.3f} s"
        )
    broken = sum(counter["BROKEN"] for counter in outcomes.values())
    print(
        f"{number} files, {broken} broken promises" + (f": see {options.output}" if broken else "")
    )
    return min(broken, 100)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz", description="Mutate checkpoints and read them."
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to run (default 60)")
    parser.add_argument(
        "--seed", default=str(int(time.time())), help="repeat a run by its seed (default: the time)"
    )
    known = ", ".join([*sample_names(), *folder_names()])
    parser.add_argument("--formats", nargs="*", help=f"only these, of: {known}")
    parser.add_argument(
        "--output", type=Path, default=Path("bench-out/fuzz"), help="where failing files are kept"
    )
    return parser.parse_args()


def _limit_memory() -> None:
    """Let the process have so much more address space than now."""
    pages = (
        int(Path("/proc/self/statm").read_text().split()[0])
        if Path("/proc/self/statm").exists()
        else 0
    )
    if pages:
        limit = pages * resource.getpagesize() + EXTRA_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _one(name: str, label: str, folder: Path) -> tuple[str, float]:
    """Make, write and read one file, or a folder of files."""
    rng = random.Random(f"{name}-{label}")
    path, kept_name = _write_mutated(name, rng, folder)
    opened = find_opened(name, path) if name in folder_names() else path
    faulthandler.dump_traceback_later(3 * TIME_LIMIT_S, exit=True)
    try:
        outcome = check(opened)
    except Exception:  # noqa: BLE001 - any exception is what this looks for
        path.rename(folder / f"{name}-{label}{kept_name}")
        print(f"BROKEN {name} {label}\n{traceback.format_exc()}", flush=True)
        return "BROKEN", 0.0
    finally:
        faulthandler.cancel_dump_traceback_later()
    if path.is_file():
        path.unlink()
    return ("refused" if outcome.refused else "read"), outcome.seconds


def _write_mutated(name: str, rng: random.Random, folder: Path) -> tuple[Path, str]:
    """Write a damaged sample; its path, and the suffix that it keeps when it is put aside."""
    if name in folder_names():
        path = folder / f"current-{name}"
        write_folder(path, mutate_folder(sample_folder(name, rng.randrange(SEEDS)), rng))
        return path, ""
    path = folder / f"current-{name}{suffix_of(name)}"
    path.unlink(missing_ok=True)
    path.write_bytes(mutate(sample(name, rng.randrange(SEEDS)), rng))
    return path, suffix_of(name)


if __name__ == "__main__":
    sys.exit(main())
