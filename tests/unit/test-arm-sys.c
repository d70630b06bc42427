/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The system side of target/arm on a CPU without an accelerator: models, system registers and their
 * traps, exception entry and return, interrupt routing, walks of both stages with every class of
 * fault, TLB maintenance, timers, PSCI. The functions that the target asks of the engine record
 * what was asked of them.
 */
#include <setjmp.h>
#include "softmmu/memory.h"
#include "target/arm/a32-helper.h"
#include "target/arm/internals.h"

#define RAM      UINT64_C(0x40000000)
#define RAM_SIZE UINT64_C(0x1000000)
#define TABLES   (RAM + 0x100000)

typedef struct Fake {
    CPU cpu; /* first member */
    ARMEnv *env;
    MemSystem *ms;
    RamBlock *ram;
    MemRegion root, ram_region;
    sigjmp_buf out;
    int32_t excp;
    TlbFill fill;
    unsigned fills, flushes, kicks;
    bool flush_global;
    char flush_kind; /* 'a'll, 's' ASID, 'p'age, 'q' page and ASID */
    uint64_t flush_addr;
    uint32_t flush_asid;
    uint64_t data_key; /* as selected last */
    struct Fake *peer;
    void (*work)(CPU *cpu, void *data);
    void *work_data;
    bool asleep;
    bool line_out[ARM_OUT_COUNT];
} Fake;

static Fake *fake_of(CPU *cpu)
{
    return (Fake *)cpu;
}

#define try(f, statement)                                                                          \
    ({                                                                                             \
        (f)->excp = -1;                                                                            \
        if (!sigsetjmp((f)->out, 0)) {                                                             \
            statement;                                                                             \
        } else if ((f)->excp >= 0) {                                                               \
            arm_do_exception(&(f)->cpu, (f)->excp);                                                \
        }                                                                                          \
        (f)->excp;                                                                                 \
    })

/* ---- the engine ---- */

void cpu_raise_restore(CPU *cpu, int32_t excp, uintptr_t ra)
{
    fake_of(cpu)->excp = excp;
    siglongjmp(fake_of(cpu)->out, 1);
}
void cpu_loop_exit_restore(CPU *cpu, uintptr_t ra)
{
    fake_of(cpu)->excp = -2;
    siglongjmp(fake_of(cpu)->out, 1);
}
uint64_t cpu_insn_count(CPU *cpu, uintptr_t ra)
{
    return 1000;
}
bool cpu_unit_counts(CPU *cpu, uintptr_t ra)
{
    return true;
}
void cpu_code_fence(CPU *cpu)
{
}
void cpu_spin(CPU *cpu)
{
}

void cpu_kick(CPU *cpu, uint32_t bits)
{
    fake_of(cpu)->kicks++;
}
CPU *cpu_peer(CPU *cpu, unsigned index)
{
    Fake *f = fake_of(cpu), *first = cpu->index == 0 ? f : f->peer;

    return index == 0 ? &first->cpu : index == 1 && first->peer ? &first->peer->cpu : NULL;
}
void cpu_run_on(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data)
{
    fake_of(cpu)->work = fn;
    fake_of(cpu)->work_data = data;
}
void cpu_run_later(CPU *cpu, void (*fn)(CPU *cpu, void *data), void *data)
{
    cpu_run_on(cpu, fn, data);
}
bool cpu_sleeps(const CPU *cpu)
{
    return fake_of((CPU *)cpu)->asleep;
}
void tlb_set(CPU *cpu, unsigned idx, TlbAccess access, const TlbFill *fill)
{
    fake_of(cpu)->fill = *fill;
    fake_of(cpu)->fills++;
}
void tlb_select_data(CPU *cpu, unsigned idx, uint64_t key, uint32_t asid)
{
    if (idx == ARM_TLB_DATA) {
        fake_of(cpu)->data_key = key;
    }
}
void tlb_select_fetch(CPU *cpu, uint64_t key, uint32_t asid, uint32_t mode)
{
    cpu->env->mode = mode;
}
static void flushed(CPU *cpu, char kind, uint64_t addr, uint32_t asid)
{
    Fake *f = fake_of(cpu);

    f->flushes++;
    f->flush_kind = kind;
    f->flush_addr = addr;
    f->flush_asid = asid;
}
void tlb_flush_all(CPU *cpu)
{
    flushed(cpu, 'a', 0, 0);
}
void tlb_flush_asid(CPU *cpu, uint32_t asid, bool also_global)
{
    flushed(cpu, 's', 0, asid);
}
void tlb_flush_page(CPU *cpu, uint64_t vaddr)
{
    flushed(cpu, 'p', vaddr, 0);
}
MemKind tlb_memory_lookup(CPU *cpu, hwaddr addr, MemSection *s)
{
    return memory_lookup(cpu->as, addr, s);
}

void tlb_flush_page_asid(CPU *cpu, uint64_t vaddr, uint32_t asid, bool also_global)
{
    flushed(cpu, 'q', vaddr, asid);
    fake_of(cpu)->flush_global = also_global;
}
void tlb_zero_block(CPU *cpu, uint64_t vaddr, unsigned size, unsigned idx, uintptr_t ra)
{
    for (unsigned i = 0; i < size; i += 8) {
        memory_st64_le(cpu->as, (vaddr & ~(uint64_t)(size - 1)) + i, 0);
    }
}
uint64_t tlb_load(CPU *cpu, uint64_t vaddr, uint16_t memop, uintptr_t ra)
{
    return memory_ld64_le(cpu->as, vaddr, NULL);
}

/* ---- */

static Fake *fake_new(const char *cpu_option)
{
    Fake *f = g_new0(Fake, 1);
    GError *err = NULL;

    f->cpu.model = arm_cpu_model_parse(cpu_option, 64, &err);
    g_assert_no_error(err);
    f->ms = memory_system_new();
    memory_region_init_container(&f->root, f->ms, "system", UINT64_MAX);
    f->ram = ram_block_new(f->ms, "ram", RAM_SIZE, NULL, &err);
    g_assert_no_error(err);
    memory_region_init_ram(&f->ram_region, "ram", f->ram, 0, RAM_SIZE);
    memory_region_add(&f->root, RAM, &f->ram_region, 0);
    f->cpu.as = address_space_new(f->ms, "memory", &f->root);
    f->env = g_aligned_alloc0(1, (sizeof(ARMEnv) + 63) & ~63, 64);
    f->cpu.env = &f->env->cpu;
    f->env->cpu.mxcsr = 0x1f80;
    f->env->cpu.cpu = &f->cpu;
    return f;
}

static void boot(Fake *f, unsigned el)
{
    arm_cpu_set_boot_state(&f->cpu, &(ARMBootState){.entry = RAM, .el = el, .aarch64 = true});
    arm_reset(&f->cpu);
}

static Fake *fake_at(const char *cpu_option, unsigned el)
{
    Fake *f = fake_new(cpu_option);

    boot(f, el);
    return f;
}

static void fake_free(Fake *f)
{
    memory_system_free(f->ms);
    g_free(f->cpu.model);
    g_aligned_free(f->env);
    g_free(f);
}

