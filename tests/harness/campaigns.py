"""Campaigns over the whole product: a Stack with agents' phones, and words for lists, agents, campaigns and their books.

    with Floor(agents=4, build="build/release", seed=7, carrier_options=["--talk", "2500-5000"]) as floor:
        floor.start()                                        # carrier, engine, control, trunk, registered phones
        leads = floor.put_list("spring", numbers("212", 40, seed=7))
        campaign = floor.put_campaign("spring", "predictive", leads, safe_harbour_prompt=floor.put_prompt("harbour")["id"])
        floor.seat_agents([campaign])                        # each is called once, its leg stays up
        floor.act(campaign, "start")
        floor.wait_finished([campaign], 300, show=print)     # show(live states) once a second
        floor.unseat_agents()
        books = floor.books(campaign)                        # leads, attempts, calls, CDRs, recordings over REST
        floor.stop()                                         # completes the carrier's truth
        for row in books.join(floor.truth()): row.attempt, row.call, row.cdr, row.truth

Without --talk nobody hangs up on an agent for a minute. Nothing here judges; campaign_books.py does. Waiting goes on
while control is away; what creates or starts something needs it."""

import random
import time
from dataclasses import dataclass, field

from process import ProcessError
from rest import RestError
from stack import Stack

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = {day: [{"from": "00:00", "until": "24:00"}] for day in DAYS}
NO_RETRY = {outcome: {"times": 0} for outcome in ("busy", "no_answer", "congestion", "failed", "silence", "machine",
                                                  "abandoned", "person_hung_up")}  # those that are tried again by default
CALLER = "+12125550199"
PASSWORD = "a-phone-on-a-desk"


def numbers(area, count, seed):
    """`count` different US numbers in one area whose behaviour the carrier draws."""
    draw = random.Random(f"{area} {seed}")
    return [f"+1{area}{line // 10000 + 220}{line % 10000:04d}" for line in draw.sample(range(250 * 10000), count)]


def csv_of(phones):
    """The leads as people upload them: a name, a key of their own, and a column that means nothing to us."""
    rows = [f"Lead {i},{phone},key-{i},shop {i % 7}" for i, phone in enumerate(phones)]
    return "\n".join(["Name,Phone,External ID,Shop", *rows, ""]).encode()


@dataclass
class Row:
    """One attempt in all books; what is missing is None."""
    attempt: dict
    call: dict | None
    cdr: dict | None
    recording: dict | None
    truth: dict | None = None


@dataclass
class CampaignBooks:
    """What the product says of one campaign, as REST shows it."""
    campaign: dict
    leads: list
    rows: list  # of Row, oldest first

    def join(self, truths):
        """Gives every row the carrier's line of its call; returns the rows."""
        by_call_id = {truth["sip_call_id"]: truth for truth in truths}
        for row in self.rows:
            row.truth = by_call_id.get(row.call["sip_call_id"]) if row.call else None
        return self.rows


@dataclass
class Phone:
    """An agent's phone on the carrier's side."""
    user: str
    endpoint: str = ""
    agent: str = ""


@dataclass
class Patience:
    """How long is waited for what, in seconds: generous, for machines that are slow and busy."""
    registered: float = 60
    seated: float = 60
    imported: float = 60
    recorded: float = 60


