"""SIGKILL in the middle of calls, on the whole product over loopback. The carrier's own log is the judge: what was asked
of it once, was it asked twice; did the person hear the message to its end while a process of ours was gone.

Moments of the kills come from a seed that is printed first; CARILLON_SEED=N replays it."""

import os
import random
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from recording import Recording  # noqa: E402
from rest import RestError  # noqa: E402
from stack import Stack  # noqa: E402
from books import moment, talk_ms  # noqa: E402

BUILD = os.environ.get("CARILLON_BUILD", str(ROOT / "build/release"))
SEED = int(os.environ.get("CARILLON_SEED", random.SystemRandom().randrange(1, 1 << 31)))
CALLS = 12
MESSAGE = "welcome"  # 5.5 s
LISTENERS = ["--answer-delay", "200-900", "--early-hang-up-rate", "0", "--patient-rate", "1", "--opt-out-rate", "0",
             "--press-one-rate", "0"]
RTP_GAP_MAX_MS = 200          # longer would be heard as a hole
RECORDING_TOLERANCE_MS = 500  # against the time talked
KILL_TOLERANCE_MS = 1500      # audio that a killed engine may take with it: what it had not handed to the kernel yet
ARRIVAL_S = 30                # a CDR or recording after all processes are back


class KillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed {SEED}", flush=True)

    def setUp(self):
        self.random = random.Random(f"{SEED} {self._testMethodName}")
        self.stack = Stack(build=BUILD, seed=SEED % 1000, calls_max=60, carrier_options=LISTENERS, expect=[MESSAGE])
        self.addCleanup(self.clean_up)
        self.stack.start()
        self.trunk = self.stack.put_trunk()["id"]
        self.prompt = self.stack.put_prompt(MESSAGE)["id"]
        self.next_number = 0
        self.placed = {}  # number → call id

    def clean_up(self):
        failed = any(error for _, error in self._outcome.errors) if hasattr(self._outcome, "errors") else \
            any(test is self for test, _ in self._outcome.result.failures + self._outcome.result.errors)
        self.stack.__exit__(AssertionError if failed else None, None, None)

    # ---- helpers

    def request(self, plan=None, **more):
        number = f"+1212555{100 + self.next_number:04d}"  # 01xx: a person
        self.next_number += 1
        body = {"trunk": self.trunk, "to": number, "from": "+12125550999", "record": True,
                "plan": plan or {"type": "message", "prompt": self.prompt}, **more}
        return number, body, f"kill-{SEED}-{number}"

    def place(self, count=CALLS, **more):
        numbers = []
        for _ in range(count):
            number, body, key = self.request(**more)
            self.placed[number] = self.ask(body, key)["id"]
            numbers.append(number)
        return numbers

    def ask(self, body, key):
        """As a client does it: 503 engine_unavailable, which says that nothing was begun, is asked again a while."""
        def answer():
            try:
                return self.stack.rest.post("/v1/calls", body, key=key)
            except RestError as error:
                if error.problem().get("code") != "engine_unavailable":
                    raise
        return self.stack.wait_until(answer, 5, "an engine for a call")

    def shown(self, numbers):
        wanted = {self.placed[number] for number in numbers}
        return [call for call in self.stack.calls() if call["id"] in wanted]

    def wait_answered(self, numbers):
        self.stack.wait_until(lambda: sum(call["state"] == "answered" for call in self.shown(numbers)) == len(numbers), 20,
                              "all answered")

    def truths(self, numbers, timeout=40):
        """The carrier's line of each number, once all of them have one."""
        def complete():
            found = [line for line in self.stack.truth() if line["to"] in numbers]
            return found if len({line["to"] for line in found}) == len(numbers) else None
        return self.stack.wait_until(complete, timeout, "the carrier's lines of all calls")

    def wait_settled(self, numbers):
        def settled():
            calls = self.shown(numbers)
            return len(calls) == len(numbers) and all(call["state"] == "ended" for call in calls) and all(
                recording["state"] != "fetching" for recording in self.recordings(numbers)) and len(
                self.recordings(numbers)) >= len(numbers)
        try:
            self.stack.wait_until(settled, ARRIVAL_S, "settled")
        except RuntimeError:
            self.stack.check_alive()  # the comparison that follows names what is missing

    def recordings(self, numbers):
        wanted = {self.placed[number] for number in numbers}
        return [recording for recording in self.stack.rest.all("/v1/recordings") if recording["call"] in wanted]

    def audio(self, recording):
        return Recording(self.stack.rest.get_bytes(f"/v1/recordings/{recording['id']}/audio"))

    def assert_books(self, numbers, truths):
        """One INVITE, one CDR, one recording per call, and all of them the same call. Returns {number: CDR}."""
        self.assertEqual({number: count for number, count in Counter(line["to"] for line in truths).items() if count != 1}, {},
                         "called more than once")
        by_number = {line["to"]: line for line in truths}
        cdrs = [cdr for cdr in self.stack.rest.all("/v1/cdrs") if cdr["to"] in numbers]
        self.assertEqual(Counter(cdr["call"] for cdr in cdrs), Counter(self.placed[number] for number in numbers))
        self.assertEqual(Counter(recording["call"] for recording in self.recordings(numbers)),
                         Counter(self.placed[number] for number in numbers))
        for call in self.shown(numbers):
            self.assertEqual((call["state"], call["id"]), ("ended", self.placed[call["to"]]), call)
        for cdr in cdrs:
            self.assertEqual(cdr["sip_call_id"], by_number[cdr["to"]]["sip_call_id"])
        return {cdr["to"]: cdr for cdr in cdrs}

    def assert_undisturbed(self, numbers, truths, cdrs):
        """Nobody on the phone noticed anything, and the books say so too."""
        for line in truths:
            whole = [heard for heard in line["heard"] if heard["name"] == MESSAGE and heard["complete"]]
            self.assertEqual(len(whole), 1, line)
            self.assertEqual((line["sip_final"], line["ended_by"], line["rtp"]["lost"]), (200, "caller", 0), line)
            self.assertLess(line["rtp"]["gap_max_ms"], RTP_GAP_MAX_MS, line)
            cdr = cdrs[line["to"]]
            self.assertEqual((cdr["sip_status"], cdr["ended_by"], cdr["cause"]), (200, "plan", 16), cdr)
            self.assertAlmostEqual(cdr["talk_ms"], talk_ms(line), delta=300)
        talked = {self.placed[line["to"]]: talk_ms(line) for line in truths}
        for recording in self.recordings(numbers):
            self.assertEqual((recording["state"], recording["repaired"]), ("ready", False), recording)
            audio = self.audio(recording)
            self.assertAlmostEqual(audio.seconds * 1000, talked[recording["call"]], delta=RECORDING_TOLERANCE_MS)
            self.assertGreater(audio.level(0), -60)
            self.assertGreater(audio.level(1), -60)

    def wait_random(self, least, most, what):
        seconds = self.random.uniform(least, most)
        print(f"{self._testMethodName}: {what} after {seconds:.3f} s", flush=True)
        time.sleep(seconds)  # the moment of a kill is the one thing here that is a time and no condition

    # ---- control is killed

    def test_control_killed_and_back_while_calls_talk(self):
        for _ in range(3):
            numbers = self.place()
            self.wait_answered(numbers)
            self.wait_random(0, 2, "kill of control")
            self.stack.kill9("control")
            self.wait_random(0, 2, "start of control")
            self.stack.start_control()
            truths = self.truths(numbers)
            self.wait_settled(numbers)
            self.assert_undisturbed(numbers, truths, self.assert_books(numbers, truths))

    def test_calls_that_end_while_control_is_away(self):
        numbers = self.place()
        self.wait_answered(numbers)
        self.wait_random(0, 3, "kill of control")
        self.stack.kill9("control")
        truths = self.truths(numbers)
        self.stack.start_control()
        self.wait_settled(numbers)
        self.assert_undisturbed(numbers, truths, self.assert_books(numbers, truths))

    def test_control_killed_while_calls_are_placed(self):
        """What the client got no answer to it asks again with the same key; nobody's phone rings twice."""
        asked = [self.request() for _ in range(CALLS)]
        kill_before = self.random.randrange(1, CALLS)
        for i, (number, body, key) in enumerate(asked):
            if i == kill_before:
                self.wait_random(0, 0.05, f"kill of control before call {i}")
                self.stack.kill9("control")
                self.stack.start_control()
            self.placed[number] = self.ask(body, key)["id"]
        for number, body, key in asked:
            self.assertEqual(self.ask(body, key)["id"], self.placed[number])
        numbers = list(self.placed)
        truths = self.truths(numbers)
        self.wait_settled(numbers)
        self.assert_undisturbed(numbers, truths, self.assert_books(numbers, truths))

    # ---- both

    def test_calls_end_without_control_and_then_the_engine_is_killed(self):
        numbers = self.place()
        self.wait_answered(numbers)
        self.stack.kill9("control")
        truths = self.truths(numbers)
        self.wait_random(0, 0.5, "kill of the engine")
        self.stack.kill9("engine")
        self.stack.start_engine()
        self.stack.start_control()
        self.wait_settled(numbers)
        cdrs = self.assert_books(numbers, truths)
        for cdr in cdrs.values():
            self.assertEqual((cdr["sip_status"], cdr["ended_by"]), (200, "plan"), cdr)
        for recording in self.recordings(numbers):
            self.assertEqual(recording["state"], "ready", recording)
            self.audio(recording)

    # ---- the engine is killed

    def test_engine_killed_in_mid_call(self):
        for _ in range(3):
            numbers = self.place(plan={"type": "message", "prompt": self.prompt, "loops": 5})
            self.wait_answered(numbers)
            self.wait_random(2, 4, "kill of the engine")
            killed_at = time.time() * 1000
            self.stack.kill9("engine")
            self.stack.start_engine()
            self.wait_settled(numbers)
            calls = self.shown(numbers)
            cdrs = [cdr for cdr in self.stack.rest.all("/v1/cdrs") if cdr["to"] in numbers]
            self.assertEqual(Counter(cdr["call"] for cdr in cdrs), Counter(self.placed[number] for number in numbers))
            for cdr in cdrs:
                self.assertEqual((cdr["reason"], cdr["ended_by"]), ("engine restarted", "engine"), cdr)
                self.assertIsNotNone(cdr["answered_at"])
                self.assertAlmostEqual(moment(cdr["ended_at"]), killed_at, delta=KILL_TOLERANCE_MS)
            answered = {call["id"]: moment(call["answered_at"]) for call in calls}
            recordings = self.recordings(numbers)
            self.assertEqual(sorted(recording["call"] for recording in recordings), sorted(answered))
            for recording in recordings:
                self.assertEqual((recording["state"], recording["repaired"]), ("ready", True), recording)
                audio = self.audio(recording)
                self.assertAlmostEqual(audio.seconds * 1000, killed_at - answered[recording["call"]], delta=KILL_TOLERANCE_MS)
                self.assertGreater(audio.level(1), -60)
            after = self.place(2)  # at once: the engine has been told of its trunks and prompts again
            truths = self.truths(after)
            self.wait_settled(after)
            self.assert_undisturbed(after, truths, self.assert_books(after, truths))

    def test_carrier_killed_in_mid_call(self):
        stay = {"states": [{"name": "talk", "play": {"prompts": [self.prompt], "loops": 100}}], "media_timeout_ms": 2000}
        numbers = self.place(plan=stay)
        self.wait_answered(numbers)
        self.wait_random(1, 2, "kill of the carrier")
        killed_at = time.time() * 1000
        self.stack.kill9("carrier")
        self.wait_settled(numbers)
        cdrs = [cdr for cdr in self.stack.rest.all("/v1/cdrs") if cdr["to"] in numbers]
        self.assertEqual(Counter(cdr["call"] for cdr in cdrs), Counter(self.placed[number] for number in numbers))
        for cdr in cdrs:
            self.assertEqual((cdr["reason"], cdr["ended_by"]), ("media timeout", "engine"), cdr)
            self.assertAlmostEqual(moment(cdr["ended_at"]), killed_at + 2000, delta=1000)
        for recording in self.recordings(numbers):
            self.assertEqual(recording["state"], "ready", recording)
            self.audio(recording)

    def test_bye_from_either_side(self):
        ours = self.place(2)
        away = {"states": [{"name": "talk", "wait": {"for_ms": 0}}]}
        hung_up = self.place(1, plan=away)
        self.wait_answered(hung_up)
        self.stack.rest.post(f"/v1/calls/{self.placed[hung_up[0]]}/actions/hangup", {})
        truths = self.truths(ours + hung_up)
        self.wait_settled(ours + hung_up)
        self.assertEqual({line["ended_by"] for line in truths}, {"caller"})
        cdrs = self.assert_books(ours + hung_up, truths)
        self.assertEqual([cdrs[number]["ended_by"] for number in ours + hung_up], ["plan", "plan", "control"])
        theirs = self.place(1, plan=away)
        self.wait_answered(theirs)
        self.stack.stop_one("carrier")  # SIGTERM: hangs up all its calls properly
        self.wait_settled(theirs)
        cdr = next(cdr for cdr in self.stack.rest.all("/v1/cdrs") if cdr["to"] == theirs[0])
        self.assertEqual((cdr["ended_by"], cdr["cause"], cdr["sip_status"]), ("peer", 16, 200), cdr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
