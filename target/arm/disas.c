/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Disassembly for -d in_asm, by the distribution's libcapstone if it is there: it is loaded when
 * the first instruction is to be printed, never else. Without it the words are printed.
 *
 * The interface is version 4's (capstone.h): three functions and the instruction's head.
 * Runs on the CPU's thread; each CPU has a handle of its own. Test: tests/unit/test-arm-sys.c
 */
#include <dlfcn.h>
#include <inttypes.h>
#include "target/arm/internals.h"

typedef struct CsInsn {
    unsigned id;
    uint64_t address;
    uint16_t size;
    uint8_t bytes[16];
    char mnemonic[32], op_str[160];
    void *detail;
} CsInsn;

typedef struct ARMDisas {
    size_t handle[3]; /* A64, A32, T32; 0: none */
    size_t (*disasm)(size_t h, const uint8_t *code, size_t size, uint64_t addr, size_t count,
                     CsInsn **out);
    void (*free)(CsInsn *insn, size_t count);
} ARMDisas;

static ARMDisas *disas_load(void)
{
    static const struct {
        int arch, mode;
    } kinds[] = {{1, 0}, {0, 0}, {0, 1 << 4}};
    ARMDisas *d = g_new0(ARMDisas, 1);
    void *lib = dlopen("libcapstone.so.4", RTLD_NOW | RTLD_LOCAL);
    int (*cs_open)(int arch, int mode, size_t *h) = lib ? dlsym(lib, "cs_open") : NULL;

    if (cs_open) {
        d->disasm = dlsym(lib, "cs_disasm");
        d->free = dlsym(lib, "cs_free");
        for (unsigned i = 0; d->disasm && d->free && i < G_N_ELEMENTS(kinds); i++) {
            if (cs_open(kinds[i].arch, kinds[i].mode, &d->handle[i])) {
                d->handle[i] = 0;
            }
        }
    }
    return d;
}

unsigned arm_disas(CPU *cpu, uint64_t pc, const uint8_t *code, unsigned avail, GString *out)
{
    ARMEnv *env = arm_env(cpu);
    bool thumb = env->sys.aarch32 && (env->sys.pstate & PSTATE_T);
    unsigned min = thumb ? 2 : 4, n = min;
    CsInsn *insn = NULL;

    if (avail < min) {
        return 0;
    }
    if (!env->board.disas) {
        env->board.disas = disas_load();
    }
    ARMDisas *d = env->board.disas;
    size_t h = d->handle[!env->sys.aarch32 ? 0 : thumb ? 2 : 1];
    size_t got = h ? d->disasm(h, code, avail, pc, 1, &insn) : 0;
    if (got) {
        n = insn->size;
    }
    for (unsigned i = n; i >= min; i -= min) {
        g_string_append_printf(
            out, min == 4 ? "%08x " : "%04x ",
            min == 4 ? (uint32_t)(code[0] | code[1] << 8 | code[2] << 16 | (uint32_t)code[3] << 24)
                     : (uint32_t)(code[n - i] | code[n - i + 1] << 8));
    }
    if (got) {
        g_string_append_printf(out, " %-8s %s", insn->mnemonic, insn->op_str);
        d->free(insn, got);
    }
    return n;
}
