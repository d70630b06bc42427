/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm floating-point control and status: FPCR and FPSR (DDI 0487, C5.2.8, C5.2.10) and FPSCR of
 * AArch32 (G8.2.54), which is both in one.
 *
 * The rounding mode and the cumulative flags IOC, DZC, OFC, UFC and IXC live in env->cpu.mxcsr
 * (Intel SDM volume 1, 10.2.3), so that generated code rounds and accumulates by itself. MXCSR.DE
 * is set by hosts for subnormal operands and means nothing here: IDC, which says that one was
 * flushed, is in env->cpu.fp_more. Trapped exceptions are not implemented: the enable bits read as
 * zero.
 *
 * Thread: the CPU's own. Test: tests/fuzz/arm/armfuzz.c, against recorded results.
 */
#include "target/arm/cpu.h"

#define MXCSR_MASKS    0x1f80
#define MXCSR_RC_SHIFT 13
#define MXCSR_IE       0x01
#define MXCSR_ZE       0x04
#define MXCSR_OE       0x08
#define MXCSR_UE       0x10
#define MXCSR_PE       0x20
#define MXCSR_FLAGS    0x3f

#define FPCR_VECTOR (7u << ARM_FPCR_LEN_SHIFT | 3u << ARM_FPCR_STRIDE_SHIFT)
#define FPSR_FLAGS                                                                                 \
    (ARM_FPSR_IOC | ARM_FPSR_DZC | ARM_FPSR_OFC | ARM_FPSR_UFC | ARM_FPSR_IXC | ARM_FPSR_IDC |     \
     ARM_FPSR_QC)
#define FPSCR_NZCV 0xf0000000u

void arm_fpu_reset(ARMEnv *env)
{
    env->fpcr = 0;
    env->cpu.fp_more = 0;
    env->fp_nzcv = 0;
    env->fcmp_kind = ARM_FCMP_NONE;
    env->qc[0] = env->qc[1] = 0;
    env->cpu.mxcsr = MXCSR_MASKS;
}

uint32_t arm_fp_mode(const ARMEnv *env, bool aarch32)
{
    return (env->fpcr & ARM_FPCR_FZ ? ARM_MODE_FZ : 0) |
           (env->fpcr & ARM_FPCR_DN ? ARM_MODE_DN : 0) |
           (aarch32 && env->fpcr & FPCR_VECTOR ? ARM_MODE_FPVEC : 0);
}

/* RMode: nearest, towards plus infinity, minus infinity, zero; MXCSR has them as 0, 2, 1, 3. */
static uint32_t swap_modes(uint32_t mode)
{
    return (mode & 1) << 1 | mode >> 1;
}

uint32_t arm_fpcr_get(const ARMEnv *env)
{
    return env->fpcr | swap_modes(env->cpu.mxcsr >> MXCSR_RC_SHIFT & 3) << ARM_FPCR_RMODE_SHIFT;
}

bool arm_fpcr_set(ARMEnv *env, uint32_t val)
{
    uint32_t before = arm_fp_mode(env, true);
    /* Without short vectors (MVFR0.FPShVec; VFPv2 has them always) there are no LEN and STRIDE. */
    bool vectors = env->cfg->mvfr0 >> 24 & 15 || !arm_has(env->cfg, ARM_FEAT_VFP3);
    uint32_t keep = ARM_FPCR_FZ | ARM_FPCR_DN | ARM_FPCR_AHP | (vectors ? FPCR_VECTOR : 0) |
                    (arm_has(env->cfg, ARM_FEAT_FP16) ? ARM_FPCR_FZ16 : 0);
    env->fpcr = val & keep;
    env->cpu.mxcsr = MXCSR_MASKS | (env->cpu.mxcsr & MXCSR_FLAGS) |
                     swap_modes(val >> ARM_FPCR_RMODE_SHIFT & 3) << MXCSR_RC_SHIFT;
    return arm_fp_mode(env, true) != before;
}

uint32_t arm_fpsr_get(const ARMEnv *env)
{
    uint32_t m = env->cpu.mxcsr;
    return (m & MXCSR_IE ? ARM_FPSR_IOC : 0) | (m & MXCSR_ZE ? ARM_FPSR_DZC : 0) |
           (m & MXCSR_OE ? ARM_FPSR_OFC : 0) | (m & MXCSR_UE ? ARM_FPSR_UFC : 0) |
           (m & MXCSR_PE ? ARM_FPSR_IXC : 0) | (env->cpu.fp_more & CPU_FP_IDC ? ARM_FPSR_IDC : 0) |
           (env->qc[0] | env->qc[1] ? ARM_FPSR_QC : 0);
}

void arm_fpsr_set(ARMEnv *env, uint32_t val)
{
    uint32_t m = (val & ARM_FPSR_IOC ? MXCSR_IE : 0) | (val & ARM_FPSR_DZC ? MXCSR_ZE : 0) |
                 (val & ARM_FPSR_OFC ? MXCSR_OE : 0) | (val & ARM_FPSR_UFC ? MXCSR_UE : 0) |
                 (val & ARM_FPSR_IXC ? MXCSR_PE : 0);
    env->cpu.mxcsr = (env->cpu.mxcsr & ~MXCSR_FLAGS) | m;
    env->cpu.fp_more = val & ARM_FPSR_IDC ? CPU_FP_IDC : 0;
    env->qc[0] = (val & ARM_FPSR_QC) != 0;
    env->qc[1] = 0;
}

/* Less N, equal Z and C, greater C, unordered C and V (E1.3.2); min: the smallest normal number. */
static uint32_t compare(uint64_t x, uint64_t y, uint64_t sign, uint64_t min, uint64_t inf, bool fz)
{
    uint64_t mx = x & (sign - 1), my = y & (sign - 1);
    mx = fz && mx < min ? 0 : mx;
    my = fz && my < min ? 0 : my;
    if (mx > inf || my > inf) {
        return 0x30000000;
    }
    int64_t sx = x & sign ? -(int64_t)mx : (int64_t)mx, sy = y & sign ? -(int64_t)my : (int64_t)my;
    return sx == sy ? 0x60000000 : sx < sy ? 0x80000000 : 0x20000000;
}

uint32_t arm_fp_compare(uint64_t x, uint64_t y, bool f64, bool fz)
{
    if (!f64) {
        return compare((uint32_t)x, (uint32_t)y, UINT64_C(1) << 31, 1 << 23, 0x7f800000, fz);
    }
    return compare(x, y, UINT64_C(1) << 63, UINT64_C(1) << 52, UINT64_C(0x7ff) << 52, fz);
}

uint32_t arm_fpscr_nzcv(const ARMEnv *env)
{
    bool fz = env->fcmp_kind & ARM_FCMP_FZ;
    switch (env->fcmp_kind & ~(uint32_t)ARM_FCMP_FZ) {
    case ARM_FCMP_SINGLE:
        return arm_fp_compare(env->fcmp_s[0], env->fcmp_s[1], false, fz);
    case ARM_FCMP_DOUBLE:
        return arm_fp_compare(env->fcmp_d[0], env->fcmp_d[1], true, fz);
    default:
        return env->fp_nzcv;
    }
}

uint32_t arm_fpscr_get(const ARMEnv *env)
{
    return arm_fpcr_get(env) | arm_fpsr_get(env) | arm_fpscr_nzcv(env);
}

bool arm_fpscr_set(ARMEnv *env, uint32_t val)
{
    arm_fpsr_set(env, val & FPSR_FLAGS);
    env->fp_nzcv = val & FPSCR_NZCV;
    env->fcmp_kind = ARM_FCMP_NONE;
    return arm_fpcr_set(env, val);
}
