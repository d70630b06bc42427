# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Saved translations: the kernel with an init that ends the machine at once, booted again and again.

  cache/TARGET/*   the second boot translates less than a tenth of what the first one did; two CPUs; -icount; lock-step
  cache/small      a code cache that is smaller than the boot, from a file
  cache/damaged    a file with damage in it boots as well
  cache/messages   bad directories, bad files, concurrent runs
"""
import os
import re
import subprocess
import tempfile

import arm
import harness as h
from harness import Failure, Guest, Test

HERE = os.path.dirname(os.path.abspath(__file__))
OFF = 'init: end of the machine'


def machine(target):
    flags = ['-nostdlib'] + (['-fomit-frame-pointer'] if target == 'aarch64' else [])
    init = h.initramfs('tiny', os.path.join(HERE, 'poweroff.c'), *flags, target=target)
    common = ['-M', 'virt', '-nographic', '-net', 'none', '-no-reboot', '-no-shutdown', '-initrd', init]
    if target == 'aarch64':
        return common + ['-cpu', 'cortex-a57', '-m', '512M', '-kernel', arm.kernel(target)[0], '-append', 'console=ttyAMA0']
    linux = os.path.join(h.fetch_guest('debian-installer'), 'linux')
    return common + ['-m', '256M', '-kernel', linux, '-append', 'console=ttyS0']


def units_at_end(g):
    """Asks the monitor for (units translated, units loaded), and ends the machine."""
    g.send('\x01c')
    g.send('info jit\n')
    made = int(g.expect(re.compile(rb'units translated +(\d+)'), 20)[1])
    loaded = int(g.expect(re.compile(rb'units loaded +(\d+)'), 20)[1])
    g.send('quit\n')
    g.exit(0, 30)
    return made, loaded


def boot(target, cache, *args, accel='', limit=120):
    """(units translated, units loaded) of a boot, and what it printed."""
    with Guest(*machine(target), '-accel', f'tcg,cache={cache}{accel}', *args, target=target) as g:
        g.expect(OFF, limit)
        g.expect(re.compile(rb'reboot: Power down'), limit)
        made, loaded = units_at_end(g)
        if re.search('Kernel panic|Oops|BUG:', g.text):
            g.fail('the kernel reported an error')
        return made, loaded, g.text


def directory():
    return tempfile.TemporaryDirectory(prefix='cache-', dir=h.work_dir())


def again(target, *args, share=10, limit=120):
    with directory() as d:
        first, loaded, _ = boot(target, d, *args, limit=limit)
        if first < 5000 or loaded:
            raise Failure(f'the first boot translated {first} units and loaded {loaded}')
        made, loaded, _ = boot(target, d, *args, limit=limit)
        if made * share > first or loaded < first // 2:
            raise Failure(f'the second boot translated {made} units and loaded {loaded}, the first one translated {first}')


def icount(target):
    """Every byte of the console is what it is without saved translations."""
    args = ['-icount', 'shift=0', '-rtc', 'base=2026-01-01,clock=vm']
    strip = re.compile(r'random: crng init done.*|.*rtc.*|.*RTC.*')  # wall-clock lines
    with directory() as d:
        texts = [strip.sub('', boot(target, d, *args, limit=240)[2].split(OFF)[0]) for _ in range(2)]
        if texts[0] != texts[1]:
            raise Failure('the console of the second boot is another one')


def check():
    """Lock-step of the firmware: saved code beside the interpreter."""
    with directory() as d:
        for _ in range(2):
            with Guest(*machine('riscv64'), '-accel', f'tcg,check=on,cache={d}') as g:
                g.expect('Runtime SBI Version', 120)
                made, loaded = units_at_end(g)
        if loaded < 500 or made > loaded:
            raise Failure(f'{made} units translated, {loaded} loaded')


def small():
    with directory() as d:
        first, _, _ = boot('riscv64', d)
        made, loaded, text = boot('riscv64', d, accel=',tb-size=2')
        retired = re.search(r'chunks retired +(\d+)', text)
        if made * 4 > first or not retired or int(retired[1]) < 10:
            raise Failure(f'{made} units translated, {loaded} loaded, of {first}: {retired}')


def damaged():
    with directory() as d:
        boot('riscv64', d)
        path, = [os.path.join(d, n) for n in os.listdir(d)]
        with open(path, 'rb') as f:
            data = bytearray(f.read())
        good = bytes(data)
        for i in range(1000, len(data) * 3 // 4, 20011):  # the index lies at the end
            data[i] ^= 1 << i % 8
        with open(path, 'wb') as f:
            f.write(data)
        made, loaded, text = boot('riscv64', d)
        if 'damaged units are ignored' not in text or not loaded:
            raise Failure(f'{made} units translated, {loaded} loaded; no word of the damage')
        for change in (lambda b: b[:-1], lambda b: b'x' + b[1:], lambda b: b[:100] + b'x' + b[101:-1] + bytes([b[-1] ^ 1])):
            with open(path, 'wb') as f:
                f.write(change(good))
            with Guest(*machine('riscv64'), '-accel', f'tcg,cache={d}', '-S') as g:
                g.expect('is ignored', 20)
                g.send('\x01x')
                g.exit(0, 20)


def end(args, text, status):
    p = subprocess.run([*h.emulator('riscv64'), '-M', 'virt', '-display', 'none', '-S', *args], capture_output=True, text=True,
                       timeout=60, stdin=subprocess.DEVNULL, check=False)
    if p.returncode != status or text not in p.stderr or len(p.stderr.splitlines()) != 1:
        raise Failure(f'{args}: status {p.returncode}, {p.stderr!r}')


def messages():
    with directory() as d:
        end(['-accel', f'tcg,cache={d}/none'], 'No such file or directory', 1)
        end(['-accel', 'tcg,cache=/etc/passwd'], 'Not a directory', 1)
        end(['-accel', f'tcg,engine=interp,cache={d}'], 'interpreter', 1)
        os.chmod(d, 0o777)
        end(['-accel', f'tcg,cache={d}'], 'others may write', 1)
        os.chmod(d, 0o700)
        if os.geteuid() == 0:
            os.chown(d, 1, -1)
            end(['-accel', f'tcg,cache={d}'], 'another user', 1)
            os.chown(d, 0, -1)


def collect():
    tests = [Test('boot/cache/small', small, 1, 20), Test('boot/cache/damaged', damaged, 1, 30),
             Test('boot/cache/messages', messages, 1, 2), Test('boot/cache/check', check, 1, 10)]
    for target in ('riscv64', 'aarch64'):
        tests += [Test(f'boot/cache/{target}/again', lambda t=target: again(t), 1, 10),
                  Test(f'boot/cache/{target}/smp2', lambda t=target: again(t, '-smp', '2', share=5), 2, 10)]
    return tests + [Test('boot/cache/riscv64/icount', lambda: icount('riscv64'), 1, 20)]
