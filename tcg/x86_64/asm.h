/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * x86-64 instruction encoder (Intel SDM volume 2, chapter 2): writes bytes at Asm.p, no checks of
 * room (the caller guarantees a margin for each IR op).
 *
 * Opcodes are one number: the low byte, the OP_* prefix and map bits, and OP_W for 64-bit operands.
 * Registers 0-15 are general, 16-31 are XMM0-15; only the low four bits are encoded.
 *
 * Thread: any, one Asm each. Test: tests/unit/test-x86-64-jit.c.
 */
#ifndef TCG_X86_64_ASM_H
#define TCG_X86_64_ASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    XMM0,
    XMM14 = XMM0 + 14,
    XMM15,
    REG_COUNT,
    REG_NONE = 0xf7 /* without bit 3, so that it encodes as nothing */
};

enum {
    OP_0F = 1 << 8,
    OP_38 = 1 << 9,  /* 0f 38 */
    OP_3A = 1 << 10, /* 0f 3a */
    OP_66 = 1 << 11,
    OP_F3 = 1 << 12,
    OP_F2 = 1 << 13,
    OP_W = 1 << 14,
    OP_R8 = 1 << 15, /* the reg field is a byte register */
    OP_M8 = 1 << 16, /* the r/m field, if a register, is a byte register */
};

/* Conditions as in jcc, setcc, cmovcc. */
enum {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
};

/* The eight classic operations: opcode op * 8 + form, or /op of 81 and 83. */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
/* /n of c1, d1, d3. */
enum { SH_ROL = 0, SH_ROR = 1, SH_SHL = 4, SH_SHR = 5, SH_SAR = 7 };

enum {
    I_MOV_RM = 0x8b,
    I_MOV_MR = 0x89,
    I_LEA = 0x8d,
    I_MOVSXD = 0x63 | OP_W,
    I_MOVZX8 = 0xb6 | OP_0F | OP_M8,
    I_MOVZX16 = 0xb7 | OP_0F,
    I_MOVSX8 = 0xbe | OP_0F | OP_M8,
    I_MOVSX16 = 0xbf | OP_0F,
    I_IMUL = 0xaf | OP_0F,
    I_XCHG = 0x87,
    I_TEST = 0x85,
    I_CMOV = 0x40 | OP_0F,
    I_SETCC = 0x90 | OP_0F | OP_M8,
    I_BSF = 0xbc | OP_0F,
    I_BSR = 0xbd | OP_0F,
    I_TZCNT = 0xbc | OP_0F | OP_F3,
    I_LZCNT = 0xbd | OP_0F | OP_F3,
    I_POPCNT = 0xb8 | OP_0F | OP_F3,
    I_MOVBE_RM = 0xf0 | OP_38,
    I_MOVBE_MR = 0xf1 | OP_38,
    I_XADD = 0xc1 | OP_0F,
    I_CMPXCHG = 0xb1 | OP_0F,

    I_MOVAPS = 0x28 | OP_0F,
    I_MOVUPS_RM = 0x10 | OP_0F,
    I_MOVUPS_MR = 0x11 | OP_0F,
    I_MOVSS_RM = 0x10 | OP_0F | OP_F3,
    I_MOVSS_MR = 0x11 | OP_0F | OP_F3,
    I_MOVSD_RM = 0x10 | OP_0F | OP_F2,
    I_MOVSD_MR = 0x11 | OP_0F | OP_F2,
    I_MOVD_XR = 0x6e | OP_0F | OP_66, /* with OP_W: movq */
    I_MOVD_RX = 0x7e | OP_0F | OP_66,
    I_MOVQ_XX = 0x7e | OP_0F | OP_F3, /* clears the upper half */
    I_XORPS = 0x57 | OP_0F,
    I_ANDPS = 0x54 | OP_0F,
    I_ANDNPS = 0x55 | OP_0F,
    I_ORPS = 0x56 | OP_0F,
};

