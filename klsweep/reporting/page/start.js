// What happens when: the controls are joined to what they change.

/** What the controls say, for paper, which has none. */
function settingSaid() {
  const levels = factors.map((factor, i) => `${factor.name} ${factor.levels[codes[i][choice.point]]}`);
  return [...levels, choice.seed === ALL_SEEDS ? "mean of all seeds" : `seed ${choice.seed}`].join(", ");
}

/** The numbers at the slider's weight. */
function readout() {
  const point = choice.point;
  const list = element("dl");
  const add = (term, text) => list.append(element("div", {}, element("dt", {}, term), element("dd", {}, text || "unknown")));
  for (const metric of metrics.filter(({ always }) => always)) add(metric.title, valueSaid(metric, point));
  for (const unit of ["beta", "weight", "theta"])
    if (weights[unit][point] !== null) add(unit === "weight" ? "raw weight" : unit, weightText(weights[unit][point]));
  add(choice.seed === ALL_SEEDS ? "mean of" : "seed", choice.seed === ALL_SEEDS ? seedsSaid(point) : String(choice.seed));
  byId("readout").replaceChildren(element("p", { class: "setting" }, settingSaid()), list);
}

function slider() {
  const group = groupOf(choice.point);
  const input = byId("weight");
  const text = `beta_norm ${weightText(weights.beta_norm[choice.point])}`;
  input.max = group.length - 1;
  input.value = group.indexOf(choice.point);
  input.disabled = group.length < 2;
  input.setAttribute("aria-valuetext", text);
  byId("weight-said").textContent = weightText(weights.beta_norm[choice.point]);
}

function selects() {
  factors.forEach((_, i) => (byId(`factor-${i}`).value = codes[i][choice.point]));
  byId("seed").value = choice.seed === ALL_SEEDS ? "" : choice.seed;
  byId("compare").value = choice.compare;
}

function legend() {
  const colours = theme();
  const drawn = choice.compare < 0 ? [] : lines();
  const entries = drawn.map((line) => {
    const look = lookOf(line.style, colours);
    const name = `${factors[choice.compare].name} ${line.label}`;
    return element("li", line.chosen ? { class: "chosen" } : {}, sign(look.colour, look.dash, look.symbol), ` ${name}`);
  });
  byId("legend").replaceChildren(...entries);
}

const showWeight = onceAFrame(() => {
  slider();
  readout();
  showPictures();
  showSentences();
  move();
});

const showAll = onceAFrame(() => {
  selects();
  slider();
  readout();
  legend();
  showPictures();
  showSentences();
  redraw();
});

function addChoices() {
  factors.forEach((_, i) =>
    byId(`factor-${i}`).addEventListener("change", (event) => {
      chooseLevel(i, Number(event.target.value));
      showAll();
    }),
  );
  byId("seed").append(new Option("mean of all", ""), ...seeds.map((seed) => new Option(seed, seed)));
  byId("seed").addEventListener("change", (event) => {
    choice.seed = event.target.value === "" ? ALL_SEEDS : Number(event.target.value);
    showAll();
  });
  const comparable = factors.map((factor, i) => [factor, i]).filter(([factor]) => factor.comparable);
  byId("compare").append(new Option("nothing", -1), ...comparable.map(([factor, i]) => new Option(factor.name, i)));
  byId("compare-field").hidden = comparable.length === 0;
  byId("compare").addEventListener("change", (event) => {
    choice.compare = Number(event.target.value);
    showAll();
  });
  byId("weight").addEventListener("input", (event) => {
    choice.point = groupOf(choice.point)[Number(event.target.value)];
    showWeight();
  });
  byId("choices").addEventListener("submit", (event) => event.preventDefault());
  const first = comparable.find(([factor]) => factor.levels.length <= COLOURS);
  choice.compare = first ? first[1] : -1;
}

function addCharts() {
  for (const metric of metrics.filter(({ always }) => always)) addChart(metric.title, metric.unit, againstWeight(() => metric));
  const further = metrics.filter(({ always }) => !always);
  if (further.length) {
    const select = element("select", { "aria-label": "Which further metric" }, ...further.map((metric, i) => new Option(metric.title, i)));
    const chart = addChart("Further metric", "", againstWeight(() => further[Number(select.value)]), select);
    select.addEventListener("change", () => draw(chart));
  }
  if (metricOf("rate_nats") && metricOf("distortion_nats")) addChart("Distortion against rate", "nats per datum", plane());
  if (Object.keys(curves.jobs).length) addChart("Learning curves", "nats per datum; dotted: training", learning());
}

/** Paper is light, and half its width is narrower than the screen's. */
function addPrinting() {
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    redraw({ all: true });
    for (const { plot } of charts) Plotly.relayout(plot, { autosize: false, width: PRINTED });
  });
  addEventListener("afterprint", () => {
    for (const { plot } of charts) Plotly.relayout(plot, { autosize: true, width: null });
    redraw();
  });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", showAll);
}

if (metrics.length) {
  const shown = document.querySelector("[data-point]");
  choice.point = shown ? Number(shown.dataset.point) : groups.values().next().value[0];
  addChoices();
  addPictures();
  addCharts();
  addPrinting();
  restoreChoice();
  showAll();
  for (const button of document.querySelectorAll("[data-point]"))
    button.addEventListener("click", () => {
      choice.point = Number(button.dataset.point);
      showAll();
      byId("weight").focus({ preventScroll: true });
      byId("explore").scrollIntoView();
    });
}

byId("filter").addEventListener("input", onceAFrame(sift));
byId("all-columns").addEventListener("change", (event) => {
  view.names = event.target.checked ? [...columns.keys()] : runs.shown;
  sift();
});
byId("earlier").addEventListener("click", () => turnPage(-1));
byId("later").addEventListener("click", () => turnPage(1));
byId("job-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", closeJob);
addEventListener("hashchange", showJob);
addRowsOnPaper();
restoreView();
sift();
restorePlace();
showJob();
reloadWhileItRuns();
