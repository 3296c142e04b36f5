"""Ports for what a test starts, on loopback, from below the range that the kernel gives to whoever asks for any.

No two test processes on a machine are given the same: a hundred ports are claimed at a time by the name of an abstract
Unix socket, which the kernel takes back with the process. A port is given once, so it may be bound late."""

import random
import socket

from process import ProcessError

_FIRST, _END, _BLOCK = 10000, 32000, 100
_claims = {}  # first port of a block of ours → the socket that says so


def _claim(count):
    """The first port of so many in a row that are ours from now on."""
    blocks = -(-count // _BLOCK)
    choose = random.SystemRandom()
    for _ in range(1000):
        first = choose.randrange(_FIRST, _END - (blocks - 1) * _BLOCK, _BLOCK)
        taken = {}
        for block in range(first, first + blocks * _BLOCK, _BLOCK):
            name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                name.bind(f"\0carillon-test-ports-{block}")
            except OSError:
                name.close()
                break
            taken[block] = name
        if len(taken) == blocks:
            _claims.update(taken)
            return first
        for name in taken.values():
            name.close()
    raise ProcessError(f"no {count} unclaimed ports in a row")


def _is_free(port, kind):
    """Nobody else, who knows nothing of our claims, has it."""
    try:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def _one_by_one():
    while True:
        first = _claim(_BLOCK)
        yield from range(first, first + _BLOCK)


_singles = _one_by_one()


def free_port(kind):
    """`kind` socket.SOCK_DGRAM or SOCK_STREAM."""
    return next(port for port in _singles if _is_free(port, kind))


def free_port_range(count):
    """An even first port of `count` UDP ports."""
    for _ in range(200):
        first = _claim(count)
        if all(_is_free(port, socket.SOCK_DGRAM) for port in range(first, first + count, max(1, count // 64))):
            return first
    raise ProcessError(f"no {count} free UDP ports in a row")
