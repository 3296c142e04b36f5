"""Reads systemd units and their drop-ins as systemd does: lists add up, an empty value clears, single values replace."""

from pathlib import Path

SYSTEMD = Path(__file__).resolve().parents[2] / "firmware/systemd"
# settings that are lists: each line adds
LISTS = {"After", "Wants", "Requires", "BindsTo", "PartOf", "Before", "OnFailure", "RestrictAddressFamilies",
         "SystemCallFilter", "DeviceAllow", "ReadWritePaths", "SupplementaryGroups", "CapabilityBoundingSet",
         "AmbientCapabilities", "ExecStart", "WantedBy", "StateDirectory", "RuntimeDirectory"}


class Unit:
    def __init__(self, *files):
        self.values = {}
        for file in files:
            self._read(Path(file))

    def _read(self, file):
        section = None
        for number, line in enumerate(file.read_text().splitlines(), 1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[":
                section = line.strip("[]")
                continue
            name, equals, value = line.partition("=")
            if not equals or section is None:
                raise ValueError(f"{file.name}:{number}: not a setting")
            if name not in LISTS:
                self.values[section, name] = value
            elif value:
                self.values.setdefault((section, name), []).append(value)
            else:
                self.values[section, name] = []

    def one(self, name, section="Service"):
        return self.values.get((section, name), "")

    def words(self, name, section="Service"):
        return " ".join(self.values.get((section, name), [])).split()

    def is_set(self, name, section="Service"):
        return (section, name) in self.values


def unit(name, *drop_ins):
    """drop_ins by their stem, in the order in which systemd takes them: by name."""
    return Unit(SYSTEMD / name, *(SYSTEMD / "drop-ins" / f"{name}.d" / f"{stem}.conf" for stem in sorted(drop_ins)))


def seconds(text):
    """ "15s", "2min" or a plain number of seconds."""
    for ending, factor in (("min", 60), ("ms", 0.001), ("s", 1)):
        if text.endswith(ending):
            return float(text[:-len(ending)]) * factor
    return float(text)
