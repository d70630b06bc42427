#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""rhea-nbd and the NBD client from outside: options, formats, what others read and write, what a server that goes does.

    test-nbd.py RHEA-NBD RHEA-IMG RHEA [SUBSTRING]

With nbdinfo and nbdcopy (libnbd) these are clients too. If QEMU_NBD and QEMU_IMG name the reference's programs, each side's clients
work on the other's servers.
"""
import json
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

NBD, IMG, RHEA = (os.path.abspath(a) for a in sys.argv[1:4])
ONLY = sys.argv[4] if len(sys.argv) > 4 else ""
PEER_NBD = shlex.split(os.environ.get("QEMU_NBD", ""))
PEER_IMG = shlex.split(os.environ.get("QEMU_IMG", ""))
DIR = tempfile.mkdtemp(prefix="rhea-nbd-", dir="/tmp")
SIZE = 2 << 20
count = failed = 0


def path(name):
    return os.path.join(DIR, name)


def run(command, code=0):
    p = subprocess.run(command, cwd=DIR, capture_output=True, text=True, errors="replace", timeout=60)
    if code is not None and p.returncode != code:
        raise AssertionError(f"{' '.join(command)}: exit {p.returncode}: {p.stdout}{p.stderr}")
    return p.stdout + p.stderr


def first_json(text):
    """The value that the text begins with: some versions of nbdinfo add lines of their own."""
    return json.JSONDecoder().raw_decode(text)[0]


def img(*args, code=0):
    return run([IMG, *args], code)


def data_make(name, seed, size=SIZE):
    r = random.Random(seed)
    with open(path(name), "wb") as f:
        f.write(r.randbytes(size // 4))
        f.truncate(size // 2)
        f.seek(size // 2)
        f.write(r.randbytes(70000))
        f.truncate(size)


def same(a, b):
    with open(path(a), "rb") as f, open(path(b), "rb") as g:
        if f.read() != g.read():
            raise AssertionError(f"{a} and {b} differ")


def listens(sock):
    """Its name is there before, and a connection would be a client."""
    with open("/proc/net/unix") as f:
        rows = [row.split() for row in f]
    return any(len(row) == 8 and row[7] == sock and row[3] == "00010000" for row in rows)  # __SO_ACCEPTCON


class Server:
    """A server on the socket "s"; gone at the end of the block, whose status was 0."""

    def __init__(self, *args, command=None, ready="s", persistent=True):
        self.command = [*(command or [NBD]), *(["-t"] if persistent else []), "-k", path(ready), *args]
        self.socket = path(ready)

    def __enter__(self):
        self.p = subprocess.Popen(self.command, cwd=DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(200):
            if listens(self.socket):
                return self
            if self.p.poll() is not None:
                raise AssertionError(f"{self.command}: {self.p.stdout.read()}")
            time.sleep(0.05)
        raise AssertionError("the server does not listen")

    def __exit__(self, *what):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
        try:
            self.p.wait(10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            raise AssertionError("the server does not end")
        out = self.p.stdout.read()
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        if what[0] is None and (self.p.returncode not in (0, -15) or "ERROR" in out):
            raise AssertionError(f"server: {self.p.returncode}: {out}")


def url(export="", sock="s"):
    return f"nbd+unix:///{export}?socket={path(sock)}"


def test(name, f, *args):
    global count, failed
    if ONLY not in name:
        return
    for old in os.listdir(DIR):
        os.unlink(path(old))
    count += 1
    try:
        f(*args)
        print(f"ok {count} {name}", flush=True)
    except Exception as e:  # noqa: each test stands alone
        failed += 1
        print(f"not ok {count} {name}", flush=True)
        where = ", ".join(str(f.lineno) for f in traceback.extract_tb(e.__traceback__))
        print("\n".join("# " + line for line in f"line {where}: {type(e).__name__}: {e}".splitlines()), flush=True)


# ---- rhea's client on a server ----

def client_reads(server, fmt):
    data_make("raw", 1)
    img("convert", "-f", "raw", "-O", fmt, "raw", "disk")
    with Server("-f", fmt, "disk", command=server):
        img("convert", "-f", "raw", "-O", "raw", url(), "out")
        same("raw", "out")
        assert "identical" in img("compare", "-f", "raw", "-F", "raw", "raw", url())
        extents = json.loads(img("map", "--output=json", "-f", "raw", url()))
        assert any(e["zero"] for e in extents) and any(e["data"] for e in extents), extents
        info = img("info", "-f", "raw", url())
        assert "virtual size: 2 MiB" in info and "disk size: unavailable" in info, info
        assert json.loads(img("info", "--output=json", "-f", "raw", url()))["virtual-size"] == SIZE


def client_writes(server, fmt):
    data_make("raw", 2)
    img("create", "-f", fmt, "disk", str(SIZE))
    with Server("-f", fmt, "--discard=unmap", "disk", command=server):
        img("convert", "-n", "-f", "raw", "-O", "raw", "raw", url())
    img("convert", "-f", fmt, "-O", "raw", "disk", "out")
    same("raw", "out")
    # An image of a format on the export.
    img("create", "-f", "raw", "disk", str(2 * SIZE))
    with Server("-f", "raw", "disk", command=server):
        img("create", "-q", "-f", "qcow2", url(), str(SIZE))
        img("convert", "-n", "-f", "raw", "-O", "qcow2", "raw", url())
        img("check", "-f", "qcow2", url())
        img("create", "-q", "-f", "qcow2", "-b", url(), "-F", "qcow2", "top")
        img("convert", "-f", "qcow2", "-O", "raw", "top", "out")
    same("raw", "out")


# ---- rhea's server and other clients ----

def libnbd():
    data_make("raw", 3)
    with Server("-f", "raw", "-x", "name", "-D", "what it is", "-e", "0", "--discard=unmap", "raw"):
        i = first_json(run(["nbdinfo", "--json", "--no-content", url("name")]))
        e = i["exports"][0]
        assert i["protocol"] == "newstyle-fixed" and i["structured"], i
        assert e["export-size"] == SIZE and e["export-name"] == "name" and e["description"] == "what it is", e
        assert e["can_flush"] and e["can_fua"] and e["can_trim"] and e["can_zero"] and e["can_multi_conn"], e
        assert e["contexts"] == ["base:allocation"] and not e["is_read_only"], e
        m = first_json(run(["nbdinfo", "--json", "--map", url("name")]))
        assert sum(x["length"] for x in m) == SIZE and {x["type"] for x in m} == {0, 3}, m
        run(["nbdcopy", url("name"), path("out")])
        same("raw", "out")
        data_make("two", 4)
        run(["nbdcopy", path("two"), url("name")])
        same("raw", "two")
        assert run(["nbdinfo", url("x")], 1)
    with Server("-f", "raw", "-r", "raw"):
        assert first_json(run(["nbdinfo", "--json", url()]))["exports"][0]["is_read_only"]
        assert run(["nbdcopy", path("two"), url()], None)


def peer_clients(fmt):
    data_make("raw", 5)
    img("convert", "-f", "raw", "-O", fmt, "raw", "disk")
    with Server("-f", fmt, "--discard=unmap", "disk"):
        run([*PEER_IMG, "convert", "-f", "raw", "-O", "raw", url(), path("out")])
        same("raw", "out")
        data_make("two", 6)
        run([*PEER_IMG, "convert", "-n", "-f", "raw", "-O", "raw", path("two"), url()])
        mine = img("map", "--output=json", "-f", "raw", url())
        theirs = run([*PEER_IMG, "map", "--output=json", "-f", "raw", url()])
        keys = ("start", "length", "zero", "data")
        assert [[e[k] for k in keys] for e in json.loads(mine)] == [[e[k] for k in keys] for e in json.loads(theirs)]
    img("convert", "-f", fmt, "-O", "raw", "disk", "out")
    same("two", "out")


# ---- options ----

def listing():
    data_make("raw", 7)
    with Server("-f", "raw", "-x", "a b", "-D", "text", "-r", "raw"):
        out = run([NBD, "-L", "-k", path("s")])
        assert out == """exports available: 1
 export: 'a b'
  description: text
  size:  2097152
  flags: 0x18f ( readonly flush fua df multi )
  min block: 1
  opt block: 4096
  max block: 33554432
  available meta contexts: 1
   base:allocation
