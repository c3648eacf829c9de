// Words and numbers as the page shows them.

export const HEALTH = {
  failed: "Failed", partial: "Partial", late: "Late", unknown: "Unknown", never_ran: "Never ran",
  running: "Running", ok: "OK", disabled: "Disabled",
};
export const WORST_FIRST = Object.keys(HEALTH);

export function element(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  const { dataset, ...properties } = options;
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  Object.assign(node.dataset, dataset);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const badge = (kind, word) => element("span", { className: `badge ${kind}` }, word);

export function number(value) {
  return value === null || value === undefined ? "?" : value.toLocaleString("en-US");
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "?";
  const units = [["d", 86400], ["h", 3600], ["m", 60]];
  for (const [unit, size] of units) {
    if (seconds >= size) {
      const whole = Math.floor(seconds / size);
      const [nextUnit, nextSize] = units[units.findIndex((one) => one[0] === unit) + 1] ?? ["s", 1];
      const rest = Math.floor((seconds % size) / nextSize);
      return whole < 10 && rest ? `${whole}${unit} ${rest}${nextUnit}` : `${whole}${unit}`;
    }
  }
  return `${Math.round(seconds)}s`;
}

export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 0) return `in ${duration(-seconds)}`;
  if (seconds < 60) return "just now";
  return `${duration(seconds).split(" ")[0]} ago`;
}

export const instant = (iso) => (iso ? `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` : "?");

export function time(iso) {
  return iso ? element("time", { dateTime: iso, title: instant(iso) }, ago(iso)) : "?";
}

// The words of all times, which grow old while AEP does not answer.
export function renewTimes() {
  for (const one of document.getElementsByTagName("time")) {
    const word = ago(one.dateTime);
    if (one.textContent !== word) one.textContent = word;
  }
}

const SECONDS = { minute: 60, hour: 3600, day: 86400, week: 604800, month: 2592000 };

export const interval = (plan) => (plan ? SECONDS[plan.frequency] * (plan.interval || 1) || null : null);

export function schedule(plan) {
  if (!plan) return "none";
  const { frequency, interval } = plan;
  if (!frequency) return "?";
  if (frequency === "once") return "once";
  return !interval || interval === 1 ? `every ${frequency}` : `every ${interval} ${frequency}s`;
}
