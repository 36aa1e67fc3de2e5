"""The command ``remediator-lab``: one incident, two policies, the demo, or everything."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lab import benchmark, showing
from lab.baselines import STRATEGIES
from lab.episode import Episode, to_json
from lab.page import render
from lab.run import Job, incident, jobs, play_all
from lab.scenarios import INCIDENTS, SCENARIOS, WILD
from lab.storm.__main__ import main as blow_storms
from lab.wild import command as wild_worlds
from lab.wild.sweep import Job as WildJob
from remediator.errors import InputError
from remediator.escaping import paragraphs, printed
from remediator.policy_file import load

OUT = Path("out")
DEMO = ("nothing", "double_shards", "remediator")
SEEDS = 20
WILD_SEEDS = 3
COMPARED_SEEDS = 3
# As with ``remediator plan --against``.
DIFFERENT = 3
WILD_WORLDS = 1000
WILD_FIRST_SEED = 10_000

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Rehearse incidents: a simulated stream, function and account under the very code that "
    "ships.",
)


def _known_scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise typer.BadParameter(f"no such scenario; there are: {', '.join(SCENARIOS)}")
    return name


def _known_strategies(names: list[str] | None) -> list[str]:
    unknown = sorted(set(names or ()) - set(STRATEGIES))
    if unknown:
        raise typer.BadParameter(f"no {', '.join(unknown)}; there are: {', '.join(STRATEGIES)}")
    return names or []


def _sound_policy(path: Path | None) -> Path | None:
    """A file that the remediator would refuse is refused here, too: nothing would be compared."""
    try:
        if path:
            load(path)
    except InputError as error:
        raise typer.BadParameter(printed(paragraphs(error))) from None
    return path


def _sound_policies(paths: list[Path]) -> list[Path]:
    return [path for path in paths if _sound_policy(path)]


Scenarios = Annotated[
    list[str] | None, typer.Option("--scenario", help="Only these; may be repeated.")
]


@app.command("run")
def run_one(
    scenario: Annotated[str, typer.Argument(callback=_known_scenario)],
    strategy: Annotated[
        list[str] | None,
        typer.Option(callback=_known_strategies, help="May be repeated; all of them by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the incident's numbers.")] = 1,
    policy: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            callback=_sound_policy,
            help="A guardrails file for the remediator.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the picture to this file.")] = None,
) -> None:
    """Play one incident, and tell it."""
    console = Console()
    episodes = incident(_job(scenario, seed, tuple(strategy or STRATEGIES), policy))
    _tell(console, scenario, seed, episodes)
    if html is not None:
        _draw(console, html, scenario, episodes)


def _job(scenario: str, seed: int, strategies: tuple[str, ...], policy: Path | None) -> Job:
    return Job(
        scenario,
        seed,
        strategies,
        policy.read_text(encoding="utf-8") if policy else None,
        str(policy or ""),
        slim=False,
        to_the_end=True,
    )


def _tell(console: Console, scenario: str, seed: int, episodes: list[Episode]) -> None:
    showing.show_scenario(console, SCENARIOS[scenario], seed)
    for episode in episodes:
        if episode.strategy == "remediator":
            showing.show_path(console, episode)
    for episode in episodes:
        showing.show_episode(console, episode)
    showing.show_incident(console, episodes)


def _draw(console: Console, path: Path, scenario: str, episodes: list[Episode]) -> None:
    told = SCENARIOS[scenario]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(episodes, title=told.title, lesson=told.lesson), encoding="utf-8")
    console.print(f"The picture: [bold]{path}[/]", soft_wrap=True)


@app.command("list")
def list_scenarios() -> None:
    """Every scenario, its cause, and what can be learned from it."""
    showing.show_list(Console())


@app.command()
def demo() -> None:
    """The reference demo: clog, alarm, diagnosis, ParallelizationFactor, drained."""
    console, began = Console(), perf_counter()
    console.print(
        "1 shard, 1000 records at once, 1 s per invocation, BatchSize 1, ParallelizationFactor 1.\n"
    )
    episodes = incident(_job("reference_demo", 1, DEMO, None))
    _tell(console, "reference_demo", 1, episodes)
    _draw(console, OUT / "demo.html", "reference_demo", episodes)
    console.print(f"{perf_counter() - began:.1f} s of real time")


@app.command("all")
def play_everything(
    seeds: Annotated[int, typer.Option(min=1, help="How many of each incident.")] = SEEDS,
    wild: Annotated[
        int,
        typer.Option(
            min=0, help="How many of each wild world: where it may be wrong or do harm. 0: none."
        ),
    ] = WILD_SEEDS,
    scenario: Scenarios = None,
    output: Annotated[Path, typer.Option(dir_okay=False, help="Where the JSON goes.")] = OUT
    / "lab.json",
) -> None:
    """All scenarios, strategies and seeds on all cores: a table, and a JSON file.

    Incidents and wild worlds have tables of their own; what is named with --scenario is played
    --seeds times.
    """
    names = [_known_scenario(name) for name in scenario or INCIDENTS]
    console, began = Console(), perf_counter()
    todo = jobs(names, range(seeds)) + jobs([] if scenario else list(WILD), range(wild))
    episodes = _played(console, todo)
    for title, kinds in (("Incidents", INCIDENTS), ("Wild worlds", WILD)):
        played = [episode for episode in episodes if episode.scenario in kinds]
        if played:
            console.rule(f"[bold]{title}[/]")
            showing.show_table(console, played)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(to_json(episodes), encoding="utf-8")
    console.print(f"{perf_counter() - began:.0f} s of real time; written to [bold]{output}[/]")


@app.command()
def compare(
    policy: Annotated[
        list[Path],
        typer.Option(
            exists=True,
            dir_okay=False,
            callback=_sound_policies,
            help="A guardrails file; name two or more.",
        ),
    ],
    scenario: Scenarios = None,
    seeds: Annotated[int, typer.Option(min=1)] = COMPARED_SEEDS,
    exit_code: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--exit-code", help="End in 3 if anything is decided differently.")
    ] = False,
) -> None:
    """The remediator under two policies or more, over the same incidents.

    Times and losses, then what is decided differently from under the first policy.
    """
    names = [_known_scenario(name) for name in scenario or SCENARIOS]
    todo = [
        Job(name, seed, ("remediator",), path.read_text(encoding="utf-8"), str(path))
        for path in policy
        for seed in range(seeds)
        for name in names
    ]
    console = Console()
    episodes = _played(console, todo)
    showing.show_comparison(console, episodes)
    found = showing.differences_of(episodes)
    showing.show_differences(console, found)
    if exit_code and found:
        raise typer.Exit(DIFFERENT)


@app.command("wild")
def play_wild(
    worlds: Annotated[int, typer.Option(min=1, help="How many.")] = WILD_WORLDS,
    first_seed: Annotated[
        int, typer.Option(min=0, help="Seeds below 10,000 are for work, those above for reports.")
    ] = WILD_FIRST_SEED,
    seed: Annotated[int | None, typer.Option(min=0, help="Replay this one world, told.")] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, callback=_sound_policy, help="A guardrails file."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            callback=_sound_policy,
            help="Another one: what it was before, and what has moved since.",
        ),
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="All cores by default.")] = None,
    output: Annotated[
        Path, typer.Option(dir_okay=False, help="Where the JSON goes; a .md stands beside it.")
    ] = OUT / "wild.json",
) -> None:
    """Worlds drawn at random from wide priors, judged by the plant, sliced by every property."""
    text = policy.read_text(encoding="utf-8") if policy else None
    seeds = range(first_seed, first_seed + worlds)
    if seed is not None:
        wild_worlds.one(seed, text)
    elif against is not None:
        before = against.read_text(encoding="utf-8")
        wild_worlds.compared(seeds, before, text, processes)
    else:
        wild_worlds.many([WildJob(s, text) for s in seeds], processes, output)


@app.command()
def storm(
    alarms: Annotated[int, typer.Option(min=1, help="How many, in a minute.")] = 1000,
) -> None:
    """Let a thousand alarms come down in one minute, and print what became of the account."""
    blow_storms(alarms)


@app.command("benchmark")
def time_plant() -> None:
    """How fast the plant is, and how soon the remediator writes."""
    benchmark.main()


def _played(console: Console, todo: list[Job]) -> list[Episode]:
    """All episodes, in the order of the scenarios' table."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    episodes: list[Episode] = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("incidents", total=len(todo))
        for played in play_all(todo):
            episodes += played
            progress.advance(task)
    places = {name: place for place, name in enumerate(SCENARIOS)}
    return sorted(episodes, key=lambda e: (places[e.scenario], e.seed, e.policy))


def main() -> None:
    """Entry of the command line."""
    app()
