// The page: its state, what it asks for, and when.

import { bars, facts, heading, links, runTable } from "./dataflow.js";
import { followTheme, mirrorState, readState, writeState } from "./frame.js";
import { Table, sorted, visible } from "./table.js";
import { HEALTH, WORST_FIRST, duration, element, renewTimes } from "./text.js";

followTheme();

const EVERY = 60; // seconds between two questions of a page that is left open
const LONGEST = 15; // seconds for a reply of Airflow
const $ = (id) => document.getElementById(id);

const state = { connection: "", sandbox: "", flow: "", health: "", search: "", sort: "", down: false };
let connections = [];
let fleet = null; // the data of all dataflows
let detail = null; // the runs of the dataflow that is open
let asking = null; // the controller of the question under way
let timer = null;

function read() {
  const query = readState();
  for (const key of ["connection", "sandbox", "flow", "health", "search", "sort"]) state[key] = query.get(key) ?? "";
  state.down = query.get("order") === "desc";
  if (!(state.health in HEALTH)) state.health = "";
}

function query(changes = {}) {
  const { down, ...texts } = { ...state, ...changes };
  const result = new URLSearchParams();
  for (const [key, value] of Object.entries(texts)) if (value) result.set(key, value);
  if (down) result.set("order", "desc");
  return result;
}

function change(changes, options) {
  Object.assign(state, changes);
  writeState(query(), options);
}

// Questions

async function ask(path, parameters, signal = null) {
  const url = new URL(path, document.baseURI);
  url.search = new URLSearchParams(parameters);
  const limit = AbortSignal.timeout(LONGEST * 1000);
  const reply = await fetch(url, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
  if (reply.ok) return reply.json();
  const words = {
    401: "You are not signed in. Sign in to Airflow, then reload the page.",
    403: "Your Airflow user may not read this connection, or your session has ended. Sign in again, or ask your administrator for the permission to read connections.",
  };
  throw new Refusal(words[reply.status] ?? `Airflow's API server answered with ${reply.status}. Try again later.`);
}

class Refusal extends Error {}

const part = (text) => encodeURIComponent(text);

// Ask for the dataflows and, if one is open, for its runs. What is known comes at once; then wait for the rest.
async function load({ force = false, wait = false } = {}) {
  clearTimeout(timer);
  asking?.abort();
  const own = (asking = new AbortController());
  if (!state.connection) return;
  $("refresh").setAttribute("aria-disabled", "true");
  try {
    for (;;) {
      const parameters = { sandbox: state.sandbox, have: fleet?.version ?? "" };
      if (wait) parameters.wait = "1";
      if (force) parameters.force = "1";
      const [next, runs] = await Promise.all([
        ask(`fleet/${part(state.connection)}`, parameters, own.signal),
        state.flow && state.sandbox ? askForRuns(parameters, own.signal) : null,
      ]);
      if (own !== asking) return;
      take(next, runs);
      if (!next.loading && !runs?.loading && (runs || !state.flow || !state.sandbox)) {
        plan(next.next);
        return;
      }
      if (document.hidden) return;
      wait = true;
      force = false;
      await new Promise((resume) => setTimeout(resume, 200));
    }
  } catch (error) {
    if (own !== asking) return;
    const cut = error.name === "TimeoutError" || error instanceof TypeError;
    show(error instanceof Refusal ? error.message : cut ? "Airflow's API server does not answer. The page asks again in a minute." : String(error));
    plan(EVERY);
  } finally {
    if (own === asking) $("refresh").setAttribute("aria-disabled", "false");
  }
}

function askForRuns(parameters, signal) {
  const have = detail?.flow === state.flow ? detail.version ?? "" : "";
  return ask(`runs/${part(state.flow)}/${part(state.connection)}`, { ...parameters, have }, signal);
}

function take(next, runs) {
  fleet = { ...next, data: next.data ?? fleet?.data ?? null, at: performance.now() };
  if (next.sandbox && next.sandbox !== state.sandbox) change({ sandbox: next.sandbox });
  $("sandbox").value = state.sandbox;
  if (runs) {
    const old = detail?.flow === state.flow ? detail : null;
    detail = { ...runs, flow: state.flow, data: runs.data ?? old?.data ?? null, task: old?.task };
  }
  show();
  draw({ dataChanged: next.data !== null });
  if (next.data) requestAnimationFrame(() => performance.mark("first rows"));
}

function plan(seconds) {
  clearTimeout(timer);
  if (document.hidden) return;
  timer = setTimeout(() => load({ wait: true }), Math.min(EVERY, Math.max(5, seconds + 0.5)) * 1000);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (age() < EVERY && !fleet?.loading && !detail?.loading) plan(EVERY - age());
  else load({ wait: true });
});

