/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V CPU models: the text of -cpu becomes a RISCVConfig, and a RISCVConfig becomes what the
 * device tree says of a hart.
 *
 * Extensions are settled in three steps: what the model starts with and the user changed; what that
 * implies (implied[]); what it needs (needed[]). Something the user asked for that cannot be is an
 * error; something the model only started with is dropped where a rule says so.
 *
 * No state; any thread. Test: tests/unit/test-riscv-model.c
 */
#include <errno.h>
#include <string.h>
#include "target/riscv.h"
#include "rhea/error.h"

typedef enum ExtHow { EXT_HAVE, EXT_PART, EXT_STATE, EXT_FACT, EXT_LACK } ExtHow;

static const struct {
    const char *name;
    const char *summary;
    uint8_t how, priv;
} ext_info[RISCV_EXT_COUNT] = {
#define EXT(NAME, name, how, priv, summary)                                                        \
    [RISCV_EXT_##NAME] = {name, summary, EXT_##how, RISCV_PRIV_##priv},
#include "target/riscv/ext.def"
#undef EXT
};

#define E(name) RISCV_EXT_##name
#define LIST(...)                                                                                  \
    (const uint8_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__, RISCV_EXT_COUNT                                                               \
    }
G_STATIC_ASSERT(RISCV_EXT_COUNT < 256);

/* ------------------------------------------------------------------------------------------ */
/* Models */

typedef struct Model {
    const char *name;
    uint8_t xlen;
    RISCVVm vm_max;
    RISCVPriv priv;
    bool vendor; /* a real core: extensions can be switched off, not on */
    bool all;    /* everything that is implemented */
    uint8_t pmp_entries;
    uint32_t mvendorid;
    uint64_t marchid, mimpid;
    const uint8_t *ext;
} Model;

#define RV_GENERIC                                                                                 \
    E(I), E(M), E(A), E(F), E(D), E(C), E(S), E(U), E(ZICSR), E(ZIFENCEI), E(ZICNTR), E(ZIHPM),    \
        E(ZIHINTNTL), E(ZIHINTPAUSE), E(ZICBOM), E(ZICBOP), E(ZICBOZ), E(ZAWRS), E(ZFA), E(ZBA),   \
        E(ZBB), E(ZBC), E(ZBS), E(SSTC), E(SVADU)
#define RV_BARE       E(I)
#define SIFIVE_E      E(I), E(M), E(A), E(C), E(U), E(ZICSR), E(ZIFENCEI), E(ZICNTR), E(ZIHPM)
#define SIFIVE_U      SIFIVE_E, E(F), E(D), E(S)
#define SIFIVE_VENDOR 0x489 /* JEDEC bank 10, code 0x09 */
#define THEAD_VENDOR  0x5b7
/* Zero would be the first silicon, whose page attributes in the upper PTE bits are not here. */
#define THEAD_ARCH    0x2a

static const Model models[] = {
    {"max", 64, RISCV_VM_SV57, RISCV_PRIV_1_13, .all = true, .pmp_entries = 16},
    {"max", 32, RISCV_VM_SV32, RISCV_PRIV_1_13, .all = true, .pmp_entries = 16},
    {"max32", 32, RISCV_VM_SV32, RISCV_PRIV_1_13, .all = true, .pmp_entries = 16},
    {"rv32", 32, RISCV_VM_SV32, RISCV_PRIV_1_13, .pmp_entries = 16, .ext = LIST(RV_GENERIC)},
    {"rv32i", 32, RISCV_VM_SV32, RISCV_PRIV_1_13, .pmp_entries = 16, .ext = LIST(RV_BARE)},
    {"rv64", 64, RISCV_VM_SV57, RISCV_PRIV_1_13, .pmp_entries = 16, .ext = LIST(RV_GENERIC)},
    {"rv64i", 64, RISCV_VM_SV57, RISCV_PRIV_1_13, .pmp_entries = 16, .ext = LIST(RV_BARE)},
    {"rva22s64", 64, RISCV_VM_SV39, RISCV_PRIV_1_12, .pmp_entries = 16,
     .ext = LIST(RV_BARE, E(RVA22S64))},
    {"rva22u64", 64, RISCV_VM_SV57, RISCV_PRIV_1_13, .pmp_entries = 16,
     .ext = LIST(RV_BARE, E(RVA22U64))},
    {"sifive-e31", 32, RISCV_VM_BARE, RISCV_PRIV_1_10, .vendor = true, .pmp_entries = 8,
     .mvendorid = SIFIVE_VENDOR, .ext = LIST(SIFIVE_E)},
    {"sifive-e34", 32, RISCV_VM_BARE, RISCV_PRIV_1_10, .vendor = true, .pmp_entries = 8,
     .mvendorid = SIFIVE_VENDOR, .ext = LIST(SIFIVE_E, E(F))},
    {"sifive-e51", 64, RISCV_VM_BARE, RISCV_PRIV_1_10, .vendor = true, .pmp_entries = 8,
     .mvendorid = SIFIVE_VENDOR, .ext = LIST(SIFIVE_E)},
    {"sifive-u34", 32, RISCV_VM_SV32, RISCV_PRIV_1_10, .vendor = true, .pmp_entries = 8,
     .mvendorid = SIFIVE_VENDOR, .ext = LIST(SIFIVE_U)},
    {"sifive-u54", 64, RISCV_VM_SV39, RISCV_PRIV_1_10, .vendor = true, .pmp_entries = 8,
     .mvendorid = SIFIVE_VENDOR, .ext = LIST(SIFIVE_U)},
    {"thead-c906", 64, RISCV_VM_SV39, RISCV_PRIV_1_11, .vendor = true, .pmp_entries = 16,
     .mvendorid = THEAD_VENDOR, .marchid = THEAD_ARCH, .ext = LIST(SIFIVE_U, E(ZFH))},
};

static bool model_fits(const Model *m, unsigned xlen)
{
    /* A name of both widths means the program's own. */
    return m->xlen == xlen || (m->xlen == 32 && xlen == 64 && strcmp(m->name, "max") != 0);
}

void riscv_cpu_model_help(FILE *out, unsigned xlen)
{
    fputs("Available CPUs:\n", out);
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (model_fits(&models[i], xlen)) {
            fprintf(out, "  %s\n", models[i].name);
        }
    }
}

