"""Where the parts of Stable Audio Open lie in a folder, and what to put where if they do not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from auscult.errors import CheckpointError, UsageError
from auscult.families.stable_audio.config import Config

MODEL_NAMES = ("model.safetensors", "model.ckpt", "model.npz")
MODEL_SUFFIXES = (".safetensors", ".ckpt", ".npz")
TEXT_FOLDERS = ("t5-base", "t5", "text_encoder")
TEXT_NAMES = ("model.safetensors", "pytorch_model.bin")
TOKENIZER = "tokenizer.json"
EXPORT_PATTERNS = ("conditioners*.tflite", "dit*.tflite", "autoencoder*.tflite")

WHAT_TO_DO = (
    "put model.safetensors or model.ckpt of stabilityai/stable-audio-open-small there, and T5-base's model.safetensors and "
    "tokenizer.json in its folder t5-base; or the export's conditioners*.tflite, dit*.tflite, autoencoder*.tflite and "
    "tokenizer.json; --tiny runs without weights"
)


@dataclass(frozen=True)
class StableAudioFiles:
    """The parts; `model` and `text` are None where only the export is there, `export` where it is not."""

    tokenizer: Path
    model: Path | None = None
    text: Path | None = None
    settings: Path | None = None
    export: tuple[Path, Path, Path] | None = None


def find_stable_audio_files(folder: Path) -> StableAudioFiles:
    """The parts in a folder.

    Raises:
        UsageError: If a part is missing; the error says which, and where to put it.
    """
    if not folder.is_dir():
        raise UsageError("is no folder", where=str(folder), hint=WHAT_TO_DO)
    export = tuple(next(iter(sorted(folder.glob(pattern))), None) for pattern in EXPORT_PATTERNS)
    model = _find_model(folder)
    text_folders = [folder / name for name in TEXT_FOLDERS]
    text = _find_first_file(
        text_folder / name for text_folder in text_folders for name in TEXT_NAMES
    )
    tokenizer = _find_first_file(
        text_folder / TOKENIZER for text_folder in (*text_folders, folder / "tokenizer", folder)
    )
    whole_export = None if any(part is None for part in export) else export
    if model is None and whole_export is None:
        raise UsageError("holds no Stable Audio weights", where=str(folder), hint=WHAT_TO_DO)
    if tokenizer is None:
        raise UsageError(
            "holds no T5 tokenizer",
            where=str(folder),
            hint=f"put T5-base's {TOKENIZER} there, or in {TEXT_FOLDERS[0]}/",
        )
    if model is not None and text is None and whole_export is None:
        raise UsageError(
            "holds no T5 encoder, which is not in Stable Audio's own file",
            where=str(folder),
            hint=f"put T5-base's model.safetensors in {folder / TEXT_FOLDERS[0]}",
        )
    config = _find_first_file([folder / "model_config.json"])
    return StableAudioFiles(tokenizer, model, text, config, whole_export)  # type: ignore[arg-type]


def _find_first_file(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _find_model(folder: Path) -> Path | None:
    named_model = _find_first_file(folder / name for name in MODEL_NAMES)
    return named_model or _find_first_file(
        path for path in sorted(folder.iterdir()) if path.suffix in MODEL_SUFFIXES
    )


def apply_settings(config: Config, path: Path | None) -> Config:
    """A config with what the released `model_config.json` says and no tensor shows.

    Raises:
        CheckpointError: If the file is not what stable-audio-tools writes.
    """
    if path is None:
        return config
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        changes = _parse_settings(document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "is no model config of stable-audio-tools", where=str(path), found=repr(error)[:200]
        ) from error
    field_names = {field.name for field in fields(Config)}
    return replace(
        config,
        **{
            name: value
            for name, value in changes.items()
            if name in field_names and value is not None
        },
    )


def _parse_settings(document: dict[str, Any]) -> dict[str, Any]:
    model, diffusion = document["model"], document["model"]["diffusion"]
    conditioners = {entry["id"]: entry for entry in model["conditioning"]["configs"]}
    number: dict[str, Any] = next(
        (entry["config"] for entry in conditioners.values() if entry["type"] == "number"), {}
    )
    prompt: dict[str, Any] = next(
        (entry["config"] for entry in conditioners.values() if entry["type"] == "t5"), {}
    )
    shift = diffusion.get("distribution_shift_options")
    return {
        "sample_rate": document.get("sample_rate"),
        "sample_size": document.get("sample_size"),
        "objective": diffusion.get("diffusion_objective", "v"),
        "prompt_tokens": prompt.get("max_length"),
        "number_range": (float(number["min_val"]), float(number["max_val"]))
        if "max_val" in number
        else None,
        "numbers": tuple(
            name
            for name in diffusion["cross_attention_cond_ids"]
            if conditioners[name]["type"] == "number"
        ),
        "final_tanh": model["pretransform"]["config"]["decoder"]["config"].get("final_tanh", True),
        "shift": None
        if shift is None
        else tuple(
            shift.get(name, usual)
            for name, usual in (
                ("base_shift", 0.5),
                ("max_shift", 1.15),
                ("min_length", 256),
                ("max_length", 4096),
            )
        ),
    }
