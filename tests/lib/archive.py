# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""Packages and sources of the distribution that a guest runs, for guests without a network."""
import os

import harness as h


def folder(system, *names, sources=()):
    """A folder, kept in the cache, with packages and the tar archives of sources; system: debian-SUITE-ARCH."""
    _, suite, arch = system.split('-')
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'rhea')
    top = os.path.join(cache, 'guest', f'archive-{suite}-{arch}')
    os.makedirs(top, exist_ok=True)
    there = os.listdir(top)
    if all(any(f.startswith(n + '_') for f in there) for n in (*names, *sources)):
        return top
    conf = h.run([os.path.join(h.ROOT, 'scripts', 'guest-apt'), suite, arch], 600).decode().split()[-1]
    lists = os.path.join(os.path.dirname(conf), 'src')
    os.makedirs(lists + '/lists/partial', exist_ok=True)
    with open(os.path.join(os.path.dirname(conf), 'sources.list'), encoding='utf-8') as f, open(lists + '/sources.list', 'w', encoding='utf-8') as out:
        out.write(f.read().replace('deb ', 'deb-src ', 1))
    apt = ['apt-get', '-c', conf, '-q']
    source = [*apt, '-o', f'Dir::Etc::sourcelist={lists}/sources.list', '-o', f'Dir::State::lists={lists}/lists', '-o',
              f'Dir::Cache::srcpkgcache={lists}/src.bin', '-o', f'Dir::Cache::pkgcache={lists}/pkg.bin']
    for n in names:
        h.run([*apt, 'download', n], 300, cwd=top)
    if sources:
        h.run([*source, 'update'], 600)
    for n in sources:
        h.run([*source, 'source', '--tar-only', n], 300, cwd=top)
    return top
