# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Networks from inside a guest.

  net/user      DHCP, DNS address, TFTP, forwards in both directions, IPv6 of the user network; a dump
  net/e1000e    the same card-side checks with an e1000e: messages (MSI-X), then the interrupt line; and on arm64
  net/hotplug   cards plugged into a root port and unplugged while Linux runs
  net/switch    a PCIe switch behind a root port; on arm64 with a card plugged into it and unplugged
  net/restrict  nothing but the forwards leaves
  net/uboot     U-Boot's dhcp and tftpboot
  net/tap       a tap interface in a network namespace: ping, TCP with segmentation offload
  net/mq        the same with two queues, two CPUs and mq=on
  net/hub       two cards and a user network on one hub; two guests joined by stream sockets
"""
import hashlib
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib')]
import harness as h  # noqa: E402
from harness import Failure, Guest, Shell, Skip, Test  # noqa: E402

MODULES = ('failover', 'net_failover', 'virtio_net')
tests = []

DHCP = '''cat > /tmp/dhcp <<"END"
#!/bin/sh
env | grep -E '^(ip|router|dns|hostname|domain|search|boot_file|siaddr|tftp|subnet)='
[ "$1" = bound ] && ip addr add $ip/24 dev $interface && ip route add default via $router
exit 0
END
chmod +x /tmp/dhcp'''


def test(name, cores=1, limit=60):
    def add(func):
        tests.append(Test('net/' + name, func, cores, limit))
        return func

    return add


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def folder(name):
    path = os.path.join(h.work_dir(), f'net-{name}-{os.getpid()}')
    os.makedirs(path)
    return path


def send_to(port, data):
    with socket.create_connection(('127.0.0.1', port), timeout=20) as s:
        s.sendall(data)


def receive_from(port):
    got = b''
    with socket.create_connection(('127.0.0.1', port), timeout=20) as s:
        while True:
            part = s.recv(1 << 16)
            if not part:
                return got
            got += part


def receive_when_there(port):
    """What the guest sends, which may not be listening yet: then the connection is closed at once."""
    for _ in range(20):
        try:
            if got := receive_from(port):
                return got
        except OSError:
            pass
        time.sleep(0.5)
    return b''


def check_pcap(path, want):
    """A whole pcap file with frames that hold each of `want`."""
    with open(path, 'rb') as f:
        d = f.read()
    magic, major, minor, _, _, snap, link = struct.unpack('=IHHIIII', d[:24])
    if (magic, major, minor, snap, link) != (0xa1b2c3d4, 2, 4, 65536, 1):
        raise Failure(f'{path}: header {d[:24].hex()}')
    at, frames = 24, []
    while at < len(d):
        sec, _, n, whole = struct.unpack('=IIII', d[at:at + 16])
        if n != whole or abs(sec - time.time()) > 3600 or at + 16 + n > len(d):
            raise Failure(f'{path}: record at {at} of {len(d)} bytes')
        frames.append(d[at + 16:at + 16 + n])
        at += 16 + n
    for w in want:
        if not any(w in f for f in frames):
            raise Failure(f'{path}: no frame with {w!r} in {len(frames)}')


@test('user', limit=30)
def user():
    d = folder('user')
    blob = os.urandom(300000)
    with open(d + '/blob', 'wb') as f:
        f.write(blob)
    digest = hashlib.sha256(blob).hexdigest()
    port, udp = free_port(), free_port()
    server = socket.create_server(('127.0.0.1', 0))

    def echo():
        c, _ = server.accept()
        with c:
            c.sendall(b'socket:' + c.recv(4096))
            c.recv(1)

    threading.Thread(target=echo, daemon=True).start()
    net = (f'user,id=n,hostname=guest7,domainname=ex.org,dnssearch=a.b,dnssearch=c.d,tftp={d},bootfile=/blob,'
           f'hostfwd=tcp:127.0.0.1:{port}-:7777,hostfwd=udp:127.0.0.1:{udp}-10.0.2.15:7778,'
           f'guestfwd=tcp:10.0.2.100:99-cmd:cat,guestfwd=tcp:10.0.2.101:80-tcp:127.0.0.1:{server.getsockname()[1]}')
    with Shell('-netdev', net, '-device', 'virtio-net-pci,netdev=n,mac=52:54:00:00:00:42', '-object',
               f'filter-dump,id=f,netdev=n,file={d}/dump', modules=MODULES) as g:
        g.ready()
        g.check('ip link set lo up; ip link set eth0 up')
        g.run(DHCP)
        g.check('udhcpc -i eth0 -n -q -O search -O bootfile -O hostname -s /tmp/dhcp', 'ip=10.0.2.15', 'dns=10.0.2.3',
                'router=10.0.2.2', 'search=a.b c.d', 'hostname=guest7', 'domain=ex.org', 'boot_file=/blob')
        g.check('tftp -g -r blob -l /tmp/blob 10.0.2.2; sha256sum /tmp/blob', digest)
        g.check('ping -c 1 -W 5 10.0.2.2', '1 packets received')
        g.check('(echo through a command; sleep 1) | nc 10.0.2.100 99 & sleep 2; kill $! 2>/dev/null; true', 'through a command')
        g.check('(echo through; sleep 1) | nc 10.0.2.101 80 & sleep 2; kill $! 2>/dev/null; true', 'socket:through')
        g.check('nc -l -p 7777 > /tmp/in & sleep 1')
        send_to(port, blob[:200000])
        g.check('wait; sha256sum /tmp/in', hashlib.sha256(blob[:200000]).hexdigest())
        g.check('nc -l -p 7777 < /tmp/blob > /dev/null 2>&1 & sleep 1')
        if receive_from(port) != blob:
            g.fail('what came out of the guest differs')
        # The router advertisement of the network gives an address.
        g.check('for i in 1 2 3 4 5 6 7 8 9; do ip -6 addr show dev eth0 | grep -q fec0 && break; sleep 1; done; '
                'ip -6 addr show dev eth0', 'fec0::5054:ff:fe00:42/64')
        g.off()
    check_pcap(d + '/dump', [b'through a command\n', b'socket:through\n', blob[:256]])


def clean(g, what):
    """The kernel has no complaint about these."""
    bad = g.run(f"dmesg | grep -E '{what}' | grep -iE 'error|fail|warn|\\bhang|hung|timed? ?out|unexpected|refused'")[1]
    if bad.strip():
        g.fail(f'the kernel reported\n{bad}')


def card_works(g, d, blob, port):
    """DHCP, TFTP, and data by a forward in both directions on eth0 of a user network."""
    digest = hashlib.sha256(blob).hexdigest()
    g.check('ip link set eth0 up; cat /sys/class/net/eth0/address', '52:54:00:00:00:43')
    g.run(DHCP)
    g.check('udhcpc -i eth0 -n -q -s /tmp/dhcp', 'ip=10.0.2.15')
    g.check('tftp -g -r blob -l /tmp/blob 10.0.2.2; sha256sum /tmp/blob', digest)
    g.check('nc -l -p 7777 > /tmp/in & sleep 1')
    send_to(port, blob)
    g.check('wait; sha256sum /tmp/in', digest)
    # In the foreground: the shell of the installer ends when this nc does in the background, on the reference too.
    got = []
    t = threading.Thread(target=lambda: got.append(receive_when_there(port)))
    t.start()
    g.check('nc -l -p 7777 < /tmp/blob')
    t.join()
    if got != [blob]:
        g.fail('what came out of the guest differs')
    g.check('cat /sys/class/net/eth0/statistics/rx_errors /sys/class/net/eth0/statistics/tx_errors', '0')


def user_net(name):
    """A folder with a blob, the blob, a port, and a user network with them."""
    d, port, blob = folder(name), free_port(), os.urandom(1 << 20)
    with open(d + '/blob', 'wb') as f:
        f.write(blob)
    return d, blob, port, f'user,id=n,tftp={d},hostfwd=tcp:127.0.0.1:{port}-:7777'


class ArmShell(h.Session):
    """An arm64 guest with the shell of Debian's installer."""

    def __init__(self, machine, *args):
        top = h.fetch_guest('debian-installer-arm64')
        super().__init__('-M', machine, '-cpu', 'cortex-a57', '-m', '512M', '-nographic', '-no-reboot', '-kernel', top + '/linux',
                         '-initrd', top + '/initrd.gz', '-append', 'console=ttyAMA0 quiet rdinit=/bin/sh', *args, target='aarch64')

    def ready(self):
        self.expect('# ', 120)
        self.send('stty -echo; PS1=; mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev\n')
        return self

    def off(self):
        self.send('poweroff -f\n')
        self.exit(0, 30)


