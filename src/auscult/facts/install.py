"""The name under which auscult is installed, and the command that adds what an extra brings.

On PyPI the plain name `auscult` belongs to another project, so that the distribution is called otherwise
than the package and the command.
"""

from __future__ import annotations

REPORTED_PACKAGES = (
    "numpy",
    "scipy",
    "safetensors",
    "ml_dtypes",
    "soundfile",
    "torch",
    "mlx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
)
"""Packages whose versions decide what comes out: `--version` prints them, reports keep them."""

DISTRIBUTION = "auscult-audio"


def format_install_command(*extras: str) -> str:
    """The command that installs auscult with these extras (names from pyproject.toml)."""
    return f"pip install '{DISTRIBUTION}[{','.join(extras)}]'"
