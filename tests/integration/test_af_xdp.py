"""The engine past the kernel (AF_XDP on a veth pair) against the kernel's own stack at the other end of the wire: calls
with speech over IPv4 and IPv6, ARP and NDP both ways, ping, ICMP errors, datagrams longer than a frame, the tap. Judged
from the kernel's side: by the carrier, SIPp, sockets and a capture. Needs root; says what is missing where it can't run."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
import unittest

from af_xdp_wire import (BUILD, OTHER_CORE, OURS, PEER, REFUSALS_MAX, ROOT, SILENT, SIP_PORT, STRANGER, ProcessError, Wire, at)
from long_sip import CALLING, answering
from namespaces import is_arp_request, is_fragment, is_solicitation, missing, ping, wait_until
from recording import Recording

MTU, CALLS, TALK_MS = 1500, 3, 8000
MESSAGE = "message_welcome.wav"  # 5.5 s


class WireTest(unittest.TestCase):
    """One wire for the tests of a class."""

    FAMILY, TAP = 4, ""

    @classmethod
    def setUpClass(cls):
        if lacks := missing() + [f"the program {name}" for name in ("sipp", "taskset") if not shutil.which(name)]:
            print("no AF_XDP test here, missing: " + "; ".join(lacks), file=sys.stderr)
            raise unittest.SkipTest("missing: " + "; ".join(lacks))
        cls.voices = BUILD / "voices" / "judge"
        subprocess.run([sys.executable, ROOT / "tests/carrier/make_voices", "--set", "judge", cls.voices], check=True)
        cls.wire = Wire(cls.FAMILY, cls.TAP)
        try:
            cls.wire.open()
        except BaseException:
            cls.wire.close(is_kept=True)
            raise
        cls.has_failed = False
        cls.addClassCleanup(cls.end_wire)

    @classmethod
    def end_wire(cls):
        status = cls.wire.close(is_kept=cls.has_failed)
        if status != 0:
            raise AssertionError(f"the engine ended with {status}")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before:
            type(self).has_failed = True
        return result

    def setUp(self):
        self.peer, self.capture = self.wire.pair.peer, self.wire.capture
        self.addCleanup(self.wire.end_all_but, list(self.wire.processes))
        self.assertTrue(self.wire.engine.is_running(), self.wire.engine.tail())

    def check_calls(self):
        """Calls to people at the carrier, who hear the message whole and are heard."""
        truth_path = self.wire.path / "truth.jsonl"
        carrier = self.wire.run_at_peer(
            "carrier", BUILD / "bin/carillon-carrier", "--listen", at(self.wire.theirs, 5070), "--rtp-min", 30000, "--rtp-max",
            30199, "--seed", 3, "--voices", self.voices, "--truth", truth_path, "--behaviour-mix", "person=1", "--answer-delay",
            "200-400", "--early-hang-up-rate", 0, "--opt-out-rate", 0, "--press-one-rate", 0, "--patient-rate", 1, "--expect",
            f"welcome={self.voices / MESSAGE}")
        carrier.wait_ready(30)
        known = self.wire.recordings()
        sums = self.wire.load(f"{self.wire.theirs}:5070", calls=CALLS, rate=2, talk_ms=TALK_MS, record=True,
                              prompt=self.voices / MESSAGE)
        self.assertEqual((sums["good"], sums["refused"], sums["open"]), (CALLS, 0, 0), sums)
        self.assertEqual(carrier.terminate(60), 0)
        truth = [json.loads(line) for line in truth_path.read_text().splitlines()]
        self.assertGreaterEqual(len(truth), CALLS)
        for call in truth:
            self.assertEqual((call["sip_final"], call["acknowledged"], call["ended_by"]), (200, True, "caller"), call)
            self.assertEqual(call["rtp"]["lost"], 0, call)
            self.assertTrue(call["heard"] and call["heard"][0]["complete"], call)
        for recording in self.new_recordings(known, len(truth)):
            self.assertGreater(recording.level(0, every=7), -50, "half a second of the person, as it came to us")
            self.assertGreater(recording.level(1, every=7), -30, "our message")

    def new_recordings(self, known, count):
        """Waits for them: a file is closed after its call."""
        wait_until(lambda: len(self.wire.recordings(known)) >= count, 20)
        paths = self.wire.recordings(known)
        self.assertEqual(len(paths), count)
        return [Recording(path.read_bytes()) for path in paths]

    def check_long_answer(self):
        """SIPp answers our INVITE with a 200 of several frames; then speaks back whatever it hears."""
        self.capture.catch_up()
        heard, said = len(self.capture.heard), len(self.capture.said)
        answerer = self.wire.sipp("answerer", self.wire.theirs, answering(self.wire.family), "-p", "5080", "-rtp_echo", "-mp",
                                  "6000")
        known = self.wire.recordings()
        self.assertTrue(wait_until(lambda: is_bound(self.peer, 5080), 30), answerer.tail())
        sums = self.wire.load(f"{self.wire.theirs}:5080", calls=1, rate=1, talk_ms=3000, record=True,
                              prompt=self.voices / MESSAGE)
        self.assertEqual((sums["good"], sums["open"]), (1, 0), sums)
        self.assertEqual(answerer.wait(60), 0, answerer.tail())
        self.capture.catch_up()
        self.assertGreaterEqual(len([frame for frame in self.capture.said[said:] if is_fragment(frame)]), 3)
        self.assertFalse([frame for frame in self.capture.heard[heard:] if len(frame) > MTU + 14])
        self.assertGreater(self.new_recordings(known, 1)[0].level(0, every=7), -30, "SIPp's echo of the message")

    def check_long_request(self):
        """SIPp's INVITE and OPTIONS of several frames; the answers have the same Vias and are as long."""
        self.capture.catch_up()
        said, heard = len(self.capture.said), len(self.capture.heard)
        caller = self.wire.sipp("caller", STRANGER[self.wire.family], CALLING, at(self.wire.ours, SIP_PORT), "-s",
                                "+12125550100", "-p", "5090")
        self.assertEqual(caller.wait(90), 0, caller.tail())
        self.capture.catch_up()
        for frames in (self.capture.said[said:], self.capture.heard[heard:]):
            fragments = [frame for frame in frames if is_fragment(frame)]
            self.assertGreaterEqual(len(fragments), 4)
            self.assertLessEqual(max(map(len, fragments)), MTU + 14)

    def check_asking(self, is_question):
        """A call to an address that has never spoken: it is asked for, and the INVITE waits until it is known."""
        family = self.wire.family
        silent = SILENT[family]
        with self.peer.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM, timeout=20) as phone:
            phone.bind((silent, 5999))
            load, (invite, sender) = self.invited(phone, silent)
            self.capture.catch_up()
            self.assertTrue(any(is_question(frame, silent) for frame in self.capture.heard))
            self.assertTrue(invite.startswith(b"INVITE sip:"), invite)
            kept = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")
            lines = [line for line in invite.split(b"\r\n") if line.startswith(kept)]
            phone.sendto(b"\r\n".join([b"SIP/2.0 486 Busy Here", *lines, b"Content-Length: 0", b"", b""]), sender)
            self.assertTrue(phone.recv(4096).startswith(b"ACK sip:"))
            self.assertEqual(load.wait(30), 0, load.tail())

    def invited(self, phone, address):
        for _ in range(REFUSALS_MAX):
            load = self.wire.start_load(f"{address}:5999", calls=1, rate=1)
            if found := wait_until(lambda: not load.is_running() or received(phone), 30):
                if found is not True:
                    return load, found
                time.sleep(1)
        raise ProcessError(f"no INVITE:\n{load.tail()}")

    def check_ping(self, family, most):
        for size in (0, 1, 56, 1000, most):
            self.assertTrue(wait_until(lambda: ping(self.peer, OURS[family], size), 15), f"{size} bytes to {OURS[family]}")
        # only SIP is put together from fragments
        self.assertFalse(ping(self.peer, OURS[family], most + 1, timeout=1))

    def check_closed_port(self, family):
        with self.peer.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM, timeout=5) as sender:
            sender.connect((OURS[family], 9))
            sender.send(b"anybody?")
            with self.assertRaises(ConnectionRefusedError):  # the kernel believes our ICMP only if it quotes right
                sender.recv(100)


