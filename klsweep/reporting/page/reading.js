// What the page was given, and the few ways in which text and numbers get onto it. Names never become markup.

const { points, runs, jobs, curves, pictures } = JSON.parse(document.getElementById("content").textContent);

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; text stays text. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A column's cell: number, text, or null where it is unknown. */
function cell(column, row) {
  if (column.numbers) return column.numbers[row];
  const code = column.texts.codes[row];
  return code < 0 ? null : column.texts.levels[code];
}

const columns = new Map(runs.columns.map((column) => [column.name, column]));
const total = runs.columns[0] ? (runs.columns[0].numbers || runs.columns[0].texts.codes).length : 0;
const jobIds = Array.from({ length: total }, (_, row) => cell(columns.get("job_id"), row));
const rowOf = new Map(jobIds.map((id, row) => [id, row]));
const seedOf = (row) => cell(columns.get("seed"), row);
const statusOf = (row) => cell(columns.get("status"), row);

/** Four significant digits, whole numbers without a fraction. */
function number(value) {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(3);
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.max(0, 3 - Math.floor(Math.log10(size))));
}

/** A weight in any unit, in as few digits as keep the sweep's weights apart. */
const weightTexts = new Map();
for (const [unit, values] of Object.entries(points.weights))
  values.forEach((value, point) => weightTexts.set(value, points.weights_said[unit][point]));
const weightText = (value) => weightTexts.get(value) ?? (value === null ? "" : String(Number(value.toPrecision(3))));

const said = (value) => (typeof value === "number" ? number(value) : (value ?? ""));

/** The nested value that a job has, from levels told once for all jobs. */
function nested(paths, row) {
  const whole = {};
  for (const { path, levels, codes } of paths) {
    const code = codes.length ? codes[row] : 0;
    if (code < 0) continue;
    let place = whole;
    for (const name of path.slice(0, -1)) {
      if (!Object.hasOwn(place, name)) define(place, name, {});
      place = place[name];
    }
    define(place, path[path.length - 1], levels[code]);
  }
  return whole;
}

/** Also for a name such as `__proto__`, which an assignment would take for something else. */
function define(place, name, value) {
  Object.defineProperty(place, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Runs a function at most once a frame, with the last of its calls. */
function onceAFrame(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}
