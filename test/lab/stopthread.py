#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stops one thread of a process, as a debugger does, and lets it go on when standard input ends.
usage: stopthread TID"""
import ctypes
import os
import sys

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid):
    if libc.ptrace(request, tid, None, None) < 0:
        sys.exit("ptrace %d: %s" % (request, os.strerror(ctypes.get_errno())))


target = int(sys.argv[1])
ptrace(PTRACE_SEIZE, target)
ptrace(PTRACE_INTERRUPT, target)
os.waitpid(target, WALL)
print("stopped", flush=True)
sys.stdin.read()
ptrace(PTRACE_DETACH, target)
