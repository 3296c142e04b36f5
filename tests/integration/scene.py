"""What the tests of whole processes share: a stack whose people are patient, and words for what they do with it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from stack import Stack  # noqa: E402

BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release"))
MESSAGE = "parcel"
PATIENT = ["--answer-delay", "300-700", "--early-hang-up-rate", "0", "--opt-out-rate", "0", "--press-one-rate", "0",
           "--patient-rate", "1"]


class Scene(Stack):
    """A started stack with a trunk and a prompt."""

    def __init__(self, carrier_options=(), **more):
        patience = [part for pair in zip(PATIENT[::2], PATIENT[1::2]) if pair[0] not in carrier_options for part in pair]
        super().__init__(build=BUILD, carrier_options=[*patience, *carrier_options], expect=[MESSAGE], **more)

    def start(self):
        super().start()
        self.trunk = self.put_trunk()["id"]
        self.prompt = self.put_prompt(MESSAGE)["id"]

    def dial(self, number, **more):
        """Places a call that plays the message; returns its id."""
        request = {"trunk": self.trunk, "to": number, "from": "+12125550199", "record": True, "detect": True,
                   "ring_time_s": 8, "plan": {"type": "message", "prompt": self.prompt}, **more}
        return self.rest.post("/v1/calls", request, key=f"{number}-{len(self.exits)}")["id"]

    def call(self, identifier):
        return self.rest.get(f"/v1/calls/{identifier}")

    def wait_state(self, identifiers, states, timeout):
        """Waits until each call is in one of `states`; returns them."""
        def look():
            calls = [self.call(identifier) for identifier in identifiers]
            return calls if all(call["state"] in states for call in calls) else None
        return self.wait_until(look, timeout, f"calls {'/'.join(states)}")

    def wait_recording(self, identifier, timeout=15):
        """The recording object once it is no longer being fetched."""
        def look():
            recording = self.rest.get(f"/v1/recordings/{identifier}")
            return recording if recording["state"] != "fetching" else None
        return self.wait_until(look, timeout, f"recording {identifier}")

    def audio(self, identifier):
        recording = self.wait_recording(identifier)
        if recording["state"] != "ready":
            raise ValueError(f"{identifier} is {recording['state']}: {recording.get('error')}")
        return self.rest.get_bytes(f"/v1/recordings/{identifier}/audio")
