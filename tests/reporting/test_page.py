import base64
import hashlib
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up import CONSTANT, LINEAR, Case, commit, grid, result
from PIL import Image

from klsweep.reporting import build, rows, stats
from klsweep.reporting import page as pages
from klsweep.reporting.page import LIMIT, columns, curves, rounds, strips
from klsweep.reporting.page.document import READ
from klsweep.reporting.page.points import points
from klsweep.reporting.verdict import verdicts
from klsweep.reporting.verdict.sentences import details, headline, to_type
from klsweep.result import CURVE_COLUMNS, Pictures, Status
from klsweep.store import Store

HOSTILE = (
    """</script><script>alert(1)</script> "q" 'a' &amp; \\textbf{$x^2$} =1+1 @SUM(A1)\n名前 🙂 """
    "<img src=x onerror=alert(2)>"
)


class Parsed(HTMLParser):
    """Elements with their attributes, the text of the page, and the text of each script by its id."""

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.text, self._in_script = [], [], "", False
        self.feed(content.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._in_script = True
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data):
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.text += data

    @property
    def content(self):
        return json.loads(self.scripts[0])

    def tags(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def made(store):
    runs = rows.runs(store)
    return pages.page(store, runs, stats.summary(runs), verdicts(store, runs))


def column(content, name):
    found = next(each for each in content["runs"]["columns"] if each["name"] == name)
    if "numbers" in found:
        return found["numbers"]
    texts = found["texts"]
    return [None if code < 0 else texts["levels"][code] for code in texts["codes"]]


def pictures(seed, latent_dim=4):
    rng = np.random.default_rng(seed)
    arrays = {
        Pictures.ORIGINALS: np.full((8, 1, 6, 5), 9),
        Pictures.RECONSTRUCTIONS: rng.integers(0, 256, (8, 1, 6, 5)),
        Pictures.SAMPLES: rng.integers(0, 256, (16, 3, 6, 5)),
        Pictures.TRAVERSALS: rng.integers(0, 256, (latent_dim, 7, 1, 6, 5)),
    }
    drawn = {str(name): array.astype(np.uint8) for name, array in arrays.items()}
    return {**drawn, str(Pictures.TRAVERSED): np.arange(latent_dim, dtype=np.uint16)[::-1]}


def commit_pictured(results, cases):
    store = Store.open(results, "s")
    for number, case in enumerate(cases):
        store.commit(replace(result(case), arrays=pictures(number)))
    return Store(store.path)


def test_the_page_has_every_run_point_and_interval_of_the_tables(tmp_path):
    store = commit(tmp_path, "s", grid(beta_norm=[0.0, 0.1, 1.0], latent_dim=[2, 4], seed=[0, 1, 2]))
    runs = rows.runs(store)
    summary = stats.summary(runs)
    content = Parsed(made(store)).content
    assert column(content, "job_id") == runs["job_id"].tolist()
    # 7 significant digits: half a unit of the seventh is at most 5e-7 of the value
    np.testing.assert_allclose(column(content, "elbo_nats"), runs["elbo_nats"].tolist(), rtol=5e-7)
    points = content["points"]
    elbo = next(metric for metric in points["metrics"] if metric["name"] == "elbo_nats")
    np.testing.assert_allclose(elbo["mean"], summary["elbo_nats"].tolist(), rtol=5e-7)
    np.testing.assert_allclose(elbo["ci95"], summary["elbo_nats_ci95"].tolist(), rtol=5e-7)
    assert [points["weights"]["beta_norm"][point] for point in points["point"]] == runs["beta_norm"].tolist()
    assert [factor["name"] for factor in points["factors"]] == ["latent_dim"]
    assert points["factors"][0]["levels"] == ["2", "4"]
    assert [[2, 4][code] for code in points["codes"][0]] == summary["latent_dim"].tolist()


def test_the_verdict_and_what_was_run_stand_on_the_page_as_they_are(tmp_path):
    store = commit(tmp_path, "s", grid(beta_norm=[0.01, 0.1, 1.0, 10.0], seed=[0, 1, 2]))
    store.write_spec("name: s  # <b> & \N{SNOWMAN}\n")
    text = Parsed(made(store)).text
    (found,) = verdicts(store, rows.runs(store)).each
    for sentence in (*headline(found), *details(found), *to_type(found)):
        assert sentence in text
    assert "name: s  # <b> & \N{SNOWMAN}" in text
    assert "12 ok" in text
    assert "18 s in all, 1.5 s for the median job" in text


def test_the_same_store_gives_the_same_bytes(tmp_path):
    store = commit_pictured(tmp_path, grid(beta_norm=[0.1, 1.0], seed=[0, 1]))
    assert made(store) == made(store.refreshed())


def test_nothing_of_the_page_comes_from_elsewhere_and_only_its_own_code_may_run(tmp_path):
    content = made(commit(tmp_path, "s", grid(beta_norm=[0.1, 1.0])))
    parsed = Parsed(content)
    for _, attributes in parsed.elements:
        assert not {"src", "srcset", "action", "style"} & attributes.keys()
        assert all(value.startswith("#") for name, value in attributes.items() if name == "href")
    assert not parsed.tags("link")
    policy = next(each["content"] for each in parsed.tags("meta") if each.get("http-equiv"))
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data:"
    code = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in parsed.scripts[1:]]
    assert allowed["script-src"].split() == [f"'sha256-{each}'" for each in code]
    assert "Licensed under the MIT license" in parsed.scripts[1][:300]


