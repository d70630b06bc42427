/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The physical memory map: softmmu/memory.c and softmmu/ram.c. */
#include "softmmu/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Log {
    GString *text;
    GMutex lock;
    AddressSpace *as; /* for the device that does DMA */
    MemTxResult dma;
} Log;

static MemTxResult log_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    Log *l = opaque;

    g_string_append_printf(l->text, "r%u@%x ", size, (unsigned)offset);
    *val = 0;
    for (unsigned i = 0; i < size; i++) {
        *val |= (uint64_t)(offset + i) << i * 8;
    }
    return offset == 0x80 ? MEMTX_ERROR : MEMTX_OK;
}

static MemTxResult log_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    Log *l = opaque;

    g_string_append_printf(l->text, "w%u@%x=%" G_GINT64_MODIFIER "x ", size, (unsigned)offset, val);
    if (l->as) {
        uint32_t x = 0;

        l->dma = memory_write(l->as, val, &x, sizeof(x));
    }
    return MEMTX_OK;
}

static const MmioOps ops_any = {.read = log_read, .write = log_write};
static const MmioOps ops_32 = {
    .read = log_read, .write = log_write, .valid_min = 4, .valid_max = 4};
static const MmioOps ops_bytes = {.read = log_read, .write = log_write, .impl_max = 1};
static const MmioOps ops_big = {
    .read = log_read, .write = log_write, .endian = MEM_BIG_ENDIAN, .valid_max = 4, .impl_max = 2};

static MemTxResult log_msi(void *opaque, hwaddr offset, uint32_t data, uint32_t requester)
{
    Log *l = opaque;

    g_string_append_printf(l->text, "m%x@%x=%x ", requester, (unsigned)offset, data);
    return MEMTX_OK;
}

static const MmioOps ops_msi = {.read = log_read, .write = log_write, .msi = log_msi};

typedef struct Map {
    MemSystem *ms;
    MemRegion root;
    AddressSpace *as;
    Log log;
} Map;

static void map_init(Map *m)
{
    memset(m, 0, sizeof(*m));
    m->ms = memory_system_new();
    memory_region_init_container(&m->root, m->ms, "root", UINT64_MAX);
    m->as = address_space_new(m->ms, "memory", &m->root);
    m->log.text = g_string_new(NULL);
    g_mutex_init(&m->log.lock);
}

static void map_clear(Map *m)
{
    g_ptr_array_set_size(m->root.children, 0);
    memory_region_destroy(&m->root);
    memory_system_free(m->ms);
    g_string_free(m->log.text, TRUE);
    g_mutex_clear(&m->log.lock);
}

static void log_expect(Map *m, const char *text)
{
    g_assert_cmpstr(m->log.text->str, ==, text);
    g_string_truncate(m->log.text, 0);
}

static RamBlock *block(Map *m, const char *name, uint64_t size)
{
    GError *err = NULL;
    RamBlock *b = ram_block_new(m->ms, name, size, NULL, &err);

    g_assert_no_error(err);
    return b;
}

