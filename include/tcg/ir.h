/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The portable IR between guest frontends (target/) and host code (tcg/<host>/, tcg/interp/).
 *
 * A unit has one entry and any number of exits. Its code is one linear array of ops; an op defines
 * at most one value, named by the op's index (single assignment). The only mutable things are the
 * guest's cells (named, typed places in the CPU state: registers, flags) and guest memory.
 *
 *   1. Values live from their op to their last use. A value that is used beyond a label which
 *      stands after its definition is legal as long as its op dominates the use (forward branches
 *      only jump down; the definition comes before the branch).
 *   2. getcell/setcell are ordered like the guest's program. The *architectural* value of a cell at
 *      an op is that of the last setcell before it. The builder forwards a set value to later gets,
 *      so inside a unit each cell is loaded at most once between labels and helper calls.
 *   3. An op that can fault, exit or call a helper observes the architectural state. The host
 *      decides where each cell's value is then (its home in the CPU state, a pinned host register,
 *      a value's register) and writes it into a side table; no store is made for the fault's sake.
 *      Folding marks a setcell whose value only faults and side exits can observe as TCG_SET_SINK:
 *      the main path may leave it out, side tables and exit stubs must honour it. The interpreter
 *      performs every setcell.
 *   4. insn_start precedes the ops of each guest instruction; a fault inside reports that
 *      instruction's address and number in the unit.
 *   5. Guest addresses are i64 (32-bit guests zero-extend). Program counters are relative to the
 *      page the unit lies in (pcrel, exit targets), so that code is position independent in guest
 *      virtual addresses; env->pc_page holds the current virtual page.
 *   6. Labels are forward only. At a label every cell is in its home.
 *      A region is a unit of several blocks. `block` begins one: a direct exit of the unit whose
 *      target has a block goes there without leaving, after a poll if it goes backwards in guest
 *      addresses. No value lives across a block's begin. An exit to the instruction it belongs to
 *      always leaves: something else has to look at it (tcg_inner_block()). A block may be there
 *      twice: the second, steady one is for exits with TCG_EXIT_STEADY, from code where more is
 *      known of what the cells hold.
 *   7. All integer ops are total: shifts take their count modulo the width, division follows the
 *      rules in ops.def. No IR op traps the host.
 *
 * ops.def is the one list of ops; ir.c, verify.c, dump.c and the hosts are driven by it.
 */
#ifndef RHEA_TCG_IR_H
#define RHEA_TCG_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <glib.h>

typedef enum TCGType {
    TCG_VOID,
    TCG_I32,
    TCG_I64,
    TCG_F32,
    TCG_F64,
    TCG_V128,
    TCG_TYPE_COUNT
} TCGType;

/* A value: the index of the op that defines it. Index 0 is never a value ("none"). */
typedef struct TCGv {
    uint16_t i;
} TCGv;
#define TCG_NONE ((TCGv){0})

typedef struct TCGLabel {
    uint16_t i;
} TCGLabel;

typedef enum TCGOpcode {
#define OP(name, ...) TCG_OP_##name,
#include "tcg/ops.def"
#undef OP
    TCG_OP_COUNT
} TCGOpcode;

typedef enum TCGCond {
    TCG_COND_EQ,
    TCG_COND_NE,
    TCG_COND_LT,
    TCG_COND_GE,
    TCG_COND_LE,
    TCG_COND_GT,
    TCG_COND_LTU,
    TCG_COND_GEU,
    TCG_COND_LEU,
    TCG_COND_GTU,
    TCG_COND_TSTEQ, /* (a & b) == 0 */
    TCG_COND_TSTNE, /* (a & b) != 0 */
    TCG_COND_COUNT
} TCGCond;

/* fcmp predicates: false on unordered but UN. Q: quiet (invalid only for signaling NaNs), S:
 * signaling. */
typedef enum TCGFCond {
    TCG_FCOND_EQ_Q,
    TCG_FCOND_LT_S,
    TCG_FCOND_LE_S,
    TCG_FCOND_LT_Q,
    TCG_FCOND_LE_Q,
    TCG_FCOND_EQ_S,
    TCG_FCOND_UN_Q,
    TCG_FCOND_COUNT
} TCGFCond;

/*
 * Rounding of an FP op: DYN is the guest's current mode (kept in MXCSR on x86 hosts; a target only
 * translates with DYN while the current mode is one of the first four, and keys units by that).
 * Values equal SFP_* of tcg/softfp.h and RISC-V's rm field.
 */