/* ------------------------------------------------------------------------------------------ */
/* Rules */

typedef struct ExtRule {
    uint8_t ext;
    const uint8_t *others;
} ExtRule;

/* The first means all the others. */
static const ExtRule implied[] = {
    {E(RVA22S64), LIST(E(RVA22U64), E(S), E(SVPBMT), E(SVINVAL), E(SVADE))},
    {E(RVA22U64), LIST(E(I), E(M), E(A), E(F), E(D), E(C), E(U), E(ZICSR), E(ZIFENCEI), E(ZICNTR),
                       E(ZIHPM), E(ZIHINTPAUSE), E(ZBA), E(ZBB), E(ZBS), E(ZICBOM), E(ZICBOP),
                       E(ZICBOZ), E(ZFHMIN), E(ZKT))},
    {E(G), LIST(E(I), E(M), E(A), E(F), E(D), E(ZICSR), E(ZIFENCEI))},
    {E(M), LIST(E(ZMMUL))},
    {E(A), LIST(E(ZAAMO), E(ZALRSC))},
    {E(B), LIST(E(ZBA), E(ZBB), E(ZBS))},
    {E(ZK), LIST(E(ZKN), E(ZKR), E(ZKT))},
    {E(ZKN), LIST(E(ZBKB), E(ZBKC), E(ZBKX), E(ZKNE), E(ZKND), E(ZKNH))},
    {E(ZFH), LIST(E(ZFHMIN))},
    {E(SMSTATEEN), LIST(E(SSSTATEEN))},
};

