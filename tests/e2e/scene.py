"""What the tests of the pages share: a stack, a browser in front of it, and what people do on the pages.
CARILLON_SHOTS=FOLDER keeps pictures."""

import os
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from browser import Browser  # noqa: E402
from stack import Stack  # noqa: E402

BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release"))
SHOTS = os.environ.get("CARILLON_SHOTS")
PEOPLE = ["--answer-delay", "300-700", "--early-hang-up-rate", "0", "--opt-out-rate", "0", "--press-one-rate", "0",
          "--patient-rate", "1"]
MESSAGE = "welcome"  # 5.5 s
EVIL = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
ME = "+12125550150"
DONE_S = 60


class ConsoleTest(unittest.TestCase):
    """One stack and one tab for a test; at its end nothing may have gone wrong in the browser's own eyes."""

    def setUp(self):
        self.stack = Stack(build=BUILD, calls_max=30, carrier_options=PEOPLE, expect=[MESSAGE])
        self.addCleanup(self.clean_up)
        self.stack.make_voices()
        self.stack.write_configs()
        self.stack.start_engine()
        self.stack.start_control()
        self.home = f"http://127.0.0.1:{self.stack.http_port}"
        self.browser = self.enterContext(Browser(self.stack.folder))
        self.pages = {}

    def clean_up(self):
        failed = any(test is self for test, _ in self._outcome.result.failures + self._outcome.result.errors)
        self.stack.__exit__(AssertionError if failed else None, None, None)

    def shot(self, page, name):
        if SHOTS:
            page.shot(os.path.join(SHOTS, name + ".png"))

    def open(self, path, **more):
        page = self.pages[path] = self.browser.open(self.home + path, **more)
        return page

    def sign_in(self, page):
        page.fill("#token", self.stack.rest.token)
        page.press("Enter")
        page.wait("!document.querySelector('#desk').hidden")
        page.wait_text("#connection", "live")

    def assert_clean(self, **refused):
        """No script failed, nothing came from elsewhere, no secret in an address, no name was run as markup.
        refused: the statuses that were provoked on each page."""
        for name, page in self.pages.items():
            self.assertIsNone(page.run("window.pwned ?? null"))
            loads = [line for line in page.console if line.startswith("Failed to load resource")]
            self.assertEqual([line for line in page.console if line not in loads], [])
            self.assertEqual([status for status in (401, 404, 409, 422) for line in loads if f" {status} " in line],
                             sorted(refused.get(name, [])), page.console)
            for address in page.addresses:
                if address.startswith("data:"):  # Chromium's own icons in inputs
                    continue
                self.assertTrue(address.startswith((self.home + "/", f"blob:{self.home}/")), address)
                self.assertNotIn(self.stack.rest.token, address)
        self.assertEqual(self.stack.stop(), [])

    # ---- what a person does

    def add_trunk(self, page):
        page.go(self.home + "/#setup")
        page.fill("#t_name", "carrier")
        page.fill("#t_address", "127.0.0.1")
        page.fill("#t_port", str(self.stack.carrier_sip_port))
        page.click("text=Add trunk")
        page.wait_text("#trunks", "carrier")

    def add_message(self, page):
        page.attach("#p_file", self.stack.message(MESSAGE))
        page.fill("#p_name", MESSAGE)
        page.click("text=Upload message")
        page.wait_text("#prompts", MESSAGE)

    def csv(self, rows):
        path = self.stack.folder / "people.csv"
        path.write_text("Full name,Tel,City\n" + "".join(f'"{name}",{tel},Utrecht\n' for name, tel in rows))
        return path

    def upload(self, page, name, rows):
        page.click("text=Lists")
        page.attach("#list_file", self.csv(rows))
        page.wait("document.querySelector('#map_phone')")
        page.choose("#map_phone", "Tel")
        page.choose("#map_name", "Full name")
        page.fill("#list_name", name)
        page.set("#list_zone", "America/New_York")

    def rest(self, path):
        return self.stack.rest.get("/v1" + path)

    def live(self, campaign):
        return self.rest(f"/campaigns/{campaign}/live")

    def campaign_form(self, page, name, mode, **chosen):
        page.click("text=New campaign")
        page.fill("#c_name", name)
        page.choose("#c_mode", mode)
        page.fill("#c_from", "+12125550199")
        for field, text in chosen.items():
            page.choose("#c_" + field, text)
        page.set("#c_from_time", "00:00")
        page.set("#c_until_time", "00:00")  # midnight at the end of the day

    def create_agent(self, page, tick):
        """Grace with a new phone, which the carrier then plays. The first password is refused."""
        page.click("text=Agents")
        page.wait_text("#agents", "No agent yet")
        page.fill("#a_name", "Grace")
        page.fill("#a_username", "grace")
        page.fill("#a_password", "short")
        page.click(tick)
        page.click("#a_save")
        page.wait_text("label:has(#a_password) .fault", "8")
        self.shot(page, "30-agent-form")
        page.fill("#a_password", "long-enough")
        page.click("#a_save")
        page.wait_text("#agents", "grace: not registered")
        agent = self.rest("/agents")["data"][0]
        self.assertEqual(agent["name"], "Grace")
        self.stack.carrier_options += ["--agent", f"grace:long-enough@127.0.0.1:{self.stack.sip_port}"]
        self.stack.start_carrier()
        page.wait_text("#agents", "grace: registered")
        self.assertTrue(self.rest("/endpoints")["data"][0]["registered"])
        return agent["id"]

    def status(self, agent):
        return self.rest(f"/agents/{agent}")["status"]

    def log_in(self, page, agent, becomes="ready"):
        desk = self.open("/agent", width=390)
        desk.time_zone("Europe/Amsterdam")
        self.sign_in(desk)
        desk.wait_text("#agent", "Grace")
        desk.wait_text("#what_now", "Log in")
        desk.click("#log_in")
        desk.wait_text("#status", becomes)
        self.assertEqual(self.status(agent), becomes)
        page.wait_text("#agents .state", becomes)
        self.shot(desk, "31-agent-logged-in")
        return desk