typedef enum TCGRound {
    TCG_RND_RNE = 0,
    TCG_RND_RTZ = 1,
    TCG_RND_RDN = 2,
    TCG_RND_RUP = 3,
    TCG_RND_RMM = 4,
    TCG_RND_ROD = 5, /* to odd: toward zero, an inexact result gets its last bit set */
    TCG_RND_DYN = 7,
} TCGRound;

/* aux of FP ops: low 3 bits TCGRound (fcmp: TCGFCond), then how NaN results and out-of-range
 * conversions look. */
enum {
    TCG_FP_ROUND_MASK = 7,
    TCG_FP_DEFAULT_NAN = 1 << 3, /* every NaN result is the positive canonical quiet NaN */
    TCG_FP_NAN_ARM = 1 << 4, /* Arm propagation when not DEFAULT_NAN; neither bit: x86 SSE rules */
    TCG_FP_TINY_BEFORE =
        1 << 5, /* tininess before rounding (Arm, PowerPC); default after (x86, RISC-V) */
    TCG_FP_CVT_SAT_MAX = 1 << 6, /* float to int: saturate, NaN to the largest (RISC-V) */
    TCG_FP_CVT_SAT_ZERO =
        1 << 7, /* float to int: saturate, NaN to 0 (Arm); neither: x86 indefinite */
    TCG_FP_INEXACT_OFF = 1 << 8, /* fround: do not signal inexact */
    TCG_FP_NUM = 1 << 9, /* fmin/fmax: minimumNumber (RISC-V fmin); else IEEE minimum (NaN wins);
                            with NUM2008 below minNum of 754-2008 */
    TCG_FP_FZ = 1 << 10, /* flush subnormal operands and results as Arm's FPCR.FZ does: IDC, UFC */
    /* fmin/fmax with NUM: a signaling NaN wins (Arm FMINNM). fcmp: has no flags of its own. It is
     * for more conditions of operands that one fcmp with flags, as strict as this one, compares on
     * the same way; whether the host raises them again makes no difference then, and it may be
     * dropped. */
    TCG_FP_NUM2008 = 1 << 11,
    TCG_FP_NOFLAGS = 1 << 11,
    /* vector ops */
    TCG_FP_ESIZE_SHIFT = 12, /* log2 of the element's bytes: 1 (f16) to 3 */
    TCG_FP_ESIZE_MASK = 3 << 12,
    TCG_FP_V64 = 1 << 14,
    TCG_FP_V1 = 1 << 15,
};
#define TCG_FP_ESIZE(log2) ((log2) << TCG_FP_ESIZE_SHIFT)
static inline unsigned tcg_fp_esize(unsigned fp)
{
    return (fp & TCG_FP_ESIZE_MASK) >> TCG_FP_ESIZE_SHIFT;
}

/*
 * aux of integer vector ops: log2 of the element's bytes in the low 2 bits, then what the op's row
 * names. QC gives, instead of the value, a vector in which each element that saturated is not zero
 * and each other is zero: what Arm's FPSR.QC and its like accumulate. tcg_gen_vsat() makes both.
 */
enum {
    TCG_VEC_ESIZE = 3,
    TCG_VEC_UNSIGNED = 1 << 2, /* vextract, vmin, vmax, vavg, vqadd, vqsub, vcmpgt, vcmpge, vshlv,
                                  vmull, vdot, vwiden; vqnarrow: of the result */
    TCG_VEC_HIGH = 1 << 3,
    TCG_VEC_ROUND = 1 << 4,
    TCG_VEC_SAT = 1 << 5,
    TCG_VEC_QC = 1 << 6,    /* vqadd, vqsub, vshlv with SAT, vqdmulh, vqrdmlah, vqnarrow */
    TCG_VEC_MIXED = 1 << 7, /* vqadd: b is unsigned if a is signed, and the reverse; vqnarrow: the
                               source has the other signedness; vdot */
    TCG_VEC_NEGATE = 1 << 8,
};

/* Steps of AES on a state in the order of FIPS 197 3.4, byte 0 lowest (vaes). */
typedef enum TCGAes {
    TCG_AES_SUB_SHIFT,     /* SubBytes, ShiftRows */
    TCG_AES_INV_SUB_SHIFT, /* InvSubBytes, InvShiftRows */
    TCG_AES_MIX,           /* MixColumns */
    TCG_AES_INV_MIX,       /* InvMixColumns */
    TCG_AES_COUNT
} TCGAes;

