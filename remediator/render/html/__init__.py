"""A story → one HTML page that needs nothing from outside: no script, no network, no fonts.

The shapes are in ``report.html``, the looks in ``base.css`` (the lab's page has it too) and
``report.css``. Everything is escaped by the template engine. Jinja2 is an extra, and is imported
when a page is made.
"""

from collections.abc import Mapping
from pathlib import Path

from remediator.errors import InputError
from remediator.escaping import visible
from remediator.render.html.chart import chart
from remediator.render.html.course import course
from remediator.render.story import Story
from remediator.render.tree import Question
from remediator.render.words import duration, moment, name

ASSETS = Path(__file__).parent
NEEDS = (
    "an HTML page needs the extra 'html': pip install 'iteratorage-remediator[html]' "
    "(in a clone: pip install '.[html]')"
)


def page(story: Story, tree: Mapping[str, Question]) -> str:
    """The whole page. ``tree``: the questions, of which the path is lit.

    Raises InputError that names the extra where Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
    except ImportError as error:
        raise InputError(NEEDS) from error
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals["asset"] = _asset
    environment.filters |= {"duration": duration, "moment": moment, "words": name}
    return environment.get_template("report.html").render(
        story=story,
        chart=chart(story),
        course=course(tree, story.diagnosis),
        tree=tree,
    )


def _asset(file: str) -> str:
    return (ASSETS / file).read_text(encoding="utf-8")


def _shown(value: object) -> object:
    """Text from outside, with what a reader would not see made visible. Assets keep their lines."""
    return visible(value) if type(value) is str else value
