import io

import pytest
from made_up import CONSTANT, LINEAR, Case, commit, grid
from markdown_it import MarkdownIt
from rich.console import Console

from klsweep.reporting import numbers, rows, stats, tables
from klsweep.result import Status

HOSTILE = "[red]a|b_$x$ & 100%\\ {c} #~^\nline"


def summary_of(tmp_path, cases):
    return stats.summary(rows.runs(commit(tmp_path, "s", cases)))


def printed(summary, width=80):
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(tables.terminal(summary))
    return file.getvalue()


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (123.456, 1.234, "123.5 ± 1.2"),
        (0.012345, 0.00067, "0.01235 ± 0.00067"),
        (123456.0, 12.0, "123456 ± 12"),
        (85.1234, 0.0003, "85.1234 ± 0.0003"),
        (85.1234, 3e-9, "85.12 ± 3e-09"),
        (9999.96, 0.04, "9999.96 ± 0.04"),
        (0.99996, 0.00001, "0.99996 ± 0.00001"),
        (1234567.8, 123456.0, "1230000 ± 120000"),
        (123456.7, 7.2, "123457 ± 7"),
        (7.0, 0.0, "7 ± 0"),
        (7.0, float("nan"), "7"),
        (-12.3456, float("nan"), "-12.35"),
        (float("nan"), float("nan"), ""),
    ],
)
def test_estimates_have_the_digits_their_interval_supports(mean, half_width, text):
    assert numbers.estimate(mean, half_width) == text


def test_different_weights_never_look_alike():
    values = [0.1, 0.1001, 0.10010001]
    assert len(set(numbers.distinct(values).values())) == 3


def test_the_terminal_table_fits_and_keeps_every_number_whole(tmp_path):
    cyclical = {"kind": "cyclical", "cycles": 4, "ratio": 0.5}
    cases = grid(
        beta_norm=[0.00316, 31.6],
        latent_dim=[2, 32],
        reduction=["sum", "mean_recon"],
        schedule=[CONSTANT, cyclical],
        unit=["weight"],
        seed=range(2),
    )
    summary = summary_of(tmp_path, cases)
    text = printed(summary)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for mean, half_width in zip(summary["elbo_nats"], summary["elbo_nats_ci95"], strict=True):
        assert numbers.estimate(mean, half_width).replace(" ", "") in text.replace(" ", "")


def test_what_does_not_vary_is_said_once_and_no_interval_is_claimed_for_one_seed(tmp_path):
    text = printed(summary_of(tmp_path, grid(beta_norm=[0.1, 1.0], schedule=[CONSTANT, LINEAR])))
    assert "±" not in text
    assert text.count("digits") == 1
    assert text.count("linear") == 2


def test_a_long_table_says_where_the_rest_is(tmp_path):
    text = printed(summary_of(tmp_path, grid(beta_norm=[0.1 * k for k in range(1, 51)])))
    assert "10 more rows of 50: summary.csv" in text


def test_lost_jobs_are_counted_in_the_row(tmp_path):
    assert "1 of 2" in printed(summary_of(tmp_path, [Case(), Case(seed=1, status=Status.DIVERGED)]))


def test_names_are_text_everywhere(tmp_path):
    summary = summary_of(tmp_path, grid(dataset=[HOSTILE, "digits"], beta_norm=[0.1]))
    assert "[red]a|b_$x$" in printed(summary)
    body = [line for line in tables.markdown(summary).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in body} == {body[0].count("|")}
    (row,) = [line for line in tables.latex(summary).splitlines() if line.startswith("{[}red")]
    assert (
        r"a\textbar{}b\_\$x\$ \& 100\%\textbackslash{} \{c\} \#\textasciitilde{}\textasciicircum{} line"
        in row
    )
    assert row.endswith(r"\\")


def test_the_latex_table_has_as_many_cells_as_columns(tmp_path):
    text = tables.latex(summary_of(tmp_path, grid(beta_norm=[0.1, 1.0], latent_dim=[2, 4], seed=[0, 1])))
    (spec,) = [line for line in text.splitlines() if line.startswith(r"\begin{tabular}")]
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") + 1 for line in lines} == {spec.count("l") - 1 + spec.count("r") - 1}


def test_what_github_would_make_something_of_stays_text_in_markdown():
    """By another reader of Markdown: the text is what it was, and nothing in it is a link or marked up."""
    hostile = (
        r"http://a.example $x^2$ :+1: @user www.a.example a@b.example *a* _b_ `c` <i> [d](e) # | ~f~ \ 1:2: g"
    )
    said = tables.escaped(hostile)
    tokens = MarkdownIt("commonmark").parseInline(said)[0].children
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens) == hostile
    for mark in ("://", "$", ":+1", "@", "www."):  # extensions of GitHub that this reader does not have
        assert mark not in said.replace(f"\\{mark[0]}", "").replace("www\\.", "")
    assert tables.escaped("the best: 3") == "the best: 3"


def test_a_squared_error_is_called_one_in_the_caption(tmp_path):
    for likelihood, is_said in (("mse", True), ("bernoulli", False)):
        summary = stats.summary(rows.runs(commit(tmp_path / likelihood, "s", [Case(likelihood=likelihood)])))
        assert ("the distortion is the summed squared error" in tables.markdown(summary)) == is_said
