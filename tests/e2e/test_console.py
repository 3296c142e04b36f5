"""The pages in a browser, with the whole product and the carrier behind them. What the page says is held against REST
and the carrier's truth."""

import csv
import json
import unittest
from collections import Counter

from scene import DONE_S, EVIL, ME, MESSAGE, ConsoleTest  # first: it says where the harness lies
from recording import Recording


class ManagerTest(ConsoleTest):
    def test_a_manager_runs_a_broadcast_from_an_empty_box(self):
        self.stack.start_carrier()
        page = self.open("/")
        page.fill("#token", "not-the-token")
        page.press("Enter")
        page.wait_text("#sign_in_say", "not known")
        self.sign_in(page)
        page.wait_text("#steps .next", "Add a trunk")
        self.shot(page, "01-empty")
        self.set_up(page)
        self.import_list(page)
        campaign = self.create(page)
        self.call_me_first(page, campaign)
        self.pause_and_resume(page, campaign)
        self.finish(page, campaign)
        self.listen(page)
        self.save_results(page)
        self.stop_all(page)
        self.keyboard_and_sizes(page)
        self.sign_out(page)
        self.assert_clean(**{"/": [401, 422, 422, 422]})
        self.assert_truth()

    def set_up(self, page):
        page.go(self.home + "/#setup")
        page.fill("#t_name", "carrier")
        page.fill("#t_address", "carrier.example")  # a name is no IP address: the server says so, the page says where
        page.click("text=Add trunk")
        self.assertIn("address", page.wait_text("#trunk_form .fault", "must be"))
        self.assertEqual(page.run("document.activeElement.id"), "t_address")
        self.shot(page, "02-fault-at-input")
        self.add_trunk(page)
        self.add_message(page)
        self.assertEqual(self.rest("/trunks")["data"][0]["gateways"][0]["port"], self.stack.carrier_sip_port)
        self.shot(page, "03-setup")

    def import_list(self, page):
        people = [(EVIL, "(212) 555-0101"), *((f"Person {i}", f"(212) 555-01{i:02d}") for i in range(2, 5))]
        busy = [(f"Busy {i}", f"212 555 03{i:02d}") for i in range(1, 11)]
        rows = people + busy + [("No number", "12"), ("Twice", "212-555-0102")]
        self.upload(page, "people & friends", rows)
        self.shot(page, "04-mapping")
        page.click("text=Dry run")
        said = page.wait_text("#import_say", "Dry run")
        self.assertIn("14 would be added, 1 duplicates, 1 with errors", said)
        self.assertRegex(page.wait_text("#import_errors tbody", "too short"), r"^16\s+Tel\s")
        page.wait("document.querySelector('#lists .empty')")
        self.assertEqual(self.rest("/lists")["data"], [])  # nothing was kept
        self.shot(page, "05-dry-run")
        page.click("text=Upload")
        self.assertIn("14 added, 1 duplicates, 1 with errors", page.wait_text("#import_say", "Done"))
        page.wait_text("#lists", "people & friends")
        self.assertEqual(self.rest("/lists")["data"][0]["counts"]["leads"], 14)
        jobs = self.rest("/imports")["data"]
        self.assertEqual([(job["dry_run"], job["rows"], job["errors"]) for job in jobs], [(False, 16, 1), (True, 16, 1)])
        self.shot(page, "06-lists")

    def create(self, page):
        self.campaign_form(page, "spring <b>call</b>", "Broadcast", list="people", trunk="carrier")
        page.click("text=Digits, attempts, pacing")
        page.fill("#c_total", "1")
        page.fill("#c_per_day", "99")
        page.fill("#c_cps", "2")
        page.click("#c_save")
        self.assertIn("message", page.wait_text("label:has(#c_prompt) .fault", "broadcast needs"))
        page.choose("#c_prompt", MESSAGE)
        page.click("#c_save")  # now the server looks at it
        page.wait_text("label:has(#c_per_day) .fault", "10")
        self.shot(page, "07-campaign-faults")
        page.fill("#c_per_day", "1")
        page.click("#c_save")
        page.wait_text("#campaigns", "spring <b>call</b>")
        campaign = self.rest("/campaigns")["data"][0]
        self.assertEqual((campaign["state"], campaign["limits"], campaign["window"]["sun"]),
                         ("stopped", {"total": 1, "per_day": 1}, [{"from": "00:00", "until": "24:00"}]))
        self.shot(page, "08-created")
        return campaign["id"]

    def call_me_first(self, page, campaign):
        page.click("text=Test call")
        page.fill("dialog input", ME)
        self.shot(page, "09-test-call")
        page.press("Enter")
        page.wait_text("#campaigns_say", "ended (talked")
        self.assertEqual(self.live(campaign)["attempts"], 0)
        mine = self.stack.wait_until(lambda: [line for line in self.stack.truth() if line["to"] == ME], DONE_S, "the test call's truth")
        self.assertEqual([heard["complete"] for heard in mine[0]["heard"]], [True])

    def attempts(self, page):
        """What the page shows."""
        return int(page.text("#campaigns td[data-label=Attempts]") or 0)

    def pause_and_resume(self, page, campaign):
        page.click("text=Start")
        page.wait_text("#campaigns", "running")
        page.wait("Number(document.querySelector('#campaigns td[data-label=Attempts]').innerText) >= 3")
        page.wait("document.querySelectorAll('#chart_calls polyline').length === 1 && "
                  "document.querySelector('#chart_calls polyline').getAttribute('points').split(' ').length >= 2")
        self.shot(page, "10-running")
        page.click("text=Pause")
        page.wait_text("#live_state", "paused")
        page.wait_text("#live_text", "0 dialable because the campaign is paused")
        held = self.stack.wait_until(lambda: (now := self.live(campaign))["calls"] == 0 and now, DONE_S, "all calls over")
        self.assertEqual(held["state"], "paused")
        self.assertGreater(held["pending"] + held["in_hand"], 0)
        page.wait(f"document.querySelector('#tiles').innerText.startsWith('0\\n')")  # calls in flight
        self.block(page, self.waiting(campaign))
        self.assertEqual(self.live(campaign)["attempts"], held["attempts"])  # nobody was called meanwhile
        self.assertEqual(self.attempts(page), held["attempts"])
        self.shot(page, "11-paused")
        page.click("text=Resume")

    def waiting(self, campaign):
        """The number of a lead that has not been called yet."""
        called = {attempt["number"] for attempt in self.rest(f"/attempts?campaign={campaign}&limit=100")["data"]}
        return sorted({lead["phone"] for lead in self.rest("/leads?limit=100")["data"]} - called)[0]

    def block(self, page, number):
        page.click("text=Lists")
        page.fill("#block_number", number)
        page.click("text=Look it up")
        page.wait_text("#block_say", "may be called")
        page.fill("#block_reason", "asked us")
        page.click("text=Never call it")
        page.wait_text("#block_say", "will not be called")
        page.click("text=Look it up")
        page.wait_text("#block_say", "asked us")
        self.shot(page, "12-do-not-call")
        self.assertEqual(self.rest("/do_not_call?number=%2B" + number[1:])["data"][0]["reason"], "asked us")
        self.blocked = number
        page.click("text=Campaigns")

    def finish(self, page, campaign):
        page.wait_text("#live_state", "finished")
        page.wait_text("#live_progress", "14 done")
        live = self.live(campaign)
        self.assertEqual((live["done"], live["attempts"], sum(live["outcomes"].values())), (14, 13, 13))
        shown = page.text("#outcomes")
        for outcome, times in live["outcomes"].items():
            self.assertRegex(shown, rf"{outcome.replace('_', ' ')}\s+{times} ·")
        self.shot(page, "13-finished")

    def listen(self, page):
        page.click("text=Calls")
        page.wait_text("#calls", "message heard")
        page.wait("document.querySelector('#calls .play')")
        self.shot(page, "14-calls")
        row = page.run("[...document.querySelectorAll('#calls tr')].find(e => e.querySelector('.play')).children[1].innerText")
        page.click("#calls .play")
        seconds = page.wait("document.querySelector('#calls audio')?.duration > 1 && document.querySelector('#calls audio').duration")
        call = next(call for call in self.rest("/calls?limit=100")["data"] if call["to"] == row)
        heard = Recording(self.stack.rest.get_bytes(f"/v1/recordings/{call['recording']}/audio"))
        self.assertAlmostEqual(heard.seconds, seconds, delta=0.1)
        self.shot(page, "15-playing")

    def save_results(self, page):
        page.save_downloads(self.stack.folder)
        page.choose("#calls_campaign", "spring")
        page.click("text=Results as CSV")
        path = self.stack.folder / "spring _b_call__b_ results.csv"  # as Chromium writes such a name
        self.stack.wait_until(path.exists, DONE_S, "the file of results")
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        self.assertEqual(len(rows), 14)
        self.assertEqual(Counter(row["last_outcome"] for row in rows if row["placed_at"]),
                         Counter(attempt["outcome"] for attempt in self.rest("/attempts?limit=100")["data"]))

    def stop_all(self, page):
        """A second campaign is copied, given people again, started, and stopped by the red button."""
        page.click("text=Campaigns")
        page.click("text=Copy")
        page.wait_text("#campaigns", "spring <b>call</b> (2)")
        copy = next(one for one in self.rest("/campaigns")["data"] if one["name"].endswith("(2)"))["id"]
        start = f"tr[data-key={copy}] .start"
        page.click(start)  # refused: everybody has been called
        page.wait_text("#campaigns_say", "no lead is left")
        page.click("text=Edit the campaign")
        page.wait_text("label:has(#c_list) .fault", "no lead is left")
        self.shot(page, "16-cannot-start")
        page.click("text=Cancel")
        new = [{"phone": f"+1212555032{i}", "name": f"Later {i}"} for i in range(9)]
        self.stack.rest.post(f"/v1/lists/{self.rest('/lists')['data'][0]['id']}/leads", {"leads": new}, key="later")
        page.click(start)
        page.wait_text(f"tr[data-key={copy}]", "running")
        page.click("#stop_all")
        page.click("dialog .danger")
        page.wait_text("#desk_say", "One campaign was paused")
        page.wait_text(f"tr[data-key={copy}]", "paused")
        self.assertEqual(self.rest(f"/campaigns/{copy}")["state"], "paused")
        self.stack.wait_until(lambda: self.live(copy)["calls"] == 0, DONE_S, "no call is left")

    def keyboard_and_sizes(self, page):
        page.run("document.activeElement.blur()")
        page.run("document.querySelector('#tabs a').focus()")
        page.press("Tab")
        page.press("Enter")
        page.wait("location.hash === '#new' && !document.querySelector('[data-tab=new]').hidden")
        for tab in ("campaigns", "new", "lists", "agents", "calls", "setup"):
            page.go(f"{self.home}/#{tab}")
            for width in (1280, 390):
                page.resize(width, 900)
                page.wait(f"document.documentElement.scrollWidth <= {width}", what=f"{tab} fits {width} pixels")
                for scheme in ("light", "dark"):
                    page.scheme(scheme)
                    self.shot(page, f"20-{tab}-{width}-{scheme}")
            page.resize(1280, 900)
        status, headers, _ = self.stack.rest.exchange("GET", "/", headers={"Accept": "text/html"})
        self.assertEqual(status, 200)
        self.assertIn("default-src 'self'", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])

    def sign_out(self, page):
        page.click("#sign_out")
        page.wait("document.querySelector('#desk').hidden && !document.querySelector('#sign_in').hidden")
        self.assertEqual(page.run("JSON.stringify(sessionStorage) + JSON.stringify(localStorage) + document.cookie"), "{}{}")

    def assert_truth(self):
        """The carrier is the judge: nobody twice, the blocked number never."""
        called = [line["to"] for line in self.stack.truth()]
        self.assertEqual(len(called), len(set(called)), called)
        self.assertNotIn(self.blocked, called)
        self.assertEqual(sum(number < "+12125550320" and number != ME for number in called), 13)


