// One job in full: its numbers, curve, error, settings and where it came from. `#job-<id>` opens it.

const dialog = byId("job");

/** The part of a page's address that names a job: hex digits, which no address escapes. */
const named = () => /^#job-([0-9a-f]+)$/.exec(location.hash)?.[1];

function showJob() {
  const id = named();
  if (!rowOf.has(id)) {
    if (dialog.open) dialog.close();
    return;
  }
  const row = rowOf.get(id);
  byId("job-title").textContent = `Job ${id}`;
  const error = cell({ texts: jobs.errors }, row);
  const body = byId("job-body");
  body.replaceChildren(element("p", { class: "said" }, `Ended: ${said(statusOf(row))}. Its files are in jobs/${id}.`));
  if (error) body.append(element("h3", {}, "Error"), element("pre", { class: "error", tabindex: "0" }, error));
  const plot = element("div", { class: "plot", role: "img", "aria-label": "Learning curve" });
  const curve = curveOf(id);
  if (curve) body.append(element("h3", {}, "Curve"), plot);
  const thinned = curve && curve.rows < curve.epochs;
  if (thinned) body.append(element("p", { class: "said" }, `${curve.rows} of ${curve.epochs} epochs; curve.csv has all.`));
  body.append(element("h3", {}, "Settings"), tree(nested(jobs.config, row)), element("h3", {}, "Numbers"), values(row));
  body.append(element("h3", {}, "Where it came from"), tree(nested(jobs.provenance, row)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  if (curve) drawCurves(plot, [row]);
}

const tree = (value) => element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));

function values(row) {
  const list = element("dl", { class: "values" });
  for (const [name, column] of columns) {
    const value = cell(column, row);
    if (value !== null && name !== "job_id") list.append(element("div", {}, element("dt", {}, name), element("dd", {}, said(value))));
  }
  return list;
}

/** Leaves the address as it was before, so that the same link opens the job again. */
function closeJob() {
  if (named()) history.replaceState(null, "", location.pathname + location.search);
}
