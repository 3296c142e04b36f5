"""The judge of campaigns must find what is wrong: each test breaks one thing in books that agree."""

import copy
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from campaign_books import judge  # noqa: E402
from campaign_demo import strangers  # noqa: E402
from campaigns import CampaignBooks, Row, csv_of, numbers  # noqa: E402
from test_books import wav  # noqa: E402

PHONES = {"agent_1": "desk01", "agent_2": "desk02"}


def at(second):
    return f"2026-01-01T00:00:{second:06.3f}Z"


class Scene:
    """One campaign whose books agree; a test changes them, then judges."""

    def __init__(self, mode):
        self.books = CampaignBooks({"name": mode, "mode": mode}, [], [])
        self.truths = [self.agent("desk01", 3000), self.agent("desk02", 3020)]
        self.content = wav(10)

    def agent(self, user, hz):
        return {"sip_call_id": user, "to": user, "behaviour": "agent", "badge_hz": hz, "badges_heard": []}

    def add(self, behaviour, outcome, verdict="human", heard=(), agent=None, digits="", status=200):
        n = len(self.books.rows)
        answered = at(2) if status == 200 else None
        call = {"id": f"call_{n}", "to": f"+1{n}", "state": "ended", "sip_call_id": f"c{n}", "sip_status": status,
                "answered_at": answered, "ended_at": at(12), "talk_ms": 10000 if answered else 0,
                "ended_by": "plan", "digits": digits, "verdict": verdict, "verdict_latency_ms": 2000, "marks": []}
        cdr = {**call, "call": call["id"], "verdict": verdict or ""}
        attempt = {"id": f"att_{n}", "lead": f"lead_{n}", "number": f"+1{n}", "state": "settled", "outcome": outcome,
                   "answered_at": answered, "ended_at": at(12), "verdict": verdict, "agent": agent, "call": call["id"]}
        recording = {"id": f"rec_{n}", "call": call["id"], "state": "ready"} if answered else None
        self.books.leads.append({"id": f"lead_{n}", "state": "done", "attempts": 1, "last_outcome": outcome})
        self.books.rows.append(Row(attempt, call, cdr, recording))
        line = {"sip_call_id": f"c{n}", "to": f"+1{n}", "behaviour": behaviour, "sip_final": status, "acknowledged": True,
                "answered_at": answered, "ended_at": at(12), "ended_by": "caller", "digits_sent": digits,
                "heard": [{"name": name, "complete": True, "began_ms_after_beep": 200} for name in heard],
                "badge_hz": None, "badges_heard": [], "rtp": {"in": 500, "lost": 0, "foreign": 0}}
        self.truths.append(line)
        return self.books.rows[-1], line

    def add_meeting(self):
        row, line = self.add("person", "connected", agent="agent_1")
        line.update(badge_hz=2640, badges_heard=[{"hz": 3000, "from": at(4.1), "until": at(11)}])
        self.truths[0]["badges_heard"].append({"hz": 2640, "from": at(4.4), "until": at(11)})
        return row, line

    def add_abandoned(self, outcome="abandoned"):
        row, line = self.add("person", outcome, heard=["harbour"], digits="9" if outcome == "opted_out" else "")
        row.call["marks"] = [{"mark": "person", "at": at(4)}, {"mark": "safe_harbour", "at": at(6)}]
        return row, line

    def judge(self):
        self.books.join(self.truths)
        return judge(self.books, self.truths, PHONES, lambda _: self.content, "parcel", "harbour")


def broadcast():
    scene = Scene("broadcast")
    scene.add("person", "message_heard", heard=["parcel"])
    scene.add("machine", "message_left", verdict="machine", heard=["parcel"])
    scene.add("busy", "busy", verdict=None, status=486)
    return scene


def predictive():
    scene = Scene("predictive")
    scene.add_meeting()
    scene.add("machine", "machine", verdict="machine")
    return scene