@test('e1000e', limit=60)
def e1000e():
    """Linux' driver: both directions with checksums and segmentation of the card."""
    d, blob, port, net = user_net('e1000e')
    for machine, irq in (('virt,aia=aplic-imsic', 'MSI'), ('virt', 'INTC|PLIC')):
        with Shell('-netdev', net, '-device', 'e1000e,netdev=n,mac=52:54:00:00:00:43', modules=('e1000e', ),
                   machine=machine) as g:
            g.ready()
            card_works(g, d, blob, port)
            out = g.check('grep eth0 /proc/interrupts')
            if not re.search(irq, out):
                g.fail(f'interrupts are not {irq}: {out}')
            g.check('cat /sys/class/net/eth0/carrier /sys/class/net/eth0/speed', '1000')
            if irq == 'MSI':
                clean(g, 'e1000e|eth0|pci')
            g.off()


@test('e1000e-arm64', limit=40)
def e1000e_arm64():
    """MSI-X by GICv2m and by the ITS."""
    d, blob, port, net = user_net('e1000e-arm64')
    for machine in ('virt', 'virt,gic-version=3'):
        with ArmShell(machine, '-netdev', net, '-device', 'e1000e,netdev=n,mac=52:54:00:00:00:43') as g:
            g.ready()
            g.check('modprobe e1000e; sleep 1')
            card_works(g, d, blob, port)
            g.check('grep eth0 /proc/interrupts', 'MSI')
            clean(g, 'e1000e|eth0|pci')
            g.off()


