# SPDX-License-Identifier: ISC
"""Makes a process that waits in a system call execute another one (ptrace(2), x86-64):
the way to ask a running sandbox what it allows. Only for processes of our own daemon."""

import ctypes
import os
import signal

PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 7, 12, 13, 16, 17
PTRACE_PEEKTEXT, PTRACE_SINGLESTEP = 1, 9
_NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp "
          "ss fs_base gs_base ds es fs gs").split()


class Regs(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _NAMES]


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def _ptrace(request, pid, addr=None, data=None):
    ctypes.set_errno(0)
    r = _libc.ptrace(request, pid, addr, data)
    if r == -1 and ctypes.get_errno() != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")
    return r


def syscall(pid, number, *args):
    """("returned", value), or ("killed", signal) if the filter ends the process."""
    _ptrace(PTRACE_ATTACH, pid)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSTOPPED(status)
    before, regs = Regs(), Regs()
    _ptrace(PTRACE_GETREGS, pid, None, ctypes.byref(before))
    ctypes.memmove(ctypes.byref(regs), ctypes.byref(before), ctypes.sizeof(regs))
    # It waits in a system call: the instruction lies right behind us.
    where = before.rip - 2
    assert _ptrace(PTRACE_PEEKTEXT, pid, ctypes.c_void_p(where)) & 0xffff == 0x050f
    regs.rip, regs.rax, regs.orig_rax = where, number, 2**64 - 1
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), args):
        setattr(regs, name, value & 2**64 - 1)
    _ptrace(PTRACE_SETREGS, pid, None, ctypes.byref(regs))
    _ptrace(PTRACE_SINGLESTEP, pid)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "killed", os.WTERMSIG(status)
    assert os.WIFSTOPPED(status)
    if os.WSTOPSIG(status) == signal.SIGSYS:
        _ptrace(PTRACE_CONT, pid, None, ctypes.c_void_p(signal.SIGSYS))
        _, status = os.waitpid(pid, 0)
        return "killed", os.WTERMSIG(status)
    _ptrace(PTRACE_GETREGS, pid, None, ctypes.byref(regs))
    value = ctypes.c_longlong(regs.rax).value
    # Back into the call that it was in.
    if before.orig_rax < 2**63:
        before.rip, before.rax = where, before.orig_rax
    before.orig_rax = 2**64 - 1
    _ptrace(PTRACE_SETREGS, pid, None, ctypes.byref(before))
    _ptrace(PTRACE_DETACH, pid)
    return "returned", value
