/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Lock-step mode (-accel tcg,check=on): each unit runs twice from the same state, first in the
 * interpreter on a copy of the CPU's state with its stores kept aside, then as generated code for
 * real. Then cells, the rest of the CPU's state, program counter, FP status, exception, and every
 * byte that was stored must agree; the first difference ends the program with the guest
 * instructions, the IR and the host code.
 *
 * What cannot run twice (device accesses, helpers marked TCG_HELPER_IO) ends the comparison of its
 * unit; the unit counts as not checked. Works with any number of vCPUs because all run in one
 * thread; DMA between the two runs into bytes the unit reads would show as a difference, so device
 * work is done with the vCPUs' thread held off (see docs/testing.md).
 */
#include <stdlib.h>
#include <string.h>
#include "accel/tcg/internal.h"
#include "rhea/log.h"

/* Bytes that the interpreter stored, newest value; a unit stores few. */
typedef struct Byte {
    uint64_t addr; /* virtual */
    const uint8_t *host;
    uint8_t val;
} Byte;

typedef struct CheckState {
    CPUEnv *shadow, *before;
    Byte *bytes;
    unsigned n_bytes, cap;
    bool veto; /* device access */
    sigjmp_buf vetoed;
} CheckState;

static void veto(CPU *cpu)
{
    cpu->tcg->check->veto = true;
    siglongjmp(cpu->tcg->check->vetoed, 1);
}

static uint8_t load_byte(CPU *cpu, const uint8_t *host)
{
    CheckState *c = cpu->tcg->check;

    for (unsigned i = c->n_bytes; i > 0; i--) {
        if (c->bytes[i - 1].host == host) {
            return c->bytes[i - 1].val;
        }
    }
    return *host;
}

static void store_byte(CPU *cpu, uint64_t addr, const uint8_t *host, uint8_t val)
{
    CheckState *c = cpu->tcg->check;

    for (unsigned i = c->n_bytes; i > 0; i--) {
        if (c->bytes[i - 1].host == host) {
            c->bytes[i - 1].val = val;
            return;
        }
    }
    if (c->n_bytes == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 256;
        c->bytes = g_renew(Byte, c->bytes, c->cap);
    }
    c->bytes[c->n_bytes++] = (Byte){addr, host, val};
}

static uint64_t from_bytes(const uint8_t *b, uint32_t memop)
{
    unsigned size = 1u << tcg_mo_size(memop);
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)b[memop & TCG_MO_BE ? size - 1 - i : i] << (8 * i);
    }
    if ((memop & TCG_MO_SIGN) && size < 8) {
        v = (uint64_t)((int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size));
    }
    return v;
}

static void to_bytes(uint8_t *b, uint64_t v, uint32_t memop)
{
    unsigned size = 1u << tcg_mo_size(memop);

    for (unsigned i = 0; i < size; i++) {
        b[memop & TCG_MO_BE ? size - 1 - i : i] = v >> (8 * i);
    }
}

/* Host addresses of an access, where it runs into a second page two. */
typedef struct HostBytes {
    uint8_t *p[2];
    unsigned first; /* bytes at p[0] */
} HostBytes;

/* The soft TLB is asked as by the real access: about all of it, before any byte moves. */
static HostBytes host_bytes(CPU *cpu, uint64_t addr, uint32_t memop, TlbAccess access)
{
    HostBytes h;

    h.first = tlb_peek(cpu, addr, 1u << tcg_mo_size(memop), access, tcg_mo_mmu(memop), h.p);
    if (!h.first) {
        veto(cpu);
    }
    return h;
}

static uint8_t *host_at(const HostBytes *h, unsigned i)
{
    return i < h->first ? h->p[0] + i : h->p[1] + (i - h->first);
}

static uint64_t load_bytes(CPU *cpu, const HostBytes *h, uint32_t memop)
{
    uint8_t b[8];

    for (unsigned i = 0; i < 1u << tcg_mo_size(memop); i++) {
        b[i] = load_byte(cpu, host_at(h, i));
    }
    return from_bytes(b, memop);
}

static void store_bytes(CPU *cpu, const HostBytes *h, uint64_t addr, uint64_t val, uint32_t memop)
{
    uint8_t b[8];

    to_bytes(b, val, memop);
    for (unsigned i = 0; i < 1u << tcg_mo_size(memop); i++) {
        store_byte(cpu, addr + i, host_at(h, i), b[i]);
    }
}

