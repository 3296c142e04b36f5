"""Arguments in, lines or JSON out."""

import argparse
import json
import sys
from pathlib import Path

from . import apply, cores, disk, kernel, memory, needs, nic
from .finding import FAIL, WARN, unknown
from .machine import CannotTell, Machine

EPILOG = """exit status: 0 nothing fails (warnings may remain), 1 something fails or a change did not take, 2 usage

One finding per line: severity, what was measured, what is wanted, why, what to do. "cannot tell" is a warning: a file
was not there or not readable. --apply writes sysctls, 2 MiB hugepages, IRQ affinity and the governor, until the next
boot; the kernel command line is printed, never written."""

CHECKS = (kernel.version, kernel.io_uring, kernel.socket_buffers, kernel.clock, kernel.throttling, kernel.nmi_watchdog,
          kernel.mitigations, cores.pinning, cores.isolation, cores.irq_affinity, cores.irqbalance, cores.governor,
          cores.turbo, cores.sleep_states, cores.siblings, cores.timer_migration, memory.hugepages, memory.hugetlbfs,
          memory.transparent_hugepages, memory.swap, memory.page_movers, memory.limits, nic.check, disk.data_dir)


def judge(machine, wants):
    """All findings. A check that meets an absent file it did not expect says so; none stops the others."""
    found = []
    for check in CHECKS:
        try:
            if check is memory.hugepages:
                found += check(machine, wants, nic.numa_nodes(machine, wants))
            else:
                found += check(machine, wants)
        except CannotTell as reason:
            found.append(unknown(check.__name__, reason, "an answer", "the machine does not show it"))
    return found


def kernel_line(findings):
    """Parameters that findings ask for, each once, in their order."""
    words = []
    for finding in findings:
        if finding.severity in (WARN, FAIL):
            words += [word for word in finding.kernel if word not in words]
    return " ".join(words)


def _parser():
    parser = argparse.ArgumentParser(prog="tune", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description="what a server lacks to run carillon-engine well, and what to do")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="judge and print; needs no root")
    action.add_argument("--apply", action="store_true", help="make the changes that are safe at run time, then judge again")
    parser.add_argument("--config", metavar="FILE", help="the engine's configuration; without: its defaults")
    parser.add_argument("--nic", action="append", default=[], metavar="NIC",
                        help="PCI address or interface, may be repeated; default: dpdk.port")
    parser.add_argument("--cores", metavar="LIST", help="the shards' CPUs, where the engine's own rule does not tell")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--dry-run", action="store_true", help="with --apply: print the changes only")
    parser.add_argument("--root", default="/", metavar="DIR", help="judge the /proc, /sys and /dev below DIR")
    return parser


def _wants(options):
    text = ""
    if options.config:
        try:
            text = Path(options.config).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise needs.BadConfig(str(error)) from None
    try:
        wants = needs.read(text)
    except needs.BadConfig as error:
        raise needs.BadConfig(f"{options.config}: {error}") from None
    if options.cores:
        wants.cores = needs.cores(options.cores)
    if options.nic:
        wants.nics = options.nic
    return wants


def _report(findings, as_json, out):
    line = kernel_line(findings)
    failing = sum(finding.severity == FAIL for finding in findings)
    warning = sum(finding.severity == WARN for finding in findings)
    if as_json:
        json.dump({"findings": [finding.as_dict() for finding in findings], "kernel_parameters": line,
                   "fail": failing, "warn": warning}, out, indent=1)
        print(file=out)
        return failing
    for finding in findings:
        print(finding.line(), file=out)
    if line:
        print(f"kernel parameters (GRUB_CMDLINE_LINUX in /etc/default/grub, update-grub, reboot): {line}", file=out)
    print(f"tune: {failing} fail, {warning} warn, {len(findings) - failing - warning} ok", file=out)
    return failing


def main(arguments=None, out=None):
    out = out or sys.stdout
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.dry_run and not options.apply:
        parser.error("--dry-run goes with --apply")
    if not Path(options.root).is_dir():
        parser.error(f"--root {options.root}: not a folder")
    try:
        wants = _wants(options)
    except needs.BadConfig as error:
        parser.error(str(error))
    failed = 0
    findings = judge(Machine(options.root), wants)
    if options.apply:
        # with --json the changes go beside the object, not into it
        failed = apply.apply(Machine(options.root), findings, options.dry_run, sys.stderr if options.json else out)
        findings = judge(Machine(options.root), wants)
    return 1 if _report(findings, options.json, out) or failed else 0
