"""The schedules as a picture."""

import io
from pathlib import Path

from klsweep.errors import KlsweepError
from klsweep.part import Part, members
from klsweep.store import atomic
from klsweep.vae.schedules import Length, Schedule

LENGTH = Length(steps=1000, steps_per_epoch=50)
"""What is drawn: 20 epochs, so that a staircase shows its stairs; other lengths only stretch the rest."""

FORMATS = (".png", ".svg", ".pdf")


def draw_schedules(file: Path) -> int:
    """Write a picture of every kind of schedule with its defaults; how many there are."""
    if file.suffix.lower() not in FORMATS:
        raise KlsweepError(
            f"--plot {file}: unknown format: allowed: {', '.join(FORMATS)}: write {file.stem}.png"
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kinds = members(Schedule)
    columns = 2
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(9, 0.6 + 1.75 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    epochs = [step / LENGTH.steps_per_epoch for step in range(LENGTH.steps + 1)]
    for axis, (kind, part) in zip(axes, kinds.items(), strict=False):
        schedule = part()
        curve = [schedule.at(step, LENGTH) for step in range(LENGTH.steps)]  # type: ignore[attr-defined]
        axis.stairs(curve, epochs, baseline=None, color="tab:blue", linewidth=1.8)
        axis.set_title(f"{kind}{_defaults(schedule)}", loc="left", fontsize=9)
        axis.set(
            xlim=(0, LENGTH.epochs),
            ylim=(-0.05, 1.08),
            xticks=range(0, LENGTH.epochs + 1, 5),
            yticks=(0, 0.5, 1),
        )
        axis.grid(alpha=0.3)
    for axis in axes[len(kinds) :]:
        axis.set_axis_off()
    for axis in axes[len(kinds) - columns : len(kinds)]:  # the lowest of each column
        axis.tick_params(labelbottom=True)
    figure.supxlabel(f"epoch of {LENGTH.epochs}", fontsize=10)
    figure.supylabel("s(t), times the target weight", fontsize=10)
    figure.suptitle("Every schedule with its defaults", fontsize=11)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=file.suffix.lower()[1:], dpi=130)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(file, drawn.getvalue())
    except OSError as error:
        raise KlsweepError(
            f"--plot {file}: cannot be written ({error.strerror or error}): give a file that you may write"
        ) from None
    return len(kinds)


def _defaults(schedule: Part) -> str:
    """Its settings, as in a spec."""
    settings = [
        f"{name}: {value:g}" if isinstance(value, float) else f"{name}: {value}" for name, value in schedule
    ]
    shown = [each for each in settings if not each.startswith(("kind:", "by:"))]
    return f"  {{{', '.join(shown)}}}" if shown else ""
