/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Tables behind a unit of the x86-64 host. Side table: for each return address at which something
 * may fault or ask for the guest's state, the guest instruction and where the sunk cells' values
 * are. Relocations: see the end.
 *
 * First come the bytes at the end of the code that are constants, then the number of pins of a
 * region and, for each, its register and cell; 0: the pins are the fixed ones.
 *
 * A row, in ascending order of return addresses: return address minus the one before (unsigned),
 * pc offset minus the one before (signed), kind | ROW_SUNK if there are sunk cells | instruction
 * number minus the one before (signed) << 3; then, if there are any, the number of sunk cells, and
 * for each its number and its place: register << 2, slot << 2 | 1, or 2 followed by a signed
 * constant. Numbers are LEB128, signed ones zigzag.
 *
 * Thread: restore runs on the vCPU's thread. Test: tests/unit/test-x86-64-jit.c.
 */
#include <xmmintrin.h>
#include "tcg/x86_64/internal.h"

#define ROW_KIND  3
#define ROW_SUNK  4
#define ROW_SHIFT 3
enum { PLACE_REG, PLACE_SLOT, PLACE_CONST };

static uint8_t *put_u(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = v | 0x80;
        v >>= 7;
    }
    *p++ = v;
    return p;
}
static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}
static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1 ^ -(v & 1));
}
static uint8_t *put_s(uint8_t *p, int64_t v)
{
    return put_u(p, zigzag(v));
}
static uint64_t get_u(const uint8_t **p)
{
    uint64_t v = 0;
    unsigned shift = 0;
    uint8_t b;
    do {
        b = *(*p)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        shift += 7;
    } while (b & 0x80);
    return v;
}
static int64_t get_s(const uint8_t **p)
{
    return unzigzag(get_u(p));
}

#define MAX_ROW  24
#define MAX_SUNK 16

/* Bytes written, or SIZE_MAX if there is no room. */
size_t x86_side_encode(const X86Gen *s, uint32_t constants, uint8_t *out, size_t room)
{
    uint8_t *p = out;
    uint32_t ret = 0;
    int32_t pc = 0, insn = 0;
    if (room < MAX_ROW + 4 * X86_MAX_PINS) {
        return SIZE_MAX;
    }
    p = put_u(p, constants);
    p = put_u(p, s->pins == &s->own ? s->own.n : 0);
    for (unsigned k = 0; k < s->own.n && s->pins == &s->own; k++) {
        p = put_u(p, s->own.pins[k].reg);
        p = put_u(p, s->own.pins[k].cell);
    }
    for (unsigned k = 0; k < s->rows.len; k++) {
        const SideRow *r = &x86_list_at(&s->rows, SideRow, k);
        if ((size_t)(p - out) + MAX_ROW + r->nsnap * MAX_SUNK > room) {
            return SIZE_MAX;
        }
        p = put_u(p, r->ret - ret);
        p = put_s(p, r->pc - pc);
        p = put_u(p, r->kind | (r->nsnap ? ROW_SUNK : 0) |
                         zigzag((int32_t)r->insn - insn) << ROW_SHIFT);
        if (r->nsnap) {
            p = put_u(p, r->nsnap);
        }
        for (unsigned j = 0; j < r->nsnap; j++) {
            const Sunk *z = &x86_list_at(&s->snaps, Sunk, r->snap + j);
            p = put_u(p, z->cell);
            if (z->reg != REG_NONE) {
                p = put_u(p, PLACE_REG | z->reg << 2);
            } else if (z->slot) {
                p = put_u(p, PLACE_SLOT | (z->slot - 1) << 2);
            } else {
                p = put_u(p, PLACE_CONST);
                p = put_s(p, s->u->ops[z->value].imm);
            }
        }
        ret = r->ret;
        pc = r->pc;
        insn = r->insn;
    }
    return p - out;
}

uint32_t x86_text_size(const TcgCode *c)
{
    const uint8_t *p = c->side;
    return c->code_size - get_u(&p);
}

typedef struct Row {
    uint32_t ret;
    int32_t pc, insn;
    unsigned kind, nsunk;
    const uint8_t *sunk;
} Row;

