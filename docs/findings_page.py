"""The page of findings about other libraries, from the comments at the top of the scripts in `findings/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "findings"
PAGE_HEAD = """# Findings about other libraries

Behaviour of public libraries that surprised us, on valid input: what a port or a conversion has to know. Generated from the
comments of `findings/*.sh`. Each script installs the versions that it names into a temporary folder, shows the behaviour
without auscult, and fails when it has changed: `sh findings/NAME.sh` (`PYTHON=python3.11` chooses the interpreter).
"""


@dataclass(frozen=True)
class FindingScript:
    """One script: its name, and the paragraphs of the comment at its top, the first of which is the title."""

    name: str
    paragraphs: tuple[str, ...]

    @property
    def title(self) -> str:
        """`torch 2.13.0, torch.jit.freeze`: package, version, and what of it."""
        return self.paragraphs[0].rstrip(".")


def read_scripts(folder: Path = FOLDER) -> Iterator[FindingScript]:
    """All scripts, in the order of their names."""
    for path in sorted(folder.glob("*.sh")):
        comment: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            if not line.startswith("#"):
                break
            comment.append(line.removeprefix("#").strip())
        paragraphs = (" ".join(part.split()) for part in "\n".join(comment).split("\n\n"))
        yield FindingScript(path.stem, tuple(filter(None, paragraphs)))


def write_page() -> str:
    """The whole page."""
    parts = [PAGE_HEAD]
    for script in read_scripts():
        parts.append(f"## {script.title}\n")
        parts += [f"{paragraph}\n" for paragraph in script.paragraphs[1:]]
        parts.append(f"Script: `findings/{script.name}.sh`\n")
    return "\n".join(parts)
