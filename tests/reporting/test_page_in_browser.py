"""The page in a real browser: Debian's Chromium, without a window and without a network."""

import base64
import io
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from made_up import Case, commit, grid, result
from PIL import Image

from klsweep import api
from klsweep.reporting import build, numbers, rows, stats
from klsweep.reporting.verdict.sentences import details, headline
from klsweep.result import Pictures, Sentences, Status
from klsweep.store import Store

CHROMIUM = shutil.which("chromium")
HAS_MNIST = "KLSWEEP_DATA" in os.environ
SPEC = f"""\
version: 1
name: mnist
fixed:
  dataset: {"{kind: mnist, limit: 600}" if HAS_MNIST else "digits"}
  model: {{kind: mlp, hidden: [16]}}
  likelihood: bernoulli
  train: {{epochs: 2, batch_size: 128, lr: 3e-3}}
grid:
  latent_dim: [2, 4]
  schedule: [constant, {{kind: linear, warmup: 0.5}}]
  beta_norm: [0, 0.01, 0.1, 1]
  seed: [0, 1]
"""
HOSTILE = (
    """<img src=x onerror="document.title='hurt'"> <b>$x$</b> & '"> <a href="javascript:alert(1)">x</a> 🙂"""
)
METRIC = "<i>&lt;$y$</i>_nats"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium, a Debian package: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the dev group")
    with sync.sync_playwright() as playwright:
        # as root, which a container's user often is, Chromium has no sandbox of its own
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A finished sweep of real models."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "mnist.yaml").write_text(SPEC)
    summary = api.run(folder / "mnist.yaml", results=folder, backend="inline")
    assert summary.exit_code == 0
    return Store(folder / "mnist")


@pytest.fixture(scope="module")
def report(store):
    return build(store)


@pytest.fixture
def show(browser):
    """Opens a page and, at the end, sees that it was silent and asked for nothing but itself."""
    contexts, heard, reloading = [], [], set()

    def open_page(path, *, reloads=False, **options):
        context = browser.new_context(
            **{"viewport": {"width": 1200, "height": 900}, "reduced_motion": "reduce"} | options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith("data:") or heard.append(request.url))
        page.goto(path.as_uri())
        assert heard.pop(0) == path.as_uri()
        reloading.update([path.as_uri()] if reloads else [])
        page.wait_for_function("() => document.querySelector('#runs-table thead th') !== null")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [each for each in heard if each not in reloading] == []


def scrolled(page):
    """With every chart drawn, as after reading it to the end."""
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
    return page


def readout(page):
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    terms = page.locator("#readout dt").all_text_contents()
    return dict(zip(terms, page.locator("#readout dd").all_text_contents(), strict=True))


def factor(page, name):
    """The control of a factor, by the name on its label."""
    return page.get_by_label(name, exact=True)


def rings(page):
    """Where the ring of each chart stands, by the chart's title."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".chart")].map((chart) => {
            const ring = chart.querySelector(".plot").data.at(-1);
            return [chart.querySelector(".title").textContent, [ring.x[0], ring.y[0]]];
        }).filter(([title]) => title !== "Learning curves"))"""
    )


