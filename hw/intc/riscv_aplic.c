/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V advanced platform-level interrupt controller: one interrupt domain.
 *
 * Specification: RISC-V Advanced Interrupt Architecture 1.0, chapter 4 (registers 4.5, reset 4.6,
 * pending bits 4.7, direct delivery 4.8, by MSI 4.9).
 *
 * The root domain has the wires; a source it delegates reaches the child domain. A source's input
 * is rectified by its mode. Delivery by MSI or direct is a property of the domain (domaincfg.DM
 * cannot be changed), registers are little-endian only (domaincfg.BE is 0).
 *
 * Invariants: a source that is inactive or delegated is neither pending nor enabled and has target
 * 0; with direct delivery a level source is pending exactly while its rectified input is high;
 * line n is high exactly while domaincfg.IE, idelivery of hart n, and iforce or a top interrupt
 * are. Threads: the device's lock, taken as an interrupt controller's by inputs too; it is let go
 * of before a child's is taken, and held while messages go to IMSICs, which take nothing further.
 * Test: tests/unit/test-riscv-aia.c
 */
#include "hw/intc/riscv_aia.h"
#include "rhea/error.h"
#include "rhea/log.h"

#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#define SOURCES_MAX 1023
#define HARTS_MAX   16384
#define WORDS       32
#define IPRIO_BITS  3
#define IPRIO_MASK  ((1u << IPRIO_BITS) - 1)

enum {
    DOMAINCFG = 0x0000,
    SOURCECFG = 0x0004,
    MMSIADDRCFG = 0x1bc0,
    MMSIADDRCFGH = 0x1bc4,
    SMSIADDRCFG = 0x1bc8,
    SMSIADDRCFGH = 0x1bcc,
    SETIP = 0x1c00,
    SETIPNUM = 0x1cdc,
    IN_CLRIP = 0x1d00,
    CLRIPNUM = 0x1ddc,
    SETIE = 0x1e00,
    SETIENUM = 0x1edc,
    CLRIE = 0x1f00,
    CLRIENUM = 0x1fdc,
    SETIPNUM_LE = 0x2000,
    SETIPNUM_BE = 0x2004,
    GENMSI = 0x3000,
    TARGET = 0x3004,
    IDC = 0x4000,
    IDC_SIZE = 0x20,
};
enum { IDELIVERY = 0x00, IFORCE = 0x04, ITHRESHOLD = 0x08, TOPI = 0x18, CLAIMI = 0x1c };

#define DOMAINCFG_FIXED 0x80000000u
#define DOMAINCFG_IE    0x100u
#define DOMAINCFG_DM    0x4u

#define SOURCECFG_D  0x400u
#define SOURCECFG_SM 7u
enum { SM_INACTIVE = 0, SM_DETACHED = 1, SM_RISING = 4, SM_FALLING = 5, SM_HIGH = 6, SM_LOW = 7 };

#define TARGET_HART_SHIFT 18
#define TARGET_GUEST      0x3f000u
#define TARGET_EIID       0x7ffu

#define MSIADDR_L     0x80000000u
#define MMSIADDR_MASK 0x9f77ffffu /* of the high word: L, HHXS, LHXS, HHXW, LHXW, base PPN */
#define SMSIADDR_MASK 0x00700fffu /* LHXS, base PPN */

#define APLIC_STATE(F, A, D, N)                                                                    \
    F(uint32_t, ie, 0)                                                                             \
    D(uint32_t, sourcecfg, n_words32, 0)                                                           \
    D(uint32_t, target, n_words32, 0)                                                              \
    A(uint32_t, input, WORDS, KEEP) /* the wires: whoever drives them resets them */               \
    A(uint32_t, pending, WORDS, 0)                                                                 \
    A(uint32_t, enabled, WORDS, 0)                                                                 \
    A(uint32_t, mmsiaddr, 2, 0)                                                                    \
    A(uint32_t, smsiaddr, 2, 0)                                                                    \
    F(uint32_t, genmsi, 0)                                                                         \
    D(uint32_t, idelivery, n_idc, 0)                                                               \
    D(uint32_t, iforce, n_idc, 0)                                                                  \
    D(uint32_t, ithreshold, n_idc, 0)

typedef struct AplicState AplicState;
STATE(aplic, AplicState, APLIC_STATE, uint32_t n_sources; /* 1 to n_sources */
      uint32_t n_words32; uint32_t n_harts; uint32_t n_idc; uint64_t aperture; bool machine;
      bool msi; struct AplicState * parent; struct AplicState * child;)

