"""Calls that come in: a number that leads to a prompt, and one that nobody owns."""

import json
import unittest

from scene import MESSAGE, Scene  # first: it says where the harness lies
from books import moment
from recording import Recording


class InboundTest(unittest.TestCase):
    def test_a_number_leads_to_a_prompt(self):
        with Scene() as stack:
            stack.make_voices()
            stack.write_configs()
            orders = [{"at": 3, "from": "+12125550123", "to": number, "via": f"127.0.0.1:{stack.sip_port}", "talk": 25}
                      for number in ("+15557000", "+15557999")]
            (stack.folder / "calls").write_text("".join(json.dumps(order) + "\n" for order in orders))
            stack.carrier_options += ["--call", stack.folder / "calls"]
            stack.start_engine()
            stack.start_control()
            stack.start_carrier()
            trunk, prompt = stack.put_trunk()["id"], stack.put_prompt(MESSAGE)["id"]
            stack.rest.post("/v1/numbers", {"number": "+15557000", "trunk": trunk, "record": True,
                                            "route": {"type": "prompt", "prompt": prompt}})
            stack.wait_until(lambda: len(stack.truth()) == 2, 40, "both calls over")
            truth = {line["to"]: line for line in stack.truth()}
            served, lost = truth["+15557000"], truth["+15557999"]
            self.assertEqual((served["sip_final"], served["ended_by"]), (200, "callee"))
            self.assertTrue(any(heard["complete"] for heard in served["heard"]), served)
            self.assertEqual(served["rtp"]["lost"], 0)
            self.assertEqual(lost["sip_final"], 404)
            def look():
                calls = [call for call in stack.calls() if call["to"] == "+15557000" and call["state"] == "ended"]
                return calls[0] if calls else None
            call = stack.wait_until(look, 10, "the call in our books")
            self.assertEqual((call["direction"], call["sip_call_id"]), ("inbound", served["sip_call_id"]))
            talked = moment(served["ended_at"]) - moment(served["answered_at"])
            self.assertAlmostEqual(call["talk_ms"], talked, delta=300)
            recording = Recording(stack.audio(call["recording"]))
            self.assertAlmostEqual(recording.seconds * 1000, talked, delta=500)
            self.assertEqual(stack.stop(), [])


if __name__ == "__main__":
    unittest.main()
