# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Floating point as a guest sees it: guest.c executes vectors that vectors.c made, in every rounding
mode, and compares results and flags.

  random/FORMAT     deterministic random vectors for every instruction, expectations by tcg/softfp.c;
                    guest.c also checks reserved rounding modes and the state of the unit
  testfloat/FORMAT  TestFloat level 1, where testfloat_gen is installed ($TESTFLOAT_GEN or PATH); of the
                    fused operations only fmadd and a sample. `tests/fp/testfloat` runs everything.
  arm/FORMAT        a sample of the same for A64 in FPCR modes (arm/: its guest, vectors and operations);
                    `tests/fp/testfloat --arm` runs everything
  arm32/FORMAT      the same for VFP and Advanced SIMD of AArch32 in FPSCR modes (--arm32)
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import harness as h  # noqa: E402
from harness import Failure, Guest, Skip, Test  # noqa: E402

ROUNDING = ['-rnear_even', '-rminMag', '-rmin', '-rmax', '-rnear_maxMag']
FORMATS = {'single': r'_s(_|$)', 'double': r'_d(_|$)', 'half': r'_h(_|$)'}
RANDOM_COUNT = 1500
SAMPLE = 41  # every how many vectors of fmadd: a prime, so that each kind of operand is in the sample
VECTORS_MIB = 256  # from the start of memory to FP_VECTORS of ops.h
IMAGE_BYTES = 200 << 20  # a run of the guest starts when its vectors reach this


def vectors_tool():
    """vectors.c, built for the host."""

    def build():
        cc = os.environ.get('CC', 'cc').split()
        h.need(cc[0])
        out = os.path.join(h.work_dir(), 'fp-vectors')
        h.run([*cc, '-std=gnu11', '-O2', '-I' + os.path.join(h.ROOT, 'include'), '-o', out,
               os.path.join(HERE, 'vectors.c'), os.path.join(h.ROOT, 'tcg', 'softfp.c')])
        return out

    return h.once('fp-vectors', build)


def guest_program():
    def build():
        h.need(h.CROSS + 'gcc')
        out = os.path.join(h.work_dir(), 'fp-guest.elf')
        h.run([h.CROSS + 'gcc', '-std=gnu11', '-O2', '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany',
               '-ffreestanding', '-fno-strict-aliasing', '-fno-pie', '-no-pie', '-nostdlib', '-static',
               '-Wl,--build-id=none', '-T', os.path.join(HERE, 'guest.ld'), '-o', out,
               os.path.join(HERE, 'guest.c')])
        return out

    return h.once('fp-guest', build)


def operations(pattern):
    """[(name, has a rounding mode, function and options of TestFloat or None)] of the matching names."""
    rows = [line.split(' ', 2) for line in h.run([vectors_tool(), 'list']).decode().splitlines()]
    return [(name, kind == 'rounded', None if func == '-' else func.split())
            for name, kind, func in rows if re.search(pattern, name)]


def testfloat_gen():
    path = os.environ.get('TESTFLOAT_GEN') or shutil.which('testfloat_gen')
    if not path:
        raise Skip('testfloat_gen is not installed ($TESTFLOAT_GEN)')
    return path


