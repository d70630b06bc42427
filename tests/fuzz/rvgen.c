/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * rvgen: random RISC-V programs from the INSN rows.
 *
 *   rvgen -o FILE [--seed N] [--count N] [--xlen 32|64] [--cpu MODEL] [--only TEXT] [--reference]
 *
 * Writes a flat image for 0x80000000 (-bios FILE on board virt). The program runs in M mode: it
 * loads all registers with random and with awkward values, executes `count` random instructions,
 * prints every register, fcsr, a hash of the traps taken and a hash of the memory it worked on to
 * the UART, and ends through the test finisher. Two engines that print the same text agree. The
 * same arguments make the same image.
 *
 * How it stays in bounds: x15 and x2 point into a buffer and are only bases; x14 counts loops; x13
 * sums up results, so that what is overwritten later was not for nothing;
 * branches go forward by a few instructions, loops are counted; LR and SC come in pairs; the trap
 * handler skips what trapped. --reference leaves out what the architecture does not define well
 * enough for another emulator to agree on: encodings that are reserved here.
 *
 * Used by tests/fuzz/suite.py.
 */
#include "target/riscv/insn.h"

#include <stdlib.h>
#include <string.h>

#define BASE         0x80000000u
#define UART_LUI     0x10000
#define FINISHER_LUI 0x100
#define BUFFER       8192
#define SAVE         4096

enum { REG_SP = 2, REG_SUM = 13, REG_COUNT = 14, REG_BUF = 15 };

typedef enum Patch {
    PATCH_NONE,
    PATCH_JUMP,     /* imm := target - self */
    PATCH_PCREL_LO, /* imm := target - address of the item before it, less `bias` */
    PATCH_SYM_HI,   /* upper 20 bits of symbol - self */
    PATCH_SYM_LO,   /* lower 12 bits of symbol - address of the item before it */
} Patch;

typedef enum Symbol { SYM_HANDLER, SYM_INIT, SYM_SAVE, SYM_BUFFER, SYM_PUTS, SYM_COUNT } Symbol;

typedef struct Item {
    uint32_t word;
    uint8_t len;
    uint8_t patch;
    bool inner; /* inside a sequence: no jump ends here */
    int16_t bias;
    uint32_t target; /* item or symbol */
    uint32_t row;
    uint32_t addr;
} Item;

typedef struct Gen {
    GRand *rand;
    RISCVConfig *cfg;
    uint64_t ext;
    unsigned xlen;
    bool reference;
    GArray *items;              /* Item */
    GArray *rows;               /* uint32_t: rows to draw from */
    uint32_t symbol[SYM_COUNT]; /* item (handler, puts) or address */
} Gen;

static uint32_t rnd(Gen *g, uint32_t n)
{
    return g_rand_int(g->rand) % n;
}

static bool one_in(Gen *g, uint32_t n)
{
    return rnd(g, n) == 0;
}

static uint64_t rnd64(Gen *g)
{
    uint64_t hi = g_rand_int(g->rand);
    return hi << 32 | g_rand_int(g->rand);
}

/* ---- a small assembler ---- */

static uint32_t row_named(const char *name, uint64_t ext)
{
    for (unsigned i = 1; i < RISCV_INSN_COUNT; i++) {
        if (!strcmp(riscv_insn_rows[i].name, name) &&
            insn_row_available(&riscv_insn_rows[i], ext)) {
            return i;
        }
    }
    g_error("rvgen: no row %s", name);
}

static const InsnField *field_named(const InsnRow *r, const char *name)
{
    for (unsigned i = 0; i < r->nfields; i++) {
        size_t n = strlen(name);
        const char *f = r->fields[i].name;
        if (!strncmp(f, name, n) && (!f[n] || f[n] == '\'')) {
            return &r->fields[i];
        }
    }
    return NULL;
}

/* Register fields with a prime hold x8 to x15. */
static uint32_t put_reg(const InsnRow *r, uint32_t w, const char *name, unsigned reg)
{
    const InsnField *f = field_named(r, name);
    return f ? insn_field_put(f, w, f->name[strlen(f->name) - 1] == '\'' ? reg & 7 : reg) : w;
}