def received(phone):
    """A datagram and its sender, or None within a moment."""
    phone.settimeout(0.2)
    try:
        return phone.recvfrom(4096)
    except TimeoutError:
        return None
    finally:
        phone.settimeout(20)


def is_bound(namespace, port):
    return f":{port} " in subprocess.run(namespace.command("ss", "-Hlun"), capture_output=True, text=True, check=True).stdout


class Ipv4(WireTest):
    def test_calls_with_speech(self):
        self.check_calls()

    def test_arp_both_ways(self):
        self.check_asking(is_arp_request)
        self.peer.forget_neighbours()
        self.assertIsNone(self.peer.neighbour(OURS[4]))
        self.assertTrue(wait_until(lambda: ping(self.peer, OURS[4], 8), 15))
        self.assertEqual(self.peer.neighbour(OURS[4]), self.wire.pair.engine.mac())

    def test_ping(self):
        self.check_ping(4, MTU - 28)
        self.check_ping(6, MTU - 48)

    def test_closed_port(self):
        self.check_closed_port(4)
        self.check_closed_port(6)

    def test_an_answer_of_several_frames(self):
        self.check_long_answer()

    def test_requests_of_several_frames(self):
        self.check_long_request()


class Ipv6(WireTest):
    FAMILY = 6

    def test_calls_with_speech(self):
        self.check_calls()

    def test_ndp_both_ways(self):
        self.check_asking(is_solicitation)
        self.peer.forget_neighbours()
        self.assertIsNone(self.peer.neighbour(OURS[6]))
        self.assertTrue(wait_until(lambda: ping(self.peer, OURS[6], 8), 15))
        self.assertEqual(self.peer.neighbour(OURS[6]), self.wire.pair.engine.mac())

    def test_an_answer_of_several_frames(self):
        self.check_long_answer()

    def test_requests_of_several_frames(self):
        self.check_long_request()