class Image:
    """A file of vectors; add() runs a command of the vectors tool that appends to it."""

    tool = staticmethod(vectors_tool)

    def __init__(self, command=None):
        self.command = command
        self.executed = 0
        self.path = os.path.join(h.work_dir(), f'fp-{id(self):x}.bin')
        self.file = open(self.path, 'wb', buffering=0)

    def add(self, *args, stdin=None):
        r = subprocess.run([self.tool(), *args], stdin=stdin, stdout=self.file, stderr=subprocess.PIPE, timeout=600,
                           check=False)
        if r.returncode:
            raise Failure(f'vectors {" ".join(args[:3])}: status {r.returncode}\n' + r.stderr.decode())

    def add_testfloat(self, name, rm, func, every=1, level=1, seed=1):
        gen = subprocess.Popen([testfloat_gen(), '-level', str(level), '-seed', str(seed), ROUNDING[rm],
                                '-tininessafter', *(func[1:] or ['-exact']), func[0]],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with gen:
            self.add('convert', name, str(rm), str(every), stdin=gen.stdout)
            gen.stdout.close()
        if gen.returncode:
            raise Failure(f'testfloat_gen {func[0]}: status {gen.returncode}')

    def size(self):
        return os.lseek(self.file.fileno(), 0, os.SEEK_CUR)

    def run(self, limit=120):
        """Executes what was added and empties the file."""
        if self.size() == 0:
            return
        self.add('end')
        memory = VECTORS_MIB + (self.size() >> 20) + 16
        with self.guest(memory) as g:
            status = g.wait(limit)
            m = re.search(r'fp: (\d+) wrong of (\d+)', g.text)
            if status or not m or m.group(1) != '0' or m.group(2) == '0':
                g.fail(f'exit status {status}')
            self.executed += int(m.group(2))
        self.file.seek(0)
        self.file.truncate()

    def guest(self, memory):
        return Guest('-M', 'virt', '-cpu', 'max', '-m', f'{memory}M', '-nographic', '-monitor', 'none', '-serial', 'stdio',
                     '-net', 'none', '-bios', guest_program(), '-device',
                     f'loader,file={self.path},addr={0x80000000 + (VECTORS_MIB << 20):#x},force-raw=on',
                     stdin=False, command=self.command)

    def run_if_full(self):
        if self.size() >= IMAGE_BYTES:
            self.run()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        os.unlink(self.path)


# ---- A64 ----

ARM_ROUNDING = ['-rnear_even', '-rmax', '-rmin', '-rminMag', '-rnear_maxMag']  # as FPCR.RMode; ties away
ARM_FZ, ARM_DN = 1 << 24 | 1 << 19, 1 << 25
ARM_SAMPLE = 7


def arm_vectors_tool(target='aarch64'):
    def build():
        cc = os.environ.get('CC', 'cc').split()
        h.need(cc[0])
        out = os.path.join(h.work_dir(), 'fp-vectors-' + target)
        h.run([*cc, '-std=gnu11', '-O2', '-I' + os.path.join(h.ROOT, 'include'), *(['-DAARCH32'] if target == 'arm' else []),
               '-o', out, os.path.join(HERE, 'arm', 'vectors.c'), os.path.join(h.ROOT, 'tcg', 'softfp.c')])
        return out

    return h.once('fp-vectors-' + target, build)


ARM_FLAGS = {'aarch64': ('-march=armv8.2-a+fp16', '-mgeneral-regs-only', '-mstrict-align'),
             'arm': ('-march=armv8.2-a+fp16', '-mfpu=neon-fp-armv8', '-marm', '-mgeneral-regs-only', '-mno-unaligned-access',
                     '-fno-stack-protector')}


def arm_guest_program(target):
    def build():
        gcc = h.CROSSES[target][0] + 'gcc'
        h.need(gcc)
        out = os.path.join(h.work_dir(), f'fp-guest-{target}.elf')
        h.run([gcc, '-std=gnu11', '-O2', *ARM_FLAGS[target], '-ffreestanding', '-fno-pie', '-no-pie', '-nostdlib', '-static',
               '-Wl,--build-id=none', '-T', os.path.join(HERE, 'arm', 'guest.ld'), '-o', out,
               os.path.join(HERE, 'arm', 'guest.c'), *(['-lgcc'] if target == 'arm' else [])])
        return out

    return h.once('fp-guest-' + target, build)


class ArmImage(Image):
    def __init__(self, target, command=None):
        super().__init__(command)
        self.target = target
        self.tool = lambda: arm_vectors_tool(target)

    def add_testfloat(self, name, fpcr, rounding, func, every=1, level=1, seed=1):
        gen = subprocess.Popen([testfloat_gen(), '-level', str(level), '-seed', str(seed), ARM_ROUNDING[rounding],
                                '-tininessbefore', *(func[1:] or ['-exact']), func[0]],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with gen:
            self.add('convert', name, str(fpcr), str(every), stdin=gen.stdout)
            gen.stdout.close()
        if gen.returncode:
            raise Failure(f'testfloat_gen {func[0]}: status {gen.returncode}')

    def guest(self, memory):
        return Guest('-M', 'virt', '-cpu', 'max', '-m', f'{memory}M', '-nographic', '-monitor', 'none', '-serial', 'stdio',
                     '-net', 'none', '-kernel', arm_guest_program(self.target), '-device',
                     f'loader,file={self.path},addr={0x40000000 + (VECTORS_MIB << 20):#x},force-raw=on',
                     target=self.target, stdin=False, command=self.command)


def run_arm(pattern, every=lambda name: 1, level=1, seed=1, command=None, say=None, few=False, target='aarch64'):
    """TestFloat's functions of the matching A64 (target arm: VFP and Advanced SIMD) instructions in all modes: RMode, FZ with FZ16, DN (few:
    each of them, but not all combinations). An instruction that has a rounding mode of its own finds
    another one in FPCR."""
    testfloat_gen()
    rows = [line.split(' ', 2) for line in h.run([arm_vectors_tool(target), 'list']).decode().splitlines()]
    with ArmImage(target, command) as image:
        for name, rounding, func in rows:
            if not re.search(pattern, name):
                continue
            if say:
                say(name, image)
            own = int(rounding)
            for mode in range(4 if own < 0 else 1):
                for n, flags in enumerate((0, ARM_FZ, ARM_DN, ARM_FZ | ARM_DN)):
                    if few and own < 0 and n != mode:
                        continue
                    fpcr = flags | (mode if own < 0 else (own + 1) & 3) << 22
                    image.add_testfloat(name, fpcr, mode if own < 0 else own, func.split(), every(name), level, seed)
                    image.run_if_full()
        image.run()
        return image.executed


def run_random(fmt):
    names = [name for name, _, _ in operations(FORMATS[fmt])]
    with Image() as image:
        image.add('generate', str(RANDOM_COUNT), '1', *names)
        image.run()


def run_testfloat(pattern, every=lambda name: 1, level=1, seed=1, command=None, say=None):
    """Every TestFloat function of the matching instructions; how many instructions were executed."""
    testfloat_gen()
    with Image(command) as image:
        for name, rounded, func in operations(pattern):
            if not func:
                continue
            if say:
                say(name, image)
            for rm in range(5 if rounded else 1):
                image.add_testfloat(name, rm, func, every(name), level, seed)
                image.run_if_full()
        image.run()
        return image.executed


def collect():
    out = []
    for fmt, pattern in FORMATS.items():
        out.append(Test(f'fp/random/{fmt}', lambda f=fmt: run_random(f), limit=3))
        out.append(Test(f'fp/testfloat/{fmt}', lambda p=pattern: run_testfloat(
            r'^(?!fmsub|fnmsub|fnmadd).*' + p, lambda name: SAMPLE if name.startswith('fmadd') else 1), 2, limit=20))
    for letter, fmt in (('h', 'half'), ('s', 'single'), ('d', 'double')):
        out.append(Test(f'fp/arm/{fmt}', lambda p=letter: run_arm(
            rf'^(fadd|fmul|fdiv|fsqrt|frintx|fcvtas|scvtf|fcvt|fcmpe_ls|fcmge)_v?{p}(_|$)', lambda name: ARM_SAMPLE,
            few=True), 2, limit=20))
        out.append(Test(f'fp/arm32/{fmt}', lambda p=letter: run_arm(
            rf'^(v(add|mul|div|sqrt|rintx|cvtr|cvt_f\d+)|vcmpe_ls|q(add|cge|cvtn))_{p}(_|$)', lambda name: ARM_SAMPLE,
            few=True, target='arm'), 2, limit=20))
    return out
