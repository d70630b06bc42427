/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V floating point off the translator's common path: frm and fflags, half precision (Zfh),
 * classification and fcvtmod. Unprivileged specification, chapters "F", "Zfh", "Zfa".
 *
 * fcsr lives in env->cpu.mxcsr (Intel SDM volume 1, 10.2.3): rounding control in bits 14:13,
 * sticky flags in bits 5:0, all exceptions masked. RMM, which it does not have, and the reserved
 * modes are only in env->frm; MXCSR then rounds to nearest even and the translator sees to it that
 * no dynamic rounding uses it.
 *
 * Helpers here are described with TCG_HELPER_FP: MXCSR is in env while they run.
 *
 * Test: tests/unit/test-riscv-csr.c, tests/insn/riscv/zfh, zfa
 */
#include "target/riscv/cpu.h"
#include "target/riscv/bits.h"
#include "tcg/softfp.h"

#define MXCSR_FLAGS    0x3f
#define MXCSR_MASKS    0x1f80
#define MXCSR_RC_SHIFT 13
#define MXCSR_IE       0x01
#define MXCSR_ZE       0x04
#define MXCSR_OE       0x08
#define MXCSR_UE       0x10
#define MXCSR_PE       0x20

unsigned riscv_fflags_get(const RISCVEnv *env)
{
    uint32_t m = env->cpu.mxcsr;

    return (m & MXCSR_PE ? SFP_INEXACT : 0) | (m & MXCSR_UE ? SFP_UNDERFLOW : 0) |
           (m & MXCSR_OE ? SFP_OVERFLOW : 0) | (m & MXCSR_ZE ? SFP_DIVZERO : 0) |
           (m & MXCSR_IE ? SFP_INVALID : 0);
}

static uint32_t fpu_to_mxcsr(unsigned fflags)
{
    return (fflags & SFP_INEXACT ? MXCSR_PE : 0) | (fflags & SFP_UNDERFLOW ? MXCSR_UE : 0) |
           (fflags & SFP_OVERFLOW ? MXCSR_OE : 0) | (fflags & SFP_DIVZERO ? MXCSR_ZE : 0) |
           (fflags & SFP_INVALID ? MXCSR_IE : 0);
}

void riscv_fflags_set(RISCVEnv *env, unsigned fflags)
{
    env->cpu.mxcsr = (env->cpu.mxcsr & ~MXCSR_FLAGS) | fpu_to_mxcsr(fflags);
}

void riscv_frm_set(RISCVEnv *env, unsigned frm)
{
    static const uint8_t rc[8] = {[SFP_RNE] = 0, [SFP_RTZ] = 3, [SFP_RDN] = 1, [SFP_RUP] = 2};

    env->frm = frm;
    env->cpu.mxcsr =
        MXCSR_MASKS | (env->cpu.mxcsr & MXCSR_FLAGS) | (uint32_t)rc[frm] << MXCSR_RC_SHIFT;
}

/* ------------------------------------------------------------------------------------------ */
/* One operation: its environment, and its flags afterwards */

static SoftFp fpu_begin(const RISCVEnv *env, uint32_t rm)
{
    SoftFp s = SOFTFP_INIT_RISCV;

    s.rounding = (rm & 7) == 7 ? env->frm : rm & 7;
    return s;
}

static void fpu_end(RISCVEnv *env, const SoftFp *s)
{
    env->cpu.mxcsr |= fpu_to_mxcsr(s->flags);
}

#define NAN_H 0x7e00
#define NAN_S 0x7fc00000u

static uint16_t unbox_h(uint64_t f)
{
    return f >> 16 == BIT64(48) - 1 ? f : NAN_H;
}

static uint64_t box_h(uint16_t h)
{
    return ~UINT64_C(0xffff) | h;
}

static uint32_t unbox_s(uint64_t f)
{
    return f >> 32 == UINT32_MAX ? f : NAN_S;
}

static uint64_t box_s(uint32_t s)
{
    return ~UINT64_C(0xffffffff) | s;
}

