"""The whole product on loopback: carrier, engine and control, each a process of its own, in one temporary folder.

    with Stack(build="build/release") as stack:
        stack.start()
        trunk = stack.put_trunk()
        ...
        stack.stop()

Leaving the block stops whatever still runs; on an exception it prints the tail of each log first."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ports import free_port, free_port_range
from process import Process, ProcessError
from rest import Rest, RestError

ROOT = Path(__file__).resolve().parents[2]
SUCCESS = (0,)


def toml(sections):
    """{"a": {"b": 1}} as TOML; a list of tables becomes [[a]]."""
    out = []
    for name, section in sections.items():
        for table in section if isinstance(section, list) else [section]:
            out.append(f"[[{name}]]" if isinstance(section, list) else f"[{name}]")
            out += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
            out.append("")
    return "\n".join(out)


class Stack:
    def __init__(self, build="build/release", seed=1, calls_max=200, carrier_options=(), expect=("parcel",), folder=None,
                 voice_set="judge", engine_sections=None):
        self.bin = (ROOT / build).resolve() / "bin"
        self.voices = (ROOT / build).resolve() / "voices" / voice_set
        self.voice_set = voice_set
        self.is_kept = folder is not None
        self.folder = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="carillon-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed, self.calls_max = seed, calls_max
        self.carrier_options, self.expect = list(carrier_options), list(expect)
        self.engine_sections = engine_sections or {}
        self.processes = {}
        self.exits = []  # (name, status) of everything that was stopped or killed
        self.truth_path = self.folder / "truth.jsonl"
        self.rest = None

    # starting ---------------------------------------------------------------------------------------------------

    def make_voices(self):
        subprocess.run([sys.executable, str(ROOT / "tests/carrier/make_voices"), "--set", self.voice_set, str(self.voices)],
                       check=True)

    def write_configs(self):
        self.sip_port = free_port(socket.SOCK_DGRAM)
        self.http_port = free_port(socket.SOCK_STREAM)
        self.carrier_sip_port = free_port(socket.SOCK_DGRAM)
        self.rtp_first = free_port_range(4 * self.calls_max + 8)
        self.link = self.folder / "engine.sock"
        rtp_last = self.rtp_first + 2 * self.calls_max + 3
        self.carrier_rtp = (rtp_last + 1, self.rtp_first + 4 * self.calls_max + 6)
        engine = {
            "engine": {"name": "engine-1", "shards": 1, "data_dir": str(self.folder / "engine"),
                       "calls_max": self.calls_max},
            "sip": {"address": "127.0.0.1", "port": self.sip_port},
            "rtp": {"address": "127.0.0.1", "port_min": self.rtp_first, "port_max": rtp_last},
            "io": {"back_end": "auto"},
            "link": {"listen": f"unix:{self.link}"},
        }
        for name, section in self.engine_sections.items():
            engine.setdefault(name, {}).update(section)
        control = {
            "control": {"data_dir": str(self.folder / "control")},
            "http": {"address": "127.0.0.1", "port": self.http_port},
            "engines": [{"name": "engine-1", "link": f"unix:{self.link}"}],
        }
        (self.folder / "engine.toml").write_text(toml(engine))
        (self.folder / "control.toml").write_text(toml(control))
        for name in ("engine", "control", "logs"):
            (self.folder / name).mkdir(exist_ok=True)

    def _run(self, name, command):
        self.processes[name] = Process(name, [str(part) for part in command], self.folder / "logs" / f"{name}.log")
        return self.processes[name]

    def start_carrier(self):
        command = [self.bin / "carillon-carrier", "--listen", f"127.0.0.1:{self.carrier_sip_port}", "--rtp-min",
                   self.carrier_rtp[0], "--rtp-max", self.carrier_rtp[1], "--seed", self.seed, "--voices", self.voices,
                   "--truth", self.truth_path]
        for name in self.expect:
            command += ["--expect", f"{name}={self.message(name)}"]
        self._run("carrier", command + self.carrier_options).wait_ready()

    def start_engine(self):
        self._run("engine", [self.bin / "carillon-engine", "--config", self.folder / "engine.toml"]).wait_ready()

    def start_control(self):
        self._run("control", [self.bin / "carillon-control", "--config", self.folder / "control.toml"]).wait_ready()
        token = (self.folder / "control" / "admin.token").read_text().strip()
        if self.rest:
            self.rest.close()
        self.rest = Rest("127.0.0.1", self.http_port, token)
        if "engine" in self.processes:  # else control is meant to be alone
            self.wait_until(lambda: self.rest.exchange("GET", "/health")[0] == 200, 60, "control has its engine")

    def start(self):
        """Everything, in the order in which they need each other."""
        self.make_voices()
        self.write_configs()
        self.start_carrier()
        self.start_engine()
        self.start_control()

    # using ------------------------------------------------------------------------------------------------------

    def message(self, name):
        return self.voices / f"message_{name}.wav"

    def put_trunk(self, **more):
        """A trunk to the carrier; returns its object."""
        gateway = {"address": "127.0.0.1", "port": self.carrier_sip_port}
        return self.rest.post("/v1/trunks", {"name": "carrier", "gateways": [gateway], "codecs": ["PCMU", "PCMA"], **more})

    def put_prompt(self, name):
        return self.rest.post(f"/v1/prompts?name={name}", content=self.message(name).read_bytes(),
                              content_type="audio/wav")

    def calls(self):
        return self.rest.all("/v1/calls")

    def metrics(self):
        """{name or name{labels}: value} of the Prometheus page."""
        out = {}
        for line in self.rest.get_bytes("/metrics").decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                out[name] = float(value)
        return out

    def truth(self):
        """The carrier's lines so far; complete once the carrier has been stopped."""
        if not self.truth_path.exists():
            return []
        return [json.loads(line) for line in self.truth_path.read_text().splitlines() if line]

    def wait_until(self, holds, timeout, what):
        """Polls holds() until it is true."""
        deadline = time.monotonic() + timeout
        while not (result := holds()):
            self.check_alive()
            if time.monotonic() > deadline:
                raise ProcessError(f"not within {timeout:.0f} s: {what}")
            time.sleep(0.1)
        return result

    def check_alive(self):
        for process in self.processes.values():
            if not process.is_running():
                raise ProcessError(f"{process.name} ended with {process.returncode()}:\n{process.tail()}")

    # stopping ---------------------------------------------------------------------------------------------------

    def kill9(self, name):
        process = self.processes.pop(name)
        process.kill9()
        self.exits.append((name, process.returncode()))

    def stop_one(self, name):
        process = self.processes.pop(name)
        self.exits.append((name, process.terminate()))
        return self.exits[-1][1]

    def stop(self):
        """Ends all of it: control, engine, carrier. Returns what did not end as it should: [(name, status)]."""
        if self.rest:
            self.rest.close()
        bad = []
        for name in ("control", "engine", *[name for name in self.processes if name not in ("control", "engine")]):
            if name in self.processes and (status := self.stop_one(name)) not in SUCCESS:
                bad.append((name, status))
        return bad

    def print_tails(self, out=sys.stderr):
        for log in sorted((self.folder / "logs").glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-25:]
            print(f"---- {log.name}", *lines, sep="\n", file=out)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        failed = kind is not None and kind is not KeyboardInterrupt
        if failed:
            self.print_tails()
        for name in list(self.processes):
            self.stop_one(name)
        if self.is_kept or failed:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
