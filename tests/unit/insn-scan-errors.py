#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""What scripts/insn-scan.py says about rows that are wrong: each must fail and name what and where."""
import os
import subprocess
import sys
import tempfile

SCAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'scripts', 'insn-scan.py')
FN = '\nvoid x_trans_{0}(XCtx *c, const XInsn *a)\n{{\n}}\n'


def row(name, pattern, where='', ext='I', fn=True):
    return f'INSN({name}, "{pattern}", {ext}, "rd", "{where}")' + (FN.format(name) if fn else '\n')


ADD = row('add', '0000000 rs2:5 rs1:5 000 rd:5 0110011')
# (case, source, exit status, texts that the message must have)
CASES = [
    ('right', ADD + row('sub', '0100000 rs2:5 rs1:5 000 rd:5 0110011'), 0, []),
    ('ambiguous', ADD + row('snez', 'imm[6:0] rs2:5 00000 000 rd:5 0110011'), 1,
     ['rows.c:1: add', 'rows.c:5: snez', '0x33']),
    ('told apart by a condition', ADD + row('snez', 'imm[6:0] rs2:5 00000 000 rd:5 0110011', 'imm!=0'), 0, []),
    ('told apart by over=', ADD + row('snez', 'imm[6:0] rs2:5 00000 000 rd:5 0110011', 'over=add'), 0, []),
    ('told apart by width',
     row('a', '0000000 rs2:5 rs1:5 000 rd:5 0110011', ext='I + RV32') +
     row('b', '0000000 rs2:5 rs1:5 000 rd:5 0110011', ext='I + RV64'), 0, []),
    ('same name', ADD + ADD, 1, ['rows.c:5', 'rows.c:1']),
    ('bits missing', row('add', '000000 rs2:5 rs1:5 000 rd:5 0110011'), 1, ['rows.c:1', 'add', '31 bits']),
    ('bit twice', row('add', 'imm[3:0] imm[3:1] rs2:5 rs1:5 000 rd:5 0110011'), 1, ['add', 'imm has a bit twice']),
    ('upside down', row('add', 'imm[0:6] rs2:5 rs1:5 000 rd:5 0110011'), 1, ['imm[0:6]']),
    ('nonsense token', row('add', '000000x rs2:5 rs1:5 000 rd:5 0110011'), 1, ['000000x']),
    ('unknown class', row('add', '@foo 000 rd:5 0110011'), 1, ['no PATTERN row names foo']),
    ('unknown over', row('add', '0000000 rs2:5 rs1:5 000 rd:5 0110011', 'over=foo'), 1, ['over=foo']),
    ('no function', row('add', '0000000 rs2:5 rs1:5 000 rd:5 0110011', fn=False), 1, ['no function directly below']),
    ('function too far', row('add', '0000000 rs2:5 rs1:5 000 rd:5 0110011', fn=False) + 'int x;\n' +
     row('sub', '0100000 rs2:5 rs1:5 000 rd:5 0110011'), 1, ['no function directly below row add']),
    ('too few arguments', 'INSN(add, "0")' + FN.format('add'), 1, ['2 arguments']),
    ('string left open', 'INSN(add, "0' + FN.format('add'), 1, ['rows.c:1']),
    ('only comments', '/* INSN(add, "0000000", I, "rd") */\n', 1, ['no rows']),
]


def main():
    bad = 0
    print(f'1..{len(CASES)}')
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'rows.c')
        for n, (case, source, status, texts) in enumerate(CASES, 1):
            with open(path, 'w', encoding='utf-8') as f:
                f.write(source)
            r = subprocess.run([sys.executable, SCAN, '--prefix', 'x', '--root', d, '--source', path + '.out',
                                '--include', 'x.h', path], capture_output=True, text=True, check=False)
            ok = r.returncode == status and all(t in r.stderr for t in texts) and 'Traceback' not in r.stderr
            bad += not ok
            print(('ok' if ok else 'not ok'), n, '-', case)
            if not ok:
                print(''.join(f'# {x}\n' for x in r.stderr.splitlines()), end='')
    return bool(bad)


if __name__ == '__main__':
    sys.exit(main())
