"""Cores: who else runs where the shards run, and how deep those cores sleep."""

import struct

from . import cpulist
from .finding import FAIL, OK, WARN, Finding, Write, command, commands, unknown
from .machine import CannotTell

LATENCY_MAX_US = 10  # of a sleep state's way back; a fiftieth of what a departure may deviate


def pinning(machine, needs):
    cores = needs.shard_cores(machine.online)
    wanted, why = "engine.cores, off CPU 0", "a shard that moves finds cold caches; CPU 0 has the kernel's work"
    measured = f"{'pinned' if needs.pin else 'not pinned'}, {needs.shards} shard(s) on CPUs {cpulist.show(cores)}"
    if missing := cores - machine.online:
        return [Finding("pinning", FAIL, f"{measured}; CPUs {cpulist.show(missing)} are not there", wanted, why,
                        f"name CPUs of {cpulist.show(machine.online)}")]
    if needs.shards > len(cores):
        return [Finding("pinning", FAIL, measured, wanted, "two shards share a core",
                        f"engine.shards = {max(1, len(machine.online) - 1)} or less")]
    if cores >= machine.online:
        return [Finding("pinning", FAIL, measured, "a core left for the kernel", "disk, link and control need time too",
                        f"engine.shards = {max(1, len(machine.online) - 1)} or less" if len(machine.online) > 1
                        else "a machine with more cores")]
    if not needs.pin:
        return [Finding("pinning", WARN, measured, wanted, why, "engine.cores (or pin = true) in the engine's configuration")]
    if 0 in cores:
        return [Finding("pinning", WARN, measured, wanted, why,
                        "engine.cores = [...] that leaves CPU 0 out")]
    return [Finding("pinning", OK, measured, wanted, why)]


def isolation(machine, needs):
    """isolcpus keeps tasks away, nohz_full the tick, rcu_nocbs the kernel's callbacks. nohz_full implies rcu_nocbs, and
    the boot CPU can have none of it."""
    cores = needs.shard_cores(machine.online) - {0}
    bad = FAIL if needs.is_dpdk else WARN  # a polling shard never gives way by itself
    if not cores:
        return [Finding("isolated_cores", WARN, "all shards on CPU 0", "shards on other CPUs",
                        "the boot CPU cannot be isolated", "engine.shards")]
    shown = cpulist.show(cores)

    def isolated():
        return machine.cpus("/sys/devices/system/cpu/isolated")

    def tickless():
        path = "/sys/devices/system/cpu/nohz_full"
        return machine.cpus(path) if machine.exists(path) else set()

    def callbacks():
        text = machine.kernel_parameters.get("rcu_nocbs", "")
        named = machine.online if text == "all" else cpulist.parse(text)
        return named | tickless()

    found = []
    for name, ask, why, value in (
            ("isolcpus", isolated, "the scheduler puts other tasks on a shard's core", f"managed_irq,domain,{shown}"),
            ("nohz_full", tickless, "the tick interrupts a core up to 1,000 times a second", shown),
            ("rcu_nocbs", callbacks, "RCU callbacks run in the middle of a step", shown)):
        try:
            have = ask()
        except (CannotTell, ValueError) as reason:
            found.append(unknown(name, reason, shown, why))
            continue
        missing = cores - have
        found.append(Finding(name, bad if missing else OK, cpulist.show(have), shown, why, "", (f"{name}={value}",)))
    return found


def _irqs(machine):
    """Number → name of the interrupts that somebody handles."""
    found = {}
    for line in machine.read("/proc/interrupts").splitlines():
        number, colon, rest = line.strip().partition(":")
        if colon and number.isdigit():
            found[int(number)] = rest.split()[-1] if rest.split() else "?"
    return found


