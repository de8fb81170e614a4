"""What the server of children loads once for all of them. Imported by that server and by nobody else.

torch's optimisers load `torch._dynamo` at their first step. To take all this down in good order takes a second, which
whoever reads what a run prints waits for; the server holds nothing worth it.
"""

import atexit
import os

import klsweep.running.child
import klsweep.train

atexit.register(os._exit, 0)

import torch._dynamo  # noqa: E402  (last, for the server goes on without what cannot be imported)

__all__ = ["klsweep", "torch"]
