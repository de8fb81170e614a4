"""The weight calculator on the screen and as JSON."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table
from rich.text import Text

from klsweep.cli.screen import number, say, say_prose, show
from klsweep.vae.conventions import (
    CONVENTIONS,
    Convention,
    Equivalents,
    Form,
    OverBatch,
    Question,
    RawWeight,
    Term,
)

FEW = 3  # conventions asked for by name that are explained below their table; more are listed by --list


def conventions_json() -> list[dict[str, Any]]:
    """Every convention known."""
    return [_convention(convention) for convention in CONVENTIONS]


def show_conventions() -> None:
    """Print every convention: its loss, its weight, its source and its trap."""
    say("SSE: squared error summed over a datum; MSE: its mean; BCE, CE, -log p: summed")
    say("KL: summed over the M latents unless it says mean; N: dimensions of a datum")
    for convention in CONVENTIONS:
        say("")
        _explain(convention)


def equivalents_json(answer: Equivalents, question: Question) -> dict[str, Any]:
    """The whole answer for machines; keys of weights have no unit, theta is in squared units of the data."""
    sizes, origin = answer.sizes, question.origin
    return {
        "input": list(sizes.shape),
        "input_dim": sizes.input_dim,
        "latent_dim": sizes.latent_dim,
        "batch": sizes.batch,
        "given": {
            "option": answer.given,
            "value": answer.value,
            "from": _convention(origin) if origin else None,
            "reduction": question.reduction,
            "sigma2": question.sigma2,
            "words": _given(answer, question),
        },
        "beta": answer.beta,
        "theta": answer.theta,
        "implied_variance": answer.theta or None,
        "klsweep": [
            {
                "likelihood": reading.likelihood,
                "sigma2": reading.sigma2,
                "beta": reading.beta,
                "beta_norm": reading.beta_norm,
            }
            for reading in answer.readings
        ],
        "raw_weights": [_raw(each) for each in answer.raw_weights],
        "to": [{**_convention(each.convention), "weight": each.weight} for each in answer.in_code],
    }


def show_equivalents(answer: Equivalents, question: Question) -> None:
    """Print the answer as tables of at most 80 columns."""
    sizes = answer.sizes
    dims = "x".join(map(str, sizes.shape))
    say(f"input {dims}: N = {sizes.input_dim}    latent: M = {sizes.latent_dim}" + _batch_text(sizes.batch))
    say_prose(f"given: {_given(answer, question)}")
    if question.origin:
        say("")
        _explain(question.origin)
    say("\nthe same objective in klsweep")
    show(_readings(answer))
    if answer.theta is not None:
        say(f"theta = beta * sigma^2 = {number(answer.theta)}: the decoder variance implied at beta = 1;")
        say("with a squared error the optimum depends on theta alone")
    say("\nraw weight w of a script with the loss  recon + w * KL,  by how it reduces them")
    show(_raw_table(answer))
    if sizes.batch is not None:
        say(f"summing both over the batch keeps w; gradients are {sizes.batch} times larger")
    if answer.in_code:
        say("\nthe same objective in public code")
        show(_codes(answer))
        _explain_few(answer)


def _given(answer: Equivalents, question: Question) -> str:
    """What was given, in words, and which variance its beta refers to."""
    value, origin = number(answer.value), question.origin
    if origin:
        default = ", its default" if answer.given == "--from" and not origin.ignored else ""
        ignored = ": it uses no other" if origin.ignored else ""
        return f"{origin.setting or 'weight of KL'} = {value} in {origin.name}{default}{ignored}"
    name = {"--beta": "beta", "--beta-norm": "beta_norm = beta * M / N", "--weight": "raw weight"}[
        answer.given
    ]
    under = f" in a script with the reduction {question.reduction}" if answer.given == "--weight" else ""
    if question.sigma2 is not None:
        return f"{name} = {value}{under}, against the -log p of a Gaussian with sigma^2 = {number(question.sigma2)}"
    against = "against any -log p in full, or a squared error as it stands (sigma^2 = 1/2)"
    return f"{name} = {value}{under}, {against}; for another variance add --sigma2"


def _readings(answer: Equivalents) -> Table:
    table = _table("likelihood", numbers=("sigma^2", "beta", "beta_norm"))
    for reading in answer.readings:
        variance = "" if reading.sigma2 is None else number(reading.sigma2)
        name = {
            "any -log p": "bernoulli, or any other -log p in full",
            "mse": "mse: squared error",
            "gaussian": f"{{kind: gaussian, variance: {variance}}}",
        }[reading.likelihood]
        table.add_row(Text(name), variance or "-", number(reading.beta), number(reading.beta_norm))
    return table


def _raw_table(answer: Equivalents) -> Table:
    """A row for each way to reduce, a column for each reconstruction term there is."""
    columns = list(dict.fromkeys(_term(each.form) for each in answer.raw_weights))
    kinds = ["reduction", "pixels", "latents"]
    kinds += ["batch: recon, KL"] if answer.sizes.batch is not None else []
    table = _table(*kinds, numbers=columns)
    rows: dict[tuple[str, ...], list[str]] = {}
    for each in answer.raw_weights:
        rows.setdefault(_way(each.form), []).append(number(each.weight))
    for way, weights in rows.items():
        table.add_row(*way[: len(kinds)], *weights)
    return table


def _term(form: Form) -> str:
    """The reconstruction term as the head of a column."""
    if form.term is not Term.SSE:
        return "-log p"
    return "SSE" if form.recon_factor == 1 else "0.5 * SSE"


def _way(form: Form) -> tuple[str, str, str, str]:
    pixels = "mean" if form.reduction in ("mean", "mean_recon") else "sum"
    latents = "mean" if form.reduction in ("mean", "mean_kl") else "sum"
    batch = f"{form.recon_batch.value}, {form.kl_batch.value}" if form.needs_batch else "alike"
    return form.reduction.value, pixels, latents, batch


def _codes(answer: Equivalents) -> Table:
    table = _table("code", "its setting", numbers=("write", "default"))
    for each in answer.in_code:
        convention = each.convention
        weight = "ignored" if each.weight is None else number(each.weight)
        setting = convention.setting or "(a factor on KL)"
        table.add_row(Text(convention.name), Text(setting), weight, convention.default_text)
    return table


def _explain_few(answer: Equivalents) -> None:
    if len(answer.in_code) > FEW:
        say("sources and traps of each: klsweep weights --list")
        return
    for each in answer.in_code:
        say("")
        _explain(each.convention)


def _explain(convention: Convention) -> None:
    """A convention in a few lines: loss, weight, source, trap."""
    setting = convention.setting or "no weight"
    other = f"; also: {', '.join(convention.aliases)}" if convention.aliases else ""
    say(f"{convention.name}: loss = {convention.loss}")
    say_prose(f"{setting}, default {convention.default_text}{other}", indent=4)
    recalled = " (in part from memory or a thread)" if convention.recalled else ""
    say_prose(f"source: {convention.source}{recalled}", indent=4)
    if convention.trap:
        say_prose(f"note: {convention.trap}", indent=4)


def _convention(convention: Convention) -> dict[str, Any]:
    return {
        "name": convention.name,
        "aliases": list(convention.aliases),
        "loss": convention.loss,
        "reconstruction": convention.form.term.value,
        "setting": convention.setting or None,
        "default": convention.default_text if convention.default_per_latent else convention.default,
        "ignored": convention.ignored,
        "source": convention.source,
        "recalled": convention.recalled,
        "note": convention.trap,
    }


def _raw(each: RawWeight) -> dict[str, Any]:
    form = each.form
    return {
        "recon": {"-log p": "-log p", "SSE": "sse", "0.5 * SSE": "half_sse"}[_term(form)],
        "reduction": form.reduction.value,
        "recon_over_batch": form.recon_batch.value if form.needs_batch else OverBatch.MEAN.value,
        "kl_over_batch": form.kl_batch.value if form.needs_batch else OverBatch.MEAN.value,
        "weight": each.weight,
    }


def _table(*names: str, numbers: Iterable[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _batch_text(batch: int | None) -> str:
    return "" if batch is None else f"    batch: {batch}"
