# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Complete Debian systems, from the disks that tests/system/make-debian made. They take minutes each, and run only
when they are named: `tests/run -j 1 system` (docs/testing.md).

  system/ARCH/kernel-CONTROLLER    -kernel and -initrd, the disk behind virtio-blk, virtio-scsi or NVMe: boot to login
  system/ARCH/firmware-CONTROLLER  the same by U-Boot and extlinux.conf (riscv64), EDK2 and GRUB (arm64). Debian's U-Boot
                                   has no driver for virtio-scsi: there it gets the kernel over TFTP, the disk is Linux's
  system/ARCH/work                 one boot, and a list of commands that have to print what they should
  system/ARCH/ssh                  ssh by a forward, data both ways with equal checksums
  system/ARCH/offline              a package from the archive and a source, by a shared folder
  system/ARCH/devices              every controller, card, port and switch at once; the kernel's log has no warning
  system/ARCH/apt                  a package is installed from the distribution's mirror, where the guest reaches it

The environment: RHEA_SYSTEM_MIB is how much goes each way by ssh (64); RHEA_RECORD=1 makes system/ARCH/work write
numeric-ARCH.expected anew, which is for RHEA=the reference.
"""
import hashlib
import io
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import tarfile
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib')]
import archive  # noqa: E402
import harness as h  # noqa: E402
from harness import Failure, Session, Skip, Test  # noqa: E402

# The folder of make-debian, the emulator's name, arguments of the machine, the console
SYSTEMS = {
    'riscv64': ('debian-unstable-riscv64', 'riscv64', ['-M', 'virt'], 'ttyS0'),
    'arm64': ('debian-bookworm-arm64', 'aarch64', ['-M', 'virt', '-cpu', 'cortex-a57'], 'ttyAMA0'),
}
# Arguments of the controller, and what the kernel calls the root file system behind it
CONTROLLERS = {
    'virtio-blk': (['-device', 'virtio-blk-pci,drive=root'], '/dev/vda2'),
    'virtio-scsi': (['-device', 'virtio-scsi-pci', '-device', 'scsi-hd,drive=root'], '/dev/sda2'),
    'nvme': (['-device', 'nvme,serial=root,drive=root'], '/dev/nvme0n1p2'),
}
LOGIN = 300  # seconds to the login on a loaded machine
# systemd gives up on a device after 90 s; on a loaded machine its own start can take that long.
PATIENCE = 'systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600'


def disk(arch, name):
    """An overlay of the made disk, for this run; and the folder of the disk."""
    folder = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'rhea', 'guest', SYSTEMS[arch][0])
    base = os.path.join(folder, 'disk.qcow2')
    if not os.path.exists(base):
        raise Skip(f'no {base}: tests/system/make-debian {arch}')
    image = os.path.join(h.work_dir(), f'{arch}-{name}.qcow2')
    img = os.environ.get('RHEA_IMG') or os.path.join(h.ROOT, 'build', 'tools', 'rhea-img')
    h.run([img, 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', image])
    return image, folder


def firmware(arch):
    if arch == 'arm64':
        return ['-bios', h.fetch_guest('edk2-aarch64') + '/qemu-efi-aarch64/QEMU_EFI.fd']
    return ['-kernel', h.fetch_guest('u-boot') + '/qemu-riscv64_smode/u-boot.bin']


def script_image(text):
    """A script of U-Boot's in its legacy image format (U-Boot's include/image.h): the header, and one text of that length."""
    data = struct.pack('>II', len(text), 0) + text.encode()
    header = struct.pack('>IIIIIIIBBBB32s', 0x27051956, 0, 0, len(data), 0, 0, zlib.crc32(data), 5, 26, 6, 0, b'boot')
    return header[:4] + struct.pack('>I', zlib.crc32(header)) + header[8:] + data


def tftp_folder(arch, folder):
    """What a boot loader finds at the user network's TFTP server: kernel and initrd of the disk, a menu as PXELINUX has it, and the
    script that U-Boot looks for by itself, which asks for that menu."""
    root = os.path.join(h.work_dir(), f'{arch}-tftp')
    os.makedirs(root + '/pxelinux.cfg', exist_ok=True)
    for name in ('vmlinuz', 'initrd.img'):
        if not os.path.lexists(f'{root}/{name}'):
            os.symlink(f'{folder}/{name}', f'{root}/{name}')
    with open(root + '/pxelinux.cfg/default', 'w', encoding='ascii') as f:
        f.write('default debian\n\nlabel debian\n\tkernel vmlinuz\n\tinitrd initrd.img\n'
                f'\tappend root=LABEL=rhea console={SYSTEMS[arch][3]} {PATIENCE}\n')
    with open(root + '/boot.scr.uimg', 'wb') as f:
        f.write(script_image('pxe get && pxe boot\n'))
    return root


class System(Session):
    """A machine with the disk of a complete system."""

    between = '; '

    def __init__(self, arch, name, *args, boot='kernel', controller='virtio-blk', net=('-net', 'none')):
        self.arch, self.controller = arch, controller
        image, self.folder = disk(arch, name)
        _, target, machine, console = SYSTEMS[arch]
        if boot == 'tftp':
            net = ['-netdev', f'user,id=n,tftp={tftp_folder(arch, self.folder)},bootfile=boot.scr.uimg', '-device', 'virtio-net-pci,netdev=n']
        if boot == 'kernel':
            how = ['-kernel', self.folder + '/vmlinuz', '-initrd', self.folder + '/initrd.img', '-append',
                   f'root=LABEL=rhea console={console} {PATIENCE}']
        else:
            how = firmware(arch)
        super().__init__(*machine, '-smp', '2', '-m', '1G', '-nographic', '-no-reboot', *how, '-drive',
                         f'file={image},format=qcow2,if=none,id=root', *CONTROLLERS[controller][0], *net, *args, target=target)

    def login(self):
        """To a shell without prompt and echo; the root file system is where it should be, and nothing failed."""
        self.expect('rhea login: ', LOGIN)
        self.login_time = self.elapsed()
        # On a loaded machine login's own patience (60 s) may end before its work does.
        for _ in range(5):
            self.send('root\n')
            self.expect('Password: ', 60)
            self.send('rhea\n')
            if b'rhea login: ' not in self.expect(re.compile(rb'root@rhea:~# |rhea login: '), 120).group():
                break
        # A session that login gave up on counts as failed.
        self.send("systemctl reset-failed 'session-*.scope'; dmesg -n 1; stty -echo; PS1= exec sh\n")
        self.check('findmnt -n -o SOURCE /', CONTROLLERS[self.controller][1], limit=60)
        state = self.run('timeout 120 systemctl is-system-running --wait', 150)[1].strip()
        if state != 'running':
            self.fail(f'the system is {state}: ' + self.run('systemctl --failed --plain --no-legend; systemctl list-jobs', 60)[1])
        bad = self.run("dmesg | grep -E 'Oops|BUG|Call [Tt]race|rcu.*stall|I/O error|EXT4-fs error|[Tt]imeout.*(abort|reset)|lockup'", 60)[1]
        if bad.strip():
            self.fail(f'the kernel reported\n{bad}')
        return self

    def off(self):
        self.send('poweroff\n')
        self.exit(0, 150)
        print(f'  system/{self.arch}: login after {self.login_time:.1f} s, off after {self.elapsed():.1f} s, '
              f'load {os.getloadavg()[0]:.1f}', flush=True)


def start(arch, boot, controller):
    by_tftp = (arch, boot, controller) == ('riscv64', 'firmware', 'virtio-scsi')
    with System(arch, f'{boot}-{controller}', boot='tftp' if by_tftp else boot, controller=controller) as g:
        if by_tftp:
            for words in 'Retrieving file: ', 'Starting kernel':
                g.expect(words, LOGIN)
        g.login()
        g.off()


# ---- commands --------------------------------------------------------------------------------------

PROGRAMS = ('nbody', 'spectral', 'mandelbrot', 'fourier', 'gauss', 'heat', 'lorenz', 'functions', 'quadruple', 'integers')
# A command, the texts that it has to print, its limit in seconds; each has to end with 0.
WORK = [
    ('nproc', ['2'], 30),
    ('echo $(($(date +%s) > 1600000000))', ['1'], 30),
    # OpenSSL: known answers, then each for a second
    ('printf abc | openssl dgst -sha512 | cut -c 1-200', ['ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a'], 60),
    ('head -c 64 /dev/zero | openssl enc -aes-128-ctr -K 2b7e151628aed2a6abf7158809cf4f3c -iv f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff | od -An -tx1 | head -1',
     ['ec 8c df 73 98 60 7c b0 f2 d2 16 75 ea 9e a1 e4'], 60),
    ('openssl speed -seconds 1 -bytes 8192 -evp aes-128-gcm 2>&1 | tail -1', ['128-GCM', 'k'], 60),
    ('openssl speed -seconds 1 -bytes 8192 -evp chacha20-poly1305 2>&1 | tail -1', ['oly1305', 'k'], 60),
    ('openssl speed -seconds 1 -bytes 8192 sha256 sha512 md5 2>&1 | tail -3', ['sha256', 'sha512', 'md5'], 90),
    ('openssl speed -seconds 1 rsa2048 ecdsap256 ed25519 2>&1 | grep bits', ['2048 bits', 'nistp256', 'Ed25519'], 120),
    ('openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out k && date >t && openssl dgst -sha256 -sign k -out s t && '
     'openssl pkey -in k -pubout -out p && openssl dgst -sha256 -verify p -signature s t', ['Verified OK'], 200),
    # A part of Python's own tests
    ('cd /tmp; python3 -m test -q test_int test_float test_math test_cmath test_struct test_complex test_hashlib test_zlib test_array '
     '2>&1 | tail -8', ['esult: SUCCESS'], 1500),
    ('cd /tmp; python3 -m test -q test_signal test_thread test_queue test_mmap test_fcntl 2>&1 | tail -8', ['esult: SUCCESS'], 1500),
    # Compiler, linker, threads, signals, processes, protection: the checks of tests/boot
    ('mkdir -p /tmp/w && cd /tmp/w && tar -xf /dev/disk/by-id/virtio-programs && ls', ['numeric.c', 'parallel.c'], 60),
    ('cd /tmp/w; gcc -O2 -Wall -frounding-math numeric.c -o numeric -lm && gcc -O2 -pthread parallel.c -o parallel && echo built', ['built'], 300),
    ('cd /tmp/w; ./parallel', ['parallel: 4 threads agree'], 200),
    ('cd /tmp; python3 -c "import zlib,os; d=os.urandom(1<<20)*4; open(\'b\',\'wb\').write(d)" && xz -T2 -0 -k b && xz -dc b.xz | cmp - b && '
     'bzip2 -k b && bzip2 -dc b.bz2 | cmp - b && gzip -k b && gzip -dc b.gz | cmp - b && echo same', ['same'], 300),
    ("perl -MDigest::SHA=sha1_hex -e 'my $x = 1; $x = ($x * 1103515245 + 12345) % 2147483648 for 1..200000; print sha1_hex($x), qq(\\n)'",
     ['SHA1'], 120),
    ('fio --name=v --filename=/var/tmp/fio --size=48M --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16 --direct=1 --verify=crc32c '
     '--do_verify=1 --verify_fatal=1 >/tmp/o 2>&1; grep -E "err=|verify:|bw=" /tmp/o; rm /var/tmp/fio', ['err= 0', 'WRITE: bw='], 300),
]


def perl_answer():
    x = 1
    for _ in range(200000):
        x = (x * 1103515245 + 12345) % 2147483648
    return hashlib.sha1(str(x).encode()).hexdigest()


def programs_disk():
    """The programs as a tar archive that is a disk."""
    path = os.path.join(h.work_dir(), 'system-programs.tar')
    with tarfile.open(path, 'w') as tar:
        for name in ('numeric.c', 'parallel.c'):
            tar.add(os.path.join(HERE, name), name)
    with open(path, 'r+b') as f:
        f.truncate((os.path.getsize(path) + (1 << 20)) >> 20 << 20)
    return path


def work(arch):
    failed = []
    with System(arch, 'work', '-drive', f'file={programs_disk()},format=raw,if=none,id=programs,readonly=on', '-device',
                'virtio-blk-pci,drive=programs,serial=programs') as g:
        g.login()
        for command, wants, limit in WORK:
            wants = [perl_answer() if w == 'SHA1' else w for w in wants]
            begin = time.monotonic()
            status, got = g.run(command, limit)
            good = status == 0 and all(w in got for w in wants)
            print(f'  system/{arch}/work: {"ok" if good else "FAIL"} {command[:70]} ({time.monotonic() - begin:.1f} s)' +
                  ('' if good else f'\n{got}'), flush=True)
            if not good:
                failed.append(f'{command}\n  status {status}, printed\n{got}')
        text = ''
        for p in PROGRAMS:
            status, got = g.run(f'/tmp/w/numeric {p}', 300)
            text += got.strip() + '\n'
            if status:
                failed.append(f'numeric {p}: status {status}\n{got}')
        expected = os.path.join(HERE, f'numeric-{arch}.expected')
        if os.environ.get('RHEA_RECORD'):
            with open(expected, 'w', encoding='ascii') as f:
                f.write(text)
        with open(expected, encoding='ascii') as f:
            want = f.read()
        different = [f'got {a!r} for {b!r}' for a, b in zip(text.splitlines(), want.splitlines()) if a != b]
        if different or len(text) != len(want):
            failed.append('numeric programs differ:\n' + '\n'.join(different))
        print(f'  system/{arch}/work: {len(WORK)} commands, {len(PROGRAMS)} numeric programs, {len(failed)} failed', flush=True)
        g.off()
    if failed:
        raise Failure('\n'.join(failed))


# ---- networks --------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def pattern(mib):
    """Bytes that do not repeat, a MiB at a time."""
    block = os.urandom(1 << 20)
    for i in range(mib):
        yield hashlib.sha256(b'%d' % i).digest() + block[32:]


def ssh(arch):
    """Data by ssh into the guest and out of it, on its disk in between."""
    mib = int(os.environ.get('RHEA_SYSTEM_MIB', '64'))
    limit = (120 + mib) * h.SLOW
    port = free_port()
    with System(arch, 'ssh', net=['-netdev', f'user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22', '-device', 'virtio-net-pci,netdev=n']) as g:
        g.login()
        key = os.path.join(h.work_dir(), f'{arch}-id')
        with open(g.folder + '/id', 'rb') as f, open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as out:
            out.write(f.read())
        client = [h.need('ssh'), '-F', 'none', '-i', key, '-p', str(port), '-o', 'StrictHostKeyChecking=no', '-o',
                  'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes', 'root@127.0.0.1']
        begin = time.monotonic()
        digest = hashlib.sha256()
        with subprocess.Popen([*client, 'cat >blob; sha256sum blob'], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            try:
                for part in pattern(mib):
                    digest.update(part)
                    p.stdin.write(part)
                    if time.monotonic() - begin > limit:
                        g.fail(f'{mib} MiB into the guest: not within {limit:.0f} s')
                got = p.communicate(timeout=limit)[0].decode()
            except (OSError, subprocess.TimeoutExpired) as e:
                g.fail(f'ssh into the guest: {e}')
            finally:
                p.kill()
        into = time.monotonic() - begin
        if not got.startswith(digest.hexdigest()):
            g.fail(f'{mib} MiB into the guest: {got!r}, not {digest.hexdigest()}')
        begin = time.monotonic()
        back = hashlib.sha256()
        size = 0
        with subprocess.Popen([*client, 'cat blob'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
            while part := p.stdout.read(1 << 20):
                back.update(part)
                size += len(part)
        out = time.monotonic() - begin
        if size != mib << 20 or back.digest() != digest.digest():
            g.fail(f'{size} bytes out of the guest: {back.hexdigest()}, not {digest.hexdigest()}')
        print(f'  system/{arch}/ssh: {mib} MiB in {into:.1f} s into the guest, {out:.1f} s out of it, {digest.hexdigest()}', flush=True)
        g.off()


def apt(arch):
    with System(arch, 'apt', net=['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n']) as g:
        g.login()
        status, got = g.run('apt-get -q update 2>&1 | tail -5; ls /var/lib/apt/lists | grep -c Packages', 600)
        if status:
            g.off()
            raise Skip('the guest does not reach the mirror: ' + got.strip()[-200:])
        g.check('apt-get -q -y install bc 2>&1 | tail -5', 'Setting up bc', limit=600)
        g.check('echo "2^127 - 1" | bc', '170141183460469231731687303715884105727')
        # Something real, from its source
        g.check('cd /tmp && apt-get -q source hello 2>&1 | tail -3 && cd hello-*/ && (./configure && make -j2) 2>&1 | tail -3 && ./hello',
                'Hello, world!', limit=1500)
        g.off()


def offline(arch):
    """Packages and a source from a shared folder: no network is needed in the guest."""
    folder = archive.folder(SYSTEMS[arch][0], 'tree', sources=('zlib', ))
    with System(arch, 'offline', '-virtfs', f'local,path={folder},mount_tag=archive,security_model=none,readonly=on') as g:
        g.login()
        g.check('mkdir -p /archive && mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144 archive /archive && ls /archive', 'tree_', limit=60)
        g.check('apt-get -q -y install /archive/tree_*.deb 2>&1 | tail -5', 'Setting up tree', limit=600)
        g.check('mkdir -p /tmp/a/b && tree /tmp/a', '2 directories', limit=60)
        begin = time.monotonic()
        g.check('mkdir /tmp/z && cd /tmp/z && tar -xf /archive/zlib_*.orig.tar.* && cd zlib-* && (./configure && make -j2 test) 2>&1 | tail -4',
                'zlib shared test OK', limit=1500)
        print(f'  system/{arch}/offline: zlib built and tested in {time.monotonic() - begin:.0f} s', flush=True)
        g.off()


# ---- every device at once ---------------------------------------------------------------------------

# Lines of level warning or worse that the reference's machine with the same devices shows as well, or that are about what these
# kernels were configured with and the files that their disks lack.
KNOWN = (
    'pci-host-generic .*Memory resource size exceeds max for 32 bits',
    r's[dr] 0:0:\d:0: Power-on or device reset occurred',
    'Unsupported value for CONFIG_DRM_PANIC_SCREEN',
    r'regulatory.*(firmware: failed to load|Direct firmware load for) regulatory\.db',
    'firmware_class: See https://wiki.debian.org/Firmware',
    'CONFIG_IMA_DISABLE_HTABLE is disabled',
)


def device_args(folder):
    """Controllers, cards, ports and a switch; two disks are behind them. What the guest has a driver for."""
    args = []
    for name in 'blk', 'scsi', 'nvme':
        with open(f'{folder}/{name}', 'wb') as f:
            f.truncate(64 << 20)
        args += ['-drive', f'file={folder}/{name},format=raw,if=none,id={name},discard=unmap']
    for kind, *values in (
            ('object', 'iothread,id=t'), ('netdev', 'user,id=n1', 'user,id=n2'), ('chardev', 'null,id=c1', 'null,id=c2'),
            ('fsdev', f'local,id=f,path={folder},security_model=none,readonly=on'),
            ('device', 'pcie-root-port,id=rp,chassis=1,slot=1', 'ioh3420,id=ioh,chassis=1,slot=2', 'x3130-upstream,id=up,bus=ioh',
             'xio3130-downstream,id=d0,bus=up,chassis=2,slot=1', 'xio3130-downstream,id=d1,bus=up,chassis=2,slot=2',
             'pcie-pci-bridge,id=br', 'virtio-blk-pci,drive=blk,serial=blk,iothread=t,num-queues=2,bus=d0', 'virtio-scsi-pci,id=s',
             'scsi-hd,drive=scsi,serial=scsi', 'scsi-cd', 'nvme,serial=nvme,drive=nvme,bus=rp', 'virtio-net-pci,netdev=n1', 'e1000e,netdev=n2',
             'virtio-rng-pci,bus=br,addr=1', 'virtio-balloon-pci', 'virtio-keyboard-pci', 'virtio-tablet-pci', 'virtio-serial-pci',
             'virtserialport,chardev=c1,name=org.test.0', 'virtconsole,chardev=c2', 'virtio-9p-pci,fsdev=f,mount_tag=share', 'i6300esb',
             'pvpanic-pci')):
        args += [x for v in values for x in ('-' + kind, v)]
    return args


def devices(arch):
    """Linux' drivers work all of them, and its log has no line at level warning or worse."""
    folder = os.path.join(h.work_dir(), f'{arch}-devices')
    os.makedirs(folder)
    machine = {'riscv64': 'virt,aia=aplic-imsic', 'arm64': 'virt,gic-version=3'}[arch]
    with System(arch, 'devices', '-M', machine, *device_args(folder)) as g:
        g.login()
        for name in ('virtio-blk', 'scsi-0QEMU_QEMU_HARDDISK_scsi', 'nvme-QEMU_NVMe_Ctrl_nvme_1'):
            d = f'/dev/disk/by-id/{name}'
            g.check(f'ls /dev/disk/by-id; mkfs.ext4 -q -F {d} && mount -o discard {d} /mnt && dd if=/dev/urandom of=/mnt/a bs=1M count=20 '
                    'conv=fsync 2>&1 && sha256sum /mnt/a >/tmp/sum && echo 3 >/proc/sys/vm/drop_caches && sha256sum -c /tmp/sum && '
                    'rm /mnt/a && fstrim /mnt; umount /mnt', '/mnt/a: OK', limit=200)
        g.check('for i in /sys/class/net/e*; do ip link set ${i##*/} up; done; sleep 6; ip -br link', limit=60)
        g.check('mkdir -p /s && mount -t 9p -o ro,trans=virtio,version=9p2000.L share /s && ls /s', 'nvme', limit=60)
        # Some of these kernels have no driver for the watchdog.
        g.check('modprobe -q i6300esb; dd if=/dev/hwrng of=/dev/null bs=64 count=1; echo hello >/dev/virtio-ports/org.test.0 && '
                'echo hello >/dev/hvc0', limit=60)
        g.check('lspci -nn 2>/dev/null; for i in /sys/bus/pci/devices/*; do d=$(readlink $i/driver); echo ${i##*/} ${d##*/}; done', limit=60)
        bad = [line for line in g.run('dmesg -l emerg,alert,crit,err,warn', 60)[1].splitlines()
               if line.strip() and not any(re.search(k, line) for k in KNOWN)]
        if bad or os.environ.get('RHEA_RECORD'):
            print('\n'.join(bad), flush=True)
        g.off()
    if bad:
        raise Failure('the kernel reported\n' + '\n'.join(bad))


tests = []
for _arch in SYSTEMS:
    for _boot in ('kernel', 'firmware'):
        for _controller in CONTROLLERS:
            tests.append(Test(f'system/{_arch}/{_boot}-{_controller}', lambda a=_arch, b=_boot, c=_controller: start(a, b, c), 2, 120, asked=True))
    for _name, _func in (('work', work), ('ssh', ssh), ('apt', apt), ('offline', offline), ('devices', devices)):
        tests.append(Test(f'system/{_arch}/{_name}', lambda a=_arch, f=_func: f(a), 2, 300, asked=True))


def collect():
    return tests
