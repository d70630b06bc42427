/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Firmware calls that the emulator answers in the place of firmware: SMCCC 1.1 (DEN0028), PSCI 1.1
 * (DEN0022) and the TRNG interface 1.0 (DEN0098).
 *
 * board.power is a CPU's state as PSCI knows it; any CPU may take another one from OFF to
 * ON_PENDING, only the CPU itself goes on to ON, and to OFF.
 *
 * Runs on the calling CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include <inttypes.h>
#include <sys/random.h>
#include "target/arm/internals.h"
#include "rhea/log.h"

enum {
    SMCCC_VERSION = 0x80000000,
    SMCCC_ARCH_FEATURES = 0x80000001,
    PSCI_VERSION = 0x84000000,
    PSCI_CPU_SUSPEND = 0x84000001,
    PSCI_CPU_OFF = 0x84000002,
    PSCI_CPU_ON = 0x84000003,
    PSCI_AFFINITY_INFO = 0x84000004,
    PSCI_MIGRATE_INFO_TYPE = 0x84000006,
    PSCI_SYSTEM_OFF = 0x84000008,
    PSCI_SYSTEM_RESET = 0x84000009,
    PSCI_FEATURES = 0x8400000a,
    PSCI_SYSTEM_RESET2 = 0x84000012,
    TRNG_VERSION = 0x84000050,
    TRNG_FEATURES = 0x84000051,
    TRNG_GET_UUID = 0x84000052,
    TRNG_RND = 0x84000053,
    SMC64 = 1 << 30,
};

/* Return values. */
enum {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_DENIED = -3,
    PSCI_ALREADY_ON = -4,
    PSCI_ON_PENDING = -5,
};
enum { TRNG_NOT_SUPPORTED = -1, TRNG_INVALID = -2, TRNG_NO_ENTROPY = -3 };

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

static CPU *find_cpu(CPU *cpu, uint64_t mpidr)
{
    CPU *c;

    for (unsigned i = 0; (c = cpu_peer(cpu, i)); i++) {
        if ((arm_env(c)->board.mpidr & MPIDR_AFFINITY) == mpidr) {
            return c;
        }
    }
    return NULL;
}

typedef struct StartWork {
    uint64_t entry, context;
    unsigned el;
    bool aarch64, secure;
} StartWork;

/* On the CPU that was off. */
static void start_cpu(CPU *cpu, void *data)
{
    StartWork *w = data;
    ARMEnv *env = arm_env(cpu);
    ARMBoard *b = &env->board;
    ARMBootState saved = b->boot, boot = {.entry = w->entry,
                                          .x = {w->context},
                                          .el = w->el,
                                          .aarch64 = w->aarch64,
                                          .secure = w->secure};
    bool had = b->have_boot, off = b->start_off;

    b->have_boot = true;
    b->boot = boot;
    b->start_off = false;
    arm_reset(cpu);
    b->have_boot = had;
    b->boot = saved;
    b->start_off = off;
    tlb_flush_all(cpu);
    g_free(w);
}

