// The page of `kitout serve`. The server renders; this keeps the answers, asks for what follows from them, and shows it. Text from the
// server becomes text nodes alone.

const byId = (id) => document.getElementById(id);

/** Makes an element. Properties are set as such, but for attributes with a hyphen, role, for and list. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

const say = (text) => { byId("status").textContent = text; };
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}.`;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The key comes behind the # of the address, which no browser sends or passes on. It is exchanged for the token of this run.

const keyPattern = /^#[A-Z2-7]{26}$/;
let token = sessionStorage.getItem("token");

async function ask(path, body, signal) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(`api/${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ problem: `kitout answers with ${response.status}` }));
  throw Object.assign(new Error(problem.problem), { status: response.status, details: problem });
}

async function enter() {
  if (keyPattern.test(location.hash)) {
    const key = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    token = (await (await ask("session", { key })).json()).token;
    sessionStorage.setItem("token", token);
  }
}

// A new address pasted into a page that is open
addEventListener("hashchange", () => { if (keyPattern.test(location.hash)) location.reload(); });

// Answers

let offer;
let answers = {}; // what was chosen, by question or free answer, each a list
let past = []; // earlier answers, the last one at the end, with the key that was changed and when
let pinned = null; // answers to compare with, instead of the last ones
let plan = null;
let selected = "README.md";
let view = "text";
const closed = new Set(); // folders that are shut
const opened = new Set();

const question = (key) => offer.questions.find((q) => q.name === key);
const free = (key) => offer.free.find((f) => f.key === key);

/** What people call a choice, by question=choice. */
function title(pair) {
  const [key, name] = pair.split("=");
  const choice = question(key)?.choices.find((c) => c.name === name);
  if (!choice) return question(key)?.title ?? free(key)?.title ?? pair;
  return choice.title === "None" ? `${question(key).title}: none` : choice.title;
}

/** Puts titles in the place of question=choice, and of the flags of the command line. */
const readable = (words) => words
  .replace(/\b([a-z-]+)=([a-z-]+(?:\|[a-z-]+)*)/g, (all, key, names) => question(key) ? names.split("|").map((n) => title(`${key}=${n}`)).join(" or ") : all)
  .replace(/--([a-z-]+)/g, (all, key) => question(key) || free(key) ? `“${title(key)}”` : all);

/** Says what a choice does not go with: in the words of choices where the layer speaks of what they have in common. */
function against(refusal) {
  const needs = refusal.problem.match(/^needs [^:]*(: .*)$/);
  const problem = needs && refusal.instead ? `needs ${refusal.instead.map(title).join(" or ")}${needs[1]}` : refusal.problem;
  return `${title(refusal.by)} ${readable(problem)}`;
}

const defaults = () => ({ name: ["shop"] });

/** The choices of a question: what nobody chose follows from the other answers. */
const chosen = (q) => answers[q.name] ?? plan?.answers[q.name] ?? [q.default];

const before = () => pinned ?? past.at(-1)?.answers ?? null;

function change(key, value) {
  const next = { ...answers, [key]: value };
  if (free(key) && !value[0]) delete next[key];
  replace(next, key);
}

/**
 * Takes other answers. Letters typed one after the other into one field are one change, and so are the choices that the arrow keys pass on
 * the way to one.
 */
function replace(next, key) {
  if (same(next, answers)) return;
  const last = past.at(-1);
  const passed = last && key && last.key === key && (free(key) || Date.now() - last.at < 1500);
  if (!passed) past.push({ answers, key });
  past.at(-1).at = Date.now();
  answers = next;
  past = past.slice(-50);
  update();
}

function undo() {
  const last = past.pop();
  if (!last) return;
  answers = last.answers;
  update(`${last.key ? title(last.key) : "All answers"}: as before. `);
}

// The form

function pill(q, choice) {
  const id = `${q.name}-${choice.name}`;
  const input = make("input", { type: q.several ? "checkbox" : "radio", name: q.name, value: choice.name, id, "aria-describedby": `${id}-help` });
  input.addEventListener("change", () => {
    const checked = [...byId("questions").querySelectorAll(`input[name="${q.name}"]:checked`)].map((i) => i.value);
    change(q.name, checked);
  });
  return make("label", { className: "pill" }, input, make("span", {}, choice.title));
}

