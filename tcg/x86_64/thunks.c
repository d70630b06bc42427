/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Thunks at the start of the code cache: into and out of generated code, and from it into the slow
 * paths in C. Also what is fixed for all units of a target: host features, which cells are pinned
 * in which registers, and the bias of rbp.
 *
 * Slow thunks are called with rax = address (or FP operand a), rdx = value (b), a third argument in
 * slot X86_SLOT_ARG, and a 32-bit word (memory operation, FP op) pushed before the call, which they
 * remove. They save all registers where restore() finds them, run C with the host's MXCSR, and
 * change nothing but rax, rdx, flags. Cold thunks look the address up in the TLB, and go on to the
 * slow one if that does not allow the access.
 *
 * Constant after x86_emit_thunks(). Test: tests/unit/test-x86-64-jit.c.
 */
#include <cpuid.h>
#include "tcg/x86_64/internal.h"

/*
 * How many cells are pinned. Three general registers must be left for values. XMM registers are
 * caller-saved: a pinned floating-point cell costs a store and a load at every helper call and slow
 * path, so there is none.
 */
#define PIN_INTEGERS 8
#define PIN_FLOATS   0

static void probe(X86Features *f)
{
    unsigned a, b, c, d;
    *f = (X86Features){0};
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        f->ssse3 = c & bit_SSSE3;
        f->sse41 = c & bit_SSE4_1;
        f->sse42 = c & bit_SSE4_2;
        f->aes = c & bit_AES;
        f->pclmul = c & bit_PCLMUL;
        f->movbe = c & bit_MOVBE;
        f->popcnt = c & bit_POPCNT;
        bool ymm = false;
        if (c & bit_OSXSAVE) {
            unsigned lo, hi;
            __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
            ymm = (lo & 6) == 6;
        }
        f->avx = (c & bit_AVX) && ymm;
        f->fma = (c & bit_FMA) && ymm;
        f->f16c = (c & bit_F16C) && ymm;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        f->bmi1 = b & bit_BMI;
        f->bmi2 = b & bit_BMI2;
        f->avx2 = (b & bit_AVX2) && f->avx;
        f->sha = b & bit_SHA;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        f->lzcnt = c & bit_LZCNT;
    }
}

/* Fields of CPUEnv that units use, each as often as so many integer cells. */
static const size_t near_fields[] = {offsetof(CPUEnv, jump_cache), offsetof(CPUEnv, ctx),
                                     offsetof(CPUEnv, exit_request), offsetof(CPUEnv, pc_page)};
#define NEAR_WEIGHT 2

/* What 8-bit displacements reach if the first of it is at offset from. */
static unsigned bias_hits(const TargetDesc *target, uint32_t from)
{
    unsigned hits = 0;
    for (unsigned k = 0; k < target->ncells; k++) {
        const TCGCell *c = &target->cells[k];
        hits += type_is_int(c->type) && c->offset - from < 256;
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(near_fields); k++) {
        hits += near_fields[k] - from < 256 ? NEAR_WEIGHT : 0;
    }
    return hits;
}

static void choose_bias(X86Thunks *t, const TargetDesc *target)
{
    unsigned best = 0;
    for (unsigned k = 0; k < target->ncells + G_N_ELEMENTS(near_fields); k++) {
        uint32_t from =
            k < target->ncells ? target->cells[k].offset : near_fields[k - target->ncells];
        unsigned hits = bias_hits(target, from);
        if (hits > best) {
            best = hits;
            t->bias = from + 128;
        }
    }
}

static void choose_pins(X86Thunks *t, const TargetDesc *target)
{
    static const uint8_t gprs[PIN_INTEGERS] = {RBX, R12, R13, R14, R15, R8, R9, R10};
    unsigned n[2] = {0, 0};
    const unsigned max[2] = {PIN_INTEGERS, PIN_FLOATS};
    X86PinSet *f = &t->fixed;
    memset(f->of_cell, REG_NONE, sizeof(f->of_cell));
    for (unsigned rank = 1; rank < 256; rank++) {
        for (unsigned k = 0; k < target->ncells; k++) {
            const TCGCell *c = &target->cells[k];
            if (c->pin != rank || !(type_is_int(c->type) || c->type == TCG_F64)) {
                continue;
            }
            unsigned cls = c->type == TCG_F64;
            if (n[cls] == max[cls]) {
                continue;
            }
            unsigned r = cls ? XMM0 + n[cls] : gprs[n[cls]];
            n[cls]++;
            f->pins[f->n++] = (X86Pin){.reg = r, .type = c->type, .cell = k, .offset = c->offset};
            f->of_cell[k] = r;
            f->pinned |= 1u << r;
        }
    }
    f->temps = ~f->pinned & ~(1u << RAX | 1u << RDX | 1u << RSP | 1u << RBP | 1u << R11 |
                              1u << XMM14 | 1u << XMM15);
    choose_bias(t, target);
}

