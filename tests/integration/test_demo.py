"""First calls through the whole product: what firmware/demo --once does, with fewer calls."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release"))


class DemoTest(unittest.TestCase):
    def test_books_agree_call_by_call(self):
        command = [sys.executable, str(ROOT / "tests/harness/demo.py"), "--once", "--calls", "20", "--seed", "5", "--build",
                   str(BUILD)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
        self.assertEqual(run.returncode, 0, f"{run.stdout}\n{run.stderr}")
        summary = json.loads(run.stdout[run.stdout.index("{"):])
        self.assertEqual(summary["calls"], 20)


if __name__ == "__main__":
    unittest.main()
