"""Every suffix that is listed can be read, and what is written is among them."""

from __future__ import annotations

import soundfile

from auscult.facts.audio_files import READABLE_SUFFIXES, WRITABLE_SUFFIXES

FORMAT_BY_SUFFIX = {
    ".aif": "AIFF",
    ".aifc": "AIFF",
    ".oga": "OGG",
    ".opus": "OGG",
    ".wave": "WAV",
}
"""libsndfile's name of the format, where it is not the suffix itself."""


def test_libsndfile_reads_every_suffix() -> None:
    formats = soundfile.available_formats()
    for suffix in READABLE_SUFFIXES:
        assert FORMAT_BY_SUFFIX.get(suffix, suffix[1:].upper()) in formats


def test_what_is_written_is_read() -> None:
    assert set(WRITABLE_SUFFIXES) <= set(READABLE_SUFFIXES)
    assert len(set(READABLE_SUFFIXES)) == len(READABLE_SUFFIXES)
