"""The carrier itself, before it judges anybody: SIPp (not ours) calls each kind of phone, and two carriers call each
other so that the judgement is checked with real audio over real sockets."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from process import Process  # noqa: E402
from ports import free_port, free_port_range  # noqa: E402

BUILD = Path(os.environ.get("CARILLON_BUILD", ROOT / "build/release"))


class CarrierTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.voices = BUILD / "voices" / "judge"
        subprocess.run([sys.executable, ROOT / "tests/carrier/make_voices", "--set", "judge", cls.voices], check=True)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="carillon-carrier-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.processes = []
        self.addCleanup(lambda: [process.terminate() for process in self.processes])

    def carrier(self, name, *options, voices=None):
        port, rtp = free_port(socket.SOCK_DGRAM), free_port_range(200)
        command = [BUILD / "bin/carillon-carrier", "--listen", f"127.0.0.1:{port}", "--rtp-min", rtp, "--rtp-max", rtp + 199,
                   "--seed", 5, "--voices", voices or self.voices, "--truth", self.folder / f"{name}.jsonl",
                   "--answer-delay", "200-400", "--exit-after", 120, *options]
        process = Process(name, [str(part) for part in command], self.folder / f"{name}.log")
        self.processes.append(process)
        self.assertEqual(process.wait_ready(), f"ready 127.0.0.1:{port}")
        return process, f"127.0.0.1:{port}"

    def truth(self, name):
        return {line["to"]: line for line in map(json.loads, (self.folder / f"{name}.jsonl").read_text().splitlines())}

    def sipp(self, address, number, *options, scenario=("-sn", "uac")):
        command = ["sipp", address, *scenario, "-s", number, "-m", "1", "-d", "500", "-i", "127.0.0.1", "-nostdin",
                   "-timeout", "20", "-p", str(free_port(socket.SOCK_DGRAM)), *options]
        return subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode

    def test_sipp_meets_each_kind_of_phone(self):
        process, address = self.carrier("carrier")
        answered = {"+12125550100": "person", "+12125550200": "machine", "+12125550500": "fax", "+12125550800": "silence"}
        refused = {"+12125550300": 486, "+12125550700": 503}
        for number in answered:
            self.assertEqual(self.sipp(address, number), 0, number)
        for number in refused:
            self.assertNotEqual(self.sipp(address, number), 0, number)
        self.assertEqual(process.terminate(), 0)
        truth = self.truth("carrier")
        for number, kind in answered.items():
            self.assertEqual((truth[number]["behaviour"], truth[number]["sip_final"], truth[number]["ended_by"]),
                             (kind, 200, "caller"))
            self.assertTrue(truth[number]["acknowledged"])
        for number, status in refused.items():
            self.assertEqual((truth[number]["sip_final"], truth[number]["acknowledged"]), (status, True))

    def test_sipp_passes_the_challenge(self):
        process, address = self.carrier("carrier", "--require-auth", "trunk:secret")
        (self.folder / "auth.xml").write_text(AUTH_SCENARIO)
        login = ("-au", "trunk", "-ap")
        own = ("-sf", "auth.xml")
        self.assertEqual(self.sipp(address, "+12125550300", *login, "secret", scenario=own), 0)
        self.assertNotEqual(self.sipp(address, "+12125550301", *login, "wrong", scenario=own), 0)
        process.terminate()
        self.assertEqual(list(self.truth("carrier")), ["+12125550300"])

    def test_a_message_is_heard_by_whoever_listens_long_enough(self):
        """One carrier calls the other with the message as its voice."""
        speaking = self.folder / "voices"
        shutil.copytree(self.voices, speaking)
        shutil.copy(self.voices / "message_welcome.wav", speaking / "caller_0.wav")
        judge, address = self.carrier("judge", "--early-hang-up-rate", "0", "--patient-rate", "1", "--expect",
                                      f"welcome={self.voices}/message_welcome.wav")
        orders = [("+12125550100", 8, 9), ("+12125550101", 3, 9), ("+12125550400", 0, 2), ("+12125550600", 0, 9)]
        (self.folder / "calls").write_text("".join(
            json.dumps({"at": 0.1, "from": "+15550000", "to": number, "via": address, "talk": talk, "ring_max": ring_max, "badge": False}) + "\n"
            for number, talk, ring_max in orders))
        caller, _ = self.carrier("caller", "--call", self.folder / "calls", voices=speaking)
        deadline = 200
        while len((self.folder / "caller.jsonl").read_text().splitlines()) < len(orders) and deadline:
            deadline -= 1
            caller.wait(0.1)
        self.assertEqual((caller.terminate(), judge.terminate()), (0, 0))
        truth, placed = self.truth("judge"), self.truth("caller")
        heard = truth["+12125550100"]["heard"][0]
        self.assertTrue(heard["complete"], heard)
        self.assertLess(heard["began_ms_after_answer"], 100)
        self.assertFalse(truth["+12125550101"]["heard"][0]["complete"])
        self.assertEqual((truth["+12125550400"]["sip_final"], truth["+12125550400"]["cancelled"]), (487, True))
        self.assertEqual(placed["+12125550600"]["sip_final"], 404)
        self.assertGreater(placed["+12125550600"]["rtp"]["in"], 50)  # early media was heard
        for number, *_ in orders:
            self.assertEqual(truth[number]["rtp"]["lost"], 0)
            self.assertEqual(truth[number]["sip_final"], placed[number]["sip_final"])


AUTH_SCENARIO = """<?xml version="1.0"?><scenario name="auth">
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: sip:sipp@[local_ip]:[local_port]
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="401" auth="true" optional="true" next="again"></recv>
<recv response="407" auth="true" next="again"></recv>
<label id="again"/>
<send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 2 INVITE
[authentication]
Contact: sip:sipp@[local_ip]:[local_port]
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="100" optional="true"></recv>
<recv response="486"></recv>
<send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
[last_Via:]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
</scenario>
"""

if __name__ == "__main__":
    unittest.main()