def test_hostile_names_errors_and_paths_are_text(tmp_path):
    name = HOSTILE.replace("/", "\N{FRACTION SLASH}").replace("\n", " ")
    store = Store.open(tmp_path, name)
    for seed in (0, 1):
        for beta_norm in (0.1, 1.0):
            whole = result(Case(beta_norm=beta_norm, seed=seed, dataset=HOSTILE, further={HOSTILE: 1.0}))
            store.commit(replace(whole, provenance={"host": HOSTILE, HOSTILE: HOSTILE}))
    lost = result(Case(seed=2, dataset=HOSTILE, status=Status.FAILED))
    store.commit(replace(lost, error=HOSTILE))
    store.write_spec(HOSTILE)
    (store.path / "jobs" / "x").mkdir()
    (store.path / "jobs" / "x" / "result.json").write_text("{")
    plain = commit(tmp_path, "plain", grid(beta_norm=[0.1, 1.0], seed=[0, 1]))
    parsed = Parsed(build(Store(store.path)).page.read_bytes())
    harmless = {tag for tag, _ in Parsed(made(plain)).elements} | {"pre"}
    assert {tag for tag, _ in parsed.elements} <= harmless
    assert len(parsed.scripts) == 3
    assert not any(key.startswith("on") for _, attributes in parsed.elements for key in attributes)
    assert name in parsed.text
    assert HOSTILE in parsed.text  # the spec and the host
    content = parsed.content
    assert set(column(content, "dataset")) == {HOSTILE}
    assert HOSTILE in content["jobs"]["errors"]["levels"]
    assert {"path": [HOSTILE], "levels": [HOSTILE]} in [
        {"path": each["path"], "levels": each["levels"]} for each in content["jobs"]["provenance"]
    ]
    assert "<" not in parsed.scripts[0]


def test_a_lone_surrogate_in_a_name_is_no_reason_to_have_no_page(tmp_path):
    store = commit(tmp_path, "s", [Case(), Case(beta_norm=1.0)])
    elsewhere = {"dataset": "a\ud800b"}  # as JSON has it that was written elsewhere
    runs = rows.table([replace(each, row={**each.row, **elsewhere}) for each in store.records()])
    content = pages.page(store, runs, stats.summary(runs), verdicts(store, runs))
    assert set(column(Parsed(content).content, "dataset")) == {"a?b"}


def test_a_page_of_a_half_finished_and_partly_failed_sweep_is_truthful(tmp_path):
    cases = [*grid(beta_norm=[0.1, 1.0], seed=[0, 1]), Case(beta_norm=10.0, status=Status.DIVERGED)]
    cases += [Case(beta_norm=1.0, seed=2, status=Status.FAILED), Case(beta_norm=3.0, status=Status.TIMEOUT)]
    store = commit(tmp_path, "s", cases)
    ids = [record.job_id for record in store.records()]
    store.work.write_plan({"f": [*ids, "0" * 12]})
    parsed = Parsed(build(store).page.read_bytes())
    for sentence in ("1 of 7 jobs diverged", "1 of 7 jobs failed", "1 of 7 jobs ran out of time"):
        assert sentence in parsed.text
    assert "1 of 8 planned jobs have no result yet" in parsed.text
    points = parsed.content["points"]
    at = {weight: place for place, weight in enumerate(points["weights"]["beta_norm"])}
    assert [points["counts"]["n"][at[weight]] for weight in (0.1, 1.0, 3.0, 10.0)] == [2, 2, 0, 0]
    assert points["counts"]["n_diverged"][at[10.0]] == 1
    assert points["counts"]["n_failed"][at[1.0]] == points["counts"]["n_failed"][at[3.0]] == 1
    elbo = next(metric for metric in points["metrics"] if metric["name"] == "elbo_nats")
    assert [elbo["mean"][at[weight]] is None for weight in (0.1, 1.0, 3.0, 10.0)] == [
        False,
        False,
        True,
        True,
    ]
    assert elbo["said"][at[10.0]] == ""
    assert sorted(column(parsed.content, "status")) == [
        "diverged",
        "failed",
        "ok",
        "ok",
        "ok",
        "ok",
        "timeout",
    ]


