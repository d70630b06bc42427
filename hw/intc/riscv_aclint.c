/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V ACLINT: machine timer (MTIMER) and software interrupts (MSWI, SSWI).
 *
 * Specification: RISC-V Advanced Core Local Interruptor, version 1.0-rc4, chapters 2 to 4. The
 * SiFive CLINT is an MSWI followed by an MTIMER.
 *
 * mtime is CLK_VIRTUAL scaled to the timebase, plus an offset that only a write of mtime changes.
 * MTIP follows mtime >= mtimecmp exactly: a timer of the host per hart raises it, a write of
 * mtimecmp or mtime sets it at once. MSIP is a level that the register holds; SSIP an edge, the
 * register always reads 0.
 *
 * Threads: registers under the device's lock. `offset` is read without it (rdtime on all harts), so
 * it is accessed atomically. Test: tests/unit/test-riscv-intc.c
 */
#include "hw/intc/riscv_aclint.h"
#include "rhea/error.h"
#include "softmmu/machine.h"
#include "target/riscv.h"

#include <libfdt.h>

#define ACLINT_MAX_HARTS 4095

/* ---- MTIMER ---- */

typedef struct MtimerHart {
    Timer timer;
    void *mtimer;
    uint32_t hart;
} MtimerHart;

#define MTIMER_STATE(F, A, D, N)                                                                   \
    F(uint64_t, mtime_saved, 0) /* only in snapshots: mtime when it was taken */                   \
    D(uint64_t, mtimecmp, num_harts, 0)

STATE(mtimer, MtimerState, MTIMER_STATE, uint64_t offset; /* mtime - scaled clock; atomic */
      uint32_t num_harts; uint32_t hartid_base; uint32_t timebase_freq; MtimerHart * harts;
      void (*time_hook)(void *opaque); void *time_opaque;)

PROPS(mtimer, MtimerState,
      PROP("hartid-base", U32, hartid_base, "0", INTERNAL, "number of the first hart"),
      PROP("num-harts", U32, num_harts, "1", INTERNAL, "number of harts"),
      PROP("timebase-freq", U32, timebase_freq, "10000000", INTERNAL, "frequency of mtime in Hz"))

static uint64_t clock_to_ticks(const MtimerState *s, int64_t ns)
{
    return (unsigned __int128)ns * s->timebase_freq / NS_PER_SEC;
}

static uint64_t ticks_now(const MtimerState *s)
{
    return clock_to_ticks(s, clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL));
}

uint64_t riscv_aclint_mtime(void *dev)
{
    MtimerState *s = dev;

    return ticks_now(s) + __atomic_load_n(&s->offset, __ATOMIC_RELAXED);
}

int64_t riscv_aclint_deadline_ns(void *dev, uint64_t time)
{
    MtimerState *s = dev;
    int64_t now_ns = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);
    uint64_t offset = __atomic_load_n(&s->offset, __ATOMIC_RELAXED);
    uint64_t now = clock_to_ticks(s, now_ns) + offset;

    if (time <= now) {
        return now_ns;
    }
    /* In ticks of the clock, rounded up to the ns at which the tick begins. */
    unsigned __int128 ns =
        ((unsigned __int128)(clock_to_ticks(s, now_ns)) + (time - now)) * NS_PER_SEC;
    ns = (ns + s->timebase_freq - 1) / s->timebase_freq;
    return ns < INT64_MAX ? (int64_t)ns : INT64_MAX;
}

void riscv_aclint_set_time_hook(void *dev, void (*fn)(void *opaque), void *opaque)
{
    MtimerState *s = dev;

    s->time_hook = fn;
    s->time_opaque = opaque;
}

static void mtimer_update(MtimerState *s, unsigned hart)
{
    bool due = riscv_aclint_mtime(s) >= s->mtimecmp[hart];

    if (due) {
        timer_del(&s->harts[hart].timer);
    } else {
        timer_mod(&s->harts[hart].timer, riscv_aclint_deadline_ns(s, s->mtimecmp[hart]));
    }
    irq_set(&s->dev.irq[hart], due);
}

