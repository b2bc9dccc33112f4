"""Put the pages of the documentation site together and build it; nothing is taken from the network.

    python docs/build_site.py          # build/site/index.html, with `zensical build --strict`
    python docs/build_site.py --pages  # only the pages, in build/site-source

The pages lie as they do in the repository, so that the links between them hold in both. Added to them are the API reference,
which mkdocstrings fills from the docstrings, and the help of the command line. A link to a page or a heading that does not exist
stops the build; so does a page that would load anything from another server.
"""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import auscult
from auscult.cli.main import group

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "build" / "site-source"
SITE = ROOT / "build" / "site"
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"),
    "benchmarks/README.md",
)
WORKER_FROM_CDN = "https://unpkg.com/iframe-worker/shim"
"""What the offline search loads from another server; `search_from_disk.js` stands in for it."""
WORKER_FROM_DISK = "assets/javascripts/search_from_disk.js"
LOADED_FROM_ELSEWHERE = re.compile(
    r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"https?://[^\"]*\"[^>]*>"
)


def gather_pages(folder: Path = SOURCE) -> None:
    """Copy the documents into a folder, each to where it lies in the repository, and write the pages of the reference."""
    shutil.rmtree(folder, ignore_errors=True)
    paths = [ROOT / name for name in DOCUMENTS]
    paths += [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".md", ".css")]
    paths += (ROOT / "docs" / "guides").glob("*/*.py")
    for path in paths:
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    for name, text in reference_pages():
        page = folder / "api" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)


def reference_pages() -> Iterator[tuple[str, str]]:
    """The API reference: every public name on the page of its kind, and the help of every command."""
    pages: dict[str, list[str]] = {"functions": [], "records": [], "errors": []}
    for name in sorted(auscult.__all__):
        value = getattr(auscult, name)
        if inspect.isfunction(value):
            kind = "functions"
        elif not inspect.isclass(value):
            continue
        elif issubclass(value, Exception):
            kind = "errors"
        else:
            kind = "records"
        pages[kind].append(f"::: {value.__module__}.{value.__qualname__}")
    introductions = {
        "functions": "# Functions\n\nEach is a name of the package: `auscult.diff(...)`, `auscult.open(...)`.",
        "records": "# Records\n\nWhat the functions take and give. Each is a name of the package: `auscult.Report`.",
        "errors": "# Errors\n\nWhat the functions raise. The command line prints such an error as one line and exits with 2.",
    }
    for kind, directives in pages.items():
        yield f"{kind}.md", "\n\n".join([introductions[kind], *directives]) + "\n"
    yield "command-line.md", "# Command line\n\n" + "\n".join(help_sections(group, "auscult"))


def help_sections(command: click.Command, name: str) -> Iterator[str]:
    """What `--help` prints of a command and of every command below it."""
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
    yield f"## `{name}`\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            inner = command.get_command(context, below)
            assert inner is not None
            yield from help_sections(inner, f"{name} {below}")


def build() -> None:
    """Build the site and take out what it would load from elsewhere.

    Raises:
        SystemExit: If the build fails, or a page still loads something from another server.
    """
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run([zensical, "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    shutil.copyfile(ROOT / "docs" / "search_from_disk.js", SITE / WORKER_FROM_DISK)
    for page in SITE.rglob("*.html"):
        up = "../" * (len(page.relative_to(SITE).parts) - 1)
        text = page.read_text().replace(WORKER_FROM_CDN, up + WORKER_FROM_DISK)
        foreign = [tag for tag in LOADED_FROM_ELSEWHERE.findall(text) if "canonical" not in tag]
        if foreign:
            raise SystemExit(f"{page.relative_to(SITE)} loads from another server: {foreign[0]}")
        page.write_text(text)


if __name__ == "__main__":
    gather_pages()
    if "--pages" not in sys.argv[1:]:
        build()
