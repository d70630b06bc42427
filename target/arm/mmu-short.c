/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * AArch32 translation by short descriptors: sections, supersections, large and small pages, domains
 * (DDI 0406, B3.5, DDI 0487, G5.4), and the subpages of Armv5 and of Armv6 with SCTLR.XP clear (DDI
 * 0100, B4.7).
 *
 * Runs on the CPU's thread. Test: tests/unit/test-arm-sys.c
 */
#include "target/arm/internals.h"

#define TTBCR_PD0 ARM_BIT(4)
#define TTBCR_PD1 ARM_BIT(5)

typedef struct Short {
    unsigned ap; /* AP[2:0], or the two bits of Armv5 */
    bool xn, pxn, ng, s, v5;
    unsigned tex_cb; /* TEX, C, B */
} Short;

static bool fail(ARMWalk *w, ARMFault f, int level)
{
    w->fault = f;
    w->level = level;
    return false;
}

/* B3.7.1 and, for Armv5, B4.3: SCTLR.S and R. */
static unsigned prot_of(const ARMEnv *env, unsigned rel, const Short *d, unsigned flags)
{
    uint64_t sctlr = env->sys.sctlr[rel];
    bool priv = flags & ARM_WALK_PRIV;
    unsigned pr = 0, ur = 0; /* privileged, user: 0 none, 1 read, 3 read and write */

    if (d->v5) {
        switch (d->ap) {
        case 0:
            pr = sctlr & (ARM_BIT(8) | ARM_BIT(9)) ? 1 : 0;
            ur = (sctlr & ARM_BIT(9)) && !(sctlr & ARM_BIT(8)) ? 1 : 0;
            break;
        case 1:
            pr = 3;
            break;
        case 2:
            pr = 3;
            ur = 1;
            break;
        default:
            pr = ur = 3;
        }
    } else if (sctlr & SCTLR_AFE) {
        pr = d->ap & 4 ? 1 : 3;
        ur = d->ap & 2 ? pr : 0;
    } else {
        static const uint8_t p[8] = {0, 3, 3, 3, 0, 1, 1, 1}, u[8] = {0, 0, 1, 3, 0, 0, 1, 1};
        pr = p[d->ap];
        ur = u[d->ap];
    }
    unsigned now = priv ? pr : ur;
    if (priv && ur && (flags & ARM_WALK_PAN)) {
        now = 0;
    }
    unsigned prot = (now & 1 ? TLB_PROT_R : 0) | (now & 2 ? TLB_PROT_W : 0);
    bool x = (priv ? pr : ur) && !d->xn && !(priv && d->pxn);
    if (arm_cfg_has(env, ARM_FEAT_LPAE)) {
        if (((sctlr & SCTLR_WXN) && now == 3) || ((sctlr & SCTLR_UWXN) && priv && ur == 3)) {
            x = false;
        }
    }
    return prot | (x ? TLB_PROT_X : 0);
}

/* Memory attributes in MAIR's encoding, from TEX:C:B and the S bit (G5.7.2, G5.7.3). */
static void attributes(const ARMEnv *env, unsigned rel, unsigned tex_cb, bool s, ARMWalk *w)
{
    static const uint8_t half[4] = {0x4, 0xf, 0xa, 0xe};
    /* TEX 0 and 1; what is reserved is as one that is not: NC, as PRRR and NMRR may make it. */
    static const uint8_t low[8] = {0x00, 0x04, 0xaa, 0xee, 0x44, 0x44, 0x44, 0xff};

    if (env->sys.sctlr[rel] & SCTLR_TRE) {
        /* PRRR and NMRR are the halves of mair[] */
        unsigned n = tex_cb & 7, type = ARM_BITS(env->sys.mair[rel], 2 * n, 2);
        unsigned inner = ARM_BITS(env->sys.mair[rel], 32 + 2 * n, 2);
        unsigned outer = ARM_BITS(env->sys.mair[rel], 48 + 2 * n, 2);
        bool shared = env->sys.mair[rel] & ARM_BIT(s ? 19 : 18);
        w->attr = type < 2 ? type << 2 : half[outer] << 4 | half[inner];
        w->sh = !shared ? 0 : env->sys.mair[rel] & ARM_BIT(24 + n) ? 3 : 2;
    } else {
        w->attr = tex_cb >= 16  ? half[tex_cb >> 2 & 3] << 4 | half[tex_cb & 3]
                  : tex_cb == 8 ? 0x04
                                : low[tex_cb & 7];
        w->sh = s ? 2 : 0;
    }
    w->device = !(w->attr & 0xf0);
}

