// How charts look: the colours of the style sheet, one axis for weights, and text that a chart takes literally.

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross"];
const COLOURS = 6;
const TICKS = 6;
const PRINTED = 330; // pixels: half the width of a printed page

/** The style sheet's colours, now. */
function theme() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    ink: of("--ink"),
    soft: of("--soft"),
    rule: of("--rule"),
    paper: of("--paper"),
    marked: of("--marked"),
    font: of("--sans"),
    lines: Array.from({ length: COLOURS }, (_, i) => of(`--line-${i}`)),
  };
}

/** Text in a chart: what looks like markup is shown as it was written. */
const inert = (text) => String(text).replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);

/** A colour `#rrggbb` of the style sheet, transparent. */
function faint(colour, alpha) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${parts.join(",")},${alpha})`;
}

/** Positions on a logarithmic axis on which 0 has a place of its own, left of all others, behind a break. */
function weightAxis(found) {
  const positive = found.filter((weight) => weight > 0).map(Math.log10);
  const low = positive.length ? Math.min(...positive) : 0;
  const high = positive.length ? Math.max(...positive) : 0;
  const hasZero = found.includes(0);
  const zero = low - Math.max(0.5, 0.12 * (high - low));
  const margin = Math.max(0.04 * (high - (hasZero ? zero : low)), 0.1);
  const step = Math.max(1, Math.ceil((Math.floor(high) - Math.ceil(low) + 1) / TICKS));
  let ticks = [];
  for (let power = Math.ceil(low - 1e-9); power <= high + 1e-9; power += step) ticks.push(power);
  if (ticks.length < 2) ticks = [...new Set([low, high])];
  const named = ticks.map((tick) => weightText(10 ** tick));
  return {
    place: (weight) => (weight > 0 ? Math.log10(weight) : zero),
    hasZero,
    gap: (zero + low) / 2,
    range: [(hasZero ? zero : low) - margin, high + margin],
    ticks: hasZero ? [zero, ...ticks] : ticks,
    names: hasZero ? ["0", ...named] : named,
  };
}

/** What all charts have in common. */
function layout(colours, x, y, more = {}) {
  const axis = {
    fixedrange: true,
    zeroline: false,
    showline: true,
    linecolor: colours.soft,
    gridcolor: colours.rule,
    ticks: "outside",
    ticklen: 4,
    tickcolor: colours.soft,
    tickfont: { size: 12 },
  };
  const title = (text) => ({ text, standoff: 8, font: { size: 12 } });
  return {
    font: { family: colours.font, size: 12, color: colours.ink },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 56, r: 12, t: 8, b: 42 },
    height: 260,
    showlegend: false,
    dragmode: false,
    hovermode: "closest",
    hoverlabel: {
      bgcolor: colours.paper,
      bordercolor: colours.soft,
      font: { family: colours.font, size: 12, color: colours.ink },
      align: "left",
      namelength: -1,
    },
    xaxis: { ...axis, showgrid: false, ...x, title: title(x.title) },
    yaxis: { ...axis, nticks: 6, ...y, title: title(y.title ?? "") },
    ...more,
  };
}

const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };

/** A small sign of a line, for the legend. */
function sign(colour, dash, symbol) {
  const pattern = { solid: "", dash: "6 4", dot: "1.5 3", dashdot: "6 3 1.5 3", longdash: "9 4", longdashdot: "9 3 2 3" };
  const shapes = {
    circle: "M11 6a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    square: "M11 3h6v6h-6z",
    diamond: "M14 2l4 4-4 4-4-4z",
    "triangle-up": "M14 2l4 7h-8z",
    "triangle-down": "M14 10l4-7h-8z",
    cross: "M12.8 2h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z",
  };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, text] of Object.entries({ viewBox: "0 0 28 12", width: 28, height: 12, "aria-hidden": "true" }))
    svg.setAttribute(name, text);
  for (const [d, own] of [
    ["M0 6H28", { stroke: colour, "stroke-width": 2, "stroke-dasharray": pattern[dash] || "none" }],
    [shapes[symbol], { fill: colour }],
  ]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    for (const [name, text] of Object.entries(own)) path.setAttribute(name, text);
    svg.append(path);
  }
  return svg;
}

/** Colour, dashes and marker of a line: three signs that say the same. */
const lookOf = (style, colours) => ({
  colour: colours.lines[style % COLOURS],
  dash: DASHES[style % DASHES.length],
  symbol: SYMBOLS[style % SYMBOLS.length],
});
