"""Memory: hugepages, their mount, what else moves pages under a shard, locked memory."""

from .finding import FAIL, OK, WARN, Finding, Write, command, unknown
from .machine import CannotTell
from .needs import MIB

_POOL = "DPDK's packet buffers live in hugepages beside the NIC"


def nodes_in_use(machine, needs, nic_nodes):
    """Where packet buffers are needed: the NICs' nodes, else those of the shards."""
    found = {node for node in nic_nodes if node >= 0}
    if not found:
        cores = needs.shard_cores(machine.online)
        found = {node for node, cpus in machine.nodes.items() if cpus & cores}
    return sorted(found) or sorted(machine.nodes) or [0]


def _pages(machine, node, kib):
    """(free, all) of one size on one node. Once the engine runs, its own pages are no longer free."""
    folder = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{kib}kB"
    return machine.number(folder + "/free_hugepages"), machine.number(folder + "/nr_hugepages")


def hugepages(machine, needs, nic_nodes=()):
    if not needs.wants_hugepages:
        reason = f"back end {needs.back_end}" if not needs.is_dpdk else "EAL argument --no-huge"
        return [Finding("hugepages", OK, f"not needed: {reason}", "none", _POOL)]
    found, running = [], bool(machine.processes("carillon-engine"))
    for node in nodes_in_use(machine, needs, nic_nodes):
        check = f"hugepages.node{node}"
        small_need = -(-needs.hugepage_bytes // (2 * MIB))
        large_need = -(-needs.hugepage_bytes // (1024 * MIB))
        wanted = f"{small_need} of 2 MiB or {large_need} of 1 GiB free ({needs.mbufs} mbufs)"
        try:
            free, total = _pages(machine, node, 2048)
        except CannotTell as reason:
            found.append(unknown(check, reason, wanted, _POOL, "boot with hugetlbfs support"))
            continue
        try:
            free_large, total_large = _pages(machine, node, 1048576)
        except CannotTell:
            free_large = total_large = 0  # a processor without pdpe1gb
        have, have_large = (total, total_large) if running else (free, free_large)
        word = "in all, engine running" if running else "free"
        measured = f"{have} of 2 MiB, {have_large} of 1 GiB {word}"
        if have >= small_need or have_large >= large_need:
            found.append(Finding(check, OK, measured, wanted, _POOL))
            continue
        write = Write(f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages",
                      str(total - have + small_need))
        found.append(Finding(check, FAIL, measured, wanted, _POOL, command(write),
                             ("default_hugepagesz=1G", "hugepagesz=1G", f"hugepages={node_total(machine, large_need)}"),
                             [write]))
    return found


def node_total(machine, per_node):
    """The kernel shares hugepages= out evenly over the nodes."""
    return per_node * max(1, len(machine.nodes))


def hugetlbfs(machine, needs):
    if not needs.wants_hugepages:
        return []
    check, wanted, why = "hugetlbfs", "mounted", "EAL opens its hugepage files there unless told --in-memory"
    if "--in-memory" in needs.eal:
        return [Finding(check, OK, "not needed: EAL argument --in-memory", wanted, why)]
    try:
        mounts = [point for point, kind, _ in machine.mounts() if kind == "hugetlbfs"]
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    if mounts:
        return [Finding(check, OK, ", ".join(mounts), wanted, why)]
    return [Finding(check, FAIL, "not mounted", wanted, why,
                    "mkdir -p /dev/hugepages && mount -t hugetlbfs hugetlbfs /dev/hugepages")]


def transparent_hugepages(machine, _):
    check, wanted, why = "transparent_hugepages", "madvise or never", "khugepaged stalls a thread while it joins pages"
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    try:
        text = machine.read(path)
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    chosen = text[text.find("[") + 1:text.find("]")] if "[" in text else text
    if chosen in ("madvise", "never"):
        return [Finding(check, OK, chosen, wanted, why)]
    write = Write(path, "madvise")
    return [Finding(check, WARN, chosen, wanted, why, command(write), ("transparent_hugepage=madvise",), [write])]


def swap(machine, _):
    check, wanted, why = "swap", "none, or vm.swappiness 10 or less", "a swapped page of a leg costs a disk's time"
    try:
        devices = machine.read("/proc/swaps").splitlines()[1:]
        swappiness = machine.number("/proc/sys/vm/swappiness")
    except CannotTell as reason:
        return [unknown(check, reason, wanted, why)]
    if not devices or swappiness <= 10:
        return [Finding(check, OK, f"{len(devices)} swap areas, swappiness {swappiness}", wanted, why)]
    return [Finding(check, WARN, f"{len(devices)} swap areas, swappiness {swappiness}", wanted, why,
                    "sysctl -w vm.swappiness=1, or swapoff -a", (), [Write("/proc/sys/vm/swappiness", "1")])]


def page_movers(machine, _):
    """NUMA balancing and KSM: both unmap pages to watch or to merge them."""
    found = []
    for check, path, fix, why in (
            ("numa_balancing", "/proc/sys/kernel/numa_balancing", "sysctl -w kernel.numa_balancing=0",
             "it unmaps pages to see who uses them: faults in the middle of a step"),
            ("ksm", "/sys/kernel/mm/ksm/run", "echo 0 > /sys/kernel/mm/ksm/run",
             "merged pages are copied again on the next write")):
        if not machine.exists(path):
            found.append(Finding(check, OK, "not in this kernel", "0", why))
            continue
        try:
            value = machine.number(path)
        except CannotTell as reason:
            found.append(unknown(check, reason, "0", why))
            continue
        if value == 0:
            found.append(Finding(check, OK, "0", "0", why))
        else:
            found.append(Finding(check, WARN, str(value), "0", why, fix, (), [Write(path, "0")]))
    return found


def limits(machine, needs):
    """Of the running engine where there is one, else of this shell: the units set their own."""
    engine = (machine.processes("carillon-engine") or ["self"])[0]
    whose = "this shell's" if engine == "self" else f"engine {engine}'s"
    why_lock = "vfio pins all packet memory" if needs.is_dpdk else "io_uring's registered buffers are locked memory"
    lock_need = needs.locked_bytes
    lock_wanted = "unlimited" if lock_need is None else f"{lock_need // MIB} MiB"
    files_wanted = f"{needs.files} for the ports of {needs.shards} shard(s)"
    try:
        have = machine.limits(engine)
        lock, files = have["Max locked memory"], have["Max open files"]
    except (CannotTell, KeyError) as reason:
        return [unknown("rlimit_memlock", reason, lock_wanted, why_lock),
                unknown("rlimit_nofile", reason, files_wanted, "every RTP port is a socket")]
    found = []
    is_enough = lock is None or (lock_need is not None and lock >= lock_need)
    shown = "unlimited" if lock is None else f"{lock // MIB} MiB"
    # a shell's limits do not bind the service: an eye on them, no more
    bad = WARN if engine == "self" else FAIL
    found.append(Finding("rlimit_memlock", OK if is_enough else bad, f"{shown} ({whose})", lock_wanted, why_lock,
                         "LimitMEMLOCK= of the unit (drop-ins/dpdk.conf), or ulimit -l"))
    is_enough = files is None or files >= needs.files
    found.append(Finding("rlimit_nofile", OK if is_enough else bad,
                         f"{'unlimited' if files is None else files} ({whose})", files_wanted,
                         "every RTP port is a socket", "LimitNOFILE= of the unit, or ulimit -n"))
    return found
