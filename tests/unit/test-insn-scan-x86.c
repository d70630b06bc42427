/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The x86 group of insn-scan-x86.c decoded and printed as GNU objdump prints it (-M intel,
 * binutils 2.40), and encodings that are no instructions.
 */
#include "tests/unit/insn-scan-x86.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

static const char *reg_name(unsigned r, unsigned bits, bool rex)
{
    static const char *const low[4][8] = {{"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"},
                                          {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"},
                                          {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"},
                                          {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"}};
    static const char *const high[8][4] = {
        {"r8b", "r8w", "r8d", "r8"},     {"r9b", "r9w", "r9d", "r9"},
        {"r10b", "r10w", "r10d", "r10"}, {"r11b", "r11w", "r11d", "r11"},
        {"r12b", "r12w", "r12d", "r12"}, {"r13b", "r13w", "r13d", "r13"},
        {"r14b", "r14w", "r14d", "r14"}, {"r15b", "r15w", "r15d", "r15"}};
    static const char *const legacy[4] = {"ah", "ch", "dh", "bh"};
    unsigned size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    return r >= 8 ? high[r - 8][size] : !size && !rex && r >= 4 ? legacy[r - 4] : low[size][r];
}

static void print_memory(GString *out, const X86Insn *a, unsigned bits)
{
    const char *sep = "";
    g_string_append(out, bits == 8 ? "BYTE" : bits == 16 ? "WORD" : bits == 32 ? "DWORD" : "QWORD");
    g_string_append(out, " PTR [");
    if (a->base != 16) {
        g_string_append(out, a->base == 17 ? "rip" : reg_name(a->base, 64, true));
        sep = "+";
    }
    if (a->index != 4) {
        g_string_append_printf(out, "%s%s*%u", sep, reg_name(a->index, 64, true), 1u << a->scale);
    }
    if (a->base == 17) {
        g_string_append_printf(out, "+0x%" PRIx64, (int64_t)a->disp);
    } else if (a->mod || a->base == 16) {
        g_string_append_printf(out, "%c0x%x", a->disp < 0 ? '-' : '+',
                               a->disp < 0 ? -(uint32_t)a->disp : (uint32_t)a->disp);
    }
    g_string_append_c(out, ']');
}

static void print_operand(GString *out, unsigned word, const X86Insn *a, unsigned bits)
{
    bool rex = a->rex;
    if (word == X86_OPERAND_I) {
        uint64_t mask = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
        g_string_append_printf(out, "0x%" PRIx64, (uint64_t)a->imm & mask);
    } else if (word == X86_OPERAND_A) {
        g_string_append(out, reg_name(0, bits, rex));
    } else if (word == X86_OPERAND_G) {
        g_string_append(out, reg_name(a->reg, bits, rex));
    } else if (a->mod == 3) {
        g_string_append(out, reg_name(a->rm, bits, rex));
    } else {
        print_memory(out, a, bits);
    }
}

/* "op operands", or "(bad)"; *len: bytes used */
static char *disassemble(const uint8_t *code, unsigned avail, unsigned *len)
{
    X86Stream s = {code, code + avail, false};
    X86Insn a = {0};
    X86Ctx c = {NULL};
    X86InsnId id = x86_decode(&s, X86_EXT(BASE), &a);
    *len = s.p - code;
    if (id == X86_INSN_NONE || s.overrun) {
        return g_strdup("(bad)");
    }
    x86_trans[id](&c, &a);
    GString *out = g_string_new(a.lock ? "lock " : "");
    g_string_append_printf(out, "%s ", c.op);
    unsigned bits = !a.wide ? 8 : a.rex & 8 ? 64 : a.opsize ? 16 : 32;
    for (const uint8_t *o = x86_insn_rows[id].operands; *o; o++) {
        if (*o < 0x80) {
            g_string_append_c(out, *o);
        } else {
            unsigned word = *o;
            if (a.dir && (word == X86_OPERAND_E || word == X86_OPERAND_G)) {
                word = X86_OPERAND_E + X86_OPERAND_G - word;
            }
            print_operand(out, word, &a, bits);
        }
    }
    return g_string_free(out, FALSE);
}

static const struct {
    const char *hex, *text;
} table[] = {
    {"8194f978bbd7b6fe0e1778", "adc DWORD PTR [rcx+rdi*8-0x49284488],0x78170efe"},
    {"115193", "adc DWORD PTR [rcx-0x6d],edx"},
    {"8152ed785e4982", "adc DWORD PTR [rdx-0x13],0x82495e78"},
    {"8315d710e9942e", "adc DWORD PTR [rip+0xffffffff94e910d7],0x2e"},
    {"668191b718f8adb2a6", "adc WORD PTR [rcx-0x5207e749],0xa6b2"},
    {"6615a62b", "adc ax,0x2ba6"},
    {"6683d514", "adc bp,0x14"},
    {"80d2e1", "adc dl,0xe1"},
    {"6613512a", "adc dx,WORD PTR [rcx+0x2a]"},
    {"156c4d69e7", "adc eax,0xe7694d6c"},
    {"80049ec9", "add BYTE PTR [rsi+rbx*4],0xc9"},
    {"81003540d61a", "add DWORD PTR [rax],0x1ad64035"},
    {"818679c10201a6a1d506", "add DWORD PTR [rsi+0x102c179],0x6d5a1a6"},
    {"81849cf32a1ff658152b7e", "add DWORD PTR [rsp+rbx*4-0x9e0d50d],0x7e2b1558"},
    {"6683076e", "add WORD PTR [rdi],0x6e"},
    {"02ce", "add cl,dh"},
    {"00ee", "add dh,ch"},
    {"660390d7ecaea7", "add dx,WORD PTR [rax-0x58511329]"},
    {"80a1a5bc489852", "and BYTE PTR [rcx-0x67b7435b],0x52"},
    {"8364e91866", "and DWORD PTR [rcx+rbp*8+0x18],0x66"},
    {"8125b27e4de05d5660f4", "and DWORD PTR [rip+0xffffffffe04d7eb2],0xf460565d"},
    {"8325776560fb88", "and DWORD PTR [rip+0xfffffffffb606577],0xffffff88"},
    {"668162595c32", "and WORD PTR [rdx+0x59],0x325c"},
    {"2228", "and ch,BYTE PTR [rax]"},
    {"252fe7d364", "and eax,0x64d3e72f"},
    {"41235cc623", "and ebx,DWORD PTR [r14+rax*8+0x23]"},
    {"4d23c6", "and r8,r14"},
    {"6683e668", "and si,0x68"},
    {"803d32fe02ccaf", "cmp BYTE PTR [rip+0xffffffffcc02fe32],0xaf"},
    {"3994af6084e352", "cmp DWORD PTR [rdi+rbp*4+0x52e38460],edx"},
    {"4883b89b628a6cc7", "cmp QWORD PTR [rax+0x6c8a629b],0xffffffffffffffc7"},
    {"3c9d", "cmp al,0x9d"},
    {"663d5815", "cmp ax,0x1558"},
    {"3d56ef0748", "cmp eax,0x4807ef56"},
    {"443a08", "cmp r9b,BYTE PTR [rax]"},
    {"f0801dc5b1d1c0d3", "lock sbb BYTE PTR [rip+0xffffffffc0d1b1c5],0xd3"},
    {"f0481918", "lock sbb QWORD PTR [rax],rbx"},
    {"f049816bd0b5a1b63c", "lock sub QWORD PTR [r11-0x30],0x3cb6a1b5"},
    {"4b838c9d9bd260eeb7", "or QWORD PTR [r13+r11*4-0x119f2d65],0xffffffffffffffb7"},
    {"4d0908", "or QWORD PTR [r8],r9"},
    {"488388a1f7214638", "or QWORD PTR [rax+0x4621f7a1],0x38"},
    {"4a818c36422597870f22b6f3", "or QWORD PTR [rsi+r14*1-0x7868dabe],0xfffffffff3b6220f"},
    {"668348815b", "or WORD PTR [rax-0x7f],0x5b"},
    {"66838bc5961fe35c", "or WORD PTR [rbx-0x1ce0693b],0x5c"},
    {"0c39", "or al,0x39"},
    {"81c8dbdd73fc", "or eax,0xfc73dddb"},
    {"809c7d0afd73fb4a", "sbb BYTE PTR [rbp+rdi*2-0x48c02f6],0x4a"},
    {"1988c153ebb4", "sbb DWORD PTR [rax-0x4b14ac3f],ecx"},
    {"45193dc8139e3c", "sbb DWORD PTR [rip+0x3c9e13c8],r15d"},
    {"6645190b", "sbb WORD PTR [r11],r9w"},
    {"83df84", "sbb edi,0xffffff84"},
    {"1b5207", "sbb edx,DWORD PTR [rdx+0x7]"},
    {"441bca", "sbb r9d,edx"},
    {"491b3d1d378ec5", "sbb rdi,QWORD PTR [rip+0xffffffffc58e371d]"},
    {"802ca9ba", "sub BYTE PTR [rcx+rbp*4],0xba"},
    {"80ae297b7cdc9e", "sub BYTE PTR [rsi-0x238384d7],0x9e"},
    {"662949fe", "sub WORD PTR [rcx-0x2],cx"},
    {"6683af7f336c969c", "sub WORD PTR [rdi-0x6993cc81],0xff9c"},
    {"662d26a7", "sub ax,0xa726"},
    {"2bee", "sub ebp,esi"},
    {"2b9f071814ef", "sub ebx,DWORD PTR [rdi-0x10ebe7f9]"},
    {"29f4", "sub esp,esi"},
    {"492b7c4a5a", "sub rdi,QWORD PTR [r10+rcx*2+0x5a]"},
    {"83b4fbb4276ce552", "xor DWORD PTR [rbx+rdi*8-0x1a93d84c],0x52"},
    {"66316da1", "xor WORD PTR [rbp-0x5f],bp"},
    {"66837613fa", "xor WORD PTR [rsi+0x13],0xfffa"},
    {"322568149b68", "xor ah,BYTE PTR [rip+0x689b1468]"},
    {"35d543cd37", "xor eax,0x37cd43d5"},
    {"33f5", "xor esi,ebp"},
    {"4533af058f8c9d", "xor r13d,DWORD PTR [r15-0x627370fb]"},
    {"493332", "xor rsi,QWORD PTR [r10]"},
    {"49336432be", "xor rsp,QWORD PTR [r10+rsi*1-0x42]"},
    /* no instructions of this group in 64-bit mode */
    {"82c001", "(bad)"},   /* 82 */
    {"f001c0", "(bad)"},   /* LOCK and a register */
    {"f00300", "(bad)"},   /* LOCK and a load */
    {"f03800", "(bad)"},   /* LOCK and CMP */
    {"f083f801", "(bad)"}, /* LOCK and CMP */
    {"f00501000000", "(bad)"},
    {"06", "(bad)"},
    {"0f0b", "(bad)"},
    {"81c00102", "(bad)"}, /* the immediate is cut off */
    {"8304", "(bad)"},
};

static void test_rows(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        uint8_t code[32];
        unsigned n = strlen(table[i].hex) / 2, len;
        for (unsigned k = 0; k < n; k++) {
            code[k] = g_ascii_xdigit_value(table[i].hex[2 * k]) << 4 |
                      g_ascii_xdigit_value(table[i].hex[2 * k + 1]);
        }
        char *text = disassemble(code, n, &len);
        g_assert_cmpstr(text, ==, table[i].text);
        if (strcmp(text, "(bad)")) {
            g_assert_cmpuint(len, ==, n);
        }
        g_free(text);
    }
}

static void test_names(void)
{
    g_assert_cmpstr(x86_insn_rows[X86_INSN_add__rm].name, ==, "add");
    g_assert_cmpuint(x86_insn_rows[X86_INSN_xor__imm].match, ==, 0x80300000);
    g_assert_cmpuint(x86_insn_rows[X86_INSN_xor__imm].mask, ==, 0xfc380000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/insn-scan-x86/rows", test_rows);
    g_test_add_func("/insn-scan-x86/names", test_names);
    return g_test_run();
}