def irq_affinity(machine, needs):
    cores = needs.shard_cores(machine.online)
    house = machine.online - cores
    wanted, why = f"no IRQ on CPUs {cpulist.show(cores)}", "an interrupt takes microseconds out of a step"
    try:
        irqs = _irqs(machine)
    except CannotTell as reason:
        return [unknown("irq_affinity", reason, wanted, why)]
    if not needs.is_placed:
        return [Finding("irq_affinity", OK, "shards are not pinned: no CPU is theirs", wanted, why)]
    if not house:
        return [Finding("irq_affinity", FAIL, "shards take all CPUs", wanted, why, "fewer shards")]
    wrong, unread = {}, 0
    for number in irqs:
        for name in ("effective_affinity_list", "smp_affinity_list"):
            try:
                if here := machine.cpus(f"/proc/irq/{number}/{name}"):
                    if here & cores:
                        wrong[number] = here
                    break
            except CannotTell:
                continue
        else:
            unread += 1
    if not wrong:
        if unread:
            return [unknown("irq_affinity", f"{unread} of {len(irqs)} IRQs do not show theirs", wanted, why)]
        return [Finding("irq_affinity", OK, f"none of {len(irqs)} IRQs", wanted, why)]
    writes = [Write(f"/proc/irq/{number}/smp_affinity_list", cpulist.show(house)) for number in wrong]
    writes.append(Write("/proc/irq/default_smp_affinity", cpulist.mask(house)))
    shown = ", ".join(f"{number} ({irqs[number]}) on {cpulist.show(here)}" for number, here in list(wrong.items())[:4])
    more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
    return [Finding("irq_affinity", FAIL, f"{len(wrong)} of {len(irqs)}: {shown}{more}", wanted, why, commands(writes),
                    (), writes)]


def irqbalance(machine, needs):
    cores = needs.shard_cores(machine.online)
    wanted, why = "not running, or told to keep off the shards' CPUs", "it moves IRQs back within ten seconds"
    if not machine.processes("irqbalance"):
        return [Finding("irqbalance", OK, "not running", wanted, why)]
    if not needs.is_placed:
        return [Finding("irqbalance", OK, "running, and shards are not pinned", wanted, why)]
    try:
        if cores <= machine.cpus("/sys/devices/system/cpu/isolated"):
            return [Finding("irqbalance", OK, "running, keeps off isolated CPUs by itself", wanted, why)]
    except CannotTell:
        pass
    try:
        for line in machine.read("/etc/default/irqbalance").splitlines():
            name, _, value = line.strip().partition("=")
            if name == "IRQBALANCE_BANNED_CPULIST" and cores <= cpulist.parse(value.strip("\"'")):
                return [Finding("irqbalance", OK, f"running, banned from {value}", wanted, why)]
    except (CannotTell, ValueError):
        pass
    return [Finding("irqbalance", FAIL, "running on all CPUs", wanted, why, "systemctl disable --now irqbalance")]


