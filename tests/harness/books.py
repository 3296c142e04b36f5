"""Joins the product's books (calls as the REST API shows them, recordings) with the carrier's truth, call by call.

A *fault* is a disagreement that must not be. What the detector got wrong is not a fault of the books: it is counted
honestly as missed or confused, bounded by `Bounds`, and the message that such a call lost is counted with it.
"""

import datetime
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from recording import Recording

KINDS = ("person", "machine", "busy", "no_answer", "fax", "sit", "congestion", "silence")
SPEAKING = ("person", "machine", "fax", "sit")

# verdicts that are right for each answered kind; anything else is a miss, and the pair below is the costly kind
RIGHT = {"person": {"human"}, "machine": {"machine", "beep"}, "fax": {"fax"}, "sit": {"sit"},
         "silence": {"silence", "not_sure"}}
COSTLY = {"person": {"machine", "beep", "fax"}, "machine": {"human"}}

TIME_TOLERANCE_MS = 300
RECORDING_TOLERANCE_MS = 500
BEEP_TOLERANCE_MS = 50  # a message may seem to begin so much before the beep's end: frames are 20 ms


@dataclass
class Bounds:
    """How much the detector may get wrong before the run fails, as shares of the people and machines that answered."""
    confused_share: float = 0.15
    missed_share: float = 0.35


@dataclass
class Books:
    faults: list = field(default_factory=list)  # sentences
    counts: Counter = field(default_factory=Counter)
    outcomes: Counter = field(default_factory=Counter)  # by behaviour
    confusion: dict = field(default_factory=lambda: defaultdict(Counter))  # behaviour → verdict → count
    verdict_latencies_ms: list = field(default_factory=list)


def moment(text):
    """Milliseconds since the epoch of an RFC 3339 time; None stays None."""
    if text is None:
        return None
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def talk_ms(truth):
    if truth["answered_at"] is None:
        return 0
    return moment(truth["ended_at"]) - moment(truth["answered_at"])