static const InsnField *imm_field(const InsnRow *r)
{
    const InsnField *f = field_named(r, "imm");
    return f ? f : field_named(r, "uimm");
}

static unsigned here(Gen *g)
{
    return g->items->len;
}

static Item *add_item(Gen *g, uint32_t row, uint32_t word)
{
    Item it = {.word = word, .len = riscv_insn_rows[row].bits / 8, .row = row};
    g_array_append_val(g->items, it);
    return &g_array_index(g->items, Item, g->items->len - 1);
}

static Item *asm3(Gen *g, const char *name, unsigned rd, unsigned rs1, unsigned rs2, int64_t imm)
{
    uint32_t row =
        row_named(name, ~(uint64_t)0 & ~(g->xlen == 64 ? RISCV_EXT(RV32) : RISCV_EXT(RV64)));
    const InsnRow *r = &riscv_insn_rows[row];
    uint32_t w = put_reg(r, r->match, "rd", rd);
    w = put_reg(r, w, "rs1", rs1);
    w = put_reg(r, w, "rs2", rs2);
    const InsnField *f = field_named(r, "csr");
    f = f ? f : field_named(r, "shamt");
    f = f ? f : imm_field(r);
    if (f) {
        w = insn_field_put(f, w, (uint32_t)imm);
    }
    return add_item(g, row, w);
}

static void asm_la(Gen *g, unsigned rd, Symbol s)
{
    Item *it = asm3(g, "auipc", rd, 0, 0, 0);
    it->patch = PATCH_SYM_HI;
    it->target = s;
    it = asm3(g, "addi", rd, rd, 0, 0);
    it->patch = PATCH_SYM_LO;
    it->target = s;
}

static void asm_jump(Gen *g, const char *name, unsigned rd, unsigned rs1, unsigned rs2, unsigned to)
{
    Item *it = asm3(g, name, rd, rs1, rs2, 0);
    it->patch = PATCH_JUMP;
    it->target = to;
}

static const char *load_x(const Gen *g)
{
    return g->xlen == 64 ? "ld" : "lw";
}

static const char *store_x(const Gen *g)
{
    return g->xlen == 64 ? "sd" : "sw";
}

static bool has_fp(const Gen *g)
{
    return g->ext & RISCV_EXT(F);
}

static const char *load_f(const Gen *g)
{
    return g->ext & RISCV_EXT(D) ? "fld" : "flw";
}

static const char *store_f(const Gen *g)
{
    return g->ext & RISCV_EXT(D) ? "fsd" : "fsw";
}

/* Slots of the save area. */
enum { SLOT_T0 = 32, SLOT_T1, SLOT_TRAPS, SLOT_HASH, SLOT_FCSR, SLOT_F = 40 };

static int slot(unsigned n)
{
    return n * 8;
}

/* ---- the frame of the program ---- */

/* Skips the instruction that trapped; counts and hashes cause and tval. */
static void gen_handler(Gen *g)
{
    g->symbol[SYM_HANDLER] = here(g);
    asm3(g, "csrrw", 2, 2, 0, 0x340);
    asm3(g, store_x(g), 0, 2, 5, slot(SLOT_T0));
    asm3(g, store_x(g), 0, 2, 6, slot(SLOT_T1));
    asm3(g, load_x(g), 5, 2, 0, slot(SLOT_TRAPS));
    asm3(g, "addi", 5, 5, 0, 1);
    asm3(g, store_x(g), 0, 2, 5, slot(SLOT_TRAPS));
    asm3(g, load_x(g), 5, 2, 0, slot(SLOT_HASH));
    for (unsigned i = 0; i < 2; i++) {
        asm3(g, "slli", 6, 5, 0, 5);
        asm3(g, "sub", 5, 6, 5, 0);
        asm3(g, "csrrs", 6, 0, 0, i ? 0x343 : 0x342);
        asm3(g, "xor", 5, 5, 6, 0);
    }
    asm3(g, store_x(g), 0, 2, 5, slot(SLOT_HASH));
    asm3(g, "csrrs", 5, 0, 0, 0x341);
    asm3(g, "lhu", 6, 5, 0, 0);
    asm3(g, "addi", 5, 5, 0, 2);
    asm3(g, "andi", 6, 6, 0, 3);
    asm3(g, "sltiu", 6, 6, 0, 3);
    unsigned branch = here(g);
    asm_jump(g, "bne", 0, 6, 0, 0);
    asm3(g, "addi", 5, 5, 0, 2);
    g_array_index(g->items, Item, branch).target = here(g);
    asm3(g, "csrrw", 0, 5, 0, 0x341);
    asm3(g, load_x(g), 5, 2, 0, slot(SLOT_T0));
    asm3(g, load_x(g), 6, 2, 0, slot(SLOT_T1));
    asm3(g, "csrrw", 2, 2, 0, 0x340);
    asm3(g, "mret", 0, 0, 0, 0);
}