typedef X86Gen ThunkGen; /* for the ENV() and env_mem() helpers: only a and t are used */

static const uint8_t *here(const ThunkGen *s)
{
    return s->a.p + s->a.rx;
}

static void pin_moves(ThunkGen *s, bool store)
{
    for (unsigned k = 0; k < s->t->fixed.n; k++) {
        const X86Pin *p = &s->t->fixed.pins[k];
        unsigned opc = p->reg >= XMM0 ? (store ? I_MOVSD_MR : I_MOVSD_RM)
                                      : (store ? I_MOV_MR : I_MOV_RM) | type_w(p->type);
        asm_rm(&s->a, opc, p->reg, env_mem(s, p->offset));
    }
}

static void stmxcsr(ThunkGen *s, size_t off)
{
    asm_rm(&s->a, 0xae | OP_0F, 3, env_mem(s, off));
}
static void ldmxcsr(ThunkGen *s, size_t off)
{
    asm_rm(&s->a, 0xae | OP_0F, 2, env_mem(s, off));
}

static void pop(ThunkGen *s, unsigned r)
{
    asm_opcode(&s->a, 0x58 | (r & 7), 0, 0, r, false);
}

static const uint8_t saved[] = {RBP, RBX, R12, R13, R14, R15};

static void emit_enter(ThunkGen *s)
{
    Asm *a = &s->a;
    for (unsigned k = 0; k < G_N_ELEMENTS(saved); k++) {
        asm_opcode(a, 0x50 | (saved[k] & 7), 0, 0, saved[k], false);
    }
    asm_alu_ri(a, OP_W, ALU_SUB, RSP, X86_FRAME_BYTES + 8);
    asm_rm(a, I_LEA | OP_W, RBP, mem_bd(RDI, s->t->bias));
    stmxcsr(s, offsetof(CPUEnv, host_mxcsr));
    ldmxcsr(s, offsetof(CPUEnv, mxcsr));
    asm_mov_rr(a, OP_W, RAX, RSI);
    pin_moves(s, false);
    asm_rm(a, I_MOV_RM | OP_W, R11, ENV(tlb));
    asm_rr(a, 0xff, 4, RAX);
}

/* rax is the return value. */
static void emit_leave(ThunkGen *s)
{
    Asm *a = &s->a;
    pin_moves(s, true);
    stmxcsr(s, offsetof(CPUEnv, mxcsr));
    ldmxcsr(s, offsetof(CPUEnv, host_mxcsr));
    asm_alu_ri(a, OP_W, ALU_ADD, RSP, X86_FRAME_BYTES + 8);
    for (unsigned k = G_N_ELEMENTS(saved); k-- > 0;) {
        pop(s, saved[k]);
    }
    asm_8(a, 0xc3);
}

/* Called by x86_call_thunk(): rax = env->pc_page + the offset behind the call; the stack is as
 * before, and rcx is where the offset is. */
static void emit_pc_of_call(ThunkGen *s)
{
    Asm *a = &s->a;
    pop(s, RCX);
    asm_rm(a, I_MOVZX16, RAX, mem_bd(RCX, 0));
    asm_rm(a, (ALU_ADD * 8 + 3) | OP_W, RAX, ENV(pc_page));
}

static void emit_leave_with(ThunkGen *s, unsigned why, const uint8_t *leave)
{
    asm_mov_ri(&s->a, RAX, why);
    asm_rel_rx(&s->a, 0xe9, leave);
}

/* rax: pc. */
static void emit_set_pc_leave(ThunkGen *s, unsigned why, const uint8_t *leave)
{
    asm_rm(&s->a, I_MOV_MR | OP_W, RAX, ENV(pc));
    emit_leave_with(s, why, leave);
}

