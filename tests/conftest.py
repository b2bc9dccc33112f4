"""Shared by all tests: the command line in-process, and a run without any framework."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
from hypothesis import settings

FRAMEWORKS = (
    *(
        "torch",
        "torchaudio",
        "mlx",
        "onnx",
        "onnxruntime",
        "ai_edge_litert",
        "tensorflow",
        "jax",
        "flax",
    ),
    *("transformers", "coremltools", "gguf", "msgpack", "jinja2", "matplotlib", "pystoi"),
)


# The everyday run draws the same examples each time, so that a change is judged by what it changes; `make properties` draws more.
settings.register_profile("everyday", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everyday"))

TESTS = os.path.dirname(os.path.abspath(__file__))


class Refusal(MetaPathFinder):
    """Makes every optional package look as if it were not installed.

    A test that imports one by itself is skipped; auscult's own code gets the error that a user without the package would get.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in FRAMEWORKS:
            importer = _importer()
            # a test, or code that a test made
            if importer.startswith(TESTS) or not os.path.exists(importer):
                pytest.skip(f"needs {fullname}", allow_module_level=True)
            raise ModuleNotFoundError(
                f"No module named {fullname!r} (refused by AUSCULT_WITHOUT_FRAMEWORKS)",
                name=fullname,
            )
        return None


def _importer() -> str:
    """The file whose import statement is being carried out."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return frame.f_code.co_filename


if os.environ.get("AUSCULT_WITHOUT_FRAMEWORKS"):
    sys.meta_path.insert(0, Refusal())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without frameworks, keep the first case of every test: what is imported does not hang on the numbers."""
    if not os.environ.get("AUSCULT_WITHOUT_FRAMEWORKS"):
        return
    first_by_function: dict[str, pytest.Item] = {}
    for item in items:
        first_by_function.setdefault(item.nodeid.partition("[")[0], item)
    items[:] = first_by_function.values()


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    exit_code: int
    out: str
    err: str


@pytest.fixture
def auscult(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process: `auscult("inspect", path)`."""
    from auscult.cli.main import run_command_line

    def run(*args: object) -> Ran:
        capsys.readouterr()
        code = run_command_line([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run