/* Steps of SHA-1, SHA-256 and SHA-512 (vsha): the operands a, b, c are those of the Arm instruction
 * of the name, in the order Vd, Vn, Vm (SHA1H, SHA1SU1, SHA256SU0, SHA512SU0: some are not looked
 * at). */
typedef enum TCGSha {
    TCG_SHA1C,
    TCG_SHA1P,
    TCG_SHA1M,
    TCG_SHA1H, /* of b */
    TCG_SHA1SU0,
    TCG_SHA1SU1,
    TCG_SHA256H,
    TCG_SHA256H2,
    TCG_SHA256SU0,
    TCG_SHA256SU1,
    TCG_SHA512H,
    TCG_SHA512H2,
    TCG_SHA512SU0,
    TCG_SHA512SU1,
    TCG_SHA_COUNT
} TCGSha;

/* Memory operation descriptor, aux of ld, st and the atomics. */
typedef uint16_t TCGMemOp;
enum {
    TCG_MO_8 = 0,
    TCG_MO_16 = 1,
    TCG_MO_32 = 2,
    TCG_MO_64 = 3,
    TCG_MO_128 = 4,
    TCG_MO_SIZE = 7,
    TCG_MO_SIGN = 1 << 3, /* ld: sign-extend into the result */
    TCG_MO_BE = 1 << 4,   /* big-endian in guest memory */
    TCG_MO_ALIGN_SHIFT =
        5, /* log2 of the alignment below which the access faults; 0: none required */
    TCG_MO_ALIGN_DEVICE =
        1 << 15, /* only where TlbFill.device says so; elsewhere none is required */
    TCG_MO_ALIGN_MASK = 7 << 5 | TCG_MO_ALIGN_DEVICE,
    TCG_MO_ORDER_SHIFT = 8,
    TCG_MO_PLAIN = 0 << 8,
    TCG_MO_ACQREL = 1 << 8, /* ld: acquire, st: release, rmw: both */
    TCG_MO_SC = 2 << 8,     /* sequentially consistent */
    TCG_MO_ORDER_MASK = 3 << 8,
    TCG_MO_MMU_SHIFT = 10, /* index into env->tlb[]; 0 is the current data context */
    TCG_MO_MMU_MASK = 15 << 10,
    /* The alignment is not needed where the access lies inside 16 aligned bytes; it is indivisible
     * there all the same (Arm's LSE2). */
    TCG_MO_WITHIN16 = 1 << 14,
};
#define TCG_MO_ALIGNED(size) ((size) | ((size) << TCG_MO_ALIGN_SHIFT))
static inline unsigned tcg_mo_size(TCGMemOp m)
{
    return m & TCG_MO_SIZE;
}
/* Of every page: what generated code checks. */
static inline unsigned tcg_mo_align(TCGMemOp m)
{
    return m & TCG_MO_ALIGN_DEVICE ? 0 : (m & TCG_MO_ALIGN_MASK) >> TCG_MO_ALIGN_SHIFT;
}
static inline unsigned tcg_mo_mmu(TCGMemOp m)
{
    return (m & TCG_MO_MMU_MASK) >> TCG_MO_MMU_SHIFT;
}
/* addr is not as the memop demands. */
static inline bool tcg_mo_misaligned(uint32_t m, uint64_t addr)
{
    return (addr & ((1u << tcg_mo_align(m)) - 1)) &&
           !((m & TCG_MO_WITHIN16) && (addr & 15) + (1u << tcg_mo_size(m)) <= 16);
}
/* It is not as a page that demands alignment (TlbFill.device) wants it. */
static inline bool tcg_mo_odd(uint32_t m, uint64_t addr)
{
    unsigned align = (m & TCG_MO_ALIGN_MASK & ~TCG_MO_ALIGN_DEVICE) >> TCG_MO_ALIGN_SHIFT;

    return addr & ((1u << align) - 1);
}

/* Read-modify-write operations of atomic_rmw (imm); the op yields the old value, sign- or
 * zero-extended. */
typedef enum TCGRmw {
    TCG_RMW_XCHG,
    TCG_RMW_ADD,
    TCG_RMW_AND,
    TCG_RMW_OR,
    TCG_RMW_XOR,
    TCG_RMW_SMIN,
    TCG_RMW_SMAX,
    TCG_RMW_UMIN,
    TCG_RMW_UMAX,
    TCG_RMW_COUNT
} TCGRmw;

