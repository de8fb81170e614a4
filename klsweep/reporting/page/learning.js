// Learning curves: distortion and rate over the epochs, of the chosen jobs or of one.

const MOST_CURVES = 12; // in one chart

/** Columns of a job's curve; null where the page has none. */
function curveOf(jobId) {
  if (!Object.hasOwn(curves.jobs, jobId)) return null;
  const [values, epochs] = curves.jobs[jobId];
  const bytes = Uint8Array.from(atob(values), (char) => char.charCodeAt(0));
  const floats = new Float32Array(bytes.buffer);
  const rows = floats.length / curves.names.length;
  const column = (i) => Array.from(floats.slice(i * rows, (i + 1) * rows), (one) => (Number.isNaN(one) ? null : one));
  return { epochs, rows, ...Object.fromEntries(curves.names.map((name, i) => [name, column(i)])) };
}

/** The jobs whose curves are shown: those of the chosen point, or its chosen seed. */
function chosenJobs() {
  const rows = runsOf[choice.point].filter((row) => choice.seed === ALL_SEEDS || seedOf(row) === choice.seed);
  return rows.filter((row) => curveOf(jobIds[row])).slice(0, MOST_CURVES);
}

function learning() {
  const show = (plot) => drawCurves(plot, chosenJobs());
  return { said: () => `Learning curves of ${chosenJobs().length} jobs`, draw: show, move: show };
}

/** Ticks at whole epochs. */
function epochs(rows) {
  const last = Math.max(1, ...rows.map((row) => curveOf(jobIds[row]).epoch.at(-1)));
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((each) => last / each <= 6) ?? Math.ceil(last / 6);
  return { tick0: 0, dtick: step, range: [1 - 0.03 * last, last + 0.03 * last] };
}

/** Distortion above rate, both over the epochs; dotted in training, whole in validation. In ink: colours tell settings. */
function drawCurves(plot, rows) {
  const colours = theme();
  const panels = [
    ["distortion_nats", "y"],
    ["rate_nats", "y2"],
  ];
  const traces = rows.flatMap((row) => {
    const curve = curveOf(jobIds[row]);
    return panels.flatMap(([name, yaxis]) =>
      ["train", "valid"].map((split) => ({
        x: curve.epoch,
        y: curve[`${split}_${name}`],
        yaxis,
        mode: curve.rows > 1 ? "lines" : "markers",
        opacity: 0.9,
        line: { color: colours.ink, width: split === "train" ? 1.2 : 1.8, dash: split === "train" ? "dot" : "solid" },
        marker: { color: colours.ink, symbol: split === "train" ? "circle-open" : "circle", size: 6 },
        hoverinfo: "text",
        text: curve.epoch.map((epoch, i) =>
          inert(`seed ${seedOf(row)}, epoch ${epoch}, ${split}: ${number(curve[`${split}_${name}`][i])} nats`),
        ),
      })),
    );
  });
  const whole = layout(colours, { title: "epoch", ...epochs(rows) }, { domain: [0.56, 1], title: "distortion", nticks: 4 });
  const lower = { ...whole.yaxis, domain: [0, 0.44], title: { ...whole.yaxis.title, text: "rate" } };
  Plotly.react(plot, traces, { ...whole, xaxis: { ...whole.xaxis, anchor: "y2" }, yaxis2: lower }, CONFIG);
}
