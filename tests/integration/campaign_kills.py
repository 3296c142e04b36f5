"""A broadcast and a predictive campaign under kill -9: a floor that runs both, kills at seeded moments, and notes what the
judge must know and the carrier cannot: when which process died, when the agents were sent home, when all was over."""

import random
import time
from dataclasses import dataclass, field

import scene  # noqa: F401  (puts tests/harness on the path)
from campaigns import Floor
from rest import RestError

KINDS = ("control", "engine", "control then engine")
SHARES = (5, 3, 2)  # of the kills beyond the first two of each kind
MESSAGE, HARBOUR = "welcome", "harbour"
# People answer soon and hang up soon, so that a minute holds many calls.
PEOPLE = ["--answer-delay", "300-1500", "--early-hang-up-rate", "0", "--patient-rate", "1", "--talk", "3000-9000",
          "--media-timeout", "8000",
          "--opt-out-rate", "0", "--press-one-rate", "0",
          "--behaviour-mix", "person=.62,machine=.15,busy=.1,silence=.05,congestion=.08"]
# Only what an engine's death does to a call is tried again, at once: a number that is called twice tells of a death.
NO = {"times": 0}
RETRY = {**{outcome: NO for outcome in ("busy", "no_answer", "congestion", "machine", "silence", "abandoned",
                                        "person_hung_up", "message_cut", "rejected")},
         "failed": {"times": 3, "delay_s": 0}}
# Leads that a campaign has ahead of a kill, so that there is always something to interrupt and soon an end after the last.
AHEAD = {"broadcast": 20, "predictive": 12}


@dataclass
class Kill:
    """One moment: what was killed when, and when it was there again (epoch ms)."""
    kind: str
    at: dict = field(default_factory=dict)   # process → killed
    back: dict = field(default_factory=dict)  # process → answering again


@dataclass
class Story:
    """What happened, for the judge."""
    kills: list = field(default_factory=list)
    campaigns: list = field(default_factory=list)  # of CampaignBooks
    lives: list = field(default_factory=list)      # each campaign's last live state
    numbers: set = field(default_factory=set)      # all leads
    desks: set = field(default_factory=set)        # users of agents' phones
    unseated_at: float = 0.0                       # epoch ms
    over_at: float = 0.0
    legs_left: int = 0                             # in the engine, after the last call
    calls_left: int = 0                            # in control
    exits: list = field(default_factory=list)      # processes that did not end as they should
    truths: list = field(default_factory=list)

    def killed(self, process):
        return [kill.at[process] for kill in self.kills if process in kill.at]


def now_ms():
    return time.time() * 1000


class KillRun:
    """`points` kills at moments drawn from `seed`; say() gets a line for each."""

    def __init__(self, build, seed, points, agents=4, say=print):
        self.random = random.Random(f"campaign kills {seed}")
        self.kinds = [*KINDS, *KINDS, *self.random.choices(KINDS, SHARES, k=max(0, points - 2 * len(KINDS)))][:points]
        self.random.shuffle(self.kinds)
        self.points, self.say = points, say
        self.floor = Floor(agents=agents, build=build, seed=seed % 1000, calls_max=240, carrier_options=PEOPLE,
                           expect=[MESSAGE, HARBOUR])
        self.story = Story(desks={phone.user for phone in self.floor.phones})
        self.next_number = 0

    # ---- leads, as many as are needed

    def phones(self, count):
        """Numbers whose behaviour the carrier draws; never one twice."""
        first = self.next_number
        self.next_number += count
        made = [f"+1212{300 + i // 10000}{i % 10000:04d}" for i in range(first, first + count)]
        self.story.numbers.update(made)
        return made

    def feed(self):
        """Every campaign has leads to call and runs."""
        for campaign, (leads, ahead) in self.lists.items():
            live = self.floor.wait_until(lambda: self.floor.live(campaign), 60, "a live state")
            if live["pending"] + live["in_hand"] - live["calls"] < ahead:
                phones = self.phones(ahead)
                self.floor.rest.post(f"/v1/lists/{leads}/leads", {"leads": [{"phone": phone} for phone in phones]},
                                     key=f"feed-{phones[0]}")
            if self.floor.live(campaign)["state"] == "finished":
                self.floor.act(campaign, "start")

    # ---- kills

    def kill(self, name, kill):
        kill.at[name] = now_ms()
        self.floor.kill9(name)

    def start(self, name, kill):
        (self.floor.start_control if name == "control" else self.floor.start_engine)()
        kill.back[name] = now_ms()

    def pause(self, least, most):
        seconds = self.random.uniform(least, most)
        time.sleep(seconds)  # the moment of a kill is the one thing here that is a time and no condition
        return seconds

    def one_kill(self, number):
        kill = Kill(self.kinds[number])
        after = self.pause(0.5, 5)
        self.say(f"kill {number + 1} of {self.points}: {kill.kind} after {after:.3f} s")
        if kill.kind == "engine":
            self.kill("engine", kill)
            self.pause(0, 1.5)
            self.start("engine", kill)
            self.floor.wait_until(self.is_whole, 60, "control has its engine again")
        else:
            self.kill("control", kill)
            self.pause(0, 1.5)
            if kill.kind == "control then engine":
                self.kill("engine", kill)
                self.pause(0, 0.5)
                self.start("engine", kill)
            self.start("control", kill)
        self.story.kills.append(kill)

    def is_whole(self):
        try:
            return self.floor.rest.exchange("GET", "/health")[0] == 200
        except OSError:
            return False

    # ---- all of it

    def run(self):
        """Returns the Story. The floor is stopped; leave it by close()."""
        floor, story = self.floor, self.story
        floor.start()
        message, harbour = (floor.put_prompt(name)["id"] for name in (MESSAGE, HARBOUR))
        common = {"prompt": message, "retry": RETRY, "limits": {"total": 10, "per_day": 10}, "on_machine": "hang_up",
                  "channels_max": 12, "calls_per_second_max": 3}
        self.lists = {}
        for name, mode, more in (("broadcast", "broadcast", {}),
                                 ("floor", "predictive", {"wrap_up_s": 1, "safe_harbour_prompt": harbour})):
            leads = floor.put_list(name, self.phones(2 * AHEAD[mode]))
            self.lists[floor.put_campaign(name, mode, leads, **common, **more)] = leads, AHEAD[mode]
        floor.seat_agents([list(self.lists)[1]])
        for campaign in self.lists:
            floor.act(campaign, "start")
        for number in range(self.points):
            self.feed()
            self.one_kill(number)
        self.say("no more kills: the campaigns run to their end")
        story.lives = floor.wait_finished(list(self.lists), 240)
        self.end()
        return story

    def end(self):
        floor, story = self.floor, self.story
        floor.wait_agents(lambda states: all(state != "offline" for state in states), "all agents in their seats again")
        story.unseated_at = now_ms()
        floor.unseat_agents()
        floor.wait_until(lambda: self.legs() == 0, 60, "the engine's last leg")
        story.over_at = now_ms()
        story.legs_left = self.legs()
        story.calls_left = sum(call["state"] != "ended" for call in floor.calls())
        story.campaigns = [floor.books(campaign, record=False) for campaign in self.lists]
        story.exits = floor.stop()
        story.truths = floor.truth()

    def legs(self):
        metrics = self.floor.metrics()
        return sum(value for name, value in metrics.items() if name.startswith("carillon_engine_legs"))

    def close(self, error=None):
        self.floor.__exit__(type(error) if error else None, error, None)
