"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const body = byId("body");
const pictures = new Map();
body.querySelectorAll("img").forEach((one) => pictures.set(one.dataset.file, one.src));
const collator = new Intl.Collator(undefined, { numeric: true });
const rank = new Map(Object.keys(data.decisions).map((key, index) => [key, index]));
const [FILE, DECISION, OVERALL, FACE, VOICE, REASONS, REPORT, MADE] = data.rows.length ? data.rows[0].keys() : [0, 1, 2, 3, 4, 5, 6, 7];
let found = data.rows;
let sorted = { key: OVERALL, up: false };
let page = 0;

const quoted = (text) => /^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\"'\"'") + "'";
const nameOf = (file) => file.split("/").filter(Boolean).pop() || file;
const percent = (p) => p === null ? "" : (100 * p).toFixed(1) + "\u00a0%";
function command(row) {
  return "avfake report " + quoted(row[FILE]) + data.flags + " --out " + quoted(data.folder + "/" + row[REPORT]);
}
function cell(kind, text, name) {
  const made = document.createElement(kind);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}
function reportCell(row) {
  const made = cell("td");
  const link = cell("a", "open");
  link.href = row[REPORT];
  link.setAttribute("aria-label", "open the report on " + nameOf(row[FILE]));
  if (row[MADE]) { made.append(link); return made; }
  const button = cell("button", "Copy command");
  button.type = "button";
  button.setAttribute("aria-label", "Copy command: report on " + nameOf(row[FILE]));
  button.title = command(row);
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(command(row)); button.textContent = "Copied"; } catch (error) {
      button.replaceWith(cell("code", command(row)));
    }
    made.append(" then ", link);
  });
  made.append(button);
  return made;
}
function rowOf(row) {
  const made = document.createElement("tr");
  const picture = cell("td", "", "pic");
  if (pictures.has(row[FILE])) {
    const image = new Image();
    image.alt = "";
    image.src = pictures.get(row[FILE]);
    picture.append(image);
  }
  const head = cell("th");
  head.scope = "row";
  const name = cell("bdi", nameOf(row[FILE]));
  name.title = row[FILE];
  head.append(name);
  const answer = cell("td");
  answer.append(cell("span", data.decisions[row[DECISION]], "mark " + row[DECISION]));
  made.append(picture, head, answer, ...[OVERALL, FACE, VOICE].map((key) => cell("td", percent(row[key]), "number")),
    cell("td", row[REASONS], "reasons"), reportCell(row));
  return made;
}
function draw() {
  const first = page * data.shown;
  body.replaceChildren(...found.slice(first, first + data.shown).map((row, index) => {
    const made = rowOf(row);
    made.setAttribute("aria-rowindex", first + index + 2);
    return made;
  }));
  const last = Math.min(found.length, first + data.shown);
  const of = found.length === data.rows.length ? "" : " of " + data.rows.length.toLocaleString("en");
  byId("where").textContent = found.length ? (first + 1).toLocaleString("en") + " to " + last.toLocaleString("en") + " of " + found.length.toLocaleString("en") : "no row";
  byId("status").firstChild.textContent = found.length.toLocaleString("en") + of + " rows. ";
  byId("before").disabled = page === 0;
  byId("after").disabled = last >= found.length;
}
function sort() {
  const { key, up } = sorted;
  const sign = up ? 1 : -1;
  // What has no value stands at the end, in both directions.
  if (key >= OVERALL && key <= VOICE) {
    found.sort((a, b) => a[key] === null ? (b[key] === null ? 0 : 1) : b[key] === null ? -1 : sign * (a[key] - b[key]));
  } else if (key === DECISION) {
    found.sort((a, b) => sign * (rank.get(a[key]) - rank.get(b[key])));
  } else if (key === REASONS) {
    found.sort((a, b) => !a[key] - !b[key] || sign * collator.compare(a[key], b[key]));
  } else {
    found.sort((a, b) => sign * collator.compare(nameOf(a[FILE]), nameOf(b[FILE])));
  }
}
function filter() {
  const text = byId("text").value.trim().toLowerCase();
  const decision = byId("decision").value;
  const least = byId("least").value === "" ? null : Number(byId("least").value) / 100;
  const most = byId("most").value === "" ? null : Number(byId("most").value) / 100;
  found = data.rows.filter((row) =>
    (!decision || row[DECISION] === decision) &&
    (least === null || (row[OVERALL] !== null && row[OVERALL] >= least)) &&
    (most === null || (row[OVERALL] !== null && row[OVERALL] <= most)) &&
    (!text || row[FILE].toLowerCase().includes(text) || row[REASONS].toLowerCase().includes(text)));
  page = 0;
  sort();
  draw();
}
document.querySelectorAll("th[data-key]").forEach((head) => {
  const button = cell("button", head.textContent);
  button.type = "button";
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const key = Number(head.dataset.key);
    const isNumber = key >= OVERALL && key <= VOICE;
    sorted = { key, up: sorted.key === key ? !sorted.up : !isNumber };
    document.querySelectorAll("th[data-key]").forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sorted.up ? "ascending" : "descending");
    page = 0;
    sort();
    draw();
  });
});
byId("filters").hidden = false;
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("input", filter);
byId("pages").hidden = false;
byId("before").addEventListener("click", () => { page -= 1; draw(); });
byId("after").addEventListener("click", () => { page += 1; draw(); });
draw();