/* Print x10 in hexadecimal and end the line; returns to x1; uses x5, x6, x7. */
static void gen_puts(Gen *g)
{
    g->symbol[SYM_PUTS] = here(g);
    asm3(g, "lui", 5, 0, 0, (int64_t)UART_LUI << 12);
    asm3(g, "addi", 6, 0, 0, g->xlen - 4);
    unsigned loop = here(g);
    asm3(g, "srl", 7, 10, 6, 0);
    asm3(g, "andi", 7, 7, 0, 15);
    asm3(g, "sltiu", 28, 7, 0, 10);
    asm3(g, "addi", 7, 7, 0, 'a' - 10);
    unsigned letter = here(g);
    asm_jump(g, "beq", 0, 28, 0, 0);
    asm3(g, "addi", 7, 7, 0, '0' - ('a' - 10));
    g_array_index(g->items, Item, letter).target = here(g);
    asm3(g, "sb", 0, 5, 7, 0);
    asm3(g, "addi", 6, 6, 0, -4);
    asm_jump(g, "bge", 0, 6, 0, loop);
    asm3(g, "addi", 7, 0, 0, '\n');
    asm3(g, "sb", 0, 5, 7, 0);
    asm3(g, "jalr", 0, 1, 0, 0);
}

static void gen_begin(Gen *g)
{
    asm_la(g, 5, SYM_HANDLER);
    asm3(g, "csrrw", 0, 5, 0, 0x305);
    asm_la(g, 5, SYM_SAVE);
    asm3(g, "csrrw", 0, 5, 0, 0x340);
    asm3(g, "lui", 5, 0, 0, 0x2000); /* mstatus.FS = initial */
    asm3(g, "csrrs", 0, 5, 0, 0x300);
    asm_la(g, 1, SYM_INIT);
    if (has_fp(g)) {
        asm3(g, "csrrw", 0, 0, 0, 3);
        for (unsigned i = 0; i < 32; i++) {
            asm3(g, load_f(g), i, 1, 0, 256 + slot(i));
        }
    }
    for (unsigned i = 3; i < 32; i++) {
        asm3(g, load_x(g), i, 1, 0, slot(i));
    }
    asm_la(g, REG_BUF, SYM_BUFFER);
    asm3(g, "addi", REG_SP, REG_BUF, 0, 1024);
    asm3(g, "addi", REG_SP, REG_SP, 0, 1024);
    asm3(g, "lui", 1, 0, 0, 0x1000);
    asm3(g, "add", REG_BUF, REG_BUF, 1, 0);
    asm3(g, load_x(g), 1, REG_BUF, 0, 0);
}

