"""The page in a real browser: it draws, it fits a phone, and it can be read by day and by night."""

from typing import Literal

import pytest

from lab.page import render
from tests.browser import DESK_WIDTH, PHONE_WIDTH, Browser
from tests.lab.made_up_episodes import LEVERS, incident

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


def test_it_opens_without_a_word_in_the_console_and_fetches_nothing(browser: Browser) -> None:
    browser.open(render(incident()))
    assert browser.complaints == []
    assert browser.fetched == []


@pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(browser: Browser, scheme: Literal["light", "dark"], width: int) -> None:
    browser.open(render(incident()), width=width, scheme=scheme)
    assert browser.barriers() == []


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
