"""Suffixes of sound files."""

from __future__ import annotations

READABLE_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"),
    *(".aif", ".au", ".caf", ".w64", ".rf64", ".wave", ".oga"),
    *(".aifc", ".voc", ".nist"),
)
"""What libsndfile reads and people name so, the usual ones first. Everything that looks for sound files reads through
libsndfile, so that one list holds for a folder to listen to, a folder to train on, and an input of a model.
"""
UNREADABLE_SUFFIXES = (
    *(".m4a", ".mp4", ".aac", ".webm", ".weba", ".mka", ".wma", ".amr"),
    *(".ape", ".wv", ".tta", ".spx", ".ac3", ".3gp", ".dts", ".pcm", ".raw"),
)
"""Suffixes of sounds that need another program first, such as ffmpeg, or that people name otherwise."""
WRITABLE_SUFFIXES = (".wav", ".flac")
"""What is written: lossless formats only, since a lossy one would be heard as a defect."""