static void test_lookup(void)
{
    Map m;
    MemRegion ram, dev, high;
    MemSection s;

    map_init(&m);
    g_assert_cmpint(memory_lookup(m.as, 0, &s), ==, MEM_UNASSIGNED);
    g_assert_cmpuint(s.len, ==, UINT64_MAX);
    RamBlock *b = block(&m, "ram", 0x10000);
    memory_region_init_ram(&ram, "ram", b, 0x2000, 0xe000);
    memory_region_init_mmio(&dev, m.ms, "dev", 0x100, &ops_any, &m.log, &m.log.lock);
    memory_region_init_mmio(&high, m.ms, "high", 0x1000, &ops_any, &m.log, &m.log.lock);
    memory_region_add(&m.root, 0x80000000, &ram, 0);
    memory_region_add(&m.root, 0x1000, &dev, 0);
    memory_region_add(&m.root, UINT64_MAX - 0xfff, &high, 0);

    g_assert_cmpint(memory_lookup(m.as, 0x800, &s), ==, MEM_UNASSIGNED);
    g_assert_cmpuint(s.len, ==, 0x800);
    g_assert_null(s.region);
    g_assert_true(s.ra == RAM_ADDR_NONE);
    g_assert_cmpint(memory_lookup(m.as, 0x1010, &s), ==, MEM_MMIO);
    g_assert_true(s.region == &dev && s.offset == 0x10 && s.len == 0xf0 && !s.host);
    g_assert_cmpint(memory_lookup(m.as, 0x1100, &s), ==, MEM_UNASSIGNED);
    g_assert_cmpuint(s.len, ==, 0x80000000 - 0x1100);
    g_assert_cmpint(memory_lookup(m.as, 0x80000123, &s), ==, MEM_RAM);
    g_assert_true(s.block == b && s.host == b->host + 0x2123 && s.ra == b->start + 0x2123);
    g_assert_true(s.len == 0xe000 - 0x123 && s.offset == 0x123);
    g_assert_cmpint(memory_lookup(m.as, UINT64_MAX, &s), ==, MEM_MMIO);
    g_assert_true(s.offset == 0xfff && s.len == 1);
    memory_region_del(&ram);
    g_assert_cmpint(memory_lookup(m.as, 0x80000123, &s), ==, MEM_UNASSIGNED);
    map_clear(&m);
}

/* What each byte shows, "a" to "z" by region name, '.' for nothing. */
static void view_expect(Map *m, const char *text)
{
    for (unsigned i = 0; text[i]; i++) {
        MemSection s;

        memory_lookup(m->as, i, &s);
        g_assert_cmpint(s.region ? s.region->name[0] : '.', ==, text[i]);
    }
}

static void test_overlap(void)
{
    Map m;
    MemRegion a, b, c, box, alias, inner;
    MemSection s;

    map_init(&m);
    memory_region_init_mmio(&a, m.ms, "a", 10, &ops_any, &m.log, NULL);
    memory_region_init_mmio(&b, m.ms, "b", 4, &ops_any, &m.log, NULL);
    memory_region_init_mmio(&c, m.ms, "c", 4, &ops_any, &m.log, NULL);
    memory_region_add(&m.root, 2, &a, 0);
    memory_region_add(&m.root, 4, &b, 1);
    view_expect(&m, "..aabbbbaaaa....");
    memory_region_add(&m.root, 6, &c, 1); /* among equals the last one wins */
    view_expect(&m, "..aabbccccaa....");
    memory_lookup(m.as, 11, &s);
    g_assert_cmpuint(s.offset, ==, 9);
    memory_region_set_enabled(&b, false);
    view_expect(&m, "..aaaaccccaa....");
    memory_region_set_enabled(&b, true);
    memory_region_set_address(&c, 0);
    view_expect(&m, "ccccbbbbaaaa....");

    /* A container cuts off what sticks out; an alias shows a part of it, twice. */
    memory_region_init_container(&box, m.ms, "box", 8);
    memory_region_init_mmio(&inner, m.ms, "i", 100, &ops_any, &m.log, NULL);
    memory_region_add(&box, 2, &inner, 0);
    memory_region_add(&m.root, 16, &box, 0);
    view_expect(&m, "ccccbbbbaaaa......iiiiii....");
    memory_region_init_alias(&alias, "alias", &box, 1, 4);
    memory_region_add(&m.root, 30, &alias, 0);
    view_expect(&m, "ccccbbbbaaaa......iiiiii.......iii....");
    memory_lookup(m.as, 33, &s);
    g_assert_cmpuint(s.offset, ==, 2);
    g_autofree char *dump = memory_dump(m.as);
    g_assert_nonnull(strstr(dump, "0000000000000012-0000000000000017 (prio 0, i/o): i\n"));

    /* A transaction publishes once, at its end. */
    memory_transaction_begin(m.ms);
    memory_region_del(&a);
    memory_transaction_begin(m.ms);
    memory_region_del(&b);
    memory_transaction_commit(m.ms);
    view_expect(&m, "ccccbbbbaaaa....");
    memory_transaction_commit(m.ms);
    view_expect(&m, "cccc............");
    g_ptr_array_set_size(box.children, 0);
    memory_region_destroy(&box);
    map_clear(&m);
}

