"""What all benches share: where things are, what a process costs, medians and rows."""

import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))

BUILD = ROOT / "build/release"
BIN = BUILD / "bin"
ENGINE_CORE, OTHER_CORE = 0, (os.cpu_count() or 1) - 1
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def middle(points):
    """Of several runs of one point: the median of each figure, but the fewest channels and good calls of all."""
    return {name: (min if name in ("channels", "good") else statistics.median)(point[name] for point in points)
            for name, value in points[0].items() if not isinstance(value, str)}


def row(name, value, unit, floor_value, runs):
    return {"name": name, "value": round(value, 3), "unit": unit, "floor": round(floor_value, 3) if floor_value else None,
            "ratio": round(value / floor_value, 3) if floor_value else None, "runs": runs}
