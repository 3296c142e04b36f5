"""Ten kill points in the middle of a broadcast and a predictive campaign with kept-up agents, judged from the carrier's log.

The seed is printed first; CARILLON_SEED=N replays its moments. tests/integration/kill_campaigns does a hundred."""

import json
import os
import random
import unittest

from scene import BUILD
from campaign_kill_judge import Judge
from campaign_kills import Kill, KillRun, Story

SEED = int(os.environ.get("CARILLON_SEED", random.SystemRandom().randrange(1, 1 << 31)))
POINTS = 10


class CampaignKillTest(unittest.TestCase):
    def test_ten_kill_points(self):
        print(f"seed {SEED}", flush=True)
        run = KillRun(BUILD, SEED, POINTS, say=lambda text: print(text, flush=True))
        try:
            judge = Judge(run.run())
            faults = judge.judge()
            print(json.dumps(judge.summary()), flush=True)
            self.assertEqual(faults, [])
            for count in ("talked_over_control_kills", "legs_over_control_kills", "outcome_connected",
                          "outcome_message_heard"):
                self.assertGreater(judge.counts[count], 0, count)
        except BaseException as error:
            run.close(error)
            raise
        run.close()


def line(to, began, ended, **more):
    def clock(second):
        return f"2026-01-01T00:00:{second:06.3f}Z"
    return {"to": to, "sip_call_id": f"{to}-{began}", "invite_at": clock(began), "answered_at": clock(began + 0.5),
            "ended_at": clock(ended), "ended_by": "carrier", "behaviour": "person", "rtp": {"gap_max_ms": 40}, **more}


class JudgeTest(unittest.TestCase):
    """The judge finds what it is there to find."""

    ZERO = 1767225600000.0  # 2026-01-01T00:00:00Z

    def judged(self, *truths, engine=(), control=()):
        story = Story(numbers={"a", "b"}, desks={"desk"}, unseated_at=self.ZERO + 50_000, over_at=self.ZERO + 51_000)
        story.kills = [Kill("engine", {"engine": self.ZERO + 1000 * at}, {"engine": self.ZERO + 1000 * at + 500})
                       for at in engine]
        story.kills += [Kill("control", {"control": self.ZERO + 1000 * at}) for at in control]
        story.truths = list(truths)
        return story

    def faults(self, method, *arguments, **story):
        judge = Judge(self.judged(*story.pop("truths"), **story))
        getattr(judge, method)(*arguments)
        return judge.faults

    def test_a_second_call_without_a_death_is_a_fault(self):
        twice = [line("a", 1, 5), line("a", 20, 25)]
        self.assertIn("no engine had died", self.faults("each_call_was_owed", "a", truths=twice)[0])
        self.assertIn("no engine had died", self.faults("each_call_was_owed", "a", truths=twice, control=[3])[0])
        self.assertEqual(self.faults("each_call_was_owed", "a", truths=twice, engine=[3]), [])
        self.assertIn("before the engine", self.faults("each_call_was_owed", "a", truths=[line("a", 1, 9), line("a", 4, 9)],
                                                       engine=[7])[0])

    def test_a_seat_ends_with_its_engine_or_its_agent(self):
        last = line("desk", 30, 50.2, ended_by="caller")
        self.assertEqual(self.faults("seat_was_kept", "desk", truths=[line("desk", 1, 59), last], engine=[25]), [])
        self.assertIn("no engine had died",
                      self.faults("seat_was_kept", "desk", truths=[line("desk", 1, 25), last], control=[25])[0])
        self.assertIn("not called again", self.faults("seat_was_kept", "desk", truths=[line("desk", 1, 59)], engine=[25])[0])
        self.assertIn("ended at", self.faults("seat_was_kept", "desk", truths=[line("desk", 1, 20)])[0])

    def test_a_call_that_nobody_ended_is_left_behind(self):
        self.assertIn("left behind", self.faults("nothing_is_left", truths=[line("a", 40, 55)])[0])
        self.assertEqual(self.faults("nothing_is_left", truths=[line("a", 40, 55)], engine=[45]), [])

    def test_silence_while_control_is_dead_is_a_fault(self):
        deaf = line("a", 1, 20, rtp={"gap_max_ms": 2000})
        self.assertTrue(any("heard nothing" in fault for fault in self.faults("talked_on", truths=[deaf], control=[5])))


if __name__ == "__main__":
    unittest.main(verbosity=2)
