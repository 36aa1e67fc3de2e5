"""The page in a real browser: it draws, it fits a phone, and it can be read by day and by night."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from lab.page import render
from tests.lab.made_up_episodes import LEVERS, incident

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
MEASURES = ("age", "backlog", "concurrency", "errors", "throttles")

# The least contrast of text with what lies behind it (WCAG 2.2, 1.4.3), and of a line (1.4.11).
CONTRASTS = """
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const opaque = (text) => /^rgb\\(/.test(text);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const ground = getComputedStyle(at).backgroundColor;
      if (opaque(ground)) return ground;
    }
    throw new Error("nothing opaque behind " + element.outerHTML);
  };
  const ratio = (one, other) => {
    const [low, high] = [light(parse(one)), light(parse(other))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = [...document.body.querySelectorAll("*")].filter((e) =>
    e.checkVisibility() && !e.closest("script") &&
    [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
  const lines = [...document.querySelectorAll("path.line")].filter((e) => e.checkVisibility());
  const least = (all) => all.reduce((a, b) => (a[0] < b[0] ? a : b));
  const card = behind(document.querySelector(".plot"));
  return {
    text: least(texts.map((e) => [ratio(getComputedStyle(e).color, behind(e)), e.outerHTML])),
    line: least(lines.map((e) => [ratio(getComputedStyle(e).stroke, card), e.outerHTML])),
  };
"""


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

    def _log(self) -> list[dict[str, Any]]:
        log: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return log

    @property
    def complaints(self) -> list[str]:
        """Everything in the console since the last look."""
        return [str(entry["message"]) for entry in self._log()]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("browser")
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


def test_it_opens_without_a_word_in_the_console_and_fetches_nothing(browser: Browser) -> None:
    browser.open(render(incident()))
    assert browser.complaints == []
    assert browser.ask("return performance.getEntriesByType('resource').map((e) => e.name)") == []


@pytest.mark.parametrize("measure", MEASURES)
def test_each_chart_has_a_line_for_every_strategy(browser: Browser, measure: str) -> None:
    browser.open(render(incident()))
    lengths = browser.ask(
        f"""return Object.fromEntries(
          [...document.querySelectorAll('[data-measure="{measure}"] .series')].map((series) =>
            [series.dataset.strategy, series.querySelector('.line').getTotalLength()]))"""
    )
    assert set(lengths) == set(LEVERS)
    assert min(lengths.values()) > 0


@pytest.mark.parametrize("width", [PHONE_WIDTH, 768, DESK_WIDTH])
def test_nothing_sticks_out_sideways(browser: Browser, width: int) -> None:
    browser.open(render(incident(), lesson="unbreakable" * 40), width=width)
    browser.ask("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    wide, room = browser.ask(
        "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    )
    assert wide == room <= width


@pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out(
    browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    browser.open(render(incident()), width=width, scheme=scheme)
    least = browser.ask(CONTRASTS)
    assert least["text"][0] >= 4.5, least["text"]
    assert least["line"][0] >= 3, least["line"]


def test_the_dark_page_has_a_dark_ground(browser: Browser) -> None:
    browser.open(render(incident()), scheme="light")
    assert min(ground(browser)) > 200
    browser.open(render(incident()), scheme="dark")
    assert max(ground(browser)) < 60


def ground(browser: Browser) -> list[int]:
    """Red, green and blue of the page's background, 0..255."""
    said = browser.ask("return getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in said.removeprefix("rgb(").removesuffix(")").split(",")]


def test_text_on_a_phone_is_large_enough_to_read(browser: Browser) -> None:
    browser.open(render(incident()), width=PHONE_WIDTH)
    sizes = browser.ask(
        """return [...document.body.querySelectorAll("*")]
          .filter((e) => e.checkVisibility() && e.textContent.trim() && !e.children.length)
          .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 12


def test_hovering_tells_the_time_and_every_strategys_value(browser: Browser) -> None:
    browser.open(render(incident("nothing", "remediator")))
    browser.hover('[data-measure="age"]')
    (tip,) = browser.visible(".tip")
    time, *values = tip.text.splitlines()
    assert "min" in time
    assert [value[0] for value in values if value[0].isalpha()] == ["N", "R"]


def test_a_press_in_the_legend_hides_a_strategy_everywhere(browser: Browser) -> None:
    browser.open(render(incident("nothing", "remediator")))
    browser.all('.legend [data-letter="N"]')[0].click()
    shown = {element.get_attribute("data-letter") for element in browser.visible(".plot .series")}
    assert shown == {"R"}
    browser.all('.legend [data-letter="N"]')[0].click()
    assert len(browser.visible(".plot .series")) == 2 * len(browser.all(".plot"))


def test_the_scale_can_be_switched_to_logarithmic(browser: Browser) -> None:
    browser.open(render(incident()))
    assert browser.visible(".straight")
    assert not browser.visible(".log")
    browser.all("#scale-log")[0].click()
    assert browser.visible(".log")
    assert not browser.visible(".straight")


def test_what_somebody_named_oddly_stays_text(browser: Browser) -> None:
    odd = "</script><script>console.error('run')</script><b id='odd'>&amp;\"'"
    browser.open(render(incident(), title=odd, lesson=odd))
    assert browser.complaints == []
    assert not browser.all("#odd")
    assert browser.all("h1")[0].text == odd
