"""A prompt as T5's ids, padded to the length that the model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auscult.families._tokenizers import open_tokenizer
from auscult.families.stable_audio.generate import Tokens

END = 1  # T5's end of sentence; 0 is its padding
FIRST_BYTE = 3


def tokenize(text: str, tokenizer: Path, length: int) -> Tokens:
    """The ids of a prompt, cut or padded to `length`, the end of the sentence among them.

    Args:
        tokenizer: T5's `tokenizer.json`.

    Raises:
        CheckpointError: If that file is damaged.
        UsageError: If the tokenizers package is not installed.
    """
    model = open_tokenizer(tokenizer)
    model.enable_truncation(length)
    model.no_padding()
    return padded(model.encode(text).ids, length)


def bytes_as_tokens(text: str, vocabulary: int, length: int) -> Tokens:
    """A stand-in where there is no tokenizer: every byte is an id. For tiny random models only."""
    ids = [FIRST_BYTE + byte % (vocabulary - FIRST_BYTE) for byte in text.encode()]
    return padded([*ids[: length - 1], END], length)


def padded(ids: list[int], length: int) -> Tokens:
    """Ids [1, length] with zeros behind, and their mask."""
    whole, mask = np.zeros((1, length), np.int64), np.zeros((1, length), np.int64)
    whole[0, : len(ids)], mask[0, : len(ids)] = ids, 1
    return Tokens(whole, mask)
