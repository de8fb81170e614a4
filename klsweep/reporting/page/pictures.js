// Reconstructions, samples and traversals of the chosen job: the same images, whose sources are swapped.

const PICTURED = [
  ["originals", "Held-out images"],
  ["reconstructions", "Their reconstructions"],
  ["samples", "Samples from the prior"],
  ["traversals", "One latent at a time from −3 to 3, those with most rate first"],
  ["manifold", "The plane of the two latents"],
];
const RIGHT = new Set(["traversals", "manifold"]);
const pictured = new Map();

/** Places for every kind of picture that any job has. */
function addPictures() {
  const kinds = new Set(Object.values(pictures.jobs).flatMap((job) => Object.keys(job.strips)));
  const sides = [element("div"), element("div")];
  byId("pictures").append(...sides);
  for (const [kind, title] of PICTURED.filter(([kind]) => kinds.has(kind))) {
    const image = element("img", { alt: "", decoding: "sync" });
    const strip = element("div", { class: "strip" }, image);
    const names = element("div", { class: "names" });
    const caption = element("figcaption", {}, title);
    const figure = element("figure", { class: kind }, caption, element("div", { class: "named" }, names, strip));
    pictured.set(kind, { image, strip, figure, names, title });
    sides[RIGHT.has(kind) ? 1 : 0].append(figure);
  }
}

/** The job whose pictures are shown: of the chosen seed, or of the first that has any. */
function picturedRow() {
  const rows = runsOf[choice.point].filter((row) => Object.hasOwn(pictures.jobs, jobIds[row]));
  return choice.seed === ALL_SEEDS ? rows[0] : rows.find((row) => seedOf(row) === choice.seed);
}

function showPictures() {
  if (!pictured.size) return;
  const row = picturedRow();
  byId("pictures").hidden = row === undefined;
  byId("pictures-said").textContent =
    row === undefined
      ? `No pictures here of beta_norm ${weightText(weights.beta_norm[choice.point])}${choice.seed === ALL_SEEDS ? "" : `, seed ${choice.seed}`}.`
      : `Pictures of seed ${seedOf(row)} at beta_norm ${weightText(weights.beta_norm[choice.point])}, all of one model.`;
  if (row !== undefined) fillPictures(pictures.jobs[jobIds[row]]);
}

function fillPictures({ strips, latents }) {
  for (const [kind, { image, strip, figure, names, title }] of pictured) {
    figure.hidden = !Object.hasOwn(strips, kind);
    if (figure.hidden) continue;
    const [png, across, down] = strips[kind];
    image.src = `data:image/png;base64,${pictures.pngs[png]}`;
    image.alt = `${title} at beta_norm ${weightText(weights.beta_norm[choice.point])}`;
    strip.style.setProperty("--across", across);
    strip.style.setProperty("--down", down);
    names.replaceChildren(...(kind === "traversals" ? latents.map((latent) => element("span", {}, `z${latent}`)) : []));
  }
}
