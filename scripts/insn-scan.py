#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Read the INSN rows of a target and write its decoder and its table of instructions.

  insn-scan.py --prefix riscv --include target/riscv/insn.h --header OUT.h --source OUT.c FILES...
  insn-scan.py --prefix riscv --todo FILES...      list the commented rows: what is not implemented

What a row looks like, and what each part means, is in docs/add-an-instruction.md. Only rows are
read; the C around them is the compiler's. FIELD and PATTERN rows are read wherever they stand.
An error names the file and the line; two rows that claim one encoding fail with both places.
"""
import argparse
import os
import re
import sys

# The room in an InsnRow, as in include/target/insn-row.h; texts with their final 0.
MAX_PIECES, MAX_FIELDS, MAX_WHERE, MAX_EXT = 8, 12, 8, 4
MAX_FIELD_NAME, MAX_NAME, MAX_TEXT, MAX_FILE = 10, 24, 32, 40


class Bad(Exception):
    pass


class Field:
    """A field of a pattern: pieces (pos, len, at), first in the text first."""

    def __init__(self, name):
        self.name, self.pieces = name, []

    @property
    def width(self):
        return max(at + n for _, n, at in self.pieces)

    def raw(self, word):
        """C expression of the field's bits."""
        parts = []
        for pos, n, at in self.pieces:
            e = f'({word} >> {pos} & {hex((1 << n) - 1)})' if pos else f'({word} & {hex((1 << n) - 1)})'
            parts.append(f'{e} << {at}' if at else e)
        return ' | '.join(parts)

    def value(self, mask, match):
        """The field's bits if the mask fixes all of them, else None."""
        v = 0
        for pos, n, at in self.pieces:
            m = ((1 << n) - 1) << pos
            if mask & m != m:
                return None
            v |= (match & m) >> pos << at
        return v


class Row:
    def __init__(self, path, line, name):
        self.path, self.line, self.name = path, line, name
        self.fields, self.lead, self.tail = {}, [], []
        self.conds, self.sets, self.over = [], [], []
        self.function = None

    @property
    def place(self):
        return f'{self.path}:{self.line}'


# ---- reading ----

def line_of(text, pos):
    return text.count('\n', 0, pos) + 1


def call_args(text, pos, place):
    """Arguments of the macro call whose '(' is at pos, and the position after its ')'."""
    args, cur, depth, i = [], '', 0, pos
    while i < len(text):
        ch = text[i]
        if ch == '"':
            m = re.compile(r'"((?:[^"\\]|\\.)*)"').match(text, i)
            if not m:
                raise Bad(f'{place}: string does not end')
            cur += m.group(0)
            i = m.end()
            continue
        if ch == '(':
            depth += 1
            if depth == 1:
                i += 1
                continue
        elif ch == ')':
            depth -= 1
            if depth == 0:
                return args + [cur.strip()], i + 1
        elif ch == ',' and depth == 1:
            args.append(cur.strip())
            cur = ''
            i += 1
            continue
        cur += ch
        i += 1
    raise Bad(f'{place}: row does not end')


def string(arg, place):
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', arg)
    if re.sub(r'"(?:[^"\\]|\\.)*"', '', arg).strip() or (arg and not parts):
        raise Bad(f'{place}: expected a string: {arg}')
    return ''.join(parts)


ROW = re.compile(r'^(?P<comment>[ \t]*(?://|/\*|\*)[ \t]*)?(?P<kind>INSN|FIELD|PATTERN)(?=\()', re.M)
FUNCTION = re.compile(r'\s*void\s+(\w+)\(')


