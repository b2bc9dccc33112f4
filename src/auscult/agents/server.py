"""The server of the Model Context Protocol that `auscult mcp` starts. Needs the package `mcp`, version 2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auscult.agents.tools import AgentTools
from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.verbs.access import Access
from auscult.verdict import VERSION

INSTRUCTIONS = """auscult finds out why a neural audio model sounds wrong. Begin with `diagnose` and everything there is; with one \
checkpoint use `inspect`, with two `diff`, with a recording `listen`, with two implementations `compare`, before a training \
`preflight`. PASS and EQUIVALENT mean that nothing is wrong in what was looked at; DIVERGENT that the findings say what is; \
INCONCLUSIVE that `not_looked_at` says what is missing. A finding is right only as far as its confidence says: act on errors first, \
apply a fix marked `safe`, try a `guess`. `explain_rule` explains a code."""


def build_server(roots: Sequence[str | Path], *, is_code_allowed: bool = False) -> Any:
    """The server, with one tool for each verb.

    Args:
        roots: Folders that the tools may reach.
        is_code_allowed: Whether a target such as `model.py:build` may be run.

    Raises:
        UsageError: If the package `mcp` is not installed, or a root is no folder.
    """
    try:
        from mcp.server import MCPServer
    except ImportError as error:
        raise UsageError(
            "the server needs the package mcp, version 2 or newer",
            hint=format_install_command("mcp"),
        ) from error
    server = MCPServer("auscult", instructions=INSTRUCTIONS, version=VERSION)
    access = Access.below(roots, is_code_allowed=is_code_allowed)
    for name, function in AgentTools(access).list_tools().items():
        server.add_tool(function, name=name)
    return server
