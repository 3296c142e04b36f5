"""Rooms beside the packet path: SRTP, a decision of the dialer, an import. No engine and no far side; each with its floor."""

import csv
import json
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from common import BUILD, ENGINE_CORE, cpu_seconds, row
from books import moment
from process import ProcessError
from stack import Stack

PROGRAMS = {"srtp": ["engine_rtp_srtp_bench"], "dialer": ["dialer_decision_bench"], "import": ["carillon-control"]}
IMPORT_RUNS_MIN = 3  # an import takes seconds: one alone says little
IMPORT_SECONDS_MAX = 600
COLUMNS = ("phone", "name", "priority", "time_zone", "city")


def program(name, rows):
    """Runs a room's own program and takes its rows; it prints what they mean and sees to its own runs."""
    print(flush=True)
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        file = Path(folder) / "rows.json"
        subprocess.run(["taskset", "-c", str(ENGINE_CORE), str(BUILD / "tests" / name), "--json", str(file)], check=True)
        for each in json.loads(file.read_text()):
            rows.append(row(each["name"], each["value"], each["unit"], each["floor"], each["runs"]))


def srtp(options, rows):
    program("engine_rtp_srtp_bench", rows)


def dialer(options, rows):
    program("dialer_decision_bench", rows)


def write_leads(path, count):
    """`count` people of different numbers, none with a fault, as tests/integration/test_import_load.py makes them."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((f"+1646{620 + i // 10000}{i % 10000:04d}", f"Name {i}", 50, "", "New York, NY") for i in range(count))


def read_only(path):
    """Reads and splits the file, no more. Seconds."""
    start = time.monotonic()
    with open(path, newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.monotonic() - start


def import_floor(path, count):
    """The same file read, split and inserted into a plain table by one executemany in one transaction. Seconds, CPU seconds."""
    with tempfile.TemporaryDirectory(prefix="carillon-bench-", dir=path.parent) as folder:
        base = sqlite3.connect(Path(folder) / "plain.db")
        base.execute("PRAGMA journal_mode = WAL")  # as control has it, and so is the next
        base.execute("PRAGMA synchronous = FULL")
        base.execute(f"CREATE TABLE leads ({', '.join(COLUMNS)})")
        start, cpu = time.monotonic(), time.process_time()
        with open(path, newline="") as file, base:
            rows = csv.reader(file)
            next(rows)
            base.executemany("INSERT INTO leads VALUES (?, ?, ?, ?, ?)", rows)
        taken = time.monotonic() - start, time.process_time() - cpu
        found = base.execute("SELECT count(*) FROM leads").fetchone()[0]
        base.close()
    if found != count:
        raise ProcessError(f"the floor has {found} rows of {count}")
    return taken


def import_run(path, count):
    """One import into a control of its own: seconds from the first byte of the upload to the job's end, CPU seconds of control."""
    with Stack() as stack:
        stack.write_configs()
        stack.start_control()  # alone: an import needs no engine
        stack.rest.timeout = 60
        target, pid = stack.rest.post("/v1/lists", {"name": "uploaded", "region": "US"})["id"], stack.processes["control"].pid
        content = path.read_bytes()
        start, cpu = time.time(), cpu_seconds(pid)
        job = stack.rest.post(f"/v1/imports?list={target}&mapping.priority=priority", content=content, content_type="text/csv")["id"]

        def ended():
            found = stack.rest.get(f"/v1/imports/{job}")
            return found if found["state"] in ("done", "failed", "cancelled") else None

        found = stack.wait_until(ended, IMPORT_SECONDS_MAX, "the import's end")
        cpu = cpu_seconds(pid) - cpu
        leads = stack.rest.get(f"/v1/lists/{target}")["counts"]["leads"]
        if (found["state"], found["created"], found["errors"], leads) != ("done", count, 0, count):
            raise ProcessError(f"not all of {count} rows became leads, but {leads}: {found}")
        bad = stack.stop()
        if bad:
            raise ProcessError(f"did not end as it should: {bad}")
    return moment(found["ended_at"]) / 1000 - start, cpu


def imports(options, rows):
    """Rows per second through the REST API into leads that can be dialled, beside the same rows in a plain table."""
    count, runs = options.rows, max(options.runs, IMPORT_RUNS_MIN)
    print(f"\nimport of {count} rows over REST into SQLite, {runs} runs; floor: read, split, one executemany, one transaction")
    print(f"{'rows/s':>9} {'floor':>9} {'ratio':>6} {'µs CPU/row':>11} {'floor':>7} {'read only, rows/s':>18}")
    done = []
    with tempfile.TemporaryDirectory(prefix="carillon-bench-") as folder:
        path = Path(folder) / "leads.csv"
        write_leads(path, count)
        for _ in range(runs):
            bare, bare_cpu = import_floor(path, count)
            seconds, cpu = import_run(path, count)
            done.append((count / seconds, count / bare, 1e6 * cpu / count, 1e6 * bare_cpu / count, count / read_only(path)))
            rate, floor, own, least, read = done[-1]
            print(f"{rate:>9.0f} {floor:>9.0f} {rate / floor:>6.3f} {own:>11.2f} {least:>7.2f} {read:>18.0f}", flush=True)
    rate, floor, own, least, _ = (statistics.median(column) for column in zip(*done))
    rows.append(row("import.rows_per_second", rate, "rows/s", floor, runs))
    rows.append(row("import.us_per_row", own, "µs", least, runs))


BENCHES = {"srtp": srtp, "dialer": dialer, "import": imports}
