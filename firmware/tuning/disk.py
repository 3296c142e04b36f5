"""The disk below data_dir: journal and recordings."""

import os

from .finding import FAIL, OK, WARN, Finding, unknown
from .machine import CannotTell

GIB = 1 << 30
STEREO_HOUR = 2 * 2 * 8000 * 3600  # bytes of one recorded hour


def data_dir(machine, needs):
    wanted, why = "ext4 or xfs on a disk of this machine", "a journal in memory forgets; a network's pauses hold up recordings"
    found = []
    folder = os.path.abspath(needs.data_dir)
    try:
        kind, point = _file_system(machine, folder)
    except CannotTell as reason:
        found.append(unknown("data_dir", reason, wanted, why))
    else:
        severity = OK if kind in ("ext4", "xfs") else FAIL if kind in ("tmpfs", "ramfs") else WARN
        found.append(Finding("data_dir", severity, f"{folder}: {kind} at {point}", wanted, why,
                             "mount a local ext4 or xfs there, or set engine.data_dir"))
    wanted, why = f"20 GiB or more ({20 * GIB // STEREO_HOUR} hours of recording)", "recordings wait here until control has them"
    try:
        room = os.statvfs(_nearest(machine, folder))
    except OSError as error:
        found.append(unknown("data_dir_space", f"{folder}: {error.strerror}", wanted, why))
        return found
    free = room.f_bavail * room.f_frsize
    severity = OK if free >= 20 * GIB else WARN if free >= GIB else FAIL
    found.append(Finding("data_dir_space", severity, f"{free / GIB:.1f} GiB free", wanted, why, "a larger disk"))
    return found


def _file_system(machine, folder):
    best = None
    for point, kind, _ in machine.mounts():
        if folder == point or folder.startswith(point.rstrip("/") + "/"):
            if best is None or len(point) >= len(best[1]):  # a later mount covers an earlier one
                best = (kind, point)
    if best is None:
        raise CannotTell(f"/proc/self/mounts: nothing holds {folder}")
    return best


def _nearest(machine, folder):
    """The folder, or what is there of the way to it: before the first start it does not exist."""
    path = machine.at(folder)
    while not path.exists() and path != path.parent and path != machine.root:
        path = path.parent
    return path