static uint64_t check_ld(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop)
{
    tlb_check_align(env->cpu, addr, memop, TLB_READ, 0);
    HostBytes h = host_bytes(env->cpu, addr, memop, TLB_READ);
    return load_bytes(env->cpu, &h, memop);
}

static void check_st(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val, uint32_t memop)
{
    tlb_check_align(env->cpu, addr, memop, TLB_WRITE, 0);
    HostBytes h = host_bytes(env->cpu, addr, memop, TLB_WRITE);
    store_bytes(env->cpu, &h, addr, val, memop);
}

static HostBytes atomic_host(CPU *cpu, uint64_t addr, uint32_t memop)
{
    tlb_check_align(cpu, addr, memop, TLB_WRITE, 0);
    if ((addr & ((1u << tcg_mo_size(memop)) - 1)) && !(memop & TCG_MO_WITHIN16)) {
        cpu->target->unaligned(cpu, addr, TLB_WRITE, 0);
    }
    return host_bytes(cpu, addr, memop, TLB_WRITE);
}

static uint64_t check_rmw(void *opaque, CPUEnv *env, uint64_t addr, uint64_t val,
                          uint32_t memop_rmw)
{
    uint16_t memop = memop_rmw;
    HostBytes h = atomic_host(env->cpu, addr, memop);
    uint64_t old = load_bytes(env->cpu, &h, memop);

    store_bytes(env->cpu, &h, addr,
                tcg_rmw_value(old, val, (TCGRmw)(memop_rmw >> 16), 1u << tcg_mo_size(memop)),
                memop);
    return old;
}

static uint64_t check_cmpxchg(void *opaque, CPUEnv *env, uint64_t addr, uint64_t expect,
                              uint64_t val, uint32_t memop)
{
    HostBytes h = atomic_host(env->cpu, addr, memop);
    uint64_t old = load_bytes(env->cpu, &h, memop);
    unsigned sh = 64 - (8 << tcg_mo_size(memop));

    if (old << sh == expect << sh) {
        store_bytes(env->cpu, &h, addr, val, memop);
    }
    return old;
}

/* The memop of each half of 16 bytes, whose alignment was looked at. */
static uint32_t memop_half(uint32_t memop)
{
    return (memop & ~(TCG_MO_SIZE | TCG_MO_ALIGN_MASK)) | TCG_MO_64;
}

static uint64_t addr_half(const CPU *cpu, uint64_t addr)
{
    return cpu->target->pc32 ? (uint32_t)(addr + 8) : addr + 8;
}

static void check_ld128(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint64_t out[2])
{
    bool be = memop & TCG_MO_BE;

    tlb_check_align(env->cpu, addr, memop, TLB_READ, 0);
    out[be] = check_ld(opaque, env, addr, memop_half(memop));
    out[!be] = check_ld(opaque, env, addr_half(env->cpu, addr), memop_half(memop));
}

static void check_st128(void *opaque, CPUEnv *env, uint64_t addr, const uint64_t val[2],
                        uint32_t memop)
{
    bool be = memop & TCG_MO_BE;
    uint32_t half = memop_half(memop);
    uint64_t second = addr_half(env->cpu, addr);

    tlb_check_align(env->cpu, addr, memop, TLB_WRITE, 0);
    HostBytes h[2] = {host_bytes(env->cpu, addr, half, TLB_WRITE),
                      host_bytes(env->cpu, second, half, TLB_WRITE)};
    store_bytes(env->cpu, &h[0], addr, val[be], half);
    store_bytes(env->cpu, &h[1], second, val[!be], half);
}

static void check_probe(void *opaque, CPUEnv *env, uint64_t addr, uint32_t memop, uint32_t store)
{
    tcg_slow_probe(env, addr, memop, store, 0);
}

static bool check_may_call(void *opaque, const TCGHelper *h)
{
    return !(h->flags & TCG_HELPER_IO);
}

static const TcgInterpMem check_mem = {
    .ld = check_ld,
    .st = check_st,
    .rmw = check_rmw,
    .cmpxchg = check_cmpxchg,
    .ld128 = check_ld128,
    .st128 = check_st128,
    .probe = check_probe,
    .may_call = check_may_call,
};

static CheckState *check_state(CPU *cpu)
{
    TcgCpu *tc = cpu->tcg;

    if (!tc->check) {
        size_t size = (cpu->target->env_size + 63) & ~(size_t)63;
        tc->check = g_new0(CheckState, 1);
        tc->check->shadow = aligned_alloc(64, size);
        tc->check->before = aligned_alloc(64, size);
    }
    return tc->check;
}

