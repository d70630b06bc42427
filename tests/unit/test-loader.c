/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Image loading: formats, damaged files, placement, restoring at reset. */
#include "softmmu/loader.h"
#include "softmmu/memory.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#define RAM  0x80000000u
#define SIZE (256u << 20)

typedef struct Fixture {
    MainLoop *loop;
    Machine *m;
    MemRegion root, ram, rom;
    RamBlock *block;
    char *dir;
} Fixture;

static void set_up(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    x->loop = mainloop_new();
    x->m = machine_new(x->loop);
    x->m->ms = memory_system_new();
    memory_region_init_container(&x->root, x->m->ms, "system", UINT64_MAX);
    x->m->as = address_space_new(x->m->ms, "memory", &x->root);
    x->block = ram_block_new(x->m->ms, "ram", SIZE, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&x->ram, "ram", x->block, 0, SIZE);
    memory_region_add(&x->root, RAM, &x->ram, 0);
    RamBlock *rom = ram_block_new(x->m->ms, "rom", 0x10000, NULL, &err);
    memory_region_init_rom(&x->rom, "rom", rom, 0, 0x10000);
    memory_region_add(&x->root, 0x1000, &x->rom, 0);
    x->dir = g_dir_make_tmp("rhea-load-XXXXXX", NULL);
}

static void tear_down(Fixture *x, gconstpointer data)
{
    MemSystem *ms = x->m->ms;
    machine_free(x->m);
    memory_region_destroy(&x->ram);
    memory_region_destroy(&x->rom);
    memory_region_destroy(&x->root);
    memory_system_free(ms);
    mainloop_free(x->loop);
    g_autofree char *cmd = g_strdup_printf("rm -rf %s", x->dir);
    g_assert_cmpint(system(cmd), ==, 0);
    g_free(x->dir);
}

static char *put_file(Fixture *x, const char *name, const void *data, size_t len)
{
    char *path = g_build_filename(x->dir, name, NULL);
    g_assert_true(g_file_set_contents(path, data, len, NULL));
    return path;
}

static void reset(Fixture *x)
{
    machine_request_reset(x->m, SHUTDOWN_GUEST_RESET);
    while (g_main_context_pending(mainloop_context(x->loop))) {
        mainloop_iterate(x->loop, false);
    }
}

static const uint8_t *ram_at(Fixture *x, uint64_t addr)
{
    return x->block->host + (addr - RAM);
}

static void expect_error(GError *err, const char *part)
{
    g_assert_nonnull(err);
    if (!strstr(err->message, part)) {
        g_error("'%s' is not in '%s'", part, err->message);
    }
    g_assert_null(strchr(err->message, '\n'));
    g_error_free(err);
}

/* --- ELF --- */

typedef struct Elf64File {
    Elf64_Ehdr e;
    Elf64_Phdr p[2];
    uint8_t data[64];
} Elf64File;

static Elf64File elf64(void)
{
    Elf64File f = {
        .e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_EXEC,
              .e_machine = EM_RISCV,
              .e_phoff = offsetof(Elf64File, p),
              .e_phentsize = sizeof(Elf64_Phdr),
              .e_phnum = 2,
              .e_entry = 0xffffffff80000010},
        .p = {{.p_type = PT_LOAD,
               .p_offset = offsetof(Elf64File, data),
               .p_vaddr = 0xffffffff80000000,
               .p_paddr = RAM + 0x1000,
               .p_filesz = 64,
               .p_memsz = 100},
              {.p_type = PT_NOTE, .p_offset = UINT64_MAX, .p_filesz = UINT64_MAX}},
    };
    memset(f.data, 0x5a, sizeof(f.data));
    return f;
}

