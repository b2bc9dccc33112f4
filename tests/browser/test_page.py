"""The page in a browser: findings lead to times and tensors, tables filter, light and dark, desk and phone, keyboard."""

from __future__ import annotations

import html as escaping

import pytest

from auscult.verdict import Report, Verdict
from tests.browser.material import GAPS, everything
from tests.browser.window import Window

pytest.importorskip("jinja2")

THEMES = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture
def page(window: Window) -> Window:
    window.show(everything(window.folder))
    return window


def test_a_time_of_a_finding_moves_the_player(page: Window) -> None:
    page.click("#finding-1 .time", 1)
    start, stop = GAPS[1]
    sound = "auscult.sound"
    assert page.ask(f"{sound}.player.position") == pytest.approx(start)
    assert page.ask(f"{sound}.tracks[{sound}.player.chosen].role") == "heard"
    view = page.ask(f"{sound}.view")
    assert view["from"] < start < stop < view["to"]
    assert page.text("#caption-text") == "dropouts 2 of 2 · 0:02.500 – 0:02.600, 100.0 ms"
    assert page.ask("document.querySelectorAll('.marks .span.now').length") == 1
    page.click("#caption-next")
    assert page.ask(f"{sound}.player.position") == pytest.approx(GAPS[0][0])
    page.click("#caption-back")
    assert page.ask("document.activeElement.id") == "finding-1"


def test_a_place_of_a_finding_filters_the_mapping_and_leads_back(page: Window) -> None:
    page.click("#finding-0 .place")
    pattern = page.text("#finding-0 .place")
    assert pattern == "blocks.{0..9}.convs.{0..3}.weight"
    assert page.ask("document.querySelector('#mapping-filter').value") == pattern
    assert (
        page.ask("document.querySelector('#mapping-table').getAttribute('aria-rowcount')") == "41"
    )
    assert "LAY001" in page.text("#mapping-table .picked")
    page.click("#mapping-table .vt-row", 3)
    page.click("#mapping-table + .detail .chip")
    assert page.ask("document.activeElement.id") == "finding-0"


def test_filters_of_the_mapping(page: Window) -> None:
    rows = "Number(document.querySelector('#mapping-table').getAttribute('aria-rowcount')) - 1"
    assert page.ask(rows) == 80
    page.type_into("#mapping-filter", "blocks.{1,3} bias")
    page.wait(f"({rows}) === 8")
    page.click("#mapping-kinds [data-kind=different]")
    assert page.ask(rows) == 2
    page.type_into("#mapping-filter", "no such name")
    page.wait(f"({rows}) === 0")
    assert "Nothing fits" in page.text("#mapping-table")
    page.type_into("#mapping-filter", "permute")
    page.click("#mapping-kinds [data-kind=different]")
    page.wait(f"({rows}) === 40")
    page.js(
        "const s = document.querySelector('#mapping-op'); s.value = '-'; s.dispatchEvent(new Event('change'))"
    )
    assert page.ask(rows) == 0


def test_the_tree_of_layers_by_keyboard(page: Window) -> None:
    from selenium.webdriver import Keys

    first = page.text("#layers-table .vt-row.first")
    assert "leaky-slope" in first
    rows = "Number(document.querySelector('#layers-table').getAttribute('aria-rowcount'))"
    closed = page.ask(rows)
    page.js("document.querySelector('#layers-table .vt-body').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    row = "document.querySelector('#layers-table .picked')"
    assert page.ask(f"{row}.getAttribute('aria-expanded')") == "false"
    page.press(Keys.ARROW_RIGHT)
    assert page.ask(f"{row}.getAttribute('aria-expanded')") == "true"
    assert page.ask(rows) > closed
    page.press(Keys.ARROW_LEFT)
    assert page.ask(rows) == closed
    page.click("#layers-states [data-state=born]")
    assert page.ask("document.querySelector('#layers-table').getAttribute('aria-rowcount')") == "2"


def test_a_click_on_the_curve_finds_the_layer(page: Window) -> None:
    page.click("#curve")
    picked = page.text("#layers-table .picked")
    assert "convs" in picked or "blocks" in picked


def test_light_and_dark(page: Window) -> None:
    light = page.js(THEMES)
    page.dark()
    dark = page.js(THEMES)
    assert dark != light
    page.click("#theme")
    assert page.js(THEMES) == light
    page.click("#theme")
    assert page.js(THEMES) == dark


CONTRAST = """
const linear = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
const light = (text) => {
  const [r, g, b] = text.match(/[\\d.]+/g).map((v) => linear(Number(v)));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const backgroundOf = (node) => {
  const color = getComputedStyle(node).backgroundColor;
  return /^rgb\\(/.test(color) || !node.parentElement ? color : backgroundOf(node.parentElement);
};
const low = [];
for (const node of document.querySelectorAll('main *')) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own || !node.checkVisibility() || node.closest('.badge, button:disabled, .lane')) continue;
  const [a, b] = [light(getComputedStyle(node).color), light(backgroundOf(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) low.push(`${node.className} ${node.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
}
return low;
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(page: Window, theme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1."""
    if theme == "dark":
        page.dark()
    assert page.js(CONTRAST) == []


def test_every_control_has_a_name(page: Window) -> None:
    assert page.unnamed() == []


def test_a_phone_shows_it_without_scrolling_sideways(page: Window) -> None:
    page.phone()
    page.open((page.folder / "page.html").read_text())
    assert page.ask("document.documentElement.scrollWidth") == 390
    wide = "[...document.querySelectorAll('main *')].filter((n) => n.checkVisibility() && n.getBoundingClientRect().right > 391"
    wide += " && !n.closest('.scroll, pre, canvas, .vt-row, .marks, .ruler')).map((n) => n.className || n.tagName)"
    assert page.ask(wide) == []
    small = "[...document.querySelectorAll('main button, main select, main input[type=search]')].filter((n) => n.checkVisibility()"
    small += " && !n.closest('.marks') && n.getBoundingClientRect().height < 24).map((n) => n.id || n.className)"
    assert page.ask(small) == []
    page.click("#finding-1 .time")
    assert page.ask("auscult.sound.player.position") == pytest.approx(GAPS[0][0])


def test_less_motion_where_it_is_asked_for(page: Window) -> None:
    page.calm()
    page.open((page.folder / "page.html").read_text())
    page.js("document.documentElement.style.scrollBehavior = ''")
    assert page.ask("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_a_notebook_frame_works(window: Window) -> None:
    frame = everything(window.folder)._repr_html_()
    window.open(
        f"<!doctype html><title>{escaping.escape('notebook')}</title><body style='height:900px'>{frame}"
    )
    window.driver.switch_to.frame(0)
    window.wait("window.auscult && auscult.sound.lanes.every((lane) => lane.whole)")
    assert window.ask("document.querySelectorAll('.finding').length") == 2
    window.driver.switch_to.default_content()


@pytest.mark.parametrize("command", ["inspect", "rules", "report"])
def test_pages_with_little_in_them(window: Window, command: str) -> None:
    window.show(Report(command, ("a",), Verdict.PASS))
    assert window.text("h1") == {"rules": "What the codes mean"}.get(command, "PASS")