void check_free(CPU *cpu)
{
    CheckState *c = cpu->tcg->check;

    if (c) {
        free(c->shadow);
        free(c->before);
        g_free(c->bytes);
        g_free(c);
    }
}

/*
 * Interpret the unit on the shadow. True if the result can be compared; *excp: what it raised, -1
 * none, -2 left without an exception. Everything live across the jumps is in memory.
 */
static bool interpret(CPU *cpu, const Unit *u, int32_t *excp)
{
    TcgCpu *tc = cpu->tcg;
    CheckState *c = tc->check;
    sigjmp_buf outer;
    volatile bool ok = true;
    volatile int32_t raised = -1;
    uint8_t data_slot[CPU_MMU_CONTEXTS], fetch_slot = tc->fetch_slot;

    memcpy(data_slot, tc->data_slot, sizeof(data_slot));
    memcpy(outer, tc->jmp, sizeof(outer));
    memcpy(c->shadow, c->before, cpu->target->env_size);
    c->shadow->icount_left -= u->ninsns;
    c->n_bytes = 0;
    c->veto = false;
    cpu->env = c->shadow;
    tc->interp_unit = (Unit *)u;
    tcg_interp_set_mem(tc->interp, &check_mem, NULL);
    if (sigsetjmp(c->vetoed, 0)) {
        ok = false;
    } else if (sigsetjmp(tc->jmp, 0)) {
        raised = tc->excp >= 0 ? tc->excp : -2;
    } else if (tcg_interp_run(*unit_ir(u), c->shadow, tc->interp) == TCG_INTERP_VETO) {
        ok = false;
    }
    tcg_interp_set_mem(tc->interp, NULL, NULL);
    memcpy(tc->jmp, outer, sizeof(outer));
    tc->interp_unit = NULL;
    tc->excp = -1;
    cpu->env = tc->env;
    memcpy(tc->data_slot, data_slot, sizeof(data_slot));
    tc->fetch_slot = fetch_slot;
    *excp = raised;
    return ok;
}

/* Name what differs in the architecture's part of the state. */
static void compare_state(CPU *cpu, const uint8_t *i, const uint8_t *j, GString *s)
{
    size_t before = s->len;

    for (unsigned k = 0; k < cpu->target->ncells; k++) {
        const TCGCell *cell = &cpu->target->cells[k];
        unsigned size = cell->type == TCG_V128                           ? 16
                        : cell->type == TCG_I64 || cell->type == TCG_F64 ? 8
                                                                         : 4;
        if (memcmp(i + cell->offset, j + cell->offset, size)) {
            uint64_t a[2] = {0}, b[2] = {0};
            memcpy(a, i + cell->offset, size);
            memcpy(b, j + cell->offset, size);
            g_string_append_printf(s,
                                   "%s: interpreter %016" PRIx64 "%016" PRIx64
                                   ", generated code %016" PRIx64 "%016" PRIx64 "\n",
                                   cell->name, a[1], a[0], b[1], b[0]);
        }
    }
    if (s->len == before) {
        for (size_t k = sizeof(CPUEnv); k < cpu->target->check_size; k++) {
            if (i[k] != j[k]) {
                g_string_append_printf(
                    s, "CPU state byte %zu: interpreter %#x, generated code %#x\n", k, i[k], j[k]);
                break;
            }
        }
    }
}

/* What differs, as text, or NULL. */
static char *compare(CPU *cpu, int32_t excp_i, int32_t excp_j)
{
    const CheckState *c = cpu->tcg->check;
    const uint8_t *i = (const uint8_t *)c->shadow, *j = (const uint8_t *)cpu->env;
    GString *s = g_string_new(NULL);

    if (excp_i != excp_j) {
        g_string_append_printf(s, "exception: interpreter %d, generated code %d\n", excp_i, excp_j);
    }
    if (c->shadow->pc != cpu->env->pc) {
        g_string_append_printf(s, "pc: interpreter %#" PRIx64 ", generated code %#" PRIx64 "\n",
                               c->shadow->pc, cpu->env->pc);
    }
    /* Flags IE, ZE, OE, UE, PE and the rounding mode; x86's own denormal flag is nobody's. */
    if ((c->shadow->mxcsr ^ cpu->env->mxcsr) & 0x603d) {
        g_string_append_printf(s, "fp status: interpreter %#x, generated code %#x\n",
                               c->shadow->mxcsr & 0x603d, cpu->env->mxcsr & 0x603d);
    }
    if (c->shadow->fp_more != cpu->env->fp_more) {
        g_string_append_printf(s, "fp_more: interpreter %#x, generated code %#x\n",
                               c->shadow->fp_more, cpu->env->fp_more);
    }
    if (memcmp(i + sizeof(CPUEnv), j + sizeof(CPUEnv), cpu->target->check_size - sizeof(CPUEnv))) {
        compare_state(cpu, i, j, s);
    }
    for (unsigned k = 0; k < c->n_bytes; k++) {
        if (*c->bytes[k].host != c->bytes[k].val) {
            g_string_append_printf(s, "byte at %#" PRIx64 ": interpreter %#x, generated code %#x\n",
                                   c->bytes[k].addr, c->bytes[k].val, *c->bytes[k].host);
        }
    }
    return g_string_free(s, s->len == 0);
}

