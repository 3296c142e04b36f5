"""firmware/demo --once, smaller: single calls, then a broadcast and a predictive campaign with agents. Books agree call by call."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release"))


class DemoTest(unittest.TestCase):
    def demo(self, *options):
        """Runs it to its end; returns its summary. It has judged itself: a non-zero exit is a fault."""
        command = [sys.executable, str(ROOT / "tests/harness/demo.py"), "--once", "--build", str(BUILD), *options]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 0, f"{run.stdout}\n{run.stderr[-4000:]}")
        return json.loads(run.stdout[run.stdout.index("{"):])

    def test_books_agree_call_by_call(self):
        summary = self.demo("--calls", "20", "--seed", "5")
        self.assertEqual(summary["calls"], 20)

    def test_campaigns_run_to_their_end(self):
        summary = self.demo("--broadcast-leads", "24", "--predictive-leads", "30", "--agents", "5", "--seed", "5")
        broadcast, predictive = summary["campaigns"]["broadcast"], summary["campaigns"]["predictive"]
        self.assertEqual((broadcast["leads"], predictive["leads"]), (24, 30))
        self.assertEqual(sum(broadcast["outcomes"].values()), 24)
        self.assertEqual(sum(predictive["outcomes"].values()), 30)
        self.assertEqual(predictive["bridged"], predictive["outcomes"]["connected"])
        self.assertEqual(summary["leaked_calls"], 0)


if __name__ == "__main__":
    unittest.main()
