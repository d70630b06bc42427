# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""A disk of the network (NBD, fixed newstyle, simple replies) that fails when it is told to."""
import os
import socket
import struct
import threading
import time

READ, WRITE, FLUSH = 0, 1, 3
EIO, ENOSPC = 5, 28


class NbdDisk:
    def __init__(self, path, size):
        self.data = bytearray(size)
        self.path = path
        self.fail = {}  # kind of request: error
        self.delay = 0  # seconds before each answer
        self.asked = self.served = 0
        self.clients = []
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(path)
        self.s.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.clients.append(c)
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        f = c.makefile('rwb')
        try:
            if self.handshake(f):
                self.transmit(f)
        except (OSError, struct.error, ValueError):
            pass

    def handshake(self, f):
        f.write(b'NBDMAGICIHAVEOPT' + struct.pack('>H', 3))
        f.flush()
        f.read(4)
        while True:
            _, option, n = struct.unpack('>8sII', f.read(16))
            f.read(n)

            def reply(kind, data=b''):
                f.write(struct.pack('>QIII', 0x3e889045565a9, option, kind, len(data)) + data)

            if option in (6, 7):
                reply(3, struct.pack('>HQH', 0, len(self.data), 1 | 4))
                reply(1)
            else:
                reply(1 << 31 | 1)
            f.flush()
            if option == 7:
                return True

    def transmit(self, f):
        while True:
            _, _, kind, cookie, off, n = struct.unpack('>IHHQQI', f.read(28))
            data = f.read(n) if kind == WRITE else b''
            if kind == 2:
                return
            self.asked += 1
            time.sleep(self.delay)
            error = self.fail.get(kind, 0)
            if kind == WRITE and not error:
                self.data[off:off + n] = data
            self.served += 1
            f.write(struct.pack('>IIQ', 0x67446698, error, cookie))
            if kind == READ and not error:
                f.write(self.data[off:off + n])
            f.flush()

    def close(self):
        self.s.close()
        for c in self.clients:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if os.path.exists(self.path):
            os.unlink(self.path)
