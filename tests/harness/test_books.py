"""The comparison must find what is wrong: each test breaks one thing in books that agree."""

import array
import io
import sys
import unittest
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from books import Bounds, compare  # noqa: E402
from single_calls import numbers  # noqa: E402
from stack import toml  # noqa: E402


def wav(seconds, left=3000, right=3000, channels=2):
    frames = array.array("h", [left, right][:channels] * int(8000 * seconds))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(frames.tobytes())
    return out.getvalue()


def person(number=1, **changes):
    call = {"id": f"call_{number}", "to": "+1", "state": "ended", "sip_call_id": f"c{number}", "sip_status": 200,
            "answered_at": "2026-01-01T00:00:02.000Z", "ended_at": "2026-01-01T00:00:12.000Z", "talk_ms": 10000,
            "ended_by": "plan", "digits": "", "verdict": "human", "verdict_latency_ms": 700, "recording": f"rec_{number}"}
    return {**call, **changes}


def truth(number=1, behaviour="person", **changes):
    heard = {"name": "parcel", "complete": True, "began_ms_after_beep": 200}
    line = {"sip_call_id": f"c{number}", "to": "+1", "behaviour": behaviour, "sip_final": 200, "acknowledged": True,
            "answered_at": "2026-01-01T00:00:02.005Z", "ended_at": "2026-01-01T00:00:12.010Z", "ended_by": "caller",
            "digits_sent": "", "heard": [heard], "rtp": {"in": 500, "lost": 0, "foreign": 0}}
    return {**line, **changes}


def faults(call, line, content=None, bounds=Bounds()):
    return compare([call], [line], lambda _: content if content is not None else wav(10), "parcel", bounds).faults


class BooksTest(unittest.TestCase):
    def assert_one(self, found, text):
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_books_that_agree_have_no_fault(self):
        self.assertEqual(faults(person(), truth()), [])

    def test_each_disagreement_is_named(self):
        self.assert_one(faults(person(sip_status=486), truth()), "SIP result")
        self.assert_one(faults(person(talk_ms=10400), truth()), "talk time")
        self.assert_one(faults(person(ended_by="peer"), truth()), "ended by the peer")
        self.assert_one(faults(person(digits="9"), truth()), "digits")
        self.assert_one(faults(person(state="answered"), truth()), "still answered")
        self.assert_one(faults(person(), truth(acknowledged=False)), "no ACK")
        self.assert_one(faults(person(), truth(rtp={"in": 500, "lost": 1, "foreign": 0})), "1 lost")

    def test_a_call_that_only_one_side_knows(self):
        self.assert_one(compare([person()], [], None, "parcel").faults, "never saw")
        self.assert_one(compare([], [truth()], None, "parcel").faults, "know nothing")

    def test_recordings_are_listened_to(self):
        self.assert_one(faults(person(recording=None), truth()), "no recording")
        self.assert_one(faults(person(), truth(), b"RIFF"), "not playable")
        self.assert_one(faults(person(), truth(), wav(10)[:-400]), "cut")
        self.assert_one(faults(person(), truth(), wav(9.4)), "against the time talked")
        self.assert_one(faults(person(), truth(), wav(10, left=0)), "called side")
        self.assert_one(faults(person(), truth(), wav(10, right=0)), "our side")
        self.assert_one(faults(person(), truth(), wav(10, channels=1)), "1 channels")

    def test_a_message_not_heard_is_a_fault_only_where_it_was_owed(self):
        silent = truth(heard=[])
        self.assert_one(faults(person(), silent, wav(10)), "not heard in full")
        self.assertEqual(faults(person(ended_by="peer"), {**silent, "ended_by": "carrier"}), [])
        self.assertEqual(faults(person(digits="9"), {**silent, "digits_sent": "9"}), [])
        books = compare([person(verdict="machine")], [silent], lambda _: wav(10), "parcel")
        self.assertEqual(books.faults, [])  # one confusion is within the bounds
        self.assertEqual(books.counts["message_lost_to_the_detector"], 1)
        self.assertEqual(books.counts["verdict_confused"], 1)

    def test_a_machine_must_hear_it_after_its_beep(self):
        early = [{"name": "parcel", "complete": True, "began_ms_after_beep": -900}]
        self.assertEqual(faults(person(verdict="machine"), truth(behaviour="machine")), [])
        self.assert_one(faults(person(verdict="machine"), truth(behaviour="machine", heard=early)), "not heard in full")

    def test_too_much_confusion_fails(self):
        calls = [person(i, verdict="machine") for i in range(10)]
        books = compare(calls, [truth(i) for i in range(10)], lambda _: wav(10), "parcel")
        self.assertTrue(any("confused" in fault for fault in books.faults))

    def test_demo_numbers_have_one_of_each_behaviour_and_no_two_alike(self):
        every = numbers(7, 50)
        self.assertEqual(len(set(every)), 50)
        self.assertEqual(sorted(number[9] for number in every if number[5:8] == "555"), list("12345678"))
        self.assertEqual(every, numbers(7, 50))

    def test_toml_tables_and_lists(self):
        self.assertEqual(toml({"a": {"b": 1, "c": "x"}, "d": [{"e": "f"}]}), '[a]\nb = 1\nc = "x"\n\n[[d]]\ne = "f"\n')


if __name__ == "__main__":
    unittest.main()
