"""Lists of CPUs as the kernel writes them: "0-3,8"."""


def parse(text):
    """Raises ValueError on anything else. Strides and "N" are not used in the files that we read."""
    cpus = set()
    for part in text.strip().split(","):
        if not part:
            continue
        first, dash, last = part.partition("-")
        low, high = int(first), int(last if dash else first)
        if low < 0 or high < low or high > 65535:
            raise ValueError(f"not a range: {part}")
        cpus.update(range(low, high + 1))
    return cpus


def show(cpus):
    runs = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs) or "none"


def mask(cpus):
    """Hexadecimal, in groups of 32 bits as /proc/irq/default_smp_affinity takes it."""
    bits = sum(1 << cpu for cpu in cpus)
    groups = []
    while bits or not groups:
        groups.append(f"{bits & 0xFFFFFFFF:x}" if not bits >> 32 else f"{bits & 0xFFFFFFFF:08x}")
        bits >>= 32
    return ",".join(reversed(groups))
