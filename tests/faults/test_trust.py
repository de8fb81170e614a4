"""What SECURITY.md promises, against the code and against hostile input."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import klsweep
from klsweep import api
from klsweep.errors import SpecError
from klsweep.running.status import standing
from klsweep.spec import read_text
from klsweep.store import Store

PACKAGE = Path(klsweep.__file__).parent
GOOD = "fixed: {dataset: {kind: digits, limit: 60}, beta: 1}\n"

RUNS_CODE = {
    *("pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"),
    *("pickle.load", "pickle.loads", "torch.load", "joblib.load", "np.load", "numpy.load", "pd.read_pickle"),
    *("eval", "exec", "compile", "os.system", "os.popen"),
}
"""Modules that read code from files, and calls that run what they are given."""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def found_in(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call):
            names.add(dotted(node.func))
            pairs = {each.arg: each.value for each in node.keywords}
            for name in ("allow_pickle", "shell"):
                if name in pairs and not (
                    isinstance(pairs[name], ast.Constant) and pairs[name].value is False
                ):
                    names.add(f"{name}=True")
    return names & {*RUNS_CODE, "allow_pickle=True", "shell=True"}


def test_no_module_unpickles_or_runs_text():
    """But for orders to the workers of a cluster, which come over its engine's own pickles, and never from a file."""
    found = {
        path.relative_to(PACKAGE).as_posix(): found
        for path in PACKAGE.rglob("*.py")
        if (found := found_in(path))
    }
    assert found == {"running/cluster/host.py": {"pickle", "pickle.loads"}}


def test_the_search_for_what_runs_code_finds_it(tmp_path):
    (tmp_path / "a.py").write_text(
        "import pickle, numpy as np\nnp.load('x', allow_pickle=True)\neval('1')\nrun('x', shell=True)\n"
    )
    assert found_in(tmp_path / "a.py") == {"pickle", "np.load", "eval", "allow_pickle=True", "shell=True"}


@pytest.mark.parametrize(
    "text",
    [
        "fixed: !!python/object/apply:os.system ['touch pwned']",
        "fixed: !!python/name:os.system",
        "fixed: {dataset: !!binary aGk=, beta: 1}",
        "fixed: {dataset: !own digits, beta: 1}",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
        "fixed: {<<: &x {dataset: digits}, beta: 1}",
    ],
)
def test_tags_anchors_and_aliases_of_yaml_are_refused(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="are not read"):
        read_text(text)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["../x", "..", ".", "/tmp/x", "a/b", "a\\\\b", ".ssh", "x\\0y", "x\\n", "x" * 300]
)
def test_a_name_cannot_leave_the_results_directory(name):
    with pytest.raises(SpecError, match="cannot name a folder"):
        read_text(f'{GOOD}name: "{name}"')


@pytest.mark.parametrize(
    "grid",
    [
        "seed: {range: [0, 1000000000]}",
        "beta: {linspace: [0, 1, 1000000000]}",
        "beta: {range: [0, 1, 1.0e-12]}",
        "beta: {linspace: [0, 1, 3000]}, seed: {range: [0, 3000]}",
    ],
)
def test_a_spec_of_few_letters_cannot_ask_for_endless_jobs(grid):
    with pytest.raises(SpecError, match=r"100,?000"):
        read_text(f"fixed: {{dataset: digits}}\ngrid: {{{grid}}}")


@pytest.mark.parametrize("text", ["fixed: " + "[" * 50_000, "fixed: " + "{a: " * 50_000, "- " * 50_000])
def test_a_spec_cannot_be_nested_without_end(text):
    with pytest.raises(SpecError):
        read_text(text)


OWN = """
from pathlib import Path
Path("imported").touch()
from torch import nn
class Own(nn.Module):
    def __init__(self, input_shape, latent_dim, params_per_value):
        super().__init__()
        self.shape, size = input_shape, 64
        self.into, self.out = nn.Linear(size, 2 * latent_dim), nn.Linear(latent_dim, size)
    def encode(self, x):
        return tuple(self.into(x.flatten(1)).chunk(2, 1))
    def decode(self, z):
        return self.out(z).view(-1, *self.shape)
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_vae.py").write_text(OWN)
    return tmp_path


def plan(spec: str, folder: Path) -> str:
    """What `klsweep plan` prints in that folder."""
    (folder / "own.yaml").write_text(spec)
    call = [sys.executable, "-m", "klsweep", "plan", "own.yaml", "--device", "cpu"]
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_custom_target_is_imported_because_the_spec_names_it_and_the_plan_says_which_file(own):
    assert "own_vae" not in plan(GOOD, own)
    assert not (own / "imported").exists()
    said = plan(GOOD.replace("beta: 1", "beta: 1, model: {kind: custom, target: 'own_vae:Own'}"), own)
    assert (own / "imported").exists()
    assert f"own_vae:Own is code of {own / 'own_vae.py'}, imported because the spec names it" in said


def test_a_module_that_cannot_be_copied_is_told_before_any_training(own):
    (own / "own_vae.py").write_text(
        OWN.replace("super().__init__()", "super().__init__(); self.gate = (i for i in ())")
    )
    with pytest.raises(
        SpecError, match=r"model: it cannot be copied: TypeError: cannot pickle 'generator' object"
    ):
        read_text(GOOD.replace("beta: 1", "beta: 1, model: {kind: custom, target: 'own_vae:Own'}"))


def test_results_are_read_without_importing_what_they_name(own, copied):
    """Neither `status` nor `report` reads a spec's target, though a stranger may have written one there."""
    (copied / "small" / "sweep.yaml").write_text(
        GOOD.replace("beta: 1", "beta: 1, model: {kind: custom, target: 'own_vae:Own'}")
    )
    assert standing(Store(copied / "small")).jobs == 8
    (report,) = api.report(copied)
    assert len(report.runs) == 8
    assert not (own / "imported").exists()
