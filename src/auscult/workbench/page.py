"""The workbench's own page: its frame from a template, style and helpers shared with the reports."""

from __future__ import annotations

from importlib import resources

from auscult.report.html import make_environment, read_assets, to_script_json
from auscult.verdict import VERSION
from auscult.workbench.forms import FORMS

SHARED_STYLES = ("base",)
SHARED_SCRIPTS = ("dom", "theme")


def render_page(is_code_allowed: bool) -> str:
    """The page as text; names of files come later, as data.

    Raises:
        UsageError: If Jinja2 is not installed.
    """
    template = make_environment().from_string(_read_own_file("page.html.j2"))
    data = {"names": [], "forms": [form.to_json() for form in FORMS.values()]}
    text: str = template.render(
        version=VERSION, data=to_script_json(data), is_code_allowed=is_code_allowed
    )
    return text


def read_style() -> str:
    return f"{read_assets('css', SHARED_STYLES)}\n{_read_own_file('workbench.css')}"


def read_script() -> str:
    """The script: the helpers of the reports, then the workbench's own."""
    own = _read_own_file("workbench.js")
    return f'(() => {{\n"use strict";\n{read_assets("js", SHARED_SCRIPTS)}\n{own}}})();\n'


def _read_own_file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