/* Print registers, fcsr, the traps' number and hash, the buffer's hash; power off. */
static void gen_end(Gen *g)
{
    asm3(g, "csrrw", REG_BUF, REG_BUF, 0, 0x340);
    for (unsigned i = 1; i < 32; i++) {
        if (i != REG_BUF && i != REG_SP) {
            asm3(g, store_x(g), 0, REG_BUF, i, slot(i));
        }
    }
    unsigned n = 32;
    if (has_fp(g)) {
        asm3(g, "csrrs", 5, 0, 0, 3);
        asm3(g, store_x(g), 0, REG_BUF, 5, slot(SLOT_FCSR));
        for (unsigned i = 0; i < 32; i++) {
            asm3(g, store_f(g), 0, REG_BUF, i, slot(SLOT_F + i));
        }
        n = 40 + 32;
    }
    asm3(g, store_x(g), 0, REG_BUF, 0, slot(SLOT_T0));
    asm3(g, store_x(g), 0, REG_BUF, 0, slot(SLOT_T1));
    /* Every word of the save area, in order. */
    asm3(g, "add", 8, REG_BUF, 0, 0);
    asm3(g, "addi", 9, 8, 0, slot(n));
    unsigned loop = here(g);
    asm3(g, load_x(g), 10, 8, 0, 0);
    asm3(g, "addi", 8, 8, 0, g->xlen / 8);
    asm_jump(g, "jal", 1, 0, 0, g->symbol[SYM_PUTS]);
    asm_jump(g, "bltu", 0, 8, 9, loop);
    /* hash = hash * 31 ^ word over the buffer */
    asm_la(g, 8, SYM_BUFFER);
    asm3(g, "lui", 9, 0, 0, BUFFER);
    asm3(g, "add", 9, 9, 8, 0);
    asm3(g, "addi", 10, 0, 0, 0);
    loop = here(g);
    asm3(g, load_x(g), 5, 8, 0, 0);
    asm3(g, "slli", 6, 10, 0, 5);
    asm3(g, "sub", 10, 6, 10, 0);
    asm3(g, "xor", 10, 10, 5, 0);
    asm3(g, "addi", 8, 8, 0, g->xlen / 8);
    asm_jump(g, "bltu", 0, 8, 9, loop);
    asm_jump(g, "jal", 1, 0, 0, g->symbol[SYM_PUTS]);
    asm3(g, "lui", 5, 0, 0, (int64_t)FINISHER_LUI << 12);
    asm3(g, "lui", 6, 0, 0, 0x5000);
    asm3(g, "addi", 6, 6, 0, 0x555);
    asm3(g, "sw", 0, 5, 6, 0);
    unsigned self = here(g);
    asm_jump(g, "jal", 0, 0, 0, self);
}

/* ---- random instructions ---- */

static bool operand(const InsnRow *r, unsigned word)
{
    return strchr((const char *)r->operands, word) != NULL;
}

static bool is_memory(const InsnRow *r)
{
    const char *p = strchr((const char *)r->operands, '(');
    return p && (uint8_t)p[1] == RISCV_OPERAND_rs1;
}

static bool is_jump(const InsnRow *r)
{
    return operand(r, RISCV_OPERAND_target);
}

/* Rows that need a place of their own in the program, or have none. */
static bool left_out(const InsnRow *r)
{
    static const char *const names[] = {"mret", "sret",   "wfi",  "wrs.nto", "wrs.sto", "jalr",
                                        "c.jr", "c.jalr", "lr.w", "lr.d",    "sc.w",    "sc.d"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(r->name, names[i])) {
            return true;
        }
    }
    return false;
}

static uint32_t random_imm(Gen *g)
{
    static const uint32_t awkward[] = {0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 0x800, 0xfffff7ff};
    return one_in(g, 4) ? awkward[rnd(g, G_N_ELEMENTS(awkward))] : g_rand_int(g->rand);
}

static uint32_t random_field(Gen *g, const InsnRow *r, const InsnField *f)
{
    static const uint16_t csrs[] = {1, 2, 3, 1, 2, 3, 0x140, 0x141, 0x143};
    if (!strcmp(f->name, "rm")) {
        bool reserved = !g->reference && one_in(g, 64);
        return one_in(g, 3) ? rnd(g, reserved ? 8 : 5) : 7;
    }
    if (!strcmp(f->name, "csr")) {
        unsigned first = has_fp(g) ? 0 : 6, last = g->ext & RISCV_EXT(S) ? 9 : 6;
        return first == last ? 0x301 : csrs[first + rnd(g, last - first)];
    }
    if (!strcmp(f->name, "rs1") && is_memory(r)) {
        return REG_BUF;
    }
    if (!strcmp(f->name, "rs1'") && is_memory(r)) {
        return REG_BUF & 7;
    }
    return strstr(f->name, "imm") ? random_imm(g) : g_rand_int(g->rand);
}

