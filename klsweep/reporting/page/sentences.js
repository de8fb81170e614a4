// Sentences of the chosen job, where the data are text: held-out ones and their reconstructions, samples, ways between two.

const SPOKEN = [
  ["samples", "Samples from the prior"],
  ["interpolations", "From one held-out sentence's code to another's"],
];

function showSentences() {
  const place = byId("sentences");
  const row = picturedRow();
  const found = row === undefined ? null : pictures.jobs[jobIds[row]].sentences;
  place.hidden = !found;
  if (!found) return;
  const head = element("tr", {}, element("th", { scope: "col" }, "Held-out sentence"), element("th", { scope: "col" }, "Its reconstruction"));
  const rows = found.originals.map((one, i) => element("tr", {}, element("td", {}, one), element("td", {}, found.reconstructions[i])));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const lists = SPOKEN.flatMap(([kind, title]) =>
    found[kind].map((list) => element("figure", {}, element("figcaption", {}, title), element("ol", {}, ...list.map((one) => element("li", {}, one))))),
  );
  const weight = weightText(weights.beta_norm[choice.point]);
  const said = `Sentences of seed ${seedOf(row)} at beta_norm ${weight}: the decoder's own likeliest words from each code.`;
  place.replaceChildren(element("p", { class: "said" }, said), element("div", { class: "scroll" }, table), element("div", { class: "pictures" }, ...lists));
}