def shown_picture(page, kind):
    source = page.locator(f"#pictures .{kind} img").get_attribute("src")
    return np.array(Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,")))))


def sheet(pictures, across):
    """Pictures [n, 1, height, width] side by side, `across` to a row."""
    flat = pictures.reshape(-1, across, *pictures.shape[-2:])
    return flat.transpose(0, 2, 1, 3).reshape(flat.shape[0] * flat.shape[2], -1)


def chosen(table, **wanted):
    for name, value in wanted.items():
        table = (
            table[np.isclose(table[name], value)] if isinstance(value, float) else table[table[name] == value]
        )
    return table


def test_it_opens_silently_and_asks_for_nothing(show, report):
    page = scrolled(show(report.page))
    assert page.title() == "mnist: how much KL weight?"
    assert page.locator(".chart").count() == 8
    for said in (" ".join(headline(verdict := report.verdicts.each[0])), *details(verdict)):
        assert page.get_by_text(said, exact=True).first.is_visible()


def test_the_slider_moves_the_marks_of_all_charts_and_the_pictures(show, report, store):
    page = scrolled(show(report.page))
    factor(page, "latent_dim").select_option(label="4")
    page.locator("#weight").focus()
    page.keyboard.press("Home")
    setting = {"latent_dim": 4, "schedule": "constant"}
    seen = []
    for weight in (0.0, 0.01, 0.1, 1.0):
        (point,) = chosen(report.summary, **setting, beta_norm=weight).to_dict("records")
        said = readout(page)
        assert page.locator("#weight").get_attribute("aria-valuetext") == f"beta_norm {weight:g}"
        assert said["Rate"] == numbers.estimate(point["rate_nats"], point["rate_nats_ci95"])
        assert said["ELBO"] == numbers.estimate(point["elbo_nats"], point["elbo_nats_ci95"])
        page.wait_for_function(
            "(text) => document.querySelectorAll(`.plot[aria-label*='${text}']`).length === 7",
            arg=f"at {weight:g}: ",
        )
        marks = rings(page)
        x, rate, distortion = marks["Rate"][0], point["rate_nats"], point["distortion_nats"]
        assert x == pytest.approx(np.log10(weight)) if weight else x < np.log10(0.01) - 0.4
        assert marks["Rate"] == pytest.approx([x, rate], rel=1e-6)  # seven digits are kept
        assert marks["Distortion"] == pytest.approx([x, distortion], rel=1e-6)
        assert marks["Active units"] == pytest.approx([x, point["active_units"]], rel=1e-6)
        assert marks["Distortion against rate"] == pytest.approx([rate, distortion], rel=1e-6)
        (job,) = chosen(report.runs, **setting, beta_norm=weight, seed=0)["job_id"]
        arrays = store.arrays(job)
        for kind, across in (("reconstructions", 8), ("samples", 8), ("traversals", 7)):
            np.testing.assert_array_equal(shown_picture(page, kind), sheet(arrays[f"picture_{kind}"], across))
        seen.append(shown_picture(page, "reconstructions"))
        page.keyboard.press("ArrowRight")
    assert all((seen[0] != other).any() for other in seen[1:])
    assert readout(page)["ELBO"] == said["ELBO"]  # the last weight is the end


def test_choosing_setting_and_seed_changes_numbers_lines_and_pictures(show, report, store):
    page = scrolled(show(report.page))
    factor(page, "latent_dim").select_option(label="2")
    factor(page, "schedule").select_option(label="linear")
    factor(page, "seed").select_option(label="1")
    page.locator("#weight").focus()
    page.keyboard.press("End")
    (run,) = chosen(report.runs, latent_dim=2, schedule="linear", beta_norm=1.0, seed=1).to_dict("records")
    said = readout(page)
    assert said["seed"] == "1"
    assert float(said["Rate"]) == pytest.approx(run["rate_nats"], rel=1e-3)  # four digits are shown
    arrays = store.arrays(run["job_id"])
    np.testing.assert_array_equal(shown_picture(page, "manifold"), sheet(arrays[Pictures.MANIFOLD], 12))
    assert page.locator("#pictures-said").inner_text().startswith("Pictures of seed 1 at beta_norm 1")
    factor(page, "compare").select_option(label="latent_dim")
    readout(page)
    assert page.locator("#legend li").all_inner_texts() == [" latent_dim 2", " latent_dim 4"]
    drawn = page.evaluate(
        "[...document.querySelectorAll('.chart')].find((one) => one.innerText.startsWith('Rate'))"
        ".querySelector('.plot').data.filter((trace) => trace.mode === 'lines+markers').map((trace) => trace.y)"
    )
    for latent_dim, line in zip((2, 4), drawn, strict=True):
        expected = chosen(report.runs, latent_dim=latent_dim, schedule="linear", seed=1).sort_values(
            "beta_norm"
        )
        assert [y for y in line if y is not None] == pytest.approx(expected["rate_nats"].tolist(), rel=1e-6)


def test_a_point_under_the_pointer_tells_its_values(show, report):
    page = scrolled(show(report.page))
    place = page.evaluate(
        """() => {
            const plot = [...document.querySelectorAll(".plot")][1];
            plot.scrollIntoView({ block: "center" });
            const { xaxis, yaxis } = plot._fullLayout;
            const line = plot.data.filter((trace) => trace.mode === "lines+markers")[0];
            const at = line.x.length - 1;
            const box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.l2p(line.x[at]), box.y + yaxis._offset + yaxis.l2p(line.y[at])];
        }"""
    )
    page.mouse.move(place[0] - 3, place[1] - 3)
    page.mouse.move(*place)
    text = page.locator(".hoverlayer .hovertext").first
    text.wait_for()
    latent_dim = factor(page, "latent_dim").locator("option:checked").inner_text()
    (point,) = chosen(report.summary, latent_dim=int(latent_dim), schedule="constant", beta_norm=1.0).to_dict(
        "records"
    )
    said = text.text_content()
    assert "beta_norm 1" in said
    other = chosen(report.summary, latent_dim=int(latent_dim), schedule="linear", beta_norm=1.0).to_dict(
        "records"
    )
    rates = [numbers.estimate(each["rate_nats"], each["rate_nats_ci95"]) for each in (point, *other)]
    assert any(f"Rate {rate}" in said for rate in rates)  # the lines of both schedules meet here
    assert "2 seeds" in said


def test_a_button_of_the_verdict_takes_the_charts_there(show, report):
    page = show(report.page)
    buttons = page.locator("[data-point]")
    assert buttons.count() == len(report.verdicts.each) == 4
    for number, verdict in enumerate(report.verdicts.each):
        buttons.nth(number).click()
        readout(page)
        value = verdict.best.value
        assert page.locator("#weight-said").inner_text() == f"{value:g}"
        for name in ("latent_dim", "schedule"):
            assert factor(page, name).locator("option:checked").inner_text() == verdict.group.named[name]


def table(page):
    return page.locator("#runs-table tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )


def test_the_table_has_every_run_a_page_at_a_time(show, report):
    page = show(report.page)
    found = table(page)
    assert len(found) == 25
    while page.locator("#later").is_enabled():
        page.locator("#later").click()
        found += table(page)
    assert [row[0] for row in found] == report.runs["job_id"].tolist()
    assert page.locator("#runs-said").inner_text() == "26 to 32 of 32 runs"
    page.get_by_label("all columns").check()
    assert page.locator("#runs-table thead th").all_inner_texts() == report.runs.columns.tolist()


def test_a_heading_sorts_by_click_and_by_key(show, report):
    page = show(report.page)
    heading = page.get_by_role("button", name="rate_nats", exact=True)
    column = page.locator("#runs-table thead th").all_inner_texts().index("rate_nats")
    heading.click()
    header = page.locator(f"#runs-table thead th:nth-child({column + 1})")
    ascending, descending = (
        report.runs.sort_values("rate_nats", ascending=up, kind="stable")["job_id"].tolist()
        for up in (True, False)
    )
    assert header.get_attribute("aria-sort") == "ascending"
    assert [row[0] for row in table(page)] == ascending[:25]
    page.keyboard.press("Enter")  # the heading keeps the focus
    assert header.get_attribute("aria-sort") == "descending"
    assert [row[0] for row in table(page)] == descending[:25]
    assert page.locator('[aria-sort="none"]').count() == page.locator("#runs-table thead th").count() - 1


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("linear", "schedule == 'linear'"),
        ("schedule=linear seed=1", "schedule == 'linear' and seed == 1"),
        ("latent_dim<4", "latent_dim < 4"),
        ("beta_norm>=0.1 latent_dim!=4", "beta_norm >= 0.1 and latent_dim != 4"),
        ('"status=ok" BETA_norm', "seed < 0"),
        ("nowhere", "seed < 0"),
    ],
)
def test_the_filter_finds_what_it_says(show, report, text, query):
    page = show(report.page)
    page.get_by_label("filter").fill(text)
    expected = report.runs.query(query)["job_id"].tolist()
    wanted = f"of {len(expected)} runs found" if expected else "None of 32 runs"
    page.locator("#runs-said", has_text=wanted).wait_for()
    assert [row[0] for row in table(page)] == expected[:25]


