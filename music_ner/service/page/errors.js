// The view Errors: gold next to prediction, with filters.

import { ask, byId, count, fillSelect, fillTable, make, say, showRows, showText } from "./dom.js";

const KINDS = ["boundary", "label", "boundary and label", "missed", "spurious"];
const CONFIDENCES = [["", "any"], ["0,0.5", "below 0.5"], ["0.5,0.8", "0.5 to 0.8"], ["0.8,0.95", "0.8 to 0.95"], ["0.95,1.01", "0.95 and above"]];
let queries = [];

const isError = (entity) => entity.kind !== null && entity.kind !== "right";
// A gold entity that is found with an error, and the prediction, are one error: it is counted in gold.
const errorsOf = (query) => [...query.gold.filter(isError), ...query.predicted.filter((e) => e.kind === "spurious")];

/** What the filters leave: queries with an entity that fits all of them. */
function filtered() {
  const search = byId("errors-search").value.trim().toLowerCase();
  const kind = byId("errors-kind").value;
  const label = byId("errors-label").value;
  const source = byId("errors-source").value;
  const range = byId("errors-confidence").value;
  const [low, high] = range.split(",").map(Number);
  const fits = (e) => (!label || e.label === label) && (kind === "all" || (kind === "right" ? e.kind === "right" : isError(e) && (!kind || e.kind === kind)));
  return queries.filter((query) => {
    if (search && !query.text.toLowerCase().includes(search) && !query.id.toLowerCase().includes(search)) return false;
    if (source && query.source !== source) return false;
    const isEmpty = !query.gold.length && !query.predicted.length;
    if (range) return query.predicted.some((e) => fits(e) && e.confidence !== null && e.confidence >= low && e.confidence < high);
    if (kind === "all" && !label) return true;
    if (kind === "right" && !label) return isEmpty || !errorsOf(query).length;
    return [...query.gold, ...query.predicted].some(fits);
  });
}

function show() {
  const rows = filtered();
  const errors = rows.reduce((sum, query) => sum + errorsOf(query).length, 0);
  say("errors-status", `${count(rows.length, "query", "queries")} of ${queries.length.toLocaleString("en")}, with ${count(errors, "error", "errors")}`);
  showRows(byId("errors-rows"), byId("errors-more"), rows, showQuery);
}

function showQuery(query) {
  return make(
    "article",
    { class: "row" },
    make("h3", {}, query.id),
    make(
      "dl",
      {},
      make("dt", {}, "Gold"),
      make("dd", {}, showText(query.text, query.gold)),
      make("dt", {}, "Predicted"),
      make("dd", {}, showText(query.text, query.predicted)),
    ),
  );
}

async function load() {
  const name = byId("errors-evaluation").value;
  const found = await ask(`evaluations/${encodeURIComponent(name)}`);
  queries = found.queries;
  const labels = Object.keys(found.errors);
  const sources = [...new Set(queries.map((query) => query.source))].sort();
  fillSelect(byId("errors-kind"), [["", "any error"], ...KINDS.map((kind) => [kind, kind]), ["right", "right"], ["all", "right or not"]]);
  fillSelect(byId("errors-label"), [["", "any"], ...labels.map((label) => [label, label])]);
  fillSelect(byId("errors-source"), [["", "any"], ...sources.map((source) => [source, source || "without a source"])]);
  fillSelect(byId("errors-confidence"), CONFIDENCES);
  const { package: of, version, micro_f1 } = found.evaluation;
  fillTable(
    byId("errors-counts"),
    `${of} ${version}: entities by kind of error, micro F1 ${micro_f1.toFixed(3)}`,
    ["Label", "right", ...KINDS],
    labels.map((label) => [label, ...["right", ...KINDS].map((kind) => found.errors[label][kind])]),
  );
  show();
}

export async function start() {
  const evaluations = await ask("evaluations");
  byId("errors-form").hidden = !evaluations.length;
  byId("errors-message").hidden = evaluations.length > 0;
  byId("errors-message").textContent = "There is no evaluation yet. The project's command evaluate writes it.";
  byId("errors-form").addEventListener("submit", (event) => event.preventDefault());
  if (!evaluations.length) return;
  fillSelect(byId("errors-evaluation"), evaluations.map((e) => [e.name, e.name]));
  byId("errors-form").addEventListener("input", (event) => {
    if (event.target.id === "errors-evaluation") load().catch((error) => say("errors-status", error.message, true));
    else show();
  });
  await load();
}