typedef struct Asm {
    uint8_t *p;     /* next byte, writable mapping */
    uint8_t *start; /* of the unit */
    ptrdiff_t rx;   /* executable address - writable address */
} Asm;

/* [base + index * 2^scale + disp]; base REG_NONE: rip-relative, disp is filled in later. */
typedef struct Mem {
    uint8_t base, index, scale;
    int32_t disp;
} Mem;

static inline Mem mem_bd(unsigned base, int32_t disp)
{
    return (Mem){.base = base, .index = REG_NONE, .disp = disp};
}
static inline Mem mem_bid(unsigned base, unsigned index, int32_t disp)
{
    return (Mem){.base = base, .index = index, .disp = disp};
}
static inline Mem mem_rip(void)
{
    return (Mem){.base = REG_NONE, .index = REG_NONE};
}

static inline uint32_t asm_pos(const Asm *a)
{
    return a->p - a->start;
}
static inline void asm_8(Asm *a, uint8_t v)
{
    *a->p++ = v;
}
static inline void asm_16(Asm *a, uint16_t v)
{
    memcpy(a->p, &v, 2);
    a->p += 2;
}
static inline void asm_32(Asm *a, uint32_t v)
{
    memcpy(a->p, &v, 4);
    a->p += 4;
}
static inline void asm_64(Asm *a, uint64_t v)
{
    memcpy(a->p, &v, 8);
    a->p += 8;
}

/*
 * Stores of bytes may change anything, as far as the compiler knows, Asm.p included: within an
 * instruction the position is in a variable.
 */
static inline uint8_t *asm_put_32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
    return p + 4;
}

/* Prefixes, opcode and map; r, x and b are the registers of the fields, REG_NONE: none. */
static inline uint8_t *asm_put_opcode(uint8_t *p, unsigned opc, unsigned r, unsigned x, unsigned b,
                                      bool rm_reg)
{
    if (opc & (OP_66 | OP_F3 | OP_F2)) {
        if (opc & OP_66) {
            *p++ = 0x66;
        }
        if (opc & OP_F3) {
            *p++ = 0xf3;
        } else if (opc & OP_F2) {
            *p++ = 0xf2;
        }
    }
    unsigned rex = (opc / (OP_W / 8) & 8) | (r & 8) >> 1 | (x & 8) >> 2 | (b & 8) >> 3;
    if (rex || ((opc & OP_R8) && (r & 15) >= 4) || (rm_reg && (opc & OP_M8) && (b & 15) >= 4)) {
        *p++ = 0x40 | rex;
    }
    if (opc & (OP_0F | OP_38 | OP_3A)) {
        *p++ = 0x0f;
        if (opc & OP_38) {
            *p++ = 0x38;
        } else if (opc & OP_3A) {
            *p++ = 0x3a;
        }
    }
    *p++ = opc;
    return p;
}

/* There is room for a displacement that is not taken. */
static inline uint8_t *asm_put_modrm_mem(uint8_t *p, unsigned reg, Mem m)
{
    unsigned b = m.base & 7, modrm = (reg & 7) << 3, len;
    if (m.base == REG_NONE) {
        *p++ = 5 | modrm;
        return asm_put_32(p, m.disp);
    }
    if (m.disp == 0 && b != RBP) {
        len = 0;
    } else if (m.disp == (int8_t)m.disp) {
        modrm |= 0x40;
        len = 1;
    } else {
        modrm |= 0x80;
        len = 4;
    }
    if (m.index != REG_NONE) {
        *p++ = modrm | 4;
        *p++ = m.scale << 6 | (m.index & 7) << 3 | b;
    } else if (b == RSP) {
        *p++ = modrm | 4;
        *p++ = 0x24;
    } else {
        *p++ = modrm | b;
    }
    return asm_put_32(p, m.disp) - 4 + len;
}

