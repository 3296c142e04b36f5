"""The polling engine when its wire misbehaves: the other end of the memif dies in mid call and comes back, a storm of
garbage beside running calls. carillon-far is the other end and judges what it hears. No root, no hugepages."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from process import Process, ProcessError  # noqa: E402
from stack import toml  # noqa: E402

BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release")).resolve()
ENGINE_CORE, OTHER_CORE = "0", str((os.cpu_count() or 1) - 1)
OURS, FAR, SIP_PORT = "10.9.0.1", "10.9.0.200", 5060
KILLS, CALLS_AT_KILL, CALLS_AFTER = 3, 50, 10
STORMS, GARBAGE, GARBAGE_SECONDS, CALLS_IN_STORM = 2, 200_000, 2, 20
GROWN_MAX = 1 << 20  # bytes of the engine's memory: 5 for each frame of garbage
MEDIA_TIMEOUT_S = 30  # where a plan names none
MBUFS = 5120  # the fewest that one queue may have
REFUSALS_MAX = 15


def prefer(pid):
    """Before other sessions' work, as far as the scheduler's autogroups go; needs root."""
    try:
        Path(f"/proc/{pid}/autogroup").write_text("-10")
    except OSError:
        pass


def eal(core, prefix, role, socket):
    return ["--no-huge", "-m", "256", "--no-shconf", "--no-pci", "-l", core, f"--file-prefix={prefix}-{os.getpid()}",
            f"--vdev=net_memif0,role={role},id=0,socket={socket},socket-abstract=no,bsize=2048,rsize=11"]


class Far:
    """The other end of the wire; told what to do on its stdin."""

    def __init__(self, folder, *options):
        self.log = folder / "far.log"
        command = ["taskset", "-c", OTHER_CORE, BUILD / "bin/carillon-far", *eal(OTHER_CORE, "far", "client", folder / "memif.sock"),
                   "--no-telemetry", "--log-level=error", "--", "--addresses", FAR, "--engine", OURS, "--channels", "200",
                   "--speak", "1", "--ring", "--nap", "--seconds", "120", *options]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=log, start_new_session=True)
        prefer(self.child.pid)
        self.expect("ready")

    def expect(self, word, timeout=30):
        """The next line, which begins with `word`."""
        ready, _, _ = select.select([self.child.stdout], [], [], timeout)
        line = self.child.stdout.readline().decode() if ready else ""
        if not line.startswith(word):
            raise ProcessError(f"carillon-far said {line!r} for {word!r}: {self.log.read_text(errors='replace')[-2000:]}")
        return line

    def tell(self, order, answer):
        self.child.stdin.write(order.encode() + b"\n")
        self.child.stdin.flush()
        return self.expect(answer)

    def report(self, order="report"):
        return json.loads(self.tell(order, "{"))

    def kill9(self):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


class DpdkRobustTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.voices = BUILD / "voices" / "judge"
        subprocess.run([sys.executable, ROOT / "tests/carrier/make_voices", "--set", "judge", cls.voices], check=True)
        cls.prompt = cls.voices / "message_parcel.wav"

    def setUp(self):
        self.path = Path(tempfile.mkdtemp(prefix="carillon-dpdk-"))
        self.addCleanup(shutil.rmtree, self.path, True)
        self.loads, self.far = 0, None
        (self.path / "engine").mkdir()
        (self.path / "engine.toml").write_text(toml({
            "engine": {"name": "robust", "shards": 1, "data_dir": str(self.path / "engine"), "calls_max": 200},
            "sip": {"address": OURS, "port": SIP_PORT},
            "rtp": {"port_min": 6000, "port_max": 6999},
            "io": {"back_end": "dpdk"},
            "dpdk": {"eal": eal(ENGINE_CORE, "engine", "server", self.path / "memif.sock"), "port": "net_memif0",
                     "addresses": [f"{OURS}/24"], "mbufs": MBUFS},
            "link": {"listen": f"unix:{self.path}/engine.sock"}}))
        self.engine = self.run_process("engine", "taskset", "-c", ENGINE_CORE, BUILD / "bin/carillon-engine", "--config",
                                       self.path / "engine.toml")
        prefer(self.engine.pid)
        self.addCleanup(lambda: self.far and self.far.kill9())
        self.engine.wait_ready(60)

    def run_process(self, name, *command):
        process = Process(name, [str(word) for word in command], self.path / f"{name}.log")
        self.addCleanup(process.terminate)
        return process

    def load(self, calls, rate, talk_ms):
        """Starts calls to the far side; they play a prompt for so long and hang up."""
        self.loads += 1
        return self.run_process(f"load{self.loads}", "taskset", "-c", OTHER_CORE, BUILD / "bin/carillon-load", "--engine",
                                f"unix:{self.path}/engine.sock", "--gateway", f"{FAR}:{SIP_PORT}", "--calls", calls, "--rate", rate,
                                "--talk-ms", talk_ms, "--prompt", self.prompt, "--patience", 40, "--stats")

    def wait_line(self, process, start, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            running = process.is_running()
            for line in process.lines():
                if line.startswith(start):
                    return line
            self.assertTrue(running, process.tail())
            self.assertTrue(self.engine.is_running(), self.engine.tail())
            time.sleep(0.05)
        self.fail(f"no {start!r} within {timeout} s:\n{process.tail()}")

    def steady_load(self, calls, talk_ms):
        """A load whose calls are all up. Where other work on its core makes the engine refuse some, it is begun anew."""
        for _ in range(REFUSALS_MAX):
            load = self.load(calls, 50, talk_ms)
            words = self.wait_line(load, "steady").split(maxsplit=2)
            if int(words[1]) == calls:
                return load
            self.assertTrue(words[2:] and words[2].startswith("engine overloaded"), load.tail())
            self.assertIsNotNone(load.wait(60), load.tail())
        self.fail(f"the engine never had room:\n{load.tail()}")

    def sums(self, load):
        self.assertIsNotNone(load.wait(60), load.tail())
        return json.loads(load.lines()[-1])

    @staticmethod
    def stats(load):
        return [json.loads(line[6:]) for line in load.lines() if line.startswith("stats ")]

    def drops(self, load):
        """{reason: count} as the engine told last."""
        return {reason: int(count) for reason, count in self.stats(load)[-1]["drops"].items()}

    def legs(self, load):
        """How many there were, second by second."""
        return [int(stats["legs"]) for stats in self.stats(load)]

    def resident(self):
        return int(Path(f"/proc/{self.engine.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def check_end(self):
        self.assertTrue(self.engine.is_running(), self.engine.tail())
        self.assertEqual(self.engine.terminate(30), 0, self.engine.tail())

    def test_the_other_end_is_killed_in_mid_call(self):
        """Its successor knows none of the calls and has another MAC address: our BYEs get 481, new calls work."""
        self.far = Far(self.path)
        for _ in range(KILLS):
            load = self.steady_load(CALLS_AT_KILL, 3000)
            self.far.kill9()
            time.sleep(0.5)  # the engine polls a wire without another end
            self.assertTrue(self.engine.is_running(), self.engine.tail())
            self.far = Far(self.path)
            sums = self.sums(load)
            self.assertEqual((sums["answered"], sums["open"]), (CALLS_AT_KILL, 0), sums)
            sums = self.sums(self.steady_load(CALLS_AFTER, 500))
            self.assertEqual((sums["good"], sums["open"]), (CALLS_AFTER, 0), sums)
        self.check_end()

    def test_the_other_end_is_killed_and_stays_away(self):
        """Legs that would play on for a minute end when they have not heard anything for so long; none stays."""
        self.far = Far(self.path)
        load = self.steady_load(CALLS_AFTER, 60000)
        time.sleep(1)  # a leg that has heard its peer
        self.far.kill9()
        self.far, killed = None, time.monotonic()
        sums = self.sums(load)
        self.assertEqual((sums["answered"], sums["open"]), (CALLS_AFTER, 0), sums)
        self.assertGreater(time.monotonic() - killed, MEDIA_TIMEOUT_S - 2)
        self.assertLess(time.monotonic() - killed, MEDIA_TIMEOUT_S + 10)
        self.far = Far(self.path)
        load = self.steady_load(CALLS_AFTER, 2500)  # long enough to be told how many legs there are
        sums = self.sums(load)
        self.assertEqual((sums["good"], sums["open"]), (CALLS_AFTER, 0), sums)
        self.assertLessEqual(max(self.legs(load)), CALLS_AFTER)
        self.check_end()

    def test_a_storm_of_garbage_beside_calls(self):
        self.far = Far(self.path, "--expect-payload", self.prompt, "--garbage", str(GARBAGE), "--garbage-seconds",
                       str(GARBAGE_SECONDS))
        load = self.steady_load(CALLS_IN_STORM, 14000)
        resident = []
        self.far.tell("measure start", "started")
        for storm in range(1, STORMS + 1):
            self.far.tell("garbage", "started")
            deadline = time.monotonic() + 20
            while (report := self.far.report())["garbage"] < storm * GARBAGE and time.monotonic() < deadline:
                time.sleep(0.2)
            resident.append(self.resident())
        score = self.far.report("measure stop")
        # the first one touches frames that were never used before; from then on nothing grows
        self.assertLess(resident[-1] - resident[0], GROWN_MAX, resident)
        self.assertEqual(report["garbage"], STORMS * GARBAGE, report)  # all of it was made …
        missed = score["far"]["tx_refused"] + score["far"]["no_mbuf"]
        self.assertLess(missed, STORMS * GARBAGE // 2, score)  # … and most of it fitted into the ring beside others' work
        self.assertGreater(score["packets"], CALLS_IN_STORM * 50 * STORMS * GARBAGE_SECONDS * 0.8, score)
        for fault in ("lost", "payload_wrong", "malformed", "unsound", "source_changed", "byes"):
            self.assertEqual(score[fault], 0, (fault, score))
        sums = self.sums(load)
        self.assertEqual((sums["good"], sums["open"]), (CALLS_IN_STORM, 0), sums)
        # one kind in nine is SIP that is none: what was counted there says that the storm reached the engine
        self.assertGreater(self.drops(load)["sip_unparsable"], STORMS * GARBAGE // 9 // 2)
        sums = self.sums(self.steady_load(5, 500))
        self.assertEqual((sums["good"], sums["open"]), (5, 0), sums)
        self.check_end()


if __name__ == "__main__":
    unittest.main()
