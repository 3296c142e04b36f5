"""What the programs tell the service manager: a fake NOTIFY_SOCKET hears of their start, their watchdog and their end, and
hears nothing of the watchdog while what carries calls stands still."""

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CARILLON_BUILD", SOURCE / "build/release"))
PERIOD_S = 1.2          # the engine's beat: longer than an idle shard's second
PERIOD_CONTROL_S = 0.5  # control's: longer than an idle driver's quarter of one
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
CPU = min(os.sched_getaffinity(0))

ENGINE = """[engine]
data_dir = "{folder}/engine"
cores = [{cpu}]
[sip]
port = 0
"""
CONTROL = """[control]
data_dir = "{folder}/control"
[http]
port = 0
[[engines]]
name = "engine-1"
link = "unix:{folder}/none.sock"
"""


class Manager:
    """The service manager's end. `name` as NOTIFY_SOCKET says it."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)

    def hear(self, within=10.0):
        """The next datagram, or an empty one when none came."""
        self.socket.settimeout(within)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return ""

    def drain(self):
        while self.hear(0.01):
            pass


class NotifyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carillon-notify-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    @contextmanager
    def started(self, program, config, name, period=PERIOD_S, **environment):
        path = BUILD / "bin" / program
        if not path.exists():
            self.skipTest(f"{path} is not built")
        manager = Manager(name)
        file = Path(self.folder) / "config.toml"
        file.write_text(config.format(folder=self.folder, cpu=CPU))
        variables = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": str(int(2 * period * 1e6)),
                     "WATCHDOG_PID": "", **environment}
        with subprocess.Popen([path, "--config", file], env=variables, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            try:
                yield process, manager
            finally:
                if process.poll() is None:
                    process.kill()
                manager.socket.close()

    def end(self, process, manager):
        process.send_signal(signal.SIGTERM)
        news = manager.hear()
        while news == "WATCHDOG=1":  # one that was on its way
            news = manager.hear()
        self.assertEqual(news, "STOPPING=1")
        self.assertEqual(process.wait(timeout=15), 0)

    def hear_watchdog(self, manager, times, period=PERIOD_S):
        for _ in range(times):
            before = time.monotonic()
            self.assertEqual(manager.hear(2.5 * period), "WATCHDOG=1")
            self.assertLess(time.monotonic() - before, 2 * period, "systemd would have killed it")

    def test_the_engine(self):
        with self.started("carillon-engine", ENGINE, f"{self.folder}/notify") as (process, manager):
            self.assertRegex(manager.hear(), r"^READY=1\nSTATUS=SIP 127\.0\.0\.1:\d+ ")
            self.hear_watchdog(manager, 2)
            os.kill(process.pid, signal.SIGSTOP)
            manager.drain()
            self.assertEqual(manager.hear(1.5 * PERIOD_S), "")
            os.kill(process.pid, signal.SIGCONT)
            self.hear_watchdog(manager, 1)
            self.end(process, manager)

    def test_a_shard_that_hangs_silences_the_engine(self):
        """Only the shard's thread is stopped; the main thread, which sends, is awake."""
        libc = ctypes.CDLL(None, use_errno=True)
        with self.started("carillon-engine", ENGINE, f"{self.folder}/notify") as (process, manager):
            self.assertIn("READY=1", manager.hear())
            self.hear_watchdog(manager, 1)
            shard = self.shard_thread(process.pid)
            if libc.ptrace(PTRACE_SEIZE, shard, None, None) != 0:
                self.skipTest(f"no thread may be stopped here: {os.strerror(ctypes.get_errno())}")
            self.assertEqual(libc.ptrace(PTRACE_INTERRUPT, shard, None, None), 0)
            manager.hear(PERIOD_S)  # for what it had stepped before
            manager.drain()
            self.assertEqual(manager.hear(1.5 * PERIOD_S), "")
            os.waitpid(shard, 0x40000000)  # __WALL: its stop is told to us; only then it may be let go
            self.assertEqual(libc.ptrace(PTRACE_DETACH, shard, None, None), 0)
            self.hear_watchdog(manager, 1)
            self.end(process, manager)

    def shard_thread(self, process):
        """The one that runs on CPU alone; the kernel's workers for io_uring apart."""
        found = []
        for task in Path(f"/proc/{process}/task").iterdir():
            status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            if status["Cpus_allowed_list"] == str(CPU) and not status["Name"].startswith("iou-"):
                found.append(int(task.name))
        self.assertEqual(len(found), 1, "is this process itself bound to one CPU?")
        return found[0]

    def test_control_in_the_abstract_namespace(self):
        name = f"@carillon-{os.getpid()}"
        with self.started("carillon-control", CONTROL, name, PERIOD_CONTROL_S) as (process, manager):
            self.assertRegex(manager.hear(), r"^READY=1\nSTATUS=http://127\.0\.0\.1:\d+$")
            self.hear_watchdog(manager, 1, PERIOD_CONTROL_S)
            os.kill(process.pid, signal.SIGSTOP)
            manager.drain()
            self.assertEqual(manager.hear(1.5 * PERIOD_CONTROL_S), "")
            os.kill(process.pid, signal.SIGCONT)
            self.end(process, manager)

    def test_another_process_watchdog_is_not_ours(self):
        with self.started("carillon-engine", ENGINE, f"{self.folder}/notify", WATCHDOG_PID="1") as (process, manager):
            self.assertIn("READY=1", manager.hear())
            self.assertEqual(manager.hear(1.5 * PERIOD_S), "")
            self.end(process, manager)

    def test_a_manager_that_is_gone_harms_nobody(self):
        with self.started("carillon-engine", ENGINE, f"{self.folder}/notify") as (process, manager):
            self.assertIn("READY=1", manager.hear())
            manager.socket.close()
            time.sleep(1.1 * PERIOD_S)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=15), 0)


if __name__ == "__main__":
    unittest.main()
