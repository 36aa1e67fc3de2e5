"""A real Chromium for the pages: it opens one from a file, and a test asks what is there."""

import shutil
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOW_TO_GET_IT = (
    "This test opens the page in a real browser and finds no {} on the PATH. 'make browser' "
    "installs it on Debian (as root); elsewhere install Chromium and its driver by hand."
)
PHONE_WIDTH, DESK_WIDTH = 390, 1280
PICTURES = Path(__file__).parents[1] / "out" / "pages"


@dataclass(frozen=True)
class Browser:
    """A Chromium that opens one page, and what a test asks of it."""

    driver: webdriver.Chrome
    folder: Path

    def open(
        self,
        html: str,
        *,
        width: int = DESK_WIDTH,
        scheme: Literal["light", "dark"] = "light",
    ) -> None:
        """Show the page from a file, so that nothing serves what it might ask for."""
        page = self.folder / "page.html"
        page.write_text(html, encoding="utf-8")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._tell("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._tell("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(page.as_uri())

    def _tell(self, command: str, parameters: dict[str, Any]) -> None:
        self.driver.execute_cdp_cmd(command, parameters)

    def ask(self, script: str) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script)

    def all(self, selector: str) -> list[WebElement]:
        """The elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def visible(self, selector: str) -> list[WebElement]:
        """Those that one can see."""
        return [element for element in self.all(selector) if element.is_displayed()]

    def hover(self, selector: str) -> None:
        """Move the mouse to the middle of an element."""
        ActionChains(self.driver).move_to_element(self.all(selector)[0]).perform()

    def photograph(self, name: str) -> int:
        """Keep a picture of the whole page in ``out/pages``, for people; how many bytes it has."""
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True}
        )
        file = PICTURES / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.write_bytes(b64decode(shot["data"]))

    def _log(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return log

    @property
    def fetched(self) -> list[str]:
        """Everything that the page has asked for beside itself."""
        script = "return performance.getEntriesByType('resource').map((e) => e.name)"
        return [str(name) for name in self.ask(script)]

    def barriers(self) -> list[str]:
        """What keeps people out who cannot see, or see little, as axe-core finds it."""
        self.ask((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then((said) => done(said.violations))"
        )
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]

    @property
    def complaints(self) -> list[str]:
        """Everything in the console since the last look."""
        return [str(entry["message"]) for entry in self._log()]


def opened(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in a folder, until it is closed."""
    options = webdriver.ChromeOptions()
    options.binary_location = found("chromium", "chromium-browser", "google-chrome")
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(found("chromedriver")))
    yield Browser(driver, folder)
    driver.quit()


def found(*names: str) -> str:
    """The first of the programs that this machine has; it fails with how to get one."""
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail(HOW_TO_GET_IT.format(" or ".join(names)), pytrace=False)
    return path