static bool find_row(const TcgCode *c, uintptr_t ra, Row *row)
{
    const uint8_t *p = c->side, *end = p + c->side_size;
    uint64_t want = ra - (uintptr_t)c->code;
    *row = (Row){0};
    get_u(&p);
    for (uint64_t k = 2 * get_u(&p); k > 0; k--) {
        get_u(&p);
    }
    while (p < end) {
        row->ret += get_u(&p);
        row->pc += get_s(&p);
        uint64_t k = get_u(&p);
        row->insn += unzigzag(k >> ROW_SHIFT);
        row->kind = k & ROW_KIND;
        row->nsunk = k & ROW_SUNK ? get_u(&p) : 0;
        row->sunk = p;
        if (row->ret == want) {
            return true;
        }
        for (unsigned j = 0; j < row->nsunk; j++) {
            get_u(&p);
            if ((get_u(&p) & 3) == PLACE_CONST) {
                get_s(&p);
            }
        }
    }
    return false;
}

static void store_cell(CPUEnv *env, unsigned type, uint32_t offset, const uint64_t v[2])
{
    void *home = (uint8_t *)env + offset;
    switch (type) {
    case TCG_I32:
    case TCG_F32:
        memcpy(home, v, 4);
        break;
    case TCG_V128:
        memcpy(home, v, 16);
        break;
    default:
        memcpy(home, v, 8);
        break;
    }
}

static void restore_pin(const X86Thunks *t, CPUEnv *env, unsigned reg, unsigned cell)
{
    uint64_t v[2] = {0, 0};

    if (reg < XMM0) {
        v[0] = env->host_gpr[reg];
    } else {
        memcpy(v, env->host_vec[reg - XMM0], 16);
    }
    store_cell(env, t->cells[cell].type, t->cells[cell].offset, v);
}

static void restore_pins(const X86Thunks *t, CPUEnv *env, const TcgCode *c)
{
    const uint8_t *p = c->side;
    get_u(&p);
    uint64_t n = get_u(&p);

    for (uint64_t k = 0; k < n; k++) {
        unsigned reg = get_u(&p);
        restore_pin(t, env, reg, get_u(&p));
    }
    for (unsigned k = 0; k < t->fixed.n && n == 0; k++) {
        restore_pin(t, env, t->fixed.pins[k].reg, t->fixed.pins[k].cell);
    }
}

static void restore_sunk(const X86Thunks *t, CPUEnv *env, const Row *row)
{
    const uint8_t *p = row->sunk;
    for (unsigned j = 0; j < row->nsunk; j++) {
        const TCGCell *cell = &t->cells[get_u(&p)];
        uint64_t place = get_u(&p), n = place >> 2, v[2];
        switch (place & 3) {
        case PLACE_REG:
            if (n < XMM0) {
                v[0] = v[1] = env->host_gpr[n];
            } else {
                memcpy(v, env->host_vec[n - XMM0], 16);
            }
            break;
        case PLACE_SLOT: {
            const void *slot = env->spill[n];
            if (n >= CPU_SPILL_SLOTS) {
                slot = (const void *)(uintptr_t)(env->host_gpr[RSP] + X86_FRAME_ARGS +
                                                 (n - CPU_SPILL_SLOTS) * 16);
            }
            memcpy(v, slot, 16);
            break;
        }
        default:
            v[0] = v[1] = get_s(&p);
            break;
        }
        store_cell(env, cell->type, cell->offset, v);
    }
}

bool x86_side_restore(void *thunks, const TcgCode *c, CPUEnv *env, uintptr_t ra, int64_t *rel,
                      unsigned *insn)
{
    const X86Thunks *t = thunks;
    Row row;
    if (!find_row(c, ra, &row)) {
        return false;
    }
    *rel = row.pc;
    *insn = row.insn;
    if (row.kind == SIDE_SLOW) {
        restore_pins(t, env, c);
        restore_sunk(t, env, &row);
    } else if (row.kind == SIDE_CALL) {
        env->mxcsr = _mm_getcsr();
        _mm_setcsr(env->host_mxcsr);
    }
    return true;
}

bool x86_side_insn_of(const TcgCode *c, uintptr_t ra, unsigned *insn)
{
    Row row;
    if (!find_row(c, ra, &row)) {
        return false;
    }
    *insn = row.insn;
    return true;
}

