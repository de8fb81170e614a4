"""What `import klsweep` gives, whatever of it was loaded before."""

import subprocess
import sys

import pytest


def test_the_verbs_are_functions_even_after_every_floor_was_imported() -> None:
    import klsweep.cli.app
    import klsweep.reporting
    import klsweep.running.runner

    assert klsweep.running.runner is not None
    for verb in ("forecast", "plan", "run", "load", "report", "export"):
        assert callable(getattr(klsweep, verb))
    with pytest.raises(AttributeError, match="nothing_of_the_sort"):
        _ = klsweep.nothing_of_the_sort


def test_importing_klsweep_loads_neither_torch_nor_pandas() -> None:
    code = "import sys, klsweep; sys.exit(bool({'torch', 'pandas', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
