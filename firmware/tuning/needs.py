"""What the engine needs, from its configuration file. The engine itself judges the file; this reads what tuning needs.

Numbers repeat engine/config.h (defaults), engine/placement.cpp (which CPU a pinned shard takes), engine/network.cpp (sockets) and
engine/io/config.h (socket buffers)."""

import re
import tomllib
from dataclasses import dataclass, field

from . import cpulist

MIB = 1 << 20
MBUF_BYTES = 2368  # DPDK 22.11: 128 rte_mbuf + 2176 data room with headroom + 64 mempool header
DPDK_BASE_BYTES = 64 * MIB  # EAL's heap, rings and queue descriptors beside the packet pool
RECORD_BLOCK = 32 << 10
SOCKET_BUFFER = 4 * MIB  # of a shard's SIP socket
PCI = re.compile(r"^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")


class BadConfig(Exception):
    """One line for the operator."""


@dataclass
class Needs:
    shards: int = 1
    pin: bool = False
    back_end: str = "auto"
    data_dir: str = "data"
    port_min: int = 20000
    port_max: int = 29999
    record_blocks: int = 1024
    mbufs: int = 65536
    eal: list = field(default_factory=list)
    port: str = ""       # of [dpdk]: a PCI address or the name of a virtual device
    nics: list = field(default_factory=list)  # PCI addresses or interface names
    cores: set = field(default_factory=set)   # named by engine.cores or --cores; empty: by the engine's rule

    @property
    def is_dpdk(self):
        return self.back_end == "dpdk"

    @property
    def is_placed(self):
        """Shards have CPUs of their own. Where they have not, nobody need keep off the ones they might run on."""
        return self.pin or bool(self.cores)

    @property
    def wants_hugepages(self):
        return self.is_dpdk and "--no-huge" not in self.eal

    @property
    def hugepage_bytes(self):
        return self.mbufs * MBUF_BYTES + DPDK_BASE_BYTES

    @property
    def locked_bytes(self):
        """What io_uring may register: receive and send buffers of each shard (2048 of 4 KiB and room), recording blocks.
        None: no bound, since vfio pins all of DPDK's memory."""
        return None if self.is_dpdk else self.shards * 16 * MIB + self.record_blocks * RECORD_BLOCK

    @property
    def sockets_per_shard(self):
        """io_uring registers a table of that many files; the table must fit RLIMIT_NOFILE."""
        return 4 * ((self.port_max + 1 - (self.port_min + 1 & ~1)) // 2 // self.shards) + 32

    @property
    def files(self):
        return self.shards * self.sockets_per_shard + 1024  # recordings, journal, link

    def shard_cores(self, online):
        """Those that are named, else shard i runs on CPU i, counted round (placement.cpp)."""
        if self.cores:
            return set(self.cores)
        count = max(1, len(online))
        return {index % count for index in range(self.shards)}


_KINDS = {int: "a whole number", bool: "true or false", str: "text in quotes", list: "a list"}


def _take(table, name, kind, default):
    value = table.get(name, default)
    if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):
        raise BadConfig(f"{name}: must be {_KINDS[kind]}")
    return value


def _section(root, name):
    value = root.get(name, {})
    if not isinstance(value, dict):
        raise BadConfig(f"{name}: must be a section")
    return value


def _cores(named, shards):
    if any(isinstance(core, bool) or not isinstance(core, int) or core < 0 for core in named):
        raise BadConfig("engine.cores: must be a list of whole numbers")
    if named and len(named) != shards:
        raise BadConfig(f"engine.cores: {len(named)} named for {shards} shards: each needs one")
    if len(set(named)) != len(named):
        raise BadConfig("engine.cores: one is named twice: two shards would share it")
    return set(named)


def read(text):
    try:
        root = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(str(error)) from None
    needs = Needs()
    engine, io, rtp, record, dpdk = (_section(root, name) for name in ("engine", "io", "rtp", "record", "dpdk"))
    needs.shards = _take(engine, "shards", int, needs.shards)
    needs.pin = _take(engine, "pin", bool, needs.pin)
    needs.cores = _cores(_take(engine, "cores", list, []), needs.shards)
    needs.pin = needs.pin or bool(needs.cores)  # naming them pins
    needs.data_dir = _take(engine, "data_dir", str, needs.data_dir)
    needs.back_end = _take(io, "back_end", str, needs.back_end)
    needs.port_min = _take(rtp, "port_min", int, needs.port_min)
    needs.port_max = _take(rtp, "port_max", int, needs.port_max)
    needs.record_blocks = _take(record, "blocks", int, needs.record_blocks)
    needs.mbufs = _take(dpdk, "mbufs", int, needs.mbufs)
    needs.eal = [str(word) for word in _take(dpdk, "eal", list, [])]
    needs.port = _take(dpdk, "port", str, "")
    if not 1 <= needs.shards <= 64:
        raise BadConfig("engine.shards: must be 1 to 64")
    if needs.port_max <= needs.port_min or needs.port_max > 65535:
        raise BadConfig("rtp.port_max: must be above port_min")
    if needs.is_dpdk:  # an empty port is the only device there is: the one that -a allows
        devices = [needs.port] if needs.port else [word.split(",")[0] for word in needs.eal]
        needs.nics = [device.lower() for device in devices if PCI.match(device.lower())]
    return needs


def cores(text):
    try:
        return cpulist.parse(text)
    except ValueError:
        raise BadConfig(f"--cores {text}: not a list of CPUs") from None