/*
 * Relocations: the number of addresses in the program, which lie at the end of the code, then the
 * positions of the displacements that lead to thunks, each as the distance from the one before.
 * Exits and the entry are not among them.
 */
size_t x86_relocs_encode(const X86Gen *s, uint8_t *out, size_t room)
{
    uint8_t *p = out;
    uint32_t before = 0;
    if (room < (s->outs.len + 1) * 5) {
        return SIZE_MAX;
    }
    p = put_u(p, s->addrs.len);
    for (unsigned k = 0; k < s->outs.len; k++) {
        uint32_t at = x86_list_at(&s->outs, uint32_t, k);
        p = put_u(p, at - before);
        before = at;
    }
    return p - out;
}

void x86_relocate(void *thunks, const TcgCode *from, uint8_t *rw, const uint8_t *rx,
                  ptrdiff_t program_moved, TcgCode *out)
{
    const uint8_t *old_rw = (const uint8_t *)from->exits - from->code_size;
    ptrdiff_t moved = rx - (const uint8_t *)from->code;
    TcgCode c = *from;
    c.code = rx;
    c.exits = (TcgExit *)(rw + from->code_size);
    c.side = rw + (from->side - old_rw);
    c.relocs = rw + (from->relocs - old_rw);
    if (rw != old_rw) {
        memcpy(rw, old_rw, from->total_size);
    }
    *out = c;
    uint16_t start;
    memcpy(&start, rw + X86_ENTRY_NOP - sizeof(start), sizeof(start));
    x86_entry_nop(&(Asm){.p = rw}, start);

    const uint8_t *p = out->relocs, *end = p + out->relocs_size;
    for (uint64_t k = get_u(&p); k > 0; k--) {
        uint64_t addr;
        uint8_t *at = rw + from->code_size - k * sizeof(addr);
        memcpy(&addr, at, sizeof(addr));
        addr += program_moved;
        memcpy(at, &addr, sizeof(addr));
    }
    for (uint8_t *at = rw; p < end;) {
        int32_t disp;
        at += get_u(&p);
        memcpy(&disp, at, sizeof(disp));
        disp -= moved;
        memcpy(at, &disp, sizeof(disp));
    }
    for (unsigned k = 0; k < out->nexits; k++) {
        TcgExit *e = &out->exits[k];
        *e = (TcgExit){.offset = e->offset, .patch = e->patch, .link = e->link};
        tcg_host_x86_64.patch_exit(thunks, out, e, NULL);
    }
    memset(out->exits + out->nexits, 0, out->nlinks * sizeof(TcgLink));
}

/* ---- units from outside ---- */

/* A number in [*p, end) that is at most max. */
static bool take_u(const uint8_t **p, const uint8_t *end, uint64_t max, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t b = *(*p)++;
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            return *v <= max;
        }
    }
    return false;
}

static bool side_is_sound(const X86Thunks *t, const TcgCode *c, unsigned ninsns)
{
    const uint8_t *p = c->side, *end = p + c->side_size;
    uint64_t ret = 0, pc = 0, insn = 0, own;
    /* Regions are not saved. */
    if (!take_u(&p, end, c->code_size, &own) || !take_u(&p, end, 0, &own)) {
        return false;
    }
    while (p < end) {
        uint64_t d[2], k, sunk = 0, v;
        if (!take_u(&p, end, c->code_size, &d[0]) || !take_u(&p, end, UINT32_MAX, &d[1]) ||
            !take_u(&p, end, UINT32_MAX, &k) ||
            ((k & ROW_SUNK) && !take_u(&p, end, UINT32_MAX, &sunk))) {
            return false;
        }
        ret += d[0];
        pc += unzigzag(d[1]);
        insn += unzigzag(k >> ROW_SHIFT);
        if (ret > c->code_size || pc >= TLB_PAGE_SIZE || insn >= ninsns ||
            (k & ROW_KIND) > SIDE_CALL_FP) {
            return false;
        }
        for (uint64_t j = sunk; j > 0; j--) {
            if (!take_u(&p, end, t->ncells - 1, &v) || !take_u(&p, end, UINT32_MAX, &v)) {
                return false;
            }
            uint64_t n = v >> 2;
            switch (v & 3) {
            case PLACE_REG:
                if (n >= REG_NONE || n >= XMM0 + 16) {
                    return false;
                }
                break;
            case PLACE_SLOT:
                if (n >= X86_MAX_SLOTS) {
                    return false;
                }
                break;
            case PLACE_CONST:
                if (n != 0 || !take_u(&p, end, UINT64_MAX, &v)) {
                    return false;
                }
                break;
            default:
                return false;
            }
        }
    }
    return true;
}

