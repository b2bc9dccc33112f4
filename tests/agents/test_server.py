"""The server as a client of the protocol sees it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp import Client

from auscult.agents.answers import MAX_FINDINGS, describe_report
from auscult.agents.server import build_server
from auscult.cli.main import list_verbs
from auscult.finding import Finding, Severity
from auscult.verdict import Report, Verdict

VERBS_THAT_ARE_NO_TOOLS = {
    "demo",
    "mcp",
    "open",
    "report",
    "rules",
    "run",
    "serve",
    "trace",
    "train",
}
"""They show something to a person, or make long work of their own."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).standard_normal((8, 6, 3)).astype(np.float32)
    np.savez(tmp_path / "model.npz", conv=noise)
    np.savez(tmp_path / "port.npz", conv=noise.transpose(0, 2, 1))
    return tmp_path


def call_tool(folder: Path, name: str, **arguments: Any) -> Any:
    async def call() -> Any:
        async with Client(build_server([folder])) as client:
            result = await client.call_tool(name, arguments)
            return json.loads(result.content[0].text)  # type: ignore[union-attr]

    return asyncio.run(call())


def test_every_verb_that_answers_a_question_is_a_tool(folder: Path) -> None:
    async def list_names() -> set[str]:
        async with Client(build_server([folder])) as client:
            tools = (await client.list_tools()).tools
            assert all(tool.description for tool in tools)
            return {tool.name for tool in tools}

    names = asyncio.run(list_names())
    assert names == (set(list_verbs()) - VERBS_THAT_ARE_NO_TOOLS) | {"explain_rule"}


def test_a_port_in_another_layout_is_explained_in_short(folder: Path) -> None:
    answer = call_tool(folder, "diff", reference="model.npz", candidate="port.npz")
    assert answer["verdict"] == "EQUIVALENT"
    assert answer["findings"][0]["cause"] == "layout-conv1d"
    assert answer["findings"][0]["fix"]["safety"] == "safe"


def test_an_error_is_an_answer(folder: Path) -> None:
    answer = call_tool(folder, "inspect", target="gone.npz")
    assert answer["verdict"] == "ERROR"
    assert "gone.npz" in answer["error"]["where"]


def test_a_file_outside_is_refused(folder: Path) -> None:
    answer = call_tool(folder, "inspect", target="/etc/hostname")
    assert "outside" in answer["error"]["what"]


def test_code_is_refused_by_default(folder: Path) -> None:
    answer = call_tool(folder, "inspect", target="os:getcwd")
    assert "does not run" in answer["error"]["what"]


def test_rules_are_explained(folder: Path) -> None:
    assert "layout" in call_tool(folder, "explain_rule", code="LAY001")["page"]


def test_long_reports_are_shortened() -> None:
    places = tuple(f"layer.{index}" for index in range(100))
    findings = tuple(
        Finding(f"CKP0{10 + index}", f"cause-{index}", Severity.INFO, places, "x")
        for index in range(20)
    )
    answer = describe_report(Report("diff", ("a", "b"), Verdict.DIVERGENT, None, findings))
    assert len(answer["findings"]) == MAX_FINDINGS
    assert answer["further_findings"] == 20 - MAX_FINDINGS
    assert answer["findings"][0]["places"] == 100
    assert len(json.dumps(answer)) < 8000
