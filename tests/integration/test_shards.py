"""An engine of three shards: agents' kept-up legs live on some, customers on others, and nobody hears the difference. Who
spoke to whom is told by the phones' badges; the books of engine, control and carrier must agree."""

import os
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from campaigns import Floor  # noqa: E402
from recording import Recording  # noqa: E402

BUILD = os.environ.get("CARILLON_BUILD", str(ROOT / "build/release"))
SHARDS, AGENTS, LEADS = 3, 4, 14
TALKERS = ["--answer-delay", "200-700", "--early-hang-up-rate", "0", "--patient-rate", "1", "--opt-out-rate", "0",
           "--press-one-rate", "0", "--talk", "2500-4000"]
AGENT_BADGES = range(3000, 3400)
SPEECH_DBM0_MIN = -50


class ShardsTest(unittest.TestCase):
    def test_customers_and_agents_of_different_shards_talk(self):
        with Floor(agents=AGENTS, build=BUILD, seed=5, calls_max=90, carrier_options=TALKERS, expect=["welcome"],
                   engine_sections={"engine": {"shards": SHARDS}}) as floor:
            floor.start()
            phones = [f"+1212555{100 + i:04d}" for i in range(LEADS)]  # 01xx: people
            leads = floor.put_list("shards", phones)
            campaign = floor.put_campaign("shards", "progressive", leads, detect=False, wrap_up_s=0,
                                          safe_harbour_prompt=floor.put_prompt("welcome")["id"])
            floor.seat_agents([campaign])
            floor.act(campaign, "start")
            floor.wait_finished([campaign], 90)
            books = floor.books(campaign)
            audio = {row.call["id"]: Recording(floor.rest.get_bytes(f"/v1/recordings/{row.recording['id']}/audio"))
                     for row in books.rows}
            floor.unseat_agents()
            self.assertEqual(floor.stop(), [])
            rows, truths = books.join(floor.truth()), floor.truth()

        self.assertEqual(len(rows), LEADS)
        served = set()
        for row in rows:
            call, truth = row.call, row.truth
            self.assertEqual((call["state"], call["sip_status"], truth["sip_final"]), ("ended", 200, 200), call)
            self.assertIsNotNone(row.attempt["agent"], row.attempt)
            self.assertEqual(truth["ended_by"], "carrier", truth)  # when they had talked as long as they liked
            heard = {badge["hz"] for badge in truth["badges_heard"]}
            self.assertEqual(len(heard), 1, truth)
            self.assertLessEqual(heard, set(AGENT_BADGES), truth)
            served |= heard
            self.assertEqual(truth["rtp"]["lost"], 0, truth)
            recorded = audio[call["id"]]
            self.assertEqual(recorded.channels, 2)
            self.assertGreater(recorded.level(0), SPEECH_DBM0_MIN, call)  # the customer
            self.assertGreater(recorded.level(1), SPEECH_DBM0_MIN, call)  # the agent
        agents = [truth for truth in truths if truth["behaviour"] == "agent"]
        self.assertEqual(len(agents), AGENTS)
        # each agent heard those customers who heard this agent's badge
        spoke_with = {agent["badge_hz"]: {badge["hz"] for badge in agent["badges_heard"]} for agent in agents}
        wanted = {agent["badge_hz"]: {row.truth["badge_hz"] for row in rows
                                      if row.truth["badges_heard"][0]["hz"] == agent["badge_hz"]} for agent in agents}
        self.assertEqual(spoke_with, wanted)
        self.assertGreater(len(served), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
