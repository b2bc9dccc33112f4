"""Speech from text through espeak-ng's C library: the copy in `espeakng-loader` where it is
installed, else the system's.

Called through ctypes, so that no program has to be on the path. Source of the interface:
espeak-ng's `speak_lib.h`.
"""

from __future__ import annotations

import _ctypes
import ctypes
import ctypes.util
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_short, c_uint, c_void_p
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.install import format_install_command

_SYNCHRONOUS = (
    2  # AUDIO_OUTPUT_SYNCHRONOUS: espeak_Synth returns when the last samples were handed over
)
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: a missing voice folder is an error code, not the end of the process
_UTF8 = 1
SEED = 7
"""Of the pitch's flutter."""
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_CALLBACK = CFUNCTYPE(c_int, POINTER(c_short), c_int, c_void_p)


def library() -> str:
    """Path of the shared library that is found."""
    return _find_library()[0]


def _find_library() -> tuple[str, str | None]:
    """Paths of the shared library and of its data (None: where the library itself looks)."""
    try:
        import espeakng_loader
    except ImportError:
        library_path = ctypes.util.find_library("espeak-ng")
        if library_path is None:
            raise UsageError(
                "no espeak-ng on this machine",
                hint=f"{format_install_command('train')}, or install your system's espeak-ng package",
            ) from None
        return library_path, None
    return str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path())


class Espeak:
    """One espeak-ng library, initialised. It keeps global state: use it from one thread.

    Args:
        library: Path of the shared library, where it is not the one that is found.
    """

    def __init__(self, library: str | None = None) -> None:
        found, data = _find_library()
        path = library or found
        self._library: Any = ctypes.CDLL(path)
        self._library.espeak_Synth.argtypes = [
            c_char_p,
            ctypes.c_size_t,
            c_uint,
            c_int,
            c_uint,
            c_uint,
            c_void_p,
            c_void_p,
        ]
        self.sample_rate: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, data.encode() if data else None, _DONT_EXIT
        )
        if self.sample_rate <= 0:
            raise UsageError(
                "espeak-ng could not be initialised", where=path, found=self.sample_rate
            )
        if hasattr(
            self._library, "espeak_ng_SetRandSeed"
        ):  # since 1.52; it is otherwise the time of day, and no run could be repeated
            self._library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        self._blocks: list[NDArray[np.int16]] = []
        self._callback = _CALLBACK(
            self._on_samples
        )  # kept: ctypes does not hold a reference to a callback
        self._library.espeak_SetSynthCallback(self._callback)

    def close(self) -> None:
        """Unload the library; where nothing else has loaded it, its flutter then starts anew with
        the next that loads it.
        """
        self._library.espeak_Terminate()
        _ctypes.dlclose(self._library._handle)

    def _on_samples(self, samples: Any, count: int, _events: object) -> int:
        if count > 0 and samples:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(
        self, text: str, voice: str, *, words_per_minute: int = 170, pitch: int = 50
    ) -> NDArray[np.float32]:
        """The text spoken by a voice such as `es` or `en-us+f2`, float32 [time] within ±1, at
        `sample_rate`.

        The pitch flutters, so that no two renderings in a process are equal sample by sample; the
        same calls in the same order give the same samples in every process.

        Raises:
            UsageError: If espeak-ng does not know the voice, or gives no sound.
        """
        self._library.espeak_SetVoiceByName(
            b"en"
        )  # a variant otherwise leaves its formants behind for a voice without one
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UsageError(
                "unknown espeak-ng voice", found=voice, hint="`espeak-ng --voices` lists them"
            )
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._blocks.clear()
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
        if not self._blocks:
            raise UsageError("espeak-ng gave no sound", where=voice, found=text)
        return (np.concatenate(self._blocks) / 32768.0).astype(np.float32)


@cache
def load_espeak() -> Espeak:
    """The library of this process."""
    return Espeak()
