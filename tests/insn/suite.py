# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Instruction tests: small bare-metal programs with the expected state in their headers, run in
every engine. The computational ones come from gen.py, the others are tests/insn/riscv/*/*.S.

Header lines of a test:
  # xlen: 32 64              what it is built for (both unless said)
  # cpu: rv64,sv57=off       the -cpu option (max unless said)
  # expect: a0=0x1 fcsr=0x0  registers (ABI or plain names), fN=..., results rN=... in the buffer of s11
  # expect32: / expect64:    the same for one XLEN
  # keep: x1 x3              registers that must still hold the value the runtime gave them
  # status: 3                the exit status, where the program ends by itself instead of `done`

RHEA_ENGINES lists the engines' options, separated by semicolons."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
sys.path.insert(0, HERE)
import gen  # noqa: E402
import harness as h  # noqa: E402
from harness import Failure, Guest, Test  # noqa: E402

ENGINES = os.environ.get('RHEA_ENGINES', ';-accel tcg,one-insn-per-tb=on;-accel tcg,engine=interp').split(';')
ABI = {'zero': 0, 'ra': 1, 'sp': 2, 'gp': 3, 'tp': 4, 't0': 5, 't1': 6, 't2': 7, 's0': 8, 's1': 9, 't3': 28, 't4': 29,
       't5': 30, 't6': 31, **{f'a{i}': 10 + i for i in range(8)}, **{f's{i}': 16 + i for i in range(2, 12)}}


def tool(xlen, name):
    return h.need(h.CROSS + name)


def assemble(source, out, xlen):
    h.run([tool(xlen, 'as'), f'-march=rv{xlen}{gen.MARCH}', '-mabi=' + ('lp64d' if xlen == 64 else 'ilp32d'), '--defsym',
           f'XLEN={xlen}', '-I', HERE, '-o', out, source])


def runtime(xlen):
    def build():
        out = os.path.join(h.work_dir(), f'insn-runtime-{xlen}.o')
        assemble(os.path.join(HERE, 'runtime.S'), out, xlen)
        return out

    return h.once(('insn-runtime', xlen), build)


def build(name, source, xlen):
    """The ELF of a test's source text."""
    base = os.path.join(h.work_dir(), f'insn-{name.replace("/", "-")}-{xlen}')
    with open(base + '.S', 'w') as f:
        f.write(source)
    assemble(base + '.S', base + '.o', xlen)
    h.run([tool(xlen, 'ld'), '-m', f'elf{xlen}lriscv', '--no-relax', '-Ttext=0x80000000', '--build-id=none', '-e', '_start',
           '-o', base + '.elf', runtime(xlen), base + '.o'])
    return base + '.elf'


def text_range(elf, xlen):
    """The test's own code, for -dfilter."""
    symbols = h.run([tool(xlen, 'nm'), elf]).decode()
    start = int(re.search(r'^(\w+) T test$', symbols, re.M).group(1), 16)
    row = re.search(r' \.text +(\w+) +(\w+)', h.run([tool(xlen, 'objdump'), '-h', elf]).decode())
    return f'{start:#x}..{int(row.group(2), 16) + int(row.group(1), 16) - 1:#x}'


def header(source):
    """The header's keys: {key: text}, several lines of one key joined."""
    out = {}
    for line in source.splitlines():
        m = re.match(r'# (\w+): (.*)$', line)
        if m:
            out[m.group(1)] = (out.get(m.group(1), '') + ' ' + m.group(2)).strip()
        elif line and not line.startswith('#'):
            break
    return out


def register(name):
    return f'x{ABI[name]}' if name in ABI else name


def check(guest, text, head, xlen):
    got = dict(re.findall(r'^(\w+)=([0-9a-f]+)\r?$', text, re.M))
    want = {}
    for key in ('expect', f'expect{xlen}'):
        for item in head.get(key, '').split():
            name, value = item.split('=')
            want[register(name)] = int(value, 0)
    for name in head.get('keep', '').split():
        want[register(name)] = 0x1010101 * int(register(name)[1:])
    bad = []
    for name, value in want.items():
        if name[0] == 'f' and name != 'fcsr' and value == 0 and name not in got:
            continue  # FP registers that are zero are not printed
        if name not in got:
            bad.append(f'{name}: not printed, expected {value:#x}')
        elif int(got[name], 16) != value & (1 << (64 if name[0] in 'rf' else xlen)) - 1:
            bad.append(f'{name}: {int(got[name], 16):#x}, expected {value:#x}')
    if bad:
        guest.fail('wrong state:\n    ' + '\n    '.join(bad[:12]) + (f'\n    and {len(bad) - 12} more' if len(bad) > 12 else ''))


def run(name, sources):
    """Runs a test for each XLEN in each engine. sources: {xlen: text}."""
    for xlen, source in sources.items():
        head = header(source)
        elf = build(name, source, xlen)
        for engine in ENGINES:
            args = engine.split() + ['-M', 'virt', '-m', '64M', '-nographic', '-monitor', 'none', '-serial', 'stdio',
                                     '-net', 'none', '-cpu', head.get(f'cpu{xlen}', head.get('cpu', 'max')), '-bios', elf]
            if os.environ.get('RHEA_DEBUG_ITEMS'):
                args += ['-dfilter', text_range(elf, xlen)]
            try:
                with Guest(*args, target=f'riscv{xlen}', stdin=False) as g:
                    g.exit(int(head.get('status', '0')), 20)
                    check(g, g.text, head, xlen)
            except Failure as e:
                raise Failure(f'rv{xlen}, engine "{engine.strip() or "default"}": {e}')
        if os.environ.get('RHEA_DEBUG_ITEMS'):
            break
    for f in sources:
        for ext in ('.S', '.o', '.elf'):
            os.unlink(os.path.join(h.work_dir(), f'insn-{name.replace("/", "-")}-{f}{ext}')) if not os.environ.get(
                'RHEA_KEEP') else None


def generated(name, xlens):
    return lambda: run(name, {x: gen.generate(name, x) for x in sorted(xlens, reverse=True)})


def written(name, path):
    def func():
        with open(path) as f:
            text = f.read()
        run(name, {int(x): text for x in header(text).get('xlen', '64 32').split()})

    return func


def collect():
    tests = []
    for name, (xlens, _) in sorted(gen.registry.items()):
        tests.append(Test('insn/riscv/' + name, generated(name, xlens), 1, 1))
    base = os.path.join(HERE, 'riscv')
    for folder in sorted(os.listdir(base)):
        for f in sorted(os.listdir(os.path.join(base, folder))):
            if f.endswith('.S'):
                name = f'{folder}/{f[:-2]}'
                tests.append(Test('insn/riscv/' + name, written(name, os.path.join(base, folder, f)), 1, 1))
    return tests
