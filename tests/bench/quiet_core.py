"""Keeps the kernel's own unbound threads off the engine's core, as nohz_full= does on a dedicated server (firmware/tune asks
for it): one that reclaims memory held the core for 8 ms at a time here. Needs root; all is undone."""

import os
from pathlib import Path

_KTHREADD = 2


def _kernel_threads():
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # it is gone
            continue
        if parent == _KTHREADD:
            yield int(folder.name)


class QuietCore:
    """A block; `moved` says how many threads were sent away."""

    def __init__(self, core):
        self.core, self.before = core, {}

    def __enter__(self):
        for thread in _kernel_threads():
            try:
                allowed = os.sched_getaffinity(thread)
                if self.core in allowed and len(allowed) > 1:
                    os.sched_setaffinity(thread, allowed - {self.core})
                    self.before[thread] = allowed
            except OSError:  # bound by the kernel, or gone, or not ours to move
                continue
        return self

    @property
    def moved(self):
        return len(self.before)

    def __exit__(self, *_):
        for thread, allowed in self.before.items():
            try:
                os.sched_setaffinity(thread, allowed)
            except OSError:
                continue
