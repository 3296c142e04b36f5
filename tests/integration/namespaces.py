"""Two network namespaces joined by a veth pair, made for one test: `engine` has a bare device for AF_XDP, `peer` has
addresses and the kernel's own stack. Nothing of the machine's network is touched; leaving the block removes both."""

import atexit
import contextlib
import ctypes
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

_CLONE_NEWNET, _AF_XDP, _ETH_P_ALL, _PACKET_OUTGOING = 0x40000000, 44, 0x0003, 4
_ETH_P_EXPERIMENT = 0x88B5  # IEEE 802: for local experiments
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """What this machine lacks for a veth pair with AF_XDP, a line each; empty when it has all."""
    out = [f"the program {name}" for name in ("ip", "ethtool") if not shutil.which(name)]
    try:
        socket.socket(_AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as error:
        out.append(f"AF_XDP sockets (CONFIG_XDP_SOCKETS, CAP_NET_RAW): {error.strerror}")
    if os.geteuid() != 0:
        out.append("root (namespaces, veth, BPF)")
    elif not out:
        trial = f"carillon-trial-{os.getpid()}"
        made = subprocess.run(["ip", "netns", "add", trial], capture_output=True, text=True)
        if made.returncode:
            out.append(f"network namespaces: {made.stderr.strip()}")
        else:
            subprocess.run(["ip", "netns", "del", trial], check=False)
    return out


def _ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


class Namespace:
    def __init__(self, name, device):
        self.name, self.device = name, device

    def command(self, *words):
        """`words` as a command that runs in here; `ip netns exec` becomes it, so its pid is the program's."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def ip(self, *words):
        return _ip("-n", self.name, *words)

    @contextlib.contextmanager
    def entered(self):
        """This thread is in here: sockets that it makes stay in here for good."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(home)

    @staticmethod
    def _enter(file):
        if _libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def socket(self, family, kind, protocol=0, timeout=2.0):
        with self.entered():
            made = socket.socket(family, kind, protocol)
        made.settimeout(timeout)
        return made

    def mac(self):
        return self.ip("-o", "link", "show", "dev", self.device).split("link/ether ")[1].split()[0]

    def neighbour(self, address):
        """MAC address by which the kernel in here reaches `address`; None while it does not know."""
        words = self.ip("neigh", "show", address, "dev", self.device).split()
        return words[words.index("lladdr") + 1] if "lladdr" in words else None

    def forget_neighbours(self):
        for family in ("-4", "-6"):
            self.ip(family, "neigh", "flush", "dev", self.device)


class VethPair:
    """Context. The peer's addresses are given with their prefix: ("10.77.0.2/24", "fd77::2/64")."""

    def __init__(self, *peer_addresses):
        pid = os.getpid()
        self.engine = Namespace(f"carillon-e{pid}", f"cve{pid}")
        self.peer = Namespace(f"carillon-p{pid}", f"cvp{pid}")
        self.addresses = peer_addresses

    def __enter__(self):
        atexit.register(self.remove)  # Ctrl-C ends unittest without its clean-ups
        try:
            self._make()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        """The devices go with their namespaces, once the last process in there has ended."""
        for namespace in (self.engine, self.peer):
            subprocess.run(["ip", "netns", "del", namespace.name], check=False, stderr=subprocess.DEVNULL)
        atexit.unregister(self.remove)

    @staticmethod
    def _remove_orphans():
        """Namespaces of tests that were killed; theirs were named by a process that is no more."""
        for line in _ip("netns", "list").splitlines():
            if (found := re.fullmatch(r"carillon-[ep](\d+)", line.split()[0])) and not os.path.exists(f"/proc/{found[1]}"):
                subprocess.run(["ip", "netns", "del", found[0]], check=False, stderr=subprocess.DEVNULL)

    def _make(self):
        self._remove_orphans()
        for namespace in (self.engine, self.peer):
            _ip("netns", "add", namespace.name)
            namespace.ip("link", "set", "lo", "up")
        _ip("link", "add", self.engine.device, "netns", self.engine.name, "type", "veth",
            "peer", "name", self.peer.device, "netns", self.peer.name)
        # the kernel there must not speak from the engine's MAC address by itself
        self.engine.ip("link", "set", self.engine.device, "addrgenmode", "none")
        # A veth leaves checksums for a device to fill in that does not exist; a receiver past the kernel sees them wrong.
        subprocess.run(self.peer.command("ethtool", "-K", self.peer.device, "tx", "off"), check=True, capture_output=True)
        for address in self.addresses:
            more = ["nodad"] if ":" in address else []
            self.peer.ip("addr", "add", address, "dev", self.peer.device, *more)
        for namespace in (self.engine, self.peer):
            namespace.ip("link", "set", namespace.device, "up")


class Capture:
    """Frames on the namespace's end of the wire, from now until close(): `heard` came in, `said` went out. The lists
    are behind the wire; catch_up() before a look at them."""

    def __init__(self, namespace):
        self._namespace, self._marks = namespace, 0
        self.heard, self.said = [], []
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL), timeout=0.2)
        self._socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: a loaded machine comes late to it
        self._socket.bind((namespace.device, _ETH_P_ALL))
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._is_closing:
            with contextlib.suppress(TimeoutError):
                frame, (_, _, kind, *_) = self._socket.recvfrom(4096)
                (self.said if kind == _PACKET_OUTGOING else self.heard).append(frame)

    def catch_up(self, timeout=60.0):
        """Until all that has passed the wire so far is in the lists: says a frame of its own, which nobody understands,
        and waits to find it there, behind all others."""
        self._marks += 1
        source = bytes.fromhex(self._namespace.mac().replace(":", ""))
        mark = struct.pack("!6s6sHQQ", source, source, _ETH_P_EXPERIMENT, os.getpid(), self._marks).ljust(60, b"\0")
        start = len(self.said)
        with self._namespace.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.sendto(mark, (self._namespace.device, _ETH_P_EXPERIMENT))
        if not wait_until(lambda: mark in self.said[start:], timeout):
            raise TimeoutError(f"the capture is more than {timeout:.0f} s behind the wire")

    def close(self):
        self._is_closing = True
        self._thread.join()
        self._socket.close()


