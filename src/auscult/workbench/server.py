"""The workbench as a web application, and the server that binds it to this machine alone."""

from __future__ import annotations

import shlex
import socket
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auscult.errors import AuscultError, UsageError
from auscult.facts.install import format_install_command
from auscult.finding import Json
from auscult.verbs.access import Access
from auscult.verbs.choose import choose_command
from auscult.workbench import page
from auscult.workbench.folder import list_files
from auscult.workbench.forms import find_form
from auscult.workbench.guard import ALLOWED_HOSTS, REPORT_POLICY, LocalGuard, make_token
from auscult.workbench.history import REPORT_FILE, History
from auscult.workbench.jobs import Jobs
from auscult.workbench.uploads import Uploads

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

ADDRESS = "127.0.0.1"
MAX_REQUEST_BYTES = 1_000_000
"""Of a question as JSON; names of a few thousand files fit. Dropped files have their own bound."""
MAX_CHOSEN = 1000
"""Files in one question."""


@dataclass(frozen=True)
class Workbench:
    """What the requests work on."""

    folder: Path
    access: Access
    uploads: Uploads
    history: History
    jobs: Jobs

    @classmethod
    def open(
        cls,
        folder: Path,
        reports: Path,
        upload_folder: Path,
        *,
        max_upload_bytes: int,
        is_code_allowed: bool = False,
    ) -> Workbench:
        """A workbench that reads below `folder`, the folder of the reports, and that of the dropped files.

        Raises:
            UsageError: If `folder` is none, or the reports have no place.
        """
        roots = Access.below([folder, upload_folder], is_code_allowed=is_code_allowed).roots
        access = Access((*roots, reports.resolve()), is_code_allowed)
        uploads = Uploads(roots[1], max_upload_bytes)
        return cls(roots[0], access, uploads, History(reports), Jobs(reports))

    def show_page(self, _request: Request) -> Response:
        return _respond(page.render_page(self.access.is_code_allowed), "text/html")

    def show_style(self, _request: Request) -> Response:
        return _respond(page.read_style(), "text/css")

    def show_script(self, _request: Request) -> Response:
        return _respond(page.read_script(), "text/javascript")

    def list_files(self, _request: Request) -> Response:
        files, is_complete = list_files(self.folder)
        return _respond_json({"files": files, "complete": is_complete})

    async def receive_file(self, request: Request) -> Response:
        file = await self.uploads.receive(request.query_params.get("name", ""), request.stream())
        return _respond_json({"path": str(file), "name": file.name, "size": file.stat().st_size})

    async def choose(self, request: Request) -> Response:
        """The verb that fits what was chosen, with its form filled in."""
        asked = await _read_question(request)
        from starlette.concurrency import run_in_threadpool

        return _respond_json(await run_in_threadpool(self._choose, asked.get("paths")))

    def _choose(self, paths: Any) -> Json:
        if not isinstance(paths, list) or not 0 < len(paths) <= MAX_CHOSEN:
            raise UsageError("choose files first", expected=f"1 to {MAX_CHOSEN}")
        chosen = choose_command([self.access.resolve_target(str(path)) for path in paths])
        form = find_form(chosen.words[0])
        return {"verb": form.verb, "values": form.fill(chosen.words[1:]), "reason": chosen.reason}

    async def start_job(self, request: Request) -> Response:
        asked = await _read_question(request)
        form = find_form(asked.get("verb"))
        values = form.parse_values(asked.get("values"), self.access)
        return _respond_json(self.jobs.start(form.verb, values).to_json(), 201)

    def list_jobs(self, _request: Request) -> Response:
        """The runs that go on, and the reports that were kept."""
        kept = [
            {**asdict(entry), "command": shlex.join(entry.command)}
            for entry in self.history.list_entries()
        ]
        waiting = [job.to_json() for job in self.jobs.list_unfinished()]
        return _respond_json({"unfinished": waiting, "kept": kept})

    def show_job(self, request: Request) -> Response:
        job = self.jobs.find(request.path_params["entry"])
        if job is None:
            return _respond_json({"error": "there is no such run"}, 404)
        return _respond_json(job.to_json())

    def stop_job(self, request: Request) -> Response:
        self.jobs.stop(request.path_params["entry"])
        return _respond_json({})

    def show_report(self, request: Request) -> Response:
        """A page, closed in by its headers, or its JSON."""
        from starlette.responses import FileResponse

        file = request.path_params["file"]
        path = self.history.find_file(request.path_params["entry"], file)
        headers = {"content-security-policy": REPORT_POLICY}
        return FileResponse(path, headers=headers)

    def locate_report(self, request: Request) -> Response:
        """The path of a kept report, so that it can be chosen as a file."""
        path = self.history.find_file(request.path_params["entry"], REPORT_FILE)
        return _respond_json({"path": str(path.resolve()), "name": path.parent.name})


