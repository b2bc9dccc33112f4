"""What a config or a checkpoint says of the sound that its model makes: sample rate, hop, strides,
chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

from auscult.facts.config_file import iter_leaves, load_config_file
from auscult.rules.sound.subject import SoundFacts

FACT_KEYS = {
    "sample_rate": ("sample_rate", "sampling_rate", "sampling_rate_hz", "sr", "sample_rate_hz"),
    "hop": ("hop", "hop_size", "hop_length", "hopsize", "code_hop_size"),
    "strides": (
        "upsample_rates",
        "upsample_scales",
        "upsampling_ratios",
        "strides",
        "decoder_rates",
        "ratios",
    ),
    "chunk_seconds": ("chunk_seconds", "chunk_length_s", "chunk_size_seconds"),
}
"""Names under which public configs keep each fact."""


def read_sound_facts(
    config: str | Path | None = None, checkpoint: str | Path | None = None
) -> SoundFacts:
    """The facts that a config (JSON or YAML) states, and what is missing there from the checkpoint's metadata
    and family.

    Raises:
        UsageError: If the config cannot be read.
        CheckpointError: If the checkpoint cannot be read.
    """
    facts = _find_facts(load_config_file(config)) if config else {}
    if checkpoint:
        facts = _read_checkpoint_facts(checkpoint) | facts
    if "hop" not in facts and facts.get("strides"):
        facts["hop"] = prod(facts["strides"])
    return SoundFacts(**facts)


def complete_facts(
    facts: SoundFacts | None, config: str | Path | None, checkpoint: str | Path | None
) -> SoundFacts:
    """The facts that were given, completed from the config and the checkpoint."""
    stated_facts = facts or SoundFacts()
    if not config and not checkpoint:
        return stated_facts
    file_facts = read_sound_facts(config, checkpoint)
    return replace(
        file_facts,
        **{name: value for name, value in vars(stated_facts).items() if value not in (None, ())},
    )


def _find_facts(values: Mapping[str, Any]) -> dict[str, Any]:
    """The facts among (nested) values; the outermost of several counts."""
    flat: dict[str, Any] = {}
    for name, value in iter_leaves(values):
        flat.setdefault(name.rpartition(".")[2], value)
    facts: dict[str, Any] = {}
    for fact, names in FACT_KEYS.items():
        value = next((flat[name] for name in names if name in flat), None)
        number = _parse_fact(fact, value)
        if number is not None:
            facts[fact] = number
    return facts


def _parse_fact(fact: str, value: Any) -> Any:
    """The value as its fact needs it, or None where it is something else."""
    try:
        if value is None or isinstance(value, bool):
            return None
        if fact == "strides":
            strides = tuple(int(part) for part in value)
            if strides and min(strides) >= 1:
                return strides
            return None
        number = float(value)
        if number <= 0:
            return None
        return number if fact == "chunk_seconds" else int(number)
    except (TypeError, ValueError):
        return None


def _read_checkpoint_facts(path: str | Path) -> dict[str, Any]:
    from auscult import families
    from auscult.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(path)
    facts: dict[str, Any] = {}
    detection = next(
        iter(families.detect_families({name: tensor.shape for name, tensor in checkpoint.items()})),
        None,
    )
    if detection is not None and not detection.missing_evidence:
        config = {
            name: getattr(detection.config, name)
            for name in getattr(detection.config, "__dataclass_fields__", ())
        }
        facts = _find_facts(
            {name: value for name, value in config.items() if not isinstance(value, Mapping)}
        )
    stated = {
        key: value
        for key, value in checkpoint.metadata.items()
        if "config" in key or key.rpartition(".")[2] in _list_fact_names()
    }
    return facts | _find_facts(stated)


def _list_fact_names() -> frozenset[str]:
    return frozenset(chain.from_iterable(FACT_KEYS.values()))