/* Would it write a register that the program relies on? */
static bool clobbers(const Gen *g, const InsnRow *r, const RISCVInsn *a)
{
    bool pair = !strcmp(r->name, "amocas.q") || (g->xlen == 32 && !strcmp(r->name, "amocas.d"));
    if (!operand(r, RISCV_OPERAND_rd) && !pair) {
        return false;
    }
    if (!strcmp(r->name, "c.addi16sp")) {
        return false; /* gen_step() repairs it */
    }
    return a->rd == REG_SP || a->rd == REG_SUM || a->rd == REG_COUNT || a->rd == REG_BUF ||
           (pair && a->rd + 1 == REG_BUF);
}

/* An encoding of the row that does no harm, all fields random. */
static uint32_t random_word(Gen *g, uint32_t row)
{
    const InsnRow *r = &riscv_insn_rows[row];
    for (unsigned tries = 0; tries < 10000; tries++) {
        uint32_t w = r->match;
        for (unsigned i = 0; i < r->nfields; i++) {
            w = insn_field_put(&r->fields[i], w, random_field(g, r, &r->fields[i]));
        }
        RISCVInsn a = {0};
        RISCVInsnId id =
            r->bits == 16 ? riscv_decode16(w, g->ext, &a) : riscv_decode32(w, g->ext, &a);
        if (id == row && !clobbers(g, r, &a)) {
            return w;
        }
    }
    g_error("rvgen: no usable encoding of %s", r->name);
}

static unsigned free_reg(Gen *g)
{
    unsigned r;
    do {
        r = 1 + rnd(g, 31);
    } while (r == REG_SP || r == REG_SUM || r == REG_COUNT || r == REG_BUF);
    return r;
}

/* A load-reserved and its store-conditional, with nothing or an instruction that is no access
 * between them. */
static void gen_lr_sc(Gen *g)
{
    bool wide = g->xlen == 64 && one_in(g, 2);
    asm3(g, wide ? "lr.d" : "lr.w", free_reg(g), REG_BUF, 0, 0)->word |= rnd(g, 4) << 25;
    if (one_in(g, 2)) {
        asm3(g, "addi", free_reg(g), free_reg(g), 0, random_imm(g))->inner = true;
    }
    Item *it = asm3(g, wide ? "sc.d" : "sc.w", free_reg(g), REG_BUF, free_reg(g), 0);
    it->word |= rnd(g, 4) << 25;
    it->inner = true;
}

/* A jump through a register to an item further on. */
static void gen_indirect(Gen *g, unsigned ahead)
{
    unsigned t = free_reg(g), form = rnd(g, g->ext & RISCV_EXT(ZCA) ? 3 : 1);
    int bias = form ? 0 : (int)rnd(g, 64) - 32;
    asm3(g, "auipc", t, 0, 0, 0);
    Item *it = asm3(g, "addi", t, t, 0, 0);
    it->patch = PATCH_PCREL_LO;
    it->bias = bias;
    it->target = here(g) + 1 + ahead;
    it->inner = true;
    it = asm3(g,
              form == 0   ? "jalr"
              : form == 1 ? "c.jr"
                          : "c.jalr",
              one_in(g, 2) ? 0 : free_reg(g), t, 0, bias);
    it->inner = true;
}

/* A fresh value for a register, from the table that the program begins with. */
static void gen_refresh(Gen *g)
{
    unsigned t = free_reg(g), n = rnd(g, 64);
    bool fp = has_fp(g) && n >= 32;
    Item *it = asm3(g, "auipc", t, 0, 0, 0);
    it->patch = PATCH_SYM_HI;
    it->target = SYM_INIT;
    it->bias = slot(n);
    it = fp ? asm3(g, load_f(g), rnd(g, 32), t, 0, 0) : asm3(g, load_x(g), t, t, 0, 0);
    it->patch = PATCH_SYM_LO;
    it->target = SYM_INIT;
    it->bias = slot(n);
    it->inner = true;
}