@pytest.mark.parametrize(("sign", "wanted"), [("<", 1), ("<=", 2), ("=", 1), (">=", 2), (">", 1), ("!=", 2)])
def test_a_weight_as_the_table_shows_it_is_equal_in_every_order(show, tmp_path, sign, wanted):
    page = show(build(commit(tmp_path, "s", grid(beta_norm=[0.01, 10**-1.5, 0.1]))).page)
    page.get_by_label("filter").fill(f"beta_norm{sign}0.0316")
    page.locator("#runs-said", has_text=f"of {wanted} runs found, of 3 in all").wait_for()


def test_an_address_that_names_no_job_opens_none(show, tmp_path):
    """`%` alone is no escape, and was an error in the page."""
    page = show(build(commit(tmp_path, "s", grid(beta_norm=[0.1, 1.0]))).page)
    page.evaluate("location.hash = '#job-%'")
    page.locator("#runs-said", has_text="2 runs").wait_for()
    assert page.locator("dialog[open]").count() == 0


def test_the_filter_compares_what_was_measured(show, report):
    low, high = report.runs["rate_nats"].nlargest(17).tolist()[-1:-3:-1]
    page = show(report.page)
    page.get_by_label("filter").fill(f"rate_nats<{(low + high) / 2!r}")
    page.locator("#runs-said", has_text="of 16 runs found, of 32 in all").wait_for()
    assert [row[0] for row in table(page)] == report.runs.query("rate_nats <= @low")["job_id"].tolist()


