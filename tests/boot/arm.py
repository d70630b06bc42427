# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Boot tests of the Arm board: the same programs as on RISC-V (suite.py), for aarch64 and arm.

  arm/TARGET/tiny-*       the Debian kernel with an /init that ends the machine at once
  arm/TARGET/checks-*     the same kernel with an /init that checks what it finds and computes
  arm/TARGET/installer-*  the Debian installer to its first question; poweroff, reboot
  arm/TARGET/uboot        U-Boot: prompt, virtio disk, a block from it
  arm/TARGET/uboot-disk   U-Boot boots the installer from a virtio disk by itself (extlinux.conf)
  arm/TARGET/edk2         EDK2 to its shell
  arm/aarch64/pauth-*     pointer authentication by a bare program
  arm/TARGET/bare-*       bare programs that check the system level of the architecture, in each engine
  arm/aarch64/acpi*       EDK2 and the kernel with ACPI tables in the place of the device tree
  arm/aarch64/edk2-bootindex  the order in which EDK2 tries devices
  arm/aarch64/grub-disk   EDK2 starts GRUB from the EFI system partition of a disk, GRUB the installer
  arm/aarch64/grub-tftp   EDK2 gets GRUB over the user network (DHCP, TFTP), GRUB the installer
"""
import os
import re
import struct

import harness as h
from harness import Guest, Test

HERE = os.path.dirname(os.path.abspath(__file__))
VIRT = ['-M', 'virt', '-nographic', '-net', 'none']
CPU = {'aarch64': 'cortex-a57', 'arm': 'cortex-a15'}
GUEST = {'aarch64': ('debian-installer-arm64', 'linux'), 'arm': ('debian-installer-armhf', 'vmlinuz')}
UNAME = {'aarch64': 'aarch64', 'arm': 'armv7l'}
tests = []


def test(name, func, cores=1, limit=10):
    tests.append(Test('boot/arm/' + name, func, cores, limit))


def kernel(target):
    guest, name = GUEST[target]
    d = h.fetch_guest(guest)
    return os.path.join(d, name), os.path.join(d, 'initrd.gz')


def run(target, initrd, *args, end, limit=60, m='512M', append='console=ttyAMA0', cpu=None):
    """Boots the kernel on initrd until it ends the machine by itself, having printed `end`."""
    with Guest(*VIRT, '-cpu', cpu or CPU[target], '-m', m, '-no-reboot', '-kernel', kernel(target)[0], '-initrd',
               initrd, '-append', append, *args, target=target, stdin=False) as g:
        g.expect(end, limit)
        g.exit(0, limit)
        if re.search('Kernel panic|Oops|BUG:', g.text):
            g.fail('the kernel reported an error')
        bad = [line for line in g.text.splitlines() if 'FAIL' in line]
        if bad:
            g.fail('\n'.join(bad))
        return g.text


def tiny(target, *args, **kw):
    init = h.initramfs('tiny', os.path.join(HERE, 'poweroff.c'), '-nostdlib', '-fomit-frame-pointer', target=target)
    run(target, init, *args, end='init: end of the machine', **kw)


def checks(target, smp, *args):
    init = h.initramfs('linux-checks', os.path.join(HERE, 'checks.c'), '-pthread', '-lm', target=target)
    run(target, init, '-smp', str(smp), *args, end='checks: end', limit=120,
        append=f'console=ttyAMA0 quiet cpus={smp}')


def installer(target, smp, *args):
    linux, initrd = kernel(target)
    with Guest(*VIRT, '-cpu', CPU[target], '-m', '1G', '-no-reboot', '-smp', str(smp), '-kernel', linux, '-initrd',
               initrd, '-append', 'console=ttyAMA0', *args, target=target) as g:
        g.expect('Linux version', 60)
        g.expect('Select a language', 240)
        g.send('\x01x')  # Ctrl-A x
        g.exit(0, 10)


def shell(target, command):
    linux, initrd = kernel(target)
    with Guest(*VIRT, '-cpu', CPU[target], '-m', '1G', '-no-reboot', '-kernel', linux, '-initrd', initrd, '-append',
               'console=ttyAMA0 rdinit=/bin/sh', target=target) as g:
        g.expect(re.compile(rb'[#] '), 120)
        g.send('echo $((6 * 7))-$(uname -m)\n')
        g.expect('42-' + UNAME[target], 20)
        g.send(command + '\n')
        g.exit(0, 30)


def add(target, *more_cpus):
    for smp in (1, 2, 8):
        test(f'{target}/tiny-smp{smp}', lambda s=smp: tiny(target, '-smp', str(s)), cores=min(smp, 2), limit=5)
    for cpu in more_cpus:
        test(f'{target}/tiny-{cpu}', lambda c=cpu: tiny(target, cpu=c), limit=5)
    for smp in (1, 4):
        test(f'{target}/checks-smp{smp}', lambda s=smp: checks(target, s), cores=min(smp, 2), limit=20)
    for smp in (1, 4):
        test(f'{target}/installer-smp{smp}', lambda s=smp: installer(target, s), cores=min(smp, 2), limit=30)
    for command in ('poweroff', 'reboot'):
        test(f'{target}/installer-{command}', lambda c=command: shell(target, c + ' -f'), limit=15)


def uboot(target, folder):
    """U-Boot in the flash: its prompt, the disk on PCI Express, a file from it."""
    image = os.path.join(h.work_dir(), target + '-uboot.img')
    with open(image, 'wb') as f:
        f.truncate(1 << 20)
        f.seek(512)
        f.write(b'words on the disk')
    # A 32-bit U-Boot reaches the configuration space of PCI Express only below 4 GiB.
    machine = ['-M', 'virt,highmem=off'] if target == 'arm' else []
    with Guest(*VIRT, *machine, '-cpu', CPU[target], '-m', '512M', '-bios', f'{h.fetch_guest("u-boot")}/{folder}/u-boot.bin', '-drive',
               f'file={image},format=raw,if=none,id=d,readonly=on', '-device', 'virtio-blk-pci,drive=d',
               target=target) as g:
        g.expect('Hit any key to stop autoboot', 60)
        g.send('\n')
        g.expect('=> ', 30)
        g.send('virtio scan; virtio info\n')
        g.expect('VirtIO Block Device', 20)
        g.expect('=> ', 20)
        g.send('virtio read 40400000 1 1; md.b 40400000 11\n')
        g.expect('words on the dis', 20)
        g.send('\x01x')
        g.exit(0, 10)


def edk2(target, path):
    """EDK2 to its shell: from a small image that becomes the first flash, or from one of the flash's size."""
    firmware = os.path.join(h.fetch_guest('edk2-' + target), path)
    where = ['-drive', f'if=pflash,format=raw,readonly=on,file={firmware}'] if 'CODE' in path else ['-bios', firmware]
    with Guest(*VIRT, '-cpu', CPU[target], '-m', '512M', *where, target=target) as g:
        g.expect('UEFI Interactive Shell', 90)
        g.send('\x01x')
        g.exit(0, 10)


