"""The engine past the kernel (AF_XDP on a veth pair) against the kernel's own stack at the other end of the wire: calls
with speech over IPv4 and IPv6, ARP and NDP both ways, ping, ICMP errors, datagrams longer than a frame, the tap. Judged
from the kernel's side: by the carrier, SIPp, sockets and a capture. Needs root; says what is missing where it can't run."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from namespaces import Capture, VethPair, is_arp_request, is_fragment, is_solicitation, missing, ping, wait_until

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from process import Process, ProcessError  # noqa: E402
from recording import Recording  # noqa: E402
from stack import toml  # noqa: E402

BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release")).resolve()
ENGINE_CORE, OTHER_CORE = "0", str((os.cpu_count() or 1) - 1)  # the engine polls
OURS, PEER = {4: "10.77.0.1", 6: "fd77::1"}, {4: "10.77.0.2", 6: "fd77::2"}
STRANGER, SILENT = {4: "10.77.0.3", 6: "fd77::3"}, {4: "10.77.0.4", 6: "fd77::4"}  # the peer's too
SIP_PORT, MTU, REFUSALS_MAX = 5060, 1500, 15
CALLS, TALK_MS = 3, 17000  # the message takes 13.9 s


def at(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Wire:
    """An engine in its namespace and what has been started beside it."""

    def __init__(self, family, tap=""):
        self.family, self.tap = family, tap
        self.ours, self.theirs = OURS[family], PEER[family]
        self.path = Path(tempfile.mkdtemp(prefix="carillon-af-xdp-"))
        self.pair = VethPair(*[f"{each[4]}/24" for each in (PEER, STRANGER, SILENT)],
                             *[f"{each[6]}/64" for each in (PEER, STRANGER, SILENT)])
        self.processes, self.capture = [], None

    def open(self):
        self.pair.__enter__()
        self.capture = Capture(self.pair.peer)
        (self.path / "engine").mkdir()
        eal = ["--no-huge", "-m", "256", "--no-shconf", "--no-pci", "-l", ENGINE_CORE, f"--file-prefix=carillon-{os.getpid()}",
               f"--vdev=net_af_xdp0,iface={self.pair.engine.device}"]
        (self.path / "engine.toml").write_text(toml({
            "engine": {"name": "af-xdp", "shards": 1, "data_dir": str(self.path / "engine"), "calls_max": 50},
            "sip": {"address": self.ours, "port": SIP_PORT},
            "rtp": {"port_min": 20000, "port_max": 20199},
            "io": {"back_end": "dpdk"},
            "dpdk": {"eal": eal, "addresses": [f"{OURS[4]}/24", f"{OURS[6]}/64"], "mbufs": 8192, "tap": self.tap},
            "link": {"listen": f"unix:{self.path}/engine.sock"}}))
        self.engine = self.run("engine", self.pair.engine.command("taskset", "-c", ENGINE_CORE, BUILD / "bin/carillon-engine",
                                                                  "--config", self.path / "engine.toml"))
        self.engine.wait_ready(60)

    def run(self, name, command):
        process = Process(name, [str(word) for word in command], self.path / f"{name}.log")
        self.processes.append(process)
        Path(f"/proc/{process.pid}/autogroup").write_text("-10")  # speech must be in time beside other sessions' work
        return process

    def run_at_peer(self, name, *words):
        return self.run(name, self.pair.peer.command("taskset", "-c", OTHER_CORE, *words))

    def start_load(self, gateway, **options):
        command = ["taskset", "-c", OTHER_CORE, BUILD / "bin/carillon-load", "--engine", f"unix:{self.path}/engine.sock",
                   "--gateway", gateway, "--patience", 60]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
        return self.run("load", command)

    def load(self, gateway, **options):
        """Calls from the engine to `gateway`; its line of sums once all are over. Where other work on its core makes the
        engine refuse calls (rightly: its beats come late), they are placed anew."""
        for _ in range(REFUSALS_MAX):
            load = self.start_load(gateway, **options)
            if load.wait(150) is None:
                raise ProcessError(f"calls without end:\n{load.tail()}")
            try:
                sums = json.loads(load.lines()[-1])
            except (ValueError, IndexError) as error:
                raise ProcessError(f"carillon-load:\n{load.tail()}") from error
            if sums["first_reason"] != "engine overloaded":
                return sums
            time.sleep(1)
        raise ProcessError(f"the engine never had room:\n{load.tail()}")

    def sipp(self, name, address, scenario, *options):
        (self.path / f"{name}.xml").write_text(scenario)
        return self.run_at_peer(name, "sipp", "-sf", self.path / f"{name}.xml", "-i", address, "-m", "1", "-nostdin", "-timeout",
                                "60", "-timeout_error", "-trace_err", "-error_file", self.path / f"{name}-errors.log", *options)

    def recordings(self, known=()):
        """Paths of what is closed and not among `known`."""
        return set((self.path / "engine/recordings").rglob("*.wav")).difference(known)

    def close(self, is_kept=False):
        """The engine's end is part of what is judged: its exit status."""
        status = None
        try:
            for process in reversed(self.processes):
                ended = process.terminate(30)
                status = ended if process.name == "engine" else status
        finally:
            if self.capture:
                self.capture.close()
            self.pair.remove()
        if is_kept:
            for log in sorted(self.path.glob("*.log")):
                print(f"---- {log.name}", *log.read_text(errors="replace").splitlines()[-25:], sep="\n", file=sys.stderr)
        shutil.rmtree(self.path, ignore_errors=True)
        return status


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
        self.assertTrue(self.wire.engine.is_running(), self.wire.engine.tail())

    def check_calls(self):
        """Calls to people at the carrier, who hear the message whole and are heard."""
        truth_path = self.wire.path / "truth.jsonl"
        carrier = self.wire.run_at_peer(
            "carrier", BUILD / "bin/carillon-carrier", "--listen", at(self.wire.theirs, 5070), "--rtp-min", 30000, "--rtp-max",
            30199, "--seed", 3, "--voices", self.voices, "--truth", truth_path, "--behaviour-mix", "person=1", "--answer-delay",
            "200-400", "--early-hang-up-rate", 0, "--opt-out-rate", 0, "--press-one-rate", 0, "--patient-rate", 1, "--expect",
            f"parcel={self.voices}/message_parcel.wav")
        carrier.wait_ready(30)
        known = self.wire.recordings()
        sums = self.wire.load(f"{self.wire.theirs}:5070", calls=CALLS, rate=2, talk_ms=TALK_MS, record=True,
                              prompt=self.voices / "message_parcel.wav")
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
        heard, said = len(self.capture.heard), len(self.capture.said)
        answerer = self.wire.sipp("answerer", self.wire.theirs, answering(self.wire.family), "-p", "5080", "-rtp_echo", "-mp",
                                  "6000")
        known = self.wire.recordings()
        self.assertTrue(wait_until(lambda: is_bound(self.peer, 5080), 30), answerer.tail())
        sums = self.wire.load(f"{self.wire.theirs}:5080", calls=1, rate=1, talk_ms=6000, record=True,
                              prompt=self.voices / "message_parcel.wav")
        self.assertEqual((sums["good"], sums["open"]), (1, 0), sums)
        self.assertEqual(answerer.wait(60), 0, answerer.tail())
        self.assertGreaterEqual(len([frame for frame in self.capture.said[said:] if is_fragment(frame)]), 3)
        self.assertFalse([frame for frame in self.capture.heard[heard:] if len(frame) > MTU + 14])
        self.assertGreater(self.new_recordings(known, 1)[0].level(0, every=7), -30, "SIPp's echo of the message")

    def check_long_request(self):
        """SIPp's INVITE and OPTIONS of several frames; the answers have the same Vias and are as long."""
        said, heard = len(self.capture.said), len(self.capture.heard)
        caller = self.wire.sipp("caller", STRANGER[self.wire.family], CALLING, at(self.wire.ours, SIP_PORT), "-s",
                                "+12125550100", "-p", "5090")
        self.assertEqual(caller.wait(90), 0, caller.tail())
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
        before = len(self.capture.heard)
        self.assertTrue(ping(self.peer, OURS[4], 200))
        self.assertFalse(wait_until(lambda: len(self.echo_replies(before, 200)) > 1, 1))
        self.assertEqual(len(self.echo_replies(before, 200)), 1)

    def echo_replies(self, start, size):
        return [frame for frame in self.capture.heard[start:]
                if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0 and len(frame) == 42 + size]