static void test_elf(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    LoadedImage im;
    Elf64File f = elf64();
    g_autofree char *path = put_file(x, "a.elf", &f, sizeof(f));
    memset(x->block->host, 0xee, 0x4000);
    g_assert_true(loader_load_elf(x->m, path, EM_RISCV, 64, 0, 0, &im, &err));
    g_assert_no_error(err);
    g_assert_cmpint(im.kind, ==, IMAGE_ELF);
    g_assert_true(im.elf64 && !im.big_endian);
    g_assert_cmphex(im.entry, ==, RAM + 0x1010);
    g_assert_cmphex(im.low, ==, RAM + 0x1000);
    g_assert_cmphex(im.high, ==, RAM + 0x1000 + 100);
    reset(x);
    g_assert_cmphex(ram_at(x, RAM + 0x103f)[0], ==, 0x5a);
    g_assert_cmphex(ram_at(x, RAM + 0x1040)[0], ==, 0);
    g_assert_cmphex(ram_at(x, RAM + 0x1063)[0], ==, 0);
    g_assert_cmphex(ram_at(x, RAM + 0x1064)[0], ==, 0xee);
    /* Data and bss come back at reset. */
    memset(x->block->host + 0x1000, 1, 100);
    reset(x);
    g_assert_cmphex(ram_at(x, RAM + 0x1000)[0], ==, 0x5a);
    g_assert_cmphex(ram_at(x, RAM + 0x1050)[0], ==, 0);
    g_assert_true(loader_finish(x->m, &err));
    /* A large bss. */
    f.p[0].p_paddr = RAM + 0x100800;
    f.p[0].p_memsz = 0x5123;
    g_autofree char *bss = put_file(x, "bss.elf", &f, sizeof(f));
    g_assert_true(loader_load_elf(x->m, bss, EM_RISCV, 64, 0, 0, &im, &err));
    memset(x->block->host + 0x100000, 0xee, 0x8000);
    reset(x);
    g_assert_cmphex(ram_at(x, RAM + 0x1007ff)[0], ==, 0xee);
    for (uint64_t i = 64; i < 0x5123; i++) {
        g_assert_cmphex(ram_at(x, RAM + 0x100800 + i)[0], ==, 0);
    }
    g_assert_cmphex(ram_at(x, RAM + 0x100800 + 0x5123)[0], ==, 0xee);
}

static void test_elf32_be(Fixture *x, gconstpointer data)
{
    struct {
        Elf32_Ehdr e;
        Elf32_Phdr p;
        uint8_t data[8];
    } f = {
        .e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2MSB, EV_CURRENT},
              .e_type = GUINT16_TO_BE(ET_EXEC),
              .e_machine = GUINT16_TO_BE(EM_PPC),
              .e_phoff = GUINT32_TO_BE(sizeof(Elf32_Ehdr)),
              .e_phentsize = GUINT16_TO_BE(sizeof(Elf32_Phdr)),
              .e_phnum = GUINT16_TO_BE(1),
              .e_entry = GUINT32_TO_BE(0x1000)},
        .p = {.p_type = GUINT32_TO_BE(PT_LOAD),
              .p_offset = GUINT32_TO_BE(sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr)),
              .p_vaddr = GUINT32_TO_BE(0x1000),
              .p_paddr = GUINT32_TO_BE(0x1000),
              .p_filesz = GUINT32_TO_BE(8),
              .p_memsz = GUINT32_TO_BE(8)},
        .data = "bigendia",
    };
    GError *err = NULL;
    LoadedImage im;
    g_autofree char *path = put_file(x, "a.elf", &f, sizeof(f));
    g_assert_false(loader_load_elf(x->m, path, EM_RISCV, 32, 0, 0, &im, &err));
    expect_error(err, "another architecture");
    err = NULL;
    g_assert_false(loader_load_elf(x->m, path, EM_PPC, 64, 0, 0, &im, &err));
    expect_error(err, "32 bits");
    err = NULL;
    g_assert_true(loader_load_elf(x->m, path, EM_PPC, 32, RAM - 0x1000, 0, &im, &err));
    g_assert_true(im.big_endian && !im.elf64);
    g_assert_cmphex(im.entry, ==, RAM);
    reset(x);
    g_assert_cmpmem(ram_at(x, RAM), 8, "bigendia", 8);
}

