/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V address translation: privileged specification 12.3 to 12.6 (Sv32, Sv39, Sv48, Sv57),
 * chapters "Svnapot", "Svpbmt", "Svadu", "Svinval", and the names of soft-TLB contexts.
 *
 * A context key says all that a translation and its permissions depend on, but for what is answered
 * by a flush: PMP registers, menvcfg.PBMTE and ADUE, and the page tables themselves.
 *     bits 15:0 ASID, 19:16 scheme (satp.MODE), 21:20 privilege, 22 SUM, 23 MXR
 * Bits that cannot matter (SUM outside S mode, ...) are zero, so that contexts are shared. M mode
 * and Bare have ASIDs of their own beyond 16 bits: no SFENCE.VMA by ASID reaches them.
 *
 * PBMT changes nothing here: every access is made in program order with respect to devices, and
 * there are no caches.
 *
 * Runs on the hart's thread. Test: tests/unit/test-riscv-mmu.c
 */
#include <inttypes.h>
#include "target/riscv/cpu.h"
#include "rhea/log.h"
#include "softmmu/memory.h"
#include "target/riscv/bits.h"

#define ASID_BARE   0x10000
#define ASID_S_CODE 0x10004
#define KEY_SUM     (1 << 22)
#define KEY_MXR     (1 << 23)
#define KEY_S_CODE  (1 << 24)

typedef enum WalkResult { WALK_OK, WALK_PAGE_FAULT, WALK_ACCESS_FAULT } WalkResult;

typedef struct Walk {
    uint64_t paddr;
    uint8_t prot;
    uint8_t page_bits;
    bool global;
} Walk;

static RISCVVm mmu_scheme(const RISCVEnv *env, unsigned priv)
{
    if (priv == RISCV_PRV_M) {
        return RISCV_VM_BARE;
    }
    return env->cfg->xlen == 32 ? env->satp >> 31 : env->satp >> 60;
}

static uint32_t mmu_asid(const RISCVEnv *env)
{
    return env->cfg->xlen == 32 ? (env->satp & SATP32_ASID) >> 22 : (env->satp & SATP64_ASID) >> 44;
}

