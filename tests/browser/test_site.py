"""The documentation site, opened from a folder: it loads nothing from elsewhere, and its search finds pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TYPE_AND_READ = """
const done = arguments[arguments.length - 1];
const started = performance.now();
const within = (selector) =>
  [...document.querySelectorAll("*")].flatMap((e) => (e.shadowRoot ? [...e.shadowRoot.querySelectorAll(selector)] : []));
document.querySelector(".md-search__button").click();
const look = () => {
  const [field] = within("input");
  if (field && field.value !== "codebook") {
    field.value = "codebook";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const links = within("a").map((link) => link.href);
  if (links.some((link) => link.includes("TRN001")) || performance.now() - started > 20000) done(links);
  else setTimeout(look, 200);
};
look();
"""


@pytest.mark.slow
def test_the_search_works_from_a_folder(driver: Any) -> None:
    program = ROOT / "docs" / "build_site.py"
    done = subprocess.run(
        [sys.executable, str(program)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    driver.get((ROOT / "build" / "site" / "docs" / "decisions.html").as_uri())
    links = driver.execute_async_script(TYPE_AND_READ)
    assert any("TRN001-codebook-collapse" in link for link in links), links
    loaded = driver.execute_script(
        "return performance.getEntriesByType('resource').map((r) => r.name)"
    )
    assert [
        address for address in loaded if not address.startswith(("file:", "data:", "blob:"))
    ] == []
