/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Sites of the soft TLB. An access that stays on one page for long (in a loop) asks a site before
 * the table (tlb.h). The site's place does not depend on the address, so that the addend is there
 * early and takes few instructions: (addr & (TLB_PAGE_MASK | (s - 1) | (a - 1))) == site.tag for an
 * access of size s with required alignment a. Code fills a site after a hit in the table.
 *
 * An access at register + d whose address does not become less from turn to turn of a loop asks in
 * later turns only whether register < bound, the end of the page less d + s - 1, which is the key.
 * One whose address does not become more asks whether register > floor, the page less d + 1; the
 * key is d. To be of use to no other access, its site's tag has the key in the bits below the page.
 * The bound is 0 and the floor UINT64_MAX unless the last access by this tag was a hit: what misses
 * empties them first.
 *
 * A small table may lie on two pages, and which of them an access is to is hard to predict. Its
 * site has the page before this one in floor, and counts in turns how often that one came back:
 * after TLB_SITE_TURNS it stays empty, and each access asks the table of the TLB.
 *
 * Invariants: each table has its sites in front of it. A site holds what a tag_r (of a load) or
 * tag_w and the addend of its table held since anything was last unmapped from the context: then
 * all sites are emptied, bound, floor and tag. One of a store also holds no page that
 * tlb_protect_code() has taken: this marks the table's entry, then empties all sites; who fills one
 * looks at the entry again behind a fence, and empties it if the entry has changed.
 *
 * Owner: the vCPU's thread; other threads empty sites. Test:
 * tests/unit/test-x86-64-jit.c, and check_remap() of tests/boot/checks.c.
 */
#ifndef RHEA_SOFTMMU_TLB_SITE_H
#define RHEA_SOFTMMU_TLB_SITE_H

#include "softmmu/tlb.h"

typedef struct TlbSite {
    uint64_t tag; /* the page, or TLB_INVALID */
    uint64_t addend;
    uint64_t bound, floor;
    uint64_t turns;
} TlbSite;
#define TLB_SITES 64

/* So often in turn, and the site is not filled any more. */
#define TLB_SITE_TURNS 1024

/* Key bits of a tag; keys are in [-TLB_SITE_KEYS / 2, TLB_SITE_KEYS / 2). */
#define TLB_SITE_KEYS           64
#define TLB_SITE_KEY(key, down) (1 << 10 | (down) << 3 | ((key) & (TLB_SITE_KEYS - 1)) << 4)

/* In front of a TlbTable. */
typedef struct TlbSites {
    TlbSite site[TLB_SITES];
    uint64_t used; /* not 0 if a site may hold a page */
    uint64_t unused;
} TlbSites;

/* From env->tlb[]. */
#define TLB_SITES_AT (-(int)(sizeof(TlbTable) + sizeof(TlbSites)))
#define TLB_SITE_OFFSET(n, field)                                                                  \
    (TLB_SITES_AT + (int)((n) * sizeof(TlbSite)) + (int)offsetof(TlbSite, field))
#define TLB_SITES_USED_OFFSET (TLB_SITES_AT + (int)offsetof(TlbSites, used))

static inline TlbSites *tlb_sites(TlbTable *t)
{
    return (TlbSites *)t - 1;
}

#endif