static void report(CPU *cpu, const Unit *u, const char *what) G_GNUC_NORETURN;
static void report(CPU *cpu, const Unit *u, const char *what)
{
    CheckState *c = cpu->tcg->check;
    FILE *f = stderr;
    uint64_t pc = c->before->pc;
    const uint8_t *host;

    fprintf(f,
            "lock-step: interpreter and generated code differ in the unit at %#" PRIx64
            " (mode %#x, %u instructions)\n%s\n",
            pc, u->mode, u->ninsns, what);
    memcpy(cpu->env, c->before, cpu->target->env_size);
    if (tlb_fetch_probe(cpu, pc, &host) != RAM_ADDR_NONE && cpu->target->disas) {
        g_autoptr(GString) line = g_string_new(NULL);
        for (uint32_t done = 0; done < u->guest_bytes;) {
            unsigned room = TLB_PAGE_SIZE - ((pc + done) & ~TLB_PAGE_MASK);
            g_string_truncate(line, 0);
            unsigned n = cpu->target->disas(cpu, pc + done, host + done, MIN(room, 16), line);
            if (n == 0 || n > room) {
                break;
            }
            fprintf(f, "0x%08" PRIx64 ":  %s\n", pc + done, line->str);
            done += n;
        }
    }
    fprintf(f, "\nIR:\n");
    tcg_dump(*unit_ir(u), f);
    const Accel *a = cpu->tcg->accel;
    TcgCode code = unit_code(a, u);
    fprintf(f, "\nhost code at %p, %u bytes:\n", code.code, code.code_size);
    if (a->host->disas) {
        a->host->disas(a->thunks, &code, f);
    }
    if (cpu->target->dump_state) {
        fprintf(f, "\nstate before:\n");
        cpu->target->dump_state(cpu, f);
    }
    fflush(f);
    abort();
}

uint64_t check_run(CPU *cpu, Unit *u)
{
    TcgCpu *tc = cpu->tcg;
    Accel *a = tc->accel;
    CheckState *c = check_state(cpu);
    sigjmp_buf outer;
    int32_t excp_i = -1;
    volatile int32_t excp_j = -1;
    volatile uint64_t ret = 0;
    bool comparable = false;

    if (cpu->env->icount_left < u->ninsns) {
        return TCG_LEAVE_ICOUNT;
    }
    memcpy(c->before, cpu->env, cpu->target->env_size);
    comparable = interpret(cpu, u, &excp_i);
    /* The interpreter's accesses may have refilled or resized the TLB. */
    memcpy(outer, tc->jmp, sizeof(outer));
    if (sigsetjmp(tc->jmp, 0)) {
        excp_j = tc->excp >= 0 ? tc->excp : -2;
    } else {
        TcgCode code = unit_code(a, u);
        ret = a->host->enter(a->thunks, cpu->env, code.code);
        if ((ret & TCG_LEAVE_MASK) == TCG_LEAVE_LINK) {
            cpu->env->pc = cpu->env->pc_page + tcg_exit_of(&code, ret)->offset;
        }
    }
    memcpy(tc->jmp, outer, sizeof(outer));
    if (!comparable || (ret & TCG_LEAVE_MASK) == TCG_LEAVE_ICOUNT) {
        a->stat_unchecked++;
    } else {
        g_autofree char *wrong = compare(cpu, excp_i, excp_j);
        if (wrong) {
            report(cpu, u, wrong);
        }
        a->stat_checked++;
    }
    if (excp_j != -1) {
        tc->excp = excp_j == -2 ? -1 : excp_j;
        siglongjmp(tc->jmp, 1);
    }
    return ret;
}
