// The table of all dataflows.

import { HEALTH, WORST_FIRST, badge, element, interval, number, schedule, time } from "./text.js";

const started = (row) => row.last_run?.started_at ?? row.last_run?.ended_at ?? null;
const health = (row) => row.health ?? "unknown";
const text = (value, missing = "?") =>
  value ?? element("span", { className: "none" }, missing);
const dotted = (name) => // breaks into lines after a dot or an underscore
  element("span", {}, ...name.split(/(?<=[._])/).flatMap((part) => [part, element("wbr")]));
const lastRun = (row) => (row.last_run ? time(started(row)) : text(null, row.health === "never_ran" ? "never" : "?"));
const failedRecords = (row) => row.last_run?.records_failed ?? null;

// key, heading, share of the width, class, value to sort by, content
const COLUMNS = [
  ["health", "Health", 9, "", (row) => WORST_FIRST.indexOf(health(row)), (row) => badge(health(row), HEALTH[health(row)])],
  ["name", "Name", 20, "", (row) => row.name?.toLowerCase(), null],
  ["last_run", "Last run", 8, "", started, lastRun],
  ["written", "Written", 9, "number medium", (row) => row.last_run?.records_written, (row) => (row.last_run ? number(row.last_run.records_written) : "")],
  ["failed", "Failed", 8, "number medium", failedRecords, (row) => (row.last_run ? lost(failedRecords(row)) : "")],
  ["runs", "Runs in 24 h", 11, "number wide", (row) => Object.values(row.runs).reduce((a, b) => a + b, 0), runsCell],
  ["schedule", "Schedule", 10, "wide", (row) => interval(row.schedule), (row) => schedule(row.schedule)],
  ["source", "Source", 10, "wide", (row) => row.source, (row) => text(row.source)],
  ["dataset", "Dataset", 15, "medium", (row) => row.dataset ?? row.dataset_id, (row) => text(row.dataset ?? row.dataset_id)],
  ["made_by", "Made by", 15, "wide", (row) => row.made_by, (row) => (row.made_by ? dotted(row.made_by) : text(null, "not by Airflow"))],
];
const HINTS = {
  written: "Records that the last run wrote", failed: "Records that failed in the last run",
  runs: "\u2713 succeeded, ! lost records, \u2717 failed, \u25b6 running",
};
const MARKS = { success: "\u2713", partial: "!", failed: "\u2717", running: "\u25b6" };
const CHUNK = 60;

export const lost = (count) => element("span", { className: count ? "lost" : "" }, number(count));

function runsCell(row) {
  const words = `${row.runs.success} succeeded, ${row.runs.partial} lost records, ${row.runs.failed} failed, ${row.runs.running} running`;
  const counts = Object.entries(row.runs).filter(([, count]) => count);
  const shown = counts.map(([kind, count]) => element("span", { className: `count ${kind}` }, `${MARKS[kind]}\u202f${count}`));
  return element("span", { title: words, "aria-label": words, role: "img" }, ...(shown.length ? shown : ["0"]));
}

export function visible(rows, { health: only, search }) {
  const needle = search.trim().toLowerCase();
  return rows.filter(
    (row) => (!only || health(row) === only) && (!needle || (row.name ?? "").toLowerCase().includes(needle)),
  );
}

export function sorted(rows, { sort, down }) {
  const column = COLUMNS.find(([key]) => key === sort);
  if (!column) return rows;
  const value = column[4];
  const factor = down ? -1 : 1;
  return rows
    .map((row, index) => [value(row) ?? null, index, row])
    .sort(([a, i], [b, j]) => {
      if (a === null || b === null) return (a === null) - (b === null) || i - j; // what is unknown is last
      return factor * (typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0) || i - j;
    })
    .map(([, , row]) => row);
}

export class Table {
  constructor(place, { sortBy, open, linkOf }) {
    Object.assign(this, { sortBy, open, linkOf });
    this.body = element("tbody");
    this.heads = new Map(COLUMNS.map((column) => [column[0], this.head(column)]));
    const widths = element("colgroup", {}, ...COLUMNS.map(([key, , share, kind]) => {
      const one = element("col", { className: kind });
      one.style.width = `${share}%`;
      return one;
    }));
    place.replaceChildren(
      element("table", { "aria-labelledby": "shown" }, widths, element("thead", {}, element("tr", {}, ...this.heads.values())), this.body),
    );
  }

  head([key, heading, , kind]) {
    const button = element("button", { type: "button", title: HINTS[key] ?? "", onclick: () => this.sortBy(key) }, heading);
    return element("th", { scope: "col", className: kind }, button);
  }

  // The first rows at once, so that they are painted, then the rest. If the viewer has scrolled down, all rows at
  // once: a table that is shorter for a while would lose the place.
  show(rows, { sort, down }) {
    for (const [key, head] of this.heads) {
      if (key === sort) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const focused = document.activeElement?.dataset?.flow;
    const drawing = (this.drawing = {});
    const chunk = window.scrollY > 0 ? rows.length : CHUNK;
    this.body.replaceChildren();
    let next = 0;
    const draw = () => {
      if (this.drawing !== drawing) return;
      this.body.append(...rows.slice(next, next + chunk).map((row) => this.row(row)));
      next += chunk;
      if (focused) this.focus(focused);
      if (next < rows.length) setTimeout(draw);
    };
    draw();
  }

  focus(id) {
    const link = this.body.querySelector(`a[data-flow="${CSS.escape(id)}"]`);
    if (link && document.activeElement !== link) link.focus({ preventScroll: true });
  }

  row(row) {
    const link = element("a", { href: this.linkOf(row.id), dataset: { flow: row.id } }, row.name ?? row.id);
    const cells = COLUMNS.map(([key, , , kind, , content]) =>
      key === "name"
        ? element("th", { scope: "row", className: kind }, link)
        : element("td", { className: kind }, content(row)),
    );
    const line = element("tr", {}, ...cells);
    line.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || getSelection().toString()) return;
      event.preventDefault();
      this.open(row.id);
    });
    return line;
  }
}
