"""The uring back end over loopback: carillon-sink is the far side, carillon-floor moves the same packets through sockets."""

import json
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from common import BIN, ENGINE_CORE, OTHER_CORE, cpu_seconds, middle, resident_bytes, row
from process import Process
from stack import free_port, free_port_range, toml


class Bench:
    """An engine pinned to one core and a sink on the other, fresh for each point."""

    def __init__(self, channels, speak, shards=1):
        self.folder = tempfile.TemporaryDirectory(prefix="carillon-bench-")
        folder = Path(self.folder.name)
        self.sip, self.sink_sip, self.sink_rtp = (free_port(socket.SOCK_DGRAM) for _ in range(3))
        first = free_port_range(2 * channels + 8)
        (folder / "engine").mkdir()
        (folder / "engine.toml").write_text(toml({
            "engine": {"name": "bench", "shards": shards, "data_dir": str(folder / "engine"), "calls_max": channels + 4},
            "sip": {"address": "127.0.0.1", "port": self.sip},
            "rtp": {"address": "127.0.0.1", "port_min": first, "port_max": first + 2 * channels + 7},
            "io": {"back_end": "uring"}, "link": {"listen": f"unix:{folder}/engine.sock"}}))
        self.link = f"unix:{folder}/engine.sock"
        self.sink = self.start("sink", OTHER_CORE, "carillon-sink", "--sip-port", self.sink_sip, "--rtp-port", self.sink_rtp,
                               *(["--speak"] if speak else []))
        self.engine = self.start("engine", ENGINE_CORE, "carillon-engine", "--config", folder / "engine.toml")

    def start(self, name, core, program, *arguments):
        process = Process(name, ["taskset", "-c", str(core), str(BIN / program), *map(str, arguments)],
                          Path(self.folder.name) / f"{name}.log")
        process.wait_ready()
        return process

    def load(self, **options):
        """Runs carillon-load; yields control at "steady" through the returned Popen."""
        command = ["taskset", "-c", str(OTHER_CORE), str(BIN / "carillon-load"), "--engine", self.link, "--gateway",
                   f"127.0.0.1:{self.sink_sip}"]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def close(self):
        """Ends both; returns the sink's score."""
        self.engine.terminate()
        self.sink.terminate()
        score = json.loads(self.sink.lines()[-1])
        self.folder.cleanup()
        return score


