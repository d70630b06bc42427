# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Names of translated code in gdb, for an emulator that was started with -perfmap:

    gdb -p PID -x scripts/gdb-units.py

Backtraces then name frames of generated code after the guest's program counter, and `rhea-unit [ADDRESS]` ($pc) says
which unit an address of the host is in. The map is read again when it has grown."""
import bisect
import os

import gdb
from gdb.FrameDecorator import FrameDecorator


class Map:
    def __init__(self):
        self.key, self.units = None, []

    def find(self, address):
        """'name+offset', or None."""
        path = f'/tmp/perf-{gdb.selected_inferior().pid}.map'
        try:
            key = path, os.path.getsize(path)
        except OSError:
            return None
        if key != self.key:
            units = {}
            with open(path) as f:
                for line in f:
                    start, size, name = line.rstrip('\n').split(' ', 2)
                    units[int(start, 16)] = int(size, 16), name  # the last that was made there
            self.key, self.units = key, sorted((a, *u) for a, u in units.items())
        at = bisect.bisect(self.units, (address, 1 << 64, '')) - 1
        if at < 0 or address >= self.units[at][0] + self.units[at][1]:
            return None
        return f'{self.units[at][2]}, host +{address - self.units[at][0]:#x}'


MAP = Map()


class Unit(gdb.Command):
    """rhea-unit [ADDRESS]: the translated unit at a host address ($pc)."""

    def __init__(self):
        super().__init__('rhea-unit', gdb.COMMAND_DATA)

    def invoke(self, text, from_tty):
        address = int(gdb.parse_and_eval(text or '$pc').cast(gdb.lookup_type('unsigned long')))
        print(MAP.find(address) or f'{address:#x} is in no unit that /tmp/perf-PID.map names')


class UnitFrame(FrameDecorator):
    def function(self):
        frame = self.inferior_frame()
        return frame.name() or MAP.find(frame.pc()) or super().function()


class Filter:
    name, priority, enabled = 'rhea-units', 100, True

    def filter(self, frames):
        return map(UnitFrame, frames)


Unit()
gdb.frame_filters[Filter.name] = Filter()
