# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""A client of the machine protocol that holds every answer and event against what query-qmp-schema says of it."""
import json
import re
import socket
import time

import harness as h
from harness import Failure


class Schema:
    JSON = {'str': str, 'int': int, 'number': (int, float), 'bool': bool, 'null': type(None)}

    def __init__(self, rows):
        self.rows = {(r['meta-type'] if r['meta-type'] in ('command', 'event') else 'type', r['name']): r for r in rows}
        if len(self.rows) != len(rows):
            raise Failure('query-qmp-schema: a name is there twice')
        for r in rows:
            members = r.get('members', []) + r.get('variants', [])
            for name in [r[k] for k in ('arg-type', 'ret-type', 'element-type') if k in r] + [m['type'] for m in members if 'type' in m]:
                self.type(name)

    def type(self, name):
        if ('type', name) not in self.rows:
            raise Failure(f'query-qmp-schema: there is no type {name}')
        return self.rows['type', name]

    def check(self, name, value, where):
        t = self.type(name)
        bad = Failure(f'{where}: {value!r} is no {name}')
        meta = t['meta-type']
        if meta == 'builtin':
            want = self.JSON.get(name)
            if want and (not isinstance(value, want) or (isinstance(value, bool) and name != 'bool')):
                raise bad
        elif meta == 'enum':
            if value not in t['values']:
                raise bad
        elif meta == 'array':
            if not isinstance(value, list):
                raise bad
            for i, v in enumerate(value):
                self.check(t['element-type'], v, f'{where}[{i}]')
        elif meta == 'object':
            if not isinstance(value, dict):
                raise bad
            self.members(t, value, where)

    def members(self, t, value, where):
        known = list(t['members'])
        if 'tag' in t:
            (case,) = [v['type'] for v in t['variants'] if v['case'] == value[t['tag']]]
            known += self.type(case)['members']
        for m in known:
            if m['name'] in value:
                self.check(m['type'], value[m['name']], f'{where}.{m["name"]}')
            elif 'default' not in m:
                raise Failure(f'{where}: {m["name"]} is missing')
        extra = set(value) - {m['name'] for m in known}
        if extra:
            raise Failure(f'{where}: {extra} is not in the schema')


def connect(path):
    end = time.monotonic() + 20
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            s.close()
            if time.monotonic() > end:
                raise Failure(f'nobody at {path}')
            time.sleep(0.05)


class Qmp:
    def __init__(self, path):
        self.s = connect(path)
        self.s.settimeout(60 * h.SLOW)
        self.f = self.s.makefile('rw')
        self.events = []
        self.schema = None
        if 'QMP' not in self.read():
            raise Failure('no greeting')

    def read(self):
        try:
            line = self.f.readline()
        except socket.timeout:
            raise Failure(f'QMP: no answer; events {self.events}')
        if not line:
            raise Failure('QMP: closed')
        m = json.loads(line)
        if 'event' in m and self.schema:
            row = self.schema.rows.get(('event', m['event']))
            if not row:
                raise Failure(f'the schema does not know {m}')
            self.schema.check(row['arg-type'], m.get('data', {}), m['event'])
        return m

    def negotiate(self):
        self.do('qmp_capabilities')
        self.schema = Schema(self.do('query-qmp-schema'))

    def ask(self, name, /, **args):
        """The answer, errors included."""
        args = {k.replace('_', '-') if name not in ('device_add',) else k: v for k, v in args.items()}
        self.f.write(json.dumps({'execute': name, 'arguments': args, 'id': name}) + '\n')
        self.f.flush()
        while True:
            m = self.read()
            if 'event' in m:
                self.events.append(m)
            elif m.get('id') != name:
                raise Failure(f'{name}: id is lost: {m}')
            else:
                return m

    def do(self, name, /, **args):
        m = self.ask(name, **args)
        if 'return' not in m:
            raise Failure(f'{name}: {m}')
        if self.schema:
            self.schema.check(self.schema.rows['command', name]['ret-type'], m['return'], name)
        return m['return']

    def say(self, text, count=1):
        """Bytes as they are; the answers."""
        self.s.sendall(text if isinstance(text, bytes) else text.encode())
        return [self.read() for _ in range(count)]

    def error(self, cls, text, name, /, **args):
        e = self.ask(name, **args).get('error', {})
        if e.get('class') != cls or not re.search(text, e.get('desc', '')):
            raise Failure(f'{name} {args}: {e}, not {cls} {text}')

    def event(self, name, /, **data):
        """Waits for it; what came before it is gone."""
        while True:
            m = self.events.pop(0) if self.events else self.read()
            if m.get('event') == name and all(m.get('data', {}).get(k) == v for k, v in data.items()):
                return m.get('data', {})

    def status(self, job, *names):
        for n in names:
            got = self.event('JOB_STATUS_CHANGE', id=job)
            if got['status'] != n:
                raise Failure(f'job {job}: {got["status"]}, not {n}')
