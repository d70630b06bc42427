/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Inside the x86-64 host: register roles, the state of a compilation, and what its files offer each
 * other. Instruction set: Intel SDM volume 2; calls: System V ABI for AMD64.
 *
 * Register roles in generated code
 *   rbp        CPUEnv + bias; the bias puts the target's integer cells into reach of 8-bit
 *              displacements
 *   rsp        native stack, 16-byte aligned; above it spill slots that do not fit into CPUEnv
 *   r11        env->tlb[0]; loaded by the enter thunk, after every helper call and slow path
 *   rax, rdx   scratch inside one IR op
 *   xmm14, 15  scratch inside one IR op
 *   pins       the hottest cells of the target, fixed across units: rbx r12 r13 r14 r15, which
 *              C calls keep, then r8 r9 r10. A region has pins of its own, XMM registers
 *              too (region.c), and holds to these at its entry and exits
 *   rest       values of the unit
 *
 * Allocation is one forward pass with emission. Before it one backward pass links each operand to
 * the value's next use. At any op
 *   1. a value is in a set of registers, in a spill slot, in the home of a cell, or is a constant:
 *      any of these at once, at least one while it has a next use;
 *   2. a register holds at most one value (regval), and a pinned register holds the architectural
 *      value of its cell wherever that may be looked at. From the last place before the cell is set
 *      again at which it may, the register is vacant: it takes values that are not used any more
 *      when the cell is set;
 *   3. the home of a cell that is not pinned holds the architectural value unless the cell is sunk;
 *      then the value in `sunk` is it, and that value is in a register, a slot, or constant;
 *   4. i32 values have arbitrary upper halves in their registers; trunc costs nothing, nor does
 * extu of what a 32-bit instruction computed (zero_extends()); once there is an extended value, its
 *      low half is used instead of what it was made from, so that a guest register takes one;
 *   5. accesses off one base value share one check (x86_form_groups()): the first one leaves the
 *      base's host address, or 0 if the check failed, in a value of its own, numbered from nops;
 *   6. a value that is live at a label was given a spill slot at each branch to the label. After
 *      the label registers hold nothing but pins.
 *
 * Thread: one X86Gen a thread; X86Thunks is constant after emit_thunks().
 * Tests: tests/unit/test-x86-64-jit.c.
 */
#ifndef TCG_X86_64_INTERNAL_H
#define TCG_X86_64_INTERNAL_H

#include "softmmu/tlb-site.h"
#include "tcg/backend.h"
#include "tcg/ir.h"
#include "tcg/x86_64/asm.h"

#define X86_MAX_PINS     24
#define X86_FRAME_SLOTS  448 /* spill slots on the stack behind those in CPUEnv */
#define X86_ENV_SLOTS    (CPU_SPILL_SLOTS - 2)
#define X86_SLOT_ARG     (CPU_SPILL_SLOTS - 2) /* third argument of slow paths */
#define X86_SLOT_VEC     (CPU_SPILL_SLOTS - 1) /* 128-bit data of slow paths */
#define X86_MAX_SLOTS    (X86_ENV_SLOTS + X86_FRAME_SLOTS)
#define X86_FRAME_ARGS   16 /* bytes at rsp for stack arguments of helpers */
#define X86_FRAME_BYTES  (X86_FRAME_ARGS + X86_FRAME_SLOTS * 16)
/* Room kept free for one IR op with its constant loads, evictions and stores of sunk cells. */
#define X86_OP_MARGIN    4096
/* The unit's entry: one instruction that does nothing, as long as a call of a thunk. */
#define X86_ENTRY_NOP    7
#define GPRS             0x0000ffffu
#define XMMS             0xffff0000u
#define X86_CALLEE_SAVED (1u << RBX | 1u << RBP | 1u << R12 | 1u << R13 | 1u << R14 | 1u << R15)

typedef struct X86Features {
    bool bmi1, bmi2, lzcnt, popcnt, movbe, ssse3, sse41, sse42, fma, avx, avx2, f16c, aes, pclmul,
        sha;
} X86Features;

typedef struct X86Pin {
    uint8_t reg, type;
    uint16_t cell;
    uint32_t offset;
    bool same; /* of a region: as the cell's home all the time */
} X86Pin;

