"""The report as one self-contained page: no network, sound inside, for light and dark surroundings, mouse, keyboard and phone.

Needs Jinja2. A part of the page is one module in `sections/` with its template beside it, found by its folder. What must be
read at once is written into the page; what may be long (mapping, layers, tensors) travels as data and is drawn where it is
looked at. Sound that the report names is read from disk and embedded, as far as `MAX_EMBEDDED_BYTES` goes.
"""

from __future__ import annotations

import base64
import hashlib
import html as escaping
import json
from importlib import resources
from typing import Any

from auscult import plugins
from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.facts.words import format_count
from auscult.finding import Json, Severity
from auscult.report._parts import find_verb_part
from auscult.report.html._page import ReportPage
from auscult.report.html._text import FILTERS
from auscult.report.json_ import to_plain_json
from auscult.report.text import suggest_next_command
from auscult.verdict import VERSION, Report, Verdict

MAX_EMBEDDED_BYTES = 32_000_000
"""Of sound in one page, before base64: twenty minutes of speech at 24 kHz without loss."""
MAX_NOTEBOOK_BYTES = 6_000_000
SEARCHING_COMMANDS = ("inspect", "diff", "compare", "check", "listen", "diagnose", "preflight")
"""Verbs of which it is news that they found nothing."""
NOTEBOOK_HEIGHT = 680
"""Of the frame in a notebook, in pixels."""

SCRIPTS: tuple[str, ...] = (
    *("dom", "theme", "pattern", "table", "mapping", "tensors", "layers", "curve"),
    *(
        "analyse",
        "colors",
        "track",
        "player",
        "lane",
        "timeline",
        "flags",
        "controls",
        "pointer",
        "keys",
        "sound",
        "files",
    ),
    *("findings", "main"),
)
"""In the order in which they stand in the page."""
STYLES = ("base", "findings", "tables", "sound")


def render(report: Report, *, color: bool = False, verbose: int = 0) -> str:  # noqa: ARG001  colours are the page's own
    """The page as text.

    Raises:
        UsageError: If Jinja2 is not installed.
    """
    return build_page(report, max_embedded_bytes=MAX_EMBEDDED_BYTES)


def notebook(report: Report) -> str:
    """The page in a frame of its own, as a notebook shows it; the report as plain text where Jinja2 is not installed."""
    try:
        page = build_page(report, max_embedded_bytes=MAX_NOTEBOOK_BYTES)
    except UsageError:
        from auscult.report import text

        return f"<pre>{escaping.escape(text.render(report))}</pre>"
    return (
        f'<iframe srcdoc="{escaping.escape(page)}" sandbox="allow-scripts" title="auscult {escaping.escape(report.command)}" '
        f'style="width:100%;height:{NOTEBOOK_HEIGHT}px;border:1px solid #8884;border-radius:8px"></iframe>'
    )


def build_page(report: Report, *, max_embedded_bytes: int) -> str:
    """The page, with no more than `max_embedded_bytes` bytes of sound in it.

    Raises:
        UsageError: If Jinja2 is not installed.
    """
    environment = make_environment()
    page = ReportPage(report, max_embedded_bytes)
    shown_sections = _collect_sections(page)
    script = _read_script()
    is_empty_search = report.verdict is Verdict.PASS and report.command in SEARCHING_COMMANDS
    page_text: str = environment.get_template("page.html.j2").render(
        version=VERSION,
        report=report,
        sections=shown_sections,
        counts=_describe_counts(report),
        nothing=is_empty_search and not report.findings,
        next=_find_next_command(report),
        style=read_assets("css", STYLES),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=to_script_json(page.data),
        blobs=page.blobs,
    )
    return page_text


def make_environment() -> Any:
    """The templates beside this file, with the filters of the page.

    Raises:
        UsageError: If Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise UsageError(
            "the html report needs Jinja2", hint=format_install_command("html")
        ) from error

    environment = Environment(
        loader=PackageLoader("auscult.report", "html"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(FILTERS)
    return environment


def _collect_sections(page: ReportPage) -> list[Json]:
    """The parts of the page for which the report has something, in their order."""
    modules = plugins.import_modules(f"{__name__}.sections")
    shown_sections: list[Json] = []
    for module in sorted(modules, key=lambda module: module.ORDER):
        content = module.content(page)
        if content is not None:
            shown_sections.append(
                {
                    "id": module.__name__.rpartition(".")[2].rstrip("_"),
                    "title": module.TITLE,
                    "count": content.get("count"),
                    "content": content,
                }
            )
    return shown_sections


def _find_next_command(report: Report) -> str | None:
    """What to type next, where the page does not say it elsewhere."""
    if report.findings and not find_verb_part(report).next_shown:
        return suggest_next_command(report)
    return None


def _describe_counts(report: Report) -> str:
    """`7 errors, 1 warning, 2 for information, 3 not looked at`."""
    words = {Severity.ERROR: "error", Severity.WARNING: "warning"}
    counts = {
        severity: sum(finding.severity is severity for finding in report.findings)
        for severity in Severity
    }
    parts = [
        format_count(counts[severity], word) for severity, word in words.items() if counts[severity]
    ]
    parts += [f"{counts[Severity.INFO]} for information"] if counts[Severity.INFO] else []
    parts += [f"{len(report.skips):,} not looked at"] if report.skips else []
    return ", ".join(parts)


def _read_script() -> str:
    return f'(() => {{\n"use strict";\n{read_assets("js", SCRIPTS)}}})();\n'


def read_assets(folder: str, names: tuple[str, ...]) -> str:
    """The files of one folder (`js` or `css`), one after the other."""
    files = resources.files(__name__).joinpath(folder)
    return "\n".join(
        files.joinpath(f"{name}.{folder}").read_text(encoding="utf-8") for name in names
    )


def to_script_json(data: Json) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text: Any = json.dumps(
        to_plain_json(data), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return (
        str(text).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )
