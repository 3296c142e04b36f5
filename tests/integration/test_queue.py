"""Callers wait in inbound queues: three for one agent who is served in order, one who gives up, one whose time is up; and
control is killed while they wait. The carrier's phones judge: what each heard, and whose voice."""

import json
import sys
import unittest
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from books import moment  # noqa: E402
from campaigns import Floor  # noqa: E402
from scene import BUILD  # noqa: E402

SALES, NIGHT = "+15557001", "+15557002"
FIRST, GIVES_UP, LAST, LATE = "+12125550121", "+12125550122", "+12125550123", "+12125550124"
GREETING, MUSIC, GOODBYE = "welcome", "harbour", "parcel"
# seconds after the carrier's start: far enough apart that a busy machine keeps the order
ORDERS = [{"at": 1, "from": FIRST, "to": SALES, "talk": 300},
          {"at": 2, "from": LATE, "to": NIGHT, "talk": 300},
          {"at": 4, "from": GIVES_UP, "to": SALES, "talk": 40},
          {"at": 7, "from": LAST, "to": SALES, "talk": 300}]
RTP_GAP_MAX_MS = 600  # control is away for longer
TALK_MS = 3000
PATIENCE_S = 60


class Hall(Floor):
    """Two queues with a number each, all of it known before the first caller rings."""

    def start_carrier(self):
        self.trunk = super().put_trunk()["id"]
        prompts = {name: self.put_prompt(name)["id"] for name in (GREETING, MUSIC, GOODBYE)}
        self.sales = self.rest.post("/v1/queues", {
            "name": "sales", "greeting_prompt": prompts[GREETING], "music_prompt": prompts[MUSIC], "max_wait_s": 600,
            "wrap_up_s": 1})["id"]
        self.night = self.rest.post("/v1/queues", {
            "name": "night", "max_wait_s": 3, "overflow": {"type": "prompt", "prompt": prompts[GOODBYE]}})["id"]
        for number, queue in ((SALES, self.sales), (NIGHT, self.night)):
            self.rest.post("/v1/numbers", {"number": number, "trunk": self.trunk,
                                           "route": {"type": "queue", "queue": queue}})
        calls = self.folder / "calls"
        calls.write_text("".join(json.dumps({**order, "via": f"127.0.0.1:{self.sip_port}"}) + "\n" for order in ORDERS))
        self.carrier_options += ["--call", calls]
        super().start_carrier()

    def put_trunk(self, **more):
        return {"id": self.trunk}

    def queue(self, identifier):
        return self.ask(f"/v1/queues/{identifier}/live")

    def line(self):
        """Who waits for sales, first come first."""
        live = self.queue(self.sales)
        return [one["number"] for one in live["waiting"]] if live else None

    def wait_line(self, wanted, what):
        self.wait_until(lambda: self.line() == wanted, PATIENCE_S, what)

    def visit(self, number):
        found = [one for one in self.rest.all("/v1/attempts") if one["number"] == number]
        return found[0] if len(found) == 1 else None

    def talk_and_hang_up(self, number):
        """Once that caller has been joined, lets them talk a while and ends the call as a supervisor would."""
        def connected():
            visit = self.visit(number)
            return visit if visit and visit["connected_at"] else None
        visit = self.wait_until(connected, PATIENCE_S, f"{number} is joined to the agent")
        def talked():
            call = self.rest.get(f"/v1/calls/{visit['call']}")
            now = datetime.now(timezone.utc).timestamp() * 1000
            return call["queue_outcome"] is None and now - moment(visit["connected_at"]) > TALK_MS
        self.wait_until(talked, PATIENCE_S, f"{number} has talked")
        self.rest.post(f"/v1/calls/{visit['call']}/actions/hangup")