PROPS(aplic, AplicState, PROP("mmode", BOOL, machine, NULL, INTERNAL, "of M mode, not S mode"),
      PROP("msimode", BOOL, msi, NULL, INTERNAL, "delivers by messages"),
      PROP("num-irqs", U32, n_sources, "96", INTERNAL, "highest source"),
      PROP("num-harts", U32, n_harts, "1", INTERNAL, "harts"),
      PROP("aperture-size", SIZE, aperture, "0x8000", INTERNAL, "size of the register window"))

static bool bit_get(const uint32_t *words, unsigned n)
{
    return words[n / 32] >> n % 32 & 1;
}

static void bit_set(uint32_t *words, unsigned n, bool on)
{
    words[n / 32] = (words[n / 32] & ~(1u << n % 32)) | (uint32_t)on << n % 32;
}

static unsigned source_mode(const AplicState *s, unsigned i)
{
    return s->sourcecfg[i] & SOURCECFG_D ? SM_INACTIVE : s->sourcecfg[i] & SOURCECFG_SM;
}

static bool is_level(unsigned mode)
{
    return mode == SM_HIGH || mode == SM_LOW;
}

/* 4.5.2: the rectified input. */
static bool rectified(const AplicState *s, unsigned i)
{
    switch (source_mode(s, i)) {
    case SM_RISING:
    case SM_HIGH:
        return bit_get(s->input, i);
    case SM_FALLING:
    case SM_LOW:
        return !bit_get(s->input, i);
    default:
        return false;
    }
}

/* ---- delivery by MSI, 4.9 ---- */

/* The root domain has the addresses. */
static const AplicState *aplic_root(const AplicState *s)
{
    return s->parent ? s->parent : s;
}

static void msi_send(AplicState *s, unsigned hart, unsigned guest, unsigned eiid)
{
    const AplicState *root = aplic_root(s);
    uint32_t mh = root->mmsiaddr[1], h = s->machine ? mh : root->smsiaddr[1];
    unsigned lhxs = h >> 20 & 7, lhxw = mh >> 12 & 0xf, hhxw = mh >> 16 & 7, hhxs = mh >> 24 & 0x1f;
    uint64_t ppn =
        (uint64_t)(h & 0xfff) << 32 | (s->machine ? root->mmsiaddr[0] : root->smsiaddr[0]);
    uint64_t group = hart >> lhxw & ((1u << hhxw) - 1), index = hart & ((1u << lhxw) - 1);

    ppn |= group << (hhxs + 12) | index << lhxs | (s->machine ? 0 : guest);
    if (!s->dev.dma || memory_write_msi(s->dev.dma, ppn << 12, eiid, 0) != MEMTX_OK) {
        rhea_log_mask(LOG_GUEST_ERROR,
                      "%s: nothing takes the message to hart %u at 0x%" PRIx64 "\n", device_name(s),
                      hart, ppn << 12);
    }
}

/* ---- direct delivery, 4.8 ---- */

static uint32_t idc_topi(const AplicState *s, unsigned hart)
{
    uint32_t floor = s->ithreshold[hart], best = 0;

    for (unsigned w = 0; w <= s->n_sources / 32; w++) {
        for (uint32_t bits = s->pending[w] & s->enabled[w]; bits; bits &= bits - 1) {
            unsigned i = w * 32 + __builtin_ctz(bits);
            uint32_t prio = s->target[i] & IPRIO_MASK;

            if (s->target[i] >> TARGET_HART_SHIFT == hart && (floor == 0 || prio < floor)) {
                best = i << 16 | prio;
                floor = prio;
                if (prio == 1) {
                    return best;
                }
            }
        }
    }
    return best;
}

static void idc_update(AplicState *s, unsigned hart)
{
    irq_set(&s->dev.irq[hart],
            s->ie && s->idelivery[hart] && (s->iforce[hart] || idc_topi(s, hart)));
}

/* Source i became pending or enabled, or is so no more: deliver it. */
static void source_update(AplicState *s, unsigned i)
{
    if (!s->msi) {
        idc_update(s, s->target[i] >> TARGET_HART_SHIFT);
    } else if (s->ie && bit_get(s->pending, i) && bit_get(s->enabled, i)) {
        bit_set(s->pending, i, false);
        msi_send(s, s->target[i] >> TARGET_HART_SHIFT, (s->target[i] & TARGET_GUEST) >> 12,
                 s->target[i] & TARGET_EIID);
    }
}