bool arm_walk_short(ARMEnv *env, unsigned rel, bool nested, uint64_t va, TlbAccess access,
                    unsigned flags, ARMWalk *w)
{
    static const uint8_t need[] = {
        [TLB_READ] = TLB_PROT_R, [TLB_WRITE] = TLB_PROT_W, [TLB_FETCH] = TLB_PROT_X};
    ARMSys *s = &env->sys;
    uint64_t ttbcr = s->tcr[rel], sctlr = s->sctlr[rel], base;
    unsigned n = arm_cfg_has(env, ARM_FEAT_V6) ? ttbcr & 7 : 0;
    bool be = sctlr & SCTLR_EE, debug = flags & ARM_WALK_DEBUG, ns = w->ns;
    bool v6 =
        arm_cfg_has(env, ARM_FEAT_V7) || (arm_cfg_has(env, ARM_FEAT_V6) && (sctlr & SCTLR_XP));
    bool has_pxn = arm_cfg_has(env, ARM_FEAT_LPAE);
    uint32_t d;
    Short sd = {.v5 = !v6};
    int level = 1;

    va = (uint32_t)va;
    if (n && va >> (32 - n)) {
        if (ttbcr & TTBCR_PD1) {
            return fail(w, ARM_FAULT_TRANSLATION, 1);
        }
        base = s->ttbr1[rel] & ~UINT64_C(0x3fff);
        n = 0;
    } else {
        if (arm_cfg_has(env, ARM_FEAT_V6) && (ttbcr & TTBCR_PD0)) {
            return fail(w, ARM_FAULT_TRANSLATION, 1);
        }
        base = s->ttbr0[rel] & ~((UINT64_C(1) << (14 - n)) - 1);
    }
    base = (uint32_t)base;
    w->level = 1;
    if (!arm_desc_read32(env, base | ARM_BITS(va, 20, 12 - n) << 2, nested, be, flags, &d, w)) {
        return false;
    }
    unsigned kind = d & 3, domain = d >> 5 & 15;
    if (kind == 0 || (kind == 3 && v6 && !has_pxn)) {
        return fail(w, ARM_FAULT_TRANSLATION, 1);
    }
    bool section = kind == 2 || (kind == 3 && v6);
    if (section) {
        bool super = w->super = v6 && (d & ARM_BIT(18));
        w->page_bits = super ? 24 : 20;
        w->paddr = (d & ~((1u << w->page_bits) - 1)) | (va & ((1u << w->page_bits) - 1));
        if (super) {
            w->paddr |= ARM_BITS(d, 20, 4) << 32 | ARM_BITS(d, 5, 4) << 36;
            domain = 0;
        }
        sd.ap = d >> 10 & 3;
        sd.tex_cb = ARM_BITS(d, 12, 3) << 2 | ARM_BITS(d, 2, 2);
        if (v6) {
            sd.ap |= d >> 13 & 4;
            sd.xn = d & ARM_BIT(4);
            sd.pxn = has_pxn && (d & 1);
            sd.ng = d & ARM_BIT(17);
            sd.s = d & ARM_BIT(16);
            w->ns = ns || (d & ARM_BIT(19));
        }
    } else {
        uint64_t table = kind == 1 ? d & 0xfffffc00 : d & 0xfffff000;
        uint64_t index = kind == 1 ? ARM_BITS(va, 12, 8) : ARM_BITS(va, 10, 10);
        sd.pxn = v6 && has_pxn && (d & 4);
        level = 2;
        w->domain = domain;
        w->ns = ns || (v6 && (d & ARM_BIT(3)));
        w->level = 2;
        if (!arm_desc_read32(env, table | index << 2, nested, be, flags, &d, w)) {
            return false;
        }
        unsigned k = d & 3;
        if (k == 0) {
            return fail(w, ARM_FAULT_TRANSLATION, 2);
        }
        if (k == 1) {
            w->page_bits = 16;
            w->paddr = (d & 0xffff0000) | (va & 0xffff);
            sd.ap = v6 ? d >> 4 & 3 : d >> (4 + 2 * ARM_BITS(va, 14, 2)) & 3;
            sd.xn = v6 && (d & ARM_BIT(15));
            sd.tex_cb = ARM_BITS(d, 12, 3) << 2 | ARM_BITS(d, 2, 2);
        } else if (k == 3 && !v6 && !arm_cfg_has(env, ARM_FEAT_V6) && kind == 3) {
            w->page_bits = 10; /* tiny page */
            w->paddr = (d & 0xfffffc00) | (va & 0x3ff);
            sd.ap = d >> 4 & 3;
        } else {
            w->page_bits = 12;
            w->paddr = (d & 0xfffff000) | (va & 0xfff);
            sd.xn = v6 && (d & 1);
            sd.tex_cb = ARM_BITS(d, 6, 3) << 2 | ARM_BITS(d, 2, 2);
            if (v6) {
                sd.ap = d >> 4 & 3;
            } else if (k == 3) {
                sd.ap = d >> 4 & 3; /* extended small page: one AP */
            } else {
                sd.ap = d >> (4 + 2 * ARM_BITS(va, 10, 2)) & 3;
                unsigned all = d >> 4 & 0xff;
                w->page_bits = all == (all & 3) * 0x55 ? 12 : 10;
            }
        }
        if (v6) {
            sd.ap |= d >> 7 & 4;
            sd.ng = d & ARM_BIT(11);
            sd.s = d & ARM_BIT(10);
        }
    }
    w->domain = domain;
    w->level = level;
    w->global = v6 ? !sd.ng : false;
    attributes(env, rel, sd.tex_cb, sd.s, w);
    unsigned dom = s->dacr[rel] >> (2 * domain) & 3;
    if (dom == 3) {
        w->prot = TLB_PROT_R | TLB_PROT_W | TLB_PROT_X;
    } else {
        w->prot = prot_of(env, rel, &sd, flags);
    }
    w->prot &= ~arm_secure_fetch_prot(env, w, !ns);
    if (debug) {
        return true;
    }
    /* The walk itself finds the access flag clear; domains are looked at behind it (B3.12.3). */
    if ((sctlr & SCTLR_AFE) && v6 && !(sd.ap & 1)) {
        return fail(w, ARM_FAULT_ACCESS_FLAG, level);
    }
    if (!(dom & 1)) {
        return fail(w, ARM_FAULT_DOMAIN, level);
    }
    if (!(w->prot & need[access])) {
        return fail(w, ARM_FAULT_PERMISSION, level);
    }
    return true;
}