class Scan:
    def __init__(self, prefix, types, root):
        self.prefix, self.types, self.root = prefix, types, root
        self.rows, self.todo = [], []
        self.field_kinds, self.patterns = {}, {}

    def read(self, path):
        with open(path, encoding='utf-8') as f:
            text = f.read()
        shown = os.path.relpath(path, self.root)
        pending = []
        end = 0
        matches = list(ROW.finditer(text))
        for m in matches:
            place = f'{shown}:{line_of(text, m.start())}'
            args, after = call_args(text, m.end(), place)
            if m['kind'] == 'FIELD':
                if not m['comment']:
                    name, kind, member = self.count(args, 3, 3, place)
                    self.field_kinds[string(name, place)] = (kind, member)
                continue
            if m['kind'] == 'PATTERN':
                if not m['comment']:
                    name, pattern, fn = self.count(args, 3, 3, place)
                    self.patterns[name] = (string(pattern, place), fn)
                continue
            name, pattern, ext, operands, where = self.count(args, 3, 5, place)
            row = Row(shown, line_of(text, m.start()), name)
            row.pattern, row.ext = string(pattern, place), ext
            row.operands, row.where = string(operands, place), string(where, place)
            if m['comment']:
                self.todo.append(row)
                continue
            as_ = re.search(r'(?:^|\s)as=(\w+)', row.where)
            if as_ and not pending:
                row.function = as_[1]
                self.rows.append(row)
                continue
            if pending and not re.fullmatch(r'\s*', text[end:m.start()]):
                raise Bad(f'{pending[-1].place}: no function directly below row {pending[-1].name}')
            pending.append(row)
            self.rows.append(row)
            end = after
            fn = FUNCTION.match(text, after)
            if fn:
                for r in pending:
                    r.function = fn[1]
                pending = []
        if pending:
            raise Bad(f'{pending[-1].place}: no function directly below row {pending[-1].name}')

    @staticmethod
    def count(args, least, most, place):
        if not least <= len(args) <= most:
            raise Bad(f'{place}: {len(args)} arguments, expected {least} to {most}')
        return args + [''] * (most - len(args))

    # ---- meaning ----

    TOKEN = re.compile(r"""(?P<bits>[01.]+)$
        |@(?P<cls>\w+)(?:\{(?P<given>[^}]*)\})?$
        |(?P<name>[A-Za-z]\w*'?)(?::(?P<width>\d+)|\[(?P<slices>[\d:|]+)\])$""", re.X)

    def expand(self, row, pattern, given, first):
        """Append the tokens of a pattern to row.seq: (kind, ...)."""
        for tok in pattern.split():
            m = self.TOKEN.match(tok)
            if not m:
                raise Bad(f'{row.place}: {row.name}: cannot read "{tok}" in the pattern')
            if m['bits']:
                row.seq.append(('bits', m['bits']))
            elif m['cls']:
                if m['cls'] not in self.patterns:
                    raise Bad(f'{row.place}: {row.name}: no PATTERN row names {m["cls"]}')
                inner, fn = self.patterns[m['cls']]
                g = dict(x.split('=') for x in (m['given'] or '').split())
                started = bool(row.seq)
                if inner:
                    self.expand(row, inner, g, first)
                if fn:
                    (row.tail if inner or started else row.lead).append(fn)
            else:
                name = m['name']
                if m['width']:
                    n = int(m['width'])
                    slices = [(n - 1, 0)]
                else:
                    slices = []
                    for s in m['slices'].split('|'):
                        hi, _, lo = s.partition(':')
                        slices.append((int(hi), int(lo or hi)))
                if name in given:
                    if not m['width']:
                        raise Bad(f'{row.place}: {row.name}: {name} is in pieces, cannot be given')
                    if not re.fullmatch('[01]+', given[name]) or len(given[name]) != n:
                        raise Bad(f'{row.place}: {row.name}: {name} takes {n} bits')
                    row.seq.append(('bits', given[name]))
                    continue
                for hi, lo in slices:
                    if hi < lo:
                        raise Bad(f'{row.place}: {row.name}: {name}[{hi}:{lo}] is upside down')
                    row.seq.append(('field', name, hi - lo + 1, lo))

    def digest(self, row, stream):
        row.seq = []
        self.expand(row, row.pattern, {}, True)
        total = sum(len(t[1]) if t[0] == 'bits' else t[2] for t in row.seq)
        row.bits = total
        if stream:
            if total > 32 or total % 8:
                raise Bad(f'{row.place}: {row.name}: {total} fixed bits; whole bytes, at most 4')
            pos = 32
        else:
            if total not in (16, 32):
                raise Bad(f'{row.place}: {row.name}: the pattern has {total} bits, not 16 or 32')
            pos = total
        row.mask = row.match = 0
        seen = {}
        for t in row.seq:
            if t[0] == 'bits':
                for ch in t[1]:
                    pos -= 1
                    if ch != '.':
                        row.mask |= 1 << pos
                        row.match |= int(ch) << pos
            else:
                _, name, n, at = t
                pos -= n
                f = row.fields.setdefault(name, Field(name))
                bits = ((1 << n) - 1) << at
                if seen.get(name, 0) & bits:
                    raise Bad(f'{row.place}: {row.name}: {name} has a bit twice')
                seen[name] = seen.get(name, 0) | bits
                f.pieces.append((pos, n, at))
        self.digest_where(row)
        self.digest_ext(row)
        if (len(row.fields) > MAX_FIELDS or len(row.conds) > MAX_WHERE or len(row.exts) > MAX_EXT or
                len(row.name) >= MAX_NAME or len(row.ext) >= MAX_TEXT or len(row.path) >= MAX_FILE or
                any(len(f.pieces) > MAX_PIECES or len(f.name) >= MAX_FIELD_NAME for f in row.fields.values())):
            raise Bad(f'{row.place}: {row.name}: more than InsnRow has room for')

    COND = re.compile(r"(\w+'?)(==|!=)(\w+)$")

    def digest_where(self, row):
        for item in row.where.split():
            if item.startswith('over='):
                row.over.append(item[5:])
                continue
            if item.startswith('as='):
                row.function = item[3:]
                continue
            alts = [self.COND.match(x) for x in item.split('|')]
            if all(alts):
                row.conds.append([(m[1], m[2], int(m[3], 0)) for m in alts])
                continue
            m = re.match(r'(\w+)=(-?\w+)$', item)
            if not m:
                raise Bad(f'{row.place}: {row.name}: cannot read "{item}"')
            row.sets.append((m[1], m[2]))

    def digest_ext(self, row):
        """'A + (B | C)' without parentheses: alternatives of conjunctions."""
        row.exts = []
        text = row.ext
        # One level of parentheses is multiplied out.
        m = re.match(r'(.*)\((.*)\)(.*)$', text)
        texts = [m[1] + alt.strip() + m[3] for alt in m[2].split('|')] if m else text.split('|')
        for alt in texts:
            names = [n.strip() for n in alt.split('+')] if alt.strip() else []
            if not all(re.fullmatch(r'\w+', n) for n in names):
                raise Bad(f'{row.place}: {row.name}: cannot read extensions "{text}"')
            row.exts.append(names)

    @staticmethod
    def excluded(a, b):
        """True if a condition of a is false for everything that b matches."""
        for alts in a.conds:
            sure = []
            for name, rel, val in alts:
                f = a.fields.get(name)
                v = f.value(b.mask, b.match) if f else None
                if v is None:
                    sure.append(any(other == (name, '==' if rel == '!=' else '!=', val)
                                    for [other] in (x for x in b.conds if len(x) == 1)
                                    if f is None or (name in b.fields and
                                                     b.fields[name].pieces == f.pieces)))
                else:
                    sure.append((v == val) != (rel == '=='))
            if all(sure):
                return True
        return False

    @staticmethod
    def exclusive(a, b):
        """True if no CPU has both: RV32 against RV64."""
        return all(('RV32' in x and 'RV64' in y) or ('RV64' in x and 'RV32' in y)
                   for x in a.exts for y in b.exts)

    def check(self, stream):
        names = {}
        for r in self.rows:
            if r.name in names:
                raise Bad(f'{r.place}: {r.name} has a row already at {names[r.name].place}')
            names[r.name] = r
        for r in self.rows:
            for o in r.over:
                if o not in names:
                    raise Bad(f'{r.place}: {r.name}: over={o}, but there is no such row')
        for i, a in enumerate(self.rows):
            for b in self.rows[i + 1:]:
                if not stream and a.bits != b.bits:
                    continue
                both = a.mask & b.mask
                if (a.match ^ b.match) & both or self.excluded(a, b) or self.excluded(b, a):
                    continue
                if self.exclusive(a, b) or a.name in b.over or b.name in a.over:
                    continue
                w = a.match | b.match
                raise Bad(f'{a.place}: {a.name} and\n{b.place}: {b.name}\n'
                          f'both claim {w:#x}; a condition, or over=NAME in the one that is tried '
                          'first, would tell them apart')
        if stream and len({tuple(r.lead) for r in self.rows}) > 1:
            raise Bad(f'{self.rows[0].place}: all rows of a stream begin with the same pattern')

    # ---- writing ----

    def member(self, field, word):
        """C statement that puts the field into *a."""
        kind, member = self.field_kinds.get(field.name, ('unsigned', field.name))
        raw = field.raw(word)
        if kind == 'unsigned':
            return f'a->{member} = {raw};'
        if kind == 'signed':
            n = 32 - field.width
            return f'a->{member} = (int32_t)(({raw}) << {n}) >> {n};'
        return f'a->{member} = {kind}({raw});'

    def ext_test(self, row):
        P = self.prefix.upper()
        alts = []
        for names in row.exts:
            if not names:
                return ''
            m = ' | '.join(f'{P}_EXT({n})' for n in names)
            alts.append(f'(ext & ({m})) == ({m})' if len(names) > 1 else f'ext & {m}')
        return ' || '.join(f'({x})' for x in alts) if len(alts) > 1 else alts[0]

    def leaf(self, row, known, pad, out, stream):
        rest = row.mask & ~known
        tests = []
        if rest:
            tests.append(f'(w & {rest:#x}) == {row.match & rest:#x}')
        ext = self.ext_test(row)
        if ext:
            tests.append(f'({ext})')
        for alts in row.conds:
            texts = []
            for name, rel, val in alts:
                f = row.fields.get(name)
                texts.append(f'({f.raw("w")}) {rel} {val}' if f else f'a->{name} {rel} {val}')
            tests.append(f'({" || ".join(texts)})' if len(texts) > 1 else texts[0])
        inner = pad + ('    ' if tests else '')
        if tests:
            out.append(f'{pad}if ({" && ".join(tests)}) {{')
        if row.xname:
            out.append(f'{inner}{row.xname}(a, w);')
        if stream:
            out.append(f'{inner}{self.prefix}_skip(s, {row.bits // 8});')
            for fn in row.tail:
                out.append(f'{inner}{fn}(s, a);')
        out.append(f'{inner}return {self.prefix.upper()}_INSN_{row.name};')
        if tests:
            out.append(f'{pad}}}')
        return bool(tests)

    def tree(self, rows, known, pad, out, stream):
        """Code that returns the matching row's number or falls through."""
        common = ~known & 0xffffffff
        for r in rows:
            common &= r.mask
        values = {r.match & common for r in rows}
        if len(rows) == 1 or len(values) == 1:
            # Rows that go before another come first; the order of the files otherwise.
            for r in self.ordered(rows):
                self.leaf(r, known, pad, out, stream)
            return
        # The run of bits that splits best.
        best = None
        bit = 0
        while bit < 32:
            if not common >> bit & 1:
                bit += 1
                continue
            end = bit
            while end < 32 and common >> end & 1:
                end += 1
            run = ((1 << end) - 1) & ~((1 << bit) - 1)
            # The length field in the low bits of RISC-V is the same everywhere: trim what is constant.
            n = len({r.match & run for r in rows})
            if n > 1 and (best is None or n > best[0]):
                best = (n, run, bit)
            bit = end
        _, run, shift = best
        groups = {}
        for r in rows:
            groups.setdefault(r.match & run, []).append(r)
        out.append(f'{pad}switch (w >> {shift} & {run >> shift:#x}) {{' if shift else
                   f'{pad}switch (w & {run:#x}) {{')
        for v in sorted(groups):
            out.append(f'{pad}case {v >> shift:#x}:')
            self.tree(groups[v], known | run, pad + '    ', out, stream)
            out.append(f'{pad}    break;')
        out.append(f'{pad}}}')

    def ordered(self, rows):
        out, left = [], list(rows)
        while left:
            for r in left:
                if not any(r.name in o.over for o in left):
                    break
            else:
                raise Bad(f'{left[0].place}: over= goes round in a circle')
            left.remove(r)
            out.append(r)
        return out

    def operands(self, row):
        P = self.prefix.upper()
        items = []
        for m in re.finditer(r'[A-Za-z]\w*|.', row.operands):
            t = m[0]
            if len(t) > 1 or t.isalpha():
                items.append(f'{P}_OPERAND_{t}')
            else:
                items.append("'\\''" if t == "'" else f"'{t}'")
        if len(items) >= MAX_TEXT:
            raise Bad(f'{row.place}: {row.name}: more operands than an InsnRow takes')
        return '{' + ', '.join(items + ['0']) + '}'

    def write_header(self, path, argv0):
        p, P, camel = self.prefix, self.prefix.upper(), self.types
        out = [f'/* Written by {argv0} from the INSN rows. */', f'#ifndef {P}_INSN_GEN_H',
               f'#define {P}_INSN_GEN_H', '', f'typedef enum {camel}InsnId {{',
               f'    {P}_INSN_NONE,']
        out += [f'    {P}_INSN_{r.name}, /* {r.place} */' for r in self.rows]
        out += [f'    {P}_INSN_COUNT', f'}} {camel}InsnId;', '']
        for fn in dict.fromkeys(r.function for r in self.rows):
            out.append(f'void {fn}({camel}Ctx *c, const {camel}Insn *a);')
        out += ['', '#endif', '']
        self.put(path, out)

    def write_source(self, path, argv0, include, stream):
        p, P, camel = self.prefix, self.prefix.upper(), self.types
        out = [f'/* Written by {argv0} from the INSN rows. */', f'#include "{include}"', '']
        shapes = {}
        for r in self.rows:
            body = [self.member(f, 'w') for f in r.fields.values()]
            body += [f'a->{m} = ' + (f'a->{v};' if v[0].isalpha() else f'{v};') for m, v in r.sets]
            key = tuple(body)
            if not body:
                r.xname = None
                continue
            if key not in shapes:
                shapes[key] = f'fields_{len(shapes)}'
                out += [f'static inline void {shapes[key]}({camel}Insn *a, uint32_t w)', '{']
                out += ['    ' + s for s in body] + ['}', '']
            r.xname = shapes[key]
        if stream:
            out += [f'{camel}InsnId {p}_decode({camel}Stream *s, uint64_t ext, {camel}Insn *a)', '{']
            out += [f'    {fn}(s, a);' for fn in self.rows[0].lead]
            out += [f'    uint32_t w = {p}_peek(s);']
            self.tree(self.rows, 0, '    ', out, True)
            out += [f'    return {P}_INSN_NONE;', '}', '']
        else:
            for bits in (16, 32):
                rows = [r for r in self.rows if r.bits == bits]
                if rows:
                    out += [f'{camel}InsnId {p}_decode{bits}(uint32_t w, uint64_t ext, {camel}Insn *a)',
                            '{']
                    self.tree(rows, 0, '    ', out, False)
                    out += [f'    return {P}_INSN_NONE;', '}', '']
        out += [f'void (*const {p}_trans[{P}_INSN_COUNT])({camel}Ctx *c, const {camel}Insn *a) = {{']
        out += [f'    [{P}_INSN_{r.name}] = {r.function},' for r in self.rows]
        out += ['};', '', f'const InsnRow {p}_insn_rows[{P}_INSN_COUNT] = {{']
        for r in self.rows:
            fields = list(r.fields.values())
            index = {f.name: i for i, f in enumerate(fields)}
            out.append(f'    [{P}_INSN_{r.name}] = {{')
            mnemonic = r.name.split('__')[0].replace('_', '.')
            out.append(f'        .name = "{mnemonic}", .file = "{r.path}", .line = {r.line},')
            out.append(f'        .ext_text = "{r.ext}", .operands = {self.operands(r)},')
            exts = ['|'.join(f'{P}_EXT({n})' for n in names) or '0' for names in r.exts]
            out.append(f'        .ext = {{{", ".join(exts)}}}, .next = {len(exts)},')
            out.append(f'        .mask = {r.mask:#x}, .match = {r.match:#x}, .bits = {r.bits},')
            fs = []
            for f in fields:
                ps = ', '.join(f'{{{a}, {b}, {c}}}' for a, b, c in f.pieces)
                fs.append(f'{{"{f.name}", {f.width}, {len(f.pieces)}, {{{ps}}}}}')
            if fs:
                out.append(f'        .nfields = {len(fs)}, .fields = {{{", ".join(fs)}}},')
            ws = [f'{{{index[c[0][0]]}, {"true" if c[0][1] == "==" else "false"}, {c[0][2]}}}'
                  for c in r.conds if len(c) == 1 and c[0][0] in index]
            if ws:
                out.append(f'        .nwhere = {len(ws)}, .where = {{{", ".join(ws)}}},')
            out.append('    },')
        out += ['};', '']
        self.put(path, out)

    @staticmethod
    def put(path, lines):
        text = '\n'.join(lines)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--prefix', required=True, help='of symbols and, in capitals, of constants')
    ap.add_argument('--types', help='prefix of types; default: the prefix, capitalized')
    ap.add_argument('--include', help='header with the target\'s types')
    ap.add_argument('--root', default='.', help='places in messages are relative to this folder')
    ap.add_argument('--header')
    ap.add_argument('--source')
    ap.add_argument('--stream', action='store_true',
                    help='instructions are a stream of bytes, not words of 16 or 32 bits')
    ap.add_argument('--todo', action='store_true', help='list the commented rows')
    ap.add_argument('files', nargs='+')
    o = ap.parse_args()
    scan = Scan(o.prefix, o.types or o.prefix.capitalize(), o.root)
    try:
        for path in o.files:
            scan.read(path)
        for r in scan.rows:
            scan.digest(r, o.stream)
        if o.todo:
            for r in scan.todo:
                print(f'{r.place}: {r.name} {r.ext}')
            return 0
        if not scan.rows:
            raise Bad('insn-scan: no rows')
        scan.check(o.stream)
        argv0 = 'scripts/' + os.path.basename(sys.argv[0])
        if o.header:
            scan.write_header(o.header, argv0)
        if o.source:
            scan.write_source(o.source, argv0, o.include, o.stream)
    except Bad as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