static void update_all(AplicState *s)
{
    if (!s->msi) {
        for (unsigned hart = 0; hart < s->n_harts; hart++) {
            idc_update(s, hart);
        }
        return;
    }
    for (unsigned i = 1; i <= s->n_sources; i++) {
        source_update(s, i);
    }
}

/* ---- inputs and pending bits, 4.7 ---- */

static void rectified_changed(AplicState *s, unsigned i, bool was)
{
    bool now = rectified(s, i);

    if (was == now) {
        return;
    }
    if (now || is_level(source_mode(s, i))) {
        bit_set(s->pending, i, now);
        source_update(s, i);
    }
}

static void aplic_input(void *opaque, unsigned i, bool level)
{
    AplicState *s = opaque;

    g_assert(i > 0 && i <= s->n_sources);
    g_mutex_lock(&s->dev.lock);
    bool was = rectified(s, i);
    bit_set(s->input, i, level);
    bool delegated = s->sourcecfg[i] & SOURCECFG_D;
    if (!delegated) {
        rectified_changed(s, i, was);
    }
    g_mutex_unlock(&s->dev.lock);
    /* A child always knows the wire; it minds it when it has the source. */
    if (s->child) {
        aplic_input(s->child, i, level);
    }
}

static void pending_write(AplicState *s, unsigned i, bool on)
{
    if (i == 0 || i > s->n_sources || source_mode(s, i) == SM_INACTIVE) {
        return;
    }
    if (is_level(source_mode(s, i)) && (!s->msi || (on && !rectified(s, i)))) {
        return;
    }
    bit_set(s->pending, i, on);
    source_update(s, i);
}

static void enabled_write(AplicState *s, unsigned i, bool on)
{
    if (i == 0 || i > s->n_sources || source_mode(s, i) == SM_INACTIVE) {
        return;
    }
    bit_set(s->enabled, i, on);
    source_update(s, i);
}

/* ---- registers ---- */

static bool child_has(const AplicState *s, unsigned i)
{
    return !s->parent || (s->parent->sourcecfg[i] & SOURCECFG_D);
}

/* The domain lost source i, or turned it off. */
static void source_clear(AplicState *s, unsigned i)
{
    unsigned hart = s->target[i] >> TARGET_HART_SHIFT;

    bit_set(s->pending, i, false);
    bit_set(s->enabled, i, false);
    s->target[i] = 0;
    if (!s->msi) {
        idc_update(s, hart);
    }
}

static void sourcecfg_write(AplicState *s, unsigned i, uint32_t val)
{
    bool was = rectified(s, i);
    unsigned mode = val & SOURCECFG_SM;

    if (val & SOURCECFG_D) {
        val = s->child ? SOURCECFG_D : 0;
    } else {
        val = mode == 2 || mode == 3 ? 0 : mode;
    }
    if (!child_has(s, i)) {
        val = 0;
    }
    bool new = source_mode(s, i) == SM_INACTIVE;
    s->sourcecfg[i] = val;
    if (source_mode(s, i) == SM_INACTIVE) {
        source_clear(s, i);
        return;
    }
    if (new && !s->msi) {
        s->target[i] = 1; /* 4.5.16.1: no priority is 0 */
    }
    if (is_level(source_mode(s, i)) && !s->msi) {
        was = !rectified(s, i);
    }
    rectified_changed(s, i, was);
}

static void target_write(AplicState *s, unsigned i, uint32_t val)
{
    unsigned old = s->target[i] >> TARGET_HART_SHIFT, hart = val >> TARGET_HART_SHIFT;

    if (source_mode(s, i) == SM_INACTIVE) {
        return;
    }
    if (s->msi) {
        val &= (uint32_t)-1 << TARGET_HART_SHIFT | (s->machine ? 0 : TARGET_GUEST) | TARGET_EIID;
    } else {
        uint32_t prio = val & IPRIO_MASK;

        val = (hart < s->n_harts ? hart : old) << TARGET_HART_SHIFT | (prio ? prio : 1);
    }
    s->target[i] = val;
    source_update(s, i);
    if (!s->msi && old != val >> TARGET_HART_SHIFT) {
        idc_update(s, old);
    }
}