/* Make the last instruction's result count, even if its register is overwritten later. */
static void gen_observe(Gen *g)
{
    const Item *it = &g_array_index(g->items, Item, here(g) - 1);
    const InsnRow *r = &riscv_insn_rows[it->row];
    RISCVInsn a = {0};
    if (r->bits == 16) {
        riscv_decode16(it->word, g->ext, &a);
    } else {
        riscv_decode32(it->word, g->ext, &a);
    }
    if (operand(r, RISCV_OPERAND_rd)) {
        asm3(g, one_in(g, 2) ? "add" : "xor", REG_SUM, REG_SUM, a.rd, 0);
    } else if (operand(r, RISCV_OPERAND_frd)) {
        asm3(g, store_f(g), 0, REG_BUF, a.rd, (int)rnd(g, 512) * 8 - 2048);
    }
}

/* One step of the program: at least one item. room: items until the end of this stretch. */
static void gen_step(Gen *g, unsigned room)
{
    if (room > 12 && (g->ext & RISCV_EXT(ZALRSC)) && one_in(g, 40)) {
        gen_lr_sc(g);
        return;
    }
    if (room > 12 && one_in(g, 40)) {
        gen_indirect(g, rnd(g, 4));
        return;
    }
    if (one_in(g, 8)) {
        gen_refresh(g);
        return;
    }
    uint32_t row = g_array_index(g->rows, uint32_t, rnd(g, g->rows->len));
    const InsnRow *r = &riscv_insn_rows[row];
    if (is_jump(r)) {
        if (room < 8) {
            asm3(g, "addi", free_reg(g), free_reg(g), 0, random_imm(g));
            return;
        }
        uint32_t w = random_word(g, row);
        Item *it = add_item(g, row, w);
        it->patch = PATCH_JUMP;
        it->target = here(g) + rnd(g, 5);
        return;
    }
    add_item(g, row, random_word(g, row));
    if (one_in(g, 3)) {
        gen_observe(g);
    }
    if (!strcmp(r->name, "c.addi16sp")) {
        asm3(g, "addi", REG_SP, REG_BUF, 0, -2048);
    }
    if (r->bits == 32 && field_named(r, "csr") && one_in(g, 2) && has_fp(g)) {
        asm3(g, "csrrwi", 0, rnd(g, 5), 0, 2);
    }
}

static void gen_stretch(Gen *g, unsigned n)
{
    unsigned end = here(g) + n;
    while (here(g) < end) {
        gen_step(g, end - here(g));
    }
    /* Jumps at the end of a stretch may go a little beyond it. */
    for (unsigned i = 0; i < 8; i++) {
        asm3(g, "addi", 0, 0, 0, 0);
    }
}

static void gen_body(Gen *g, unsigned count)
{
    unsigned end = here(g) + count;
    while (here(g) < end) {
        if (one_in(g, 4)) {
            asm3(g, "addi", REG_COUNT, 0, 0, 1 + rnd(g, 20));
            unsigned top = here(g);
            gen_stretch(g, 1 + rnd(g, 60));
            asm3(g, "addi", REG_COUNT, REG_COUNT, 0, -1);
            asm_jump(g, "bne", 0, REG_COUNT, 0, top);
        } else {
            gen_stretch(g, 1 + rnd(g, 200));
        }
    }
}

/* ---- data and layout ---- */

static uint64_t random_value(Gen *g)
{
    static const uint64_t awkward[] = {0,
                                       1,
                                       UINT64_MAX,
                                       INT64_MAX,
                                       (uint64_t)INT64_MIN,
                                       INT32_MAX,
                                       (uint64_t)INT32_MIN,
                                       0x80000000,
                                       0xffffffff,
                                       UINT64_C(0x100000000)};
    switch (rnd(g, 4)) {
    case 0:
        return awkward[rnd(g, G_N_ELEMENTS(awkward))];
    case 1:
        return rnd(g, 64);
    case 2:
        return (int64_t)(int32_t)g_rand_int(g->rand);
    default:
        return rnd64(g);
    }
}