function fieldset(q) {
  return make("fieldset", { id: `question-${q.name}` },
    make("legend", {}, q.title, q.several ? " (one or more)" : ""),
    make("div", { className: "pills" }, ...q.choices.map((c) => pill(q, c))),
    make("p", { className: "about", id: `about-${q.name}` }),
    make("div", { id: `notes-${q.name}` }),
    make("div", { hidden: true }, ...q.choices.map((c) => make("span", { id: `${q.name}-${c.name}-help` }, c.help))));
}

function field(f) {
  const id = `free-${f.key}`;
  const describes = { id, "aria-describedby": `${id}-help ${id}-problem` };
  let input;
  if (f.choices) {
    input = make("select", describes, ...f.choices.map((c) => make("option", { value: c }, c)));
    input.addEventListener("change", () => change(f.key, [input.value]));
  } else {
    input = make("input", { ...describes, type: "text", spellcheck: false, autocapitalize: "off", required: f.key === "name" });
    let waiting;
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => change(f.key, [input.value.trim()]), 250);
    });
  }
  return make("div", { className: "field" },
    make("label", { for: id }, f.title), input,
    make("p", { className: "about", id: `${id}-help` }, sentence(f.help)),
    make("p", { className: "note", id: `${id}-problem` }));
}

function buildForm() {
  const start = (label, given) => {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => replace({ ...defaults(), ...Object.fromEntries(offer.free.flatMap(({ key }) => answers[key] ? [[key, answers[key]]] : [])), ...given }));
    return button;
  };
  byId("presets").append(start("The defaults", {}), ...offer.presets.map((p) => {
    const given = Object.fromEntries(Object.entries(p.answers).map(([key, value]) => [key, [value].flat().map(String)]));
    return start(p.title, given);
  }));
  const asked = offer.questions.filter((q) => q.choices.length > 1);
  byId("questions").append(
    make("h3", {}, "The service"),
    ...offer.free.filter((f) => f.key === "name").map(field),
    ...asked.filter((q) => q.main).map(fieldset),
    make("h3", {}, "The rest, if you care"),
    ...asked.filter((q) => !q.main).map(fieldset),
    make("h3", {}, "Names and addresses"),
    ...offer.free.filter((f) => f.key !== "name").map(field));
  byId("version").textContent = `Version ${offer.version}`;
}

/** Shows the answers in the form, and what does not go with them. */
function showForm(refused, problem) {
  for (const q of offer.questions.filter((one) => one.choices.length > 1)) {
    const notes = [];
    for (const choice of q.choices) {
      const input = byId(`${q.name}-${choice.name}`);
      const refusal = refused?.[`${q.name}=${choice.name}`];
      input.checked = chosen(q).includes(choice.name);
      input.parentElement.classList.toggle("refused", Boolean(refusal));
      const id = `${input.id}-why`;
      input.setAttribute("aria-describedby", refusal ? `${id} ${input.id}-help` : `${input.id}-help`);
      const pair = `${q.name}=${choice.name}`;
      if (refusal) notes.push(make("p", { className: "note", id }, `⚠ ${refusal.by === pair ? "" : `${title(pair)}: `}${against(refusal)}`));
    }
    byId(`notes-${q.name}`).replaceChildren(...notes);
    byId(`about-${q.name}`).textContent = q.choices.filter((c) => chosen(q).includes(c.name)).map((c) => c.help).join(" ");
  }
  for (const f of offer.free) {
    const input = byId(`free-${f.key}`);
    const given = answers[f.key]?.[0] ?? "";
    const wrong = problem?.by === f.key;
    input.parentElement.hidden = f.needs && !answers[f.needs]?.[0] && !given;
    if (f.choices) input.value = given || f.choices[0];
    else if (document.activeElement !== input || input.value.trim() !== given) input.value = given;
    if (plan && !f.choices) input.placeholder = plan.answers[f.key][0];
    input.setAttribute("aria-invalid", wrong);
    byId(`free-${f.key}-problem`).textContent = wrong ? `${sentence(problem.problem)} ${sentence(readable(problem.hint ?? ""))}` : "";
  }
  byId("undo").disabled = past.length === 0;
}