static void mtimer_update_all(MtimerState *s)
{
    for (unsigned i = 0; i < s->num_harts; i++) {
        mtimer_update(s, i);
    }
}

static void mtimer_fire(void *opaque)
{
    MtimerHart *h = opaque;

    device_lock(h->mtimer);
    mtimer_update(h->mtimer, h->hart);
    device_unlock(h->mtimer);
}

static void mtimecmp_after(void *opaque, unsigned i)
{
    mtimer_update(opaque, i);
}

static uint64_t mtime_read(void *opaque, unsigned i)
{
    return riscv_aclint_mtime(opaque);
}

static void mtime_set(MtimerState *s, uint64_t val)
{
    __atomic_store_n(&s->offset, val - ticks_now(s), __ATOMIC_RELAXED);
    mtimer_update_all(s);
    if (s->time_hook) {
        s->time_hook(s->time_opaque);
    }
}

static void mtime_write(void *opaque, unsigned i, uint64_t val)
{
    mtime_set(opaque, val);
}

// clang-format off
REGS(mtimer, MtimerState,
    REG(MTIMECMP, 0x0000, 8, RW, .count = ACLINT_MAX_HARTS, .limit = FIELD(num_harts),
        IN_DYNAMIC(mtimecmp), .split = true, .after = mtimecmp_after),
    REG(MTIME,    0x7ff8, 8, RW, .split = true, .read = mtime_read, .write = mtime_write))
// clang-format on

static bool mtimer_realize(void *opaque, GError **err)
{
    MtimerState *s = opaque;

    if (s->num_harts < 1 || s->num_harts > ACLINT_MAX_HARTS || s->timebase_freq < 1) {
        rhea_error_set(err, "an mtimer has 1 to %u harts and a frequency", ACLINT_MAX_HARTS);
        return false;
    }
    device_state_alloc(s);
    device_set_irqs(s, s->num_harts);
    s->harts = g_new0(MtimerHart, s->num_harts);
    for (unsigned i = 0; i < s->num_harts; i++) {
        MtimerHart *h = &s->harts[i];

        h->mtimer = s;
        h->hart = i;
        timer_init(&h->timer, s->dev.machine->clocks, CLK_VIRTUAL, mtimer_fire, h);
    }
    return true;
}

static void mtimer_unrealize(void *opaque)
{
    MtimerState *s = opaque;

    for (unsigned i = 0; i < s->num_harts; i++) {
        timer_del_sync(&s->harts[i].timer);
    }
    g_free(s->harts);
}

static void mtimer_reset(void *opaque)
{
    mtime_set(opaque, 0);
}

static void mtimer_pre_save(void *opaque)
{
    MtimerState *s = opaque;

    s->mtime_saved = riscv_aclint_mtime(s);
}

static bool mtimer_post_load(void *opaque, GError **err)
{
    MtimerState *s = opaque;

    mtime_set(s, s->mtime_saved);
    return true;
}

