"""An engine whose device is one end of a veth pair, in a namespace of its own; at the other end the kernel's stack."""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from namespaces import Capture, VethPair

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from process import Process, ProcessError  # noqa: E402
from stack import toml  # noqa: E402

BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release")).resolve()
ENGINE_CORE, OTHER_CORE = "0", str((os.cpu_count() or 1) - 1)  # the engine polls
OURS, PEER = {4: "10.77.0.1", 6: "fd77::1"}, {4: "10.77.0.2", 6: "fd77::2"}
STRANGER, SILENT = {4: "10.77.0.3", 6: "fd77::3"}, {4: "10.77.0.4", 6: "fd77::4"}  # the peer's too
SIP_PORT, REFUSALS_MAX = 5060, 15


def at(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Wire:
    """An engine in its namespace and what has been started beside it."""

    def __init__(self, family, tap=""):
        self.family, self.tap = family, tap
        self.ours, self.theirs = OURS[family], PEER[family]
        self.path = Path(tempfile.mkdtemp(prefix="carillon-af-xdp-"))
        self.pair = VethPair(*[f"{each[4]}/24" for each in (PEER, STRANGER, SILENT)],
                             *[f"{each[6]}/64" for each in (PEER, STRANGER, SILENT)])
        self.processes, self.capture = [], None

    def open(self):
        self.pair.__enter__()
        self.capture = Capture(self.pair.peer)
        (self.path / "engine").mkdir()
        eal = ["--no-huge", "-m", "256", "--no-shconf", "--no-pci", "-l", ENGINE_CORE, f"--file-prefix=carillon-{os.getpid()}",
               f"--vdev=net_af_xdp0,iface={self.pair.engine.device}"]
        (self.path / "engine.toml").write_text(toml({
            "engine": {"name": "af-xdp", "shards": 1, "data_dir": str(self.path / "engine"), "calls_max": 50},
            "sip": {"address": self.ours, "port": SIP_PORT},
            "rtp": {"port_min": 20000, "port_max": 20199},
            "io": {"back_end": "dpdk"},
            "dpdk": {"eal": eal, "addresses": [f"{OURS[4]}/24", f"{OURS[6]}/64"], "mbufs": 8192, "tap": self.tap},
            "link": {"listen": f"unix:{self.path}/engine.sock"}}))
        self.engine = self.run("engine", self.pair.engine.command("taskset", "-c", ENGINE_CORE, BUILD / "bin/carillon-engine",
                                                                  "--config", self.path / "engine.toml"))
        self.engine.wait_ready(60)

    def run(self, name, command):
        process = Process(name, [str(word) for word in command], self.path / f"{name}.log")
        self.processes.append(process)
        Path(f"/proc/{process.pid}/autogroup").write_text("-10")  # speech must be in time beside other sessions' work
        return process

    def run_at_peer(self, name, *words):
        return self.run(name, self.pair.peer.command("taskset", "-c", OTHER_CORE, *words))

    def start_load(self, gateway, **options):
        command = ["taskset", "-c", OTHER_CORE, BUILD / "bin/carillon-load", "--engine", f"unix:{self.path}/engine.sock",
                   "--gateway", gateway, "--patience", 60]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
        return self.run("load", command)

    def load(self, gateway, **options):
        """Calls from the engine to `gateway`; its line of sums once all are over. Where other work on its core makes the
        engine refuse calls (rightly: its beats come late), they are placed anew."""
        for _ in range(REFUSALS_MAX):
            load = self.start_load(gateway, **options)
            if load.wait(150) is None:
                raise ProcessError(f"calls without end:\n{load.tail()}")
            try:
                sums = json.loads(load.lines()[-1])
            except (ValueError, IndexError) as error:
                raise ProcessError(f"carillon-load:\n{load.tail()}") from error
            if not sums["first_reason"].startswith("engine overloaded"):
                return sums
            time.sleep(1)
        raise ProcessError(f"the engine never had room:\n{load.tail()}")

    def sipp(self, name, address, scenario, *options):
        (self.path / f"{name}.xml").write_text(scenario)
        return self.run_at_peer(name, "sipp", "-sf", self.path / f"{name}.xml", "-i", address, "-m", "1", "-nostdin", "-timeout",
                                "60", "-timeout_error", "-trace_err", "-error_file", self.path / f"{name}-errors.log", *options)

    def recordings(self, known=()):
        """Paths of what is closed and not among `known`."""
        return set((self.path / "engine/recordings").rglob("*.wav")).difference(known)

    def end_all_but(self, kept):
        """Ends whatever else still runs, so that nobody speaks to the engine or answers it in the next test. Calls that were
        up end by the engine's own time-outs."""
        for process in reversed([process for process in self.processes if process not in kept]):
            process.terminate(30)
            self.processes.remove(process)

    def close(self, is_kept=False):
        """The engine's end is part of what is judged: its exit status."""
        status = None
        try:
            for process in reversed(self.processes):
                ended = process.terminate(30)
                status = ended if process.name == "engine" else status
        finally:
            if self.capture:
                self.capture.close()
            self.pair.remove()
        if is_kept:
            for log in sorted(self.path.glob("*.log")):
                print(f"---- {log.name}", *log.read_text(errors="replace").splitlines()[-25:], sep="\n", file=sys.stderr)
        shutil.rmtree(self.path, ignore_errors=True)
        return status
