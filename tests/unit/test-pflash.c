/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* CFI flash: hw/block/pflash_cfi01.c, two x16 chips on a 32-bit bus. */
#include "io/block.h"
#include "tests/unit/device-test.h"

#include <string.h>
#include <unistd.h>

#define SIZE (8 << 20)

typedef struct Flash {
    TestMachine t;
    Device *d;
} Flash;

static void flash_init(Flash *f, const char *image, bool read_only, bool map)
{
    test_machine_init(&f->t);
    f->d = test_device_new(&f->t, "cfi.pflash01");
    device_set_u64(f->d, "num-blocks", 32);
    device_set_string(f->d, "name", "flash");
    if (image) {
        GError *err = NULL;

        device_set_pointer(
            f->d, "backend",
            block_open(&(BlockOptions){.path = image, .node = "flash", .read_only = read_only},
                       &err));
        g_assert_no_error(err);
        if (map) {
            device_set_string(f->d, "map-path", image);
        }
    }
    test_device_realize(f->d);
    device_map(f->d, 0, &f->t.root, 0x20000000);
    device_reset(f->d);
}

static uint32_t r4(Flash *f, unsigned offset)
{
    return reg_read(f->d, 0, offset, 4);
}

static void w4(Flash *f, unsigned offset, uint32_t val)
{
    reg_write(f->d, 0, offset, 4, val);
}

/* A command in both lanes. */
static void cmd(Flash *f, unsigned offset, uint16_t command)
{
    w4(f, offset, command | (uint32_t)command << 16);
}

static bool direct(Flash *f)
{
    return memory_region_romd(&f->d->mmio[0]);
}

static void erase(Flash *f, unsigned offset)
{
    cmd(f, offset, 0x20);
    cmd(f, offset, 0xd0);
}

static void test_identify(void)
{
    static const uint8_t query[] = {
        'Q', 'R', 'Y', 1, 0,  0x31, 0, 0,    0, 0, 0,  0x45, 0x55, 0, 0,   7,   7,   0x0a, 0,
        4,   4,   4,   0, 22, 2,    0, 0x0b, 0, 1, 31, 0,    0,    2, 'P', 'R', 'I', '1',  '0'};
    Flash f;

    flash_init(&f, NULL, false, false);
    g_assert_true(direct(&f));
    cmd(&f, 0x55 * 4, 0x98);
    g_assert_false(direct(&f));
    for (unsigned i = 0; i < sizeof(query); i++) {
        g_assert_cmphex(r4(&f, (0x10 + i) * 4), ==, query[i] * 0x10001u);
    }
    g_assert_cmphex(reg_read(f.d, 0, 0x44, 1), ==, 'R');
    g_assert_cmphex(reg_read(f.d, 0, 0x46, 2), ==, 'R');
    g_assert_cmphex(reg_read(f.d, 0, 0x40, 8), ==, 0x0052005200510051);
    g_assert_cmphex(r4(&f, 0x40040), ==, 0);
    test_snapshot(f.d);
    cmd(&f, 0, 0x90);
    g_assert_cmphex(r4(&f, 0), ==, 0x00890089);
    g_assert_cmphex(r4(&f, 0x40004), ==, 0x00180018);
    g_assert_cmphex(r4(&f, 8), ==, 0);
    cmd(&f, 0, 0x70);
    g_assert_cmphex(r4(&f, 0x1234), ==, 0x00800080);
    cmd(&f, 0, 0xff);
    g_assert_true(direct(&f));
    /* One lane is enough to be understood; a probe for another kind of flash does no harm. */
    reg_write(f.d, 0, 0, 1, 0x70);
    g_assert_cmphex(r4(&f, 0), ==, 0x00800080);
    reg_write(f.d, 0, 0, 1, 0xf0);
    g_assert_true(direct(&f));
    cmd(&f, 0, 0x77);
    g_assert_true(direct(&f));
    test_machine_clear(&f.t);
}