/* The upper bits say where the poll is. */
static void emit_poll(ThunkGen *s, const uint8_t *leave)
{
    emit_pc_of_call(s);
    asm_rm(&s->a, I_MOV_MR | OP_W, RAX, ENV(pc));
    asm_alu_ri(&s->a, OP_W, ALU_AND, RCX, ~(int)TCG_LEAVE_MASK);
    asm_rm(&s->a, I_LEA | OP_W, RAX, mem_bd(RCX, TCG_LEAVE_POLL));
    asm_rel_rx(&s->a, 0xe9, leave);
}

/*
 * jump_cache_find() for an entry of another context. rax: pc, rdx: the entry. Jumps to its code if
 * it is good here; else goes on, rax, rcx, rdx unchanged.
 */
static void emit_jump_by_page(ThunkGen *s)
{
    Asm *a = &s->a;
    uint32_t no[3];
    asm_rm(a, I_MOV_RM, RDI, ENV(ctx));
    asm_rm(a, ALU_XOR * 8 + 3, RDI, mem_bd(RDX, offsetof(JumpCacheEntry, ctx)));
    asm_alu_ri(a, 0, ALU_AND, RDI, CPU_CTX_MODE);
    no[0] = asm_jcc8(a, CC_NE);
    asm_rm(a, I_MOV_RM | OP_W, RDI, ENV(fetch));
    asm_mov_rr(a, OP_W, RSI, RAX);
    asm_shift_ri(a, OP_W, SH_SHR, RSI, TLB_PAGE_BITS - TLB_ENTRY_BITS);
    asm_rm(a, (ALU_AND * 8 + 3) | OP_W, RSI, mem_bd(RDI, TLB_MASK_OFFSET));
    asm_alu_rr(a, OP_W, ALU_ADD, RSI, RDI);
    asm_mov_rr(a, OP_W, RDI, RAX);
    asm_alu_ri(a, OP_W, ALU_AND, RDI, (int32_t)TLB_PAGE_MASK);
    asm_rm(a, (ALU_CMP * 8 + 3) | OP_W, RDI, mem_bd(RSI, offsetof(TlbEntry, tag_x)));
    no[1] = asm_jcc8(a, CC_NE);
    asm_rm(a, I_MOV_RM | OP_W, RSI, mem_bd(RSI, offsetof(TlbEntry, addend)));
    asm_alu_rr(a, OP_W, ALU_ADD, RSI, RDI);
    asm_rm(a, (ALU_CMP * 8 + 3) | OP_W, RSI, mem_bd(RDX, offsetof(JumpCacheEntry, page)));
    no[2] = asm_jcc8(a, CC_NE);
    asm_rm(a, I_MOV_RM | OP_W, RSI, ENV(ctx));
    asm_rm(a, I_MOV_MR | OP_W, RSI, mem_bd(RDX, offsetof(JumpCacheEntry, ctx)));
    asm_rm(a, I_MOV_MR | OP_W, RDI, ENV(pc_page));
    asm_rm(a, 0xff, 4, mem_bd(RDX, offsetof(JumpCacheEntry, code)));
    for (unsigned k = 0; k < G_N_ELEMENTS(no); k++) {
        asm_link8(a, no[k]);
    }
}

void x86_jump_cache_entry(Asm *a, const X86Thunks *t)
{
    unsigned left = __builtin_ctz(sizeof(JumpCacheEntry)) - t->pc_shift;

    asm_mov_rr(a, 0, RDX, RAX);
    if (left) {
        asm_shift_ri(a, 0, SH_SHL, RDX, left);
    }
    asm_alu_ri(a, 0, ALU_AND, RDX, ((1 << JUMP_CACHE_BITS) - 1) * (int)sizeof(JumpCacheEntry));
    asm_rm(a, (ALU_ADD * 8 + 3) | OP_W, RDX,
           mem_bd(RBP, (int32_t)offsetof(CPUEnv, jump_cache) - t->bias));
}

/* rcx lies behind the jump of an exit that is not linked. */
static void emit_link(ThunkGen *s, const uint8_t *leave)
{
    Asm *a = &s->a;
    asm_rm(a, I_LEA | OP_W, RAX, mem_bd(RCX, -5));
    asm_alu_ri(a, OP_W, ALU_AND, RAX, -8);
    asm_alu_ri(a, OP_W, ALU_OR, RAX, TCG_LEAVE_LINK);
    asm_rel_rx(a, 0xe9, leave);
}

