"""Measure all of it, print it, draw it, and keep the coefficients of the cost model."""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.growth import chart, coefficients, page, rows, scale, tasks, waits
from benchmarks.report import Block, Row

TITLE = "Growth"
METHOD = f"""
Waits: one process a side with one event loop, against an https server in another process. Triggers are
started one after the other, as Airflow's triggerer does, until there are 10, 100, 1,000 and 10,000, and
polled every {waits.ROUND:.0f} s. The longest block is the latest beat of a 5 ms heartbeat from the first
new trigger on, until a second or a third poll, in brackets with the CPU of the loop's thread. Requests
and CPU are those of a round after that, without heartbeat. A side that would need more than a CPU for the
next size is not measured there. Split: two processes with half of the waits each, and the sum of their
figures. The coefficient of memory is that of {waits.GREENLETS[-1]:,} waits with a greenlet each, as
Airflow's triggerer gives them. Creates: {tasks.CREATES} warm ones in a process, CPU of the median. CPU of
a worker: whole, with the start of Python, medians of {tasks.PROCESSES}, without Airflow's supervisor.
Rows: around `airflow dags test` on SQLite. `status`: one process each, {scale.RUNS} runs of each dataflow
in its window. Emulator: {scale.RATE:,} GETs a second for {scale.SECONDS} s over {scale.CLIENTS}
connections. The coefficients are in airflow_provider_aep/flow_runs/cost.json, the drawing is
docs/images/growth.svg, and the page docs/cost.md.
"""
_FORMS = {
    "requests": "{:,.0f}",
    "cpu": "{:.3f} s",
    "block": "{block:.3f} s ({busy:.3f} s)",
    "memory": "{:.0f} MB",
}
_NAMES = {"requests": "requests a round", "cpu": "CPU a round", "block": "longest block", "memory": "memory"}
_LIMITS = {"requests": 110.0, "block": 0.1, "memory": 600.0}
"""For ten thousand waits in one process."""


def measure() -> Block:
    """Everything. It takes minutes, so each step is shown."""
    found: dict[str, Any] = {
        "waits": waits.measure(_progress),
        **tasks.measure(_progress),
        "rows": rows.measure(_progress),
        **scale.measure(_progress),
    }
    values = coefficients.write(found)
    chart.FILE.write_text(_drawing(found), "utf-8")
    page.write()
    shown = [*_waits(found["waits"]), *_creates(found["creates"]), *_status(found["status"])]
    shown += [*_emulator(found["emulator"]), *_coefficients(values)]
    return Block(TITLE, METHOD, shown)


def _progress(text: str) -> None:
    print(f"\n  {text} ...", end=" ", file=sys.stderr, flush=True)


def _waits(found: dict[str, list[waits.Figures]]) -> list[Row]:
    shown = []
    for number, size in enumerate(waits.SIZES):
        own, split = found["own"][number], found["split"][number]
        for key, form in _FORMS.items():
            limit = _LIMITS.get(key) if size == max(waits.SIZES) else None
            beside = [
                f"{side} {_form(form, found[side][number], key)}"
                for side in waits.PEERS
                if number < len(found[side])
            ]
            shown.append(
                Row(
                    f"{size:,} waits: {_NAMES[key]}",
                    f"{_form(form, own, key)}\nsplit over two: {_form(form, split, key)}",
                    "" if limit is None else f"at most {limit:g}",
                    "\n".join(beside),
                    None if limit is None else own[key] <= limit,
                )
            )
    ratio = _cpu_of_a_poll(found["own"][-1]) / _cpu_of_a_poll(found["own"][-2])
    what = "CPU of a wait's poll at 10,000 / at 1,000"
    return [*shown, Row(what, f"{ratio:.2f}", "at most 1.5", "", ratio <= 1.5)]


def _form(form: str, figures: waits.Figures, key: str) -> str:
    return form.format(figures[key], **figures)


def _cpu_of_a_poll(figures: waits.Figures) -> float:
    return figures["cpu"] / figures["polls"]


def _creates(found: dict[str, dict[str, float]]) -> list[Row]:
    peer = found["http"]
    least = next(iter(found.values()))["requests"]
    return [
        Row(
            f"create with {what}",
            f"{one['requests']:g} requests, CPU {one['cpu'] * 1000:.1f} ms",
            f"at most {least:g}",
            f"HttpOperator's POST: {peer['requests']:g}, {peer['cpu'] * 1000:.1f} ms",
            one["requests"] <= least,
        )
        for what, one in found.items()
        if what != "http"
    ]


def _status(found: dict[int, dict[str, float]]) -> list[Row]:
    shown = []
    for size, one in found.items():
        most = 5 - -one["runs"] // 100 + 5 * -(-size // 100)
        figure = f"{one['requests']:.0f} requests\nCPU {one['cpu']:.1f} s, {one['memory']:.0f} MB"
        shown.append(
            Row(f"status of {size:,} dataflows", figure, f"at most {most:.0f}", "", one["requests"] <= most)
        )
    return shown


def _emulator(found: list[dict[str, float]]) -> list[Row]:
    return [
        Row(
            f"emulator with {one['runs']:,.0f} runs",
            f"{one['rate']:.0f} requests/s\np50 {one['p50'] * 1000:.1f} ms, p99 {one['p99'] * 1000:.1f} ms",
            f"at least {scale.RATE * 0.99:.0f}",
            f"a list of 100 runs by id {one['list']:.2f} s\n{one['memory']:,.0f} MB",
            one["rate"] >= scale.RATE * 0.99,
        )
        for one in found
    ]


def _coefficients(values: dict[str, float]) -> list[Row]:
    return [
        Row(row, f"{values[name]:.4g} {unit}", "", "coefficient of the cost model", None)
        for name, (unit, row, _) in coefficients.COEFFICIENTS.items()
    ]


def _drawing(found: dict[str, Any]) -> str:
    charts = []
    for key, title in (
        ("requests", "Requests in a round of 5 s"),
        ("cpu", "CPU seconds in a round"),
        ("block", "Longest block of the event loop (s)"),
        ("memory", "Memory (MB)"),
    ):
        lines = {
            side: [(one["waits"], one[key]) for one in found["waits"][side]]
            for side in chart.COLOURS
            if side in found["waits"]
        }
        charts.append((title, lines, _LIMITS.get(key)))
    return chart.draw(charts, f"Waits in a triggerer, by their number. {coefficients.COMMAND}")