/* Slow paths out of line: see thunks.c. */
typedef enum X86Slow {
    SLOW_LD,
    SLOW_ST,
    SLOW_RMW,
    SLOW_CMPXCHG,
    SLOW_LD128,
    SLOW_ST128,
    SLOW_PROBE,
    SLOW_FP,
    SLOW_VEC,
    SLOW_COUNT
} X86Slow;

/* Accesses that are looked up in a thunk: log2 of their size, and the kind. */
enum { COLD_LD, COLD_LD_SIGNED, COLD_ST, COLD_KINDS };
#define X86_COLD_COUNT (COLD_KINDS * (TCG_MO_128 + 1))
static inline unsigned x86_cold_kind(uint32_t memop, X86Slow kind)
{
    unsigned k = kind == SLOW_ST || kind == SLOW_ST128 ? COLD_ST
                 : memop & TCG_MO_SIGN                 ? COLD_LD_SIGNED
                                                       : COLD_LD;
    return COLD_KINDS * (memop & TCG_MO_SIZE) + k;
}

/* Which cells are in which registers. */
typedef struct X86PinSet {
    unsigned n;
    uint32_t pinned; /* registers that hold cells */
    uint32_t temps;  /* registers that values of units may use */
    X86Pin pins[X86_MAX_PINS];
    uint8_t of_cell[TCG_MAX_CELLS]; /* register, or REG_NONE */
} X86PinSet;

typedef struct X86Thunks {
    X86Features have;
    bool icount, pc32, check, relocatable;
    uint8_t pc_shift; /* TargetDesc.pc_shift */
    int32_t bias;     /* rbp = env + bias */
    unsigned ncells;
    X86PinSet fixed; /* between units */
    /* executable addresses: of all of it, of thunks */
    const uint8_t *rx;
    const uint8_t *link, *xlink, *poll, *dead, *icount_stop, *miss, *lookup_poll, *main, *other;
    const uint8_t *slow[2][SLOW_COUNT]; /* [1]: XMM registers are in use */
    const uint8_t *cold[2][X86_COLD_COUNT];
    const TCGCell *cells;
    uint64_t (*enter)(CPUEnv *env, const void *code);
} X86Thunks;

typedef struct Val {
    uint32_t regs;  /* registers that hold it */
    uint16_t next;  /* op of the next use; 0: none */
    uint16_t last;  /* op of the last use */
    uint16_t home;  /* cell + 1 in whose home it also is; 0: none */
    uint16_t spill; /* slot + 1; 0: none */
    uint16_t root;  /* the value itself; of a trunc, a vlow, some extu: its operand's */
    uint16_t wide;  /* i32: an i64 extended from it, which may stand for it from there on */
    uint16_t sunk;  /* number of sunk cells it stands for */
    uint8_t hint;   /* pinned register to be computed into, or REG_NONE */
    bool dead;      /* nothing is emitted here: never used, a constant, emitted with users */
    bool fused;     /* setcond, fcmp, shl: emitted by its users */
    bool cst;       /* integer, FP or vector constant */
    uint8_t type;   /* TCGType */
    bool zx;        /* i32: upper half of the registers is zero */
    uint8_t pace;   /* see loop.c */
    uint8_t site;   /* load, store: number of its site + 1 */
    uint8_t bound;  /* X86_BOUND_*: how its address moves in a loop */
    uint8_t near;   /* see uses */
    uint16_t pair;  /* the remainder of the same division, the other half of the product, if near */
    uint16_t uses; /* x86_prepare(): all uses; near: as a condition or a scaled index near enough */
} Val;
G_STATIC_ASSERT(sizeof(Val) <= 32);

enum {
    X86_BOUND_UP = 1,   /* its address never becomes less: the end, TlbSite.bound */
    X86_BOUND_DOWN = 2, /* more: the begin, TlbSite.floor */
    X86_BOUND_FILL = 4, /* asks for the page, and remembers the bound */
    X86_BOUND_ASK = 8,  /* asks for the bound only */
};

/* Accesses at constant distances from one base value: see emit_mem.c. */
typedef struct Group {
    uint16_t base, first; /* value; op of the first access */
    uint16_t count, mmu;
    uint32_t align; /* bytes the base must be a multiple of */
    int32_t lo, hi; /* bytes [lo, hi) around the base */
    bool ld, st;
    bool open, conditional; /* while forming: may grow; an exit stands behind the first access */
} Group;
#define X86_MAX_GROUPS 256

