# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Random programs from the INSN rows (rvgen), run in every engine: all must print the same registers
and memory. With a reference emulator ($RHEA_REFERENCE) it runs them too, one instruction at a time.

  RHEA_FUZZ_SEED    seed of the first program (a random one unless said; printed when something differs)
  RHEA_FUZZ_RUNS    programs of each test (8)
  RHEA_FUZZ_COUNT   random instructions of each program (2000)"""
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import harness as h  # noqa: E402
from harness import Failure, Skip, Test  # noqa: E402

ENGINES = ['', '-accel tcg,one-insn-per-tb=on', '-accel tcg,engine=interp', '-accel tcg,check=on']
# A group of rows per test, so that no row drowns in the crowd; '' is all of them.
GROUPS = ['', 'insn/i.c', 'insn/m.c', 'insn/a.c', 'insn/zacas.c', 'insn/zb', 'insn/zk', 'insn/f.c', 'insn/d.c',
          'insn/zfh.c', 'insn/zfa.c']


# Seeds of programs that found a bug, by bits and group.
FOUND = {(32, 'insn/zb'): (2017468259, )}


def rvgen():
    build = os.path.dirname(h.emulator()[0])
    path = os.path.join(build, 'tests', 'fuzz', 'rvgen')
    if not os.path.exists(path):
        raise Skip('no rvgen beside the emulator')
    return path


def output(command, image):
    args = ['-M', 'virt', '-m', '64M', '-cpu', 'max', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-net',
            'none', '-bios', image]
    try:
        r = subprocess.run(command + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=60 * h.SLOW, check=False)
    except subprocess.TimeoutExpired:
        return 'does not end'
    text = r.stdout.decode('utf-8', 'replace')
    return text if r.returncode == 0 else f'status {r.returncode}\n{text[-1000:]}'


def difference(a, b):
    for n, (x, y) in enumerate(zip(a.splitlines(), b.splitlines())):
        if x != y:
            what = f'x{n}' if n < 32 else f'f{n - 40}' if 40 <= n < 72 else f'line {n}'
            return f'{what}: {x} and {y}'
    return f'{len(a.splitlines())} and {len(b.splitlines())} lines'


def run(bits, group):
    reference = h.emulator(f'riscv{bits}', True) if os.environ.get('RHEA_REFERENCE') else None
    first = int(os.environ.get('RHEA_FUZZ_SEED') or random.randrange(1 << 31))
    count = os.environ.get('RHEA_FUZZ_COUNT', '2000')
    for seed in (*FOUND.get((bits, group), ()), *range(first, first + int(os.environ.get('RHEA_FUZZ_RUNS', '8')))):
        image = os.path.join(h.work_dir(), f'fuzz-{bits}-{group.replace("/", "-")}-{seed}.bin')
        gen = [rvgen(), '-o', image, '--seed', str(seed), '--xlen', str(bits), '--count', count]
        gen += ['--only', group] if group else []
        gen += ['--reference'] if reference else []
        h.run(gen)
        want = output(h.emulator(f'riscv{bits}') + h.extra_args(), image)
        if not want.endswith('\n') or len(want.splitlines()) < 32:
            raise Failure(f'{" ".join(gen[1:])}: {want}')
        others = [(e, h.emulator(f'riscv{bits}') + h.extra_args() + e.split()) for e in ENGINES[1:]]
        others += [('reference', reference + ['-accel', 'tcg,one-insn-per-tb=on'])] if reference else []
        for name, command in others:
            got = output(command, image)
            if got != want:
                raise Failure(f'rvgen {" ".join(gen[3:])}: default and "{name}": {difference(want, got)}')
        os.unlink(image)


def collect():
    tests = []
    for bits in (32, 64):
        for group in GROUPS:
            name = group.removeprefix('insn/').removesuffix('.c') or 'all'
            tests.append(Test(f'fuzz/rv{bits}/{name}', lambda bits=bits, group=group: run(bits, group), 1, 20))
    return tests