""", out
        if PEER_NBD:
            assert run([*PEER_NBD, "-L", "-k", path("s")]) == out


def tcp():
    data_make("raw", 8)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    p = subprocess.Popen([NBD, "-f", "raw", "-b", "127.0.0.1", "-p", str(port), "--pid-file", path("pid"), "-x", "e", path("raw")])
    while not os.path.exists(path("pid")):
        time.sleep(0.02)
    assert open(path("pid")).read() == f"{p.pid}\n"
    img("convert", "-f", "raw", "-O", "raw", f"nbd:127.0.0.1:{port}:exportname=e", "out")
    same("raw", "out")
    # The last client has gone, and so does the server.
    assert p.wait(10) == 0
    assert not os.path.exists(path("pid"))


def fork():
    data_make("raw", 9)
    run([NBD, "--fork", "-f", "raw", "-k", path("s"), path("raw")])
    img("convert", "-f", "raw", "-O", "raw", url(), "out")
    same("raw", "out")
    assert "No such file" in run([NBD, "--fork", "-f", "raw", "-k", path("s"), path("none")], 1)


def snapshot():
    data_make("raw", 10)
    data_make("old", 10)
    data_make("two", 11)
    with Server("-f", "raw", "--snapshot", "raw"):
        img("convert", "-n", "-f", "raw", "-O", "raw", "two", url())
        img("convert", "-f", "raw", "-O", "raw", url(), "out")
        same("two", "out")
    same("raw", "old")


def offset():
    data_make("raw", 12)
    with Server("-f", "raw", "-o", "64k", "raw"):
        img("convert", "-f", "raw", "-O", "raw", url(), "out")
    with open(path("raw"), "rb") as f, open(path("out"), "rb") as g:
        f.seek(65536)
        assert f.read() == g.read()


def refusals():
    data_make("raw", 13)
    for args, text in (
        (["-c", "/dev/nbd0", "raw"], "not supported"), (["--tls-creds", "x", "raw"], "TLS is not supported"),
        (["-f", "vmdk", "raw"], "Unknown driver 'vmdk'"), ([], "Invalid number of arguments"),
        (["--cache=all", "raw"], "Invalid cache mode"), (["-e", "x", "raw"], "Invalid shared"),
        (["-o", "8M", "-f", "raw", "-k", path("s"), "raw"], "has to be smaller"), (["-x", "n" * 5000, "raw"], "too long"),
        (["-L", "raw"], "incompatible"), (["-L", "-k", path("none")], "No such file"), (["-A", "raw"], "not supported"),
    ):
        out = run([NBD, *args], 1)
        assert text in out, (args, out)
    with Server("-f", "raw", "-r", "raw"):
        assert "read-only" in img("convert", "-n", "-f", "raw", "-O", "raw", "raw", url(), code=1)
        assert "export 'x' not present" in img("info", url("x"), code=1)
    assert "No such file" in img("info", url(), code=1)


# ---- the emulator ----

def emulator():
    data_make("raw", 14)
    common = [RHEA, "-M", "virt", "-bios", "none", "-display", "none", "-serial", "null", "-S", "-monitor", "stdio"]

    def start(*args):
        p = subprocess.run([*common, *args], input="quit\n", capture_output=True, text=True, timeout=30)
        return p.returncode, p.stdout + p.stderr

    with Server("-f", "raw", "-e", "4", "-x", "e", "raw"):
        for args in (
            ["-drive", f"if=none,id=d,format=raw,file={url('e')}", "-device", "virtio-blk-device,drive=d"],
            ["-drive", f"if=none,id=d,format=raw,file=nbd:unix:{path('s')}:exportname=e", "-device", "virtio-blk-device,drive=d"],
            ["-blockdev", f"driver=nbd,node-name=n,server.type=unix,server.path={path('s')},export=e,reconnect-delay=5",
             "-device", "virtio-blk-device,drive=n"],
            ["-blockdev", json.dumps({"driver": "nbd", "node-name": "n", "export": "e", "reconnect-delay": 5,
                                      "server": {"type": "unix", "path": path("s")}}),
             "-blockdev", "driver=raw,node-name=r,file=n", "-device", "virtio-blk-device,drive=r"],
            ["-blockdev", f"driver=raw,node-name=r,file.driver=nbd,file.server.type=unix,file.server.path={path('s')},file.export=e",
             "-device", "virtio-blk-device,drive=r"],
            ["-drive", f"if=none,id=d,format=raw,file.driver=nbd,file.server.type=unix,file.server.path={path('s')},file.export=e",
             "-device", "virtio-blk-device,drive=d"],
        ):
            code, out = start(*args)
            assert code == 0, (args, out)
        for args, text in (
            (["-drive", f"if=none,id=d,format=raw,file={url('no')}", "-device", "virtio-blk-device,drive=d"], "not present"),
            (["-blockdev", "driver=nbd,node-name=n,server.type=inet", "-device", "virtio-blk-device,drive=n"], "server.host"),
            (["-blockdev", "driver=nbd,node-name=n,server.type=vsock", "-device", "virtio-blk-device,drive=n"], "not supported"),
            (["-blockdev", "driver=nbd,node-name=n,server.type=unix", "-device", "virtio-blk-device,drive=n"], "server.path"),
            (["-blockdev", f"driver=nbd,node-name=n,server.type=unix,server.path={path('s')},reconnect-delay=x",
              "-device", "virtio-blk-device,drive=n"], "reconnect-delay"),
        ):
            code, out = start(*args)
            assert code == 1 and text in out, (args, out)


def main():
    for fmt in ("raw", "qcow2"):
        test(f"client/reads/{fmt}", client_reads, None, fmt)
        test(f"client/writes/{fmt}", client_writes, None, fmt)
        if PEER_NBD:
            test(f"peer-server/reads/{fmt}", client_reads, PEER_NBD, fmt)
            test(f"peer-server/writes/{fmt}", client_writes, PEER_NBD, fmt)
        if PEER_IMG:
            test(f"peer-client/{fmt}", peer_clients, fmt)
    if shutil.which("nbdinfo") and shutil.which("nbdcopy"):
        test("libnbd", libnbd)
    test("list", listing)
    test("tcp", tcp)
    test("fork", fork)
    test("snapshot", snapshot)
    test("offset", offset)
    test("refusals", refusals)
    test("emulator", emulator)
    print(f"1..{count}")
    shutil.rmtree(DIR)
    return failed != 0


sys.exit(main())
