"""convert: what must not be harmed, whatever goes wrong; and how much memory it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.errors import AuscultError, CheckpointError, UsageError
from auscult.verbs.convert.convert import WriteOptions, convert
from auscult.weights import Array, Checkpoint
from tests.verbs.convert_samples import equal, floats, leftovers, vocoder


@pytest.mark.parametrize("link", [None, "symlink", "hardlink"])
def test_the_input_is_never_written_over(tmp_path: Path, link: str | None) -> None:
    source = tmp_path / "a.safetensors"
    save_file({"w": floats(3)}, source)
    before = source.read_bytes()
    place = source if link is None else tmp_path / "b.safetensors"
    if link == "symlink":
        place.symlink_to(source)
    elif link == "hardlink":
        os.link(source, place)
    with pytest.raises(UsageError, match="own input"):
        convert(source, place, options=WriteOptions(force=True))
    assert source.read_bytes() == before


def test_an_existing_file_is_kept_without_force_and_replaced_with_it(tmp_path: Path) -> None:
    place = tmp_path / "b.safetensors"
    place.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--force"):
        convert(Checkpoint.of({"w": floats(3)}), place)
    assert place.read_bytes() == b"mine"
    convert(Checkpoint.of({"w": floats(3)}), place, options=WriteOptions(force=True))
    assert equal(place, {"w": floats(3)})


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "b.safetensors"

    def progress(_done: int, _total: int, _what: str) -> None:
        place.write_bytes(b"theirs")

    with pytest.raises(UsageError, match="already there"):
        convert(Checkpoint.of({"w": floats(3)}), place, progress=progress)
    assert place.read_bytes() == b"theirs"
    assert leftovers(tmp_path, place.name) == []


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_an_interrupt_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    calls: list[str] = []

    def progress(done: int, total: int, what: str) -> None:
        calls.append(what)
        assert done <= total
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(Checkpoint.of(vocoder()), tmp_path / f"b{suffix}", progress=progress)
    assert leftovers(tmp_path) == []


FULL_DISK = """
import resource, signal, sys
from auscult.errors import CheckpointError
from auscult.verbs.convert.convert import convert
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    convert(sys.argv[1], sys.argv[2])
except CheckpointError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
def test_a_file_that_does_not_fit_leaves_nothing_and_one_line(tmp_path: Path, suffix: str) -> None:
    save_file({f"w{i}": floats(500, 500, seed=i) for i in range(3)}, tmp_path / "a.safetensors")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FULL_DISK,
            str(tmp_path / "a.safetensors"),
            str(tmp_path / f"b{suffix}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "cannot be written" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1
    assert leftovers(tmp_path, "a.safetensors") == []


def test_a_disk_that_fills_up_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        convert(Checkpoint.of({"w": floats(3)}), tmp_path / "b.safetensors")
    assert leftovers(tmp_path) == []


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AuscultError, match="no such folder"):
        convert(Checkpoint.of({"w": floats(3)}), tmp_path / "no" / "b.npz")


MEMORY = """
import os, sys, threading
from auscult.recipe import Recipe
from auscult.verbs.convert.convert import convert
import auscult.families, auscult.checkpoint.target
def read_resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def watch():
    while not stop.wait(0.005):
        peaks.append(read_resident())
before, peaks, stop = read_resident(), [], threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
kept = None
if sys.argv[4] == "hold":
    from auscult.checkpoint import open_checkpoint
    kept = [tensor.numpy().copy() for tensor in open_checkpoint(sys.argv[1]).values()]
convert(sys.argv[1], sys.argv[2], **({} if sys.argv[3] == "same" else {"to": "mlx", "from_layout": "torch"}))
stop.set()
watcher.join()
print(max(peaks) - before)
"""


def measure_growth(source: Path, target: Path, what: str, *, hold: bool = False) -> int:
    """Bytes by which a process grows while it converts; its own start, which is larger, does not hide them.

    Args:
        hold: Read the whole file before and keep it, as a converter would that is careless of memory.
    """
    words = [str(source), str(target), what, "hold" if hold else "stream"]
    command = [sys.executable, "-c", MEMORY, *words]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
@pytest.mark.parametrize(
    ("suffix", "what"), [(".safetensors", "mlx"), (".pth", "normed"), (".npz", "same")]
)
def test_memory_stays_below_three_tensors_and_a_hundred_megabytes(
    tmp_path: Path, suffix: str, what: str
) -> None:
    side, count = 1024, 12  # 12 MB each, 150 MB in all
    arrays: dict[str, Array] = {}
    for i in range(count):
        weight = np.full((side, side, 3), i + 1, np.float32)
        name = f"{'convs' if i % 2 else 'ups'}.{i}.weight"
        arrays |= (
            {name + "_g": np.ones((side, 1, 1), np.float32), name + "_v": weight}
            if what == "normed"
            else {name: weight}
        )
    save_file(arrays, tmp_path / "a.safetensors")
    largest = side * side * 3 * 4
    source, target = tmp_path / "a.safetensors", tmp_path / f"b{suffix}"
    whole = sum(array.nbytes for array in arrays.values())
    used = measure_growth(source, target, what)
    assert used <= 3 * largest + 100e6, f"{used / 1e6:.0f} MB"
    assert used < 0.95 * whole, "the file must not be held as a whole"
    if what == "same":
        held = measure_growth(source, tmp_path / f"held{suffix}", what, hold=True)
        assert held > 0.95 * whole, "a file that is held as a whole is seen by this measure"
