"""Clean recordings as the world makes them: spoken prompts, music and sounds of games out of Debian's packages.

python -m benchmarks.real_clips [--cache FOLDER]

fetches the packages with `apt-get download` (run `apt-get update` first where its lists are empty) and unpacks them into
a cache outside the repository. `python -m benchmarks real_clips` then counts what the rules of sound say of them.
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.sound.recording import Recording

PACKAGES: Mapping[str, str] = {
    "asterisk-core-sounds-en-wav": "prompts",
    "asterisk-core-sounds-es-wav": "prompts",
    "asterisk-core-sounds-fr-wav": "prompts",
    "asterisk-core-sounds-it-wav": "prompts",
    "asterisk-core-sounds-ru-wav": "prompts",
    "festvox-ru": "speech",
    "klettres-data": "speech",
    "ktuberling-data": "speech",
    "pocketsphinx-testdata": "speech",
    "tuxpaint-stamps-default": "speech",
    "asterisk-moh-opsound-wav": "music",
    "fretsonfire-songs-muldjord": "music",
    "warzone2100-music": "music",
    "btanks-data": "game",
    "colobot-common-sounds": "game",
    "extremetuxracer-data": "game",
    "frozen-bubble-data": "game",
    "hedgewars-data": "game",
    "lincity-ng-data": "game",
    "neverball-data": "game",
    "pingus-data": "game",
    "supertux-data": "game",
    "lmms-common": "notes",
    "oxygen-sounds": "signals",
    "sound-theme-freedesktop": "signals",
}
"""Package, and what kind of sound is in it."""
SUFFIXES = (".wav", ".ogg", ".oga", ".flac", ".mp3")
MAX_SECONDS = 10.0
"""Of each file its beginning is heard."""
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
    for package in PACKAGES:
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


def is_reported(name: str) -> bool:
    """Whether a clip belongs to the half that is reported; thresholds may be set on the other one."""
    return hashlib.md5(name.encode(), usedforsecurity=False).digest()[0] % 2 == 1


def list_names(package: Path, *, reported: bool) -> list[str]:
    """Files of one half of a package, as paths below the cache, in an order that does not follow their names."""
    files = (file for file in package.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    names = (file.relative_to(package.parent).as_posix() for file in files if not file.is_symlink())
    half = [name for name in names if is_reported(name) is reported]
    return sorted(half, key=lambda name: hashlib.sha256(name.encode()).digest())


def read_clip(cache: Path, name: str) -> RealClip | None:
    """The beginning of a file; None where it is too short, silent or unreadable."""
    import soundfile

    try:
        with soundfile.SoundFile(cache / name) as file:
            rate = file.samplerate
            samples = file.read(int(MAX_SECONDS * rate), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    if len(samples) < MIN_SECONDS * rate or np.abs(samples).max(initial=0) < MIN_PEAK:
        return None
    return RealClip(name, Recording(np.ascontiguousarray(samples.T), rate, name))


def iter_real_clips(cache: Path, *, reported: bool, per_package: int) -> Iterator[RealClip]:
    """At most so many clips of each package that is there."""
    for package in sorted(PACKAGES):
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
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
