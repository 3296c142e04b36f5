"""The NICs: driver, IOMMU, NUMA node, rings."""

import re

from . import cpulist
from .finding import FAIL, OK, WARN, Finding, unknown
from .machine import CannotTell
from .needs import PCI

# Their DPDK drivers work beside the kernel's one; binding them to vfio-pci takes the NIC away from both.
BIFURCATED = {"0x15b3": "mlx5_core"}


def address_of(machine, nic):
    """PCI address of an interface's or an address's device, or empty."""
    if PCI.match(nic.lower()):
        return nic.lower()
    name = machine.link_name(f"/sys/class/net/{nic}/device")
    while name and not PCI.match(name):  # virtio: the PCI function is one up
        try:
            parts = machine.at(f"/sys/class/net/{nic}/device").resolve().parts
        except OSError:
            return ""
        return next((part for part in reversed(parts) if PCI.match(part)), "")
    return name


def interface_of(machine, nic, address):
    """Name of the kernel's interface, or empty once the NIC belongs to vfio-pci."""
    if not PCI.match(nic.lower()):
        return nic
    return next(iter(machine.names(f"/sys/bus/pci/devices/{address}/net")), "")


def numa_nodes(machine, needs):
    found = []
    for nic in needs.nics:
        try:
            found.append(machine.number(f"/sys/bus/pci/devices/{address_of(machine, nic)}/numa_node"))
        except CannotTell:
            continue
    return found


def check(machine, needs):
    if not needs.nics:
        if not needs.is_dpdk:
            return [Finding("nic", OK, "none named", "--nic for NICs of their own", "the kernel drives all interfaces")]
        return [Finding("nic", OK, f"virtual device {needs.port or '(none)'}", "--nic or dpdk.port for a real one",
                        "nothing to bind")]
    found = []
    for nic in needs.nics:
        address = address_of(machine, nic)
        if not address or not machine.exists(f"/sys/bus/pci/devices/{address}"):
            found.append(Finding(f"nic.{nic}", FAIL, "no such PCI device", "an address of lspci -D or an interface's name",
                                 "the engine finds no port", "lspci -D | grep -i ethernet"))
            continue
        found += _binding(machine, needs, nic, address) + _node(machine, needs, nic, address)
        found += _rings(machine, needs, nic, interface_of(machine, nic, address))
    return found


def _binding(machine, needs, nic, address):
    device = f"/sys/bus/pci/devices/{address}"
    driver = machine.link_name(device + "/driver")
    wanted, why = "vfio-pci", "DPDK drives the NIC from user space"
    name = f"vfio.{nic}"
    if not needs.is_dpdk:
        return [Finding(name, OK, f"driver {driver or 'none'}", "the kernel's driver", f"back end {needs.back_end}")]
    try:
        kept = BIFURCATED.get(machine.read(device + "/vendor"))
    except CannotTell:
        kept = None
    if kept:
        is_bound = driver == kept
        return [Finding(name, OK if is_bound else FAIL, f"driver {driver or 'none'}", kept,
                        "DPDK's mlx5 works beside the kernel's driver, never on vfio-pci", f"modprobe {kept}; "
                        f"echo > {device}/driver_override; echo {address} > /sys/bus/pci/drivers_probe")]
    bind = (f"modprobe vfio-pci && echo vfio-pci > {device}/driver_override && "
            + (f"echo {address} > {device}/driver/unbind && " if driver else "")
            + f"echo {address} > /sys/bus/pci/drivers_probe")
    if interface_of(machine, nic, address) in _default_routes(machine):
        bind = "first move the default route: this NIC carries it, and it leaves the kernel; then " + bind
    found = []
    if not machine.exists("/sys/bus/pci/drivers/vfio-pci"):
        found.append(Finding("vfio_module", FAIL, "vfio-pci is not loaded", "loaded at boot", why,
                             "modprobe vfio-pci && echo vfio-pci > /etc/modules-load.d/vfio-pci.conf"))
    else:
        found.append(Finding("vfio_module", OK, "loaded", "loaded", why))
    found.append(Finding(name, OK if driver == "vfio-pci" else FAIL, f"driver {driver or 'none'}", wanted, why, bind))
    return found + _iommu(machine, nic, address)


