"""Machines made of files: a /proc, /sys and /dev for tune --root. Each starts from a plain one and changes what it is about."""

import io
import json
import os
import struct
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "firmware"))
from tuning import cli  # noqa: E402

DPDK = """
[engine]
shards = 2
pin = true
data_dir = "/var/lib/carillon/engine"
[io]
back_end = "dpdk"
[dpdk]
eal = ["-a", "0000:3b:00.0"]
port = "0000:3b:00.0"
mbufs = 65536
"""
NIC = "0000:3b:00.0"


class FakeMachine:
    """`cpus` on `nodes` NUMA nodes, in halves; SMT siblings are named by `smt`: cpu → the text of its list."""

    def __init__(self, folder, cpus=8, nodes=1, smt=None, processor="GenuineIntel"):
        self.root = Path(folder)
        self.cpus = cpus
        self.put("/proc/sys/kernel/osrelease", "6.1.0-31-amd64")
        self.put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro quiet")
        self.put("/proc/cpuinfo", f"processor\t: 0\nvendor_id\t: {processor}\nflags\t\t: fpu tsc constant_tsc nonstop_tsc")
        self.put("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority")
        self.put("/proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw 0 0")
        self.limits("self", "unlimited", "1048576")
        for name, value in {"kernel/sched_rt_runtime_us": 950000, "kernel/numa_balancing": 0, "kernel/nmi_watchdog": 0,
                            "kernel/timer_migration": 1, "vm/swappiness": 60, "net/core/rmem_max": 4194304,
                            "net/core/wmem_max": 4194304}.items():
            self.put(f"/proc/sys/{name}", value)
        self.put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never")
        self.put("/sys/kernel/mm/ksm/run", 0)
        self.put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc")
        self.put("/sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm")
        self.put("/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected")
        self.put("/sys/devices/system/cpu/online", f"0-{cpus - 1}")
        self.put("/sys/devices/system/cpu/isolated", "")
        for cpu in range(cpus):
            self.put(self.cpu(cpu, "topology/thread_siblings_list"), (smt or {}).get(cpu, cpu))
        for node in range(nodes):
            share = cpus // nodes
            self.put(f"/sys/devices/system/node/node{node}/cpulist", f"{node * share}-{(node + 1) * share - 1}")
            self.hugepages(node)
        self.put("/proc/interrupts", "           CPU0  CPU1\nNMI: 0 0 Non-maskable interrupts")

    @staticmethod
    def cpu(number, name):
        return f"/sys/devices/system/cpu/cpu{number}/{name}"

    def at(self, path):
        return self.root / path.lstrip("/")

    def put(self, path, value):
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_text(f"{value}\n")

    def get(self, path):
        return self.at(path).read_text().strip()

    def link(self, path, target):
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).unlink(missing_ok=True)
        os.symlink(target, self.at(path))

    def hugepages(self, node, small=(0, 0), large=(0, 0)):
        """(free, all) of 2 MiB and of 1 GiB."""
        for kib, (free, total) in ((2048, small), (1048576, large)):
            folder = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{kib}kB"
            self.put(f"{folder}/free_hugepages", free)
            self.put(f"{folder}/nr_hugepages", total)

    def limits(self, process, locked, files):
        head = f"{'Limit':<26}{'Soft Limit':<21}{'Hard Limit':<21}Units"
        self.put(f"/proc/{process}/limits", "\n".join([head] + [
            f"{name:<26}{value:<21}{value:<21}x" for name, value in
            (("Max open files", files), ("Max locked memory", locked))]))

    def irqs(self, lists):
        """number → (name, effective affinity)"""
        self.put("/proc/interrupts", "      CPU0\n" + "\n".join(
            f" {number}:   7   PCI-MSIX  0-edge   {name}" for number, (name, _) in lists.items()))
        for number, (_, cpus) in lists.items():
            self.put(f"/proc/irq/{number}/smp_affinity_list", cpus)
            self.put(f"/proc/irq/{number}/effective_affinity_list", cpus)
        self.put("/proc/irq/default_smp_affinity", f"{(1 << self.cpus) - 1:x}")

    def governor(self, name):
        for cpu in range(self.cpus):
            self.put(self.cpu(cpu, "cpufreq/scaling_governor"), name)
            self.put(self.cpu(cpu, "cpufreq/scaling_driver"), "intel_pstate")

    def sleeps(self, states):
        """(name, latency in us, disabled)"""
        for cpu in range(self.cpus):
            for index, (name, latency, off) in enumerate(states):
                for file, value in (("name", name), ("latency", latency), ("disable", off)):
                    self.put(self.cpu(cpu, f"cpuidle/state{index}/{file}"), value)

    def isolate(self, cpus):
        self.put("/sys/devices/system/cpu/isolated", cpus)
        self.put("/sys/devices/system/cpu/nohz_full", cpus)
        self.put("/proc/cmdline", f"ro isolcpus=managed_irq,domain,{cpus} nohz_full={cpus} rcu_nocbs={cpus}")

    def process(self, number, name):
        self.put(f"/proc/{number}/comm", name)

    def nic(self, address=NIC, driver="vfio-pci", node=0, group="7", vendor="0x8086"):
        device = f"/sys/bus/pci/devices/{address}"
        self.put(f"{device}/vendor", vendor)
        self.put(f"{device}/numa_node", node)
        self.at("/sys/bus/pci/drivers/vfio-pci").mkdir(parents=True, exist_ok=True)
        if driver:
            self.link(f"{device}/driver", f"../../drivers/{driver}")
        if group:
            self.link(f"{device}/iommu_group", f"../../../kernel/iommu_groups/{group}")
            self.at(f"/sys/kernel/iommu_groups/{group}/devices/{address}").mkdir(parents=True, exist_ok=True)

    def dma_latency(self, microseconds):
        self.put("/dev/cpu_dma_latency", "")
        self.at("/dev/cpu_dma_latency").write_bytes(struct.pack("<i", microseconds))


