"""What the server of children loads once for all of them. Imported by that server and by nobody else.

To take torch down in good order takes more than half a second, which whoever reads what a run prints waits for; the
server holds nothing worth it.
"""

import atexit
import os

import klsweep.running.child
import klsweep.train

atexit.register(os._exit, 0)

__all__ = ["klsweep"]
