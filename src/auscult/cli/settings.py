"""Defaults of the options from `[tool.auscult]` of a pyproject.toml and from `AUSCULT_*` variables.

    [tool.auscult]
    fail-on = ["warning"]          # for every verb that has the option

    [tool.auscult.listen]
    sample-rate = 24000            # for one verb

`AUSCULT_LISTEN_SAMPLE_RATE=24000` and `AUSCULT_FAIL_ON=warning,error` say the same. A variable without a verb in its name
sets an option that every verb has, and no other: scripts have variables of their own, such as AUSCULT_AUDIO for a folder.
The command line goes before a variable, and a variable before the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from auscult.errors import UsageError

TABLE_MARK = b"[tool.auscult"
"""A file without these bytes is not parsed: most projects have no settings of ours."""

VARIABLES_FOR_ALL = frozenset(
    (
        *("quiet", "verbose", "format", "output", "select", "ignore"),
        *("fail-on", "baseline", "no-color", "debug"),
    )
)
"""Options that every verb has: a variable without a verb in its name sets them."""


def read_settings(verb: str, command: click.Command, file: Path | None) -> dict[str, Any]:
    """Defaults for the options of a verb, by the names of click's parameters.

    Args:
        file: Where the settings are; None looks for the nearest pyproject.toml.

    Raises:
        UsageError: If the file cannot be parsed, or names an option that there is not.
    """
    path = file or _find_project_file(Path.cwd())
    options = {
        name.lstrip("-"): option
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    }
    settings = _read_file_settings(path, verb, options) if path else {}
    settings.update(_read_variables(verb, options))
    return settings


def _find_project_file(folder: Path) -> Path | None:
    """The nearest pyproject.toml, in this folder or above."""
    for place in (folder, *folder.parents):
        if (place / "pyproject.toml").is_file():
            return place / "pyproject.toml"
    return None


def _read_file_settings(
    path: Path, verb: str, options: Mapping[str, click.Option]
) -> dict[str, Any]:
    content = path.read_bytes()
    if TABLE_MARK not in content:
        return {}
    table = _parse_table(path, content)
    shared = {name: value for name, value in table.items() if not isinstance(value, dict)}
    own = table.get(verb, {})
    unknown = [name for name in own if name not in options]
    if unknown:
        raise UsageError(
            f"names an option that `{verb}` does not have",
            where=f"{path} [tool.auscult.{verb}]",
            found=", ".join(unknown),
            hint=f"it has {', '.join(sorted(options))}",
        )
    chosen = {**{name: shared[name] for name in shared if name in options}, **own}
    return {_get_name(options[name]): value for name, value in chosen.items()}


def _parse_table(path: Path, content: bytes) -> dict[str, Any]:
    import tomllib

    try:
        table = tomllib.loads(content.decode("utf-8"))["tool"]["auscult"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"cannot be read as settings: {error}", where=str(path)) from error
    if not isinstance(table, dict):
        raise UsageError("[tool.auscult] is no table", where=str(path))
    return table


def _read_variables(verb: str, options: Mapping[str, click.Option]) -> dict[str, Any]:
    """Settings of the environment; the variable of one verb goes before the variable of all."""
    settings: dict[str, Any] = {}
    for name, option in options.items():
        word = name.upper().replace("-", "_")
        text = os.environ.get(f"AUSCULT_{verb.upper().replace('-', '_')}_{word}")
        if text is None and name in VARIABLES_FOR_ALL:
            text = os.environ.get(f"AUSCULT_{word}")
        if text is not None:
            settings[_get_name(option)] = text.split(",") if option.multiple else text
    return settings


def _get_name(option: click.Option) -> str:
    assert option.name is not None  # click gives every option one
    return option.name