/* A cross-page exit that is not linked for this context, called by x86_call_thunk() right behind
 * its jump: pc_page is new. */
static void emit_xlink(ThunkGen *s, const uint8_t *leave)
{
    Asm *a = &s->a;
    emit_pc_of_call(s);
    x86_jump_cache_entry(a, s->t);
    asm_rm(a, (ALU_CMP * 8 + 3) | OP_W, RAX, mem_bd(RDX, offsetof(JumpCacheEntry, pc)));
    uint32_t miss = asm_jcc(a, CC_NE);
    asm_alu_mi(a, 0, ALU_SUB, ENV(relink), 1);
    uint32_t again = asm_jcc(a, CC_LE);
    asm_rm(a, I_MOV_RM | OP_W, RSI, ENV(ctx));
    asm_rm(a, (ALU_CMP * 8 + 3) | OP_W, RSI, mem_bd(RDX, offsetof(JumpCacheEntry, ctx)));
    uint32_t other = asm_jcc8(a, CC_NE);
    asm_rm(a, 0xff, 4, mem_bd(RDX, offsetof(JumpCacheEntry, code)));
    asm_link8(a, other);
    emit_jump_by_page(s);
    asm_link(a, miss, asm_pos(a));
    asm_link(a, again, asm_pos(a));
    asm_alu_ri(a, OP_W, ALU_SUB, RCX, 5);
    emit_link(s, leave);
}

static void return_from_slow(ThunkGen *s)
{
    asm_8(&s->a, 0xc2); /* ret 8 */
    asm_16(&s->a, 8);
}

static void emit_slow(ThunkGen *s, X86Slow kind, const uint8_t *table, bool xmm)
{
    Asm *a = &s->a;
    const size_t gpr = offsetof(CPUEnv, host_gpr), vec = offsetof(CPUEnv, host_vec);
    const uint32_t keep = 1u << RAX | 1u << RDX | 1u << RSP | 1u << RBP | 1u << R11;
    for (unsigned r = 0; r < 16; r++) {
        if (!(keep >> r & 1)) {
            asm_rm(a, I_MOV_MR | OP_W, r, env_mem(s, gpr + r * 8));
        }
    }
    for (unsigned r = 0; r < 14; r++) {
        if (xmm || (s->t->fixed.pinned >> (XMM0 + r) & 1)) {
            asm_rm(a, 0x29 | OP_0F, XMM0 + r, env_mem(s, vec + r * 16));
        }
    }
    asm_rm(a, I_LEA | OP_W, R10, mem_bd(RSP, 16));
    asm_rm(a, I_MOV_MR | OP_W, R10, env_mem(s, gpr + RSP * 8));
    stmxcsr(s, offsetof(CPUEnv, mxcsr));
    ldmxcsr(s, offsetof(CPUEnv, host_mxcsr));

    const Mem ra = mem_bd(RSP, 0), word = mem_bd(RSP, 8);
    asm_mov_rr(a, OP_W, RSI, RAX);
    switch (kind) {
    case SLOW_LD:
        asm_rm(a, I_MOV_RM, RDX, word);
        asm_rm(a, I_MOV_RM | OP_W, RCX, ra);
        break;
    case SLOW_ST:
    case SLOW_RMW:
        asm_rm(a, I_MOV_RM, RCX, word);
        asm_rm(a, I_MOV_RM | OP_W, R8, ra);
        break;
    case SLOW_CMPXCHG:
        asm_mov_rr(a, OP_W, RCX, RDX);
        asm_rm(a, I_MOV_RM | OP_W, RDX, x86_slot(s, X86_SLOT_ARG));
        asm_rm(a, I_MOV_RM, R8, word);
        asm_rm(a, I_MOV_RM | OP_W, R9, ra);
        break;
    case SLOW_LD128:
        asm_rm(a, I_MOV_RM, RDX, word);
        asm_rm(a, I_LEA | OP_W, RCX, x86_slot(s, X86_SLOT_VEC));
        asm_rm(a, I_MOV_RM | OP_W, R8, ra);
        break;
    case SLOW_ST128:
        asm_rm(a, I_LEA | OP_W, RDX, x86_slot(s, X86_SLOT_VEC));
        asm_rm(a, I_MOV_RM, RCX, word);
        asm_rm(a, I_MOV_RM | OP_W, R8, ra);
        break;
    case SLOW_PROBE:
        asm_mov_rr(a, OP_W, RCX, RDX);
        asm_rm(a, I_MOV_RM, RDX, word);
        asm_rm(a, I_MOV_RM | OP_W, R8, ra);
        break;
    case SLOW_VEC:
        asm_rm(a, I_MOV_RM, RSI, word);
        break;
    default: /* SLOW_FP */
        asm_rm(a, I_MOV_RM | OP_W, RCX, x86_slot(s, X86_SLOT_ARG));
        asm_rm(a, I_MOV_RM, R8, word);
        break;
    }
    asm_rm(a, I_LEA | OP_W, RDI, env_mem(s, 0));
    Mem fn = mem_rip();
    asm_rm(a, 0xff, 2, fn);
    const uint8_t *entry = table + kind * 8;
    int32_t d = (int32_t)(entry - here(s));
    memcpy(a->p - 4, &d, 4);

    ldmxcsr(s, offsetof(CPUEnv, mxcsr));
    for (unsigned r = 0; r < 14; r++) {
        if (xmm || (s->t->fixed.pinned >> (XMM0 + r) & 1)) {
            asm_rm(a, I_MOVAPS, XMM0 + r, env_mem(s, vec + r * 16));
        }
    }
    for (unsigned r = 0; r < 16; r++) {
        if (!((keep | X86_CALLEE_SAVED) >> r & 1)) {
            asm_rm(a, I_MOV_RM | OP_W, r, env_mem(s, gpr + r * 8));
        }
    }
    asm_rm(a, I_MOV_RM | OP_W, R11, ENV(tlb));
    return_from_slow(s);
}

