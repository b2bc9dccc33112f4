"""Where the parts of Chatterbox lie in a folder, what to put where if they do not, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult import families
from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError, UsageError
from auscult.families.chatterbox_t3.generate import Condition
from auscult.weights import Array

WHOLE_MODEL_NAMES = ("model.safetensors", "model.npz")
"""All parts in one file, under the prefixes t3., s3gen. and ve., as mlx-audio converts them."""
PART_FILE_NAMES = {
    "t3": (
        "t3_cfg.safetensors",
        "t3.safetensors",
        "t3_mtl23ls_v2.safetensors",
        "t3_turbo_v1.safetensors",
        *WHOLE_MODEL_NAMES,
    ),
    "s3gen": ("s3gen.safetensors", "s3gen.pt", "s3gen_meanflow.safetensors", *WHOLE_MODEL_NAMES),
    "ve": ("ve.safetensors", "ve.pt", *WHOLE_MODEL_NAMES),
}
PART_FAMILIES = {
    "t3": "chatterbox-t3",
    "s3gen": "chatterbox-s3gen",
    "ve": "chatterbox-voice-encoder",
}
TOKENIZER, CONDITIONS = "tokenizer.json", "conds.pt"

WHAT_TO_DO = (
    "put t3_cfg.safetensors, s3gen.safetensors (or .pt), ve.safetensors and tokenizer.json of ResembleAI/chatterbox there, and "
    "conds.pt for the voice that comes with it; --tiny runs without weights"
)


@dataclass(frozen=True)
class ChatterboxFiles:
    """The parts; `conditions` is None where the folder has no voice of its own."""

    t3: Path
    s3gen: Path
    ve: Path | None
    tokenizer: Path
    conditions: Path | None


class VoiceConditioning(NamedTuple):
    """All that is kept of a reference recording.

    Attributes:
        condition: What T3 hears.
        tokens, mel, xvector: What S3Gen hears: [1, prompt], [1, mel_bins, 2 * prompt], [1, embedding].
    """

    condition: Condition
    tokens: NDArray[np.int64]
    mel: NDArray[np.float32]
    xvector: NDArray[np.float32]


def find_chatterbox_files(folder: Path) -> ChatterboxFiles:
    """The parts in a folder.

    Raises:
        UsageError: If a part is missing; the error says which, and what to put where.
    """
    if not folder.is_dir():
        raise UsageError("is no folder", where=str(folder), hint=WHAT_TO_DO)
    t3, s3gen, voice = (
        _find_first_file(folder / name for name in PART_FILE_NAMES[part])
        for part in PART_FILE_NAMES
    )
    tokenizer = _find_first_file((folder / TOKENIZER,))
    missing_parts = [
        name
        for name, path in (("T3", t3), ("S3Gen", s3gen), ("tokenizer", tokenizer))
        if path is None
    ]
    if t3 is None or s3gen is None or tokenizer is None:
        raise UsageError(
            f"holds no {' and no '.join(missing_parts)}", where=str(folder), hint=WHAT_TO_DO
        )
    return ChatterboxFiles(t3, s3gen, voice, tokenizer, _find_first_file((folder / CONDITIONS,)))


def _find_first_file(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def read(path: Path, part: str) -> tuple[dict[str, Array], Any]:
    """The arrays of one part under plain names, and its config.

    Raises:
        CheckpointError: If the file cannot be read, or is no such part.
    """
    checkpoint = open_checkpoint(path)
    prefix = f"{part}." if any(name.startswith(f"{part}.") for name in checkpoint) else ""
    arrays = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint.items()
        if name.startswith(prefix)
    }
    state = {name: np.array(tensor.values(), np.float32) for name, tensor in arrays.items()}
    if part == "ve":
        from auscult.families.chatterbox_voice_encoder.naming import released

        state = released(state)
    for detection in families.detect_families({name: value.shape for name, value in state.items()}):
        if detection.family == PART_FAMILIES[part]:
            family_prefix = detection.prefix
            return {
                name.removeprefix(family_prefix): value
                for name, value in state.items()
                if name.startswith(family_prefix)
            }, detection.config
    raise CheckpointError(
        f"is no {PART_FAMILIES[part]} checkpoint",
        where=str(path),
        hint=f"auscult inspect {path} says what it is",
    )


def read_conditions(path: Path, emotion: float) -> VoiceConditioning:
    """The voice in the released `conds.pt`, which is not unpickled by execution.

    Raises:
        CheckpointError: If a tensor is missing.
    """
    checkpoint = open_checkpoint(path, container="")
    names = (
        "t3.speaker_emb",
        "t3.cond_prompt_speech_tokens",
        "gen.prompt_token",
        "gen.prompt_feat",
        "gen.embedding",
    )
    if absent_names := [name for name in names if name not in checkpoint]:
        raise CheckpointError(
            "is no voice of Chatterbox",
            where=str(path),
            expected=list(names),
            found=f"no {absent_names[0]}",
        )
    speaker, prompt, tokens, mel, xvector = (np.array(checkpoint[name].values()) for name in names)
    condition = Condition(
        speaker.reshape(-1).astype(np.float32), prompt.reshape(-1).astype(np.int64), emotion
    )
    frames = mel.reshape(1, *mel.shape[-2:]).transpose(0, 2, 1)
    count = min(tokens.size, frames.shape[2] // 2)
    return VoiceConditioning(
        condition,
        tokens.reshape(1, -1)[:, :count].astype(np.int64),
        np.ascontiguousarray(frames[:, :, : 2 * count], np.float32),
        xvector.reshape(1, -1).astype(np.float32),
    )