static void test_program(void)
{
    Flash f;

    flash_init(&f, NULL, false, false);
    erase(&f, 0x40100);
    g_assert_false(direct(&f));
    g_assert_cmphex(r4(&f, 0), ==, 0x00800080);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0xffffffff);
    g_assert_cmphex(r4(&f, 0x7fffc), ==, 0xffffffff);
    g_assert_cmphex(r4(&f, 0x3fffc), ==, 0);
    g_assert_cmphex(r4(&f, 0x80000), ==, 0);

    cmd(&f, 0x40000, 0x40);
    w4(&f, 0x40000, 0x12345678);
    cmd(&f, 0x40004, 0x10);
    w4(&f, 0x40004, 0xcafebabe);
    reg_write(f.d, 0, 0x40009, 1, 0x40);
    reg_write(f.d, 0, 0x40009, 1, 0x55);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0x12345678);
    g_assert_cmphex(r4(&f, 0x40004), ==, 0xcafebabe);
    g_assert_cmphex(r4(&f, 0x40008), ==, 0xffff55ff);
    /* Programming clears bits, never sets them. */
    cmd(&f, 0x40000, 0x40);
    w4(&f, 0x40000, 0xffff0000);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0x12340000);

    /* A broken sequence is told in the status until that is cleared. */
    cmd(&f, 0x40000, 0x20);
    cmd(&f, 0x40000, 0x12);
    g_assert_cmphex(r4(&f, 0), ==, 0x00b000b0);
    cmd(&f, 0, 0x70);
    g_assert_cmphex(r4(&f, 0), ==, 0x00b000b0);
    cmd(&f, 0, 0x50);
    cmd(&f, 0, 0x70);
    g_assert_cmphex(r4(&f, 0), ==, 0x00800080);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x40004), ==, 0xcafebabe);
    test_machine_clear(&f.t);
}

static void test_buffer(void)
{
    Flash f;

    flash_init(&f, NULL, false, false);
    erase(&f, 0x40000);
    cmd(&f, 0x40000, 0xe8);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0x00800080);
    cmd(&f, 0x40000, 3);
    for (unsigned i = 0; i < 4; i++) {
        w4(&f, 0x41010 + i * 4, 0x11111111 * (i + 1));
        test_snapshot(f.d);
    }
    cmd(&f, 0x40000, 0xd0);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0x00800080);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x4100c), ==, 0xffffffff);
    g_assert_cmphex(r4(&f, 0x41010), ==, 0x11111111);
    g_assert_cmphex(r4(&f, 0x4101c), ==, 0x44444444);
    g_assert_cmphex(r4(&f, 0x41020), ==, 0xffffffff);

    /* The whole buffer. */
    cmd(&f, 0x40000, 0xe8);
    cmd(&f, 0x40000, 1023);
    for (unsigned i = 0; i < 1024; i++) {
        w4(&f, 0x42000 + i * 4, i);
    }
    cmd(&f, 0x40000, 0xd0);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x42ffc), ==, 1023);

    /* Too much, outside of the buffer, of the block, not confirmed: nothing is programmed. */
    cmd(&f, 0x40000, 0xe8);
    cmd(&f, 0x40000, 1024);
    g_assert_cmphex(r4(&f, 0), ==, 0x00b000b0);
    cmd(&f, 0, 0x50);
    cmd(&f, 0x40000, 0xe8);
    cmd(&f, 0x40000, 1);
    w4(&f, 0x43ffc, 0);
    w4(&f, 0x44000, 0);
    g_assert_cmphex(r4(&f, 0), ==, 0x00b000b0);
    cmd(&f, 0, 0x50);
    cmd(&f, 0x40000, 0xe8);
    cmd(&f, 0x40000, 1);
    w4(&f, 0x80000, 0);
    g_assert_cmphex(r4(&f, 0), ==, 0x00b000b0);
    cmd(&f, 0, 0x50);
    cmd(&f, 0x40000, 0xe8);
    cmd(&f, 0x40000, 0);
    w4(&f, 0x43ffc, 0);
    cmd(&f, 0x40000, 0xff);
    g_assert_cmphex(r4(&f, 0), ==, 0x00b000b0);
    cmd(&f, 0, 0x50);
    g_assert_true(direct(&f));
    g_assert_cmphex(r4(&f, 0x43ffc), ==, 0xffffffff);
    test_machine_clear(&f.t);
}