function showProblem(problem) {
  const box = byId("problem");
  if (!problem) { box.replaceChildren(); return; }
  const act = (label, run) => {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => { run(); byId("repository").focus(); });
    return button;
  };
  const actions = (problem.instead ?? []).map((pair) => {
    const [key, name] = pair.split("=");
    return act(`${question(key).title}: ${question(key).choices.find((c) => c.name === name).title}`, () => change(key, [name]));
  });
  if (past.length) actions.push(act("Undo the last change", undo));
  box.replaceChildren(
    make("p", {}, make("strong", {}, problem.by ? against(problem) : problem.problem)),
    ...(problem.hint && !problem.instead ? [make("p", {}, sentence(readable(problem.hint)))] : []),
    ...(plan ? [make("p", {}, "What is shown below is of the last answers that go together.")] : []),
    make("div", { className: "tools" }, ...(problem.instead ? ["It goes with "] : []), ...actions));
}

// What follows

let running;

/** Asks for what follows from the answers, and shows it. words are said before the figures. */
async function update(words = "") {
  running?.abort();
  running = new AbortController();
  sessionStorage.setItem("answers", JSON.stringify(answers));
  byId("result").setAttribute("aria-busy", "true");
  try {
    plan = await (await ask("plan", { answers, before: before() }, running.signal)).json();
    showProblem(null);
    showForm(plan.refused);
    showPlan();
    say(words + summary());
  } catch (error) {
    if (error.name === "AbortError") return;
    fail(error);
  }
  byId("result").setAttribute("aria-busy", "false");
  await showFile();
}

/** Says that the answers do not go, or that the server does not answer: what is shown stays, as of before. */
function fail(error) {
  const problem = error.details ?? { problem: "Kitout does not answer. Start it again, and open the address that it prints." };
  byId("result").classList.add("stale");
  for (const button of document.querySelectorAll("#copy, [data-format]")) button.disabled = true;
  say(error.details ? "These answers give no repository." : "");
  if (offer && error.details) showForm(problem.refused, problem);
  showProblem(problem);
}

const counted = (kind) => plan.files.filter((f) => f.difference === kind).length;

function summary() {
  const there = plan.files.filter((f) => f.difference !== "removed").length;
  const words = ["added", "changed", "removed"].filter(counted).map((kind) => `${counted(kind)} ${kind}`);
  return `${plural(there, "file")}${words.length ? `: ${words.join(", ")}` : ""}`;
}

function showPlan() {
  byId("result").hidden = false;
  byId("result").classList.remove("stale");
  for (const button of document.querySelectorAll("#copy, [data-format]")) button.disabled = false;
  const name = plan.answers.name[0];
  document.title = `${name} – Kitout`;
  byId("command").replaceChildren(...plan.command.split(/ (?=--)/).flatMap((word, i) => [i ? " " : "", make("span", {}, word)]));
  for (const button of document.querySelectorAll("[data-format]")) button.textContent = `${name}.${button.dataset.format}`;
  byId("warnings").replaceChildren(...plan.warnings.map((w) => make("li", {}, `⚠ ${w}`)));
  byId("next").replaceChildren(...plan.next.map((step) => make("li", {}, make("code", {}, step.command), make("span", {}, ` ${step.help}`))));
  byId("checklist").replaceChildren(...plan.sections.map((s) => make("li", { className: s.by.length ? "covered" : "open" },
    make("span", { className: "number", "aria-hidden": "true" }, s.by.length ? "✓" : s.number),
    make("strong", {}, `${s.number} ${s.title}`),
    make("p", {}, s.by.length ? make("span", { className: "hidden" }, "Covered by ") : "Left to you", s.by.join(", ")))));
  const with_ = pinned ? "the answers that you have pinned" : "the answers before the last change";
  byId("compared").textContent = before() ? `Compared with ${with_}: ${["added", "changed", "removed"].map((k) => `${counted(k)} ${k}`).join(", ")}.` : "Change an answer, and the files that differ are marked.";
  byId("pin").setAttribute("aria-pressed", pinned !== null);
  showTree();
}

// The tree: one stop of the tab key, arrows within, as the pattern of a tree view has it

