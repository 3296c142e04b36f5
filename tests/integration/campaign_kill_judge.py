"""Judges a campaign_kills.Story. The carrier's log is the judge of what was done to whom: our own data base is only asked
whether it tells the same. Pure."""

from collections import Counter, defaultdict

import scene  # noqa: F401  (puts tests/harness on the path)
from books import moment

SLACK_MS = 700        # what happened so shortly before a death may have died with it
ARRIVAL_MS = 200      # what was sent before a death may be seen so long after it
UNSENT_MS = 7000      # an intent that no engine took is given up after five seconds
GAP_MAX_MS = 1500      # of the sound, for whom control's death must not matter; a busy machine may hold it up, too
BUSY = {"busy": "busy", "congestion": "congestion"}  # behaviour → outcome, where a call was refused


class Line:
    """One call as the carrier saw it."""

    def __init__(self, truth, engine_kills):
        self.truth = truth
        self.to = truth["to"]
        self.began, self.answered, self.ended = (moment(truth[name]) for name in ("invite_at", "answered_at", "ended_at"))
        self.cuts = [at for at in engine_kills if self.began - ARRIVAL_MS <= at <= self.ended + SLACK_MS]
        if truth["ended_by"] == "caller":  # who hangs up lives
            self.cuts = [at for at in self.cuts if at >= self.ended - ARRIVAL_MS]
        self.name = f"{self.to} at {truth['invite_at']} ({truth['behaviour']})"

    def is_alive(self, at):
        return self.began < at < min([self.ended, *self.cuts])


