"""Schedules above the learning curves that they gave, side by side."""

from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import TypeAdapter

from klsweep.reporting import settings
from klsweep.reporting.plots import curves, looks
from klsweep.reporting.plots.curves import Column
from klsweep.reporting.plots.material import Case, Material, unseen
from klsweep.vae.schedules import Length, Schedule

POINTS = 600  # of s(t); a training of fewer steps has one for each step
WEIGHTS = 7  # in one panel
MOST = 8  # schedules side by side on a screen; narrower ones than settings, as they share an axis

PARSED: TypeAdapter[Schedule] = TypeAdapter(Schedule)


def schedules(material: Material) -> Figure | None:
    """s(t) above distortion, rate and active units, one column per schedule, all else alike.

    None where there is one schedule and it is constant, or where no job has a curve.
    """
    chosen, said = _chosen(material)
    read = curves.read(material, chosen, WEIGHTS)
    columns = [replace(column, title=column.title.removeprefix("schedule ")) for column in read]
    if not columns:
        return None
    when = "s is that of every step, the rest of the validation split after each epoch"
    foot = curves.foot(material, chosen, *said, when)
    title = "Schedules and the learning curves they gave"
    return curves.draw(columns, title=title, foot=foot, above=partial(_schedule, material, columns[0]))


def _chosen(material: Material) -> tuple[list[Case], list[str]]:
    """The schedules of the group of settings that has most of them; what else they share, and what is left out."""
    firsts = material.firsts
    others = settings.product(firsts, [name for name in settings.varying(firsts) if name != "schedule"])
    codes = np.array(others.codes, dtype=np.intp)
    if not len(codes):
        return [], []
    largest = int(np.bincount(codes).argmax())
    look = looks.current()
    places = np.flatnonzero(codes == largest)[: MOST if look.width is None else look.columns + 1]
    chosen = [replace(material.cases[place], names=("schedule",)) for place in places]
    if len(chosen) == 1 and firsts["schedule"].iloc[places[0]] == "constant":
        return [], []
    return chosen, [others.levels[largest], unseen(len(codes) - len(chosen), "curve.csv of each job")]


def _schedule(material: Material, first: Column, axes: Axes, column: Column) -> None:
    """s before each step, at its place among the epochs."""
    _, curve = column.curves[0]
    length = Length(steps=int(curve["step"][-1]), steps_per_epoch=int(curve["step"][0]))
    schedule = PARSED.validate_python(material.jobs[column.job_id]["schedule"])
    steps = np.unique(np.linspace(0, length.steps - 1, POINTS).round().astype(int))
    s = [schedule.at(int(step), length) for step in steps]
    ends = np.append(steps, length.steps) / length.steps_per_epoch
    axes.stairs(s, ends, baseline=None, color="#444444", linewidth=1.4 * looks.current().strokes)
    axes.set_ylim(-0.08, 1.08)
    axes.set_yticks([0, 0.5, 1])
    axes.tick_params(labelleft=column is first)
    if column is first:
        axes.set_ylabel("schedule s(t)\n(share)")
