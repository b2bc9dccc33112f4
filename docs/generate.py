"""Make the generated documentation, or check that it has not drifted.

    python docs/generate.py          # write
    python docs/generate.py --check  # exit 1 and name the pages that differ

Rule pages come from the rules' docstrings and, for what one hears, from `docs/sensitivity.json`, which `python -m benchmarks
sound` writes. In README.md and the guides, a block between `<!-- run: COMMAND -->` and `<!-- end -->` holds the real output of
that command, run in a folder that has the trained demo vocoder as `vocoder.pth`; a block `<!-- verbs -->` holds the table of
verbs. `thresholds.md` comes from the constants of the rules and measurements, `formats.md` from the readers of files,
`findings.md` from the scripts in `findings/`. Programs that a guide speaks of lie in a folder of its
name beside it. Guides have figures that hang on how a processor rounds: there `--check` lets each be off by a factor of two,
those below 1e-4 by anything, and no word.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

from findings_page import write_page as write_findings_page
from format_table import write_page as write_format_page
from threshold_table import write_page as write_threshold_page

from auscult import plugins, rules
from auscult.rules import Rule
from auscult.rules.sound.causal_table import load_causal_table
from auscult.rules.suspects import Suspect
from auscult.verbs.diagnose.next_run import build_diagnose_command

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "rules"
SENSITIVITY = ROOT / "docs" / "sensitivity.json"
BLOCK = re.compile(
    r"<!-- (?P<what>verbs|run: (?P<command>[^\n]+?)|symptoms: (?P<symptoms>[^\n]+?)) -->\n.*?<!-- end -->",
    re.DOTALL,
)
FIGURE = re.compile(r"(?<![\w.])\d+\.\d+(?:e[-+]\d+)?(?![\w.])")
ROUNDING = 1e-4
"""Below this a figure is what rounding left: 6.3e-08 on one machine was 1.7e-07 on another. Chosen, not measured."""
BARS = re.compile("[▁▂▃▄▅▆▇█]+")


def rule_pages() -> Iterator[tuple[Path, str]]:
    """One page per rule, and the index."""
    rows: list[str] = []
    for rule in sorted(rules.every_rule(), key=lambda rule: rule.code):
        page = PAGES / f"{rule.code}-{rule.name}.md"
        text = rule.page
        suspects = f"\n{suspects_table(rule.suspects)}\n" if rule.suspects else ""
        yield page, f"# {rule.code} `{rule.name}`\n\n{text}\n{suspects}{sensitivity_text(rule)}"
        rows.append(f"| [{rule.code}]({page.name}) | `{rule.name}` | {text.splitlines()[0]} |")
    head = "# Rules\n\nGenerated from the rules' docstrings; `auscult rules CODE` prints the same page. At the end of a page here "
    head += "stand\nfurther what can make the sound, and what `python -m benchmarks sound` measured last. What each "
    head += "threshold was measured on: [thresholds](../thresholds.md).\n\n"
    yield (
        PAGES / "README.md",
        head + "| code | cause | what it finds |\n|---|---|---|\n" + "\n".join(rows) + "\n",
    )


DOMAINS = {
    "rules.diff.checkpoint": "Two checkpoints: which tensors are there, and whose values they hold",
    "rules.diff.layout": "Two checkpoints: the order of axes, and how the weights are written down",
    "rules.diff.architecture": "A checkpoint and the code that loads it",
    "rules.inspect": "One checkpoint alone",
    "explain.mistakes": "Two models, run side by side",
    "rules.invariance": "A model against itself",
    "rules.sound": "A recording, alone or beside its reference",
    "rules.mel": "A mel spectrogram",
    "rules.training": "A training, in its first steps",
}
"""What the rules of each folder look at."""


def index_pages() -> Iterator[tuple[Path, str]]:
    """The rules by what they look at, and by what one hears."""
    every_rule = sorted(rules.every_rule(), key=lambda rule: rule.code)
    yield PAGES / "by-domain.md", domain_index(every_rule)
    yield PAGES / "by-sound.md", sound_index(every_rule)


def domain_index(every_rule: Sequence[Rule]) -> str:
    """A table of rules for each folder, with the verbs' domains as headings."""
    folders = {
        code: module.removeprefix("auscult.").rpartition(".")[0]
        for code, module in rules.rule_files().items()
    }
    parts = [
        "# Rules by domain",
        "Each rule is listed under what it looks at. Generated from the rules' files.",
    ]
    for folder, heading in DOMAINS.items():
        rows = [rule_row(rule) for rule in every_rule if folders[rule.code] == folder]
        parts.append(
            f"## {heading}\n\n| code | cause | what it finds |\n|---|---|---|\n" + "\n".join(rows)
        )
    missing = set(folders.values()) - set(DOMAINS)
    if missing:
        raise SystemExit(
            f"docs/generate.py: DOMAINS has no heading for {', '.join(sorted(missing))}"
        )
    return "\n\n".join(parts) + "\n"


