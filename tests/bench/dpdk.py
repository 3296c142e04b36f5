"""The dpdk back end over memif: carillon-far is the other end, carillon-dpdk-floor the bare port and the bare clock."""

import bisect
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from common import BIN, ENGINE_CORE, OTHER_CORE, middle, resident_bytes, row
from hugepages import EalMemory, MemoryFolder
from process import Process, ProcessError
from stack import toml

FAR_FIRST, FAR_COUNT = "10.9.0.200", 8
FAR_RANGE = "10.9.0.200-10.9.0.207"
SIP_PORT = 5060
PORTS = (6000, 65535)
CHANNELS_PER_ADDRESS = (PORTS[1] - PORTS[0]) // 2  # RTP and RTCP
RING = 14  # log2 of a memif ring's descriptors, the most there is: what 8 ms of stall can fill at 2 million packets a second
ENGINE_MB, FAR_MB = 512, 192
RAMP = 1000  # calls per second while channels are set up
WRONG = ("payload_wrong", "timestamp_wrong", "malformed", "unsound", "doubled", "reordered")
TALK_MS = 3_600_000  # no call ends by itself: engine and load are ended once the point is measured


def prefer(pid):
    """Before other sessions' work on this machine, as far as the scheduler's autogroups go. Needs root; else nothing."""
    try:
        Path(f"/proc/{pid}/autogroup").write_text("-20")
    except OSError:
        pass


def vdev(socket, role, ring=RING):
    return f"--vdev=net_memif0,role={role},id=0,socket={socket},socket-abstract=no,bsize=2048,rsize={ring}"