/* A pinned register is vacant behind op start, up to and with the operands of op end. */
typedef struct X86Vacancy {
    uint16_t start, end;
    uint8_t reg;
} X86Vacancy;

/* Where a sunk cell's value is, for side tables and exit stubs. */
typedef struct Sunk {
    uint16_t cell, value;
    uint16_t slot; /* + 1 */
    uint8_t reg;   /* or REG_NONE: slot, or constant */
} Sunk;

typedef enum StubKind {
    STUB_SLOW,   /* memory slow path */
    STUB_SITE,   /* load whose site holds another page */
    STUB_COLD,   /* access of a group whose check has failed: on its own */
    STUB_EXIT,   /* exit_if taken */
    STUB_POLL,   /* jump inside a region polled */
    STUB_DIV,    /* divisor 0 or -1 */
    STUB_FP,     /* FP off the common path */
    STUB_ICOUNT, /* budget used up at entry */
} StubKind;

typedef struct Stub {
    uint8_t kind;
    uint8_t r[6];
    bool xmm;             /* slow path: XMM registers are in use */
    uint32_t jump;        /* position after the displacement of the jump that leads here; 0: none */
    uint32_t jump2;       /* another */
    uint32_t back;        /* position to return to */
    uint32_t hit;         /* STUB_SITE: position behind the check, with the addend in rax */
    uint32_t snap, nsnap; /* sunk cells */
    uint32_t hosts;       /* registers with host addresses of groups, and slots: to be zeroed */
    uint32_t host_slots, nhost_slots;
    uint16_t op;
    uint16_t insn;
    int32_t pc;
    int64_t imm, imm2;
    Mem mem; /* STUB_COLD: where the base is if r[0] is REG_NONE */
} Stub;

typedef enum FixKind {
    FIX_LINK, /* rip-relative to TcgLink index; addend in disp32 already */
    FIX_POOL, /* rip-relative to constant pool entry index */
    FIX_ADDR, /* rip-relative to the word of program address index */
} FixKind;
typedef struct Fix {
    uint32_t end; /* position after the displacement */
    uint16_t kind, index;
} Fix;

/* Elements of one size; what grows with each instruction must be cheap to add to. */
typedef struct X86List {
    uint8_t *data;
    uint32_t len, cap;
} X86List;
#define x86_list_at(list, T, k) (((T *)(void *)(list)->data)[k])

/* The values that an op reads, and where each is used next after it. */
typedef struct X86Operands {
    uint16_t v[4], next[4];
} X86Operands;

typedef struct X86Gen X86Gen;
typedef void X86Emit(X86Gen *s, const TCGOp *op);

struct X86Gen {
    Asm a;
    const X86Thunks *t;
    const TCGUnit *u;
    const X86PinSet *pins;
    X86PinSet own;  /* of a region */
    uint8_t *limit; /* emission past it: too big; NULL: given up */

    Val *val;
    X86Operands *opv;   /* of each op */
    uint8_t *nopv;      /* how many */
    uint16_t *group_of; /* group + 1 of each ld and st; 0: none */
    uint16_t *order;    /* X86_T_ORDER ops, ascending */
    uint16_t *fuses;    /* X86_T_FUSES ops, ascending */
    uint32_t norder;
    uint32_t loop_end; /* the last exit to the unit's start; 0: it is no loop */
    Group *groups;
    uint32_t ngroups;
    uint16_t (*callnxt)[TCG_MAX_ARGS]; /* the same for calls */
    uint32_t vals_cap, calls_cap;

