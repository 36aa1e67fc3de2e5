"""What the page says, before any browser: words, places, who gets which sign, and the forecast."""

import itertools
from dataclasses import replace

import pytest

from lab.episode import Episode, ForecastLine, Note, SettingChange, from_json, to_json
from lab.page import render, words
from lab.page.clock import Clock
from lab.page.forecasts import Comparison, comparisons
from lab.page.marks import Axes, Sign, lanes
from lab.page.strategies import strategies
from lab.page.view import view
from remediator.render.html.geometry import Point, Scale, apart, path, thinned, time_ticks, value_at
from tests.lab.made_up_episodes import ALARM, HORIZON, LEVERS, NOTES, incident

# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(None, "never", id="never"),
        pytest.param(0, "0 s", id="at once"),
        pytest.param(0.4, "0.4 s", id="part of a second"),
        pytest.param(59.6, "1 min", id="rounds up into the next unit"),
        pytest.param(200, "3 min 20 s", id="two units"),
        pytest.param(3605, "1 h", id="a few seconds beside an hour are nothing"),
        pytest.param(7500, "2 h 5 min", id="hours and minutes"),
        pytest.param(90_000, "1 d 1 h", id="days"),
        pytest.param(-90, "−1 min 30 s", id="before"),
    ],
)
def test_times_are_said_in_at_most_two_units(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "not seen"), (0, "0"), (8200, "8\u2009200"), (12_000, "12 k"), (1_400_000, "1.4 M")],
)
def test_large_numbers_are_short(value: float | None, said: str) -> None:
    assert words.count(value) == said


@pytest.mark.parametrize(
    ("held", "said"),
    [
        pytest.param(None, "not set", id="not set differs from 0"),
        pytest.param(0, "0", id="zero"),
        pytest.param(True, "on", id="on"),
        pytest.param("arn:aws:sqs:eu-west-1:123456789012:quarantine", "quarantine", id="an ARN"),
    ],
)
def test_settings_are_said_as_people_say_them(held: object, said: str) -> None:
    assert words.value(held) == said


# --- places ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "value", "percent"),
    [
        (Scale(0, 200), 50, 25.0),
        (Scale(0, 200), 900, 100.0),
        (Scale(1, 10_000, logarithmic=True), 100, 50.0),
        (Scale(1, 10_000, logarithmic=True), 0, 0.0),
        (Scale(5, 5), 5, 0.0),
    ],
    ids=["linear", "above the axis", "logarithmic", "nothing on a logarithmic axis", "no room"],
)
def test_a_value_has_its_place(scale: Scale, value: float, percent: float) -> None:
    assert scale.place(value) == percent


def test_a_line_breaks_where_nothing_was_measured() -> None:
    points: list[Point] = [(0, 0), (25, 50), (50, None), (75, 100)]
    assert path(points, Scale(0, 100), Scale(0, 100)) == "M0 100L25 50M75 0"


def test_a_long_line_keeps_its_peaks() -> None:
    points: list[Point] = [(float(n), 1.0) for n in range(100_000)]
    points[54_321] = (54_321.0, 99.0)
    few = thinned(points, Scale(0, 100_000))
    assert len(few) < 500
    assert (54_321.0, 99.0) in few


@pytest.mark.parametrize(("seconds", "value"), [(-1, None), (0, 3), (59, 3), (60, 4), (999, 4)])
def test_a_value_holds_until_the_next(seconds: float, value: float | None) -> None:
    assert value_at([(0, 3), (60, 4)], seconds) == value


@pytest.mark.parametrize("span", [1, 7, 100, 900, 5000, 40_000, 700_000, 9_000_000])
def test_an_axis_has_few_and_round_marks(span: float) -> None:
    ticks = time_ticks(Scale(0, span), words.duration)
    assert 2 <= len(ticks) <= 6
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_letters_do_not_cover_each_other() -> None:
    heights = apart([(50.0, 1.0)] * 7)
    rising = sorted(heights)
    assert all(b - a >= 7.5 for a, b in itertools.pairwise(rising))
    assert rising[0] >= 0
    assert rising[-1] <= 100


# --- signs -------------------------------------------------------------------------------------


def test_each_strategy_has_its_own_letter_colour_and_dash() -> None:
    who = strategies(incident())
    for look in ("letter", "slot", "dash"):
        assert len({getattr(strategy, look) for strategy in who}) == len(LEVERS)


def test_a_strategy_looks_the_same_on_every_page() -> None:
    alone, among = strategies(incident("pf_10"))[0], strategies(incident())[3]
    assert (alone.letter, alone.slot) == (among.letter, among.slot)


def test_one_strategy_under_two_policies_is_two_lines() -> None:
    (episode,) = incident("remediator")
    one, two = strategies([replace(episode, policy="mild"), replace(episode, policy="bold")])
    assert one.slot != two.slot
    assert one.letter != two.letter
    assert (one.title, two.title) == ("The remediator (mild)", "The remediator (bold)")


def test_changes_close_to_each_other_stand_side_by_side() -> None:
    changes = [change(at) for at in (ALARM, ALARM + 1, ALARM + 2)]
    places = [sign.lane_x for sign in signs(changes)]
    assert all(b - a >= 4 for a, b in itertools.pairwise(places))


