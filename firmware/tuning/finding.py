"""What a check says."""

from dataclasses import dataclass, field

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Write:
    """A change that is safe while the machine runs: `value` into the file `path` of /proc or /sys."""
    path: str
    value: str


@dataclass
class Finding:
    check: str
    severity: str   # OK, WARN (costs evenness or needs an eye), FAIL (calls will suffer, or the engine does not start)
    measured: str
    wanted: str
    why: str
    fix: str = ""             # a command, or what to do
    kernel: tuple = ()        # parameters for the kernel command line
    writes: list = field(default_factory=list)  # what --apply may do

    def line(self):
        text = f"{self.severity:<4}  {self.check}: {self.measured}; wanted: {self.wanted}; why: {self.why}"
        if self.severity == OK:
            return text
        if self.kernel:
            text += f"; kernel parameter: {' '.join(self.kernel)}"
        if self.fix:
            text += f"; fix: {self.fix}"
        return text

    def as_dict(self):
        return {"check": self.check, "severity": self.severity, "measured": self.measured, "wanted": self.wanted,
                "why": self.why, "fix": self.fix, "kernel": list(self.kernel),
                "apply": [{"path": write.path, "value": write.value} for write in self.writes]}


def unknown(check, reason, wanted, why, fix=""):
    """A file is absent or cannot be read: said as such, never taken for good."""
    return Finding(check, WARN, f"cannot tell: {reason}", wanted, why, fix)


def command(write):
    return f"echo {write.value} > {write.path}"


def commands(writes):
    """All of them, or the first few and how many more: a line stays readable on a machine with a thousand IRQs."""
    shown = " && ".join(command(write) for write in writes[:3])
    return shown if len(writes) <= 3 else f"{shown} && … ({len(writes)} in all: tune --apply)"
