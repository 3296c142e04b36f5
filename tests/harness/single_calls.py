"""Single calls over loopback through the whole product (demo.py --once --calls N), judged by the carrier's truth."""

import json
import random
import statistics
import sys
import time

from books import KINDS, compare
from rest import RestError
from stack import Stack

MESSAGE = "parcel"
CARRIER_OPTIONS = ["--answer-delay", "500-3000", "--opt-out-rate", "0.12", "--press-one-rate", "0.05",
                   # obeyed, it would keep all other calls from this only trunk for seconds
                   "--retry-after-rate", "0"]
RING_TIME_S = 8          # longer than any phone here rings
CALLS_PER_SECOND = 5
CALL_TIME_MAX_S = 150    # the longest call: a machine's greeting, the message, the key's time


def numbers(seed, count):
    """One number of each behaviour first, by its suffix; all others drawn by the carrier from the same seed."""
    draw = random.Random(seed)
    area = draw.choice(("212", "646", "917"))
    fixed = [f"+1{area}5550{kind + 1}{draw.randrange(100):02d}" for kind in range(len(KINDS))]
    drawn = [f"+1{area}{draw.randrange(220, 500)}{i:04d}" for i in range(max(0, count - len(fixed)))]
    every = fixed[:count] + drawn
    draw.shuffle(every)
    return every


class Demo:
    def __init__(self, stack):
        self.stack = stack
        self.placed = []

    def prepare(self):
        self.trunk = self.stack.put_trunk()["id"]
        self.prompt = self.stack.put_prompt(MESSAGE)["id"]

    def place(self, number):
        request = {"trunk": self.trunk, "to": number, "from": "+12125550199", "ring_time_s": RING_TIME_S,
                   "record": True, "detect": True,
                   "plan": {"type": "message", "prompt": self.prompt, "on_machine": "leave_message",
                            "opt_out_digit": "9"}}
        key = f"demo-{self.stack.seed}-{len(self.placed)}"
        self.placed.append(self.stack.rest.post("/v1/calls", request, key=key)["id"])

    def progress(self, calls, wanted):
        states = [call["state"] for call in calls]
        open_calls = [state for state in states if state != "ended"]
        answered = open_calls.count("answered")
        line = (f"{len(self.placed)}/{wanted} placed, {answered} talking, {len(open_calls) - answered} on the way, "
                f"{len(states) - len(open_calls)} ended")
        if sys.stderr.isatty():
            print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
        elif line != getattr(self, "_last_line", None):
            print(line, file=sys.stderr, flush=True)
        self._last_line = line

    def run(self, every):
        """Places all numbers and waits until the last call has ended and its recording has arrived."""
        started = time.monotonic()
        shown = 0.0
        while len(self.placed) < len(every):
            due = int((time.monotonic() - started) * CALLS_PER_SECOND) + 1
            for number in every[len(self.placed):due]:
                self.place(number)
            if time.monotonic() - shown > 1:
                shown = time.monotonic()
                self.progress(self.stack.calls(), len(every))
            self.stack.check_alive()
            time.sleep(0.05)
        deadline = time.monotonic() + CALL_TIME_MAX_S
        while True:
            calls = self.stack.calls()
            self.progress(calls, len(every))
            if all(call["state"] == "ended" for call in calls) and len(calls) >= len(every):
                break
            if time.monotonic() > deadline:
                break  # compare() names those that still live
            self.stack.check_alive()
            time.sleep(1)
        if sys.stderr.isatty():
            print(file=sys.stderr)

    def recording_bytes(self, identifier):
        deadline = time.monotonic() + 10
        while True:
            recording = self.stack.rest.get(f"/v1/recordings/{identifier}")
            if recording["state"] == "ready":
                return self.stack.rest.get_bytes(f"/v1/recordings/{identifier}/audio")
            if recording["state"] == "failed" or time.monotonic() > deadline:
                raise ValueError(f"is {recording['state']}: {recording.get('error')}")
            time.sleep(0.2)

    def leaked(self):
        """What is still anywhere once all calls have ended, as {place: count}; the engine reports once a second."""
        def look():
            metrics = self.stack.metrics()
            legs = [value for name, value in metrics.items() if name.split("{")[0] == "carillon_engine_legs"]
            return {"engine_legs": int(sum(legs)) if legs else None,
                    "control_open": sum(call["state"] != "ended" for call in self.stack.calls())}
        deadline = time.monotonic() + 5
        while True:
            found = look()
            if not any(found.values()) or time.monotonic() > deadline:
                return found
            time.sleep(0.3)


def summary(seed, stack, books, leaked, seconds, bad_exits):
    latencies = books.verdict_latencies_ms
    counts = dict(sorted(books.counts.items()))
    missing = [kind for kind in KINDS if books.outcomes[kind] == 0]
    for needed in ("answered", "message_in_full_person", "message_in_full_machine", "recordings", "rtp_packets"):
        if not counts.get(needed):
            missing.append(needed)
    for kind in missing:
        books.faults.append(f"nothing counted: {kind}")
    for place, count in leaked.items():
        if count is None or count:
            books.faults.append(f"left over: {place}: {count}")
    for name, status in bad_exits:
        books.faults.append(f"{name} ended with {status}")
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "calls": books.counts["calls"],
        "behaviours": {kind: books.outcomes[kind] for kind in KINDS},
        "counts": counts,
        "verdicts": {kind: dict(books.confusion[kind]) for kind in KINDS if kind in books.confusion},
        "verdict_latency_ms_median": statistics.median(latencies) if latencies else None,
        "leaked": leaked,
        "faults": books.faults,
        "ok": not books.faults,
    }


def run_once(arguments, seed):
    started = time.monotonic()
    with Stack(build=arguments.build, seed=seed, carrier_options=CARRIER_OPTIONS, expect=[MESSAGE],
               folder=arguments.keep, voice_set="demo") as stack:
        stack.start()
        demo = Demo(stack)
        demo.prepare()
        demo.run(numbers(seed, arguments.calls))
        calls = stack.calls()
        content = {}
        for call in calls:
            if call.get("recording"):
                try:
                    content[call["recording"]] = demo.recording_bytes(call["recording"])
                except (ValueError, RestError) as error:
                    content[call["recording"]] = error
        leaked = demo.leaked()
        bad_exits = stack.stop()  # completes the truth
        def fetch(identifier):
            if isinstance(content[identifier], Exception):
                raise ValueError(str(content[identifier]))
            return content[identifier]
        books = compare(calls, stack.truth(), fetch, MESSAGE)
        result = summary(seed, stack, books, leaked, time.monotonic() - started, bad_exits)
        print(json.dumps(result, indent=2))
        if not result["ok"]:
            if arguments.keep:
                (stack.folder / "calls.json").write_text(json.dumps(calls, indent=1))
            stack.print_tails()
        return 0 if result["ok"] else 1
