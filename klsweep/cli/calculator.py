"""The options of `klsweep weights`: any convention in, every other out."""

from typing import Annotated

import typer

from klsweep.cli.screen import say_json


def weights(
    *,
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="SHAPE", help="One datum: 1x64x64 or 784.", show_default=False),
    ] = None,
    latent: Annotated[
        int | None, typer.Option(metavar="M", help="Latent dimensions.", show_default=False)
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(help="Against -log p, or a squared error as it stands.", show_default=False),
    ] = None,
    beta_norm: Annotated[float | None, typer.Option(help="beta * M / N.", show_default=False)] = None,
    weight: Annotated[
        float | None,
        typer.Option(help="As a script writes it; with --reduction or --from.", show_default=False),
    ] = None,
    reduction: Annotated[
        str | None, typer.Option(help="sum, mean, mean_recon or mean_kl.", show_default=False)
    ] = None,
    sigma2: Annotated[
        float | None,
        typer.Option(help="The decoder variance that beta refers to; default 1/2.", show_default=False),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(metavar="B", help="Adds scripts that sum one term over it.", show_default=False),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="LIB", help="The weight is that of public code.", show_default=False),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="LIB", help="What to write in public code; again, or all.", show_default=False),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the public code known, with sources.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines instead.")] = False,
) -> None:
    """Say what a KL weight is in every unit, and in public code. Under each reduction; trains nothing."""
    from klsweep.cli.weights import (
        conventions_json,
        equivalents_json,
        show_conventions,
        show_equivalents,
    )
    from klsweep.vae.conventions import Question, equivalents

    if list_:
        say_json(conventions_json()) if as_json else show_conventions()
        return
    question = Question(
        input=input_,
        latent=latent,
        beta=beta,
        beta_norm=beta_norm,
        weight=weight,
        reduction=reduction,
        sigma2=sigma2,
        batch=batch,
        from_=from_,
        to=tuple(to or ()),
    )
    answer = equivalents(question)
    if as_json:
        say_json(equivalents_json(answer, question))
    else:
        show_equivalents(answer, question)
