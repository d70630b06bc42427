#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""rhea-img from outside: every option set of images, what commands print, exit codes.

    test-img.py RHEA-IMG [SUBSTRING]

If QEMU_IMG names a qemu-img of the reference (a command, such as "chroot DIR qemu-img", that sees the same scratch folder under
/tmp), every image goes both ways as well: what one made, the other checks, compares and changes.
"""
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile

TOOL = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
PEER = shlex.split(os.environ.get("QEMU_IMG", ""))
DIR = tempfile.mkdtemp(prefix="rhea-img-", dir="/tmp")
SIZE = 3 << 20
count = failed = 0

# Options of qcow2 images.
SETS = [
    "", "compat=0.10", "cluster_size=512", "cluster_size=4k", "cluster_size=2M", "refcount_bits=1", "refcount_bits=2",
    "refcount_bits=4", "refcount_bits=8", "refcount_bits=32", "refcount_bits=64", "cluster_size=512,refcount_bits=64",
    "lazy_refcounts=on", "compression_type=zstd", "compression_type=zstd,cluster_size=4k", "extended_l2=on",
    "extended_l2=on,cluster_size=16k", "extended_l2=on,cluster_size=2M", "preallocation=metadata", "preallocation=falloc",
    "preallocation=full", "preallocation=metadata,cluster_size=512", "preallocation=full,compat=0.10",
    "preallocation=metadata,extended_l2=on", "preallocation=full,extended_l2=on,refcount_bits=8",
    "data_file={d}/ext", "data_file={d}/ext,data_file_raw=on", "data_file={d}/ext,extended_l2=on",
    "data_file={d}/ext,data_file_raw=on,preallocation=metadata", "data_file={d}/ext,cluster_size=4k,preallocation=falloc",
]


def run(command, code=0):
    p = subprocess.run(command, cwd=DIR, capture_output=True, text=True, timeout=120)
    if code is not None and p.returncode != code:
        raise AssertionError(f"{' '.join(command)}: exit {p.returncode}: {p.stdout}{p.stderr}")
    return p.stdout + p.stderr


def img(*args, code=0):
    return run([TOOL, *args], code)


def peer(*args, code=0):
    return run([*PEER, args[0], *[a if a.startswith("-") or not os.path.exists(os.path.join(DIR, a)) else os.path.join(DIR, a)
                                  for a in args[1:]]], code)


def path(name):
    return os.path.join(DIR, name)


def data_make(name, seed, size=SIZE):
    """Runs of data, zeroes and compressible text."""
    r = random.Random(seed)
    with open(path(name), "wb") as f:
        while f.tell() < size:
            n = min(r.choice((512, 4096, 70000, 300000)), size - f.tell())
            kind = r.randrange(3)
            f.write(r.randbytes(n) if kind == 0 else bytes(n) if kind == 1 else (b"%d " % r.randrange(9999) * n)[:n])
    os.truncate(path(name), size)


def test(name, f, *args):
    global count, failed
    if ONLY not in name:
        return
    for old in os.listdir(DIR):
        if old not in ("one.raw", "two.raw"):
            os.unlink(path(old))
    count += 1
    try:
        f(*args)
        print(f"ok {count} {name}")
    except (AssertionError, subprocess.TimeoutExpired) as e:
        failed += 1
        print(f"not ok {count} {name}\n# " + str(e).replace("\n", "\n# "))
    sys.stdout.flush()


def same(a, b):
    out = img("compare", a, b)
    assert "identical" in out, out
    if PEER:
        out = peer("compare", a, b)
        assert "identical" in out, out


def clean(name):
    out = img("check", name)
    assert "No errors" in out, out
    if PEER:
        out = peer("check", name)
        assert "No errors" in out, out


def convert_set(options):
    o = options.format(d=DIR)
    args = ["-o", o] if o else []
    img("create", "-q", "-f", "qcow2", *args, "i.qcow2", str(SIZE))
    clean("i.qcow2")
    if "data_file_raw" not in o or "prealloc" not in o:
        img("compare", "i.qcow2", "i.qcow2")
    os.unlink(path("i.qcow2"))
    img("convert", "-O", "qcow2", *args, "one.raw", "i.qcow2")
    clean("i.qcow2")
    same("one.raw", "i.qcow2")
    # Written over, where the map is there already.
    img("convert", "-n", "-O", "qcow2", "two.raw", "i.qcow2")
    clean("i.qcow2")
    same("two.raw", "i.qcow2")
    img("convert", "-O", "raw", "i.qcow2", "back.raw")
    with open(path("back.raw"), "rb") as a, open(path("two.raw"), "rb") as b:
        assert a.read() == b.read(), "the way back"
    if "data_file" not in o and "preallocation" not in o:
        img("convert", "-c", "-O", "qcow2", *args, "one.raw", "c.qcow2")
        clean("c.qcow2")
        same("one.raw", "c.qcow2")
        img("resize", "c.qcow2", "+1M")
        clean("c.qcow2")
        if "refcount_bits=1" != o and "refcount_bits=2" != o and "refcount_bits=4" != o:
            img("snapshot", "-c", "s", "c.qcow2")
            img("convert", "-n", "-O", "qcow2", "two.raw", "c.qcow2")
            clean("c.qcow2")
            img("snapshot", "-a", "s", "c.qcow2")
            clean("c.qcow2")
            img("snapshot", "-d", "s", "c.qcow2")
            clean("c.qcow2")
        if "compat=0.10" not in o:
            img("resize", "--shrink", "c.qcow2", "3M")
            same("one.raw", "c.qcow2")
            clean("c.qcow2")


def peer_set(options):
    """What the reference made, read and changed here, and checked there."""
    o = options.format(d=DIR)
    args = ["-o", o] if o else []
    open(path("i.qcow2"), "w").close()
    peer("convert", "-O", "qcow2", *args, "one.raw", "i.qcow2")
    clean("i.qcow2")
    same("one.raw", "i.qcow2")
    img("convert", "-n", "-O", "qcow2", "two.raw", "i.qcow2")
    clean("i.qcow2")
    same("two.raw", "i.qcow2")
    if "data_file" not in o and "preallocation" not in o:
        open(path("c.qcow2"), "w").close()
        peer("convert", "-c", "-O", "qcow2", *args, "one.raw", "c.qcow2")
        clean("c.qcow2")
        same("one.raw", "c.qcow2")
        if "refcount_bits=1" != o and "refcount_bits=2" != o and "refcount_bits=4" != o:
            peer("snapshot", "-c", "s", "c.qcow2")
            img("convert", "-n", "-O", "qcow2", "two.raw", "c.qcow2")
            img("snapshot", "-c", "t", "c.qcow2")
            clean("c.qcow2")
            peer("snapshot", "-a", "s", "c.qcow2")
            same("one.raw", "c.qcow2")
            peer("snapshot", "-a", "t", "c.qcow2")
            same("two.raw", "c.qcow2")
            img("snapshot", "-d", "s", "c.qcow2")
            peer("snapshot", "-d", "t", "c.qcow2")
            clean("c.qcow2")


def backing(options):
    args = ["-o", options] if options else []
    img("convert", "-O", "qcow2", "one.raw", "base.qcow2")
    img("create", "-q", "-f", "qcow2", *args, "-b", "base.qcow2", "-F", "qcow2", "mid.qcow2")
    img("create", "-q", "-f", "qcow2", *args, "-b", "mid.qcow2", "-F", "qcow2", "top.qcow2", "4M")
    same("one.raw", "top.qcow2")
    img("convert", "-n", "-O", "qcow2", "two.raw", "top.qcow2")
    same("two.raw", "top.qcow2")
    clean("top.qcow2")
    info = json.loads(img("info", "--backing-chain", "--output=json", "top.qcow2"))
    assert [i["filename"] for i in info] == ["top.qcow2", "mid.qcow2", "base.qcow2"], info
    # Flat, and back on another base by comparing.
    shutil.copy(path("top.qcow2"), path("copy.qcow2"))
    img("rebase", "-b", "", "copy.qcow2")
    same("two.raw", "copy.qcow2")
    clean("copy.qcow2")
    img("rebase", "-b", "base.qcow2", "-F", "qcow2", "top.qcow2")
    same("two.raw", "top.qcow2")
    clean("top.qcow2")
    img("commit", "top.qcow2")
    same("two.raw", "top.qcow2")
    same("two.raw", "base.qcow2")
    clean("base.qcow2")
    clean("top.qcow2")


def commit_base():
    img("convert", "-O", "qcow2", "one.raw", "base.qcow2")
    img("create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "mid.qcow2")
    img("create", "-q", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "top.qcow2")
    img("convert", "-n", "-O", "qcow2", "two.raw", "top.qcow2")
    img("commit", "-b", "base.qcow2", "top.qcow2")
    same("two.raw", "base.qcow2")
    clean("base.qcow2")


def repair():
    img("convert", "-O", "qcow2", "one.raw", "i.qcow2")
    with open(path("i.qcow2"), "r+b") as f:
        f.seek(2 << 16)
        f.write(bytes(60))  # counts of the first 30 clusters
    assert "errors were found" in img("check", "i.qcow2", code=2)
    assert "found and repaired" in img("check", "-r", "all", "i.qcow2")
    clean("i.qcow2")
    same("one.raw", "i.qcow2")
    with open(path("i.qcow2"), "r+b") as f:
        f.seek((2 << 16) + 2 * 200)
        f.write(b"\0\1" * 3)
    assert "3 leaked clusters" in img("check", "i.qcow2", code=3)
    assert json.loads(img("check", "--output=json", "i.qcow2", code=3))["leaks"] == 3
    img("check", "-r", "leaks", "i.qcow2")
    clean("i.qcow2")


def text(args, code, expected):
    out = img(*shlex.split(args.format(d=DIR)), code=code)
    assert expected in out, f"{args}: {out!r}, not {expected!r}"


TEXTS = [
    ("create -f qcow2 a 10M", 0, "Formatting 'a', fmt=qcow2 cluster_size=65536 extended_l2=off compression_type=zlib size=10485760 "
     "lazy_refcounts=off refcount_bits=16\n"),
    ("create a 1M", 0, "Formatting 'a', fmt=raw size=1048576\n"),
    ("create a", 1, "a: Image creation needs a size parameter\n"),
    ("create -f foo a 1", 1, "a: Unknown file format 'foo'\n"),
    ("create -f qcow2 -o foo=1 a 1M", 1, "Invalid parameter 'foo'\n"),
    ("create -f qcow2 -o cluster_size=3 a 1M", 1, "Cluster size must be a power of two between 512 and 2048k\n"),
    ("create -f qcow2 -o refcount_bits=3 a 1M", 1, "Refcount width must be a power of two"),
    ("create -f qcow2 -o compat=0.10,extended_l2=on a 1M", 1, "only supported with compatibility level 1.1"),
    ("create -f qcow2 -b nosuch -F raw a", 1, "Could not open"),
    ("create -f qcow2 -b one.raw a", 1, "without backing format"),
    ("create -f qcow2 -o cluster_size=512 a 1P", 1, "too large"),
    ("create -f qcow2 a 1X", 1, "Invalid image size"),
    ("foo", 1, "Command not found: foo\n"),
    ("info nosuch", 1, "Could not open 'nosuch': Could not open 'nosuch': No such file or directory\n"),
    ("info one.raw", 0, "image: one.raw\nfile format: raw\nvirtual size: 3 MiB (3145728 bytes)\n"),
    ("info -f qcow2 one.raw", 1, "Image is not in qcow2 format"),
    ("check one.raw", 63, "This image format does not support checks\n"),
    ("compare one.raw two.raw", 1, "Content mismatch at offset "),
    ("compare one.raw one.raw", 0, "Images are identical.\n"),
    ("compare one.raw nosuch", 2, "No such file"),
    ("measure -O qcow2 --size 1G", 0, "required size: 393216\nfully allocated size: 1074135040\n"),
    ("measure --output=json -O raw --size 1M", 0, '{\n    "required": 1048576,\n    "fully-allocated": 1048576\n}\n'),
    ("convert -p -O raw one.raw b", 0, "    (100.00/100%)\n"),
    ("convert -O raw nosuch b", 1, "Could not open 'nosuch'"),
    ("convert -c -O raw one.raw b", 1, "Compression not supported"),
    ("convert -c -O qcow2 -o preallocation=full one.raw b", 1, "Compression and preallocation not supported at the same time"),
    ("dd if=one.raw of=b bs=1k count=3", 0, ""),
    ("dd foo=1", 1, "unrecognized operand 'foo=1'"),
    ("resize -f raw one.raw -1M", 1, "Use the --shrink option"),
    ("snapshot -c x one.raw", 1, "no snapshots"),
    ("--help", 0, "Supported formats:"),
]

data_make("one.raw", 1)
data_make("two.raw", 2)
for s in SETS:
    test("set " + (s or "default"), convert_set, s)
    if PEER:
        test("peer " + (s or "default"), peer_set, s)
for s in ("", "compat=0.10", "extended_l2=on", "cluster_size=512", "lazy_refcounts=on"):
    test("backing " + (s or "default"), backing, s)
test("commit to base", commit_base)
test("repair", repair)
for t in TEXTS:
    test("text " + t[0], text, *t)
print(f"1..{count}")
shutil.rmtree(DIR)
sys.exit(failed > 0)