static void test_mmio(void)
{
    Map m;
    MemRegion any, w32, bytes, big;
    uint64_t val;

    map_init(&m);
    memory_region_init_mmio(&any, m.ms, "any", 0x100, &ops_any, &m.log, &m.log.lock);
    memory_region_init_mmio(&w32, m.ms, "w32", 0x100, &ops_32, &m.log, &m.log.lock);
    memory_region_init_mmio(&bytes, m.ms, "bytes", 0x100, &ops_bytes, &m.log, &m.log.lock);
    memory_region_init_mmio(&big, m.ms, "big", 0x100, &ops_big, &m.log, &m.log.lock);

    g_assert_cmpint(memory_mmio_read(&any, 8, 8, &val), ==, MEMTX_OK);
    g_assert_cmphex(val, ==, 0x0f0e0d0c0b0a0908);
    log_expect(&m, "r8@8 ");
    g_assert_cmpint(memory_mmio_read(&any, 9, 2, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_read(&any, 0xfe, 4, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_read(&any, 0x100, 1, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_write(&any, UINT64_MAX, 1, 0), ==, MEMTX_DECODE_ERROR);
    log_expect(&m, "");
    g_assert_cmpint(memory_mmio_read(&any, 0x80, 4, &val), ==, MEMTX_ERROR);
    g_assert_cmphex(val, ==, 0);
    g_string_truncate(m.log.text, 0);

    g_assert_cmpint(memory_mmio_read(&w32, 4, 8, &val), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_write(&w32, 4, 2, 0), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_mmio_write(&w32, 4, 4, 0x1ffffffff), ==, MEMTX_OK);
    log_expect(&m, "w4@4=ffffffff ");

    g_assert_cmpint(memory_mmio_write(&bytes, 4, 4, 0x44332211), ==, MEMTX_OK);
    log_expect(&m, "w1@4=11 w1@5=22 w1@6=33 w1@7=44 ");
    g_assert_cmpint(memory_mmio_read(&bytes, 4, 2, &val), ==, MEMTX_OK);
    g_assert_cmphex(val, ==, 0x0504);
    log_expect(&m, "r1@4 r1@5 ");

    g_assert_cmpint(memory_mmio_write(&big, 0, 4, 0x44332211), ==, MEMTX_OK);
    log_expect(&m, "w2@0=1122 w2@2=3344 ");
    g_assert_cmpint(memory_mmio_read(&big, 0, 4, &val), ==, MEMTX_OK);
    g_assert_cmphex(val, ==, 0x02030001);
    map_clear(&m);
}

static void test_dma(void)
{
    Map m;
    MemRegion low, rom, dev, dev2;
    uint8_t buf[0x40];
    MemTxResult res;

    map_init(&m);
    RamBlock *b = block(&m, "ram", 0x2000);
    memory_region_init_ram(&low, "low", b, 0, 0x1000);
    memory_region_init_rom(&rom, "rom", b, 0x1000, 0x1000);
    memory_region_init_mmio(&dev, m.ms, "dev", 0x10, &ops_any, &m.log, &m.log.lock);
    memory_region_init_mmio(&dev2, m.ms, "dev2", 0x10, &ops_32, &m.log, NULL);
    memory_region_add(&m.root, 0x1000, &low, 0);
    memory_region_add(&m.root, 0x2000, &dev, 0);
    memory_region_add(&m.root, 0x3000, &rom, 0);
    memory_region_add(&m.root, 0x5000, &dev2, 0);

    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = i;
    }
    /* RAM, then 16 bytes of a device, then nothing. */
    g_assert_cmpint(memory_write(m.as, 0x1ffd, buf, 0x20), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(b->host[0xffd], ==, 0);
    g_assert_cmpint(b->host[0xfff], ==, 2);
    log_expect(&m, "w8@0=a09080706050403 w8@8=1211100f0e0d0c0b ");
    memset(buf, 0xff, sizeof(buf));
    g_assert_cmpint(memory_read(m.as, 0x1ffe, buf, 0x14), ==, MEMTX_DECODE_ERROR);
    g_assert_true(buf[0] == 1 && buf[1] == 2 && buf[2] == 0 && buf[5] == 3 && buf[0x11] == 15 &&
                  buf[0x12] == 0 && buf[0x13] == 0 && buf[0x14] == 0xff);
    log_expect(&m, "r8@0 r8@8 ");
    /* A device's own limits. */
    g_assert_cmpint(memory_read(m.as, 0x5000, buf, 8), ==, MEMTX_OK);
    log_expect(&m, "r4@0 r4@4 ");
    g_assert_cmpint(memory_read(m.as, 0x5002, buf, 2), ==, MEMTX_DECODE_ERROR);
    /* Wrapping. */
    g_assert_cmpint(memory_write(m.as, UINT64_MAX, buf, 2), ==, MEMTX_DECODE_ERROR);
    g_assert_cmpint(memory_read(m.as, 0x1000, buf, 0), ==, MEMTX_OK);

    /* ROM keeps its bytes, but for the loader. */
    g_assert_cmpint(memory_write(m.as, 0x3000, "abc", 3), ==, MEMTX_OK);
    g_assert_cmpint(b->host[0x1000], ==, 0);
    g_assert_cmpint(memory_write_rom(m.as, 0x3000, "abc", 3), ==, MEMTX_OK);
    g_assert_cmpint(b->host[0x1000], ==, 'a');
    g_assert_cmpint(memory_write_rom(m.as, 0x2000, "abc", 3), !=, MEMTX_OK);
    g_assert_cmpint(memory_set(m.as, 0x1100, 0x5a, 0x10), ==, MEMTX_OK);
    g_assert_true(b->host[0x100] == 0x5a && b->host[0x10f] == 0x5a && b->host[0x110] == 0);

    g_assert_cmpint(memory_st32_le(m.as, 0x1004, 0x01020304), ==, MEMTX_OK);
    g_assert_cmphex(memory_ld32_be(m.as, 0x1004, &res), ==, 0x04030201);
    g_assert_cmphex(memory_ld16_le(m.as, 0x1005, &res), ==, 0x0203);
    g_assert_cmpint(memory_st64_be(m.as, 0x1ffc, 0x1122334455667788), ==, MEMTX_OK);
    log_expect(&m, "w4@0=88776655 ");
    g_assert_cmpint(memory_ld8(m.as, 0x1fff, &res), ==, 0x44);
    g_assert_cmphex(memory_ld64_le(m.as, 0x9000, &res), ==, 0);
    g_assert_cmpint(res, ==, MEMTX_DECODE_ERROR);

    uint64_t len = 0x10000;
    g_assert_true(memory_map(m.as, 0x1010, &len, true) == b->host + 0x10);
    g_assert_cmpuint(len, ==, 0xff0);
    g_assert_null(memory_map(m.as, 0x2000, &len, false));
    g_assert_null(memory_map(m.as, 0x3000, &len, true));
    g_assert_true(memory_map(m.as, 0x3000, &len, false) == b->host + 0x1000);

    /* DMA of a device into a device is refused, whoever it hits. */
    g_string_truncate(m.log.text, 0);
    m.log.as = m.as;
    g_assert_cmpint(memory_mmio_write(&dev, 0, 8, 0x2000), ==, MEMTX_OK);
    g_assert_cmpint(m.log.dma, ==, MEMTX_ERROR);
    g_assert_cmpint(memory_mmio_write(&dev, 0, 8, 0x5000), ==, MEMTX_OK);
    g_assert_cmpint(m.log.dma, ==, MEMTX_ERROR);
    g_assert_cmpint(memory_mmio_write(&dev, 0, 8, 0x1000), ==, MEMTX_OK);
    g_assert_cmpint(m.log.dma, ==, MEMTX_OK);
    memory_device_lock(&m.log.lock);
    g_assert_cmpint(memory_write(m.as, 0x5000, buf, 4), ==, MEMTX_ERROR);
    memory_device_unlock(&m.log.lock);
    m.log.as = NULL;
    g_assert_cmpint(memory_write(m.as, 0x5000, buf, 4), ==, MEMTX_OK);
    map_clear(&m);
}

static void count_change(void *opaque, AddressSpace *as)
{
    ++*(unsigned *)opaque;
}

static void test_romd(void)
{
    Map m;
    MemRegion flash;
    MemSection s;
    unsigned changes = 0;
    uint64_t val;
    uint8_t byte;

    map_init(&m);
    memory_add_listener(m.ms, &(MemListener){count_change, &changes});
    RamBlock *b = block(&m, "flash", 0x1000);
    memory_region_init_romd(&flash, "flash", b, &ops_any, &m.log, &m.log.lock);
    memory_region_add(&m.root, 0x1000, &flash, 0);
    g_assert_cmpuint(changes, ==, 1);
    memory_region_set_enabled(&flash, true); /* no change */
    g_assert_cmpuint(changes, ==, 1);
    b->host[5] = 0x77;

    g_assert_cmpint(memory_lookup(m.as, 0x1005, &s), ==, MEM_ROMD);
    g_assert_true(s.host == b->host + 5 && memory_region_romd(s.region));
    memory_mmio_read(&flash, 5, 1, &val);
    g_assert_cmphex(val, ==, 0x77);
    memory_mmio_write(&flash, 5, 1, 0x12);
    log_expect(&m, "w1@5=12 ");
    memory_region_set_romd(&flash, false);
    memory_region_set_romd(&flash, false);
    g_assert_cmpuint(changes, ==, 2);
    memory_mmio_read(&flash, 5, 1, &val);
    g_assert_cmphex(val, ==, 5);
    memory_read(m.as, 0x1006, &byte, 1);
    g_assert_cmphex(byte, ==, 6);
    log_expect(&m, "r1@5 r1@6 ");
    memory_region_set_romd(&flash, true);
    g_assert_cmpuint(changes, ==, 3);
    map_clear(&m);
}

typedef struct CodeLog {
    unsigned calls;
    RamBlock *b;
    uint64_t offset, len;
} CodeLog;

static void code_written(void *opaque, RamBlock *b, uint64_t offset, uint64_t len)
{
    CodeLog *l = opaque;

    *l = (CodeLog){l->calls + 1, b, offset, len};
}

static void test_code(void)
{
    Map m;
    MemRegion ram;
    CodeLog log = {0};
    uint64_t len = 0x100;
    uint8_t buf[0x1800] = {0};

    map_init(&m);
    memory_set_code_hook(m.ms, code_written, &log);
    RamBlock *b = block(&m, "ram", 0x10000);
    memory_region_init_ram(&ram, "ram", b, 0, 0x10000);
    memory_region_add(&m.root, 0, &ram, 0);
    b->code[3] = 1;
    memory_write(m.as, 0x1000, buf, 0x1800);
    memory_write(m.as, 0x4000, buf, 1);
    memory_st32_le(m.as, 0x2ffc, 1);
    g_assert_cmpuint(log.calls, ==, 0);
    memory_write(m.as, 0x2000, buf, 0x1800);
    g_assert_true(log.calls == 1 && log.b == b && log.offset == 0x2000 && log.len == 0x1800);
    memory_st64_le(m.as, 0x3ff8, 1);
    g_assert_true(log.calls == 2 && log.offset == 0x3ff8 && log.len == 8);
    memory_set(m.as, 0x3000, 0, 4);
    g_assert_cmpuint(log.calls, ==, 3);
    void *p = memory_map(m.as, 0x3000, &len, true);
    memory_unmap(m.as, p, 0);
    g_assert_cmpuint(log.calls, ==, 3);
    memory_unmap(m.as, p, 0x10);
    g_assert_cmpuint(log.calls, ==, 4);
    map_clear(&m);
}

static void test_blocks(void)
{
    Map m;
    GError *err = NULL;
    uint64_t offset;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("rhea-XXXXXX", &path, NULL);

    map_init(&m);
    RamBlock *a = block(&m, "a", 0x1001), *huge = block(&m, "huge", (uint64_t)1 << 40);
    g_assert_cmpuint(a->size, ==, 0x2000);
    g_assert_cmpuint(huge->start & 0x1fffff, ==, 0);
    huge->host[huge->size - 1] = 1;
    huge->code[(huge->size - 1) >> MEM_PAGE_BITS] = 1;
    g_assert_true(ram_block_find(m.ms, a->start + 0x1fff, &offset) == a && offset == 0x1fff);
    g_assert_null(ram_block_find(m.ms, a->start + 0x2000, &offset));
    g_assert_true(ram_block_find(m.ms, huge->start + 5, &offset) == huge && offset == 5);
    g_assert_true(ram_block_from_host(m.ms, huge->host + 7, &offset) == huge && offset == 7);
    g_assert_null(ram_block_from_host(m.ms, &m, &offset));
    g_assert_null(ram_block_new(m.ms, "none", 0, NULL, &err));
    g_assert_nonnull(err);
    g_clear_error(&err);

    /* Shared with a file, private to one, and behind a memfd. */
    RamBlock *f =
        ram_block_new(m.ms, "f", 0x4000, &(RamBlockOptions){.path = path, .share = true}, &err);
    g_assert_no_error(err);
    strcpy((char *)f->host + 0x1000, "hello");
    RamBlock *g =
        ram_block_new(m.ms, "g", 0x1000,
                      &(RamBlockOptions){.use_fd = true, .fd = fd, .file_offset = 0x1000}, &err);
    g_assert_no_error(err);
    g_assert_cmpstr((char *)g->host, ==, "hello");
    g->host[0] = 'j';
    g_assert_cmpstr((char *)f->host + 0x1000, ==, "hello");
    RamBlock *e = ram_block_new(m.ms, "e", 0x1000, &(RamBlockOptions){.memfd = true}, &err);
    g_assert_no_error(err);
    g_assert_true(e->fd >= 0 && e->shared);
    g_assert_null(
        ram_block_new(m.ms, "x", 0x1000, &(RamBlockOptions){.path = "/nonexistent/file"}, &err));
    g_assert_nonnull(err);
    g_clear_error(&err);

    /* Given back: 0 afterwards, also where a file was mapped; not a private copy of a file. */
    g_assert_true(mmap(a->host, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
                       0x1000) == a->host);
    ram_block_note_file(a, 0, 0x1000);
    a->host[0x1000] = 1;
    g_assert_cmpstr((char *)a->host, ==, "hello");
    g_assert_true(ram_block_discard(a, 0, 0x2000));
    g_assert_true(a->host[0] == 0 && a->host[0x1000] == 0);
    g_assert_false(ram_block_discard(a, 0, 0x3000));
    g_assert_false(ram_block_discard(a, 1, 0x1000));
    g_assert_false(ram_block_discard(g, 0, 0x1000));
    g_assert_cmpint(g->host[0], ==, 'j');
    e->host[5] = 1;
    g_assert_true(ram_block_discard(e, 0, 0x1000) && e->host[5] == 0);
    close(fd);
    unlink(path);
    map_clear(&m);
}

typedef struct Race {
    Map m;
    bool stop;
} Race;

static gpointer race_reader(gpointer opaque)
{
    Race *r = opaque;
    uint64_t sum = 0;

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        MemSection s;

        /* Always there, wherever the other one is. */
        g_assert_cmpint(memory_lookup(r->m.as, 0x10000, &s), ==, MEM_RAM);
        sum += memory_lookup(r->m.as, 0x1000 + (sum & 0x7000), &s);
    }
    return NULL;
}

/* Readers never see a torn or freed view (run it under ASan, too). */
static void test_race(void)
{
    Race r = {0};
    MemRegion ram, dev;
    GThread *t[3];

    map_init(&r.m);
    RamBlock *b = block(&r.m, "ram", 0x1000);
    memory_region_init_ram(&ram, "ram", b, 0, 0x1000);
    memory_region_add(&r.m.root, 0x10000, &ram, 0);
    memory_region_init_mmio(&dev, r.m.ms, "dev", 0x1000, &ops_any, &r.m.log, NULL);
    memory_region_add(&r.m.root, 0x1000, &dev, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        t[i] = g_thread_new("reader", race_reader, &r);
    }
    for (unsigned i = 0; i < 20000; i++) {
        memory_region_set_address(&dev, 0x1000 * (1 + i % 8));
    }
    __atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < G_N_ELEMENTS(t); i++) {
        g_thread_join(t[i]);
    }
    map_clear(&r.m);
}

/* Messages reach doorbells and memory, also from a device that holds its lock. */
static void test_msi(void)
{
    Map m;
    MemRegion ram, dev, bell;
    GMutex lock;

    map_init(&m);
    g_mutex_init(&lock);
    RamBlock *b = block(&m, "ram", 0x1000);
    memory_region_init_ram(&ram, "ram", b, 0, 0x1000);
    memory_region_init_mmio(&dev, m.ms, "dev", 0x100, &ops_any, &m.log, &m.log.lock);
    memory_region_init_mmio(&bell, m.ms, "bell", 0x100, &ops_msi, &m.log, &m.log.lock);
    memory_region_add(&m.root, 0, &ram, 0);
    memory_region_add(&m.root, 0x1000, &dev, 0);
    memory_region_add(&m.root, 0x2000, &bell, 0);
    memory_device_lock(&lock);
    g_assert_cmpint(memory_write_msi(m.as, 0x2040, 0x1234, 0x108), ==, MEMTX_OK);
    log_expect(&m, "m108@40=1234 ");
    g_assert_cmpint(memory_write_msi(m.as, 0x10, 0x55aa, 0), ==, MEMTX_OK);
    g_assert_cmpint(memory_write_msi(m.as, 0x1000, 1, 0), ==, MEMTX_ERROR);
    g_assert_cmpint(memory_write_msi(m.as, 0x3000, 1, 0), ==, MEMTX_DECODE_ERROR);
    memory_device_unlock(&lock);
    log_expect(&m, "");
    g_assert_cmphex(memory_ld32_le(m.as, 0x10, NULL), ==, 0x55aa);
    g_mutex_clear(&lock);
    map_clear(&m);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/lookup", test_lookup);
    g_test_add_func("/memory/overlap", test_overlap);
    g_test_add_func("/memory/mmio", test_mmio);
    g_test_add_func("/memory/dma", test_dma);
    g_test_add_func("/memory/msi", test_msi);
    g_test_add_func("/memory/romd", test_romd);
    g_test_add_func("/memory/code", test_code);
    g_test_add_func("/memory/blocks", test_blocks);
    g_test_add_func("/memory/race", test_race);
    return g_test_run();
}