def floor(channels, seconds, port, receives=False):
    out = subprocess.run(["taskset", "-c", str(ENGINE_CORE), str(BIN / "carillon-floor"), "--channels", str(channels), "--seconds",
                          str(seconds), "--rtp-port", str(port), "--peer-core", str(OTHER_CORE), *(["--receive"] if receives else [])],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(out)["us_per_channel_second"]


def playback_point(channels, seconds, speak, prompt):
    bench = Bench(channels, speak)
    before_memory = resident_bytes(bench.engine.pid)
    ramp = channels / 200
    talk = int(1000 * (ramp + seconds + 6))
    load = bench.load(calls=channels, rate=200, talk_ms=talk, prompt=prompt, patience=30, **({"detect_every": 10} if speak else {}))
    steady = load.stdout.readline()
    time.sleep(1.0)
    start, cpu = time.monotonic(), cpu_seconds(bench.engine.pid)
    time.sleep(seconds)
    cpu, elapsed = cpu_seconds(bench.engine.pid) - cpu, time.monotonic() - start
    memory = resident_bytes(bench.engine.pid)
    result = json.loads(load.stdout.readlines()[-1])
    load.wait()
    bare = floor(channels, min(seconds, 5), bench.sink_rtp, speak)  # same far side, same moment
    score = bench.close()
    answered = int(steady.split()[1])
    sent = max(1, score["packets"] + score["lost"])
    return {"channels": answered, "wanted": channels, "us": cpu * 1e6 / (max(1, answered) * elapsed), "floor": bare,
            "core_share": cpu / elapsed, "lost": score["lost"], "lost_share": score["lost"] / sent,
            "p50": score["deviation_p50_ms"], "p99": score["deviation_p99_ms"], "p999": score["deviation_p999_ms"],
            "reason": " ".join(steady.split()[2:]), "good": result["good"], "memory": (memory - before_memory) / max(1, answered)}


def playback(options, rows, speak=False):
    name = "uring.playback_receive" if speak else "uring.playback"
    title = "playback and receive, one in ten under detection" if speak else "playback"
    print(f"\n{title}: G.711, 20 ms, one shard on one core, {options.seconds} s per point, {options.runs} run(s) of each")
    print(f"{'channels':>9} {'µs/ch·s':>9} {'floor':>7} {'ratio':>6} {'core':>6} {'lost':>6} {'p50 ms':>7} {'p99 ms':>7} {'p99.9':>7} {'kB/ch':>6}")
    best = None
    for channels in options.channels:
        points = [playback_point(channels, options.seconds, speak, options.prompt) for _ in range(options.runs)]
        point = middle(points)
        on_time = point["channels"] == channels and point["lost_share"] < 0.005 and point["p99"] <= 10
        print(f"{point['channels']:>9} {point['us']:>9.1f} {point['floor']:>7.1f} {point['us'] / point['floor']:>6.2f} "
              f"{100 * point['core_share']:>5.0f}% {point['lost']:>6.0f} {point['p50']:>7.2f} {point['p99']:>7.2f} {point['p999']:>7.2f} "
              f"{point['memory'] / 1000:>6.1f}{'' if on_time else '   not on time ' + '; '.join({each['reason'] for each in points})}", flush=True)
        if on_time:
            best = point
        if not on_time and best:
            break
    if not best:
        print("no point was on time (99.5 % of packets, p99 deviation of 10 ms)")
        return
    rows.append(row(f"{name}.channels", best["channels"], "channels", None, options.runs))
    rows.append(row(f"{name}.us_per_channel_second", best["us"], "µs", best["floor"], options.runs))
    rows.append(row(f"{name}.departure_p999_ms", best["p999"], "ms", None, options.runs))
    rows.append(row("memory.bytes_per_channel", best["memory"], "B", None, options.runs))


def playback_receive(options, rows):
    playback(options, rows, speak=True)


def bridge_point(channels, seconds, way):
    """Both legs of each bridge on one shard (`same`) or on two (`across`); the engine has two shards on one core."""
    bench = Bench(channels, True, shards=2)
    load = bench.load(calls=channels, rate=200, talk_ms=int(1000 * (channels / 200 + seconds + 6)), patience=30, bridge=way, shards=2)
    answered = int(load.stdout.readline().split()[1])
    time.sleep(1.0)
    start, cpu = time.monotonic(), cpu_seconds(bench.engine.pid)
    time.sleep(seconds)
    cpu, elapsed = cpu_seconds(bench.engine.pid) - cpu, time.monotonic() - start
    load.communicate()
    score = bench.close()
    return {"channels": answered, "us": cpu * 1e6 / (max(1, answered) * elapsed), "lost": score["lost"],
            "p99": score["deviation_p99_ms"]}


def bridge(options, rows):
    """The floor of a bridge across shards is the same bridge within one, measured next to it."""
    channels = min(500, max(options.channels))
    print(f"\nbridges of two legs: G.711 both ways, {channels} legs, two shards on one core, {options.seconds} s")
    print(f"{'legs':>9} {'bridge':>8} {'µs/ch·s':>9} {'lost':>6} {'p99 ms':>7}")
    points = {"same": [], "across": []}
    for _ in range(options.runs):
        for way, done in points.items():
            done.append(bridge_point(channels, options.seconds, way))
    points = {way: middle(done) for way, done in points.items()}
    for way, point in points.items():
        print(f"{point['channels']:>9} {way:>8} {point['us']:>9.1f} {point['lost']:>6.0f} {point['p99']:>7.2f}", flush=True)
    rows.append(row("uring.bridge_across.us_per_channel_second", points["across"]["us"], "µs", points["same"]["us"], options.runs))


def setup_point(rate):
    calls = int(rate * 5)
    bench = Bench(min(4000, rate * 3), False)
    before = cpu_seconds(bench.engine.pid)
    load = bench.load(calls=calls, rate=rate, talk_ms=0, patience=20)
    result = json.loads(load.communicate()[0].splitlines()[-1])
    cost = (cpu_seconds(bench.engine.pid) - before) * 1e6 / calls
    bench.close()
    return {"calls": calls, "rate": result["calls_per_second"], "good": result["good"], "us": cost, "p50": result["setup_p50_ms"],
            "p99": result["setup_p99_ms"], "reason": result["first_reason"]}


def setup(options, rows):
    """Whole calls without speech: INVITE, 200, ACK, BYE, 200. Rates are raised until calls fail or the time is missed."""
    print("\nset-up and tear-down of whole calls, one shard on one core")
    print(f"{'asked/s':>8} {'done/s':>8} {'good':>7} {'µs CPU/call':>12} {'p50 ms':>7} {'p99 ms':>8}")
    costs, best = [], 0
    for rate in (100, 300, 600, 1000, 1500, 2000, 3000):
        points = [setup_point(rate) for _ in range(options.runs)]
        point = middle(points)
        kept = point["good"] == point["calls"] and point["rate"] >= 0.9 * rate
        reason = next((each["reason"] for each in points if each["reason"]), "too slow")
        print(f"{rate:>8} {point['rate']:>8.0f} {point['good']:>7} {point['us']:>12.0f} {point['p50']:>7.1f} "
              f"{point['p99']:>8.1f}{'' if kept else '   not kept: ' + reason}", flush=True)
        if not kept:
            break
        best, costs = rate, costs + [point["us"]]
    # the floor: the kernel's cost of the five datagrams of a call through one socket pair, as the bare loop moves them
    bare = floor(100, 3, free_port(socket.SOCK_DGRAM)) / 50
    rows.append(row("uring.sip.calls_per_second", best, "calls/s", None, 1))
    if costs:
        rows.append(row("uring.sip.us_per_call", statistics.median(costs), "µs", 5 * bare, len(costs)))


BENCHES = {"playback": playback, "playback_receive": playback_receive, "setup": setup, "bridge": bridge}