def test_a_filter_that_every_run_passes_leaves_them_all(show, report):
    page = show(report.page)
    page.locator("#later").click()
    page.get_by_label("filter").fill(f"rate_nats<{report.runs['rate_nats'].max() + 1!r}")
    page.locator("#runs-said", has_text="1 to 25 of 32 runs found, all there are").wait_for()
    page.get_by_label("filter").fill("")
    page.wait_for_function("() => document.querySelector('#runs-said').textContent === '1 to 25 of 32 runs'")


def test_a_job_opens_by_its_link_with_settings_curve_and_error(show, tmp_path):
    store = commit(tmp_path, "s", grid(beta_norm=[0.1, 1.0], seed=[0, 1]))
    store.commit(replace(result(Case(seed=2, status=Status.FAILED)), error="ValueError: <b>no</b>"))
    store = store.refreshed()
    page = show(build(store).page)
    for record in store.records():
        page.locator(f'#runs-table a[href="#job-{record.job_id}"]').click()
        dialog = page.get_by_role("dialog")
        dialog.wait_for()
        assert dialog.get_by_role("heading", level=2).inner_text() == f"Job {record.job_id}"
        settings = dialog.locator("h3:has-text('Settings') + pre").inner_text()
        assert json.loads(settings) == record.job
        if record.error:
            assert dialog.locator("pre.error").inner_text() == record.error
        else:
            lines = dialog.locator(".plot").evaluate("(plot) => plot.data.map((trace) => trace.y)")
            expected = [row["valid_rate_nats"] for row in store.curve(record.job_id)]
            assert any(line == pytest.approx(expected, rel=1e-6) for line in lines)
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.wait_for_function("() => location.hash === ''")


def test_every_control_is_reached_by_the_tab_key_and_has_a_name(show, report):
    page = show(report.page)
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] == "BODY"
    controls = ["factor-0", "factor-1", "seed", "compare", "weight", "filter", "all-columns", "later"]
    assert [one for one in dict.fromkeys(reached) if one in controls] == controls
    nameless = page.evaluate(
        """[...document.querySelectorAll("select, input")].filter((one) =>
            !one.labels.length && !one.getAttribute("aria-label")).length"""
    )
    assert nameless == 0


