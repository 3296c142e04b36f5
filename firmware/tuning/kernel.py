"""The kernel: its version, io_uring, socket buffers, clock, throttling of real-time threads, watchdog, mitigations."""

import re

from .finding import FAIL, OK, WARN, Finding, Write, unknown
from .machine import CannotTell
from .needs import SOCKET_BUFFER


def version(machine, _):
    check, wanted, why = "kernel", "6.1 or later", "io_uring's multishot receive into buffer rings, DEFER_TASKRUN"
    try:
        release = machine.read("/proc/sys/kernel/osrelease")
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    numbers = re.match(r"(\d+)\.(\d+)", release)
    if not numbers:
        return [unknown(check, f"release {release}", wanted, why)]
    is_new = (int(numbers[1]), int(numbers[2])) >= (6, 1)
    return [Finding(check, OK if is_new else FAIL, release, wanted, why, "apt-get install linux-image-amd64")]


def io_uring(machine, needs):
    check, path, wanted = "io_uring_disabled", "/proc/sys/kernel/io_uring_disabled", "0"
    why = "recordings use it" if needs.is_dpdk else "without it each packet batch falls back to recvmmsg and epoll"
    if not machine.exists(path):
        return [Finding(check, OK, "no such switch (before 6.6)", wanted, why)]
    try:
        value = machine.number(path)
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    if value == 0:
        return [Finding(check, OK, "0", wanted, why)]
    return [Finding(check, FAIL if value == 2 and needs.back_end == "uring" else WARN, str(value), wanted, why,
                    "sysctl -w kernel.io_uring_disabled=0", (), [Write(path, "0")])]


def socket_buffers(machine, needs):
    found = []
    for name in ("rmem_max", "wmem_max"):
        path, why = f"/proc/sys/net/core/{name}", "all SIP of a shard meets in one socket; a burst must fit"
        wanted = f"{SOCKET_BUFFER} or more"
        if needs.is_dpdk:
            found.append(Finding(f"net.core.{name}", OK, "not used by dpdk", wanted, why))
            continue
        try:
            value = machine.number(path)
        except CannotTell as reason:
            found.append(unknown(f"net.core.{name}", reason, wanted, why))
            continue
        if value >= SOCKET_BUFFER:
            found.append(Finding(f"net.core.{name}", OK, str(value), wanted, why))
        else:
            found.append(Finding(f"net.core.{name}", WARN, str(value), wanted, why,
                                 f"sysctl -w net.core.{name}={SOCKET_BUFFER}", (), [Write(path, str(SOCKET_BUFFER))]))
    return found


def clock(machine, _):
    check, wanted, why = "clock_source", "tsc", "reading any other clock costs a microsecond or an exit to the host"
    path = "/sys/devices/system/clocksource/clocksource0"
    found = []
    try:
        current = machine.read(path + "/current_clocksource")
        is_there = "tsc" in machine.read(path + "/available_clocksource").split()
        fix = f"echo tsc > {path}/current_clocksource" if is_there else "find out why: dmesg | grep -i tsc"
        found.append(Finding(check, OK if current == "tsc" else FAIL, current, wanted, why, fix, ("tsc=reliable",)))
    except CannotTell as reason:
        found.append(unknown(check, reason, wanted, why))
    check, wanted, why = "tsc_flags", "constant_tsc nonstop_tsc", "ticks keep their length when frequency or sleep change"
    try:
        flags = re.search(r"^flags\s*:(.*)$", machine.read("/proc/cpuinfo"), re.MULTILINE)
        if not flags:
            raise CannotTell("/proc/cpuinfo: no flags")
        have = set(flags[1].split())
        missing = [flag for flag in wanted.split() if flag not in have]
        found.append(Finding(check, FAIL if missing else OK, f"lacks {' '.join(missing)}" if missing else "both", wanted,
                             why, "another processor, or a host that passes its flags on (-cpu host,+invtsc)"))
    except CannotTell as reason:
        found.append(unknown(check, reason, wanted, why))
    return found


def throttling(machine, needs):
    check, path = "sched_rt_runtime_us", "/proc/sys/kernel/sched_rt_runtime_us"
    wanted, why = "-1", "a polling thread under a real-time policy is stopped 50 ms in every second"
    try:
        value = machine.number(path)
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    if value == -1 or not needs.is_dpdk:
        return [Finding(check, OK, str(value) + ("" if value == -1 else " (shards sleep)"), wanted, why)]
    return [Finding(check, WARN, str(value), wanted, why, "sysctl -w kernel.sched_rt_runtime_us=-1", (),
                    [Write(path, "-1")])]


def nmi_watchdog(machine, _):
    check, path, wanted = "nmi_watchdog", "/proc/sys/kernel/nmi_watchdog", "0"
    why = "its performance counter interrupts every core, isolated ones too"
    try:
        value = machine.number(path)
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    if value == 0:
        return [Finding(check, OK, "0", wanted, why)]
    return [Finding(check, WARN, str(value), wanted, why, "sysctl -w kernel.nmi_watchdog=0", ("nmi_watchdog=0",),
                    [Write(path, "0")])]


def mitigations(machine, _):
    """For information: what they cost is the price of a system call, which dpdk does not pay."""
    folder = "/sys/devices/system/cpu/vulnerabilities"
    names = machine.names(folder)
    wanted, why = "your decision", "each system call costs more with them; a box with foreign code needs them"
    if not names:
        return [unknown("mitigations", f"{folder}: not there", wanted, why)]
    open_ones = []
    for name in names:
        try:
            if machine.read(f"{folder}/{name}").startswith("Vulnerable"):
                open_ones.append(name)
        except CannotTell:
            continue
    try:
        chosen = machine.kernel_parameters.get("mitigations", "the kernel's default")
    except CannotTell:
        chosen = "unknown"
    return [Finding("mitigations", OK, f"mitigations: {chosen}; open: {' '.join(open_ones) or 'none'}", wanted, why)]
