"""Suffixes of sound files."""

from __future__ import annotations

READABLE_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff"),
    *(".aif", ".au", ".caf", ".w64", ".rf64", ".wave", ".oga"),
)
"""What libsndfile reads and people name so, the usual ones first. Everything that looks for sound files reads through
libsndfile, so that one list holds for a folder to listen to, a folder to train on, and an input of a model.
"""
WRITABLE_SUFFIXES = (".wav", ".flac")
"""What is written: lossless formats only, since a lossy one would be heard as a defect."""
