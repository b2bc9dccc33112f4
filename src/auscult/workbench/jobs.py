"""Runs of verbs, one after the other, each in a process of its own: it can be stopped, and code is imported afresh."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from auscult.errors import AuscultError
from auscult.finding import Json
from auscult.workbench.forms import find_form
from auscult.workbench.history import History

State = Literal["waiting", "running", "done", "failed", "stopped"]
MESSAGE_SECONDS = 0.1
"""How often a run tells how far it is; the page asks no more often."""


@dataclass
class Step:
    """One thing that a run did: `done` of `total`."""

    description: str
    done: int
    total: int


@dataclass
class Job:
    """One run of a verb.

    Attributes:
        id: Of the report that it makes.
        steps: What it did so far; the last one is under way.
        problem: Why there is no report.
    """

    id: str
    verb: str
    values: dict[str, Any]
    command: tuple[str, ...]
    state: State = "waiting"
    steps: list[Step] = field(default_factory=list)
    problem: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "stopped")

    def to_json(self) -> Json:
        return {**asdict(self), "over": self.is_over}


class Jobs:
    """The runs of one server."""

    def __init__(self, reports: Path) -> None:
        self._reports = reports
        self._history = History(reports)
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, multiprocessing.process.BaseProcess] = {}
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    def start(self, verb: str, values: dict[str, Any]) -> Job:
        """Begin a run, or queue it behind those that were asked for before.

        Raises:
            UsageError: If its report cannot be kept.
        """
        with self._lock:
            entry = self._history.reserve(verb)
            job = Job(entry, verb, values, find_form(verb).write_command(values))
            self._jobs[entry] = job
        threading.Thread(target=self._follow, args=(job,), daemon=True).start()
        return job

    def find(self, entry: str) -> Job | None:
        """The run of a report; None where it is of an earlier day."""
        return self._jobs.get(entry)

    def list_unfinished(self) -> list[Job]:
        """The runs that still go on, the newest first."""
        return [job for job in reversed(list(self._jobs.values())) if not job.is_over]

    def stop(self, entry: str) -> None:
        """End a run; one that is over stays as it is."""
        with self._lock:
            job = self._jobs.get(entry)
            if job is None or job.is_over:
                return
            job.state = "stopped"
            process = self._processes.get(entry)
            if process is not None:
                process.terminate()

    def stop_all(self) -> None:
        """End every run."""
        for job in self.list_unfinished():
            self.stop(job.id)

    def _follow(self, job: Job) -> None:
        with self._turn:
            receiver, process = self._begin(job)
            if process is not None and receiver is not None:
                with contextlib.suppress(EOFError), receiver:
                    while True:
                        self._take_message(job, receiver.recv())
                process.join()
                with self._lock:
                    if job.state == "running":
                        job.state = "failed"
                        job.problem = f"it ended with code {process.exitcode} and no report; the terminal says why"
        if job.state != "done":
            self._history.drop(job.id)

    def _begin(
        self, job: Job
    ) -> tuple[Connection | None, multiprocessing.process.BaseProcess | None]:
        """Start the process of a job, unless it was stopped while it waited."""
        with self._lock:
            if job.state == "stopped":
                return None, None
            context = multiprocessing.get_context("spawn")
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(
                target=run_job, args=(job.id, job.verb, job.values, str(self._reports), sender)
            )
            process.start()
            sender.close()
            job.state = "running"
            self._processes[job.id] = process
            return receiver, process

    def _take_message(self, job: Job, message: tuple[Any, ...]) -> None:
        with self._lock:
            match message:
                case ("step", done, total, description):
                    _note_step(job.steps, Step(description, done, total))
                case ("done",) if job.state == "running":
                    _finish_step(job.steps)
                    job.state = "done"
                case ("failed", problem) if job.state == "running":
                    job.state, job.problem = "failed", problem


def _note_step(steps: list[Step], step: Step) -> None:
    """Put a step behind those before it, which are finished then, or in the place of its earlier state."""
    if steps and steps[-1].description == step.description:
        steps[-1] = step
    else:
        _finish_step(steps)
        steps.append(step)


def _finish_step(steps: list[Step]) -> None:
    if steps:
        steps[-1].done = steps[-1].total


def run_job(
    entry: str, verb: str, values: dict[str, Any], reports: str, sender: Connection
) -> None:
    """What the process of a job does: the work of the verb, its report kept, and messages on the way."""
    last_time, last_description = 0.0, ""

    def tell(done: int, total: int, description: str) -> None:
        nonlocal last_time, last_description
        now = time.monotonic()
        if description != last_description or now - last_time >= MESSAGE_SECONDS or done == total:
            last_time, last_description = now, description
            sender.send(("step", done, total, description))

    form = find_form(verb)
    try:
        report = form.run(values, tell)
        tell(0, 1, "writing the page")
        History(Path(reports)).keep(entry, report, values, form.write_command(values))
        sender.send(("done",))
    except AuscultError as error:
        sender.send(("failed", str(error)))