@pytest.mark.parametrize("cases", [[], [Case(status=Status.FAILED)]])
def test_without_a_finished_job_there_is_a_page_without_charts(tmp_path, cases):
    parsed = Parsed(made(commit(tmp_path, "s", cases)))
    assert len(parsed.scripts) == 2  # no library
    assert "No verdict" in parsed.text
    assert len(column(parsed.content, "job_id")) == len(cases)


def test_settings_of_a_job_are_told_whole(tmp_path):
    cases = grid(beta_norm=[0.1, 1.0], schedule=[CONSTANT, LINEAR], reduction=["sum", "mean"])
    store = commit(tmp_path, "s", cases)
    content = Parsed(made(store)).content
    jobs = {record.job_id: dict(record.job) for record in store.records()}
    for row, job_id in enumerate(column(content, "job_id")):
        assert nested(content["jobs"]["config"], row) == jobs[job_id]


def nested(paths, row):
    """As the page's own code puts a job together."""
    whole = {}
    for each in paths:
        code = each["codes"][row] if each["codes"] else 0
        if code >= 0:
            place = whole
            for name in each["path"][:-1]:
                place = place.setdefault(name, {})
            place[each["path"][-1]] = each["levels"][code]
    return whole


def test_values_that_python_takes_for_equal_are_told_apart():
    values = [1, 1.5, True, None, "1", [], {}, float("inf")]
    told = columns.mappings([{"x": value} for value in values] + [{}])
    json.dumps(told, allow_nan=False)
    back = [nested(told, row) for row in range(9)]
    assert [repr(each["x"]) for each in back[:7]] == [repr(value) for value in values[:7]]
    assert back[7:] == [{"x": "inf"}, {}]


def test_a_strip_has_the_pixels_of_its_pictures(tmp_path):
    found = strips.strips(pictures(0))
    assert found is not None
    assert found.latents == (3, 2, 1, 0)
    arrays = pictures(0)
    for name, (down, across) in {"originals": (1, 8), "samples": (2, 8), "traversals": (4, 7)}.items():
        strip = found.each[name]
        assert (strip.down, strip.across) == (down, across)
        image = np.array(Image.open(io.BytesIO(base64.b64decode(strip.png))))
        single = arrays[f"picture_{name}"].reshape(down * across, -1, 6, 5)
        for place, picture in enumerate(single):
            top, left = place // across * 6, place % across * 5
            shown = image[top : top + 6, left : left + 5].reshape(6, 5, -1).transpose(2, 0, 1)
            np.testing.assert_array_equal(shown, picture)


def test_originals_are_kept_once(tmp_path):
    store = commit_pictured(tmp_path, grid(beta_norm=[0.1, 1.0], seed=[0, 1]))
    kept = Parsed(made(store)).content["pictures"]
    assert len(kept["jobs"]) == 4
    assert len({job["strips"]["originals"][0] for job in kept["jobs"].values()}) == 1
    assert len(kept["pngs"]) == 1 + 4 * 3


def test_a_curve_is_kept_to_the_digits_of_a_float32_and_thinned_evenly():
    epochs = 10 * curves.EPOCHS
    rng = np.random.default_rng(0)
    curve = [
        {**dict.fromkeys(CURVE_COLUMNS), "epoch": i + 1, "train_rate_nats": rng.random()}
        for i in range(epochs)
    ]
    kept = curves.drawn(curve)
    values = np.frombuffer(base64.b64decode(kept.values), dtype="<f4").reshape(len(curves.NAMES), -1)
    epoch = values[curves.NAMES.index("epoch")]
    assert kept.epochs == epochs
    assert len(epoch) == curves.EPOCHS
    assert (epoch[0], epoch[-1]) == (1, epochs)
    assert set(np.diff(epoch)) <= {10, 11}  # 599 steps of an epoch in 59 of a kept one
    expected = [curve[int(one) - 1]["train_rate_nats"] for one in epoch]
    np.testing.assert_allclose(values[curves.NAMES.index("train_rate_nats")], expected, rtol=2**-24)
    assert np.isnan(values[curves.NAMES.index("weight")]).all()