static inline void asm_opcode(Asm *a, unsigned opc, unsigned r, unsigned x, unsigned b, bool rm_reg)
{
    a->p = asm_put_opcode(a->p, opc, r, x, b, rm_reg);
}
static inline void asm_modrm_mem(Asm *a, unsigned reg, Mem m)
{
    a->p = asm_put_modrm_mem(a->p, reg, m);
}

/* opc reg, rm */
static inline uint8_t *asm_put_rr(uint8_t *p, unsigned opc, unsigned reg, unsigned rm)
{
    p = asm_put_opcode(p, opc, reg, 0, rm, true);
    *p++ = 0xc0 | (reg & 7) << 3 | (rm & 7);
    return p;
}
static inline void asm_rr(Asm *a, unsigned opc, unsigned reg, unsigned rm)
{
    a->p = asm_put_rr(a->p, opc, reg, rm);
}
/* opc reg, [m] (or [m], reg, as the opcode says) */
static inline uint8_t *asm_put_rm(uint8_t *p, unsigned opc, unsigned reg, Mem m)
{
    p = asm_put_opcode(p, opc, reg, m.index, m.base, false);
    return asm_put_modrm_mem(p, reg, m);
}
static inline void asm_rm(Asm *a, unsigned opc, unsigned reg, Mem m)
{
    a->p = asm_put_rm(a->p, opc, reg, m);
}

/* VEX-encoded general-register instructions (BMI1, BMI2) and FMA. opc: low byte, map and
 * OP_66/F3/F2 and OP_W. */