#define H2_RM(name, op)                                                                            \
    static uint64_t helper_riscv_##name(RISCVEnv *env, uint64_t a, uint64_t b, uint32_t rm)        \
    {                                                                                              \
        SoftFp s = fpu_begin(env, rm);                                                             \
        uint16_t r = op(&s, unbox_h(a), unbox_h(b));                                               \
        fpu_end(env, &s);                                                                          \
        return box_h(r);                                                                           \
    }                                                                                              \
    RISCV_HELPER(name, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I64, TCG_I32)
H2_RM(fadd_h, softfp_add_f16);
H2_RM(fsub_h, softfp_sub_f16);
H2_RM(fmul_h, softfp_mul_f16);
H2_RM(fdiv_h, softfp_div_f16);

#define H2(name, op)                                                                               \
    static uint64_t helper_riscv_##name(RISCVEnv *env, uint64_t a, uint64_t b)                     \
    {                                                                                              \
        SoftFp s = fpu_begin(env, SFP_RNE);                                                        \
        uint16_t r = op(&s, unbox_h(a), unbox_h(b));                                               \
        fpu_end(env, &s);                                                                          \
        return box_h(r);                                                                           \
    }                                                                                              \
    RISCV_HELPER(name, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I64)
H2(fmin_h, softfp_minnum_f16);
H2(fmax_h, softfp_maxnum_f16);
H2(fminm_h, softfp_min_f16);
H2(fmaxm_h, softfp_max_f16);

#define HCMP(name, op)                                                                             \
    static uint64_t helper_riscv_##name(RISCVEnv *env, uint64_t a, uint64_t b)                     \
    {                                                                                              \
        SoftFp s = fpu_begin(env, SFP_RNE);                                                        \
        bool r = op(&s, unbox_h(a), unbox_h(b));                                                   \
        fpu_end(env, &s);                                                                          \
        return r;                                                                                  \
    }                                                                                              \
    RISCV_HELPER(name, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I64)
HCMP(feq_h, softfp_eq_f16);
HCMP(flt_h, softfp_lt_f16);
HCMP(fle_h, softfp_le_f16);
HCMP(fltq_h, softfp_ltq_f16);
HCMP(fleq_h, softfp_leq_f16);

static uint64_t helper_riscv_fsqrt_h(RISCVEnv *env, uint64_t a, uint32_t rm)
{
    SoftFp s = fpu_begin(env, rm);
    uint16_t r = softfp_sqrt_f16(&s, unbox_h(a));

    fpu_end(env, &s);
    return box_h(r);
}
RISCV_HELPER(fsqrt_h, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I32);

/* rm bits 8 and 9: negate the product, the addend. */
static uint64_t helper_riscv_fmadd_h(RISCVEnv *env, uint64_t a, uint64_t b, uint64_t c, uint32_t rm)
{
    SoftFp s = fpu_begin(env, rm);
    unsigned options = (rm & 0x100 ? SFP_NEGATE_PRODUCT : 0) | (rm & 0x200 ? SFP_NEGATE_ADDEND : 0);
    uint16_t r = softfp_muladd_f16(&s, unbox_h(a), unbox_h(b), unbox_h(c), options);

    fpu_end(env, &s);
    return box_h(r);
}
RISCV_HELPER(fmadd_h, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I64, TCG_I64, TCG_I32);

/* Conversions between formats: an argument, then the rounding mode where the result is narrower. */
static uint64_t helper_riscv_fcvt_s_h(RISCVEnv *env, uint64_t a)
{
    SoftFp s = fpu_begin(env, SFP_RNE);
    uint32_t r = softfp_f16_to_f32(&s, unbox_h(a));

    fpu_end(env, &s);
    return box_s(r);
}
RISCV_HELPER(fcvt_s_h, I64, true, TCG_HELPER_FP, TCG_I64);