#define CALL(h, ret, args, ...) ((ret(*) args)(h).fn)(__VA_ARGS__)
#define MRS_INSN(enc)           (0xd5300000 | (enc) << 5)
#define MSR_INSN(enc)           (0xd5100000 | (enc) << 5)

static uint64_t mrs(Fake *f, uint32_t enc)
{
    return CALL(arm_helper_mrs, uint64_t, (ARMEnv *, uint32_t), f->env, MRS_INSN(enc & 0x7fff));
}
static void msr(Fake *f, uint32_t enc, uint64_t val)
{
    CALL(arm_helper_msr, void, (ARMEnv *, uint32_t, uint64_t), f->env, MSR_INSN(enc & 0x7fff), val);
}
static void sys(Fake *f, uint32_t enc, uint64_t val)
{
    CALL(arm_helper_sys, void, (ARMEnv *, uint32_t, uint64_t), f->env, 0xd5000000 | enc << 5, val);
}
static uint64_t eret(Fake *f)
{
    return f->env->cpu.pc = CALL(arm_helper_eret, uint64_t, (ARMEnv *, uint64_t), f->env,
                                 f->env->sys.elr_el[f->env->sys.el]);
}
static uint64_t svc(Fake *f, uint32_t imm, uint64_t next)
{
    return CALL(arm_helper_svc, uint64_t, (ARMEnv *, uint32_t, uint64_t), f->env, imm, next);
}

enum {
    MIDR_EL1 = ARM_SYSREG(3, 0, 0, 0, 0),
    PFR0_EL1 = ARM_SYSREG(3, 0, 0, 4, 0),
    SCTLR_EL1 = ARM_SYSREG(3, 0, 1, 0, 0),
    TTBR0_EL1 = ARM_SYSREG(3, 0, 2, 0, 0),
    TTBR1_EL1 = ARM_SYSREG(3, 0, 2, 0, 1),
    TCR_EL1 = ARM_SYSREG(3, 0, 2, 0, 2),
    ESR_EL1 = ARM_SYSREG(3, 0, 5, 2, 0),
    FAR_EL1 = ARM_SYSREG(3, 0, 6, 0, 0),
    PAR_EL1 = ARM_SYSREG(3, 0, 7, 4, 0),
    MAIR_EL1 = ARM_SYSREG(3, 0, 10, 2, 0),
    VBAR_EL1 = ARM_SYSREG(3, 0, 12, 0, 0),
    SPSR_EL1 = ARM_SYSREG(3, 0, 4, 0, 0),
    ELR_EL1 = ARM_SYSREG(3, 0, 4, 0, 1),
    TPIDR_EL0 = ARM_SYSREG(3, 3, 13, 0, 2),
    CNTV_CTL = ARM_SYSREG(3, 3, 14, 3, 1),
    CNTV_CVAL = ARM_SYSREG(3, 3, 14, 3, 2),
    CNTV_TVAL = ARM_SYSREG(3, 3, 14, 3, 0),
    CNTVCT = ARM_SYSREG(3, 3, 14, 0, 2),
    CNTKCTL = ARM_SYSREG(3, 0, 14, 1, 0),
    HCR_EL2 = ARM_SYSREG(3, 4, 1, 1, 0),
    VTTBR_EL2 = ARM_SYSREG(3, 4, 2, 1, 0),
    VTCR_EL2 = ARM_SYSREG(3, 4, 2, 1, 2),
    VBAR_EL2 = ARM_SYSREG(3, 4, 12, 0, 0),
    SPSR_EL2 = ARM_SYSREG(3, 4, 4, 0, 0),
    ELR_EL2 = ARM_SYSREG(3, 4, 4, 0, 1),
    SCTLR_EL12 = ARM_SYSREG(3, 5, 1, 0, 0),
    SCTLR_EL2 = ARM_SYSREG(3, 4, 1, 0, 0),
};

/* ------------------------------------------------------------------------------------------ */

static void test_models(void)
{
    static const char *const bad[] = {
        "cortex-a99",           "cortex-a57,sve=on",      "cortex-a57,nothing=on",
        "cortex-a57,pmu=maybe", "cortex-a76,aarch64=off", "max,lpa2=on",
        "cortex-a57,cntfrq=0"};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *err = NULL;
        g_assert_null(arm_cpu_model_parse(bad[i], 64, &err));
        g_assert_nonnull(err);
        g_error_free(err);
    }
    GError *err = NULL;
    g_assert_null(arm_cpu_model_parse("cortex-a57", 32, &err));
    g_error_free(err);

    ARMConfig *c = arm_cpu_model_parse("cortex-a57", 64, NULL);
    g_assert_cmphex(c->midr, ==, 0x411fd070);
    g_assert_true(arm_has(c, ARM_FEAT_AES) && arm_has(c, ARM_FEAT_EL3));
    g_assert_false(arm_has(c, ARM_FEAT_LSE) || arm_has(c, ARM_FEAT_PAN));
    arm_config_drop(c, ARM_FEAT_EL3);
    arm_config_drop(c, ARM_FEAT_EL2);
    g_assert_cmphex(c->id_aa64pfr0, ==, 0x22);
    g_assert_cmphex(c->id_pfr1, ==, 0x10001);
    g_free(c);
    c = arm_cpu_model_parse("cortex-a76", 64, NULL);
    g_assert_true(arm_has(c, ARM_FEAT_LSE) && arm_has(c, ARM_FEAT_VHE) &&
                  arm_has(c, ARM_FEAT_FP16) && arm_has(c, ARM_FEAT_DOTPROD) &&
                  arm_has(c, ARM_FEAT_HAFDBS) && !arm_has(c, ARM_FEAT_AARCH32_EL1));
    g_free(c);
    c = arm_cpu_model_parse("max,pauth=off,sve=off,lpa2=off", 64, NULL);
    g_assert_nonnull(c);
    g_assert_false(arm_has(c, ARM_FEAT_PAUTH));
    g_assert_cmphex(c->id_aa64isar1 & 0xff000ff0, ==, 0);
    g_free(c);
    c = arm_cpu_model_parse("cortex-a53,aarch64=off", 64, NULL);
    g_assert_false(arm_has(c, ARM_FEAT_AARCH64));
    g_free(c);
    c = arm_cpu_model_parse("cortex-a15", 32, NULL);
    g_assert_true(arm_has(c, ARM_FEAT_LPAE) && arm_has(c, ARM_FEAT_IDIV_A));
    g_free(c);
}

static void test_sysregs(void)
{
    Fake *f = fake_at("cortex-a57", 1);

    g_assert_cmphex(mrs(f, MIDR_EL1), ==, 0x411fd070);
    msr(f, TPIDR_EL0, 0x1234567890);
    g_assert_cmphex(mrs(f, TPIDR_EL0), ==, 0x1234567890);
    msr(f, VBAR_EL1, UINT64_MAX);
    g_assert_cmphex(mrs(f, VBAR_EL1), ==, UINT64_MAX << 11);
    /* Not at EL1; not there at all; read-only. */
    g_assert_cmpint(try(f, mrs(f, HCR_EL2)), ==, ARM_EXCP_UNDEF);
    g_assert_cmphex(mrs(f, ESR_EL1), ==, ARM_SYN(EC_UNKNOWN, 0));
    g_assert_cmpint(try(f, mrs(f, ARM_SYSREG(3, 0, 1, 15, 7))), ==, ARM_EXCP_UNDEF);
    g_assert_cmpint(try(f, msr(f, MIDR_EL1, 0)), ==, ARM_EXCP_UNDEF);
    /* The reserved part of the identification space reads as zero. */
    g_assert_cmphex(mrs(f, ARM_SYSREG(3, 0, 0, 7, 5)), ==, 0);
    fake_free(f);
}

