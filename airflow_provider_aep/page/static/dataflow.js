// One dataflow: what it is, and its last runs.

import { airflow, outerLink } from "./frame.js";
import { lost } from "./table.js";
import { HEALTH, badge, duration, element, instant, number, schedule, time } from "./text.js";

const OUTCOMES = { success: "Success", partial: "Partial", failed: "Failed", running: "Running" };
const AEP = "https://experience.adobe.com/";
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 800;
const HEIGHT = 170;

export function intoAep(words, url) {
  if (!url?.startsWith(AEP)) return element("span", {}, words);
  return outerLink(element("a", { className: "outside" }, words), url, { newTab: true });
}

export function heading(row, back) {
  const health = row.health ?? "unknown";
  return [
    back,
    element("div", { className: "heading" }, element("h2", {}, row.name ?? row.id), badge(health, HEALTH[health])),
  ];
}

export function links(row, data) {
  const dataset = row.dataset_id && data.dataset_url?.replace("{id}", encodeURIComponent(row.dataset_id));
  const failures = ["failed", "partial"].includes(row.health)
    ? element("span", { className: "muted" }, "Failed records: ", element("code", {}, data.failures_command.replace("ID", row.id)))
    : null;
  return element("div", { className: "links" }, intoAep("Dataflow in AEP", row.url),
    dataset ? intoAep("Dataset in AEP", dataset) : null, failures);
}

export function facts(row, task) {
  const list = element("dl");
  const fact = (term, ...value) => list.append(element("div", {}, element("dt", {}, term), element("dd", {}, ...value)));
  fact("State in AEP", row.state ?? "?");
  fact("Source", row.source ?? "?");
  fact("Dataset", row.dataset ?? row.dataset_id ?? "?");
  fact("Schedule", schedule(row.schedule));
  fact("Last run", row.last_run ? time(row.last_run.started_at ?? row.last_run.ended_at) : "none known");
  fact("Made by", ...madeBy(row.made_by, task));
  fact("Id", row.id);
  return list;
}

function madeBy(name, task) {
  if (!name) return ["not by Airflow"];
  if (!task) return [name];
  const dag = new URL(`dags/${encodeURIComponent(task.dag_id)}`, airflow).href;
  const page = `${dag}/tasks/${encodeURIComponent(task.task_id)}`;
  return [
    "DAG ", outerLink(element("a", {}, task.dag_id), dag, { newTab: false }),
    ", task ", outerLink(element("a", {}, task.task_id), page, { newTab: false }),
  ];
}

function shape(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Oldest first. A bar has the records written, and on top of them the records failed.
export function bars(runs) {
  const shown = [...runs].reverse();
  const total = (run) => (run.records_written ?? 0) + (run.records_failed ?? 0);
  const most = Math.max(1, ...shown.map(total));
  const base = HEIGHT - 20;
  const step = WIDTH / Math.max(shown.length, 8);
  const drawing = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
  const words = `Records of the last ${shown.length} runs, at most ${number(most)} in a run. The table below has the numbers.`;
  drawing.setAttribute("aria-label", words);
  shown.forEach((run, place) => {
    const x = place * step + step * 0.15;
    const width = step * 0.7;
    const heightOf = (count) => (count ? Math.max(3, (count / most) * (base - 24)) : 0);
    const written = heightOf(run.records_written);
    const failed = heightOf(run.records_failed);
    const group = shape("g", {}, shape("title", {}, `${instant(run.started_at)}: ${OUTCOMES[run.outcome]}, ${number(run.records_written)} written, ${number(run.records_failed)} failed`));
    group.append(shape("rect", { class: "written", x, width, y: base - written, height: written }));
    group.append(shape("rect", { class: "failedbar", x, width, y: base - written - failed, height: failed }));
    if (!written && !failed) {
      group.append(shape("rect", { class: run.outcome === "failed" ? "failedbar" : "nothing", x, width, y: base - 2, height: 2 }));
    }
    drawing.append(group);
  });
  drawing.append(shape("line", { class: "axis", x1: 0, x2: WIDTH, y1: base, y2: base }));
  const key = (kind, text) => element("span", {}, element("i", { className: kind }), text);
  return element("figure", {}, drawing, element("figcaption", {},
    element("span", {}, `Oldest to newest. The highest bar is ${number(most)} records.`), key("", "written"), key("lost", "failed")));
}

const HEADS = [["Outcome", ""], ["Started", ""], ["Duration", "number"], ["Read", "number wide"], ["Written", "number medium"], ["Failed", "number"]];

export function runTable(runs) {
  const head = element("tr", {}, ...HEADS.map(([word, kind]) => element("th", { scope: "col", className: kind }, word)));
  return element("div", { className: "scroller" }, element("table", { "aria-label": "Last runs" },
    element("thead", {}, head), ...runs.map(runBody)));
}

function errorItem(error) {
  const records = error.records === null ? "" : ` (${number(error.records)} record${error.records === 1 ? "" : "s"})`;
  const sentence = (text) => (text ? ` ${text}.` : "");
  const colon = error.message || error.fix ? ":" : "";
  return element("li", {}, element("b", {}, error.code), `${records}${colon}${sentence(error.message)}`,
    element("span", { className: "muted" }, sentence(error.fix)));
}

// The errors have a row of their own: a narrow screen has no room for another column.
function runBody(run) {
  const errors = run.errors.map(errorItem);
  const cell = (kind, ...content) => element("td", { className: kind }, ...content);
  const spent = run.outcome === "running" ? "running" : duration(run.seconds);
  const row = element("tr", {},
    cell("", badge(run.outcome, OUTCOMES[run.outcome])),
    cell("", time(run.started_at), run.started_at && element("span", { className: "muted medium" }, ` ${instant(run.started_at)}`), " ", intoAep("AEP", run.url)),
    cell("number", spent),
    cell("number wide", number(run.records_read)),
    cell("number medium", number(run.records_written)),
    cell("number", lost(run.records_failed)),
  );
  if (!errors.length) return element("tbody", {}, row);
  const below = element("td", { colSpan: HEADS.length }, element("ul", { className: "errors" }, ...errors));
  return element("tbody", { className: "explained" }, row, element("tr", {}, below));
}