/* The first cannot be without all the others. */
static const ExtRule needed[] = {
    {E(F), LIST(E(ZICSR))},       {E(D), LIST(E(F))},
    {E(S), LIST(E(U), E(ZICSR))}, {E(U), LIST(E(ZICSR))},
    {E(ZICNTR), LIST(E(ZICSR))},  {E(ZIHPM), LIST(E(ZICSR))},
    {E(ZACAS), LIST(E(ZAAMO))},   {E(ZAWRS), LIST(E(ZALRSC))},
    {E(ZFA), LIST(E(F))},         {E(ZFHMIN), LIST(E(F))},
    {E(ZCF), LIST(E(ZCA), E(F))}, {E(ZCD), LIST(E(ZCA), E(D))},
    {E(ZCB), LIST(E(ZCA))},       {E(SSCOFPMF), LIST(E(ZIHPM))},
    {E(ZKR), LIST(E(ZICSR))},
};

/* Meaningless without S mode. */
static const uint8_t s_only[] = {
    E(SSAIA),   E(SSCCPTR), E(SSCOFPMF), E(SSCOUNTERENW), E(SSSTATEEN), E(SSTC),   E(SSTVALA),
    E(SSTVECD), E(SVADE),   E(SVADU),    E(SVINVAL),      E(SVNAPOT),   E(SVPBMT), E(SVVPTC),
};

typedef struct Parse {
    RISCVConfig *c;
    const Model *model;
    uint64_t asked[G_N_ELEMENTS(((RISCVConfig *)0)->ext)]; /* the user said on or off */
    bool mmu, pmp;
    uint32_t vm_on, vm_off; /* sv32=, sv39=, ...: bit by satp.MODE */
} Parse;

static void ext_set(RISCVConfig *c, RISCVExt e, bool on)
{
    uint64_t bit = UINT64_C(1) << (e % 64);

    c->ext[e / 64] = on ? c->ext[e / 64] | bit : c->ext[e / 64] & ~bit;
}

static bool ext_asked(const Parse *p, RISCVExt e)
{
    return p->asked[e / 64] >> (e % 64) & 1;
}

static void ext_mark(Parse *p, RISCVExt e, bool asked)
{
    p->asked[e / 64] |= (uint64_t)asked << (e % 64);
}

/* Take away e, which cannot be; an error if the user wants it. */
static bool ext_drop(Parse *p, RISCVExt e, GError **err, const char *why)
{
    if (!riscv_has(p->c, e)) {
        return true;
    }
    if (ext_asked(p, e)) {
        rhea_error_set(err, "-cpu %s: extension '%s' cannot be enabled: %s", p->c->model,
                       ext_info[e].name, why);
        return false;
    }
    ext_set(p->c, e, false);
    return true;
}

static bool ext_imply(Parse *p, GError **err)
{
    RISCVConfig *c = p->c;

    for (bool again = true; again;) {
        again = false;
        for (unsigned i = 0; i < G_N_ELEMENTS(implied); i++) {
            const ExtRule *r = &implied[i];
            for (const uint8_t *o = r->others; riscv_has(c, r->ext) && *o != RISCV_EXT_COUNT; o++) {
                if (riscv_has(c, *o)) {
                    continue;
                }
                /* Consequences of what the user said count as said, so that this ends. */
                if (!ext_asked(p, *o)) {
                    ext_set(c, *o, true);
                    ext_mark(p, *o, ext_asked(p, r->ext));
                } else if (ext_asked(p, r->ext)) {
                    rhea_error_set(err, "-cpu %s: extension '%s' includes '%s', which is off",
                                   c->model, ext_info[r->ext].name, ext_info[*o].name);
                    return false;
                } else {
                    ext_set(c, r->ext, false);
                    ext_mark(p, r->ext, true);
                }
                again = true;
            }
        }
        /* C stands for a set that depends on the others. */
        if (riscv_has(c, E(C))) {
            bool zcf = c->xlen == 32 && riscv_has(c, E(F)), zcd = riscv_has(c, E(D));
            ext_set(c, E(ZCA), true);
            if (!ext_asked(p, E(ZCF))) {
                ext_set(c, E(ZCF), zcf);
            }
            if (!ext_asked(p, E(ZCD))) {
                ext_set(c, E(ZCD), zcd);
            }
        }
    }
    return true;
}

