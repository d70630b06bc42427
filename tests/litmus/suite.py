# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Litmus tests of the memory models (litmus.c): nothing that RVWMO or Armv8 forbids is ever seen."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import harness as h  # noqa: E402
from harness import Guest, Test  # noqa: E402

FLAGS = {
    'riscv64': ['-mcmodel=medany', '-Wl,--section-start=.text.init=0x80000000,-Ttext=0x80001000,--build-id=none'],
    'aarch64': ['-march=armv8.5-a', '-mgeneral-regs-only', '-mstrict-align', '-fno-pic', '-fno-stack-protector',
                '-Wno-unused-function', '-Wl,-Ttext=0x40200000,-e,_start,--build-id=none'],
}
ARGS = {'riscv64': ['-m', '64M', '-bios'], 'aarch64': ['-cpu', 'max', '-m', '128M', '-kernel']}


def litmus(target, harts, rounds):
    return h.compile_static(os.path.join(HERE, 'litmus.c'), '-ffreestanding', '-nostdlib', '-no-pie', f'-DNHARTS={harts}',
                            f'-DROUNDS={rounds}', *FLAGS[target], name=f'litmus-{harts}-{rounds}', target=target)


def run(target, harts, rounds):
    with Guest('-M', 'virt', '-smp', str(harts), '-nographic', '-monitor', 'none', '-serial', 'stdio', '-net', 'none',
               *ARGS[target], litmus(target, harts, rounds), target=target, stdin=False) as g:
        status = g.wait(180)
        bad = [line for line in g.text.splitlines() if 'FORBIDDEN' in line]
        if status or bad or ' of ' not in g.text or f'counters{", 4 harts" if harts == 4 else ""}: 0' not in g.text:
            g.fail(f'status {status}: ' + '; '.join(bad))
        if os.environ.get('RHEA_VERBOSE'):
            print(g.text)


def collect():
    rounds = int(os.environ.get('RHEA_LITMUS_ROUNDS', '400'))
    return [Test('litmus/two-harts', lambda: run('riscv64', 2, rounds), 2, 20),
            Test('litmus/four-harts', lambda: run('riscv64', 4, rounds // 20), 2, 20),
            Test('litmus/arm64-two-cpus', lambda: run('aarch64', 2, max(rounds // 16, 1)), 2, 30),
            Test('litmus/arm64-four-cpus', lambda: run('aarch64', 4, max(rounds // 200, 1)), 2, 30)]
