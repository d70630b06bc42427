# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""The part of tests/run that finds, selects and runs tests. A suite is tests/NAME/suite.py with a
function collect() that returns a list of harness.Test; the unit tests and those of tests/bugs are Meson's."""
import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness as h  # noqa: E402
from harness import Failure, Skip, Test  # noqa: E402

TESTS = os.path.dirname(HERE)


def meson_tests(build):
    """The unit tests of the build, one Test each."""
    r = subprocess.run(['meson', 'introspect', '--tests', build], stdout=subprocess.PIPE, check=False)
    if r.returncode:
        return []
    out = []
    for t in json.loads(r.stdout):

        def func(t=t):
            env = dict(os.environ, **t['env'])
            limit = (t['timeout'] or 600) * h.SLOW
            try:
                status, out = h.run_group(t['cmd'], limit, cwd=t['workdir'] or build, env=env)
            except subprocess.TimeoutExpired:
                raise Failure(f'still running after {limit:.0f} s')
            if status == 77:
                raise Skip('not here')
            if status:
                raise Failure(f'status {status}\n' + out.decode('utf-8', 'replace')[-3000:])

        folder = 'bugs' if any(s.endswith('bugs') for s in t['suite']) else 'unit'
        out.append(Test(f"{folder}/{t['name'].replace(' ', '-')}", func, 1, 5))
    return out


def load_suites():
    for name in sorted(os.listdir(TESTS)):
        path = os.path.join(TESTS, name, 'suite.py')
        if os.path.isfile(path):
            spec = importlib.util.spec_from_file_location('suite_' + name, path)
            mod = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(mod)
            yield from mod.collect()


def selected(test, paths):
    return not paths and not test.asked or any(test.name == p or test.name.startswith(p.rstrip('/') + '/') for p in paths)


class Runner:
    """Runs tests in `jobs` slots; a test takes as many as its cores, at most all."""

    def __init__(self, jobs, verbose):
        self.jobs, self.verbose = jobs, verbose
        self.free = jobs
        self.cond = threading.Condition()
        self.passed, self.failed, self.skipped = [], [], []

    def one(self, test, need):
        start = time.monotonic()
        try:
            test.func()
            verdict, why = 'ok', ''
        except Skip as e:
            verdict, why = 'skip', str(e)
        except Failure as e:
            verdict, why = 'FAIL', str(e)
        except Exception:  # a broken test is a failed test
            verdict, why = 'FAIL', traceback.format_exc()
        secs = time.monotonic() - start
        with self.cond:
            {'ok': self.passed, 'skip': self.skipped, 'FAIL': self.failed}[verdict].append(test.name)
            done = len(self.passed) + len(self.failed) + len(self.skipped)
            print(f'[{done}/{self.total}] {verdict:4} {test.name} ({secs:.1f} s)' +
                  (f': {why}' if why else ''), flush=True)
            self.free += need
            self.cond.notify_all()

    def run(self, tests):
        self.total = len(tests)
        threads = []
        for t in tests:
            need = min(t.cores, self.jobs)
            with self.cond:
                self.cond.wait_for(lambda: self.free >= need)
                self.free -= need
            th = threading.Thread(target=self.one, args=(t, need), daemon=True)
            th.start()
            threads.append(th)
        for th in threads:
            th.join()


def main():
    ap = argparse.ArgumentParser(prog='tests/run', description='Runs the tests; PATH selects some of them.')
    ap.add_argument('paths', nargs='*', metavar='PATH')
    ap.add_argument('--list', action='store_true', help='print the names only')
    ap.add_argument('--build', default=os.path.join(h.ROOT, 'build'), help='the build folder')
    ap.add_argument('-j', type=int, default=os.cpu_count() or 2, help='how many cores to use')
    ap.add_argument('-d', metavar='ITEMS', help="the emulator's -d for each test; its output is printed (one test)")
    a = ap.parse_args()
    paths = [p.removeprefix('tests/') for p in a.paths]
    if a.d:
        os.environ['RHEA_DEBUG_ITEMS'] = a.d
    every = meson_tests(a.build) + list(load_suites())
    tests = [t for t in every if selected(t, paths)]
    for p in paths:
        if not any(selected(t, [p]) for t in every):
            sys.exit(f'tests/run: no test {p} (tests/run --list)')
    if a.list:
        print('\n'.join(t.name for t in tests))
        return 0
    # In the background of a shell some signals are ignored, and programs inherit that.
    for sig in (signal.SIGQUIT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_DFL)
    h.end_on_signals()
    runner = Runner(max(a.j, 1), a.d)
    start = time.monotonic()
    try:
        runner.run(tests)
    except SystemExit as e:
        print('interrupted')
        sys.stdout.flush()
        h.remove_work_dir()
        os._exit(e.code)  # without waiting for the tests' threads
    for name in runner.failed:
        print(f'failed: {name}')
    print(f'took {time.monotonic() - start:.0f} s; logs of failed guests: {h.log_dir()}')
    print(f'{len(runner.passed)} passed, {len(runner.failed)} failed' +
          (f', {len(runner.skipped)} skipped' if runner.skipped else ''))
    return 1 if runner.failed else 0


if __name__ == '__main__':
    sys.exit(main())
