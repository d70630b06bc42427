# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Boot tests: real firmware and kernels, fetched from the distribution, and a few tiny guests.

  bare/*       bare-metal programs that end through the test finisher (exit codes, reset, flash)
  opensbi/*    the firmware alone: its banner against the recorded lines
  uboot/*      U-Boot in S and M mode: prompt, virtio disk, files, a kernel booted from the disk
  disk/*       the emulator is killed while a bare-metal program writes
  tiny/*       the Debian kernel with an /init that ends the machine at once
  linux/*      the same kernel with an /init that checks what it finds and computes
  installer/*  the Debian installer to its first question; shell, poweroff and reboot in it
  arm/*        the Arm board: arm.py
  cache/*        saved translations: saved.py
  loops/*        hot loops that become regions: loops.py
  perfmap/*      names of translated code: perfmap.py
  semihosting/*  semihosting on both: semihosting.py
"""
import gzip
import os
import random
import re
import shlex
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]
import arm  # noqa: E402
import harness as h  # noqa: E402
import loops  # noqa: E402
import perfmap  # noqa: E402
import saved  # noqa: E402
import semihosting  # noqa: E402
from harness import Failure, Guest, Skip, Test  # noqa: E402

VIRT = ['-M', 'virt', '-nographic', '-net', 'none']
tests = []


def test(name, cores=1, limit=60):
    def add(func):
        tests.append(Test('boot/' + name, func, cores, limit))
        return func

    return add


def kernel():
    d = h.fetch_guest('debian-installer')
    return os.path.join(d, 'linux'), os.path.join(d, 'initrd.gz')


def opensbi(bits=64):
    d = h.fetch_guest('opensbi')
    return os.path.join(d.replace('riscv64-linux-gnu', f'riscv{bits}-linux-gnu'), 'fw_dynamic.bin')


# ---- bare metal ----------------------------------------------------------------------------------

BARE = VIRT + ['-m', '64M', '-monitor', 'none', '-serial', 'stdio']


def bare(name, bits=64, base=0x80000000, defines=()):
    """tests/boot/bare/NAME.S as an ELF linked at `base`."""

    def build():
        h.need(h.CROSS + 'gcc')
        out = os.path.join(h.work_dir(), f'{name}-{bits}-{base:x}-{abs(hash(defines)):x}.elf')
        march, mabi, emul = (('rv64imac_zicsr', 'lp64', 'elf64lriscv') if bits == 64 else
                             ('rv32imac_zicsr', 'ilp32', 'elf32lriscv'))
        h.run([h.CROSS + 'gcc', f'-march={march}', f'-mabi={mabi}', '-nostdlib', '-static', '-no-pie',
               f'-Wl,-Ttext={base:#x},-m,{emul},--build-id=none', *[f'-D{d}' for d in defines], '-o', out,
               os.path.join(HERE, 'bare', name + '.S')])
        return out

    return h.once(('bare', name, bits, base, defines), build)


def flat(elf):
    out = elf[:-4] + '.bin'
    h.run([h.CROSS + 'objcopy', '-O', 'binary', elf, out])
    return out


def run_bare(args, status, bits=64, limit=20, text='hello from bare metal'):
    with Guest(*BARE, *args, target=f'riscv{bits}', stdin=False) as g:
        g.exit(status, limit)
        if text not in g.text:
            g.fail(f'console lacks {text!r}')


for _bits in (64, 32):
    test(f'bare/pass-{_bits}', limit=2)(lambda b=_bits: run_bare(['-bios', bare('finish', b)], 0, b))
    test(f'bare/fail-{_bits}', limit=2)(
        lambda b=_bits: run_bare(['-bios', bare('finish', b, defines=('CODE=0x2a3333', ))], 42, b))
    test(f'bare/kernel-elf-{_bits}', limit=2)(
        lambda b=_bits: run_bare(['-bios', 'none', '-kernel', bare('finish', b)], 0, b))
    test(f'bare/bios-raw-{_bits}', limit=2)(lambda b=_bits: run_bare(['-bios', flat(bare('finish', b))], 0, b))


@test('bare/loader-device', limit=2)
def bare_loader():
    run_bare(['-bios', 'none', '-device', 'loader,file=' + bare('finish', base=0x80100000) + ',cpu-num=0'], 0)


@test('bare/loader-raw', limit=2)
def bare_loader_raw():
    raw = flat(bare('finish', base=0x80000000))
    run_bare(['-bios', 'none', '-device', f'loader,file={raw},addr=0x80000000'], 0)


@test('bare/flash', limit=2)
def bare_flash():
    """Starts from the first flash when there is no firmware."""
    raw = flat(bare('finish', base=0x20000000))
    image = os.path.join(h.work_dir(), 'flash.img')
    with open(raw, 'rb') as f, open(image, 'wb') as g:
        g.write(f.read().ljust(32 << 20, b'\xff'))
    run_bare(['-bios', 'none', '-drive', f'if=pflash,unit=0,format=raw,file={image}'], 0)


@test('bare/reset', limit=2)
def bare_reset():
    """The finisher's reset starts the program again; with -no-reboot it ends the emulator."""
    elf = bare('finish', defines=('CODE=0x7777', ))
    run_bare(['-no-reboot', '-bios', elf], 0)
    with Guest(*BARE, '-bios', elf, stdin=False) as g:
        for _ in range(3):
            g.expect('hello from bare metal', 20)


@test('bare/smp8', limit=2)
def bare_smp():
    run_bare(['-smp', '8', '-bios', bare('finish')], 0)


@test('bare/large-memory', limit=2)
def bare_memory():
    """More guest memory than the host has costs only what is touched."""
    run_bare(['-m', '256G', '-bios', bare('finish')], 0)


# ---- OpenSBI -------------------------------------------------------------------------------------

# Lines that name what a later release of the firmware may change by itself are compared only when
# the firmware is the one the expectation was recorded with.
STABLE = re.compile(r'Platform |Domain0 (Name|Boot HART|HARTs|Next Mode|SysReset)|Boot HART (ID|Domain|Priv|Base|PMP|MHPM)')


# The reference's CPU without the hypervisor extension, which is not there yet.
REFERENCE_CPU = 'rv{},h=off'


def banner(bits, smp, reference=False, cpu=None):
    args = VIRT + ['-m', '256M', '-smp', str(smp), '-bios', opensbi(bits)]
    if cpu:
        args += ['-cpu', cpu]
    with Guest(*args, target=f'riscv{bits}', reference=reference, stdin=False) as g:
        g.expect('OpenSBI v', 30)
        g.expect(re.compile(rb'Boot HART MEDELEG[^\n]*\n'), 30)
        lines = {}
        for line in g.text.replace('\r', '').splitlines():
            m = re.match(r'(\w[\w /]*?) *: (.*)$', line)
            if m:
                lines[m.group(1)] = m.group(2).strip()
            elif line.startswith('OpenSBI v'):
                lines['version'] = line
        return lines


def expectation(bits, smp):
    return os.path.join(HERE, f'opensbi-rv{bits}-smp{smp}.expected')


def check_banner(bits, smp):
    path = expectation(bits, smp)
    with open(path) as f:
        want = dict(line.rstrip('\n').split('\t', 1) for line in f if not line.startswith('#'))
    source = os.path.basename(path)
    if os.environ.get('RHEA_REFERENCE'):
        want, source = banner(bits, smp, reference=True, cpu=REFERENCE_CPU.format(bits)), 'the reference'
    got = banner(bits, smp)
    same_firmware = want['version'] == got['version']
    if smp > 1:  # any hart may win the firmware's start
        for lines in (want, got):
            for k in ('Boot HART ID', 'Domain0 Boot HART', 'Domain0 HARTs'):
                lines.pop(k, None)
    bad = [f'{k}: {got.get(k)!r}, {source} has {v!r}' for k, v in want.items()
           if got.get(k) != v and (same_firmware or STABLE.match(k))]
    if bad:
        raise Failure('banner lines differ:\n  ' + '\n  '.join(bad))


for _bits, _smp in ((64, 1), (64, 4), (32, 1)):
    test(f'opensbi/rv{_bits}-smp{_smp}', limit=5)(lambda b=_bits, s=_smp: check_banner(b, s))


# ---- U-Boot --------------------------------------------------------------------------------------


def disk(fs):
    """A disk image with a text file, the kernel and a tiny initramfs."""

    def build():
        root = os.path.join(h.work_dir(), 'disk-' + fs)
        os.makedirs(root)
        linux, _ = kernel()
        with open(os.path.join(root, 'hello.txt'), 'w') as f:
            f.write('words on the disk\n')
        for src, name in ((linux, 'Image'), (tiny(), 'tiny.cpio')):
            with open(src, 'rb') as f, open(os.path.join(root, name), 'wb') as g:
                g.write(f.read())
        image = os.path.join(h.work_dir(), fs + '.img')
        with open(image, 'wb') as f:
            f.truncate(96 << 20)
        if fs == 'ext4':
            h.run([h.need('mke2fs'), '-q', '-t', 'ext4', '-d', root, image])
        else:
            h.run([h.need('mkfs.vfat'), image])
            h.run([h.need('mcopy'), '-i', image, *[os.path.join(root, n) for n in sorted(os.listdir(root))], '::'])
        return image

    return h.once(('disk', fs), build)


class UBoot(Guest):
    def __init__(self, mode, *args):
        d = h.fetch_guest('u-boot')
        where = (['-bios', opensbi(), '-kernel', d + '/qemu-riscv64_smode/u-boot.bin'] if mode == 's' else
                 ['-bios', d + '/qemu-riscv64/u-boot.bin'])
        super().__init__(*VIRT, '-m', '1G', '-no-reboot', *where, *args)

    def prompt(self):
        self.expect('Hit any key to stop autoboot', 60)
        self.send('\n')
        self.expect('=> ', 20)

    def command(self, text, limit=30):
        at = self.seen
        self.send(text + '\n')
        self.expect('=> ', limit)
        return self.buf[at:self.seen].decode('utf-8', 'replace').replace('\r', '')

    def check(self, text, *wants):
        got = self.command(text)
        for w in wants:
            if w not in got:
                self.fail(f'U-Boot: {text!r} answers without {w!r}:\n{got}')


def virtio_disk(image, *more):
    return ['-drive', ','.join([f'file={image},format=raw,if=none,id=disk0', *more]),
            '-device', 'virtio-blk-device,drive=disk0']


def uboot_disk(mode, fs):
    with UBoot(mode, *virtio_disk(disk(fs), 'readonly=on')) as g:
        g.prompt()
        g.command('virtio scan')
        g.check('virtio info', 'VirtIO Block Device', '96.0 MB')
        g.check('ls virtio 0', 'hello.txt', 'tiny.cpio')
        g.check('load virtio 0 $loadaddr hello.txt', '18 bytes read')
        g.check('md.b $loadaddr 12', 'words on the dis')
        g.send('poweroff\n')
        g.exit(0, 20)


for _mode in 'sm':
    for _fs in ('ext4', 'fat'):
        test(f'uboot/{_mode}-{_fs}', limit=10)(lambda m=_mode, f=_fs: uboot_disk(m, f))


def rhea_img():
    return os.path.join(os.path.dirname(h.emulator()[0]), 'tools', 'rhea-img')


@test('uboot/nvme', limit=20)
def uboot_nvme():
    """A kernel from a qcow2 image behind an NVMe controller."""
    image = os.path.join(h.work_dir(), 'nvme.qcow2')
    h.run([rhea_img(), 'convert', '-f', 'raw', '-O', 'qcow2', '-c', disk('ext4'), image])
    with UBoot('s', '-drive', f'file={image},if=none,id=d0,readonly=on', '-device', 'nvme,serial=s1,drive=d0') as g:
        g.prompt()
        g.command('nvme scan')
        g.check('nvme info', 'Capacity: 96.0 MB')
        g.command('setenv bootargs console=ttyS0')
        g.check('load nvme 0 $kernel_addr_r Image', 'bytes read')
        g.check('load nvme 0 $ramdisk_addr_r tiny.cpio', 'bytes read')
        g.send('booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr\n')
        g.expect('Linux version', 30)
        g.expect('init: end of the machine', 60)
        g.exit(0, 20)


# ---- disks -----------------------------------------------------------------------------------------

HAMMER_BLOCKS, HAMMER_MAGIC = 16384, 0x6164697265686172


def bare_c(name):
    """tests/boot/bare/NAME.c for riscv64."""

    def build():
        out = os.path.join(h.work_dir(), name + '.elf')
        h.run([h.need(h.CROSS + 'gcc'), '-O2', '-ffreestanding', '-nostdlib', '-static', '-no-pie', '-march=rv64imac_zicsr',
               '-mabi=lp64', '-mcmodel=medany', '-Wl,-Ttext=0x80000000,--build-id=none', '-o', out,
               os.path.join(HERE, 'bare', name + '.c')])
        return out

    return h.once(name, build)


# bootindex: devices, and the lines of the fw_cfg file "bootorder" as the reference writes it. PCI is short for its host bridge.
PCI = '/pci@ffffffffffffffff'
BOOT_ORDERS = (
    (['virtio-blk-pci,drive=a'], []),
    (['virtio-blk-pci,drive=a,bootindex=2', 'nvme,serial=x,drive=b,bootindex=1', 'virtio-net-pci,bootindex=0', 'e1000e,bootindex=0x10'],
     [PCI + '/ethernet@3/ethernet-phy@0', PCI + '/pci1b36,0010@2/namespace@1,0', PCI + '/scsi@1/disk@0,0', PCI + '/ethernet@4/ethernet-phy@0']),
    (['virtio-scsi-pci', 'scsi-hd,drive=a,bootindex=3', 'scsi-hd,drive=b,scsi-id=200,lun=300,bootindex=1', 'scsi-cd,drive=c,bootindex=0'],
     [PCI + '/scsi@1/channel@0/disk@1,0', PCI + '/scsi@1/channel@0/disk@c8,12c', PCI + '/scsi@1/channel@0/disk@0,0']),
    (['pcie-root-port,id=p,chassis=1', 'virtio-blk-pci,drive=a,bus=p,bootindex=1', 'pcie-root-port,id=q,chassis=2',
      'nvme,serial=x,drive=b,bus=q,bootindex=7', 'virtio-net-pci,addr=0x1f.6,bootindex=3'],
     [PCI + '/pci-bridge@1/scsi@0/disk@0,0', PCI + '/ethernet@1f,6/ethernet-phy@0', PCI + '/pci-bridge@2/pci1b36,0010@0/namespace@1,0']),
    (['virtio-blk-device,drive=a,bootindex=1', 'virtio-net-device,bootindex=2', 'virtio-scsi-device', 'scsi-hd,drive=b,bootindex=4'],
     ['/virtio-mmio@0000000010008000/disk@0,0', '/virtio-mmio@0000000010007000/ethernet-phy@0',
      '/virtio-mmio@0000000010006000/channel@0/disk@0,0']),
)


def boot_order(devices, *args, reference=False):
    drives = []
    for name in 'abc':
        image = os.path.join(h.work_dir(), f'bootindex-{name}.img')
        with open(image, 'wb') as f:
            f.truncate(1 << 20)
        drives += ['-drive', f'file={image},format=raw,if=none,id={name}']
    with Guest(*BARE, '-bios', bare_c('bootorder'), *drives, *[x for d in devices for x in ('-device', d)], *args,
               reference=reference, stdin=False) as g:
        g.exit(0, 20)
        return '\n'.join(line for line in g.text.replace('\r', '').splitlines() if 'warning:' not in line).strip()


@test('bare/bootorder', limit=3)
def bare_bootorder():
    cases = [(devices, want, ()) for devices, want in BOOT_ORDERS]
    cases += [(BOOT_ORDERS[1][0], BOOT_ORDERS[1][1] + ['HALT'], ('-boot', 'strict=on')), (BOOT_ORDERS[0][0], [], ('-boot', 'strict=on'))]
    for devices, want, args in cases:
        want = '\n'.join(want) + '|' if want else ''
        if os.environ.get('RHEA_REFERENCE'):
            want = boot_order(devices, *args, reference=True)
        got = boot_order(devices, *args)
        if got != want:
            raise Failure(f'{devices}: {got!r}, not {want!r}')
    with Guest(*BARE, '-device', 'virtio-net-pci,bootindex=1', '-device', 'e1000e,bootindex=1', stdin=False) as g:
        g.exit(1, 10)
        if 'The bootindex 1 has already been used' not in g.text:
            g.fail('two devices with one index')


def hammer():
    return bare_c('hammer')


def kill_once(name, options, cache):
    """kill -9 under writes: the image is consistent, and what was flushed is there."""
    image = os.path.join(h.work_dir(), name + '.qcow2')
    h.run([rhea_img(), 'create', '-q', '-f', 'qcow2', *options, image, '64M'])
    with Guest('-M', 'virt', '-m', '64M', '-nographic', '-net', 'none', '-bios', hammer(), '-drive',
               f'file={image},format=qcow2,if=none,id=d0,cache={cache}', '-device', 'virtio-blk-device,drive=d0',
               stdin=False) as g:
        g.expect('flushed', 30)
        end = time.monotonic() + random.random() * 0.5
        while time.monotonic() < end:
            g._read(max(0, end - time.monotonic()))
        g.p.kill()
        g.wait(10)
        flushed = re.findall(r'flushed (\d+)\r?\n', g.text)
    for img in ([rhea_img()], shlex.split(os.environ.get('QEMU_IMG', ''))):
        if not img:
            continue
        if 'lazy_refcounts=on' in options:
            h.run([*img, 'check', '-q', '-r', 'all', image])
        r = subprocess.run([*img, 'check', image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if r.returncode not in (0, 3):  # leaked clusters are allowed
            raise Failure(f'{options}, {cache}: {img[-1]} check: {r.returncode}\n{r.stdout.decode()}')
    raw = image[:-6] + '.raw'
    h.run([rhea_img(), 'convert', '-f', 'qcow2', '-O', 'raw', image, raw])
    last = int(flushed[-1]) if flushed else 0
    with open(raw, 'rb') as f:
        for n in range(max(0, last - HAMMER_BLOCKS), last):
            f.seek(n * 37 % HAMMER_BLOCKS * 4096)
            magic, number = struct.unpack('<QQ', f.read(16))
            if magic != HAMMER_MAGIC or number < n or (number - n) % HAMMER_BLOCKS:
                raise Failure(f'{options}, {cache}: write {n} of {last} that were flushed is lost')


@test('disk/kill', limit=10)
def disk_kill():
    formats = ([], ['-o', 'lazy_refcounts=on'], ['-o', 'cluster_size=4k'], ['-o', 'extended_l2=on'])
    cases = [(options, cache) for options in formats for cache in ('writeback', 'none')]
    for i in range(int(os.environ.get('RHEA_KILLS', len(cases)))):
        kill_once('kill', *cases[i % len(cases)])


@test('uboot/booti', limit=20)
def uboot_booti():
    """A kernel and its initramfs loaded from the disk."""
    with UBoot('s', *virtio_disk(disk('ext4'), 'readonly=on')) as g:
        g.prompt()
        g.command('setenv bootargs console=ttyS0')
        g.check('load virtio 0 $kernel_addr_r Image', 'bytes read')
        g.check('load virtio 0 $ramdisk_addr_r tiny.cpio', 'bytes read')
        g.send('booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr\n')
        g.expect('Starting kernel', 20)
        g.expect('Linux version', 30)
        g.expect('init: end of the machine', 60)
        g.exit(0, 20)


@test('uboot/reset', limit=10)
def uboot_reset():
    """U-Boot's reset command ends the emulator under -no-reboot."""
    with UBoot('s') as g:
        g.prompt()
        g.send('reset\n')
        g.exit(0, 20)


# ---- the kernel with an init of our own ------------------------------------------------------------


def tiny(cmd=None):
    flags = ['-nostdlib'] + ([f'-DCMD={cmd}'] if cmd else [])
    return h.initramfs('tiny' + (cmd or ''), os.path.join(HERE, 'poweroff.c'), *flags)


def run_tiny(*args, initrd=None, limit=60, linux=None, append='console=ttyS0', m='256M'):
    with Guest(*VIRT, '-m', m, '-no-reboot', '-kernel', linux or kernel()[0], '-initrd', initrd or tiny(),
               '-append', append, *args, stdin=False) as g:
        g.expect('Linux version', limit)
        g.expect('init: end of the machine', limit)
        g.exit(0, limit)
        if 'Kernel panic' in g.text or 'Oops' in g.text:
            g.fail('the kernel reported an error')
        return g.text


for _smp in (1, 2, 4, 8):
    test(f'tiny/poweroff-smp{_smp}', cores=min(_smp, 2), limit=5)(lambda s=_smp: run_tiny('-smp', str(s)))


@test('tiny/boot-hart', cores=2, limit=10)
def tiny_boot_hart():
    """OpenSBI's fw_jump boots on the hart that comes first: harts 0 to 2 wait in the second flash, hart 3 wins."""
    image = os.path.join(h.work_dir(), 'late.img')
    with open(flat(bare('late', base=0x22000000)), 'rb') as f, open(image, 'wb') as g:
        g.write(f.read())
        g.truncate(32 << 20)
    late = [a for n in range(3) for a in ('-device', f'loader,addr=0x22000000,cpu-num={n}')]
    text = run_tiny('-bios', opensbi().replace('fw_dynamic', 'fw_jump'), '-smp', '4',
                    '-drive', f'if=pflash,unit=1,format=raw,readonly=on,file={image}', *late)
    for line in (r'Boot HART ID +: 3', r'smp: Brought up 1 node, 4 CPUs'):
        if not re.search(line, text):
            raise Failure(f'console lacks {line!r}')


@test('tiny/reboot', limit=10)
def tiny_reboot():
    """Restart: the end under -no-reboot, another boot without."""
    again = tiny('0x01234567')
    run_tiny(initrd=again)
    with Guest(*VIRT, '-m', '256M', '-kernel', kernel()[0], '-initrd', again, '-append', 'console=ttyS0',
               stdin=False) as g:
        for _ in range(2):
            g.expect('OpenSBI v', 60)
            g.expect('init: end of the machine', 60)
        g.expect('OpenSBI v', 60)


@test('tiny/image-gz', limit=5)
def tiny_gz():
    def pack():
        out = os.path.join(h.work_dir(), 'Image.gz')
        with open(kernel()[0], 'rb') as f, gzip.open(out, 'wb', compresslevel=1) as g:
            g.write(f.read())
        return out

    run_tiny(linux=h.once('image.gz', pack))


@test('tiny/dtb', limit=5)
def tiny_dtb():
    """The board's own device tree, dumped and handed back with -dtb."""
    dtb = os.path.join(h.work_dir(), 'virt.dtb')
    cmd = h.emulator() + ['-M', f'virt,dumpdtb={dtb}', '-m', '256M', '-nographic', '-net', 'none']
    h.run(cmd, 20)
    if not os.path.exists(dtb):
        raise Failure('dumpdtb wrote nothing')
    run_tiny('-dtb', dtb)


@test('tiny/firmware-jump', limit=5)
def tiny_firmware_jump():
    run_tiny('-bios', opensbi().replace('fw_dynamic', 'fw_jump'))


for _cpu in ('max', 'rv64,sv57=off', 'rv64,sv48=off', 'rv64,sstc=off', 'rv64,svadu=off', 'rv64,zba=off,zbb=off,zbs=off'):
    test('tiny/cpu-' + _cpu.replace('=', '-').replace(',', '-'), limit=5)(lambda c=_cpu: run_tiny('-bios', opensbi(), '-cpu', c))


@test('tiny/aclint', limit=5)
def tiny_aclint():
    run_tiny('-M', 'virt,aclint=on', '-smp', '2')


for _aia, _smp in (('aplic-imsic', 1), ('aplic-imsic', 4), ('aplic', 2)):
    test(f'tiny/{_aia}-smp{_smp}', cores=min(_smp, 2), limit=5)(
        lambda a=_aia, s=_smp: run_tiny('-M', f'virt,aia={a}', '-smp', str(s)))


@test('linux/imsic', cores=2, limit=30)
def linux_imsic():
    """MSI-X of a PCI card and wired interrupts as messages, on two harts, with the firmware of the suite."""
    with h.Shell('-bios', opensbi(), '-nic', 'user,model=virtio-net-pci', machine='virt,aia=aplic-imsic', smp=2,
                 modules=('failover', 'net_failover', 'virtio_net')) as g:
        g.ready()
        g.check('ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ping -c 2 -W 5 10.0.2.2', '2 packets received')
        got = g.check('grep virtio0-input /proc/interrupts; grep ttyS0 /proc/interrupts', 'PCI-MSIX', 'APLIC-MSI')
        for line in got.splitlines():
            if re.match(r' *\d+:', line) and not sum(int(n) for n in line.split()[1:3]):
                g.fail(f'no interrupt: {line}')
        g.off()


@test('tiny/memory-8g', limit=5)
def tiny_memory():
    run_tiny(m='8G')


@test('tiny/icount-repeats', limit=20)
def tiny_icount():
    """Two runs under -icount print the same bytes."""
    strip = re.compile(r'random: crng init done.*|.*rtc.*|.*RTC.*')  # wall-clock lines
    a, b = (strip.sub('', run_tiny('-icount', 'shift=0', '-rtc', 'base=2026-01-01,clock=vm', limit=180)) for _ in range(2))
    if a != b:
        diff = next((x, y) for x, y in zip(a.splitlines(), b.splitlines()) if x != y)
        raise Failure(f'the consoles differ: {diff[0]!r} and {diff[1]!r}')


# ---- checks from inside Linux ----------------------------------------------------------------------


def run_linux(smp=1, more=(), want=(), **kw):
    init = h.initramfs('linux-checks', os.path.join(HERE, 'checks.c'), '-pthread', '-lm')
    with Guest(*VIRT, '-m', '512M', '-no-reboot', '-smp', str(smp), '-kernel', kernel()[0], '-initrd', init,
               '-append', f'console=ttyS0 quiet cpus={smp}', *more, stdin=False) as g:
        g.expect('checks: start', 60)
        g.expect('checks: end', 120)
        g.exit(0, 30)
        bad = [line for line in g.text.splitlines() if 'FAIL' in line]
        if bad:
            g.fail('\n'.join(bad))
        if 'Kernel panic' in g.text or 'Oops' in g.text or 'BUG:' in g.text:
            g.fail('the kernel reported an error')


for _smp in (1, 4):
    test(f'linux/checks-smp{_smp}', cores=min(_smp, 2), limit=20)(lambda s=_smp: run_linux(s))


# ---- the installer ---------------------------------------------------------------------------------


def installer_args(smp=1, append='console=ttyS0', reboot=False):
    linux, initrd = kernel()
    return ['-M', 'virt', '-m', '1G', '-nographic', *([] if reboot else ['-no-reboot']), '-net', 'none',
            '-smp', str(smp), '-kernel', linux, '-initrd', initrd, '-append', append]


# How the installer can die of a race of its own, on any machine: Debian runs one on each console (ttyS0 and tty1); udpkg
# moves /var/lib/dpkg/status away before it moves the new one to its place (status_merge() in its status.c), and main-menu
# opens that file without udpkg's lock and uses what it did not get (main-menu.c). docs/testing.md says how it was found.
INSTALLER_RACE = re.compile(rb'main-menu\[\d+\]: unhandled signal 11 code 0x1 at 0x0000000000000008 in main-menu\[')


def installer(answer, smp=1):
    """Boots the installer to its first question and calls answer(guest); boots again where it lost its own race."""
    question = re.compile(rb'Select a language|' + INSTALLER_RACE.pattern)
    for _ in range(3):
        with Guest(*installer_args(smp)) as g:
            g.expect('Linux version', 60)
            if INSTALLER_RACE.match(g.expect(question, 240)[0]):
                continue
            answer(g)
            g.send('\x01x')  # Ctrl-A x
            g.exit(0, 10)
            return
    raise Failure('the installer lost the race between its consoles three times running')


for _smp in (1, 2, 4, 8):
    test(f'installer/prompt-smp{_smp}', cores=min(_smp, 2), limit=30)(lambda s=_smp: installer(lambda g: None, s))


def installer_shell(command):
    with Guest(*installer_args(append='console=ttyS0 rdinit=/bin/sh')) as g:
        g.expect(re.compile(rb'[#] '), 120)
        g.send('echo $((6 * 7))-$(uname -m)\n')
        g.expect('42-riscv64', 20)
        g.send(command + '\n')
        g.exit(0, 30)


test('installer/poweroff', limit=15)(lambda: installer_shell('poweroff -f'))
test('installer/reboot', limit=15)(lambda: installer_shell('reboot -f'))


@test('installer/keys', limit=30)
def installer_keys():
    """The first question is answered from the keyboard: the second one comes."""

    def answer(g):
        g.expect('activates buttons', 20)
        g.send('\r')
        g.expect('Select your location', 60)

    installer(answer)


for target in loops.FLAGS:
    test(f'loops/{target}', limit=5)(lambda t=target: loops.run(t))
test('perfmap/map', limit=5)(lambda: perfmap.lines(bare('finish')))
test('perfmap/jitdump', limit=5)(lambda: perfmap.dump(bare('finish')))


def collect():
    return tests + arm.tests + saved.collect() + semihosting.collect()


def record():
    """Writes the expectation files from the reference emulator."""
    for bits, smp in ((64, 1), (64, 4), (32, 1)):
        lines = banner(bits, smp, reference=True, cpu=REFERENCE_CPU.format(bits))
        with open(expectation(bits, smp), 'w') as f:
            f.write('# SPDX-License-Identifier: Apache-2.0\n# SPDX-FileCopyrightText: The rhea authors\n'
                    '# Lines of the OpenSBI banner on the reference emulator (tests/boot/suite.py record).\n')
            for k, v in lines.items():
                f.write(f'{k}\t{v}\n')


if __name__ == '__main__' and sys.argv[1:] == ['record']:
    record()
