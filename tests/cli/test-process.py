#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""The process around the machine: background, process id file, signals, exit codes, reset, consoles on sockets and files.

    test-process.py PROGRAM [SUBSTRING]      PROGRAM: a rhea-system-riscv64

Guests are a few instructions, written below as words: they end, reset or print through the board's test finisher and UART.
"""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

FINISH = 0x00100000
UART = 0x10000000


def lui(rd, value):
    return (value & 0xfffff000) | rd << 7 | 0x37


def auipc(rd, pages):
    return (pages & 0xfffff) << 12 | rd << 7 | 0x17


def addi(rd, rs, imm):
    return (imm & 0xfff) << 20 | rs << 15 | rd << 7 | 0x13


def store(op, rs2, rs1, imm=0):
    return imm >> 5 << 25 | rs2 << 20 | rs1 << 15 | op << 12 | (imm & 31) << 7 | 0x23


def lbu(rd, rs, imm):
    return imm << 20 | rs << 15 | 4 << 12 | rd << 7 | 0x03


def beq(rs1, rs2, offset):
    """Also backwards; offset in bytes."""
    o = offset & 0x1fff
    return (o >> 12) << 31 | (o >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 | (o >> 1 & 0xf) << 8 | (o >> 11 & 1) << 7 | 0x63


def constant(rd, value):
    low = value & 0xfff
    low -= 0x1000 if low & 0x800 else 0
    return [lui(rd, (value - low) & 0xffffffff), addi(rd, rd, low)]


LOOP = [0x0000006f]


def finish(value):
    return constant(5, FINISH) + constant(6, value) + [store(2, 6, 5)] + LOOP


def say(text):
    code = constant(5, UART)
    for c in text:
        code += [addi(6, 0, ord(c)), store(0, 6, 5)]
    return code


# Read a byte, wait for room, send it back, for ever.
ECHO = constant(5, UART) + [lbu(6, 5, 5), 0x00137313, beq(6, 0, -8), lbu(7, 5, 0),
                            lbu(6, 5, 5), 0x02037313, beq(6, 0, -8), store(0, 7, 5), beq(0, 0, -32)]


def guest(words):
    path = os.path.join(DIR, "guest%d.bin" % guest.count)
    guest.count += 1
    with open(path, "wb") as f:
        f.write(struct.pack("<%dI" % len(words), *words))
    return path


guest.count = 0


def path(name):
    return os.path.join(DIR, name)


def contents(name):
    try:
        with open(path(name)) as f:
            return f.read()
    except OSError:
        return ""


def start(*args):
    return subprocess.Popen([PROGRAM] + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def run(*args, timeout=30):
    return subprocess.run([PROGRAM] + list(args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)


def virt(words, *args):
    return ["-M", "virt", "-display", "none", "-bios", guest(words)] + list(args)


def wait_for(condition, what, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        got = condition()
        if got:
            return got
        time.sleep(0.01)
    raise AssertionError("timeout: " + what)


def connect(name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)

    def attempt():
        try:
            s.connect(path(name))
            return True
        except OSError:
            return False
    wait_for(attempt, "no socket " + name)
    return s


def until(s, what):
    data = b""
    while what not in data:
        got = s.recv(4096)
        assert got, "closed after %r" % data
        data += got
    return data


def alive(pid):
    try:
        os.kill(pid, 0)
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_daemonize():
    pidfile = path("daemon.pid")
    r = run("-M", "none", "-display", "none", "-daemonize", "-pidfile", pidfile)
    assert r.returncode == 0 and not r.stderr, r
    pid = int(open(pidfile).read())
    assert alive(pid)
    assert os.readlink("/proc/%d/cwd" % pid) == "/" and os.readlink("/proc/%d/fd/1" % pid) == "/dev/null"
    # A second one cannot have the same file.
    r = run("-M", "none", "-display", "none", "-pidfile", pidfile)
    assert r.returncode == 1 and "Could not lock" in r.stderr, r
    assert os.path.exists(pidfile)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid), "does not end")
    wait_for(lambda: not os.path.exists(pidfile), "the file is left")


def test_daemonize_error():
    r = run("-M", "none", "-display", "none", "-daemonize", "-device", "nosuch")
    assert r.returncode == 1 and "'nosuch' is not a valid device model name" in r.stderr, r


def test_pidfile_removed():
    p = start("-M", "none", "-display", "none", "-pidfile", path("a.pid"))
    wait_for(lambda: os.path.exists(path("a.pid")) and open(path("a.pid")).read() == "%d\n" % p.pid, "no file")
    p.terminate()
    assert p.wait(10) == 0
    assert not os.path.exists(path("a.pid"))


def ends_by(number):
    p = start("-M", "none", "-display", "none", "-pidfile", path("s.pid"))
    wait_for(lambda: os.path.exists(path("s.pid")), "does not start")
    p.send_signal(number)
    out, err = p.communicate(timeout=10)
    assert p.returncode == 0, (p.returncode, err)
    assert re.fullmatch(r"rhea-system-riscv64: terminating on signal %d from pid %d \(.*\)\n" % (number, os.getpid()), err), err


def test_sigint():
    ends_by(signal.SIGINT)


def test_sigterm():
    ends_by(signal.SIGTERM)


def test_sighup():
    ends_by(signal.SIGHUP)


def test_poweroff():
    r = run(*virt(finish(0x5555)))
    assert r.returncode == 0 and not r.stderr, r


def test_exit_code():
    for code in [0, 1, 7, 255]:
        r = run(*virt(finish(code << 16 | 0x3333)))
        assert r.returncode == code, r


def test_no_reboot():
    r = run(*virt(finish(0x7777), "-no-reboot"))
    assert r.returncode == 0, r
    r = run(*virt(finish(0x7777), "-action", "reboot=shutdown"))
    assert r.returncode == 0, r


def test_reboot():
    """The guest prints, and resets; memory it changed is loaded anew."""
    p = start(*virt(say("x") + finish(0x7777), "-serial", "file:" + path("reboots"), "-monitor", "none"))
    wait_for(lambda: len(contents("reboots")) > 20, "no reboots")
    assert set(open(path("reboots")).read()) == {"x"}
    p.terminate()
    assert p.wait(10) == 0


def test_rom_restored():
    """A guest that writes over its own first instruction and resets: the next run would end with code 3."""
    trap = finish(3 << 16 | 0x3333)
    copy = [auipc(7, 0)]
    for i, word in enumerate(trap):
        copy += constant(6, word) + [store(2, 6, 7, 4 * i)]
    p = start(*virt(copy + say("y") + finish(0x7777), "-serial", "file:" + path("restored"), "-monitor", "none"))
    wait_for(lambda: len(contents("restored")) > 5 or p.poll() is not None, "no reboots")
    assert p.poll() is None, p.poll()
    p.terminate()
    p.wait(10)


def test_no_shutdown():
    p = start(*virt(finish(0x5555), "-no-shutdown", "-monitor", "unix:%s,server=on,wait=off" % path("mon1")))
    s = connect("mon1")
    until(s, b"(qemu) ")
    wait_for(lambda: (s.send(b"info status\n"), b"paused (shutdown)" in until(s, b"(qemu) "))[1], "not paused")
    s.send(b"cont\n")
    until(s, b"Resetting the Virtual Machine is required")
    s.send(b"quit\n")
    assert p.wait(10) == 0


def test_paused():
    p = start(*virt(say("hello"), "-S", "-serial", "file:" + path("paused"), "-monitor",
                    "unix:%s,server=on,wait=off" % path("mon2")))
    s = connect("mon2")
    until(s, b"(qemu) ")
    s.send(b"info status\n")
    until(s, b"paused (prelaunch)")
    time.sleep(0.1)
    assert open(path("paused")).read() == ""
    s.send(b"cont\n")
    wait_for(lambda: open(path("paused")).read() == "hello", "does not run")
    s.send(b"stop\ninfo status\n")
    until(s, b"VM status: paused")
    s.send(b"quit\n")
    assert p.wait(10) == 0


def test_output_complete():
    """All that was printed before the power-off is there, whatever the console is."""
    text = "0123456789" * 40
    words = say(text) + finish(0x5555)
    r = run(*virt(words, "-serial", "stdio", "-monitor", "none"))
    assert r.stdout == text, r
    r = run(*virt(words, "-serial", "mon:stdio"))
    assert r.stdout == text, r
    r = run(*virt(words, "-nographic"))
    assert r.stdout == text, r
    run(*virt(words, "-chardev", "file,id=a,path=%s,logfile=%s" % (path("text"), path("log")), "-serial", "chardev:a"))
    assert open(path("text")).read() == text and open(path("log")).read() == text


def test_echo():
    """Both directions through the UART, more than any buffer holds."""
    p = start(*virt(ECHO, "-serial", "unix:%s,server=on,wait=off" % path("echo")))
    s = connect("echo")
    sent = b"".join(b"%07d\n" % i for i in range(4000))
    got = b""
    at = 0
    s.setblocking(False)
    end = time.time() + 60
    while len(got) < len(sent) and time.time() < end:
        try:
            at += s.send(sent[at:at + 1000])
        except BlockingIOError:
            pass
        try:
            got += s.recv(65536)
        except BlockingIOError:
            time.sleep(0.001)
    p.terminate()
    assert p.wait(10) == 0
    assert got == sent, "%d of %d bytes, the same up to %d" % (len(got), len(sent), len(os.path.commonprefix([got, sent])))


def test_closed_descriptors():
    r = subprocess.run(timeout=30, args=["sh", "-c", '"$0" "$@" <&- >&- 2>&-', PROGRAM] + virt(say("x") + finish(0x5555), "-nographic"))
    assert r.returncode == 0, r


def test_wait_for_client():
    p = start(*virt(say("hi") + finish(0x5555), "-serial", "unix:%s,server=on" % path("wait")))
    s = connect("wait")
    assert until(s, b"hi")
    out, err = p.communicate(timeout=10)
    assert p.returncode == 0
    assert re.fullmatch(r"rhea-system-riscv64: info: waiting for connection on: disconnected:unix:.*,server=on\n", err), err
    assert not os.path.exists(path("wait"))


def test_loader_device():
    """data= and cpu-num=: the finisher's value comes from memory, the start from addr."""
    words = [auipc(5, -1), 0x0002a303] + constant(5, FINISH) + [store(2, 6, 5)] + LOOP
    f = guest(words)
    r = run("-M", "virt", "-display", "none", "-bios", "none",
            "-device", "loader,file=%s,addr=0x80002000,cpu-num=0,force-raw=on" % f,
            "-device", "loader,addr=0x80001000,data=0x00053333,data-len=4")
    assert r.returncode == 5, r
    r = run("-M", "virt", "-display", "none", "-bios", "none", "-device", "loader,file=%s,addr=0x80002000" % f,
            "-device", "loader,addr=0x80002000,cpu-num=0", "-device", "loader,addr=0x80001000,data=0x33330900,data-len=4,data-be=on")
    assert r.returncode == 9, r