/* aux of fence: which earlier accesses are ordered before which later ones. */
enum { TCG_FENCE_RR = 1, TCG_FENCE_RW = 2, TCG_FENCE_WR = 4, TCG_FENCE_WW = 8 };

/* aux of exit_if: likely to be taken; of that and exit_direct: to the steady block, if there is
 * one.
 */
enum { TCG_EXIT_LIKELY = 1, TCG_EXIT_STEADY = 2 };

/* aux of setcell. */
enum { TCG_SET_SINK = 1 << 15, TCG_CELL_MASK = 0x7fff };

/*
 * A guest register or flag: a typed place at a fixed offset in the CPU state. The table's order is
 * the target's; `pin` orders the cells a host pins in its registers across units: 1 is the hottest,
 * 0 is never pinned. Integer and floating-point cells are ranked separately.
 */
typedef struct TCGCell {
    const char *name;
    uint32_t offset; /* from the start of CPUEnv */
    uint8_t type;    /* TCGType */
    uint8_t pin;
} TCGCell;

#define TCG_MAX_CELLS 256
typedef struct TCGCellSet {
    uint64_t w[TCG_MAX_CELLS / 64];
} TCGCellSet;

/* A C function that generated code calls. Descriptions are constant objects, one for each helper.
 */
enum {
    TCG_HELPER_READS_ALL = 1 << 0,  /* reads any cell (else: only those in `reads`) */
    TCG_HELPER_WRITES_ALL = 1 << 1, /* may write any cell (else: only those in `writes`) */
    TCG_HELPER_FAULTS =
        1 << 2, /* may leave by cpu_loop_exit_restore(); sees and leaves precise state */
    TCG_HELPER_NORETURN = 1 << 3, /* always leaves so; ends the unit */
    TCG_HELPER_PURE = 1 << 4,     /* value of its arguments only; may be folded, moved, dropped */
    TCG_HELPER_IO = 1 << 5, /* touches the world outside CPU state and RAM (clock, devices, other
                               CPUs) or RAM itself: lock-step mode cannot run it twice */
    TCG_HELPER_FP = 1 << 6, /* reads or writes the FP status (MXCSR must be synchronised) */
};
#define TCG_MAX_ARGS 7
/*
 * Arguments and results are I32 or I64 only: FP values travel as their bits (tcg_gen_bitcast), a
 * vector as two halves or through memory in env. So every helper has one shape of call: integer
 * registers, env first if pass_env; the upper half of a register that carries an I32 is undefined.
 */
typedef struct TCGHelper {
    const char *name;
    void *fn;      /* gets env first if pass_env */
    uint8_t ret;   /* TCG_VOID, TCG_I32 or TCG_I64 */
    uint8_t nargs; /* without env */
    uint8_t args[TCG_MAX_ARGS];
    bool pass_env;
    uint32_t flags;
    TCGCellSet reads, writes;
} TCGHelper;

typedef struct TCGOp {
    uint8_t opc;  /* TCGOpcode */
    uint8_t type; /* TCGType of the result, or of the operands where there is none */
    uint16_t aux; /* condition, memory op, cell, label, FP flags: see ops.def */
    TCGv a, b;
    TCGv c;
    uint16_t uses;    /* number of uses, kept by tcg_live() */
    uint32_t scratch; /* passes' own */
    int64_t imm;
} TCGOp;

typedef struct TCGCall {
    const TCGHelper *helper;
    TCGv args[TCG_MAX_ARGS];
} TCGCall;

typedef struct TCGUnit {
    TCGOp *ops;
    uint32_t nops, ops_cap; /* ops[0] is a nop: index 0 means none */
    TCGCall *calls;
    uint32_t ncalls, calls_cap;
    uint16_t nlabels;
    uint16_t nblocks; /* 0: no region */
    uint16_t ninsns;
    uint16_t nexits; /* exit_direct and exit_if, numbered by their c.i in order of appearance */
    const TCGCell *cells;
    uint16_t ncells;
    uint16_t start; /* offset of the first guest byte in its page */
    uint32_t guest_bytes;
    bool pc32;     /* 32-bit guest: program counters wrap at 2^32 */
    bool count;    /* count instructions in env->icount_left, as with icount */
    bool overflow; /* too many ops: the builder stopped recording; translate fewer insns */
    bool folded;   /* built with TCG_OPT_FOLD: another such pass would find nothing */
    bool counted;  /* TCGOp.uses is right */
    struct TCGBuilder *rebuilder; /* scratch of the passes; made when first needed */
} TCGUnit;