// What the page shows

const age = () => (fleet?.age ?? 0) + (performance.now() - (fleet?.at ?? 0)) / 1000;

function tick() {
  const known = fleet?.data && fleet.age !== null && fleet.age !== undefined;
  const seconds = age();
  const words = !known ? "" : seconds < 5 ? "just read" : `${duration(seconds).split(" ")[0]} old`;
  const busy = fleet?.loading ? (known ? ", reading AEP …" : "Reading AEP …") : "";
  const text = words + busy;
  if ($("age").textContent !== text) $("age").textContent = text;
  $("age").classList.toggle("old", Boolean(known) && seconds > 150);
  $("age").classList.toggle("busy", Boolean(fleet?.loading));
}
setInterval(tick, 1000);
setInterval(renewTimes, 30_000);

function show(failure = null) {
  const problem = failure ?? fleet?.error?.text ?? null;
  const old = problem && fleet?.data ? ` The page shows the data of ${duration(age()).split(" ")[0]} ago.` : "";
  $("problem").hidden = problem === null;
  const text = problem === null ? "" : problem + old;
  if ($("problem").textContent !== text) $("problem").textContent = text;
  const notes = fleet?.data?.notes ?? [];
  $("notes").hidden = !notes.length;
  $("notes").replaceChildren(...notes.map((note) => element("li", {}, note)));
  tick();
}

const table = new Table($("table"), {
  sortBy(key) {
    const down = state.sort === key && !state.down;
    const none = state.sort === key && state.down;
    change(none ? { sort: "", down: false } : { sort: key, down });
    draw({ dataChanged: true });
  },
  open: (id) => openFlow(id),
  linkOf: (id) => `?${query({ flow: id })}`,
});

function draw({ dataChanged = false } = {}) {
  $("list").hidden = Boolean(state.flow);
  $("dataflow").hidden = !state.flow;
  if (state.flow) return drawFlow();
  const rows = fleet?.data?.rows ?? [];
  $("search").hidden = $("table").hidden = !rows.length;
  drawCounts(fleet?.data?.counts ?? {});
  const shown = visible(rows, state);
  const part = shown.length === rows.length ? `${rows.length}` : `${shown.length} of ${rows.length}`;
  $("shown").textContent = fleet?.data ? `${part} dataflow${rows.length === 1 ? "" : "s"}` : fleet?.loading ? "Reading the dataflows …" : "";
  if (dataChanged) table.show(sorted(shown, state), state);
}

function drawCounts(counts) {
  const kinds = WORST_FIRST.filter((kind) => kind in counts);
  const focused = document.activeElement?.dataset?.health;
  $("counts").replaceChildren(...kinds.map((kind) =>
    element("button", {
      type: "button", className: kind, dataset: { health: kind }, "aria-pressed": String(state.health === kind),
      onclick() {
        change({ health: state.health === kind ? "" : kind });
        draw({ dataChanged: true });
      },
    }, element("span", { className: "dot" }), element("b", {}, String(counts[kind])), HEALTH[kind])));
  if (focused) $("counts").querySelector(`[data-health="${focused}"]`)?.focus();
}

function openFlow(id) {
  change({ flow: id }, { push: true });
  detail = null;
  draw();
  $("dataflow").focus();
  window.scrollTo(0, 0);
  load();
}

function closeFlow() {
  const id = state.flow;
  change({ flow: "" }, { push: true });
  draw({ dataChanged: true });
  table.focus(id);
}

