"""Runs that end otherwise than with a report."""

from __future__ import annotations

import time
from pathlib import Path

from auscult.workbench.history import History
from auscult.workbench.jobs import Job, Jobs

PATIENCE_SECONDS = 60.0


def wait_for(job: Job, jobs: Jobs) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not job.is_over or jobs.list_unfinished():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_that_is_stopped_leaves_nothing_and_the_next_one_starts(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        "import time\ndef wait():\n    time.sleep(600)\ndef fall():\n    raise SystemExit(7)\n"
    )
    reports = tmp_path / "reports"
    jobs = Jobs(reports)
    waiting = jobs.start("inspect", {"target": f"{code}:wait"})
    second = jobs.start("inspect", {"target": str(tmp_path / "gone.npz")})
    assert [job.id for job in jobs.list_unfinished()] == ["0002-inspect", "0001-inspect"]
    jobs.stop(waiting.id)
    wait_for(second, jobs)
    assert waiting.state == "stopped"
    assert second.state == "failed"
    assert "gone.npz" in second.problem
    jobs.stop(second.id)
    assert second.state == "failed"
    assert History(reports).list_entries() == []