class WithTap(WireTest):
    TAP = "carillon0"

    def test_tcp_reaches_the_kernel_beside_calls(self):
        """A web server in the engine's namespace, asked from the other end through the device that the engine polls."""
        body = bytes(range(256)) * 2000
        (self.wire.path / "page").write_bytes(body)
        self.wire.run("web", self.wire.pair.engine.command("taskset", "-c", OTHER_CORE, sys.executable, "-m", "http.server", "8080",
                                                           "--bind", OURS[4], "--directory", self.wire.path))
        answer = wait_until(lambda: self.get("/page"), 60)
        self.assertEqual(answer, body)
        self.check_calls()
        self.assertEqual(self.get("/page"), body)

    def get(self, path):
        connection = http.client.HTTPConnection(OURS[4], 8080, timeout=20)
        try:
            connection.sock = self.peer.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=20)
            connection.sock.connect((OURS[4], 8080))
            connection.request("GET", path)
            return connection.getresponse().read()
        except (ConnectionRefusedError, TimeoutError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def test_closed_port(self):
        """Said by the kernel, who has our addresses on the tap."""
        self.check_closed_port(4)

    def test_ping_is_answered_once(self):
        """Not by the kernel as well, which has the same addresses on the tap."""
        self.assertTrue(wait_until(lambda: ping(self.peer, OURS[4], 56), 15))
        self.capture.catch_up()
        before = len(self.capture.heard)
        self.assertTrue(ping(self.peer, OURS[4], 200))
        self.assertFalse(wait_until(lambda: len(self.echo_replies(before, 200)) > 1, 1))
        self.capture.catch_up()
        self.assertEqual(len(self.echo_replies(before, 200)), 1)

    def echo_replies(self, start, size):
        return [frame for frame in self.capture.heard[start:]
                if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0 and len(frame) == 42 + size]


if __name__ == "__main__":
    unittest.main()