class QueueTest(unittest.TestCase):
    def test_callers_wait_are_served_in_order_and_give_up_or_overflow(self):
        with Hall(agents=1, build=BUILD, expect=[GREETING, MUSIC, GOODBYE]) as hall:
            hall.start()
            hall.wait_line([FIRST, GIVES_UP, LAST], "three wait in the order of their calls")
            hall.wait_line([FIRST, LAST], "one gave up")

            hall.kill9("control")
            hall.start_control()
            hall.wait_line([FIRST, LAST], "they are found again where they stood")

            agent = hall.rest.post("/v1/agents", {"name": "Ada", "endpoint": hall.phones[0].endpoint,
                                                  "queues": [hall.sales], "leg": "kept_up"})["id"]
            hall.rest.post(f"/v1/agents/{agent}/actions/log_in")
            hall.talk_and_hang_up(FIRST)
            hall.talk_and_hang_up(LAST)

            def over():
                sales, night = hall.queue(hall.sales), hall.queue(hall.night)
                done = sales and night and not any(live["waiting"] or live["talking"] for live in (sales, night))
                return (sales, night) if done and sales["answered"] == 2 and night["overflowed"] == 1 else None
            sales, night = hall.wait_until(over, PATIENCE_S, "all calls over")
            self.assertEqual((sales["answered"], sales["abandoned"], sales["overflowed"]), (2, 1, 0))
            self.assertEqual((night["answered"], night["abandoned"], night["overflowed"]), (0, 0, 1))
            hall.rest.post(f"/v1/agents/{agent}/actions/log_out")
            visits = {number: hall.visit(number) for number in (FIRST, GIVES_UP, LAST, LATE)}
            calls = {call["id"]: call for call in hall.calls()}
            self.assertEqual(hall.stop(), [])
            self.check_books(visits, calls, agent)
            self.check_truth(hall.truth())

    def check_books(self, visits, calls, agent):
        outcomes = {number: visit["outcome"] for number, visit in visits.items()}
        self.assertEqual(outcomes, {FIRST: "answered", GIVES_UP: "abandoned", LAST: "answered", LATE: "overflowed"})
        for number, visit in visits.items():
            call = calls[visit["call"]]
            self.assertEqual((call["queue_outcome"], call["queue"], call["direction"]),
                             (visit["outcome"], visit["queue"], "inbound"), call)
            self.assertEqual(visit["agent"], agent if visit["outcome"] == "answered" else None)
            self.assertAlmostEqual(call["waited_ms"], visit["waited_ms"], delta=10_000)  # by the engine's clock, and by the turn of the driver
        self.assertLess(moment(visits[FIRST]["connected_at"]), moment(visits[LAST]["connected_at"]))
        self.assertGreaterEqual(visits[LATE]["waited_ms"], 3000)

    def check_truth(self, truth):
        by_number = {line["from"]: line for line in truth if line.get("outgoing")}
        desk = [line for line in truth if line["behaviour"] == "agent"]
        self.assertEqual(len(desk), 1, "the agent's phone was called once and kept up")
        for number, line in by_number.items():
            self.assertEqual((line["sip_final"], line["rtp"]["lost"]), (200, 0), line)
            self.assertLess(line["rtp"]["gap_max_ms"], RTP_GAP_MAX_MS, line)  # nor while control was away
        def heard(number, message):
            return [one for one in by_number[number]["heard"] if one["name"] == message and one["complete"]]
        for number in (FIRST, GIVES_UP, LAST):
            self.assertEqual(len(heard(number, GREETING)), 1, by_number[number])
            self.assertGreaterEqual(len(heard(number, MUSIC)), 1, by_number[number])
            self.assertEqual(heard(number, GOODBYE), [])
        self.assertGreaterEqual(len(heard(FIRST, MUSIC)), 2, "the music begins again")
        self.assertEqual(len(heard(LATE, GOODBYE)), 1, by_number[LATE])
        self.assertEqual({number: line["ended_by"] for number, line in by_number.items()},
                         {FIRST: "callee", GIVES_UP: "carrier", LAST: "callee", LATE: "callee"})
        # who talked to whom: the two who were served heard the agent, and the agent heard them, one after the other
        voice = desk[0]["badge_hz"]
        for number, line in by_number.items():
            badges = {badge["hz"] for badge in line["badges_heard"]}
            self.assertEqual(badges, {voice} if number in (FIRST, LAST) else set(), line)
        order = []
        for badge in desk[0]["badges_heard"]:
            if not order or order[-1] != badge["hz"]:
                order.append(badge["hz"])
        self.assertEqual(order, [by_number[FIRST]["badge_hz"], by_number[LAST]["badge_hz"]])


if __name__ == "__main__":
    unittest.main()
