"""The workbench in a browser: by clicks, by keyboard, with a hostile name, on a phone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auscult.workbench.guard import make_token
from auscult.workbench.server import ADDRESS, Workbench, bind, build_app
from tests.browser.material import RATE, tone, written
from tests.browser.window import Window

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
uvicorn = pytest.importorskip("uvicorn")

HOSTILE_NAME = "<img src=x onerror=document.title='taken'>.npz"
LISTED = "[...document.querySelectorAll('#folder .name')].map((node) => node.textContent)"


@pytest.fixture
def page(window: Window, tmp_path: Path) -> Iterator[Window]:
    """The workbench, opened in the browser, with two recordings and a checkpoint of a hostile name in its folder."""
    folder, uploads = tmp_path / "folder", tmp_path / "uploads"
    folder.mkdir()
    uploads.mkdir()
    noise = np.random.default_rng(0).standard_normal((8, 6, 3)).astype(np.float32)
    np.savez(folder / HOSTILE_NAME, conv=noise)
    good = tone(440.0, 1.0)
    bad = good.copy()
    bad[RATE // 2 : RATE // 2 + RATE // 8] = 0.0
    written(good, folder / "good.wav")
    written(bad, folder / "bad.wav")
    workbench = Workbench.open(folder, tmp_path / "reports", uploads, max_upload_bytes=1_000_000)
    token = make_token()
    with bind(0) as listener:
        config = uvicorn.Config(build_app(workbench, token), log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            window.driver.get(f"http://{ADDRESS}:{listener.getsockname()[1]}/{token}/")
            window.wait("document.querySelectorAll('#folder .name').length === 3")
            window.js("document.documentElement.style.scrollBehavior = 'auto'")
            yield window
        finally:
            window.driver.get("about:blank")
            workbench.jobs.stop_all()
            server.should_exit = True
            thread.join()


def wait_for_report(page: Window, verdict: str) -> str:
    """Until the frame shows the report of that verdict; its headline."""
    page.wait(f"document.querySelector('#frame').title.endsWith(': {verdict}')", 60)
    page.driver.switch_to.frame("frame")
    try:
        page.wait("document.querySelector('.headline') !== null")
        return page.text("main")
    finally:
        page.driver.switch_to.default_content()


def test_two_recordings_by_clicks(page: Window) -> None:
    page.click("#folder button[aria-pressed]", 2)
    page.wait("document.querySelector('#verb').value === 'listen'")
    page.click("#folder button", 1)
    page.wait("document.querySelectorAll('#chosen li').length === 2")
    page.wait("document.querySelector('#reason').textContent.startsWith('two recordings')")
    assert "good.wav" in page.ask("document.querySelector('[name=reference]').value")
    page.click("#form .primary")
    assert "dropout" in wait_for_report(page, "DIVERGENT")
    assert page.ask("document.querySelectorAll('#kept li').length") == 1
    assert "listen" in page.text("#command")


def test_a_file_is_dropped_and_asked_about_by_keyboard(page: Window, tmp_path: Path) -> None:
    from selenium.webdriver import Keys

    hostile = tmp_path / HOSTILE_NAME
    hostile.write_bytes((tmp_path / "folder" / HOSTILE_NAME).read_bytes())
    page.driver.find_element("id", "picker").send_keys(str(hostile))
    page.wait("document.querySelectorAll('#chosen li').length === 1")
    page.wait("document.querySelector('#verb').value === 'inspect'")
    page.wait("document.querySelector('#reason').textContent === 'a checkpoint'")
    page.js("document.querySelector('#verb').focus()")
    page.press(Keys.TAB, Keys.ENTER)
    text = wait_for_report(page, "PASS")
    assert "img src=x" in text
    assert HOSTILE_NAME in page.ask(LISTED)
    assert page.ask("document.title") == "auscult"
    assert page.ask("document.images.length") == 0
    page.type_into("#search", "good wav")
    page.wait("document.querySelectorAll('#folder li').length === 1")
    page.js("document.querySelector('#folder button').focus()")
    page.press(Keys.SPACE)
    page.wait(
        "document.querySelector('#verb').value === 'diagnose' || document.querySelector('#verb').value === 'mel'"
    )
    assert page.unnamed() == []


def test_a_question_is_asked_again_and_the_report_cannot_reach_the_workbench(page: Window) -> None:
    page.click("#folder button", 0)
    page.wait("document.querySelector('#reason').textContent === 'a checkpoint'")
    page.click("#form .primary")
    wait_for_report(page, "PASS")
    page.driver.switch_to.frame("frame")
    assert page.ask("window.origin") == "null"
    page.driver.switch_to.default_content()
    page.click("#chosen [aria-label^='Leave out']")
    page.click("#kept button", 1)
    assert page.text("#reason") == "as in 0001-inspect"
    page.click("#fields summary")
    page.type_into("[name=container]", "gone")
    page.click("#form .primary")
    page.wait("document.querySelector('#run-state').className === 'problem'", 60)
    assert page.text("#run-state").startswith("There is no report: ")
    assert page.ask("document.querySelectorAll('#kept li').length") == 1


def test_a_phone_shows_it_without_scrolling_sideways(page: Window) -> None:
    page.phone()
    page.driver.refresh()
    page.wait("document.querySelectorAll('#folder .name').length === 3")
    assert page.ask("document.documentElement.scrollWidth") == 390


def test_a_question_without_a_file_is_explained(page: Window) -> None:
    page.click("#form .primary")
    end = time.monotonic() + 5
    while not page.text("#problem") and time.monotonic() < end:
        time.sleep(0.05)
    assert page.text("#problem") == "inspect: needs checkpoint; choose a file"
    page.complaints()  # the console notes the refusal, as of every answer with status 400
