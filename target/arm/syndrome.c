/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The instruction part of a data abort's syndrome (DDI 0487, D24.2.40, ISS encoding for an
 * exception from a Data Abort): a hypervisor that emulates a device reads from it what was to be
 * done.
 *
 * It is valid (ISV) for stage 2 aborts of loads and stores of one general-purpose register without
 * writeback, ordered ones included, exclusives not. The instruction is read and decoded when the
 * exception is taken; nothing is kept for it before. On the CPU's thread.
 *
 * Test: boot/arm/aarch64/bare-stage2
 */
#include "softmmu/memory.h"
#include "target/arm/internals.h"

enum {
    ISS_ISV = 1 << 24,
    ISS_SAS_SHIFT = 22,
    ISS_SSE = 1 << 21,
    ISS_SRT_SHIFT = 16,
    ISS_SF = 1 << 15,
    ISS_AR = 1 << 14,
};

static uint32_t fields(unsigned size, bool sign, unsigned rt, bool sf, bool ordered)
{
    return ISS_ISV | size << ISS_SAS_SHIFT | (sign ? ISS_SSE : 0) | rt << ISS_SRT_SHIFT |
           (sf ? ISS_SF : 0) | (ordered ? ISS_AR : 0);
}

/* opc as in the loads and stores of C4.1.94: 0 store, 1 load, 2 signed to 64 bits, 3 to 32. */
static uint32_t by_opc(uint32_t w, bool ordered)
{
    unsigned size = w >> 30, opc = w >> 22 & 3;
    bool sf = opc == 2 || (opc < 2 && size == 3);

    return fields(size, opc >= 2, w & 31, sf, ordered);
}

static uint32_t decode_a64(uint32_t w)
{
    unsigned size = w >> 30;

    if ((w & 0x3f000000) == 0x39000000) { /* unsigned immediate */
        return by_opc(w, false);
    }
    if ((w & 0x3f200000) == 0x38000000) { /* unscaled, unprivileged; post- and pre-index: no */
        return w >> 10 & 1 ? 0 : by_opc(w, false);
    }
    if ((w & 0x3f200c00) == 0x38200800) { /* register offset */
        return by_opc(w, false);
    }
    if ((w & 0x3ffffc00) == 0x38bfc000) { /* LDAPR */
        return fields(size, false, w & 31, size == 3, true);
    }
    if ((w & 0x3fa00000) == 0x08800000) { /* LDAR, LDLAR, STLR, STLLR */
        return fields(size, false, w & 31, size == 3, true);
    }
    if ((w & 0x3f200c00) == 0x19000000) { /* LDAPUR, STLUR */
        return by_opc(w, true);
    }
    if ((w & 0x3f000000) == 0x18000000) { /* literal: bits 31:30 are W, X, SW */
        return fields(size == 1 ? 3 : 2, size == 2, w & 31, size != 0, false);
    }
    return 0;
}

/* Registers of the current AArch32 mode by the numbers that AArch64 has for them (D1.9.1). */
static unsigned reg_of_mode(const ARMEnv *env, unsigned r)
{
    unsigned mode = env->sys.pstate & PSTATE_M;

    if (r >= 8 && r < 15 && mode == ARM_M_FIQ) {
        return r + 16;
    }
    if (r == 13 || r == 14) {
        unsigned lr = r == 14;
        switch (mode) {
        case ARM_M_HYP:
            return lr ? 14 : 15;
        case ARM_M_IRQ:
            return lr ? 16 : 17;
        case ARM_M_SVC:
            return lr ? 18 : 19;
        case ARM_M_ABT:
            return lr ? 20 : 21;
        case ARM_M_UND:
            return lr ? 22 : 23;
        default:
            break;
        }
    }
    return r;
}

static uint32_t decode_a32(const ARMEnv *env, uint32_t w)
{
    unsigned rt = reg_of_mode(env, w >> 12 & 15), op = w >> 5 & 3;
    bool plain = (w & (1u << 24)) && !(w & (1u << 21)); /* offset, not written back */
    bool load = w & (1u << 20);

    if ((w >> 12 & 15) == 15 || w >> 28 == 15) {
        return 0;
    }
    if ((w & 0x0c000000) == 0x04000000 && !((w & 0x02000010) == 0x02000010)) {
        return plain ? fields(w & (1u << 22) ? 0 : 2, false, rt, false, false) : 0;
    }
    if ((w & 0x0e000090) == 0x00000090 && op) { /* halfwords and signed ones; not LDRD, STRD */
        if (!plain || (!load && op != 1)) {
            return 0;
        }
        return fields(op == 2 ? 0 : 1, op != 1, rt, false, false);
    }
    if ((w & 0x0f900ff0) == 0x01900c90) { /* LDA, LDAB, LDAH */
        static const uint8_t sizes[] = {2, 3, 0, 1};
        return op = w >> 21 & 3, op == 1 ? 0 : fields(sizes[op], false, rt, false, true);
    }
    if ((w & 0x0f90fff0) == 0x0180fc90) { /* STL, STLB, STLH */
        static const uint8_t sizes[] = {2, 3, 0, 1};
        op = w >> 21 & 3;
        return op == 1 ? 0 : fields(sizes[op], false, reg_of_mode(env, w & 15), false, true);
    }
    return 0;
}

