"""Calling law on the whole product: do-not-call a moment before a lead's turn, the opt-out digit, attempt limits across
SIGKILL, a closed window. The carrier's own log is the judge of who was called.

Numbers decide what answers (tests/carrier/README.md): 03xx is busy at once, 01xx a person, who here presses 9."""

import os
import random
import sys
import time
import unittest
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from books import moment  # noqa: E402
from rest import RestError  # noqa: E402
from scene import Scene  # noqa: E402

SEED = int(os.environ.get("CARILLON_SEED", random.SystemRandom().randrange(1, 1 << 31)))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAY = {day: [{"from": "00:00", "until": "24:00"}] for day in DAYS}


def busy(index, area=212):
    """A number that answers 486."""
    return f"+1{area}555{300 + index:04d}"


def zone_of_noon():
    """A zone where it is noon now, so that no local day ends while a test runs."""
    ahead = 12 - datetime.now(timezone.utc).hour
    return "Etc/UTC" if ahead == 0 else f"Etc/GMT{-ahead:+d}"  # POSIX signs: east is minus


class LawTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}", flush=True)

    def scene(self, carrier_options=()):
        scene = Scene(carrier_options=carrier_options, seed=SEED % 1000, calls_max=60)
        self.addCleanup(self.leave, scene)
        scene.start()
        return scene

    def leave(self, scene):
        if scene.rest:
            scene.rest.close()
        scene.__exit__(AssertionError if self.has_failed() else None, None, None)

    def has_failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors) or \
            any(error for _, error in getattr(self._outcome, "errors", []))

    def list_of(self, scene, name, numbers, **more):
        """A list whose leads are dialed in that order."""
        found = scene.rest.post("/v1/lists", {"name": name, "region": "US", **more})["id"]
        leads = [{"phone": number, "priority": len(numbers) - i} for i, number in enumerate(numbers)]
        self.assertEqual(scene.rest.post(f"/v1/lists/{found}/leads", {"leads": leads})["created"], len(numbers))
        return found

    def campaign(self, scene, name, leads, **more):
        body = {"name": name, "mode": "broadcast", "list": leads, "trunks": [scene.trunk], "from": "+12125550999",
                "prompt": scene.prompt, "window": ALL_DAY, "time_zone": zone_of_noon(), "record": False,
                "retry": {"busy": {"times": 0}}, **more}
        return scene.rest.post("/v1/campaigns", body)["id"]

    def act(self, scene, campaign, action):
        scene.rest.post(f"/v1/campaigns/{campaign}/actions/{action}", {})

    def live(self, scene, campaign):
        return scene.rest.get(f"/v1/campaigns/{campaign}/live")

    def attempts(self, scene, campaign):
        return scene.rest.all(f"/v1/attempts?campaign={campaign}")

    def wait_finished(self, scene, campaign, timeout=90):
        scene.wait_until(lambda: self.live(scene, campaign)["state"] == "finished", timeout, "the campaign's end")

    def carriers_log(self, scene):
        """Complete: how often each number was called."""
        scene.stop_one("carrier")
        return Counter(line["to"] for line in scene.truth())

    def test_a_number_blocked_a_moment_before_its_turn_is_not_called(self):
        scene = self.scene()
        numbers = [busy(i) for i in range(14)]
        campaign = self.campaign(scene, "one a second", self.list_of(scene, "people", numbers), calls_per_second_max=1)
        self.act(scene, campaign, "start")

        def reached():
            """How far down the list the campaign is."""
            return 1 + max((numbers.index(one["number"]) for one in self.attempts(scene, campaign)), default=-1)

        blocked, raced = [], []
        while (turn := reached() + 1 + len(raced)) < len(numbers):
            scene.rest.post("/v1/do_not_call", {"number": numbers[turn], "reason": "asked"})
            answered = time.time() * 1000
            # a slow machine may have been too late to block it: then it proves nothing, and the next is one further on
            early = any(one["number"] == numbers[turn] and moment(one["placed_at"]) <= answered
                        for one in self.attempts(scene, campaign))
            (raced if early else blocked).append(numbers[turn])
            scene.wait_until(lambda: reached() > turn or self.live(scene, campaign)["state"] == "finished", 60,
                             "its turn is over")
        self.wait_finished(scene, campaign)
        self.assertGreater(len(blocked), 0, "no number could be blocked in time")
        refused = self.live(scene, campaign)["refusals"]
        log = self.carriers_log(scene)
        print(f"blocked {len(blocked)}, too late for {len(raced)}", flush=True)
        self.assertEqual(log, Counter(number for number in numbers if number not in blocked))
        self.assertEqual(refused, {"do_not_call": len(blocked)})

    def test_the_opt_out_digit_blocks_the_number_for_every_campaign(self):
        scene = self.scene(["--opt-out-rate", "1"])
        people, other = [f"+1212555{110 + i:04d}" for i in range(3)], busy(1)
        first = self.campaign(scene, "first", self.list_of(scene, "people", people), opt_out_digit="9", channels_max=10)
        self.act(scene, first, "start")
        self.wait_finished(scene, first)
        self.assertEqual(self.live(scene, first)["outcomes"], {"opted_out": len(people)})
        for number in people:
            found = scene.rest.get(f"/v1/do_not_call?number=%2B{number[1:]}")["data"]
            self.assertEqual([(one["number"], one["reason"]) for one in found], [(number, "opted out")])
        second = self.campaign(scene, "second", self.list_of(scene, "the same people", [*people, other]))
        self.act(scene, second, "start")
        self.wait_finished(scene, second)
        self.assertEqual(self.live(scene, second)["refusals"], {"do_not_call": len(people)})
        with self.assertRaises(RestError) as refused:  # nor on request
            scene.dial(people[0])
        self.assertEqual((refused.exception.status, refused.exception.problem()["code"]), (403, "do_not_call"))
        self.assertEqual(self.carriers_log(scene), Counter([*people, other]))

    def test_attempt_limits_hold_while_control_is_killed(self):
        scene = self.scene()
        moments = random.Random(SEED)
        by_total, by_day = [busy(i) for i in range(12)], [busy(i, 646) for i in range(12)]
        again = {"busy": {"times": 50, "delay_s": 0}, "failed": {"times": 50, "delay_s": 0}}
        rules = {"retry": again, "calls_per_second_max": 8, "channels_max": 10}
        total = self.campaign(scene, "in all", self.list_of(scene, "a", by_total), limits={"total": 3, "per_day": 10},
                              **rules)
        daily = self.campaign(scene, "a day", self.list_of(scene, "b", by_day), limits={"total": 9, "per_day": 2}, **rules)
        self.act(scene, total, "start")
        self.act(scene, daily, "start")
        for _ in range(3):
            wait = moments.uniform(0.2, 1.5)
            print(f"kill of control after {wait:.3f} s", flush=True)
            time.sleep(wait)  # the moment of a kill is the one thing here that is a time and no condition
            scene.kill9("control")
            scene.start_control()
        self.wait_finished(scene, total)
        scene.wait_until(lambda: self.live(scene, daily)["pending"] == len(by_day), 90, "all leads of the day are through")
        self.assertIn("0 dialable because the next lead is due at", self.live(scene, daily)["text"])
        attempts = self.attempts(scene, total) + self.attempts(scene, daily)
        counted = Counter(attempt["number"] for attempt in attempts)
        rang = Counter(attempt["number"] for attempt in attempts if attempt["outcome"] == "busy")
        log = self.carriers_log(scene)
        self.assertLessEqual(set(log), {*by_total, *by_day})
        for numbers, limit in ((by_total, 3), (by_day, 2)):
            for number in numbers:
                self.assertEqual(counted[number], limit, number)
                self.assertLessEqual(log[number], limit, number)  # a kill may cost an attempt, never make one more
                self.assertGreaterEqual(log[number], rang[number], number)
        self.assertGreater(sum(rang.values()), 0)

    def test_a_closed_window_places_nothing_and_says_so_after_a_kill_too(self):
        scene = self.scene()
        opens = (datetime.now(timezone.utc) + timedelta(days=3)).weekday()
        campaign = self.campaign(scene, "closed", self.list_of(scene, "people", [busy(i) for i in range(5)]),
                                 window={DAYS[opens]: [{"from": "08:00", "until": "21:00"}]}, time_zone="America/New_York")
        self.act(scene, campaign, "start")

        def settled():
            live = self.live(scene, campaign)
            return live if live["in_hand"] == 0 and "the next lead is due at" in live["text"] else None

        for life in range(2):
            live = scene.wait_until(settled, 60, "all leads turned away")
            self.assertIn("0 dialable because", live["text"])
            self.assertIn("outside the calling window of America/New_York until", live["text"])
            self.assertEqual((live["attempts"], live["pending"], live["state"]), (0, 5, "running"))
            if life == 0:
                scene.kill9("control")
                scene.start_control()
        self.assertEqual(self.carriers_log(scene), Counter())


if __name__ == "__main__":
    unittest.main()
