#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""QMP: sessions, and block jobs while a guest writes (tests/bench/disk.c is its /init).

  qmp/stream        what is no message: one error, and the next line is one again
  qmp/monitor       the human monitor at a socket
  qmp/machine       every question about the machine, types and the tree of objects, against the schema
  qmp/events        RESET, SHUTDOWN, GUEST_PANICKED, POWERDOWN, DEVICE_DELETED
  qmp/policies      jobs whose target or source fails, or goes away: report, stop, enospc, ignore
  qmp/leave         device_del and quit under a job, with threads and with io_uring
  qmp/transaction   all or nothing: snapshots, bitmaps, backups
  qmp/images        blockdev-create, "backing": null, blockdev-reopen
  qmp/session       greeting, negotiation, errors, events, HMP
  qmp/mirror        blockdev-mirror, then the guest goes on with the copy; drive-mirror, ended as a copy
  qmp/backup        blockdev-backup: the disk of the moment when it began; pause, resume, speed, finalize, dismiss
  qmp/chain         blockdev-snapshot-sync, block-stream, block-commit of an image within and of the active one
  qmp/incremental   dirty bitmaps, backups by them, copy-mode=write-blocking
  qmp/graph         names of nodes, and of jobs' filters
  qmp/resize        block_resize, blockdev-add, blockdev-del, queries
  qmp/watchdog      each action of a watchdog
  qmp/io_error      BLOCK_IO_ERROR and what the guest sees, by werror and rerror; cont
  qmp/still         nothing is on its way to the disk of a machine that is stopped
  qmp/full          a job's target on a file system that is full
  qmp/locks         files that a machine, rhea-img and the reference's qemu-img (QEMU_IMG) use at a time
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'lib')]
import harness as h  # noqa: E402
from client import Qmp, connect  # noqa: E402
from nbd import EIO, ENOSPC, READ, WRITE, NbdDisk  # noqa: E402
from harness import Failure, Guest, Skip, Test  # noqa: E402

SIZE = 64 << 20
BLOCK = 65536
MODULES = ('virtio_blk',)


def tool(*args):
    return h.run([os.path.join(h.ROOT, 'build', 'tools', 'rhea-img'), *args])


