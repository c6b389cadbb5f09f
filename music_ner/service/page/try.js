// The view Try: requests in, entities out.

import { ask, byId, count, fillTable, make, say, showText, withTwoDecimals } from "./dom.js";

const WAIT = 250; // milliseconds after the last key
let results = [];
let packageName = "";
let pending, timer;

const texts = () => byId("texts").value.split("\n").filter((line) => line.trim()).map((line) => line.toWellFormed?.() ?? line);
const threshold = () => Number(byId("threshold").value);
const isSure = (entity) => entity.confidence === null || entity.confidence >= threshold();

/** Find the entities of what is in the box. */
export async function find() {
  clearTimeout(timer);
  pending?.abort();
  const lines = texts();
  writeAddress();
  if (!lines.length) {
    results = [];
    show();
    say("try-status", "");
    return;
  }
  pending = new AbortController();
  try {
    const body = JSON.stringify({ texts: lines });
    const headers = { "Content-Type": "application/json" };
    ({ results } = await ask("entities", { method: "POST", headers, body, signal: pending.signal }));
    show();
  } catch (error) {
    if (error.name !== "AbortError") say("try-status", error.message, true);
  }
}

function show() {
  const shown = results.map((result) => ({ ...result, entities: result.entities.filter(isSure) }));
  const number = shown.reduce((sum, result) => sum + result.entities.length, 0);
  byId("threshold-value").textContent = threshold().toFixed(2);
  if (shown.length) say("try-status", `${count(number, "entity", "entities")} in ${count(shown.length, "request", "requests")}`);
  for (const id of ["results", "results-again"]) byId(id).replaceChildren(...shown.map(showResult));
}

function showResult({ text, entities }) {
  const item = make("li", {}, showText(text, entities));
  if (!entities.length) {
    item.append(make("div", { class: "nothing" }, "No entity"));
    return item;
  }
  const table = make("table");
  const candidates = (entity) => entity.candidates.map((c) => `${c.name} (${c.id}, ${c.score.toFixed(2)})`).join("; ");
  const idOf = (entity) => (entity.id ? `${entity.id} ${withTwoDecimals(entity.link_confidence)}`.trim() : "none");
  fillTable(
    table,
    "Entities",
    ["Text", "Label", "Confidence", "Offsets", "Id", "Candidates, best first"],
    entities.map((e) => [e.text, e.label, withTwoDecimals(e.confidence), `${e.start} to ${e.end}`, idOf(e), candidates(e) || "none"]),
  );
  const region = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Entities of ${text}` }, table);
  item.append(make("details", {}, make("summary", {}, "Offsets, id and candidates"), region));
  return item;
}

// The part after # is not sent to the service, so requests do not get into its logs.
function writeAddress() {
  const query = new URLSearchParams({ q: byId("texts").value, min: byId("threshold").value });
  if (location.hash.startsWith("#try") || !location.hash) history.replaceState(null, "", `#try?${query}`);
}

function readAddress() {
  const query = new URLSearchParams(location.hash.split("?")[1] ?? "");
  if (query.has("q")) byId("texts").value = query.get("q");
  if (query.has("min")) byId("threshold").value = query.get("min");
}

const asJson = () =>
  JSON.stringify({ results: results.map((r) => ({ ...r, entities: r.entities.filter(isSure) })) }, null, 2);

const asPython = () => `import spacy

nlp = spacy.load(${JSON.stringify(packageName)})
texts = [
${texts().map((text) => `    ${JSON.stringify(text)},\n`).join("")}]
for doc in nlp.pipe(texts):
    print([(ent.text, ent.label_, ent._.confidence) for ent in doc.ents if ent._.confidence >= ${threshold()}])
`;

async function copy(content, what) {
  try {
    await navigator.clipboard.writeText(content);
  } catch {
    // Browsers have no clipboard on pages that come over HTTP from another machine.
    const area = make("textarea", { "aria-hidden": "true" }, content);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("try-status", `${what} copied`);
}

export function start(name) {
  packageName = name;
  readAddress();
  byId("texts").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, WAIT);
  });
  byId("threshold").addEventListener("input", () => {
    show();
    writeAddress();
  });
  byId("try-form").addEventListener("submit", (event) => {
    event.preventDefault();
    find();
  });
  for (const button of document.querySelectorAll(".example")) {
    button.addEventListener("click", () => {
      byId("texts").value = button.textContent;
      find();
    });
  }
  byId("copy-link").addEventListener("click", () => {
    writeAddress();
    copy(location.href, "Link");
  });
  byId("copy-json").addEventListener("click", () => copy(asJson(), "JSON"));
  byId("copy-python").addEventListener("click", () => copy(asPython(), "Python"));
  window.addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#try?")) return;
    readAddress();
    find();
  });
  if (!byId("texts").value) byId("texts").value = document.querySelector(".example").textContent;
  find();
}
