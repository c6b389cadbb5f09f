// Chooses the view by the part of the address after #, and starts the views.

import * as catalogue from "./catalogue.js";
import * as compare from "./compare.js";
import { ask, byId, say, setColours } from "./dom.js";
import * as errors from "./errors.js";
import * as attempt from "./try.js";

const VIEWS = { try: null, errors, compare, catalogue };
const started = new Set();

async function showView() {
  const asked = location.hash.slice(1).split("?")[0];
  if (asked === "main") return; // the link that skips the header
  const view = asked in VIEWS ? asked : "try";
  for (const name of Object.keys(VIEWS)) {
    byId(name).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${byId(`${view}-title`).textContent} · Music NER`;
  if (VIEWS[view] && !started.has(view)) {
    started.add(view);
    try {
      await VIEWS[view].start();
    } catch (error) {
      say(`${view}-status`, error.message, true);
    }
  }
}

window.addEventListener("hashchange", showView);
try {
  const pipeline = await ask("pipeline");
  byId("package").textContent = `${pipeline.package} ${pipeline.version}`;
  setColours(pipeline.labels);
  attempt.start(pipeline.package);
} catch (error) {
  say("try-status", error.message, true);
}
showView();
