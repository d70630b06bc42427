/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm CPU models: identification registers as the parts' reference manuals give them, the features
 * that follow from them, and what -cpu can change.
 *
 * A feature is a field of an identification register that has at least a value (D24.2). Named parts
 * get their features from their registers; `max` and the switches write the fields.
 *
 * Test: tests/unit/test-arm-model.c
 */
#include <stdlib.h>
#include <string.h>
#include "rhea/error.h"
#include "target/arm/internals.h"

#define F(name) ARM_FEAT_##name

/* ------------------------------------------------------------------------------------------ */
/* Features that are fields of identification registers */

typedef struct FeatField {
    uint8_t feat, shift, min;
    uint16_t reg; /* offset in ARMConfig of a 64-bit register */
} FeatField;

#define REG64(r) offsetof(ARMConfig, id_aa64##r)
static const FeatField fields[] = {
    {F(AES), 4, 1, REG64(isar0)},        {F(PMULL), 4, 2, REG64(isar0)},
    {F(SHA1), 8, 1, REG64(isar0)},       {F(SHA256), 12, 1, REG64(isar0)},
    {F(SHA512), 12, 2, REG64(isar0)},    {F(CRC32), 16, 1, REG64(isar0)},
    {F(LSE), 20, 2, REG64(isar0)},       {F(RDM), 28, 1, REG64(isar0)},
    {F(SHA3), 32, 1, REG64(isar0)},      {F(DOTPROD), 44, 1, REG64(isar0)},
    {F(FHM), 48, 1, REG64(isar0)},       {F(FLAGM), 52, 1, REG64(isar0)},
    {F(FLAGM2), 52, 2, REG64(isar0)},    {F(TLBIOS), 56, 1, REG64(isar0)},
    {F(TLBIRANGE), 56, 2, REG64(isar0)}, {F(RNG), 60, 1, REG64(isar0)},
    {F(DPB), 0, 1, REG64(isar1)},        {F(DPB2), 0, 2, REG64(isar1)},
    {F(PAUTH), 8, 1, REG64(isar1)},      {F(JSCVT), 12, 1, REG64(isar1)},
    {F(FCMA), 16, 1, REG64(isar1)},      {F(LRCPC), 20, 1, REG64(isar1)},
    {F(LRCPC2), 20, 2, REG64(isar1)},    {F(FRINTTS), 32, 1, REG64(isar1)},
    {F(SB), 36, 1, REG64(isar1)},        {F(SPECRES), 40, 1, REG64(isar1)},
    {F(EL2), 8, 1, REG64(pfr0)},         {F(EL3), 12, 1, REG64(pfr0)},
    {F(AARCH32), 0, 2, REG64(pfr0)},     {F(AARCH32_EL1), 4, 2, REG64(pfr0)},
    {F(RAS), 28, 1, REG64(pfr0)},        {F(DIT), 48, 1, REG64(pfr0)},
    {F(BTI), 0, 1, REG64(pfr1)},         {F(SSBS), 4, 1, REG64(pfr1)},
    {F(ASID16), 4, 2, REG64(mmfr0)},     {F(HAFDBS), 0, 1, REG64(mmfr1)},
    {F(VMID16), 4, 2, REG64(mmfr1)},     {F(VHE), 8, 1, REG64(mmfr1)},
    {F(HPDS), 12, 1, REG64(mmfr1)},      {F(LOR), 16, 1, REG64(mmfr1)},
    {F(PAN), 20, 1, REG64(mmfr1)},       {F(PAN2), 20, 2, REG64(mmfr1)},
    {F(XNX), 28, 1, REG64(mmfr1)},       {F(TTCNP), 0, 1, REG64(mmfr2)},
    {F(UAO), 4, 1, REG64(mmfr2)},        {F(IESB), 12, 1, REG64(mmfr2)},
    {F(LVA), 16, 1, REG64(mmfr2)},       {F(TTST), 28, 1, REG64(mmfr2)},
    {F(LSE2), 32, 1, REG64(mmfr2)},      {F(BBML), 52, 1, REG64(mmfr2)},
    {F(PMU), 8, 1, REG64(dfr0)},
};