def rule_row(rule: Rule) -> str:
    return f"| [{rule.code}]({rule.code}-{rule.name}.md) | `{rule.name}` | {rule.summary} |"


def sound_index(every_rule: Sequence[Rule]) -> str:
    """For each sound: the rule that hears it, and the rules that find what makes it."""
    pages: dict[str, list[str]] = {}
    for rule in every_rule:
        pages.setdefault(rule.name, []).append(f"[{rule.code}]({rule.code}-{rule.name}.md)")
    summaries = {rule.name: rule.summary for rule in every_rule}
    parts = [
        "# Rules by what one hears",
        "Each heading is a sound, with the rule that hears it. The table below it says what in a model makes that sound, and\n"
        "which rules find it. Where there is no table, the fault lies in how the samples were written.",
    ]
    for name, entry in sorted(load_causal_table().items()):
        says = entry.page or summaries[name]
        parts.append(f"## {name}\n\n{', '.join(pages[name])}: {says}")
        rows = [
            f"| {suspect.why} | {'; '.join(linked_causes(suspect.causes, pages))} |"
            for suspect in entry.suspects
        ]
        if rows:
            parts.append("| what makes it | found by |\n|---|---|\n" + "\n".join(rows))
        if entry.writing:
            parts.append(f"If the model is right: {entry.writing}.")
    return "\n\n".join(parts) + "\n"


def linked_causes(causes: Sequence[str], pages: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Each cause with links to the rules that find it."""
    for cause in causes:
        if cause not in pages:
            raise SystemExit(
                f"a suspect has the cause `{cause}`, which no rule finds; `auscult rules` lists those that are found"
            )
        yield f"`{cause}` {', '.join(pages[cause])}"


def sensitivity_text(rule: Any) -> str:
    """How weak a planted defect the rule still finds, from the last run of the benchmark; nothing where it is not measured."""
    with_reference = rule.evidence == "reference"
    tables = [
        sensitivity_table(curve)
        for curve in (json.loads(SENSITIVITY.read_text()) if SENSITIVITY.exists() else ())
        if curve["cause"] == rule.name and (curve["evidence"] == "reference") is with_reference
    ]
    head = "\n**Sensitivity.** Planted in held-out clips from weak to strong, and found as the first cause; bold: has to be.\n"
    return head + "".join(tables) if tables else ""


def sensitivity_table(curve: dict[str, Any]) -> str:
    """Strengths over the clips that each was found in."""
    needs = {
        "nothing": "the sound alone",
        "metadata": "what is known of the model",
        "reference": "a reference",
    }
    points = curve["points"]
    strengths = [
        f"**{point['strength']}**" if point["must"] else point["strength"] for point in points
    ]
    found = [f"{point['found']} of {point['of']}" for point in points]
    rows = [f"| {' | '.join(row)} |" for row in (strengths, ["---"] * len(points), found)]
    return (
        f"\nStrength in {curve['unit']}; from {needs[curve['evidence']]}:\n\n"
        + "\n".join(rows)
        + "\n"
    )


def verbs_table() -> str:
    """The verbs with the first line of their help."""
    import click

    rows = ["| verb | what it does |", "|---|---|"]
    for module in plugins.import_modules("auscult.cli"):
        command = getattr(module, "command", None)
        if isinstance(command, click.Command):
            verb = module.__name__.rpartition(".")[2].rstrip("_")
            rows.append(f"| `auscult {verb}` | {command.get_short_help_str(limit=200)} |")
    return "\n".join(rows)


def prepare(folder: Path) -> None:
    """Put the files there that the commands in the documents speak of."""
    for name in ("vocoder.pth", "frase.flac"):
        shutil.copyfile(str(resources.files("auscult.data") / name), folder / name)
    for program in (ROOT / "docs" / "guides").glob("*/*.py"):
        shutil.copyfile(program, folder / program.name)


def output_of(command: str, folder: Path) -> str:
    """What the command prints in that folder, as a console block; stderr and ANSI colours left out."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {
        "NO_COLOR": "1",
        "COLUMNS": "110",
        "OMP_NUM_THREADS": "1",
        "PATH": path,
    }
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > 1 and not done.stdout:
        raise SystemExit(f"{command}: exit {done.returncode}: {done.stderr.strip()}")
    lines = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
    return f"```console\n$ {command}\n{lines}\n```"


