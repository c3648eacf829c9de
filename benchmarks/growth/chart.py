"""Draw how costs grow, as one SVG of four small charts with logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path

FILE = Path(__file__).parents[2] / "docs" / "images" / "growth.svg"
COLOURS = {
    "own": "#c8102e",
    "split": "#f0808f",
    "airbyte": "#6b5bd2",
    "dbt-cloud": "#d97706",
    "databricks": "#0e7490",
    "http": "#6b7280",
}
NAMES = {"own": "this provider", "split": "this provider, two processes"}
WIDTH, HEIGHT, LEFT, TOP = 300, 170, 58, 64
Line = Sequence[tuple[float, float]]


def draw(charts: Sequence[tuple[str, Mapping[str, Line], float | None]], note: str) -> str:
    """Return the SVG. Each chart has a title, lines by side, and the limit for this provider, if any."""
    parts, sides = [], list(dict.fromkeys(side for _, lines, _ in charts for side in lines))
    for number, (title, lines, limit) in enumerate(charts):
        x, y = LEFT + number % 2 * (WIDTH + 80), TOP + number // 2 * (HEIGHT + 74)
        parts.append(f'<g transform="translate({x} {y})">{_chart(title, lines, limit)}</g>')
    x = 20
    for side in sides:
        name = NAMES.get(side, side)
        parts.append(
            f'<rect x="{x}" y="22" width="14" height="4" fill="{COLOURS[side]}"/>'
            f'<text x="{x + 19}" y="28">{name}</text>'
        )
        x += 45 + 7 * len(name)
    wide, high = 2 * WIDTH + 180, TOP + (len(charts) + 1) // 2 * (HEIGHT + 74)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#333">'
        f'<rect width="{wide}" height="{high}" fill="#fff"/>{"".join(parts)}'
        f'<text x="20" y="{high - 10}" fill="#666" font-size="11">{escape(note)}</text></svg>\n'
    )


def _chart(title: str, lines: Mapping[str, Line], limit: float | None) -> str:
    points = [point for line in lines.values() for point in line]
    values = [y for _, y in points if y > 0] + ([limit] if limit else [])
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    left, right = log10(min(x for x, _ in points)), log10(max(x for x, _ in points))

    def at(x: float, y: float) -> tuple[float, float]:
        share = (log10(max(y, 10**low)) - low) / (high - low or 1)
        return (log10(x) - left) / (right - left or 1) * WIDTH, HEIGHT - share * HEIGHT

    parts = [f'<text x="0" y="-12" font-weight="600">{escape(title)}</text>']
    for power in range(low, high + 1):
        y = at(10**left, 10.0**power)[1]
        parts.append(f'<path d="M0 {y:.1f}H{WIDTH}" stroke="#e5e7eb"/>')
        parts.append(
            f'<text x="-6" y="{y + 4:.1f}" text-anchor="end" fill="#666">{_short(10.0**power)}</text>'
        )
    for x in sorted({x for x, _ in points}):
        place = f'x="{at(x, 1)[0]:.1f}" y="{HEIGHT + 16}"'
        parts.append(f'<text {place} text-anchor="middle" fill="#666">{_short(x)}</text>')
    if limit:
        y = at(10**left, limit)[1]
        parts.append(f'<path d="M0 {y:.1f}H{WIDTH}" stroke="#c8102e" stroke-dasharray="3 4"/>')
        parts.append(f'<text x="{WIDTH}" y="{y - 4:.1f}" text-anchor="end" fill="#c8102e">limit</text>')
    for side, line in lines.items():
        spots = [at(*point) for point in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        parts.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[side]}" stroke-width="2"/>')
        parts += (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[side]}"/>' for x, y in spots)
    return "".join(parts)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