static bool is_thunk(const X86Thunks *t, const uint8_t *to)
{
    const uint8_t *const entry[] = {t->link, t->xlink,       t->poll, t->dead, t->icount_stop,
                                    t->miss, t->lookup_poll, t->main, t->other};
    for (unsigned k = 0; k < G_N_ELEMENTS(entry); k++) {
        if (to == entry[k]) {
            return true;
        }
    }
    for (unsigned k = 0; k < 2 * SLOW_COUNT; k++) {
        if (to == t->slow[k / SLOW_COUNT][k % SLOW_COUNT]) {
            return true;
        }
    }
    for (unsigned k = 0; k < 2 * X86_COLD_COUNT; k++) {
        if (to == t->cold[k / X86_COLD_COUNT][k % X86_COLD_COUNT]) {
            return true;
        }
    }
    return false;
}

/* The ends of the program's code, as the linker gives them. */
extern const char __executable_start[], etext[];

static bool relocs_are_sound(const X86Thunks *t, const TcgCode *c, const uint8_t *rw,
                             ptrdiff_t program_moved)
{
    const uint8_t *p = c->relocs, *end = p + c->relocs_size;
    uint64_t n, at = 0, d;
    if (!take_u(&p, end, c->code_size / sizeof(uint64_t), &n)) {
        return false;
    }
    uint32_t code = c->code_size - n * sizeof(uint64_t);
    for (uint64_t k = 0; k < n; k++) {
        uint64_t addr;
        memcpy(&addr, rw + code + k * sizeof(addr), sizeof(addr));
        addr += program_moved;
        if (addr < (uintptr_t)__executable_start || addr >= (uintptr_t)etext) {
            return false;
        }
    }
    while (p < end) {
        int32_t disp;
        if (!take_u(&p, end, code, &d) || d < (at ? sizeof(disp) : 1)) {
            return false;
        }
        at += d;
        if (at + sizeof(disp) > code) {
            return false;
        }
        memcpy(&disp, rw + at, sizeof(disp));
        /* A jump, a call, or a conditional jump. */
        if ((rw[at - 1] & 0xfe) != 0xe8 && (rw[at - 1] & 0xf0) != 0x80) {
            return false;
        }
        if (!is_thunk(t, (const uint8_t *)c->code + at + sizeof(disp) + disp)) {
            return false;
        }
    }
    return true;
}

static bool exits_are_sound(const TcgCode *c, const uint8_t *rw)
{
    for (unsigned k = 0; k < c->nexits; k++) {
        const TcgExit *e = &c->exits[k];
        if (e->link > c->nlinks) {
            return false;
        }
        if (e->patch == 0) {
            continue; /* a loop, never linked */
        }
        if (e->patch < X86_ENTRY_NOP || e->patch > c->code_size - 5 || (e->patch & 7) > 3 ||
            (rw[e->patch] & 0xfe) != 0xe8) {
            return false;
        }
    }
    return true;
}

bool x86_is_sound(void *thunks, const TcgCode *c, unsigned ninsns, ptrdiff_t program_moved)
{
    const uint8_t *rw = (const uint8_t *)c->exits - c->code_size;
    uint64_t size =
        c->code_size + c->nexits * sizeof(TcgExit) + (uint64_t)c->nlinks * sizeof(TcgLink);
    return c->code_size >= 16 && c->code_size % sizeof(uint64_t) == 0 && c->side == rw + size &&
           c->relocs == c->side + c->side_size && MAX(c->side_size, c->relocs_size) <= UINT16_MAX &&
           size + c->side_size + c->relocs_size == c->total_size && exits_are_sound(c, rw) &&
           side_is_sound(thunks, c, ninsns) && relocs_are_sound(thunks, c, rw, program_moved);
}
