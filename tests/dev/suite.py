#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""The device tree of board virt, node by node: against tests/dev/*.dt, which were made from the reference's, or, with
RHEA_REFERENCE, against what that emulator dumps now.

  RHEA_REFERENCE=... tests/dev/suite.py --update    writes the *.dt files anew

A tree is compared as sorted text. Left out are nodes of devices that rhea does not have yet, extensions that it does not
implement yet, and the value of rng-seed.
"""
import difflib
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import harness as h  # noqa: E402
from harness import Failure, Skip, Test  # noqa: E402

# Nodes and extensions still to come. (The reference lists ssu64xl for 32-bit harts, which cannot have it.)
LEFT_OUT_NODES = ('platform-bus@',)
# A second name of riscv,delegation, for old firmware.
LEFT_OUT_PROPERTIES = ('riscv,delegate',)
LEFT_OUT_EXTENSIONS = {'h', 'ssu64xl', 'sha', 'shcounterenw', 'shgatpa', 'shtvala', 'shvsatpa', 'shvstvala', 'shvstvecd'}

# Name, bits, arguments ($D: folder with kernel and initrd). Those that start with '+' have a *.dt file.
CASES = [
    ('+one', 64, []),
    ('+aclint', 64, ['-M', 'virt,aclint=on', '-smp', '2', '-m', '1G']),
    ('+rv32', 32, ['-bios', 'none', '-smp', '2', '-m', '1G']),
    ('+chosen', 64, ['-m', '256M', '-kernel', '$D/kernel', '-initrd', '$D/initrd', '-append', 'console=ttyS0 quiet']),
    ('+aplic', 64, ['-M', 'virt,aia=aplic', '-smp', '2']),
    ('+imsic', 64, ['-M', 'virt,aia=aplic-imsic,aia-guests=3', '-smp', '3']),
    ('imsic-aclint', 64, ['-M', 'virt,aia=aplic-imsic,aclint=on', '-smp', '2']),
    ('smp4', 64, ['-smp', '4']),
    ('smp8', 64, ['-smp', '8,sockets=2,cores=2,threads=2']),
    ('smp8-aclint', 64, ['-M', 'virt,aclint=on', '-smp', '8']),
    ('smp512', 64, ['-smp', '512']),
    ('3g', 64, ['-m', '3G']),
    ('16g', 64, ['-m', '16G', '-smp', '3']),
    ('u54', 64, ['-cpu', 'sifive-u54']),
    ('no-sstc', 64, ['-cpu', 'rv64,sstc=off']),
    ('pmu', 64, ['-cpu', 'rv64,pmu-mask=0xf0']),
]


def parse(blob):
    """{path: {property: bytes}}"""
    magic, _, off_struct, off_strings = struct.unpack('>4I', blob[:16])
    if magic != 0xd00dfeed:
        raise Failure('no device tree was written')
    nodes, path, at = {}, [], off_struct
    while True:
        (token,) = struct.unpack_from('>I', blob, at)
        at += 4
        if token == 1:
            end = blob.index(b'\0', at)
            path.append(blob[at:end].decode())
            nodes['/'.join(path) or '/'] = {}
            at = (end + 4) & ~3
        elif token == 2:
            path.pop()
        elif token == 3:
            size, name = struct.unpack_from('>2I', blob, at)
            start = off_strings + name
            nodes['/'.join(path) or '/'][blob[start:blob.index(b'\0', start)].decode()] = blob[at + 8:at + 8 + size]
            at = (at + 8 + size + 3) & ~3
        elif token == 9:
            return nodes


def extensions(name, value):
    """The list of extensions without those that are left out."""
    if name == 'riscv,isa':
        first, *rest = value.rstrip(b'\0').decode().split('_')
        return '_'.join([first.replace('h', '')] + [e for e in rest if e not in LEFT_OUT_EXTENSIONS])
    return ' '.join(e for e in value.decode().split('\0') if e and e not in LEFT_OUT_EXTENSIONS)


def show(name, value):
    if name == 'rng-seed':
        return f'{len(value)} bytes'
    if name in ('riscv,isa', 'riscv,isa-extensions'):
        return extensions(name, value)
    text = value[:-1]
    if value.endswith(b'\0') and text and all(32 <= c < 127 or c == 0 for c in text) and text[0] and b'\0\0' not in value:
        return ' '.join(f'"{s}"' for s in text.decode().split('\0'))
    if len(value) % 4 == 0:
        return '<' + ' '.join(f'{c:x}' for c in struct.unpack(f'>{len(value) // 4}I', value)) + '>'
    return value.hex()


def canonical(blob):
    lines = []
    for path, props in sorted(parse(blob).items()):
        if any(part.startswith(LEFT_OUT_NODES) for part in path.split('/')):
            continue
        lines.append(path)
        lines += [f'    {name} {show(name, value)}'.rstrip() for name, value in sorted(props.items())
                  if name not in LEFT_OUT_PROPERTIES]
    return lines


def dump(command, args):
    folder = files()
    args = [a.replace('$D', folder) for a in args]
    with tempfile.NamedTemporaryFile(suffix='.dtb', dir=folder) as out:
        if '-M' in args:
            args[args.index('-M') + 1] += f',dumpdtb={out.name}'
        else:
            args = ['-M', f'virt,dumpdtb={out.name}'] + args
        try:
            p = subprocess.run(command + args + ['-display', 'none'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=30 * h.SLOW)
        except subprocess.TimeoutExpired:
            raise Failure('dumpdtb does not end')
        if p.returncode:
            raise Failure(f'status {p.returncode}: {p.stdout.decode(errors="replace")}')
        with open(out.name, 'rb') as f:
            return canonical(f.read())


def files():
    """Folder with a kernel and an initrd of fixed sizes, where a reference in a chroot sees it, too."""
    def build():
        folder = tempfile.mkdtemp(prefix='rhea-dtb-')
        for name, size in (('kernel', 3000000), ('initrd', 1234567)):
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(bytes([0x13, 0, 0, 0]) * (size // 4))
        return folder

    return h.once('dtb-files', build)


def expected_path(name):
    return os.path.join(HERE, name + '.dt')


def compare(name, stored, bits, args):
    if os.environ.get('RHEA_REFERENCE'):
        want = dump(h.emulator(f'riscv{bits}', reference=True), args)
    elif stored:
        with open(expected_path(name)) as f:
            want = f.read().splitlines()
    else:
        raise Skip('no reference emulator ($RHEA_REFERENCE)')
    have = dump(h.emulator(f'riscv{bits}'), args)
    if have != want:
        raise Failure('\n'.join(difflib.unified_diff(want, have, 'expected', 'rhea', lineterm='', n=3)))


def collect():
    tests = []
    for name, bits, args in CASES:
        stored = name.startswith('+')
        name = name.lstrip('+')
        tests.append(Test('dev/virt-dtb/' + name, lambda n=name, s=stored, b=bits, a=args: compare(n, s, b, a), 1, 1))
    return tests


if __name__ == '__main__' and sys.argv[1:] == ['--update']:
    for case, case_bits, case_args in CASES:
        if case.startswith('+'):
            with open(expected_path(case[1:]), 'w') as result:
                result.write('\n'.join(dump(h.emulator(f'riscv{case_bits}', reference=True), case_args)) + '\n')