def test_what_has_no_room_is_left_out_seeds_first_and_said(tmp_path, monkeypatch):
    cases = grid(beta_norm=np.geomspace(0.01, 10, 12).tolist(), seed=[0, 1])
    store = commit_pictured(tmp_path, cases)
    seeds = {record.job_id: record.row["seed"] for record in store.records()}
    whole = Parsed(made(store))
    assert len(whole.content["pictures"]["jobs"]) == 24
    assert "are here for" not in whole.text
    size = len(made(store))
    for left in (400, 20_000):  # bytes that are lacking: a strip, or the second seed and more
        monkeypatch.setattr("klsweep.reporting.page.document.LIMIT", size - left)
        content = made(store.refreshed())
        parsed = Parsed(content)
        assert len(content) <= size - left
        kept = parsed.content["pictures"]["jobs"]
        assert {seeds[job_id] for job_id in kept} == {0}
        assert f"Pictures are here for {len(kept)} of 24 jobs, one seed of each setting" in parsed.text
    assert 0 < len(kept) <= 12


def test_rounds_take_one_of_each_point_first_and_spread_evenly():
    jobs = [f"{point}-{seed}" for point in range(50) for seed in range(2)]
    turns = rounds.rounds(jobs, [point for point in range(50) for _ in range(2)])
    assert [sorted(turn) for turn in turns] == [sorted(f"{p}-{seed}" for p in range(50)) for seed in range(2)]
    first = sorted(int(job.split("-")[0]) for job in turns[0][:13])
    # three-distance theorem: 13 = a Fibonacci number of points have gaps of two sizes in ratio 1.618
    gaps = np.diff(first)
    assert gaps.max() <= 2 * gaps.min() + 1


def test_rounds_that_do_not_fit_are_left_out_whole_but_for_the_first():
    turns = [["a", "b", "c"], ["d", "e", "f"]]
    fill = {"make": lambda job: None if job == "b" else job, "cost": lambda _: 10}
    assert set(rounds.fill(turns, **fill, room=100, most=9).each) == {"a", "c", "d", "e", "f"}
    assert set(rounds.fill(turns, **fill, room=49, most=9).each) == {"a", "c"}
    assert set(rounds.fill(turns, **fill, room=19, most=9).each) == {"a"}
    assert set(rounds.fill(turns, **fill, room=100, most=2).each) == {"a"}
    assert set(rounds.fill(turns, **fill, room=100, most=5).each) == {"a", "c"}
    assert not rounds.fill(turns, **fill, room=100, most=9).is_cut
    assert rounds.fill(turns, **fill, room=49, most=9).is_cut


def test_the_numbers_of_many_jobs_stay_far_below_the_limit(tmp_path):
    cases = grid(beta_norm=np.geomspace(0.001, 10, 10).tolist(), latent_dim=[2, 4], seed=range(10))
    store = commit(tmp_path, "s", cases)
    content = made(store)
    # plotly.js is 4.8 MB; a run with its curve of three epochs costs less than 1 kB
    assert len(content) < 5_000_000 + len(cases) * 1_000
    assert len(content) < LIMIT
    assert READ["curves"] >= len(cases)


@pytest.mark.parametrize(
    ("likelihoods", "said"),
    [
        (["mse"], "a squared error"),
        (["mse", "bernoulli"], "likelihood mse: the distortion is the summed squared error"),
        (["bernoulli"], ""),
    ],
)
def test_charts_say_that_a_squared_error_is_one(tmp_path, likelihoods, said):
    runs = rows.runs(commit(tmp_path, "s", grid(likelihood=likelihoods)))
    units = {each["name"]: each["unit"] for each in points(runs, stats.summary(runs))["metrics"]}
    for name in ("distortion_nats", "elbo_nats"):
        assert said in units[name]
        assert ("squared" in units[name]) == bool(said)
    assert units["rate_nats"] == "nats per datum"
