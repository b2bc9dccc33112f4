"""What a preflight measured, on one screen: steps, gradients, codebooks, loss terms by what they hear, amplitude, the bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.report._parts import VerbPart
from auscult.report._parts._sparkline import SPARKLINE_WIDTH, draw_sparkline
from auscult.report._style import Style
from auscult.report.sections import find_section
from auscult.report.sections.preflight import PreflightSection
from auscult.verdict import Report

MAX_BOOKS = 10
MAX_TERMS = 12
_REACTION_COLUMNS = (
    ("shifted", "shift 5 ms"),
    ("half", "half level"),
    ("mirrored", "mirrored"),
    ("noise", "noise"),
    ("silence", "silence"),
)


def iter_preflight_lines(facts: Mapping[str, Any], style: Style, verbose: int) -> Iterator[str]:
    """The measures as lines, those that are there."""
    recordings = facts.get("recordings")
    if recordings:
        yield f"{style('recordings', 'bold')} {_describe_recordings(recordings)}"
    learning = facts.get("learning")
    if learning:
        losses = learning["losses"]
        line = f"{draw_sparkline(losses)}  {losses[0]:.4g} to {losses[-1]:.4g} in {len(losses)} steps on one batch"
        yield f"{style('loss', 'bold')}       {line}, learning rate {learning['learning_rate']:.2g}{_describe_best_rate(learning)}"
    for optimizer in facts.get("watched", {}).get("optimizers", ()):
        yield f"{style('optimizer', 'bold')}  {_describe_optimizer(optimizer)}"
    for critic in facts.get("watched", {}).get("critics", ()):
        yield f"{style('critic', 'bold')}     {_describe_critic(critic)}"
    gains = facts.get("gains")
    if gains:
        yield f"{style('gradient', 'bold')}   " + ", ".join(
            f"{gain['place']} ×{gain['factor']:.3g}" for gain in gains
        )
    for title, key in (("start", "start"), ("after", "end")):
        if facts.get(key):
            yield f"{style(title, 'bold')}{' ' * (11 - len(title))}{_describe_level(facts[key])}"
    limit = facts.get("limit")
    if limit:
        bound_text = f"{limit['bound_db']:.1f} dB SNR at most, at {limit['bitrate'] / 1000:.3g} kbit/s ({limit['how']})"
        yield f"{style('bound', 'bold')}      {bound_text}"
    if facts.get("books"):
        yield ""
        yield from iter_book_lines(facts["books"], style, verbose)
    if facts.get("terms"):
        yield ""
        yield from iter_term_lines(facts["terms"], style, verbose)


def _describe_recordings(recordings: Mapping[str, Any]) -> str:
    """How many there are, of what rates, and how many of them something is said of."""
    rates = ", ".join(f"{count} at {rate} Hz" for rate, count in recordings["rates"].items())
    return (
        f"{recordings['recordings']} ({rates}), {len(recordings['flawed'])} flawed,"
        f" {len(recordings['notable'])} worth a look, {len(recordings['copies'])} copies"
    )


def _describe_optimizer(optimizer: Mapping[str, Any]) -> str:
    """What it holds, how often it stepped, and its rate before and after."""
    held_texts = []
    if optimizer["of_model"]:
        held_texts.append(f"{optimizer['of_model']} tensors of the model")
    if optimizer["of_critics"]:
        held_texts.append(f"{optimizer['of_critics']} tensors of critics")
    rates = optimizer["rates"]
    rate_text = f"rate {rates[0]:.3g}"
    if rates[-1] != rates[0]:
        rate_text += f" to {rates[-1]:.3g}"
    held_text = " and ".join(held_texts) or "nothing of model or critics"
    return f"{optimizer['name']}: {held_text}, {optimizer['steps']} steps, {rate_text}"


def _describe_critic(critic: Mapping[str, Any]) -> str:
    """Who trains it, and whether its judgement reaches the model."""
    holder = critic["optimizer"] or "no optimizer"
    reach_text = "its judgement was not asked for by the model's loss"
    if critic["judged_attached"]:
        reach_text = "its judgement reaches the model"
    elif critic["judged_detached"]:
        reach_text = "its judgement does not reach the model"
    return f"{critic['name']}: {critic['tensors']} tensors, in {holder}; {reach_text}"


def _describe_level(level: Mapping[str, float]) -> str:
    return (
        f"mean {level['mean']:+.3f}, RMS ratio {level['ac_ratio']:.3g} without it, correlation {level['correlation']:+.3f},"
        f" SNR {level['snr_db']:+.2f} dB"
    )


def _describe_best_rate(learning: Mapping[str, Any]) -> str:
    falls = {rate: fall for rate, fall in learning.get("sweep", {}).items() if not math.isnan(fall)}
    if not falls:
        return ""
    best = max(falls, key=lambda rate: falls[rate])
    return f"; fell most at {float(best):.2g}"


def iter_book_lines(
    books: Sequence[Mapping[str, Any]], style: Style, verbose: int
) -> Iterator[str]:
    """One line per codebook: its perplexity over the steps, and the codes in use."""
    shown = books if verbose else books[:MAX_BOOKS]
    width = max(len(book["name"]) for book in shown)
    yield style(
        f"{'codebook'.ljust(width)}  {'perplexity'.ljust(SPARKLINE_WIDTH)}  first to last  codes in use  out of reach",
        "dim",
    )
    for book in shown:
        series, max_perplexity = book["perplexity"], min(book["size"], book["vectors"])
        if book.get("unreachable"):
            unreachable_text = f"{book['unreachable'][-1]:.0%}"
        else:
            unreachable_text = "-"
        line = f"{book['name'].ljust(width)}  {draw_sparkline(series, 0.0, max_perplexity).ljust(SPARKLINE_WIDTH)}  {series[0]:5.1f} to {series[-1]:5.1f}"
        yield f"{line}  {book['used'][-1]:5d} of {book['size']:<5d} {unreachable_text:>8}"
    if len(shown) < len(books):
        yield style(f"+{len(books) - len(shown)} more codebooks; -v lists them", "dim")


def iter_term_lines(
    terms: Sequence[Mapping[str, Any]], style: Style, verbose: int
) -> Iterator[str]:
    """One line per loss term: its share of the gradient, and its rise over a perfect output for each wrong one."""
    shown = terms if verbose else terms[:MAX_TERMS]
    width = max(4, *(len(term["name"]) for term in shown))
    reaction_titles = "".join(title.rjust(12) for _, title in _REACTION_COLUMNS)
    yield style(f"{'term'.ljust(width)}       value  gradient{reaction_titles}", "dim")
    for term in shown:
        reactions = term.get("reactions") or {}
        target_value = reactions.get("target", 0.0)
        reaction_cells = "".join(
            (f"{reactions[kind] - target_value:+.3g}" if term["at_output"] else "-").rjust(12)
            for kind, _ in _REACTION_COLUMNS
            if kind in reactions
        )
        share_text = "-" if term.get("share") is None else f"{term['share']:.1%}"
        yield f"{term['name'].ljust(width)}  {term['value']:10.4g}  {share_text:>8}{reaction_cells}"


def show_before(report: Report, style: Style, verbose: int) -> Iterator[str]:
    """What the instrumented steps measured."""
    section = find_section(report, PreflightSection)
    if section is not None:
        yield from iter_preflight_lines(section.preflight, style, verbose)


PART = VerbPart(before=show_before)