def test_icount_repeats():
    """The same run twice prints the same."""
    words = say("a") + finish(0x5555)
    outs = {run(*virt(words, "-nographic", "-icount", "shift=0")).stdout for _ in range(3)}
    assert outs == {"a"}, outs


def test_log_file():
    r = run(*virt(finish(0x5555), "-d", "in_asm", "-D", path("asm")))
    assert r.returncode == 0 and "lui" in open(path("asm")).read(), open(path("asm")).read()


def main():
    tests = [(n[5:], f) for n, f in globals().items() if n.startswith("test_") and ONLY in n]
    machines = run("-machine", "help").stdout
    failed = 0
    print("1..%d" % len(tests))
    for i, (name, f) in enumerate(tests, 1):
        if "virt" in f.__code__.co_names and "\nvirt " not in machines:
            print("ok %d - %s # SKIP no machine virt" % (i, name))
            continue
        try:
            f()
            print("ok %d - %s" % (i, name))
        except (AssertionError, OSError, subprocess.TimeoutExpired) as e:
            failed += 1
            print("not ok %d - %s\n# %s" % (i, name, str(e).replace("\n", "\n# ")))
        sys.stdout.flush()
    return failed != 0


PROGRAM = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
with tempfile.TemporaryDirectory(prefix="rhea-process-") as DIR:
    code = main()
sys.exit(code)
