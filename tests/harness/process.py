"""One child process: its log, the line that says it is ready, its end. It never outlives us."""

import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ProcessError(RuntimeError):
    """A process ended, or did not get ready; the text carries the tail of its log."""


class Process:
    """Runs `command` in a session of its own, so that Ctrl-C reaches only us, and appends all it prints to `log`."""

    def __init__(self, name, command, log, environment=None):
        self.name = name
        self.log = log
        self._log_start = os.path.getsize(log) if os.path.exists(log) else 0
        with open(log, "ab") as out:
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                           start_new_session=True, preexec_fn=_die_with_parent,
                                           env={**os.environ, **(environment or {})})
        self.pid = self._child.pid

    def is_running(self):
        return self._child.poll() is None

    def returncode(self):
        return self._child.poll()

    def lines(self):
        """What this run has printed so far."""
        with open(self.log, "rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace").splitlines()

    def tail(self, count=25):
        return "\n".join(self.lines()[-count:])

    def wait_ready(self, timeout=20.0):
        """Waits for a line that begins with "ready" and returns it."""
        deadline = time.monotonic() + timeout
        while True:
            running = self.is_running()  # before reading: a line printed just before the end still counts
            for line in self.lines():
                if line.startswith("ready"):
                    return line
            if not running:
                raise ProcessError(f"{self.name} ended with {self.returncode()} before it was ready:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} was not ready within {timeout:.0f} s:\n{self.tail()}")
            time.sleep(0.02)

    def wait(self, timeout):
        """Exit status, or None when it still runs after `timeout` seconds."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self, timeout=10.0):
        """SIGTERM, then SIGKILL for one that does not go. Returns the exit status; -9 means that it had to be killed."""
        if self.is_running():
            self._child.terminate()
            if self.wait(timeout) is None:
                self.kill9()
        return self.returncode()

    def kill9(self):
        if self.is_running():
            self._child.kill()
        self._child.wait()
