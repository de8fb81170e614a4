"""A model from outside the package: found, checked before training, identified by its source, and run as it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import klsweep
from klsweep import spec
from klsweep.cli.app import app
from klsweep.errors import SpecError
from klsweep.vae.adapted import Adapted
from klsweep.vae.models import Custom

SHAPE, LATENT = (1, 8, 8), 3

MODULE = """\
import torch
from torch import nn


class Plain(nn.Module):
    def __init__(self, input_shape, latent_dim, params_per_value, width=8):
        super().__init__()
        self.shape = input_shape if params_per_value == 1 else (*input_shape, params_per_value)
        values = 1
        for side in input_shape:
            values *= side
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(values, width), *self.extra(width))
        self.head = nn.Linear(width, 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim, values * params_per_value)

    def extra(self, width):
        return [nn.Tanh()]

    def encode(self, x):
        mean, logvar = self.head(self.inner(x)).chunk(2, dim=-1)
        return mean, logvar

    def decode(self, z):
        return self.decoder(z).view(-1, *self.shape)


class Normed(Plain):
    def extra(self, width):
        return [nn.BatchNorm1d(width)]


class Dropping(Plain):
    def extra(self, width):
        return [nn.Dropout(0.5)]


class Recurrent(Plain):
    def extra(self, width):
        self.lstm = nn.LSTM(width, width, batch_first=True)
        return []

    def encode(self, x):
        mean, logvar = self.head(self.lstm(self.inner(x)[:, None])[0][:, -1]).chunk(2, dim=-1)
        return mean, logvar


class Branching(Plain):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return (mean, logvar) if mean.abs().max() < 1e9 else (mean * 0, logvar)


class Listed(Plain):
    def encode(self, x):
        return list(super().encode(x))


class Flat(Plain):
    def decode(self, z):
        return self.decoder(z)


class Wide(Plain):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, logvar[:, :1]


class Fails(Plain):
    def encode(self, x):
        return self.decoder(x)


class Confused(Plain):
    def encode(self, x):
        return {}["mean"]


class Picky(Plain):
    def __init__(self, input_shape, latent_dim, params_per_value, width=8):
        if latent_dim > 2:
            raise KeyError("no such size")
        super().__init__(input_shape, latent_dim, params_per_value, width)


class Counted(Plain):
    made = 0

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        type(self).made += 1


class NoDecode(nn.Module):
    def encode(self, x):
        return x, x


class NotAModule:
    def encode(self, x):
        return x, x

    def decode(self, z):
        return z


class TakesTwo(Plain):
    def __init__(self, input_shape, latent_dim):
        super().__init__(input_shape, latent_dim, 1)


NUMBER = 3
"""

SPEC = """\
version: 1
name: outside
fixed:
  dataset: {{kind: digits, limit: 100}}
  model: {model}
  latent_dim: 3
  likelihood: bernoulli
  train: {{epochs: 2, batch_size: 32}}
