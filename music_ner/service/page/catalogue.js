// The view Catalogue: upload names, see what was taken, and try again.

import { ask, byId, count, fillTable, say } from "./dom.js";
import { find } from "./try.js";

function showReport(report) {
  const held = `${count(report.artists, "artist", "artists")}, ${count(report.works, "work", "works")} and ${count(report.pairs, "pair", "pairs")}`;
  say(
    "catalogue-status",
    `${count(report.taken, "name", "names")} taken, ${report.n_rejected.toLocaleString("en")} rejected. The catalogue now has ${held}.`,
  );
  const rows = report.rejected.map((row) => [row.row, row.name, row.reason]);
  const more = report.n_rejected - rows.length;
  fillTable(byId("rejected"), more ? `Rejected: the first ${rows.length}, and ${more} more` : "Rejected", ["Row", "Name", "Reason"], rows);
  byId("rejected-region").hidden = !rows.length;
}

async function upload() {
  const [file] = byId("catalogue-file").files;
  say("catalogue-status", "Uploading …");
  try {
    const type = file.name.toLowerCase().endsWith(".json") ? "application/json" : "text/csv";
    const headers = { "Content-Type": type, Authorization: `Bearer ${byId("catalogue-token").value}` };
    showReport(await ask("catalogue", { method: "PUT", headers, body: file }));
    await find();
    byId("again").hidden = false;
  } catch (error) {
    say("catalogue-status", error.message, true);
  }
}

export async function start() {
  byId("catalogue-form").addEventListener("submit", (event) => {
    event.preventDefault();
    upload();
  });
  const state = await ask("catalogue");
  byId("catalogue-form").hidden = !state.writable;
  byId("catalogue-message").hidden = state.writable;
  byId("catalogue-message").textContent =
    "Uploads are switched off. Start the service with a token in the environment variable MUSIC_NER_TOKEN.";
  if (state.upload) showReport(state.upload);
}
