// The table of all runs: filtered, sorted, a page at a time.

const ROWS = 25;
const ROWS_ON_PAPER = 1000; // some thirty sheets; runs.csv has them all
const view = { rows: [], first: 0, most: ROWS, by: null, down: false, names: runs.shown };
const collator = new Intl.Collator("en", { numeric: true });

const NEAR = 1e-3; // 0.0316 finds 0.0316227766, as the table shows it
const WORDS = /(?:[^\s"]|"[^"]*")+/g; // "text in quotes" is one word
const COMPARED = /^([^<>=!]+)(<=|>=|!=|<|>|=)(.*)$/s;

/** Whether a row has this word: a comparison where it names a column, else text in any cell that is shown. */
function test(word) {
  const [, name, sign, wanted] = COMPARED.exec(word) ?? [];
  const column = columns.get(name);
  if (!column) {
    const low = word.toLowerCase();
    return (row) => view.names.some((one) => shownAs(one, cell(columns.get(one), row)).toLowerCase().includes(low));
  }
  const limit = Number(wanted);
  const isNumber = column.numbers && wanted !== "" && !Number.isNaN(limit);
  const near = (value) => value !== null && Math.abs(value - limit) <= NEAR * Math.abs(limit);
  const alike = (value) => (isNumber ? near(value) : said(value).toLowerCase() === wanted.toLowerCase());
  return (row) => {
    const value = cell(column, row);
    if (sign === "=") return alike(value);
    if (sign === "!=") return !alike(value);
    if (value === null) return false;
    const apart = isNumber && !near(value) ? value - limit : 0; // what the table shows as equal is equal in every order
    const order = isNumber ? apart : collator.compare(said(value), wanted);
    return { "<": order < 0, ">": order > 0, "<=": order <= 0, ">=": order >= 0 }[sign];
  };
}

/** A cell as the table shows it. */
const shownAs = (name, value) => (Object.hasOwn(weights, name) ? weightText(value) : said(value));

function sift() {
  const tests = (byId("filter").value.match(WORDS) ?? []).map((word) => test(word.replaceAll('"', "")));
  view.rows = jobIds.map((_, row) => row).filter((row) => tests.every((passes) => passes(row)));
  if (view.by !== null) sort();
  view.first = 0;
  fillTable();
}

/** By the chosen column; what is unknown comes last in either direction. */
function sort() {
  const column = columns.get(view.by);
  const compare = (a, b) => (column.numbers ? a - b : collator.compare(a, b));
  view.rows.sort((a, b) => {
    const [x, y] = [cell(column, a), cell(column, b)];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    return (view.down ? -1 : 1) * compare(x, y) || a - b;
  });
}

function heading(name) {
  const sorted = view.by === name ? (view.down ? "descending" : "ascending") : "none";
  const button = element("button", { type: "button" }, name);
  button.addEventListener("click", () => {
    view.down = view.by === name && !view.down;
    view.by = name;
    sort();
    view.first = 0;
    fillTable();
    byId("runs-table").querySelector('th:not([aria-sort="none"]) button').focus();
  });
  const attributes = { scope: "col", "aria-sort": sorted, class: columns.get(name).numbers ? "number" : "text" };
  return element("th", attributes, button);
}

function line(row) {
  return element(
    "tr",
    {},
    ...view.names.map((name) => {
      const value = shownAs(name, cell(columns.get(name), row));
      if (name === "job_id") return element("th", { scope: "row" }, element("a", { href: `#job-${value}` }, value));
      const attributes = { class: columns.get(name).numbers ? "number" : "text" };
      if (name === "status") attributes["data-status"] = value;
      return element("td", attributes, value);
    }),
  );
}

/** That a filter is at work, and of how many runs; nothing without one. */
function foundSaid() {
  if (byId("filter").value.trim() === "") return "";
  return view.rows.length === total ? " found, all there are" : ` found, of ${total.toLocaleString("en")} in all`;
}

function fillTable() {
  const table = byId("runs-table");
  table.tHead.replaceChildren(element("tr", {}, ...view.names.map(heading)));
  const last = Math.min(view.first + view.most, view.rows.length);
  table.tBodies[0].replaceChildren(...view.rows.slice(view.first, last).map(line));
  byId("runs-said").textContent = view.rows.length
    ? `${view.first + 1} to ${last} of ${view.rows.length.toLocaleString("en")} runs${foundSaid()}`
    : `None of ${total.toLocaleString("en")} runs`;
  byId("earlier").disabled = view.first === 0;
  byId("later").disabled = last === view.rows.length;
}

function turnPage(step) {
  view.first = Math.max(0, view.first + step * ROWS);
  fillTable();
}

/** Paper has no pages to turn in a table: it gets all rows, up to a limit; afterwards the screen has its own again. */
function addRowsOnPaper() {
  let first = 0;
  addEventListener("beforeprint", () => {
    if (view.most === ROWS) first = view.first;
    Object.assign(view, { first: 0, most: ROWS_ON_PAPER });
    fillTable();
  });
  addEventListener("afterprint", () => {
    Object.assign(view, { first, most: ROWS });
    fillTable();
  });
}