/* SCTLR as AArch32 has it, the reset value's read-only bits, and what V does. */
static void test_sctlr32(void)
{
    static const struct {
        const char *cpu;
        uint32_t zeros, ones; /* what reads back of writes of 0 and of UINT32_MAX */
    } rows[] = {
        {"cortex-a15", 0x00c50058, 0x72dd7c7f},
        {"cortex-a8", 0x00c50078, 0x72c57c7f},
        {"cortex-a35,aarch64=off", 0x00c00818, 0x72dd39bf},
        {"cortex-a53,aarch64=off", 0x00c00818, 0x72dd393f}, /* no ITD */
        {"arm926", 0x00090078, 0x0009f37f},
    };
    enum { MRC_SCTLR = 0xee110f10, MCR_SCTLR = 0xee010f10 };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fake *f = fake_new(rows[i].cpu);
        ARMEnv *env = f->env;
        arm_cpu_set_boot_state(&f->cpu, &(ARMBootState){.entry = RAM, .el = 1});
        arm_reset(&f->cpu);
        g_assert_true(env->sys.aarch32);
        for (unsigned ones = 0; ones < 2; ones++) {
            CALL(arm_helper_a32_mcr, void, (ARMEnv *, uint32_t, uint64_t), env, MCR_SCTLR,
                 ones ? UINT32_MAX : 0);
            uint64_t v = CALL(arm_helper_a32_mrc, uint64_t, (ARMEnv *, uint32_t), env, MRC_SCTLR);
            g_assert_cmphex(v, ==, ones ? rows[i].ones : rows[i].zeros);
            env->cpu.pc = RAM;
            arm_do_exception(&f->cpu, ARM_EXCP_UNDEF);
            g_assert_cmphex(env->cpu.pc, ==, ones ? 0xffff0004 : 4);
        }
        fake_free(f);
    }
}

/* Every field of DACR makes another context; nothing is flushed. */
static void test_dacr(void)
{
    enum { MCR_SCTLR = 0xee010f10, MCR_DACR = 0xee030f10 };
    Fake *f = fake_new("cortex-a15");
    arm_cpu_set_boot_state(&f->cpu, &(ARMBootState){.entry = RAM, .el = 1});
    arm_reset(&f->cpu);
    CALL(arm_helper_a32_mcr, void, (ARMEnv *, uint32_t, uint64_t), f->env, MCR_SCTLR, 1);
    uint64_t none = f->data_key;
    unsigned flushes = f->flushes;
    for (unsigned i = 0; i < 32; i++) {
        CALL(arm_helper_a32_mcr, void, (ARMEnv *, uint32_t, uint64_t), f->env, MCR_DACR, 1u << i);
        uint64_t key = f->data_key;
        g_assert_cmphex(key, !=, none);
        CALL(arm_helper_a32_mcr, void, (ARMEnv *, uint32_t, uint64_t), f->env, MCR_DACR, 0);
        g_assert_cmphex(f->data_key, ==, none);
    }
    g_assert_cmpuint(f->flushes, ==, flushes);
    fake_free(f);
}

/* In AArch32 a vector table needs to be aligned to 32 bytes only: EDK2's is. */
static void test_vbar32(void)
{
    enum { MRC_VBAR = 0xee1c0f10, MCR_VBAR = 0xee0c0f10, MCR_SCTLR = 0xee010f10 };
    Fake *f = fake_new("cortex-a15");
    arm_cpu_set_boot_state(&f->cpu, &(ARMBootState){.entry = RAM, .el = 1});
    arm_reset(&f->cpu);
    CALL(arm_helper_a32_mcr, void, (ARMEnv *, uint32_t, uint64_t), f->env, MCR_SCTLR, 0);
    CALL(arm_helper_a32_mcr, void, (ARMEnv *, uint32_t, uint64_t), f->env, MCR_VBAR, 0x5fb2dc5f);
    uint64_t v = CALL(arm_helper_a32_mrc, uint64_t, (ARMEnv *, uint32_t), f->env, MRC_VBAR);
    g_assert_cmphex(v, ==, 0x5fb2dc40);
    f->env->cpu.pc = RAM;
    arm_do_exception(&f->cpu, ARM_EXCP_UNDEF);
    g_assert_cmphex(f->env->cpu.pc, ==, 0x5fb2dc44);
    fake_free(f);
}

static void test_traps(void)
{
    Fake *f = fake_at("cortex-a57", 2);

    msr(f, HCR_EL2, HCR_RW | HCR_TVM | HCR_TID3);
    msr(f, VBAR_EL2, 0x80000);
    msr(f, SPSR_EL2, 0x3c5);
    msr(f, ELR_EL2, RAM + 0x100);
    g_assert_cmphex(eret(f), ==, RAM + 0x100);
    g_assert_cmpuint(f->env->sys.el, ==, 1);
    g_assert_cmpint(try(f, msr(f, SCTLR_EL1, 0)), ==, ARM_EXCP_UNDEF);
    g_assert_cmpuint(f->env->sys.el, ==, 2);
    /* op0 3, op2 0, op1 0, CRn 1, CRm 0, Rt 0, write */
    g_assert_cmphex(f->env->sys.esr[2], ==, ARM_SYN(EC_SYSREG, 3 << 20 | 1 << 10));
    g_assert_cmphex(f->env->cpu.pc, ==, 0x80400);
    g_assert_cmphex(f->env->sys.elr_el[2], ==, RAM + 0x100);
    eret(f);
    mrs(f, SCTLR_EL1); /* only writes trap */
    g_assert_cmpint(try(f, mrs(f, PFR0_EL1)), ==, ARM_EXCP_UNDEF);
    g_assert_cmphex(f->env->sys.esr[2] >> 26, ==, EC_SYSREG);
    /* Timer registers at EL0: CNTKCTL */
    boot(f, 1);
    msr(f, SPSR_EL1, 0);
    eret(f);
    g_assert_cmpint(try(f, mrs(f, CNTVCT)), ==, ARM_EXCP_UNDEF);
    g_assert_cmphex(mrs(f, ESR_EL1) >> 26, ==, EC_SYSREG);
    msr(f, CNTKCTL, 2);
    eret(f);
    g_assert_cmpint(try(f, mrs(f, CNTVCT)), ==, -1);
    fake_free(f);
}