    uint32_t i;      /* op being emitted */
    bool advanced;   /* its operands' next uses have been taken */
    bool flags_live; /* host flags must survive */
    bool unreachable;
    uint32_t locked;    /* registers this op still reads or writes */
    uint32_t busy;      /* registers with a value */
    uint32_t taken;     /* scratch registers of this op, x86_temp() */
    uint16_t freed[32]; /* slots to free when this op is done */
    uint32_t nfreed;
    uint32_t left_op;    /* the last op with an operand that died in its home */
    uint64_t left_homes; /* and the cells, modulo 64, where it may still read such */
    uint16_t regval[REG_COUNT];
    uint16_t homeval[TCG_MAX_CELLS];
    uint16_t sunk[TCG_MAX_CELLS];
    uint16_t sunk_list[TCG_MAX_CELLS];
    uint32_t nsunk;
    bool snap_valid; /* the last snapshot still describes the sunk cells */
    uint32_t last_snap, last_nsnap;
    uint32_t pin_clean; /* pinned registers whose homes are up to date */
    uint32_t vacant;    /* pinned registers that are vacant up to vacant_end, or were */
    uint16_t vacant_end[REG_COUNT];
    uint32_t next_vacancy; /* where the last one of vacancies starts */
    uint64_t slots[(X86_MAX_SLOTS + 63) / 64];
    uint32_t slots_high;

    int32_t pc; /* current instruction */
    uint16_t insn;

    X86List snaps;        /* Sunk */
    X86List host_slots;   /* uint16_t */
    X86List vacancies;    /* X86Vacancy, those that are to come, the next one last */
    X86List stubs;        /* Stub */
    X86List fixes;        /* Fix */
    X86List pool;         /* X86Const */
    X86List addrs;        /* uint64_t: addresses in the program, behind the pool */
    X86List outs;         /* uint32_t: positions of displacements to thunks, ascending */
    X86List rows;         /* SideRow */
    uint32_t *label_at;   /* op index of each label */
    X86List label_fixes;  /* LabelFix */
    uint32_t *label_refs; /* branches emitted to it */
    uint32_t labels_cap;
    X86List blocks;      /* X86Block, of a region */
    X86List block_fixes; /* LabelFix */
    X86List loops;       /* X86Loop, wider ones first */
    TcgExit *exits;
    uint32_t exits_cap;
    uint32_t nlinks;
    uint32_t host_spills;          /* host addresses of groups that are in slots */
    uint16_t traits[TCG_OP_COUNT]; /* X86_T_* */
    X86Emit *emit[TCG_OP_COUNT];   /* what emits each op */
};

/* What the passes over a unit want to know of an op. */
enum {
    X86_T_ARGS = 3,          /* number of operands */
    X86_T_COND = 1 << 2,     /* operand a is a condition */
    X86_T_BARRIER = 1 << 3,  /* may fault or leave, or does not always go on */
    X86_T_RESULT = 1 << 4,   /* has a result (a call: see its helper) */
    X86_T_KEPT = 1 << 5,     /* is there for more than its result (a call, fcmp: see the op) */
    X86_T_ALIAS = 1 << 6,    /* may be its operand's register */
    X86_T_CONST = 1 << 7,    /* a constant */
    X86_T_CELL = 1 << 8,     /* getcell, setcell */
    X86_T_FUSES = 1 << 9,    /* setcond, fcmp, shl; exts, extu: what becomes of it its uses tell */
    X86_T_ORDER = 1 << 10,   /* memory access, or matters to those around it */
    X86_T_SPECIAL = 1 << 11, /* scan_forward() has something to do */
    X86_T_VARIES = 1 << 12,  /* call, fcmp */
    X86_T_NOTHING = 1 << 13, /* nop, insn_start */
};

typedef struct X86Const {
    uint64_t lo, hi;
} X86Const;

typedef struct X86Block {
    uint32_t op, at; /* of its begin; code position */
    int64_t offset;
    bool steady;
} X86Block;

/* A loop of a region: the guest code from the destination of a backward branch to the last one. */
typedef struct X86Loop {
    int32_t lo, hi;
} X86Loop;

typedef struct LabelFix {
    uint16_t label;
    uint32_t end;
} LabelFix;

/* A row of the side table before encoding. */
typedef struct SideRow {
    uint32_t ret; /* code position of the return address */
    int32_t pc;
    uint16_t insn;
    uint8_t kind; /* SIDE_* */
    uint32_t snap, nsnap;
} SideRow;
enum {
    SIDE_SLOW,    /* all registers are in env->host_gpr, host_vec; env->mxcsr is current */
    SIDE_CALL,    /* every cell is at home; MXCSR is the guest's */
    SIDE_CALL_FP, /* every cell is at home; env->mxcsr is current */
};

/* An integer operand. */
typedef struct Opnd {
    enum { OPND_REG, OPND_MEM, OPND_IMM } kind;
    uint8_t reg;
    int32_t imm;
    Mem mem;
} Opnd;

