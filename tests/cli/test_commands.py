import inspect
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import klsweep
import klsweep.cli.app as commands
from klsweep import api
from klsweep.cli.app import app, main
from klsweep.errors import KlsweepError, SpecError
from klsweep.part import members
from klsweep.running import runner
from klsweep.running.events import Began, Event
from klsweep.running.fleets import Shard
from klsweep.running.runner import Options
from klsweep.spec import FAMILIES
from klsweep.store import Store

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]
SWEEPS = Path(__file__).parents[2] / "sweeps"
ESCAPE = "\x1b"


def invoke(*arguments):
    """The command in this process, for what needs no process of its own."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


# ---- help


def test_help_names_every_command():
    shown = invoke("--help").stdout
    assert {"run", "plan", "status", "report", "kinds", "schema"} <= set(COMMANDS)
    assert all(command in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_and_it_is_one_that_parses(command):
    shown = " ".join(invoke(command, "--help").stdout.split())
    example = re.search(rf"Example: klsweep ({command}.*)", shown)
    assert example, shown
    called = get_command(app).commands[command]
    before_pipe = shlex.split(example[1].split(" > ")[0])
    with called.make_context(command, before_pipe[1:]) as context:  # parses, and runs nothing
        assert context.command is called


def test_a_wrong_example_does_not_parse():
    with pytest.raises(Exception, match="No such option"):
        get_command(app).commands["plan"].make_context("plan", ["sweeps/mnist.yaml", "--nope"])


def test_help_loads_neither_torch_nor_pandas_nor_the_spec():
    question = """
import sys
from klsweep.cli import main
for command in ["--help"], ["run", "--help"], ["plan", "--help"], ["report", "--help"], ["--version"]:
    sys.argv = ["klsweep", *command]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code
