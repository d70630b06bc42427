# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Whole programs for tests/bench/run: commands of the distribution in a complete Debian system
(tests/system/make-debian) whose init is a shell, and boots that end at a line of the console.

Inputs come on a second disk, a tar archive made here, the same bytes every time. A command's time is
taken twice: by the host between two lines, and by bash's $EPOCHREALTIME in the guest; run says when they
differ. What the commands print is summed (cksum), and both emulators must agree."""
import io
import lzma
import os
import random
import re
import tarfile

import archive
import harness as h

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEMS = {
    'riscv64': ('debian-unstable-riscv64', ('-M', 'virt'), 'ttyS0'),
    'aarch64': ('debian-bookworm-arm64', ('-M', 'virt', '-cpu', 'cortex-a57'), 'ttyAMA0'),
}

PYTHON = '''
import json, sys
class Node:
    __slots__ = ("key", "left", "right")
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None
def insert(root, key):
    at = root
    while True:
        side = "left" if key < at.key else "right"
        below = getattr(at, side)
        if below is None:
            setattr(at, side, Node(key))
            return
        if below.key == key:
            return
        at = below
def depth(n):
    return 0 if n is None else 1 + max(depth(n.left), depth(n.right))
words = open("text").read(60000).split()
for turn in range(int(sys.argv[1])):
    counts = {}
    for w in words:
        counts[w] = counts.get(w, 0) + 1
    root = Node("m")
    for w in words[turn::7]:
        insert(root, w[::-1] + str(turn))
    text = json.dumps(sorted(counts.items(), key=lambda p: (-p[1], p[0])))
    print(turn, depth(root), len(text), sum(len(k) * n for k, n in json.loads(text)), sum(x * x % 7 for x in range(20000)))
'''
PERL = '''
use strict;
open(my $f, "<", "text") or die;
read($f, my $text, 60000);
for my $turn (1 .. $ARGV[0]) {
    my %n;
    $n{lc $1}++ while $text =~ /(\\\\w+)/g;
    my @top = sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n;
    (my $t = $text) =~ s/\\\\b(\\\\w)(\\\\w*)\\\\b/\\\\u$2$1/g;
    my $sum = 0;
    $sum = ($sum * 31 + ord $_) % 1000003 for split //, substr($t, 0, 20000);
    print "$turn $top[0] $n{$top[0]} $sum ", scalar(@top), "\\\\n";
}
'''.replace('\\\\', '\\')
SQL = '''
import random, sqlite3, sys
r = random.Random(5)
db = sqlite3.connect(":memory:")
db.execute("create table t (id integer primary key, k integer, name text, v real)")
for turn in range(int(sys.argv[1])):
    db.executemany("insert into t (k, name, v) values (?, ?, ?)",
                   ((r.randrange(500), "name%d" % r.randrange(3000), r.random()) for _ in range(1000)))
    db.execute("create index if not exists i on t (k, name)")
    db.execute("update t set v = v + 1 where k between ? and ?", (turn % 400, turn % 400 + 50))
    print(turn, db.execute("select count(*), min(name), round(sum(v), 3) from t where k < 250 group by k % 10 order by 2").fetchall(),
          db.execute("select a.name, count(*) from t a join t b on a.k = b.k and a.name = b.name group by a.name order by 2 desc, 1 limit 3").fetchall())
'''

# name -> (command for an amount of work n, the amount). With the sum of what it makes, where that is a file.
COMMANDS = {
    'xz': ('head -c ${n}k text | xz -6 -T1 -c', 400),
    'xz-d': ('for i in $(seq $n); do xz -dc text.xz >&3; done', 12),
    'openssl-sha256': ('for i in $(seq $n); do openssl dgst -sha256 text; done', 10),
    'openssl-aes': ('for i in $(seq $n); do openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 0 -in text >&3 2>&3; done', 10),
    'openssl-prime': ('openssl prime -checks $n ' + str(2**1279 - 1), 24),
    'python3': ('python3 -I work.py $n', 8),
    'perl': ('perl work.pl $n', 10),
    'sqlite3': ('python3 -I sql.py $n', 10),
    'gcc': ('for i in $(seq $n); do gcc -O2 -c -o out.o system.c && cat out.o; done', 1),
    'make': ('for i in $(seq $n); do make -C zlib clean && make -C zlib -j2 libz.a || exit; done >&3 && cat zlib/*.o', 1),
}
# What is done before it, once, and not measured.
PREPARE = {'make': 'mkdir zlib && tar xf zlib.tar -C zlib --strip-components=1 && (cd zlib && ./configure) >/dev/null'}
KERNELS = {('whole', name): work for name, (_, work) in COMMANDS.items()}


def inputs(arch):
    """The archive with what the commands work on."""

    def build():
        r = random.Random(1)
        letters = 'etaoinshrdlucmfwypvbgkjqxz'
        words = [''.join(r.choices(letters, weights=range(26, 0, -1), k=r.randint(2, 9))) for _ in range(4000)]
        text = bytearray()
        while len(text) < 2 << 20:
            text += ' '.join(words[min(int(r.expovariate(.004)), 3999)] for _ in range(12)).encode() + b'\n'
        files = {'text': bytes(text), 'text.xz': lzma.compress(bytes(text)), 'work.py': PYTHON.encode(), 'work.pl': PERL.encode(),
                 'sql.py': SQL.encode()}
        for name in ('system.c', 'bench.h'):
            with open(os.path.join(HERE, name), 'rb') as f:
                files[name] = f.read()
        sources = archive.folder(SYSTEMS[arch][0], sources=('zlib', ))
        with open(next(e.path for e in os.scandir(sources) if e.name.startswith('zlib_')), 'rb') as f:
            files['zlib.tar'] = f.read()
        out = os.path.join(h.work_dir(), f'inputs-{arch}.tar')
        with tarfile.open(out, 'w') as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        with open(out, 'ab') as f:
            f.write(bytes(-os.path.getsize(out) % (1 << 20)))
        return out

    return h.once(f'bench-inputs-{arch}', build)


def folder(arch):
    if arch not in SYSTEMS:
        raise h.Skip(f'there is no complete system for {arch}')
    top = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'rhea', 'guest', SYSTEMS[arch][0])
    if not os.path.exists(top + '/disk.qcow2'):
        raise h.Skip(f'{top}/disk.qcow2 is missing: tests/system/make-debian {arch}')
    return top


def system_args(arch, smp, append):
    _, machine, console = SYSTEMS[arch]
    top = folder(arch)
    return [*machine, '-smp', str(smp), '-m', '1G', '-nographic', '-no-reboot', '-net', 'none', '-kernel', top + '/vmlinuz', '-initrd',
            top + '/initrd.img', '-append', f'root=LABEL=rhea console={console} {append}', '-drive',
            f'file={top}/disk.qcow2,format=qcow2,if=virtio,snapshot=on']


class Programs:
    """A complete system that waits for commands."""

    def __init__(self, side, arch, smp, timed):
        self.timed = timed
        self.prepared = set()
        self.g = g = h.Session(*system_args(arch, smp, 'ro quiet init=/bin/bash'), '-drive',
                               f'file={inputs(arch)},format=raw,if=virtio,readonly=on', command=side.command)
        g.expect('# ', 400)
        g.send('stty -echo; PS1=; unset PROMPT_COMMAND; set +H\n')
        g.check('mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp; cd /tmp; '
                'export HOME=/tmp LC_ALL=C; for d in /dev/vda /dev/vdb; do tar xf $d 2>/dev/null && break; done; exec 3>/dev/null; test -f text',
                limit=120)
        # The programs are in memory before the first is measured.
        g.check('cat /usr/bin/{xz,openssl,python3,perl,as} $(gcc -print-prog-name=cc1) /usr/lib/*-linux-gnu/lib{c,crypto,ssl,lzma,sqlite3}.so* '
                '>/dev/null 2>&1; python3 -I -c "import json, random, sqlite3"', limit=300)

    def run(self, name, work):
        command, _ = COMMANDS[name]
        if name in PREPARE and name not in self.prepared:
            self.prepared.add(name)
            self.g.check(PREPARE[name], limit=600)
        line = (f'n={work}; echo BEGIN; s=${{EPOCHREALTIME/[.,]/}}; {{ {command}; }} >out 2>err; r=$?; e=${{EPOCHREALTIME/[.,]/}}; '
                f'if [ $r = 0 ]; then echo END $r $(((e - s) * 1000)); else echo ERROR {name}: status $r: $(tail -n 1 err); fi; '
                'echo SUM-$(cksum <out | tr " " -)\n')
        result = self.timed(self.g, lambda: self.g.send(line))
        return result[0], self.g.expect(re.compile(rb'SUM-([\d-]+)\r?\n'), 60).group(1).decode()

    def kill(self):
        self.g.kill()

    def close(self):
        self.g.kill()


def installer_args(kernel, initrd, machine, console):
    return [*machine, '-m', '1G', '-nographic', '-no-reboot', '-net', 'none', '-kernel', kernel, '-initrd', initrd, '-append',
            f'console={console}']


INSTALLER_LINE = 'Starting system log daemon'  # the first one of its own
LOGIN = 'rhea login: '