function drawFlow() {
  const row = fleet?.data?.rows.find((one) => one.id === state.flow);
  const back = element("a", {
    href: `?${query({ flow: "" })}`, className: "back",
    onclick(event) {
      event.preventDefault();
      closeFlow();
    },
  }, "← All dataflows");
  const place = $("dataflow");
  if (!row) {
    const words = fleet?.data ? "This sandbox has no such dataflow." : "Reading the dataflow …";
    fill(place, [back, element("p", {}, words)]);
    return;
  }
  if (row.made_by && detail && detail.task === undefined) findTask(row.made_by);
  fill(place, [...heading(row, back), links(row, fleet.data), facts(row, detail?.task), ...drawRuns()]);
}

// What has not changed stays where it is, because a link that is replaced loses the keyboard's focus.
function fill(place, parts) {
  parts.forEach((part, index) => {
    const old = place.childNodes[index];
    const node = typeof part === "string" ? document.createTextNode(part) : part;
    if (!old) place.append(node);
    else if (!old.isEqualNode(node)) old.replaceWith(node);
  });
  while (place.childNodes.length > parts.length) place.lastChild.remove();
}

function drawRuns() {
  const title = element("h3", {}, "Last 20 runs");
  const problem = detail?.error ? element("p", { className: "lost" }, detail.error.text) : "";
  const runs = detail?.data?.runs;
  if (!runs) return [title, problem, element("p", { className: "muted" }, detail?.error ? "" : "Reading the runs …")];
  if (!runs.length) return [title, problem, element("p", {}, "AEP shows no run of this dataflow.")];
  return [title, problem, bars(runs), runTable(runs)];
}

async function findTask(name) {
  const own = detail;
  own.task = null;
  try {
    own.task = await ask("task", { made_by: name });
  } catch {
    return; // the name is shown without a link
  }
  if (own.flow === state.flow && detail) {
    detail.task = own.task;
    draw();
  }
}

// Controls

// The names of the sandboxes are only a help, so AEP is asked for them when somebody is about to choose.
async function suggest() {
  const connection = state.connection;
  if (!connection || $("sandboxes").dataset.connection === connection) return;
  $("sandboxes").dataset.connection = connection;
  $("sandboxes").replaceChildren();
  try {
    const answer = await ask(`sandboxes/${part(connection)}`, { sandbox: state.sandbox, wait: "1" });
    if (state.connection === connection) {
      $("sandboxes").replaceChildren(...(answer.data ?? []).map((value) => element("option", { value })));
    }
  } catch {
    // the name can be typed
  }
}
$("sandbox").addEventListener("focus", suggest);

$("connection").addEventListener("change", () => choose({ connection: $("connection").value, sandbox: "" }));
$("sandbox").addEventListener("change", () => choose({ sandbox: $("sandbox").value.trim() }));
$("refresh").addEventListener("click", () => {
  if ($("refresh").getAttribute("aria-disabled") !== "true") load({ force: true, wait: true });
});
$("search").addEventListener("input", () => {
  change({ search: $("search").value });
  draw({ dataChanged: true });
});
window.addEventListener("popstate", () => {
  const before = { ...state };
  read();
  mirrorState();
  setControls();
  if (before.connection !== state.connection || before.sandbox !== state.sandbox) fleet = null;
  if (before.flow !== state.flow) detail = null;
  draw({ dataChanged: true });
  if (before.flow && !state.flow) table.focus(before.flow);
  load();
});

function choose(changes) {
  fleet = detail = null;
  change({ ...changes, flow: "", health: "" }, { push: true });
  draw({ dataChanged: true });
  load();
}

function setControls() {
  const known = connections.includes(state.connection) || !state.connection ? connections : [...connections, state.connection];
  $("connection").replaceChildren(...known.map((id) => element("option", { value: id }, id)));
  $("connection").value = state.connection;
  $("sandbox").value = state.sandbox;
  $("search").value = state.search;
}

async function start() {
  read();
  const named = state.connection;
  if (named) {
    setControls();
    load();
  }
  try {
    connections = await ask("connections", {});
  } catch (error) {
    show(error instanceof Refusal ? error.message : "Airflow's API server does not answer. Reload the page.");
    return;
  }
  if (!named) {
    const preferred = connections.includes("aep_default") ? "aep_default" : connections[0];
    if (!preferred) {
      show("Airflow's database has no connection of type aep that you may read. Add one under Admin, Connections.");
      return;
    }
    change({ connection: preferred });
    load();
  }
  setControls();
}

start();
