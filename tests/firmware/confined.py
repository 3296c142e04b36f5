"""Runs a program as a unit would: its system calls filtered by the unit's SystemCallFilter= and
MemoryDenyWriteExecute=, without a capability.

    confined.py FILTER PROGRAM ARGUMENTS …     FILTER: file with one allowed system call a line

The filter is a classic BPF program made here, so that it needs neither systemd as process 1 nor libseccomp."""

import ctypes
import os
import re
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, SECCOMP_MODE_FILTER = 22, 38, 24, 2
LOAD, AND, JUMP_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JEQ|K, BPF_RET|K
PROTECTION = 16 + 2 * 8  # offset in struct seccomp_data of the third argument's lower half: mmap's and mprotect's
WRITE, EXECUTE = 2, 4
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1   # SECCOMP_RET_ERRNO with EPERM, as the units say
HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"


def numbers():
    with open(HEADER) as file:
        return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", file.read())}


def instruction(operation, value, if_true=0, if_false=0):
    return struct.pack("HBBI", operation, if_true, if_false, value)


def program(allowed):
    known = numbers()
    code = instruction(LOAD, 0)  # the number of the call
    # memory that is written is never executed: no mapping with both, none made executable afterwards
    for name, forbidden in (("mmap", WRITE | EXECUTE), ("mprotect", EXECUTE), ("pkey_mprotect", EXECUTE)):
        code += (instruction(JUMP_EQUAL, known[name], 0, 5) + instruction(LOAD, PROTECTION) + instruction(AND, forbidden) +
                 instruction(JUMP_EQUAL, forbidden, 0, 1) + instruction(RETURN, REFUSE) + instruction(RETURN, ALLOW))
    for name in allowed:
        if name in known:
            code += instruction(JUMP_EQUAL, known[name], 0, 1) + instruction(RETURN, ALLOW)
    return code + instruction(RETURN, REFUSE)


def confine(allowed):
    """This process, and what it becomes, from now on."""
    code = program(allowed)
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_program, 0, 0):
        sys.exit(f"confined: {os.strerror(ctypes.get_errno())}")


def become_nobody():
    libc = ctypes.CDLL(None)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # beyond the last one: refused, no matter
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def main():
    with open(sys.argv[1]) as file:
        allowed = file.read().split()
    if os.geteuid() == 0:  # else there is nothing to give up
        become_nobody()
    confine(allowed)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
