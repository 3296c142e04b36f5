"""Judges a campaign: its leads, attempts, calls, CDRs and recordings against the carrier's truth, call by call.

A *fault* is a disagreement that must not be. What the detector got wrong is no fault of the books: it is counted, and
bounded by the share of people who were served (`served_share_min`)."""

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from books import RIGHT, SPEAKING, BEEP_TOLERANCE_MS, moment, talk_ms
from recording import Recording

TIME_TOLERANCE_MS = 1000      # our clock readings against the carrier's: both are late when the machine is
RECORDING_TOLERANCE_MS = 1000
MEETING_TOLERANCE_MS = 3000   # the person hears the agent, talks back, and the agent hears that: at most so much later
KNOWN_AGAIN_MS = 1000         # the carrier knows a message again by so much of it
SERVED_SHARE_MIN = 0.9
ABANDON_CAP = 0.03

# outcomes that are right for a call of each kind; which of several it is depends on what was heard
OUTCOMES = {"busy": {"busy"}, "no_answer": {"no_answer"}, "congestion": {"congestion"}, "fax": {"fax"},
            "sit": {"invalid_number"}}


@dataclass
class Verdicts:
    """What became of one campaign."""
    name: str
    leads: int = 0
    faults: list = field(default_factory=list)  # sentences
    counts: Counter = field(default_factory=Counter)
    kinds: Counter = field(default_factory=Counter)  # by behaviour
    lead_outcomes: Counter = field(default_factory=Counter)
    confusion: dict = field(default_factory=lambda: defaultdict(Counter))  # behaviour → verdict → count
    verdict_ms: list = field(default_factory=list)      # answer → verdict
    agent_audio_ms: list = field(default_factory=list)  # verdict → the person hears the agent

    def share(self, count, of):
        return round(self.counts[count] / self.counts[of], 4) if self.counts[of] else None

    def summary(self):
        """For people and for JSON."""
        def median(values):
            return round(statistics.median(values)) if values else None
        counts = self.counts
        return {
            "leads": self.leads, "outcomes": dict(sorted(self.lead_outcomes.items())),
            "attempts": counts["attempts"], "answered": counts["answered"],
            "people": counts["people"], "machines": counts["machines"],
            "messages_heard_in_full": {"people": counts["heard_people"], "machines": counts["heard_machines"]},
            "messages_played_into_a_greeting": counts["played_into_greeting"],
            "opted_out": counts["opted_out"], "bridged": counts["bridged"],
            "people_served_share": self.share("served", "people"),
            "people_mistaken_by_the_detector_share": self.share("mistaken", "people"),
            "people_lost_by_the_detector_share": self.share("lost_by_detector", "people"),
            "people_who_hung_up_first": counts["hung_up_first"],
            "abandoned": counts["abandoned"], "abandoned_share": self.share("abandoned", "people"),
            "recordings": {"written": counts["recordings"], "playable": counts["playable"]},
            "verdicts": {kind: dict(found) for kind, found in sorted(self.confusion.items())},
            "answer_to_verdict_ms_median": median(self.verdict_ms),
            "verdict_to_agent_audio_ms_median": median(self.agent_audio_ms),
        }


class AgentsEars:
    """Whose badge each agent's phone wears, and whom it heard when: from the carrier's lines of agents' phones."""

    def __init__(self, phones, truths):
        """phones: {agent id: user of its phone}."""
        self.badge, self.heard = {}, defaultdict(list)
        agents = {user: agent for agent, user in phones.items()}
        for truth in truths:
            if truth["behaviour"] != "agent" or truth["to"] not in agents:
                continue
            agent = agents[truth["to"]]
            self.badge[agent] = truth["badge_hz"]
            self.heard[agent] += [(one["hz"], moment(one["from"])) for one in truth["badges_heard"]]

    def has_heard(self, agent, hz, after):
        return any(one == hz and -TIME_TOLERANCE_MS <= at - after <= MEETING_TOLERANCE_MS for one, at in self.heard[agent])


