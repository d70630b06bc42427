/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Types for insn-scan-x86.c: the shape that an x86 frontend gives its decoder. A stream of bytes
 * instead of words; prefixes, ModRM and immediates are PATTERN classes with a function each.
 */
#ifndef TESTS_UNIT_INSN_SCAN_X86_H
#define TESTS_UNIT_INSN_SCAN_X86_H

#include "target/insn-row.h"

typedef struct X86Stream {
    const uint8_t *p, *end;
    bool overrun; /* the instruction goes on behind the end */
} X86Stream;

typedef struct X86Insn {
    /* set by prefixes */
    uint8_t rex; /* W R X B in bits 3-0, 0x40 if there is one */
    bool opsize, lock;
    /* fields of patterns */
    uint8_t dir, wide, sx;
    uint8_t mod, reg, rm;
    /* set by modrm */
    uint8_t scale, index, base; /* index 4: none; base 16: none, 17: rip */
    int32_t disp;
    /* set by imm */
    int64_t imm;
} X86Insn;

/* What the functions below the rows emit into: here, the text of the operation. */
typedef struct X86Ctx {
    const char *op;
} X86Ctx;

enum { X86_BIT_BASE };
#define X86_EXT(name) ((uint64_t)1 << X86_BIT_##name)

/* Words of operand texts: what ModRM's rm says, what its reg says (exchanged if dir is set), the
 * accumulator, the immediate. */
enum { X86_OPERAND_FIRST = 0x80, X86_OPERAND_E, X86_OPERAND_G, X86_OPERAND_A, X86_OPERAND_I };

#include "tests/unit/x86-insn-gen.h"

/* For the generated decoder: the next four bytes, the first one on top, zeros behind the end. */
uint32_t x86_peek(X86Stream *s);
void x86_skip(X86Stream *s, unsigned bytes);
void x86_take_prefixes(X86Stream *s, X86Insn *a);
void x86_take_modrm(X86Stream *s, X86Insn *a);
void x86_take_imm(X86Stream *s, X86Insn *a);

X86InsnId x86_decode(X86Stream *s, uint64_t ext, X86Insn *a);
extern void (*const x86_trans[X86_INSN_COUNT])(X86Ctx *c, const X86Insn *a);
extern const InsnRow x86_insn_rows[X86_INSN_COUNT];

#endif