function nodes() {
  const root = { children: new Map() };
  const only = byId("only-changes").checked && before();
  for (const file of plan.files) {
    if (only && !file.difference) continue;
    let at = root;
    const parts = file.path.split("/");
    parts.forEach((part, i) => {
      const path = parts.slice(0, i + 1).join("/");
      if (!at.children.has(part)) at.children.set(part, { name: part, path, children: new Map() });
      at = at.children.get(part);
    });
    at.file = file;
  }
  return root;
}

const changesBelow = (node) => (node.file?.difference ? 1 : 0) + [...node.children.values()].reduce((n, child) => n + changesBelow(child), 0);

function item(node) {
  const marks = { added: "added", changed: "changed", removed: "removed" };
  if (node.file) {
    const how = node.file.difference;
    return make("li", { role: "treeitem", tabIndex: -1, "aria-selected": node.path === selected ? "true" : "false", id: `node:${node.path}` },
      make("div", { className: "row" },
        make("span", { className: how === "removed" ? "removed-name" : "" }, node.name),
        how ? make("span", { className: `mark ${how}` }, marks[how]) : undefined));
  }
  const below = changesBelow(node);
  const open = opened.has(node.path) || selected?.startsWith(`${node.path}/`) && !closed.has(node.path) || byId("only-changes").checked && before() && !closed.has(node.path);
  return make("li", { role: "treeitem", tabIndex: -1, "aria-expanded": open ? "true" : "false", "aria-selected": "false", id: `node:${node.path}` },
    make("div", { className: "row" }, make("span", {}, `${node.name}/`),
      below ? make("span", { className: "mark changed" }, String(below), make("span", { className: "hidden" }, " of its files differ")) : undefined),
    make("ul", { role: "group" }, ...sorted(node).map(item)));
}

const sorted = (node) => [...node.children.values()].sort((a, b) => Boolean(a.file) - Boolean(b.file) || a.name.localeCompare(b.name, "en"));

function showTree() {
  const tree = byId("tree");
  const focused = tree.contains(document.activeElement) ? document.activeElement.id : null;
  const scrolled = tree.scrollTop;
  tree.replaceChildren(...sorted(nodes()).map(item));
  tree.scrollTop = scrolled;
  const stop = (focused && byId(focused)) || byId(`node:${selected}`) || tree.firstElementChild;
  if (!stop) return;
  stop.tabIndex = 0;
  if (focused) stop.focus();
}

const visible = () => [...byId("tree").querySelectorAll("li")].filter((li) => li.parentElement.closest('[aria-expanded="false"]') === null);

function stand(li) {
  for (const other of byId("tree").querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  li.tabIndex = 0;
  li.focus();
}

function expand(li, open) {
  const path = li.id.slice("node:".length);
  li.setAttribute("aria-expanded", open ? "true" : "false");
  (open ? opened : closed).add(path);
  (open ? closed : opened).delete(path);
}

function act(li) {
  if (li.hasAttribute("aria-expanded")) { expand(li, li.getAttribute("aria-expanded") !== "true"); return; }
  byId("tree").querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
  li.setAttribute("aria-selected", "true");
  selected = li.id.slice("node:".length);
  showFile();
}

byId("tree").addEventListener("click", (event) => {
  const li = event.target.closest("li");
  if (!li) return;
  stand(li);
  act(li);
  const below = byId("file").offsetTop > byId("tree").offsetTop; // on narrow screens
  if (below && !li.hasAttribute("aria-expanded")) byId("file").scrollIntoView();
});

byId("tree").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const li = event.target.closest("li");
  const all = visible();
  const at = all.indexOf(li);
  const open = li.getAttribute("aria-expanded");
  const moves = {
    ArrowDown: () => all[at + 1], ArrowUp: () => all[at - 1], Home: () => all[0], End: () => all.at(-1),
    ArrowRight: () => { if (open === "false") expand(li, true); else if (open) return all[at + 1]; },
    ArrowLeft: () => { if (open === "true") expand(li, false); else return li.parentElement.closest("li"); },
    Enter: () => act(li), " ": () => act(li),
  };
  let to;
  if (moves[event.key]) to = moves[event.key]();
  else if (event.key.length === 1) to = [...all.slice(at + 1), ...all.slice(0, at)].find((other) => other.textContent.toLowerCase().startsWith(event.key.toLowerCase()));
  else return;
  event.preventDefault();
  if (to) stand(to);
});