/* Bits of an f register: doubles and boxed singles and halves, with special values. */
static uint64_t random_fp(Gen *g)
{
    static const uint64_t d[] = {0,
                                 UINT64_C(0x8000000000000000),
                                 UINT64_C(0x3ff0000000000000),
                                 UINT64_C(0x7ff0000000000000),
                                 UINT64_C(0xfff0000000000000),
                                 UINT64_C(0x7ff8000000000000),
                                 UINT64_C(0x7ff0000000000001),
                                 UINT64_C(0x0000000000000001),
                                 UINT64_C(0x000fffffffffffff),
                                 UINT64_C(0x7fefffffffffffff)};
    static const uint32_t s[] = {0,          0x80000000, 0x3f800000, 0x7f800000, 0xff800000,
                                 0x7fc00000, 0x7f800001, 0x00000001, 0x007fffff, 0x7f7fffff};
    static const uint16_t h[] = {0,      0x8000, 0x3c00, 0x7c00, 0xfc00,
                                 0x7e00, 0x7c01, 1,      0x3ff,  0x7bff};
    const uint64_t box_s = UINT64_C(0xffffffff00000000), box_h = UINT64_C(0xffffffffffff0000);
    switch (rnd(g, 8)) {
    case 0:
        return d[rnd(g, G_N_ELEMENTS(d))];
    case 1:
        return box_s | s[rnd(g, G_N_ELEMENTS(s))];
    case 2:
        return box_h | h[rnd(g, G_N_ELEMENTS(h))];
    case 3:
        return box_s | ((g_rand_int(g->rand) & 0x80ffffff) + 0x3c000000);
    case 4:
        return (rnd64(g) & UINT64_C(0x801fffffffffffff)) + UINT64_C(0x3fe0000000000000);
    case 5:
        return box_s | g_rand_int(g->rand);
    default:
        return rnd64(g);
    }
}

static uint32_t address_of(const Gen *g, uint32_t symbol)
{
    uint32_t v = g->symbol[symbol];
    return symbol == SYM_HANDLER || symbol == SYM_PUTS ? g_array_index(g->items, Item, v).addr : v;
}

static void patch_item(Gen *g, unsigned i)
{
    Item *it = &g_array_index(g->items, Item, i);
    const InsnRow *r = &riscv_insn_rows[it->row];
    int64_t v;
    if (it->patch == PATCH_NONE) {
        return;
    }
    if (it->patch == PATCH_JUMP || it->patch == PATCH_PCREL_LO) {
        while (g_array_index(g->items, Item, it->target).inner) {
            it->target++;
        }
    }
    if (it->patch == PATCH_JUMP) {
        v = (int64_t)g_array_index(g->items, Item, it->target).addr - it->addr;
    } else if (it->patch == PATCH_PCREL_LO) {
        v = (int64_t)g_array_index(g->items, Item, it->target).addr -
            g_array_index(g->items, Item, i - 1).addr - it->bias;
    } else if (it->patch == PATCH_SYM_HI) {
        v = (int64_t)address_of(g, it->target) + it->bias - it->addr + 0x800;
    } else {
        v = (int64_t)address_of(g, it->target) + it->bias -
            g_array_index(g->items, Item, i - 1).addr;
    }
    it->word = insn_field_put(imm_field(r), it->word, (uint32_t)v);
}

static GByteArray *layout(Gen *g)
{
    uint32_t addr = BASE;
    for (unsigned i = 0; i < g->items->len; i++) {
        Item *it = &g_array_index(g->items, Item, i);
        it->addr = addr;
        addr += it->len;
    }
    g->symbol[SYM_INIT] = (addr + 4095) & ~4095u;
    g->symbol[SYM_SAVE] = g->symbol[SYM_INIT] + 4096;
    g->symbol[SYM_BUFFER] = g->symbol[SYM_SAVE] + SAVE;
    GByteArray *out = g_byte_array_new();
    for (unsigned i = 0; i < g->items->len; i++) {
        patch_item(g, i);
        Item *it = &g_array_index(g->items, Item, i);
        g_byte_array_append(out, (const uint8_t *)&it->word, it->len);
    }
    unsigned data = g->symbol[SYM_INIT] - BASE;
    unsigned total = g->symbol[SYM_BUFFER] + BUFFER - BASE;
    unsigned code = out->len;
    g_byte_array_set_size(out, total);
    memset(out->data + code, 0, total - code);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t x = random_value(g), f = random_fp(g);
        memcpy(out->data + data + i * 8, &x, 8);
        memcpy(out->data + data + 256 + i * 8, &f, 8);
    }
    for (unsigned i = 0; i < BUFFER; i += 8) {
        uint64_t v = one_in(g, 2) ? random_fp(g) : random_value(g);
        memcpy(out->data + total - BUFFER + i, &v, 8);
    }
    return out;
}

