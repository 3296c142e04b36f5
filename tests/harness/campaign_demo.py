"""Two campaigns at once over loopback: a broadcast, and a predictive one with agents. The carrier judges (campaign_books.py)."""

import json
import random
import sys
import time

from campaign_books import judge
from campaigns import NO_RETRY, Floor, numbers
from rest import RestError

MESSAGE, HARBOUR = "parcel", "harbour"
# Calls at once: engine, carrier and judge share two cores with whatever else runs there.
BROADCAST = {"channels_max": 40, "calls_per_second_max": 4,
             "retry": {**NO_RETRY, "busy": {"times": 1, "delay_s": 60}}}  # so there are more attempts than leads
PREDICTIVE = {"channels_max": 60, "calls_per_second_max": 10}
PEOPLE = ["--answer-delay", "500-3000", "--talk", "2500-5000", "--opt-out-rate", "0.06", "--press-one-rate", "0.05",
          "--early-hang-up-rate", "0.03",
          # obeyed, it would keep all other calls from this only trunk for seconds
          "--retry-after-rate", "0"]
CAMPAIGNS_S = 420  # both campaigns, at the latest; a slow machine is no fault
SETTLE_S = 60      # the carrier's last judgement, the engine's last report


class Progress:
    """One line that tells how far both are: rewritten in a terminal, printed anew into a file."""

    def __init__(self, names):
        self.names, self.last = names, ""

    def show(self, states):
        parts = []
        for name, state in zip(self.names, states):
            part = f"{name} {state['done']}/{state['leads']} leads, {state['calls']} calls"
            if state["agents"]["idle"] + state["agents"]["busy"]:
                part += (f", {state['agents']['busy']} of {state['agents']['idle'] + state['agents']['busy']} agents busy, "
                         f"{state['connected']} bridged, {state['abandoned']} abandoned")
            parts.append(part)
        line = " · ".join(parts)
        if sys.stderr.isatty():
            print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
        elif line != self.last:
            print(line, file=sys.stderr, flush=True)
        self.last = line

    def end(self):
        if sys.stderr.isatty():
            print(file=sys.stderr)


class Demo:
    """A Floor with both campaigns, made but not started."""

    def __init__(self, arguments, seed):
        calls_max = BROADCAST["channels_max"] + PREDICTIVE["channels_max"] + arguments.agents + 20
        self.floor = Floor(agents=arguments.agents, build=arguments.build, seed=seed, calls_max=calls_max,
                           carrier_options=PEOPLE, expect=[MESSAGE, HARBOUR], folder=arguments.keep,
                           voice_set="demo")
        self.seed = seed
        self.leads = {"broadcast": arguments.broadcast_leads, "predictive": arguments.predictive_leads}

    def prepare(self):
        floor = self.floor
        floor.start()
        draw = random.Random(self.seed)
        areas = dict(zip(self.leads, draw.sample(("212", "646", "917", "332"), len(self.leads))))
        lists = {name: floor.put_list(name, numbers(areas[name], count, self.seed)) for name, count in self.leads.items()}
        message, harbour = floor.put_prompt(MESSAGE)["id"], floor.put_prompt(HARBOUR)["id"]
        common = {"safe_harbour_prompt": harbour, "opt_out_digit": "9"}
        self.lists = lists
        self.campaigns = {
            "broadcast": floor.put_campaign("broadcast", "broadcast", lists["broadcast"], prompt=message,
                                            on_machine="leave_message", repeat_digit="1", pacing={"ring_time_s": 15},
                                            **common, **BROADCAST),
            "predictive": floor.put_campaign("predictive", "predictive", lists["predictive"], wrap_up_s=1,
                                             pacing={"ring_time_s": 15}, **common, **PREDICTIVE)}
        floor.seat_agents([self.campaigns["predictive"]])
        print(f"page http://127.0.0.1:{floor.http_port}/  (an agent's: /agent)\ntoken {floor.rest.token}", flush=True)

    def start(self):
        for campaign in self.campaigns.values():
            self.floor.act(campaign, "start")


def recording_reader(floor, books):
    """Fetches all recordings while control is still there; returns what gives each, or raises ValueError."""
    content = {}
    for row in (row for one in books for row in one.rows if row.recording):
        identifier = row.recording["id"]
        try:
            content[identifier] = floor.rest.get_bytes(f"/v1/recordings/{identifier}/audio")
        except (RestError, OSError) as error:
            content[identifier] = error
    def fetch(identifier):
        if isinstance(content[identifier], Exception):
            raise ValueError(str(content[identifier]))
        return content[identifier]
    return fetch


