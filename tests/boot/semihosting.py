# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Semihosting (bare/semihosting.c) on Arm and RISC-V: every call; off by default; by a character device.

  semihosting/a64, a32, t32, rv64   the program's checks, in two engines
  semihosting/off                   without the option the instructions are what they otherwise are
  semihosting/chardev               its console is a character device
"""
import os
import tempfile
import time

import harness as h
from harness import Failure, Guest, Test

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ['-ffreestanding', '-nostdlib', '-fno-pic', '-no-pie', '-fno-stack-protector', '-Wl,-e,_start,--build-id=none']
ARM32 = ['-march=armv7-a', '-mfloat-abi=soft', '-Wl,-Ttext=0x40200000']
KINDS = {
    'a64': ('aarch64', ['-mgeneral-regs-only', '-mstrict-align', '-Wl,-Ttext=0x40200000'], ['-cpu', 'cortex-a57', '-kernel']),
    'a32': ('arm', ['-marm', *ARM32], ['-cpu', 'cortex-a15', '-kernel']),
    'a32-hlt': ('arm', ['-marm', '-DBY_HLT', *ARM32], ['-cpu', 'cortex-a15', '-kernel']),
    't32': ('arm', ['-mthumb', *ARM32], ['-cpu', 'cortex-a15', '-kernel']),
    't32-hlt': ('arm', ['-mthumb', '-DBY_HLT', *ARM32], ['-cpu', 'cortex-a15', '-kernel']),
    'rv64': ('riscv64', ['-mcmodel=medany', '-mno-relax', '-Wl,-Ttext=0x80000000'], ['-bios']),
}
QUIET = ['-M', 'virt', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-net', 'none']


def program(kind):
    target, flags, args = KINDS[kind]
    elf = h.compile_static(os.path.join(HERE, 'bare/semihosting.c'), *FLAGS, *flags, name='semihosting-' + kind, target=target)
    return target, [*args, elf]


def calls(kind):
    target, args = program(kind)
    for engine in ('tcg', 'tcg,engine=interp'):
        with tempfile.TemporaryDirectory(dir=h.work_dir()) as d, \
                Guest(*QUIET, *args, '-accel', engine, '-semihosting-config', f'enable=on,arg=first,arg={d}', target=target) as g:
            g.send('z')
            g.exit(42, 20)
            lines = g.text.splitlines()
            if any('FAIL' in line for line in lines) or lines.count('by handle') != 1 or lines[-1] != 'C' or g.text.count('ok ') != 34:
                g.fail(engine)
            if os.listdir(d):
                raise Failure(f'files are left: {os.listdir(d)}')


def wait_for(path, text):
    """Until the file has the text in its beginning."""
    for _ in range(200):
        time.sleep(0.05)
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as f:
                if text in f.read(20000):
                    return
    raise Failure(f'no "{text}" in {path}')


def off():
    for kind, what in (('a64', 'undefined instruction'), ('a32', 'SVC'), ('rv64', 'breakpoint')):
        target, args = program(kind)
        log = os.path.join(h.work_dir(), f'semihosting-off-{kind}.log')
        for more in ([], ['-semihosting-config', 'enable=off']):
            open(log, 'wb').close()
            with Guest(*QUIET, *args, *more, '-d', 'int,guest_errors', '-D', log, target=target, stdin=False):
                wait_for(log, what)
            os.unlink(log)


def chardev():
    target, args = program('a64')
    with tempfile.TemporaryDirectory(dir=h.work_dir()) as d:
        out = os.path.join(d, 'console')
        with Guest(*QUIET, *args, '-chardev', f'file,id=c,path={out}', '-semihosting-config', f'chardev=c,arg=first,arg={d}',
                   target=target):
            wait_for(out, 'ok tickfreq')


def collect():
    tests = [Test('boot/semihosting/' + k, lambda k=k: calls(k), limit=5) for k in KINDS]
    return tests + [Test('boot/semihosting/off', off, limit=10), Test('boot/semihosting/chardev', chardev, limit=5)]
