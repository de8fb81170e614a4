"""A convention: the loss of one public code, the name and default of its weight, and where it was read."""

from collections.abc import Iterable
from dataclasses import dataclass

from klsweep.vae.conventions.forms import Form


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How one public code writes its loss. `source` names the file; `trap` is what misleads its users."""

    name: str
    loss: str
    form: Form
    setting: str
    """What the weight w is called there; empty where KL has no weight in the code."""
    default: float | None
    source: str
    trap: str = ""
    aliases: tuple[str, ...] = ()
    recalled: bool = False
    """Whether something here is quoted from memory or from a thread instead of read in the code."""
    default_per_latent: bool = False
    ignored: bool = False
    """Whether the code accepts the weight and never uses it."""

    def default_weight(self, latent_dim: int) -> float | None:
        """The weight that applies where its user sets none."""
        if self.default is None:
            return None
        return self.default / latent_dim if self.default_per_latent else self.default

    @property
    def default_text(self) -> str:
        """The default as one would write it."""
        if self.default is None:
            return "none"
        return f"{self.default:g}/M" if self.default_per_latent else f"{self.default:g}"


def found(name: str, among: Iterable[Convention]) -> Convention | None:
    """The convention of that name or alias; case, spaces, `-` and `_` do not count."""
    for convention in among:
        if _plain(name) in map(_plain, (convention.name, *convention.aliases)):
            return convention
    return None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