static void test_vhe(void)
{
    Fake *f = fake_at("cortex-a76", 2);

    msr(f, HCR_EL2, HCR_RW);
    g_assert_cmpint(try(f, mrs(f, SCTLR_EL12)), ==, ARM_EXCP_UNDEF);
    msr(f, HCR_EL2, HCR_RW | HCR_E2H | HCR_TGE);
    msr(f, ARM_SYSREG(3, 0, 12, 0, 0), 0x123000); /* VBAR_EL1: EL2's */
    g_assert_cmphex(f->env->sys.vbar[2], ==, 0x123000);
    g_assert_cmphex(f->env->sys.vbar[1], ==, 0);
    msr(f, ARM_SYSREG(3, 5, 12, 0, 0), 0x456000); /* VBAR_EL12 */
    g_assert_cmphex(f->env->sys.vbar[1], ==, 0x456000);
    /* EL0 below the host: its exceptions come to EL2. */
    msr(f, ARM_SYSREG(3, 0, 4, 0, 0), 0);
    eret(f);
    g_assert_cmpuint(f->env->sys.el, ==, 0);
    svc(f, 5, 0x1004);
    g_assert_cmpuint(f->env->sys.el, ==, 2);
    g_assert_cmphex(f->env->cpu.pc, ==, 0x123400);
    fake_free(f);
}

static void test_exceptions(void)
{
    Fake *f = fake_at("cortex-a57", 1);
    ARMEnv *env = f->env;

    msr(f, VBAR_EL1, 0x10000);
    env->x[31] = 0x1111; /* SP_EL1 */
    env->sys.sp_el[0] = 0x2222;
    msr(f, SPSR_EL1, 0xa0000000); /* EL0t, N and C */
    msr(f, ELR_EL1, 0x4000);
    g_assert_cmphex(eret(f), ==, 0x4000);
    g_assert_cmpuint(env->sys.el, ==, 0);
    g_assert_cmphex(env->x[31], ==, 0x2222);
    g_assert_cmphex(arm_pstate_read(env), ==, 0xa0000000);
    g_assert_cmphex(svc(f, 0x42, 0x4004), ==, 0x10400);
    g_assert_cmphex(env->sys.elr_el[1], ==, 0x4004);
    g_assert_cmphex(env->sys.spsr_el[1], ==, 0xa0000000);
    g_assert_cmphex(env->sys.esr[1], ==, ARM_SYN(EC_SVC64, 0x42));
    g_assert_cmphex(env->x[31], ==, 0x1111);
    g_assert_cmphex(env->sys.pstate, ==, 0x3c5);
    /* From the level itself, with SP_ELx and with SP_EL0. */
    env->cpu.pc = 0x10400;
    g_assert_cmpint(try(f, arm_raise_undefined(env, 0)), ==, ARM_EXCP_UNDEF);
    g_assert_cmphex(env->cpu.pc, ==, 0x10200);
    arm_set_sp_sel(env, false);
    try(f, arm_raise_undefined(env, 0));
    g_assert_cmphex(env->cpu.pc, ==, 0x10000);
    /* Illegal returns: EL2 from EL1, AArch32 modes that are none, M[1]. */
    static const uint32_t illegal[] = {0x9, 0x6, 0x1, 0x14};
    for (unsigned i = 0; i < G_N_ELEMENTS(illegal); i++) {
        msr(f, SPSR_EL1, illegal[i]);
        eret(f);
        g_assert_cmpuint(env->sys.el, ==, 1);
        g_assert_cmphex(env->sys.pstate & PSTATE_IL, ==, PSTATE_IL);
        g_assert_true(arm_mode(env) & ARM_MODE_IL);
        env->sys.pstate &= ~PSTATE_IL;
    }
    fake_free(f);
}

static void test_interrupts(void)
{
    Fake *f = fake_at("cortex-a57", 1);
    ARMEnv *env = f->env;

    env->sys.vbar[1] = 0x10000;
    f->cpu.interrupts = 1u << ARM_LINE_IRQ;
    g_assert_false(arm_do_interrupt(&f->cpu)); /* masked */
    g_assert_true(arm_has_work(&f->cpu));
    env->sys.pstate &= ~PSTATE_I;
    g_assert_true(arm_do_interrupt(&f->cpu));
    g_assert_cmphex(env->cpu.pc, ==, 0x10280);
    g_assert_false(arm_do_interrupt(&f->cpu));
    /* Routed to EL2: PSTATE.I of EL1 does not mask. */
    env->sys.vbar[2] = 0x20000;
    env->sys.hcr = HCR_RW | HCR_IMO;
    arm_hcr_changed(env);
    g_assert_true(arm_do_interrupt(&f->cpu));
    g_assert_cmpuint(env->sys.el, ==, 2);
    g_assert_cmphex(env->cpu.pc, ==, 0x20480);
    /* Virtual ones are for EL1. */
    f->cpu.interrupts = 1u << ARM_LINE_VIRQ;
    env->sys.pstate &= ~PSTATE_I;
    g_assert_false(arm_do_interrupt(&f->cpu));
    msr(f, SPSR_EL2, 0x345);
    eret(f);
    g_assert_true(arm_do_interrupt(&f->cpu));
    g_assert_cmpuint(env->sys.el, ==, 1);
    /* SCR_EL3.FIQ */
    f->cpu.interrupts = 1u << ARM_LINE_FIQ;
    env->sys.scr |= SCR_FIQ;
    g_assert_true(arm_do_interrupt(&f->cpu));
    g_assert_cmpuint(env->sys.el, ==, 3);
    fake_free(f);
}

/* ------------------------------------------------------------------------------------------ */
/* Walks */

static void st64(Fake *f, uint64_t pa, uint64_t v)
{
    g_assert_cmpint(memory_st64_le(f->cpu.as, pa, v), ==, MEMTX_OK);
}

#define AF  ARM_BIT(10)
#define NG  ARM_BIT(11)
#define AP0 0
#define APU (1 << 6) /* EL0 too */
#define RO  (2 << 6)

/* 4 KiB granule, 39 bits: level 1 at TABLES, 2 and 3 behind it; TTBR1 has the same tables. */
static void map4k(Fake *f)
{
    st64(f, TABLES, (TABLES + 0x1000) | 3);
    st64(f, TABLES + 0x1000, (TABLES + 0x2000) | 3);
    msr(f, MAIR_EL1, 0xff);
    msr(f, TTBR0_EL1, TABLES | UINT64_C(5) << 48);
    msr(f, TTBR1_EL1, TABLES);
    msr(f, TCR_EL1, 25 | 25 << 16 | UINT64_C(2) << 30 | UINT64_C(2) << 32);
    msr(f, SCTLR_EL1, 0x30d00801);
}

static bool fill(Fake *f, uint64_t va, TlbAccess a)
{
    return try(f, arm_tlb_fill(&f->cpu, va, 8, a, 0, false, 0)) == -1;
}

static void expect_fault(Fake *f, uint64_t va, TlbAccess a, unsigned fsc)
{
    g_assert_false(fill(f, va, a));
    g_assert_cmphex(f->env->sys.esr[1] & 0x3f, ==, fsc);
    g_assert_cmphex(f->env->sys.far[1], ==, va);
    g_assert_cmphex(f->env->sys.esr[1] >> 26, ==, a == TLB_FETCH ? EC_IABT : EC_DABT);
    if (a != TLB_FETCH) {
        g_assert_cmpuint(f->env->sys.esr[1] >> 6 & 1, ==, a == TLB_WRITE);
    }
}