class _Attempt:
    """One attempt in all books while they are compared."""

    def __init__(self, row, verdicts, ears):
        self.attempt, self.call, self.cdr, self.truth = row.attempt, row.call, row.cdr, row.truth
        self.held = row.recording
        self.verdicts, self.ears = verdicts, ears
        self.kind = self.truth["behaviour"]
        self.name = f"{self.attempt['id']} to {self.attempt['number']} ({self.kind}, {self.attempt['outcome']})"

    def fault(self, text):
        self.verdicts.faults.append(f"{self.name}: {text}")

    def same(self, what, ours, theirs):
        if ours != theirs:
            self.fault(f"{what}: {ours!r} here, {theirs!r} there")

    def count(self, name):
        self.verdicts.counts[name] += 1

    # the three books

    def own_books(self):
        """Control's attempt and call, and the engine's CDR."""
        attempt, call, cdr = self.attempt, self.call, self.cdr
        self.same("attempt's number", attempt["number"], call["to"])
        for what in ("answered_at", "ended_at", "verdict"):
            self.same(f"attempt's and call's {what}", attempt.get(what), call.get(what))
        for what in ("sip_status", "talk_ms", "sip_call_id", "ended_by", "answered_at", "ended_at", "digits"):
            self.same(f"CDR's and call's {what}", cdr.get(what) or None, call.get(what) or None)
        self.same("CDR's and call's verdict", cdr.get("verdict") or None, call.get("verdict") or None)

    def signalling(self):
        call, truth = self.call, self.truth
        self.same("SIP result", call["sip_status"], truth["sip_final"])
        self.same("called number", call["to"], truth["to"])
        self.same("answered", call["answered_at"] is not None, truth["answered_at"] is not None)
        self.same("state", (self.attempt["state"], call["state"]), ("settled", "ended"))
        if not truth["acknowledged"]:
            self.fault("the carrier's final answer got no ACK")
        if truth["answered_at"] is None or call["answered_at"] is None:
            return
        self.same("ended by the called side", call["ended_by"] == "peer", truth["ended_by"] == "carrier")
        for what in ("answered_at", "ended_at"):
            apart = abs(moment(call[what]) - moment(truth[what]))
            if apart > TIME_TOLERANCE_MS:
                self.fault(f"{what}: {apart:.0f} ms apart")
        if abs(call["talk_ms"] - talk_ms(truth)) > TIME_TOLERANCE_MS:
            self.fault(f"talk time: {call['talk_ms']} ms here, {talk_ms(truth):.0f} ms there")
        self.same("digits", call["digits"], truth["digits_sent"])
        if truth["rtp"]["lost"] or truth["rtp"]["foreign"]:
            self.fault(f"RTP: {truth['rtp']['lost']} lost, {truth['rtp']['foreign']} foreign")

    def recording(self, fetch):
        truth = self.truth
        if truth["answered_at"] is None:
            return self.same("recording of an unanswered call", self.held, None)
        if self.held is None or self.held["state"] != "ready":
            return self.fault(f"recording: {self.held}")
        self.count("recordings")
        try:
            recording = Recording(fetch(self.held["id"]))
        except ValueError as error:
            return self.fault(f"recording: {error}")
        if (recording.channels, recording.rate, recording.width) != (2, 8000, 2):
            return self.fault(f"recording: {recording.channels} channels, {recording.rate} Hz, {recording.width} bytes")
        apart = recording.seconds * 1000 - talk_ms(truth)
        if abs(apart) > RECORDING_TOLERANCE_MS:
            self.fault(f"recording: {apart:+.0f} ms against the time talked")
        if self.kind in SPEAKING and recording.level(0, every=7) < -60:
            self.fault("recording: nothing of the called side in it")
        if (truth["heard"] or truth["badges_heard"]) and recording.level(1, every=7) < -60:
            self.fault("recording: nothing of our side in it")
        self.count("playable")

    # what the person or machine heard

    def played(self, message):
        """Playings of it from the first word to the last."""
        return [one for one in self.truth["heard"] if one["name"] == message and one["complete"]]

    def whole(self, message):
        """Those that somebody could hear: a machine records from its beep on."""
        return [one for one in self.played(message)
                if self.kind != "machine" or one["began_ms_after_beep"] >= -BEEP_TOLERANCE_MS]

    def verdict_is_right(self):
        return self.call.get("verdict") in RIGHT[self.kind]

    def detector(self):
        verdict = self.call.get("verdict")
        self.verdicts.confusion[self.kind][verdict or "none"] += 1
        if self.call.get("verdict_latency_ms") is not None and verdict is not None:
            self.verdicts.verdict_ms.append(self.call["verdict_latency_ms"])

    def meeting(self):
        """connected: this person heard this agent and nobody else, and the agent heard the person; else nobody."""
        truth, agent = self.truth, self.attempt.get("agent")
        badges = {one["hz"] for one in truth["badges_heard"]}
        if self.attempt["outcome"] != "connected":
            return self.same("an agent was heard in a call that was not connected", badges, set())
        if agent not in self.ears.badge:
            return self.fault(f"connected to {agent}, whose phone the carrier does not know")
        began = moment(truth["badges_heard"][0]["from"]) if badges else None
        self.same("agent's badge", badges, {self.ears.badge[agent]})
        if began is None:
            return None
        if not self.ears.has_heard(agent, truth["badge_hz"], began):
            return self.fault(f"{agent} never heard this person's {truth['badge_hz']} Hz")
        self.count("bridged")
        if self.call.get("verdict_latency_ms") is not None:
            answered = moment(truth["answered_at"])
            self.verdicts.agent_audio_ms.append(began - answered - self.call["verdict_latency_ms"])
        return True

    def heard_any(self, message):
        return any(one["name"] == message for one in self.truth["heard"])

    def harbour_message(self, outcome, is_heard):
        """Who is abandoned hears it, unless gone within its first words, too few to be known again. Who hears it may
        still opt out, or get an agent whose bridge crossed it; nobody hears it whom the engine did not tell of."""
        began = [moment(mark["at"]) for mark in self.call["marks"] if mark["mark"] == "safe_harbour"]
        if outcome == "abandoned" and not is_heard:
            stayed = not began or moment(self.truth["ended_at"]) - began[0] >= KNOWN_AGAIN_MS
            if stayed or self.truth["ended_by"] != "carrier":
                self.fault("abandoned without hearing the harbour message")
        if is_heard and (not began or outcome not in ("abandoned", "opted_out", "connected")):
            self.fault("heard the harbour message")

    def outcome(self, message, harbour):
        """What we say came of it, against what was heard and done there."""
        truth, outcome = self.truth, self.attempt["outcome"]
        if truth["answered_at"] is None:
            if outcome not in OUTCOMES.get(self.kind, ()):
                self.fault("not the outcome of such a call")
            return
        if self.kind in OUTCOMES and self.verdict_is_right() and outcome not in OUTCOMES[self.kind]:
            self.fault("not the outcome of such a call")
        self.same("opted out", outcome == "opted_out", "9" in truth["digits_sent"])
        self.harbour_message(outcome, self.heard_any(harbour))
        told = outcome in ("message_heard", "message_left")
        if told and not (self.whole(message) if self.verdict_is_right() else self.played(message)):
            self.fault(f"message not heard in full: {truth['heard']}")
        if self.played(message) and not told and outcome not in ("opted_out", "message_cut"):
            self.fault("message heard in full")

    def served(self, message, harbour, is_met):
        """Counts people, machines, and what they got."""
        if self.kind == "machine":
            self.count("machines")
            if self.whole(message):
                self.count("heard_machines")
            elif self.played(message):
                self.count("played_into_greeting")
        if self.kind != "person":
            return
        self.count("people")
        outcome, is_heard = self.attempt["outcome"], bool(self.whole(message))
        for name, holds in (("heard_people", is_heard), ("opted_out", outcome == "opted_out"),
                            ("abandoned", outcome == "abandoned" or self.heard_any(harbour))):
            if holds:
                self.count(name)
        is_mistaken = self.call.get("verdict") not in (None, "human", "not_sure")
        if is_mistaken:
            self.count("mistaken")
        if is_met or is_heard or outcome == "opted_out":
            self.count("served")  # one taken for a machine may stay on the line until the message comes all the same
        elif is_mistaken:
            self.count("lost_by_detector")
        elif self.truth["ended_by"] == "carrier":
            self.count("hung_up_first")


