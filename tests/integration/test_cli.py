"""The command line over a running product: a list from a CSV file, a campaign started, asked, paused and stopped."""

import subprocess
import unittest

from scene import Scene  # first: it says where the harness lies

GOOD, TWICE, BAD = 12, 1, 2


class CommandLineTest(unittest.TestCase):
    def run_cli(self, *arguments, status=0):
        command = [str(self.stack.bin / "carillon"), "--url", f"http://127.0.0.1:{self.stack.http_port}", "--token-file",
                   str(self.stack.folder / "control/admin.token"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def make_campaign(self, list_id):
        always = {day: [{"from": "00:00", "until": "24:00"}] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
        return self.stack.rest.post("/v1/campaigns", {
            "name": "drive", "mode": "broadcast", "list": list_id, "trunks": [self.stack.trunk], "from": "+12125550199",
            "prompt": self.stack.prompt, "window": always, "time_zone": "America/New_York", "calls_per_second_max": 2,
            "pacing": {"ring_time_s": 15}})["id"]

    def test_from_a_file_to_a_stopped_campaign(self):
        with Scene() as self.stack:
            self.stack.start()
            numbers = [f"+1212555010{i}" if i < 10 else f"+121255501{i}" for i in range(GOOD)]
            file = self.stack.folder / "leads.csv"
            file.write_text("Mobile,Full name\n" + "".join(f"{number},Person {i}\n" for i, number in enumerate(numbers))
                            + f"{numbers[0]},Again\n" + "nonsense,Nobody\n" * BAD)
            importing = ("lists", "import", file, "--list", "drive", "--map", "phone=Mobile", "--map", "name=Full name")
            self.assertIn('is named "drive"', self.run_cli(*importing, status=1))
            books = f"rows {GOOD + TWICE + BAD}  created {GOOD}  updated 0  duplicates {TWICE}  errors {BAD}"
            dry = self.run_cli(*importing, "--create", "--dry-run")
            self.assertIn(books, dry)
            self.assertIn(f"{GOOD + TWICE + 2},", dry)  # the line of the first bad row, header counted
            self.assertEqual("", self.run_cli("lists"), "a dry run left a list behind")
            self.assertIn(books, self.run_cli(*importing, "--create"))
            shown = self.run_cli("lists")
            self.assertIn(f"leads {GOOD}  pending {GOOD}", shown)
            self.run_cli(*importing[:-1], "name", status=2)  # FIELD=HEADER
            self.assertIn("/mapping.telephone", self.run_cli(*importing[:5], "--map", "telephone=Mobile", status=1))
            self.run_cli("lists", "import", "missing.csv", "--list", "drive", status=2)
            self.assertIn("folder", self.run_cli("lists", "import", self.stack.folder, "--list", "drive", status=2))

            self.make_campaign(shown.split()[0])
            self.assertIn("stopped", self.run_cli("campaigns"))
            self.assertIn("running", self.run_cli("campaigns", "start", "drive"))
            self.stack.wait_until(lambda: self.stack.calls(), 60, "its first call")
            self.assertIn("paused", self.run_cli("campaigns", "pause", "drive"))
            self.assertRegex(self.run_cli("campaigns", "status", "drive"), r"state +paused")
            self.run_cli("campaigns", "start", "drive")
            self.run_cli("stop-all", "--hang-up")
            self.assertIn("paused", self.run_cli("campaigns"))
            self.assertIn("stopped", self.run_cli("campaigns", "stop", "drive"))
            self.run_cli("campaigns", "start", "nobody", status=1)
            self.stack.wait_until(lambda: not [call for call in self.stack.calls() if call["state"] != "ended"], 90, "no call left")
            self.assertEqual(self.stack.stop(), [])
            self.assertEqual(len(self.stack.truth()), len({line["to"] for line in self.stack.truth()}))


if __name__ == "__main__":
    unittest.main()