static inline void asm_vex(Asm *a, unsigned opc, unsigned reg, unsigned vvvv, unsigned x,
                           unsigned b)
{
    unsigned map = opc & OP_3A ? 3 : opc & OP_38 ? 2 : 1;
    unsigned pp = opc & OP_66 ? 1 : opc & OP_F3 ? 2 : opc & OP_F2 ? 3 : 0;
    unsigned second = map | (reg & 8 ? 0 : 0x80) | (x & 8 ? 0 : 0x40) | (b & 8 ? 0 : 0x20);
    unsigned third = (opc & OP_W ? 0x80 : 0) | (~vvvv & 15) << 3 | pp;
    asm_32(a, 0xc4 | second << 8 | third << 16 | (opc & 0xff) << 24);
}
static inline void asm_vex_rr(Asm *a, unsigned opc, unsigned reg, unsigned vvvv, unsigned rm)
{
    asm_vex(a, opc, reg, vvvv, 0, rm);
    asm_8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
static inline void asm_vex_rm(Asm *a, unsigned opc, unsigned reg, unsigned vvvv, Mem m)
{
    asm_vex(a, opc, reg, vvvv, m.index, m.base);
    asm_modrm_mem(a, reg, m);
}

static inline void asm_alu_rr(Asm *a, unsigned w, unsigned alu, unsigned r, unsigned rm)
{
    asm_rr(a, (alu * 8 + 3) | w, r, rm);
}
static inline uint8_t *asm_put_imm(uint8_t *p, bool one_byte, int32_t imm)
{
    if (one_byte) {
        *p++ = imm;
        return p;
    }
    return asm_put_32(p, imm);
}
static inline void asm_alu_ri(Asm *a, unsigned w, unsigned alu, unsigned r, int32_t imm)
{
    bool s = imm == (int8_t)imm;
    uint8_t *p = !s && r == RAX ? asm_put_opcode(a->p, (alu * 8 + 5) | w, 0, 0, 0, false)
                                : asm_put_rr(a->p, (s ? 0x83 : 0x81) | w, alu, r);
    a->p = asm_put_imm(p, s, imm);
}
static inline void asm_alu_mi(Asm *a, unsigned w, unsigned alu, Mem m, int32_t imm)
{
    bool s = imm == (int8_t)imm;
    a->p = asm_put_imm(asm_put_rm(a->p, (s ? 0x83 : 0x81) | w, alu, m), s, imm);
}
static inline void asm_mov_rr(Asm *a, unsigned w, unsigned d, unsigned s)
{
    asm_rr(a, I_MOV_RM | w, d, s);
}
/* d = imm without touching the flags. */
static inline void asm_mov_ri(Asm *a, unsigned d, int64_t imm)
{
    uint8_t *p = a->p;
    if ((uint64_t)imm <= UINT32_MAX) {
        p = asm_put_opcode(p, 0xb8 | (d & 7), 0, 0, d, false);
        p = asm_put_32(p, imm);
    } else if (imm == (int32_t)imm) {
        p = asm_put_rr(p, 0xc7 | OP_W, 0, d);
        p = asm_put_32(p, imm);
    } else {
        p = asm_put_opcode(p, 0xb8 | (d & 7) | OP_W, 0, 0, d, false);
        memcpy(p, &imm, 8);
        p += 8;
    }
    a->p = p;
}
static inline void asm_shift_ri(Asm *a, unsigned w, unsigned sh, unsigned r, unsigned n)
{
    uint8_t *p = asm_put_rr(a->p, (n == 1 ? 0xd1 : 0xc1) | w, sh, r);
    if (n != 1) {
        *p++ = n;
    }
    a->p = p;
}
static inline void asm_shift_cl(Asm *a, unsigned w, unsigned sh, unsigned r)
{
    asm_rr(a, 0xd3 | w, sh, r);
}

static inline void asm_push_i(Asm *a, int32_t imm)
{
    bool s = imm == (int8_t)imm;
    asm_8(a, s ? 0x6a : 0x68);
    a->p = asm_put_imm(a->p, s, imm);
}

/* Jumps with a 32-bit displacement to be filled in; return the position after it. */
static inline uint32_t asm_jcc(Asm *a, unsigned cc)
{
    uint64_t bytes = 0x800f | cc << 8;
    memcpy(a->p, &bytes, 6);
    a->p += 6;
    return asm_pos(a);
}
static inline uint32_t asm_jmp(Asm *a)
{
    uint64_t bytes = 0xe9;
    memcpy(a->p, &bytes, 5);
    a->p += 5;
    return asm_pos(a);
}
/* Let the 32-bit displacement that ends at position end lead to position target. */
static inline void asm_link(Asm *a, uint32_t end, uint32_t target)
{
    int32_t d = (int32_t)(target - end);
    memcpy(a->start + end - 4, &d, 4);
}
static inline void asm_jmp_to(Asm *a, uint32_t target)
{
    int32_t d = (int32_t)(target - (asm_pos(a) + 2));
    if (d == (int8_t)d) {
        asm_8(a, 0xeb);
        asm_8(a, d);
    } else {
        asm_link(a, asm_jmp(a), target);
    }
}
/* Short jumps: return the position after the 8-bit displacement. */
static inline uint32_t asm_jcc8(Asm *a, unsigned cc)
{
    asm_8(a, 0x70 | cc);
    asm_8(a, 0);
    return asm_pos(a);
}
static inline uint32_t asm_jmp8(Asm *a)
{
    asm_8(a, 0xeb);
    asm_8(a, 0);
    return asm_pos(a);
}
static inline void asm_link8(Asm *a, uint32_t end)
{
    a->start[end - 1] = asm_pos(a) - end;
}
static inline void asm_jcc8_back(Asm *a, unsigned cc, uint32_t target)
{
    asm_8(a, 0x70 | cc);
    asm_8(a, target - (asm_pos(a) + 1));
}

/* Jump or call to an executable address in the code cache. */
static inline void asm_rel_rx(Asm *a, uint8_t opc, const uint8_t *target)
{
    asm_8(a, opc);
    asm_32(a, (uint32_t)(target - (a->p + 4 + a->rx)));
}

static inline void asm_nop(Asm *a, unsigned n)
{
    static const uint8_t nops[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    while (n) {
        unsigned k = n > 9 ? 9 : n;
        memcpy(a->p, nops[k - 1], k);
        a->p += k;
        n -= k;
    }
}

#endif
