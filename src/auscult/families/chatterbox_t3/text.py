"""A sentence as T3's ids. Source: chatterbox-tts 0.1.7 (tts.py, `punc_norm`; tokenizer.py, `EnTokenizer`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auscult.errors import CheckpointError, UsageError
from auscult.families._tokenizers import open_tokenizer
from auscult.families.chatterbox_t3.generate import Ids

SPACE = "[SPACE]"
MARKS = ("[START]", "[STOP]")
ENDS = (".", "!", "?", "-", ",")
RARE = (
    ("...", ", "),
    ("…", ", "),
    (":", ","),
    (" - ", ", "),
    (";", ", "),
    ("—", "-"),
    ("–", "-"),
    (" ,", ","),
    ("“", '"'),
    ("”", '"'),
    ("‘", "'"),
    ("’", "'"),
)
"""Punctuation that T3 was hardly trained on, and what is said instead; in this order."""


def normalise(text: str) -> str:
    """A sentence with a capital, single spaces, punctuation that T3 knows, and an end.

    Raises:
        UsageError: If there is nothing to say.
    """
    if not text.strip():
        raise UsageError("there is no text to say", hint='--text "A sentence."')
    if text[0].islower():
        text = text[0].upper() + text[1:]
    text = " ".join(text.split())
    for rare, usual in RARE:
        text = text.replace(rare, usual)
    text = text.rstrip(" ")
    return text if text.endswith(ENDS) else text + "."


def tokenize(text: str, tokenizer: Path) -> Ids:
    """The ids of a normalised sentence, [tokens].

    Args:
        tokenizer: The released `tokenizer.json`.

    Raises:
        CheckpointError: If that file is damaged or another model's.
        UsageError: If the tokenizers package is not installed.
    """
    model = open_tokenizer(tokenizer)
    known = model.get_vocab()
    if absent := [mark for mark in MARKS if mark not in known]:
        raise CheckpointError(
            "is another model's tokenizer",
            where=str(tokenizer),
            expected=list(MARKS),
            found=f"no {absent[0]}",
        )
    return np.array(model.encode(text.replace(" ", SPACE)).ids, np.int64)


def bytes_as_tokens(text: str) -> Ids:
    """A stand-in where there is no tokenizer: every byte of UTF-8 but 0 is an id. For tiny random models only."""
    return np.array([byte for byte in text.encode() if byte], np.int64)
