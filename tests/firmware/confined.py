"""Runs a program as a unit would: its system calls filtered by the unit's SystemCallFilter=, without a capability.

    confined.py FILTER PROGRAM ARGUMENTS …     FILTER: file with one allowed system call a line

The filter is a classic BPF program made here, so that it needs neither systemd as process 1 nor libseccomp."""

import ctypes
import os
import re
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, SECCOMP_MODE_FILTER = 22, 38, 24, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1   # SECCOMP_RET_ERRNO with EPERM, as the units say
HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"


def numbers():
    with open(HEADER) as file:
        return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", file.read())}


def program(allowed):
    known = numbers()
    code = struct.pack("HBBI", LOAD, 0, 0, 0)  # the number of the call
    for name in allowed:
        if name in known:
            code += struct.pack("HBBI", JUMP_EQUAL, 0, 1, known[name]) + struct.pack("HBBI", RETURN, 0, 0, ALLOW)
    return code + struct.pack("HBBI", RETURN, 0, 0, REFUSE)


def main():
    with open(sys.argv[1]) as file:
        code = program(file.read().split())
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # beyond the last one: refused, no matter
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_program, 0, 0):
        sys.exit(f"confined: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
