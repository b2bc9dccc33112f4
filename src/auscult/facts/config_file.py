"""Read the config file of a model: JSON or YAML, as names with values. Nothing that it names is imported or made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.facts.install import format_install_command

YAML_SUFFIXES = (".yaml", ".yml")
CONFIG_SUFFIXES = (".json", *YAML_SUFFIXES)


def load_config_file(path: str | Path) -> Mapping[str, Any]:
    """The settings in a JSON or YAML file.

    A tag of YAML that names code (`!new:package.Class`) is passed over: what stands behind it is read as plain values.

    Raises:
        UsageError: If it cannot be read, or holds no settings.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix.lower() in YAML_SUFFIXES:
            values = _parse_yaml(text, path)
        else:
            values = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot be read as a config",
            where=str(path),
            expected="JSON or YAML",
            found=" ".join(str(error).split())[:200],
            hint="give the model's config, such as config.json",
        ) from error
    if not isinstance(values, Mapping):
        raise UsageError(
            "holds no settings",
            where=str(path),
            expected="names with values",
            found=type(values).__name__,
            hint="give the model's config, such as config.json",
        )
    return values


def iter_leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every setting of a nested config by its own name, those further outside first."""
    inner = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner.append(value)
        else:
            yield str(name), value
    for value in inner:
        yield from iter_leaves(value)


def _parse_yaml(text: str, path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UsageError(
            "needs PyYAML to be read",
            where=str(path),
            hint=f"{format_install_command('yaml')}, or give JSON",
        ) from error

    class PlainLoader(yaml.SafeLoader):  # type: ignore[misc]
        """Reads what a tag such as `!new:package.Class` stands before, and makes nothing of it."""

    def read_plainly(loader: Any, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    PlainLoader.add_multi_constructor("", read_plainly)
    try:
        return yaml.load(text, PlainLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