static uint64_t helper_riscv_fcvt_d_h(RISCVEnv *env, uint64_t a)
{
    SoftFp s = fpu_begin(env, SFP_RNE);
    uint64_t r = softfp_f16_to_f64(&s, unbox_h(a));

    fpu_end(env, &s);
    return r;
}
RISCV_HELPER(fcvt_d_h, I64, true, TCG_HELPER_FP, TCG_I64);

#define TO_H(name, op, convert)                                                                    \
    static uint64_t helper_riscv_##name(RISCVEnv *env, uint64_t a, uint32_t rm)                    \
    {                                                                                              \
        SoftFp s = fpu_begin(env, rm);                                                             \
        uint16_t r = op(&s, convert(a));                                                           \
        fpu_end(env, &s);                                                                          \
        return box_h(r);                                                                           \
    }                                                                                              \
    RISCV_HELPER(name, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I32)
TO_H(fcvt_h_s, softfp_f32_to_f16, unbox_s);
TO_H(fcvt_h_d, softfp_f64_to_f16, (uint64_t));
TO_H(fcvt_h_w, softfp_i32_to_f16, (int32_t));
TO_H(fcvt_h_wu, softfp_u32_to_f16, (uint32_t));
TO_H(fcvt_h_l, softfp_i64_to_f16, (int64_t));
TO_H(fcvt_h_lu, softfp_u64_to_f16, (uint64_t));

/* Words are sign-extended, unsigned ones too. */
#define FROM_H(name, op, word)                                                                     \
    static uint64_t helper_riscv_##name(RISCVEnv *env, uint64_t a, uint32_t rm)                    \
    {                                                                                              \
        SoftFp s = fpu_begin(env, rm);                                                             \
        uint64_t r = (word)op(&s, unbox_h(a), s.rounding);                                         \
        fpu_end(env, &s);                                                                          \
        return r;                                                                                  \
    }                                                                                              \
    RISCV_HELPER(name, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I32)
FROM_H(fcvt_w_h, softfp_f16_to_i32, int32_t);
FROM_H(fcvt_wu_h, softfp_f16_to_u32, int32_t);
FROM_H(fcvt_l_h, softfp_f16_to_i64, int64_t);
FROM_H(fcvt_lu_h, softfp_f16_to_u64, uint64_t);

#define ROUND_H(name, inexact)                                                                     \
    static uint64_t helper_riscv_##name(RISCVEnv *env, uint64_t a, uint32_t rm)                    \
    {                                                                                              \
        SoftFp s = fpu_begin(env, rm);                                                             \
        uint16_t r = softfp_round_int_f16(&s, unbox_h(a), s.rounding, inexact);                    \
        fpu_end(env, &s);                                                                          \
        return box_h(r);                                                                           \
    }                                                                                              \
    RISCV_HELPER(name, I64, true, TCG_HELPER_FP, TCG_I64, TCG_I32)
ROUND_H(fround_h, false);
ROUND_H(froundnx_h, true);

static uint64_t helper_riscv_fcvtmod_w_d(RISCVEnv *env, uint64_t a)
{
    SoftFp s = fpu_begin(env, SFP_RTZ);
    int64_t r = softfp_f64_to_i32_mod(&s, a);

    fpu_end(env, &s);
    return r;
}
RISCV_HELPER(fcvtmod_w_d, I64, true, TCG_HELPER_FP, TCG_I64);

/* fclass: the SFP_CLASS_ bits are RISC-V's. */
static uint64_t helper_riscv_fclass_h(uint64_t a)
{
    return softfp_class_f16(unbox_h(a));
}
RISCV_HELPER(fclass_h, I64, false, TCG_HELPER_PURE, TCG_I64);

static uint64_t helper_riscv_fclass_s(uint64_t a)
{
    return softfp_class_f32(unbox_s(a));
}
RISCV_HELPER(fclass_s, I64, false, TCG_HELPER_PURE, TCG_I64);

static uint64_t helper_riscv_fclass_d(uint64_t a)
{
    return softfp_class_f64(a);
}
RISCV_HELPER(fclass_d, I64, false, TCG_HELPER_PURE, TCG_I64);