def filled(document: Path) -> str:
    """The document with its generated blocks made anew, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="auscult-docs-") as name:
        folder = Path(name)
        prepare(folder)

        def fill(block: re.Match[str]) -> str:
            if block["symptoms"]:
                body = symptoms_text(block["symptoms"])
            else:
                body = (
                    verbs_table()
                    if block["what"] == "verbs"
                    else output_of(block["command"], folder)
                )
            return f"<!-- {block['what']} -->\n{body}\n<!-- end -->"

        return BLOCK.sub(fill, document.read_text())


def symptoms_text(names: str) -> str:
    """What the causal table says of some sounds: how each arises, its suspects in order, and what settles each."""
    parts = []
    for name in names.split(", "):
        entry = load_causal_table()[name]
        parts.append(f"**`{name}`** {entry.page}")
        if entry.suspects:
            parts.append(suspects_table(entry.suspects))
        if entry.writing:
            parts.append(f"If the model is right: {entry.writing}.")
    return "\n\n".join(parts) + "\n"


def suspects_table(suspects: Sequence[Suspect]) -> str:
    """One row per suspect, the likeliest first."""
    rows = ["| what makes it | found as | settled by |", "|---|---|---|"]
    for suspect in suspects:
        causes = ", ".join(f"`{cause}`" for cause in suspect.causes)
        rows.append(f"| {suspect.why} | {causes} | `{build_diagnose_command(suspect.needs)}` |")
    return "\n".join(rows)


def everything() -> Iterator[tuple[Path, str]]:
    yield from rule_pages()
    yield from index_pages()
    yield ROOT / "docs" / "thresholds.md", write_threshold_page()
    yield ROOT / "docs" / "formats.md", write_format_page()
    yield ROOT / "docs" / "findings.md", write_findings_page()
    documents = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("**/*.md")),
    ]
    generated = [document for document in documents if BLOCK.search(document.read_text())]
    generated.sort(key=lambda document: len(BLOCK.findall(document.read_text())), reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from zip(generated, pool.map(filled, generated), strict=True)


def same_page(path: Path, old: str, new: str) -> bool:
    """Whether a page is what is made now; in a guide, figures may differ by a factor of two, and the bars drawn from them.

    Figures at rounding level are not compared: what is left of an error there hangs on the processor.
    """
    if ROOT / "docs" / "guides" not in path.parents:
        return old == new
    words = [FIGURE.sub("#", BARS.sub("_", page)) for page in (old, new)]
    if words[0] != words[1]:
        return False
    figures = [[float(text) for text in FIGURE.findall(page)] for page in (old, new)]
    return all(same_figure(before, after) for before, after in zip(*figures, strict=True))


def same_figure(before: float, after: float) -> bool:
    if max(before, after) < ROUNDING:
        return True
    return before == after or (after > 0 and 0.5 < before / after < 2)


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them; 1 if any differs."""
    pages = dict(everything())
    stale = [path for path in PAGES.glob("*.md") if path not in pages]
    if "--check" in arguments:
        drifted = [
            path
            for path, text in pages.items()
            if not path.exists() or not same_page(path, path.read_text(), text)
        ] + stale
        for path in drifted:
            sys.stderr.write(f"{path.relative_to(ROOT)} has drifted; run `make docs`\n")
        return 1 if drifted else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.unlink()
    for path, text in pages.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