class AgentTest(ConsoleTest):
    def test_an_agent_gets_a_card_and_says_how_it_ended(self):
        page = self.open("/")
        self.sign_in(page)
        self.add_trunk(page)
        self.add_message(page)
        self.upload(page, "debtors", [(EVIL, "(212) 555-0101"), ("Ada Byron", "(212) 555-0102")])
        page.click("text=Upload")
        page.wait_text("#import_say", "2 added")
        self.campaign_form(page, "evening", "Predictive", list="debtors", trunk="carrier", harbour=MESSAGE)
        page.click("text=Digits, attempts, pacing")
        page.fill("#c_total", "1")
        page.fill("#c_wrap", "3600")
        page.fill("#c_channels", "1")
        page.click("#c_save")
        page.wait_text("#campaigns", "evening")
        campaign = self.rest("/campaigns")["data"][0]["id"]
        agent = self.create_agent(page, f"#a_campaigns input[value={campaign}]")
        self.assertEqual(self.rest(f"/agents/{agent}")["campaigns"], [campaign])
        desk = self.log_in(page, agent)
        page.click("text=Campaigns")
        page.click("text=Start")
        first = self.serve(desk, agent)
        self.shot(page, "34-manager-while-talking")
        second = self.serve_and_break(desk, agent)
        self.judge(campaign, [first, second])
        page.wait_text("#live_progress", "1 done")
        self.assert_clean(**{"/": [422]})

    def serve(self, desk, agent):
        """The first person: is put through, hung up on, wants a call back."""
        desk.wait_text("#status", "talking")
        current = self.rest(f"/agents/{agent}")["current"]
        name = current["lead"]["name"]
        self.assertEqual(desk.text("#card_name"), name)  # as text, whatever it looks like
        self.assertEqual(desk.text("#card_phone"), current["lead"]["phone"])
        self.assertIn("Utrecht", desk.text("#card_fields"))
        self.assertIn("America/New_York", desk.wait_text("#card_time", "there"))
        self.shot(desk, "32-agent-talking")
        desk.click("#hang_up")
        desk.wait_text("#status", "wrap up")
        desk.click("text=Save and be ready")
        desk.wait_text("fieldset .fault", "choose one")
        desk.click(".chip:has([value=callback])")
        desk.set("#callback_at", "2099-07-01T15:30")
        self.assertIn("Wed 09:30 for them", desk.wait_text("#callback_said", "for them"))
        desk.fill("#note", "after work <b>")
        self.shot(desk, "33-agent-wrap-up")
        desk.click("text=Save and be ready")
        desk.wait_text("#seat_say", "Saved for")
        attempt = self.rest(f"/attempts/{current['attempt']}")
        self.assertEqual((attempt["disposition"], attempt["note"], attempt["callback_at"][:16], attempt["was_machine"]),
                         ("callback", "after work <b>", "2099-07-01T13:30", False))
        self.assertEqual((attempt["agent"], attempt["outcome"]), (agent, "connected"))
        lead = self.rest(f"/leads/{attempt['lead']}")
        self.assertEqual((lead["state"], lead["not_before"][:16]), ("pending", "2099-07-01T13:30"))
        return attempt

    def serve_and_break(self, desk, agent):
        """The second: it was a machine; then a break, and out."""
        desk.wait_text("#status", "talking")
        current = self.rest(f"/agents/{agent}")["current"]
        desk.wait_text("#card_name", current["lead"]["name"])
        desk.click("#hang_up")
        desk.wait_text("#status", "wrap up")
        desk.click("#was_machine")
        self.assertTrue(desk.run("document.querySelector('[value=machine]').checked"))
        desk.click("text=Save and take a break")
        desk.wait_text("#status", "break")
        self.assertEqual(self.status(agent), "break")
        desk.click("#ready")
        desk.wait_text("#status", "ready")
        self.assertEqual(self.status(agent), "ready")
        desk.click("#log_out")
        desk.wait_text("#status", "offline")
        self.assertEqual(self.status(agent), "offline")
        attempt = self.rest(f"/attempts/{current['attempt']}")
        self.assertEqual((attempt["disposition"], attempt["was_machine"]), ("machine", True))
        return attempt

    def judge(self, campaign, attempts):
        """Both people were called once and heard somebody; the phone at the desk rang once for all of it."""
        self.stack.wait_until(lambda: not [call for call in self.stack.calls() if call["state"] != "ended"], DONE_S, "all calls over")
        numbers = sorted(attempt["number"] for attempt in attempts)
        self.assertEqual(numbers, ["+12125550101", "+12125550102"])
        lines = self.stack.wait_until(lambda: len(self.stack.truth()) >= 3 and self.stack.truth(), DONE_S, "the carrier's truth")
        self.assertEqual(sorted(line["to"] for line in lines if line["to"] in numbers), numbers)
        self.assertEqual([line["sip_final"] for line in lines], [200] * 3, json.dumps(lines))


if __name__ == "__main__":
    unittest.main(verbosity=2)
