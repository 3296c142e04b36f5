"""SIPp as carrier and as caller, against the whole product on loopback. Not ours, so a misreading of an RFC that our own
two ends share shows here. Each test says what the far side does; its exit status and the call's books must agree."""

import os
import re
import socket
import sys
import time
import unittest
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from scenario import in_dialog, pause, recv, recv_invite, reply, request  # noqa: E402
from sipp import Sipp  # noqa: E402
from stack import Stack  # noqa: E402

BUILD = os.environ.get("CARILLON_BUILD", str(ROOT / "build/release"))
NUMBER, OURS = "+12125550123", "+12125550999"
HANGUP_AFTER = {"states": [{"name": "hold", "wait": {"for_ms": 700}, "on": [{"event": "timeout", "next": 1}]},
                           {"name": "end", "hangup": {"cause": 16, "why": "done"}}]}
STAY = {"states": [{"name": "hold", "wait": {"for_ms": 0}}]}


class SippTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(build=BUILD, calls_max=60)
        cls.stack.make_voices()
        cls.stack.write_configs()
        cls.stack.start_engine()
        cls.stack.start_control()
        cls.prompt = cls.stack.put_prompt("parcel")["id"]

    @classmethod
    def tearDownClass(cls):
        bad = cls.stack.stop()
        if bad:
            cls.stack.print_tails()
        cls.stack.__exit__(None, None, None)
        assert not bad, f"did not end as they should: {bad}"

    def setUp(self):
        self.running = []
        self.trunks = []
        self.numbers = []

    def tearDown(self):
        for sipp in self.running:
            sipp.stop()
        for path in [f"/v1/numbers/{number}" for number in self.numbers] + [f"/v1/trunks/{trunk}" for trunk in self.trunks]:
            status = self.stack.rest.exchange("DELETE", path)[0]
            self.assertLess(status, 300, path)

    # ---- helpers

    def far_side(self, *steps, **options):
        sipp = Sipp(self.stack.folder, f"{self._testMethodName}-{len(self.running)}", steps, **options)
        self.running.append(sipp)
        return sipp

    def caller(self, *steps, **options):
        return self.far_side(*steps, remote=f"127.0.0.1:{self.stack.sip_port}", **options)

    def trunk(self, sipp, **more):
        made = self.stack.rest.post("/v1/trunks", {"name": sipp.name[:90], "gateways": [
            {"address": "127.0.0.1", "port": sipp.port}], **more})
        self.trunks.append(made["id"])
        return made["id"]

    def call(self, *trunks, plan=HANGUP_AFTER, **more):
        return self.stack.rest.post("/v1/calls", {"trunks": list(trunks), "to": NUMBER, "from": OURS, "plan": plan, **more},
                                    key=str(uuid.uuid4()))

    def act(self, call, action, body=None):
        self.stack.rest.post(f"/v1/calls/{call['id']}/actions/{action}", body or {})

    def look(self, call):
        return self.stack.rest.get(f"/v1/calls/{call['id']}")

    def until(self, call, state, timeout=25):
        return self.stack.wait_until(lambda: (lambda now: now if now["state"] == state else None)(self.look(call)), timeout,
                                     f"{call['id']} {state}; it is {self.look(call)}")

    def ended(self, call, timeout=25):
        return self.until(call, "ended", timeout)

    def assert_good(self, sipp):
        status = sipp.wait()
        self.assertEqual(status, 0, f"sipp {sipp.name}:\n{sipp.log()}")

    # ---- the far side is a carrier

    def test_normal_call_we_hang_up(self):
        far = self.far_side(recv("INVITE"), reply(100), reply(180), pause(100), reply(200, sdp=True, retrans="500"), recv("ACK"),
                            recv("BYE"), reply(200, tag=False))
        ended = self.ended(self.call(self.trunk(far)))
        self.assert_good(far)
        self.assertEqual((ended["sip_status"], ended["ended_by"], ended["cause"]), (200, "plan", 16))
        self.assertGreaterEqual(ended["talk_ms"], 600)
        self.assertIsNotNone(ended["ringing_at"])

    def test_they_hang_up(self):
        far = self.far_side(recv_invite(), reply(180), reply(200, sdp=True, retrans="500"), recv("ACK"), pause(300),
                            in_dialog("BYE", 1, headers=('Reason: Q.850;cause=16;text="Normal call clearing"',)), recv(200))
        ended = self.ended(self.call(self.trunk(far), plan=STAY))
        self.assert_good(far)
        self.assertEqual((ended["sip_status"], ended["ended_by"], ended["cause"]), (200, "peer", 16))

    def test_early_media_in_183(self):
        far = self.far_side(recv("INVITE"), reply(183, sdp=True), pause(300), reply(200, sdp=True, retrans="500"), recv("ACK"),
                            recv("BYE"), reply(200, tag=False))
        ended = self.ended(self.call(self.trunk(far)))
        self.assert_good(far)
        self.assertEqual(ended["sip_status"], 200)

    def challenge(self, status, header):
        challenge = f'{header}: Digest realm="sipp.test", nonce="47ebe028cda119c35d4877b383027d28da013815", algorithm=MD5, qop="auth"'
        answer = "Authorization" if status == 401 else "Proxy-Authorization"
        far = self.far_side(recv("INVITE"), reply(status, headers=(challenge,)), recv("ACK"),
                            recv("INVITE", checks=[(answer, "username=.trunkuser.*realm=.sipp.test.*response=.[0-9a-f]{32}")]),
                            reply(200, sdp=True, retrans="500"), recv("ACK"), recv("BYE"), reply(200, tag=False))
        ended = self.ended(self.call(self.trunk(far, username="trunkuser", password="trunksecret")))
        self.assert_good(far)
        self.assertEqual(ended["sip_status"], 200)

    def test_401_is_answered(self):
        self.challenge(401, "WWW-Authenticate")

    def test_407_is_answered(self):
        self.challenge(407, "Proxy-Authenticate")

    def test_a_second_challenge_ends_the_call(self):
        challenge = 'WWW-Authenticate: Digest realm="sipp.test", nonce="{}", algorithm=MD5, qop="auth"'
        far = self.far_side(recv("INVITE"), reply(401, headers=(challenge.format("a" * 32),)), recv("ACK"), recv("INVITE"),
                            reply(401, headers=(challenge.format("b" * 32),)), recv("ACK"))
        ended = self.ended(self.call(self.trunk(far, username="trunkuser", password="wrong")))
        self.assert_good(far)
        self.assertEqual(ended["sip_status"], 401)
        self.assertNotIn("response=", far.messages().split("nonce=\"" + "b" * 32)[-1])

    def test_no_credentials_no_answer_to_a_challenge(self):
        far = self.far_side(recv("INVITE"), reply(407, headers=('Proxy-Authenticate: Digest realm="x", nonce="y"',)), recv("ACK"))
        self.assertEqual(self.ended(self.call(self.trunk(far)))["sip_status"], 407)
        self.assert_good(far)

    def test_302_is_not_followed_unless_the_trunk_says_so(self):
        far = self.far_side(recv("INVITE"), reply(302, contact=f"sip:{NUMBER}@127.0.0.1:9"), recv("ACK"))
        self.assertEqual(self.ended(self.call(self.trunk(far)))["sip_status"], 302)
        self.assert_good(far)

    def test_302_is_followed_where_allowed(self):
        target = self.far_side(recv("INVITE"), reply(200, sdp=True, retrans="500"), recv("ACK"), recv("BYE"), reply(200, tag=False))
        far = self.far_side(recv("INVITE"), reply(302, contact=f"sip:{NUMBER}@127.0.0.1:{target.port}"), recv("ACK"))
        ended = self.ended(self.call(self.trunk(far, follow_redirects=True)))
        self.assert_good(far)
        self.assert_good(target)
        self.assertEqual(ended["sip_status"], 200)

    def test_486_is_busy(self):
        far = self.far_side(recv("INVITE"), reply(486), recv("ACK"))
        ended = self.ended(self.call(self.trunk(far)))
        self.assert_good(far)
        self.assertEqual((ended["sip_status"], ended["cause"], ended["ended_by"]), (486, 17, "peer"))

    def test_603_is_not_tried_elsewhere(self):
        far = self.far_side(recv("INVITE"), reply(603), recv("ACK"))
        spare = self.far_side(recv("INVITE"), reply(486), recv("ACK"), timeout=15)
        ended = self.ended(self.call(self.trunk(far), self.trunk(spare)))
        self.assert_good(far)
        self.assertEqual(ended["sip_status"], 603)
        self.assertEqual(spare.messages().count("INVITE sip:"), 0)

    def test_503_moves_on_to_the_next_trunk_and_is_remembered(self):
        far = self.far_side(recv("INVITE"), reply(503, headers=("Retry-After: 30",)), recv("ACK"))
        spare = self.far_side(recv("INVITE"), reply(200, sdp=True, retrans="500"), recv("ACK"), recv("BYE"), reply(200, tag=False),
                              calls=2)
        first, second = self.trunk(far), self.trunk(spare)
        ended = self.ended(self.call(first, second))
        self.assertEqual((ended["sip_status"], ended["trunk"]), (200, second))
        self.assertEqual(ended["trunks_tried"], [first, second])
        again = self.ended(self.call(first, second))
        self.assert_good(far)
        self.assert_good(spare)
        self.assertEqual(again["trunk"], second)
        self.assertEqual(far.messages().count("INVITE sip:"), 1)

    def test_503_without_another_trunk_is_the_result(self):
        far = self.far_side(recv("INVITE"), reply(503), recv("ACK"))
        self.assertEqual(self.ended(self.call(self.trunk(far)))["sip_status"], 503)
        self.assert_good(far)

    def test_no_answer_is_cancelled(self):
        far = self.far_side(recv("INVITE"), reply(180), recv("CANCEL"), reply(200), _invite_487(), recv("ACK"))
        ended = self.ended(self.call(self.trunk(far), ring_time_s=2))
        self.assert_good(far)
        self.assertEqual(ended["sip_status"], 487)
        self.assertIsNone(ended["answered_at"])

    def test_a_200_that_crosses_our_cancel_is_acknowledged_and_ended(self):
        # the phone is lifted in the moment of the CANCEL
        far = self.far_side(recv("INVITE"), reply(180), recv("CANCEL"), reply(200), _invite_200(), recv("ACK"), recv("BYE"),
                            reply(200, tag=False))
        ended = self.ended(self.call(self.trunk(far), plan=STAY, ring_time_s=2))
        self.assert_good(far)
        self.assertEqual(ended["state"], "ended")

    def test_a_retransmitted_200_is_acknowledged_again(self):
        # by hand: SIPp answers a second ACK, which is the same to the letter, with the 200 once more, without end
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.settimeout(10)
            made = self.stack.rest.post("/v1/trunks", {"name": "twice", "gateways": [
                {"address": "127.0.0.1", "port": far.getsockname()[1]}]})
            self.trunks.append(made["id"])
            call = self.call(made["id"])
            invite, peer = far.recvfrom(4096)
            answer = _answer(invite.decode(), far.getsockname()[1])
            heard = []
            for _ in range(2):
                far.sendto(answer, peer)
                heard.append(far.recv(4096).decode())
            bye = far.recv(4096).decode()
            far.sendto(_answer(bye, 0), peer)
        self.assertTrue(all(ack.startswith("ACK ") for ack in heard), heard)
        self.assertEqual(heard[0], heard[1])
        self.assertTrue(bye.startswith("BYE "))
        self.assertEqual(self.ended(call)["sip_status"], 200)

    def test_they_hold_and_resume(self):
        far = self.far_side(recv_invite(), reply(200, sdp=True, retrans="500"), recv("ACK"), pause(200),
                            in_dialog("INVITE", 1, sdp="sendonly"), recv(100, optional=True), recv(200), _ack(1), pause(300),
                            in_dialog("INVITE", 2, sdp="sendrecv"), recv(100, optional=True), recv(200), _ack(2), pause(200),
                            in_dialog("BYE", 3), recv(200))
        ended = self.ended(self.call(self.trunk(far), plan=STAY))
        self.assert_good(far)
        self.assertEqual(ended["ended_by"], "peer")
        answers = [part for part in far.messages().split("SIP/2.0 200 OK") if "INVITE" in part[:900]]
        self.assertTrue(any("a=recvonly" in part[:1500] for part in answers), "the answer to a=sendonly is a=recvonly")

    def test_we_hold_and_resume(self):
        far = self.far_side(recv("INVITE"), reply(200, sdp=True, retrans="500"), recv("ACK"), recv("INVITE"),
                            reply(200, sdp="recvonly", tag=False, retrans="500"), recv("ACK"), recv("INVITE"),
                            reply(200, sdp=True, tag=False, retrans="500"), recv("ACK"), recv("BYE"), reply(200, tag=False))
        call = self.call(self.trunk(far), plan=STAY)
        self.until(call, "answered")
        self.act(call, "hold")
        self.stack.wait_until(lambda: "a=sendonly" in far.messages(), 10, "our hold")
        time.sleep(0.3)  # the far side's ACK; a re-INVITE on its heels would rightly meet 491
        self.act(call, "unhold")
        self.stack.wait_until(lambda: far.messages().count("INVITE sip:") >= 3, 10, "our resume")
        time.sleep(0.3)
        self.act(call, "hangup")
        self.ended(call)
        self.assert_good(far)

    def test_a_refused_hold_leaves_the_call_up(self):
        far = self.far_side(recv("INVITE"), reply(200, sdp=True, retrans="500"), recv("ACK"), recv("INVITE"),
                            reply(500, tag=False), recv("ACK"), recv("BYE"), reply(200, tag=False))
        call = self.call(self.trunk(far), plan=STAY)
        self.until(call, "answered")
        self.act(call, "hold")
        self.stack.wait_until(lambda: "500 Server Internal Error" in far.messages(), 10, "the refusal")
        time.sleep(0.3)
        self.assertEqual(self.look(call)["state"], "answered")
        self.act(call, "hangup")
        self.ended(call)
        self.assert_good(far)

    def test_nobody_there_is_asked_again_and_given_up_with_a_cause(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:  # hears, never answers
            deaf.bind(("127.0.0.1", 0))
            deaf.settimeout(5)
            made = self.stack.rest.post("/v1/trunks", {"name": "deaf", "gateways": [
                {"address": "127.0.0.1", "port": deaf.getsockname()[1]}]})
            self.trunks.append(made["id"])
            call = self.call(made["id"], ring_time_s=6)
            arrivals = []
            while len(arrivals) < 4:
                self.assertTrue(deaf.recv(4096).startswith(b"INVITE "))
                arrivals.append(time.monotonic())
            ended = self.ended(call, timeout=45)
        gaps = [later - earlier for earlier, later in zip(arrivals, arrivals[1:])]
        for gap, wanted in zip(gaps, (0.5, 1.0, 2.0)):  # timer A doubles (RFC 3261 17.1.1.2); a busy machine is late
            self.assertGreater(gap, wanted - 0.25)
            self.assertLess(gap, 1.8 * wanted)
        self.assertIn(ended["sip_status"], (0, 408, 487))
        self.assertNotEqual(ended["reason"], "")
        self.assertIsNone(ended["answered_at"])

    def test_trunk_probing_sees_the_far_side_come_and_go(self):
        far = self.far_side(recv("OPTIONS"), reply(200), calls=100, timeout=60)
        trunk = self.trunk(far, options_interval_s=1)
        state = lambda: (self.stack.rest.get(f"/v1/trunks/{trunk}").get("state") or {}).get("reachable")
        self.stack.wait_until(lambda: state() is True, 15, "trunk reachable")
        far.stop()
        self.stack.wait_until(lambda: state() is False, 60, "trunk unreachable")

    def test_trunk_registers_with_digest(self):
        challenge = 'WWW-Authenticate: Digest realm="sipp.test", nonce="5f2a", algorithm=MD5, qop="auth"'
        far = self.far_side(recv("REGISTER"), reply(401, headers=(challenge,)),
                            recv("REGISTER", checks=[("Authorization", "username=.regme.*response=.[0-9a-f]{32}")]),
                            reply(200, headers=("Expires: 300",)))
        trunk = self.trunk(far, username="regme", password="secretsecret", register=True)
        self.assert_good(far)
        self.stack.wait_until(lambda: (self.stack.rest.get(f"/v1/trunks/{trunk}").get("state") or {}).get("registered"), 10,
                              "trunk registered")

    # ---- the far side calls us

    def inbound(self, far_trunk, route):
        number = self.stack.rest.post("/v1/numbers", {"number": NUMBER, "trunk": far_trunk, "route": route})
        self.numbers.append(number["id"])

    def caller_trunk(self):
        made = self.stack.rest.post("/v1/trunks", {"name": self._testMethodName, "gateways": [{"address": "127.0.0.1", "port": 5999}]})
        self.trunks.append(made["id"])
        return made["id"]

    def newest_inbound(self):
        return next((call for call in self.stack.rest.get("/v1/calls?limit=20")["data"] if call["direction"] == "inbound"), None)

    def test_a_caller_hears_the_prompt_and_hangs_up(self):
        self.inbound(self.caller_trunk(), {"type": "prompt", "prompt": self.prompt})
        caller = self.caller(request("INVITE", 1, sdp=True, peer_tag=False), recv(100, optional=True), recv(180, optional=True),
                             recv(183, optional=True), recv(200), request("ACK", 1), pause(800), request("BYE", 2), recv(200),
                             service=NUMBER)
        self.assert_good(caller)
        call = self.newest_inbound()
        ended = self.ended(call)
        self.assertEqual((ended["ended_by"], ended["sip_status"]), ("peer", 200))
        self.assertGreater(ended["rtp"]["packets_out"], 20)

    def test_a_late_offer_is_answered_with_ours(self):
        self.inbound(self.caller_trunk(), {"type": "prompt", "prompt": self.prompt})
        caller = self.caller(request("INVITE", 1, peer_tag=False), recv(100, optional=True), recv(180, optional=True),
                             recv(183, optional=True), recv(200, checks=[("Content-Type", "application/sdp")]),
                             request("ACK", 1, sdp=True), pause(500), request("BYE", 2), recv(200), service=NUMBER)
        self.assert_good(caller)

    def test_an_unknown_number_gets_404(self):
        self.caller_trunk()
        caller = self.caller(request("INVITE", 1, sdp=True, peer_tag=False), recv(100, optional=True), recv(404), _ack_failure(),
                             service="+19998887777")
        self.assert_good(caller)

    def test_a_stranger_is_challenged_and_learns_nothing(self):
        caller = self.caller(request("INVITE", 1, sdp=True, peer_tag=False), recv(100, optional=True), recv(401), _ack_failure(),
                             service=NUMBER, address="127.0.0.2")
        self.assert_good(caller)

    def test_options_is_answered(self):
        caller = self.caller(request("OPTIONS", 1, peer_tag=False), recv(200, checks=[("Allow", "INVITE")]), service="ping")
        self.assert_good(caller)

    def test_an_unknown_method_is_refused_with_allow(self):
        caller = self.caller(request("FROBNICATE", 1, peer_tag=False), recv(501, checks=[("Allow", "INVITE")]), service="ping")
        if caller.wait() != 0:
            caller = self.caller(request("FROBNICATE", 1, peer_tag=False), recv(405, checks=[("Allow", "INVITE")]), service="ping")
            self.assert_good(caller)

    def test_a_bye_for_no_dialog_gets_481(self):
        caller = self.caller(request("BYE", 7, peer_tag=False), recv(481), service="ping")
        self.assert_good(caller)

    @staticmethod
    def phone_steps(user):
        register = dict(peer_tag=False, uri="sip:[remote_ip]:[remote_port]", headers=("Expires: 60",), user=user,
                        to=f"sip:{user}@[remote_ip]")
        return request("REGISTER", 1, **register), recv(401, auth=True), request("REGISTER", 2, auth=True, **register)

    def test_a_phone_registers(self):
        user = f"u{uuid.uuid4().hex[:8]}"
        phone = self.stack.rest.post("/v1/endpoints", {"name": "desk", "username": user, "password": "long enough"})
        caller = self.caller(*self.phone_steps(user), recv(200), service=user, options=("-au", user, "-ap", "long enough"))
        self.assert_good(caller)
        self.stack.wait_until(lambda: self.stack.rest.get(f"/v1/endpoints/{phone['id']}")["registered"], 10, "phone registered")

    def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(self):
        user = f"u{uuid.uuid4().hex[:8]}"
        self.stack.rest.post("/v1/endpoints", {"name": "desk", "username": user, "password": "long enough"})
        answers = []
        for name in (user, "stranger"):
            caller = self.caller(*self.phone_steps(name), recv(401), service=name, options=("-au", name, "-ap", "wrong"))
            self.assert_good(caller)
            refusals = re.findall(r"SIP/2\.0 401 .*?\r?\n\r?\n", caller.messages(), re.DOTALL)
            self.assertTrue(refusals)
            answers.append(list(dict.fromkeys(_without_what_is_its_own(refusal, name) for refusal in refusals)))
        self.assertEqual(answers[0], answers[1])

    def test_garbage_is_dropped_and_counted_and_calls_go_on(self):
        far = self.far_side(recv("INVITE"), reply(200, sdp=True, retrans="500"), recv("ACK"), recv("BYE"), reply(200, tag=False))
        call = self.call(self.trunk(far))
        drops = lambda: sum(value for name, value in self.stack.metrics().items() if "drop" in name)
        before = drops()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for text in (b"", b"\0" * 400, b"INVITE", b"INVITE sip:x SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", os.urandom(900),
                         b"BYE sip:x SIP/2.0\r\nVia: \xff\r\nContent-Length: 99999999999\r\n\r\n", b"\r\n\r\n",
                         b"INVITE sip:x@y SIP/2.0\r\n" + b"Via: SIP/2.0/UDP h;branch=z9hG4bKa\r\n" * 700 + b"\r\n"):
                stranger.sendto(text, ("127.0.0.1", self.stack.sip_port))
        self.assertEqual(self.ended(call)["sip_status"], 200)
        self.assert_good(far)
        self.stack.wait_until(lambda: drops() >= before + 4, 10, "dropped datagrams in /metrics")


# ---- steps that only single tests need

def _without_what_is_its_own(answer, user):
    """An answer less what differs from one call to the next: whoever asks, what is left must not tell users apart."""
    for value in (r"(?<=branch=)[^;\s]+", r"(?<=tag=)[^;\s]+", r'(?<=nonce=")[^"]+', r"(?<=rport=)\d+",
                  r"(?<=Call-ID: )\S+", r"(?<=127\.0\.0\.1:)\d+", r"(?<=CSeq: )\d+"):
        answer = re.sub(value, "*", answer)
    return answer.replace(user, "USER")


def _invite_487():
    """487 to the INVITE after the CANCEL was answered: CSeq says INVITE."""
    return reply(487).replace("[last_CSeq:]", "CSeq: [last_cseq_number] INVITE").replace("[last_To:];tag", "[last_To:];tag")


def _invite_200():
    return reply(200, sdp=True).replace("[last_CSeq:]", "CSeq: [last_cseq_number] INVITE")


def _answer(request_text, port):
    """200 to a request, by hand; with SDP to an INVITE."""
    lines = request_text.split("\r\n")
    take = lambda name: next(line for line in lines if line.startswith(name))
    to = take("To:") if ";tag=" in take("To:") else take("To:") + ";tag=byhand"
    sdp = "" if request_text.startswith("BYE") else "\r\n".join((
        "v=0", "o=x 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", f"m=audio {port + 1} RTP/AVP 0", ""))
    head = ["SIP/2.0 200 OK", take("Via:"), take("From:"), to, take("Call-ID:"), take("CSeq:"), f"Contact: <sip:x@127.0.0.1:{port}>",
            *(["Content-Type: application/sdp"] if sdp else []), f"Content-Length: {len(sdp)}"]
    return ("\r\n".join(head) + "\r\n\r\n" + sdp).encode()


def _ack(cseq):
    return in_dialog("ACK", cseq).replace(' retrans="500"', "")


def _ack_failure():
    """ACK of a final failure: same branch as the INVITE."""
    return request("ACK", 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
