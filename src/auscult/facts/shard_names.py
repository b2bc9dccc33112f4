"""Names of the files of a model that is cut into several: `model-00001-of-00003.safetensors`."""

from __future__ import annotations

import re

NUMBERED_NAME = re.compile(r"(.+)-(\d+)-of-(\d+)(\.[a-z]+)")
"""Stem, number, how many there are, suffix."""
SHARD_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".npz")