def acpi(*args):
    """EDK2 starts the kernel that it finds through fw_cfg; the kernel finds the machine in ACPI tables."""
    init = h.initramfs('tiny', os.path.join(HERE, 'poweroff.c'), '-nostdlib', '-fomit-frame-pointer', target='aarch64')
    firmware = os.path.join(h.fetch_guest('edk2-aarch64'), 'qemu-efi-aarch64/QEMU_EFI.fd')
    text = run('aarch64', init, '-bios', firmware, *args, end='init: end of the machine', append='acpi=force', limit=90)
    for line in ('SMBIOS 3.0.0 present', 'DMI: QEMU QEMU Virtual Machine', 'SPCR: console: pl011,mmio32,0x9000000', 'psci: probing for conduit method from ACPI', 'arch_timer: cp15',
                 'ACPI: Using GIC for interrupt routing', 'PCI host bridge to bus 0000:00', 'button: Power Button',
                 'ARMH0011:00: ttyAMA0 at MMIO 0x9000000'):
        if line not in text:
            raise h.Failure(f'the kernel does not say "{line}"')
    bad = [line for line in text.splitlines() if re.search('ACPI (BIOS )?(Error|Warning)|Firmware Bug|WARNING:', line)]
    if bad:
        raise h.Failure('\n'.join(bad))


