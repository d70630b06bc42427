#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""The terminal: raw mode while the program runs, put back on every way out; console keys; monitor.

    test-terminal.py PROGRAM [SUBSTRING]      PROGRAM: a rhea-system-riscv64
"""
import os
import pty
import re
import select
import signal
import sys
import termios
import time


class Session:
    """The program on a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(PROGRAM, [PROGRAM] + list(args))
        self.out = ""
        self.status = None

    def raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def read(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if select.select([self.fd], [], [], max(0, end - time.time()))[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    return
                if not data:
                    return
                # The terminal adds a carriage return to each newline.
                self.out = (self.out + data.decode("latin1")).replace("\r\r\n", "\r\n")

    def until(self, what, seconds=10):
        """Wait until condition() holds, or text matching `what` came out; returns the match."""
        end = time.time() + seconds
        while time.time() < end:
            self.read(0.02)
            found = what() if callable(what) else re.search(what, self.out)
            if found:
                if not callable(what):
                    self.out = self.out[found.end():]
                return found
        raise AssertionError("no %s in %r" % ("condition" if callable(what) else what, self.out))

    def send(self, text):
        os.write(self.fd, text.encode("latin1"))

    def end(self):
        """The exit status once it ended; the terminal must be as it was."""
        deadline = time.time() + 10
        while time.time() < deadline:
            # Before the other side of the terminal is closed by the last process on it.
            self.read(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
                self.read(0.1)
                return status
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("does not end: %r" % self.out)


def start(*args):
    # A second descriptor of the terminal's other side keeps its settings readable after the program's end.
    s = Session(*args)
    s.keep = os.open(ptsname(s.fd), os.O_RDWR | os.O_NOCTTY)
    s.until(s.raw)
    return s


def ptsname(fd):
    import ctypes
    libc = ctypes.CDLL(None)
    libc.ptsname.restype = ctypes.c_char_p
    return libc.ptsname(fd).decode()


def restored(s):
    assert not s.raw(), "the terminal is still raw"


def test_quit_key():
    s = start("-M", "none", "-nographic", "-serial", "mon:stdio")
    s.send("\x01x")
    s.until(r"rhea: Terminated\r\n\r")
    assert s.end() == 0
    restored(s)


def test_help_key():
    s = start("-M", "none", "-nographic", "-serial", "mon:stdio")
    s.send("\x01h")
    for line in ["C-a h    print this help", "C-a x    exit emulator", "C-a t    toggle console timestamps",
                 "C-a b    send break", "C-a c    switch between console and monitor", "C-a C-a  sends C-a"]:
        s.until(re.escape(line))
    s.send("\x01x")
    assert s.end() == 0


def test_sigterm():
    s = start("-M", "none", "-nographic")
    s.until(r"\(qemu\) ")
    os.kill(s.pid, signal.SIGTERM)
    assert s.end() == 0
    assert re.search(r"terminating on signal 15 from pid %d " % os.getpid(), s.out), s.out
    restored(s)


def crash(number):
    s = start("-M", "none", "-nographic")
    s.until(r"\(qemu\) ")
    os.kill(s.pid, number)
    status = s.end()
    restored(s)
    # A sanitizer turns the signal into an exit code of its own.
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == number or os.WEXITSTATUS(status), status


def test_sigsegv():
    crash(signal.SIGSEGV)


def test_sigabrt():
    crash(signal.SIGABRT)


def test_sigbus():
    crash(signal.SIGBUS)


def test_sigquit():
    crash(signal.SIGQUIT)


def test_bad_option_later():
    s = Session("-M", "none", "-nographic", "-device", "nosuch")
    assert os.WEXITSTATUS(s.end()) == 1
    assert "not a valid device model name" in s.out, s.out


def test_error_after_raw():
    """A device that fails when the terminal is raw already."""
    s = Session("-M", "none", "-nographic", "-device", "loader")
    s.keep = os.open(ptsname(s.fd), os.O_RDWR | os.O_NOCTTY)
    assert os.WEXITSTATUS(s.end()) == 1
    restored(s)


def test_interrupt_key():
    s = start("-M", "none", "-display", "none", "-monitor", "stdio", "-serial", "null")
    s.until(r"\(qemu\) ")
    s.send("\x03")
    assert s.end() == 0
    assert "terminating on signal 2" in s.out and "from pid" not in s.out, s.out
    restored(s)


def test_interrupt_goes_to_guest():
    s = start("-M", "none", "-nographic", "-serial", "mon:stdio")
    s.send("\x03\x1c\x1a")
    s.read(0.3)
    s.send("\x01x")
    assert s.end() == 0


def shell(args):
    """A shell's job control: runs the program in the foreground; when it stops, says so and continues it."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(PROGRAM, [PROGRAM] + args)
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            os._exit(os.WEXITSTATUS(status))
        os.tcsetpgrp(0, os.getpgrp())
        canonical = termios.tcgetattr(0)[3] & termios.ICANON
        os.write(1, b"stopped %s\n" % (b"restored" if canonical else b"raw"))
        time.sleep(0.1)
        os.tcsetpgrp(0, child)
        os.kill(child, signal.SIGCONT)


def test_stop_and_continue():
    s = Session.__new__(Session)
    s.out = ""
    s.pid, s.fd = pty.fork()
    if s.pid == 0:
        shell(["-M", "none", "-display", "none", "-monitor", "stdio", "-serial", "null"])
    s.keep = os.open(ptsname(s.fd), os.O_RDWR | os.O_NOCTTY)
    s.until(s.raw)
    s.until(r"\(qemu\) ")
    for _ in range(3):
        s.send("\x1a")
        s.until(r"stopped restored\r\n")
        s.until(s.raw)
        s.send("info status\r")
        s.until(r"VM status: running")
    s.send("q\r")
    assert s.end() == 0
    restored(s)


def test_raw_again_after_sigstop():
    s = start("-M", "none", "-display", "none", "-monitor", "stdio", "-serial", "null")
    s.until(r"\(qemu\) ")
    os.kill(s.pid, signal.SIGSTOP)
    os.waitpid(s.pid, os.WUNTRACED)
    mode = termios.tcgetattr(s.fd)
    mode[3] |= termios.ICANON | termios.ECHO
    termios.tcsetattr(s.fd, termios.TCSANOW, mode)
    os.kill(s.pid, signal.SIGCONT)
    s.until(s.raw)
    s.send("q\r")
    assert s.end() == 0
    restored(s)


def test_monitor():
    s = start("-M", "none", "-nographic", "-name", "test", "-uuid", "12345678-1234-1234-1234-123456789abc")
    s.until(r"rhea \S+ monitor - type 'help' for more information\r\n\(qemu\) ")
    dialogue = [
        ("info status", r"VM status: running\r\n\(qemu\) "),
        ("stop", r"\(qemu\) "),
        ("info status", r"VM status: paused\r\n"),
        ("cont", r"\(qemu\) "),
        ("c", r"\(qemu\) "),
        ("info name", r"test\r\n"),
        ("info uuid", r"12345678-1234-1234-1234-123456789abc\r\n"),
        ("info version", r"\d+\.\d+\.\d+\r\n"),
        ("info chardev", r"serial0: filename=mux\r\nserial0-base: filename=stdio\r\n"),
        ("info", r"info status  -- show the current VM status"),
        ("info foo", r"unknown command: 'info foo'\r\n"),
        ("foo", r"unknown command: 'foo'\r\n"),
        ("help", r"help\|\? \[cmd\] -- show the help\r\n"),
        ("help quit", r"quit\|q  -- quit the emulator\r\n"),
        ("help info uuid", r"info uuid  -- "),
        ("stop now", r"stop\|s: extraneous characters at the end of line\r\nTry \"help stop\" for more information\r\n"),
        ("print 1+2*3", r"\r\n7\r\n"),
        ("p/x (0x10<", r"extraneous|'\)' expected"),
        ("p/x 0x10 | 3", r"0x13\r\n"),
        ("p 1/0", r"division by zero"),
        ("p " + "(" * 2000, r"too complex|unexpected end"),
        ("x 0", r"Cannot access memory"),
        ("xp/4 0", r"Cannot access memory"),
        ("x", r"unexpected end of expression\r\nTry \"help x\" for more information"),
        ("x/zz 0", r"invalid char in format: 'z'"),
        ("cpu 3", r"invalid CPU index"),
        ("log foo", r"unknown log item 'foo'"),
        ("log none", r"\(qemu\) "),
        ("info registers", r"No CPU available"),
        ("info roms", r"\(qemu\) "),
        ("info mtree", r"\(qemu\) "),
        ("info qtree", r"main-system-bus"),
        ("system_reset", r"\(qemu\) "),
        ("system_powerdown", r"\(qemu\) "),
        ("chardev-send-break nope", r"Chardev 'nope' not found"),
        # Line editing: erase, word back, home and end, history.
        ("infx\x7fo statusx\x08", r"VM status"),
        ("foo bar\x17\x17info status", r"VM status"),
        ("nfo status\x1b[Hi", r"VM status"),
        ("\x10\x10\x0e", r"VM status"),
        ("\x1b[A", r"VM status"),
        ("syste\x15q\x08info version", r"\d\.\d\.\d"),
        ("hel\t quit", r"quit the emulator"),
        ("sys\t\x15info name", r"system_powerdown\r\nsystem_reset\r\n"),
    ]
    for text, expected in dialogue:
        s.out = ""
        s.send(text + "\r")
        try:
            s.until(expected)
            if "qemu" not in expected:
                s.until(r"\(qemu\) ")
        except AssertionError as e:
            raise AssertionError("%r: %s" % (text, e))
    s.send("quit\r")
    assert s.end() == 0
    restored(s)


def test_switch():
    s = start("-M", "none", "-nographic", "-serial", "mon:stdio")
    s.send("\x01c")
    s.until(r"\(qemu\) ")
    s.send("info chardev\r")
    s.until(r"serial0: filename=mux\r\nserial0-base: filename=stdio\r\n")
    s.send("q\r")
    assert s.end() == 0


def main():
    tests = [(n[5:], f) for n, f in globals().items() if n.startswith("test_") and ONLY in n]
    failed = 0
    print("1..%d" % len(tests))
    for i, (name, f) in enumerate(tests, 1):
        try:
            f()
            print("ok %d - %s" % (i, name))
        except (AssertionError, OSError) as e:
            failed += 1
            print("not ok %d - %s\n# %s" % (i, name, str(e).replace("\n", "\n# ")))
        sys.stdout.flush()
    sys.exit(failed != 0)


PROGRAM = os.path.abspath(sys.argv[1])
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
main()
