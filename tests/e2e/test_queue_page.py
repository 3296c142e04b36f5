"""An inbound queue on the pages: made by form, a caller seen waiting, served by an agent with a card."""

import json
import unittest

from scene import DONE_S, MESSAGE, ConsoleTest  # first: it says where the harness lies

NUMBER, CALLER = "+12125550123", "+12125550177"


class QueueTest(ConsoleTest):
    def test_a_caller_waits_in_sight_and_is_served(self):
        page = self.open("/")
        self.sign_in(page)
        self.add_trunk(page)
        self.add_message(page)
        queue = self.create_queue(page)
        order = {"at": 0.5, "from": CALLER, "to": NUMBER, "via": f"127.0.0.1:{self.stack.sip_port}", "talk": 300}
        (self.stack.folder / "calls").write_text(json.dumps(order) + "\n")
        self.stack.carrier_options += ["--call", self.stack.folder / "calls"]
        agent = self.create_agent(page, f"#a_queues input[value={queue}]")
        page.click("text=Queues")
        page.wait_text("#waiting", CALLER)
        live = self.rest(f"/queues/{queue}/live")
        self.assertEqual([(one["number"], one["position"]) for one in live["waiting"]], [(CALLER, 1)])
        self.shot(page, "40-caller-waits")
        page.click("text=Agents")
        desk = self.log_in(page, agent, becomes="talking")
        page.click("text=Queues")
        page.wait_text("#waiting", "Nobody waits")
        attempt = self.serve(desk, agent)
        self.assertEqual((attempt["number"], attempt["disposition"], attempt["agent"]), (CALLER, "interested", agent))
        page.wait_text("#queues td[data-label^=Served]", "1 / 0 / 0")
        self.shot(page, "41-served")
        self.assertEqual(self.rest(f"/queues/{queue}/live")["answered"], 1)
        truth = self.stack.wait_until(lambda: [line for line in self.stack.truth() if line["to"] == NUMBER], DONE_S, "the caller's truth")
        self.assertEqual((truth[0]["sip_final"], truth[0]["ended_by"]), (200, "callee"))  # our side
        self.assert_clean(**{"/": [422]})

    def create_queue(self, page):
        page.click("text=Queues")
        page.wait_text("#queues", "No queue yet")
        page.fill("#q_name", "help line")
        page.fill("#q_number", NUMBER)
        page.choose("#q_trunk", "carrier")
        page.choose("#q_music", MESSAGE)
        page.click("text=Create queue")
        page.wait_text("#queues", "help line")
        page.wait_text("#queues", NUMBER)
        queue = self.rest("/queues")["data"][0]
        self.assertEqual(self.rest("/numbers")["data"][0]["route"], {"type": "queue", "queue": queue["id"]})
        return queue["id"]

    def serve(self, desk, agent):
        desk.wait_text("#status", "talking")
        desk.wait_text("#card_phone", CALLER)
        desk.wait_text("#card_campaign", "help line")
        current = self.rest(f"/agents/{agent}")["current"]
        desk.click("#hang_up")
        desk.wait_text("#status", "wrap up")
        desk.click(".chip:has([value=interested])")
        desk.click("text=Save and take a break")
        desk.wait_text("#seat_say", "Saved for")
        desk.click("#log_out")
        desk.wait_text("#status", "offline")
        return self.rest(f"/attempts/{current['attempt']}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
