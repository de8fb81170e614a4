"""Results as a training would make them, without training."""

import numpy as np
import pytest

from klsweep.result import CURVE_COLUMNS, Result, Status, job_digest
from klsweep.store import Store


def made(seed: int = 0, status: Status = Status.OK, **fields) -> Result:
    job = {"beta_norm": 0.1, "model": {"kind": "mlp", "hidden": [400]}, "seed": seed}
    job_id = job_digest(job)
    return Result(
        **{
            "job_id": job_id,
            "job": job,
            "status": status,
            "row": {"job_id": job_id, "status": status.value, "seed": seed, "rate_nats": 1 / 3},
            "curve": [dict.fromkeys(CURVE_COLUMNS, 0.1) | {"epoch": n} for n in (1, 2)],
            "arrays": {"rate_per_latent_nats": np.array([0.5, 1e-300])},
            "weights": {"encoder.weight": np.eye(3, dtype=np.float32)},
            "provenance": {"fleet": "f" * 12, "steps": 30},
            **fields,
        }
    )


@pytest.fixture
def make():
    return made


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path, "sweep")
