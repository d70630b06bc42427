# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Hot loops that become regions: bare/loops.c prints the same with superblocks=on and off."""
import os
import re

import harness as h

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = {
    'riscv64': ('-march=rv64imac_zicsr_zifencei', '-mabi=lp64', '-mcmodel=medany', '-Wl,-Ttext=0x80000000'),
    'aarch64': ('-mgeneral-regs-only', '-mstrict-align', '-Wl,-Ttext=0x40200000,-e,_start'),
}


def output(target, elf, *args):
    with h.Guest('-M', 'virt', '-nographic', '-monitor', 'none', '-serial', 'stdio', '-net', 'none',
                 '-bios' if target == 'riscv64' else '-kernel', elf, *(() if target == 'riscv64' else ('-cpu', 'cortex-a57')), *args, target=target, stdin=False) as g:
        g.expect(re.compile(rb'end +0+\r?\n'), 60)
        g.exit(0, 10)
        return re.findall(r'\w+ +[0-9a-f]{16}', g.text)


def run(target):
    elf = h.compile_static(os.path.join(HERE, 'bare', 'loops.c'), *FLAGS[target], '-ffreestanding', '-nostdlib', '-fno-pic', '-fno-pie',
                           '-no-pie', '-fno-stack-protector', '-Wl,--build-id=none', target=target)
    log = os.path.join(h.work_dir(), 'loops.log')
    want = output(target, elf, '-accel', 'tcg,superblocks=off')
    regions = 0
    # The sampler goes by the host's time: on a busy machine it may miss a loop.
    for _ in range(5):
        got = output(target, elf, '-accel', 'tcg,superblocks=on', '-d', 'out_asm', '-D', log)
        if got != want or len(want) != 6 or 'traps     00000000000005b8' not in want:
            raise h.Failure(f'{want} without regions, {got} with them')
        with open(log) as f:
            regions = f.read().count('\nREGION: ')
        # nested, faulting, and rewriting more than once
        if regions >= 4:
            return
    raise h.Failure(f'{regions} regions')
