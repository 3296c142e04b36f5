"""firmware/tune over machines made of files: each fault is found, told with its cure, and nothing else is called wrong."""

import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from machines import DPDK, NIC, SOURCE, FakeMachine, bare_vm, good_server, tune, two_nodes  # noqa: E402
from tuning import cli, cpulist, needs, nic  # noqa: E402
from tuning.machine import CannotTell, Machine  # noqa: E402

CORES = ("--cores", "2-3")


class MachineTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carillon-tune-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def severities(self, found, severity):
        # the temporary folder's disk is this machine's, whatever it is
        return {name for name, finding in found.items() if finding["severity"] == severity and name != "data_dir_space"}


class CheckTest(MachineTest):
    def test_a_good_server_lacks_nothing(self):
        status, found, report = tune(good_server(self.folder), *CORES)
        self.assertEqual(self.severities(found, "fail") | self.severities(found, "warn"), set())
        self.assertEqual((status, report["fail"], report["kernel_parameters"]), (0, 0, ""))

    def test_a_bare_vm_lacks_most_and_says_what_it_cannot_tell(self):
        status, found, report = tune(bare_vm(self.folder), "--cores", "1")
        self.assertEqual(status, 1)
        for check in ("clock_source", "tsc_flags", "isolcpus", "nohz_full", "rcu_nocbs", "irq_affinity", "vfio_module",
                      f"vfio.{NIC}", f"iommu.{NIC}", "hugepages.node0", "hugetlbfs", "pinning"):
            self.assertEqual(found[check]["severity"], "fail", check)
        for check in ("governor", "c_states"):
            self.assertEqual(found[check]["severity"], "warn")
            self.assertIn("cannot tell: ", found[check]["measured"])
        for word in ("isolcpus=managed_irq,domain,1", "nohz_full=1", "rcu_nocbs=1", "intel_iommu=on", "iommu=pt"):
            self.assertIn(word, report["kernel_parameters"].split())

    def test_two_nodes_with_everything_in_the_way(self):
        status, found, report = tune(two_nodes(self.folder), *CORES)
        self.assertEqual(status, 1)
        self.assertEqual(found[f"numa.{NIC}"]["severity"], "fail")
        self.assertIn("8-15", found[f"numa.{NIC}"]["fix"])
        self.assertNotIn("hugepages.node0", found)  # buffers are needed beside the NIC
        self.assertEqual(found["hugepages.node1"]["severity"], "fail")
        self.assertIn("2 of 3: 40 (mlx0-0) on 2, 42 (nvme0q3) on 3", found["irq_affinity"]["measured"])
        self.assertEqual(found["irqbalance"]["severity"], "fail")
        self.assertEqual(found["governor"]["severity"], "fail")
        self.assertIn("C6 133 us", found["c_states"]["measured"])
        self.assertIn("10-11", found["smt_siblings"]["measured"])
        self.assertEqual(found["numa_balancing"]["severity"], "warn")
        self.assertIn("nosmt", report["kernel_parameters"])

    def test_shards_on_siblings_share_a_core(self):
        found = tune(two_nodes(self.folder), "--cores", "2,10")[1]
        self.assertEqual(found["smt_siblings"]["severity"], "fail")

    def test_without_cores_the_engines_own_rule_holds(self):
        found = tune(good_server(self.folder))[1]
        self.assertEqual(found["pinning"]["severity"], "warn")
        self.assertIn("CPUs 0-1", found["pinning"]["measured"])
        self.assertEqual(found["isolcpus"]["wanted"], "1")  # the boot CPU cannot be isolated

    def test_the_configurations_cores_are_judged(self):
        config = DPDK.replace("pin = true", "cores = [2, 3]")
        found = tune(good_server(self.folder), config=config)[1]
        self.assertEqual(found["pinning"]["severity"], "ok")
        self.assertIn("pinned, 2 shard(s) on CPUs 2-3", found["pinning"]["measured"])
        for cores in ("[2]", "[2, 2]", "[2, true]", "3"):
            with self.subTest(cores), contextlib.redirect_stderr(io.StringIO()) as said, self.assertRaises(SystemExit):
                tune(good_server(self.folder), config=config.replace("[2, 3]", cores))
            self.assertIn("cores: ", said.getvalue())

    def test_hugepages_follow_the_number_of_mbufs(self):
        machine = good_server(self.folder)
        self.assertIn("106 of 2 MiB", tune(machine, *CORES)[1]["hugepages.node0"]["wanted"])
        many = DPDK.replace("65536", "1000000")
        finding = tune(machine, *CORES, config=many)[1]["hugepages.node0"]
        self.assertEqual((finding["severity"], "1162 of 2 MiB or 3 of 1 GiB" in finding["wanted"]), ("fail", True))
        machine.hugepages(0, large=(3, 3))
        self.assertEqual(tune(machine, *CORES, config=many)[1]["hugepages.node0"]["severity"], "ok")

    def test_a_running_engine_holds_its_pages_and_is_asked_for_its_limits(self):
        machine = good_server(self.folder)
        machine.hugepages(0, small=(3, 200))
        self.assertEqual(tune(machine, *CORES)[1]["hugepages.node0"]["severity"], "fail")
        machine.process(77, "carillon-engine")
        machine.limits(77, "8388608", "1024")
        found = tune(machine, *CORES)[1]
        self.assertEqual(found["hugepages.node0"]["severity"], "ok")
        self.assertEqual({found["rlimit_memlock"]["severity"], found["rlimit_nofile"]["severity"]}, {"fail"})

    def test_the_kernels_back_ends_need_no_hugepages_but_buffers_and_io_uring(self):
        machine = good_server(self.folder)
        machine.hugepages(0)
        machine.put("/proc/sys/kernel/io_uring_disabled", 2)
        machine.put("/proc/sys/net/core/rmem_max", 212992)
        status, found, _ = tune(machine, *CORES, config=DPDK.replace('"dpdk"', '"uring"'))
        self.assertEqual((status, found["hugepages"]["severity"]), (1, "ok"))
        self.assertEqual(self.severities(found, "fail"), {"io_uring_disabled"})
        self.assertEqual(self.severities(found, "warn"), {"net.core.rmem_max"})

    def test_an_old_kernel_fails(self):
        machine = good_server(self.folder)
        for release, severity in (("5.10.0-30-amd64", "fail"), ("6.0.9", "fail"), ("6.1", "ok"), ("10.0", "ok")):
            machine.put("/proc/sys/kernel/osrelease", release)
            self.assertEqual(tune(machine, *CORES)[1]["kernel"]["severity"], severity, release)

    def test_single_faults(self):
        """(file, what it says, check that finds it, severity)"""
        cases = (("/proc/sys/kernel/nmi_watchdog", 1, "nmi_watchdog", "warn"),
                 ("/proc/sys/kernel/sched_rt_runtime_us", 950000, "sched_rt_runtime_us", "warn"),
                 ("/proc/sys/kernel/timer_migration", 0, "timer_migration", "warn"),
                 ("/sys/kernel/mm/ksm/run", 1, "ksm", "warn"),
                 ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never", "transparent_hugepages", "warn"),
                 ("/proc/swaps", "Filename\n/dev/sda2 partition 1 0 -2", "swap", "warn"),
                 ("/proc/self/mounts", "tmpfs / tmpfs rw 0 0\nh /dev/hugepages hugetlbfs rw 0 0", "data_dir", "fail"),
                 ("/sys/devices/system/cpu/isolated", "2", "isolcpus", "fail"),
                 ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet", "clock_source", "fail"))
        for path, text, check, severity in cases:
            with self.subTest(check), tempfile.TemporaryDirectory(prefix="carillon-tune-") as folder:
                machine = good_server(folder)
                machine.put(path, text)
                found = tune(machine, *CORES)[1]
                self.assertEqual(self.severities(found, "warn") | self.severities(found, "fail"), {check})
                self.assertEqual(found[check]["severity"], severity)
                self.assertTrue(found[check]["fix"] or found[check]["kernel"], "a fault without a cure")

    def test_a_held_dma_latency_keeps_cores_awake(self):
        machine = good_server(self.folder)
        machine.sleeps([("POLL", 0, 0), ("C6", 130, 0)])
        self.assertEqual(tune(machine, *CORES)[1]["c_states"]["severity"], "warn")
        machine.dma_latency(0)
        self.assertEqual(tune(machine, *CORES)[1]["c_states"]["severity"], "ok")

    def test_a_nic_in_company_or_with_its_own_driver(self):
        machine = good_server(self.folder)
        machine.nic("0000:3b:00.1", driver="ixgbe")
        found = tune(machine, *CORES)[1]
        self.assertIn("0000:3b:00.1 (ixgbe)", found[f"iommu.{NIC}"]["measured"])
        machine.nic(driver="mlx5_core", vendor="0x15b3")
        self.assertEqual(tune(machine, *CORES)[1][f"vfio.{NIC}"]["severity"], "ok")
        machine.nic(driver="vfio-pci", vendor="0x15b3")
        self.assertEqual(tune(machine, *CORES)[1][f"vfio.{NIC}"]["severity"], "fail")
        self.assertEqual(tune(machine, *CORES, "--nic", "0000:99:00.0")[1]["nic.0000:99:00.0"]["severity"], "fail")

    def test_the_way_out_is_not_given_away_without_a_word(self):
        machine = good_server(self.folder)
        machine.nic(driver="ixgbe")
        machine.at(f"/sys/bus/pci/devices/{NIC}/net/eth0").mkdir(parents=True)
        machine.put("/proc/net/route", "Iface Destination\neth1 00000000 0101A8C0\neth0 0001A8C0 00000000")
        self.assertTrue(tune(machine, *CORES)[1][f"vfio.{NIC}"]["fix"].startswith("modprobe"))
        machine.put("/proc/net/route", "Iface Destination\neth0 00000000 0101A8C0")
        self.assertIn("carries it", tune(machine, *CORES)[1][f"vfio.{NIC}"]["fix"])

    def test_irqbalance_may_run_when_it_is_banned(self):
        machine = good_server(self.folder)
        machine.process(5, "irqbalance")
        self.assertEqual(tune(machine, *CORES)[1]["irqbalance"]["severity"], "ok")  # isolated CPUs it leaves alone
        machine.put("/sys/devices/system/cpu/isolated", "")
        self.assertEqual(tune(machine, *CORES)[1]["irqbalance"]["severity"], "fail")
        machine.put("/etc/default/irqbalance", 'IRQBALANCE_BANNED_CPULIST="2-5"')
        self.assertEqual(tune(machine, *CORES)[1]["irqbalance"]["severity"], "ok")

    def test_unpinned_shards_claim_no_cpu(self):
        machine = two_nodes(self.folder)
        config = DPDK.replace("pin = true", "pin = false")
        found = tune(machine, config=config)[1]
        self.assertEqual([found[check]["severity"] for check in ("pinning", "irq_affinity", "irqbalance")],
                         ["warn", "ok", "ok"])
        self.assertEqual(found["irq_affinity"]["apply"], [])
        self.assertEqual(tune(machine, *CORES, config=config)[1]["irq_affinity"]["severity"], "fail")

    def test_an_empty_root_and_garbage_are_told_not_stumbled_over(self):
        machine = FakeMachine(self.folder)
        for file in list(machine.root.rglob("*")):
            if file.is_file():
                file.write_bytes(b"\xff\x00 nonsense [")
        for arguments in (CORES, ("--cores", "0", "--nic", "eth0", "--nic", NIC)):
            status, found, _ = tune(machine, *arguments)
            self.assertTrue(any("cannot tell" in finding["measured"] for finding in found.values()))
        with tempfile.TemporaryDirectory(prefix="carillon-tune-") as empty:
            out = io.StringIO()
            self.assertEqual(cli.main(["--check", "--root", empty, "--cores", "1"], out), 0)
            self.assertIn("cannot tell", out.getvalue())

    def test_this_machine_is_judged_without_root(self):
        done = subprocess.run([SOURCE / "firmware/tune", "--check"], capture_output=True, text=True, check=False, timeout=60)
        self.assertIn(done.returncode, (0, 1))
        self.assertEqual(done.stderr, "")
        for line in done.stdout.splitlines()[:-2]:
            self.assertRegex(line, r"^(ok  |warn|fail)  [\w.:]+: .+; wanted: .+; why: .+")

    def test_usage(self):
        for arguments in ([], ["--check", "--apply"], ["--check", "--dry-run"], ["--check", "--cores", "x"],
                          ["--check", "--root", "/nonexistent"], ["--check", "--config", "/nonexistent"]):
            with self.subTest(arguments), contextlib.redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as stop:
                    cli.main(arguments, io.StringIO())
                self.assertEqual(stop.exception.code, 2)


class ApplyTest(MachineTest):
    def spoilt(self):
        machine = good_server(self.folder)
        machine.hugepages(0, small=(10, 30))
        machine.irqs({24: ("nvme0q0", "2"), 31: ("eth0", "1")})
        machine.governor("powersave")
        machine.put("/proc/sys/kernel/nmi_watchdog", 1)
        return machine

    def apply(self, machine, *arguments):
        out = io.StringIO()
        (machine.root / "engine.toml").write_text(DPDK)
        status = cli.main(["--apply", "--root", str(machine.root), "--config", str(machine.root / "engine.toml"), *CORES,
                           *arguments], out)
        return status, out.getvalue()

    def test_it_writes_what_is_safe_and_says_so(self):
        machine = self.spoilt()
        text = self.apply(machine)[1]
        self.assertEqual(machine.get("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"), "126")
        self.assertEqual(machine.get("/proc/irq/24/smp_affinity_list"), "0-1,4-7")
        self.assertEqual(machine.get("/proc/irq/31/smp_affinity_list"), "1")
        self.assertEqual(machine.get("/proc/irq/default_smp_affinity"), "f3")
        self.assertEqual(machine.get("/proc/sys/kernel/nmi_watchdog"), "0")
        self.assertEqual(machine.get(machine.cpu(2, "cpufreq/scaling_governor")), "performance")
        self.assertEqual(machine.get(machine.cpu(4, "cpufreq/scaling_governor")), "powersave")
        self.assertIn("set    nmi_watchdog: /proc/sys/kernel/nmi_watchdog: 1 -> 0", text)

    def test_a_dry_run_writes_nothing(self):
        machine = self.spoilt()
        before = {file: file.read_bytes() for file in machine.root.rglob("*") if file.is_file()}
        text = self.apply(machine, "--dry-run")[1]
        self.assertIn("would  nmi_watchdog: /proc/sys/kernel/nmi_watchdog: 1 -> 0", text)
        after = {file: file.read_bytes() for file in machine.root.rglob("*")
                 if file.is_file() and file.name != "engine.toml"}
        self.assertEqual(before, after)

    def test_a_change_that_does_not_take_fails(self):
        machine = self.spoilt()
        path = machine.at("/proc/sys/kernel/nmi_watchdog")
        original = Machine.read

        def stubborn(self, name):  # a kernel that ignores the write
            return "1" if name.endswith("nmi_watchdog") else original(self, name)

        Machine.read = stubborn
        self.addCleanup(setattr, Machine, "read", original)
        status, text = self.apply(machine)
        self.assertEqual((status, path.read_text()), (1, "0\n"))
        self.assertIn("failed nmi_watchdog", text)


class PartsTest(unittest.TestCase):
    def test_lists_of_cpus(self):
        for text, cpus in (("0-3,8", {0, 1, 2, 3, 8}), ("", set()), ("5", {5})):
            self.assertEqual(cpulist.parse(text), cpus)
        self.assertEqual(cpulist.show({8, 0, 1, 2}), "0-2,8")
        self.assertEqual(cpulist.mask({0, 1, 34}), "4,00000003")
        self.assertEqual(cpulist.mask({31, 4}), "80000010")
        for text in ("3-1", "x", "1-99999999"):
            with self.assertRaises(ValueError):
                cpulist.parse(text)

    def test_rings_of_ethtool(self):
        text = ("Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t8192\nRX Mini:\tn/a\nTX:\t\t4096\n"
                "Current hardware settings:\nRX:\t\t512\nRX Mini:\tn/a\nTX:\t\t256\n")
        self.assertEqual(nic.parse_rings(text), (512, 8192, 256, 4096))
        with self.assertRaises(CannotTell):
            nic.parse_rings("no rings")

    def test_rings_are_told_unknown_where_ethtool_is_missing(self):
        class Without(Machine):
            def ethtool(self, *_):
                raise CannotTell("ethtool missing")

        finding = nic._rings(Without("/"), needs.Needs(), "eth0", "eth0")[0]
        self.assertEqual((finding.severity, finding.measured), ("warn", "cannot tell: ethtool missing"))

    def test_short_rings_are_told_with_the_command(self):
        class Short(Machine):
            def ethtool(self, *_):
                return "Pre-set maximums:\nRX:\t8192\nTX:\t2048\nCurrent hardware settings:\nRX:\t512\nTX:\t2048\n"

        finding = nic._rings(Short("/"), needs.Needs(), "eth0", "eth0")[0]
        self.assertEqual((finding.severity, finding.fix), ("warn", "ethtool -G eth0 rx 4096 tx 2048"))

    def test_configurations_that_are_wrong(self):
        for text in ("[engine", "engine = 3", "[engine]\nshards = 0", "[engine]\nshards = true", "[dpdk]\nmbufs = -1",
                     "[rtp]\nport_min = 5\nport_max = 5", "[dpdk]\neal = \"-l 0\""):
            with self.assertRaises(needs.BadConfig, msg=text):
                needs.read(text)

    def test_the_nic_is_the_port_or_the_allowed_device(self):
        for port, eal, nics in ((NIC, [], [NIC]), ("", ["-a", f"{NIC},representor=0"], [NIC]), ("net_memif0", ["-a", NIC], []),
                                ("", ["--no-pci", "--vdev=net_memif0"], [])):
            text = f'[io]\nback_end = "dpdk"\n[dpdk]\nport = "{port}"\neal = {eal}'
            self.assertEqual(needs.read(text).nics, nics)

    def test_the_defaults_are_the_engines(self):
        header = (SOURCE / "engine/config.h").read_text()
        defaults = needs.Needs()
        self.assertIn(f"shards = {defaults.shards};", header)
        self.assertIn(f"port_min = {defaults.port_min}, port_max = {defaults.port_max};", header)
        self.assertIn(f"blocks = {defaults.record_blocks};", header)
        self.assertIn(f'back_end = "{defaults.back_end}";', header)
        self.assertIn("shared_socket_buffer = 4 << 20;", (SOURCE / "engine/io/config.h").read_text())


if __name__ == "__main__":
    unittest.main()