class Far:
    """carillon-far on the other core; measure() is a block, `score` what was heard in it."""

    def __init__(self, folder, memory, *options):
        socket, deadline = folder / "memif.sock", time.monotonic() + 30
        while not socket.exists() and time.monotonic() < deadline:  # its server makes it
            time.sleep(0.05)
        command = ["taskset", "-c", OTHER_CORE, BIN / "carillon-far", "-l", OTHER_CORE, "--no-pci", "--no-telemetry",
                   "--log-level=error", "--file-prefix=carillon-far", *memory.arguments(FAR_MB), vdev(socket, "client"),
                   "--", "--addresses", FAR_RANGE, "--engine", "10.9.0.1", "--mbufs", 32767, *options]
        self.log = open(folder / "far.log", "wb")
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                      text=True, start_new_session=True)
        prefer(self.child.pid)
        self._expect("ready")

    def _expect(self, word):
        line = self.child.stdout.readline()
        if not line.startswith(word):
            raise ProcessError(f"carillon-far said {line!r}: {Path(self.log.name).read_text()}")

    def tell(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def start(self):
        self.tell("measure start")
        self._expect("started")

    def stop(self):
        self.tell("measure stop")
        return json.loads(self.child.stdout.readline())

    def close(self):
        try:
            self.child.communicate("quit\n", timeout=5)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.child.kill()
            self.child.wait()
        self.log.close()


class Bench:
    """An engine on its core and a far side on the other, fresh for each point."""

    def __init__(self, memory, channels, far_options, seconds=600, blocks=256):
        self.folder = MemoryFolder()  # for the recordings
        self.path = self.folder.__enter__()
        (self.path / "engine").mkdir()
        addresses = [f"10.9.0.{1 + i}" for i in range(1 + channels // CHANNELS_PER_ADDRESS)]
        eal = [*memory.arguments(ENGINE_MB), "--no-pci", vdev(self.path / "memif.sock", "server"), "-l", str(ENGINE_CORE)]
        config = {
            "engine": {"name": "bench", "shards": 1, "data_dir": str(self.path / "engine"), "calls_max": channels + 4, "pin": True},
            "sip": {"address": addresses[0], "port": SIP_PORT},
            "rtp": {"address": addresses[0], "port_min": PORTS[0], "port_max": PORTS[1]},
            "io": {"back_end": "dpdk"},
            "dpdk": {"eal": eal, "port": "net_memif0", "addresses": [f"{each}/24" for each in addresses], "gateway": "",
                     "mbufs": 65536},
            "link": {"listen": f"unix:{self.path}/engine.sock"},
            "record": {"blocks": blocks, "sync": False}}
        if len(addresses) > 1:
            config["rtp"]["addresses"] = addresses[1:]
        (self.path / "engine.toml").write_text(toml(config))
        self.engine = Process("engine", ["taskset", "-c", f"{ENGINE_CORE},{OTHER_CORE}", str(BIN / "carillon-engine"), "--config", str(self.path / "engine.toml")],
                              self.path / "engine.log")
        try:
            prefer(self.engine.pid)
            self.engine.wait_ready(60)
            self._keep_core_free()
            self.far = Far(self.path, memory, "--channels", channels + 4, "--seconds", seconds, *far_options)
        except BaseException:
            self.engine.terminate()
            self.folder.__exit__()
            raise

    def _keep_core_free(self):
        """All of the engine's threads but the shard's, which has pinned itself, go to the other core."""
        for task in os.listdir(f"/proc/{self.engine.pid}/task"):
            if len(os.sched_getaffinity(int(task))) > 1:
                os.sched_setaffinity(int(task), {OTHER_CORE})

    def load(self, **options):
        command = ["taskset", "-c", OTHER_CORE, BIN / "carillon-load", "--engine", f"unix:{self.path}/engine.sock", "--gateway",
                   f"{FAR_FIRST}:{SIP_PORT}", "--stats"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
        return Process("load", [str(word) for word in command], self.path / "load.log")

    def close(self):
        status = self.engine.terminate(30)
        if status != 0:
            print(f"the engine ended with {status}: {self.engine.tail(3)}")
        self.far.close()
        self.folder.__exit__()


def wait_line(process, start, timeout):
    """The first line that begins with `start`; the load's log is polled slowly, for it shares the far side's core."""
    deadline = time.monotonic() + timeout
    while True:
        running = process.is_running()
        for line in process.lines():
            if line.startswith(start):
                return line
        if not running or time.monotonic() > deadline:
            said = [line for line in process.lines() if not line.startswith("stats ")]
            raise ProcessError(f"no '{start}' from {process.name}; {' '.join(said[-3:])[:300]}")
        time.sleep(0.2)


def stats_between(process, first_ms, last_ms):
    """Differences of the engine's counters over the whole seconds in the window, and the last Stats themselves."""
    all_stats = [json.loads(line[6:]) for line in process.lines() if line.startswith("stats ")]
    at = [each["wall_ms"] for each in all_stats]
    first, last = bisect.bisect_left(at, first_ms), bisect.bisect_right(at, last_ms) - 1
    if last <= first:
        raise ProcessError("the engine told too little of itself in the window")
    begin, end = all_stats[first], all_stats[last]
    grown = {name: int(end.get(name, 0)) - int(begin.get(name, 0)) for name in ("busy_ns", "packets_in", "packets_out", "late_frames")}
    # each Stats tells of the second before it
    beats = [int(each["shards"][0]["beat_latest_us"]) / 1000 for each in all_stats[first + 1:last + 1]]
    drops = {name: int(count) - int(begin["drops"].get(name, 0)) for name, count in end["drops"].items()}
    return {"seconds": (end["wall_ms"] - begin["wall_ms"]) / 1000, **grown,
            "beat_p50": statistics.median(beats), "beat_max": max(beats), "drops": {name: count for name, count in drops.items() if count}}


def measure(bench, load, options, channels):
    """The point once all calls are up: what the receiver judged and what the engine says it cost."""
    steady = wait_line(load, "steady", 3 * channels / RAMP + 30)
    answered = int(steady.split()[1])
    time.sleep(2)
    bench.far.start()
    begun = time.time()
    time.sleep(options.seconds)
    score = bench.far.stop()
    ended = time.time()
    memory = resident_bytes(bench.engine.pid)  # all of it: pools stand from the start; packet buffers in hugepages are not in it
    time.sleep(1.2)
    grown = stats_between(load, begun * 1000, ended * 1000 + 100)
    far = score["far"]
    sent = max(1, score["packets"] + score["lost"])
    return {"wanted": channels, "channels": min(answered, score["heard_min"]), "us": grown["busy_ns"] / 1000 / max(1, answered) / grown["seconds"],
            "core_share": grown["busy_ns"] / 1e9 / grown["seconds"], "lost": score["lost"], "lost_share": score["lost"] / sent,
            "wrong": sum(score[fault] for fault in WRONG),
            "late": grown["late_frames"], "beat_p50": grown["beat_p50"], "beat_max": grown["beat_max"], "p50": score["deviation_p50_us"] / 1000, "p99": score["deviation_p99_us"] / 1000,
            "p999": score["deviation_p999_us"] / 1000, "max": score["deviation_max_us"] / 1000,
            "blurred_share": score["blurred"] / max(1, score["packets"]), "memory": memory / max(1, answered),
            "far_stalled_share": far["stalled_us"] / 1e6 / score["seconds"], "far_stall_ms": far["turn_max_us"] / 1000,
            "far_refused": far["tx_refused"] + far["no_mbuf"] + far["rx_missed"], "in_per_second": grown["packets_in"] / grown["seconds"],
            "refused": sum(count for name, count in grown["drops"].items() if "refused" in name or "buffer" in name),
            "drops": json.dumps(grown["drops"]), "reason": " ".join(steady.split()[2:])}


def playback_point(memory, channels, options, speak, detect_every=0):
    bench = Bench(memory, channels, ["--speak", speak, "--voice", options.voice, "--expect-payload", options.prompt])
    try:
        load = bench.load(calls=channels, rate=RAMP, talk_ms=TALK_MS, prompt=options.prompt, patience=20,
                          **({"detect_every": detect_every} if detect_every else {}),
                          **({} if speak else {"media_timeout_ms": 3_600_000}))
        try:
            return measure(bench, load, options, channels)
        finally:
            load.terminate()
    finally:
        bench.close()


def floor(memory, mode, channels, seconds):
    """carillon-dpdk-floor on the engine's core with a far side of its own; its figures, and what the far side heard."""
    path = Path(tempfile.mkdtemp(prefix="carillon-floor-", dir="/dev/shm"))
    command = ["taskset", "-c", ENGINE_CORE, BIN / "carillon-dpdk-floor", "-l", ENGINE_CORE, "--no-pci", "--no-telemetry", "--log-level=error",
               "--file-prefix=carillon-floor", *memory.arguments(FAR_MB), vdev(path / "memif.sock", "server"), "--", "--mode", mode,
               "--channels", channels, "--seconds", seconds, "--warm-up", 1.5, "--peer", FAR_FIRST, "--peers", FAR_COUNT,
               "--mbufs", 32767]
    bare = Process("floor", [str(word) for word in command], path / "floor.log")
    prefer(bare.pid)
    far = None
    try:
        far = Far(path, memory, "--channels", channels, *(["--source", channels] if mode == "echo" else []))
        bare.wait_ready(30)
        time.sleep(1)
        far.start()
        if bare.wait(seconds + 20) != 0:
            raise ProcessError(f"the floor failed:\n{bare.tail()}")
        heard = far.stop()
        return {**json.loads(bare.lines()[-1]), "heard": heard}
    finally:
        bare.terminate()
        if far:
            far.close()
        shutil.rmtree(path)


HEADER = (f"{'channels':>9} {'µs/ch·s':>8} {'floor':>7} {'ratio':>6} {'core':>6} {'lost':>7} {'wrong':>6} {'p50 ms':>7} {'p99 ms':>7} "
          f"{'p99.9':>7} {'timer':>7} {'beat p50/max':>13} {'kB/ch':>6} {'blurred':>7} {'far max ms':>10}")


def verdict(point):
    """Why a point does not count as sustained; empty when it does."""
    if point["channels"] < point["wanted"]:
        return f"{point['wanted'] - point['channels']:.0f} channels not heard in every second"
    if point["far_stall_ms"] > 4 and point["lost"]:
        return "the far side was kept from its core: its loss is not the engine's alone"
    if point["lost"]:
        return f"lost {point['lost']:.0f}"
    if point["wrong"]:
        return f"{point['wrong']:.0f} packets wrong"
    if point["p999"] > max(1.0, 1.2 * point["timer_p999"]):
        return "departure"
    return ""


def series(options, rows, memory, name, title, point_of, floor_mode, unit="channels"):
    print(f"\n{title}: G.711, 20 ms, one shard on one core, {options.seconds} s per point, {options.runs} run(s) of each, {memory.describe()}")
    if options.seconds < 60:
        print("shorter than the 60 s that count as sustained")
    print(HEADER)
    best = None
    for channels in options.dpdk_channels:
        try:
            points = [point_of(channels) for _ in range(options.runs)]
        except ProcessError as error:
            print(f"{channels:>9} failed: {error}")
            break
        point = middle(points)
        bare, clock = floor(memory, floor_mode, channels, options.floor_seconds), floor(memory, "timer", channels, options.seconds)
        point["floor"], point["timer_p999"] = bare["us_per_channel_second"], clock["deviation_p999_us"] / 1000
        why = verdict(point)
        if why:
            why += " " + "; ".join({f"{each['reason']} {each['drops']}" for each in points})
        print(f"{point['channels']:>9} {point['us']:>8.2f} {point['floor']:>7.2f} {point['us'] / point['floor']:>6.2f} "
              f"{100 * point['core_share']:>5.0f}% {point['lost']:>7.0f} {point['wrong']:>6.0f} {point['p50']:>7.3f} {point['p99']:>7.3f} "
              f"{point['p999']:>7.3f} {point['timer_p999']:>7.3f} {point['beat_p50']:>6.2f}/{point['beat_max']:<6.2f} {point['memory'] / 1000:>6.1f} {100 * point['blurred_share']:>6.1f}% "
              f"{point['far_stall_ms']:>10.1f}{'   not sustained: ' + why if why else ''}", flush=True)
        options.series.append({"bench": name, "channels": channels, "sustained": not why, "why": why.strip(),
                               **{key: value for key, value in point.items() if not isinstance(value, str)}})
        if not why:
            best = point
    if not best:
        print("no point was sustained")
        return
    sustained = best["channels"] / (2 if unit == "pairs" else 1)
    rows.append(row(f"{name}.{unit}", sustained, unit, None, options.runs))
    rows.append(row(f"{name}.us_per_channel_second", best["us"], "µs", best["floor"], options.runs))
    rows.append(row(f"{name}.departure_p999_ms", best["p999"], "ms", best["timer_p999"], options.runs))
    rows.append(row("memory.bytes_per_channel", best["memory"], "B", None, options.runs))


def playback(options, rows):
    with EalMemory(ENGINE_MB + FAR_MB) as memory:
        series(options, rows, memory, "dpdk.playback", "dpdk: playback", lambda n: playback_point(memory, n, options, 0), "playback")


def playback_receive(options, rows):
    """Every channel plays and is spoken to; one in ten is under detection. The floor is the bare echo of the same packets."""
    with EalMemory(ENGINE_MB + FAR_MB) as memory:
        series(options, rows, memory, "dpdk.playback_receive", "dpdk: playback and receive, one in ten under detection",
               lambda n: playback_point(memory, n, options, 1, 10), "echo")


def bridge_point(memory, channels, options):
    """Both sides of each pair are recorded, into memory (/dev/shm). The far side speaks; what it hears is its own voice."""
    bench = Bench(memory, channels, ["--speak", 1, "--voice", options.voice], blocks=4 * channels)
    try:
        load = bench.load(calls=channels, rate=RAMP, talk_ms=TALK_MS, patience=20, bridge="same", record=True)
        try:
            return measure(bench, load, options, channels)
        finally:
            load.terminate()
    finally:
        bench.close()


def bridge_record(options, rows):
    with EalMemory(ENGINE_MB + FAR_MB) as memory:
        series(options, rows, memory, "dpdk.bridge_record", "dpdk: bridged pairs, both sides recorded into memory (two channels each)",
               lambda n: bridge_point(memory, n, options), "echo", "pairs")


def sip_point(memory, rate, options):
    calls = int(rate * options.seconds)
    bench = Bench(memory, max(2000, 2 * rate), ["--trying", "--ring", "--nap"])
    try:
        time.sleep(1)
        bench.far.start()
        load = bench.load(calls=calls, rate=rate, talk_ms=0, patience=20)
        load.wait(options.seconds + 60)
        score = bench.far.stop()
        stats = [json.loads(line[6:]) for line in load.lines() if line.startswith("stats ")]
        result = json.loads(load.lines()[-1])
        again = score["invites_again"] + score["byes_again"] + score["answers_again"]
        return {"calls": calls, "rate": result["calls_per_second"], "good": result["good"], "us": int(stats[-1]["busy_ns"]) / 1000 / calls,
                "again": again, "p50": result["setup_p50_ms"], "p99": result["setup_p99_ms"], "reason": result["first_reason"],
                "far_stall_ms": score["far"]["turn_max_us"] / 1000}
    finally:
        bench.close()


def sip(options, rows):
    """INVITE, 100, 180, 200, ACK, BYE, 200. Rates are raised until calls fail, are late, or anything had to be sent again."""
    with EalMemory(ENGINE_MB + FAR_MB) as memory:
        print(f"\ndpdk: set-up and tear-down of whole calls, one shard on one core, {options.seconds} s per point, {memory.describe()}")
        print(f"{'asked/s':>8} {'done/s':>8} {'good':>8} {'sent again':>10} {'µs busy/call':>12} {'p50 ms':>7} {'p99 ms':>8}")
        best = None
        for rate in options.rates:
            points = [sip_point(memory, rate, options) for _ in range(options.runs)]
            point = middle(points)
            kept = point["good"] == point["calls"] and point["rate"] >= 0.95 * rate and not point["again"]
            reason = next((each["reason"] for each in points if each["reason"]), "sent again" if point["again"] else "too slow")
            print(f"{rate:>8} {point['rate']:>8.0f} {point['good']:>8} {point['again']:>10.0f} {point['us']:>12.1f} {point['p50']:>7.2f} "
                  f"{point['p99']:>8.2f}{'' if kept else '   not kept: ' + reason}", flush=True)
            if kept:
                best = (rate, point)
        if not best:
            print("no rate was kept")
            return
        bare = floor(memory, "echo", 1000, options.floor_seconds)
        rows.append(row("dpdk.sip.calls_per_second", best[0], "calls/s", None, options.runs))
        # the floor: seven messages of a call, as the bare port moves packets
        rows.append(row("dpdk.sip.us_per_call", best[1]["us"], "µs", 3.5 * bare["ns_per_packet"] / 1000, options.runs))


BENCHES = {"dpdk.playback": playback, "dpdk.playback_receive": playback_receive, "dpdk.bridge_record": bridge_record, "dpdk.sip": sip}