/* Room for one more element. */
static inline void *x86_list_more(X86List *l, size_t size)
{
    if (G_UNLIKELY(l->len == l->cap)) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->data = g_realloc_n(l->data, l->cap, size);
    }
    return l->data + l->len++ * size;
}

static inline void x86_list_add(X86List *l, const void *element, size_t size)
{
    memcpy(x86_list_more(l, size), element, size);
}

static inline int32_t env_disp(const X86Gen *s, size_t off)
{
    return (int32_t)off - s->t->bias;
}
static inline Mem env_mem(const X86Gen *s, size_t off)
{
    return mem_bd(RBP, env_disp(s, off));
}
#define ENV(field) env_mem(s, offsetof(CPUEnv, field))
static inline unsigned type_w(TCGType t)
{
    return t == TCG_I64 ? OP_W : 0;
}
static inline bool type_is_int(TCGType t)
{
    return t == TCG_I32 || t == TCG_I64;
}

/* ---- ra.c ---- */
void x86_traits(uint16_t traits[TCG_OP_COUNT]);
bool x86_prepare(X86Gen *s);
/* A register for value v, which the op defines beside its result. */
unsigned x86_define(X86Gen *s, uint16_t v);
/* Vacancies start before op i. */
void x86_vacate(X86Gen *s, uint32_t i);
/* Op i is emitted next. */
static inline void x86_op_begin(X86Gen *s, uint32_t i)
{
    s->i = i;
    s->advanced = s->flags_live = false;
    s->locked = s->taken = 0;
    if (G_UNLIKELY(s->next_vacancy < i)) {
        x86_vacate(s, i);
    }
    while (G_UNLIKELY(s->nfreed)) {
        unsigned n = s->freed[--s->nfreed];
        s->slots[n / 64] &= ~(1ull << (n % 64));
    }
}
/* What stands for v at op i: the operand of a trunc, or what was extended from it. */
static inline uint16_t x86_root_at(const Val *val, TCGv v, uint32_t i)
{
    uint16_t r = val[v.i].root, w = val[r].wide;
    return G_UNLIKELY(w) && w < i && val[v.i].type == TCG_I32 ? w : r;
}
/* ... at op s->i. */
static inline uint16_t x86_root(const X86Gen *s, TCGv v)
{
    return x86_root_at(s->val, v, s->i);
}
static inline bool x86_is_const(const X86Gen *s, uint16_t v)
{
    return s->val[v].cst;
}
static inline bool x86_live(const X86Gen *s, uint16_t v)
{
    return s->val[v].next || s->val[v].sunk;
}
/* A register with the value in it, locked until the op ends. */
unsigned x86_use_loaded(X86Gen *s, uint16_t v); /* which has none yet */
static inline unsigned x86_use(X86Gen *s, uint16_t v)
{
    uint32_t regs = s->val[v].regs;
    if (regs) {
        unsigned r = __builtin_ctz(regs);
        s->locked |= 1u << r;
        return r;
    }
    return x86_use_loaded(s, v);
}
/* An operand: register, memory if that saves a load, or a 32-bit immediate. */
enum { X86_MEM = 1, X86_IMM = 2 };
Opnd x86_opnd_unloaded(X86Gen *s, uint16_t v, unsigned w, unsigned allow);
static inline Opnd x86_opnd(X86Gen *s, uint16_t v, unsigned w, unsigned allow)
{
    const Val *x = &s->val[v];
    if (x->regs && !x->cst) {
        return (Opnd){.kind = OPND_REG, .reg = x86_use(s, v)};
    }
    return x86_opnd_unloaded(s, v, w, allow);
}
/* Memory where the value is, base REG_NONE if nowhere. */
Mem x86_where(X86Gen *s, uint16_t v);
/* Put the value into register r, which is no allocation: a scratch or an argument. */
void x86_load(X86Gen *s, uint16_t v, unsigned r);
/* All operands have been read (or are in locked registers): those without further use die. */
void x86_advance_now(X86Gen *s);
static inline void x86_advance(X86Gen *s)
{
    if (!s->advanced) {
        x86_advance_now(s);
    }
}
/* Register for the op's result; prefer one of the `prefer` mask. Not among locked ones. */
unsigned x86_def(X86Gen *s, uint32_t prefer);
/* The result is in r now. */
void x86_bind(X86Gen *s, unsigned r);
/* A register for the rest of this op. */
unsigned x86_temp(X86Gen *s, bool xmm);
void x86_unlock(X86Gen *s, unsigned r);
void x86_setcell(X86Gen *s, const TCGOp *op);
void x86_getcell(X86Gen *s, const TCGOp *op);
/* Store all sunk cells. */
void x86_flush_sunk(X86Gen *s);
/* Remember where sunk cells are now. */
void x86_snapshot(X86Gen *s, uint32_t *snap, uint32_t *nsnap);
/* Stores of a snapshot, in a stub. May use rax. */
void x86_store_snapshot(X86Gen *s, uint32_t snap, uint32_t nsnap);
/* A call, args already in s->u->calls: begin stores to memory what lives on, in registers that C
 * may change and in homes of cells that the helper writes; end forgets those registers. */