def test_it_fits_a_phone(show, report):
    page = scrolled(show(report.page, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for chart in page.locator(".chart .main-svg").all():
        box = chart.bounding_box()
        assert box is None or box["x"] + box["width"] <= 360
    small = page.evaluate(
        """[...document.querySelectorAll("button, select, input[type=range], input[type=search]")].filter((one) => {
            const { height, width } = one.getBoundingClientRect();
            return one.checkVisibility() && Math.min(height, width) < 24;
        }).map((one) => one.id || one.textContent)"""
    )
    assert small == []  # WCAG 2.2, 2.5.8: 24 pixels


def kept_still(page, found):
    """Wait until there is such an element, and keep the page for 3 seconds from loading itself anew."""
    page.locator(found).first.wait_for()
    page.mouse.move(5, 5)
    page.locator(found).first.wait_for()


def test_a_page_of_a_running_sweep_loads_itself_anew_and_keeps_what_was_chosen(show, tmp_path):
    cases = grid(latent_dim=[2, 4], beta_norm=[0.1, 1.0, 10.0], seed=[0, 1])
    made = [result(case) for case in cases]
    store = commit(tmp_path, "s", cases[:-2])
    store.work.write_plan({"fleet": [each.job_id for each in made]})
    page = show(build(store.refreshed(), reload=1.0).page, reloads=True)
    factor(page, "latent_dim").select_option(label="4")
    factor(page, "seed").select_option(label="1")
    page.get_by_role("button", name="rate_nats", exact=True).click()
    page.locator("#filter").fill("latent_dim=4")
    page.locator("#weight").focus()
    page.keyboard.press("End")
    assert readout(page)["seed"] == "1"
    assert page.locator("#weight-said").inner_text() == "1"

    store.commit(made[-2])
    build(store.refreshed(), reload=1.0)
    kept_still(page, "#runs-said:has-text('1 to 5 of 5 runs found, of 11 in all')")
    assert page.locator('[aria-sort="ascending"]').inner_text() == "rate_nats"
    assert factor(page, "latent_dim").locator("option:checked").inner_text() == "4"
    assert factor(page, "seed").input_value() == "1"
    assert page.locator("#weight-said").inner_text() == "1"
    assert page.evaluate("document.activeElement.id") == "weight"

    store.commit(made[-1])
    build(store.refreshed(), reload=1.0)
    kept_still(page, "#runs-said:has-text('1 to 6 of 6 runs found, of 12 in all')")
    assert page.locator("#live").count() == 0  # the sweep is complete


def test_a_reader_can_keep_a_page_from_loading_itself_anew(show, tmp_path):
    cases = grid(beta_norm=[0.1, 1.0], seed=[0, 1])
    store = commit(tmp_path, "s", cases[:-1])
    store.work.write_plan({"fleet": [result(case).job_id for case in cases]})
    page = show(build(store.refreshed(), reload=0.5).page, reloads=True)
    page.evaluate("document.body.dataset.old = true")
    kept_still(page, "body:not([data-old]) #runs-table td")
    page.locator("#live").uncheck()
    page.evaluate("document.body.dataset.old = true")
    page.wait_for_timeout(4500)  # it waits for 3 seconds without a key or a touch
    assert page.locator("body[data-old]").count() == 1


def luminance(colour):
    """Relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out_in_both_schemes(show, report, scheme):
    page = scrolled(show(report.page, color_scheme=scheme))

    def colour(name):
        return page.evaluate(
            """(name) => {
                const probe = document.createElement("i");
                probe.style.color = `var(${name})`;
                document.body.append(probe);
                const found = getComputedStyle(probe).color;
                probe.remove();
                return found;
            }""",
            name,
        )

    paper = luminance(colour("--paper"))
    assert (paper > 0.5) == (scheme == "light")

    def contrast(name):
        low, high = sorted((luminance(colour(name)), paper))
        return (high + 0.05) / (low + 0.05)

    for name in ("--ink", "--soft", "--accent", "--bad"):
        assert contrast(name) >= 4.5, name  # WCAG 2.2, 1.4.3
    for number in range(6):
        assert contrast(f"--line-{number}") >= 3, number  # WCAG 2.2, 1.4.11
    ink = page.locator(".chart .xtick text").first.evaluate("(one) => getComputedStyle(one).fill")
    assert ink == colour("--ink")


def test_on_paper_it_is_light_and_whole_and_has_no_controls(show, report):
    page = show(report.page, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for selector in ("#choices", "#weight", "#filter", "#later", "nav"):
        assert not page.locator(selector).first.is_visible(), selector
    for verdict in report.verdicts.each:
        for said in (" ".join(headline(verdict)), *details(verdict)):
            assert page.get_by_text(said, exact=True).first.is_visible()
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    shown = report.verdicts.each[0].group.named
    assert page.locator("p.setting").is_visible()
    for name in ("latent_dim", "schedule"):
        assert f"{name} {shown[name]}" in page.locator("p.setting").inner_text()
    assert page.locator(".answers").last.is_visible()
    assert page.locator(".chart .main-svg").count() >= 8
    assert [row[0] for row in table(page)] == report.runs["job_id"].tolist()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert len(table(page)) == 25


def test_hostile_names_are_shown_and_do_nothing(show, tmp_path):
    store = Store.open(tmp_path, HOSTILE.replace("/", "\N{FRACTION SLASH}"))
    for case in grid(beta_norm=[0.1, 1.0], model=[HOSTILE, f"{HOSTILE} 2"], seed=[0, 1]):
        made = result(replace(case, further={METRIC: 1.0 + case.seed}))
        store.commit(replace(made, provenance={"host": HOSTILE, "__proto__": HOSTILE}))
    store.commit(replace(result(Case(model=HOSTILE, seed=5, status=Status.FAILED)), error=HOSTILE))
    store.write_spec(HOSTILE)
    page = scrolled(show(build(Store(store.path)).page))
    assert page.evaluate("document.scripts.length") == 3
    assert page.locator("img[onerror], a[href^=javascript]").count() == 0
    options = factor(page, "model").locator("option").all_text_contents()
    assert len(options) == 2
    assert all(option.startswith("<img src=x onerror=") for option in options)  # long ones lose their middle
    assert f"model {options[1]}" in page.locator("#legend").inner_text()
    assert page.locator("td", has_text=HOSTILE).count() > 0
    page.get_by_label("Which further metric").select_option(label=METRIC)
    hover = page.evaluate(
        """() => {
            const plot = document.querySelector(".plot");
            Plotly.Fx.hover(plot, [{ curveNumber: 2, pointNumber: 0 }]);
            return plot.querySelector(".hovertext").textContent;
        }"""
    )
    assert hover.startswith(options[0]) or hover.startswith(options[1])
    failed = next(record for record in Store(store.path).records() if record.status is Status.FAILED)
    page.evaluate(f"location.hash = '#job-{failed.job_id}'")
    assert page.locator("pre.error").inner_text() == HOSTILE
    page.keyboard.press("Escape")
    page.wait_for_function("() => location.hash === ''")
    done = next(record for record in Store(store.path).records() if record.status is Status.OK)
    page.evaluate(f"location.hash = '#job-{done.job_id}'")
    page.wait_for_function("id => document.querySelector('dialog').textContent.includes(id)", arg=done.job_id)
    came_from = json.loads(page.locator("h3:has-text('Where it came from') + pre").inner_text())
    assert came_from == {"host": HOSTILE, "__proto__": HOSTILE}
    assert page.title() == f"{store.name}: how much KL weight?"
    assert page.evaluate("document.querySelectorAll('img').length") == 0


def test_weights_that_were_all_lost_are_on_the_slider_and_say_so(show, tmp_path):
    cases = [*grid(beta_norm=[0.1, 1.0], seed=[0, 1]), Case(beta_norm=10.0, status=Status.DIVERGED)]
    page = scrolled(show(build(commit(tmp_path, "s", cases)).page))
    page.locator("#weight").focus()
    page.keyboard.press("End")
    said = readout(page)
    assert page.locator("#weight-said").inner_text() == "10"
    assert said["Rate"] == "unknown"
    assert said["mean of"] == "no job finished; 1 diverged"
    assert rings(page)["Rate"][1] is None


def test_without_a_finished_job_it_is_silent_too(show, tmp_path):
    page = show(build(commit(tmp_path, "s", [Case(status=Status.FAILED)])).page)
    assert [row[1] for row in table(page)] == ["failed"]
    assert stats.summary(rows.runs(Store(tmp_path / "s")))["n"].tolist() == [0]
    assert page.locator("#explore").count() == 0


def test_sentences_follow_the_weight_and_are_text(show, tmp_path):
    store = Store.open(tmp_path, "s")
    for case in grid(beta_norm=[0.1, 1.0]):
        said = {
            str(Sentences.ORIGINALS): np.array(["held out", HOSTILE]),
            str(Sentences.RECONSTRUCTIONS): np.array([f"rebuilt at {case.beta_norm:g}", HOSTILE]),
            str(Sentences.SAMPLES): np.array(["drawn"]),
            str(Sentences.INTERPOLATIONS): np.array([["from", "to"]]),
        }
        store.commit(replace(result(case), arrays=said))
    page = show(build(Store(store.path)).page)
    rows_ = page.locator("#sentences tbody tr")
    seen = []
    for place in ("0", "1"):
        page.locator("#weight").fill(place)
        readout(page)
        seen.append(rows_.nth(0).locator("td").all_text_contents())
        assert rows_.nth(1).locator("td").all_text_contents() == [HOSTILE, HOSTILE]
    assert seen == [["held out", "rebuilt at 0.1"], ["held out", "rebuilt at 1"]]
    assert page.locator("#sentences li").all_text_contents() == ["drawn", "from", "to"]