static bool ext_check(Parse *p, GError **err)
{
    RISCVConfig *c = p->c;

    for (unsigned e = 0; e < RISCV_EXT_COUNT; e++) {
        if (ext_info[e].how != EXT_PART && ext_info[e].priv > c->priv_spec &&
            !ext_drop(p, e, err, "the privileged specification of this CPU is older than it")) {
            return false;
        }
    }
    if (!riscv_has(c, E(I))) {
        rhea_error_set(err, "-cpu %s: a CPU needs the base instructions, 'i'", c->model);
        return false;
    }
    if (c->xlen == 64 && !ext_drop(p, E(ZCF), err, "it is for 32-bit CPUs only")) {
        return false;
    }
    if (c->xlen == 32 && (!ext_drop(p, E(SVNAPOT), err, "it is for 64-bit CPUs only") ||
                          !ext_drop(p, E(SVPBMT), err, "it is for 64-bit CPUs only") ||
                          !ext_drop(p, E(SSU64XL), err, "it is for 64-bit CPUs only"))) {
        return false;
    }
    for (unsigned i = 0; !riscv_has(c, E(S)) && i < G_N_ELEMENTS(s_only); i++) {
        if (!ext_drop(p, s_only[i], err, "the CPU has no supervisor mode")) {
            return false;
        }
    }
    if (!p->pmp && !ext_drop(p, E(SMEPMP), err, "PMP is off (pmp=off)")) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
        for (const uint8_t *o = needed[i].others; *o != RISCV_EXT_COUNT; o++) {
            if (riscv_has(c, needed[i].ext) && !riscv_has(c, *o)) {
                rhea_error_set(err, "-cpu %s: extension '%s' requires '%s'", c->model,
                               ext_info[needed[i].ext].name, ext_info[*o].name);
                return false;
            }
        }
    }
    if (riscv_has(c, E(C)) && ((riscv_has(c, E(D)) && !riscv_has(c, E(ZCD))) ||
                               (c->xlen == 32 && riscv_has(c, E(F)) && !riscv_has(c, E(ZCF))))) {
        rhea_error_set(err, "-cpu %s: extension 'c' includes '%s', which is off; 'zca' does not",
                       c->model, riscv_has(c, E(ZCD)) ? "zcf" : "zcd");
        return false;
    }
    if (c->cbom_size != 64 || c->cbop_size != 64 || c->cboz_size != 64) {
        ext_set(c, E(ZIC64B), false);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ */
/* Properties */

static bool parse_bool(Parse *p, const char *key, const char *val, bool *out, GError **err)
{
    static const char *const yes[] = {"on", "yes", "true", "y"};
    static const char *const no[] = {"off", "no", "false", "n"};

    for (unsigned i = 0; i < G_N_ELEMENTS(yes); i++) {
        if (!strcmp(val, yes[i]) || !strcmp(val, no[i])) {
            *out = !strcmp(val, yes[i]);
            return true;
        }
    }
    rhea_error_set(err, "-cpu %s: property '%s' is 'on' or 'off', not '%s'", p->c->model, key, val);
    return false;
}

static bool parse_num(Parse *p, const char *key, const char *val, uint64_t max, uint64_t *out,
                      GError **err)
{
    char *end;

    if (g_ascii_isdigit(*val)) {
        errno = 0;
        *out = g_ascii_strtoull(val, &end, 0);
        if (!errno && !*end && *out <= max) {
            return true;
        }
    }
    rhea_error_set(err,
                   "-cpu %s: property '%s' is a number from 0 to %" G_GUINT64_FORMAT ", not '%s'",
                   p->c->model, key, max, val);
    return false;
}

static bool parse_block(Parse *p, const char *key, const char *val, uint16_t *out, GError **err)
{
    uint64_t n;

    if (!parse_num(p, key, val, 4096, &n, err)) {
        return false;
    }
    if (n < 8 || (n & (n - 1))) {
        rhea_error_set(err, "-cpu %s: property '%s' is a power of two from 8 to 4096, not '%s'",
                       p->c->model, key, val);
        return false;
    }
    *out = n;
    return true;
}

static bool parse_ext(Parse *p, RISCVExt e, const char *val, GError **err)
{
    bool on;

    if (!parse_bool(p, ext_info[e].name, val, &on, err)) {
        return false;
    }
    if (on && ext_info[e].how == EXT_LACK) {
        rhea_error_set(err, "-cpu %s: extension '%s' (%s) is not implemented", p->c->model,
                       ext_info[e].name, ext_info[e].summary);
        return false;
    }
    if (on && p->model->vendor && !riscv_has(p->c, e)) {
        rhea_error_set(err, "-cpu %s: this CPU does not have '%s', and none can be added to it",
                       p->c->model, ext_info[e].name);
        return false;
    }
    ext_set(p->c, e, on);
    ext_mark(p, e, true);
    return true;
}

static bool parse_priv(Parse *p, const char *val, GError **err)
{
    static const char *const names[] = {"v1.10.0", "v1.11.0", "v1.12.0", "v1.13.0"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(val, names[i])) {
            p->c->priv_spec = i;
            return true;
        }
    }
    rhea_error_set(err,
                   "-cpu %s: property 'priv_spec' is v1.10.0, v1.11.0, v1.12.0 or v1.13.0, not "
                   "'%s'",
                   p->c->model, val);
    return false;
}

