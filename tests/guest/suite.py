# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Devices under Linux' drivers, riscv64: the kernel package with its modules and a shell.

  guest/9p       a shared folder: a tree copied with links, modes and times, in three security models
  guest/balloon  the balloon takes memory and gives it back; free pages go back to the host
  guest/input    keys and pointer moves of the monitor arrive at the guest's event devices
"""
import base64
import hashlib
import os
import re
import stat
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib')]
import harness as h  # noqa: E402
from harness import Failure, Shell, Skip, Test  # noqa: E402

tests = []


def test(name, cores=1, limit=60):
    def add(func):
        tests.append(Test('guest/' + name, func, cores, limit))
        return func

    return add


# ---- 9p

OLD = 978307200  # 2001-01-01


def make_tree(top):
    """Files of several sizes and modes with old times, folders, a symbolic and a hard link."""
    os.makedirs(top + '/tree/sub/deep')
    for name, size, mode in (('empty', 0, 0o644), ('small', 100, 0o600), ('sub/big', 3 << 20, 0o755), ('sub/deep/odd', 4097, 0o4711)):
        path = f'{top}/tree/{name}'
        with open(path, 'wb') as f:
            f.write(os.urandom(size))
        os.chmod(path, mode)
        os.utime(path, (OLD, OLD + size))
    os.symlink('sub/big', top + '/tree/link')
    os.link(top + '/tree/small', top + '/tree/sub/hard')
    os.chmod(top + '/tree/sub/deep', 0o711)
    os.utime(top + '/tree/sub/deep', (OLD, OLD))


def listing(top):
    """Each path with what must be the same in a copy."""
    rows = {}
    for folder, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            if stat.S_ISLNK(s.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(s.st_mode):
                with open(path, 'rb') as f:
                    what = hashlib.sha256(f.read()).hexdigest()
            else:
                what = ''
            when = None if stat.S_ISLNK(s.st_mode) else int(s.st_mtime)
            rows[os.path.relpath(path, top)] = (stat.S_IFMT(s.st_mode), stat.S_IMODE(s.st_mode), when, what)
    return rows


@test('9p', limit=60)
def p9():
    if os.geteuid():
        raise Skip('needs root: the guest is root in the shared folder')
    top = os.path.join(h.work_dir(), f'9p-{os.getpid()}')
    models = ('none', 'passthrough', 'mapped-file')
    args = []
    for model in models:
        make_tree(f'{top}/{model}')
        args += ['-virtfs', f'local,path={top}/{model},mount_tag={model},security_model={model}']
    with Shell(*args, modules=('netfs', '9pnet', '9p', '9pnet_virtio'), package=True) as g:
        g.ready()
        for model in models:
            g.check(f'mkdir /tmp/{model}; mount -t 9p -o trans=virtio,version=9p2000.L {model} /tmp/{model}; cd /tmp/{model}')
            g.check('cp -a tree copy; cd copy; for f in empty small sub/big sub/deep/odd; do cmp $f ../tree/$f || echo differs; done; '
                    'readlink link', 'sub/big')
            g.check('ln small hard2; cmp small hard2; mkdir new; mv small new/moved; rm hard2; echo more >> new/moved; '
                    'touch -d "2002-02-02 02:02:02" new/moved; ls new', 'moved')
            g.check('chown 12:34 new/moved; chmod 4750 new/moved; ln -s /nowhere new/dangling; mknod new/pipe p; cd /; '
                    f'umount /tmp/{model}; mount -t 9p -o trans=virtio,version=9p2000.L {model} /tmp/{model}; '
                    f'ls -ln /tmp/{model}/copy/new/moved | tr -s " "', '-rwsr-x---', ' 12 34 105 Feb 2 2002')
            g.check(f'readlink /tmp/{model}/copy/new/dangling; test -p /tmp/{model}/copy/new/pipe', '/nowhere')
            g.check(f'df /tmp/{model} > /dev/null && umount /tmp/{model}')
        g.off()
    for model in ('none', 'passthrough'):
        tree, copy = listing(f'{top}/{model}/tree'), listing(f'{top}/{model}/copy')
        moved = copy.pop('new/moved')
        # The hard link was copied as one: the other name of what was moved and changed.
        if copy.pop('sub/hard') != moved:
            raise Failure(f'{model}: sub/hard is no link any more')
        if moved[:3] != (stat.S_IFREG, 0o4750, 1012615322) or os.path.getsize(f'{top}/{model}/copy/new/moved') != 105:
            raise Failure(f'{model}: the moved file is {moved}')
        for path, row in tree.items():
            if path not in ('small', 'sub/hard') and copy.get(path) != row:
                raise Failure(f'{model}: {path}: {row} became {copy.get(path)}')
        if not stat.S_ISFIFO(os.lstat(f'{top}/{model}/copy/new/pipe').st_mode):
            raise Failure(f'{model}: no fifo on the host')
    if os.path.islink(f'{top}/mapped-file/copy/link') or not os.path.isfile(f'{top}/mapped-file/copy/new/pipe'):
        raise Failure('mapped-file: links and fifos are plain files on the host')


# ---- balloon


def resident(g):
    with open(f'/proc/{g.p.pid}/status') as f:
        return int(re.search(r'^VmRSS:\s+(\d+) kB', f.read(), re.M)[1]) // 1024


@test('balloon', limit=60)
def balloon():
    with Shell('-device', 'virtio-balloon-pci,free-page-reporting=on,guest-stats-polling-interval=1', modules=('virtio_balloon', ),
               memory='512M') as g:
        g.ready()
        g.monitor('info balloon', b'actual=512')
        g.check('mount -t tmpfs -o size=300M t /tmp; dd if=/dev/urandom of=/tmp/x bs=1M count=200 2>/dev/null; sync; ls /tmp', 'x')
        full = resident(g)
        g.check('rm /tmp/x')
        for _ in range(30):
            if resident(g) < full - 120:
                break
            time.sleep(1)
        else:
            g.fail(f'{full} MiB resident, {resident(g)} after the guest freed 200')
        g.monitor('balloon 200')
        for _ in range(30):
            time.sleep(1)
            if int(g.monitor('info balloon', rb'actual=(\d+)')[1]) < 260:
                break
        else:
            g.fail('the balloon does not grow')
        g.monitor('balloon 512')
        for _ in range(30):
            time.sleep(1)
            if int(g.monitor('info balloon', rb'actual=(\d+)')[1]) == 512:
                break
        else:
            g.fail('the balloon does not shrink')
        g.check('dd if=/dev/urandom of=/tmp/y bs=1M count=20 2>/dev/null; sha256sum /tmp/y > /tmp/s; sha256sum -c /tmp/s', 'OK')
        g.off()


# ---- input


@test('input', limit=40)
def keys():
    with Shell('-device', 'virtio-keyboard-pci', '-device', 'virtio-mouse-pci', '-device', 'virtio-tablet-pci',
               modules=('virtio_input', 'evdev'), package=True) as g:
        g.ready()
        g.check('cat /proc/bus/input/devices', 'QEMU Virtio Keyboard', 'QEMU Virtio Mouse', 'QEMU Virtio Tablet')
        g.check("k=$(sed -n '/Keyboard/,/Handlers/s/.*\\(event[0-9]\\).*/\\1/p' /proc/bus/input/devices); "
                "dd if=/dev/input/$k of=/tmp/keys bs=24 count=4 2>/dev/null & sleep 2")
        g.monitor('sendkey a')
        text = g.check('wait; echo; base64 /tmp/keys').split()
        # struct input_event: two words of time, type, code, value
        got = [e[2:] for e in struct.iter_unpack('<QQHHi', base64.b64decode(''.join(text[-2:])))]
        if got != [(1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0)]:
            g.fail(f'events are {got}')
        g.monitor('info mice', rb'\\* Mouse #\d+: QEMU Virtio')
        g.off()


def collect():
    return tests
