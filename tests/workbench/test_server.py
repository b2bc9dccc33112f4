"""The workbench as a client sees it: what it answers, and whom it refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")

from starlette.testclient import TestClient

from auscult.workbench.guard import make_token
from auscult.workbench.server import MAX_REQUEST_BYTES, Workbench, build_app

PATIENCE_SECONDS = 60.0
UPLOAD_BYTES = 10_000


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    folder, uploads = tmp_path / "folder", tmp_path / "uploads"
    folder.mkdir()
    uploads.mkdir()
    noise = np.random.default_rng(0).standard_normal((8, 6, 3)).astype(np.float32)
    np.savez(folder / "model.npz", conv=noise)
    np.savez(folder / "port.npz", conv=noise.transpose(0, 2, 1))
    (folder / "model.py").write_text("def build():\n    raise SystemExit\n")
    opened = Workbench.open(folder, tmp_path / "reports", uploads, max_upload_bytes=UPLOAD_BYTES)
    yield opened
    opened.jobs.stop_all()


@pytest.fixture
def client(workbench: Workbench) -> TestClient:
    """A client that knows the token; its paths are relative to it."""
    token = make_token()
    app = build_app(workbench, token)
    return TestClient(app, base_url=f"http://127.0.0.1:8700/{token}/")


def wait_for(client: TestClient, entry: str) -> Any:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        job = client.get(f"jobs/{entry}").json()
        if job["over"]:
            return job
        time.sleep(0.05)
    raise AssertionError("the run does not end")


def test_the_verb_that_fits_is_chosen_run_and_its_report_kept(
    client: TestClient, workbench: Workbench
) -> None:
    choice = client.post("choice", json={"paths": ["model.npz", "port.npz"]}).json()
    assert choice["verb"] == "diff"
    assert choice["reason"] == "two sets of weights, the first as they should be"
    started = client.post("jobs", json={"verb": "diff", "values": choice["values"]})
    assert started.status_code == 201
    job = wait_for(client, started.json()["id"])
    assert (job["state"], job["problem"]) == ("done", "")
    assert job["steps"]
    kept = client.get("jobs").json()["kept"]
    assert [entry["id"] for entry in kept] == ["0001-diff"]
    assert kept[0]["verdict"] == "EQUIVALENT"
    assert kept[0]["headline"].startswith("layout-conv1d: ")
    folder = workbench.folder
    assert kept[0]["command"] == f"auscult diff {folder / 'model.npz'} {folder / 'port.npz'}"
    assert client.get("reports/0001-diff/report.json").json()["command"] == "diff"
    page = client.get("reports/0001-diff/page.html")
    assert "layout-conv1d" in page.text
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in page.headers["content-security-policy"]
    located = client.get("reports/0001-diff/path").json()["path"]
    assert client.post("choice", json={"paths": [located, located]}).json()["verb"] == "report"


def test_an_input_error_is_told_and_leaves_nothing(
    client: TestClient, workbench: Workbench
) -> None:
    (workbench.folder / "broken.npz").write_bytes(b"PK no archive")
    started = client.post("jobs", json={"verb": "inspect", "values": {"target": "broken.npz"}})
    job = wait_for(client, started.json()["id"])
    assert job["state"] == "failed"
    assert "broken.npz" in job["problem"]
    assert client.get("jobs").json() == {"unfinished": [], "kept": []}


def test_the_files_of_the_folder_are_offered(client: TestClient) -> None:
    answer = client.get("files").json()
    assert [file["path"] for file in answer["files"]] == ["model.npz", "model.py", "port.npz"]
    assert answer["complete"] is True


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil:8700"])
def test_a_name_that_was_rebound_is_refused(client: TestClient, host: str) -> None:
    assert client.get("files", headers={"host": host}).status_code == 400
    assert client.get("files", headers={"host": "localhost:8700"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_page_of_another_origin_is_refused(client: TestClient, origin: str) -> None:
    refused = client.get("files", headers={"origin": origin})
    assert refused.status_code == 403
    assert not any(name.startswith("access-control") for name in refused.headers)
    asked = client.options(
        "jobs", headers={"origin": origin, "access-control-request-method": "POST"}
    )
    assert asked.status_code == 403
    own = client.get("files", headers={"origin": "http://127.0.0.1:8700"})
    assert own.status_code == 200


@pytest.mark.parametrize("path", ["/", "/files", "/wrong-token/", "/wrong-token/files"])
def test_an_address_without_the_token_is_refused(client: TestClient, path: str) -> None:
    assert client.get(f"http://127.0.0.1:8700{path}").status_code == 404


def test_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("")
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; script-src 'self'"
    )
    assert page.headers["referrer-policy"] == "no-referrer"
    for text in (page.text, client.get("workbench.css").text, client.get("workbench.js").text):
        assert "http://" not in text
        assert "https://" not in text


@pytest.mark.parametrize("path", ["../outside.npz", "/etc/hostname"])
def test_files_outside_the_folder_are_refused(client: TestClient, path: str) -> None:
    for answer in (
        client.post("choice", json={"paths": [path]}),
        client.post("jobs", json={"verb": "inspect", "values": {"target": path}}),
        client.post("jobs", json={"verb": "listen", "values": {"sources": [path]}}),
    ):
        assert answer.status_code == 400
        assert "lies outside" in answer.json()["error"]


def test_code_is_run_only_where_that_is_allowed(client: TestClient, tmp_path: Path) -> None:
    asked = {"verb": "inspect", "values": {"target": "model.py:build"}}
    refused = client.post("jobs", json=asked)
    assert refused.status_code == 400
    assert "--allow-code" in refused.json()["error"]
    allowed = Workbench.open(
        tmp_path / "folder",
        tmp_path / "reports",
        tmp_path / "uploads",
        max_upload_bytes=1,
        is_code_allowed=True,
    )
    values = {"target": "model.py:build"}
    assert allowed.access.resolve_target(values["target"]).endswith("folder/model.py:build")


@pytest.mark.parametrize(
    "path",
    [
        "reports/0001-diff/../../folder/model.npz",
        "reports/..%2F..%2Ffolder/page.html",
        "reports/0001-diff/asked.json",
        "reports/0009-diff/page.html",
    ],
)
def test_only_reports_are_read_from_the_history(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_a_dropped_file_is_kept_within_bounds(client: TestClient, workbench: Workbench) -> None:
    content = (workbench.folder / "model.npz").read_bytes()
    kept = client.post("uploads?name=../../model.npz", content=content).json()
    assert Path(kept["path"]).read_bytes() == content
    assert Path(kept["path"]).is_relative_to(workbench.access.roots[1])
    assert client.post("choice", json={"paths": [kept["path"]]}).json()["verb"] == "inspect"
    refused = client.post("uploads?name=large.npz", content=b"0" * UPLOAD_BYTES)
    assert refused.status_code == 400
    assert "too large" in refused.json()["error"]
    assert not list(workbench.access.roots[1].rglob("large.npz"))
    assert client.post("uploads?name=small.npz", content=b"0").status_code == 200


@pytest.mark.parametrize(
    ("question", "word"),
    [
        (b"[", "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"verb": "train", "values": {}}', "no verb"),
        (b'{"verb": "inspect", "values": {}}', "needs checkpoint"),
        (b'{"verb": "inspect", "values": {"kwargs": "x"}}', "no such fields"),
        (b'{"verb": "listen", "values": {"sources": "a.wav"}}', "no list"),
        (b'{"verb": "listen", "values": {"sources": ["a.wav"], "hop": "x"}}', "no whole number"),
        (b'{"verb": "listen", "values": {"sources": ["a.wav"], "hop": "-1"}}', "above 0"),
        (b" " * (MAX_REQUEST_BYTES + 1), "too long"),
    ],
)
def test_a_question_that_makes_no_sense_is_explained(
    client: TestClient, question: bytes, word: str
) -> None:
    answer = client.post("jobs", content=question)
    assert answer.status_code == 400
    assert word in answer.json()["error"]
