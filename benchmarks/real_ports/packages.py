"""Public packages that the pairs are made of: pinned, in a folder of their own, never beside the project's own packages.

python -m benchmarks.real_ports.packages
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER_VARIABLE = "AUSCULT_REAL_PORTS"
"""Names the folder that packages are installed into."""
PINNED = {
    "mlx-audio": "0.6.2",
    "mlx-lm": "0.32.2",
    "mlx-whisper": "0.4.3",
    "openai-whisper": "20250625",
    "parakeet-mlx": "0.7.0",
    "moshi": "0.2.13",
    "moshi-mlx": "0.3.0",
    "snac": "1.2.1",
    "vocos": "0.1.0",
    "descript-audio-codec": "1.0.0",
    "encodec": "0.1.1",
    "bigvgan": "2.4.1",
    "coqui-tts": "0.28.0",
    "f5-tts": "1.1.22",
    "f5-tts-mlx": "0.2.6",
    "speechtokenizer": "1.0.1",
    "einops": "0.8.2",
    "einx": "0.4.3",
    "coqui-tts-trainer": "0.4.0",
    "coqpit-config": "0.2.5",
    "x-transformers": "2.31.10",
    "sentencepiece": "0.2.3",
    "tiktoken": "0.14.0",
}
"""Versions that the table was made with. Each is installed alone, without what it depends on."""
STAND_INS = (
    "torchaudio",
    "audiotools",
    "librosa",
    "trainer",
    "coqpit",
    "loguru",
    "miniaudio",
    "sounddevice",
    "dacite",
    "vocos_mlx",
    "torchdiffeq",
    "jieba",
    "pypinyin",
    "cached_path",
    "beartype",
    "frozendict",
    "monotonic_alignment_search",
)
"""Packages that the pinned ones import for features, files or training, and that no forward pass of a pair calls."""

BARE_PACKAGES = ("TTS", "f5_tts", "f5_tts.model", "dac", "dac.model", "dac.nn", "speechtokenizer")
"""Packages of which only single files are wanted: their own `__init__`, which imports all the rest, is not run."""


def find_package_folder() -> Path:
    """The folder of the packages: the one the environment names, or one in the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path.home() / ".cache" / "auscult-real-ports"


def install_packages(names: Sequence[str] = tuple(PINNED)) -> None:
    """Install pinned packages into the folder, without their dependencies."""
    wanted = [f"{name}=={PINNED[name]}" for name in names]
    target = str(find_package_folder())
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--upgrade"]
    subprocess.run([*command, "--target", target, *wanted], check=True)


def open_packages() -> None:
    """Make the folder importable behind everything else, with stand-ins for what no pair calls."""
    folder = str(find_package_folder())
    if folder not in sys.path:
        sys.path.append(folder)
        sys.meta_path.insert(0, StandInFinder())


class StandIn(ModuleType):
    """A module that has every name: each is a class that does nothing, or torch's Module where models are derived from it."""

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "BaseModel":
            import torch

            return torch.nn.Module
        return type(name, (), {"__init__": _accept_anything})


def _accept_anything(self: object, *arguments: object, **keywords: object) -> None:
    """The constructor of a stand-in."""


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the stand-ins, and packages without what their `__init__` imports."""

    def find_spec(
        self, fullname: str, _path: object = None, _target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in BARE_PACKAGES:
            spec = importlib.machinery.ModuleSpec(fullname, self, is_package=True)
            spec.submodule_search_locations = [
                str(find_package_folder().joinpath(*fullname.split(".")))
            ]
            return spec
        if fullname.partition(".")[0] not in STAND_INS:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if spec.name in BARE_PACKAGES:
            return ModuleType(spec.name)
        return StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


if __name__ == "__main__":
    install_packages()
