/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm CPU models: identification registers as the parts' reference manuals give them, the features
 * that follow from them, and what -cpu can change.
 *
 * A feature is a field of an identification register that has at least a value (D24.2). Named parts
 * get their features from their registers; `max` and the switches write the fields.
 *
 * Test: tests/unit/test-arm-sys.c
 */
#include <stdlib.h>
#include <string.h>
#include "rhea/error.h"
#include "target/arm/internals.h"
#include "target/arm/pauth.h"

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
    {F(JSCVT), 12, 1, REG64(isar1)},     {F(FCMA), 16, 1, REG64(isar1)},
    {F(LRCPC), 20, 1, REG64(isar1)},     {F(LRCPC2), 20, 2, REG64(isar1)},
    {F(FRINTTS), 32, 1, REG64(isar1)},   {F(SB), 36, 1, REG64(isar1)},
    {F(SPECRES), 40, 1, REG64(isar1)},   {F(EL2), 8, 1, REG64(pfr0)},
    {F(EL3), 12, 1, REG64(pfr0)},        {F(AARCH32), 0, 2, REG64(pfr0)},
    {F(AARCH32_EL1), 4, 2, REG64(pfr0)}, {F(RAS), 28, 1, REG64(pfr0)},
    {F(DIT), 48, 1, REG64(pfr0)},        {F(BTI), 0, 1, REG64(pfr1)},
    {F(SSBS), 4, 1, REG64(pfr1)},        {F(ASID16), 4, 2, REG64(mmfr0)},
    {F(HAFDBS), 0, 1, REG64(mmfr1)},     {F(VMID16), 4, 2, REG64(mmfr1)},
    {F(VHE), 8, 1, REG64(mmfr1)},        {F(HPDS), 12, 1, REG64(mmfr1)},
    {F(LOR), 16, 1, REG64(mmfr1)},       {F(PAN), 20, 1, REG64(mmfr1)},
    {F(PAN2), 20, 2, REG64(mmfr1)},      {F(XNX), 28, 1, REG64(mmfr1)},
    {F(TTCNP), 0, 1, REG64(mmfr2)},      {F(UAO), 4, 1, REG64(mmfr2)},
    {F(IESB), 12, 1, REG64(mmfr2)},      {F(LVA), 16, 1, REG64(mmfr2)},
    {F(TTST), 28, 1, REG64(mmfr2)},      {F(LSE2), 32, 1, REG64(mmfr2)},
    {F(BBML), 52, 1, REG64(mmfr2)},      {F(PMU), 8, 1, REG64(dfr0)},
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

/* The algorithm, for addresses and generic, with all extensions. */
static void set_pauth(ARMConfig *c, ARMPauthAlgorithm alg)
{
    static const uint64_t isar1[] = {0, 0x1000050, 0, 0x10000500};

    c->id_aa64isar1 = (c->id_aa64isar1 & ~UINT64_C(0xff000ff0)) | isar1[alg];
    c->id_aa64isar2 =
        (c->id_aa64isar2 & ~UINT64_C(0xff00)) | (alg == ARM_PAUTH_QARMA3 ? 0x5100 : 0);
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
    set_feat(c, F(PAUTH), arm_pauth_algorithm(c) != ARM_PAUTH_NONE);
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
        set_pauth(c, ARM_PAUTH_NONE);
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
        F(V5TE),    F(V6),     F(V6K),    F(T2),    F(V7),    F(V8),
        F(AARCH64), F(IDIV_T), F(IDIV_A), F(LPAE),  F(MPEXT), F(GENERIC_TIMER),
        F(VFP2),    F(VFP3),   F(VFP4),   F(VFPHP), F(D32),   F(NEON)};
    for (unsigned i = 0; i < G_N_ELEMENTS(has); i++) {
        set_feat(c, has[i], true);
    }
    c->id_pfr0 = 0x131;
    c->id_pfr1 = 0x11011;
    c->id_dfr0 = 0x3000066;
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
    c->dbgdidr = 0x3516d000;
    c->dbgdevid = 0x110f13;
    c->dbgdevid1 = 2;
}