def test_a_change_after_the_chart_is_only_listed() -> None:
    early, late = signs([change(ALARM), change(HORIZON)])
    assert (early.inside, late.inside) == (True, False)
    (episode,) = incident("remediator")
    page = render([replace(episode, changes=(change(ALARM), change(HORIZON)))])
    assert page.count('class="dot') == 1
    assert page.count('id="change-R') == 2


def test_a_change_says_from_what_to_what_and_by_whom() -> None:
    (sign,) = signs([change(ALARM + 60)])
    assert sign.text == "ParallelizationFactor 1 → 4"
    assert sign.by == "The remediator: raise parallelization factor"
    assert sign.at == "+1 min"


def test_a_change_and_what_puts_it_back_are_told_apart() -> None:
    made = replace(change(ALARM), undone=True)
    back = replace(made, at_seconds=ALARM + 60, before=made.after, after=made.before)
    first, second = (sign.by.rsplit(", ", 1)[1] for sign in signs([made, back]))
    assert (first, second) == ("later put back", "put back")


def test_who_never_recovers_has_the_longest_bar() -> None:
    rows = view(incident(), "", "").rows
    bars = {row.who.episode.strategy: row.share for row in rows}
    assert bars["nothing"] == 100
    assert bars["remediator"] == pytest.approx(100 * 595 / 4800, abs=0.1)


def test_the_time_axis_ends_with_the_run_at_the_latest() -> None:
    for names in (("nothing",), ("nothing", "oracle"), tuple(LEVERS)):
        scale = Clock.of(incident(*names)).scale
        assert 0 <= scale.low < ALARM < scale.high <= HORIZON


def change(at_seconds: float) -> SettingChange:
    return SettingChange(
        at_seconds=at_seconds,
        setting="parallelization_factor",
        before=1,
        after=4,
        by="raise_parallelization_factor",
    )


def signs(changes: list[SettingChange]) -> tuple[Sign, ...]:
    (episode,) = incident("remediator")
    who = strategies([replace(episode, changes=tuple(changes))])
    axes = Axes(Clock.of([episode]), Scale(0, 600), Scale(1, 600, logarithmic=True))
    (lane,) = lanes(who, [[(0.0, 1.0)]], axes)
    return lane.signs


# --- forecast ----------------------------------------------------------------------------------


def test_a_forecast_stands_beside_the_run_that_took_the_option() -> None:
    found = {
        c.who.episode.strategy: c.option for c in comparisons(strategies(incident()), NOTES[0])
    }
    assert found == {
        "nothing": "nothing",
        "double_shards": "split_shards",
        "utilisation_reshard": "split_shards",
        "pf_10": "parallelization_factor 10",
        "remediator": "parallelization_factor 4",
        "oracle": "parallelization_factor 4",
    }


@pytest.mark.parametrize(
    ("foretold", "recovered", "said"),
    [(100.0, 150.0, "50 % later"), (100.0, 80.0, "20 % sooner"), (100.0, 100.0, "as foretold")],
)
def test_a_forecast_says_how_far_it_was_off(foretold: float, recovered: float, said: str) -> None:
    assert compared(foretold, recovered).apart == said


@pytest.mark.parametrize(("foretold", "recovered"), [(None, 100.0), (100.0, None), (None, None)])
def test_never_is_not_off_by_a_share(foretold: float | None, recovered: float | None) -> None:
    assert compared(foretold, recovered).apart == ""


def compared(foretold: float | None, recovered: float | None) -> Comparison:
    line = ForecastLine(option="parallelization_factor 4", drains_in_seconds=foretold)
    (episode,) = incident("remediator")
    seen = Note(at_seconds=ALARM, forecast=(line,))
    at = None if recovered is None else ALARM + recovered
    (only,) = comparisons(strategies([replace(episode, recovered_at_seconds=at)]), seen)
    return only


# --- the page ----------------------------------------------------------------------------------


def test_the_same_episodes_give_the_same_page_after_a_journey_through_json() -> None:
    episodes = incident()
    assert render(from_json(to_json(episodes))) == render(episodes)


@pytest.mark.parametrize(
    "episodes",
    [
        pytest.param([], id="none"),
        pytest.param([*incident(seed=1), *incident(seed=2)], id="two incidents"),
    ],
)
def test_a_page_is_about_one_incident(episodes: list[Episode]) -> None:
    with pytest.raises(ValueError, match="one incident"):
        render(episodes)


def test_an_incident_without_an_alarm_has_a_page_too() -> None:
    quiet = [
        replace(episode, alarm_at_seconds=None, recovered_at_seconds=None) for episode in incident()
    ]
    assert "no alarm" in render(quiet)


def test_an_empty_run_has_a_page_too() -> None:
    bare = Episode(
        scenario="empty",
        strategy="nothing",
        seed=0,
        true_cause="unknown",
        horizon_seconds=0,
        threshold_seconds=60,
        alarm_at_seconds=None,
        recovered_at_seconds=None,
    )
    assert "Nobody does anything" in render([bare])