def leaked(floor):
    """What is still anywhere once all calls have ended, as {place: count}. The engine reports once a second, the
    carrier judges a call before it writes it down."""
    def look():
        metrics = floor.metrics()
        legs = [value for name, value in metrics.items() if name.split("{")[0] == "carillon_engine_legs"]
        calls = floor.calls()
        written = {truth["sip_call_id"] for truth in floor.truth()}
        return {"engine_legs": int(sum(legs)) if legs else None,
                "control_open": sum(call["state"] != "ended" for call in calls),
                "carrier_open": sum(bool(call["sip_call_id"]) and call["sip_call_id"] not in written for call in calls)}
    deadline = time.monotonic() + SETTLE_S
    while True:
        found = look()
        if not any(found.values()) or time.monotonic() > deadline:
            return found
        time.sleep(1)


def strangers(truths, calls):
    """Calls that the carrier saw and we know nothing of, or saw twice."""
    faults = []
    known = {call["sip_call_id"] for call in calls}
    seen = set()
    for truth in truths:
        if truth["sip_call_id"] not in known:
            faults.append(f"a call to {truth['to']} that we know nothing of")
        if truth["sip_call_id"] in seen:
            faults.append(f"the carrier saw {truth['sip_call_id']} twice")
        seen.add(truth["sip_call_id"])
    return faults


def run_once(arguments, seed):
    started = time.monotonic()
    demo = Demo(arguments, seed)
    with demo.floor as floor:
        demo.prepare()
        demo.start()
        progress = Progress(list(demo.campaigns))
        floor.wait_finished(list(demo.campaigns.values()), CAMPAIGNS_S, progress.show)
        progress.end()
        campaigns_s = time.monotonic() - started
        floor.unseat_agents()
        books = [floor.books(campaign) for campaign in demo.campaigns.values()]
        fetch = recording_reader(floor, books)
        left = leaked(floor)
        calls = floor.calls()
        phones = {phone.agent: phone.user for phone in floor.phones}
        bad_exits = floor.stop()  # completes the truth
        truths = floor.truth()
        faults = strangers(truths, calls)
        faults += [f"left over: {place}: {count}" for place, count in left.items() if count is None or count]
        faults += [f"{name} ended with {status}" for name, status in bad_exits]
        summaries = {}
        for one in books:
            one.join(truths)
            verdicts = judge(one, truths, phones, fetch, MESSAGE, HARBOUR)
            summaries[verdicts.name] = verdicts.summary()
            faults += [f"{verdicts.name}: {fault}" for fault in verdicts.faults]
        result = {"seed": seed, "seconds": round(time.monotonic() - started, 1), "campaigns_seconds": round(campaigns_s, 1),
                  "calls": len(calls), "agents": len(phones), "campaigns": summaries,
                  "leaked_calls": sum(count or 0 for count in left.values()), "leaked": left, "faults": faults,
                  "ok": not faults}
        print(json.dumps(result, indent=2))
        if faults:
            floor.print_tails()
        return 0 if not faults else 1


def run_on(arguments, seed):
    """Both campaigns with new leads as they are used up, until Ctrl-C or SIGTERM."""
    demo = Demo(arguments, seed)
    with demo.floor as floor:
        demo.prepare()
        demo.start()
        print("Ctrl-C ends it", flush=True)
        progress = Progress(list(demo.campaigns))
        draw = random.Random(f"more {seed}")
        try:
            while True:
                states = {name: floor.live(campaign) for name, campaign in demo.campaigns.items()}
                if all(states.values()):
                    progress.show(list(states.values()))
                for name, state in states.items():
                    if state and state["leads"] - state["done"] < 100:
                        more = [{"phone": f"+1718{draw.randrange(220, 900)}{draw.randrange(10000):04d}"} for _ in range(50)]
                        floor.rest.post(f"/v1/lists/{demo.lists[name]}/leads", {"leads": more})
                floor.check_alive()
                time.sleep(1)
        except KeyboardInterrupt:
            progress.end()
            print("stopping", file=sys.stderr)
        return 1 if floor.stop() else 0
