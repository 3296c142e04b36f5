"""The machine that is judged: its /proc, /sys and /dev, under a root of one's choice. Knows no wanted values."""

import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

from . import cpulist


class CannotTell(Exception):
    """A file is absent, unreadable or not what it should be. The text says which and why."""


class Machine:
    def __init__(self, root="/"):
        self.root = Path(root)

    def at(self, path):
        return self.root / str(path).lstrip("/")

    def read(self, path):
        """The file's text without surrounding blanks."""
        try:
            return self.at(path).read_text(errors="replace").strip()
        except OSError as error:
            raise CannotTell(f"{path}: {(error.strerror or 'unreadable').lower()}") from None

    def number(self, path):
        text = self.read(path)
        try:
            return int(text, 0)
        except ValueError:
            raise CannotTell(f"{path}: not a number") from None

    def cpus(self, path):
        text = self.read(path)
        if text == "(null)":  # nohz_full of a kernel that has the option and was given none
            return set()
        try:
            return cpulist.parse(text)
        except ValueError:
            raise CannotTell(f"{path}: not a list of CPUs") from None

    def binary(self, path, size):
        try:
            with open(self.at(path), "rb") as file:
                return file.read(size)
        except OSError as error:
            raise CannotTell(f"{path}: {(error.strerror or 'unreadable').lower()}") from None

    def exists(self, path):
        return self.at(path).exists()

    def names(self, path):
        """What a folder holds; empty when it is not there."""
        try:
            return sorted(entry.name for entry in self.at(path).iterdir())
        except OSError:
            return []

    def link_name(self, path):
        """The last part of what a link points to, or empty: the driver, the IOMMU group of a device."""
        try:
            return os.path.basename(os.readlink(self.at(path)))
        except OSError:
            return ""

    @cached_property
    def online(self):
        return self.cpus("/sys/devices/system/cpu/online")

    @cached_property
    def nodes(self):
        """NUMA node → its CPUs; empty where the kernel shows none."""
        found = {}
        for name in self.names("/sys/devices/system/node"):
            if name.startswith("node") and name[4:].isdigit():
                try:
                    found[int(name[4:])] = self.cpus(f"/sys/devices/system/node/{name}/cpulist")
                except CannotTell:
                    continue
        return found

    @cached_property
    def kernel_parameters(self):
        """Name → value of the command line; the last one wins."""
        return {name: value for name, _, value in (word.partition("=") for word in self.read("/proc/cmdline").split())}

    def processes(self, name):
        """Ids of the processes of that name (15 characters: what comm keeps)."""
        found = []
        for entry in self.names("/proc"):
            if entry.isdigit():
                try:
                    if self.read(f"/proc/{entry}/comm") == name[:15]:
                        found.append(int(entry))
                except CannotTell:
                    continue
        return found

    def limits(self, process="self"):
        """Name → soft limit of /proc/PROCESS/limits; None is unlimited."""
        found = {}
        for line in self.read(f"/proc/{process}/limits").splitlines()[1:]:
            name, values = line[:26].strip(), line[26:].split()
            if values:
                found[name] = int(values[0]) if values[0].isdigit() else None
        return found

    def mounts(self):
        """(mount point, file system, options) in the order of mounting."""
        found = []
        for line in self.read("/proc/self/mounts").splitlines():
            fields = line.split()
            if len(fields) >= 4:
                found.append((fields[1].replace("\\040", " "), fields[2], fields[3].split(",")))
        return found

    def ethtool(self, *arguments):
        """What ethtool prints. It asks the running kernel, so there is no answer about another root."""
        if self.root != Path("/"):
            raise CannotTell("ethtool asks the running kernel only")
        program = shutil.which("ethtool", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program is None:
            raise CannotTell("ethtool missing")
        try:
            done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotTell(f"ethtool: {error}") from None
        if done.returncode != 0:
            raise CannotTell(f"ethtool {' '.join(arguments)}: {done.stderr.strip() or 'failed'}")
        return done.stdout