static void test_elf_bad(Fixture *x, gconstpointer data)
{
    const Elf64File good = elf64();
    LoadedImage im;
    GError *err = NULL;
    /* Every length that is too short, every byte of the headers changed: an error or a fit, never
     * more. */
    for (size_t len = 0; len < sizeof(good); len += 3) {
        g_autofree char *path = put_file(x, "cut.elf", &good, len);
        g_assert_false(loader_load_elf(x->m, path, EM_RISCV, 0, 0, 0, &im, &err));
        g_assert_nonnull(err);
        g_clear_error(&err);
    }
    g_autoptr(GRand) r = g_rand_new_with_seed(1);
    for (int i = 0; i < 3000; i++) {
        Elf64File f = good;
        for (int n = g_rand_int_range(r, 1, 4); n--;) {
            ((uint8_t *)&f)[g_rand_int_range(r, 4, offsetof(Elf64File, data))] =
                g_rand_boolean(r) ? 0xff : g_rand_int(r);
        }
        g_autofree char *path = put_file(x, "bad.elf", &f, sizeof(f));
        if (!loader_load_elf(x->m, path, EM_RISCV, 0, 0, 0, &im, &err)) {
            g_assert_nonnull(err);
            g_clear_error(&err);
        }
        if (i % 100 == 0) {
            Machine *fresh = machine_new(x->loop);
            fresh->ms = x->m->ms;
            fresh->as = x->m->as;
            machine_free(x->m);
            x->m = fresh;
        }
    }
    Elf64File f = good;
    f.p[0].p_paddr = 0x40000000;
    g_autofree char *nowhere = put_file(x, "nowhere.elf", &f, sizeof(f));
    g_assert_false(loader_load_kernel(x->m, nowhere, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "there is no memory at 0x40000000");
    f = good;
    f.e.e_phnum = 0;
    g_autofree char *none = put_file(x, "none.elf", &f, sizeof(f));
    err = NULL;
    g_assert_false(loader_load_kernel(x->m, none, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "no usable program headers");
}

/* --- other formats --- */

static uint8_t *linux_image(size_t size, bool arm)
{
    uint8_t *p = g_malloc0(size);
    for (size_t i = 64; i < size; i++) {
        p[i] = i * 7 + (i >> 12);
    }
    uint64_t text = GUINT64_TO_LE(0x200000), claimed = GUINT64_TO_LE(size + 0x5000);
    memcpy(p + 8, &text, 8);
    memcpy(p + 16, &claimed, 8);
    memcpy(p + (arm ? 0x38 : 0x30), arm ? "ARM\x64" : "RISCV\0\0", arm ? 4 : 8);
    return p;
}

static void test_linux_image(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    LoadedImage im;
    size_t size = (1u << 20) + 1234;
    g_autofree uint8_t *p = linux_image(size, false), *a = linux_image(size, true);
    g_autofree char *path = put_file(x, "Image", p, size), *arm = put_file(x, "ImageA", a, size);
    g_assert_true(loader_load_kernel(x->m, path, EM_RISCV, 64, RAM + 0x200000, &im, &err));
    g_assert_cmpint(im.kind, ==, IMAGE_LINUX);
    g_assert_cmphex(im.entry, ==, RAM + 0x200000);
    g_assert_cmphex(im.high, ==, RAM + 0x200000 + size + 0x5000);
    g_assert_true(loader_load_kernel(x->m, arm, EM_AARCH64, 64, RAM + 0x400000, &im, &err));
    g_assert_cmphex(im.entry, ==, RAM + 0x600000);
    reset(x);
    g_assert_cmpmem(ram_at(x, RAM + 0x200000), size, p, size);
    /* The file is read again at reset, and nothing goes into it. */
    memset(x->block->host + 0x200000, 0, size);
    reset(x);
    g_assert_cmpmem(ram_at(x, RAM + 0x200000), size, p, size);
    g_autofree char *again = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(path, &again, &len, NULL));
    g_assert_cmpmem(again, len, p, size);
    /* What is behind the file stays what it was. */
    x->block->host[0x200000 + size] = 0x77;
    reset(x);
    g_assert_cmphex(x->block->host[0x200000 + size], ==, 0x77);
}

static size_t pack(const uint8_t *in, size_t size, uint8_t *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)in, .avail_in = size, .next_out = out, .avail_out = room};
    g_assert_cmpint(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
    g_assert_cmpint(deflate(&z, Z_FINISH), ==, Z_STREAM_END);
    deflateEnd(&z);
    return z.next_out - out;
}

