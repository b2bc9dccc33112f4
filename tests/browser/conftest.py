"""A real Chromium without a window, and pages to open in it. Where there is no Chromium the tests are skipped, unless
AUSCULT_REQUIRE_BROWSER says that they must run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.window import PAGE_WIDTH, Window

FLAGS = (
    *(
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-dev-shm-usage",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--autoplay-policy=no-user-gesture-required", f"--window-size={PAGE_WIDTH},900"),
)


def _missing(what: str) -> Any:
    if os.environ.get("AUSCULT_REQUIRE_BROWSER"):
        pytest.fail(f"AUSCULT_REQUIRE_BROWSER is set, and there is no {what}")
    pytest.skip(
        f"needs {what} (Debian: apt-get install chromium chromium-driver; pip install selenium)"
    )


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    program = shutil.which("chromedriver")
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        _missing("selenium")
    if browser is None or program is None:
        _missing("chromium and its chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(browser)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(str(program)))
    made.set_script_timeout(60)
    yield made
    made.quit()


@pytest.fixture
def window(driver: Any, tmp_path: Path) -> Iterator[Window]:
    """The browser with a desk's width and nothing emulated; a test that leaves an error in the console fails."""
    made = Window(driver, tmp_path)
    yield made
    made.reset()
    assert made.complaints() == []