static uint32_t input_word(const AplicState *s, unsigned w)
{
    uint32_t word = 0;

    for (unsigned b = 0; b < 32 && w * 32 + b <= s->n_sources; b++) {
        word |= (uint32_t)rectified(s, w * 32 + b) << b;
    }
    return word;
}

static void word_write(AplicState *s, unsigned w, uint32_t val,
                       void (*write)(AplicState *s, unsigned i, bool on), bool on)
{
    for (; val; val &= val - 1) {
        write(s, w * 32 + __builtin_ctz(val), on);
    }
}

/* A register that a domain of M mode without a parent has; locked by its own bit L. */
static void msiaddr_write(AplicState *s, uint32_t *word, uint32_t val, uint32_t mask)
{
    if (s->machine && !s->parent && s->msi && !(s->mmsiaddr[1] & MSIADDR_L)) {
        *word = val & mask;
    }
}

static bool idc_read(AplicState *s, unsigned hart, unsigned reg, uint64_t *val)
{
    switch (reg) {
    case IDELIVERY:
        *val = s->idelivery[hart];
        return true;
    case IFORCE:
        *val = s->iforce[hart];
        return true;
    case ITHRESHOLD:
        *val = s->ithreshold[hart];
        return true;
    case TOPI:
    case CLAIMI:
        *val = idc_topi(s, hart);
        break;
    default:
        return false;
    }
    if (reg == CLAIMI) {
        unsigned i = *val >> 16;

        if (i == 0) {
            s->iforce[hart] = 0;
        } else if (!is_level(source_mode(s, i))) {
            bit_set(s->pending, i, false);
        }
        idc_update(s, hart);
    }
    return true;
}

static bool idc_write(AplicState *s, unsigned hart, unsigned reg, uint32_t val)
{
    switch (reg) {
    case IDELIVERY:
        s->idelivery[hart] = val & 1;
        break;
    case IFORCE:
        s->iforce[hart] = val & 1;
        break;
    case ITHRESHOLD:
        s->ithreshold[hart] = val & IPRIO_MASK;
        break;
    case TOPI:
    case CLAIMI:
        return true;
    default:
        return false;
    }
    idc_update(s, hart);
    return true;
}

static bool in_words(hwaddr offset, unsigned base)
{
    return offset >= base && offset < base + WORDS * 4;
}

static bool aplic_get(AplicState *s, hwaddr offset, uint64_t *val)
{
    if (offset == DOMAINCFG) {
        *val = DOMAINCFG_FIXED | (s->ie ? DOMAINCFG_IE : 0) | (s->msi ? DOMAINCFG_DM : 0);
    } else if (offset >= SOURCECFG && offset < SOURCECFG + 4 * s->n_sources) {
        *val = s->sourcecfg[offset / 4];
    } else if (offset >= MMSIADDRCFG && offset <= MMSIADDRCFGH) {
        *val = s->mmsiaddr[(offset - MMSIADDRCFG) / 4];
    } else if (offset >= SMSIADDRCFG && offset <= SMSIADDRCFGH) {
        *val = s->smsiaddr[(offset - SMSIADDRCFG) / 4];
    } else if (in_words(offset, SETIP)) {
        *val = s->pending[(offset - SETIP) / 4];
    } else if (in_words(offset, IN_CLRIP)) {
        *val = input_word(s, (offset - IN_CLRIP) / 4);
    } else if (in_words(offset, SETIE)) {
        *val = s->enabled[(offset - SETIE) / 4];
    } else if (offset == GENMSI) {
        *val = s->genmsi;
    } else if (offset >= TARGET && offset < TARGET + 4 * s->n_sources) {
        *val = s->target[(offset - TARGET) / 4 + 1];
    } else if (offset >= IDC && offset < IDC + (hwaddr)IDC_SIZE * s->n_idc) {
        return idc_read(s, (offset - IDC) / IDC_SIZE, (offset - IDC) % IDC_SIZE, val);
    } else {
        return in_words(offset, CLRIE) || offset == SETIPNUM || offset == CLRIPNUM ||
               offset == SETIENUM || offset == CLRIENUM || offset == SETIPNUM_LE ||
               offset == SETIPNUM_BE || offset < IDC;
    }
    return true;
}

