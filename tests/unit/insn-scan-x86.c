/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * One opcode group of x86 as INSN rows: the eight operations of group 1 (Intel SDM volume 2,
 * appendix A.4.2) in their three forms, with REX, 66 and LOCK prefixes, in 64-bit mode. It shows
 * that the scanner's rows read well for an instruction set with prefixes and ModRM, and it is the
 * test of the scanner's pattern classes and of its stream mode.
 *
 * Test: test-insn-scan-x86.c.
 */
#include "tests/unit/insn-scan-x86.h"

/* ---- pattern classes ---- */

/* 66, F0 and REX before the opcode. */
PATTERN(prefixes, "", x86_take_prefixes)
void x86_take_prefixes(X86Stream *s, X86Insn *a)
{
    for (; s->p < s->end; s->p++) {
        if (*s->p == 0x66) {
            a->opsize = true;
        } else if (*s->p == 0xf0) {
            a->lock = true;
        } else {
            break;
        }
    }
    if (s->p < s->end && (*s->p & 0xf0) == 0x40) {
        a->rex = *s->p++;
    }
}

static uint32_t take(X86Stream *s, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++) {
        if (s->p == s->end) {
            s->overrun = true;
            return 0;
        }
        v |= (uint32_t)*s->p++ << 8 * i;
    }
    return v;
}

/* The ModRM byte belongs to the fixed part; SIB and displacement follow. */
PATTERN(modrm, "mod:2 reg:3 rm:3", x86_take_modrm)
void x86_take_modrm(X86Stream *s, X86Insn *a)
{
    unsigned rex_r = a->rex << 1 & 8, rex_x = a->rex << 2 & 8, rex_b = a->rex << 3 & 8;
    a->reg |= rex_r;
    a->index = 4;
    if (a->mod == 3) {
        a->rm |= rex_b;
        return;
    }
    a->base = a->rm | rex_b;
    if (a->rm == 4) {
        uint32_t sib = take(s, 1);
        a->scale = sib >> 6;
        a->index = (sib >> 3 & 7) | rex_x;
        a->base = (sib & 7) | rex_b;
        if ((sib & 7) == 5 && a->mod == 0) {
            a->base = 16;
        }
    } else if (a->rm == 5 && a->mod == 0) {
        a->base = 17;
    }
    if (a->mod == 1) {
        a->disp = (int8_t)take(s, 1);
    } else if (a->mod == 2 || a->base >= 16) {
        a->disp = (int32_t)take(s, 4);
    }
}

/* ib if the operation is on bytes or sign-extends its immediate, else iw or id. */
PATTERN(imm, "", x86_take_imm)
void x86_take_imm(X86Stream *s, X86Insn *a)
{
    if (!a->wide || a->sx) {
        a->imm = (int8_t)take(s, 1);
    } else if (a->opsize && !(a->rex & 8)) {
        a->imm = (int16_t)take(s, 2);
    } else {
        a->imm = (int32_t)take(s, 4);
    }
}

uint32_t x86_peek(X86Stream *s)
{
    uint32_t w = 0;
    for (unsigned i = 0; i < 4; i++) {
        w = w << 8 | (s->p + i < s->end ? s->p[i] : 0);
    }
    return w;
}

void x86_skip(X86Stream *s, unsigned bytes)
{
    take(s, bytes);
}

/* ---- group 1: /r forms, accumulator forms, immediate forms 80, 81 and 83 ---- */

/* LOCK needs a destination in memory; 82 is no instruction in 64-bit mode. */
INSN(add__rm, "@prefixes 000000 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(add__acc, "@prefixes 0000010 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(add__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=000} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_add(X86Ctx *c, const X86Insn *a)
{
    c->op = "add";
}

INSN(or__rm, "@prefixes 000010 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(or__acc, "@prefixes 0000110 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(or__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=001} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_or(X86Ctx *c, const X86Insn *a)
{
    c->op = "or";
}

INSN(adc__rm, "@prefixes 000100 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(adc__acc, "@prefixes 0001010 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(adc__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=010} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_adc(X86Ctx *c, const X86Insn *a)
{
    c->op = "adc";
}

INSN(sbb__rm, "@prefixes 000110 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(sbb__acc, "@prefixes 0001110 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(sbb__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=011} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_sbb(X86Ctx *c, const X86Insn *a)
{
    c->op = "sbb";
}

INSN(and__rm, "@prefixes 001000 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(and__acc, "@prefixes 0010010 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(and__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=100} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_and(X86Ctx *c, const X86Insn *a)
{
    c->op = "and";
}

INSN(sub__rm, "@prefixes 001010 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(sub__acc, "@prefixes 0010110 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(sub__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=101} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_sub(X86Ctx *c, const X86Insn *a)
{
    c->op = "sub";
}

INSN(xor__rm, "@prefixes 001100 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0|mod!=3 lock==0|dir==0")
INSN(xor__acc, "@prefixes 0011010 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(xor__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=110} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0|mod!=3")
void x86_trans_xor(X86Ctx *c, const X86Insn *a)
{
    c->op = "xor";
}

INSN(cmp__rm, "@prefixes 001110 dir:1 wide:1 @modrm", BASE, "E,G", "lock==0")
INSN(cmp__acc, "@prefixes 0011110 wide:1 @imm", BASE, "A,I", "lock==0")
INSN(cmp__imm, "@prefixes 100000 sx:1 wide:1 @modrm{reg=111} @imm", BASE, "E,I",
     "sx==0|wide==1 lock==0")
void x86_trans_cmp(X86Ctx *c, const X86Insn *a)
{
    c->op = "cmp";
}
