"""Webhooks of the whole product over loopback: a receiver that first fails, and a control that is killed meanwhile. Each
call that ended is told of, signed, at least once, and none that nobody placed."""

import base64
import hashlib
import hmac
import json
import sys
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from scene import Scene  # noqa: E402

BUSY = "+121255503{:02d}"
PATIENCE_S = 90


class Receiver:
    """An endpoint of a CRM: answers with `status`, and keeps what it took. Status 0: it takes and never answers."""

    def __init__(self):
        self.status = 200
        self.taken, self.refused, self.faults = [], 0, []
        self.secret = b""
        self.lock = threading.Lock()
        receiver = self

        class Taker(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self.headers, body)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/carillon"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers, body):
        text = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        wanted = "v1," + base64.b64encode(hmac.new(self.secret, text, hashlib.sha256).digest()).decode()
        event = json.loads(body)
        with self.lock:
            if wanted not in headers["webhook-signature"].split(" ") or event["id"] != headers["webhook-id"]:
                self.faults.append((dict(headers), body))
            elif self.status == 200:
                self.taken.append(event)
            else:
                self.refused += 1

    def calls(self):
        with self.lock:
            return {event["data"]["id"] for event in self.taken if event["type"] == "call.ended"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class HookScene(Scene):
    def write_configs(self):
        super().write_configs()
        with open(self.folder / "control.toml", "a", encoding="utf-8") as config:
            config.write("\n[webhooks]\nallow_private = true\n")


class WebhookTest(unittest.TestCase):
    def test_no_delivery_is_lost_by_a_failing_receiver_and_a_killed_control(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        with HookScene() as scene:
            scene.start()
            hook = scene.rest.post("/v1/webhooks", {"url": receiver.url, "events": ["call.ended"]})
            receiver.secret = base64.b64decode(hook["secret"].removeprefix("whsec_"))
            placed = set()

            receiver.status = 500
            placed |= {scene.dial(BUSY.format(number)) for number in range(4)}
            scene.wait_state(placed, ("ended",), PATIENCE_S)
            scene.wait_until(lambda: receiver.refused > 0, PATIENCE_S, "a request that is refused")
            scene.kill9("control")
            scene.start_control()

            placed |= {scene.dial(BUSY.format(number)) for number in range(4, 8)}
            scene.kill9("control")  # wherever these calls are now
            receiver.status = 200
            scene.start_control()
            scene.wait_state(placed, ("ended",), PATIENCE_S)
            scene.wait_until(lambda: receiver.calls() >= placed, PATIENCE_S, "every call that ended is told of")
            self.assertEqual(receiver.calls(), placed)
            self.assertEqual(receiver.faults, [])

            def all_delivered():
                log = scene.rest.all("/v1/webhook_deliveries")
                return log if all(one["state"] == "delivered" for one in log) else None
            log = scene.wait_until(all_delivered, PATIENCE_S, "the log says so, too")
            self.assertEqual(len(log), len(placed))
            self.assertTrue(any(one["tries"] > 1 for one in log))
            self.assertEqual(scene.stop(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