def edk2_bootindex():
    """EDK2 tries the devices in the order of their bootindex, and no others; none of the disks can be booted from."""
    image = os.path.join(h.work_dir(), 'edk2-empty.img')
    with open(image, 'wb') as f:
        f.truncate(1 << 20)
    firmware = os.path.join(h.fetch_guest('edk2-aarch64'), 'qemu-efi-aarch64/QEMU_EFI.fd')
    drives = [x for i in 'abcd' for x in ('-drive', f'file={image},format=raw,if=none,id={i},readonly=on')]
    with Guest(*VIRT, '-cpu', CPU['aarch64'], '-m', '512M', '-bios', firmware, *drives, '-device', 'virtio-blk-pci,drive=a,addr=2,bootindex=3',
               '-device', 'nvme,serial=x,drive=b,addr=3,bootindex=2', '-device', 'virtio-scsi-pci,addr=4', '-device', 'scsi-hd,drive=c,bootindex=1',
               '-device', 'virtio-blk-pci,drive=d,addr=5', target='aarch64') as g:
        g.expect('UEFI Interactive Shell', 90)
        tried = re.findall(r'failed to load Boot\S+ .*? from PciRoot\(0x0\)/Pci\(0x(\w+),0x0\)', h.printable(g.text))
        if tried != ['4', '3', '2']:
            g.fail(f'tried the devices at {tried}')
        g.send('\x01x')
        g.exit(0, 10)


