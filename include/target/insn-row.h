/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The INSN rows of a target as data: what scripts/insn-scan.py makes of them for disassemblers,
 * program generators and coverage lists. The decoder is generated from the same rows as code.
 *
 * How to write a row: docs/add-an-instruction.md.
 *
 * Everything here is constant, and holds no pointers: a table of 1 MiB with pointers would be
 * relocated, page by page, at every start. Tests: tests/unit/test-riscv-insn.c,
 * tests/unit/test-insn-scan-x86.c.
 */
#ifndef RHEA_TARGET_INSN_ROW_H
#define RHEA_TARGET_INSN_ROW_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The row's macros: the compiler sees nothing of a row, the scanner nothing but rows.
 *   INSN(name, "pattern", extensions, "operands", "where")
 *   FIELD("name in patterns", kind, member)
 *   PATTERN(name, "pattern", function)
 */
#define INSN(...)
#define FIELD(...)
#define PATTERN(...)

#define INSN_MAX_PIECES     8
#define INSN_MAX_FIELDS     12
#define INSN_MAX_WHERE      8
#define INSN_MAX_EXT        4
/* Room for texts, the final 0 included; scripts/insn-scan.py checks the same. */
#define INSN_MAX_FIELD_NAME 10
#define INSN_MAX_NAME       24
#define INSN_MAX_TEXT       32
#define INSN_MAX_FILE       40

/* Bits [pos, pos + len) of the encoding are bits [at, at + len) of the field. */
typedef struct InsnPiece {
    uint8_t pos, len, at;
} InsnPiece;

typedef struct InsnField {
    char name[INSN_MAX_FIELD_NAME]; /* as in the pattern */
    uint8_t width;                  /* 1 + its highest bit */
    uint8_t npieces;
    InsnPiece pieces[INSN_MAX_PIECES];
} InsnField;

/* A condition on a field's raw bits, before sign extension or mapping. */
typedef struct InsnWhere {
    uint8_t field; /* index into fields */
    bool equal;    /* must be equal; else must differ */
    uint32_t value;
} InsnWhere;

typedef struct InsnRow {
    char name[INSN_MAX_NAME];        /* assembler's */
    char file[INSN_MAX_FILE];        /* where the row stands */
    char ext_text[INSN_MAX_TEXT];    /* as written in the row */
    uint8_t operands[INSN_MAX_TEXT]; /* characters < 0x80 as they are, others: the target's operand
                                        kinds; ends with 0 */
    uint64_t
        ext[INSN_MAX_EXT]; /* available if all bits of one of the first next_ext masks are set */
    uint32_t mask, match;  /* of the first `bits` bits */
    uint16_t line;
    uint8_t bits; /* length of the fixed part */
    uint8_t next, nfields, nwhere;
    InsnField fields[INSN_MAX_FIELDS];
    InsnWhere where[INSN_MAX_WHERE];
} InsnRow;

/* True if the row's extensions are among `have`. */
static inline bool insn_row_available(const InsnRow *r, uint64_t have)
{
    for (unsigned i = 0; i < r->next; i++) {
        if ((have & r->ext[i]) == r->ext[i]) {
            return true;
        }
    }
    return false;
}

/* The field's bits in encoding w, in the field's order, unmapped. */
static inline uint32_t insn_field_get(const InsnField *f, uint32_t w)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < f->npieces; i++) {
        const InsnPiece *p = &f->pieces[i];
        v |= (w >> p->pos & ((1u << p->len) - 1)) << p->at;
    }
    return v;
}

/* Encoding w with the field set to v. */
static inline uint32_t insn_field_put(const InsnField *f, uint32_t w, uint32_t v)
{
    for (unsigned i = 0; i < f->npieces; i++) {
        const InsnPiece *p = &f->pieces[i];
        uint32_t m = ((1u << p->len) - 1) << p->pos;
        w = (w & ~m) | (v >> p->at << p->pos & m);
    }
    return w;
}

/* True if w is an encoding of this row as far as its own bits and conditions go. */
static inline bool insn_row_matches(const InsnRow *r, uint32_t w)
{
    if ((w & r->mask) != r->match) {
        return false;
    }
    for (unsigned i = 0; i < r->nwhere; i++) {
        const InsnWhere *c = &r->where[i];
        if ((insn_field_get(&r->fields[c->field], w) == c->value) != c->equal) {
            return false;
        }
    }
    return true;
}

#endif
