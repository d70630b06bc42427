/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Where firmware, kernel, initrd and device tree go: hw/riscv/boot.c. */
#include "hw/riscv/boot.h"
#include "softmmu/loader.h"
#include "softmmu/memory.h"
#include "tests/unit/device-test.h"

#include <elf.h>
#include <fcntl.h>
#include <libfdt.h>
#include <string.h>
#include <unistd.h>

#define RAM_BASE UINT64_C(0x80000000)
#define MIB      (UINT64_C(1) << 20)

static char *folder;

static char *file(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void make_raw(const char *name, uint64_t size)
{
    g_autofree char *path = file(name);
    int fd = open(path, O_CREAT | O_RDWR, 0600);

    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
}

/* One segment of 4 KiB at addr; entry 8 bytes in. */
static void make_elf(const char *name, uint64_t addr)
{
    g_autofree char *path = file(name);
    struct {
        Elf64_Ehdr e;
        Elf64_Phdr p;
        uint8_t code[0x1000];
    } image = {
        .e = {.e_type = ET_EXEC,
              .e_machine = EM_RISCV,
              .e_version = 1,
              .e_entry = addr + 8,
              .e_phoff = sizeof(Elf64_Ehdr),
              .e_ehsize = sizeof(Elf64_Ehdr),
              .e_phentsize = sizeof(Elf64_Phdr),
              .e_phnum = 1},
        .p = {.p_type = PT_LOAD,
              .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
              .p_vaddr = addr,
              .p_paddr = addr,
              .p_filesz = 0x1000,
              .p_memsz = 0x1000},
    };

    memcpy(image.e.e_ident, ELFMAG "\2\1\1", 7);
    g_assert_true(g_file_set_contents(path, (char *)&image, sizeof(image), NULL));
}

typedef struct Case {
    const char *bios, *kernel, *initrd;
    uint64_t ram, flash;
    uint64_t start, next, initrd_start, fdt; /* fdt 0: an error is due */
    unsigned xlen;                           /* 0: 64 */
} Case;

static const Case cases[] = {
    {"none", NULL, NULL, 128 * MIB, 0, RAM_BASE, 0, 0, 0x87e00000},
    {"fw", NULL, NULL, 1024 * MIB, 0, RAM_BASE, 0, 0, 0xbfe00000},
    {"fw", "raw", "initrd", 1024 * MIB, 0, RAM_BASE, 0x80200000, 0xa0200000, 0xbfe00000},
    {"big", "raw", NULL, 1024 * MIB, 0, RAM_BASE, 0x80400000, 0, 0xbfe00000},
    {"none", "raw", "initrd", 1024 * MIB, 0, RAM_BASE, RAM_BASE, 0xa0000000, 0xbfe00000},
    {"fw", "raw", "initrd", 4096 * MIB, 0, RAM_BASE, 0x80200000, 0xa0200000, 0x17fe00000},
    {"fw", "raw", "initrd", 64 * MIB, 0, RAM_BASE, 0x80200000, 0x82200000, 0x83e00000},
    /* An ELF file goes where it says. */
    {"elf0", NULL, NULL, 128 * MIB, 0, RAM_BASE + 8, 0, 0, 0x87e00000},
    {"elf3", "raw", NULL, 1024 * MIB, 0, 0x80300008, 0x80400000, 0, 0xbfe00000},
    {"fw", "elf3", "initrd", 1024 * MIB, 0, RAM_BASE, 0x80300000, 0xa0300000, 0xbfe00000},
    {"none", "elf0", NULL, 128 * MIB, 0, RAM_BASE, RAM_BASE, 0, 0x87e00000},
    {"none", "elf3", NULL, 128 * MIB, 0, 0x80300008, 0x80300000, 0, 0x87e00000},
    /* Flash: with firmware what that starts, without the start. */
    {"fw", NULL, NULL, 128 * MIB, 0x20000000, RAM_BASE, 0x20000000, 0, 0x87e00000},
    {"fw", "raw", "initrd", 128 * MIB, 0x20000000, RAM_BASE, 0x20000000, 0, 0x87e00000},
    {"none", "raw", NULL, 128 * MIB, 0x20000000, 0x20000000, RAM_BASE, 0, 0x87e00000},
    /* 32 bits: the kernel at 4 MiB, the tree below 3 GiB. */
    {"fw", "raw", "initrd", 1024 * MIB, 0, RAM_BASE, 0x80400000, 0xa0400000, 0xbfe00000, 32},
    {"fw", NULL, NULL, 2048 * MIB, 0, RAM_BASE, 0, 0, 0xbfe00000, 32},
    /* What does not fit or is not there. */
    {"fw", NULL, NULL, 1 * MIB, 0, 0, 0, 0, 0},
    {"none", "raw", NULL, 4 * MIB, 0, 0, 0, 0, 0},
    {"fw", "raw", "huge", 128 * MIB, 0, 0, 0, 0, 0},
    {"fw", "huge", NULL, 64 * MIB, 0, 0, 0, 0, 0},
    {"huge", NULL, NULL, 64 * MIB, 0, 0, 0, 0, 0},
    {"missing", NULL, NULL, 64 * MIB, 0, 0, 0, 0, 0},
    {"fw", "missing", NULL, 64 * MIB, 0, 0, 0, 0, 0},
    {"fw", "raw", "missing", 64 * MIB, 0, 0, 0, 0, 0},
    {"fw", "raw", "initrd", 8 * MIB, 0, 0, 0, 0, 0},
};

static void check(const Case *c)
{
    TestMachine t;
    MemRegion ram, rom;
    GError *err = NULL;
    g_autofree char *bios = strcmp(c->bios, "none") ? file(c->bios) : g_strdup("none");
    g_autofree char *kernel = c->kernel ? file(c->kernel) : NULL;
    g_autofree char *initrd = c->initrd ? file(c->initrd) : NULL;
    uint8_t tree[4096] = {0};

    test_machine_init(&t);
    RamBlock *b = ram_block_new(t.m->ms, "big", c->ram, NULL, &err);
    memory_region_init_ram(&ram, "big", b, 0, b->size);
    memory_region_add(&t.root, RAM_BASE, &ram, 0);
    RamBlock *r = ram_block_new(t.m->ms, "rom", 0x1000, NULL, &err);
    memory_region_init_rom(&rom, "rom", r, 0, r->size);
    memory_region_add(&t.root, 0x10000000, &rom, 0);
    t.m->ram_size = c->ram;
    t.m->firmware = bios;
    t.m->kernel = kernel;
    t.m->initrd = initrd;
    t.m->append = "console=ttyS0";
    RISCVBoot boot = {
        .m = t.m,
        .cpu = riscv_cpu_model_parse(c->xlen == 32 ? "rv32" : "rv64", 64, &err),
        .ram_base = RAM_BASE,
        .ram_size = c->ram,
        .rom_base = 0x10000000,
    };
    g_assert_no_error(err);
    fdt_create_empty_tree(tree, sizeof(tree));
    bool ok = riscv_boot_load(&boot, c->flash, &err) && riscv_boot_fdt_chosen(&boot, tree, &err) &&
              riscv_boot_finish(&boot, tree, sizeof(tree), &err);
    g_assert_true(ok == (c->fdt != 0) && ok == (err == NULL));
    if (err) {
        g_test_message("%s", err->message);
        g_assert_null(strchr(err->message, '\n'));
        g_clear_error(&err);
    }
    if (ok) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        g_autofree char *at =
            g_strdup_printf("addr=%016" G_GINT64_MODIFIER "x size=0x001000 mem=ram "
                            "name=\"fdt\"",
                            c->fdt);

        g_assert_cmphex(boot.start, ==, c->start);
        g_assert_cmphex(boot.next, ==, c->next);
        g_assert_cmphex(boot.initrd_start, ==, c->initrd_start);
        loader_print_roms(t.m, out);
        fclose(out);
        g_assert_nonnull(strstr(text, at));
        free(text);
        int chosen = fdt_path_offset(tree, "/chosen");
        g_assert_true((chosen >= 0) == boot.has_kernel);
        if (chosen >= 0) {
            g_assert_cmpstr(fdt_getprop(tree, chosen, "bootargs", NULL), ==, "console=ttyS0");
            g_assert_true((fdt_getprop(tree, chosen, "linux,initrd-end", NULL) != NULL) ==
                          boot.has_initrd);
        }
    }
    memory_region_destroy(&ram);
    memory_region_destroy(&rom);
    test_machine_clear(&t);
}

static void test_placement(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %u", i);
        check(&cases[i]);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"fw", "raw", "initrd", "big", "huge", "elf0", "elf3"};

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("rhea-boot-XXXXXX", NULL);
    make_raw("fw", 270000);
    make_raw("raw", 3000000);
    make_raw("initrd", 5000000);
    make_raw("big", 3000000);
    make_raw("huge", 70000000);
    make_elf("elf0", RAM_BASE);
    make_elf("elf3", 0x80300000);
    g_test_add_func("/riscv-boot/placement", test_placement);
    int status = g_test_run();
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = file(names[i]);

        unlink(path);
    }
    rmdir(folder);
    return status;
}
