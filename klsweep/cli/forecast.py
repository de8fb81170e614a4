"""The command `klsweep forecast`."""

from pathlib import Path
from typing import Annotated

import typer

from klsweep.cli.screen import say_json


def forecast(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC|DATASET", help="A sweep, or a data set by its kind: mnist.", show_default=False
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Replace an axis: latent_dim=2,10  beta_norm=0.01,0.1  dataset.limit=5000",
            show_default=False,
        ),
    ] = None,
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            metavar="DIR",
            help="Where data sets are; KLSWEEP_DATA does the same.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write tables as CSV, and the plot, to DIR as well.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """Say what the data's spectrum predicts, and train nothing. Active units, rate, error, total collapse."""
    from klsweep import api
    from klsweep.cli.foreseen import forecast_json, show_forecast, write_forecast
    from klsweep.cli.progress import progress

    with progress() as shown:
        found = api.forecast(spec, overrides or (), data_dir=data_dir, progress=shown.download)
    files = () if out is None else write_forecast(found, out)
    if as_json:
        say_json({**forecast_json(found), "files": [str(file) for file in files]})
    else:
        show_forecast(found, files)