/* Privilege of loads and stores: 3.1.6.3. */
static unsigned mmu_data_priv(const RISCVEnv *env)
{
    if (env->priv == RISCV_PRV_M && (env->mstatus & MSTATUS_MPRV)) {
        return (env->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
    }
    return env->priv;
}

/* Without SUM: see mmu_select_data(). */
static uint64_t mmu_key(const RISCVEnv *env, unsigned priv, bool data, uint32_t *asid)
{
    RISCVVm vm = mmu_scheme(env, priv);
    uint64_t key = (uint64_t)vm << 16 | (uint64_t)priv << 20;

    *asid = ASID_BARE + priv;
    if (vm != RISCV_VM_BARE && !data && priv == RISCV_PRV_S && !env->private_s_code) {
        /* All code that S-mode has run lies in global mappings, which every address space shares
         * (12.3.1): one fetch context serves all, and jumps in the kernel stay linked across
         * switches of satp. */
        *asid = ASID_S_CODE;
        key |= KEY_S_CODE;
    } else if (vm != RISCV_VM_BARE) {
        *asid = mmu_asid(env);
        key |= *asid;
        key |= data && (env->mstatus & MSTATUS_MXR) ? KEY_MXR : 0;
    }
    return key;
}

uint32_t riscv_mode(const RISCVEnv *env)
{
    uint32_t mode = env->priv;

    mode |= env->mstatus & MSTATUS_FS ? RISCV_MODE_FS : 0;
    mode |= env->frm == 4 ? RISCV_MODE_FRM_SOFT : 0;
    mode |= env->frm > 4 ? RISCV_MODE_FRM_BAD : 0;
    mode |= env->cfg->xlen == 32 ? RISCV_MODE_XL32 : 0;
    mode |= env->counting ? CPU_MODE_COUNT : 0;
    mode |= riscv_trigger_mode(env);
    return mode;
}

/* Of the present privilege. */
static RISCVContext mmu_context(const RISCVEnv *env)
{
    RISCVContext c = {.mode = riscv_mode(env)};

    c.data_key = mmu_key(env, mmu_data_priv(env), true, &c.data_asid);
    c.fetch_key = mmu_key(env, env->priv, false, &c.fetch_asid);
    return c;
}

static void mmu_select_data(RISCVEnv *env, const RISCVContext *c)
{
    bool sum = (env->mstatus & MSTATUS_SUM) && mmu_data_priv(env) == RISCV_PRV_S &&
               mmu_scheme(env, RISCV_PRV_S) != RISCV_VM_BARE;

    tlb_select_data(env->cpu.cpu, 0, c->data_key | (sum ? KEY_SUM : 0), c->data_asid);
}

void riscv_mmu_priv_changed(RISCVEnv *env)
{
    RISCVContext m, *c = &m;

    if (env->priv == RISCV_PRV_M) {
        m = mmu_context(env);
    } else {
        c = &env->context[env->priv];
        if (!(env->contexts >> env->priv & 1)) {
            *c = mmu_context(env);
            env->contexts |= 1 << env->priv;
        }
    }
    mmu_select_data(env, c);
    tlb_select_fetch(env->cpu.cpu, c->fetch_key, c->fetch_asid, c->mode);
}

void riscv_mmu_changed(RISCVEnv *env)
{
    env->contexts = 0;
    riscv_mmu_priv_changed(env);
}

void riscv_mmu_sum_changed(RISCVEnv *env)
{
    if (env->priv == RISCV_PRV_S && (env->contexts >> RISCV_PRV_S & 1)) {
        mmu_select_data(env, &env->context[RISCV_PRV_S]);
    } else {
        riscv_mmu_priv_changed(env);
    }
}

/*
 * The hart's cached translations may only be used for an ASID's own tables. A guest that changes
 * the root without changing the ASID must execute SFENCE.VMA, but many that know no ASIDs rely on
 * less, so a new root for an ASID that is remembered drops what is cached for it.
 */
void riscv_satp_changed(RISCVEnv *env)
{
    bool rv32 = env->cfg->xlen == 32;
    uint32_t asid = mmu_asid(env);
    uint64_t root = env->satp & (rv32 ? SATP32_PPN : SATP64_PPN);
    uint64_t *slot = &env->asid_root[asid % G_N_ELEMENTS(env->asid_root)];
    uint64_t tag = (uint64_t)asid << 44 | root;

    if (mmu_scheme(env, RISCV_PRV_S) != RISCV_VM_BARE) {
        if (*slot >> 44 == asid && *slot != tag) {
            tlb_flush_asid(env->cpu.cpu, asid, true);
        }
        *slot = tag;
    }
    riscv_mmu_changed(env);
}

/* ------------------------------------------------------------------------------------------ */
/* The walk */

/* One PTE; *host is set if it lies in RAM. */
static bool pte_read(RISCVEnv *env, uint64_t addr, unsigned size, bool debug, uint64_t *pte,
                     MemSection *s)
{
    AddressSpace *as = env->cpu.cpu->as;

    if (!debug && !riscv_pmp_check(env, addr, size, TLB_PROT_R, RISCV_PRV_S)) {
        return false;
    }
    switch (debug ? memory_lookup(as, addr, s) : tlb_memory_lookup(env->cpu.cpu, addr, s)) {
    case MEM_RAM:
    case MEM_ROM:
        *pte = size == 8 ? GUINT64_FROM_LE(__atomic_load_n((uint64_t *)s->host, __ATOMIC_RELAXED))
                         : GUINT32_FROM_LE(__atomic_load_n((uint32_t *)s->host, __ATOMIC_RELAXED));
        return true;
    case MEM_UNASSIGNED:
        return false;
    default:
        if (debug) {
            return false;
        }
        MemTxResult res = MEMTX_OK;
        *pte = size == 8 ? memory_ld64_le(as, addr, &res) : memory_ld32_le(as, addr, &res);
        return res == MEMTX_OK;
    }
}

/* Set bits in the PTE at s if it still is what was read; *again if it is not. */
static WalkResult pte_update(RISCVEnv *env, uint64_t addr, unsigned size, MemSection *s,
                             uint64_t pte, uint64_t set, bool *again)
{
    bool done;

    if (s->kind != MEM_RAM || !riscv_pmp_check(env, addr, size, TLB_PROT_W, RISCV_PRV_S)) {
        return WALK_ACCESS_FAULT;
    }
    if (size == 8) {
        uint64_t old = GUINT64_TO_LE(pte);
        done = __atomic_compare_exchange_n((uint64_t *)s->host, &old, GUINT64_TO_LE(pte | set),
                                           false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t old = GUINT32_TO_LE((uint32_t)pte);
        done = __atomic_compare_exchange_n((uint32_t *)s->host, &old,
                                           GUINT32_TO_LE((uint32_t)(pte | set)), false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    *again = !done;
    if (done) {
        memory_notify_code_write(s->block, s->ra - s->block->start, size);
    }
    return WALK_OK;
}

/* What the leaf's own bits allow at priv: 12.3.2 steps 6 and 8. */
static unsigned pte_prot(const RISCVEnv *env, uint64_t pte, unsigned priv)
{
    unsigned prot = (pte >> 1) & 7;

    if ((prot & TLB_PROT_X) && (env->mstatus & MSTATUS_MXR)) {
        prot |= TLB_PROT_R;
    }
    if (pte & PTE_U) {
        if (priv == RISCV_PRV_S) {
            prot &= env->mstatus & MSTATUS_SUM ? TLB_PROT_R | TLB_PROT_W : 0;
        }
    } else if (priv == RISCV_PRV_U) {
        prot = 0;
    }
    return prot;
}

static WalkResult mmu_walk(RISCVEnv *env, uint64_t vaddr, TlbAccess access, unsigned priv,
                           bool debug, Walk *w)
{
    static const uint8_t need_prot[] = {
        [TLB_READ] = TLB_PROT_R, [TLB_WRITE] = TLB_PROT_W, [TLB_FETCH] = TLB_PROT_X};
    RISCVVm vm = mmu_scheme(env, priv);
    bool rv32 = env->cfg->xlen == 32;
    unsigned levels = rv32 ? 2 : vm - RISCV_VM_SV39 + 3;
    unsigned idx_bits = rv32 ? 10 : 9, size = rv32 ? 4 : 8;
    unsigned va_bits = 12 + levels * idx_bits;
    uint64_t root = (env->satp & (rv32 ? SATP32_PPN : SATP64_PPN)) << 12;

    if (rv32) {
        vaddr = (uint32_t)vaddr;
    } else if ((int64_t)(vaddr << (64 - va_bits)) >> (64 - va_bits) != (int64_t)vaddr) {
        return WALK_PAGE_FAULT;
    }

restart:;
    uint64_t base = root;
    w->global = false;
    for (unsigned level = levels; level-- > 0;) {
        unsigned shift = 12 + level * idx_bits;
        uint64_t addr = base + ((vaddr >> shift) & (BIT64(idx_bits) - 1)) * size;
        uint64_t pte, ppn;
        MemSection s;

        if (!pte_read(env, addr, size, debug, &pte, &s)) {
            return WALK_ACCESS_FAULT;
        }
        bool pbmt = !rv32 && (env->menvcfg & ENVCFG_PBMTE);
        bool napot = !rv32 && riscv_has(env->cfg, RISCV_EXT_SVNAPOT);
        uint64_t reserved = rv32 ? 0 : PTE_RESERVED | (pbmt ? 0 : PTE_PBMT) | (napot ? 0 : PTE_N);
        if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & reserved)) {
            return WALK_PAGE_FAULT;
        }
        w->global |= pte & PTE_G;
        ppn = rv32 ? pte >> PTE_PPN_SHIFT : (pte & PTE_PPN64) >> PTE_PPN_SHIFT;
        if (!(pte & (PTE_R | PTE_X))) {
            if (pte & (PTE_D | PTE_A | PTE_U | (rv32 ? 0 : PTE_N | PTE_PBMT))) {
                return WALK_PAGE_FAULT;
            }
            base = ppn << 12;
            continue;
        }

        if ((pte & PTE_PBMT) == PTE_PBMT && !rv32) {
            return WALK_PAGE_FAULT;
        }
        w->page_bits = shift;
        if (!rv32 && (pte & PTE_N)) {
            if (level != 0 || (ppn & 15) != 8) {
                return WALK_PAGE_FAULT;
            }
            w->page_bits = 16;
            ppn &= ~UINT64_C(15);
        } else if (ppn & (BIT64(shift - 12) - 1)) {
            return WALK_PAGE_FAULT;
        }
        w->prot = pte_prot(env, pte, priv);
        w->paddr = ppn << 12 | (vaddr & (BIT64(w->page_bits) - 1));
        if (debug) {
            return WALK_OK;
        }
        if (!(w->prot & need_prot[access])) {
            return WALK_PAGE_FAULT;
        }
        uint64_t set = PTE_A | (access == TLB_WRITE ? PTE_D : 0);
        if (~pte & set) {
            bool again;
            bool update = riscv_has(env->cfg, RISCV_EXT_SVADU)
                              ? (env->menvcfg & ENVCFG_ADUE) != 0
                              : !riscv_has(env->cfg, RISCV_EXT_SVADE);
            if (!update) {
                return WALK_PAGE_FAULT;
            }
            WalkResult r = pte_update(env, addr, size, &s, pte, set, &again);
            if (r != WALK_OK) {
                return r;
            }
            if (again) {
                goto restart;
            }
            pte |= set;
        }
        /* A store must come here once more to set D. */
        if (!(pte & PTE_D)) {
            w->prot &= ~TLB_PROT_W;
        }
        return WALK_OK;
    }
    return WALK_PAGE_FAULT;
}

/* ------------------------------------------------------------------------------------------ */
/* Hooks of the engine */

static const uint8_t access_fault[] = {[TLB_READ] = RISCV_EXC_LOAD_ACCESS,
                                       [TLB_WRITE] = RISCV_EXC_STORE_ACCESS,
                                       [TLB_FETCH] = RISCV_EXC_INSN_ACCESS};
static const uint8_t page_fault[] = {[TLB_READ] = RISCV_EXC_LOAD_PAGE,
                                     [TLB_WRITE] = RISCV_EXC_STORE_PAGE,
                                     [TLB_FETCH] = RISCV_EXC_INSN_PAGE};

bool riscv_tlb_fill(CPU *cpu, uint64_t vaddr, unsigned size, TlbAccess access, unsigned idx,
                    bool probe, uintptr_t ra)
{
    static const uint8_t prot_of[] = {
        [TLB_READ] = TLB_PROT_R, [TLB_WRITE] = TLB_PROT_W, [TLB_FETCH] = TLB_PROT_X};
    RISCVEnv *env = riscv_env(cpu);
    unsigned priv = access == TLB_FETCH ? env->priv : mmu_data_priv(env);
    WalkResult r = WALK_OK;
    Walk w = {.paddr = vaddr & env->xmask, .prot = 7, .page_bits = 12};
    TlbFill fill = {.vaddr = vaddr, .asid = ASID_BARE + priv};

    if (G_UNLIKELY(env->trigger_watch) && !probe && !(size & TLB_REST)) {
        riscv_trigger_check(env, vaddr, size, access, ra);
    }
    if (mmu_scheme(env, priv) != RISCV_VM_BARE) {
        fill.asid = mmu_asid(env);
        r = mmu_walk(env, vaddr, access, priv, false, &w);
        riscv_hpm_count_event(env, access == TLB_READ    ? RISCV_EVENT_DTLB_READ_MISS
                                   : access == TLB_WRITE ? RISCV_EVENT_DTLB_WRITE_MISS
                                                         : RISCV_EVENT_ITLB_MISS);
    }
    if (r == WALK_OK) {
        unsigned pmp;
        fill.sub = !riscv_pmp_page(env, w.paddr, priv, &pmp);
        if (fill.sub) {
            unsigned room = TLB_PAGE_SIZE - (w.paddr & ~TLB_PAGE_MASK);
            if (!riscv_pmp_check(env, w.paddr, MIN(size & ~TLB_REST, room), prot_of[access],
                                 priv)) {
                r = WALK_ACCESS_FAULT;
            }
        } else {
            w.prot &= pmp;
            if (!(pmp & prot_of[access])) {
                r = WALK_ACCESS_FAULT;
            }
        }
        fill.sub |= env->trigger_watch && riscv_trigger_page(env, vaddr & env->xmask);
    }
    if (rhea_log_on(LOG_MMU)) {
        rhea_log("riscv mmu: hart %" PRIu64 " %s 0x%" PRIx64 " priv %u: %s pa 0x%" PRIx64
                 " prot %x page 2^%u%s\n",
                 env->hartid,
                 access == TLB_READ    ? "load"
                 : access == TLB_WRITE ? "store"
                                       : "fetch",
                 vaddr, priv,
                 r == WALK_OK           ? "ok"
                 : r == WALK_PAGE_FAULT ? "page fault"
                                        : "access fault",
                 w.paddr, w.prot, w.page_bits, w.global ? " global" : "");
    }
    if (r == WALK_OK) {
        if (access == TLB_FETCH && priv == RISCV_PRV_S && !w.global &&
            mmu_scheme(env, priv) != RISCV_VM_BARE && !env->private_s_code) {
            env->private_s_code = true;
            riscv_mmu_changed(env);
        }
        if (access == TLB_FETCH && priv == RISCV_PRV_S && !env->private_s_code &&
            mmu_scheme(env, priv) != RISCV_VM_BARE) {
            fill.asid = ASID_S_CODE;
        }
        fill.paddr = w.paddr;
        fill.page_bits = w.page_bits;
        fill.prot = w.prot;
        fill.global = w.global;
        tlb_set(cpu, idx, access, &fill);
        return true;
    }
    if (probe) {
        return false;
    }
    riscv_raise(env, r == WALK_PAGE_FAULT ? page_fault[access] : access_fault[access],
                vaddr & env->xmask, ra);
}

void riscv_bus_error(CPU *cpu, uint64_t vaddr, uint64_t paddr, TlbAccess access, uintptr_t ra)
{
    RISCVEnv *env = riscv_env(cpu);

    rhea_log_mask(LOG_GUEST_ERROR, "hart %" PRIu64 ": %s at physical 0x%" PRIx64 " failed\n",
                  env->hartid,
                  access == TLB_READ    ? "load"
                  : access == TLB_WRITE ? "store"
                                        : "instruction fetch",
                  paddr);
    riscv_raise(env, access_fault[access], vaddr & env->xmask, ra);
}

void riscv_unaligned(CPU *cpu, uint64_t vaddr, TlbAccess access, uintptr_t ra)
{
    RISCVEnv *env = riscv_env(cpu);
    unsigned cause = access == TLB_READ    ? RISCV_EXC_LOAD_MISALIGNED
                     : access == TLB_WRITE ? RISCV_EXC_STORE_MISALIGNED
                                           : RISCV_EXC_INSN_MISALIGNED;

    riscv_raise(env, cause, vaddr & env->xmask, ra);
}

bool riscv_debug_translate(CPU *cpu, uint64_t vaddr, uint64_t *paddr)
{
    RISCVEnv *env = riscv_env(cpu);
    unsigned priv = mmu_data_priv(env);
    Walk w;

    if (mmu_scheme(env, priv) == RISCV_VM_BARE) {
        *paddr = vaddr & env->xmask;
        return true;
    }
    if (mmu_walk(env, vaddr, TLB_READ, priv, true, &w) != WALK_OK) {
        return false;
    }
    *paddr = w.paddr;
    return true;
}

/* ------------------------------------------------------------------------------------------ */
/* Fences, 12.2.1 and chapter "Svinval" */

static void mmu_check_fence(RISCVEnv *env, uint32_t insn, uintptr_t ra)
{
    if (env->priv == RISCV_PRV_U || (env->priv == RISCV_PRV_S && (env->mstatus & MSTATUS_TVM)) ||
        !riscv_has(env->cfg, RISCV_EXT_S)) {
        riscv_raise_illegal(env, insn, ra);
    }
}

static void helper_riscv_sfence_vma(RISCVEnv *env, uint32_t insn, uint64_t addr, uint64_t asid)
{
    CPU *cpu = env->cpu.cpu;
    bool by_addr = (insn >> 15) & 31, by_asid = (insn >> 20) & 31;

    mmu_check_fence(env, insn, RHEA_RA());
    asid &= env->cfg->xlen == 32 ? 0x1ff : 0xffff;
    if (by_addr && by_asid) {
        tlb_flush_page_asid(cpu, addr & env->xmask, asid, false);
    } else if (by_addr) {
        tlb_flush_page(cpu, addr & env->xmask);
    } else if (by_asid) {
        tlb_flush_asid(cpu, asid, false);
    } else {
        tlb_flush_all(cpu);
    }
}
RISCV_HELPER(sfence_vma, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32, TCG_I64, TCG_I64);

/* FENCE.I, unprivileged specification, chapter "Zifencei" */
static void helper_riscv_fence_i(RISCVEnv *env)
{
    cpu_code_fence(env->cpu.cpu);
}
RISCV_HELPER(fence_i, VOID, true, 0);

/* SFENCE.W.INVAL and SFENCE.INVAL.IR: SINVAL.VMA did all. TVM does not apply to them. */
static void helper_riscv_sfence_inval(RISCVEnv *env, uint32_t insn)
{
    if (env->priv == RISCV_PRV_U || !riscv_has(env->cfg, RISCV_EXT_S)) {
        riscv_raise_illegal(env, insn, RHEA_RA());
    }
}
RISCV_HELPER(sfence_inval, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32);

/* ------------------------------------------------------------------------------------------ */
/* Cache blocks, unprivileged specification, chapter "CMO" */

static void helper_riscv_cbo_zero(RISCVEnv *env, uint32_t insn, uint64_t addr)
{
    uintptr_t ra = RHEA_RA();
    bool ok = env->priv == RISCV_PRV_M ||
              ((env->menvcfg & ENVCFG_CBZE) &&
               (env->priv == RISCV_PRV_S || !riscv_has(env->cfg, RISCV_EXT_S) ||
                (env->senvcfg & ENVCFG_CBZE)));

    if (!ok) {
        riscv_raise_illegal(env, insn, ra);
    }
    tlb_zero_block(env->cpu.cpu, addr & env->xmask, env->cfg->cboz_size, 0, ra);
}
RISCV_HELPER(cbo_zero, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32, TCG_I64);

/*
 * CBO.INVAL (rs2 field 0), CBO.CLEAN (1), CBO.FLUSH (2). There are no caches, but access is
 * checked: the block must be readable or writable, and the fault is a store's.
 */
static void helper_riscv_cbo_manage(RISCVEnv *env, uint32_t insn, uint64_t addr)
{
    uintptr_t ra = RHEA_RA();
    CPU *cpu = env->cpu.cpu;
    uint64_t field = (insn >> 20) & 0xfff ? ENVCFG_CBCFE : ENVCFG_CBIE;
    bool ok =
        env->priv == RISCV_PRV_M ||
        ((env->menvcfg & field) &&
         (env->priv == RISCV_PRV_S || !riscv_has(env->cfg, RISCV_EXT_S) || (env->senvcfg & field)));

    if (!ok) {
        riscv_raise_illegal(env, insn, ra);
    }
    addr = addr & env->xmask & ~(uint64_t)(env->cfg->cbom_size - 1);
    if (env->trigger_watch) {
        riscv_trigger_check(env, addr, env->cfg->cbom_size, TLB_WRITE, ra);
    }
    if (!riscv_tlb_fill(cpu, addr, 1, TLB_READ, 0, true, ra)) {
        riscv_tlb_fill(cpu, addr, 1, TLB_WRITE, 0, false, ra);
    }
}
RISCV_HELPER(cbo_manage, VOID, true, TCG_HELPER_FAULTS | TCG_HELPER_IO, TCG_I32, TCG_I64);
