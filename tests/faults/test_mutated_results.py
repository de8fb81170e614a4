"""Whatever the files of a results directory have become, every command says so in words and no good result is lost."""

import contextlib
import copy
import json
import math
import random
import shutil
from pathlib import Path

import pytest

from klsweep import api
from klsweep.errors import KlsweepError
from klsweep.result import job_digest
from klsweep.running.status import standing
from klsweep.store import Store, codec

ODD = [
    None,
    True,
    -1,
    0,
    2.5,
    1e300,
    10**400,
    -(10**30),
    math.nan,
    math.inf,
    "",
    "x",
    "../../x",
    "=1+1",
    "\x1b[31m\x00",
    "\ud800",
    "<script>alert(1)</script>",
    "a" * 10_000,
    [],
    [1],
    {},
    {"a": {"b": []}},
]


def containers(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) and value else []) + [
        each for item in inner for each in containers(item)
    ]


def bytes_changed(content: bytes, rng: random.Random) -> bytes:
    """Bits flipped, pieces cut out, doubled or made up; sometimes nothing is left."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        here = rng.randrange(len(changed) or 1)
        action = rng.randrange(5)
        if action == 0 and changed:
            changed[here] ^= 1 << rng.randrange(8)
        elif action == 1:
            del changed[here : here + rng.randint(1, 40)]
        elif action == 2:
            changed[here:here] = rng.randbytes(rng.randint(1, 9))
        elif action == 3:
            del changed[here:]
        else:
            changed[here:here] = changed[here : here + 50]
    return bytes(changed)


def told_otherwise(content: bytes, rng: random.Random) -> bytes:
    """Other values in the result, with a checksum that fits: nothing but their own sense can give them away."""
    body = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.choice(containers(body))
        here = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if rng.random() < 0.25:
            del place[here]
        else:
            place[here] = copy.deepcopy(rng.choice(ODD))
    if rng.random() < 0.5:
        body["schema"] = codec.SCHEMA
    body.pop("checksum", None)
    return json.dumps({**body, "checksum": codec.checksum(body)}).encode()


def nonsense_beside(job: Path, rng: random.Random) -> None:
    """A file beside the result changed, and the result rewritten so that size and checksum fit."""
    name = rng.choice(["curve.csv", "arrays.npz", "weights.safetensors"])
    content = bytes_changed((job / name).read_bytes(), rng)
    body = json.loads((job / "result.json").read_bytes())
    body["files"][name] = {"bytes": len(content), "sha256": codec.sha256(content)}
    body.pop("checksum")
    (job / name).write_bytes(content)
    (job / "result.json").write_text(json.dumps({**body, "checksum": codec.checksum(body)}))


def spoil(job: Path, rng: random.Random) -> None:
    action = rng.randrange(4)
    if action == 0:
        nonsense_beside(job, rng)
        return
    path = job / ("result.json" if action < 3 else rng.choice(sorted(each.name for each in job.iterdir())))
    change = told_otherwise if action == 1 else bytes_changed
    path.write_bytes(change(path.read_bytes(), rng))


def told(command) -> None:
    """It may refuse in words; nothing else may come out."""
    with contextlib.suppress(KlsweepError):
        command()


def read(results: Path, spec: Path) -> None:
    """What the commands read: all but what only a report does, which takes seconds."""
    store = Store(results / "small")
    told(lambda: standing(store))
    told(lambda: api.load(results))
    told(lambda: api.plan(spec, results=results, device="cpu"))
    told(lambda: api.compare(str(results / "small"), "beta_norm=0.1", "beta_norm=1.0"))
    for record in store.records():
        for beside in (store.weights, store.arrays, store.curve):
            told(lambda beside=beside, record=record: beside(record.job_id))


@pytest.mark.parametrize("part", range(2))
def test_no_mutation_of_a_result_loses_another_or_ends_in_a_traceback(part, trained, small_spec, tmp_path):
    """Four of the eight in each of 50 copies, 200 in all."""
    whole = {path.name: path for path in (trained / "small" / "jobs").iterdir()}
    for seed in range(25 * part, 25 * part + 25):
        rng = random.Random(seed)
        results = Path(shutil.copytree(trained, tmp_path / str(seed)))
        jobs = results / "small" / "jobs"
        victims = rng.sample(sorted(whole), 4)
        for victim in victims:
            spoil(jobs / victim, rng)
        good = whole.keys() - victims
        found = {record.job_id: record for record in Store(jobs.parent).records()}
        assert good <= found.keys()
        assert all(job_digest(record.job) == job_id for job_id, record in found.items())
        read(results, small_spec)
        Store(jobs.parent).set_aside_damaged()
        assert {record.job_id for record in Store(jobs.parent).records()} == found.keys()
        assert {path: (jobs / path).read_bytes() for path in files(trained, good)} == {
            path: (trained / "small" / "jobs" / path).read_bytes() for path in files(trained, good)
        }


def files(results: Path, jobs) -> list[Path]:
    """Every file of these jobs, against the folder of the jobs."""
    root = results / "small" / "jobs"
    return [path.relative_to(root) for name in sorted(jobs) for path in sorted((root / name).iterdir())]


@pytest.mark.parametrize("seed", range(2))
def test_a_report_of_nonsense_is_a_report_of_the_rest(seed, copied):
    """Six of eight results spoilt, most of them with checksums that fit; the report says what it leaves out."""
    rng = random.Random(1000 + seed)
    jobs = sorted((copied / "small" / "jobs").iterdir())
    for job in rng.sample(jobs, 6):
        rng.choice([nonsense_beside, nonsense_beside, spoil])(job, rng)
    (report,) = api.report(copied)
    assert len(report.runs) >= 2
    said = [note for note in report.notes if note.startswith("damaged and left out")]
    assert said
    assert "Traceback" not in "".join(report.notes)


def test_a_curve_that_cannot_be_read_is_told_by_the_report(copied):
    job = sorted((copied / "small" / "jobs").iterdir())[0]
    (job / "curve.csv").write_bytes((job / "curve.csv").read_bytes().replace(b"1", b"2", 1))
    (report,) = api.report(copied)
    assert f"damaged and left out: {job / 'curve.csv'} does not match its checksum" in report.notes
    assert len(report.runs) == 8
