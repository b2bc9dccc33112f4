"""What the tests do in the browser, in the words of a reader."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auscult.report import html
from auscult.verdict import Report

PAGE_WIDTH = 1360
PATIENCE_SECONDS = 20.0


class Window:
    """One page at a time."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self.folder = folder

    def show(self, report: Report) -> None:
        """Render the report to a file and open that."""
        self.open(html.render(report))

    def open(self, page: str) -> None:
        path = self.folder / "page.html"
        path.write_text(page, encoding="utf-8")
        self.driver.get(path.as_uri())
        self.js("document.documentElement.style.scrollBehavior = 'auto'")

    def js(self, script: str, *arguments: Any) -> Any:
        """Run a script; what its last `return` gives."""
        return self.driver.execute_script(script, *arguments)

    def ask(self, expression: str) -> Any:
        return self.js(f"return {expression}")

    def wait(self, expression: str, seconds: float = PATIENCE_SECONDS) -> Any:
        """Until an expression holds; its value."""
        return patiently(lambda: self.ask(expression), expression, seconds)

    def click(self, selector: str, number: int = 0) -> None:
        """With the mouse, where it is, as a reader would."""
        from selenium.common.exceptions import StaleElementReferenceException

        for attempt in range(5):  # a table that redraws replaces its rows
            found = self.driver.find_elements("css selector", selector)
            assert len(found) > number, f"no {selector}"
            try:
                self.js("arguments[0].scrollIntoView({block: 'center'})", found[number])
                found[number].click()
                return
            except StaleElementReferenceException:
                if attempt == 4:
                    raise

    def text(self, selector: str) -> str:
        return str(self.driver.find_element("css selector", selector).text)

    def press(self, *keys: str) -> None:
        """Keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def type_into(self, selector: str, text: str) -> None:
        field = self.driver.find_element("css selector", selector)
        field.clear()
        field.send_keys(text)

    def drag(self, selector: str, from_share: float, to_share: float) -> None:
        """Across an element, from one share of its width to another, at half its height."""
        from selenium.webdriver import ActionChains

        node = self.driver.find_element("css selector", selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", node)
        width = node.size["width"]
        start, end = (round((share - 0.5) * width) for share in (from_share, to_share))
        chain = (
            ActionChains(self.driver, duration=20)
            .move_to_element_with_offset(node, start, 0)
            .click_and_hold()
        )
        chain.move_by_offset((end - start) // 2, 0).move_by_offset(
            end - start - (end - start) // 2, 0
        ).release().perform()

    def dark(self) -> None:
        feature = {"name": "prefers-color-scheme", "value": "dark"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def calm(self) -> None:
        feature = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def phone(self) -> None:
        size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def reset(self) -> None:
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the last time."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def unnamed(self) -> list[str]:
        """Controls that a screen reader could not name."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        wanted = {
            "button",
            "checkbox",
            "combobox",
            "link",
            "radio",
            "searchbox",
            "slider",
            "treegrid",
            "textbox",
        }
        return [
            node["role"]["value"]
            for node in nodes
            if node.get("role", {}).get("value") in wanted
            and not node.get("ignored")
            and not node.get("name", {}).get("value")
        ]


def patiently(test: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = test()
        if answer:
            return answer
        time.sleep(0.03)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")