class CampaignBooksTest(unittest.TestCase):
    def assert_fault(self, scene, text):
        found = scene.judge().faults
        self.assertTrue(any(text in fault for fault in found), f"{text!r} not in {found}")

    def test_books_that_agree_have_no_fault(self):
        for scene in (broadcast(), predictive()):
            self.assertEqual(scene.judge().faults, [])
        told, met = broadcast().judge(), predictive().judge()
        self.assertEqual((told.counts["heard_people"], told.counts["heard_machines"], told.counts["served"]), (1, 1, 1))
        self.assertEqual((met.counts["bridged"], met.agent_audio_ms), (1, [100.0]))
        self.assertEqual(told.summary()["outcomes"], {"busy": 1, "message_heard": 1, "message_left": 1})

    def test_each_book_is_held_against_the_others(self):
        for book, field, value, text in (
                ("call", "sip_status", 486, "SIP result"), ("cdr", "sip_status", 486, "CDR's and call's sip_status"),
                ("cdr", "talk_ms", 9000, "CDR's and call's talk_ms"), ("cdr", "verdict", "machine", "CDR's and call's verdict"),
                ("attempt", "verdict", "machine", "attempt's and call's verdict"), ("attempt", "state", "dialing", "state"),
                ("attempt", "number", "+9", "attempt's number"), ("truth", "sip_final", 486, "SIP result"),
                ("truth", "digits_sent", "9", "digits"), ("truth", "ended_by", "carrier", "ended by the called side"),
                ("truth", "acknowledged", False, "ACK"), ("truth", "ended_at", at(14), "talk time"),
                ("truth", "rtp", {"in": 1, "lost": 3, "foreign": 0}, "3 lost")):
            with self.subTest(book=book, field=field):
                scene = broadcast()
                target = scene.truths[2] if book == "truth" else getattr(scene.books.rows[0], book)
                target[field] = value
                self.assert_fault(scene, text)

    def test_what_is_missing_in_a_book_is_named(self):
        for book in ("call", "cdr"):
            scene = broadcast()
            setattr(scene.books.rows[0], book, None)
            self.assert_fault(scene, f"no {book}")
        scene = broadcast()
        del scene.truths[2]
        self.assert_fault(scene, "no truth")
        scene = broadcast()
        scene.books.rows[0].recording = None
        self.assert_fault(scene, "recording: None")

    def test_recordings_must_play_and_hold_both_sides(self):
        for content, text in ((b"RIFF", "not playable"), (wav(5), "against the time talked"),
                              (wav(10, left=0), "nothing of the called side"), (wav(10, right=0), "nothing of our side")):
            scene = broadcast()
            scene.content = content
            self.assert_fault(scene, text)

    def test_an_outcome_is_what_was_heard(self):
        scene = broadcast()
        scene.truths[2]["heard"] = []
        self.assert_fault(scene, "message not heard in full")
        scene = broadcast()
        scene.truths[3]["heard"][0]["began_ms_after_beep"] = -900
        self.assert_fault(scene, "message not heard in full")
        for book in ("attempt", "call", "cdr"):  # taken for a person: the detector's fault, not that of the books
            getattr(scene.books.rows[1], book)["verdict"] = "human"
        self.assertEqual(scene.judge().faults, ["nothing counted: heard_machines"])
        self.assertEqual(scene.judge().counts["played_into_greeting"], 1)
        scene = broadcast()
        scene.books.rows[2].attempt["outcome"] = "no_answer"
        self.assert_fault(scene, "not the outcome of such a call")
        scene = broadcast()
        scene.add("person", "message_heard", heard=["parcel", "harbour"])
        self.assert_fault(scene, "heard the harbour message")
        scene = predictive()
        scene.add_abandoned()[0].call["marks"].pop()
        self.assert_fault(scene, "heard the harbour message")

    def test_a_bridge_is_judged_at_both_ends(self):
        scene = predictive()
        scene.truths[2]["badges_heard"][0]["hz"] = 3020
        self.assert_fault(scene, "agent's badge")
        scene = predictive()
        scene.truths[2]["badges_heard"] = []
        self.assert_fault(scene, "agent's badge")
        scene = predictive()
        scene.truths[0]["badges_heard"] = []
        self.assert_fault(scene, "never heard this person's 2640 Hz")
        scene = predictive()
        scene.truths[0]["badges_heard"][0]["from"] = at(9)
        self.assert_fault(scene, "never heard this person's 2640 Hz")
        scene = predictive()
        scene.truths[3]["badges_heard"] = copy.deepcopy(scene.truths[2]["badges_heard"])
        self.assert_fault(scene, "an agent was heard in a call that was not connected")

    def test_every_lead_is_accounted_for(self):
        for field, value in (("state", "in_hand"), ("attempts", 2), ("last_outcome", "busy"), ("last_outcome", None)):
            scene = broadcast()
            scene.books.leads[0][field] = value
            self.assert_fault(scene, "lead_0 is")
        scene = broadcast()
        scene.books.leads.append({"id": "lead_9", "state": "pending", "attempts": 0, "last_outcome": None})
        self.assert_fault(scene, "outcomes do not sum to 4 leads")

    def test_people_must_be_served(self):
        scene = predictive()
        for _ in range(8):
            scene.add_meeting()
        scene.add("person", "machine", verdict="machine")
        self.assertEqual(scene.judge().faults, [])
        scene.add("person", "machine", verdict="machine")
        self.assert_fault(scene, "lost by the detector: 2")
        self.assertEqual(scene.judge().summary()["people_lost_by_the_detector_share"], round(2 / 11, 4))

    def test_abandonment_is_bounded(self):
        scene = predictive()
        for _ in range(60):
            scene.add_meeting()
        for outcome in ("abandoned", "opted_out"):
            scene.add_abandoned(outcome)
        self.assertEqual(scene.judge().faults, [])
        scene.add_abandoned()
        self.assert_fault(scene, "3 of 64 people abandoned")

    def test_a_harbour_message_that_nobody_stayed_for_need_not_be_heard(self):
        scene = predictive()
        row, line = scene.add("person", "abandoned")
        self.assert_fault(scene, "without hearing the harbour message")
        line["ended_by"], row.call["ended_by"], row.cdr["ended_by"] = "carrier", "peer", "peer"
        row.call["marks"] = [{"mark": "person", "at": at(4)}, {"mark": "safe_harbour", "at": at(11.5)}]
        self.assertEqual([fault for fault in scene.judge().faults if "harbour" in fault], [])
        row.call["marks"][1]["at"] = at(9)
        self.assert_fault(scene, "without hearing the harbour message")

    def test_nothing_counted_is_a_fault(self):
        scene = Scene("predictive")
        scene.add("busy", "busy", verdict=None, status=486)
        self.assert_fault(scene, "nothing counted: bridged")

    def test_calls_of_nobody_are_found(self):
        truths = [{"sip_call_id": "a", "to": "+1"}, {"sip_call_id": "b", "to": "+2"}, {"sip_call_id": "a", "to": "+1"}]
        self.assertEqual(strangers(truths, [{"sip_call_id": "a"}]), ["a call to +2 that we know nothing of",
                                                                     "the carrier saw a twice"])

    def test_lists_are_drawn_without_repetition(self):
        drawn = numbers("212", 5000, 3)
        self.assertEqual((len(set(drawn)), drawn), (5000, numbers("212", 5000, 3)))
        self.assertEqual(csv_of(drawn[:2]).decode().splitlines()[1], f"Lead 0,{drawn[0]},key-0,shop 0")


if __name__ == "__main__":
    unittest.main()