class Judge:
    def __init__(self, story):
        self.story = story
        self.faults, self.counts = [], Counter()
        self.gap_max_ms = 0
        engine_kills = story.killed("engine")
        self.lines = [Line(truth, engine_kills) for truth in story.truths]
        self.by_number = defaultdict(list)
        for line in sorted(self.lines, key=lambda line: line.began):
            self.by_number[line.to].append(line)

    def fault(self, text):
        self.faults.append(text)

    def judge(self):
        """Sentences of what must not be; empty: all is well."""
        story = self.story
        for user in self.by_number:
            if user not in story.numbers and user not in story.desks:
                self.fault(f"a call to {user}, whom nobody asked for")
        for number in story.numbers:
            self.each_call_was_owed(number)
        for desk in story.desks:
            self.seat_was_kept(desk)
        for books, live in zip(story.campaigns, story.lives):
            self.books_balance(books, live)
        self.nobody_hears_nothing()
        self.joined()
        self.talked_on()
        self.nothing_is_left()
        self.went_on()
        return self.faults

    # ---- the carrier alone

    def each_call_was_owed(self, number):
        """A number is called again only when an engine died under the call before."""
        lines = self.by_number[number]
        for before, after in zip(lines, lines[1:]):
            if not before.cuts:
                self.fault(f"{before.name} was called again at {after.truth['invite_at']} though no engine had died")
            elif after.began < min(before.cuts):
                self.fault(f"{before.name} was called again before the engine died")
        self.counts["calls"] += len(lines)
        self.counts["calls_cut"] += sum(bool(line.cuts) for line in lines)

    def nobody_hears_nothing(self):
        for line in self.lines:
            if line.truth["media_lost"] and not line.cuts:
                self.fault(f"{line.name} heard nothing any more though no engine had died")

    def seat_was_kept(self, desk):
        """A leg ends with its engine or when its agent goes home; never with control."""
        lines = self.by_number[desk]
        self.counts["legs"] += len(lines)
        if not lines:
            return self.fault(f"{desk} was never called")
        for line in lines[:-1]:
            if not line.cuts:
                self.fault(f"the leg to {line.name} ended at {line.truth['ended_at']} though no engine had died")
        last = lines[-1]
        if last.cuts:
            self.fault(f"{desk} was not called again after the engine's last death")
        elif last.truth["ended_by"] != "caller" or not self.story.unseated_at - 500 < last.ended < self.story.over_at:
            self.fault(f"the leg to {last.name} ended at {last.truth['ended_at']} by {last.truth['ended_by']}")
        for line in lines:
            self.counts["legs_over_control_kills"] += sum(line.is_alive(at) for at in self.story.killed("control"))

    def nothing_is_left(self):
        story = self.story
        for line in self.lines:
            if line.ended > story.over_at and not line.cuts:
                self.fault(f"{line.name} was left behind")
        for what, count in (("legs in the engine", story.legs_left), ("calls in control", story.calls_left)):
            if count:
                self.fault(f"{count} {what} are left")
        for name, status in story.exits:
            self.fault(f"{name} ended with {status}")

    def went_on(self):
        back = max((kill.back["engine"] for kill in self.story.kills if "engine" in kill.back), default=0)
        if not any(line.began > back and line.to in self.story.numbers for line in self.lines):
            self.fault("nobody was called after the engine's last return")

    # ---- and our books

    def books_balance(self, books, live):
        name = books.campaign["name"]
        attempts = Counter(row.attempt["lead"] for row in books.rows)
        outcomes = Counter(row.attempt["outcome"] for row in books.rows)
        self.counts["leads"] += len(books.leads)
        self.counts["attempts"] += len(books.rows)
        for outcome, count in outcomes.items():
            self.counts[f"outcome_{outcome}"] += count
        if None in outcomes:
            self.fault(f"{name}: {outcomes[None]} attempts have no outcome")
        if (live["pending"], live["in_hand"], live["done"]) != (0, 0, len(books.leads)):
            self.fault(f"{name}: of {len(books.leads)} leads {live['pending']} are pending, {live['in_hand']} in hand, "
                       f"{live['done']} done")
        if live["attempts"] != len(books.rows) or sum(live["outcomes"].values()) != len(books.rows):
            self.fault(f"{name}: {live['attempts']} attempts and {live['outcomes']} shown, {len(books.rows)} kept")
        for lead in books.leads:
            if lead["state"] != "done" or lead["attempts"] != attempts[lead["id"]]:
                self.fault(f"{name}: lead {lead['phone']} is {lead['state']} after {lead['attempts']} attempts, "
                           f"{attempts[lead['id']]} kept")
            if len(self.by_number[lead["phone"]]) > attempts[lead["id"]]:
                self.fault(f"{name}: {lead['phone']} was called {len(self.by_number[lead['phone']])} times in "
                           f"{attempts[lead['id']]} attempts")

    def joined(self):
        """Each call belongs to one attempt, and the attempt tells how it ended."""
        lines = {line.truth["sip_call_id"]: line for line in self.lines}
        if len(lines) != len(self.lines):
            self.fault("a Call-ID was used twice")
        owned = set()
        for books in self.story.campaigns:
            for row in books.join(self.story.truths):
                line = lines[row.truth["sip_call_id"]] if row.truth else None
                if line:
                    owned.add(row.truth["sip_call_id"])
                self.outcome_is_right(row, line)
        for call_id, line in lines.items():
            if line.to in self.story.numbers and call_id not in owned and not line.cuts:
                self.fault(f"{line.name} belongs to no attempt")

    def outcome_is_right(self, row, line):
        outcome, name = row.attempt["outcome"], f"{row.attempt['id']} to {row.attempt['number']}"
        if row.cdr is None:
            self.fault(f"{name}: no CDR")
        if outcome == "failed":
            placed = moment(row.attempt["placed_at"])
            deaths = self.story.killed("control") + self.story.killed("engine")
            died = line.cuts if line else [at for at in deaths if placed - UNSENT_MS < at < placed + UNSENT_MS]
            self.counts["failed_before_invite"] += line is None
            if not died:
                self.fault(f"{name}: failed, though nothing had died: {row.call}")
        elif line is None:
            if not row.call or row.call["sip_call_id"]:
                self.fault(f"{name}: {outcome}, and the carrier never saw it")
        elif line.answered is None and not line.cuts and outcome != BUSY.get(line.truth["behaviour"]):
            self.fault(f"{name}: {outcome}, but the carrier says {line.truth['behaviour']}")

    def talked_on(self):
        """Who was on the line when control died did not notice."""
        cdrs = {row.call["sip_call_id"]: row.cdr for books in self.story.campaigns for row in books.rows if row.call}
        for line in self.lines:
            deaths = [at for at in self.story.killed("control") if line.answered and line.answered < at < line.ended]
            if not deaths or line.cuts or line.to not in self.story.numbers:
                continue
            self.counts["talked_over_control_kills"] += 1
            cdr = cdrs.get(line.truth["sip_call_id"])
            if cdr is None or cdr["ended_by"] not in ("peer", "plan"):
                self.fault(f"{line.name} was ended by {cdr and cdr['ended_by']} after control had died")
            gap = line.truth["rtp"]["gap_max_ms"]
            self.gap_max_ms = max(self.gap_max_ms, gap)
            if gap > GAP_MAX_MS:
                self.fault(f"{line.name} heard nothing for {gap} ms while control was dead")

    def summary(self):
        kinds = Counter(kill.kind for kill in self.story.kills)
        return {"kills": dict(kinds), "gap_max_ms": self.gap_max_ms, **dict(sorted(self.counts.items()))}