/* The value at rax into rax. */
static void load_value(ThunkGen *s, unsigned size, bool sx)
{
    Asm *a = &s->a;
    const Mem m = mem_bd(RAX, 0), vec = x86_slot(s, X86_SLOT_VEC);
    switch (size) {
    case TCG_MO_8:
        asm_rm(a, sx ? I_MOVSX8 | OP_W : I_MOVZX8, RAX, m);
        break;
    case TCG_MO_16:
        asm_rm(a, sx ? I_MOVSX16 | OP_W : I_MOVZX16, RAX, m);
        break;
    case TCG_MO_32:
        asm_rm(a, sx ? I_MOVSXD : I_MOV_RM, RAX, m);
        break;
    case TCG_MO_64:
        asm_rm(a, I_MOV_RM | OP_W, RAX, m);
        break;
    default:
        asm_rm(a, I_MOVUPS_RM, XMM15, m);
        asm_rm(a, I_MOVUPS_MR, XMM15, vec);
        break;
    }
}

/* The value at home into what is at rax. */
static void store_value(ThunkGen *s, unsigned size, Mem home)
{
    static const unsigned mov[] = {0x88 | OP_R8, I_MOV_MR | OP_66, I_MOV_MR, I_MOV_MR | OP_W};
    Asm *a = &s->a;
    if (size == TCG_MO_128) {
        asm_rm(a, I_MOVUPS_RM, XMM15, x86_slot(s, X86_SLOT_VEC));
        asm_rm(a, I_MOVUPS_MR, XMM15, mem_bd(RAX, 0));
    } else {
        asm_rm(a, I_MOV_RM | OP_W, RDX, home);
        asm_rm(a, mov[size], RDX, mem_bd(RAX, 0));
    }
}

/* test r, imm */
static void test_const(Asm *a, unsigned r, uint32_t imm)
{
    asm_rr(a, 0xf7, 0, r);
    asm_32(a, imm);
}