class _Call:
    """One call's two sides while they are compared."""

    def __init__(self, call, truth, books):
        self.call, self.truth, self.books = call, truth, books
        self.kind = truth["behaviour"]
        self.name = f"{call['id']} to {call['to']} ({self.kind})"

    def fault(self, text):
        self.books.faults.append(f"{self.name}: {text}")

    def same(self, what, ours, theirs):
        if ours != theirs:
            self.fault(f"{what}: ours {ours!r}, carrier's {theirs!r}")

    def signalling(self):
        call, truth = self.call, self.truth
        self.same("Call-ID", call["sip_call_id"], truth["sip_call_id"])
        self.same("SIP result", call["sip_status"], truth["sip_final"])
        self.same("answered", call["answered_at"] is not None, truth["answered_at"] is not None)
        if call["state"] != "ended":
            self.fault(f"still {call['state']}")
        if not truth["acknowledged"]:
            self.fault("the carrier's final answer got no ACK")
        if truth["answered_at"] is None or call["answered_at"] is None:
            return
        self.same("ended by the peer", call["ended_by"] == "peer", truth["ended_by"] == "carrier")
        if abs(call["talk_ms"] - talk_ms(truth)) > TIME_TOLERANCE_MS:
            self.fault(f"talk time: ours {call['talk_ms']} ms, carrier's {talk_ms(truth):.0f} ms")
        for what in ("answered_at", "ended_at"):
            apart = abs(moment(call[what]) - moment(truth[what]))
            if apart > TIME_TOLERANCE_MS:
                self.fault(f"{what}: {apart:.0f} ms apart")
        self.same("digits", call["digits"], truth["digits_sent"])
        if truth["rtp"]["lost"] or truth["rtp"]["foreign"]:
            self.fault(f"RTP: {truth['rtp']['lost']} lost, {truth['rtp']['foreign']} foreign")

    def is_too_short_to_judge(self):
        """The called side was gone, or pressed its key, before a verdict could be due."""
        return self.call.get("verdict") is None and (self.truth["ended_by"] == "carrier" or self.truth["digits_sent"])

    def verdict(self):
        """True when the detector was right enough for the message to be owed."""
        verdict, books = self.call.get("verdict"), self.books
        books.confusion[self.kind][verdict or "none"] += 1
        if self.call.get("verdict_latency_ms") is not None:
            books.verdict_latencies_ms.append(self.call["verdict_latency_ms"])
        if verdict in RIGHT[self.kind]:
            books.counts["verdict_right"] += 1
            return True
        if self.is_too_short_to_judge():
            books.counts["verdict_not_due"] += 1
            return False
        books.counts["verdict_missed"] += 1
        books.counts[f"verdict_missed_{self.kind}"] += 1
        if verdict in COSTLY.get(self.kind, ()):
            books.counts["verdict_confused"] += 1
        return False

    def cut_short_by_the_called_side(self):
        return self.truth["ended_by"] == "carrier" or self.truth["digits_sent"] != ""

    def message(self, name, verdict_was_right):
        """People hear the message in full; machines hear it in full after their beep."""
        if self.kind not in ("person", "machine"):
            return
        books = self.books
        whole = [heard for heard in self.truth["heard"] if heard["name"] == name and heard["complete"]]
        if self.kind == "machine":
            whole = [heard for heard in whole if heard["began_ms_after_beep"] >= -BEEP_TOLERANCE_MS]
        if whole:
            books.counts[f"message_in_full_{self.kind}"] += 1
        elif self.cut_short_by_the_called_side():
            books.counts["message_cut_by_called_side"] += 1
        elif not verdict_was_right:
            books.counts["message_lost_to_the_detector"] += 1
        else:
            self.fault(f"message not heard in full: {self.truth['heard']}")

    def recording(self, fetch):
        identifier = self.call.get("recording")
        if self.truth["answered_at"] is None:
            if identifier:
                self.fault("a recording of a call that was never answered")
            return
        if not identifier:
            self.fault("no recording")
            return
        try:
            recording = Recording(fetch(identifier))
        except ValueError as error:
            self.fault(f"recording: {error}")
            return
        self.books.counts["recordings"] += 1
        if (recording.channels, recording.rate, recording.width) != (2, 8000, 2):
            self.fault(f"recording: {recording.channels} channels, {recording.rate} Hz, {8 * recording.width} bits")
            return
        apart = recording.seconds * 1000 - talk_ms(self.truth)
        if abs(apart) > RECORDING_TOLERANCE_MS:
            self.fault(f"recording: {apart:+.0f} ms against the time talked")
        if self.kind in SPEAKING and recording.level(0) < -60:
            self.fault("recording: nothing of the called side in it")
        if self.truth["heard"] and recording.level(1) < -60:
            self.fault("recording: nothing of our side in it")


def compare(calls, truths, fetch_recording, message, bounds=Bounds()):
    """Compares `calls` with `truths`; `fetch_recording(id)` gives a WAV's bytes, `message` names the expected one."""
    books = Books()
    by_call_id = {truth["sip_call_id"]: truth for truth in truths}
    if len(by_call_id) != len(truths):
        books.faults.append("the carrier saw a Call-ID twice")
    for call in calls:
        books.counts["calls"] += 1
        truth = by_call_id.pop(call["sip_call_id"], None)
        if truth is None:
            books.faults.append(f"{call['id']} to {call['to']}: the carrier never saw it")
            continue
        pair = _Call(call, truth, books)
        books.outcomes[pair.kind] += 1
        books.counts["rtp_packets"] += truth["rtp"]["in"]
        pair.signalling()
        if truth["answered_at"] is not None:
            books.counts["answered"] += 1
            pair.message(message, pair.verdict())
        pair.recording(fetch_recording)
    for truth in by_call_id.values():
        books.faults.append(f"a call to {truth['to']} that we know nothing of")
    _apply(bounds, books)
    return books


def _apply(bounds, books):
    judged = sum(books.outcomes[kind] for kind in ("person", "machine"))
    for what, share in (("confused", bounds.confused_share), ("missed", bounds.missed_share)):
        most = max(1, math.ceil(share * judged))
        if books.counts[f"verdict_{what}"] > most:
            books.faults.append(f"detector: {books.counts[f'verdict_{what}']} {what} of {judged} people and machines, "
                                f"at most {most}")
