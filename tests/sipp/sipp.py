"""Runs one sipp process: far side of a trunk, or a caller. Its exit status is the verdict, its message trace the proof."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

from process import ProcessError
from scenario import xml
from ports import free_port, free_port_range


class Sipp:
    def __init__(self, folder, name, steps, address="127.0.0.1", remote=None, service=None, calls=1, timeout=25, options=()):
        """`remote` "ip:port": a caller; without: it listens."""
        self.folder = folder / f"sipp-{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.name = name
        self.port = free_port(socket.SOCK_DGRAM)
        self.media_port = free_port_range(8)
        (self.folder / "scenario.xml").write_text(xml(name, *steps))
        command = ["sipp", *([remote] if remote else []), "-sf", "scenario.xml", "-i", address, "-p", self.port, "-mi", address,
                   "-mp", self.media_port, "-m", calls, "-timeout", timeout, "-timeout_error", "-nostdin", "-rtp_echo",
                   "-recv_timeout", timeout * 1000, "-trace_msg", "-message_file", "messages.log", "-trace_err", "-error_file",
                   "errors.log", *(["-s", service] if service else []), *options]
        with open(self.folder / "out.log", "wb") as out:
            self._child = subprocess.Popen([str(part) for part in command], cwd=self.folder, stdin=subprocess.DEVNULL,
                                           stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        if not remote:
            self._wait_bound()

    def _wait_bound(self):
        """Until sipp has its port, as the kernel's table of UDP sockets says."""
        wanted = f":{self.port:04X} "
        deadline = time.monotonic() + 10
        while wanted not in Path("/proc/net/udp").read_text():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise ProcessError(f"sipp {self.name} does not listen:\n{self.log()}")
            time.sleep(0.02)

    def wait(self, timeout=40):
        """Exit status: 0 when every call went as the scenario says."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            return "still running"

    def stop(self):
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    def messages(self):
        path = self.folder / "messages.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def log(self):
        parts = []
        for name in ("errors.log", "out.log"):
            path = self.folder / name
            if path.exists():
                parts.append(path.read_text(errors="replace")[-2500:])
        return "\n".join(parts) + self.messages()[-4000:]