static void a35(ARMConfig *c)
{
    v8_base(c);
    c->midr = 0x411fd040;
    c->pmu_id = 0x0a;
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
    c->pmu_id = 3;
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
    c->pmu_id = 1;
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
    c->pmu_id = 2;
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
    c->dbgdidr = 0x3518d000;
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
    c->pmu_id = 0x0b;
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
    c->pmu_id = 0x0b;
    c->id_aa64pfr1 = 0x10;
    c->id_aa64mmfr0 = 0x101122;
    c->ccsidr[2] = 0x707fe03a;
}

static void n1(ARMConfig *c)
{
    v82_base(c);
    c->midr = 0x414fd0c1;
    c->pmu_id = 0x0c;
    c->id_aa64pfr1 = 0x21;
    c->id_aa64mmfr0 = 0x101125;
    c->ccsidr[2] = 0x70ffe03a;
}

/* All that is implemented. */
static void max64(ARMConfig *c)
{
    a57(c);
    set_feat(c, F(CBAR), false);
    c->midr = 0x000f0510;
    c->pmu_id = 1;
    c->revidr = 0;
    c->ctr = 0xb444c004;
    c->clidr = 0x123;
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
    c->dbgdidr = 0x3518d000;
    c->id_aa64isar0 = UINT64_C(0x1221100110212120);
    c->id_aa64isar1 = UINT64_C(0x11100211002);
    set_pauth(c, ARM_PAUTH_IMPDEF);
    c->id_aa64mmfr0 = 0x101126;
    c->id_aa64mmfr1 = 0x10211122;
    c->id_aa64mmfr2 = UINT64_C(0x20000110011011);
}

/* Parts without AArch64 list their features. */
static void give(ARMConfig *c, const ARMFeat *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        set_feat(c, f[i], true);
    }
}
#define GIVE(c, ...)                                                                               \
    give(c, (const ARMFeat[]){__VA_ARGS__}, G_N_ELEMENTS(((const ARMFeat[]){__VA_ARGS__})))

static void arm926(ARMConfig *c)
{
    GIVE(c, F(V5TE), F(VFP2));
    c->midr = 0x41069265;
    c->ctr = 0x1dd20d2;
    c->fpsid = 0x41011090;
    c->reset_sctlr = 0x90078;
    c->pa_bits = 32;
}

static void arm1176(ARMConfig *c)
{
    GIVE(c, F(V5TE), F(V6), F(V6K), F(VFP2), F(EL3));
    c->midr = 0x410fb767;
    c->ctr = 0x1dd20d2;
    c->fpsid = 0x410120b5;
    c->mvfr0 = 0x11111111;
    c->id_pfr0 = 0x111;
    c->id_pfr1 = 0x11;
    c->id_dfr0 = 0x33;
    c->id_mmfr0 = 0x1130003;
    c->id_mmfr1 = 0x10030302;
    c->id_mmfr2 = 0x1222100;
    c->id_isar0 = 0x140011;
    c->id_isar1 = 0x12002111;
    c->id_isar2 = 0x11231121;
    c->id_isar3 = 0x1102131;
    c->id_isar4 = 0x141;
    c->reset_sctlr = 0x50078;
    c->pa_bits = 32;
}

static void v7_base(ARMConfig *c)
{
    GIVE(c, F(V5TE), F(V6), F(V6K), F(T2), F(V7), F(VFP2), F(VFP3), F(D32), F(NEON), F(THUMB2EE),
         F(EL3), F(PMU));
    c->reset_sctlr = 0xc50078;
    c->pa_bits = 32;
    c->id_isar0 = 0x101111;
    c->id_isar1 = 0x13112111;
    c->id_isar2 = 0x21232041;
    c->id_isar3 = 0x11112131;
    c->id_isar4 = 0x111142;
}

