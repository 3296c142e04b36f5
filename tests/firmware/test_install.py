"""firmware/install into a folder of its own: what is there afterwards is all there is, and it works from there."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CARILLON_BUILD", SOURCE / "build/release"))
INSTALL = SOURCE / "firmware/install"


def run(*arguments):
    return subprocess.run([str(word) for word in arguments], capture_output=True, text=True, check=False, timeout=60)


class InstallTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carillon-install-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.build = self.folder / "build"
        (self.build / "bin").mkdir(parents=True)
        for name in ("carillon-engine", "carillon-control", "carillon"):
            (self.build / "bin" / name).write_text("#!/bin/sh\n")
            (self.build / "bin" / name).chmod(0o755)
        self.root = self.folder / "root"

    def install(self, *arguments):
        return run(INSTALL, "--destdir", self.root, "--build", self.build, *arguments)

    def files(self):
        return {str(file.relative_to(self.root)) for file in self.root.rglob("*") if not file.is_dir()}

    def test_everything_and_nothing_else(self):
        done = self.install()
        self.assertEqual(done.returncode, 0, done.stderr)
        systemd = {f"usr/lib/systemd/system/{name}" for name in (
            "carillon-engine.service", "carillon-control.service", "carillon-tune.service", "carillon-retry@.service",
            "carillon.slice", "carillon.target")}
        drop_ins = {f"usr/share/carillon/drop-ins/carillon-{name}.conf" for name in (
            "engine.service.d/dpdk", "engine.service.d/af_xdp", "engine.service.d/low_port")}
        tune = {f"usr/lib/carillon/tuning/{file.name}" for file in (SOURCE / "firmware/tuning").glob("*.py")}
        self.assertEqual(self.files(), systemd | drop_ins | tune | {
            "usr/bin/carillon", "usr/bin/carillon-engine", "usr/bin/carillon-control", "usr/bin/carillon-tune",
            "usr/lib/carillon/tune", "usr/lib/sysusers.d/carillon.conf", "usr/lib/tmpfiles.d/carillon.conf",
            "usr/lib/udev/rules.d/60-carillon-vfio.rules", "usr/share/doc/carillon/firmware.md",
            "usr/share/carillon/examples/engine.toml", "usr/share/carillon/examples/control.toml",
            "etc/carillon/engine.toml", "etc/carillon/control.toml"})
        self.assertEqual((self.root / "etc/carillon/engine.toml").stat().st_mode & 0o777, 0o640)

    def test_a_second_time_keeps_the_configuration(self):
        self.install()
        config = self.root / "etc/carillon/engine.toml"
        config.write_text("# ours\n")
        before = self.files()
        done = self.install()
        self.assertEqual((done.returncode, config.read_text(), self.files()), (0, "# ours\n", before))
        self.assertIn("engine.toml is kept", done.stdout)

    def test_another_prefix_reaches_the_units(self):
        self.install("--prefix", "/opt/carillon")
        unit = (self.root / "opt/carillon/lib/systemd/system/carillon-engine.service").read_text()
        self.assertIn("ExecStart=/opt/carillon/bin/carillon-engine --config /etc/carillon/engine.toml", unit)
        self.assertNotIn("/usr/bin/carillon", unit)

    def test_nothing_is_written_when_a_program_is_missing(self):
        (self.build / "bin/carillon").unlink()
        self.assertEqual(self.install().returncode, 1)
        self.assertFalse(self.root.exists())

    def test_usage(self):
        for arguments in (("--prefix",), ("--wrong",), ("--prefix", "relative"), ("--prefix", "/a|b")):
            self.assertEqual(self.install(*arguments).returncode, 2, arguments)
        self.assertFalse(self.root.exists())

    def test_tune_works_where_it_is_installed(self):
        self.install()
        done = run(self.root / "usr/bin/carillon-tune", "--check", "--config", self.root / "etc/carillon/engine.toml")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertIn("tune: ", done.stdout.splitlines()[-1])
        self.assertEqual([file for file in self.files() if file.endswith(".pyc")], [])


class ExamplesTest(unittest.TestCase):
    """The real programs take the examples; only folders and ports are others."""

    def ready(self, name, changes):
        program = BUILD / f"bin/carillon-{name}"
        if not program.exists():
            self.skipTest(f"{program} is not built")
        text = (SOURCE / f"firmware/etc/{name}.toml").read_text()
        with tempfile.TemporaryDirectory(prefix="carillon-example-") as folder:
            for before, after in {**changes, "/var/lib/carillon": folder, "/run/carillon": folder}.items():
                self.assertIn(before, text)
                text = text.replace(before, after)
            config = Path(folder, f"{name}.toml")
            config.write_text(text)
            with subprocess.Popen([program, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as process:
                line = process.stdout.readline()
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(timeout=15), 0, process.stderr.read())
        return line

    def test_the_engine_accepts_its_example(self):
        self.assertIn("ready SIP 127.0.0.1:", self.ready("engine", {"port = 5060": "port = 0"}))

    def test_control_accepts_its_example(self):
        self.assertIn("ready http://127.0.0.1:", self.ready("control", {"port = 8080": "port = 0"}))


if __name__ == "__main__":
    unittest.main()