static uint64_t *reg_of(ARMConfig *c, const FeatField *f)
{
    return (uint64_t *)((uint8_t *)c + f->reg);
}

static void set_feat(ARMConfig *c, ARMFeat f, bool on)
{
    uint64_t bit = (uint64_t)1 << (f % 64);

    c->feat[f / 64] = on ? c->feat[f / 64] | bit : c->feat[f / 64] & ~bit;
}

/* The features that the registers show. */
static void derive(ARMConfig *c)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        unsigned v = *reg_of(c, &fields[i]) >> fields[i].shift & 15;
        set_feat(c, fields[i].feat, v >= fields[i].min && v != 15);
    }
    unsigned fp = c->id_aa64pfr0 >> 16 & 15;
    set_feat(c, F(FP), fp != 15);
    set_feat(c, F(FP16), fp == 1);
    set_feat(c, F(PAUTH_IMPDEF), arm_has(c, F(PAUTH)));
    static const uint8_t pa[] = {32, 36, 40, 42, 44, 48, 52};
    c->pa_bits = pa[MIN(c->id_aa64mmfr0 & 15, 6)];
    set_feat(c, F(LPA), c->pa_bits == 52);
}

/* Registers of AArch32 that show the same. */
static const struct {
    uint8_t feat, shift, value; /* value: what it has with the feature, 0 without */
    uint16_t reg;               /* of a 32-bit register */
} fields32[] = {
    {F(EL3), 4, 1, offsetof(ARMConfig, id_pfr1)},
    {F(EL2), 12, 1, offsetof(ARMConfig, id_pfr1)},
    {F(AES), 4, 1, offsetof(ARMConfig, id_isar5)},
    {F(PMULL), 4, 2, offsetof(ARMConfig, id_isar5)},
    {F(SHA1), 8, 1, offsetof(ARMConfig, id_isar5)},
    {F(SHA256), 12, 1, offsetof(ARMConfig, id_isar5)},
    {F(CRC32), 16, 1, offsetof(ARMConfig, id_isar5)},
};

