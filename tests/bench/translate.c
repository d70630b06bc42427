/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * translate ARCH IMAGE BASE [UNITS]: translates units of a program image and runs none of them, for
 * counting what a translation costs (tests/bench/run --translation) and for comparing what two
 * versions of the translator make.
 *
 * BASE is the address in the guest at which the image begins. UNITS has a line for each unit: its
 * address and its mode bits, both hexadecimal; without it standard input is read. Prints how many
 * units and guest instructions were translated, and a sum of the code and tables that were made. It
 * is the same for the same host code: addresses in the program and the code cache do not count.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/tcg/internal.h"
#include "target/arm.h"
#include "target/riscv.h"
#include "tcg/x86_64/internal.h"

#define RAM_BASE UINT64_C(0x80000000)

static uint64_t sum_of(uint64_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    return sum;
}

/* Instructions and side table; constants may be addresses in the program. */
static uint64_t sum_of_unit(uint64_t sum, const TcgCode *c)
{
    const uint8_t *rw = (const uint8_t *)c->exits - c->code_size;

    return sum_of(sum_of(sum, rw, x86_text_size(c)), c->side, c->side_size);
}

static const TargetDesc *target_of(const char *arch, void **model, GError **err)
{
    if (!strcmp(arch, "riscv64")) {
        RISCVConfig *c = riscv_cpu_model_parse("rv64", 64, err);
        *model = c;
        return c ? riscv_target_desc(c) : NULL;
    }
    ARMConfig *c = arm_cpu_model_parse("cortex-a57", 64, err);
    *model = c;
    return c ? arm_target_desc_for(c) : NULL;
}

static void translate_all(CPU *cpu, RamBlock *ram, uint64_t base, FILE *units)
{
    uint64_t pc, mode, n = 0, insns = 0, bytes = 0, sum = UINT64_C(0xcbf29ce484222325);

    while (fscanf(units, "%" SCNx64 " %" SCNx64, &pc, &mode) == 2) {
        uint64_t off = pc - base;
        if (off >= ram->size) {
            continue;
        }
        cpu->env->pc = RAM_BASE + off;
        cpu->env->mode = mode;
        const uint8_t *page = ram->host + (off & TLB_PAGE_MASK);
        const Unit *u = unit_translate(cpu, ram->start + off, page, mode);
        if (u) {
            n++;
            insns += u->ninsns;
            TcgCode c = unit_code(cpu->tcg->accel, u);
            bytes += c.total_size;
            sum = sum_of_unit(sum, &c);
        }
    }
    printf("units %" PRIu64 " instructions %" PRIu64 " bytes %" PRIu64 " sum %016" PRIx64 "\n", n,
           insns, bytes, sum);
}

int main(int argc, char **argv)
{
    GError *err = NULL;
    AccelOptions o;
    MemRegion root, region;
    gchar *image;
    gsize size;
    void *model;

    if (argc < 4) {
        fprintf(stderr, "usage: translate riscv64|aarch64 IMAGE BASE [UNITS]\n");
        return 2;
    }
    FILE *units = argc > 4 ? fopen(argv[4], "r") : stdin;
    const TargetDesc *target = target_of(argv[1], &model, &err);
    if (!target || !g_file_get_contents(argv[2], &image, &size, &err) || !units) {
        fprintf(stderr, "translate: %s\n", err ? err->message : argv[4]);
        return 1;
    }
    MemSystem *ms = memory_system_new();
    memory_region_init_container(&root, ms, "system", UINT64_MAX);
    AddressSpace *as = address_space_new(ms, "memory", &root);
    RamBlock *ram =
        ram_block_new(ms, "ram", (size + TLB_PAGE_SIZE - 1) & TLB_PAGE_MASK, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&region, "ram", ram, 0, ram->size);
    memory_region_add(&root, RAM_BASE, &region, 0);
    memcpy(ram->host, image, size);
    g_free(image);

    accel_options_default(&o);
    GMainContext *context = g_main_context_new();
    Clocks *clocks = clocks_new(context);
    Accel *a = accel_new(&o, ms, clocks, &err);
    g_assert_no_error(err);
    CPU *cpu = accel_cpu_new(a, target, as, model);
    target->reset(cpu);
    translate_all(cpu, ram, strtoull(argv[3], NULL, 16), units);

    memory_region_del(&region);
    memory_region_destroy(&region);
    accel_free(a);
    address_space_free(as);
    memory_region_destroy(&root);
    memory_system_free(ms);
    clocks_free(clocks);
    g_main_context_unref(context);
    g_free(model);
    return 0;
}