static void a8(ARMConfig *c)
{
    v7_base(c);
    c->midr = 0x410fc080;
    c->revidr = c->midr;
    c->ctr = 0x82048004;
    c->fpsid = 0x410330c0;
    c->mvfr0 = 0x11110222;
    c->mvfr1 = 0x11111;
    c->id_pfr0 = 0x1031;
    c->id_pfr1 = 0x11;
    c->id_dfr0 = 0x400;
    c->id_mmfr0 = 0x31100003;
    c->id_mmfr1 = 0x20000000;
    c->id_mmfr2 = 0x1202000;
    c->id_mmfr3 = 0x11;
    c->id_isar1 = 0x12112111;
    c->id_isar2 = 0x21232031;
    c->clidr = 0xa000003;
    c->ccsidr[0] = 0xe007e01a;
    c->ccsidr[1] = 0x2007e01a;
    c->ccsidr[2] = 0xf0000000;
    c->pmu_counters = 4;
    c->breakpoints = 6;
    c->watchpoints = 2;
    c->dbgdidr = 0x15141000;
}

static void a9(ARMConfig *c)
{
    v7_base(c);
    GIVE(c, F(MPEXT), F(VFPHP));
    c->midr = 0x410fc090;
    c->pmu_id = 9;
    c->revidr = c->midr;
    c->ctr = 0x80038003;
    c->fpsid = 0x41033090;
    c->mvfr0 = 0x10110222;
    c->mvfr1 = 0x1111111;
    c->id_pfr0 = 0x1031;
    c->id_pfr1 = 0x11;
    c->id_mmfr0 = 0x100103;
    c->id_mmfr1 = 0x20000000;
    c->id_mmfr2 = 0x1230000;
    c->id_mmfr3 = 0x2111;
    c->clidr = 0x9000003;
    c->ccsidr[0] = 0xe00fe019;
    c->ccsidr[1] = 0x200fe019;
    c->pmu_counters = 6;
    c->breakpoints = 6;
    c->watchpoints = 4;
    c->dbgdidr = 0x35141000;
}

static void v7ve_base(ARMConfig *c)
{
    v7_base(c);
    GIVE(c, F(MPEXT), F(EL2), F(LPAE), F(GENERIC_TIMER), F(IDIV_T), F(IDIV_A), F(VFP4), F(VFPHP));
    c->pa_bits = 40;
    c->cntfrq = 62500000;
    c->mvfr0 = 0x10110222;
    c->mvfr1 = 0x11111111;
    c->id_pfr0 = 0x1131;
    c->id_pfr1 = 0x11011;
    c->id_dfr0 = 0x2010555;
    c->id_mmfr1 = 0x40000000;
    c->id_mmfr2 = 0x1240000;
    c->id_mmfr3 = 0x2102211;
    c->id_isar0 = 0x2101110;
    c->id_isar4 = 0x10011142;
    c->clidr = 0xa200023;
    c->ccsidr[0] = 0x701fe00a;
    c->ccsidr[1] = 0x201fe00a;
    c->ccsidr[2] = 0x711fe07a;
    c->breakpoints = 6;
    c->watchpoints = 4;
    c->dbgdevid = 0x1110f13;
}

static void a7(ARMConfig *c)
{
    v7ve_base(c);
    c->midr = c->revidr = 0x410fc075;
    c->pmu_id = 7;
    c->ctr = 0x84448003;
    c->fpsid = 0x41023075;
    c->id_mmfr0 = 0x10101105;
    c->pmu_counters = 4;
    c->dbgdidr = 0x3515f005;
}

static void a15(ARMConfig *c)
{
    v7ve_base(c);
    c->midr = c->revidr = 0x414fc0f0;
    c->pmu_id = 0x0f;
    c->ctr = 0x8444c004;
    c->fpsid = 0x410430f0;
    c->id_mmfr0 = 0x10201105;
    c->pmu_counters = 6;
    c->dbgdidr = 0x3515f021;
}