# ---- what SIPp does

def padding(name, lines):
    return "\n".join(f"{name}: {'carillon ' * 12}{line}" for line in range(lines))


def answering(family):
    """200 of some 4 KB to an INVITE, then whatever comes."""
    head = "[last_Via:]\n[last_From:]\n[last_To:];tag=sipp\n[last_Call-ID:]\n[last_CSeq:]"
    return f"""<?xml version="1.0"?><scenario name="answerer">
<recv request="INVITE"></recv>
<send><![CDATA[
SIP/2.0 180 Ringing
{head}
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
{head}
Contact: <sip:[local_ip]:[local_port]>
{padding("X-Long", 30)}
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP{family} [local_ip]
s=-
c=IN IP{family} [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
<recv request="ACK"></recv>
<recv request="BYE"></recv>
<send><![CDATA[
SIP/2.0 200 OK
{head}
Content-Length: 0

]]></send>
</scenario>"""


VIAS = "".join(f"Via: SIP/2.0/UDP hop{hop}.example.net:5060;branch=z9hG4bK-{'long' * 20}-{hop}\n" for hop in range(20))
REQUEST = """{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[call_number]-{branch}
{vias}From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{tag}
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
{padding}Content-Length: 0

"""
# An INVITE from a stranger is challenged; that it is, with all Vias in the answer, is what is looked at.
CALLING = f"""<?xml version="1.0"?><scenario name="caller">
<send retrans="500"><![CDATA[
{REQUEST.format(method="OPTIONS", branch="o", vias=VIAS, tag="", cseq=1, padding="")}]]></send>
<recv response="200"></recv>
<send retrans="500"><![CDATA[
{REQUEST.format(method="INVITE", branch="i", vias=VIAS, tag="", cseq=2, padding=padding("X-Long", 30) + chr(10))}]]></send>
<recv response="100" optional="true"></recv>
<recv response="401"></recv>
<send><![CDATA[
{REQUEST.format(method="ACK", branch="i", vias="", tag="[peer_tag_param]", cseq=2, padding="")}]]></send>
</scenario>"""


if __name__ == "__main__":
    unittest.main()