static void genmsi_write(AplicState *s, uint32_t val)
{
    if (s->msi) {
        s->genmsi = val & ((uint32_t)-1 << TARGET_HART_SHIFT | TARGET_EIID);
        msi_send(s, val >> TARGET_HART_SHIFT, 0, val & TARGET_EIID);
    }
}

static bool aplic_put(AplicState *s, hwaddr offset, uint32_t val)
{
    switch (offset) {
    case DOMAINCFG:
        s->ie = (val & DOMAINCFG_IE) != 0;
        update_all(s);
        return true;
    case MMSIADDRCFG:
        msiaddr_write(s, &s->mmsiaddr[0], val, UINT32_MAX);
        return true;
    case MMSIADDRCFGH:
        msiaddr_write(s, &s->mmsiaddr[1], val, MMSIADDR_MASK);
        return true;
    case SMSIADDRCFG:
        msiaddr_write(s, &s->smsiaddr[0], val, UINT32_MAX);
        return true;
    case SMSIADDRCFGH:
        msiaddr_write(s, &s->smsiaddr[1], val, SMSIADDR_MASK);
        return true;
    case SETIPNUM:
    case SETIPNUM_LE:
        pending_write(s, val, true);
        return true;
    case SETIPNUM_BE:
        pending_write(s, GUINT32_SWAP_LE_BE(val), true);
        return true;
    case CLRIPNUM:
        pending_write(s, val, false);
        return true;
    case SETIENUM:
        enabled_write(s, val, true);
        return true;
    case CLRIENUM:
        enabled_write(s, val, false);
        return true;
    case GENMSI:
        genmsi_write(s, val);
        return true;
    default:
        break;
    }
    if (in_words(offset, SETIP)) {
        word_write(s, (offset - SETIP) / 4, val, pending_write, true);
    } else if (in_words(offset, IN_CLRIP)) {
        word_write(s, (offset - IN_CLRIP) / 4, val, pending_write, false);
    } else if (in_words(offset, SETIE)) {
        word_write(s, (offset - SETIE) / 4, val, enabled_write, true);
    } else if (in_words(offset, CLRIE)) {
        word_write(s, (offset - CLRIE) / 4, val, enabled_write, false);
    } else if (offset >= TARGET && offset < TARGET + 4 * s->n_sources) {
        target_write(s, (offset - TARGET) / 4 + 1, val);
    } else if (offset >= IDC && offset < IDC + (hwaddr)IDC_SIZE * s->n_idc) {
        return idc_write(s, (offset - IDC) / IDC_SIZE, (offset - IDC) % IDC_SIZE, val);
    } else {
        return offset < IDC;
    }
    return true;
}

static MemTxResult aplic_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    AplicState *s = opaque;

    *val = 0;
    g_mutex_lock(&s->dev.lock);
    bool known = aplic_get(s, offset, val);
    g_mutex_unlock(&s->dev.lock);
    if (!known) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: read at offset 0x%" PRIx64 ": no register\n",
                      device_name(s), offset);
    }
    return MEMTX_OK;
}

/* A source that the parent gives or takes: the child may have to give it up. */
static void sourcecfg_put(AplicState *s, unsigned i, uint32_t val)
{
    g_mutex_lock(&s->dev.lock);
    bool had = s->sourcecfg[i] & SOURCECFG_D;
    sourcecfg_write(s, i, val);
    bool lost = had && !(s->sourcecfg[i] & SOURCECFG_D);
    g_mutex_unlock(&s->dev.lock);
    if (lost) {
        sourcecfg_put(s->child, i, 0);
    }
}

static MemTxResult aplic_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    AplicState *s = opaque;
    bool known = true;

    if (offset >= SOURCECFG && offset < SOURCECFG + 4 * s->n_sources) {
        sourcecfg_put(s, offset / 4, val);
    } else {
        g_mutex_lock(&s->dev.lock);
        known = aplic_put(s, offset, val);
        g_mutex_unlock(&s->dev.lock);
    }
    if (!known) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: write at offset 0x%" PRIx64 ": no register\n",
                      device_name(s), offset);
    }
    return MEMTX_OK;
}

static const MmioOps aplic_ops = {
    .read = aplic_read, .write = aplic_write, .valid_min = 4, .valid_max = 4};

/* ---- device ---- */

void riscv_aplic_set_child(Device *parent, Device *child)
{
    AplicState *p = (AplicState *)parent, *c = (AplicState *)child;

    p->child = c;
    c->parent = p;
}

