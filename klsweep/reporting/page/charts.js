// The charts over the weight, and the plane of rate and distortion. Each has a ring where the slider stands.

const REST = 150; // milliseconds
let resting;
const charts = []; // { figure, plot, said, draw, move, isDrawn }

const metricOf = (name) => metrics.find((metric) => metric.name === name);
const labelled = (metric) => (metric.unit ? `${metric.title} (${metric.unit})` : metric.title);

/** An empty figure, drawn when it comes into view. */
function addChart(title, unit, chart, control) {
  const caption = element("figcaption", {}, element("span", { class: "title" }, title), " ");
  if (unit) caption.append(element("span", { class: "unit" }, unit));
  if (control) caption.append(control);
  const plot = element("div", { class: "plot", role: "img" });
  const figure = element("figure", { class: "chart" }, caption, plot);
  byId("charts").append(figure);
  const added = { figure, plot, isDrawn: false, isInView: false, ...chart };
  charts.push(added);
  watcher.observe(figure);
  return added;
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const chart = charts.find(({ figure }) => figure === target);
      chart.isInView = isIntersecting;
      if (isIntersecting && !chart.isDrawn) draw(chart);
    }
  },
  { rootMargin: "300px" },
);

function draw(chart) {
  chart.isDrawn = true;
  chart.draw(chart.plot);
  chart.plot.setAttribute("aria-label", chart.said());
}

/** After a change of what is drawn: charts out of sight wait until they are seen. */
function redraw({ all = false } = {}) {
  for (const chart of charts) {
    if (all || chart.isInView) draw(chart);
    else chart.isDrawn = false;
  }
}

/** After a change of the weight alone: charts in sight at once, the others when the slider rests. */
function move() {
  moveThose((chart) => chart.isInView);
  clearTimeout(resting);
  resting = setTimeout(() => moveThose((chart) => !chart.isInView), REST);
}

function moveThose(chosen) {
  for (const chart of charts.filter((one) => one.isDrawn && chosen(one))) {
    chart.move(chart.plot);
    chart.plot.setAttribute("aria-label", chart.said());
  }
}

/** One metric against the weight. */
function againstWeight(metricNow) {
  let axis;
  const ring = () => {
    const metric = metricNow();
    return { x: axis.place(weights.beta_norm[choice.point]), y: value(metric, choice.point) };
  };
  return {
    said: () => `${labelled(metricNow())} against beta_norm; ${valueText(metricNow(), choice.point)}`,
    draw(plot) {
      const metric = metricNow();
      const colours = theme();
      const drawn = lines();
      axis = weightAxis(drawn.flatMap((line) => line.points.map((point) => weights.beta_norm[point])));
      const traces = drawn.flatMap((line) => lineTraces(line, metric, axis, colours));
      const x = { title: "beta_norm", range: axis.range, tickvals: axis.ticks, ticktext: axis.names };
      const y = metric.name.startsWith("active_units") ? latentAxis(drawn) : {};
      const { x: at, y: height } = ring();
      Plotly.react(
        plot,
        [...traces, ringTrace(at, height, colours)],
        layout(colours, x, y, { shapes: [upright(at, colours)], annotations: axis.hasZero ? [broken(axis, colours)] : [] }),
        CONFIG,
      );
    },
    move(plot) {
      const { x, y } = ring();
      Plotly.update(plot, { x: [[x]], y: [[y]] }, { "shapes[0].x0": x, "shapes[0].x1": x }, [plot.data.length - 1]);
    },
  };
}

/** Rate and distortion of every weight. */
function plane() {
  const [rate, distortion] = [metricOf("rate_nats"), metricOf("distortion_nats")];
  const ring = () => ({ x: value(rate, choice.point), y: value(distortion, choice.point) });
  return {
    said: () => `Distortion against rate; ${valueText(rate, choice.point)}, ${valueText(distortion, choice.point)}`,
    draw(plot) {
      const colours = theme();
      const traces = lines().map((line) => {
        const look = lookOf(line.style, colours);
        return {
          x: line.points.map((point) => value(rate, point)),
          y: line.points.map((point) => value(distortion, point)),
          mode: "lines+markers",
          opacity: line.chosen ? 1 : 0.7,
          line: { color: look.colour, dash: look.dash, width: 1.8 },
          marker: { color: look.colour, symbol: look.symbol, size: 6 },
          hoverinfo: "text",
          text: line.points.map((point) => hover(line, point, [rate, distortion])),
        };
      });
      const { x, y } = ring();
      Plotly.react(
        plot,
        [...traces, ringTrace(x, y, colours)],
        layout(colours, { title: labelled(rate), nticks: 6 }, {}),
        CONFIG,
      );
    },
    move(plot) {
      const { x, y } = ring();
      Plotly.update(plot, { x: [[x]], y: [[y]] }, {}, [plot.data.length - 1]);
    },
  };
}