def judge(books, truths, phones, fetch, message=None, harbour=None):
    """Compares one campaign's joined books with the carrier's truth. Returns its Verdicts.

    phones: {agent id: user of its phone}; fetch(recording id): bytes, or raises ValueError; message, harbour: names of
    the prompts as the carrier knows them."""
    verdicts = Verdicts(books.campaign["name"], leads=len(books.leads))
    ears = AgentsEars(phones, truths)
    for row in books.rows:
        verdicts.counts["attempts"] += 1
        missing = [name for name in ("call", "cdr", "truth") if getattr(row, name) is None]
        if missing:
            verdicts.faults.append(f"{row.attempt['id']} to {row.attempt['number']}: no {', no '.join(missing)}")
            continue
        one = _Attempt(row, verdicts, ears)
        verdicts.kinds[one.kind] += 1
        one.own_books()
        one.signalling()
        one.recording(fetch)
        is_met = None
        if row.truth["answered_at"] is not None:
            verdicts.counts["answered"] += 1
            one.detector()
            is_met = one.meeting()
            one.served(message, harbour, is_met)
        one.outcome(message, harbour)
    _leads(books, verdicts)
    _bounds(books.campaign["mode"], verdicts)
    return verdicts


def _leads(books, verdicts):
    """Every lead is done, by as many attempts as the books have; their outcomes sum to the leads."""
    tried, last = Counter(), {}
    for row in books.rows:
        tried[row.attempt["lead"]] += 1
        last[row.attempt["lead"]] = row.attempt["outcome"]
    for lead in books.leads:
        verdicts.lead_outcomes[lead["last_outcome"]] += 1
        if lead["state"] != "done" or lead["attempts"] != tried[lead["id"]] or lead["last_outcome"] != last.get(lead["id"]):
            verdicts.faults.append(f"{lead['id']} is {lead['state']} after {lead['attempts']} attempts "
                                   f"({lead['last_outcome']}); attempts in the books: {tried[lead['id']]} "
                                   f"({last.get(lead['id'])})")
    if sum(count for outcome, count in verdicts.lead_outcomes.items() if outcome) != verdicts.leads:
        verdicts.faults.append(f"outcomes do not sum to {verdicts.leads} leads: {dict(verdicts.lead_outcomes)}")


def _bounds(mode, verdicts):
    counts = verdicts.counts
    share = verdicts.share("served", "people")
    if share is not None and share < SERVED_SHARE_MIN:
        verdicts.faults.append(f"only {share:.1%} of {counts['people']} people were served; lost by the detector: "
                               f"{counts['lost_by_detector']}, hung up first: {counts['hung_up_first']}")
    if counts["abandoned"] > ABANDON_CAP * counts["people"] + 1:
        verdicts.faults.append(f"{counts['abandoned']} of {counts['people']} people abandoned")
    owed = ["attempts", "answered", "people", "machines", "served", "recordings", "playable"]
    owed += ["heard_people", "heard_machines"] if mode == "broadcast" else ["bridged"]
    verdicts.faults += [f"nothing counted: {name}" for name in owed if counts[name] == 0]