static void test_lock(void)
{
    Flash f;

    flash_init(&f, NULL, false, false);
    erase(&f, 0x40000);
    cmd(&f, 0x40000, 0x60);
    cmd(&f, 0x40000, 0x01);
    cmd(&f, 0, 0x90);
    g_assert_cmphex(r4(&f, 0x40008), ==, 0x00010001);
    g_assert_cmphex(r4(&f, 0x80008), ==, 0);
    test_snapshot(f.d);
    cmd(&f, 0x40000, 0x40);
    w4(&f, 0x40000, 0);
    g_assert_cmphex(r4(&f, 0), ==, 0x00920092);
    cmd(&f, 0, 0x50);
    erase(&f, 0x40000);
    g_assert_cmphex(r4(&f, 0), ==, 0x00a200a2);
    cmd(&f, 0, 0x50);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0xffffffff);
    cmd(&f, 0x40000, 0x60);
    cmd(&f, 0x40000, 0xd0);
    cmd(&f, 0x40000, 0x40);
    w4(&f, 0x40000, 0);
    g_assert_cmphex(r4(&f, 0), ==, 0x00800080);
    cmd(&f, 0, 0xff);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0);
    test_machine_clear(&f.t);
}

static void test_image(gconstpointer opaque)
{
    bool map = GPOINTER_TO_INT(opaque);
    g_autofree char *path = NULL, *text = NULL;
    Flash f;
    gsize len;
    int fd = g_file_open_tmp("rhea-flash-XXXXXX", &path, NULL);

    g_assert_cmpint(ftruncate(fd, SIZE), ==, 0);
    g_assert_cmpint(pwrite(fd, "hello", 5, 0x40000), ==, 5);
    close(fd);
    flash_init(&f, path, false, map);
    g_assert_cmphex(r4(&f, 0x40000), ==, 0x6c6c6568);
    erase(&f, 0x80000);
    cmd(&f, 0x80000, 0x40);
    w4(&f, 0x80000, 0x64636261);
    g_assert_cmphex(r4(&f, 0), ==, 0x00800080);
    test_machine_clear(&f.t);
    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_assert_cmpuint(len, ==, SIZE);
    g_assert_cmpmem(text + 0x80000, 5, "abcd\xff", 5);
    g_assert_cmphex((uint8_t)text[0xbffff], ==, 0xff);
    g_assert_cmphex(text[0xc0000], ==, 0);

    /* What cannot be written fails, and nothing changes. */
    flash_init(&f, path, true, map);
    erase(&f, 0x80000);
    g_assert_cmphex(r4(&f, 0), ==, 0x00a000a0);
    cmd(&f, 0, 0x50);
    g_assert_cmphex(r4(&f, 0x80000), ==, 0x64636261);
    test_machine_clear(&f.t);
    unlink(path);
}

static void code_written(void *opaque, RamBlock *b, uint64_t offset, uint64_t len)
{
    ++*(unsigned *)opaque;
}

/* Programming a page from which code was translated is told. */
static void test_code(void)
{
    Flash f;
    MemSection s;
    unsigned calls = 0;

    flash_init(&f, NULL, false, false);
    memory_set_code_hook(f.t.m->ms, code_written, &calls);
    g_assert_cmpint(memory_lookup(f.t.m->as, 0x20040000, &s), ==, MEM_ROMD);
    s.block->code[0x40] = 1;
    erase(&f, 0);
    g_assert_cmpuint(calls, ==, 0);
    erase(&f, 0x40000);
    g_assert_cmpuint(calls, ==, 1);
    test_machine_clear(&f.t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pflash/identify", test_identify);
    g_test_add_func("/pflash/program", test_program);
    g_test_add_func("/pflash/buffer", test_buffer);
    g_test_add_func("/pflash/lock", test_lock);
    g_test_add_data_func("/pflash/image/read", GINT_TO_POINTER(false), test_image);
    g_test_add_data_func("/pflash/image/mapped", GINT_TO_POINTER(true), test_image);
    g_test_add_func("/pflash/code", test_code);
    return g_test_run();
}