heavy = {"torch", "pandas", "numpy", "matplotlib", "joblib", "sklearn", "scipy", "klsweep.spec"}
print("LOADED:", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED: []"


def test_help_is_about_as_quick_as_the_library_it_is_made_with():
    """1.25 times its import, when measured: `benchmarks/README.md`. Markup of rich alone would make it 3 times."""

    def seconds(*arguments):
        with subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_utime + usage.ru_stime

    pairs = [(seconds("-m", "klsweep", "--help"), seconds("-c", "import typer")) for _ in range(7)]
    assert statistics.median(ours / theirs for ours, theirs in pairs) < 2


# ---- plan


def test_a_plan_shows_jobs_axes_fleets_and_every_weight(write_spec, tmp_path):
    shown = invoke("plan", write_spec(), "--results", tmp_path / "r", "--device", "cpu").stdout
    assert "tiny: 4 jobs, 0 done already, 4 to train" in shown
    assert "fleets to train: 1, of 4 jobs each" in shown
    assert "beta_norm (2): 0.1, 1" in shown
    assert re.search(r"^[0-9a-f]{12} +0 +0\.1 +3\.2 +3\.2 +to do", shown, re.MULTILINE), "beta = 0.1 * 64 / 2"
    assert not (tmp_path / "r").exists()


def test_a_plan_as_json_is_json_and_nothing_else(write_spec, klsweep):
    code, out, err = klsweep("plan", write_spec(), "--json", "--device", "cpu")
    plan = json.loads(out)
    assert (code, err, len(plan["jobs"])) == (0, "", 4)
    assert plan["jobs"][0]["beta"] == pytest.approx(3.2)
    fleet_of = {job_id: fleet["fleet"] for fleet in plan["fleets"] for job_id in fleet["members"]}
    assert {job["job_id"]: job["fleet"] for job in plan["jobs"]} == fleet_of
    assert plan["estimate_worker_seconds"] is None


def test_a_finished_sweep_is_done_and_gives_longer_ones_an_estimate(write_spec, finished, tmp_path):
    """1.5 s a job of 6 steps, says the made-up sweep: four jobs of 10 epochs of 3 steps take 30 s."""
    path = write_spec()
    finished(path, tmp_path)
    assert "4 jobs, 4 done already, 0 to train" in invoke("plan", path, "--results", tmp_path).stdout
    longer = invoke("plan", path, "train.epochs=10", "--results", tmp_path, "--device", "cpu").stdout
    assert "time: about 30 s of one worker" in longer
    assert "results that no job of this spec asks for: 4; they stay" in longer


def test_the_whole_card_is_planned_with_every_weight_and_trains_nothing(tmp_path):
    arguments = ["plan", SWEEPS / "mnist_full.yaml", "dataset=digits", "--results", tmp_path / "r", "--json"]
    jobs = json.loads(invoke(*arguments, "--device", "cpu").stdout)["jobs"]
    assert len(jobs) == len({job["job_id"] for job in jobs}) == 648
    for job in jobs:
        assert job["beta"] == pytest.approx(job["beta_norm"] * 64 / job["latent_dim"])
    assert not (tmp_path / "r").exists()


@pytest.mark.mnist
@pytest.mark.skipif("KLSWEEP_DATA" not in os.environ, reason="needs the MNIST files in KLSWEEP_DATA")
def test_the_whole_card_of_mnist_is_planned(tmp_path):
    jobs = json.loads(invoke("plan", SWEEPS / "mnist_full.yaml", "--results", tmp_path, "--json").stdout)[
        "jobs"
    ]
    assert len(jobs) == 648
    for job in jobs:
        assert job["beta"] == pytest.approx(job["beta_norm"] * 784 / job["latent_dim"])


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sweep_that_comes_along_can_be_planned(path, tmp_path):
    override = ["dataset=digits"] if path.stem.startswith(("mnist", "colour")) else []
    assert invoke("plan", path, *override, "--results", tmp_path).exit_code == 0


def test_a_reader_who_leaves_early_ends_a_plan_quietly(tmp_path):
    plan = f"'{sys.executable}' -m klsweep plan '{SWEEPS / 'mnist_full.yaml'}' dataset=digits"
    for reader in ("head -1", "true"):
        piped = ["bash", "-c", f"set -o pipefail; {plan} | {reader}"]
        done = subprocess.run(piped, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), reader


def test_output_that_cannot_be_written_is_told_in_a_line(klsweep, tmp_path):
    kinds = f"'{sys.executable}' -m klsweep kinds"
    full = subprocess.run(
        ["bash", "-c", f"{kinds} > /dev/full"], capture_output=True, text=True, timeout=60, check=False
    )
    said = "error: standard output: cannot be written (No space left on device)\n"
    assert (full.returncode, full.stderr) == (2, said)


def test_a_terminal_of_few_signs_gets_question_marks(klsweep, write_spec, tmp_path):
    path = write_spec(name="größe.yaml")
    code, out, err = klsweep("plan", "größe.yaml", "sede=1", PYTHONIOENCODING="ascii")
    assert (code, out) == (2, "")
    assert "sede" in err
    assert path.exists()
    code, out, err = klsweep("status", "größe.yaml", PYTHONIOENCODING="ascii")
    assert (code, "gr??e.yaml: is a file" in err) == (2, True), err


# ---- status


def test_the_status_counts_jobs_by_where_they_are_and_quotes_errors_as_they_are(
    write_spec, finished, tmp_path
):
    finished(write_spec(), tmp_path / "r", bad=[1], leave=1)
    shown = invoke("status", tmp_path / "r").stdout
    assert re.search(r"^tiny +4 +2 +0 +1 +0 +1 +0 +0\s*$", shown, re.MULTILINE), shown
    assert "failed: RuntimeError: [bold]it broke[/bold]" in shown


def test_the_status_names_damaged_results(write_spec, finished, tmp_path):
    store = finished(write_spec(), tmp_path)
    (store.path / "jobs" / store.records()[0].job_id / "result.json").write_bytes(b"")
    shown = invoke("status", store.path).stdout
    assert "damaged: " in shown
    assert re.search(r"^tiny +4 +3 +0 +1 ", shown, re.MULTILINE)


def test_the_status_as_json(write_spec, finished, klsweep, tmp_path):
    finished(write_spec(), tmp_path / "results", bad=[1], leave=1)
    code, out, err = klsweep("status", "--json")
    (standing,) = json.loads(out)
    assert (code, err) == (0, "")
    assert standing["statuses"] == {"ok": 2, "diverged": 0, "failed": 1, "timeout": 0, "interrupted": 0}
    assert (standing["running"], standing["missing"]) == (0, 1)


# ---- report


def test_a_report_writes_its_files_and_says_what_is_missing(write_spec, finished, tmp_path):
    store = finished(write_spec(), tmp_path / "r", leave=1)
    shown = invoke("report", store.path).stdout
    assert "tiny: 1 of 4 planned jobs have no result yet" in shown
    assert len(pd.read_csv(store.report_dir / "runs.csv")) == 3
    elsewhere = json.loads(invoke("report", tmp_path / "r", "--out", tmp_path / "out", "--json").stdout)
    assert [each["directory"] for each in elsewhere] == [str(tmp_path / "out" / "tiny")]
    assert all(Path(name).is_file() for name in elsewhere[0]["files"])


# ---- kinds and schema


def test_kinds_mention_every_part_and_every_setting():
    shown = invoke("kinds").stdout
    for family, union in FAMILIES.items():
        assert re.search(rf"^{family}$", shown, re.MULTILINE)
        for kind, part in members(union).items():
            assert f"  {kind}: " in shown
            assert all(f"      {name} = " in shown for name in part.model_fields if name != "kind")
    assert json.loads(invoke("kinds", "schedule", "--json").stdout).keys() == {"schedule"}


def test_the_schema_is_json_schema_for_what_a_spec_may_hold(klsweep):
    code, out, err = klsweep("schema")
    schema = json.loads(out)
    assert (code, err) == (0, "")
    assert {"version", "fixed", "grid"} <= schema["properties"].keys()


# ---- run


def test_a_run_ends_with_a_summary_on_standard_output_and_progress_on_standard_error(
    write_spec, klsweep, tmp_path
):
    path = write_spec()
    code, out, err = klsweep("run", path, "--workers", 1, "--device", "cpu", "--backend", "inline")
    assert code == 0, err
    assert re.fullmatch(r"tiny: 4 jobs: 4 ok, in \d+ s\nTables and plots: klsweep report results/tiny\n", out)
    note, training, *_ = err.splitlines()
    assert note.startswith("bernoulli on digits: ")
    assert re.fullmatch(r"training 4 jobs in \d fleets? on cpu: 1 worker, \d+ threads? each", training)
    assert ESCAPE not in out + err
    assert len(Store(tmp_path / "results" / "tiny").records()) == 4

    code, out, err = klsweep("run", path, "--json")
    summary = json.loads(out)
    assert (code, summary["trained"], summary["statuses"]["ok"], summary["exit_code"]) == (0, 0, 4, 0)
    assert err.splitlines() == [note, "nothing to train: 4 jobs are done already"]
    assert summary["notes"] == [note]
    assert klsweep("run", path, "--quiet") == (0, "", "")


def test_a_run_with_failed_jobs_exits_1_and_says_where_to_look(write_spec, finished, klsweep, tmp_path):
    path = write_spec()
    finished(path, tmp_path / "results", bad=[1])
    code, out, _ = klsweep("run", path)
    assert code == 1
    assert "tiny: 4 jobs: 2 failed, 2 ok" in out
    assert "What went wrong, and why: klsweep status results/tiny" in out


def test_a_quiet_run_tells_of_damage_and_of_data_that_stand_in(write_spec, finished, klsweep, tmp_path):
    """Nothing is fetched: mirrors are behind a proxy that is not there."""
    store = finished(write_spec(), tmp_path / "results")
    (store.path / "jobs" / store.records()[0].job_id / "result.json").write_bytes(b"")
    code, out, err = klsweep("run", "tiny.yaml", "--quiet", "--backend", "inline", "--device", "cpu")
    assert (code, out) == (0, "")
    assert re.fullmatch(r".*result\.json .*; kept in \S+, its job will run again\n", err)
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "KLSWEEP_DATA": ""}
    asked = ["dataset={kind: mnist, fallback: digits}", "seed=0", "train.epochs=1", "--backend", "inline"]
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    code, out, err = klsweep("run", "tiny.yaml", *asked, "--device", "cpu", "-q", **nowhere, **cache)
    assert (code, out) == (0, "")
    assert err.startswith("mnist IS MISSING, digits IS USED INSTEAD")
    assert len(err.splitlines()) == 1


