"""What the processor of this machine does fast, as Linux tells it; nothing where nothing is known."""

from functools import cache
from pathlib import Path


@cache
def features() -> frozenset[str]:
    """The maker's name and the instruction sets, as in /proc/cpuinfo: `AuthenticAMD`, `avx512f`, `avx512_bf16`."""
    told = Path("/proc/cpuinfo")
    if not told.exists():
        return frozenset()
    fields = (line.partition(":") for line in told.read_text().splitlines())
    return frozenset(
        word for name, _, words in fields if name.strip() in ("vendor_id", "flags") for word in words.split()
    )
