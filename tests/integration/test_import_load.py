"""Imports beside a running campaign, on the whole product: nothing holds up the dialer, errors are named by their line,
and a SIGKILL in the middle of an import leaves nothing half there.

Prints one JSON line with rows per second and the dialer's worst stall. Rows and moments come from a seed that is printed
first; CARILLON_SEED=N replays it."""

import csv
import io
import json
import os
import random
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from books import moment  # noqa: E402
from scene import Scene  # noqa: E402

SEED = int(os.environ.get("CARILLON_SEED", random.SystemRandom().randrange(1, 1 << 31)))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAY = {day: [{"from": "00:00", "until": "24:00"}] for day in DAYS}
AREAS = (201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228)
HEADER = ["phone", "name", "priority", "time_zone", "city"]
QUIET_GAP_MAX_S = 20  # a campaign that places no call for so long was held up, on however slow a machine


def busy(index):
    """The carrier answers 486 (tests/carrier/README.md): a hundred such numbers per area."""
    return f"+1{AREAS[index // 100]}555{300 + index % 100:04d}"


class Upload:
    """A CSV of `rows` rows that knows what is wrong with it."""

    def __init__(self, rows, seed, bad=50, doubled=50):
        choose = random.Random(seed)
        spoiled = sorted(choose.sample(range(1, rows), bad + doubled))  # the first row is good
        wrong = set(choose.sample(spoiled, bad))
        self.rows, self.doubled, self.errors = rows, doubled, {}
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for i in range(rows):
            row = [self.number(i), f"Name {i}", 50, "", "New York, NY"]
            if i in wrong:
                code = choose.choice(("bad_number", "wrong_columns", "bad_priority", "bad_time_zone"))
                row = {"bad_number": [choose.choice(("nobody", "12", "")), *row[1:]], "wrong_columns": row[:3],
                       "bad_priority": [*row[:2], "soon", *row[3:]],
                       "bad_time_zone": [*row[:3], "Mars/Olympus", row[4]]}[code]
                self.errors[i + 2] = code  # line 1 is the header
            elif i in spoiled:
                row[0] = self.number(0)
            writer.writerow(row)
        self.content = out.getvalue().encode()
        self.created = rows - bad - doubled

    @staticmethod
    def number(i):
        """None that the carrier would call busy: an imported lead shows in its log as one."""
        return f"+1646{620 + i // 10000}{i % 10000:04d}"


class ImportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}", flush=True)

    def setUp(self):
        self.scene = Scene(seed=SEED % 1000, calls_max=200)
        self.addCleanup(self.leave)
        self.scene.start()
        self.scene.rest.timeout = 60

    def leave(self):
        if self.scene.rest:
            self.scene.rest.close()
        self.scene.__exit__(AssertionError if self.has_failed() else None, None, None)

    def has_failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors) or \
            any(error for _, error in getattr(self._outcome, "errors", []))

    def list_of(self, name, numbers=()):
        found = self.scene.rest.post("/v1/lists", {"name": name, "region": "US"})["id"]
        for first in range(0, len(numbers), 1000):
            leads = {"leads": [{"phone": number} for number in numbers[first:first + 1000]]}
            self.scene.rest.post(f"/v1/lists/{found}/leads", leads)
        return found

    def start_campaign(self, leads, **more):
        body = {"name": "drive", "mode": "broadcast", "list": leads, "trunks": [self.scene.trunk],
                "from": "+12125550999", "prompt": self.scene.prompt, "window": ALL_DAY, "record": False,
                "retry": {"busy": {"times": 0}, "rejected": {"times": 0}}, **more}
        campaign = self.scene.rest.post("/v1/campaigns", body)["id"]
        self.scene.rest.post(f"/v1/campaigns/{campaign}/actions/start", {})
        self.scene.wait_until(lambda: self.attempts(campaign) > 0, 60, "the campaign places calls")
        return campaign

    def attempts(self, campaign):
        return self.scene.rest.get(f"/v1/campaigns/{campaign}/live")["attempts"]

    def upload(self, leads, upload):
        return self.scene.rest.post(f"/v1/imports?list={leads}&mapping.priority=priority", content=upload.content,
                                    content_type="text/csv")["id"]

    def job(self, identifier):
        return self.scene.rest.get(f"/v1/imports/{identifier}")

    def leads_of(self, leads):
        return self.scene.rest.get(f"/v1/lists/{leads}")["counts"]["leads"]

    def assert_taken(self, job, upload):
        self.assertEqual({name: job[name] for name in ("state", "rows", "created", "duplicates", "errors")},
                         {"state": "done", "rows": upload.rows, "created": upload.created, "duplicates": upload.doubled,
                          "errors": len(upload.errors)}, job)
        text = self.scene.rest.get_bytes(f"/v1/imports/{job['id']}/errors").decode()
        self.assertEqual({int(line["line"]): line["code"] for line in csv.DictReader(io.StringIO(text))}, upload.errors)

    def test_an_import_of_220_000_rows_beside_a_campaign(self):
        rest = self.scene.rest
        campaign = self.start_campaign(self.list_of("called", [busy(i) for i in range(2000)]), calls_per_second_max=20)
        target, upload = self.list_of("uploaded"), Upload(220_000, SEED)
        pulse, before = [rest.get("/v1/health")["dialer"]], self.attempts(campaign)
        identifier = self.upload(target, upload)

        def done():
            pulse.append(rest.get("/v1/health")["dialer"])
            job = self.job(identifier)
            return job if job["state"] in ("done", "failed", "cancelled") else None

        job = self.scene.wait_until(done, 100, "the import's end")
        meanwhile = self.attempts(campaign) - before
        pulse.append(rest.get("/v1/health")["dialer"])
        rest.post(f"/v1/campaigns/{campaign}/actions/stop", {})
        first, last = moment(job["started_at"]), moment(job["ended_at"])
        placed = sorted(moment(attempt["placed_at"]) for attempt in rest.all(f"/v1/attempts?campaign={campaign}"))
        marks = [first, *(at for at in placed if first < at < last), last]
        gap = max(after - before for before, after in zip(marks, marks[1:]))
        stall = {name: max(one[name] for one in pulse[1:]) for name in pulse[0]}
        print(json.dumps({"rows": job["rows"], "seconds": (last - first) / 1000, "rows_per_second": job["rows_per_second"],
                          "calls_meanwhile": meanwhile, "longest_without_a_call_ms": gap, "dialer": stall,
                          "dialer_before": pulse[0]}), flush=True)
        self.assert_taken(job, upload)
        self.assertEqual(self.leads_of(target), upload.created)
        self.assertGreater(meanwhile, 0)
        self.assertLess(gap, QUIET_GAP_MAX_S * 1000)
        metrics = self.scene.metrics()
        for name in ("turn", "pause", "commit"):
            self.assertGreater(metrics[f"carillon_dialer_{name}_seconds_count"], 0)
            self.assertEqual(metrics[f'carillon_dialer_{name}_seconds_bucket{{le="+Inf"}}'],
                             metrics[f"carillon_dialer_{name}_seconds_count"])

    def test_killed_in_the_middle_it_leaves_nothing_half_there(self):
        """The campaign calls the very list that is uploaded into, and its new leads would go first."""
        known = [busy(i) for i in range(600)]  # fewer than the hopper asks for
        leads, upload = self.list_of("people", known), Upload(60_000, SEED)
        campaign = self.start_campaign(leads, calls_per_second_max=10)
        identifier = self.upload(leads, upload)
        moments = random.Random(SEED)
        for _ in range(2):
            self.look(identifier, leads, campaign, len(known), upload)
            self.scene.wait_until(lambda: self.job(identifier)["rows"] > 0, 60, "rows are read")
            wait = moments.uniform(0, 1.2)
            print(f"kill of control after {wait:.3f} s", flush=True)
            time.sleep(wait)  # the moment of a kill is the one thing here that is a time and no condition
            self.scene.kill9("control")
            self.scene.start_control()
        job = self.scene.wait_until(lambda: self.look(identifier, leads, campaign, len(known), upload), 90, "its end")
        self.assert_taken(job, upload)
        self.assertEqual(self.leads_of(leads), len(known) + upload.created)
        self.scene.wait_until(lambda: self.called_of(campaign), 60, "a new lead is called")
        self.scene.rest.post(f"/v1/campaigns/{campaign}/actions/stop", {})

    def called_of(self, campaign):
        """Attempts of imported leads."""
        return [one for one in self.scene.rest.all(f"/v1/attempts?campaign={campaign}") if one["number"].startswith("+1646")]

    def look(self, identifier, leads, campaign, known, upload):
        """What is visible fits the job's state; returns the job once it is done."""
        first = self.job(identifier)
        self.assertIn(first["state"], ("queued", "running", "done"), first)
        listed = self.leads_of(leads)
        found = self.scene.rest.get(f"/v1/leads?number=%2B{Upload.number(0)[1:]}")["data"]
        called = self.called_of(campaign)
        then = self.job(identifier)
        if first["state"] == "done":
            self.assertEqual(listed, known + upload.created)
            self.assertEqual(len(found), 1)
            return first
        if then["rows"] < upload.rows:  # nothing of it may be seen or called yet
            self.assertEqual((listed, found, called), (known, [], []), then)
        return None


if __name__ == "__main__":
    unittest.main()