def governor(machine, needs):
    cores = sorted(needs.shard_cores(machine.online))
    wanted, why = "performance", "a core that slowed down needs milliseconds to come back"
    slow, driver = {}, ""
    try:
        for cpu in cores:
            text = machine.read(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor")
            if text != "performance":
                slow[cpu] = text
        driver = machine.read(f"/sys/devices/system/cpu/cpu{cores[0]}/cpufreq/scaling_driver")
    except CannotTell as reason:
        if not slow:
            return [unknown("governor", reason, wanted, why, "BIOS: maximum performance; in a VM the host decides")]
    if not slow:
        return [Finding("governor", OK, f"performance ({driver})", wanted, why)]
    writes = [Write(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", "performance") for cpu in slow]
    return [Finding("governor", FAIL if needs.is_dpdk else WARN,
                    f"{'/'.join(sorted(set(slow.values())))} on CPUs {cpulist.show(slow)}", wanted, why,
                    commands(writes), (), writes)]


def turbo(machine, _):
    """For information: both have their place."""
    wanted, why = "your decision", "on: faster; off: the same speed in every season, which calibrated limits like"
    for path, on in (("/sys/devices/system/cpu/intel_pstate/no_turbo", 0), ("/sys/devices/system/cpu/cpufreq/boost", 1)):
        try:
            state = "on" if machine.number(path) == on else "off"
        except CannotTell:
            continue
        return [Finding("turbo", OK, state, wanted, why)]
    return [Finding("turbo", OK, "cannot tell: no switch in /sys (the BIOS or a host decides)", wanted, why)]


def sleep_states(machine, needs):
    wanted, why = f"nothing slower than {LATENCY_MAX_US} us to wake", "a shard that slept deep is late for its slot"
    try:  # held open by somebody, tuned for instance; read as a number of microseconds
        held = struct.unpack("<i", machine.binary("/dev/cpu_dma_latency", 4))[0]
        if held <= LATENCY_MAX_US:
            return [Finding("c_states", OK, f"/dev/cpu_dma_latency holds {held} us", wanted, why)]
    except (CannotTell, struct.error):
        pass  # root only; the states themselves tell as well
    deep = {}
    seen = False
    for cpu in sorted(needs.shard_cores(machine.online)):
        folder = f"/sys/devices/system/cpu/cpu{cpu}/cpuidle"
        for state in machine.names(folder):
            try:
                latency, off = machine.number(f"{folder}/{state}/latency"), machine.number(f"{folder}/{state}/disable")
                seen = True
                if latency > LATENCY_MAX_US and not off:
                    deep.setdefault(machine.read(f"{folder}/{state}/name"), latency)
            except CannotTell:
                continue
    if deep:
        shown = ", ".join(f"{name} {latency} us" for name, latency in deep.items())
        return [Finding("c_states", WARN, shown, wanted, why, "cpupower idle-set -D 10, or in the BIOS",
                        ("intel_idle.max_cstate=1", "processor.max_cstate=1"))]
    try:
        limit = f", intel_idle.max_cstate {machine.number('/sys/module/intel_idle/parameters/max_cstate')}"
    except CannotTell:
        limit = ""
    if seen:
        return [Finding("c_states", OK, f"only shallow ones{limit}", wanted, why)]
    return [unknown("c_states", f"no cpuidle in /sys{limit}", wanted, why, "BIOS: C-states off; in a VM the host decides")]


def siblings(machine, needs):
    cores = needs.shard_cores(machine.online)
    wanted, why = "shards' siblings idle", "two threads of one core share its caches and units: half the channels, unevenly"
    try:
        isolated = machine.cpus("/sys/devices/system/cpu/isolated")
    except CannotTell:
        isolated = set()
    shared, busy = set(), set()
    try:
        for cpu in cores:
            others = machine.cpus(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") & machine.online
            others -= {cpu}
            shared |= {cpu} if others & cores else set()
            busy |= others - cores - isolated
    except CannotTell as reason:
        return [unknown("smt_siblings", reason, wanted, why)]
    if shared:
        return [Finding("smt_siblings", FAIL, f"CPUs {cpulist.show(shared)} share cores with each other", wanted, why,
                        "shards on cores of their own", ("nosmt",))]
    if busy:
        writes = [Write(f"/sys/devices/system/cpu/cpu{cpu}/online", "0") for cpu in sorted(busy)]
        return [Finding("smt_siblings", WARN, f"CPUs {cpulist.show(busy)} take other work", wanted, why,
                        commands(writes), ("nosmt",))]  # not by --apply: it takes CPUs away from running work
    return [Finding("smt_siblings", OK, "none in use", wanted, why)]


def timer_migration(machine, needs):
    """With it, timers go from idle CPUs to busy ones, and always away from nohz_full CPUs. So it helps shards that are
    nohz_full and harms those that are not."""
    path = "/proc/sys/kernel/timer_migration"
    cores = needs.shard_cores(machine.online)
    try:
        full = machine.cpus("/sys/devices/system/cpu/nohz_full")
    except CannotTell:
        full = set()
    wanted = "1" if cores <= full else "0"
    why = ("timers leave nohz_full CPUs" if wanted == "1" else "idle CPUs hand their timers to busy ones, the shards'")
    try:
        value = machine.read(path)
    except CannotTell as reason:
        return [unknown("timer_migration", reason, wanted, why)]
    if value == wanted:
        return [Finding("timer_migration", OK, value, wanted, why)]
    write = Write(path, wanted)
    return [Finding("timer_migration", WARN, value, wanted, why, command(write), (), [write])]