def plug_and_unplug(g, card, bus, below, works):
    """By the monitor, while Linux runs; `below` is what the names of functions behind the port begin with."""
    g.monitor(f'device_add {card},bus={bus},id=card,netdev=n,mac=52:54:00:00:00:43')
    # The button is answered after five seconds in which it could be pressed again.
    g.check('for i in $(seq 20); do [ -e /sys/class/net/eth0 ] && break; sleep 1; done; ls /sys/class/net', 'eth0', limit=40)
    works()
    clean(g, 'e1000e|eth0|pci|virtio')
    g.monitor('device_del card')
    g.check('for i in $(seq 20); do [ -e /sys/class/net/eth0 ] || break; sleep 1; done; test ! -e /sys/class/net/eth0', limit=40)
    g.check(f'for i in $(seq 10); do [ $(ls /sys/bus/pci/devices | grep -c ^{below}) = 0 ] && break; sleep 1; done; '
            f'ls /sys/bus/pci/devices | grep -c ^{below} || true', '0')
    # Linux forgets the card before it takes the slot's power, with which the card goes.
    g.check('sleep 2')


@test('hotplug', limit=40)
def hotplug():
    """Cards come into a root port and leave it."""
    d, blob, port, net = user_net('hotplug')
    with ArmShell('virt', '-device', 'pcie-root-port,id=rp,chassis=1', '-netdev', net) as g:
        g.ready()
        g.check('modprobe e1000e; modprobe virtio_pci; modprobe virtio_net; true')
        for card in 'virtio-net-pci', 'e1000e':
            plug_and_unplug(g, card, 'rp', '0000:01', lambda: card_works(g, d, blob, port))
        clean(g, 'e1000e|pci|virtio')
        g.off()


# A root port, a switch with two slots behind it, and a card in the second
SWITCH = [x for d in ('ioh3420,id=rp,chassis=1', 'x3130-upstream,id=up,bus=rp', 'xio3130-downstream,id=d0,bus=up,chassis=2,slot=1',
                      'xio3130-downstream,id=d1,bus=up,chassis=2,slot=2', 'virtio-rng-pci,bus=d1') for x in ('-device', d)]


def switch_is_there(g):
    # The driver that each has, if it has one: ports have pcieport.
    g.check('cd /sys/bus/pci/devices; for i in *; do d=$(readlink $i/driver); echo $i $(cat $i/vendor $i/device) ${d##*/}; done',
            '0000:00:01.0 0x8086 0x3420 pcieport', '0000:01:00.0 0x104c 0x8232 pcieport', '0000:02:00.0 0x104c 0x8233 pcieport',
            '0000:02:01.0 0x104c 0x8233 pcieport', '0000:04:00.0 0x1af4 0x1044 virtio-pci')
    clean(g, 'pci|virtio')


@test('switch', limit=10)
def switch():
    with Shell('-netdev', 'user,id=n', *SWITCH, modules=MODULES) as g:
        g.ready()
        switch_is_there(g)
        g.off()


