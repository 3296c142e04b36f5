"""Agents as people have them: phones that ring only when somebody is there, and listeners of a broadcast who ask for one.
Who spoke to whom is told by the carrier's badges."""

import unittest

from scene import BUILD, MESSAGE, PATIENT  # first: it says where the harness lies
from campaigns import Floor

PEOPLE = [f"+164655501{i:02d}" for i in range(10)]
TALK = ["--talk", "2000-4000"]


class AgentsTest(unittest.TestCase):
    def floor(self, *options, agents=2):
        patient = PATIENT[:PATIENT.index("--press-one-rate")] + PATIENT[PATIENT.index("--press-one-rate") + 2:]
        return Floor(agents=agents, build=BUILD, expect=[MESSAGE], carrier_options=[*patient, *TALK, *options])

    def run_to_the_end(self, floor, campaign):
        floor.act(campaign, "start")
        floor.wait_finished([campaign], 240)
        floor.unseat_agents()
        books = floor.books(campaign)
        self.assertEqual(floor.stop(), [])
        return books.join(floor.truth())

    def heard_agents(self, floor, rows):
        """Of each answered customer the badges it heard, all of them agents'."""
        desks = {line["badge_hz"] for line in floor.truth() if line["to"] not in PEOPLE and line.get("badge_hz")}
        heard = {}
        for row in rows:
            badges = {badge["hz"] for badge in row.truth["badges_heard"]}
            self.assertLessEqual(badges, desks, row.truth)
            heard[row.truth["to"]] = badges
        return heard

    def assert_connected_to_one_agent(self, floor, rows, least):
        """Whoever was connected heard one agent, and the others none. The detector may take a person for a machine."""
        heard = self.heard_agents(floor, rows)
        connected = [row for row in rows if row.attempt["outcome"] == "connected"]
        told = {row.truth["to"]: (row.attempt["outcome"], row.call["verdict"], heard[row.truth["to"]]) for row in rows}
        self.assertGreaterEqual(len(connected), least, told)
        for row in rows:
            self.assertEqual(len(heard[row.truth["to"]]), int(row in connected), told)
        return connected

    def test_a_phone_on_demand_rings_for_each_person(self):
        with self.floor() as floor:
            floor.start()
            leads = floor.put_list("people", PEOPLE)
            campaign = floor.put_campaign("drive", "progressive", leads, wrap_up_s=1)
            floor.seat_agents([campaign], leg="on_demand")
            rows = self.run_to_the_end(floor, campaign)
            self.assertEqual(sorted(row.truth["to"] for row in rows), PEOPLE)
            connected = self.assert_connected_to_one_agent(floor, rows, least=6)
            rings = [line for line in floor.truth() if line["to"] not in PEOPLE]
            self.assertEqual(len(rings), len(connected))
            self.assertEqual({line["to"] for line in rings}, {phone.user for phone in floor.phones}, "one phone took all")

    def test_a_listener_presses_a_digit_and_gets_an_agent(self):
        with self.floor("--press-one-rate", "1") as floor:
            floor.start()
            leads = floor.put_list("people", PEOPLE)
            campaign = floor.put_campaign("message", "broadcast", leads, prompt=floor.put_prompt(MESSAGE)["id"], agent_digit="1",
                                          repeat_digit="2", wrap_up_s=1, channels_max=2)
            floor.seat_agents([campaign])
            rows = self.run_to_the_end(floor, campaign)
            self.assertEqual(sorted(row.truth["to"] for row in rows), PEOPLE)
            self.assert_connected_to_one_agent(floor, rows, least=6)
            legs = [line for line in floor.truth() if line["to"] not in PEOPLE]
            self.assertEqual(len(legs), len(floor.phones), "a kept-up leg is called once")


if __name__ == "__main__":
    unittest.main()