def _default_routes(machine):
    """Interfaces that lead out of this machine, management among them."""
    try:
        rows = [line.split() for line in machine.read("/proc/net/route").splitlines()[1:]]
    except CannotTell:
        return set()
    return {row[0] for row in rows if len(row) > 1 and row[1] == "00000000"}


def _iommu(machine, nic, address):
    name, wanted = f"iommu.{nic}", "on, the NIC alone in its group"
    why = "without it vfio refuses, or the NIC may write anywhere"
    parameters = ("intel_iommu=on", "iommu=pt")
    try:
        if "AuthenticAMD" in machine.read("/proc/cpuinfo"):
            parameters = ("iommu=pt",)  # AMD's is on where the BIOS has it
    except CannotTell:
        pass
    group = machine.link_name(f"/sys/bus/pci/devices/{address}/iommu_group")
    if not group:
        unsafe = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
        if machine.exists(unsafe):
            try:
                if machine.read(unsafe) in ("Y", "1"):
                    return [Finding(name, WARN, "none, unsafe no-IOMMU mode", wanted, why, "VT-d or AMD-Vi in the BIOS",
                                    parameters)]
            except CannotTell:
                pass
        return [Finding(name, FAIL, "off: no group", wanted, why, "VT-d or AMD-Vi in the BIOS, then", parameters)]
    foreign = []
    for other in machine.names(f"/sys/kernel/iommu_groups/{group}/devices"):
        driver = machine.link_name(f"/sys/bus/pci/devices/{other}/driver")
        if other != address and driver not in ("", "vfio-pci", "pcieport"):
            foreign.append(f"{other} ({driver})")
    if foreign:
        return [Finding(name, FAIL, f"group {group} with {', '.join(foreign)}", wanted, why,
                        "another slot, or bind these to vfio-pci as well")]
    return [Finding(name, OK, f"group {group}", wanted, why)]


def _node(machine, needs, nic, address):
    cores = needs.shard_cores(machine.online)
    name, why = f"numa.{nic}", "every packet crosses the link between the sockets"
    shards = {node for node, cpus in machine.nodes.items() if cpus & cores}
    try:
        node = machine.number(f"/sys/bus/pci/devices/{address}/numa_node")
    except CannotTell as reason:
        return [unknown(name, reason, "the shards' node", why)]
    measured = f"NIC on node {node}, shards on {cpulist.show(shards)}"
    if len(machine.nodes) <= 1 or shards == {node}:
        return [Finding(name, OK, measured, "the same node", why)]
    if node < 0:
        return [unknown(name, "the BIOS does not say the NIC's node", "the same node", why, "ask the board's manual")]
    near = cpulist.show(machine.nodes.get(node, set()))
    return [Finding(name, FAIL, measured, "the same node", why, f"shards on CPUs {near}, or the NIC into another slot")]


def parse_rings(text):
    """(RX now, RX most, TX now, TX most) of what ethtool -g prints."""
    most, _, now = text.partition("Current hardware settings")
    numbers = []
    for kind in ("RX", "TX"):
        for part in (now, most):
            value = re.search(rf"^{kind}:\s*(\d+)", part, re.MULTILINE)
            if not value:
                raise CannotTell(f"ethtool -g shows no {kind} ring")
            numbers.append(int(value[1]))
    return tuple(numbers)


def _rings(machine, needs, nic, interface):
    name, wanted, why = f"rings.{nic}", "4096, or the most it has", "a burst while a shard works must find room"
    if needs.is_dpdk:
        return [Finding(name, OK, "set by the engine at start", wanted, why)]
    if not interface:
        return [unknown(name, "no interface of the kernel", wanted, why)]
    try:
        rx, rx_most, tx, tx_most = parse_rings(machine.ethtool("-g", interface))
    except CannotTell as reason:
        return [unknown(name, reason, wanted, why, f"ethtool -g {interface}")]
    want_rx, want_tx = min(4096, rx_most), min(4096, tx_most)
    measured = f"RX {rx} of {rx_most}, TX {tx} of {tx_most}"
    is_enough = rx >= want_rx and tx >= want_tx
    return [Finding(name, OK if is_enough else WARN, measured, wanted, why,
                    f"ethtool -G {interface} rx {want_rx} tx {want_tx}")]  # not by --apply: some drivers drop the link