// One file

let reading;

async function showFile() {
  const article = byId("file");
  if (!plan || byId("result").classList.contains("stale")) return;
  if (!plan.files.some((f) => f.path === selected)) {
    byId("file-title").textContent = "";
    byId("file-body").replaceChildren(make("p", { className: "facts" }, selected ? `${selected} is not in this repository.` : "Choose a file."));
    return;
  }
  reading?.abort();
  reading = new AbortController();
  article.setAttribute("aria-busy", "true");
  try {
    const file = await (await ask("file", { answers, before: before(), path: selected }, reading.signal)).json();
    drawFile(file);
    article.setAttribute("aria-busy", "false");
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
}

function drawFile(file) {
  byId("file-title").textContent = file.path;
  const facts = [size(file.size), `mode ${file.mode}${file.other_mode ? `, was ${file.other_mode}` : ""}`, file.difference].filter(Boolean);
  const because = file.origin.answers.map((pair) => `${question(pair.split("=")[0])?.title ?? ""}: ${title(pair).replace(/^.*: none$/, "none")}`).join(", ");
  const rows = [["From", [file.origin.title, file.origin.help].filter(Boolean).join(". ")], ["Because of", because || "Every repository has it."], ["You", file.origin.edit], ["Update", file.origin.update]];
  const showsChanges = file.changes.length > 0 && (view === "changes" || file.difference === "removed");
  const body = [
    make("p", { className: "facts" }, facts.join(" · ")),
    make("dl", { className: "why" }, ...rows.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)])),
  ];
  if (file.difference === "changed" && file.changes.length) {
    body.push(make("div", { className: "views", role: "group", "aria-label": "What is shown of it" }, ...[["text", "The file"], ["changes", "What has changed"]].map(([name, label]) => {
      const button = make("button", { type: "button", id: `view-${name}`, "aria-pressed": (view === name) + "" }, label);
      button.addEventListener("click", () => { view = name; drawFile(file); byId(`view-${name}`).focus(); });
      return button;
    })));
  }
  const lines = showsChanges
    ? file.changes.map((line) => make("span", { className: `line ${line.kind}` }, `${line.text}\n`))
    : file.lines.map((line) => make("span", { className: "line" }, ...line.map(([kind, text]) => kind ? make("span", { className: kind }, text) : text), "\n"));
  body.push(lines.length
    ? make("pre", { className: `code ${showsChanges ? "changes" : "text"}`, tabIndex: 0, role: "region", "aria-label": `${showsChanges ? "Changes of" : "Text of"} ${file.path}` }, make("code", {}, ...lines))
    : make("p", { className: "facts" }, file.size ? "It is no text." : "It is empty."));
  byId("file-body").replaceChildren(...body);
}

const size = (bytes) => bytes < 1000 ? plural(bytes, "byte") : `${(bytes / 1000).toFixed(1)} kB`;

// Taking it

byId("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(plan.command);
    say("The command is on the clipboard.");
  } catch {
    getSelection().selectAllChildren(byId("command"));
    say("The command is selected: copy it with the keyboard.");
  }
});

for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", async () => {
    try {
      const response = await ask("archive", { answers, format: button.dataset.format });
      const address = URL.createObjectURL(await response.blob());
      make("a", { href: address, download: button.textContent }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      say(`${button.textContent} is downloaded. It has no .env: make setup writes one, with fresh secrets.`);
    } catch (error) {
      fail(error);
    }
  });
}

byId("undo").addEventListener("click", undo);
byId("only-changes").addEventListener("change", showTree);
byId("pin").addEventListener("click", () => { pinned = pinned ? null : answers; update(); });
byId("choices").addEventListener("submit", (event) => event.preventDefault());

try {
  await enter();
  offer = await (await ask("offer")).json();
  answers = defaults();
  const kept = JSON.parse(sessionStorage.getItem("answers") ?? "{}");
  for (const [key, value] of Object.entries(kept)) {
    if (free(key) || question(key) && value.every((name) => question(key).choices.some((c) => c.name === name))) answers[key] = value;
  }
  buildForm();
  await update();
} catch (error) {
  fail(error);
}
