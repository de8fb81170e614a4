"""One thread for every test: nothing here is large enough for two, and two wait for each other on a busy machine.

The closed form of the linear VAE lies with the tests of the mathematics, so its folder is searched too.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "vae"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
