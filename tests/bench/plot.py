#!/usr/bin/env python3
"""Cost per channel by count, as SVG: `tests/bench/plot.py SERIES.json [-o cost.svg]`.

The series is what `tests/bench/run --series FILE` writes: per point the bench, its channels, µs per channel-second, the floor
of the same run, and whether it was sustained (a hollow mark when not). Both axes are logarithmic. No library."""

import argparse
import html
import json
import math
import sys
from pathlib import Path

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 210, 40, 60
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"]


def ticks(low, high):
    """1, 2 and 5 of each decade within the bounds."""
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**exponent
            if low <= value <= high * 1.0001:
                yield value


def label(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


class Axes:
    def __init__(self, xs, ys):
        self.x_low, self.x_high = min(xs) / 1.15, max(xs) * 1.15
        self.y_low, self.y_high = min(ys) / 1.3, max(ys) * 1.3

    def x(self, value):
        share = math.log(value / self.x_low) / math.log(self.x_high / self.x_low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        share = math.log(value / self.y_low) / math.log(self.y_high / self.y_low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def svg(self):
        out = []
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        for value in ticks(self.x_low, self.x_high):
            x = self.x(value)
            out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>'
                       f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{label(value)}</text>')
        for value in ticks(self.y_low, self.y_high):
            y = self.y(value)
            out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>'
                       f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label(value)}</text>')
        out.append(f'<rect x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}" fill="none" stroke="#555"/>'
                   f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 14}" text-anchor="middle">channels</text>'
                   f'<text x="18" y="{(TOP + bottom) / 2}" text-anchor="middle" transform="rotate(-90 18 {(TOP + bottom) / 2})">'
                   "µs of processor per channel-second</text>")
        return out


def curve(axes, points, key, colour, dashed):
    spots = [(axes.x(point["channels"]), axes.y(point[key]), point.get("sustained", True)) for point in points]
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    out = [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in spots)}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>']
    if not dashed:
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour if sustained else "#fff"}" stroke="{colour}" stroke-width="2"/>'
                for x, y, sustained in spots]
    return out


def draw(series, title):
    """The whole picture. `series`: points as written by run; those without a figure are left out."""
    points = [point for point in series if point.get("us", 0) > 0 and point.get("channels", 0) > 0]
    if not points:
        raise ValueError("no point has a cost")
    values = [point["us"] for point in points] + [point["floor"] for point in points if point.get("floor")]
    axes = Axes([point["channels"] for point in points], values)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           f'<text x="{LEFT}" y="24" font-size="15">{html.escape(title)}</text>', *axes.svg()]
    for number, name in enumerate(dict.fromkeys(point["bench"] for point in points)):
        own = sorted((point for point in points if point["bench"] == name), key=lambda point: point["channels"])
        colour = COLOURS[number % len(COLOURS)]
        out += curve(axes, own, "us", colour, False)
        floors = [point for point in own if point.get("floor")]
        if floors:
            out += curve(axes, floors, "floor", colour, True)
        y = TOP + 10 + 40 * number
        x = WIDTH - RIGHT + 16
        out.append(f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
                   f'<text x="{x + 30}" y="{y + 4}">{html.escape(name)}</text>')
        if floors:
            out.append(f'<line x1="{x}" y1="{y + 16}" x2="{x + 24}" y2="{y + 16}" stroke="{colour}" stroke-width="2" stroke-dasharray="5 4"/>'
                       f'<text x="{x + 30}" y="{y + 20}" fill="#555">its floor</text>')
    out.append(f'<text x="{WIDTH - RIGHT + 16}" y="{HEIGHT - BOTTOM}" fill="#555">hollow: not sustained</text></svg>')
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("cost.svg"))
    parser.add_argument("--title", default="Cost per channel by count, one shard on one core")
    options = parser.parse_args()
    try:
        options.output.write_text(draw(json.loads(options.series.read_text()), options.title))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{options.series}: {error}")


if __name__ == "__main__":
    main()
