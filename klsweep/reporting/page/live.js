// A page that is written while its sweep runs loads itself anew, and then shows what was chosen before.

const QUIET = 3000; // ms since the last key or touch, so that nothing vanishes under a reader's hand

/** What a reader has chosen, by names: numbers of levels and points change as results come in. */
function chosenNow() {
  const setting = metrics.length && {
    levels: factors.map((factor, i) => [factor.name, factor.levels[codes[i][choice.point]]]),
    weight: weights.beta_norm[choice.point],
    seed: choice.seed,
    compare: factors[choice.compare]?.name,
  };
  const table = { filter: byId("filter").value, all: byId("all-columns").checked, by: view.by, down: view.down };
  const open = [...document.querySelectorAll("details")].map((each) => each.open);
  return { setting, table, first: view.first, open, focus: document.activeElement?.id };
}

const before = history.state?.klsweep; // of the page that has just loaded itself anew; who does so by hand begins anew
if (before) history.replaceState(null, "");

function restoreChoice() {
  if (!before?.setting) return;
  for (const [name, label] of before.setting.levels) {
    const i = factors.findIndex((factor) => factor.name === name);
    const level = i < 0 ? -1 : factors[i].levels.indexOf(label);
    if (level >= 0) chooseLevel(i, level);
  }
  choice.point = nearest(groupOf(choice.point), before.setting.weight);
  choice.seed = seeds.includes(before.setting.seed) ? before.setting.seed : ALL_SEEDS;
  const compare = factors.findIndex((factor) => factor.comparable && factor.name === before.setting.compare);
  if (compare >= 0 || before.setting.compare === undefined) choice.compare = compare;
}

function restoreView() {
  if (!before) return;
  byId("filter").value = before.table.filter;
  byId("all-columns").checked = before.table.all;
  if (before.table.all) view.names = [...columns.keys()];
  if (columns.has(before.table.by)) Object.assign(view, { by: before.table.by, down: before.table.down });
}

function restorePlace() {
  if (!before) return;
  if (before.first < view.rows.length) view.first = before.first;
  fillTable();
  const details = [...document.querySelectorAll("details")];
  if (details.length === before.open.length) details.forEach((each, i) => (each.open = before.open[i]));
  if (before.focus) byId(before.focus)?.focus({ preventScroll: true });
}

function reloadWhileItRuns() {
  const live = byId("live");
  if (!live) return;
  let touched = -Infinity;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"])
    addEventListener(kind, () => (touched = performance.now()), { passive: true });
  const look = () => {
    const due = performance.now() >= 1000 * Number(live.dataset.seconds);
    if (!due || !live.checked || document.hidden || performance.now() - touched < QUIET) return;
    history.replaceState({ klsweep: chosenNow() }, "");
    location.reload();
  };
  setInterval(look, 500);
}