def good_server(folder):
    """A dedicated dpdk server as README.md leads to it: shards on 2 and 3, all else as wanted."""
    machine = FakeMachine(folder)
    machine.isolate("2-3")
    machine.governor("performance")
    machine.sleeps([("POLL", 0, 0), ("C1", 2, 0), ("C6", 130, 1)])
    machine.irqs({24: ("nvme0q0", "0"), 31: ("eth0-TxRx-0", "1")})
    machine.hugepages(0, small=(200, 200))
    machine.nic()
    machine.put("/proc/sys/kernel/sched_rt_runtime_us", -1)
    return machine


def bare_vm(folder):
    """Two CPUs, no cpufreq, no cpuidle, kvm-clock, no IOMMU, an overlay for a disk."""
    machine = FakeMachine(folder, cpus=2)
    machine.put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock")
    machine.put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc")
    machine.put("/proc/self/mounts", "overlay / overlay rw 0 0")
    machine.put("/proc/sys/net/core/rmem_max", 212992)
    machine.put("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
    machine.irqs({24: ("virtio0-input.0", "0-1")})
    machine.limits("self", "8388608", "1024")
    machine.nic(driver="virtio-pci", node=-1, group="")
    machine.at("/sys/bus/pci/drivers/vfio-pci").rmdir()
    return machine


def two_nodes(folder):
    """NIC on node 1, shards on node 0; siblings, IRQs, governor, sleep states and a busy irqbalance in the way."""
    siblings = {cpu: f"{cpu % 8},{cpu % 8 + 8}" for cpu in range(16)}
    machine = FakeMachine(folder, cpus=16, nodes=2, smt=siblings, processor="AuthenticAMD")
    machine.governor("powersave")
    machine.sleeps([("POLL", 0, 0), ("C6", 133, 0)])
    machine.irqs({40: ("mlx0-0", "2"), 41: ("mlx0-1", "9"), 42: ("nvme0q3", "3")})
    machine.process(812, "irqbalance")
    machine.hugepages(0, small=(4096, 4096))
    machine.nic(node=1)
    machine.put("/proc/sys/kernel/numa_balancing", 1)
    return machine


def tune(machine, *arguments, config=DPDK, action="--check"):
    """(exit status, check → finding, all of the report)."""
    file = machine.root / "engine.toml"
    file.write_text(config)
    out = io.StringIO()
    status = cli.main([action, "--json", "--root", str(machine.root), "--config", str(file), *arguments], out)
    report = json.loads(out.getvalue())
    return status, {finding["check"]: finding for finding in report["findings"]}, report