static void choose_rows(Gen *g, const char *only)
{
    for (uint32_t i = 1; i < RISCV_INSN_COUNT; i++) {
        const InsnRow *r = &riscv_insn_rows[i];
        if (!insn_row_available(r, g->ext) || left_out(r) ||
            (only && !strstr(r->file, only) && strcmp(r->name, only))) {
            continue;
        }
        /* The base instructions are a tenth of the rows and most of real programs. */
        unsigned times = strstr(r->file, "insn/i.c") ? 4 : 1;
        for (unsigned k = 0; k < times; k++) {
            g_array_append_val(g->rows, i);
        }
    }
    if (!g->rows->len) {
        fprintf(stderr, "rvgen: no instruction matches %s\n", only);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    g_autofree char *output = NULL, *cpu = NULL, *only = NULL;
    int seed = 1, count = 1000, xlen = 64;
    gboolean reference = FALSE;
    const GOptionEntry options[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "image to write", "FILE"},
        {"seed", 's', 0, G_OPTION_ARG_INT, &seed, "of the random numbers (1)", "N"},
        {"count", 'n', 0, G_OPTION_ARG_INT, &count, "random instructions, about (1000)", "N"},
        {"xlen", 'x', 0, G_OPTION_ARG_INT, &xlen, "32 or 64 (64)", "N"},
        {"cpu", 'c', 0, G_OPTION_ARG_STRING, &cpu, "as for -cpu (max)", "MODEL"},
        {"only", 0, 0, G_OPTION_ARG_STRING, &only, "rows of this name, or in files of this name",
         "TEXT"},
        {"reference", 0, 0, G_OPTION_ARG_NONE, &reference, "only what is well defined", NULL},
        {NULL}};
    GError *err = NULL;
    GOptionContext *oc = g_option_context_new("- random RISC-V programs");
    g_option_context_add_main_entries(oc, options, NULL);
    Gen g = {0};
    if (!g_option_context_parse(oc, &argc, &argv, &err) ||
        !(g.cfg = riscv_cpu_model_parse(cpu ? cpu : "max", xlen, &err))) {
        fprintf(stderr, "rvgen: %s\n", err->message);
        return 1;
    }
    if (!output || (xlen != 32 && xlen != 64) || count < 1 || count > 200000) {
        fprintf(stderr, "rvgen: -o FILE is needed; --xlen is 32 or 64, --count up to 200000\n");
        return 1;
    }
    g_option_context_free(oc);
    g.xlen = g.cfg->xlen;
    g.reference = reference;
    g.rand = g_rand_new_with_seed(seed);
    g.ext = riscv_row_extensions(g.cfg);
    g.items = g_array_new(FALSE, TRUE, sizeof(Item));
    g.rows = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    choose_rows(&g, only);
    asm_jump(&g, "jal", 0, 0, 0, 0);
    gen_handler(&g);
    gen_puts(&g);
    g_array_index(g.items, Item, 0).target = here(&g);
    gen_begin(&g);
    gen_body(&g, count);
    gen_end(&g);
    GByteArray *image = layout(&g);
    if (!g_file_set_contents(output, (const char *)image->data, image->len, &err)) {
        fprintf(stderr, "rvgen: %s\n", err->message);
        return 1;
    }
    g_byte_array_free(image, TRUE);
    g_array_free(g.items, TRUE);
    g_array_free(g.rows, TRUE);
    g_rand_free(g.rand);
    return 0;
}
