"""Memory for DPDK's EAL and for recordings: hugepages for as long as they are needed, or plain pages where they can't be had;
a tmpfs that may fill most of the machine's memory."""

import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

POOL = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
FREE = POOL.with_name("free_hugepages")
PAGE_MB = 2


class MemoryFolder:
    """Context: a folder in memory. As root with room for most of it (5,000 recordings take 160 MB a second); else in /dev/shm,
    which has half."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="carillon-bench-", dir="/dev/shm"))
        self.is_mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80%", "nodev", self.path], check=False,
                                         stderr=subprocess.DEVNULL).returncode == 0
        return self.path

    def __exit__(self, *_):
        if self.is_mounted:
            subprocess.run(["umount", self.path], check=False)
        shutil.rmtree(self.path, ignore_errors=True)


class EalMemory:
    """Context: raises the number of hugepages where too few are free and mounts a hugetlbfs of our own; both are undone.

    `arguments(mb)` are the EAL's for one process that needs so much. Without root or memory for them: --no-huge."""

    def __init__(self, megabytes):
        self.pages = math.ceil(megabytes / PAGE_MB)
        self.before = None
        self.folder = None
        self.fault = ""

    def __enter__(self):
        try:
            self._raise_pool()
            self._mount()
        except (OSError, subprocess.CalledProcessError) as error:
            self._undo()
            self.fault = f"no hugepages: {error}"
        return self

    def __exit__(self, *_):
        self._undo()

    def arguments(self, megabytes):
        if self.folder:
            return ["--in-memory", "--huge-dir", self.folder, "-m", str(megabytes)]
        return ["--no-huge", "-m", str(megabytes), "--no-shconf"]

    def describe(self):
        return f"{int(POOL.read_text())} hugepages of {PAGE_MB} MB" if self.folder else self.fault

    def _raise_pool(self):
        missing = self.pages - int(FREE.read_text())
        if missing <= 0:
            return
        before = int(POOL.read_text())
        POOL.write_text(str(before + missing))
        self.before = before
        if int(FREE.read_text()) < self.pages:
            raise OSError(f"{FREE.read_text().strip()} of {self.pages} free")

    def _mount(self):
        folder = tempfile.mkdtemp(prefix="carillon-huge-")
        try:
            subprocess.run(["mount", "-t", "hugetlbfs", "-o", f"pagesize={PAGE_MB}M", "nodev", folder], check=True,
                           stderr=subprocess.PIPE)
        except (OSError, subprocess.CalledProcessError):
            os.rmdir(folder)
            raise
        self.folder = folder

    def _undo(self):
        if self.folder:
            subprocess.run(["umount", self.folder], check=False)
            os.rmdir(self.folder)
            self.folder = None
        if self.before is not None:
            POOL.write_text(str(self.before))
            self.before = None