def build_app(workbench: Workbench, token: str) -> Starlette:
    """The application; everything of it lies below `/TOKEN/`.

    Raises:
        UsageError: If Starlette or Jinja2 is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.routing import Mount, Route
    except ImportError as error:
        raise _explain_missing_packages() from error
    page.render_page(is_code_allowed=False)  # says at once if Jinja2 is missing
    routes = [
        Route("/", workbench.show_page),
        Route("/workbench.css", workbench.show_style),
        Route("/workbench.js", workbench.show_script),
        Route("/files", workbench.list_files),
        Route("/uploads", workbench.receive_file, methods=["POST"]),
        Route("/choice", workbench.choose, methods=["POST"]),
        Route("/jobs", workbench.list_jobs),
        Route("/jobs", workbench.start_job, methods=["POST"]),
        Route("/jobs/{entry}", workbench.show_job),
        Route("/jobs/{entry}/stop", workbench.stop_job, methods=["POST"]),
        Route("/reports/{entry}/path", workbench.locate_report),
        Route("/reports/{entry}/{file}", workbench.show_report),
    ]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=list(ALLOWED_HOSTS), www_redirect=False),
        Middleware(LocalGuard, token=token),
    ]
    return Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        middleware=middleware,
        exception_handlers={AuscultError: _explain_error},
    )


def serve(
    folder: Path,
    reports: Path,
    *,
    port: int,
    max_upload_bytes: int,
    is_code_allowed: bool,
    on_start: Callable[[str], None],
) -> None:
    """Serve the workbench until it is interrupted.

    Args:
        port: 0 takes a free one.
        on_start: Told the address when it can be opened.

    Raises:
        UsageError: If a package is missing or the port is taken.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise _explain_missing_packages() from error
    token = make_token()
    with tempfile.TemporaryDirectory(prefix="auscult-serve-") as uploads, bind(port) as listener:
        workbench = Workbench.open(
            folder,
            reports,
            Path(uploads),
            max_upload_bytes=max_upload_bytes,
            is_code_allowed=is_code_allowed,
        )
        app = build_app(workbench, token)
        config = uvicorn.Config(app, log_level="warning", server_header=False, lifespan="off")
        on_start(f"http://{ADDRESS}:{listener.getsockname()[1]}/{token}/")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            workbench.jobs.stop_all()


def bind(port: int) -> socket.socket:
    """A socket on this machine alone; port 0 takes a free one.

    Raises:
        UsageError: If the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(
            f"this port cannot be used: {error.strerror}",
            where=f"{ADDRESS}:{port}",
            hint="leave --port out to take a free one",
        ) from error
    return listener


def _explain_missing_packages() -> UsageError:
    return UsageError(
        "the page needs Starlette, uvicorn and Jinja2", hint=format_install_command("serve")
    )


async def _read_question(request: Request) -> Json:
    """The JSON object that a request brings.

    Raises:
        UsageError: If it is none, or too long.
    """
    import json

    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_REQUEST_BYTES:
            raise UsageError("the request is too long", expected=f"{MAX_REQUEST_BYTES:,} bytes")
    try:
        asked = json.loads(content)
    except ValueError as error:
        raise UsageError("the request is no JSON") from error
    if not isinstance(asked, dict):
        raise UsageError("the request is no JSON object")
    return asked


async def _explain_error(_request: Request, error: Exception) -> Response:
    return _respond_json({"error": str(error)}, 400)


def _respond(text: str, media_type: str) -> Response:
    from starlette.responses import Response

    return Response(text, media_type=media_type)


def _respond_json(content: Json, status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(content, status)
