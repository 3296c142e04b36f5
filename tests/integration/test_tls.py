"""Everything that may leave the machine encrypted: the engine link over TCP with mutual TLS, the API over HTTPS, driven by
the command line as an engineer would."""

import socket
import ssl
import subprocess
import unittest

from scene import MESSAGE, Scene  # first: it says where the harness lies
from recording import Recording
from ports import free_port
from stack import toml


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """A certificate authority of this test."""

    def __init__(self, folder, name):
        self.key, self.certificate = folder / f"{name}.key", folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2, "-subj",
                f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def issue(self, folder, name):
        """(certificate, key) for `name`, valid for 127.0.0.1 too."""
        key, request, certificate = folder / f"{name}.key", folder / f"{name}.csr", folder / f"{name}.pem"
        names = folder / f"{name}.names"
        names.write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-keyout",
                key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", 2,
                "-extfile", names, "-out", certificate)
        return str(certificate), str(key)


class EncryptedStack(Scene):
    """Engine link tcp + mutual TLS, API over HTTPS."""

    def write_configs(self):
        super().write_configs()
        keys = self.folder / "keys"
        keys.mkdir()
        self.authority = Authority(keys, "carillon-test")
        self.stranger = Authority(keys, "somebody-else")
        self.link_port = free_port(socket.SOCK_STREAM)
        self.engine_keys = self.authority.issue(keys, "engine-1")
        self.control_keys = self.authority.issue(keys, "control")
        self.foreign_keys = self.stranger.issue(keys, "intruder")
        self.engine_sections["link"] = {"listen": f"tcp:127.0.0.1:{self.link_port}", "certificate": self.engine_keys[0],
                                        "key": self.engine_keys[1], "ca": str(self.authority.certificate)}
        text = (self.folder / "engine.toml").read_text()
        text = text[:text.index("[link]")] + toml({"link": self.engine_sections["link"]})
        (self.folder / "engine.toml").write_text(text)
        self.write_control(self.control_keys, self.authority)

    def write_control(self, link_keys, authority):
        (self.folder / "control.toml").write_text(toml({
            "control": {"data_dir": str(self.folder / "control")},
            "http": {"address": "127.0.0.1", "port": self.http_port, "certificate": self.control_keys[0],
                     "key": self.control_keys[1]},
            "engines": [{"name": "engine-1", "link": f"tcp:127.0.0.1:{self.link_port}", "certificate": link_keys[0],
                         "key": link_keys[1], "ca": str(authority.certificate), "peer_name": "engine-1"}]}))

    def start_control(self):
        self._run("control", [self.bin / "carillon-control", "--config", self.folder / "control.toml"]).wait_ready()

    def carillon(self, *arguments, trusts=None, check=True):
        """The command line; returns its finished process."""
        command = [str(self.bin / "carillon"), "--url", f"https://127.0.0.1:{self.http_port}", "--token-file",
                   str(self.folder / "control/admin.token"), *(["--ca", str(trusts.certificate)] if trusts else []),
                   *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder)
        if check and done.returncode != 0:
            raise AssertionError(f"carillon {' '.join(map(str, arguments))}: {done.returncode} {done.stdout}{done.stderr}")
        return done

    def is_ready(self):
        return self.carillon("status", trusts=self.authority, check=False).returncode == 0


class TlsTest(unittest.TestCase):
    def test_a_call_over_encrypted_links_by_the_command_line(self):
        with EncryptedStack() as stack:
            stack.make_voices()
            stack.write_configs()
            stack.start_carrier()
            stack.start_engine()
            stack.start_control()
            stack.wait_until(stack.is_ready, 60, "control has its engine over TLS")
            ours = lambda *arguments: stack.carillon(*arguments, trusts=stack.authority).stdout

            trunk = ours("trunks", "add", "--name", "carrier", "--gateway", f"127.0.0.1:{stack.carrier_sip_port}").strip()
            self.assertTrue(trunk.startswith("trunk_"), trunk)
            dialed = ours("dial", "--trunk", "carrier", "--to", "+12125550101", "--from", "+12125550199", "--message",
                          stack.message(MESSAGE), "--record", "--detect", "--wait")
            call = dialed.split()[0]
            ladder = ours("trace", call)
            for word in ("INVITE", "200", "ACK", "BYE"):
                self.assertIn(word, ladder)
            stack.wait_until(lambda: "ready" in ours("recordings"), 60, "the recording")
            recording = ours("recordings").split()[0]
            ours("recordings", "get", recording, "--output", "heard.wav")
            self.assertGreater(Recording((stack.folder / "heard.wav").read_bytes()).seconds, 1)
            line = stack.wait_until(stack.truth, 60, "the carrier's line")[0]
            self.assertEqual((line["to"], line["sip_final"]), ("+12125550101", 200))
            self.assertTrue(any(heard["complete"] for heard in line["heard"]), line)

            # who is not trusted, or does not trust, gets nowhere
            refused = stack.carillon("status", check=False)
            self.assertEqual(refused.returncode, 3, refused.stderr)
            self.assertIn("certificate", refused.stderr)
            context = ssl.create_default_context(cafile=str(stack.authority.certificate))
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with socket.create_connection(("127.0.0.1", stack.link_port), timeout=20) as plain:
                    with context.wrap_socket(plain, server_hostname="engine-1") as nameless:  # no certificate of its own
                        self.assertEqual(nameless.recv(1), b"", "the engine talks to a nameless peer")
                        raise ConnectionError("closed")
            self.assertTrue(stack.is_ready(), "a stranger at the link's door put control off")
            self.assertEqual(stack.stop(), [])

    def test_a_control_with_a_foreign_certificate_gets_no_engine_and_says_why(self):
        with EncryptedStack() as stack:
            stack.write_configs()
            stack.start_engine()
            for keys, authority, who in ((stack.foreign_keys, stack.authority, "engine refuses"),
                                         (stack.control_keys, stack.stranger, "control refuses")):
                with self.subTest(who):
                    stack.write_control(keys, authority)
                    stack.start_control()
                    def cause():
                        shown = stack.carillon("status", trusts=stack.authority, check=False)
                        self.assertEqual(shown.returncode, 4, shown.stdout + shown.stderr)
                        self.assertIn("not connected", shown.stdout)
                        return "certificate" in shown.stdout or "TLS" in shown.stdout or "tls" in shown.stdout
                    stack.wait_until(cause, 60, "the cause in `carillon status`")
                    self.assertEqual(stack.stop_one("control"), 0)
            self.assertEqual(stack.stop(), [])


if __name__ == "__main__":
    unittest.main()
