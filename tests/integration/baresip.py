"""baresip, a SIP phone that is not ours, without a sound card: it says a WAV file and keeps what it hears in another."""

import json
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "harness"))
from process import Process  # noqa: E402
from ports import free_port, free_port_range  # noqa: E402

MODULES = "/usr/lib/baresip/modules"


class Baresip:
    """Registers `user` at `registrar` ("ADDRESS:PORT") and answers every call by itself.

    folder   its configuration, log and what it hears
    speaks   WAV, 8 kHz mono 16 bit, said once from answer"""

    def __init__(self, folder, user, password, registrar, speaks):
        self.folder = folder
        folder.mkdir()
        self.control_port = free_port(socket.SOCK_STREAM)
        rtp = free_port_range(20)
        config = {"poll_method": "epoll", "sip_listen": f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}", "call_max_calls": 4,
                  "audio_source": f"aufile,{speaks}", "audio_player": "aubridge,ear", "audio_alert": "aubridge,alert",
                  "rtp_ports": f"{rtp}-{rtp + 18}", "rtcp_mux": "no", "jitter_buffer_delay": "5-10",
                  "module_path": MODULES, "ctrl_tcp_listen": f"127.0.0.1:{self.control_port}", "snd_path": folder}
        modules = [("module", name) for name in ("g711", "sndfile", "aufile", "aubridge")]
        modules += [("module_tmp", "account"), ("module_app", "menu"), ("module_app", "ctrl_tcp")]
        lines = [f"{key}\t{value}" for key, value in config.items()] + [f"{kind}\t{name}.so" for kind, name in modules]
        (folder / "config").write_text("\n".join(lines) + "\n")
        (folder / "accounts").write_text(f"<sip:{user}@{registrar};transport=udp>;auth_user={user};auth_pass={password};"
                                         "regint=60;answermode=auto;audio_codecs=pcmu,pcma\n")
        (folder / "contacts").write_text("")
        self.process = Process("baresip", ["baresip", "-4", "-s", "-f", str(folder)], folder / "baresip.log")

    def command(self, name):
        """One command of the menu, over its TCP control port (JSON in a netstring)."""
        text = json.dumps({"command": name}).encode()
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=5) as link:
            link.sendall(b"%d:%s," % (len(text), text))
            return link.recv(4096).decode("utf-8", "replace")

    def heard(self):
        """WAV files of what it heard, one per call."""
        return sorted(self.folder.glob("dump-*-dec.wav"))

    def stop(self):
        return self.process.terminate(timeout=5)
