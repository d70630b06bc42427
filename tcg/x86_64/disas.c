/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Host code as text for -d out_asm: by Capstone if its library can be loaded, else as bytes.
 *
 * Only the stable start of Capstone's interface is used (cs_insn up to op_str; the offsets of the
 * texts differ between versions 4, 5 and 6).
 *
 * Thread: any; loads the library each time, since this is for logs. Not covered by tests.
 */
#include <dlfcn.h>
#include "tcg/x86_64/internal.h"

typedef struct Capstone {
    void *lib;
    size_t handle;
    size_t (*disasm)(size_t, const uint8_t *, size_t, uint64_t, size_t, uint8_t **);
    void (*free_insns)(uint8_t *, size_t);
    int (*close)(size_t *);
    unsigned size_at, text_at, next;
} Capstone;

static bool capstone_open(Capstone *c)
{
    static const char *const names[] = {"libcapstone.so.5", "libcapstone.so.4", "libcapstone.so"};
    *c = (Capstone){0};
    for (unsigned k = 0; k < G_N_ELEMENTS(names) && !c->lib; k++) {
        c->lib = dlopen(names[k], RTLD_NOW | RTLD_LOCAL);
    }
    if (!c->lib) {
        return false;
    }
    int (*open)(int, int, size_t *) = (int (*)(int, int, size_t *))dlsym(c->lib, "cs_open");
    unsigned (*version)(int *, int *) = (unsigned (*)(int *, int *))dlsym(c->lib, "cs_version");
    c->disasm = (size_t(*)(size_t, const uint8_t *, size_t, uint64_t, size_t, uint8_t **))dlsym(
        c->lib, "cs_disasm");
    c->free_insns = (void (*)(uint8_t *, size_t))dlsym(c->lib, "cs_free");
    c->close = (int (*)(size_t *))dlsym(c->lib, "cs_close");
    int major = 0, minor = 0;
    if (open && version && c->disasm && c->free_insns && c->close) {
        version(&major, &minor);
        /* id, address, size, bytes, mnemonic[32], op_str[160], detail */
        c->size_at = 16;
        c->text_at = 18 + (major >= 5 ? 24 : 16);
        /* CS_ARCH_X86, CS_MODE_64 */
        if ((major == 4 || major == 5) && open(3, 8, &c->handle) == 0) {
            return true;
        }
    }
    dlclose(c->lib);
    return false;
}

/* Is p the call of a thunk with an offset behind it? */
static bool calls_thunk(const X86Thunks *t, const uint8_t *p)
{
    int32_t disp;
    memcpy(&disp, p + 1, sizeof(disp));
    const uint8_t *to = p + 5 + disp;
    return p[0] == 0xe8 && (to == t->xlink || to == t->poll || to == t->icount_stop);
}

void x86_disas(void *thunks, const TcgCode *code, FILE *f)
{
    Capstone c;
    const uint8_t *p = code->code, *end = p + x86_text_size(code);
    bool have = capstone_open(&c);
    while (p < end) {
        unsigned len = MIN(16, end - p);
        uint8_t *insn = NULL;
        fprintf(f, "  %p:", (const void *)p);
        if (have && c.disasm(c.handle, p, len, (uintptr_t)p, 1, &insn) == 1) {
            uint16_t n;
            memcpy(&n, insn + c.size_at, 2);
            fprintf(f, "  %-8s %s\n", (char *)insn + c.text_at, (char *)insn + c.text_at + 32);
            c.free_insns(insn, 1);
            if (calls_thunk(thunks, p)) {
                uint16_t offset;
                memcpy(&offset, p + n, sizeof(offset));
                fprintf(f, "  %p:  .word    %#x\n", (const void *)(p + n), offset);
                n += sizeof(offset);
            }
            p += n;
            continue;
        }
        for (unsigned k = 0; k < len; k++) {
            fprintf(f, " %02x", p[k]);
        }
        fputc('\n', f);
        p += len;
    }
    if (have) {
        c.close(&c.handle);
        dlclose(c.lib);
    }
}