static bool parse_property(Parse *p, const char *key, const char *val, GError **err)
{
    static const struct {
        const char *name;
        uint8_t mode, xlen;
    } schemes[] = {
        {"sv32", RISCV_VM_SV32, 32},
        {"sv39", RISCV_VM_SV39, 64},
        {"sv48", RISCV_VM_SV48, 64},
        {"sv57", RISCV_VM_SV57, 64},
        {"sv64", 11, 64},
    };
    RISCVConfig *c = p->c;
    uint64_t n;
    bool on;

    for (unsigned e = 0; e < RISCV_EXT_COUNT; e++) {
        if (!g_ascii_strcasecmp(key, ext_info[e].name)) {
            return parse_ext(p, e, val, err);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (strcmp(key, schemes[i].name) || schemes[i].xlen != c->xlen) {
            continue;
        }
        if (!parse_bool(p, key, val, &on, err)) {
            return false;
        }
        if (on && schemes[i].mode > p->model->vm_max) {
            rhea_error_set(err, "-cpu %s: %s is more than this CPU can do", c->model, key);
            return false;
        }
        *(on ? &p->vm_on : &p->vm_off) |= 1u << schemes[i].mode;
        *(on ? &p->vm_off : &p->vm_on) &= ~(1u << schemes[i].mode);
        return true;
    }
    if (!strcmp(key, "mmu")) {
        return parse_bool(p, key, val, &p->mmu, err);
    }
    if (!strcmp(key, "pmp")) {
        return parse_bool(p, key, val, &p->pmp, err);
    }
    if (!strcmp(key, "priv_spec")) {
        return parse_priv(p, val, err);
    }
    if (!strcmp(key, "cbom_blocksize")) {
        return parse_block(p, key, val, &c->cbom_size, err);
    }
    if (!strcmp(key, "cbop_blocksize")) {
        return parse_block(p, key, val, &c->cbop_size, err);
    }
    if (!strcmp(key, "cboz_blocksize")) {
        return parse_block(p, key, val, &c->cboz_size, err);
    }
    if (!strcmp(key, "num-pmp-regions")) {
        if (!parse_num(p, key, val, RISCV_PMP_MAX, &n, err)) {
            return false;
        }
        c->pmp_entries = n;
        return true;
    }
    if (!strcmp(key, "pmp-granularity")) {
        if (!parse_num(p, key, val, UINT64_C(1) << 32, &n, err)) {
            return false;
        }
        if (n < 4 || (n & (n - 1))) {
            rhea_error_set(err, "-cpu %s: property '%s' is a power of two from 4 on, not '%s'",
                           c->model, key, val);
            return false;
        }
        c->pmp_grain = __builtin_ctzll(n) - 2;
        return true;
    }
    if (!strcmp(key, "pmu-mask")) {
        if (!parse_num(p, key, val, UINT32_MAX, &n, err)) {
            return false;
        }
        if (n & 7) {
            rhea_error_set(err, "-cpu %s: property 'pmu-mask': bits 0 to 2 are no such counters",
                           c->model);
            return false;
        }
        c->pmu_mask = n;
        return true;
    }
    if (!strcmp(key, "pmu-num")) {
        if (!parse_num(p, key, val, 29, &n, err)) {
            return false;
        }
        c->pmu_mask = ((UINT64_C(1) << n) - 1) << 3;
        return true;
    }
    if (!strcmp(key, "mvendorid")) {
        return parse_num(p, key, val, UINT32_MAX, &c->mvendorid, err);
    }
    if (!strcmp(key, "marchid")) {
        return parse_num(p, key, val, UINT64_MAX, &c->marchid, err);
    }
    if (!strcmp(key, "mimpid")) {
        return parse_num(p, key, val, UINT64_MAX, &c->mimpid, err);
    }
    if (!strcmp(key, "resetvec")) {
        return parse_num(p, key, val, UINT64_MAX, &c->resetvec, err);
    }
    if (!strcmp(key, "short-isa-string")) {
        return parse_bool(p, key, val, &c->short_isa, err);
    }
    if (!strcmp(key, "debug")) {
        return parse_ext(p, E(SDTRIG), val, err);
    }
    rhea_error_set(err, "-cpu %s: there is no property '%s'", c->model, key);
    return false;
}

/* The largest scheme: the highest one switched on, or what is below the lowest one switched off. */
static bool settle_vm(Parse *p, GError **err)
{
    RISCVConfig *c = p->c;

    if (p->vm_on) {
        unsigned top = 31 - __builtin_clz(p->vm_on);
        if (p->vm_off & ((1u << top) - 1)) {
            rhea_error_set(err,
                           "-cpu %s: a translation scheme cannot be off when a larger one is "
                           "on",
                           c->model);
            return false;
        }
        c->vm_max = top;
    } else if (p->vm_off) {
        unsigned low = __builtin_ctz(p->vm_off);
        if (low <= c->vm_max) {
            c->vm_max = low > RISCV_VM_SV39 ? low - 1 : RISCV_VM_BARE;
        }
    }
    if (!p->mmu || !riscv_has(c, E(S))) {
        c->vm_max = RISCV_VM_BARE;
    }
    return true;
}

RISCVConfig *riscv_cpu_model_parse(const char *cpu_option, unsigned xlen, GError **err)
{
    g_auto(GStrv) parts = g_strsplit(cpu_option, ",", -1);
    const Model *m = NULL;
    Parse p = {.mmu = true, .pmp = true};

    if (!parts[0] || !*parts[0]) {
        rhea_error_set(err, "-cpu: no CPU model given; -cpu help lists them");
        return NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (!strcmp(models[i].name, parts[0]) && model_fits(&models[i], xlen)) {
            m = &models[i];
            break;
        }
    }
    if (!m) {
        bool wide = false;
        for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
            wide |= !strcmp(models[i].name, parts[0]);
        }
        rhea_error_set(err,
                       wide ? "-cpu %s: a 64-bit CPU needs the 64-bit emulator"
                            : "unable to find CPU model '%s' (use -cpu help for a list)",
                       parts[0]);
        return NULL;
    }

    RISCVConfig *c = g_new0(RISCVConfig, 1);
    *c = (RISCVConfig){
        .model = m->name,
        .xlen = m->xlen,
        .vm_max = m->vm_max,
        .priv_spec = m->priv,
        .pmp_entries = m->pmp_entries,
        .cbom_size = 64,
        .cbop_size = 64,
        .cboz_size = 64,
        .pmu_mask = 0x7fff8,
        .mvendorid = m->mvendorid,
        .marchid = m->marchid,
        .mimpid = m->mimpid,
        .resetvec = 0x1000,
    };
    p.c = c;
    p.model = m;
    for (unsigned e = 0; e < RISCV_EXT_COUNT; e++) {
        ext_set(c, e, ext_info[e].how == EXT_FACT || e == E(SDTRIG));
        if (m->all && ext_info[e].how == EXT_HAVE) {
            ext_set(c, e, true);
        }
    }
    if (m->all) {
        static const uint8_t modes[] = {E(S), E(U)};
        for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
            ext_set(c, modes[i], true);
        }
        /* Svade stands for Svadu switched off. */
        ext_set(c, E(SVADE), false);
    }
    for (const uint8_t *e = m->ext; e && *e != RISCV_EXT_COUNT; e++) {
        ext_set(c, *e, true);
    }
    for (unsigned i = 1; parts[i]; i++) {
        char *eq = strchr(parts[i], '=');
        if (!eq || eq == parts[i]) {
            rhea_error_set(err, "-cpu %s: expected property=value, found '%s'", c->model, parts[i]);
            goto fail;
        }
        *eq = 0;
        if (!parse_property(&p, parts[i], eq + 1, err)) {
            goto fail;
        }
    }
    if (!ext_imply(&p, err) || !ext_check(&p, err) || !settle_vm(&p, err)) {
        goto fail;
    }
    if (!p.pmp) {
        c->pmp_entries = 0;
    }
    if (!riscv_has(c, E(ZIHPM))) {
        c->pmu_mask = 0;
    }
    return c;
