# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""What every test suite shares: the emulator's command, a guest that is talked to over its console,
guest packages, small file-system images and initramfs archives. Standard library only.

The environment that matters:
  RHEA            the emulator's command for 64-bit guests (words split as a shell does)
  RHEA_REFERENCE  the reference emulator's command, where there is one to compare with
  RHEA_ARGS       further arguments before those of each test (an engine, say)
  RHEA_SLOW       a factor for all time limits (sanitizer builds, slow machines)
"""
import glob
import gzip
import lzma
import os
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLOW = float(os.environ.get('RHEA_SLOW', '1'))
CROSS = os.environ.get('RHEA_CROSS', 'riscv64-linux-gnu-')
# Compilers of the other guests, and what they need to make programs for any CPU of theirs.
CROSSES = {'riscv64': (CROSS, ('-march=rv64gc', '-mabi=lp64d')),
           'aarch64': ('aarch64-linux-gnu-', ('-march=armv8-a', )),
           'arm': ('arm-linux-gnueabihf-', ('-march=armv7-a+fp', ))}


class Failure(Exception):
    """A test's verdict: the text says what was expected and what came."""


class Skip(Exception):
    """The test cannot run here: the text says why."""


class Test:
    """One test: `name` is its path on the command line, `func()` raises Failure or Skip; `cores`
    is how much of the machine it takes, `limit` its rough length in seconds (for ordering); one that
    is `asked` for runs only when a path of the command line selects it."""

    def __init__(self, name, func, cores=1, limit=60, asked=False):
        self.name, self.func, self.cores, self.limit, self.asked = name, func, cores, limit, asked


def emulator(target='riscv64', reference=False):
    """The emulator's command for this guest, as a list of words."""
    var = 'RHEA_REFERENCE' if reference else 'RHEA'
    text = os.environ.get(var)
    if text is None:
        if reference:
            raise Skip('no reference emulator ($RHEA_REFERENCE)')
        words = [os.path.join(ROOT, 'build', 'rhea-system-riscv64')]
    else:
        words = shlex.split(text)
    return [w.replace('riscv64', target) for w in words]


def extra_args():
    args = shlex.split(os.environ.get('RHEA_ARGS', ''))
    if os.environ.get('RHEA_DEBUG_ITEMS'):
        args += ['-d', os.environ['RHEA_DEBUG_ITEMS'], '-D', debug_log()]
    return args


def debug_log():
    """Where guests of a `tests/run PATH -d ITEMS` log to; Guest prints it at the end."""
    return os.path.join(work_dir(), 'debug.log')


def log_dir():
    d = os.environ.get('RHEA_TEST_LOGS', os.path.join(tempfile.gettempdir(), 'rhea-test-logs'))
    os.makedirs(d, exist_ok=True)
    return d


_work = None
_work_lock = threading.Lock()


def work_dir():
    """A folder for this run's files, removed at its end."""
    global _work
    with _work_lock:
        if _work is None:
            _work = tempfile.TemporaryDirectory(prefix='rhea-tests-')
    return _work.name


def remove_work_dir():
    """Where a program ends without Python's own end."""
    with _work_lock:
        if _work:
            shutil.rmtree(_work.name, ignore_errors=True)


_built = {}
_built_lock = threading.Lock()


def once(key, make):
    """The result of make(), called the first time only; a failure is remembered too."""
    with _built_lock:
        cell = _built.setdefault(key, {'lock': threading.Lock()})
    with cell['lock']:
        if 'error' in cell:
            raise cell['error']
        if 'value' not in cell:
            try:
                cell['value'] = make()
            except (Failure, Skip, OSError) as e:
                cell['error'] = e
                raise
    return cell['value']


def need(tool):
    """Skips the test where a host tool is missing."""
    path = shutil.which(tool, path=os.environ.get('PATH', '') + ':/sbin:/usr/sbin')
    if not path:
        raise Skip(f'{tool} is not installed')
    return path


_groups = set()  # processes that lead a group of their own
_groups_lock = threading.RLock()
_starter = None  # the thread that starts one
_ended_by = 0  # a signal