void x86_call_begin(X86Gen *s, const TCGCall *c);
void x86_call_end(X86Gen *s, const TCGCall *c);
/* Before a branch to label: give slots to what is live there. */
void x86_spill_for_label(X86Gen *s, unsigned label);
void x86_at_label(X86Gen *s);
void x86_forget_home(X86Gen *s, unsigned cell);
Mem x86_slot(const X86Gen *s, unsigned slot);
/* The operand's next use after this op. */
uint16_t x86_next_after(const X86Gen *s, uint16_t v);

/* ---- emit_int.c ---- */
/* These fill in the emitters of their ops. */
void x86_int_emitters(X86Emit *emit[TCG_OP_COUNT]);
/* Compare for a condition value (fused or not) and return the host condition. *alt: 0, or for FP
 * equality CC_P: then the parity flag must be clear (CC_NP) as well. */
unsigned x86_emit_cond(X86Gen *s, TCGv cond, bool *parity);
/* d = the condition, 0 or 1. */
void x86_set_if(X86Gen *s, unsigned d, unsigned cc, bool parity);
void x86_mov(X86Gen *s, unsigned w, unsigned d, unsigned r);
void x86_mov_const(X86Gen *s, unsigned d, int64_t imm);
void x86_alu(X86Gen *s, unsigned w, unsigned alu, unsigned d, Opnd o);
void x86_rm(X86Gen *s, unsigned opc, unsigned d, Opnd o);

/* Between a pin and its cell's home. */
void x86_load_pin(X86Gen *s, const X86Pin *p);
void x86_store_pin(X86Gen *s, const X86Pin *p);

/* ---- region.c ---- */
/* Blocks, loops and pins of the unit. */
void x86_find_region(X86Gen *s);
/* From the fixed pins to the region's, and back. */
void x86_enter_region(X86Gen *s);
void x86_leave_region(X86Gen *s);
/* Does a loop begin at this page offset? */
bool x86_is_loop(const X86Gen *s, int64_t offset);
/* Index of the block that an exit to target from pc leads to, or -1. */
int x86_inner_block(const X86Gen *s, int64_t target, int64_t pc, bool steady);
/* The jump whose displacement ends at `end` leads to this block. */
void x86_jump_to_block(X86Gen *s, int block, uint32_t end);

/* ---- loop.c ---- */
void x86_find_sites(X86Gen *s);
/* Of an access with a site: is its address a base plus a small number, an index? */
bool x86_is_indexed(const X86Gen *s, const TCGOp *op);

/* ---- emit_mem.c ---- */
void x86_form_groups(X86Gen *s);
void x86_mem_emitters(X86Emit *emit[TCG_OP_COUNT]);
void x86_stub_slow(X86Gen *s, const Stub *st);
void x86_stub_cold(X86Gen *s, const Stub *st);
void x86_stub_site(X86Gen *s, const Stub *st);

/* ---- emit_fp.c ---- */
void x86_emit_fp(X86Gen *s, const TCGOp *op);
void x86_stub_fp(X86Gen *s, const Stub *st);
unsigned x86_fcmp(X86Gen *s, const TCGOp *op, bool *parity);
/* Immediates of roundss and its like, by TCG_RND_*, and what keeps them from raising inexact. */
enum { ROUND_TRUNCATE = 3, ROUND_QUIET = 8 };
extern const uint8_t x86_round_mode[];
/* Flushing to zero: exponents of the least magnitude, beside zero, that inline code takes: any
 * operand; a factor, so that no product is tiny; a factor of a fused sum, so that the product's
 * last bit is no less than the least denormal. */