static void emit_cold(ThunkGen *s, unsigned size, unsigned kind, const uint8_t *slow)
{
    Asm *a = &s->a;
    const bool store = kind == COLD_ST, keep = store && size != TCG_MO_128;
    const Mem addr = x86_slot(s, X86_SLOT_ARG);
    Mem value = x86_slot(s, X86_SLOT_VEC), table = env_mem(s, offsetof(CPUEnv, tlb));
    asm_rm(a, I_MOV_MR | OP_W, RAX, addr);
    if (keep) {
        asm_rm(a, I_MOV_MR | OP_W, RDX, value);
    }
    asm_rm(a, I_MOV_RM, RDX, mem_bd(RSP, 8));
    uint32_t misaligned = 0;
    if (size > TCG_MO_8) {
        /* Groups take accesses that must be aligned to their size, or need not be. */
        test_const(a, RAX, (1 << size) - 1);
        uint32_t aligned = asm_jcc8(a, CC_E);
        test_const(a, RDX, TCG_MO_ALIGN_DEVICE);
        uint32_t device = asm_jcc8(a, CC_NE);
        test_const(a, RDX, TCG_MO_ALIGN_MASK);
        misaligned = asm_jcc(a, CC_NE);
        asm_link8(a, device);
        asm_link8(a, aligned);
    }
    asm_alu_ri(a, 0, ALU_AND, RDX, TCG_MO_MMU_MASK);
    asm_shift_ri(a, 0, SH_SHR, RDX, TCG_MO_MMU_SHIFT);
    table.index = RDX;
    table.scale = 3;
    asm_rm(a, I_MOV_RM | OP_W, RDX, table);
    asm_shift_ri(a, OP_W, SH_SHR, RAX, TLB_PAGE_BITS - TLB_ENTRY_BITS);
    asm_rm(a, (ALU_AND * 8 + 3) | OP_W, RAX, mem_bd(RDX, TLB_MASK_OFFSET));
    asm_alu_rr(a, OP_W, ALU_ADD, RAX, RDX);
    asm_rm(a, I_MOV_RM | OP_W, RDX, addr);
    if (size > TCG_MO_8) {
        asm_alu_ri(a, OP_W, ALU_ADD, RDX, (1 << size) - 1);
    }
    asm_alu_ri(a, OP_W, ALU_AND, RDX, (int32_t)TLB_PAGE_MASK);
    asm_rm(a, (ALU_CMP * 8 + 3) | OP_W, RDX,
           mem_bd(RAX, store ? offsetof(TlbEntry, tag_w) : offsetof(TlbEntry, tag_r)));
    uint32_t miss = asm_jcc8(a, CC_NE);
    asm_rm(a, I_MOV_RM | OP_W, RAX, mem_bd(RAX, offsetof(TlbEntry, addend)));
    asm_rm(a, (ALU_ADD * 8 + 3) | OP_W, RAX, addr);
    if (store) {
        store_value(s, size, value);
    } else {
        load_value(s, size, kind == COLD_LD_SIGNED);
    }
    return_from_slow(s);
    asm_link8(a, miss);
    if (misaligned) {
        asm_link(a, misaligned, asm_pos(a));
    }
    asm_rm(a, I_MOV_RM | OP_W, RAX, addr);
    if (keep) {
        asm_rm(a, I_MOV_RM | OP_W, RDX, value);
    }
    asm_rel_rx(a, 0xe9, slow);
}

static const uint8_t *align_here(ThunkGen *s)
{
    asm_nop(&s->a, -(uintptr_t)here(s) & 15);
    return here(s);
}