def wait_until(holds, timeout=10.0):
    """The first true value of holds(), else its last one."""
    deadline = time.monotonic() + timeout
    while not (result := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


# ---- reading and writing frames

def is_fragment(frame):
    """Of a datagram in IPv4 or IPv6, the first one and the last one too."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        return struct.unpack_from("!H", frame, 20)[0] & 0x3FFF != 0
    return kind == 0x86DD and frame[20] == 44


def is_arp_request(frame, target):
    return (struct.unpack_from("!H", frame, 12)[0] == 0x0806 and struct.unpack_from("!H", frame, 20)[0] == 1
            and frame[38:42] == socket.inet_aton(target) and frame[28:32] != frame[38:42])


def is_solicitation(frame, target):
    """ICMPv6 neighbour solicitation for `target` (RFC 4861 §4.3)."""
    return (struct.unpack_from("!H", frame, 12)[0] == 0x86DD and frame[20] == 58 and frame[54] == 135
            and frame[62:78] == socket.inet_pton(socket.AF_INET6, target))


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ping(namespace, address, size, timeout=5.0):
    """Sends one echo request with `size` bytes of data; True when the answer brings the same bytes back in time."""
    is_v6 = ":" in address
    data = bytes(i * 7 & 0xFF for i in range(size))
    head, mark = struct.pack("!BBHHH", 128 if is_v6 else 8, 0, 0, os.getpid() & 0xFFFF, size), (0 if is_v6 else 20)
    if not is_v6:  # the kernel fills in ICMPv6's by itself
        head = struct.pack("!BBHHH", 8, 0, checksum(head + data), os.getpid() & 0xFFFF, size)
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if is_v6 else (socket.AF_INET, socket.IPPROTO_ICMP)
    with namespace.socket(family, socket.SOCK_RAW, protocol, timeout=0.2) as wire:
        wire.sendto(head + data, (address, 0))
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                answer = wire.recv(65535)[mark:]
                if answer[0] == (129 if is_v6 else 0) and answer[4:8] == head[4:8]:
                    return answer[8:] == data
    return False
