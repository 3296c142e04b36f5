"""Writes what is safe while the machine runs. Each change is printed, read back, and lasts until the next boot."""

from .machine import CannotTell


def apply(machine, findings, dry_run, out):
    """Number of changes that did not take. A second run finds nothing left to do."""
    failed = 0
    for finding in findings:
        for write in finding.writes:
            try:
                before = machine.read(write.path)
            except CannotTell as reason:
                print(f"skip   {finding.check}: {reason}", file=out)
                failed += 1
                continue
            change = f"{write.path}: {before} -> {write.value}"
            if dry_run:
                print(f"would  {finding.check}: {change}", file=out)
                continue
            try:
                machine.at(write.path).write_text(write.value + "\n")
                after = machine.read(write.path)
            except (OSError, CannotTell) as error:
                # an IRQ that the kernel manages by itself (NVMe queues) says EIO: isolcpus=managed_irq moves those
                print(f"failed {finding.check}: {change}: {error}", file=out)
                failed += 1
                continue
            if not _took(write.value, after):
                print(f"failed {finding.check}: {change}: the kernel made it {after}", file=out)
                failed += 1
                continue
            print(f"set    {finding.check}: {change}", file=out)
    return failed


def _took(wanted, after):
    """Switches show all choices with the chosen one in brackets; masks are padded with zeros."""
    return wanted == after or f"[{wanted}]" in after or wanted.lstrip("0,") == after.lstrip("0,") != ""
