"""An agent's phone that is not ours: baresip registers, an incoming call rings it, each side hears the other, both hang up."""

import json
import os
import sys
import unittest
import uuid
import wave
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from baresip import Baresip  # noqa: E402
from recording import Recording  # noqa: E402
from stack import Stack  # noqa: E402

BUILD = os.environ.get("CARILLON_BUILD", str(ROOT / "build/release"))
NUMBER, CALLER = "+12125550123", "+12125550777"
SAID = "welcome"  # what the phone says, and the caller is to hear; 5.5 s
SPEECH_DBM0_MIN = -45
BY_US = ("plan", "control")  # the engine's plan on the lost bridge, or control's order: whichever is first


class PhoneTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack(build=BUILD, calls_max=20, expect=[SAID])
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.stack.make_voices()
        self.stack.write_configs()
        self.stack.start_engine()
        self.stack.start_control()

    def speech(self):
        """The message with silence behind it: at the end of its file baresip hangs up."""
        path = self.stack.folder / "speech.wav"
        with wave.open(str(self.stack.message(SAID))) as said, wave.open(str(path), "wb") as out:
            out.setparams(said.getparams())
            out.writeframes(said.readframes(said.getnframes()) + bytes(2 * 8000 * 60))
        return path

    def register(self):
        user = f"agent{uuid.uuid4().hex[:6]}"
        endpoint = self.stack.rest.post("/v1/endpoints", {"name": "desk", "username": user,
            "password": "long-enough", "behind_nat": True})  # its SDP names this machine's first address, its sound comes from loopback
        self.phone = Baresip(self.stack.folder / "phone", user, "long-enough",
                             f"127.0.0.1:{self.stack.sip_port}", self.speech())
        self.addCleanup(self.phone.stop)
        shown = self.stack.wait_until(lambda: self.is_registered(endpoint["id"]), 20, "the phone's registration")
        self.assertIn("baresip", shown["user_agent"])
        return endpoint["id"]

    def is_registered(self, endpoint):
        shown = self.stack.rest.get(f"/v1/endpoints/{endpoint}")
        return shown if shown["registered"] else None

    def caller(self, endpoint, talk):
        """The carrier calls our number and talks for so many seconds unless the phone hangs up before."""
        trunk = self.stack.put_trunk()["id"]
        self.stack.rest.post("/v1/numbers", {"number": NUMBER, "trunk": trunk, "record": True,
                                             "route": {"type": "endpoint", "endpoint": endpoint}})
        order = {"at": 0.5, "from": CALLER, "to": NUMBER, "via": f"127.0.0.1:{self.stack.sip_port}", "talk": talk,
                 "ring_max": 20}
        orders = self.stack.folder / "orders.jsonl"
        orders.write_text(json.dumps(order) + "\n")
        self.stack.carrier_options = ["--call", str(orders)]
        self.stack.start_carrier()

    def calls(self, state):
        """{direction: call} once both the caller's and the phone's are in that state."""
        found = {call["direction"]: call for call in self.stack.calls() if call["state"] == state}
        return found if len(found) == 2 else None

    def finish(self):
        calls = self.stack.wait_until(lambda: self.calls("ended"), 30, "both calls ended")
        truth = self.stack.wait_until(self.stack.truth, 10, "the carrier's line")
        self.assertEqual(len(truth), 1)
        self.assertEqual(self.stack.stop(), [])
        return calls["inbound"], calls["outbound"], truth[0]

    def recording_of(self, call):
        def ready():
            shown = self.stack.rest.get(f"/v1/calls/{call['id']}")
            if not shown.get("recording"):
                return None
            recording = self.stack.rest.get(f"/v1/recordings/{shown['recording']}")
            return recording if recording["state"] != "fetching" else None
        recording = self.stack.wait_until(ready, 15, "the recording")
        self.assertEqual(recording["state"], "ready", recording)
        return Recording(self.stack.rest.get_bytes(f"/v1/recordings/{recording['id']}/audio"))

    def assert_phone_heard(self):
        self.phone.stop()  # closes its files
        files = self.phone.heard()
        self.assertEqual(len(files), 1, files)
        heard = Recording(files[0].read_bytes())
        self.assertGreater(heard.seconds, 3)
        self.assertGreater(heard.level(0), SPEECH_DBM0_MIN)

    def test_each_hears_the_other_and_the_caller_hangs_up(self):
        self.caller(self.register(), talk=8)
        self.stack.wait_until(lambda: self.calls("answered"), 20, "both answered")
        self.stack.wait_until(lambda: self.calls("ended"), 30, "both ended")
        recording = self.recording_of(self.calls("ended")["inbound"])
        inbound, outbound, truth = self.finish()
        self.assertEqual((truth["sip_final"], truth["ended_by"], truth["rtp"]["lost"]), (200, "carrier", 0))
        heard = [one for one in truth["heard"] if one["name"] == SAID and one["complete"]]
        self.assertEqual(len(heard), 1, truth)
        self.assertEqual((inbound["ended_by"], inbound["cause"]), ("peer", 16))
        self.assertIn(outbound["ended_by"], BY_US)
        self.assertEqual((inbound["bridged_with"], outbound["bridged_with"]), (outbound["id"], inbound["id"]))
        self.assertIsNotNone(outbound["ringing_at"])
        self.assertAlmostEqual(recording.seconds, 8, delta=0.7)
        self.assertGreater(recording.level(0), SPEECH_DBM0_MIN)  # the caller
        self.assertGreater(recording.level(1), SPEECH_DBM0_MIN)  # the phone
        self.assert_phone_heard()

    def test_the_phone_hangs_up_and_both_end(self):
        self.caller(self.register(), talk=60)
        talking = self.stack.wait_until(lambda: self.calls("answered"), 20, "both answered")
        self.stack.wait_until(lambda: (self.stack.rest.get(f"/v1/calls/{talking['inbound']['id']}")["state"] == "answered"), 5,
                              "still up")
        self.phone.command("hangup")
        inbound, outbound, truth = self.finish()
        self.assertEqual((truth["sip_final"], truth["ended_by"]), (200, "callee"))
        self.assertEqual((outbound["ended_by"], outbound["cause"]), ("peer", 16))
        self.assertIn(inbound["ended_by"], BY_US)


if __name__ == "__main__":
    unittest.main(verbosity=2)