grid:
  beta_norm: [0.01, 1.0]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of the user's and broken ones in it."""
    (tmp_path / "outside_vae.py").write_text(MODULE)
    (tmp_path / "raises.py").write_text("import torch\nhalf = 1 / 0\n")
    (tmp_path / "unclosed.py").write_text("def f(\n")
    (tmp_path / "needs.py").write_text("import surely_not_installed\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def custom(name: str, **settings) -> Custom:
    return Custom.model_validate({"kind": "custom", "target": f"outside_vae:{name}", **settings})


def built(name: str, seed: int = 0, params: int = 1) -> Adapted:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = custom(name).build(SHAPE, LATENT, params)
    assert isinstance(network, Adapted)
    return network


def data(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def mistakes(model: str) -> str:
    with pytest.raises(SpecError) as raised:
        spec.read_text(SPEC.format(model=model))
    return str(raised.value)


# ---- through run and report


@pytest.mark.parametrize("name", ["Normed", "Recurrent"])
def test_a_module_that_cannot_be_stacked_goes_through_run(folder: Path, name: str) -> None:
    path = folder / "own.yaml"
    path.write_text(SPEC.format(model=f"{{kind: custom, target: 'outside_vae:{name}', args: {{width: 6}}}}"))
    arguments = ["run", str(path), "--backend", "inline", "--device", "cpu", "--quiet"]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    table = klsweep.load(folder / "results" / "outside")
    assert table["status"].tolist() == ["ok", "ok"]
    assert table["elbo_nats"].notna().all()
    assert table["model"].str.startswith(f"custom(target=outside_vae:{name}").all()


# ---- identity


def test_the_source_and_the_arguments_make_the_job_and_the_folder_does_not(folder: Path) -> None:
    def ids(model: str) -> list[str]:
        return [job.id for job in spec.read_text(SPEC.format(model=model)).jobs]

    here = ids("{kind: custom, target: 'outside_vae:Plain'}")
    (folder / "moved").mkdir()
    (folder / "moved" / "outside_vae.py").write_text(MODULE)
    moved = ids("{kind: custom, target: 'outside_vae:Plain', folder: moved}")
    other = ids("{kind: custom, target: 'outside_vae:Plain', args: {width: 9}}")
    assert here == moved
    assert not set(here) & set(other)
    assert str(folder) not in custom("Plain").model_dump_json()

    (folder / "outside_vae.py").write_text(MODULE.replace("nn.Tanh()", "nn.ReLU()"))
    assert not set(here) & set(ids("{kind: custom, target: 'outside_vae:Plain'}"))
    assert isinstance(built("Plain").module.inner[2], torch.nn.ReLU), (
        "the module is that of the file as it is now"
    )


def test_a_base_class_in_another_file_belongs_to_the_source(folder: Path) -> None:
    (folder / "derived.py").write_text("import outside_vae\n\n\nclass Mine(outside_vae.Plain):\n    pass\n")

    def mine() -> str:
        return Custom.model_validate({"target": "derived:Mine"}).fingerprint

    before = mine()
    assert mine() == before
    (folder / "outside_vae.py").write_text(MODULE + "\n# another\n")
    assert mine() != before


def test_a_written_fingerprint_holds_the_source_to_it() -> None:
    now = custom("Plain").fingerprint
    assert custom("Plain", fingerprint=now).fingerprint == now
    said = mistakes("{kind: custom, target: 'outside_vae:Plain', fingerprint: '000000000000'}")
    assert f"fingerprint: the source is now {now}" in said


# ---- mistakes, before any training

WRONG = {
    "a module that is not there": (
        "{kind: custom, target: 'outside_va:Plain'}",
        "target",
        "did you mean outside_vae?",
    ),
    "a class that is not there": (
        "{kind: custom, target: 'outside_vae:Plan'}",
        "target",
        "did you mean outside_vae:Plain?",
    ),
    "no class": ("{kind: custom, target: outside_vae}", "target", "write package.module:Class"),
    "something else than a class": (
        "{kind: custom, target: 'outside_vae:NUMBER'}",
        "target",
        "NUMBER is not a class",
    ),
    "an error on import": (
        "{kind: custom, target: 'raises:X'}",
        "target",
        "ZeroDivisionError.*raises.py, line 2",
    ),
    "a file that is not Python": ("{kind: custom, target: 'unclosed:X'}", "target", "SyntaxError"),
    "an import that is missing": (
        "{kind: custom, target: 'needs:X'}",
        "target",
        "needs a module that is not installed",
    ),
    "no decode": ("{kind: custom, target: 'outside_vae:NoDecode'}", "target", r"has no decode\(self, z\)"),
    "no module of torch": (
        "{kind: custom, target: 'outside_vae:NotAModule'}",
        "target",
        "is not a torch.nn.Module",
    ),
    "arguments it does not take": (
        "{kind: custom, target: 'outside_vae:Plain', args: {wdith: 3}}",
        "args",
        "unexpected keyword argument 'wdith': allowed: width=8",
    ),
    "an argument that klsweep gives": (
        "{kind: custom, target: 'outside_vae:Plain', args: {latent_dim: 3}}",
        "args",
        "latent_dim comes from klsweep",
    ),
    "a class that cannot take what klsweep gives": (
        "{kind: custom, target: 'outside_vae:TakesTwo'}",
        "",
        "add params_per_value to its __init__",
    ),
}


@pytest.mark.parametrize(("model", "key", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_said_at_its_place_with_the_fix(model: str, key: str, said: str) -> None:
    found, before = mistakes(model), len("  model: ")
    column = f"{before + 1 + model.index(key)}" if key == "target" else "[0-9]+"
    assert re.match(f"spec:5:{column}: model: ", found), found
    assert re.search(said, found), found


UNFIT = [
    ("Listed", "encode gives a list of 2.*a tuple"),
    ("Wide", r"the logvar that encode gives for 3 data is \[3, 1\].*\[3, 3\]"),
    ("Flat", r"decode gives \[3, 64\] for 3 codes.*\[3, 1, 8, 8\]"),
    ("Fails", r"encode failed on 3 made-up data: RuntimeError: .*\(linear.py, line \d+\)"),
    ("Confused", r"encode failed on 3 made-up data: KeyError: 'mean' \(outside_vae.py, line \d+\)"),
]


@pytest.mark.parametrize(("name", "said"), UNFIT)
def test_what_does_not_fit_is_said_at_the_models_place_before_training(name: str, said: str) -> None:
    found = mistakes(f"{{kind: custom, target: 'outside_vae:{name}'}}")
    assert re.fullmatch(
        f"spec:5:10: model: {said}.*: the data are digits.*: change the model, or take other data", found
    )


def test_a_class_that_cannot_be_made_is_said_with_the_call() -> None:
    found = mistakes("{kind: custom, target: 'outside_vae:Plain', args: {width: wide}}")
    call = re.escape("Plain(input_shape=(1, 8, 8), latent_dim=3, params_per_value=1, width='wide')")
    assert re.match(f"spec:5:10: model: outside_vae:Plain cannot be made by {call}: TypeError: ", found), (
        found
    )


def test_what_fits_at_one_size_is_refused_at_another_alone() -> None:
    text = SPEC.format(model="{kind: custom, target: 'outside_vae:Picky'}").replace("  latent_dim: 3\n", "")
    assert len(spec.read_text(text + "  latent_dim: [1, 2]\n").jobs) == 4
    with pytest.raises(SpecError, match=r"latent_dim=3.*KeyError: 'no such size'") as raised:
        spec.read_text(text + "  latent_dim: [2, 3]\n")
    assert len(raised.value.problems) == 1


def test_a_likelihood_of_two_numbers_a_value_is_checked_with_them() -> None:
    text = SPEC.format(model="{kind: custom, target: 'outside_vae:Flat'}").replace("bernoulli", "beta")
    with pytest.raises(SpecError, match=r"\[3, 128\].*params_per_value\] = \[3, 1, 8, 8, 2\]"):
        spec.read_text(text)


def test_checking_makes_a_model_twice_however_many_jobs_and_draws_nothing() -> None:
    before = torch.get_rng_state()
    text = SPEC.format(model="{kind: custom, target: 'outside_vae:Counted'}") + "  seed: {range: [0, 20]}\n"
    assert len(spec.read_text(text).jobs) == 40
    assert sys.modules["outside_vae"].Counted.made == 2, "once for its shapes and once for stacking"
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("name", "said"), UNFIT)
def test_a_network_of_other_shapes_is_refused_when_it_is_made(name: str, said: str) -> None:
    with pytest.raises(SpecError, match=f"model.target: {said}"):
        built(name)


def test_a_likelihood_of_two_numbers_a_value_gets_them() -> None:
    assert built("Plain", params=2).decode(data(4, LATENT)).shape == (4, *SHAPE, 2)


def test_a_spec_without_such_a_model_loads_no_torch() -> None:
    question = (
        "import sys; from klsweep import spec; spec.read_text('dataset: digits'.join(["
        "'version: 1\\nfixed:\\n  ', '\\n  beta: 1.0\\n'])); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---- how it runs


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Normed", "(?i)running|batch_norm|in-place"),
        ("Dropping", "(?i)random"),
        ("Recurrent", "."),
        ("Branching", "."),
    ],
)
def test_what_cannot_be_stacked_says_why_and_runs_as_a_fleet_of_one(name: str, reason: str) -> None:
    why = custom(name).unstackable(SHAPE, LATENT, 1)
    assert re.search(reason, why), why
    network, x = built(name), data(1, 5, *SHAPE)
    assert not network.stacks
    parameters = {key: value[None] for key, value in network.named_parameters()}
    with torch.no_grad():
        alone = torch.func.functional_call(
            _Coded(network), {f"vae.{k}": v for k, v in parameters.items()}, (x,)
        )
        network.module.eval()
        torch.testing.assert_close(alone[0], network.module.encode(x[0])[0], rtol=0, atol=0)


def test_what_can_be_stacked_computes_in_a_fleet_what_its_members_compute_alone() -> None:
    assert custom("Plain").unstackable(SHAPE, LATENT, 1) == ""
    members, x = [built("Plain", seed=seed) for seed in range(3)], data(3, 5, *SHAPE)
    stacked, _ = torch.func.stack_module_state(members)
    fleet = torch.func.functional_call(_Coded(members[0]), {f"vae.{k}": v for k, v in stacked.items()}, (x,))
    for member, network in enumerate(members):
        # float32, sums of 64 terms of size 1/8: 64 * 2^-24 / 8 = 5e-7 a layer, two layers
        torch.testing.assert_close(fleet[member], network.encode(x[member])[0], rtol=1e-5, atol=1e-6)


class _Coded(torch.nn.Module):
    def __init__(self, vae: Adapted) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.vae.encode(x)[0]


def test_batch_norm_learns_its_running_mean_in_training_and_uses_it_in_measuring() -> None:
    network, x = built("Normed"), data(6, *SHAPE)
    norm = network.module.inner[2]
    assert norm.running_mean.abs().max() == 0, "trying the module out leaves no trace"
    features = network.module.inner[:2](x).detach()
    network.encode(x)
    # torch's definition: (1 - momentum) * 0 + momentum * batch mean, momentum 0.1; float32
    torch.testing.assert_close(norm.running_mean, 0.1 * features.mean(0), rtol=1e-5, atol=1e-7)
    with torch.no_grad():
        together, alone = network.encode(x)[0], network.encode(x[:1])[0]
    torch.testing.assert_close(together[:1], alone, rtol=1e-5, atol=1e-6)


def test_dropout_is_keyed_by_the_seed_new_in_every_pass_and_off_in_measuring() -> None:
    x, before = data(4, *SHAPE), torch.get_rng_state()
    one, again, other = built("Dropping"), built("Dropping"), built("Dropping", seed=1)
    assert one.draws
    first, second = one.encode(x)[0], one.encode(x)[0]
    assert not torch.equal(first, second)
    torch.testing.assert_close(again.encode(x)[0], first, rtol=0, atol=0)
    torch.testing.assert_close(again.encode(x)[0], second, rtol=0, atol=0)
    other.load_state_dict({**one.state_dict(), "passes": other.passes})
    assert not torch.equal(other.encode(x)[0], first)
    with torch.no_grad():
        torch.testing.assert_close(one.encode(x)[0], other.encode(x)[0], rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), before)