class Floor(Stack):
    """A Stack with `agents` phones that register and answer. After start(): `trunk` (id), `phones`."""

    def __init__(self, agents=0, agent_options=(), patience=None, **more):
        super().__init__(**more)
        self.phones = [Phone(user=f"desk{i + 1:02d}") for i in range(agents)]
        self.agent_options = list(agent_options)
        self.patience = patience or Patience()

    def start(self):
        """Phones are made known before they register, so the carrier comes last."""
        self.make_voices()
        self.write_configs()
        self.start_engine()
        self.start_control()
        for phone in self.phones:
            phone.endpoint = self.rest.post("/v1/endpoints", {"name": phone.user, "username": phone.user,
                                                              "password": PASSWORD}, key=phone.user)["id"]
            self.carrier_options += ["--agent", f"{phone.user}:{PASSWORD}@127.0.0.1:{self.sip_port}"]
        self.carrier_options += self.agent_options
        self.start_carrier()
        self.trunk = self.put_trunk()["id"]
        self.wait_registered()

    # asking, even when nobody answers for a moment ----------------------------------------------------------------

    def ask(self, path):
        """GET, or None while control is away."""
        try:
            return self.rest.get(path)
        except (OSError, RestError):
            return None

    def wait_registered(self):
        def all_there():
            page = self.ask("/v1/endpoints?limit=200")
            return page and sum(bool(one.get("registered")) for one in page["data"]) >= len(self.phones)
        self.wait_until(all_there, self.patience.registered, "the agents' phones registered")

    # leads --------------------------------------------------------------------------------------------------------

    def put_list(self, name, phones, time_zone="America/New_York"):
        """Creates a list, uploads `phones` as CSV and waits for the import. Returns the list's id."""
        made = self.rest.post("/v1/lists", {"name": name, "region": "US", "time_zone": time_zone}, key=f"list-{name}")
        self.import_csv(made["id"], csv_of(phones))
        return made["id"]

    def import_csv(self, list_id, content):
        """Uploads CSV into a list; returns the finished job. Raises ProcessError when it failed or a row was refused."""
        job = self.rest.post(f"/v1/imports?list={list_id}", content=content, content_type="text/csv")
        def ended():
            shown = self.ask(f"/v1/imports/{job['id']}")
            return shown if shown and shown["state"] not in ("queued", "running") else None
        done = self.wait_until(ended, self.patience.imported, f"import {job['id']}")
        if done["state"] != "done" or done["errors"]:
            raise ProcessError(f"import: {done}")
        return done

    # campaigns ----------------------------------------------------------------------------------------------------

    def put_campaign(self, name, mode, lists, **more):
        """Creates a campaign that may call at any hour and tries nobody twice, unless `more` says otherwise. Its id."""
        body = {"name": name, "mode": mode, "lists": [lists] if isinstance(lists, str) else list(lists),
                "trunks": [self.trunk], "from": CALLER, "window": ALWAYS, "time_zone": "America/New_York",
                "retry": NO_RETRY,
                **more}
        return self.rest.post("/v1/campaigns", body, key=f"campaign-{name}")["id"]

    def act(self, campaign, action):
        """start, pause or stop."""
        return self.rest.post(f"/v1/campaigns/{campaign}/actions/{action}")

    def live(self, campaign):
        """The campaign's live state, or None while control is away."""
        return self.ask(f"/v1/campaigns/{campaign}/live")

    def wait_finished(self, campaigns, timeout, show=None):
        """Until each has finished and its last call has ended; show([live states]) about once a second."""
        shown_at = 0.0
        def finished():
            nonlocal shown_at
            states = [self.live(campaign) for campaign in campaigns]
            if not all(states):
                return None
            if show and time.monotonic() - shown_at >= 1:
                shown_at = time.monotonic()
                show(states)
            is_over = all(state["state"] == "finished" and state["calls"] == 0 for state in states)
            return states if is_over else time.sleep(0.4)
        return self.wait_until(finished, timeout, "the campaigns finished")

    # agents -------------------------------------------------------------------------------------------------------

    def seat_agents(self, campaigns, leg="kept_up"):
        """Makes an agent of each phone, logs it in and waits until it is ready (kept_up: its leg is answered)."""
        for phone in self.phones:
            body = {"name": phone.user, "endpoint": phone.endpoint, "campaigns": list(campaigns), "leg": leg}
            phone.agent = self.rest.post("/v1/agents", body, key=f"agent-{phone.user}")["id"]
            self.rest.post(f"/v1/agents/{phone.agent}/actions/log_in")
        self.wait_agents(lambda states: all(state != "offline" for state in states), "all agents seated")

    def unseat_agents(self):
        """Logs all out; their legs end."""
        for phone in self.phones:
            self.rest.post(f"/v1/agents/{phone.agent}/actions/log_out")
        self.wait_agents(lambda states: all(state == "offline" for state in states), "all agents gone")

    def agents(self):
        """Every agent as REST shows it, or None while control is away."""
        page = self.ask("/v1/agents?limit=200")
        return page["data"] if page else None

    def wait_agents(self, holds, what):
        def look():
            agents = self.agents()
            return agents is not None and holds([agent["status"] for agent in agents])
        self.wait_until(look, self.patience.seated, what)

    # books --------------------------------------------------------------------------------------------------------

    def books(self, campaign, record=True):
        """Leads, attempts with their calls, CDRs and recordings. Waits for the recordings of answered calls."""
        shown = self.rest.get(f"/v1/campaigns/{campaign}")
        leads = [lead for one in shown["lists"] for lead in self.rest.all(f"/v1/leads?list={one}")]
        attempts = sorted(self.rest.all(f"/v1/attempts?campaign={campaign}"), key=lambda attempt: attempt["placed_at"])
        wanted = {attempt["call"] for attempt in attempts}
        calls = {call["id"]: call for call in self.calls() if call["id"] in wanted}
        owed = {identifier for identifier, call in calls.items() if call["answered_at"]} if record else set()
        recordings = self.wait_recordings(owed)
        cdrs = {cdr["call"]: cdr for cdr in self.rest.all("/v1/cdrs") if cdr["call"] in wanted}
        rows = [Row(attempt, calls.get(attempt["call"]), cdrs.get(attempt["call"]), recordings.get(attempt["call"]))
                for attempt in attempts]
        return CampaignBooks(shown, leads, rows)

    def wait_recordings(self, owed):
        """{call: recording} once every call in `owed` has one that is no longer being fetched, or patience has ended."""
        deadline = time.monotonic() + self.patience.recorded
        while True:
            found = {one["call"]: one for one in self.rest.all("/v1/recordings")}
            ready = {call for call, one in found.items() if one["state"] != "fetching"}
            if owed <= ready or time.monotonic() > deadline:
                return found
            time.sleep(0.5)