fail:
    g_free(c);
    return NULL;
}

const RISCVConfig *riscv_cpu_config_aia(const RISCVConfig *c)
{
    RISCVConfig *aia = g_memdup2(c, sizeof(*c));

    ext_set(aia, E(SMAIA), true);
    ext_set(aia, E(SSAIA), riscv_has(c, E(S)));
    return aia;
}

/* ------------------------------------------------------------------------------------------ */
/* Device tree */

static bool ext_shown(const RISCVConfig *c, RISCVExt e)
{
    return riscv_has(c, e) && ext_info[e].how != EXT_STATE && ext_info[e].priv <= c->priv_spec;
}

char *riscv_isa_string(const RISCVConfig *c)
{
    GString *s = g_string_new(NULL);

    g_string_append_printf(s, "rv%u", c->xlen);
    for (unsigned e = 0; e < RISCV_EXT_COUNT; e++) {
        if (!ext_shown(c, e)) {
            continue;
        }
        bool single = !ext_info[e].name[1];
        if (single) {
            g_string_append(s, ext_info[e].name);
        } else if (!c->short_isa) {
            g_string_append_printf(s, "_%s", ext_info[e].name);
        }
    }
    return g_string_free(s, FALSE);
}

char **riscv_isa_extensions(const RISCVConfig *c)
{
    GPtrArray *a = g_ptr_array_new();

    for (unsigned e = 0; e < RISCV_EXT_COUNT; e++) {
        if (ext_shown(c, e)) {
            g_ptr_array_add(a, g_strdup(ext_info[e].name));
        }
    }
    g_ptr_array_add(a, NULL);
    return (char **)g_ptr_array_free(a, FALSE);
}

const char *riscv_isa_base(const RISCVConfig *c)
{
    return c->xlen == 64 ? "rv64i" : "rv32i";
}

const char *riscv_mmu_type(const RISCVConfig *c)
{
    switch (c->vm_max) {
    case RISCV_VM_SV32:
        return "riscv,sv32";
    case RISCV_VM_SV39:
        return "riscv,sv39";
    case RISCV_VM_SV48:
        return "riscv,sv48";
    case RISCV_VM_SV57:
        return "riscv,sv57";
    default:
        return "riscv,none";
    }
}
