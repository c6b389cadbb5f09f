// The view Compare: two pipelines side by side, where they differ.

import { ask, byId, count, fillSelect, fillTable, make, say, showRows, showText } from "./dom.js";

let differing = [];

function signed(value) {
  if (value === null) return "–";
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(3)}`;
}

const asNumber = (text, className = "") => ({ isNumber: true, element: make("span", className ? { class: className } : {}, text) });

function showScores(scores) {
  fillTable(
    byId("compare-scores"),
    "Micro F1, second minus first, and the 95 % interval of the difference",
    ["Group", "Queries", "Entities", "First", "Second", "Difference", "Interval"],
    scores.map((row) => {
      const className = row.low > 0 ? "better" : row.low !== null && row.high < 0 ? "worse" : "";
      return [
        row.name,
        row.queries,
        row.entities,
        asNumber(row.first.toFixed(3)),
        asNumber(row.second.toFixed(3)),
        asNumber(signed(row.difference), className),
        asNumber(row.low === null ? "–" : `${signed(row.low)} to ${signed(row.high)}`),
      ];
    }),
  );
}

function show() {
  const search = byId("compare-search").value.trim().toLowerCase();
  const rows = differing.filter((row) => !search || row.text.toLowerCase().includes(search) || row.id.toLowerCase().includes(search));
  showRows(byId("compare-rows"), byId("compare-more"), rows, showQuery);
}

function showQuery(query) {
  const part = (title, entities) => [make("dt", {}, title), make("dd", {}, showText(query.text, entities))];
  return make(
    "article",
    { class: "row" },
    make("h3", {}, query.id),
    make("dl", {}, ...part("Gold", query.gold), ...part("First", query.first), ...part("Second", query.second)),
  );
}

async function load() {
  const names = new URLSearchParams({ first: byId("compare-first").value, second: byId("compare-second").value });
  say("compare-status", "Comparing …");
  try {
    const found = await ask(`comparison?${names}`);
    differing = found.differ;
    showScores(found.scores);
    const alone = found.alone ? `; ${count(found.alone, "query is", "queries are")} left out: only one was evaluated on them` : "";
    say("compare-status", `${count(differing.length, "query has", "queries have")} other entities, of ${found.queries.toLocaleString("en")}${alone}`);
  } catch (error) {
    differing = [];
    byId("compare-scores").replaceChildren();
    say("compare-status", error.message, true);
  }
  show();
}

export async function start() {
  const evaluations = await ask("evaluations");
  const isEnough = evaluations.length > 1;
  byId("compare-form").hidden = !isEnough;
  byId("compare-message").hidden = isEnough;
  byId("compare-message").textContent = "Two evaluated pipelines are needed. The project's command evaluate keeps the scores of each.";
  byId("compare-form").addEventListener("submit", (event) => event.preventDefault());
  if (!isEnough) return;
  const choices = evaluations.map((e) => [e.name, e.name]);
  fillSelect(byId("compare-first"), choices);
  fillSelect(byId("compare-second"), choices);
  byId("compare-first").value = evaluations[1].name;
  byId("compare-second").value = evaluations[0].name;
  byId("compare-form").addEventListener("input", (event) => (event.target.id === "compare-search" ? show() : load()));
  await load();
}