class Machine:
    """A guest that writes to its disk; `node` is the name of the disk's topmost node."""

    def __init__(self, name, fmt='qcow2', policies=''):
        self.dir = os.path.join(h.work_dir(), f'qmp-{name}-{os.getpid()}')
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.disk = self.path('disk')
        node = self.node(fmt)
        mods = {f'modules/{i:02}-{m}': h.package_module(m) for i, m in enumerate(MODULES)}
        initrd = h.initramfs('qmp-disk', os.path.join(HERE, '..', 'bench', 'disk.c'), '-Wall', more={'modules': None, **mods})
        self.g = Guest('-M', 'virt', '-smp', '2', '-m', '256M', '-nographic', '-monitor', 'none', '-serial', 'stdio', '-net', 'none',
                       '-kernel', h.package_kernel(), '-initrd', initrd, '-append', 'console=ttyS0 quiet', '-qmp',
                       f'unix:{self.path("qmp")},server=on,wait=off', '-blockdev', node, '-device', 'virtio-blk-pci,drive=disk,id=vd' + policies)
        self.q = Qmp(self.path('qmp'))
        self.q.negotiate()

    def node(self, fmt):
        tool('create', '-q', '-f', fmt, self.disk, str(SIZE))
        return f'driver={fmt},node-name=disk,file.driver=file,file.filename={self.disk}'

    def path(self, name):
        return os.path.join(self.dir, name)

    def __enter__(self):
        self.g.__enter__()
        self.g.expect(re.compile(rb'disk: \d+ bytes'), 120)
        return self

    def __exit__(self, *a):
        self.g.__exit__(*a)
        shutil.rmtree(self.dir, ignore_errors=True)
        return False

    def begin(self, what, count):
        self.g.send(f'{what} {BLOCK} 4 {count}\n')
        self.g.expect('begin', 30)

    def end(self, bad=0):
        m = self.g.expect(re.compile(rb'end (\d+) (\d+)\r?\n'), 120)
        if int(m[2]) != bad:
            self.g.fail(f'{int(m[2])} blocks are wrong, not {bad}')

    def run(self, what, count=SIZE // BLOCK):
        self.begin(what, count)
        self.end()

    def top(self):
        (d,) = self.q.do('query-block')
        return d['inserted']

    def off(self):
        self.g.send('off\n')
        self.g.exit(0, 30)


class Stopped:
    """A machine whose guest never runs."""

    def __init__(self, name, *more, board=('-M', 'virt', '-bios', 'none'), image=None):
        self.dir = os.path.join(h.work_dir(), f'qmp-{name}-{os.getpid()}')
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        with open(self.path('disk'), 'wb') as f:
            f.truncate(SIZE)
        self.files()
        if image:
            tool('create', '-q', '-f', image, self.path('i'), '1M')
        self.g = Guest(*board, '-display', 'none', '-serial', 'null', '-monitor', 'none', '-S', '-qmp',
                       f'unix:{self.path("qmp")},server=on,wait=off', *[a.replace('@DIR', self.dir) for a in more])

    path = Machine.path

    def files(self):
        """More of them, before it starts."""

    def __enter__(self):
        self.g.__enter__()
        self.q = Qmp(self.path('qmp'))
        return self

    __exit__ = Machine.__exit__


def same(a, b, fa='qcow2', fb='qcow2'):
    tool('compare', '-f', fa, '-F', fb, '-U', a, b)


def session():
    path = os.path.join(h.work_dir(), f'qmp-session-{os.getpid()}')
    with Guest('-M', 'virt', '-bios', 'none', '-display', 'none', '-serial', 'null', '-S', '-name', 'x y', '-chardev',
               f'socket,id=c,path={path},server=on,wait=off', '-mon', 'chardev=c,mode=control') as g:
        q = Qmp(path)
        q.error('CommandNotFound', 'capabilities negotiation', 'query-status')
        q.error('GenericError', "Capability 'oob' not available", 'qmp_capabilities', enable=['oob'])
        q.negotiate()
        q.error('CommandNotFound', 'already complete', 'qmp_capabilities')
        q.error('CommandNotFound', 'The command nothing has not been found', 'nothing')
        q.error('GenericError', "Parameter 'x' is unexpected", 'stop', x=1)
        q.error('GenericError', "Parameter 'id' is missing", 'device_del')
        q.error('DeviceNotFound', "Device 'd' not found", 'device_del', id='d')
        q.error('DeviceNotActive', "Block job 'd' not found", 'block-job-cancel', device='d')
        q.error('GenericError', 'Job not found', 'job-cancel', id='d')
        if q.do('query-status') != {'status': 'prelaunch', 'running': False} or q.do('query-name') != {'name': 'x y'}:
            raise Failure('query-status or query-name')
        q.do('cont')
        q.event('RESUME')
        q.do('stop')
        q.event('STOP')
        if 'paused' not in q.do('human-monitor-command', command_line='info status'):
            raise Failure('info status')
        if 'block-commit' not in {c['name'] for c in q.do('query-commands')}:
            raise Failure('query-commands')
        q.do('system_reset')
        q.event('RESET')
        q.do('quit')
        if q.event('SHUTDOWN') != {'guest': False, 'reason': 'host-qmp-quit'}:
            raise Failure('SHUTDOWN')
        g.exit(0, 20)


def stream():
    with Stopped('stream') as m:
        q = m.q
        q.negotiate()
        good = b'{"execute": "query-status", "id": 1}\n'
        for text, words in ((b'{"execute": "query-status\n', 'control character'), (b'nonsense } {"execute": "stop"}\n', 'expecting value'),
                            (b'{"execute" "x"}\n', "expected ':'"), (b'[1, 2]\n', 'must be a JSON object'), (b'12\n', 'must be a JSON object'),
                            (b'"a"\n', 'must be a JSON object'), (b'{"execute": 3}\n', "'execute' must be a string"),
                            (b'{"execute": "stop", "arguments": 3}\n', "'arguments' must be an object"), (b'{"id": 1}\n', "lacks member 'execute'"),
                            (b'{"execute": "stop", "more": 1}\n', "'more' is unexpected"), (b'{"execute": "stop", "execute": "cont"}\n', 'duplicate key'),
                            (b'{"execute": "\xff', 'control character'), (b'\0\n', 'control character'), (b']\n', 'expecting value'),
                            (b'{"execute": "' + b'\xc3(' + b'"}\n', 'UTF-8'), (b'{"a":' * 100 + b'1' + b'}' * 100 + b'\n', 'nested too deeply'),
                            (b'{"execute": "' + b'x' * (17 << 20) + b'"}\n', 'too long')):
            bad, again = q.say(text + good, 2)
            if bad['error']['class'] != 'GenericError' or words not in bad['error']['desc'] or again.get('id') != 1 or 'return' not in again:
                raise Failure(f'{text[:60]}: {bad} {again}')
        for text in ('"x"', "{'a': [1, \"it's\"]}", "'it\\'s \"it\"'", '[null, true, 1.5e3]'):
            (a,) = q.say('{\'execute\': "query-name", "id": ' + text + '}')
            want = {'"x"': 'x', "{'a": {'a': [1, "it's"]}, "'it\\": 'it\'s "it"', '[nul': [None, True, 1500.0]}
            if not any(text.startswith(k) and a['id'] == v for k, v in want.items()):
                raise Failure(f'id {text}: {a}')
        # Types, by the schema that is told.
        for name, args, words in (('block_resize', {'device': 'x', 'size': '12'}, "type for 'size', expected: integer"),
                                  ('device_del', {'id': 3}, "type for 'id', expected: string"),
                                  ('blockdev-mirror', {'device': 'x', 'target': 'y', 'sync': 'z'}, "'sync' does not accept value 'z'"),
                                  ('block-job-cancel', {'device': 'x', 'force': None}, "type for 'force', expected: boolean")):
            q.error('GenericError', words, name, **args)


def monitor():
    """The human one: prompt, line editing, a client that comes back, quit."""
    path = os.path.join(h.work_dir(), f'qmp-monitor-{os.getpid()}')
    with Guest('-M', 'virt', '-bios', 'none', '-display', 'none', '-serial', 'null', '-S', '-monitor', f'unix:{path},server=on,wait=off') as g:
        for words, want in (('info stat\x08tus\r', 'VM status: paused (prelaunch)'), ('print 6*7\n', '\r\n42\r\n'), ('nonsense\n', "unknown command: 'nonsense'")):
            s = connect(path)
            s.settimeout(20 * h.SLOW)
            s.sendall(words.encode())
            got = ''
            while want not in got or not got.endswith('(qemu) '):
                more = s.recv(4096)
                if not more:
                    raise Failure(f'monitor: closed after {got!r}')
                got += more.decode()
            s.close()
        s = connect(path)
        s.sendall(b'quit\n')
        g.exit(0, 20)


# Programs of a guest.
POWEROFF = (0x001002b7, 0x00005337, 0x55530313, 0x0062a023, 0x0000006f)  # sifive_test: 0x5555
RESET = (0x001002b7, 0x00007337, 0x77730313, 0x0062a023, 0x0000006f)  # 0x7777
# The function at 00:01.0 gets BAR 0 at 0x40000000 and memory space, and a 1 is written there.
PANIC = (0x300082b7, 0x40000337, 0x0062a823, 0x00200393, 0x0072a223, 0x00100393, 0x00730023, 0x0000006f)


def program(name, words):
    path = os.path.join(h.work_dir(), f'qmp-{name}-{os.getpid()}.bin')
    with open(path, 'wb') as f:
        f.write(b''.join(w.to_bytes(4, 'little') for w in words))
    return path


def machine():
    """Every question that needs no argument has an answer that is as the schema says."""
    more = ('-smp', '2', '-m', '128M', '-object', 'memory-backend-ram,id=mb,size=1M', '-object', 'iothread,id=io0', '-netdev', 'user,id=u',
            '-device', 'virtio-net-pci,netdev=u,id=n,mac=52:54:00:01:02:03', '-device', 'pcie-root-port,id=rp,chassis=1', '-device',
            'virtio-scsi-pci,bus=rp', '-name', 'x', '-uuid', '00112233-4455-6677-8899-aabbccddeeff')
    with Stopped('machine', *more) as m:
        q = m.q
        q.negotiate()
        got = {}
        for (kind, name), row in q.schema.rows.items():
            if kind == 'command' and name.startswith('query-') and not any('default' not in a for a in q.schema.type(row['arg-type'])['members']):
                a = q.ask(name)
                if 'return' in a:
                    got[name] = q.do(name)
                elif name not in ('query-balloon', 'query-hotpluggable-cpus'):
                    raise Failure(f'{name}: {a}')
        if [c['props']['core-id'] for c in got['query-cpus-fast']] != [0, 1] or got['query-uuid'] != {'UUID': '00112233-4455-6677-8899-aabbccddeeff'}:
            raise Failure(f'{got["query-cpus-fast"]} {got["query-uuid"]}')
        names = {x['name'] for x in got['query-machines']}
        models = {x['name'] for x in got['query-cpu-definitions']}
        if not {'virt', 'none'} <= names or 'rv64' not in models:
            raise Failure(f'{names} {models}')
        if {c['name'] for c in got['query-commands']} != {n for k, n in q.schema.rows if k == 'command'}:
            raise Failure('query-commands and query-qmp-schema are not of one mind')
        (bus,) = got['query-pci']
        port = [d for d in bus['devices'] if d['qdev_id'] == 'rp']
        if [d['class_info']['class'] for d in port[0]['pci_bridge']['devices']] != [0x100]:
            raise Failure(f'query-pci: {port}')
        options = {o['option']: {p['name'] for p in o['parameters']} for o in got['query-command-line-options']}
        if not {'cpus', 'maxcpus'} <= options['smp-opts'] or 'spawn' not in options['sandbox'] or 'deterministic' in options['sandbox']:
            raise Failure(f'query-command-line-options: {options}')
        q.error('GenericError', 'invalid option name: x', 'query-command-line-options', option='x')
        # The tree: all of it can be walked and read.
        seen = []

        def walk(path):
            for p in q.do('qom-list', path=path or '/'):
                if p['type'].startswith('child<'):
                    seen.append(f'{path}/{p["name"]}')
                    walk(seen[-1])
                else:
                    a = q.ask('qom-get', path=path or '/', property=p['name'])
                    if 'return' not in a:
                        raise Failure(f'{path} {p}: {a}')

        walk('')
        if not {'/machine/peripheral/n', '/machine/peripheral/n/virtio-backend', '/machine/peripheral-anon/device[0]', '/objects/io0',
                '/machine/cpu[1]'} <= set(seen):
            raise Failure(f'the tree: {seen}')
        if q.do('qom-get', path='n', property='mac') != '52:54:00:01:02:03' or q.do('qom-get', path='/objects/mb', property='size') != 1 << 20:
            raise Failure('qom-get')
        q.error('GenericError', "Property 'virtio-net-pci.x' not found", 'qom-get', path='n', property='x')
        q.error('DeviceNotFound', "Device '/x' not found", 'qom-list', path='/x')
        q.error('DeviceNotFound', "Device 'x' not found", 'device-list-properties', typename='x')
        q.error('GenericError', 'non-abstract device type', 'device-list-properties', typename='memory-backend-ram')
        q.error('DeviceNotFound', "Class 'x' not found", 'qom-list-properties', typename='x')
        types = {t['name'] for t in q.do('qom-list-types', implements='virtio-device')}
        if 'virtio-blk-device' not in types or 'virtio-blk-pci' in types:
            raise Failure(f'qom-list-types: {types}')
        for t in q.do('qom-list-types', implements='device'):
            q.ask('device-list-properties', typename=t['name'])
    with Stopped('none', board=('-M', 'none')) as m:
        m.q.negotiate()
        for name in ('query-machines', 'query-cpus-fast', 'query-memdev', 'query-pci', 'query-block', 'query-iothreads'):
            m.q.do(name)


def events():
    off, reset, panic = program('off', POWEROFF), program('reset', RESET), program('panic', PANIC)

    def end(words, board, *answers):
        with Stopped('events', board=('-M', 'virt', '-bios', words) + board) as m:
            m.q.negotiate()
            m.q.do('cont')
            m.q.event('RESUME')
            for name, data in answers:
                got = m.q.event(name)
                if got != data:
                    raise Failure(f'{name}: {got}, not {data}')
            if answers[-1][0] == 'STOP':
                return m.q.do('query-status')['status']

    gone = {'guest': True, 'reason': 'guest-shutdown'}
    end(off, (), ('SHUTDOWN', gone))
    if end(off, ('-no-shutdown',), ('SHUTDOWN', gone), ('STOP', {})) != 'shutdown':
        raise Failure('-no-shutdown')
    end(reset, ('-no-reboot',), ('SHUTDOWN', {'guest': True, 'reason': 'guest-reset'}))
    end(reset, (), ('RESET', {'guest': True, 'reason': 'guest-reset'}))
    if end(panic, ('-device', 'pvpanic-pci,addr=1', '-action', 'panic=pause'), ('GUEST_PANICKED', {'action': 'pause'}), ('STOP', {})) != 'guest-panicked':
        raise Failure('panic=pause')
    with Stopped('events', '-device', 'virtio-scsi-pci,id=s', '-drive', 'if=none,id=d,format=raw,file=@DIR/disk', '-device',
                 'scsi-hd,drive=d,id=sd', '-device', 'virtio-rng-pci,id=r') as m:
        q = m.q
        q.negotiate()
        q.do('system_powerdown')
        q.event('POWERDOWN')
        q.do('system_reset')
        if q.event('RESET') != {'guest': False, 'reason': 'host-qmp-system-reset'}:
            raise Failure('RESET')
        q.error('GenericError', 'does not support hotplugging', 'device_del', id='r')
        q.do('device_del', id='/machine/peripheral/sd')
        if q.event('DEVICE_DELETED') != {'device': 'sd', 'path': '/machine/peripheral/sd'} or q.do('query-block'):
            raise Failure('DEVICE_DELETED')
        m.g.p.terminate()
        if q.event('SHUTDOWN') != {'guest': False, 'reason': 'host-signal'}:
            raise Failure('SHUTDOWN')


def mirror():
    with Machine('mirror') as m:
        q = m.q
        m.run('write')
        tool('create', '-q', '-f', 'raw', m.path('copy'), str(SIZE))
        q.do('blockdev-add', driver='file', node_name='copy-file', filename=m.path('copy'))
        q.do('blockdev-add', driver='raw', node_name='copy', file='copy-file')
        m.begin('randwrite', 3000)
        q.do('blockdev-mirror', job_id='j', device='disk', target='copy', sync='full')
        q.error('GenericError', 'is busy', 'blockdev-mirror', job_id='k', device='disk', target='copy', sync='full')
        q.status('j', 'created', 'running', 'ready')
        ready = q.event('BLOCK_JOB_READY', device='j', type='mirror')
        if ready['len'] < SIZE:
            raise Failure(f'BLOCK_JOB_READY: {ready}')
        (job,) = q.do('query-block-jobs')
        if not job['ready'] or job['type'] != 'mirror' or job['device'] != 'j':
            raise Failure(f'query-block-jobs: {job}')
        q.do('job-complete', id='j')
        q.event('BLOCK_JOB_COMPLETED', device='j')
        q.status('j', 'concluded', 'null')
        if m.top()['node-name'] != 'copy':
            raise Failure('the guest is not at the copy')
        q.error('GenericError', 'in use', 'blockdev-del', node_name='copy')
        q.do('blockdev-del', node_name='disk')
        m.end()
        m.run('verify')
        # Back to a new image, as a copy only.
        m.begin('randwrite', 2000)
        q.do('drive-mirror', device='copy', job_id='k', target=m.path('k'), format='qcow2', sync='full')
        q.event('BLOCK_JOB_READY', device='k')
        m.end()
        q.do('block-job-cancel', device='k')
        q.event('BLOCK_JOB_COMPLETED', device='k')
        if m.top()['node-name'] != 'copy':
            raise Failure('the guest is not where it was')
        same(m.path('k'), m.path('copy'), 'qcow2', 'raw')
        m.off()


def backup():
    with Machine('backup') as m:
        q = m.q
        m.run('write')
        q.do('stop')
        tool('convert', '-U', '-f', 'qcow2', '-O', 'raw', m.disk, m.path('then'))
        tool('create', '-q', '-f', 'qcow2', m.path('b'), str(SIZE))
        q.do('blockdev-add', driver='qcow2', node_name='b', file={'driver': 'file', 'filename': m.path('b')})
        q.do('blockdev-backup', job_id='b', device='vd', target='b', sync='full', speed=4 << 20, auto_finalize=False,
             auto_dismiss=False)
        q.do('job-pause', id='b')
        q.status('b', 'created', 'running', 'paused')
        q.do('cont')
        m.begin('randwrite', 2000)
        q.do('block-job-resume', device='b')
        q.status('b', 'running')
        q.do('block-job-set-speed', device='b', speed=0)
        q.status('b', 'waiting', 'pending')
        q.error('GenericError', "cannot accept command verb 'dismiss'", 'job-dismiss', id='b')
        q.do('job-finalize', id='b')
        q.event('BLOCK_JOB_COMPLETED', device='b', type='backup')
        q.status('b', 'concluded')
        (job,) = q.do('query-jobs')
        if job['status'] != 'concluded' or job['current-progress'] != SIZE:
            raise Failure(f'query-jobs: {job}')
        q.do('job-dismiss', id='b')
        q.status('b', 'null')
        m.end()
        same(m.path('b'), m.path('then'), 'qcow2', 'raw')
        # Given up.
        q.do('drive-backup', job_id='c', device='vd', target=m.path('c'), sync='full', speed=65536)
        q.do('job-cancel', id='c')
        q.event('BLOCK_JOB_CANCELLED', device='c')
        q.status('c', 'concluded', 'null')
        m.run('verify')
        m.off()


def chain():
    with Machine('chain') as m:
        q = m.q
        m.run('write')
        for i in 'abc':
            q.do('blockdev-snapshot-sync', device='vd', snapshot_file=m.path(i), snapshot_node_name=i, format='qcow2')
            m.run('randwrite', 150)
        if m.top()['backing_file_depth'] != 3:
            raise Failure('no chain of three')
        # b to a, below the active image.
        m.begin('randwrite', 2000)
        q.do('block-commit', job_id='j', device='c', top_node='b', base_node='a')
        q.event('BLOCK_JOB_COMPLETED', device='j', type='commit')
        m.end()
        if m.top()['backing_file'] != m.path('a'):
            raise Failure(f'commit: {m.top()}')
        m.run('verify')
        # The active image takes in a.
        m.begin('randwrite', 2000)
        q.do('block-stream', job_id='s', device='c', base_node='disk')
        q.event('BLOCK_JOB_COMPLETED', device='s', type='stream')
        m.end()
        if m.top()['backing_file'] != m.disk or m.top()['backing_file_depth'] != 1:
            raise Failure(f'stream: {m.top()}')
        m.run('verify')
        # And goes into the disk itself.
        m.begin('randwrite', 2000)
        q.do('block-commit', job_id='k', device='c')
        q.event('BLOCK_JOB_READY', device='k', type='commit')
        q.do('block-job-complete', device='k')
        q.event('BLOCK_JOB_COMPLETED', device='k', type='commit')
        m.end()
        if m.top()['file'] != m.disk or m.top()['backing_file_depth'] != 0:
            raise Failure(f'commit: {m.top()}')
        m.run('verify')
        m.off()
        tool('check', '-q', '-f', 'qcow2', m.disk)
        tool('check', '-q', '-f', 'qcow2', m.path('a'))


def resize():
    with Machine('resize') as m:
        q = m.q
        m.run('write', 64)
        q.do('block_resize', device='vd', size=SIZE * 2)
        if m.top()['image']['virtual-size'] != SIZE * 2:
            raise Failure('block_resize')
        (s,) = q.do('query-blockstats')
        if s['stats']['wr_bytes'] < 64 * BLOCK or s['qdev'] != '/machine/peripheral/vd/virtio-backend':
            raise Failure(f'query-blockstats: {s}')
        names = [n['node-name'] for n in q.do('query-named-block-nodes')]
        if names[0] != 'disk' or len(names) != 2:
            raise Failure(f'query-named-block-nodes: {names}')
        q.error('GenericError', 'Duplicate', 'blockdev-add', driver='file', node_name='disk', filename=m.disk)
        q.error('GenericError', 'Could not open', 'blockdev-add', driver='raw', node_name='n', file={'driver': 'file',
                'filename': '/nothing'})
        q.error('GenericError', 'Failed to find', 'blockdev-del', node_name='n')
        q.error('GenericError', 'Cannot find device', 'block_resize', device='n', size=SIZE)
        q.error('DeviceNotFound', "Device 'n' not found", 'block-commit', device='n')
        m.run('verify', 64)
        m.off()


SMALL = 4 << 20
HD = ('-device', 'virtio-scsi-pci,id=s', '-blockdev', 'driver=raw,node-name=d,file.driver=file,file.filename=@DIR/d', '-device',
      'scsi-hd,drive=d,id=sd')


def pattern(path, size=SMALL, seed=1):
    data = b''.join(bytes([(seed + i) % 255 + 1]) * 4096 for i in range(size // 4096))
    with open(path, 'wb') as f:
        f.write(data)
    return data


class Disks(Stopped):
    """A stopped machine with a small disk `d` at the device `sd`, and what it holds."""

    def __init__(self, name, *more, hd=HD):
        self.data = None
        super().__init__(name, *hd, *more)

    def files(self):
        self.data = pattern(self.path('d'))

    def __enter__(self):
        super().__enter__()
        self.q.negotiate()
        return self

    def nbd(self, name, size=SMALL):
        path = self.path(name + '.nbd')
        disk = NbdDisk(path, size)
        self.q.do('blockdev-add', driver='nbd', node_name=name, server={'type': 'unix', 'path': path})
        return disk

    def file(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read()

    def empty(self, name, size=SMALL):
        with open(self.path(name), 'wb') as f:
            f.truncate(size)
        self.q.do('blockdev-add', driver='file', node_name=name, filename=self.path(name))

    def copy(self, verb, target, **more):
        return self.q.do(verb, device='d', job_id='j', target=target, sync='full', **more)

    def failed(self, words):
        self.q.status('j', 'aborting')
        got = self.q.event('BLOCK_JOB_COMPLETED', device='j')
        if words not in got.get('error', ''):
            raise Failure(f'BLOCK_JOB_COMPLETED: {got}')
        self.q.status('j', 'concluded', 'null')

    def error(self, operation, action):
        got = self.q.event('BLOCK_JOB_ERROR', device='j')
        if got['operation'] != operation or got['action'] != action:
            raise Failure(f'BLOCK_JOB_ERROR: {got}')


CHAIN = [x for n, name in enumerate(('base', 'mid', 'top'))
         for x in ('-blockdev', f'driver=file,node-name=f{name},filename=@DIR/{name}', '-blockdev',
                   f'driver=qcow2,node-name={name},file=f{name}' + (f',backing={("base", "mid")[n - 1]}' if n else ''))]


class Chain(Disks):
    """Three images on each other, whose nodes and files have names; the lower two hold data, and `t` is for copies."""

    def __init__(self, name):
        super().__init__(name, *CHAIN[2:], '-blockdev', 'driver=file,node-name=t,filename=@DIR/t', hd=(
            *CHAIN[:2], '-device', 'virtio-scsi-pci,id=s', '-device', 'scsi-hd,drive=top,id=sd'))

    def files(self):
        super().files()
        tool('convert', '-O', 'qcow2', self.path('d'), self.path('base'))
        pattern(self.path('d'), seed=7)
        tool('convert', '-O', 'qcow2', '-B', self.path('base'), '-F', 'qcow2', self.path('d'), self.path('mid'))
        tool('create', '-q', '-f', 'qcow2', '-b', self.path('mid'), '-F', 'qcow2', self.path('top'))
        with open(self.path('t'), 'wb') as f:
            f.truncate(SMALL)

    def nodes(self):
        return {n['node-name']: n for n in self.q.do('query-named-block-nodes')}


def graph():
    """Nodes have the names that they were given, and jobs the filters."""
    with Chain('graph') as m:
        q = m.q
        names = {'top', 'mid', 'base', 'ftop', 'fmid', 'fbase'}
        if set(m.nodes()) != names:
            raise Failure(f'nodes: {m.nodes().keys()}')
        for name in 'mid', 'fbase':
            q.error('GenericError', 'is in use', 'blockdev-del', node_name=name)
        q.error('GenericError', "Node 'base' is in use", 'blockdev-mirror', device='top', job_id='j', target='base', sync='full')
        # Of each job: its filter's driver, the child below it, and whether a disk is called by a filter without a name.
        for verb, more, driver, child, below, shown in (
                ('blockdev-mirror', {'target': 't', 'sync': 'full'}, 'mirror_top', 'backing', 'top', False),
                ('blockdev-backup', {'target': 't', 'sync': 'full'}, 'copy-before-write', 'file', 'top', True),
                ('block-commit', {'base_node': 'base'}, 'mirror_top', 'backing', 'top', False),
                ('block-commit', {'top_node': 'mid'}, 'commit_top', 'backing', 'mid', False),
                ('block-stream', {}, 'copy-on-read', 'file', 'top', False)):
            for named in False, True:
                args = dict(device='sd', job_id='j', speed=1, **more)
                for bad, words in ('mid', "Duplicate nodes with node-name='mid'"), ('#f', "Invalid node-name: '#f'"):
                    q.error('GenericError', words, verb, filter_node_name=bad, **args)
                q.do(verb, **args, **({'filter_node_name': 'filter'} if named else {}))
                (name,) = set(m.nodes()) - names
                f = m.nodes()[name]
                children = {c['child']: c['node-name'] for c in f['children']}
                if f['drv'] != driver or children.pop(child) != below or children not in ({}, {'target': 't'}):
                    raise Failure(f'{verb}: {f}')
                if named and name != 'filter' or not named and not name.startswith('#block'):
                    raise Failure(f'{verb}: a filter {name}')
                top = q.do('query-block')[0]['inserted']
                want = name if below == 'top' and (shown or named) else 'top'
                stats = q.do('query-blockstats')[0]['node-name']
                if top['node-name'] != want or stats != want:
                    raise Failure(f'{verb}: {top["node-name"]} and {stats} for {want}')
                if below == 'mid' and m.nodes()['top']['children'][1]['node-name'] != name:
                    raise Failure(f'{verb}: {m.nodes()["top"]}')
                q.error('GenericError', f"Node '{want}' is busy", 'block_resize', node_name=want, size=SMALL)
                q.do('block-job-cancel', device='j', force=True)
                q.event('BLOCK_JOB_CANCELLED', device='j')
                if set(m.nodes()) != names:
                    raise Failure(f'{verb}: then {m.nodes().keys()}')
        # By the names of its nodes, the chain gets shorter; those that are left out are free.
        q.do('block-commit', device='top', job_id='j', top_node='mid', base_node='base', filter_node_name='filter')
        q.event('BLOCK_JOB_COMPLETED', device='j')
        if set(m.nodes()) != {'top', 'base', 'ftop', 'fbase'}:
            raise Failure(f'after the commit: {m.nodes().keys()}')
        q.do('blockdev-del', node_name='mid')
        q.error('GenericError', 'is in use', 'blockdev-del', node_name='base')
        # What holds nothing takes no time.
        q.do('block-stream', device='top', job_id='j')
        q.event('BLOCK_JOB_COMPLETED', device='j')
        q.do('blockdev-snapshot-sync', node_name='top', snapshot_file=m.path('more'), snapshot_node_name='more')
        q.do('block-commit', device='more', job_id='j', speed=1, filter_node_name='filter')
        q.event('BLOCK_JOB_READY', device='j')
        q.do('block-job-complete', device='j')
        q.event('BLOCK_JOB_COMPLETED', device='j')
        q.do('device_del', id='sd')
        for name in 'top', 'base':
            q.do('blockdev-del', node_name=name)


def policies():
    with Disks('policies') as m:
        q = m.q
        t = m.nbd('t')
        for verb in 'blockdev-backup', 'blockdev-mirror':
            mirror = verb.endswith('mirror')
            # It stops, and goes on.
            t.fail = {WRITE: ENOSPC}
            m.copy(verb, 't', on_target_error='enospc')
            m.error('write', 'stop')
            q.event('JOB_STATUS_CHANGE', id='j', status='paused')
            (job,) = q.do('query-block-jobs')
            if job['io-status'] != 'nospace' or not job['paused']:
                raise Failure(f'query-block-jobs: {job}')
            t.fail = {}
            q.do('job-resume', id='j')
            q.status('j', 'running')
            if mirror:
                q.event('BLOCK_JOB_READY', device='j')
                q.do('block-job-cancel', device='j')
            got = q.event('BLOCK_JOB_COMPLETED', device='j')
            if 'error' in got or bytes(t.data) != m.data:
                raise Failure(f'{verb}: {got}, or the copy is wrong')
            q.status('j', 'concluded', 'null')
            # It ends.
            t.fail = {WRITE: EIO}
            for policy in {}, {'on_target_error': 'report'}, {'on_target_error': 'auto'}:
                m.copy(verb, 't', **policy)
                m.error('write', 'report')
                m.failed('Input/output error')
            # It tries again by itself.
            m.copy(verb, 't', on_target_error='ignore')
            m.error('write', 'ignore')
            m.error('write', 'ignore')
            t.fail = {}
            q.event('BLOCK_JOB_READY' if mirror else 'BLOCK_JOB_COMPLETED', device='j')
            if mirror:
                q.do('job-cancel', id='j')
            q.event('JOB_STATUS_CHANGE', id='j', status='null')
        # The target goes away.
        m.copy('blockdev-backup', 't', speed=65536)
        q.do('job-pause', id='j')
        q.event('JOB_STATUS_CHANGE', id='j', status='paused')
        t.close()
        q.do('block-job-set-speed', device='j', speed=0)
        q.do('job-resume', id='j')
        m.error('write', 'report')
        m.failed('')
        m.empty('e')
        q.error('GenericError', "Jobs cannot do 'compress'", 'blockdev-backup', device='d', job_id='j', target='e', sync='full', compress=True)
        q.error('GenericError', "'on-cbw-error' does not accept value", 'blockdev-backup', device='d', job_id='j', target='e', sync='full',
                on_cbw_error='break-guest-write')
        q.error('GenericError', "Failed to find node", 'blockdev-mirror', device='d', job_id='j', target='e', sync='full', replaces='x')
        q.do('blockdev-mirror', device='d', job_id='j', target='e', sync='full', replaces='d', copy_mode='write-blocking')
        q.event('BLOCK_JOB_READY', device='j')
        if not q.do('query-block-jobs')[0]['actively-synced']:
            raise Failure('write-blocking, and not in step')
        q.do('job-complete', id='j')
        q.event('BLOCK_JOB_COMPLETED', device='j')
        if m.file('e') != m.data or q.do('query-block')[0]['inserted']['node-name'] != 'e':
            raise Failure('the pivot')
    # Reading fails: an image on top of a network disk.
    with Disks('source', hd=('-device', 'virtio-scsi-pci,id=s')) as m:
        q = m.q
        d = m.nbd('d')
        q.do('device_add', driver='scsi-hd', drive='d', id='sd')
        m.empty('e')
        d.fail = {READ: EIO}
        m.copy('blockdev-mirror', 'e', on_source_error='stop')
        m.error('read', 'stop')
        q.event('JOB_STATUS_CHANGE', id='j', status='paused')
        if q.do('query-block-jobs')[0]['io-status'] != 'failed':
            raise Failure('io-status')
        q.do('device_del', id='sd')
        q.event('BLOCK_JOB_CANCELLED', device='j')
        q.event('DEVICE_DELETED', device='sd')
        d.close()


def leave():
    """What goes away under a job."""
    for aio in '', ',file.aio=io_uring':
        hd = HD[:3] + (HD[3] + aio,) + HD[4:]
        with Disks('leave', hd=hd) as m:
            q = m.q
            m.empty('a')
            m.copy('blockdev-backup', 'a', speed=65536)
            q.do('device_del', id='sd')
            q.event('BLOCK_JOB_CANCELLED', device='j')
            q.status('j', 'concluded', 'null')
            q.event('DEVICE_DELETED', device='sd')
            if q.do('query-block-jobs') or q.do('query-block'):
                raise Failure('something is left')
            q.do('blockdev-del', node_name='a')
            q.do('device_add', driver='scsi-hd', drive='d', id='sd')
            m.empty('b')
            m.copy('blockdev-mirror', 'b')
            q.event('BLOCK_JOB_READY', device='j')
            q.do('device_del', id='sd')
            q.event('BLOCK_JOB_CANCELLED', device='j')
            q.event('DEVICE_DELETED', device='sd')
            q.do('device_add', driver='scsi-hd', drive='d', id='sd')
            m.empty('c')
            q.do('blockdev-mirror', device='d', job_id='k', target='b', sync='full', speed=65536)
            q.do('quit')
            q.event('BLOCK_JOB_CANCELLED', device='k')
            m.g.exit(0, 20)
            if m.file('d') != m.data:
                raise Failure('the disk has changed')


def transaction():
    with Disks('transaction', '-blockdev', 'driver=raw,node-name=d2,file.driver=file,file.filename=@DIR/disk', '-device',
               'scsi-hd,drive=d2,id=sd2') as m:
        q = m.q

        def act(*actions):
            return [{'type': t, 'data': {k.replace('_', '-'): v for k, v in d.items()}} for t, d in actions]

        def bitmaps(node='d'):
            (n,) = [x for x in q.do('query-named-block-nodes') if x['node-name'] == node]
            return {b['name']: b for b in n.get('dirty-bitmaps', [])}

        q.error('GenericError', 'Transaction aborted using Abort action', 'transaction',
                actions=act(('block-dirty-bitmap-add', {'node': 'd', 'name': 'a'}), ('abort', {})))
        q.error('GenericError', "Parameter 'actions\\[0\\].data.name' is missing", 'transaction', actions=act(('block-dirty-bitmap-add', {'node': 'd'})))
        q.error('GenericError', "'actions\\[0\\].type' does not accept value 'x'", 'transaction', actions=act(('x', {})))
        q.error('GenericError', "'properties.completion-mode' does not accept value 'grouped'", 'transaction', actions=[],
                properties={'completion-mode': 'grouped'})
        q.do('transaction', actions=[])
        if bitmaps():
            raise Failure('an action was not undone')
        q.do('block-dirty-bitmap-add', node='d', name='a', granularity=32768)
        for words, args in (('Bitmap already exists: a', {'node': 'd', 'name': 'a'}), ('Cannot find device=', {'node': 'x', 'name': 'a'}),
                            ('power of 2 and at least 512', {'node': 'd', 'name': 'b', 'granularity': 1000}),
                            ('name cannot be empty', {'node': 'd', 'name': ''}), ('in memory only', {'node': 'd', 'name': 'b', 'persistent': True})):
            q.error('GenericError', words, 'block-dirty-bitmap-add', **args)
        for verb in 'remove', 'clear', 'enable', 'disable':
            q.error('GenericError', "Dirty bitmap 'x' not found", f'block-dirty-bitmap-{verb}', node='d', name='x')
        q.do('block-dirty-bitmap-disable', node='d', name='a')
        if bitmaps()['a']['recording'] or bitmaps()['a']['granularity'] != 32768:
            raise Failure(f'{bitmaps()}')
        q.error('GenericError', "Dirty bitmap 'x' not found", 'transaction',
                actions=act(('block-dirty-bitmap-enable', {'node': 'd', 'name': 'a'}), ('block-dirty-bitmap-remove', {'node': 'd', 'name': 'a'}),
                            ('block-dirty-bitmap-add', {'node': 'd', 'name': 'a'}), ('block-dirty-bitmap-clear', {'node': 'd', 'name': 'x'})))
        if bitmaps()['a']['recording'] or bitmaps()['a']['granularity'] != 32768:
            raise Failure(f'{bitmaps()}')
        # Two disks, the second of which fails; then they do not.
        good = ('blockdev-snapshot-sync', {'device': 'd', 'snapshot_file': m.path('o1'), 'snapshot_node_name': 'o1'})
        q.error('GenericError', 'Could not create', 'transaction',
                actions=act(good, ('blockdev-snapshot-sync', {'node_name': 'd2', 'snapshot_file': '/nothing/o2'})))
        if [b['inserted']['node-name'] for b in q.do('query-block')] != ['d', 'd2'] or q.do('query-block')[0]['inserted']['ro']:
            raise Failure('the first one was not undone')
        q.do('transaction', actions=act(good, ('blockdev-snapshot-sync', {'node_name': 'd2', 'snapshot_file': m.path('o2'), 'snapshot_node_name': 'o2'}),
                                        ('block-dirty-bitmap-add', {'node': 'o1', 'name': 'n'}),
                                        ('block-dirty-bitmap-merge', {'node': 'o1', 'target': 'n', 'bitmaps': [{'node': 'd', 'name': 'a'}, 'n']})))
        if [b['inserted']['node-name'] for b in q.do('query-block')] != ['o1', 'o2'] or 'n' not in bitmaps('o1'):
            raise Failure('the snapshots')
        # Backups that begin together; one that is undone never was.
        m.empty('t1')
        m.empty('t2', SIZE)
        first = ('blockdev-backup', {'job_id': 'j', 'device': 'o1', 'target': 't1', 'sync': 'full'})
        q.error('GenericError', "Cannot find device='x'", 'transaction', actions=act(first, ('blockdev-backup', {
            'job_id': 'k', 'device': 'o2', 'target': 'x', 'sync': 'full'})))
        if q.do('query-jobs'):
            raise Failure('a job of a failed transaction')
        for words, args in (('must provide a valid bitmap name', {'sync': 'bitmap'}), ('sync mode must be given', {'sync': 'bitmap', 'bitmap': 'n'}),
                            ('could not be found', {'sync': 'incremental', 'bitmap': 'x'}), ('sync mode must be given', {'sync': 'full', 'bitmap': 'n'}),
                            ("must be 'on-success'", {'sync': 'incremental', 'bitmap': 'n', 'bitmap_mode': 'never'})):
            q.error('GenericError', words, 'blockdev-backup', job_id='j', device='o1', target='t1', **args)
        q.error('GenericError', 'Source and target cannot be the same', 'blockdev-backup', job_id='j', device='o1', target='o1', sync='full')
        q.error('GenericError', "Sync mode 'incremental' not supported", 'blockdev-mirror', job_id='j', device='o1', target='t1', sync='incremental')
        q.do('transaction', actions=act(('block-dirty-bitmap-clear', {'node': 'o1', 'name': 'n'}), first, ('blockdev-backup', {
            'job_id': 'k', 'device': 'o2', 'target': 't2', 'sync': 'top', 'speed': 1})))
        q.event('BLOCK_JOB_COMPLETED', device='j', type='backup')
        if m.file('t1') != m.data:
            raise Failure('the backup is wrong')
        # A bitmap is taken while a backup goes by it, and is as it was when that was given up.
        q.do('blockdev-backup', job_id='j', device='o1', target='t1', sync='incremental', bitmap='n', speed=1)
        q.event('BLOCK_JOB_COMPLETED', device='j')


def images():
    with Disks('images') as m:
        q = m.q
        q.do('blockdev-create', job_id='c', options={'driver': 'file', 'filename': m.path('i'), 'size': 0})
        q.status('c', 'created', 'running', 'waiting', 'pending', 'concluded')
        (job,) = q.do('query-jobs')
        if job['type'] != 'create' or job['total-progress'] != 1 or job['current-progress'] != 1 or q.do('query-block-jobs'):
            raise Failure(f'query-jobs: {job}')
        q.error('GenericError', "Job ID 'c' already in use", 'blockdev-create', job_id='c', options={'driver': 'file', 'filename': m.path('x'), 'size': 0})
        q.do('job-dismiss', id='c')
        q.error('GenericError', "Parameter 'options.file' is missing", 'blockdev-create', job_id='c', options={'driver': 'qcow2', 'size': SMALL})
        for file in 'nothing', {'driver': 'file', 'filename': '/nothing/x'}:
            q.do('blockdev-create', job_id='c', options={'driver': 'qcow2', 'file': file, 'size': SMALL})
            q.event('JOB_STATUS_CHANGE', id='c', status='concluded')
            if not q.do('query-jobs')[0].get('error'):
                raise Failure('a job that cannot succeed')
            q.do('job-dismiss', id='c')
        q.do('blockdev-add', driver='file', node_name='f', filename=m.path('i'))
        q.do('blockdev-create', job_id='c', options={'driver': 'qcow2', 'file': 'f', 'size': SMALL, 'backing-file': m.path('disk'), 'backing-fmt': 'raw',
                                                     'cluster-size': 4096})
        q.event('JOB_STATUS_CHANGE', id='c', status='concluded')
        q.do('job-dismiss', id='c')
        # The image's own backing file, and none.
        q.do('blockdev-add', driver='qcow2', node_name='i', file='f', backing=None, read_only=True)
        q.do('device_add', driver='scsi-hd', drive='i', id='si')
        node = q.do('query-block')[1]['inserted']
        if node['backing_file_depth'] != 0 or node['image']['cluster-size'] != 4096 or node['image']['backing-filename'] != m.path('disk'):
            raise Failure(f'null: {node}')
        q.error('GenericError', "Cannot change the option 'read-only' of node 'i': it is in use", 'blockdev-reopen',
                options=[{'driver': 'qcow2', 'node-name': 'i', 'file': 'f', 'backing': None, 'read-only': False}])
        q.do('device_del', id='si')
        q.event('DEVICE_DELETED', device='si')
        q.error('GenericError', 'Failed to find node', 'blockdev-reopen', options=[{'driver': 'raw', 'node-name': 'x', 'file': 'f'}])
        q.error('GenericError', "Cannot change the option 'driver'", 'blockdev-reopen', options=[{'driver': 'raw', 'node-name': 'i', 'file': 'f'}])
        q.do('blockdev-reopen', options=[{'driver': 'qcow2', 'node-name': 'i', 'file': 'f'}])
        q.do('device_add', driver='scsi-hd', drive='i', id='si')
        node = q.do('query-block')[1]['inserted']
        if node['ro'] or node['backing_file'] != m.path('disk'):
            raise Failure(f'reopen: {node}')


def incremental():
    """What the guest writes is in the bitmap, and a backup by it, onto the one before, is a backup."""
    with Machine('incremental', 'raw') as m:
        q = m.q
        m.run('write', 256)
        tool('create', '-q', '-f', 'raw', m.path('b'), str(SIZE))
        q.do('blockdev-add', driver='raw', node_name='b', file={'driver': 'file', 'filename': m.path('b')})
        q.do('transaction', actions=[{'type': 'block-dirty-bitmap-add', 'data': {'node': 'disk', 'name': 'n'}},
                                     {'type': 'blockdev-backup', 'data': {'job-id': 'j', 'device': 'disk', 'target': 'b', 'sync': 'full'}}])
        q.event('BLOCK_JOB_COMPLETED', device='j')
        m.run('randwrite', 40)
        q.do('stop')
        (b,) = m.top()['dirty-bitmaps']
        if not 0 < b['count'] <= 41 * BLOCK or not b['recording'] or b['busy']:
            raise Failure(f'dirty-bitmaps: {b}')
        q.do('blockdev-backup', job_id='k', device='disk', target='b', sync='incremental', bitmap='n', speed=1)
        q.error('GenericError', 'in use by another operation', 'block-dirty-bitmap-clear', node='disk', name='n')
        q.do('job-cancel', id='k')
        q.event('BLOCK_JOB_CANCELLED', device='k')
        if m.top()['dirty-bitmaps'][0]['count'] != b['count']:
            raise Failure('a backup that was given up has lost the bitmap')
        q.do('blockdev-backup', job_id='k', device='disk', target='b', sync='incremental', bitmap='n')
        got = q.event('BLOCK_JOB_COMPLETED', device='k')
        if got['len'] > 41 * BLOCK or m.top()['dirty-bitmaps'][0]['count']:
            raise Failure(f'{got}, or the bitmap is not clear')
        same(m.path('b'), m.disk, 'raw', 'raw')
        # A mirror that the guest's writes wait for.
        q.do('cont')
        m.begin('randwrite', 300)
        tool('create', '-q', '-f', 'raw', m.path('w'), str(SIZE))
        q.do('blockdev-add', driver='raw', node_name='w', file={'driver': 'file', 'filename': m.path('w')})
        q.do('blockdev-mirror', job_id='w', device='disk', target='w', sync='full', copy_mode='write-blocking')
        q.event('BLOCK_JOB_READY', device='w')
        m.end()
        if not q.do('query-block-jobs')[0]['actively-synced']:
            raise Failure('write-blocking, and not in step')
        q.do('job-complete', id='w')
        q.event('BLOCK_JOB_COMPLETED', device='w')
        m.run('verify', 256)
        m.off()


# The function at 00:01.0 gets BAR 0 at 0x40000000; the watchdog there two stages of a millisecond, and starts.
WATCHDOG = (0x300082b7, 0x40000337, 0x0062a823, 0x00200393, 0x0072a223, 0x08000e13, 0x08600e93, 0x00100f13, 0x01c32623, 0x01d32623,
            0x01e32023, 0x01c32623, 0x01d32623, 0x01e32223, 0x06728423, 0x0000006f)


def watchdog():
    words = program('watchdog', WATCHDOG)
    reset = ('RESET', {'guest': True, 'reason': 'guest-reset'})
    for i, (action, answers, status) in enumerate((
            ('reset', [reset], 'running'), ('shutdown', [('POWERDOWN', {})], 'running'), ('poweroff', [], None),
            ('pause', [('STOP', {})], 'watchdog'), ('debug', [], 'running'), ('none', [], 'running'))):
        board = ('-M', 'virt', '-bios', words, '-device', 'i6300esb,addr=1')
        with Stopped('watchdog', *(('-action', f'watchdog={action}') if i % 2 else ()), board=board) as m:
            q = m.q
            q.negotiate()
            if i % 2 == 0:
                q.do(*(('set-action', ) if i else ('watchdog-set-action', )), **{'watchdog' if i else 'action': action})
            q.do('cont')
            for name, data in [('RESUME', {}), ('WATCHDOG', {'action': action}), *answers]:
                got = q.event(name)
                if got != data:
                    raise Failure(f'{action}: {name} {got}')
            if action == 'debug':
                m.g.expect('watchdog: timer fired', 20)
            if status is None:
                m.g.exit(0, 20)
            elif q.do('query-status')['status'] != status:
                raise Failure(f'{action}: {q.do("query-status")}')
            if action == 'pause':
                q.do('cont')
                q.event('RESUME')


class Failing(Machine):
    """A machine whose disk fails when it is told to."""

    def node(self, fmt):
        self.nbd = NbdDisk(self.path('nbd'), SIZE)
        return f'driver=nbd,node-name=disk,server.type=unix,server.path={self.nbd.path}'

    def __exit__(self, *a):
        self.nbd.close()
        return super().__exit__(*a)

    def fail(self, what, operation, error):
        self.nbd.fail = {{'read': READ, 'write': WRITE}[operation]: error}
        self.begin(what, COUNT)

    def told(self, operation, error, action):
        got = self.q.event('BLOCK_IO_ERROR')
        want = {'device': '', 'node-name': 'disk', 'operation': operation, 'action': action, 'nospace': error == ENOSPC,
                'reason': os.strerror(error), 'qom-path': got['qom-path']}
        if got != want or not got['qom-path'].startswith('/machine/peripheral/vd'):
            raise Failure(f'BLOCK_IO_ERROR: {got}, not {want}')

    def stops(self, what, operation, error):
        """The machine stops, as often as it goes on and the disk fails; then nothing is lost."""
        self.fail(what, operation, error)
        for last in False, False, True:
            self.told(operation, error, 'stop')
            self.q.event('STOP')
            if self.q.do('query-status')['status'] != 'io-error':
                raise Failure(f'{self.q.do("query-status")}')
            (d,) = self.q.do('query-block')
            if d['io-status'] != ('nospace' if error == ENOSPC else 'failed'):
                raise Failure(f'io-status: {d["io-status"]}')
            if last:
                self.nbd.fail = {}
            self.q.do('cont')
            self.q.event('RESUME')
        self.end()

    def goes_on(self, what, operation, error, action):
        self.fail(what, operation, error)
        self.told(operation, error, action)
        self.end(COUNT if action == 'report' else 0)
        self.nbd.fail = {}
        if self.q.do('query-status')['status'] != 'running' or self.q.do('query-block')[0]['io-status'] != 'ok':
            raise Failure(f'{self.q.do("query-status")} {self.q.do("query-block")}')
        self.q.events = []


COUNT = 40  # blocks of a job of the guest


def still():
    """Nothing is on its way to the disk of a machine that is stopped."""
    with Failing('still') as m:
        m.nbd.delay = 0.5
        m.begin('write', COUNT)
        while m.nbd.asked == m.nbd.served:
            time.sleep(0.01)
        m.q.do('stop')
        asked, served = m.nbd.asked, m.nbd.served
        time.sleep(1)
        if not asked == served == m.nbd.asked:
            raise Failure(f'{served} requests of {asked} were answered at the stop, and there were {m.nbd.asked}')
        m.nbd.delay = 0
        m.q.do('cont')
        m.end()
        m.run('verify', COUNT)
        m.off()


def io_error():
    with Failing('stop', policies=',werror=stop,rerror=report') as m:
        m.stops('write', 'write', EIO)
        m.goes_on('read', 'read', EIO, 'report')
        m.run('verify', COUNT)
        m.off()
    with Failing('enospc', policies=',rerror=stop') as m:
        m.stops('write', 'write', ENOSPC)
        m.stops('verify', 'read', EIO)
        m.goes_on('write', 'write', EIO, 'report')
        m.off()
    with Failing('ignore', policies=',werror=ignore,rerror=ignore') as m:
        m.goes_on('write', 'write', ENOSPC, 'ignore')
        m.goes_on('read', 'read', EIO, 'ignore')
        m.off()


def full():
    if os.geteuid():
        raise Skip('mounting a tmpfs needs root')
    with Disks('full') as m:
        q = m.q
        room, image = m.path('room'), m.path('room/t')

        def begin(verb, size, **policy):
            h.run(['mount', '-o', f'remount,size={size}', room])
            tool('create', '-q', '-f', 'qcow2', image, str(SMALL))
            q.do('blockdev-add', driver='qcow2', node_name='t', file={'driver': 'file', 'filename': image})
            m.copy(verb, 't', **policy)

        def end(*repair):
            q.do('blockdev-del', node_name='t')
            tool('check', '-q', *repair, image)

        os.mkdir(room)
        h.run(['mount', '-t', 'tmpfs', 'tmpfs', room])
        try:
            for verb in 'blockdev-backup', 'blockdev-mirror':
                # It stops, and ends well when there is room.
                begin(verb, SMALL // 2, on_target_error='enospc')
                m.error('write', 'stop')
                q.event('JOB_STATUS_CHANGE', id='j', status='paused')
                (job,) = q.do('query-block-jobs')
                if job['io-status'] != 'nospace':
                    raise Failure(f'query-block-jobs: {job}')
                h.run(['mount', '-o', f'remount,size={SMALL * 2}', room])
                q.do('job-resume', id='j')
                if verb.endswith('mirror'):
                    q.event('BLOCK_JOB_READY', device='j')
                    q.do('block-job-cancel', device='j')
                got = q.event('BLOCK_JOB_COMPLETED', device='j')
                if 'error' in got:
                    raise Failure(f'{verb}: {got}')
                q.event('JOB_STATUS_CHANGE', id='j', status='null')
                end()
                same(m.path('d'), image, 'raw')
                os.unlink(image)
                # It ends, and what tables have no room for is lost space.
                begin(verb, SMALL // 2)
                m.error('write', 'report')
                m.failed('No space left on device')
                end('-r', 'leaks')
                os.unlink(image)
        finally:
            h.run(['umount', '-l', room])


def attempt(command, good):
    p = subprocess.run(command, capture_output=True, text=True, timeout=60 * h.SLOW)
    if (p.returncode == 0) != good or not (good or re.search(r'Failed to get (shared )?"[a-z ]*" lock', p.stderr)):
        raise Failure(f'{" ".join(command)}: exit {p.returncode}, not {"0" if good else "a lock"}: {p.stdout}{p.stderr}')


def refused(*args):
    with Guest('-M', 'virt', '-bios', 'none', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-S', *args) as g:
        g.expect(re.compile(rb'Failed to get (shared )?"[a-z ]*" lock'), 20)
        g.exit(1, 20)


def locks():
    img = [os.path.join(h.ROOT, 'build', 'tools', 'rhea-img')]
    peer = shlex.split(os.environ.get('QEMU_IMG', ''))
    # How a machine uses an image; may others read it, and write it? The reference's machine and qemu-img answer the same.
    uses = (('', '', False, False), ('', ',share-rw=on', False, None), (',read-only=on', '', True, False),
            (',read-only=on,force-share=on', '', True, True), (',file.locking=off', '', True, True))
    for fmt in 'raw', 'qcow2':
        for node, device, read, write in uses:
            with Stopped('locks', '-device', 'virtio-blk-pci,drive=d' + device, '-blockdev',
                         f'driver={fmt},node-name=d,file.driver=file,file.filename=@DIR/i' + node, image=fmt) as m:
                m.q.negotiate()
                for command in img, *([peer] if peer else []):
                    attempt([*command, 'info', '-U', '-f', fmt, m.path('i')], True)
                    attempt([*command, 'convert', '-f', fmt, '-O', 'raw', m.path('i'), m.path('o')], read)
                    # share-rw=on: a raw image can be written by whom the machine may disturb, which is qemu-img, not rhea-img.
                    attempt([*command, 'resize', '-f', fmt, m.path('i'), '+64K'],
                            write if write is not None else fmt == 'raw' and command is peer)
                # Another machine of the same kind
                more = ('-blockdev', f'driver={fmt},node-name=d,file.driver=file,file.filename={m.path("i")}' + node, '-device',
                        'virtio-blk-pci,drive=d' + device)
                if node or (device and fmt == 'raw'):
                    with Stopped('locks2', *more) as other:
                        other.q.negotiate()
                else:
                    refused(*more)
    if not peer:
        return
    # The other way: a reference's program that reads, or writes, for as long as it may.
    image = os.path.join(h.work_dir(), f'qmp-locks-{os.getpid()}')
    for fmt in 'raw', 'qcow2':
        tool('create', '-q', '-f', fmt, image, '1M')
        for write in False, True:
            with subprocess.Popen([*peer, 'bench', *(['-w'] if write else []), '-f', fmt, '-c', '1000000000', image], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as p:
                try:
                    time.sleep(1)
                    attempt([*img, 'convert', '-f', fmt, '-O', 'raw', image, image + '.o'], not write)
                    # Who only reads a raw image minds no writers.
                    attempt([*img, 'resize', '-f', fmt, image, '+64K'], fmt == 'raw' and not write)
                    if fmt == 'qcow2' or write:
                        refused('-drive', f'file={image},format={fmt},if=none,id=d', '-device', 'virtio-blk-pci,drive=d')
                    if p.poll() is not None:
                        raise Failure(f'QEMU_IMG bench: {p.returncode}')
                finally:
                    p.kill()
        os.unlink(image)


def collect():
    return [Test('qmp/' + f.__name__, f, 2 if f in (mirror, backup, chain, resize, incremental, io_error) else 1, 60)
            for f in (stream, session, monitor, machine, events, policies, leave, transaction, images, graph, mirror, backup, chain, resize,
                      incremental, watchdog, io_error, still, full, locks)]
