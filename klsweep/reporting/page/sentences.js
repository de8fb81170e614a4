// Sentences of the chosen job, where the data are text: held-out ones and their reconstructions, samples, ways between two.

function showSentences() {
  const place = byId("sentences");
  const row = picturedRow();
  const found = row === undefined ? null : pictures.jobs[jobIds[row]].sentences;
  place.hidden = !found;
  if (!found) return;
  const head = element("tr", {}, element("th", { scope: "col" }, "Held-out sentence"), element("th", { scope: "col" }, "Its reconstruction"));
  const rows = found.pairs.map((pair) => element("tr", {}, ...pair.map((one) => element("td", {}, one))));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const list = (title, each) =>
    element("figure", {}, element("figcaption", {}, title), element("ol", {}, ...each.map((one) => element("li", {}, one))));
  const lists = [
    list("Samples from the prior", found.samples),
    ...found.ways.map((way) => list("From one held-out sentence's code to another's", way)),
  ];
  const weight = weightText(weights.beta_norm[choice.point]);
  const said = `Sentences of seed ${seedOf(row)} at beta_norm ${weight}: the decoder's own likeliest words from each code.`;
  place.replaceChildren(element("p", { class: "said" }, said), element("div", { class: "scroll" }, table), element("div", { class: "pictures" }, ...lists));
}
