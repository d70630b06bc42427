# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Litmus tests of the memory model (litmus.c): nothing that RVWMO forbids is ever seen."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import harness as h  # noqa: E402
from harness import Guest, Test  # noqa: E402


def litmus(harts, rounds):
    def build():
        out = os.path.join(h.work_dir(), f'litmus-{harts}-{rounds}.elf')
        h.run([h.need(h.CROSS + 'gcc'), '-O2', '-ffreestanding', '-nostdlib', '-static', '-no-pie', '-mcmodel=medany',
               '-march=rv64gc', '-mabi=lp64d', f'-DNHARTS={harts}', f'-DROUNDS={rounds}',
               '-Wl,--section-start=.text.init=0x80000000,-Ttext=0x80001000,--build-id=none', '-o', out,
               os.path.join(HERE, 'litmus.c')])
        return out

    return h.once(('litmus', harts, rounds), build)


def run(harts, rounds):
    with Guest('-M', 'virt', '-m', '64M', '-smp', str(harts), '-nographic', '-monitor', 'none', '-serial', 'stdio', '-net', 'none',
               '-bios', litmus(harts, rounds), stdin=False) as g:
        status = g.wait(180)
        bad = [line for line in g.text.splitlines() if 'FORBIDDEN' in line]
        if status or bad or ' of ' not in g.text:
            g.fail(f'status {status}: ' + '; '.join(bad))
        if os.environ.get('RHEA_VERBOSE'):
            print(g.text)


def collect():
    rounds = int(os.environ.get('RHEA_LITMUS_ROUNDS', '400'))
    return [Test('litmus/two-harts', lambda: run(2, rounds), 2, 20), Test('litmus/four-harts', lambda: run(4, rounds // 20), 2, 20)]
