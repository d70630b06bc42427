# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Names of translated code: what -perfmap and -jitdump leave behind a bare-metal program."""
import os
import re
import struct

import harness as h


def run(bare, option):
    """A program with one of the options, in a folder of its own; its process id."""
    cwd = os.getcwd()
    with h.Guest('-M', 'virt', '-m', '64M', '-nographic', '-monitor', 'none', '-serial', 'stdio', '-net', 'none', '-bios', bare,
                 option, command=['env', '-C', h.work_dir(), *(os.path.join(cwd, w) if w.startswith('build/') else w
                                                             for w in h.emulator('riscv64'))], stdin=False) as g:
        g.exit(0, 20)
        return g.p.pid


def lines(bare):
    name = f'/tmp/perf-{run(bare, "-perfmap")}.map'
    with open(name) as f:
        found = f.read().splitlines()
    os.unlink(name)
    end = 0
    for line in sorted(found, key=lambda text: int(text.split()[0], 16)):
        m = re.fullmatch(r'([0-9a-f]+) ([0-9a-f]+) (rhea:thunks|guest:[0-9a-f]+\+\d+)', line)
        if not m or int(m.group(1), 16) < end:
            raise h.Failure(f'{name}: {line!r} is malformed, or begins before {end:#x}')
        end = int(m.group(1), 16) + int(m.group(2), 16)
    for want in ('rhea:thunks', 'guest:80000000+'):
        if not any(want in line for line in found):
            raise h.Failure(f'{name}: no {want}')


def dump(bare):
    name = os.path.join(h.work_dir(), f'jit-{run(bare, "-jitdump")}.dump')
    with open(name, 'rb') as f:
        data = f.read()
    magic, version, size, machine = struct.unpack_from('=4I', data)
    if (magic, version, size, machine) != (0x4a695444, 1, 40, 62):
        raise h.Failure(f'{name}: header {data[:16].hex()}')
    names, at, last = [], size, 0
    while at < len(data):
        kind, size, time = struct.unpack_from('=IIQ', data, at)
        if size < 16 or at + size > len(data) or time < last:
            raise h.Failure(f'{name}: record of {size} bytes at {at}, time {time} after {last}')
        if kind == 0:
            vma, address, code, index = struct.unpack_from('=4Q', data, at + 24)
            text = data[at + 56:data.index(b'\0', at + 56)].decode()
            if vma != address or index != len(names) or 56 + len(text) + 1 + code != size:
                raise h.Failure(f'{name}: {text}: {vma:#x} {address:#x} {code} {index}')
            names.append(text)
        at, last = at + size, time
    if 'rhea:thunks' not in names or not any(n.startswith('guest:80000000+') for n in names):
        raise h.Failure(f'{name}: names {names[:4]}')