static void test_walk(void)
{
    Fake *f = fake_at("cortex-a57", 1);
    uint64_t l3 = TABLES + 0x2000;

    map4k(f);
    st64(f, l3, (RAM + 0x5000) | AF | NG | 3);
    g_assert_true(fill(f, 0x123, TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x5123);
    g_assert_cmpuint(f->fill.prot, ==, TLB_PROT_R | TLB_PROT_W | TLB_PROT_X);
    g_assert_false(f->fill.global);
    g_assert_cmpuint(f->fill.asid & 0xffff, ==, 5);
    g_assert_true(fill(f, UINT64_C(0xffffff8000000008), TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x5008);
    /* A block of 2 MiB; contiguous pages. */
    st64(f, TABLES + 0x1008, (RAM + 0x200000) | AF | 1);
    g_assert_true(fill(f, 0x234567, TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x234567);
    g_assert_cmpuint(f->fill.page_bits, ==, 21);
    st64(f, l3 + 8, (RAM + 0x5000) | ARM_BIT(52) | AF | 3);
    g_assert_true(fill(f, 0x1000, TLB_READ));
    g_assert_cmpuint(f->fill.page_bits, ==, 16);

    /* Translation faults at each level, and outside of both ranges. */
    expect_fault(f, 0x40000000, TLB_READ, 0x05);
    expect_fault(f, 0x400000, TLB_WRITE, 0x06);
    expect_fault(f, 0x2000, TLB_FETCH, 0x07);
    expect_fault(f, UINT64_C(1) << 39, TLB_READ, 0x04);
    expect_fault(f, UINT64_C(0xff00000000000000), TLB_READ, 0x04);
    st64(f, l3 + 8 * 2, (RAM + 0x5000) | AF | 1); /* 0b01 is reserved at level 3 */
    expect_fault(f, 0x2000, TLB_READ, 0x07);
    /* Access flag; permissions. */
    st64(f, l3 + 8 * 3, (RAM + 0x5000) | 3);
    expect_fault(f, 0x3000, TLB_READ, 0x0b);
    st64(f, l3 + 8 * 4, (RAM + 0x5000) | AF | RO | 3);
    g_assert_true(fill(f, 0x4000, TLB_READ));
    expect_fault(f, 0x4000, TLB_WRITE, 0x0f);
    st64(f, l3 + 8 * 5, (RAM + 0x5000) | AF | ARM_BIT(53) | 3); /* PXN */
    expect_fault(f, 0x5000, TLB_FETCH, 0x0f);
    st64(f, l3 + 8 * 6, (RAM + 0x5000) | AF | APU | 3); /* EL0 may write: never runs at EL1 */
    expect_fault(f, 0x6000, TLB_FETCH, 0x0f);
    /* Tables' own restrictions: APTable read-only, PXNTable. */
    st64(f, TABLES + 0x1010, (TABLES + 0x2000) | ARM_BIT(62) | ARM_BIT(59) | 3);
    expect_fault(f, 0x400000, TLB_WRITE, 0x0f);
    expect_fault(f, 0x400000, TLB_FETCH, 0x0f);
    /* Address size: IPS is 40 bits. External abort on a table. */
    st64(f, l3 + 8 * 7, ARM_BIT(44) | AF | 3);
    expect_fault(f, 0x7000, TLB_READ, 0x03);
    st64(f, TABLES + 0x1018, UINT64_C(0x700000000) | 3);
    expect_fault(f, 0x600000, TLB_READ, 0x17);
    /* EPD0 */
    msr(f, TCR_EL1, 25 | 25 << 16 | UINT64_C(2) << 30 | UINT64_C(2) << 32 | TCR_EPD0);
    expect_fault(f, 0x123, TLB_READ, 0x04);
    /* Top byte ignore. */
    msr(f, TCR_EL1, 25 | 25 << 16 | UINT64_C(2) << 30 | UINT64_C(2) << 32 | TCR_TBI0);
    g_assert_true(fill(f, UINT64_C(0x5a00000000000010), TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x5010);
    /* WXN */
    msr(f, SCTLR_EL1, 0x30d80801);
    expect_fault(f, 0x120, TLB_FETCH, 0x0f);
    fake_free(f);
}

static void test_walk_granules(void)
{
    Fake *f = fake_at("cortex-a57", 1);

    /* 64 KiB, 42 bits: level 2 (8192 entries), level 3. */
    st64(f, TABLES, (TABLES + 0x10000) | 3);
    st64(f, TABLES + 0x10000 + 8, (RAM + 0x30000) | AF | 3);
    st64(f, TABLES + 8, (UINT64_C(0x60000000)) | AF | 1);
    msr(f, TTBR0_EL1, TABLES);
    msr(f, TCR_EL1, 22 | 1 << 14 | TCR_EPD1 | UINT64_C(2) << 32);
    msr(f, SCTLR_EL1, 0x30d00801);
    g_assert_true(fill(f, 0x12345, TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x32345);
    g_assert_cmpuint(f->fill.page_bits, ==, 16);
    g_assert_true(fill(f, 0x20000001, TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, 0x60000001);
    g_assert_cmpuint(f->fill.page_bits, ==, 29);
    expect_fault(f, 0x20000, TLB_READ, 0x07);
    /* 16 KiB, 36 bits: level 2, level 3. */
    msr(f, TCR_EL1, 28 | 2 << 14 | TCR_EPD1 | UINT64_C(2) << 32);
    st64(f, TABLES, (TABLES + 0x4000) | 3);
    st64(f, TABLES + 0x4000 + 8, (RAM + 0x8000) | AF | 3);
    g_assert_true(fill(f, 0x4abc, TLB_READ));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x8abc);
    g_assert_cmpuint(f->fill.page_bits, ==, 14);
    fake_free(f);
}

static void test_walk_v82(void)
{
    Fake *f = fake_at("cortex-a76", 1);
    uint64_t l3 = TABLES + 0x2000;

    map4k(f);
    /* Hardware management of the access flag and of dirtiness. */
    msr(f, TCR_EL1, 25 | TCR_EPD1 | UINT64_C(2) << 32 | TCR_HA | TCR_HD);
    st64(f, l3, (RAM + 0x5000) | ARM_BIT(51) | RO | 3);
    g_assert_true(fill(f, 0, TLB_READ));
    g_assert_cmpuint(f->fill.prot & TLB_PROT_W, ==, 0);
    g_assert_cmphex(memory_ld64_le(f->cpu.as, l3, NULL), ==,
                    (RAM + 0x5000) | ARM_BIT(51) | RO | AF | 3);
    g_assert_true(fill(f, 0, TLB_WRITE));
    g_assert_cmphex(memory_ld64_le(f->cpu.as, l3, NULL), ==, (RAM + 0x5000) | ARM_BIT(51) | AF | 3);
    /* Privileged access never. */
    st64(f, l3 + 8, (RAM + 0x5000) | APU | AF | 3);
    g_assert_true(fill(f, 0x1000, TLB_READ));
    f->env->sys.pstate |= PSTATE_PAN;
    expect_fault(f, 0x1000, TLB_READ, 0x0f);
    g_assert_true(f->env->sys.pstate & PSTATE_PAN);
    /* LDTR still may. */
    g_assert_cmpint(try(f, arm_tlb_fill(&f->cpu, 0x1000, 8, TLB_READ, ARM_TLB_UNPRIV, false, 0)),
                    ==, -1);
    fake_free(f);
}

static void test_stage2(void)
{
    Fake *f = fake_at("cortex-a57", 2);
    uint64_t s2 = TABLES + 0x8000;

    /* IPA 0x40000000 on, 2 MiB a block; level 1 start, 39 bits. */
    st64(f, s2 + 8, (s2 + 0x1000) | 3);
    st64(f, s2 + 0x1000, RAM | AF | 3 << 6 | 0xf << 2 | 1);
    st64(f, s2 + 0x1008, (RAM + 0x200000) | AF | 1 << 6 | 0xf << 2 | 1);
    msr(f, VTTBR_EL2, s2 | UINT64_C(9) << 48);
    msr(f, VTCR_EL2, 25 | 1 << 6 | 2 << 16);
    f->env->sys.vbar[2] = 0x70000;
    msr(f, HCR_EL2, HCR_RW | HCR_VM);
    msr(f, SPSR_EL2, 0x3c5);
    eret(f);
    /* Stage 1 off. */
    g_assert_true(fill(f, RAM + 0x10, TLB_WRITE));
    g_assert_cmphex(f->fill.paddr, ==, RAM + 0x10);
    g_assert_cmphex(f->fill.asid >> 19, ==, 9);
    g_assert_true(fill(f, RAM + 0x200010, TLB_READ));
    g_assert_false(fill(f, RAM + 0x200010, TLB_WRITE));
    g_assert_cmpuint(f->env->sys.el, ==, 2);
    g_assert_cmphex(f->env->sys.esr[2], ==, ARM_SYN(EC_DABT_LOWER, 1 << 6 | 0x0e));
    g_assert_cmphex(f->env->sys.hpfar, ==, (RAM + 0x200000) >> 8);
    eret(f);
    g_assert_false(fill(f, 0x123, TLB_READ));
    g_assert_cmphex(f->env->sys.esr[2] & 0x3f, ==, 0x05);
    eret(f);
    /* Stage 1 tables where stage 2 maps nothing: a fault of the walk. */
    map4k(f);
    msr(f, TTBR0_EL1, 0x80000000);
    g_assert_false(fill(f, 0x123, TLB_READ));
    g_assert_cmpuint(f->env->sys.el, ==, 2);
    g_assert_cmphex(f->env->sys.esr[2] & 0xff, ==, 0x85);
    g_assert_cmphex(f->env->sys.hpfar, ==, 0x80000000 >> 8);
    g_assert_cmphex(f->env->sys.far[2], ==, 0x123);
    fake_free(f);
}

static void test_at(void)
{
    Fake *f = fake_at("cortex-a57", 1);

    map4k(f);
    st64(f, TABLES + 0x2000, (RAM + 0x5000) | AF | 3);
    sys(f, ARM_SYSREG(1, 0, 7, 8, 0), 0x123);
    g_assert_cmphex(mrs(f, PAR_EL1) & UINT64_C(0xfffffffff001), ==, RAM + 0x5000);
    g_assert_cmphex(mrs(f, PAR_EL1) >> 56, ==, 0xff);
    sys(f, ARM_SYSREG(1, 0, 7, 8, 2), 0x123); /* S1E0R */
    g_assert_cmphex(mrs(f, PAR_EL1) & 0x7f, ==, 0x0f << 1 | 1);
    sys(f, ARM_SYSREG(1, 0, 7, 8, 0), 0x8000);
    g_assert_cmphex(mrs(f, PAR_EL1) & 0x7f, ==, 0x07 << 1 | 1);
    fake_free(f);
}

/* ------------------------------------------------------------------------------------------ */

static void test_tlbi(void)
{
    Fake *f = fake_at("cortex-a57", 1), *g = fake_at("cortex-a57", 1);

    f->peer = g;
    g->peer = f;
    g->cpu.index = 1;
    map4k(f);
    f->flushes = g->flushes = 0;
    sys(f, ARM_SYSREG(1, 0, 8, 7, 1), UINT64_C(5) << 48 | 0x123); /* VAE1 */
    g_assert_cmpuint(f->flushes, ==, 1);
    g_assert_true(f->flush_kind == 'q');
    g_assert_cmphex(f->flush_addr, ==, 0x123000);
    g_assert_cmphex(f->flush_asid & 0xffff, ==, 5);
    g_assert_null(g->work);
    sys(f, ARM_SYSREG(1, 0, 8, 7, 1), UINT64_C(5) << 48 | UINT64_C(0xff8000000001));
    g_assert_true(f->flush_kind == 'q' && f->flush_global);
    sys(f, ARM_SYSREG(1, 0, 8, 7, 2), UINT64_C(7) << 48); /* ASIDE1 */
    g_assert_true(f->flush_kind == 's');
    g_assert_cmphex(f->flush_asid & 0xffff, ==, 7);
    sys(f, ARM_SYSREG(1, 0, 8, 7, 3), 0x42); /* VAAE1 */
    g_assert_true(f->flush_kind == 'p');
    sys(f, ARM_SYSREG(1, 0, 8, 7, 0), 0); /* VMALLE1 */
    g_assert_true(f->flush_kind == 'a');

    /* Broadcast: done by the other CPU's own thread, and only DSB waits for it. */
    sys(f, ARM_SYSREG(1, 0, 8, 3, 3), 0x99); /* VAAE1IS */
    g_assert_nonnull(g->work);
    g_assert_cmpuint(g->flushes, ==, 0);
    g_assert_cmpint(try(f, CALL(arm_helper_dsb_wait, void, (ARMEnv *), f->env)), ==, -2);
    g->work(&g->cpu, g->work_data);
    g_assert_true(g->flush_kind == 'p');
    g_assert_cmphex(g->flush_addr, ==, 0x99000);
    g_assert_cmpint(try(f, CALL(arm_helper_dsb_wait, void, (ARMEnv *), f->env)), ==, -1);

    /* It does not wait for one that sleeps, whose queue ends in a flush of everything. */
    sys(f, ARM_SYSREG(1, 0, 8, 3, 3), 0x99);
    g_assert_cmpint(try(f, CALL(arm_helper_dsb_wait, void, (ARMEnv *), f->env)), ==, -2);
    g->asleep = true;
    g_assert_cmpint(try(f, CALL(arm_helper_dsb_wait, void, (ARMEnv *), f->env)), ==, -1);
    unsigned queued = 1;
    for (unsigned i = 0; i < 1000; i++) {
        g->work = NULL;
        sys(f, ARM_SYSREG(1, 0, 8, 3, 3), 0x99);
        queued += g->work != NULL;
    }
    g_assert_cmpuint(queued, ==, 65);
    g->asleep = false;
    g_assert_cmpint(try(f, CALL(arm_helper_dsb_wait, void, (ARMEnv *), f->env)), ==, -2);
    fake_free(f);
    fake_free(g);
}

static void test_tlbi_range(void)
{
    Fake *f = fake_at("max", 1);

    f->flushes = 0;
    /* RVAAE1: 4 KiB granule, SCALE 0, NUM 2: 6 pages from 0x7000. */
    sys(f, ARM_SYSREG(1, 0, 8, 6, 3), UINT64_C(1) << 46 | UINT64_C(2) << 39 | 7);
    g_assert_cmpuint(f->flushes, ==, 6);
    g_assert_cmphex(f->flush_addr, ==, 0xc000);
    /* SCALE 3: too many to go through. */
    sys(f, ARM_SYSREG(1, 0, 8, 6, 3), UINT64_C(1) << 46 | UINT64_C(3) << 44 | 7);
    g_assert_true(f->flush_kind == 'a');
    fake_free(f);
    /* Not there before Armv8.4. */
    f = fake_at("cortex-a57", 1);
    g_assert_cmpint(try(f, sys(f, ARM_SYSREG(1, 0, 8, 6, 3), 0)), ==, ARM_EXCP_UNDEF);
    fake_free(f);
}

/* ------------------------------------------------------------------------------------------ */

static int64_t now_ns;

static int64_t fake_clock(void *opaque)
{
    return now_ns;
}
static void fake_clock_kick(void *opaque)
{
}
static void fake_output(void *opaque, bool level)
{
    *(bool *)opaque = level;
}

static void test_timer(void)
{
    Fake *f = fake_new("cortex-a57"); /* 62.5 MHz: 16 ns */
    Clocks *c = clocks_new(g_main_context_default());
    bool *out = &f->line_out[ARM_OUT_CNTV];

    now_ns = 16000;
    clocks_set_icount(c, fake_clock, fake_clock_kick, NULL);
    clocks_set_running(c, true);
    arm_cpu_set_clocks(&f->cpu, c);
    arm_cpu_set_output(&f->cpu, ARM_OUT_CNTV, fake_output, out);
    boot(f, 1);
    g_assert_cmpuint(mrs(f, CNTVCT), ==, 1000);
    msr(f, CNTV_TVAL, 100);
    g_assert_cmpuint(mrs(f, CNTV_CVAL), ==, 1100);
    msr(f, CNTV_CTL, 1);
    g_assert_false(*out);
    g_assert_cmpint(timer_next_deadline_ns(c), ==, 1100 * 16);
    now_ns = 1100 * 16;
    timers_run_virtual(c);
    g_assert_true(*out);
    g_assert_cmpuint(mrs(f, CNTV_CTL), ==, 5);
    g_assert_cmphex(mrs(f, CNTV_TVAL), ==, 0);
    now_ns += 16;
    g_assert_cmphex(mrs(f, CNTV_TVAL), ==, 0xffffffff);
    msr(f, CNTV_CTL, 3); /* masked */
    g_assert_false(*out);
    g_assert_cmpuint(mrs(f, CNTV_CTL), ==, 7);
    msr(f, CNTV_CTL, 1);
    g_assert_true(*out);
    /* The virtual offset moves the condition. */
    f->env->sys.cntvoff = 500;
    arm_timers_changed(f->env);
    g_assert_false(*out);
    g_assert_cmpuint(mrs(f, CNTVCT), ==, 1101 - 500);
    arm_reset(&f->cpu);
    g_assert_cmpint(timer_next_deadline_ns(c), ==, INT64_MAX);
    fake_free(f);
    clocks_free(c);
}

enum {
    PMCR = ARM_SYSREG(3, 3, 9, 12, 0),
    PMCNTENSET = ARM_SYSREG(3, 3, 9, 12, 1),
    PMOVSCLR = ARM_SYSREG(3, 3, 9, 12, 3),
    PMCCNTR = ARM_SYSREG(3, 3, 9, 13, 0),
    PMINTENSET = ARM_SYSREG(3, 0, 9, 14, 1),
    PMEVTYPER0 = ARM_SYSREG(3, 3, 14, 12, 0),
    PMEVCNTR0 = ARM_SYSREG(3, 3, 14, 8, 0),
};

static void test_pmu(void)
{
    Fake *f = fake_new("cortex-a57");
    Clocks *c = clocks_new(g_main_context_default());
    bool *out = &f->line_out[ARM_OUT_PMU];

    now_ns = 1000;
    clocks_set_icount(c, fake_clock, fake_clock_kick, NULL);
    clocks_set_running(c, true);
    arm_cpu_set_clocks(&f->cpu, c);
    arm_cpu_set_output(&f->cpu, ARM_OUT_PMU, fake_output, out);
    boot(f, 1);
    g_assert_cmphex(mrs(f, PMCR), ==, 0x41013000);
    msr(f, PMCNTENSET, ARM_BIT(31) | 1);
    msr(f, PMEVTYPER0, 0x11);
    msr(f, PMCCNTR, 5);
    now_ns += 100;
    g_assert_cmpuint(mrs(f, PMCCNTR), ==, 5); /* PMCR.E is clear */
    msr(f, PMCR, 1 | 1 << 6);
    now_ns += 100;
    g_assert_cmpuint(mrs(f, PMCCNTR), ==, 105);
    g_assert_cmpuint(mrs(f, PMEVCNTR0), ==, 100);
    /* Not at EL1. */
    msr(f, PMEVTYPER0, 0x80000011);
    now_ns += 100;
    g_assert_cmpuint(mrs(f, PMEVCNTR0), ==, 100);
    msr(f, PMEVTYPER0, 0x11);
    /* Overflow of 32 bits: interrupt until the bit is cleared. */
    msr(f, PMINTENSET, 1);
    msr(f, PMEVCNTR0, UINT32_MAX - 9);
    g_assert_false(*out);
    now_ns += 5000;
    g_assert_cmpuint(mrs(f, PMOVSCLR), ==, 1);
    g_assert_true(*out);
    msr(f, PMOVSCLR, 1);
    g_assert_false(*out);
    fake_free(f);
    clocks_free(c);
}

static void test_debug(void)
{
    Fake *f = fake_at("cortex-a57", 1);
    ARMEnv *env = f->env;

    msr(f, ARM_SYSREG(2, 0, 1, 0, 4), 0);                              /* OSLAR */
    msr(f, ARM_SYSREG(2, 0, 0, 2, 2), MDSCR_MDE | MDSCR_KDE);          /* MDSCR */
    msr(f, ARM_SYSREG(2, 0, 0, 0, 4), RAM + 0x40);                     /* DBGBVR0 */
    msr(f, ARM_SYSREG(2, 0, 0, 0, 5), 1 | 1 << 1 | 15 << 5);           /* DBGBCR0: EL1 */
    msr(f, ARM_SYSREG(2, 0, 0, 0, 6), RAM + 0x1008);                   /* DBGWVR0 */
    msr(f, ARM_SYSREG(2, 0, 0, 0, 7), 1 | 1 << 1 | 2 << 3 | 0xf << 5); /* DBGWCR0: stores */
    g_assert_true(arm_mode(env) & ARM_MODE_BREAK);
    /* PSTATE.D masks them at the level they go to. */
    g_assert_cmpint(try(f, CALL(arm_helper_break, void, (ARMEnv *, uint64_t), env, RAM + 0x40)), ==,
                    -1);
    env->sys.pstate &= ~PSTATE_D;
    g_assert_cmpint(try(f, CALL(arm_helper_break, void, (ARMEnv *, uint64_t), env, RAM + 0x44)), ==,
                    -1);
    g_assert_cmpint(try(f, CALL(arm_helper_break, void, (ARMEnv *, uint64_t), env, RAM + 0x40)), ==,
                    ARM_EXCP_PABT);
    g_assert_cmphex(env->sys.esr[1], ==, ARM_SYN(EC_BREAK, 0x22));
    env->sys.pstate &= ~PSTATE_D;
    g_assert_true(fill(f, RAM + 0x1008, TLB_READ));
    g_assert_true(f->fill.sub);
    g_assert_true(fill(f, RAM + 0x1000, TLB_WRITE));
    g_assert_false(fill(f, RAM + 0x1008, TLB_WRITE));
    g_assert_cmphex(env->sys.esr[1], ==, ARM_SYN(EC_WATCH, 0x62));
    g_assert_cmphex(env->sys.far[1], ==, RAM + 0x1008);
    /* The step: one instruction, then the exception. */
    msr(f, ARM_SYSREG(2, 0, 0, 2, 2), MDSCR_SS);
    msr(f, SPSR_EL1, PSTATE_SS);
    eret(f);
    g_assert_true(env->cpu.mode & ARM_MODE_SS);
    g_assert_cmpint(try(f, CALL(arm_helper_step, void, (ARMEnv *), env)), ==, -1);
    g_assert_cmpint(try(f, CALL(arm_helper_step, void, (ARMEnv *), env)), ==, ARM_EXCP_PABT);
    g_assert_cmphex(env->sys.esr[1], ==, ARM_SYN(EC_STEP_LOWER, 0x22));
    g_assert_cmphex(env->sys.spsr_el[1] & PSTATE_SS, ==, 0);
    fake_free(f);
}

/* With or without the library: the word, and its length. */
static void test_disas(void)
{
    static const uint8_t ret[4] = {0xc0, 0x03, 0x5f, 0xd6};
    Fake *f = fake_at("cortex-a57", 1);
    g_autoptr(GString) s = g_string_new(NULL);

    g_assert_cmpuint(arm_disas(&f->cpu, RAM, ret, 4, s), ==, 4);
    g_assert_true(g_str_has_prefix(s->str, "d65f03c0 "));
    g_assert_cmpuint(arm_disas(&f->cpu, RAM, ret, 3, s), ==, 0);
    fake_free(f);
}

static uint64_t psci(Fake *f, uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
    f->env->x[0] = fn;
    f->env->x[1] = a;
    f->env->x[2] = b;
    f->env->x[3] = c;
    CALL(arm_helper_hvc, uint64_t, (ARMEnv *, uint32_t, uint64_t), f->env, 0, 0x1004);
    return f->env->x[0];
}

static void count_call(void *opaque)
{
    (*(unsigned *)opaque)++;
}

static void test_psci(void)
{
    unsigned offs = 0;
    const ARMPsciOps ops = {.system_off = count_call, .opaque = &offs};
    Fake *f = fake_new("cortex-a57"), *g = fake_new("cortex-a57");

    f->peer = g;
    g->peer = f;
    g->cpu.index = 1;
    arm_cpu_set_psci(&f->cpu, ARM_CONDUIT_HVC, &ops);
    arm_cpu_set_psci(&g->cpu, ARM_CONDUIT_HVC, &ops);
    arm_cpu_set_mpidr(&g->cpu, 0x102);
    arm_cpu_set_start_off(&g->cpu, true);
    boot(f, 1);
    boot(g, 1);
    g_assert_true(g->cpu.stopped && !f->cpu.stopped);
    g_assert_cmphex(psci(f, 0x84000000, 0, 0, 0), ==, 0x10001);
    g_assert_cmphex(psci(f, 0x80000000, 0, 0, 0), ==, 0x10001);
    g_assert_cmpint(psci(f, 0x8400000a, 0xc4000003, 0, 0), ==, 0);
    g_assert_cmpint((int64_t)psci(f, 0x8400000a, 0x84000005, 0, 0), ==, -1);
    g_assert_cmpint(psci(f, 0xc4000004, 0x102, 0, 0), ==, 1);
    g_assert_cmpint((int64_t)psci(f, 0xc4000003, 0x55, 0x1000, 0), ==, -2);
    g_assert_cmpint((int64_t)psci(f, 0xc4000003, 0, 0x1000, 0), ==, -4);
    g_assert_cmpint(psci(f, 0xc4000003, 0x102, RAM + 0x40, 0x77), ==, 0);
    g_assert_cmpint((int64_t)psci(f, 0xc4000003, 0x102, RAM + 0x40, 0x77), ==, -5);
    g_assert_cmpint(psci(f, 0xc4000004, 0x102, 0, 0), ==, 2);
    g->work(&g->cpu, g->work_data);
    g_assert_false(g->cpu.stopped);
    g_assert_cmphex(g->env->cpu.pc, ==, RAM + 0x40);
    g_assert_cmphex(g->env->x[0], ==, 0x77);
    g_assert_cmpuint(g->env->sys.el, ==, 1);
    g_assert_cmpint(psci(f, 0xc4000004, 0x102, 0, 0), ==, 0);
    psci(g, 0x84000002, 0, 0, 0); /* CPU_OFF */
    g_assert_true(g->cpu.stopped);
    g_assert_cmpint(psci(f, 0xc4000004, 0x102, 0, 0), ==, 1);
    g_assert_cmpint((int64_t)psci(f, 0x8400ffff, 0, 0, 0), ==, -1);
    psci(f, 0xc4000053, 96, 0, 0); /* TRNG_RND64 */
    g_assert_cmphex(f->env->x[1], ==, 0);
    g_assert_cmphex(f->env->x[2] >> 32, ==, 0);
    psci(f, 0x84000008, 0, 0, 0);
    g_assert_cmpuint(offs, ==, 1);
    fake_free(f);
    fake_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arm/models", test_models);
    g_test_add_func("/arm/sysregs", test_sysregs);
    g_test_add_func("/arm/sctlr32", test_sctlr32);
    g_test_add_func("/arm/dacr", test_dacr);
    g_test_add_func("/arm/vbar32", test_vbar32);
    g_test_add_func("/arm/traps", test_traps);
    g_test_add_func("/arm/vhe", test_vhe);
    g_test_add_func("/arm/exceptions", test_exceptions);
    g_test_add_func("/arm/interrupts", test_interrupts);
    g_test_add_func("/arm/walk", test_walk);
    g_test_add_func("/arm/walk/granules", test_walk_granules);
    g_test_add_func("/arm/walk/v82", test_walk_v82);
    g_test_add_func("/arm/walk/stage2", test_stage2);
    g_test_add_func("/arm/at", test_at);
    g_test_add_func("/arm/tlbi", test_tlbi);
    g_test_add_func("/arm/tlbi/range", test_tlbi_range);
    g_test_add_func("/arm/timer", test_timer);
    g_test_add_func("/arm/pmu", test_pmu);
    g_test_add_func("/arm/debug", test_debug);
    g_test_add_func("/arm/disas", test_disas);
    g_test_add_func("/arm/psci", test_psci);
    return g_test_run();
}