def boot_disk(name, files, kind):
    """A disk with one FAT partition, bootable and of this kind, with these files (path: data)."""
    image = os.path.join(h.work_dir(), name)
    start = 2048  # sectors
    sectors = (sum(len(data) for data in files.values()) + (8 << 20)) // 512
    sectors = max(sectors, 70000)  # FAT32's least
    with open(image, 'wb') as f:
        f.truncate((start + sectors) * 512)
        f.seek(446)
        f.write(struct.pack('<B3sB3sII', 0x80, b'\xfe\xff\xff', kind, b'\xfe\xff\xff', start, sectors))
        f.seek(510)
        f.write(b'\x55\xaa')
    h.run([h.need('mkfs.vfat'), '-F', '32', '--offset', str(start), image, str(sectors // 2)])
    where = f'{image}@@{start * 512}'
    env = dict(os.environ, MTOOLS_SKIP_CHECK='1')
    made = set()
    for path, data in files.items():
        parts = path.split('/')
        for i in range(1, len(parts)):
            folder = '/'.join(parts[:i])
            if folder not in made:
                h.run([h.need('mmd'), '-i', where, '::' + folder], env=env)
                made.add(folder)
        leaf = os.path.join(h.work_dir(), 'boot-disk-file')
        with open(leaf, 'wb') as f:
            f.write(data)
        h.run([h.need('mcopy'), '-i', where, leaf, '::' + path], env=env)
    return ['-net', 'none', '-drive', f'file={image},format=raw,if=none,id=d,readonly=on', '-device', 'virtio-blk-pci,drive=d']


def read_files(names):
    out = {}
    for name, path in names.items():
        with open(path, 'rb') as f:
            out[name] = f.read()
    return out


def boots_installer(g, *steps):
    """The steps of a boot loader, then the installer to its first question, started with `from=loader`."""
    for text, limit in (*steps, ('Linux version', 90), ('from=loader', 10), ('Select a language', 240)):
        g.expect(text, limit)
    g.send('\x01x')
    g.exit(0, 10)


def uboot_disk(target, folder):
    """U-Boot without a key pressed: it finds extlinux.conf on the disk, and boots what that says."""
    linux, initrd = kernel(target)
    config = b'default rhea\nlabel rhea\n linux /linux\n initrd /initrd.gz\n append console=ttyAMA0 from=loader\n'
    files = {'extlinux/extlinux.conf': config, **read_files({'linux': linux, 'initrd.gz': initrd})}
    machine = 'virt,highmem=off' if target == 'arm' else 'virt'
    with Guest('-M', machine, '-nographic', '-cpu', CPU[target], '-m', '1G', '-bios', f'{h.fetch_guest("u-boot")}/{folder}/u-boot.bin',
               *boot_disk(target + '-extlinux.img', files, 0x0c), target=target) as g:
        boots_installer(g, ('Retrieving file: /linux', 60))


def grub_tree():
    """Files for GRUB to boot from: the installer's signed GRUB, kernel and initramfs, a menu of ours."""
    config = ('set timeout=1\nmenuentry "rhea: the only entry" {\n linux /debian-installer/arm64/linux console=ttyAMA0 from=loader\n'
              ' initrd /initrd.gz\n}\n').encode()
    linux, initrd = kernel('aarch64')
    return {'debian-installer/arm64/grub/grub.cfg': config,
            **read_files({'EFI/BOOT/BOOTAA64.EFI': os.path.join(os.path.dirname(linux), 'grubaa64.efi'),
                          'debian-installer/arm64/linux': linux, 'initrd.gz': initrd})}


def grub(steps, *args):
    firmware = os.path.join(h.fetch_guest('edk2-aarch64'), 'qemu-efi-aarch64/QEMU_EFI.fd')
    with Guest('-M', 'virt', '-nographic', '-cpu', CPU['aarch64'], '-m', '1G', '-no-reboot', '-bios', firmware, *args,
               target='aarch64') as g:
        boots_installer(g, *steps, ('rhea: the only entry', 90))


def grub_disk():
    grub((), *boot_disk('grub.img', grub_tree(), 0xef))


def grub_tftp():
    root = os.path.join(h.work_dir(), 'grub-tftp')
    for path, data in grub_tree().items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        with open(os.path.join(root, path), 'wb') as f:
            f.write(data)
    grub((('Start PXE over IPv4', 90), ('NBP filename is EFI/BOOT/BOOTAA64.EFI', 60)), '-netdev',
         f'user,id=n,tftp={root},bootfile=EFI/BOOT/BOOTAA64.EFI', '-device', 'virtio-net-pci,netdev=n')


def pauth(algorithm, whole):
    """A bare program's pointer authentication codes; whole: also what depends on the algorithm, from a recording."""
    elf = h.compile_static(os.path.join(HERE, 'bare/arm-pauth.c'), '-march=armv8.3-a', '-ffreestanding', '-nostdlib',
                           '-mgeneral-regs-only', '-mstrict-align', '-fno-pic', '-fno-pie', '-no-pie', '-fno-stack-protector',
                           '-Wl,-Ttext=0x40200000,-e,_start,--build-id=none', '-DALGORITHM', target='aarch64')
    with Guest(*VIRT, '-cpu', 'max,' + algorithm, '-kernel', elf, target='aarch64', stdin=False) as g:
        g.expect('end', 30)
        g.exit(0, 10)
        got = g.text.replace('\r', '').splitlines()
    with open(os.path.join(HERE, 'arm-pauth.expected'), encoding='ascii') as f:
        want = f.read().splitlines()
    if not whole:
        got, want = ([line for line in lines if not re.match('isar|  (add|fail)', line)] for lines in (got, want))
    for a, b in zip(got, want):
        if a.rstrip() != b.rstrip():
            raise h.Failure(f'got "{a}" for "{b}"')
    if len(got) != len(want):
        raise h.Failure(f'{len(got)} lines for {len(want)}')


ENGINES = ('tcg', 'tcg,one-insn-per-tb=on', 'tcg,engine=interp', 'tcg,check=on')
BARE = {'aarch64': ('arm-', '-march=armv8.5-a', '-mstrict-align'),
        'arm': ('a32-', '-march=armv7ve', '-marm', '-mfloat-abi=soft', '-mno-unaligned-access')}


def bare(name, *args, machine='virt', engines=ENGINES, target='aarch64'):
    """A program of bare/ that checks itself."""
    prefix, *flags = BARE[target]
    elf = h.compile_static(os.path.join(HERE, f'bare/{prefix}{name}.c'), *flags, '-ffreestanding', '-nostdlib',
                           '-mgeneral-regs-only', '-fno-pic', '-fno-pie', '-no-pie', '-fno-stack-protector',
                           '-Wl,-Ttext=0x40200000,-e,_start,--build-id=none', target=target)
    for engine in engines:
        with Guest('-M', machine, '-nographic', '-net', 'none', '-accel', engine, *(args or ('-cpu', 'max')), '-kernel', elf,
                   target=target, stdin=False) as g:
            g.expect('end', 60)
            g.exit(0, 10)
            if 'failures 00000000' not in g.text:
                g.fail(engine)


add('aarch64', 'cortex-a53', 'cortex-a72', 'cortex-a76', 'neoverse-n1', 'max')
test('aarch64/tiny-gicv3', lambda: tiny('aarch64', '-M', 'virt,gic-version=3', '-smp', '2'), cores=2, limit=5)
test('aarch64/tiny-el2', lambda: tiny('aarch64', '-M', 'virt,virtualization=on'), limit=5)
test('aarch64/pauth-qarma5', lambda: pauth('pauth-qarma5=on', True), limit=5)
test('aarch64/pauth-qarma3', lambda: pauth('pauth-qarma3=on', False), limit=5)
test('aarch64/pauth-impdef', lambda: pauth('pauth-impdef=on', False), limit=5)
for program in ('bti', 'align', 'lse2', 'endian', 'faults'):
    test('aarch64/bare-' + program, lambda p=program: bare(p), limit=5)
for model in ('cortex-a35', 'max'):
    test(f'aarch64/bare-itd-{model}', lambda m=model: bare('itd', '-cpu', m), limit=5)
test('aarch64/bare-debug', lambda: bare('debug'), limit=5)
test('aarch64/bare-stage2', lambda: bare('stage2', machine='virt,virtualization=on'), limit=5)
test('aarch64/bare-tlb', lambda: bare('tlb', '-cpu', 'max', '-smp', '2', engines=('tcg', 'tcg,engine=interp')), cores=2, limit=10)
for level, machine in ((1, 'virt'), (2, 'virt,virtualization=on')):
    test(f'aarch64/bare-psci-el{level}', lambda m=machine: bare('psci', '-cpu', 'max', '-smp', '3', machine=m,
                                                              engines=('tcg', 'tcg,engine=interp')), cores=2, limit=5)
for level, machine in ((1, 'virt'), (2, 'virt,virtualization=on'), (3, 'virt,secure=on')):
    test(f'aarch64/bare-timer-el{level}', lambda m=machine: bare('timer', '-cpu', 'max', '-semihosting', machine=m), limit=5)
test('aarch64/bare-secure', lambda: bare('secure', '-cpu', 'max', '-semihosting', machine='virt,secure=on'), limit=5)
for version in ('2', '3'):
    test(f'aarch64/bare-gicv{version}', lambda v=version: bare('gic', '-cpu', 'max', '-smp', '2', machine='virt,gic-version=' + v,
                                                             engines=('tcg', 'tcg,engine=interp')), cores=2, limit=5)
test('aarch64/bare-tlb-el2', lambda: bare('tlb', machine='virt,virtualization=on'), limit=5)
test('aarch64/uboot', lambda: uboot('aarch64', 'qemu_arm64'), limit=10)
test('aarch64/uboot-disk', lambda: uboot_disk('aarch64', 'qemu_arm64'), limit=30)
test('aarch64/acpi', lambda: acpi('-smp', '2'), cores=2, limit=20)
test('aarch64/acpi-gicv3', lambda: acpi('-M', 'virt,gic-version=3'), limit=20)
test('aarch64/edk2', lambda: edk2('aarch64', 'qemu-efi-aarch64/QEMU_EFI.fd'), limit=20)
test('aarch64/edk2-bootindex', edk2_bootindex, limit=20)
test('aarch64/grub-disk', grub_disk, limit=40)
test('aarch64/grub-tftp', grub_tftp, limit=60)
add('arm')
for model in ('cortex-a15', 'max'):
    test(f'arm/bare-faults-{model}', lambda m=model: bare('faults', '-cpu', m, target='arm'), limit=5)
for model in ('cortex-a15', 'max'):
    test(f'arm/bare-at-{model}', lambda m=model: bare('at', '-cpu', m, target='arm'), limit=5)
for model in ('cortex-a15', 'max'):
    test(f'arm/bare-endian-{model}', lambda m=model: bare('endian', '-cpu', m, target='arm'), limit=5)
test('arm/bare-secure', lambda: bare('secure', '-cpu', 'cortex-a15', '-semihosting', machine='virt,secure=on', target='arm'), limit=5)
for model in ('cortex-a15', 'max'):
    test(f'arm/bare-hyp-{model}', lambda m=model: bare('hyp', '-cpu', m, '-semihosting', machine='virt,secure=on,virtualization=on',
                                                       target='arm'), limit=5)
for model in ('cortex-a15', 'max'):
    test(f'arm/bare-debug-{model}', lambda m=model: bare('debug', '-cpu', m, '-semihosting', machine='virt,secure=on,virtualization=on',
                                                         target='arm'), limit=5)
test('arm/uboot', lambda: uboot('arm', 'qemu_arm'), limit=10)
test('arm/uboot-disk', lambda: uboot_disk('arm', 'qemu_arm'), limit=30)
test('arm/edk2', lambda: edk2('arm', 'AAVMF/AAVMF32_CODE.fd'), limit=20)