typedef struct X86Flush {
    int normal, factor, fused;
} X86Flush;
extern const X86Flush x86_flush_f32, x86_flush_f64;
/* The number 2^exponent. */
static inline uint64_t x86_fp_bits(bool f64, int exponent)
{
    return f64 ? (uint64_t)(exponent + 1023) << 52 : (uint64_t)(exponent + 127) << 23;
}
/* C side of the slow FP path. desc: see emit_fp.c. */
uint64_t x86_soft_fp(CPUEnv *env, uint64_t a, uint64_t b, uint64_t c, uint32_t desc);

/* ---- emit_vec.c ---- */
void x86_emit_vec(X86Gen *s, const TCGOp *op);
/* The op by C, off the common path. */
void x86_stub_vec(X86Gen *s, const Stub *st);
/* C side of the slow vector path. */
void x86_soft_vec(CPUEnv *env, uint32_t desc);

/* ---- emit_vfp.c ---- */
/* Inline code for FP vector op on registers r with result d; false: there is none. */
bool x86_emit_vfp(X86Gen *s, const TCGOp *op, const uint8_t r[3], unsigned d);

/* ---- emit_ctl.c ---- */
void x86_ctl_emitters(X86Emit *emit[TCG_OP_COUNT]);
void x86_emit_entry(X86Gen *s);
/* st is in s->stubs; what makes another one is done with it. */
void x86_emit_stub(X86Gen *s, const Stub *st);
Stub *x86_stub_new(X86Gen *s, StubKind kind);

/* ---- host.c ---- */
void x86_fix(X86Gen *s, FixKind kind, unsigned index);
/* Index of a 16-byte constant; the operand is mem_rip() followed by x86_fix(). */
unsigned x86_const(X86Gen *s, uint64_t lo, uint64_t hi);
void x86_rm_const(X86Gen *s, unsigned opc, unsigned reg, uint64_t lo, uint64_t hi);

/* call [address in the program]. */
void x86_call_program(X86Gen *s, uintptr_t addr);
/* A jump or call (opc; 0x80 | condition: behind a 0x0f) to a thunk. */
void x86_jump_thunk(X86Gen *s, uint8_t opc, const uint8_t *thunk);
/* A call of a thunk that does not come back, for the pc at this offset in its page. */
void x86_call_thunk(X86Gen *s, const uint8_t *thunk, uint32_t offset);
/* The entry of a unit that is alive: its upper half of a displacement stays when it is patched to
 * be such a call. */
void x86_entry_nop(Asm *as, uint32_t start);

/* ---- disas.c ---- */
void x86_disas(void *thunks, const TcgCode *c, FILE *f);

/* ---- thunks.c ---- */
/* rdx: the jump cache's entry for the pc in rax. */
void x86_jump_cache_entry(Asm *a, const X86Thunks *t);
size_t x86_emit_thunks(uint8_t *rw, const uint8_t *rx, size_t room, const TcgHostOptions *o,
                       const TargetDesc *t, void **thunks);
void x86_identify(void *thunks, GChecksum *sum);

/* ---- side.c ---- */
/* constants: bytes of the code that are no instructions. */
size_t x86_side_encode(const X86Gen *s, uint32_t constants, uint8_t *out, size_t room);
/* Bytes of the code that are instructions. */
uint32_t x86_text_size(const TcgCode *c);
bool x86_side_restore(void *thunks, const TcgCode *c, CPUEnv *env, uintptr_t ra, int64_t *rel,
                      unsigned *insn);
bool x86_side_insn_of(const TcgCode *c, uintptr_t ra, unsigned *insn);

size_t x86_relocs_encode(const X86Gen *s, uint8_t *out, size_t room);
void x86_relocate(void *thunks, const TcgCode *from, uint8_t *rw, const uint8_t *rx,
                  ptrdiff_t program_moved, TcgCode *out);
bool x86_is_sound(void *thunks, const TcgCode *c, unsigned ninsns, ptrdiff_t program_moved);

#endif