def start_group(cmd, **kw):
    """Popen in a process group of its own. kill_group() is the caller's; a signal that ends this program ends it, too."""
    global _starter
    with _groups_lock:
        _starter = threading.get_ident()
        try:
            p = subprocess.Popen(cmd, start_new_session=True, **kw)
            _groups.add(p)
        finally:
            _starter = None
    if _ended_by:
        _end()
    return p


def kill_group(p):
    """Ends a process of start_group() and those that it started."""
    if p.poll() is None:
        try:
            os.killpg(p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    p.wait()
    with _groups_lock:
        _groups.discard(p)


def _end():
    with _groups_lock:  # no thread starts another one now
        for p in _groups:
            if p.returncode is None:
                try:
                    os.killpg(p.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        sys.exit(128 + _ended_by)


def end_on_signals():
    """From now on, guests and host commands of all threads end when a signal ends this program: SystemExit in its main thread."""

    def end(number, _frame):
        global _ended_by
        _ended_by = number
        if _starter != threading.get_ident():  # else start_group() is about to know its process
            _end()

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, end)


def processor_wait(p):
    """For how many seconds a thread of start_group()'s processes was ready and had no processor, of the thread where it is most."""
    longest = 0
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path) as f:
                session = int(f.read().rpartition(')')[2].split()[3])
            if session == p.pid:
                for task in glob.glob(os.path.dirname(path) + '/task/*/schedstat'):
                    with open(task) as f:
                        longest = max(longest, int(f.read().split()[1]))
        except OSError:  # it has ended
            pass
    return longest / 1e9