static bool aplic_realize(void *opaque, GError **err)
{
    AplicState *s = opaque;

    if (s->n_sources < 1 || s->n_sources > SOURCES_MAX || s->n_harts < 1 ||
        s->n_harts > HARTS_MAX || s->aperture < IDC + (uint64_t)s->n_harts * IDC_SIZE) {
        rhea_error_set(err, "an APLIC has 1 to %u sources, and 1 to %u harts that fit its window",
                       SOURCES_MAX, HARTS_MAX);
        return false;
    }
    s->n_words32 = s->n_sources + 1;
    s->n_idc = s->msi ? 0 : s->n_harts;
    device_state_alloc(s);
    device_set_irqs(s, s->msi ? 0 : s->n_harts);
    memory_region_init_mmio(&s->dev.mmio[0], s->dev.ms, "aplic", s->aperture, &aplic_ops, s, NULL);
    return true;
}

static void aplic_reset(void *opaque)
{
    AplicState *s = opaque;

    if (!s->msi) {
        update_all(s);
    }
}

static bool aplic_post_load(void *opaque, GError **err)
{
    AplicState *s = opaque;
    bool bad = s->ie > 1;

    for (unsigned i = 0; i <= s->n_sources; i++) {
        uint32_t cfg = s->sourcecfg[i];
        bool off = i == 0 || source_mode(s, i) == SM_INACTIVE;

        bad |= cfg & SOURCECFG_D ? cfg != SOURCECFG_D || !s->child : cfg > SM_LOW;
        bad |= off && (bit_get(s->pending, i) || bit_get(s->enabled, i) || s->target[i]);
        bad |= !s->msi && s->target[i] >> TARGET_HART_SHIFT >= s->n_harts;
        bad |= !s->msi && s->target[i] & ~((uint32_t)-1 << TARGET_HART_SHIFT | IPRIO_MASK);
    }
    for (unsigned i = s->n_sources + 1; i < WORDS * 32; i++) {
        bad |= bit_get(s->pending, i) || bit_get(s->enabled, i) || bit_get(s->input, i);
    }
    for (unsigned hart = 0; hart < s->n_idc; hart++) {
        bad |= s->idelivery[hart] > 1 || s->iforce[hart] > 1 || s->ithreshold[hart] > IPRIO_MASK;
    }
    if (bad) {
        rhea_error_set(err, "snapshot: interrupt state that cannot be");
        memset(s->input, 0, sizeof(s->input));
        return false;
    }
    if (!s->msi) {
        update_all(s);
    }
    return true;
}

/* irq_parent: with MSIs the IMSICs; irqs[0]: the phandle of the child's node. */
static void aplic_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "qemu,aplic\0riscv,aplic";
    AplicState *s = opaque;
    const uint32_t line = s->machine ? RISCV_LINE_MEI : RISCV_LINE_SEI;

    fdt_node_begin(n, "interrupt-controller");
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_property_u32(n->fdt, "#address-cells", 0);
    fdt_property_u32(n->fdt, "#interrupt-cells", 2);
    fdt_property(n->fdt, "interrupt-controller", NULL, 0);
    if (s->msi) {
        fdt_property_u32(n->fdt, "msi-parent", n->irq_parent);
    } else {
        fdt_node_cpu_irqs(n, &line, 1);
    }
    fdt_node_reg(n);
    fdt_property_u32(n->fdt, "riscv,num-sources", s->n_sources);
    if (s->child) {
        const fdt32_t all[] = {cpu_to_fdt32(n->irqs[0]), cpu_to_fdt32(1),
                               cpu_to_fdt32(s->n_sources)};

        fdt_property_u32(n->fdt, "riscv,children", n->irqs[0]);
        fdt_property(n->fdt, "riscv,delegation", all, sizeof(all));
        /* The binding's first name, the only one that OpenSBI before 1.3 knows. */
        fdt_property(n->fdt, "riscv,delegate", all, sizeof(all));
    }
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(aplic, AplicState,
    .name = "riscv.aplic",
    .desc = "RISC-V advanced platform-level interrupt controller: one domain",
    .bus = "System",
    .category = DEVICE_MISC,
    .props = aplic_props,
    .version = 1,
    .irq_input = aplic_input,
    .realize = aplic_realize,
    .reset = aplic_reset,
    .post_load = aplic_post_load,
    .fdt = aplic_fdt);
// clang-format on
