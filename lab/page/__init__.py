"""One incident under several strategies, as one HTML page that needs nothing from outside.

The shapes are in ``page.html``, the looks in ``page.css`` on top of what the report of an incident
looks like (``remediator.render.html``), hovering and switching in ``page.js``;
here they become one file. Without scripts everything but hovering and switching works.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from lab.episode import Episode
from lab.page import words
from lab.page.view import view
from remediator.render.html import ASSETS

_WHERE = (Path(__file__).parent, ASSETS)


def render(episodes: Sequence[Episode], *, title: str = "", lesson: str = "") -> str:
    """The page of one incident: the episodes of one scenario and seed, one for each strategy.

    ``title`` and ``lesson`` are the scenario's own, for people; all text is escaped.

    Raises:
        ValueError: there are no episodes, or they are of several incidents.
    """
    if len({(episode.scenario, episode.seed) for episode in episodes}) != 1:
        raise ValueError("a page shows one incident: episodes of one scenario and one seed")
    return _template().render(view(episodes, title, lesson)._asdict(), words=words)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_WHERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = _asset
    return environment.get_template("page.html")


def _asset(name: str) -> str:
    file = next(where / name for where in _WHERE if (where / name).is_file())
    return file.read_text(encoding="utf-8")