def run_group(cmd, limit, **kw):
    """Runs a host command to its end, within `limit` seconds; status and output. Time that a busy machine's other programs
    took from it does not count."""
    p = start_group(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    start, more = time.monotonic(), 0
    try:
        while True:
            try:
                out = p.communicate(timeout=max(start + limit + more - time.monotonic(), 1))[0]
                break
            except subprocess.TimeoutExpired:
                more = processor_wait(p)
                if time.monotonic() - start - more >= limit:
                    raise
    finally:
        kill_group(p)
        p.stdout.close()
    return p.returncode, out


def run(cmd, limit=60, **kw):
    """Runs a host command; its output. A failing command is a Failure."""
    status, out = run_group(cmd, limit, **kw)
    if status:
        raise Failure(f'{shlex.join(cmd)}: status {status}\n' + out.decode('utf-8', 'replace'))
    return out


def fetch_guest(name):
    """The folder of a guest package, fetched on the first call."""

    def fetch():
        if os.environ.get('RHEA_NO_FETCH') and not os.path.isdir(os.path.join(
                os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'rhea', 'guest', name)):
            raise Skip(f'guest {name} is not cached and fetching is off ($RHEA_NO_FETCH)')
        r = subprocess.run([os.path.join(ROOT, 'scripts', 'fetch-guest'), name], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=900)
        if r.returncode:
            raise Failure(f'fetch-guest {name}: ' + r.stderr.decode('utf-8', 'replace').strip())
        return r.stdout.decode().strip()

    return once(('guest', name), fetch)


def compile_static(source, *flags, name=None, target='riscv64'):
    """A static Linux program for the target, made of one C file; its path."""
    cross, arch = CROSSES[target]

    def build():
        need(cross + 'gcc')
        base = name or os.path.splitext(os.path.basename(source))[0]
        out = os.path.join(work_dir(), base + '-' + target)
        run([cross + 'gcc', '-O2', '-static', *arch, '-o', out, source, *flags])
        return out

    return once(('cc', source, flags, name, target), build)


def make_cpio(files, out):
    """A newc archive for the kernel's initramfs. `files`: path -> bytes (a program or a file, mode
    755), None (a folder), ('c', major, minor) (a character device), or a str (a symbolic link)."""
    blob = bytearray()
    ino = 0

    def entry(name, mode, data=b'', rdev=(0, 0)):
        nonlocal ino
        ino += 1
        raw = name.encode() + b'\0'
        blob.extend(b'070701' + b''.join(b'%08X' % v for v in (
            ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)))
        blob.extend(raw)
        blob.extend(b'\0' * (-len(blob) % 4))
        blob.extend(data)
        blob.extend(b'\0' * (-len(blob) % 4))

    for path, what in files.items():
        if what is None:
            entry(path, 0o040755)
        elif isinstance(what, str):
            entry(path, 0o120777, what.encode())
        elif isinstance(what, tuple):
            entry(path, 0o020600, rdev=what[1:])
        else:
            entry(path, 0o100755, what)
    entry('TRAILER!!!', 0)
    with open(out, 'wb') as f:
        f.write(blob)
    return out


def initramfs(name, init_source, *flags, more=None, target='riscv64'):
    """An initramfs whose /init is the given C file, built statically."""

    def build():
        prog = compile_static(init_source, *flags, name=name + '-init', target=target)
        with open(prog, 'rb') as f:
            files = {'dev': None, 'dev/console': ('c', 5, 1), 'proc': None, 'sys': None, 'init': f.read()}
        files.update(more or {})
        return make_cpio(files, os.path.join(work_dir(), f'{name}-{target}.cpio'))

    return once(('initramfs', name, flags, target), build)


def package_module(name):
    """A module of the kernel package for riscv64."""
    for folder, _, files in os.walk(fetch_guest('linux-modules-riscv64')):
        if name + '.ko.xz' in files:
            with open(os.path.join(folder, name + '.ko.xz'), 'rb') as f:
                return lzma.decompress(f.read())
    raise Failure(f'the kernel package has no module {name}')


def package_kernel():
    """The kernel of the package for riscv64, which is another one than the installer's."""
    top = fetch_guest('linux-riscv64')
    return os.path.join(top, max(os.listdir(top)), 'vmlinuz')


def shell_initramfs(modules=(), package=False):
    """An initramfs of the Debian installer's busybox for riscv64, whose /init is a shell; with those
    of the installer's kernel modules (package: of the kernel package's), in the order they are loaded in."""

    def build():
        with gzip.open(os.path.join(fetch_guest('debian-installer'), 'initrd.gz')) as f:
            files = read_cpio(f.read())
        lib = 'usr/lib/riscv64-linux-gnu/'
        want = ['usr/bin/busybox', 'usr/bin/kmod', lib + 'libc.so.6', lib + 'ld-linux-riscv64-lp64d.so.1']
        out = {d: None for d in ('dev', 'proc', 'sys', 'tmp', 'usr', 'usr/bin', 'usr/sbin', 'usr/lib', lib[:-1])}
        out.update({'bin': 'usr/bin', 'sbin': 'usr/sbin', 'lib': 'usr/lib', 'dev/console': ('c', 5, 1)})
        for path, (mode, data) in files.items():
            folder = os.path.dirname(path)
            if path in want:
                out[path] = data
            elif mode >> 12 == 0o12 and (folder in ('usr/bin', 'usr/sbin') and b'busybox' in data or
                                         folder in ('usr/lib', lib[:-1]) and os.path.basename(path).startswith(('ld-', 'liblzma'))):
                out[path] = data.decode()
            elif os.path.basename(path).startswith('liblzma'):
                out[path] = data
            for m in () if package else modules:
                if os.path.basename(path) == m + '.ko.xz':
                    out[m + '.ko'] = lzma.decompress(data)
        if package:
            out.update({m + '.ko': package_module(m) for m in modules})
        out['usr/sbin/insmod'] = '../bin/kmod'
        out['init'] = ('#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sys /sys\nmount -t devtmpfs dev /dev\n' +
                       ''.join(f'insmod /{m}.ko\n' for m in modules) +
                       'stty -echo\nexport PS1=\nexport PATH=/bin:/sbin\necho shell ready\nexec /bin/sh -i\n').encode()
        return make_cpio(out, os.path.join(work_dir(), f'shell{int(package)}-' + '-'.join(modules) + '.cpio'))

    return once(('shell', modules, package), build)


def firmware(target, args):
    """Options that have Linux on several RISC-V harts start from a firmware of today. Debian 12's OpenSBI 1.1 marks a hart as
    started before it says where (mended in OpenSBI 1.3, e8e9ed37): a hart that looks in between, one boot in a hundred on a busy
    machine, starts the kernel a second time."""
    if not target.startswith('riscv') or '-smp' not in args or '-kernel' not in args or '-bios' in args:
        return []
    bits = target[5:7]
    return ['-L', fetch_guest('opensbi').replace('riscv64-linux-gnu', f'riscv{bits}-linux-gnu')]


class Guest:
    """A running emulator with its console on pipes.

        with Guest('-M', 'virt', ...) as g:
            g.expect('login:', 60)
            g.send('root\\n')
            g.exit(0, 10)

    Everything it printed is kept in `text` and, when the test fails, in a log file.
    """

    def __init__(self, *args, target='riscv64', reference=False, stdin=True, command=None, pass_fds=()):
        self.cmd = command or emulator(target, reference) + ([] if reference else extra_args())
        self.cmd = self.cmd + list(args) + ([] if reference or command else firmware(target, args))
        self.start = time.monotonic()
        self.buf = bytearray()
        self.seen = 0
        self.eof = False
        try:
            self.p = start_group(self.cmd, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, pass_fds=pass_fds)
        except OSError as e:
            raise Failure(f'cannot start {self.cmd[0]}: {e.strerror}')

    @property
    def text(self):
        return self.buf.decode('utf-8', 'replace')

    def elapsed(self):
        return time.monotonic() - self.start

    def _read(self, limit):
        if self.eof:
            return False
        fd = self.p.stdout.fileno()
        if not select.select([fd], [], [], max(limit, 0))[0]:
            return False
        data = os.read(fd, 65536)
        if not data:
            self.eof = True
        self.buf.extend(data)
        return bool(data)

    def fail(self, why):
        raise Failure(f'{why}\n  command: {shlex.join(self.cmd)}\n  last lines:\n' +
                      ''.join(f'    {line}\n' for line in printable(self.text[-1500:]).splitlines()[-12:]))

    def expect(self, what, limit):
        """Waits for a text (or a compiled pattern of bytes) after the last one found; the match."""
        pat = what if isinstance(what, re.Pattern) else re.compile(re.escape(what.encode()))
        end = time.monotonic() + limit * SLOW
        while True:
            m = pat.search(self.buf, self.seen)
            if m:
                self.seen = m.end()
                return m
            if self.eof:
                self.fail(f'ended (status {self.p.wait()}) before printing {what!r}')
            left = end - time.monotonic()
            if left <= 0:
                self.fail(f'no {what!r} within {limit * SLOW:.0f} s')
            self._read(left)

    def send(self, text):
        try:
            self.p.stdin.write(text.encode())
            self.p.stdin.flush()
        except OSError:
            self.fail('the emulator closed its input')

    def wait(self, limit):
        """Reads to the end; the exit status."""
        end = time.monotonic() + limit * SLOW
        while not self.eof:
            left = end - time.monotonic()
            if left <= 0:
                self.fail(f'still running after {limit * SLOW:.0f} s')
            self._read(left)
        try:
            return self.p.wait(max(end - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            self.fail(f'closed its output but still running after {limit * SLOW:.0f} s')

    def exit(self, status, limit):
        """Expects the emulator to end with this status."""
        got = self.wait(limit)
        if got != status:
            self.fail(f'exit status {got}, not {status}')

    def kill(self):
        kill_group(self.p)
        for f in (self.p.stdin, self.p.stdout):
            if f:
                try:
                    f.close()
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.kill()
        if os.environ.get('RHEA_DEBUG_ITEMS') and os.path.exists(debug_log()):
            print(f'-- {shlex.join(self.cmd)}')
            with open(debug_log(), errors='replace') as f:
                shutil.copyfileobj(f, sys.stdout)
            os.unlink(debug_log())
        if kind is not None:
            path = os.path.join(log_dir(), f'guest-{os.getpid()}-{id(self):x}.log')
            with open(path, 'wb') as f:
                f.write((shlex.join(self.cmd) + '\n').encode() + self.buf)
            if issubclass(kind, Failure) and value.args:
                value.args = (f'{value.args[0]}  console: {path}', )
        return False


def printable(text):
    """Console text without the terminal's control sequences."""
    text = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]', '', text)
    return ''.join(c for c in text if c == '\n' or c >= ' ')


def riscv_finisher_elf_status(elf, limit=10, target='riscv64', args=()):
    """Runs a bare-metal program that ends through the test finisher; (status, console)."""
    with Guest('-M', 'virt', '-m', '64M', '-nographic', '-monitor', 'none', '-serial', 'stdio', '-net', 'none',
               '-bios', elf, *args, target=target, stdin=False) as g:
        status = g.wait(limit)
        return status, g.text


def read_cpio(blob):
    """Files of a newc archive (parts of several archives in a row too): {path: (mode, bytes)}."""
    files = {}
    at = 0
    while at + 110 <= len(blob):
        if blob[at:at + 6] != b'070701':
            at += 4 if blob[at:at + 4] == b'\0\0\0\0' else len(blob)
            continue
        f = [int(blob[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = blob[at + 110:at + 110 + f[11] - 1].decode()
        data = (at + 110 + f[11] + 3) & ~3
        if name != 'TRAILER!!!':
            files[name.lstrip('./')] = (f[1], blob[data:data + f[6]])
        at = (data + f[6] + 3) & ~3
    return files


class Session(Guest):
    """A guest whose console is a shell without prompt and echo, once it is there."""

    count = 0
    # What is between a line and the one that tells its end. apt and dpkg throw typed input away, so that both
    # have to be one line where they run.
    between = '\n'

    def run(self, text, limit=30):
        """Runs a line; its status and what it printed."""
        self.count += 1
        at = self.seen
        self.send(f'{text}{self.between}echo "DONE"-{self.count}-$?\n')
        m = self.expect(re.compile(rb'DONE-%d-(\d+)' % self.count), limit)
        return int(m.group(1)), self.buf[at:m.start()].decode('utf-8', 'replace').replace('\r', '')

    def check(self, text, *wants, limit=30):
        """Runs a line that has to succeed and print these texts; what it printed."""
        status, got = self.run(text, limit)
        if status:
            self.fail(f'{text!r} ends with {status}:\n{got}')
        for w in wants:
            if w not in got:
                self.fail(f'{text!r} prints no {w!r}:\n{got}')
        return got

    def monitor(self, command, want=rb''):
        """A command of the monitor, which shares the console; the match of a pattern in what it prints."""
        self.send('\x01c\n')
        self.expect('(qemu) ', 20)
        self.send(command + '\n')
        found = self.expect(re.compile(rb'\n(?s:.*?)' + want + rb'(?s:.*?)\(qemu\) '), 20)
        self.send('\x01c')
        return found


class Shell(Session):
    """A riscv64 guest with a shell: the kernel of Debian's installer (package: of its kernel package) and
    shell_initramfs()."""

    def __init__(self, *args, modules=(), machine='virt', smp=1, memory='256M', wrap=(), package=False):
        linux = package_kernel() if package else os.path.join(fetch_guest('debian-installer'), 'linux')
        args = ['-M', machine, '-smp', str(smp), '-m', memory, '-nographic', '-no-reboot', '-kernel', linux, '-initrd',
                shell_initramfs(tuple(modules), package), '-append', 'console=ttyS0 quiet', *args]
        if wrap:
            super().__init__(command=[*wrap, *emulator('riscv64'), *extra_args(), *args])
        else:
            super().__init__(*args)

    def ready(self, limit=60):
        self.expect('shell ready', limit)
        return self

    def off(self):
        self.send('poweroff -f\n')
        self.exit(0, 20)
