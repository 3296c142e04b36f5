"""The units keep their rules, systemd's own judge accepts them, and the programs live under their filters."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "firmware"))
from tuning import needs  # noqa: E402
from units import SYSTEMD, Unit, seconds, unit  # noqa: E402

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CARILLON_BUILD", SOURCE / "build/release"))
ANALYZE = shutil.which("systemd-analyze")
PROGRAMS = ("carillon-engine.service", "carillon-control.service")
DRAIN_S = 2 + 2  # engine/engine.cpp: kDrainMax for the calls, the same again for the disk


class RulesTest(unittest.TestCase):
    def test_every_file_parses(self):
        files = [file for file in SYSTEMD.rglob("*") if file.suffix in (".service", ".target", ".slice", ".conf")
                 and file.parent.name not in ("sysusers.d", "tmpfiles.d")]
        self.assertGreater(len(files), 8)
        for file in files:
            Unit(file)

    def test_nothing_runs_as_root(self):
        for name in PROGRAMS:
            service = unit(name)
            self.assertTrue(service.one("User").startswith("carillon-"), name)
            self.assertEqual(service.one("Group"), "carillon")
            self.assertEqual(service.one("NoNewPrivileges"), "yes")
        self.assertNotEqual(unit(PROGRAMS[0]).one("User"), unit(PROGRAMS[1]).one("User"))

    def test_capabilities_are_bounded(self):
        allowed = {(): set(), ("low_port",): {"CAP_NET_BIND_SERVICE"}, ("dpdk",): {"CAP_NET_ADMIN"},
                   ("dpdk", "af_xdp"): {"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SYS_ADMIN"}}
        for drop_ins, capabilities in allowed.items():
            engine = unit(PROGRAMS[0], *drop_ins)
            for setting in ("CapabilityBoundingSet", "AmbientCapabilities"):
                self.assertTrue(engine.is_set(setting))
                self.assertEqual(set(engine.words(setting)), capabilities, drop_ins)
        control = unit(PROGRAMS[1])
        self.assertTrue(control.is_set("CapabilityBoundingSet"))
        self.assertEqual(control.words("CapabilityBoundingSet") + control.words("AmbientCapabilities"), [])

    def test_limits(self):
        engine = unit(PROGRAMS[0])
        largest = needs.read("[engine]\nshards = 64\n[rtp]\nport_min = 1024\nport_max = 65535")
        self.assertGreaterEqual(int(engine.one("LimitNOFILE")), largest.files)
        self.assertEqual(engine.one("LimitMEMLOCK"), "2G")
        self.assertLessEqual(largest.locked_bytes, 2 << 30)
        self.assertEqual(unit(PROGRAMS[0], "dpdk").one("LimitMEMLOCK"), "infinity")
        self.assertLess(int(engine.one("OOMScoreAdjust")), int(unit(PROGRAMS[1]).one("OOMScoreAdjust")))
        self.assertFalse(engine.is_set("CPUAffinity"))

    def test_they_come_back_and_pause_between_tries(self):
        for name in PROGRAMS:
            service = unit(name)
            self.assertEqual(service.one("Restart"), "always")
            tries, window = int(service.one("StartLimitBurst", "Unit")), int(service.one("StartLimitIntervalSec", "Unit"))
            self.assertLess(tries * seconds(service.one("RestartSec")), window, "the pause is never reached")
            self.assertEqual(service.words("OnFailure", "Unit"), ["carillon-retry@%N.service"])
        self.assertIn("/bin/systemctl --no-block start %i.service",
                      Unit(SYSTEMD / "carillon-retry@.service").values["Service", "ExecStart"])

    def test_the_end_covers_the_drain(self):
        self.assertGreaterEqual(seconds(unit(PROGRAMS[0]).one("TimeoutStopSec")), 2 * DRAIN_S)
        self.assertIn("kDrainMax = 2s;", (SOURCE / "engine/engine.cpp").read_text())

    def test_a_watchdog_hears_of_them(self):
        for name in PROGRAMS:
            service = unit(name)
            self.assertEqual((service.one("Type"), service.one("NotifyAccess")), ("notify", "main"))
            # an idle shard steps once a second; it may miss one beat
            self.assertGreaterEqual(seconds(service.one("WatchdogSec")), 3)

    def test_control_may_die_alone(self):
        control, engine = unit(PROGRAMS[1]), unit(PROGRAMS[0])
        self.assertIn(PROGRAMS[0], control.words("After", "Unit"))
        self.assertIn(PROGRAMS[0], control.words("Wants", "Unit"))
        for strong in ("BindsTo", "Requires", "Requisite"):
            self.assertFalse(control.is_set(strong, "Unit") or engine.is_set(strong, "Unit"))
        self.assertNotIn(PROGRAMS[1], engine.words("Wants", "Unit") + engine.words("PartOf", "Unit"))

    def test_sandbox(self):
        for name in PROGRAMS:
            service = unit(name)
            self.assertEqual(service.one("ProtectSystem"), "strict")
            for setting in ("PrivateTmp", "PrivateDevices", "ProtectHome", "ProtectKernelTunables", "RestrictNamespaces",
                            "ProtectKernelModules", "MemoryDenyWriteExecute", "RestrictSUIDSGID", "LockPersonality"):
                self.assertEqual(service.one(setting), "yes", f"{name} {setting}")
            self.assertIn("AF_INET6", service.words("RestrictAddressFamilies"))
            self.assertNotIn("AF_PACKET", service.words("RestrictAddressFamilies"))
        self.assertIn("AF_XDP", unit(PROGRAMS[0], "dpdk", "af_xdp").words("RestrictAddressFamilies"))
        dpdk = unit(PROGRAMS[0], "dpdk")
        self.assertEqual((dpdk.one("PrivateDevices"), dpdk.one("DevicePolicy")), ("no", "closed"))
        self.assertIn("char-vfio", dpdk.words("DeviceAllow"))

    def test_folders_are_those_of_the_examples(self):
        for name, config, section in ((PROGRAMS[0], "engine", "engine"), (PROGRAMS[1], "control", "control")):
            file = tomllib.loads((SOURCE / f"firmware/etc/{config}.toml").read_text())
            self.assertEqual("/var/lib/" + unit(name).words("StateDirectory")[0], file[section]["data_dir"])
            self.assertIn(f"/etc/carillon/{config}.toml", unit(name).words("ExecStart"))
        self.assertEqual(unit(PROGRAMS[0]).words("RuntimeDirectory"), ["carillon"])


@unittest.skipUnless(ANALYZE, "systemd-analyze is not installed: only our own rules are checked")
class SystemdTest(unittest.TestCase):
    """systemd's judge over a copy whose programs exist."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carillon-units-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for file in SYSTEMD.glob("carillon*"):
            text = re.sub(r"^ExecStart=/usr/bin/\S+", "ExecStart=/bin/true", file.read_text(), flags=re.MULTILINE)
            (self.folder / file.name).write_text(text)

    def analyze(self, *arguments):
        return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, check=False, timeout=60,
                              env={**os.environ, "SYSTEMD_UNIT_PATH": f"{self.folder}:", "SYSTEMD_LOG_LEVEL": "warning"})

    def add(self, name, *stems):
        target = self.folder / f"{name}.d"
        target.mkdir()
        for stem in stems:
            shutil.copy(SYSTEMD / "drop-ins" / f"{name}.d" / f"{stem}.conf", target)

    def verify(self):
        done = self.analyze("verify", "--man=no", *(str(file) for file in sorted(self.folder.glob("carillon*"))
                                                    if file.is_file() and "@" not in file.name),
                            str(self.folder / "carillon-retry@.service"))
        # other units of the machine are not ours to judge
        return [line for line in done.stderr.splitlines() if "carillon" in line]

    def test_verify(self):
        self.assertEqual(self.verify(), [])

    def test_verify_with_all_drop_ins(self):
        self.add(PROGRAMS[0], "af_xdp", "dpdk", "low_port")
        self.assertEqual(self.verify(), [])

    def test_verify_finds_a_misspelt_setting(self):
        with open(self.folder / PROGRAMS[0], "a") as file:
            file.write("\n[Service]\nProtectSystm=strict\n")
        self.assertTrue(any("ProtectSystm" in line for line in self.verify()))

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "systemd-sysusers is not installed")
    def test_users_share_a_group(self):
        root = self.folder / "root"
        (root / "etc").mkdir(parents=True)
        done = subprocess.run(["systemd-sysusers", f"--root={root}", SYSTEMD / "sysusers.d/carillon.conf"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        groups = {line.split(":")[0]: line.split(":")[2] for line in (root / "etc/group").read_text().splitlines()}
        users = {line.split(":")[0]: line.split(":") for line in (root / "etc/passwd").read_text().splitlines()}
        self.assertIn("carillon-io", groups)
        for name in PROGRAMS:
            user = users[unit(name).one("User")]
            self.assertEqual(user[3], groups[unit(name).one("Group")])
            self.assertTrue(user[6].endswith("/nologin"))

    def exposure(self, name):
        done = self.analyze("security", "--offline=yes", "--no-pager", str(self.folder / name))
        score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        self.assertTrue(score, done.stderr)
        return float(score[1])

    def test_security(self):
        """0 is closed, 10 open; a plain service has 9.6."""
        for name in PROGRAMS:
            with self.subTest(name):
                self.assertLessEqual(self.exposure(name), 2.0)

    def allowed(self, name, *drop_ins):
        """The system calls that the unit's filter lets through."""
        listed = subprocess.run([ANALYZE, "--no-pager", "syscall-filter"], capture_output=True, text=True, check=True).stdout
        sets, current = {}, None
        for line in listed.splitlines():
            if line.startswith("@"):
                current = sets.setdefault(line.strip(), [])
            elif current is not None and line.startswith("    ") and not line.strip().startswith("#"):
                current.append(line.strip())

        def expand(word):
            return {call for inner in sets[word] for call in expand(inner)} if word.startswith("@") else {word}

        result = set()
        for value in unit(name, *drop_ins).values["Service", "SystemCallFilter"]:
            calls = {call for word in value.lstrip("~").split() for call in expand(word)}
            result = result - calls if value.startswith("~") else result | calls
        return result

    def test_filters_let_io_uring_through(self):
        engine = self.allowed(PROGRAMS[0])
        self.assertLessEqual({"io_uring_setup", "io_uring_enter", "io_uring_register", "sched_setaffinity", "fallocate",
                              "memfd_create", "mmap", "membarrier"}, engine)
        self.assertEqual(engine & {"bpf", "mount", "ptrace", "setuid", "kexec_load", "init_module", "reboot"}, set())
        self.assertNotIn("sched_setaffinity", self.allowed(PROGRAMS[1]))
        self.assertEqual(self.allowed(PROGRAMS[0], "dpdk", "af_xdp") - engine, {"bpf"})

    def run_confined(self, name, config):
        program = BUILD / "bin" / name.removesuffix(".service")
        if not program.exists() or os.uname().machine != "x86_64":
            self.skipTest(f"{program} is not built, or not an x86-64")
        self.folder.chmod(0o777)
        program = Path(shutil.copy(program, self.folder))  # nobody may not see into the folder of the build
        (self.folder / "config.toml").write_text(config)
        (self.folder / "calls").write_text("\n".join(sorted(self.allowed(name))))
        with subprocess.Popen([sys.executable, Path(__file__).with_name("confined.py"), self.folder / "calls", program,
                               "--config", self.folder / "config.toml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            ready = process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=15)
            self.assertEqual(status, 0, process.stderr.read())
        return ready

    @unittest.skipUnless(os.uname().machine == "x86_64", "the filter is made for x86-64")
    def test_the_filter_around_them_refuses(self):
        """Else the two tests below would show nothing."""
        code = """
import ctypes, mmap, os, sys
from confined import confine
confine(sys.argv[1:])
mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)
for attempt in (lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC), lambda: os.chroot("/")):
    try:
        attempt()
    except PermissionError:
        print("refused")
"""
        done = subprocess.run([sys.executable, "-c", code, *self.allowed(PROGRAMS[0])], capture_output=True, text=True,
                              check=False, timeout=60, cwd=Path(__file__).parent)
        self.assertEqual(done.stdout.split(), ["refused", "refused"], done.stderr)

    def test_the_engine_works_as_nobody_under_its_filter(self):
        ready = self.run_confined(PROGRAMS[0], f"""[engine]
data_dir = "{self.folder}/engine"
pin = true
[sip]
port = 0
""")
        self.assertIn("ready SIP 127.0.0.1:", ready)
        if not Path("/proc/sys/kernel/io_uring_disabled").exists() or \
                Path("/proc/sys/kernel/io_uring_disabled").read_text().strip() == "0":
            self.assertIn("(uring)", ready)

    def test_control_works_as_nobody_under_its_filter(self):
        ready = self.run_confined(PROGRAMS[1], f"""[control]
data_dir = "{self.folder}/control"
[http]
port = 0
[[engines]]
name = "engine-1"
link = "unix:{self.folder}/none.sock"
""")
        self.assertIn("ready http://127.0.0.1:", ready)


if __name__ == "__main__":
    unittest.main()