static void mtimer_fdt(void *opaque, const FdtNode *n)
{
    static const uint32_t line = RISCV_LINE_MTI;
    const uint64_t reg[4] = {cpu_to_fdt64(n->addr + 0x7ff8), cpu_to_fdt64(n->size - 0x7ff8),
                             cpu_to_fdt64(n->addr), cpu_to_fdt64(0x7ff8)};
    FdtNode at_mtime = *n;

    at_mtime.addr += 0x7ff8;
    fdt_node_begin(&at_mtime, "mtimer");
    fdt_property_string(n->fdt, "compatible", "riscv,aclint-mtimer");
    fdt_property(n->fdt, "reg", reg, sizeof(reg));
    fdt_node_numa(n);
    fdt_node_cpu_irqs(n, &line, 1);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(mtimer, MtimerState,
    .name = "riscv.aclint.mtimer",
    .desc = "RISC-V ACLINT machine timer",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = mtimer_props,
    .version = 1,
    .bank = {{.size = 0x8000, .regs = mtimer_regs, .valid_min = 4, .valid_max = 8}},
    .realize = mtimer_realize,
    .unrealize = mtimer_unrealize,
    .reset = mtimer_reset,
    .pre_save = mtimer_pre_save,
    .post_load = mtimer_post_load,
    .fdt = mtimer_fdt);
// clang-format on

/* ---- MSWI and SSWI ---- */

#define SWI_STATE(F, A, D, N) D(uint32_t, msip, num_harts, 0)

STATE(swi, SwiState, SWI_STATE, uint32_t num_harts; uint32_t hartid_base; bool sswi;)

PROPS(swi, SwiState,
      PROP("hartid-base", U32, hartid_base, "0", INTERNAL, "number of the first hart"),
      PROP("num-harts", U32, num_harts, "1", INTERNAL, "number of harts"),
      PROP("sswi", BOOL, sswi, NULL, INTERNAL, "supervisor instead of machine software interrupts"))

static void swi_write(void *opaque, unsigned i, uint64_t val)
{
    SwiState *s = opaque;

    if (s->sswi) {
        /* The guest clears SSIP in its own mip. */
        if (val & 1) {
            irq_raise(&s->dev.irq[i]);
        }
        return;
    }
    s->msip[i] = val & 1;
    irq_set(&s->dev.irq[i], s->msip[i]);
}

// clang-format off
REGS(swi, SwiState,
    REG(MSIP_SETSSIP, 0, 4, RW, .count = ACLINT_MAX_HARTS, .limit = FIELD(num_harts),
        IN_DYNAMIC(msip), .write = swi_write),
    /* The place of a hart that is not there, up to the end of the bank. */
    REG(RESERVED,     0, 4, RZ, .count = 0x4000 / 4))
// clang-format on

static void swi_update_all(void *opaque)
{
    SwiState *s = opaque;

    for (unsigned i = 0; !s->sswi && i < s->num_harts; i++) {
        irq_set(&s->dev.irq[i], s->msip[i]);
    }
}

static bool swi_realize(void *opaque, GError **err)
{
    SwiState *s = opaque;

    if (s->num_harts < 1 || s->num_harts > ACLINT_MAX_HARTS) {
        rhea_error_set(err, "software interrupts are for 1 to %u harts", ACLINT_MAX_HARTS);
        return false;
    }
    device_state_alloc(s);
    device_set_irqs(s, s->num_harts);
    return true;
}

static bool swi_post_load(void *opaque, GError **err)
{
    SwiState *s = opaque;

    for (unsigned i = 0; i < s->num_harts; i++) {
        if (s->msip[i] > !s->sswi) {
            rhea_error_set(err, "snapshot: bad software interrupt of hart %u", i);
            return false;
        }
    }
    swi_update_all(s);
    return true;
}

static void swi_fdt(void *opaque, const FdtNode *n)
{
    SwiState *s = opaque;
    const uint32_t line = s->sswi ? RISCV_LINE_SSI : RISCV_LINE_MSI;

    fdt_node_begin(n, s->sswi ? "sswi" : "mswi");
    fdt_property_string(n->fdt, "compatible", s->sswi ? "riscv,aclint-sswi" : "riscv,aclint-mswi");
    fdt_node_reg(n);
    fdt_node_cpu_irqs(n, &line, 1);
    fdt_property(n->fdt, "interrupt-controller", NULL, 0);
    fdt_property_u32(n->fdt, "#interrupt-cells", 0);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(swi, SwiState,
    .name = "riscv.aclint.swi",
    .desc = "RISC-V ACLINT software interrupts",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = swi_props,
    .version = 1,
    .bank = {{.size = 0x4000, .regs = swi_regs, .valid_min = 4, .valid_max = 4}},
    .realize = swi_realize,
    .reset = swi_update_all,
    .post_load = swi_post_load,
    .fdt = swi_fdt);
// clang-format on