size_t x86_emit_thunks(uint8_t *rw, const uint8_t *rx, size_t room, const TcgHostOptions *o,
                       const TargetDesc *target, void **thunks)
{
    static void *const slow_fn[SLOW_COUNT] = {
        [SLOW_LD] = (void *)tcg_slow_ld,       [SLOW_ST] = (void *)tcg_slow_st,
        [SLOW_RMW] = (void *)tcg_slow_rmw,     [SLOW_CMPXCHG] = (void *)tcg_slow_cmpxchg,
        [SLOW_LD128] = (void *)tcg_slow_ld128, [SLOW_ST128] = (void *)tcg_slow_st128,
        [SLOW_PROBE] = (void *)tcg_slow_probe, [SLOW_FP] = (void *)x86_soft_fp,
        [SLOW_VEC] = (void *)x86_soft_vec,
    };
    X86Thunks *t = g_new0(X86Thunks, 1);
    probe(&t->have);
    t->icount = o->icount;
    t->check = o->check;
    t->relocatable = o->relocatable;
    t->pc32 = target->pc32;
    t->pc_shift = target->pc_shift;
    t->cells = target->cells;
    t->ncells = target->ncells;
    t->rx = rx;
    choose_pins(t, target);
    *thunks = t;

    ThunkGen *s = g_new0(ThunkGen, 1);
    s->t = t;
    s->a = (Asm){.p = rw, .start = rw, .rx = rx - rw};
    const uint8_t *table = rx;
    g_assert(room > 16384);
    for (unsigned k = 0; k < SLOW_COUNT; k++) {
        asm_64(&s->a, (uintptr_t)slow_fn[k]);
    }
    t->enter = (uint64_t(*)(CPUEnv *, const void *))(uintptr_t)align_here(s);
    emit_enter(s);
    const uint8_t *leave = align_here(s);
    emit_leave(s);

    t->link = align_here(s);
    pop(s, RCX);
    emit_link(s, leave);
    t->xlink = align_here(s);
    emit_xlink(s, leave);
    t->poll = align_here(s);
    emit_poll(s, leave);
    t->other = align_here(s);
    emit_jump_by_page(s);
    emit_set_pc_leave(s, TCG_LEAVE_LOOKUP, leave);
    t->dead = align_here(s);
    emit_pc_of_call(s);
    t->miss = here(s);
    emit_set_pc_leave(s, TCG_LEAVE_LOOKUP, leave);
    t->icount_stop = align_here(s);
    emit_pc_of_call(s);
    emit_set_pc_leave(s, TCG_LEAVE_ICOUNT, leave);
    t->lookup_poll = align_here(s);
    emit_set_pc_leave(s, TCG_LEAVE_POLL, leave);
    t->main = align_here(s);
    emit_set_pc_leave(s, TCG_LEAVE_MAIN, leave);
    for (unsigned xmm = 0; xmm < 2; xmm++) {
        for (unsigned k = 0; k < SLOW_COUNT; k++) {
            t->slow[xmm][k] = align_here(s);
            emit_slow(s, k, table, xmm);
        }
        for (unsigned k = 0; k < X86_COLD_COUNT; k++) {
            unsigned size = k / COLD_KINDS, kind = k % COLD_KINDS;
            X86Slow slow = size == TCG_MO_128 ? (kind == COLD_ST ? SLOW_ST128 : SLOW_LD128)
                           : kind == COLD_ST  ? SLOW_ST
                                              : SLOW_LD;
            t->cold[xmm][k] = align_here(s);
            emit_cold(s, size, kind, t->slow[xmm][slow]);
        }
    }
    size_t used = s->a.p - rw;
    g_assert(used <= room);
    g_free(s);
    return used;
}

/* What generated code depends on beside the unit and this program: the processor, options, the
 * registers of cells, and where the thunks are. */
void x86_identify(void *thunks, GChecksum *sum)
{
    const X86Thunks *t = thunks;
    const uint8_t *const entry[] = {t->link, t->xlink,       t->poll, t->dead, t->icount_stop,
                                    t->miss, t->lookup_poll, t->main, t->other};
    uint8_t have[sizeof(t->have)];
    GString *s = g_string_new("x86-64");
    memcpy(have, &t->have, sizeof(have));
    for (unsigned k = 0; k < sizeof(have); k++) {
        g_string_append_c(s, have[k] ? '1' : '0');
    }
    g_string_append_printf(s, " %d %d %d %u %d", t->icount, t->check, t->pc32, t->pc_shift,
                           t->bias);
    for (unsigned k = 0; k < t->fixed.n; k++) {
        const X86Pin *p = &t->fixed.pins[k];
        g_string_append_printf(s, " %u:%u:%u", p->reg, p->cell, p->offset);
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(entry); k++) {
        g_string_append_printf(s, " %td", entry[k] - t->rx);
    }
    for (unsigned k = 0; k < 2 * SLOW_COUNT; k++) {
        g_string_append_printf(s, " %td", t->slow[k / SLOW_COUNT][k % SLOW_COUNT] - t->rx);
    }
    for (unsigned k = 0; k < 2 * X86_COLD_COUNT; k++) {
        g_string_append_printf(s, " %td", t->cold[k / X86_COLD_COUNT][k % X86_COLD_COUNT] - t->rx);
    }
    g_checksum_update(sum, (const guchar *)s->str, s->len + 1);
    g_string_free(s, true);
}