static const struct {
    const char *name, *compatible;
    unsigned bits; /* 64: only in the aarch64 program */
    void (*make)(ARMConfig *c);
} models[] = {
    {"arm1176", "arm,arm1176", 32, arm1176},   {"arm926", "arm,arm926", 32, arm926},
    {"cortex-a15", "arm,cortex-a15", 32, a15}, {"cortex-a35", "arm,cortex-a35", 64, a35},
    {"cortex-a53", "arm,cortex-a53", 64, a53}, {"cortex-a55", "arm,cortex-a55", 64, a55},
    {"cortex-a57", "arm,cortex-a57", 64, a57}, {"cortex-a7", "arm,cortex-a7", 32, a7},
    {"cortex-a72", "arm,cortex-a72", 64, a72}, {"cortex-a76", "arm,cortex-a76", 64, a76},
    {"cortex-a8", "arm,cortex-a8", 32, a8},    {"cortex-a9", "arm,cortex-a9", 32, a9},
    {"max", "arm,cortex-a57", 32, max64},      {"neoverse-n1", "arm,neoverse-n1", 64, n1},
};

/* ------------------------------------------------------------------------------------------ */
/* Properties */

/* The CPU's highest exception level uses AArch32: it is an Armv8-A part without AArch64. */
static void drop_aarch64(ARMConfig *c)
{
    arm_config_drop(c, F(AARCH64));
    arm_config_drop(c, F(PAUTH));
    arm_config_drop(c, F(BTI));
    arm_config_drop(c, F(VHE));
    set_feat(c, F(CBAR), false);
    set_feat(c, F(DSU), false);
    c->pa_bits = MIN(c->pa_bits, 40);
}

static void drop_neon(ARMConfig *c)
{
    arm_config_drop(c, F(NEON));
    c->id_aa64pfr0 |= UINT64_C(15) << 20;
    c->mvfr1 &= 0xf00000ff;
}

static void drop_vfp(ARMConfig *c)
{
    static const ARMFeat f[] = {F(FP),   F(FP16),  F(VFP2), F(VFP3),
                                F(VFP4), F(VFPHP), F(D32),  F(JSCVT)};

    for (unsigned i = 0; i < G_N_ELEMENTS(f); i++) {
        arm_config_drop(c, f[i]);
    }
    c->id_aa64pfr0 |= UINT64_C(15) << 16;
    c->mvfr0 = 0;
    drop_neon(c);
}

/* What other emulators know and this one lacks: off is what they are. */
static bool lacking(const char *name)
{
    static const char *const names[] = {"lpa2", "sme", "sme_fa64", "mte", "cfgend", "reset-hivecs"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(name, names[i])) {
            return true;
        }
    }
    /* sve, sve128 to sve2048, sme128... */
    if (!strncmp(name, "sve", 3) || !strncmp(name, "sme", 3)) {
        return strspn(name + 3, "0123456789") == strlen(name + 3);
    }
    return false;
}

/* Switching one on chooses it; off only says that it is not asked for, as nothing else does. */
static bool set_algorithm(ARMConfig *c, const char *name, ARMPauthAlgorithm alg, bool on,
                          GError **err)
{
    if (!on) {
        return true;
    }
    if (!arm_has(c, F(PAUTH))) {
        rhea_error_set(err, "CPU model '%s' has no pauth: %s cannot be switched on", c->model,
                       name);
        return false;
    }
    if (c->pauth_asked && c->pauth_asked != alg) {
        rhea_error_set(err, "%s: another algorithm is switched on already", name);
        return false;
    }
    c->pauth_asked = alg;
    set_pauth(c, alg);
    return true;
}