@test('switch-arm64', limit=40)
def switch_arm64():
    """This kernel has a driver for slots: a card comes into the first and leaves."""
    with ArmShell('virt', '-netdev', 'user,id=n', *SWITCH) as g:
        g.ready()
        g.check('modprobe virtio_pci; modprobe virtio_net; true')
        switch_is_there(g)
        g.check('ls /sys/bus/pci/slots', '1', '2')
        out = g.check('grep pciehp /proc/interrupts')
        if len(re.findall('MSI.*pciehp', out)) != 3:
            g.fail(f'interrupts of slots: {out}')
        plug_and_unplug(g, 'virtio-net-pci', 'd0', '0000:03',
                        lambda: g.check('cat /sys/class/net/eth0/address', '52:54:00:00:00:43'))
        g.check('ls /sys/bus/pci/devices', '0000:04:00.0')
        g.off()


@test('restrict', limit=20)
def restrict():
    server = socket.create_server(('127.0.0.1', 0))
    port = server.getsockname()[1]
    with Shell('-nic', 'user,id=a,model=virtio-net-pci', '-nic', 'user,restrict=on,net=10.9.8.0/24', modules=MODULES) as g:
        g.ready()
        g.check('ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip addr add 10.9.8.15/24 dev eth1; ip link set eth1 up')
        g.check(f'echo out | nc 10.0.2.2 {port} & sleep 1; kill $! 2>/dev/null; true')
        server.settimeout(5)
        c, _ = server.accept()
        if c.recv(16) != b'out\n':
            g.fail('no connection without restrict=on')
        c.close()
        g.check(f'echo out | nc 10.9.8.2 {port} & sleep 1; kill $! 2>/dev/null; true')
        server.settimeout(.2)
        try:
            server.accept()
        except OSError:
            g.off()
            return
        g.fail('a connection in spite of restrict=on')


@test('uboot', limit=20)
def uboot():
    d = folder('uboot')
    with open(d + '/hello.txt', 'w') as f:
        f.write('words over the network\n')
    boot = h.fetch_guest('u-boot')
    with Guest('-M', 'virt', '-m', '256M', '-nographic', '-no-reboot', '-bios', boot + '/qemu-riscv64/u-boot.bin', '-netdev',
               f'user,id=n,tftp={d},bootfile=hello.txt', '-device', 'virtio-net-device,netdev=n') as g:
        g.expect('Hit any key to stop autoboot', 60)
        g.send('\n')
        g.expect('=> ', 20)
        g.send('setenv autoload no; dhcp\n')
        g.expect('DHCP client bound to address 10.0.2.15', 20)
        g.expect('=> ', 20)
        g.send('tftpboot $loadaddr 10.0.2.2:$bootfile\n')
        g.expect('Bytes transferred = 23', 20)
        g.expect('=> ', 20)
        g.send('md.b $loadaddr 10\n')
        g.expect('words over the n', 20)


def namespace():
    if os.geteuid() or not shutil.which('unshare') or not shutil.which('ip') or not os.path.exists('/dev/net/tun'):
        raise Skip('needs root, unshare, ip and /dev/net/tun')
    return ['unshare', '-n', 'sh', '-c']


