// What is chosen: a level of each factor, a weight, a seed, and what is compared. One point is one setting at one weight.

const { factors, codes, weights, counts, metrics } = points;
const ALL_SEEDS = null;

const choice = { point: 0, seed: ALL_SEEDS, compare: -1 };

/** Points by their levels, each list in order of the weight. */
const groups = new Map();
for (let point = 0; point < weights.beta_norm.length; point += 1) {
  const key = keyOf(codes.map((code) => code[point]));
  if (!groups.has(key)) groups.set(key, []);
  groups.get(key).push(point);
}
for (const group of groups.values()) group.sort((a, b) => weights.beta_norm[a] - weights.beta_norm[b]);

/** The runs of each point, by seed. */
const runsOf = weights.beta_norm.map(() => []);
points.point.forEach((point, row) => {
  if (point >= 0) runsOf[point].push(row);
});
for (const rows of runsOf) rows.sort((a, b) => seedOf(a) - seedOf(b));

const seeds = [...new Set(points.point.flatMap((point, row) => (point >= 0 ? [seedOf(row)] : [])))]
  .filter((seed) => seed !== null)
  .sort((a, b) => a - b);

function keyOf(levels) {
  return levels.join(",");
}

const levelsOf = (point) => codes.map((code) => code[point]);
const groupOf = (point) => groups.get(keyOf(levelsOf(point)));

/** The point of a group whose weight is nearest, on a logarithmic scale; 0 is nearest to 0 and to the smallest. */
function nearest(group, weight) {
  const place = (value) => (value > 0 ? Math.log(value) : -Infinity);
  const distance = (point) => {
    const [a, b] = [place(weights.beta_norm[point]), place(weight)];
    return a === b ? 0 : Math.abs(a - b);
  };
  return group.reduce((best, point) => (distance(point) < distance(best) ? point : best), group[0]);
}

/** Choose a level of one factor. Where the other choices do not occur with it, the nearest that do are taken. */
function chooseLevel(factor, level) {
  const wanted = levelsOf(choice.point);
  wanted[factor] = level;
  let best = null;
  let most = -1;
  for (const group of groups.values()) {
    const levels = levelsOf(group[0]);
    if (levels[factor] !== level) continue;
    const alike = levels.filter((each, i) => each === wanted[i]).length;
    if (alike > most) [best, most] = [group, alike];
  }
  choice.point = nearest(best, weights.beta_norm[choice.point]);
}

/** The lines of the charts: the chosen setting, and those that differ from it in what is compared. */
function lines() {
  const levels = levelsOf(choice.point);
  const group = { points: groupOf(choice.point), label: "", style: 0, chosen: true };
  if (choice.compare < 0) return [group];
  const factor = factors[choice.compare];
  return factor.levels.flatMap((label, level) => {
    const found = groups.get(keyOf(levels.map((own, i) => (i === choice.compare ? level : own))));
    if (!found) return [];
    return [{ points: found, label, style: level, chosen: level === levels[choice.compare] }];
  });
}

/** The finished run of a seed at a point; undefined where there is none. */
const finished = (point, seed) => runsOf[point].find((row) => seedOf(row) === seed && statusOf(row) === "ok");

/** A metric at a point: of the chosen seed, or the mean. Null where unknown. */
function value(metric, point, seed = choice.seed) {
  if (seed === ALL_SEEDS) return metric.mean[point];
  const row = finished(point, seed);
  return row === undefined ? null : cell(columns.get(metric.name), row);
}

/** The same as text, the mean with its interval. */
function valueSaid(metric, point) {
  return choice.seed === ALL_SEEDS ? metric.said[point] : number(value(metric, point));
}

/** `3 seeds`, `2 of 3 seeds`, `1 diverged`: what a point rests on. */
function seedsSaid(point) {
  const [n, diverged, failed] = [counts.n[point], counts.n_diverged[point], counts.n_failed[point]];
  const lost = [diverged && `${diverged} diverged`, failed && `${failed} failed`].filter(Boolean).join(", ");
  const finishedText = `${n} ${n === 1 ? "seed" : "seeds"}`;
  return lost ? `${n ? finishedText : "no job finished"}; ${lost}` : finishedText;
}