static bool set_prop(ARMConfig *c, const char *name, bool on, GError **err)
{
    static const struct {
        const char *name;
        uint8_t feat;
    } simple[] = {
        {"pmu", F(PMU)},
        {"pauth", F(PAUTH)},
        {"has_el2", F(EL2)},
        {"has_el3", F(EL3)},
    };

    if (lacking(name)) {
        if (on) {
            rhea_error_set(err, "CPU property '%s' cannot be switched on: it is not implemented",
                           name);
        }
        return !on;
    }
    static const char *const algorithms[] = {NULL, "pauth-qarma5", "pauth-qarma3", "pauth-impdef"};
    for (unsigned i = 1; i < G_N_ELEMENTS(algorithms); i++) {
        if (!strcmp(name, algorithms[i])) {
            return set_algorithm(c, name, i, on, err);
        }
    }
    if (!strcmp(name, "aarch64") || !strcmp(name, "vfp") || !strcmp(name, "neon")) {
        ARMFeat f = name[0] == 'a' ? F(AARCH64) : name[0] == 'v' ? F(VFP2) : F(NEON);
        if (on && !arm_has(c, f)) {
            rhea_error_set(err, "CPU model '%s' has no %s", c->model, name);
            return false;
        }
        if (!on && f == F(AARCH64) && !arm_has(c, F(AARCH32_EL1)) && arm_has(c, f)) {
            rhea_error_set(err,
                           "CPU model '%s' has no AArch32 above EL0: aarch64=off is impossible",
                           c->model);
            return false;
        }
        if (!on) {
            f == F(AARCH64) ? drop_aarch64(c) : f == F(VFP2) ? drop_vfp(c) : drop_neon(c);
        }
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(simple); i++) {
        if (!strcmp(name, simple[i].name)) {
            if (on && !arm_has(c, simple[i].feat)) {
                rhea_error_set(err, "CPU model '%s' has no %s", c->model, name);
                return false;
            }
            if (!on) {
                arm_config_drop(c, simple[i].feat);
            }
            return true;
        }
    }
    rhea_error_set(err, "CPU model '%s' has no property '%s'", c->model, name);
    return false;
}

static bool parse_prop(ARMConfig *c, const char *word, GError **err)
{
    const char *eq = strchr(word, '=');
    g_autofree char *name = eq ? g_strndup(word, eq - word) : g_strdup(word);
    const char *val = eq ? eq + 1 : "on";
    bool on =
        !strcmp(val, "on") || !strcmp(val, "yes") || !strcmp(val, "true") || !strcmp(val, "y");
    bool off =
        !strcmp(val, "off") || !strcmp(val, "no") || !strcmp(val, "false") || !strcmp(val, "n");

    if (!strcmp(name, "cntfrq")) {
        char *end;
        unsigned long long hz = strtoull(val, &end, 0);
        if (!*val || *end || hz == 0 || hz > 4000000000ull) {
            rhea_error_set(err, "cntfrq: '%s' is not a frequency in Hz", val);
            return false;
        }
        c->cntfrq = hz;
        return true;
    }
    if (!on && !off) {
        rhea_error_set(err, "CPU property '%s' expects 'on' or 'off'", name);
        return false;
    }
    return set_prop(c, name, on, err);
}

ARMConfig *arm_cpu_model_parse(const char *cpu_option, unsigned bits, GError **err)
{
    g_auto(GStrv) words = g_strsplit(cpu_option, ",", -1);
    ARMConfig *c = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (words[0] && !strcmp(words[0], models[i].name) && models[i].bits <= bits) {
            c = g_new0(ARMConfig, 1);
            c->model = models[i].name;
            c->dt_compatible = models[i].compatible;
            models[i].make(c);
        }
    }
    if (!c) {
        rhea_error_set(err, "unable to find CPU model '%s'", words[0] ? words[0] : "");
        return NULL;
    }
    if (arm_has(c, F(AARCH64))) {
        derive(c);
        if (bits == 32) {
            drop_aarch64(c);
        }
    }
    for (unsigned i = 1; words[i]; i++) {
        if (!parse_prop(c, words[i], err)) {
            g_free(c);
            return NULL;
        }
    }
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