/** A band or an error bar for the interval, and the line; of a chosen seed, the line, and the mean behind it. */
function lineTraces(line, metric, axis, colours) {
  const look = lookOf(line.style, colours);
  const known = line.points.filter((point) => metric.mean[point] !== null);
  const withBand = known.filter((point) => weights.beta_norm[point] > 0 && metric.ci95[point] !== null);
  const xOf = (point) => axis.place(weights.beta_norm[point]);
  const edge = (side) => withBand.map((point) => metric.mean[point] + side * metric.ci95[point]);
  const band = {
    x: [...withBand.map(xOf), ...withBand.map(xOf).reverse()],
    y: [...edge(1), ...edge(-1).reverse()],
    mode: "lines",
    line: { width: 0 },
    fill: "toself",
    fillcolor: faint(look.colour, line.chosen ? 0.2 : 0.1),
    hoverinfo: "skip",
  };
  const zero = known.filter((point) => weights.beta_norm[point] === 0);
  const bar = {
    x: zero.map(xOf),
    y: zero.map((point) => metric.mean[point]),
    error_y: { type: "data", array: zero.map((point) => metric.ci95[point]), color: look.colour, thickness: 1, width: 3 },
    mode: "markers",
    marker: { size: 1, color: look.colour },
    hoverinfo: "skip",
  };
  const broken = line.points.flatMap((point) => (weights.beta_norm[point] === 0 ? [point, null] : [point]));
  const own = {
    x: broken.map((point) => (point === null ? null : xOf(point))),
    y: broken.map((point) => (point === null ? null : value(metric, point))),
    mode: "lines+markers",
    opacity: line.chosen ? 1 : 0.7,
    line: { color: look.colour, dash: look.dash, width: 1.8 },
    marker: { color: look.colour, symbol: look.symbol, size: 6 },
    hoverinfo: "text",
    text: broken.map((point) => (point === null ? "" : hover(line, point, [metric]))),
  };
  const mean = {
    x: broken.map((point) => (point === null ? null : xOf(point))),
    y: broken.map((point) => (point === null ? null : metric.mean[point])),
    mode: "lines",
    line: { color: faint(look.colour, 0.5), width: 1 },
    hoverinfo: "skip",
  };
  return choice.seed === ALL_SEEDS ? [band, bar, own] : [band, mean, own];
}

function ringTrace(x, y, colours) {
  return {
    x: [x],
    y: [y],
    mode: "markers",
    marker: { size: 13, symbol: "circle-open", color: colours.marked, line: { width: 2.5, color: colours.marked } },
    hoverinfo: "skip",
  };
}

const upright = (x, colours) => ({
  type: "line",
  layer: "below",
  x0: x,
  x1: x,
  y0: 0,
  y1: 1,
  yref: "paper",
  line: { color: colours.marked, width: 1, dash: "dot" },
});

const broken = (axis, colours) => ({
  x: axis.gap,
  y: 0,
  yref: "paper",
  text: "//",
  showarrow: false,
  yanchor: "middle",
  font: { color: colours.soft, size: 12 },
  bgcolor: colours.paper,
});

/** From none to all, with whole numbers only. */
function latentAxis(drawn) {
  const most = Math.max(...drawn.flatMap((line) => line.points.map((point) => points.latent_dim[point])));
  return { range: [-0.04 * most, 1.06 * most], tickformat: "d", nticks: Math.min(6, most + 1) };
}

/** What stands beside a point under the pointer. */
function hover(line, point, shown) {
  const head = [line.label, `beta_norm ${weightText(weights.beta_norm[point])}`].filter(Boolean);
  const values = shown.map((metric) => `${metric.title} ${valueSaid(metric, point)}`);
  const of = choice.seed === ALL_SEEDS ? seedsSaid(point) : `seed ${choice.seed}`;
  return [...head, ...values, of].map(inert).join("<br>");
}

const valueText = (metric, point) =>
  `at ${weightText(weights.beta_norm[point])}: ${valueSaid(metric, point) || "unknown"}`;
