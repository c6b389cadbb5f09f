// What all views build their content with. Text is always set as text, never as markup.

const PALETTE = ["#ffd6a5", "#caffbf", "#bdb2ff", "#ffc6ff", "#9bf6ff", "#fdffb6"];
const colours = {};

export const byId = (id) => document.getElementById(id);

/** Make an element: `make("td", { class: "number" }, "0.93")`. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Let a label have a colour. */
export function setColours(known) {
  Object.assign(colours, known);
}

function colourOf(label) {
  colours[label] ??= PALETTE[Object.keys(colours).length % PALETTE.length];
  return colours[label];
}

export const withTwoDecimals = (value) => (value === null ? "" : value.toFixed(2));

/** Show a text with its entities in displaCy's style. Offsets count Unicode code points. */
export function showText(text, entities) {
  const characters = Array.from(text);
  const paragraph = make("p", { class: "text" });
  let at = 0;
  for (const entity of entities) {
    paragraph.append(characters.slice(at, entity.start).join(""));
    paragraph.append(showEntity(entity, characters.slice(entity.start, entity.end).join("")));
    at = entity.end;
  }
  paragraph.append(characters.slice(at).join(""));
  return paragraph;
}

function showEntity(entity, text) {
  const mark = make("mark", { class: "entity" }, text);
  mark.style.setProperty("--colour", colourOf(entity.label));
  const confidence = withTwoDecimals(entity.confidence ?? null);
  mark.append(make("span", { class: "label" }, `${entity.label} ${confidence}`.trim()));
  if (entity.kind && entity.kind !== "right") {
    mark.classList.add("wrong");
    mark.append(make("span", { class: "kind" }, entity.kind));
  }
  return mark;
}

/** Fill a table: a caption, the header, and rows of strings, numbers and elements. */
export function fillTable(table, caption, header, rows) {
  const isNumber = header.map((_, column) => rows.every((row) => typeof row[column] === "number" || row[column]?.isNumber));
  const cell = (name, value, column, attributes = {}) => {
    const content = value?.element ?? (typeof value === "number" ? value.toLocaleString("en") : value);
    return make(name, isNumber[column] ? { ...attributes, class: "number" } : attributes, content ?? "");
  };
  table.replaceChildren(
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...header.map((title, i) => cell("th", title, i, { scope: "col" })))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((value, i) => cell(i ? "td" : "th", value, i, i ? {} : { scope: "row" }))))),
  );
}

/** Offer choices, and keep the chosen one if it is still there. */
export function fillSelect(select, choices) {
  const before = select.value;
  select.replaceChildren(...choices.map(([value, title]) => make("option", { value }, title)));
  if (choices.some(([value]) => value === before)) select.value = before;
}

/** Say how things stand, or what went wrong. */
export function say(id, message, isProblem = false) {
  byId(id).textContent = message;
  byId(id).classList.toggle("problem", isProblem);
}

/** Ask the service. A refusal, or no answer, is an Error with a sentence. */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer.");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.detail ?? `The service answers ${answer.status}.`);
  return content;
}

export const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

/** Show rows a hundred at a time, more with a button. */
export function showRows(container, button, rows, show) {
  let shown = 0;
  const more = () => {
    container.append(...rows.slice(shown, shown + 100).map(show));
    shown += 100;
    button.hidden = shown >= rows.length;
  };
  container.replaceChildren();
  button.onclick = more;
  more();
}