static uint32_t decode_t16(const ARMEnv *env, unsigned w)
{
    unsigned rt = reg_of_mode(env, w & 7);

    switch (w >> 12) {
    case 4: /* literal */
        return (w & 0xf800) == 0x4800 ? fields(2, false, reg_of_mode(env, w >> 8 & 7), false, false)
                                      : 0;
    case 5: { /* register: STR STRH STRB LDRSB LDR LDRH LDRB LDRSH */
        static const uint8_t sizes[] = {2, 1, 0, 0, 2, 1, 0, 1};
        unsigned op = w >> 9 & 7;
        return fields(sizes[op], op == 3 || op == 7, rt, false, false);
    }
    case 6:
        return fields(2, false, rt, false, false);
    case 7:
        return fields(0, false, rt, false, false);
    case 8:
        return fields(1, false, rt, false, false);
    case 9: /* SP */
        return fields(2, false, reg_of_mode(env, w >> 8 & 7), false, false);
    default:
        return 0;
    }
}

static uint32_t decode_t32(const ARMEnv *env, unsigned first, unsigned second)
{
    unsigned n = second >> 12, rt = reg_of_mode(env, n), size = first >> 5 & 3;
    bool sign = first & (1u << 8), load = first & (1u << 4);

    if ((first & 0xfe00) == 0xf800 && size != 3 && n != 15) {
        /* Immediate of 12 bits or literal; of 8 bits negative or unprivileged; register. */
        bool wide = (first & (1u << 7)) || (first & 15) == 15;
        bool offset = (second & 0xf00) == 0xc00 || (second & 0xf00) == 0xe00;
        bool index = !(second & 0xfc0);
        return wide || offset || index ? fields(size, sign && load, rt, false, false) : 0;
    }
    if ((first & 0xffe0) == 0xe8c0 && (second & 0xcf) == 0x8f && n != 15) { /* LDA, STL */
        unsigned op = second >> 4 & 3;
        return op == 3 ? 0 : fields(op, false, rt, false, true);
    }
    return 0;
}

static bool read_code(ARMEnv *env, uint64_t pc, void *buf, unsigned len)
{
    CPU *cpu = env->cpu.cpu;
    uint64_t pa;

    return arm_debug_translate(cpu, pc, &pa) && memory_read(cpu->as, pa, buf, len) == MEMTX_OK;
}

uint32_t arm_data_abort_iss(ARMEnv *env, uint64_t pc)
{
    uint8_t b[4];

    if (!env->sys.aarch32 || !(env->sys.pstate & PSTATE_T)) {
        if (!read_code(env, pc, b, 4)) {
            return 0;
        }
        uint32_t w = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
        return env->sys.aarch32 ? decode_a32(env, w) : decode_a64(w);
    }
    if (!read_code(env, pc, b, 2)) {
        return 0;
    }
    unsigned first = b[0] | b[1] << 8;
    if (first >> 11 < 0x1d) {
        return decode_t16(env, first);
    }
    if (!read_code(env, pc + 2, b, 2)) {
        return 0;
    }
    return decode_t32(env, first, b[0] | b[1] << 8);
}

bool arm_insn_is_atomic(ARMEnv *env, uint64_t pc)
{
    uint8_t b[4];

    if (env->sys.aarch32 || !read_code(env, pc, b, 4)) {
        return false;
    }
    uint32_t w = b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24;
    return (w & 0x3f200c00) == 0x38200000 || (w & 0x3fa07c00) == 0x08a07c00 ||
           (w & 0xbfa07c00) == 0x08207c00;
}

bool arm_insn_is_narrow(ARMEnv *env, uint64_t pc)
{
    uint8_t b[2];

    return env->sys.aarch32 && (env->sys.pstate & PSTATE_T) && read_code(env, pc, b, 2) &&
           b[1] >> 3 < 0x1d;
}