def tap_guest(name, netdev='', card='', smp=1, more=lambda g: None):
    """The interface made by rhea, configured by its script, in a network namespace of its own."""
    wrap = namespace()
    d = folder(name)
    with open(d + '/up', 'w') as f:
        f.write('#!/bin/sh\nip addr add 192.168.77.1/24 dev $1 && ip link set $1 up && ip link set lo up\n')
    with open(d + '/down', 'w') as f:
        f.write(f'#!/bin/sh\nip -s link show $1 > {d}/downed\n')
    with open(d + '/serve', 'w') as f:
        f.write('''import hashlib, socket
s = socket.create_server(('0.0.0.0', 7000))
data = bytes(range(256)) * 16384
while True:
    c, _ = s.accept()
    kind = c.recv(1)
    if kind == b'r':
        c.sendall(data)
    else:
        n = hashlib.sha256()
        while True:
            part = c.recv(65536)
            if not part:
                break
            n.update(part)
        open(%r, 'w').write(n.hexdigest())
    c.close()
''' % (d + '/received'))
    for name in ('up', 'down'):
        os.chmod(f'{d}/{name}', 0o755)
    digest = hashlib.sha256(bytes(range(256)) * 16384).hexdigest()
    inner = f'{sys.executable} {d}/serve & "$0" "$@"; status=$?; kill $!; exit $status'
    with Shell('-netdev', f'tap,id=t,ifname=rtap0,script={d}/up,downscript={d}/down{netdev}', '-device',
               f'virtio-net-pci,netdev=t{card}', modules=MODULES, smp=smp, machine='virt,aia=aplic-imsic', wrap=[*wrap, inner]) as g:
        g.ready()
        g.check('ip addr add 192.168.77.2/24 dev eth0; ip link set eth0 up')
        g.check('ping -c 1 -W 5 192.168.77.1', '1 packets received')
        g.check('echo -n r | nc 192.168.77.1 7000 > /tmp/in; sha256sum /tmp/in', digest)
        g.check('(echo -n s; cat /tmp/in) | nc 192.168.77.1 7000')
        # Checksums and segmentation are left to the host (virtio 1.2, 5.1.3: GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4);
        # whether the host's TCP makes use of it depends on its window.
        features = re.search(r'^[01]{64}', g.check('cat /sys/class/net/eth0/device/features'), re.M)
        if not features or any(features[0][bit] != '1' for bit in (1, 7, 8, 11)):
            g.fail('no segmentation offload was agreed on')
        got = g.check('cat /proc/net/dev').split('eth0:')[1].split()
        if int(got[0]) < (4 << 20):
            g.fail(f'{got[0]} bytes came in')
        more(g)
        g.off()
    with open(d + '/received') as f:
        if f.read() != digest:
            raise Failure('what the host received differs')
    if 'rtap0' not in open(d + '/downed').read():
        raise Failure('the downscript did not run')


@test('tap', limit=40)
def tap():
    tap_guest('tap')


@test('mq', cores=2, limit=40)
def mq():
    def more(g):
        # virtio 1.2, 5.1.3: VIRTIO_NET_F_MQ; Linux uses a pair for each CPU, and gives each vectors of its own.
        if re.search(r'^[01]{64}', g.check('cat /sys/class/net/eth0/device/features'), re.M)[0][22] != '1':
            g.fail('no queue pairs were agreed on')
        g.check('ls /sys/class/net/eth0/queues', 'rx-0', 'rx-1', 'tx-0', 'tx-1')
        # Flows from different ports: some of them belong to the second pair, in both directions.
        g.check('for i in 1 2 3 4 5 6 7 8; do (echo -n r | taskset $((i % 2 + 1)) nc 192.168.77.1 7000 | sha256sum > /tmp/sum$i) & done; wait; '
                'cat /tmp/sum* | sort -u | wc -l', '1', limit=60)
        rows = re.findall(r'((?: +\d+)+) .*virtio\d+-(input|output)\.1', g.check('cat /proc/interrupts'))
        if len(rows) != 2 or not any(int(n) for n in [r for r in rows if r[1] == 'input'][0][0].split()):
            g.fail(f'the second pair is not used: {rows}')

    tap_guest('mq', ',queues=2', ',mq=on', 2, more)


@test('hub', cores=2, limit=40)
def hub():
    """Guest 1: two cards on hub 0 by -net; guest 2 reaches its user network through a stream socket."""
    d = folder('hub')
    path = d + '/link'
    with Shell('-netdev', 'user,id=u', '-netdev', 'hubport,id=h0,hubid=3,netdev=u', '-netdev', 'hubport,id=h1,hubid=3',
               '-device', 'virtio-net-pci,netdev=h1', '-netdev', f'stream,id=s,server=on,addr.type=unix,addr.path={path}',
               '-netdev', 'hubport,id=h2,hubid=3,netdev=s', modules=MODULES) as a, \
            Shell('-netdev', f'stream,id=s,addr.type=unix,addr.path={path},reconnect-ms=100', '-device',
                  'virtio-net-pci,netdev=s,mac=52:54:00:00:00:02', modules=MODULES) as b:
        a.ready()
        b.ready()
        a.check('ip link set lo up; ip addr add 10.0.2.20/24 dev eth0; ip link set eth0 up')
        b.check('ip link set lo up; ip addr add 10.0.2.21/24 dev eth0; ip link set eth0 up')
        a.check('ping -c 1 -W 5 10.0.2.2', '1 packets received')
        b.check('ping -c 1 -W 5 10.0.2.2', '1 packets received')
        b.check('ping -c 1 -W 5 10.0.2.20', '1 packets received')
        a.off()
        b.off()
    if os.path.exists(path):
        raise Failure('the socket is still there')


def collect():
    return tests
