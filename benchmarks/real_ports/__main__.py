"""Judge real ports one by one, and print what auscult says of each.

python -m benchmarks.real_ports [--blocks] [--list] [--report] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.real_ports.find import find_pairs, judge_quietly
from benchmarks.real_ports.judge import Outcome


def main(arguments: list[str]) -> int:
    """Judge the pairs whose names contain one of the arguments; all without arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_ports", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of names; default: all")
    parser.add_argument("--list", action="store_true", help="only list the pairs")
    parser.add_argument("--report", action="store_true", help="print auscult's whole report")
    parser.add_argument(
        "--blocks", action="store_true", help="blocks on the libraries' defaults instead of ports"
    )
    options = parser.parse_args(arguments)
    for pair in find_pairs(options.names, "blocks" if options.blocks else "pairs"):
        if options.list:
            print(pair.name)
            continue
        with tempfile.TemporaryDirectory() as folder:
            outcome = judge_quietly(pair, Path(folder))
        print(f"{pair.name}\n    {describe_outcome(outcome)}", flush=True)
        if options.report and isinstance(outcome, Outcome):
            from auscult.report.text import render

            print(render(outcome.report))
    return 0


def describe_outcome(outcome: Outcome | str) -> str:
    """A line for the screen."""
    if isinstance(outcome, str):
        return f"not made: {outcome}"
    marks = [
        name if right else f"{name.upper()} WRONG"
        for name, right in (
            ("verdict", outcome.verdict_right),
            ("place", outcome.place_right),
            ("cause", outcome.cause_right),
            ("diff", outcome.diff_right),
        )
        if right is not None
    ]
    said = f"{outcome.verdict} [{outcome.said}] diff {outcome.diff_verdict} [{outcome.diff_said}]"
    return f"{outcome.output_error:.1e} {outcome.seconds:.1f} s {', '.join(marks)}: {said}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
