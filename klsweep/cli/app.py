"""One function per command. Commands import what they need when they run, so `--help` is quick."""

import io
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from klsweep import __version__
from klsweep.cli.calculator import weights
from klsweep.cli.compare import compare
from klsweep.cli.export import export
from klsweep.cli.forecast import forecast
from klsweep.cli.listing import kinds, schema
from klsweep.cli.measured import measure
from klsweep.cli.refine import refine
from klsweep.cli.screen import complain, say, say_json
from klsweep.errors import KlsweepError

app = typer.Typer(
    name="klsweep",
    help="How to weight the KL term of a variational auto-encoder, answered for your model and your data.",
    epilog="Start with: klsweep run sweeps/mnist.yaml, then klsweep report results/",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="The sweep, a YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Replace an axis: seed=0  beta_norm=0.1,1,10  seed='range(0,3)'  train.epochs=2",
        show_default=False,
    ),
]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results are kept.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Where data sets are; KLSWEEP_DATA does the same.",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, or a list: cuda:0,cuda:1.")]
ShardOf = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Only every N-th fleet, from the I-th: 0/3, 1/3, 2/3.",
        show_default=False,
    ),
]
LONGEST_PAUSE = 86_400.0
"""Seconds between two looks of --watch, at most: a day."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")]


def main() -> None:
    """Run the command line; every error that is the user's to mend is printed in words and exits 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that the terminal lacks is no reason to say nothing
    try:
        app()
    except KlsweepError as error:
        complain(str(error))
        sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        say(f"klsweep {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: klsweep run sweeps/mnist.yaml latent_dim=2,10 --workers 2")
def run(
    spec: Spec,
    overrides: Overrides = None,
    *,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    workers: Annotated[
        int | None,
        typer.Option(help="Processes at a time; default: one per core or GPU.", show_default=False),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="local (child processes), dask or ray, or inline (this process, to debug).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of a Dask scheduler or a Ray cluster; without it one of this machine is started.",
            show_default=False,
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do failed jobs again.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Start no more fleets once N jobs are covered.", show_default=False),
    ] = None,
    shard: ShardOf = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train every job of SPEC that has no result yet. Stop it at any moment; the same command goes on."""
    from klsweep import api
    from klsweep.cli.progress import Silent, progress
    from klsweep.cli.summary import ending, ending_json

    with Silent() if quiet else progress() as shown:
        summary = api.run(
            spec,
            overrides or (),
            results=results,
            data_dir=data_dir,
            device=device,
            workers=workers,
            backend=backend,
            address=address,
            retry_failed=retry_failed,
            limit=limit,
            shard=shard,
            listen=shown.hear,
            progress=shown.download,
        )
    if as_json:
        say_json(ending_json(summary))
    elif not quiet:
        say(ending(summary, again=shlex.join(["klsweep", *sys.argv[1:]])))
    raise typer.Exit(summary.exit_code)


@app.command(epilog="Example: klsweep plan sweeps/mnist_full.yaml seed=0 --json")
def plan(
    spec: Spec,
    overrides: Overrides = None,
    *,
    results: Results = Path("results"),
    data_dir: DataDir = None,
    device: Device = "auto",
    shard: ShardOf = None,
    as_json: AsJson = False,
) -> None:
    """Show what `run` would do, and train nothing. Jobs, the weight in every unit, fleets, what is done."""
    from klsweep import api
    from klsweep.cli.planned import plan_json, show_plan

    planned = api.plan(spec, overrides or (), results=results, data_dir=data_dir, device=device, shard=shard)
    if as_json:
        say_json(plan_json(planned))
    else:
        show_plan(planned)


@app.command(epilog="Example: klsweep status results/mnist")
def status(
    path: Annotated[Path, typer.Argument(help="A results directory, or one sweep in it.")] = Path("results"),
    as_json: AsJson = False,
) -> None:
    """Show what is done, running, failed and missing."""
    from klsweep.cli.standing import show_standings, standing_json
    from klsweep.running.status import standing
    from klsweep.store import sweeps

    standings = [standing(store) for store in sweeps(path)]
    if as_json:
        say_json([standing_json(each) for each in standings])
    else:
        show_standings(standings)


@app.command(epilog="Example: klsweep report results/mnist --out report")
def report(
    path: Annotated[Path, typer.Argument(help="A results directory, or one sweep in it.")] = Path("results"),
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write to DIR/<sweep> instead of <sweep>/report.", show_default=False
        ),
    ] = None,
    goal: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GOAL",
            help="Say which weight serves it: 'active_units>=8', 'rate_nats<=20', probe_knn_accuracy; again for more.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write it again as results come in, until the sweep is complete.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=0.1, max=LONGEST_PAUSE, metavar="SECONDS", help="How often --watch looks.")
    ] = 5.0,
    style: Annotated[
        str,
        typer.Option(
            help="screen, or paper: figures as wide as a column, as PDF too, with a caption in LaTeX."
        ),
    ] = "screen",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say which weight to use and why. Writes tables, plots and a page of finished jobs."""
    from klsweep import api
    from klsweep.cli.reported import open_pages, report_json, show_report
    from klsweep.cli.watch import watched

    if watch:
        reports = watched(
            path, out=out, goals=goal or (), style=style, every=every, quiet=quiet or as_json, open_=open_
        )
    else:
        reports = api.report(path, out=out, goals=goal or (), style=style)
    if as_json:
        say_json([report_json(each) for each in reports])
    elif not quiet:
        for each in reports:
            show_report(each)
    if open_ and not watch:
        open_pages(reports)


app.command(epilog="Example: klsweep kinds schedule")(kinds)
app.command(epilog="Example: klsweep schema > klsweep.schema.json")(schema)
app.command(epilog="Example: klsweep compare results/mnist schedule=constant schedule=linear")(compare)
app.command(epilog="Example: klsweep refine results/mnist --goal 'rate_nats<=20'")(refine)
app.command(epilog="Example: klsweep forecast mnist latent_dim=2,10 --out ahead")(forecast)
app.command(epilog="Example: klsweep export results/mnist --to latex --out paper")(export)
app.command(epilog="Example: klsweep measure results/mnist --metric probe --metric iw_bound")(measure)
app.command(epilog="Example: klsweep weights --input 1x64x64 --latent 10 --from pythae --beta 4 --to disent")(
    weights
)