# ---- what users do wrong


BROKEN = """\
version: 1
name: broken
fixed: {dataset: digits, likelihood: bernoulli, beta_norm: -1}
grid: {seed: [0, a]}
nonsense: 3
"""

WRONG = {
    "an unknown option": (["plan", "tiny.yaml", "--nope"], "--nope"),
    "an unknown command": (["trane"], "trane"),
    "no such spec": (["run", "absent.yaml"], "absent.yaml"),
    "a spec that is a directory": (["run", "."], "."),
    "an unknown device": (["run", "tiny.yaml", "--device", "gpu"], "allowed: auto, cpu, cuda"),
    "too many workers": (["run", "tiny.yaml", "--device", "cpu", "--workers", "99999"], "allowed: 1 to"),
    "no workers": (["run", "tiny.yaml", "--device", "cpu", "--workers", "0"], "allowed: 1 to"),
    "a limit of nothing": (["run", "tiny.yaml", "--limit", "0"], "--limit"),
    "an unknown backend": (["run", "tiny.yaml", "--backend", "spark"], "allowed: local, dask, ray, inline"),
    "results in a file": (
        ["run", "tiny.yaml", "--results", "tiny.yaml", "--device", "cpu"],
        "choose one with --results",
    ),
    "an unknown key": (["plan", "tiny.yaml", "sede=1"], "sede"),
    "an override without a value": (["plan", "tiny.yaml", "seed"], "seed"),
    "the status of nothing": (["status", "empty"], "holds no sweep"),
    "the status of nowhere": (["status", "absent"], "does not exist"),
    "the status of a file": (["status", "tiny.yaml"], "tiny.yaml: is a file: give a results directory"),
    "the report of nothing": (["report", "empty"], "holds no sweep"),
    "a report into a file": (["report", "done", "--out", "tiny.yaml"], "choose one with --out DIR"),
    "an unknown family": (["kinds", "colour"], "allowed: dataset, model"),
    "data that are not there": (["plan", "tiny.yaml", "dataset=mnist", "--data-dir", "empty"], "MNIST"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_told_on_standard_error_with_exit_code_2(
    write_spec, finished, tmp_path, monkeypatch, capsys, mistake
):
    arguments, words = WRONG[mistake]
    (tmp_path / "empty").mkdir()
    path = write_spec()
    if "done" in arguments:
        finished(path, tmp_path / "done")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KLSWEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["klsweep", *arguments])
    with pytest.raises(SystemExit) as ended:  # and nothing else, which would be a traceback
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert words.lower() in err.lower()
    assert ESCAPE not in err
    assert not (tmp_path / "results").exists()


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_to_be_absent_and_what_to_do(write_spec, klsweep):
    code, _, err = klsweep("run", write_spec(), "--device", "cuda")
    assert code == 2
    assert "CUDA is not there: CUDA devices that torch finds: none: use --device cpu" in err


def test_all_mistakes_of_a_spec_are_told_at_once_each_with_its_place(write_spec, klsweep):
    code, out, err = klsweep("run", write_spec(BROKEN, "broken.yaml"))
    assert (code, out) == (2, "")
    for place, words in [("3:", "beta_norm: -1"), ("4:", "seed"), ("5:1", "nonsense")]:
        assert any(f"broken.yaml:{place}" in line and words in line for line in err.splitlines()), err


def test_colour_is_for_terminals_only_and_not_where_it_is_unwanted(write_spec):
    path = write_spec()
    question = f"{sys.executable} -m klsweep plan {path} --device cpu"
    terminal = ["script", "-qec", question, "/dev/null"]
    for environment, coloured in [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)]:
        env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | environment
        shown = subprocess.run(
            terminal, env=env, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m|\x1b\[1m", shown)) is coloured or not coloured
        assert "4 to train" in shown
        if not coloured:
            assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown), "NO_COLOR is set"


# ---- from Python


def test_the_options_of_a_run_are_the_same_keywords_in_python():
    """But for how the command line prints, and for what only a caller in Python can hear."""
    on_the_command_line = inspect.signature(commands.run).parameters.keys() - {"quiet", "as_json"}
    assert inspect.signature(klsweep.run).parameters.keys() - {"listen", "progress"} == on_the_command_line


def test_every_option_of_a_run_reaches_the_runner(write_spec, tmp_path, monkeypatch):
    reached = []
    monkeypatch.setattr(runner, "run", lambda _sweep, options, _listen: reached.append(options))
    given = {
        "results": tmp_path / "elsewhere",
        "data_dir": tmp_path,
        "device": "cpu",
        "workers": 7,
        "backend": "dask",
        "address": "tcp://127.0.0.1:1",
        "retry_failed": True,
        "limit": 3,
    }
    klsweep.run(write_spec(), shard="1/2", **given)
    assert given.keys() | {"shard"} == vars(Options()).keys()
    assert reached == [Options(**given, shard=Shard.read("1/2"))]


def test_a_run_in_this_process_trains_one_fleet_at_a_time_and_says_so(write_spec, tmp_path):
    heard: list[Event] = []
    options = {"results": tmp_path, "device": "cpu", "backend": "inline", "limit": 1}
    assert klsweep.run(write_spec(), ["latent_dim=2,3"], listen=heard.append, **options).trained
    (began,) = [event for event in heard if isinstance(event, Began)]
    assert began.workers == 1


def test_the_verbs_do_in_python_what_they_do_on_the_command_line(write_spec, finished, tmp_path):
    path = write_spec()
    assert len(api.plan(path, results=tmp_path, device="cpu").missing) == 4
    assert len(api.plan(path, ["seed=0"], results=tmp_path, device="cpu").missing) == 2
    store = finished(path, tmp_path)
    assert not api.plan(str(path), results=str(tmp_path), device="cpu").missing
    runs = api.load(tmp_path)
    assert len(runs) == 4
    assert list(runs.columns[:2]) == ["job_id", "status"]
    (report,) = api.report(tmp_path)
    assert report.directory == store.report_dir
    pd.testing.assert_frame_equal(report.runs, runs)


def test_several_sweeps_come_as_one_table_with_the_sweep_first(write_spec, finished, tmp_path):
    for name in ("b", "a"):
        finished(write_spec(write_spec().read_text().replace("tiny", name), f"{name}.yaml"), tmp_path / "r")
    runs = api.load(tmp_path / "r")
    assert runs.columns[0] == "sweep"
    assert list(runs["sweep"]) == ["a"] * 4 + ["b"] * 4
    assert list(runs.index) == list(range(8))


def test_mistakes_come_out_of_the_verbs_as_one_kind_of_error(write_spec, tmp_path):
    with pytest.raises(SpecError) as caught:
        api.run(write_spec(BROKEN, "broken.yaml"))
    assert len(caught.value.problems) == 3
    for wrong in (
        lambda: api.load(tmp_path),
        lambda: api.report(tmp_path),
        lambda: api.plan(tmp_path / "absent"),
        lambda: api.run(write_spec(), backend="slurm"),
        lambda: api.run(write_spec(), shard="3/2"),
        lambda: api.run(write_spec(), results=tmp_path, device="cpu", workers=0),
    ):
        with pytest.raises(KlsweepError):
            wrong()