/* ---- units ---- */
TCGUnit *tcg_unit_new(const TCGCell *cells, unsigned ncells);
void tcg_unit_reset(TCGUnit *u); /* empty it for the next translation; memory is kept */
/* Op of the block that an exit to page offset target leads to, from the instruction at pc; 0: it
 * leaves. */
uint32_t tcg_inner_block(const TCGUnit *u, int64_t target, int64_t pc, bool steady);
/* A copy as small as can be, to be read, passed to tcg_interp_run() and freed only. */
TCGUnit *tcg_unit_copy(const TCGUnit *u);
void tcg_unit_free(TCGUnit *u);

/* ---- static description of ops (from ops.def) ---- */
enum {
    TCG_OPF_SIDE = 1 << 0,  /* has an effect: never dropped */
    TCG_OPF_FAULT = 1 << 1, /* may fault: observes the architectural state */
    TCG_OPF_EXIT = 1 << 2,  /* may leave the unit */
    TCG_OPF_END = 1 << 3,   /* nothing falls through */
    /* a and b may be exchanged; of FP ops only with TCG_FP_DEFAULT_NAN: which NaN comes out depends
     * on the order otherwise */
    TCG_OPF_COMM = 1 << 4,
    TCG_OPF_FPSTATUS =
        1 << 5, /* accumulates FP exception flags: not dropped, not moved across reads of them */
    TCG_OPF_OPT = 1 << 6,    /* a host may lack it: lower.c knows how to do without */
    TCG_OPF_RESULT = 1 << 7, /* has a result; of a call, if its helper has one */
};
typedef struct TCGOpDesc {
    const char *name;
    const char *sig; /* result and operand types, see ops.def */
    uint16_t flags;
    uint8_t nargs; /* operands that are values, of a, b, c in this order */
    const char *doc;
} TCGOpDesc;
extern const TCGOpDesc tcg_op_desc[TCG_OP_COUNT];
/* Flags of one op: those of its row, for a call as its helper says (END: it never returns). */
static inline unsigned tcg_op_flags(const TCGUnit *u, const TCGOp *op)
{
    unsigned flags = tcg_op_desc[op->opc].flags;
    if (op->opc == TCG_OP_call) {
        unsigned h = u->calls[op->imm].helper->flags;
        if (h & TCG_HELPER_PURE) {
            return 0;
        }
        if (!(h & (TCG_HELPER_FAULTS | TCG_HELPER_NORETURN))) {
            flags &= ~TCG_OPF_FAULT;
        }
        if (h & TCG_HELPER_NORETURN) {
            flags |= TCG_OPF_END;
        }
    } else if (op->opc == TCG_OP_fcmp && (op->aux & TCG_FP_NOFLAGS)) {
        flags &= ~TCG_OPF_FPSTATUS;
    }
    return flags;
}
const char *tcg_cond_name(TCGCond c);
TCGCond tcg_cond_invert(TCGCond c);
TCGCond tcg_cond_swap(TCGCond c);

/* ---- passes: run by the accelerator in this order; each is documented in its file ---- */
enum {
    TCG_OPT_FOLD = 1 << 0, /* constants, identities, copies, common subexpressions */
    TCG_OPT_DCE = 1 << 1,  /* dead values, dead and sinkable setcells */
    TCG_OPT_ALL = TCG_OPT_FOLD | TCG_OPT_DCE,
    TCG_OPT_VERIFY = 1 << 15, /* tcg_verify() before and after each pass; always so in builds
                                 without optimisation or with sanitizers */
};
void tcg_optimize(TCGUnit *u, unsigned passes);
/* Replace the TCG_OPF_OPT ops for which has[] is false by others. A builder that was told of the
 * host (tcg_builder_set_host()) emits none, and this is not needed. */
void tcg_lower(TCGUnit *u, const bool has[TCG_OP_COUNT]);
/* Counts uses (which TCG_OPT_DCE has done already); the last pass before a host gets the unit. */
void tcg_live(TCGUnit *u);
/* NULL, or what is wrong with the unit (g_free). Debug builds call it after each pass. */
char *tcg_verify(const TCGUnit *u);
/* Print the unit to f; guest instruction boundaries as comments. */
void tcg_dump(const TCGUnit *u, FILE *f);

/* ---- builder: one function an op; frontends use nothing else ---- */
#include "tcg/build.h"

#endif
