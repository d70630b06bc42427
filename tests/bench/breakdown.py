# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Where the emulator's time goes, for tests/bench/run: samples of a kernel while it runs (perf record), or every host
instruction of a program without an operating system (callgrind), sorted into translation, generated code (the hit
path: what a unit does by itself), slow path (soft TLB misses, page walks, devices' address map), helpers (C that units
call for an instruction, an exception, a system register), dispatch (look-up, linking, epochs), devices and the host."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

import harness as h

PARTS = ('generated', 'translation', 'slow path', 'helpers', 'dispatch', 'devices', 'library', 'kernel', 'other')
# By the source file, slashes as underscores; the first that fits.
RULES = [(re.compile(pattern), part) for pattern, part in (
    (r'^(softmmu_(tlb|memory|ram|phys|access)|target_\w+?_(mmu|walk|tlb|pmp))', 'slow path'),
    (r'^tcg_(x86_64_side|softfp)', 'helpers'),
    (r'^(accel_tcg_(translate|saved|check)|tcg_|target_\w+_translate|target_\w+_(decode|disas))', 'translation'),
    (r'^(accel_|include_accel)', 'dispatch'),
    (r'^(hw_|io_)', 'devices'),
    (r'^softmmu_', 'devices'),
    (r'^(fpu_|target_|include_)', 'helpers'))]


def part_of(source, symbol):
    if symbol.startswith('helper_'):
        return 'slow path' if source.startswith('softmmu_tlb') else 'helpers'
    # Beside helpers, a file of instructions has functions that emit IR; these are static and take a DisasContext.
    if re.match(r'target_\w+_insn_', source):
        return 'translation'
    for pattern, part in RULES:
        if pattern.match(source):
            return part
    return 'other'


def real_program(command):
    """The emulator's file behind links, where it is one with its objects beside it."""
    path = shutil.which(command[0])
    return os.path.realpath(path) if path else command[0]


def sources_of(program):
    """{symbol: source} from the objects in the build folder."""

    def build():
        found = {}
        objects = glob.glob(os.path.join(os.path.dirname(program), '*.p', '*.o'))
        if objects:
            for line in h.run([h.need('nm'), '-A', '--defined-only', *objects]).decode().splitlines():
                m = re.match(r'(.*?):[0-9a-f]+ [tTwW] (\S+)', line)
                if m:
                    found.setdefault(m.group(2), os.path.basename(m.group(1)))
        return found

    return h.once(('symbols', program), build)


class Samples:
    """perf record of a process between start() and stop()."""

    def __init__(self, pid, command):
        self.pid, self.program = pid, real_program(command)
        self.file = os.path.join(h.work_dir(), 'perf.data')

    def __enter__(self):
        self.perf = subprocess.Popen([h.need('perf'), 'record', '-q', '-e', 'cpu-clock', '-F', '1000', '-o', self.file, '-p',
                                      str(self.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(.5)
        return self

    def __exit__(self, *exc):
        self.perf.send_signal(signal.SIGINT)
        self.error = self.perf.communicate()[1].decode('utf-8', 'replace')
        return False

    def parts(self):
        """({part: share}, [(share, part, symbol)] with the most first)."""
        text = h.run(['perf', 'script', '-i', self.file, '-F', 'ip,sym,dso']).decode('utf-8', 'replace')
        sources, count = sources_of(self.program), {}
        for line in text.splitlines():
            m = re.match(r'\s*[0-9a-f]+ (.*?) \((.*)\)$', line)
            if not m:
                continue
            symbol, dso = re.sub(r'\+0x[0-9a-f]+$', '', m.group(1)), m.group(2)
            if dso.startswith('[') and dso != '[unknown]' or 'kernel' in dso:
                part = 'kernel'
            elif os.path.basename(dso.split(' ')[0]) == os.path.basename(self.program):
                part = part_of(sources.get(symbol, ''), symbol)
            elif '.so' in dso:
                part = 'library'
            else:
                part = 'generated'
                symbol = '' if symbol == '[unknown]' else symbol
            count[part, symbol] = count.get((part, symbol), 0) + 1
        return shares(count)


def shares(count):
    total = sum(count.values()) or 1
    parts = {}
    for (part, _), n in count.items():
        parts[part] = parts.get(part, 0) + n / total
    top = sorted(((n / total, part, symbol) for (part, symbol), n in count.items()), reverse=True)
    return parts, top


def show(parts, top, lines=6):
    text = '    ' + ', '.join(f'{p} {parts[p]:.1%}' for p in PARTS if parts.get(p, 0) >= .0005)
    for share, part, symbol in [t for t in top if t[2] and t[0] >= .01][:lines]:
        text += f'\n      {share:6.1%}  {symbol} ({part})'
    return text


def callgrind(command):
    """{(part, symbol): host instructions} of a whole run."""
    out = os.path.join(h.work_dir(), 'callgrind.out')
    h.run([h.need('valgrind'), '-q', '--tool=callgrind', '--smc-check=all', f'--callgrind-out-file={out}', *command], 600,
          stdin=subprocess.DEVNULL)
    text = h.run(['callgrind_annotate', '--threshold=100', '--show=Ir', '--auto=no', out], 120).decode('utf-8', 'replace')
    os.unlink(out)
    program, count = os.path.basename(real_program(command)), {}
    for line in text.splitlines():
        m = re.match(r'\s*([\d,]+) \([^)]*\)\s+(.+?):([^:/]+?)(?: \[(.*)\])?$', line)
        if not m:
            continue
        n, path, symbol, dso = int(m.group(1).replace(',', '')), m.group(2), m.group(3), m.group(4) or ''
        if symbol.startswith('0x') and dso in ('', '???'):
            key = 'generated', ''
        elif os.path.basename(dso) == program and '.so' not in dso:
            path = re.sub(r'^.*/\.\./', '', path)
            key = part_of(path.replace('/', '_'), re.sub(r"'\d+$", '', symbol)), symbol
        else:
            key = 'library', symbol
        count[key] = count.get(key, 0) + n
    return count


def difference(more, less):
    """What the second half of the work took: start-up and translation that both did is gone."""
    return {k: n - less.get(k, 0) for k, n in more.items() if n > less.get(k, 0)}