static void test_gzip(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    LoadedImage im;
    size_t size = (3u << 20) + 77, packed;
    g_autofree uint8_t *p = linux_image(size, false), *z = g_malloc(size);
    packed = pack(p, size, z, size);
    g_autofree char *path = put_file(x, "Image.gz", z, packed);
    g_assert_true(loader_load_kernel(x->m, path, EM_RISCV, 64, RAM + 0x200000, &im, &err));
    g_assert_no_error(err);
    g_assert_cmpint(im.kind, ==, IMAGE_LINUX);
    g_assert_cmphex(im.high, ==, RAM + 0x200000 + size + 0x5000);
    g_assert_cmpmem(ram_at(x, RAM + 0x200000), size, p, size);
    reset(x);
    memset(x->block->host + 0x200000, 0, size);
    reset(x);
    g_assert_cmpmem(ram_at(x, RAM + 0x200000), size, p, size);

    /* EFI zboot around it. */
    g_autofree uint8_t *zboot = g_malloc0(4096 + packed);
    uint32_t words[2] = {GUINT32_TO_LE(4096), GUINT32_TO_LE(packed)};
    memcpy(zboot, "MZ\0\0zimg", 8);
    memcpy(zboot + 8, words, 8);
    memcpy(zboot + 24, "gzip", 5);
    memcpy(zboot + 4096, z, packed);
    g_autofree char *efi = put_file(x, "vmlinuz.efi", zboot, 4096 + packed);
    g_assert_true(loader_load_kernel(x->m, efi, EM_RISCV, 64, RAM + 0x800000, &im, &err));
    g_assert_cmpmem(ram_at(x, RAM + 0x800000), size, p, size);
    memcpy(zboot + 24, "zstd", 5);
    g_autofree char *zstd = put_file(x, "zstd.efi", zboot, 4096 + packed);
    g_assert_false(loader_load_kernel(x->m, zstd, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "'zstd' is not supported");
    err = NULL;
    memcpy(zboot + 24, "gzip", 5);
    g_autofree char *cut = put_file(x, "cut.efi", zboot, 4000);
    g_assert_false(loader_load_kernel(x->m, cut, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "truncated");
    err = NULL;

    g_autofree char *half = put_file(x, "half.gz", z, packed / 2);
    g_assert_false(loader_load_kernel(x->m, half, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "truncated");
    err = NULL;
    memset(z + packed / 2, 0xff, 100);
    g_autofree char *damaged = put_file(x, "damaged.gz", z, packed);
    g_assert_false(loader_load_kernel(x->m, damaged, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "damaged");
    err = NULL;
    g_autofree char *big = put_file(x, "big.gz", z, packed);
    g_assert_false(loader_load_kernel(x->m, big, EM_RISCV, 64, RAM + SIZE - 4096, &im, &err));
    expect_error(err, "when decompressed");
}

static void test_raw(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    LoadedImage im;
    uint64_t size;
    g_autofree uint8_t *p = linux_image(300 << 10, false);
    memset(p, 0x33, 64);
    g_autofree char *path = put_file(x, "initrd", p, 300 << 10), *empty = put_file(x, "e", "", 0);
    g_assert_true(loader_file_size(path, &size, &err) && size == 300 << 10);
    g_assert_false(loader_file_size(empty, &size, &err));
    expect_error(err, "is empty");
    err = NULL;
    g_assert_true(loader_load_raw(x->m, "initrd", path, RAM + 0x123, UINT64_MAX, &size, &err));
    g_assert_true(loader_load_raw(x->m, "initrd", empty, RAM, UINT64_MAX, &size, &err));
    g_assert_cmpuint(size, ==, 0);
    g_assert_true(loader_load_firmware(x->m, path, EM_RISCV, 64, 0x80400000, 1 << 20, &im, &err));
    reset(x);
    g_assert_cmpmem(ram_at(x, RAM + 0x123), 300 << 10, p, 300 << 10);
    g_assert_cmpmem(ram_at(x, RAM + 0x400000), 300 << 10, p, 300 << 10);
    g_assert_true(loader_finish(x->m, &err));

    g_assert_false(loader_load_raw(x->m, "initrd", path, RAM, 1000, &size, &err));
    expect_error(err, "initrd '");
    err = NULL;
    g_assert_false(
        loader_load_raw(x->m, "initrd", path, RAM + SIZE - 4096, UINT64_MAX, &size, &err));
    expect_error(err, "there is no memory at 0x90000000");
    err = NULL;
    g_assert_false(loader_load_raw(x->m, "initrd", path, UINT64_MAX - 10, UINT64_MAX, &size, &err));
    expect_error(err, "does not fit");
    err = NULL;
    g_assert_false(loader_load_kernel(x->m, empty, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "the file is empty");
    err = NULL;
    g_assert_false(loader_load_kernel(x->m, "/nonexistent", EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "could not load kernel '/nonexistent': No such file or directory");
    err = NULL;
    g_assert_false(loader_load_kernel(x->m, x->dir, EM_RISCV, 64, RAM, &im, &err));
    expect_error(err, "not a regular file");
}

/* A file so large that its pages are mapped: private, writable, there again after a reset. */
static void test_mapped(Fixture *x, gconstpointer data)
{
    const uint64_t holes = 160u << 20, at[] = {0, 0x1234, holes - 16};
    GError *err = NULL;
    uint64_t size;
    g_autofree char *path = put_file(x, "huge", "", 0);

    g_assert_cmpint(truncate(path, holes), ==, 0);
    int fd = open(path, O_RDWR);
    for (unsigned i = 0; i < G_N_ELEMENTS(at); i++) {
        g_assert_cmpint(pwrite(fd, "0123456789abcdef", 16, at[i]), ==, 16);
    }
    g_assert_true(loader_load_raw(x->m, "initrd", path, RAM + 0x1000, UINT64_MAX, &size, &err));
    for (unsigned i = 0; i < 2; i++) {
        reset(x);
        g_assert_cmpuint(x->block->mapped_files->len, ==, 1);
        for (unsigned j = 0; j < G_N_ELEMENTS(at); j++) {
            g_assert_cmpmem(ram_at(x, RAM + 0x1000 + at[j]), 16, "0123456789abcdef", 16);
            memset(x->block->host + 0x1000 + at[j], 0x77, 16);
        }
    }
    char back[16];
    g_assert_cmpint(pread(fd, back, 16, holes - 16), ==, 16);
    g_assert_cmpmem(back, 16, "0123456789abcdef", 16);
    close(fd);
}

static void test_blob(Fixture *x, gconstpointer data)
{
    GError *err = NULL;
    uint8_t got[4];
    g_assert_true(loader_add_blob(x->m, "rom", "ROM!", 4, 0x1000, &err));
    g_assert_true(loader_add_blob(x->m, "ram", "RAM!", 4, RAM, &err));
    reset(x);
    g_assert_cmpint(memory_read(x->m->as, 0x1000, got, 4), ==, MEMTX_OK);
    g_assert_cmpmem(got, 4, "ROM!", 4);
    memory_write(x->m->as, RAM, "xxxx", 4);
    reset(x);
    g_assert_cmpmem(ram_at(x, RAM), 4, "RAM!", 4);
    g_assert_true(loader_finish(x->m, &err));
    g_assert_true(loader_add_blob(x->m, "next", "....", 4, RAM + 4, &err));
    g_assert_true(loader_finish(x->m, &err));
    g_assert_true(loader_add_blob(x->m, "over", ".", 1, RAM + 3, &err));
    g_assert_false(loader_finish(x->m, &err));
    expect_error(err, "overlapping: 'ram' (0x80000000 to 0x80000003) and 'over'");
    err = NULL;
    g_assert_false(loader_add_blob(x->m, "gap", "0123", 4, 0x1000 + 0xfffe, &err));
    expect_error(err, "no memory at 0x11000");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/loader/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    ADD(elf);
    ADD(elf32_be);
    ADD(elf_bad);
    ADD(linux_image);
    ADD(gzip);
    ADD(raw);
    ADD(mapped);
    ADD(blob);
    return g_test_run();
}
