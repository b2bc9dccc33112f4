"""Clean recordings as the world makes them: spoken prompts, music and sounds of games out of Debian's packages.

python -m benchmarks.real_clips [--cache FOLDER]

fetches the packages with `apt-get download` (run `apt-get update` first where its lists are empty) and unpacks them into
a cache outside the repository, and lets the speech engines that are installed speak into it. `python -m benchmarks real_clips` then counts what the rules of sound say of them.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from auscult.sound.recording import Recording
from benchmarks.real_clip_sources import ENGINES, FRESH_PACKAGES, PACKAGES, SENTENCES

if TYPE_CHECKING:
    import soundfile

SUFFIXES = (".wav", ".ogg", ".oga", ".flac", ".mp3", ".gsm")
TELEPHONE_RATE = 8000
"""Of raw GSM frames, whose files have no header."""
MAX_SECONDS = 10.0
"""Of each file its beginning is heard."""
CUT_SECONDS = 3.0
"""Of that, in which a quiet place for its end is looked for."""
MIN_SECONDS = 0.8
"""Shorter files say little, and are left out."""
MIN_PEAK = 1e-3
"""Files of silence are left out."""
JUDGED = Path(__file__).with_name("real_clips_judged.json")
"""What was measured apart from the rules, and is a true finding: path below the cache -> {cause: what is there to be seen}."""


@dataclass(frozen=True)
class RealClip:
    """A file of a package, `name` being its path below the cache, and its recording."""

    name: str
    recording: Recording


def find_cache() -> Path:
    """The folder of unpacked packages: `AUSCULT_REAL_CLIPS`, or one in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("AUSCULT_REAL_CLIPS") or default / "auscult" / "real-clips")


def fetch_packages(cache: Path) -> list[str]:
    """Download and unpack what is not there yet; the packages that could not be had."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = []
    for package in (*PACKAGES, *FRESH_PACKAGES):
        if (cache / package).is_dir():
            continue
        sys.stderr.write(f"{package} ...\n")
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            try:
                subprocess.run(
                    ["apt-get", "download", "-q", package],
                    cwd=folder,
                    check=True,
                    stdout=sys.stderr,
                )
                (archive,) = Path(folder).glob("*.deb")
                subprocess.run(["dpkg", "-x", archive, Path(folder) / "files"], check=True)
            except (OSError, ValueError, subprocess.CalledProcessError):
                missing.append(package)
                continue
            shutil.move(Path(folder) / "files", cache / package)
    return missing


def speak_sentences(cache: Path) -> list[str]:
    """Let every engine that is installed speak every sentence; the commands that could not."""
    failed = []
    for folder, commands in ENGINES.items():
        (cache / folder).mkdir(parents=True, exist_ok=True)
        for voice, text in itertools.product(range(len(commands)), range(len(SENTENCES))):
            file = cache / folder / f"voice{voice}-sentence{text}.wav"
            if not file.exists() and not _speak(commands[voice], SENTENCES[text], file):
                failed.append(" ".join(commands[voice]))
    return sorted(set(failed))


def _speak(command: Sequence[str], text: str, file: Path) -> bool:
    """Whether the command wrote the file."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text_file:
        text_file.write(text)
        text_file.flush()
        words = {"file": str(file), "text": text, "text_file": text_file.name}
        try:
            subprocess.run([word.format(**words) for word in command], check=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            file.unlink(missing_ok=True)
    return file.exists()


def is_reported(name: str) -> bool:
    """Whether a clip belongs to the half that is reported; thresholds may be set on the other one."""
    return hashlib.md5(name.encode(), usedforsecurity=False).digest()[0] % 2 == 1


def list_names(package: Path, *, reported: bool | None) -> list[str]:
    """Files of one half of a package (None: of both), as paths below the cache, in an order that does not follow their names."""
    files = (file for file in package.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    names = (file.relative_to(package.parent).as_posix() for file in files if not file.is_symlink())
    half = [name for name in names if reported is None or is_reported(name) is reported]
    return sorted(half, key=lambda name: hashlib.sha256(name.encode()).digest())


def _open_sound(path: Path) -> soundfile.SoundFile:
    """The file, read as raw GSM where its name says so."""
    import soundfile

    if path.suffix == ".gsm":
        return soundfile.SoundFile(
            path, samplerate=TELEPHONE_RATE, channels=1, format="RAW", subtype="GSM610"
        )
    return soundfile.SoundFile(path)


def read_clip(cache: Path, name: str) -> RealClip | None:
    """The beginning of a file; None where it is too short, silent or unreadable."""
    import soundfile

    try:
        with _open_sound(cache / name) as file:
            rate = file.samplerate
            samples = file.read(int(MAX_SECONDS * rate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    if len(samples) < MIN_SECONDS * rate or np.abs(samples).max(initial=0) < MIN_PEAK:
        return None
    if len(samples) >= int(MAX_SECONDS * rate):
        samples = samples[: find_quiet_end(samples, rate)]
    return RealClip(name, Recording(np.ascontiguousarray(samples.T), rate, name))


def find_quiet_end(samples: NDArray[np.float32], rate: int) -> int:
    """Where [time, channels] samples are quietest in their last `CUT_SECONDS`: a cut there is no cut in a
    word.
    """
    block = rate // 50
    first = len(samples) - int(CUT_SECONDS * rate)
    last = first + (len(samples) - first) // block * block
    levels = np.square(samples[first:last]).sum(axis=1).reshape(-1, block).sum(axis=1)
    return first + (int(levels.argmin()) + 1) * block


def iter_real_clips(
    cache: Path,
    *,
    reported: bool | None,
    per_package: int,
    packages: Iterable[str] = (*PACKAGES, *ENGINES),
) -> Iterator[RealClip]:
    """At most so many clips of each package that is there: of one half of its files, or (None) of both."""
    for package in sorted(packages):
        clips = (read_clip(cache, name) for name in list_names(cache / package, reported=reported))
        yield from itertools.islice((clip for clip in clips if clip is not None), per_package)


def load_judgements() -> dict[str, dict[str, str]]:
    """Which findings on which clips are true."""
    judged: dict[str, dict[str, str]] = json.loads(JUDGED.read_text())
    return judged


def main(arguments: list[str]) -> int:
    """Fetch the packages into the cache."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_clips", description=__doc__)
    parser.add_argument("--cache", type=Path, default=find_cache(), help="default: %(default)s")
    cache: Path = parser.parse_args(arguments).cache
    missing = fetch_packages(cache)
    for package in missing:
        sys.stderr.write(f"{package} could not be fetched: run `apt-get update` and try again\n")
    for command in speak_sentences(cache):
        sys.stderr.write(f"{command} could not speak: install the engine and its voice\n")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
