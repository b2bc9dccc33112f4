"""Every mistake: its file, its page, its test, and that no explanation can have a cause without a file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from auscult.comparison.results import LayerResult
from auscult.explain import searches
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.mistakes import (
    Mistake,
    UnknownCauseError,
    find_mistake,
    iter_mistakes,
    mistake_files,
)
from auscult.explain.try_mistakes import collect_explanations
from auscult.rules import load_rule
from auscult.rules.parity import CompareSubject, iter_findings
from auscult.traces.records import Manifest, Trace
from auscult.weights import ModuleInfo
from tests.explain.planted import draw

SOURCE = Path(searches.__file__).parents[2]
TESTS = Path(__file__).parent
MISTAKES = list(iter_mistakes())
SECTIONS = (
    "What it finds",
    "What you hear",
    "Why it happens",
    "Blind spots",
    "How it is measured",
    "Example",
    "Fix",
)
SNIPPETS = ("# torch, wrong", "# torch, right", "# MLX, wrong", "# MLX, right")
EXAMPLE = re.compile(r"\*\*Example\.\*\*\n\n```python\n(?P<code>.*?)```", re.DOTALL)
MAX_SNIPPET_LINES = 18
SAFETY = "the section Fix says `Safety: safe`, `lossy`, `guess` or `not repairable`"

each = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)


def read_section(mistake: Mistake, title: str) -> str:
    return mistake.page.split(f"**{title}.**", 1)[1].split("\n**", 1)[0].strip()


@each
def test_a_page_has_its_sections_in_order(mistake: Mistake) -> None:
    places = [mistake.page.find(f"**{title}.**") for title in SECTIONS]
    assert min(places) > 0, [t for t, p in zip(SECTIONS, places, strict=True) if p < 0]
    assert places == sorted(places)
    assert re.search(r"Safety:\s+(safe|lossy|guess|not\s+repairable)", mistake.page), SAFETY


@each
def test_a_page_shows_the_mistake_in_both_frameworks(mistake: Mistake) -> None:
    example = EXAMPLE.search(mistake.page)
    assert example is not None
    places = [example["code"].find(title) for title in SNIPPETS]
    assert places[0] == 0
    assert places == sorted(places)
    assert -1 not in places
    ast.parse(example["code"])
    assert len(example["code"].splitlines()) <= MAX_SNIPPET_LINES
    parts = re.split("|".join(SNIPPETS), example["code"])[1:]
    assert parts[0] != parts[1]
    assert parts[2] != parts[3]


@pytest.mark.parametrize("title", ["How it is measured", "Why it happens", "What it finds"])
def test_no_two_pages_say_the_same(title: str) -> None:
    texts = [read_section(mistake, title) for mistake in MISTAKES]
    assert len(set(texts)) == len(texts)
    short = [m.name for m, text in zip(MISTAKES, texts, strict=True) if len(text.split()) < 8]
    assert short == [], f"'{title}' needs eight words or more"


@each
def test_a_mistake_is_named_by_its_file(mistake: Mistake) -> None:
    stem = f"{mistake.code.lower()}_{mistake.name.replace('-', '_')}"
    assert mistake_files()[mistake.code].rpartition(".")[2] == stem
    assert load_rule(mistake.code).page == mistake.page


@each
def test_a_mistake_names_the_searches_that_it_asks(mistake: Mistake) -> None:
    """Mistakes that share a search are tried together."""
    path = SOURCE / f"{mistake_files()[mistake.code].removeprefix('auscult.').replace('.', '/')}.py"
    text = path.read_text()
    asked = set(re.findall(r"\b(\w+)\.(?:find|read|compare|fit|measure)_\w+\(case, floor\)", text))
    assert asked <= set(mistake.searches) | {"self"}
    known = {file.stem for file in (SOURCE / "explain" / "searches").glob("[a-z]*.py")}
    assert set(mistake.searches) <= known


@each
def test_a_mistake_is_tried_or_found_elsewhere(mistake: Mistake) -> None:
    assert mistake.explain or mistake.explain_by_rerun or mistake.found_by
    stem = mistake_files()[mistake.code].rpartition(".")[2]
    for file in mistake.found_by:
        assert stem in (SOURCE / file).read_text(), f"{file} does not name {stem}"
    assert (TESTS / f"test_{stem}.py").exists(), f"{stem} has no test of its own"


def test_no_file_makes_an_explanation_of_a_cause_in_quotes() -> None:
    """A cause is the NAME of a mistake, so that one without a file cannot be written."""
    quoted = re.compile(r"\bExplanation\(\s*[\"'f]|to_explanation\(\s*[\"']")
    files = (path for part in ("explain", "comparison") for path in (SOURCE / part).rglob("*.py"))
    assert [str(path) for path in files if quoted.search(path.read_text())] == []


def test_an_explanation_by_an_unknown_cause_is_an_error() -> None:
    with pytest.raises(UnknownCauseError, match=r"`no-such-cause`.*explain/mistakes/"):
        find_mistake("no-such-cause", found_by="a test")


def test_a_mistake_that_names_another_cause_is_an_error() -> None:
    x = draw(0, 2, 3)
    case = LayerCase("layer", ModuleInfo("layer", "Linear"), x, x + 1)
    mistake = Mistake("PAR037", "bias-missing", 1, "", explain=lambda *_: [Explanation("wiring")])
    with pytest.raises(UnknownCauseError, match=r"par037_bias_missing.*`wiring`"):
        collect_explanations(mistake, case, 0.0)


def test_a_comparison_with_an_unknown_cause_is_an_error() -> None:
    layer = LayerResult("a", "a", 1.0, 0.0, born=True, explanations=(Explanation("no-such-cause"),))
    trace = Trace(Manifest(framework="torch"), (), lambda _key, /: draw(0, 1))
    with pytest.raises(UnknownCauseError, match="no-such-cause"):
        list(iter_findings(CompareSubject(trace, trace, (layer,))))


@pytest.mark.parametrize(
    ("paths", "ending"),
    [
        ("a", "too big"),
        ("aaa", "too big (found there 3 times)"),
        ("aba", "too big (and 1 layer more)"),
    ],
)
def test_a_finding_says_where_else_it_is(paths: str, ending: str) -> None:
    explanation = Explanation("leaky-slope", residual=0.0, says="too big")
    layers = tuple(
        LayerResult(path, path, 1.0, 0.0, born=True, explanations=(explanation,)) for path in paths
    )
    trace = Trace(Manifest(framework="torch"), (), lambda _key, /: draw(0, 1))
    (finding,) = iter_findings(CompareSubject(trace, trace, layers))
    assert finding.message == f"a: {ending}"
