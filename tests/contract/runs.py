"""The recorded runs, and what of a report is the contract.

Record runs anew, with today's code or with that of another checkout:

    python -m tests.contract.runs                       # every run
    python -m tests.contract.runs listen-alone --source ../old/src
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.inputs import make_inputs

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"

RUNS: dict[str, tuple[str, ...]] = {
    "inspect-trained": ("inspect vocoder.pth",),
    "inspect-damaged": ("inspect damaged.safetensors",),
    "diff-changed": ("diff good.safetensors changed.safetensors",),
    "diff-template": ("diff template.py:Generator good.safetensors",),
    "convert": ("convert good.safetensors out.npz --to mlx",),
    "compare-traces": (
        "trace nets.py:good --inputs x.npz -o ref.safetensors",
        "trace nets.py:wrong --inputs x.npz -o cand.safetensors",
        "compare ref.safetensors cand.safetensors",
    ),
    "compare-models": ("compare nets.py:good nets.py:wrong --inputs x.npz",),
    "listen-alone": ("listen clipped.wav",),
    "listen-reference": ("listen late.wav --ref frase.flac",),
    "mel": ("mel frase.flac mel.npy --against hifigan",),
    "preflight-log": ("preflight --log train.log",),
    "rules": ("rules LAY001",),
    "report": (
        "listen clipped.wav -o before.json",
        "listen late.wav --ref frase.flac -o after.json",
        "report before.json after.json",
    ),
}
"""Commands by the name of the run; the JSON of the last one is recorded."""

IDENTIFIERS = frozenset(("where", "code", "subjects", "cause", "causes", "path", "times"))
"""Keys whose strings are compared to the letter. Of other strings only those without a space are: the rest is prose, which may
be said in better words."""

OF_THE_MACHINE = frozenset(("auscult", "provenance"))
OF_OPTIONAL_PACKAGES = ("pesq", "stoi")


def reduce_to_contract(value: Any, key: str = "") -> Any:
    """A report without prose, versions, durations, pictures and what hangs on the packages that are installed."""
    if isinstance(value, dict):
        return {
            name: reduce_to_contract(item, name)
            for name, item in value.items()
            if name not in OF_THE_MACHINE
        }
    if isinstance(value, list):
        kept = [item for item in value if not _hangs_on_optional_package(item)]
        return [reduce_to_contract(item, key) for item in kept]
    if key == "rows":
        return "(picture)"
    if isinstance(value, str) and key not in IDENTIFIERS and " " in value:
        return "(prose)"
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value


def _hangs_on_optional_package(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    words = f"{item.get('name')} {item.get('path')}"
    return any(package in words for package in OF_OPTIONAL_PACKAGES)


def record(name: str, source: Path) -> dict[str, Any]:
    """The contract of one run, made by the code in `source`, with its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1"}
    with tempfile.TemporaryDirectory(prefix="auscult-contract-") as folder:
        make_inputs(Path(folder))
        for command in RUNS[name]:
            words = [sys.executable, "-m", "auscult", *command.split(), "--format", "json"]
            done = subprocess.run(
                words, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
        if not done.stdout:
            raise SystemExit(f"{name}: exit {done.returncode}: {done.stderr.strip()}")
        report = reduce_to_contract(json.loads(done.stdout))
    return {"exit_code": done.returncode, "report": report}


def main() -> None:
    parser = argparse.ArgumentParser(description="Record runs anew.")
    parser.add_argument("names", nargs="*", help="default: every run")
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder that holds auscult/")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - RUNS.keys()
    if unknown:
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    for name in arguments.names or RUNS:
        recorded = record(name, arguments.source.resolve())
        text = json.dumps(recorded, indent=1, ensure_ascii=False)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