void arm_config_drop(ARMConfig *c, ARMFeat f)
{
    set_feat(c, f, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].feat == f) {
            uint64_t *r = reg_of(c, &fields[i]);
            *r &= ~((uint64_t)15 << fields[i].shift);
            *r |= (uint64_t)(fields[i].min - 1) << fields[i].shift;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fields32); i++) {
        if (fields32[i].feat == f) {
            uint32_t *r = (uint32_t *)((uint8_t *)c + fields32[i].reg);
            *r &= ~(15u << fields32[i].shift);
            *r |= (fields32[i].value - 1u) << fields32[i].shift;
        }
    }
    switch (f) {
    case F(EL3):
        c->id_dfr0 &= ~0xf0u;       /* secure debug */
        c->id_pfr1 &= ~(15u << 20); /* security fraction */
        break;
    case F(PAUTH):
        c->id_aa64isar1 &= ~(UINT64_C(0xff000ff0));
        set_feat(c, F(PAUTH_IMPDEF), false);
        break;
    case F(PMU):
        c->id_dfr0 |= 15u << 24;
        c->pmu_counters = 0;
        break;
    case F(AARCH32):
        c->id_aa64pfr0 = (c->id_aa64pfr0 & ~UINT64_C(0xff)) | 0x11;
        set_feat(c, F(AARCH32_EL1), false);
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------------------------------------ */
/* Parts. The identification registers of AArch32 in Armv8 cores are nearly the same in all. */

static void v8_base(ARMConfig *c)
{
    static const ARMFeat has[] = {
        F(V5TE),    F(V6),     F(V6K),    F(T2),   F(V7),    F(V8),
        F(AARCH64), F(IDIV_T), F(IDIV_A), F(LPAE), F(MPEXT), F(GENERIC_TIMER),
        F(VFP2),    F(VFP3),   F(VFP4),   F(D32),  F(NEON)};
    for (unsigned i = 0; i < G_N_ELEMENTS(has); i++) {
        set_feat(c, has[i], true);
    }
    c->id_pfr0 = 0x131;
    c->id_pfr1 = 0x11011;
    c->id_dfr0 = 0x3010066;
    c->id_mmfr0 = 0x10101105;
    c->id_mmfr1 = 0x40000000;
    c->id_mmfr2 = 0x1260000;
    c->id_mmfr3 = 0x2102211;
    c->id_isar0 = 0x2101110;
    c->id_isar1 = 0x13112111;
    c->id_isar2 = 0x21232042;
    c->id_isar3 = 0x1112131;
    c->id_isar4 = 0x11142;
    c->id_isar5 = 0x11121;
    c->mvfr0 = 0x10110222;
    c->mvfr1 = 0x12111111;
    c->mvfr2 = 0x43;
    c->fpsid = 0x41034070;
    c->id_aa64pfr0 = 0x2222;
    c->id_aa64dfr0 = 0x10305106;
    c->id_aa64isar0 = 0x11120;
    c->clidr = 0xa200023;
    c->ctr = 0x84448004;
    c->dczid = 4;
    c->cntfrq = 62500000;
    c->reset_sctlr = 0xc50838;
    c->pmu_counters = 6;
    c->breakpoints = 6;
    c->watchpoints = 4;
}

static void a35(ARMConfig *c)
{
    v8_base(c);
    c->midr = 0x411fd040;
    c->id_mmfr0 = 0x10201105;
    c->id_aa64mmfr0 = 0x101122;
    c->ccsidr[0] = 0x700fe01a;
    c->ccsidr[1] = 0x200fe01a;
    c->ccsidr[2] = 0x703fe07a;
    set_feat(c, F(CBAR), true);
}

static void a53(ARMConfig *c)
{
    v8_base(c);
    c->midr = 0x410fd034;
    c->revidr = 0x100;
    c->id_aa64mmfr0 = 0x1122;
    c->ccsidr[0] = 0x700fe01a;
    c->ccsidr[1] = 0x203fe002;
    c->ccsidr[2] = 0x707fe07a;
    set_feat(c, F(CBAR), true);
}

static void a57(ARMConfig *c)
{
    v8_base(c);
    c->midr = 0x411fd070;
    c->ctr = 0x8444c004;
    c->id_aa64mmfr0 = 0x1124;
    c->ccsidr[0] = 0x700fe01a;
    c->ccsidr[1] = 0x201fe012;
    c->ccsidr[2] = 0x70ffe07a;
    set_feat(c, F(CBAR), true);
}

static void a72(ARMConfig *c)
{
    a57(c);
    c->midr = 0x410fd083;
    c->id_mmfr0 = 0x10201105;
    c->ccsidr[2] = 0x707fe07a;
}

/* Armv8.2, with AArch32 at EL0 only */
static void v82_base(ARMConfig *c)
{
    v8_base(c);
    c->ctr = 0x8444c004;
    c->id_pfr0 = 0x10010131;
    c->id_pfr1 = 0x10010000;
    c->id_pfr2 = 0x11;
    c->id_dfr0 = 0x4010088;
    c->id_mmfr0 = 0x10201105;
    c->id_mmfr3 = 0x2122211;
    c->id_mmfr4 = 0x21110;
    c->id_isar4 = 0x10142;
    c->id_isar5 = 0x1011121;
    c->id_isar6 = 0x10;
    c->mvfr1 = 0x13211111;
    c->id_aa64pfr0 = UINT64_C(0x1100000010111112);
    c->id_aa64dfr0 = 0x10305408;
    c->id_aa64isar0 = UINT64_C(0x100010211120);
    c->id_aa64isar1 = 0x100001;
    c->id_aa64mmfr1 = 0x10212122;
    c->id_aa64mmfr2 = 0x1011;
    c->clidr = 0x82000023;
    c->reset_sctlr = 0x30c50838;
    c->ccsidr[0] = 0x701fe01a;
    c->ccsidr[1] = 0x201fe01a;
    set_feat(c, F(DSU), true);
}

static void a55(ARMConfig *c)
{
    v82_base(c);
    c->midr = 0x412fd050;
    c->ctr = 0x84448004;
    c->id_pfr0 = 0x10010131;
    c->id_pfr1 = 0x11011;
    c->id_isar4 = 0x11142;
    c->id_aa64pfr0 = UINT64_C(0x1000000010112222);
    c->id_aa64pfr1 = 0x10;
    c->id_aa64mmfr0 = 0x101122;
    c->ccsidr[0] = 0x700fe01a;
    c->ccsidr[1] = 0x200fe01a;
    c->ccsidr[2] = 0x703fe07a;
}

static void a76(ARMConfig *c)
{
    v82_base(c);
    c->midr = 0x414fd0b1;
    c->id_aa64pfr1 = 0x10;
    c->id_aa64mmfr0 = 0x101122;
    c->ccsidr[2] = 0x707fe03a;
}

static void n1(ARMConfig *c)
{
    v82_base(c);
    c->midr = 0x414fd0c1;
    c->id_aa64pfr1 = 0x20;
    c->id_aa64mmfr0 = 0x101125;
    c->ccsidr[2] = 0x70ffe03a;
}

/* All that is implemented. */
static void max64(ARMConfig *c)
{
    a57(c);
    set_feat(c, F(CBAR), false);
    c->midr = 0x000f0510;
    c->revidr = 0;
    c->ctr = 0xb444c004;
    c->clidr = 0x82000123;
    c->ccsidr[0] = 0x701fe01a;
    c->ccsidr[1] = 0x201fe01a;
    c->ccsidr[2] = 0x70ffe03a;
    c->ccsidr[4] = 0x71ffe03a;
    c->cntfrq = 1000000000;
    c->id_pfr0 = 0x21020131;
    c->id_pfr2 = 0x11;
    c->id_dfr0 = 0x6010088;
    c->id_mmfr3 = 0x2122211;
    c->id_mmfr4 = 0x21110;
    c->id_isar5 = 0x11011121;
    c->id_isar6 = 0x1111;
    c->mvfr1 = 0x13211111;
    c->id_aa64pfr0 = UINT64_C(0x1101000010112222);
    c->id_aa64pfr1 = 0x21;
    c->id_aa64dfr0 = 0x10305608;
    c->id_aa64isar0 = UINT64_C(0x1221100110212120);
    c->id_aa64isar1 = UINT64_C(0x11110211102);
    c->id_aa64mmfr0 = 0x101126;
    c->id_aa64mmfr1 = 0x10211122;
    c->id_aa64mmfr2 = UINT64_C(0x20000110011011);
}

static const struct {
    const char *name;
    unsigned bits; /* 64: only in the aarch64 program */
    void (*make)(ARMConfig *c);
} models[] = {
    {"cortex-a35", 64, a35}, {"cortex-a53", 64, a53}, {"cortex-a55", 64, a55},
    {"cortex-a57", 64, a57}, {"cortex-a72", 64, a72}, {"cortex-a76", 64, a76},
    {"max", 64, max64},      {"neoverse-n1", 64, n1},
};

ARMConfig *arm_cpu_model_parse(const char *cpu_option, unsigned bits, GError **err)
{
    g_auto(GStrv) words = g_strsplit(cpu_option, ",", -1);
    ARMConfig *c = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (words[0] && !strcmp(words[0], models[i].name) && models[i].bits <= bits) {
            c = g_new0(ARMConfig, 1);
            c->model = models[i].name;
            models[i].make(c);
        }
    }
    if (!c) {
        rhea_error_set(err, "unable to find CPU model '%s'", words[0] ? words[0] : "");
        return NULL;
    }
    derive(c);
    return c;
}

void arm_cpu_model_help(FILE *out, unsigned bits)
{
    fprintf(out, "Available CPUs:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (models[i].bits <= bits) {
            fprintf(out, "  %s\n", models[i].name);
        }
    }
}