static int64_t cpu_on(ARMEnv *env, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    CPU *cpu = find_cpu(env->cpu.cpu, mpidr);
    const ARMSys *s = &env->sys;

    if (!cpu) {
        return PSCI_INVALID_PARAMETERS;
    }
    uint32_t state = ARM_POWER_OFF;
    if (!__atomic_compare_exchange_n(&arm_env(cpu)->board.power, &state, ARM_POWER_ON_PENDING,
                                     false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return state == ARM_POWER_ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING;
    }
    StartWork *w = g_new0(StartWork, 1);
    w->context = context;
    w->entry = entry;
    /* The level of the caller (DEN0022, 5.6.3): at EL2 if it is there and calls come from it. */
    w->el = s->el == 0 ? 1 : s->el;
    w->aarch64 = !s->aarch32;
    w->secure = arm_secure_below_el3(env);
    if (w->aarch64) {
        w->entry &= ~UINT64_C(3);
    }
    cpu_run_on(cpu, start_cpu, w);
    return PSCI_SUCCESS;
}

static int64_t features(ARMEnv *env, uint32_t fn)
{
    switch (fn) {
    case SMCCC_VERSION:
    case PSCI_VERSION:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | SMC64:
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | SMC64:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_SYSTEM_RESET2:
    case PSCI_SYSTEM_RESET2 | SMC64:
    case PSCI_FEATURES:
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | SMC64:
        return PSCI_SUCCESS;
    default:
        return PSCI_NOT_SUPPORTED;
    }
}

static uint64_t random64(ARMEnv *env)
{
    uint64_t v;

    if (env->board.seed) {
        env->board.seed ^= env->board.seed << 13;
        env->board.seed ^= env->board.seed >> 7;
        env->board.seed ^= env->board.seed << 17;
        return env->board.seed;
    }
    if (getrandom(&v, sizeof(v), 0) != sizeof(v)) {
        v = 0;
    }
    return v;
}

/* x1..x3 get the bits, the last ones in x3. */
static int64_t trng_rnd(ARMEnv *env, bool wide, uint64_t bits)
{
    unsigned word = wide ? 64 : 32;

    if (bits == 0 || bits > 3 * word) {
        return TRNG_INVALID;
    }
    for (unsigned i = 3; i >= 1; i--) {
        unsigned n = MIN(bits, word);
        uint64_t v = n ? random64(env) : 0;
        env->x[i] = n == 64 ? v : v & ((UINT64_C(1) << n) - 1);
        bits -= n;
    }
    return 0;
}

static void stop_machine(ARMEnv *env, void (*fn)(void *opaque))
{
    if (fn) {
        fn(env->board.psci.opaque);
    }
    /* The request is served by the main loop; until then this CPU does nothing more. */
    env->cpu.cpu->halted = true;
    env->cpu.cpu->stopped = true;
    cpu_kick(env->cpu.cpu, CPU_INT_WORK);
}

void arm_psci_call(ARMEnv *env)
{
    CPU *cpu = env->cpu.cpu, *other;
    uint64_t *x = env->x, mask = env->sys.aarch32 ? UINT32_MAX : UINT64_MAX;
    uint32_t fn = x[0];
    bool wide = fn & SMC64;
    uint64_t a1 = wide ? x[1] : (uint32_t)x[1], a2 = wide ? x[2] : (uint32_t)x[2],
             a3 = wide ? x[3] : (uint32_t)x[3];
    int64_t ret = PSCI_NOT_SUPPORTED;

    if (wide && env->sys.aarch32) {
        x[0] = (uint32_t)ret;
        return;
    }
    rhea_log_mask(LOG_INT,
                  "CPU %u: firmware call %08x(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ")\n",
                  cpu->index, fn, a1, a2, a3);
    switch (fn) {
    case SMCCC_VERSION:
        ret = 0x10001;
        break;
    case SMCCC_ARCH_FEATURES:
        ret = (uint32_t)a1 == SMCCC_VERSION || (uint32_t)a1 == SMCCC_ARCH_FEATURES
                  ? PSCI_SUCCESS
                  : PSCI_NOT_SUPPORTED;
        break;
    case PSCI_VERSION:
        ret = 0x10001;
        break;
    case PSCI_FEATURES:
        ret = features(env, a1);
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        ret = 2; /* no trusted OS to migrate */
        break;
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | SMC64:
        ret = cpu_on(env, a1, a2, a3);
        break;
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | SMC64:
        other = find_cpu(cpu, a1);
        ret = !other || a2 > 0 ? PSCI_INVALID_PARAMETERS
                               : __atomic_load_n(&arm_env(other)->board.power, __ATOMIC_SEQ_CST);
        break;
    case PSCI_CPU_OFF:
        cpu->stopped = true;
        __atomic_store_n(&env->board.power, ARM_POWER_OFF, __ATOMIC_SEQ_CST);
        cpu_kick(cpu, CPU_INT_WORK); /* out of generated code */
        ret = PSCI_SUCCESS;
        break;
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | SMC64:
        /* Standby: the state is kept, and a pending interrupt ends it. */
        ret = PSCI_SUCCESS;
        if (a1 & 0xfffeffff & ~UINT64_C(0xffff)) {
            ret = PSCI_INVALID_PARAMETERS;
        } else if (!arm_has_work(cpu)) {
            cpu->halted = true;
            __atomic_store_n(&env->cpu.exit_request, 1, __ATOMIC_RELEASE);
        }
        break;
    case PSCI_SYSTEM_OFF:
        stop_machine(env, env->board.psci.system_off);
        break;
    case PSCI_SYSTEM_RESET:
        stop_machine(env, env->board.psci.system_reset);
        break;
    case PSCI_SYSTEM_RESET2:
    case PSCI_SYSTEM_RESET2 | SMC64:
        if ((uint32_t)a1 != 0) {
            ret = PSCI_INVALID_PARAMETERS; /* only the warm reset that the architecture defines */
        } else {
            stop_machine(env, env->board.psci.system_reset);
        }
        break;
    case TRNG_VERSION:
        ret = 0x10000;
        break;
    case TRNG_FEATURES:
        switch ((uint32_t)a1) {
        case TRNG_VERSION:
        case TRNG_FEATURES:
        case TRNG_GET_UUID:
        case TRNG_RND:
        case TRNG_RND | SMC64:
            ret = 0;
            break;
        default:
            ret = TRNG_NOT_SUPPORTED;
        }
        break;
    case TRNG_GET_UUID:
        /* 6bd54b25-4e1f-4b6a-9b47-8c3b3f5dd9a5 */
        x[1] = 0x6a4b1f4e;
        x[2] = 0x3b8c479b;
        x[3] = 0xa5d95d3f;
        ret = 0x254bd56b;
        break;
    case TRNG_RND:
    case TRNG_RND | SMC64:
        ret = trng_rnd(env, wide, a1);
        break;
    default:
        break;
    }
    x[0] = (wide ? (uint64_t)ret : env->sys.aarch32 ? (uint32_t)ret : (uint64_t)ret) & mask;
}
