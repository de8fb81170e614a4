"""Classes of the user's own, named `package.module:Class`: imported, checked and identified by their source.

Nothing here imports torch; the user's module does.
"""

import difflib
import hashlib
import importlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FINGERPRINT_DIGITS = 16  # 64 bits, as of data files
GIVEN = ("input_shape", "latent_dim", "params_per_value")
"""What klsweep itself passes to the class, by keyword; a model's `args` come after these."""

METHODS = {"encode": "encode(self, x) -> (mean, logvar)", "decode": "decode(self, z) -> params"}

INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Imported:
    """A file of the user's as it was when it was imported."""

    folder: Path
    file: Path
    digest: str


_imported: dict[str, Imported] = {}
"""Modules that came in with a target, by name; a long session sees them change on disk."""


def find_class(target: str, folder: Path) -> type:
    """The class that `target` names, its module looked for in `folder` first; `ValueError` says why not."""
    module_name, _, name = target.partition(":")
    module = _module(module_name, folder, target)
    found = vars(module).get(name)
    if not inspect.isclass(found):
        classes = [key for key, value in vars(module).items() if _defined_in(module, value)]
        near = difflib.get_close_matches(name, classes, n=1)
        what = "is not a class" if name in vars(module) else f"is not in {module_name}"
        fix = f"did you mean {module_name}:{near[0]}?" if near else "write package.module:Class"
        raise ValueError(
            f"target {target!r}: {name} {what}: allowed: {', '.join(classes) or 'none there'}: {fix}"
        )
    absent = [
        text for method, text in METHODS.items() if not callable(inspect.getattr_static(found, method, None))
    ]
    if absent or not callable(getattr(found, "parameters", None)):
        what = f"has no {' and no '.join(absent)}" if absent else "is not a torch.nn.Module"
        fix = "add what is missing" if absent else f"write class {name}(torch.nn.Module)"
        raise ValueError(
            f"target {target!r}: {name} {what}: allowed: a torch.nn.Module with {' and '.join(METHODS.values())}: {fix}"
        )
    return found


def check_arguments(found: type, args: Mapping[str, Any]) -> None:
    """`ValueError` where the class cannot be called with `GIVEN` and `args`."""
    clash = [name for name in args if name in GIVEN]
    if clash:
        raise ValueError(f"args: {', '.join(clash)} comes from klsweep itself: take it out of args")
    signature = inspect.signature(found)
    try:
        signature.bind(**dict.fromkeys(GIVEN), **args)
    except TypeError as error:
        own = [str(each) for name, each in signature.parameters.items() if name not in GIVEN]
        absent = [name for name in GIVEN if name not in signature.parameters]
        fix = (
            f"add {', '.join(absent)} to its __init__, by keyword"
            if absent and not any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())
            else "give args what its __init__ takes"
        )
        raise ValueError(
            f"args: {found.__name__}(input_shape=..., latent_dim=..., params_per_value=..., **args): {error}: "
            f"allowed: {', '.join(own) or 'none besides these three'}: {fix}"
        ) from error


def fingerprint(found: type) -> str:
    """First hex digits of the SHA-256 of the source files of the class and of its bases, torch's own left out."""
    modules = dict.fromkeys(each.__module__ for each in inspect.getmro(found))
    own = [name for name in modules if name.partition(".")[0] not in ("torch", "builtins")]
    sources = [file.read_bytes() for name in own if (file := _source(sys.modules[name]))]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()[:FINGERPRINT_DIGITS]


def file_of(found: type) -> str:
    """The source file of a class; its module's name where it has none."""
    return str(_source(sys.modules[found.__module__]) or found.__module__)


def _module(name: str, folder: Path, target: str) -> ModuleType:
    """The module as it is on disk now, imported with `folder` first in the path, where it stays."""
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))
    _forget_stale(folder)
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ValueError(
                f"target {target!r}: {name} needs a module that is not installed: {error}"
            ) from error
        near = difflib.get_close_matches(name, [file.stem for file in folder.glob("*.py")], n=1)
        fix = (
            f"did you mean {near[0]}?"
            if near
            else "start klsweep in the folder that holds it, or give folder"
        )
        raise ValueError(
            f"target {target!r}: no module {error.name}: looked in {folder} and in what is installed: {fix}"
        ) from error
    except Exception as error:  # importing runs the user's code, which may raise anything
        raise ValueError(
            f"target {target!r}: importing {name} failed: {raised(error)}: mend the module"
        ) from error
    for new in sys.modules.keys() - before:
        file, ours = _source(sys.modules[new]), new.partition(".")[0] == "klsweep"
        if file and file.is_relative_to(folder) and not ours and not set(file.parts) & set(INSTALLED):
            _imported[new] = Imported(folder, file, _digest(file))
    return module


def _forget_stale(folder: Path) -> None:
    """Drop the user's modules where one was imported from another folder, or has changed since."""
    if any(
        each.folder != folder or not each.file.is_file() or _digest(each.file) != each.digest
        for each in _imported.values()
    ):
        for name in _imported:
            sys.modules.pop(name, None)
        _imported.clear()


def _source(module: ModuleType) -> Path | None:
    """The file of a module's source, if it has one that is there."""
    origin = module.__spec__.origin if module.__spec__ else None
    return Path(origin) if origin and origin.endswith(".py") and Path(origin).is_file() else None


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _defined_in(module: ModuleType, value: Any) -> bool:
    return inspect.isclass(value) and value.__module__ == module.__name__


def raised(error: Exception) -> str:
    """An error of the user's module on one line, with the place where it is known."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None or isinstance(error, SyntaxError):
        return text
    return f"{text} ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})"
