/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Intel 82574L Gigabit Ethernet controller.
 *
 * Specification: Intel 82574 GbE Controller Family datasheet 3.4: receive 7.1 (filters 7.1.1,
 * descriptors 7.1.4 to 7.1.6, checksums 7.1.10, queues and RSS 7.1.11), transmit 7.2
 * (segmentation 7.3), interrupts 7.4, VLANs 7.5, registers 10.2. PHY registers: 88E1149-like, as
 * 10.2.2.7 and IEEE 802.3 clause 22 have them.
 *
 * Two rings each way, legacy, extended and packet-split descriptors, checksums and segmentation in
 * software, RSS, MSI, MSI-X and INTx. A frame is taken from a transmit ring when all of it is
 * there. Interrupt moderation and the delay timers are stored, and every interrupt is sent at once.
 * Nothing of manageability, wake-up and flash; time stamps of frames are never valid.
 *
 * Transmit runs on the vCPU that writes the tail; frames come on the back end's thread.
 * Lock: the device's. Test: tests/unit/test-e1000e.c, tests/net (e1000e)
 */
#include "hw/bootorder.h"
#include "hw/net.h"
#include "hw/pci.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define BAR_SIZE    0x20000
#define MSIX_N      5
#define MSIX_BAR    0x4000
#define MSIX_PBA    0x2000
#define RINGS       2
#define DESC_SIZE   16
#define NVM_WORDS   64
#define NVM_SUM     0xbaba
#define PHY_PAGES   8
#define FRAME_MIN   60
#define TX_MAX      NET_FRAME_MAX
#define RX_MAX      (NET_FRAME_MAX + 8)
#define RX_LIMIT    16383 /* bytes of the largest frame that is ever received */
#define RX_STANDARD 1518  /* without long packets, checksum included */
#define STATS       74

enum { CTRL_RST = 1 << 26, CTRL_VME = 1 << 30, CTRL_PHY_RST = 1u << 31 };
enum { STATUS_FD = 1, STATUS_LU = 2, STATUS_1000 = 0x80, STATUS_MASTER = 1 << 19 };
enum { EECD_REQ = 0x40, EECD_GNT = 0x80, EECD_PRES = 0x100, EECD_AUTO_RD = 0x200 };
enum { NVM_START = 1, NVM_DONE = 2 };
enum { CTRL_EXT_EE_RST = 1 << 13, CTRL_EXT_EIAME = 1 << 24, CTRL_EXT_IAME = 1 << 27 };
enum { MDIC_READY = 1 << 28, MDIC_IRQ = 1 << 29, MDIC_ERROR = 1 << 30 };
enum { MDIC_WRITE = 1, MDIC_READ = 2 };
enum { SWSM_SMBI = 1 };

/* Causes, 10.2.4.1 */
enum {
    ICR_TXDW = 1 << 0,
    ICR_TXQE = 1 << 1,
    ICR_LSC = 1 << 2,
    ICR_RXDMT0 = 1 << 4,
    ICR_RXO = 1 << 6,
    ICR_RXT0 = 1 << 7,
    ICR_MDAC = 1 << 9,
    ICR_SRPD = 1 << 16,
    ICR_ACK = 1 << 17,
    ICR_MNG = 1 << 18,
    ICR_RXQ0 = 1 << 20,
    ICR_TXQ0 = 1 << 22,
    ICR_OTHER = 1 << 24,
    ICR_ASSERTED = 1u << 31,
    ICR_CAUSES = 0x1f7ffff & ~(1 << 5),
    ICR_OTHERS = ICR_LSC | ICR_RXO | ICR_MDAC | ICR_SRPD | ICR_ACK | ICR_MNG,
};

enum {
    RCTL_EN = 1 << 1,
    RCTL_UPE = 1 << 3,
    RCTL_MPE = 1 << 4,
    RCTL_LPE = 1 << 5,
    RCTL_LBM = 3 << 6,
    RCTL_BAM = 1 << 15,
    RCTL_VFE = 1 << 18,
    RCTL_BSEX = 1 << 25,
    RCTL_SECRC = 1 << 26,
};
enum { TCTL_EN = 1 << 1, TCTL_PSP = 1 << 3 };
enum { RFCTL_EXTENDED = 1 << 15 };
enum { RXCSUM_IP = 1 << 8, RXCSUM_L4 = 1 << 9, RXCSUM_PCSD = 1 << 13 };
enum { RAH_VALID = 1u << 31 };

/* Transmit descriptors: dword 2, then dword 3. */
enum {
    TX_EOP = 1 << 24,
    TX_IC = 1 << 26,  /* legacy: insert a checksum */
    TX_TSE = 1 << 26, /* extended: segment */
    TX_RS = 1 << 27,
    TX_DEXT = 1 << 29,
    TX_VLE = 1 << 30,
    TX_TYPE = 0xf << 20,
    TX_TYPE_DATA = 1 << 20,
    TX_DD = 1,
    TX_IXSM = 1 << 8,
    TX_TXSM = 2 << 8,
    CTX_TCP = 1 << 24,
    CTX_IP4 = 1 << 25,
    CTX_TSE = 1 << 26,
};

/* Receive status, and errors of the extended form. */
enum {
    RX_DD = 1,
    RX_EOP = 2,
    RX_IXSM = 4,
    RX_VP = 8,
    RX_UDPCS = 0x10,
    RX_L4CS = 0x20,
    RX_IPCS = 0x40,
    RX_PIF = 0x80,
    RX_UDPV = 1 << 10,
    RX_ERR_L4 = 1 << 29,
    RX_ERR_IP = 1 << 30,
};

/* Numbers of statistics: offset from 4000h, in words. */
enum {
    ST_MPC = 0x10 / 4,
    ST_RLEC = 0x40 / 4,
    ST_PRC64 = 0x5c / 4,
    ST_GPRC = 0x74 / 4,
    ST_BPRC = 0x78 / 4,
    ST_MPRC = 0x7c / 4,
    ST_GPTC = 0x80 / 4,
    ST_GORC = 0x88 / 4, /* low and high */
    ST_GOTC = 0x90 / 4,
    ST_RNBC = 0xa0 / 4,
    ST_RUC = 0xa4 / 4,
    ST_ROC = 0xac / 4,
    ST_TOR = 0xc0 / 4,
    ST_TOT = 0xc8 / 4,
    ST_TPR = 0xd0 / 4,
    ST_TPT = 0xd4 / 4,
    ST_PTC64 = 0xd8 / 4,
    ST_MPTC = 0xf0 / 4,
    ST_BPTC = 0xf4 / 4,
    ST_TSCTC = 0xf8 / 4,
    ST_IAC = 0x100 / 4,
};

#define E1000E_STATE(F, A, D, N)                                                                   \
    PCI_STATE(N)                                                                                   \
    A(uint16_t, nvm, NVM_WORDS, KEEP)                                                              \
    A(uint16_t, phy, PHY_PAGES * 32, 0)                                                            \
    F(uint32_t, ctrl, 0x00140241) /* from here on CTRL.RST resets */                               \
    F(uint32_t, ctrl_ext, 0)                                                                       \
    F(uint32_t, eecd, 0)                                                                           \
    F(uint32_t, eerd, NVM_DONE)                                                                    \
    F(uint32_t, eewr, NVM_DONE)                                                                    \
    F(uint32_t, fla, 0)                                                                            \
    F(uint32_t, mdic, 0)                                                                           \
    F(uint32_t, fcal, 0)                                                                           \
    F(uint32_t, fcah, 0)                                                                           \
    F(uint32_t, fct, 0)                                                                            \
    F(uint32_t, kumctrl, 0)                                                                        \
    F(uint32_t, vet, 0x8100)                                                                       \
    F(uint32_t, icr, 0)                                                                            \
    F(uint32_t, itr, 0)                                                                            \
    F(uint32_t, ims, 0)                                                                            \
    F(uint32_t, eiac, 0)                                                                           \
    F(uint32_t, iam, 0)                                                                            \
    F(uint32_t, ivar, 0)                                                                           \
    A(uint32_t, eitr, MSIX_N, 0)                                                                   \
    F(uint32_t, sent, 0) /* causes whose message was sent, and that are still there */             \
    F(uint32_t, rctl, 0)                                                                           \
    F(uint32_t, fcttv, 0)                                                                          \
    F(uint32_t, txcw, 0)                                                                           \
    F(uint32_t, tctl, 0)                                                                           \
    F(uint32_t, tctl_ext, 0)                                                                       \
    F(uint32_t, tipg, 0x00602008)                                                                  \
    F(uint32_t, ait, 0)                                                                            \
    F(uint32_t, ledctl, 0x00068302)                                                                \
    F(uint32_t, extcnf, 8)                                                                         \
    F(uint32_t, extcnf_size, 0)                                                                    \
    F(uint32_t, pba, 0x00140014)                                                                   \
    F(uint32_t, pbs, 0x28)                                                                         \
    F(uint32_t, pba_ecc, 0)                                                                        \
    F(uint32_t, ert, 0)                                                                            \
    F(uint32_t, fcrtl, 0)                                                                          \
    F(uint32_t, fcrth, 0)                                                                          \
    F(uint32_t, psrctl, 0x00040402)                                                                \
    A(uint32_t, rdbal, RINGS, 0)                                                                   \
    A(uint32_t, rdbah, RINGS, 0)                                                                   \
    A(uint32_t, rdlen, RINGS, 0)                                                                   \
    A(uint32_t, rdh, RINGS, 0)                                                                     \
    A(uint32_t, rdt, RINGS, 0)                                                                     \
    A(uint32_t, rdtr, RINGS, 0)                                                                    \
    A(uint32_t, rxdctl, RINGS, 0x10000)                                                            \
    F(uint32_t, radv, 0)                                                                           \
    F(uint32_t, rsrpd, 0)                                                                          \
    F(uint32_t, raid, 0)                                                                           \
    A(uint32_t, tdbal, RINGS, 0)                                                                   \
    A(uint32_t, tdbah, RINGS, 0)                                                                   \
    A(uint32_t, tdlen, RINGS, 0)                                                                   \
    A(uint32_t, tdh, RINGS, 0)                                                                     \
    A(uint32_t, tdt, RINGS, 0)                                                                     \
    F(uint32_t, tidv, 0)                                                                           \
    A(uint32_t, txdctl, RINGS, 0)                                                                  \
    F(uint32_t, tadv, 0)                                                                           \
    A(uint32_t, tarc, RINGS, 0x403)                                                                \
    A(uint32_t, tx_context, RINGS * 8, 0) /* of each ring: for checksums, for segmentation */      \
    A(uint32_t, stats, STATS, 0)                                                                   \
    F(uint32_t, rxcsum, 0x300)                                                                     \
    F(uint32_t, rfctl, 0)                                                                          \
    A(uint32_t, mta, 128, 0)                                                                       \
    A(uint32_t, ra, 32, 0) /* low and high parts */                                                \
    A(uint32_t, vfta, 128, 0)                                                                      \
    A(uint32_t, wake, 5, 0)                                                                        \
    F(uint32_t, mrqc, 0)                                                                           \
    F(uint32_t, manc, 0)                                                                           \
    F(uint32_t, manc2h, 0)                                                                         \
    A(uint32_t, gcr, 8, 0)                                                                         \
    F(uint32_t, swsm, 0)                                                                           \
    F(uint32_t, swsm2, 0)                                                                          \
    F(uint32_t, gcr2, 0)                                                                           \
    A(uint32_t, reta, 32, 0)                                                                       \
    A(uint32_t, rssrk, 10, 0)                                                                      \
    F(uint64_t, systim, 0)      /* at this time of CLK_VIRTUAL: */                                 \
    F(int64_t, systim_at, 0)    /*   ns; 0 in a snapshot */                                        \
    F(uint32_t, systim_high, 0) /* latched by a read of the low half */                            \
    F(uint32_t, timinca, 0)                                                                        \
    F(uint32_t, tsynctxctl, 0)                                                                     \
    F(uint32_t, tsyncrxctl, 0)                                                                     \
    F(uint32_t, rxmtrl, 0x88f7)                                                                    \
    F(uint32_t, rxudp, 0x319)                                                                      \
    F(uint32_t, ioaddr, 0)

STATE(e1000e, E1000eState, E1000E_STATE, NetBackend *net; MemRegion msix_bar; uint8_t * tx_frame;
      uint8_t * tx_segment; /* TX_MAX bytes */
      uint8_t * rx_frame;   /* RX_MAX */
      bool loading;
      /* Properties. */
      char *mac_text; char *netdev; uint16_t subsystem_vendor; uint16_t subsystem;
      uint8_t disable_vnet_hdr; bool init_vet; bool migrate_timadj; int32_t bootindex;)

// clang-format off
PROPS(e1000e, E1000eState,
    PROP("mac", STRING, mac_text, NULL, PUBLIC, "Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56"),
    PROP("netdev", NETDEV, netdev, NULL, PUBLIC, "ID of a netdev to use as a backend"),
    PROP("subsys_ven", U16, subsystem_vendor, "32902", PUBLIC, "PCI device Subsystem Vendor ID"),
    PROP("subsys", U16, subsystem, "0", PUBLIC, "PCI device Subsystem ID"),
    PROP("disable_vnet_hdr", U8, disable_vnet_hdr, "0", PUBLIC, "taken, has no effect: offloads are done here"),
    PROP("init-vet", BOOL, init_vet, "on", PUBLIC, "taken, has no effect: VET is 8100h after a reset"),
    PROP("migrate-timadj", BOOL, migrate_timadj, "on", PUBLIC, "taken, has no effect"),
    BOOT_PROP(bootindex, "ethernet-phy@0"),
    PCI_PROPS)
// clang-format on

static bool link_up(const E1000eState *s)
{
    return s->net != NULL;
}

/* ---- interrupts, 7.4 ---- */

/* The five causes that have MSI-X messages, in the order of their fields in IVAR. */
static const uint32_t msix_cause[MSIX_N] = {ICR_RXQ0, ICR_RXQ0 << 1, ICR_TXQ0, ICR_TXQ0 << 1,
                                            ICR_OTHER};

static void msix_send(E1000eState *s)
{
    uint32_t pending = s->icr & s->ims;

    s->sent &= pending;
    for (unsigned i = 0; i < MSIX_N; i++) {
        uint32_t cause = msix_cause[i], field = s->ivar >> 4 * i & 15;

        if (!(pending & cause & ~s->sent)) {
            continue;
        }
        s->icr |= ICR_ASSERTED;
        if (!(field & 8) || (field & 7) >= MSIX_N) {
            continue; /* no vector is assigned */
        }
        s->sent |= cause;
        pci_msix_notify(s->pci, field & 7);
        if (s->ctrl_ext & CTRL_EXT_EIAME) {
            s->ims &= ~(cause & s->iam);
        }
        s->icr &= ~(cause & s->eiac);
    }
    s->sent &= s->icr & s->ims;
}

static void irq_update(E1000eState *s)
{
    if (pci_msix_enabled(s->pci)) {
        pci_set_irq(s->pci, false);
        msix_send(s);
        return;
    }
    bool level = s->icr & s->ims & ICR_CAUSES;

    s->icr |= level ? ICR_ASSERTED : 0;
    if (pci_msi_enabled(s->pci)) {
        pci_set_irq(s->pci, false);
        if (level && !s->sent) {
            pci_msi_notify(s->pci, 0);
        }
        s->sent = level;
    } else {
        s->sent = 0;
        pci_set_irq(s->pci, level);
    }
}

static void stat_add(E1000eState *s, unsigned n, uint32_t add)
{
    s->stats[n] = s->stats[n] + add < add ? UINT32_MAX : s->stats[n] + add;
}

static void cause_raise(E1000eState *s, uint32_t causes)
{
    if (!(s->icr & ICR_ASSERTED)) {
        stat_add(s, ST_IAC, 1);
    }
    s->icr |= causes | (causes & ICR_OTHERS ? ICR_OTHER : 0);
    irq_update(s);
}

/* What acknowledging does to the mask. */
static void auto_mask(E1000eState *s)
{
    if (s->ctrl_ext & CTRL_EXT_IAME) {
        s->ims &= ~s->iam;
    }
}

static uint64_t icr_read(void *opaque, unsigned i)
{
    E1000eState *s = opaque;
    uint32_t icr = s->icr;

    if (s->ims == 0 || icr & ICR_ASSERTED) {
        if (icr & ICR_ASSERTED) {
            auto_mask(s);
        }
        s->icr = 0;
        irq_update(s);
    }
    return icr;
}

static void icr_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    if (s->icr & ICR_ASSERTED) {
        auto_mask(s);
    }
    s->icr &= ~(uint32_t)val;
    if (!(s->icr & s->ims)) {
        s->icr &= ~ICR_ASSERTED;
    }
    irq_update(s);
}

static void ics_write(void *opaque, unsigned i, uint64_t val)
{
    cause_raise(opaque, val & ICR_CAUSES);
}

static uint64_t ims_read(void *opaque, unsigned i)
{
    return ((E1000eState *)opaque)->ims;
}

static void ims_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    s->ims |= val & ICR_CAUSES;
    irq_update(s);
}

static void imc_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    s->ims &= ~(uint32_t)val;
    irq_update(s);
}

static void irq_after(void *opaque, unsigned i)
{
    irq_update(opaque);
}

/* ---- statistics, 10.2.7 ---- */

static void stat_add64(E1000eState *s, unsigned n, uint32_t add)
{
    uint64_t old = s->stats[n] | (uint64_t)s->stats[n + 1] << 32, val = old + add;

    s->stats[n] = val;
    s->stats[n + 1] = val >> 32;
}

/* Reading clears; the wide ones by their upper half. */
static uint64_t stat_read(void *opaque, unsigned n)
{
    E1000eState *s = opaque;
    uint32_t val = s->stats[n];

    if (n == ST_GORC || n == ST_GOTC || n == ST_TOR || n == ST_TOT) {
        return val;
    }
    if (n == ST_GORC + 1 || n == ST_GOTC + 1 || n == ST_TOR + 1 || n == ST_TOT + 1) {
        s->stats[n - 1] = 0;
    }
    s->stats[n] = 0;
    return val;
}

/* By length: 64, 65 to 127, 128 to 255, 256 to 511, 512 to 1023, more; checksum included. */
static unsigned stat_size(size_t len)
{
    return len <= 64 ? 0 : len <= 127 ? 1 : len <= 255 ? 2 : len <= 511 ? 3 : len <= 1023 ? 4 : 5;
}

/* ---- NVM, 6 and 10.2.2.3 ---- */

static void nvm_init(E1000eState *s, const uint8_t mac[NET_MAC_SIZE])
{
    static const struct {
        uint8_t at;
        uint16_t val;
    } words[] = {{0x03, 0x0420}, {0x04, 0xf746}, {0x05, 0x2010}, {0x06, 0xffff}, {0x07, 0xffff},
                 {0x0a, 0x026b}, {0x0d, 0x10d3}, {0x0f, 0x8058}, {0x11, 0x2001}, {0x12, 0x7e7c},
                 {0x14, 0x1000}, {0x15, 0x00c8}, {0x17, 0x2704}, {0x23, 0x8000}};
    uint16_t sum = 0;

    memset(s->nvm, 0, sizeof(s->nvm));
    for (unsigned i = 0; i < 3; i++) {
        s->nvm[i] = mac[2 * i] | mac[2 * i + 1] << 8;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        s->nvm[words[i].at] = words[i].val;
    }
    s->nvm[0x0b] = s->subsystem;
    s->nvm[0x0c] = s->subsystem_vendor;
    for (unsigned i = 0; i < NVM_WORDS - 1; i++) {
        sum += s->nvm[i];
    }
    s->nvm[NVM_WORDS - 1] = NVM_SUM - sum;
}

static void eerd_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;
    unsigned at = val >> 2 & 0x3fff;

    if (val & NVM_START) {
        s->eerd =
            (val & 0xfffc) | NVM_DONE | (uint32_t)(at < NVM_WORDS ? s->nvm[at] : 0xffff) << 16;
    }
}

static void eewr_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;
    unsigned at = val >> 2 & 0x3fff;

    if (val & NVM_START) {
        if (at < NVM_WORDS) {
            s->nvm[at] = val >> 16;
        }
        s->eewr = (val & ~NVM_START) | NVM_DONE;
    }
}

static uint64_t eecd_read(void *opaque, unsigned i)
{
    const E1000eState *s = opaque;

    return s->eecd | EECD_PRES | EECD_AUTO_RD | (s->eecd & EECD_REQ ? EECD_GNT : 0);
}

/* ---- PHY ---- */

enum {
    PHY_CONTROL = 0,
    PHY_STATUS = 1,
    PHY_ADVERTISE = 4,
    PHY_PAGE = 22,
    PHY_CONTROL_RESET = 1 << 15,
    PHY_CONTROL_RESTART = 1 << 9,
};

static void phy_reset(E1000eState *s)
{
    static const uint16_t page0[32] = {
        [PHY_CONTROL] = 0x1140, [PHY_STATUS] = 0x7949, /* link and completion are added */
        [2] = 0x0141,           [3] = 0x0cb1,          [PHY_ADVERTISE] = 0x0de1,
        [5] = 0x07e0,           [6] = 0x0005,          [7] = 0x2001,
        [9] = 0x0f00,           [10] = 0x3c00,         [15] = 0x3000,
        [16] = 0x3360,          [17] = 0xa808, /* 1000 Mb/s, full duplex, resolved; the link is
                                                  added */
    };

    memset(s->phy, 0, sizeof(s->phy));
    memcpy(s->phy, page0, sizeof(page0));
}

/* Registers 0 to 15 and the page register are the same on all pages. -1: nothing there. */
static int phy_index(const E1000eState *s, unsigned reg)
{
    unsigned page = reg < 16 || reg == PHY_PAGE || reg > 28 ? 0 : s->phy[PHY_PAGE] & 0xff;

    return page < PHY_PAGES ? (int)(page * 32 + reg) : -1;
}

static uint16_t phy_read(const E1000eState *s, unsigned reg)
{
    int i = phy_index(s, reg);
    uint16_t val = i < 0 ? 0 : s->phy[i];

    if (i == PHY_STATUS && link_up(s)) {
        val |= 0x24;
    }
    if (i == 17 && link_up(s)) {
        val |= 0x400;
    }
    return val;
}

static void phy_write(E1000eState *s, unsigned reg, uint16_t val)
{
    static const uint32_t read_only =
        1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 15 | 1 << 17 | 1 << 19;
    int i = phy_index(s, reg);

    if (i < 0 || (i < 32 && read_only >> i & 1)) {
        return;
    }
    if (i == PHY_CONTROL) {
        s->phy[i] = val & ~(PHY_CONTROL_RESET | PHY_CONTROL_RESTART);
        if (val & PHY_CONTROL_RESET) {
            s->phy[i] = 0x1140;
        }
        if (val & (PHY_CONTROL_RESET | PHY_CONTROL_RESTART) && link_up(s)) {
            cause_raise(s, ICR_LSC); /* negotiated at once */
        }
        return;
    }
    s->phy[i] = val;
}

static void mdic_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;
    unsigned op = val >> 26 & 3, address = val >> 21 & 31, reg = val >> 16 & 31;

    s->mdic = (val & ~(uint64_t)MDIC_ERROR) | MDIC_READY;
    if (address != 1 || (op != MDIC_READ && op != MDIC_WRITE)) {
        s->mdic |= MDIC_ERROR;
    } else if (op == MDIC_READ) {
        s->mdic = (s->mdic & ~0xffffu) | phy_read(s, reg);
    } else {
        phy_write(s, reg, val);
    }
    if (val & MDIC_IRQ) {
        cause_raise(s, ICR_MDAC);
    }
}

/* ---- transmit, 7.2 ---- */

static void frame_count(E1000eState *s, const uint8_t *frame, size_t len)
{
    len += 4;
    stat_add(s, ST_GPTC, 1);
    stat_add(s, ST_TPT, 1);
    stat_add64(s, ST_GOTC, len);
    stat_add64(s, ST_TOT, len);
    stat_add(s, ST_PTC64 + stat_size(len), 1);
    if (frame[0] & 1) {
        static const uint8_t broadcast[NET_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

        stat_add(s, memcmp(frame, broadcast, NET_MAC_SIZE) == 0 ? ST_BPTC : ST_MPTC, 1);
    }
}

static bool receive_locked(E1000eState *s, const uint8_t *frame, size_t len);

static void frame_send(E1000eState *s, uint8_t *frame, size_t len, const uint8_t *tag)
{
    static uint8_t zeroes[FRAME_MIN];
    struct iovec iov[4];
    unsigned n = 0;

    if (len < 14) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: frame of %zu bytes\n", device_name(s), len);
        return;
    }
    iov[n++] = (struct iovec){frame, 12};
    if (tag) {
        iov[n++] = (struct iovec){(void *)tag, 4};
    }
    iov[n++] = (struct iovec){frame + 12, len - 12};
    len += tag ? 4 : 0;
    if (len < FRAME_MIN && s->tctl & TCTL_PSP) {
        iov[n++] = (struct iovec){zeroes, FRAME_MIN - len};
        len = FRAME_MIN;
    }
    frame_count(s, frame, len);
    if (s->rctl & RCTL_LBM) {
        receive_locked(s, frame, iov[0].iov_len + iov[tag ? 2 : 1].iov_len);
    } else if (s->net) {
        net_send(s->net, iov, n);
    }
}

/* Insert the sum of [start, end], or to the end of the frame, at `at`. */
static void sum_insert(E1000eState *s, uint8_t *frame, size_t len, unsigned start, unsigned at,
                       unsigned end, uint32_t more, bool udp)
{
    size_t stop = end && end + 1 < len ? end + 1 : len;

    if (start >= stop || at + 2 > len) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: checksum of %u to %u at %u in a frame of %zu bytes\n",
                      device_name(s), start, end, at, len);
        return;
    }
    uint16_t sum = ~net_sum_fold(net_sum(frame + start, stop - start, more));
    sum = udp && sum == 0 ? 0xffff : sum;
    frame[at] = sum >> 8;
    frame[at + 1] = sum;
}

static void context_sums(E1000eState *s, const uint32_t *c, uint32_t popts, uint8_t *frame,
                         size_t len, bool segment)
{
    if (popts & TX_IXSM) {
        sum_insert(s, frame, len, c[0] & 0xff, c[0] >> 8 & 0xff, c[0] >> 16, 0, false);
    }
    if (popts & TX_TXSM) {
        /* Of a segment the pseudo header's length is not in the driver's sum. */
        unsigned start = c[1] & 0xff;

        sum_insert(s, frame, len, start, c[1] >> 8 & 0xff, segment ? 0 : c[1] >> 16,
                   segment && start < len ? len - start : 0, !(c[2] & CTX_TCP));
    }
}

static void put16(uint8_t *p, unsigned val)
{
    p[0] = val >> 8;
    p[1] = val;
}

/* 7.3: the headers of one segment. */
static void segment_headers(const uint32_t *c, uint8_t *seg, size_t len, size_t header, size_t at,
                            unsigned number, bool last)
{
    unsigned ip = c[0] & 0xff, l4 = c[1] & 0xff;

    if (c[2] & CTX_IP4) {
        put16(seg + ip + 2, len - ip);
        put16(seg + ip + 4, (seg[ip + 4] << 8 | seg[ip + 5]) + number);
    } else {
        put16(seg + ip + 4, len - ip - 40);
    }
    if (c[2] & CTX_TCP) {
        uint32_t seq =
            ((uint32_t)seg[l4 + 4] << 24 | seg[l4 + 5] << 16 | seg[l4 + 6] << 8 | seg[l4 + 7]) + at;

        put16(seg + l4 + 4, seq >> 16);
        put16(seg + l4 + 6, seq);
        seg[l4 + 13] &= last ? 0xff : (uint8_t)~0x09; /* FIN and PSH */
    } else {
        put16(seg + l4 + 4, len - l4);
    }
}

static void segments_send(E1000eState *s, const uint32_t *c, uint32_t popts, const uint8_t *frame,
                          size_t len, const uint8_t *tag)
{
    size_t header = c[3] >> 8 & 0xff, mss = c[3] >> 16;
    unsigned ip = c[0] & 0xff, l4 = c[1] & 0xff, number = 0;

    if (mss == 0 || header > len || header + mss > TX_MAX ||
        l4 + (c[2] & CTX_TCP ? 20 : 8) > header || ip + (c[2] & CTX_IP4 ? 20 : 40) > l4) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: segments of %zu bytes with headers of %zu\n",
                      device_name(s), mss, header);
        return;
    }
    for (size_t at = 0; at < len - header; at += mss, number++) {
        size_t part = MIN(mss, len - header - at);

        memcpy(s->tx_segment, frame, header);
        memcpy(s->tx_segment + header, frame + header + at, part);
        segment_headers(c, s->tx_segment, header + part, header, at, number,
                        at + part == len - header);
        context_sums(s, c, popts, s->tx_segment, header + part, true);
        frame_send(s, s->tx_segment, header + part, tag);
    }
    stat_add(s, ST_TSCTC, 1);
}

typedef struct TxDesc {
    hwaddr at;
    uint64_t addr;
    uint32_t d2, d3;
} TxDesc;

static bool tx_desc_read(E1000eState *s, unsigned q, uint32_t index, TxDesc *d)
{
    uint8_t raw[DESC_SIZE];

    d->at = (s->tdbal[q] | (uint64_t)s->tdbah[q] << 32) + (uint64_t)index * DESC_SIZE;
    if (memory_read(s->dev.dma, d->at, raw, sizeof(raw)) != MEMTX_OK) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: descriptor at 0x%" PRIx64 " cannot be read\n",
                      device_name(s), d->at);
        return false;
    }
    d->addr = pci_get64(raw);
    d->d2 = pci_get32(raw + 8);
    d->d3 = pci_get32(raw + 12);
    return true;
}

/* The descriptor is done with; returns the causes. */
static uint32_t tx_desc_done(E1000eState *s, const TxDesc *d)
{
    if (!(d->d2 & TX_RS)) {
        return 0;
    }
    memory_st32_le(s->dev.dma, d->at + 12, d->d3 | TX_DD);
    return ICR_TXDW;
}

/* The frame whose first and last descriptors these are. */
static void tx_frame_send(E1000eState *s, unsigned q, const TxDesc *first, const TxDesc *last,
                          size_t len)
{
    uint8_t tag[4];
    bool tagged = s->ctrl & CTRL_VME && last->d2 & TX_VLE;

    put16(tag, s->vet & 0xffff);
    put16(tag + 2, last->d3 >> 16);
    if (!(first->d2 & TX_DEXT)) {
        if (last->d2 & TX_IC) {
            sum_insert(s, s->tx_frame, len, last->d3 >> 8 & 0xff, last->d2 >> 16 & 0xff, 0, 0,
                       false);
        }
    } else if (first->d2 & TX_TSE) {
        segments_send(s, &s->tx_context[q * 8 + 4], first->d3, s->tx_frame, len,
                      tagged ? tag : NULL);
        return;
    } else {
        context_sums(s, &s->tx_context[q * 8], first->d3, s->tx_frame, len, false);
    }
    frame_send(s, s->tx_frame, len, tagged ? tag : NULL);
}

/* From the head: a context, or all of a frame. How many descriptors it took; 0: it is not whole. */
static uint32_t tx_take(E1000eState *s, unsigned q, uint32_t n, uint32_t *causes)
{
    uint32_t count = 0, index = s->tdh[q];
    TxDesc first = {0}, d;
    size_t len = 0;

    do {
        if (index == s->tdt[q] || !tx_desc_read(s, q, index, &d)) {
            return 0;
        }
        if (count == 0 && d.d2 & TX_DEXT && !(d.d2 & TX_TYPE)) {
            uint32_t *c = &s->tx_context[q * 8 + (d.d2 & CTX_TSE ? 4 : 0)];

            c[0] = d.addr;
            c[1] = d.addr >> 32;
            c[2] = d.d2;
            c[3] = d.d3;
            *causes |= tx_desc_done(s, &d);
            return 1;
        }
        size_t size = d.d2 & (d.d2 & TX_DEXT ? 0xfffff : 0xffff);
        if (size > TX_MAX - len) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: frame too long\n", device_name(s));
            size = TX_MAX - len;
        }
        memory_read(s->dev.dma, d.addr, s->tx_frame + len, size);
        len += size;
        first = count++ ? first : d;
        index = (index + 1) % n;
    } while (!(d.d2 & TX_EOP));

    tx_frame_send(s, q, &first, &d, len);
    for (uint32_t i = 0; i < count; i++) {
        if (tx_desc_read(s, q, (s->tdh[q] + i) % n, &d)) {
            *causes |= tx_desc_done(s, &d);
        }
    }
    return count;
}

static void tx_run(E1000eState *s, unsigned q)
{
    uint32_t n = s->tdlen[q] / DESC_SIZE, causes = 0, taken;
    bool some = false;

    if (!(s->tctl & TCTL_EN) || !pci_master_enabled(s->pci) || n == 0) {
        return;
    }
    if (s->tdh[q] >= n || s->tdt[q] >= n) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: head %u, tail %u of a ring of %u\n", device_name(s),
                      s->tdh[q], s->tdt[q], n);
        return;
    }
    while (s->tdh[q] != s->tdt[q] && (taken = tx_take(s, q, n, &causes))) {
        s->tdh[q] = (s->tdh[q] + taken) % n;
        some = true;
    }
    if (some) {
        causes |= causes ? ICR_TXQ0 << q : 0;
        causes |= s->tdh[q] == s->tdt[q] ? ICR_TXQE : 0;
        cause_raise(s, causes);
    }
}

static void tdt_after(void *opaque, unsigned q)
{
    tx_run(opaque, q);
}

static void tctl_after(void *opaque, unsigned i)
{
    for (unsigned q = 0; q < RINGS; q++) {
        tx_run(opaque, q);
    }
}

/* ---- receive, 7.1 ---- */

static bool filter_unicast(const E1000eState *s, const uint8_t *mac)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(s->ra); i += 2) {
        if (s->ra[i + 1] & RAH_VALID && pci_get32(mac) == s->ra[i] &&
            pci_get16(mac + 4) == (s->ra[i + 1] & 0xffff)) {
            return true;
        }
    }
    return false;
}

static bool filter_multicast(const E1000eState *s, const uint8_t *mac)
{
    static const uint8_t shift[] = {4, 3, 2, 0};
    unsigned hash = pci_get16(mac + 4) >> shift[s->rctl >> 12 & 3] & 0xfff;

    return s->mta[hash >> 5] >> (hash & 31) & 1;
}

static bool frame_wanted(E1000eState *s, const uint8_t *frame, size_t len)
{
    static const uint8_t broadcast[NET_MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    bool tagged = len >= 18 && (frame[12] << 8 | frame[13]) == (s->vet & 0xffff);

    if (tagged && s->rctl & RCTL_VFE) {
        unsigned vid = (frame[14] & 15) << 8 | frame[15];

        if (!(s->vfta[vid / 32] >> vid % 32 & 1)) {
            return false;
        }
    }
    if (memcmp(frame, broadcast, NET_MAC_SIZE) == 0) {
        return s->rctl & RCTL_BAM;
    }
    return s->rctl & (frame[0] & 1 ? RCTL_MPE : RCTL_UPE) || filter_unicast(s, frame) ||
           (frame[0] & 1 && filter_multicast(s, frame));
}

/* A received frame on its way to a ring. */
typedef struct RxFrame {
    const uint8_t *data;
    size_t len;      /* with the checksum, if that is kept */
    uint32_t status; /* extended form, of the last descriptor; */
    uint32_t mrq, hash;
    uint16_t vlan;
} RxFrame;

static void rx_checksums(const E1000eState *s, const NetParts *p, RxFrame *f)
{
    if (p->ip4 && s->rxcsum & RXCSUM_IP) {
        f->status |= RX_IPCS | (p->ip_sum_good ? 0 : RX_ERR_IP);
    }
    if ((p->tcp || p->udp) && s->rxcsum & RXCSUM_L4) {
        bool none = p->udp && !f->data[p->l4 + 6] && !f->data[p->l4 + 7];

        if (!none) {
            f->status |=
                RX_L4CS | (p->udp ? RX_UDPCS : 0) | (net_l4_sum_good(f->data, p) ? 0 : RX_ERR_L4);
        }
        f->status |= p->udp && !none ? RX_UDPV : 0;
    }
}

/* 7.1.11: the type of hash, as descriptors have it, or 0. */
static unsigned rss_type(const E1000eState *s, const NetParts *p)
{
    uint32_t fields = s->mrqc >> 16;

    if ((s->mrqc & 3) != 1) {
        return 0;
    }
    if (p->ip4) {
        return p->tcp && fields & 1 ? 1 : fields & 2 ? 2 : 0;
    }
    if (p->ip6) {
        return p->tcp && fields & 4 ? 3 : fields & 0x10 ? 5 : fields & 8 ? 4 : 0;
    }
    return 0;
}

static unsigned rx_queue(const E1000eState *s, const NetParts *p, RxFrame *f)
{
    uint8_t key[40];
    unsigned type = rss_type(s, p), q;

    if (!type) {
        return 0;
    }
    for (unsigned i = 0; i < 10; i++) {
        uint32_t word = GUINT32_TO_LE(s->rssrk[i]);

        memcpy(key + 4 * i, &word, 4);
    }
    f->hash = net_rss_hash(f->data, p, type == 1 || type == 3, key);
    q = s->reta[(f->hash & 127) / 4] >> (f->hash & 3) * 8 >> 7 & 1;
    f->mrq = type | q << 8;
    return q;
}

static bool rx_split(const E1000eState *s)
{
    return s->rfctl & RFCTL_EXTENDED && (s->rctl >> 10 & 3) == 1;
}

/* Sizes of a descriptor's buffers. */
static unsigned rx_sizes(const E1000eState *s, uint32_t size[4])
{
    uint32_t flex = s->rctl >> 27 & 15, bits = s->rctl >> 16 & 3;

    if (rx_split(s)) {
        size[0] = (s->psrctl & 0x7f) * 128;
        size[1] = (s->psrctl >> 8 & 0x3f) * 1024;
        size[2] = (s->psrctl >> 16 & 0x3f) * 1024;
        size[3] = (s->psrctl >> 24 & 0x3f) * 1024;
        return 4;
    }
    size[0] = flex                  ? flex * 1024
              : s->rctl & RCTL_BSEX ? 16384 >> (bits ? bits - 1 : 0)
                                    : 2048 >> bits;
    return 1;
}

/* Part of the frame into the descriptor at `at`; how much. The status word is written last. */
static size_t rx_desc_fill(E1000eState *s, hwaddr at, const RxFrame *f, size_t from)
{
    uint8_t raw[2 * DESC_SIZE];
    uint32_t size[4], got[4] = {0};
    unsigned n = rx_sizes(s, size);
    size_t done = 0;

    if (memory_read(s->dev.dma, at, raw, n == 1 ? DESC_SIZE : sizeof(raw)) != MEMTX_OK) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: descriptor at 0x%" PRIx64 " cannot be read\n",
                      device_name(s), at);
        return f->len - from;
    }
    for (unsigned i = 0; i < n; i++) {
        uint64_t addr = pci_get64(raw + 8 * i);

        got[i] = addr ? MIN(size[i], f->len - from - done) : 0;
        memory_write(s->dev.dma, addr, f->data + from + done, got[i]);
        done += got[i];
    }

    bool last = from + done == f->len;
    uint32_t status = RX_DD | (last ? RX_EOP | f->status : 0);
    if (!(s->rfctl & RFCTL_EXTENDED)) {
        memory_st32_le(s->dev.dma, at + 8, got[0]);
        memory_st32_le(s->dev.dma, at + 12,
                       (status & 0xff) | (status >> 24) << 8 | (uint32_t)f->vlan << 16);
        return done;
    }
    if (n == 4) {
        memory_st32_le(s->dev.dma, at + 16, got[1] << 16);
        memory_st32_le(s->dev.dma, at + 20, got[2] | got[3] << 16);
    }
    memory_st32_le(s->dev.dma, at, f->mrq);
    memory_st32_le(s->dev.dma, at + 4, f->hash);
    memory_st32_le(s->dev.dma, at + 12, got[0] | (uint32_t)f->vlan << 16);
    memory_st32_le(s->dev.dma, at + 8, status);
    return done;
}

/* Heads and tails count 16 bytes each, also where descriptors have 32. */
static uint32_t rx_free(const E1000eState *s, unsigned q)
{
    uint32_t n = s->rdlen[q] / DESC_SIZE, step = rx_split(s) ? 2 : 1;

    if (n < step || s->rdh[q] >= n || s->rdt[q] >= n || n % step || s->rdh[q] % step) {
        return 0;
    }
    return (s->rdt[q] + n - s->rdh[q]) % n / step;
}

/* False: not enough buffers. */
static bool rx_ring_put(E1000eState *s, unsigned q, const RxFrame *f)
{
    uint32_t size[4] = {0}, n = s->rdlen[q] / DESC_SIZE, step = rx_split(s) ? 2 : 1, causes;
    uint64_t base = s->rdbal[q] | (uint64_t)s->rdbah[q] << 32, room = 0;

    rx_sizes(s, size);
    room = (uint64_t)size[0] + size[1] + size[2] + size[3];
    if (room * rx_free(s, q) < f->len) {
        return false;
    }
    /* A descriptor without an address takes nothing, so there may be too few yet. */
    for (size_t at = 0; at < f->len && rx_free(s, q);) {
        at += rx_desc_fill(s, base + (uint64_t)s->rdh[q] * DESC_SIZE, f, at);
        s->rdh[q] = (s->rdh[q] + step) % n;
    }
    causes = ICR_RXT0 | ICR_RXQ0 << q;
    if (rx_free(s, q) <= (n / step) >> ((s->rctl >> 8 & 3) + 1)) {
        causes |= ICR_RXDMT0;
    }
    cause_raise(s, causes);
    return true;
}

static void rx_count(E1000eState *s, const uint8_t *frame, size_t len)
{
    stat_add(s, ST_GPRC, 1);
    stat_add64(s, ST_GORC, len);
    stat_add(s, ST_PRC64 + stat_size(len), 1);
    if (frame[0] & 1) {
        stat_add(s, frame[0] == 0xff ? ST_BPRC : ST_MPRC, 1);
    }
}

/* The frame as the ring gets it: without its tag, long enough, with a checksum if that is kept. */
static void rx_prepare(E1000eState *s, const uint8_t *frame, size_t len, RxFrame *f)
{
    uint8_t *out = s->rx_frame;

    if (s->ctrl & CTRL_VME && len >= 18 && (frame[12] << 8 | frame[13]) == (s->vet & 0xffff)) {
        f->vlan = frame[14] << 8 | frame[15];
        f->status |= RX_VP;
        memcpy(out, frame, 12);
        memcpy(out + 12, frame + 16, len - 16);
        len -= 4;
    } else {
        memcpy(out, frame, len);
    }
    if (len < FRAME_MIN) {
        memset(out + len, 0, FRAME_MIN - len);
        len = FRAME_MIN;
    }
    if (!(s->rctl & RCTL_SECRC)) {
        uint32_t crc = GUINT32_TO_LE(crc32(0, out, len));

        memcpy(out + len, &crc, 4);
        len += 4;
    }
    f->data = out;
    f->len = len;
}

static bool receive_locked(E1000eState *s, const uint8_t *frame, size_t len)
{
    RxFrame f = {0};
    NetParts parts;
    size_t limit = s->rctl & RCTL_LPE ? RX_LIMIT : RX_STANDARD;

    if (!(s->rctl & RCTL_EN) || !pci_master_enabled(s->pci) || len < 14 || len > NET_FRAME_MAX) {
        return true;
    }
    limit += frame[12] << 8 == (s->vet & 0xff00) ? 4 : 0;
    if (len + 4 > limit) {
        stat_add(s, ST_ROC, 1);
        return true;
    }
    if (!frame_wanted(s, frame, len)) {
        return true;
    }
    f.status |= frame[0] & 1 && !filter_unicast(s, frame) ? RX_PIF : 0;
    rx_prepare(s, frame, len, &f);
    net_parse(f.data, f.len, &parts);
    rx_checksums(s, &parts, &f);
    if (!rx_ring_put(s, rx_queue(s, &parts, &f), &f)) {
        stat_add(s, ST_RNBC, 1);
        return false;
    }
    stat_add(s, ST_TPR, 1);
    stat_add64(s, ST_TOR, len + 4);
    rx_count(s, frame, MAX(len, FRAME_MIN) + 4);
    return true;
}

static bool e1000e_receive(void *opaque, const uint8_t *frame, size_t len)
{
    E1000eState *s = opaque;

    device_lock(s);
    bool done = receive_locked(s, frame, len);
    device_unlock(s);
    return done;
}

static void rx_ready(void *opaque, unsigned i)
{
    E1000eState *s = opaque;

    if (s->net) {
        net_ready(s->net);
    }
}

/* ---- time, 10.2.8 ---- */

static uint64_t systim_now(const E1000eState *s)
{
    int64_t ns = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) - s->systim_at;
    uint64_t period = 40 * (uint64_t)MAX(s->timinca >> 24, 1); /* of a 25 MHz clock */

    return s->systim + (uint64_t)MAX(ns, 0) / period * (s->timinca & 0xffffff);
}

static void systim_set(E1000eState *s, uint64_t val)
{
    s->systim = val;
    s->systim_at = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);
}

static uint64_t systiml_read(void *opaque, unsigned i)
{
    E1000eState *s = opaque;
    uint64_t now = systim_now(s);

    s->systim_high = now >> 32;
    return (uint32_t)now;
}

static void systiml_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    systim_set(s, (systim_now(s) >> 32 << 32) | val);
}

static void systimh_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    systim_set(s, (uint32_t)systim_now(s) | val << 32);
}

static void timinca_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    systim_set(s, systim_now(s));
    s->timinca = val;
}

/* ---- the other registers ---- */

static void address_load(E1000eState *s)
{
    s->ra[0] = s->nvm[0] | (uint32_t)s->nvm[1] << 16;
    s->ra[1] = s->nvm[2] | RAH_VALID;
}

/* CTRL.RST: all but configuration space, PHY and NVM. */
static void mac_reset(E1000eState *s)
{
    device_state_reset_from(s, "ctrl");
    address_load(s);
    systim_set(s, 0);
    irq_update(s);
}

static void ctrl_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    if (val & CTRL_RST) {
        mac_reset(s);
    } else {
        s->ctrl = val & ~(uint64_t)CTRL_PHY_RST;
    }
    if (val & CTRL_PHY_RST) {
        phy_reset(s);
    }
}

static void ctrl_ext_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    s->ctrl_ext = val & ~(uint64_t)CTRL_EXT_EE_RST;
}

static uint64_t status_read(void *opaque, unsigned i)
{
    const E1000eState *s = opaque;

    return STATUS_FD | STATUS_1000 | (link_up(s) ? STATUS_LU : 0) |
           (pci_master_enabled(s->pci) ? STATUS_MASTER : 0);
}

/* A semaphore: who reads it 0 has it. */
static uint64_t swsm_read(void *opaque, unsigned i)
{
    E1000eState *s = opaque;
    uint32_t val = s->swsm;

    s->swsm |= SWSM_SMBI;
    return val;
}

static uint64_t eemngctl_read(void *opaque, unsigned i)
{
    return 1u << 31 | 1 << 18; /* configuration is done */
}

static uint64_t factps_read(void *opaque, unsigned i)
{
    return 0x20000004;
}

static uint64_t iodata_read(void *opaque, unsigned i)
{
    E1000eState *s = opaque;

    return device_bank_read_locked(s, 0, s->ioaddr, 4);
}

static void iodata_write(void *opaque, unsigned i, uint64_t val)
{
    E1000eState *s = opaque;

    device_bank_write_locked(s, 0, s->ioaddr, 4, val);
}

// clang-format off
REGS(e1000e, E1000eState,
    REG(CTRL,        0x0000, 4, RW, IN(ctrl), .write = ctrl_write),
    REG(CTRL_ALIAS,  0x0004, 4, RW, IN(ctrl), .write = ctrl_write),
    REG(STATUS,      0x0008, 4, RO, .read = status_read),
    REG(EECD,        0x0010, 4, RW, IN(eecd), .read = eecd_read, .mask = 0xffffff7f & ~(EECD_PRES | EECD_AUTO_RD)),
    REG(EERD,        0x0014, 4, RW, IN(eerd), .write = eerd_write),
    REG(CTRL_EXT,    0x0018, 4, RW, IN(ctrl_ext), .write = ctrl_ext_write),
    REG(FLA,         0x001c, 4, RW, IN(fla)),
    REG(MDIC,        0x0020, 4, RW, IN(mdic), .write = mdic_write),
    REG(FCAL,        0x0028, 4, RW, IN(fcal)),
    REG(FCAH,        0x002c, 4, RW, IN(fcah)),
    REG(FCT,         0x0030, 4, RW, IN(fct)),
    REG(KUMCTRLSTA,  0x0034, 4, RW, IN(kumctrl)),
    REG(VET,         0x0038, 4, RW, IN(vet)),
    REG(ICR,         0x00c0, 4, RW, .read = icr_read, .write = icr_write, .read_acts = true),
    REG(ITR,         0x00c4, 4, RW, IN(itr)),
    REG(ICS,         0x00c8, 4, WO, .write = ics_write),
    REG(IMS,         0x00d0, 4, RW, .read = ims_read, .write = ims_write),
    REG(IMC,         0x00d8, 4, WO, .write = imc_write),
    REG(EIAC,        0x00dc, 4, RW, IN(eiac), .mask = 0x01f00000),
    REG(IAM,         0x00e0, 4, RW, IN(iam)),
    REG(IVAR,        0x00e4, 4, RW, IN(ivar), .after = irq_after),
    REG(EITR,        0x00e8, 4, RW, .count = MSIX_N, IN_ARRAY(eitr)),
    REG(RCTL,        0x0100, 4, RW, IN(rctl), .after = rx_ready),
    REG(FCTTV,       0x0170, 4, RW, IN(fcttv)),
    REG(TXCW,        0x0178, 4, RW, IN(txcw)),
    REG(TCTL,        0x0400, 4, RW, IN(tctl), .after = tctl_after),
    REG(TCTL_EXT,    0x0404, 4, RW, IN(tctl_ext)),
    REG(TIPG,        0x0410, 4, RW, IN(tipg)),
    REG(AIT,         0x0458, 4, RW, IN(ait)),
    REG(LEDCTL,      0x0e00, 4, RW, IN(ledctl)),
    REG(EXTCNF_CTRL, 0x0f00, 4, RW, IN(extcnf)),
    REG(EXTCNF_SIZE, 0x0f08, 4, RW, IN(extcnf_size)),
    REG(PBA,         0x1000, 4, RW, IN(pba)),
    REG(PBS,         0x1008, 4, RW, IN(pbs)),
    REG(EEMNGCTL,    0x1010, 4, RO, .read = eemngctl_read),
    REG(EEWR,        0x102c, 4, RW, IN(eewr), .write = eewr_write),
    REG(FLOP,        0x103c, 4, RZ),
    REG(PBA_ECC,     0x1100, 4, RW, IN(pba_ecc)),
    REG(ERT,         0x2008, 4, RW, IN(ert)),
    REG(FCRTL,       0x2160, 4, RW, IN(fcrtl)),
    REG(FCRTH,       0x2168, 4, RW, IN(fcrth)),
    REG(PSRCTL,      0x2170, 4, RW, IN(psrctl)),
    REG(RDBAL,       0x2800, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rdbal), .mask = ~15u),
    REG(RDBAH,       0x2804, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rdbah)),
    REG(RDLEN,       0x2808, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rdlen), .mask = 0xfff80),
    REG(RDH,         0x2810, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rdh), .mask = 0xffff),
    REG(RDT,         0x2818, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rdt), .mask = 0xffff, .after = rx_ready),
    REG(RDTR,        0x2820, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rdtr), .mask = 0xffff),
    REG(RXDCTL,      0x2828, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(rxdctl)),
    REG(RADV,        0x282c, 4, RW, IN(radv)),
    REG(RSRPD,       0x2c00, 4, RW, IN(rsrpd)),
    REG(RAID,        0x2c08, 4, RW, IN(raid)),
    REG(TDBAL,       0x3800, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(tdbal), .mask = ~15u),
    REG(TDBAH,       0x3804, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(tdbah)),
    REG(TDLEN,       0x3808, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(tdlen), .mask = 0xfff80),
    REG(TDH,         0x3810, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(tdh), .mask = 0xffff),
    REG(TDT,         0x3818, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(tdt), .mask = 0xffff, .after = tdt_after),
    REG(TIDV,        0x3820, 4, RW, IN(tidv)),
    REG(TXDCTL,      0x3828, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(txdctl)),
    REG(TADV,        0x382c, 4, RW, IN(tadv)),
    REG(TARC,        0x3840, 4, RW, .count = RINGS, .stride = 0x100, IN_ARRAY(tarc)),
    REG(STATISTICS,  0x4000, 4, RO, .count = STATS, .read = stat_read),
    REG(RXCSUM,      0x5000, 4, RW, IN(rxcsum)),
    REG(RFCTL,       0x5008, 4, RW, IN(rfctl)),
    REG(MTA,         0x5200, 4, RW, .count = 128, IN_ARRAY(mta)),
    REG(RA,          0x5400, 4, RW, .count = 32, IN_ARRAY(ra)),
    REG(VFTA,        0x5600, 4, RW, .count = 128, IN_ARRAY(vfta)),
    REG(WUC,         0x5800, 4, RW, .count = 3, .stride = 8, IN_ARRAY(wake)),
    REG(MRQC,        0x5818, 4, RW, IN(mrqc)),
    REG(MANC,        0x5820, 4, RW, IN(manc)),
    REG(IPAV,        0x5838, 4, RZ, .count = 18),
    REG(WUPL,        0x5900, 4, RZ, .count = 1),
    REG(GCR,         0x5b00, 4, RW, .count = 8, IN_ARRAY(gcr)),
    REG(FACTPS,      0x5b30, 4, RO, .read = factps_read),
    REG(SWSM,        0x5b50, 4, RW, IN(swsm), .read = swsm_read, .read_acts = true, .mask = 0xf),
    REG(FWSM,        0x5b54, 4, RZ),
    REG(SWSM2,       0x5b58, 4, RW, IN(swsm2), .mask = 3),
    REG(GCR2,        0x5b64, 4, RW, IN(gcr2)),
    REG(RETA,        0x5c00, 4, RW, .count = 32, IN_ARRAY(reta)),
    REG(RSSRK,       0x5c80, 4, RW, .count = 10, IN_ARRAY(rssrk)),
    REG(SYSTIML,     0xb600, 4, RW, .read = systiml_read, .write = systiml_write, .read_acts = true),
    REG(SYSTIMH,     0xb604, 4, RW, IN(systim_high), .write = systimh_write),
    REG(TIMINCA,     0xb608, 4, RW, IN(timinca), .write = timinca_write),
    REG(TIMADJ,      0xb60c, 4, RZ, .count = 2),
    REG(TSYNCTXCTL,  0xb614, 4, RW, IN(tsynctxctl), .mask = 0x10),
    REG(TXSTMP,      0xb618, 4, RZ, .count = 2),
    REG(TSYNCRXCTL,  0xb620, 4, RW, IN(tsyncrxctl), .mask = 0x1e),
    REG(RXSTMP,      0xb624, 4, RZ, .count = 4),
    REG(RXMTRL,      0xb634, 4, RW, IN(rxmtrl)),
    REG(RXUDP,       0xb638, 4, RW, IN(rxudp)))

/* No flash memory behind its window. */
REGS(flash, E1000eState, REG(FLASH, 0, 4, RZ, .count = BAR_SIZE / 4))

REGS(io, E1000eState,
    REG(IOADDR,      0x0000, 4, RW, IN(ioaddr), .mask = BAR_SIZE - 4),
    REG(IODATA,      0x0004, 4, RW, .read = iodata_read, .write = iodata_write, .read_acts = true),
    REG(RESERVED,    0x0008, 4, RZ, .count = 6))
// clang-format on

/* ---- life ---- */

static void e1000e_reset(void *opaque)
{
    E1000eState *s = opaque;

    pci_reset(s);
    phy_reset(s);
    address_load(s);
    systim_set(s, 0);
    irq_update(s);
}

static void e1000e_pre_save(void *opaque)
{
    E1000eState *s = opaque;

    systim_set(s, systim_now(s));
    s->systim_at = 0;
}

static bool e1000e_post_load(void *opaque, GError **err)
{
    E1000eState *s = opaque;

    systim_set(s, s->systim);
    s->loading = true;
    bool ok = pci_post_load(s, err);
    s->loading = false;
    if (!ok) {
        return false;
    }
    rx_ready(s, 0);
    return true;
}

static void e1000e_config_written(void *opaque, unsigned offset, unsigned size,
                                  const uint8_t *before)
{
    E1000eState *s = opaque;

    if (offset >= PCI_FIRST_CAP) {
        irq_update(s); /* messages may have been switched on or off */
    }
}

static void e1000e_master_changed(void *opaque, bool on)
{
    /* What a snapshot has in the rings waits for the driver, as it did before. */
    if (on && !((E1000eState *)opaque)->loading) {
        tctl_after(opaque, 0);
        rx_ready(opaque, 0);
    }
}

static void regions_free(E1000eState *s)
{
    pci_exit(s);
    memory_region_destroy(&s->msix_bar);
    g_free(s->tx_frame);
    g_free(s->tx_segment);
    g_free(s->rx_frame);
    s->tx_frame = s->tx_segment = s->rx_frame = NULL;
}

static bool e1000e_realize(void *opaque, GError **err)
{
    E1000eState *s = opaque;
    const PciBus *bus = s->pci->bus;
    bool express = bus && bus->express;
    NetReceiver receiver = {e1000e_receive, s, false};
    uint8_t mac[NET_MAC_SIZE];
    NetBackend *net;

    if (!net_card_backend(&s->dev, s->netdev, &net, err) ||
        !net_card_mac(&s->dev, s->mac_text, mac, err) || !pci_init(s, express, err)) {
        return false;
    }
    nvm_init(s, mac);
    pci_set_config(s->pci, PCI_SUBSYSTEM_VENDOR, 4,
                   s->subsystem_vendor | (uint32_t)s->subsystem << 16, 0, 0);
    pci_set_interrupt_pin(s->pci, 1);
    pci_add_bar(s->pci, 0, 0, &s->dev.mmio[0]);
    pci_add_bar(s->pci, 1, 0, &s->dev.mmio[1]);
    pci_add_bar(s->pci, 2, PCI_BAR_IO, &s->dev.mmio[2]);
    memory_region_init_container(&s->msix_bar, s->dev.ms, "e1000e-msix", MSIX_BAR);
    pci_add_msix(s->pci, 0xa0, MSIX_N, &s->msix_bar, 3, 0, MSIX_PBA);
    pci_add_bar(s->pci, 3, 0, &s->msix_bar);
    if (express) {
        pci_add_express(s->pci, 0x40, bus->bridge ? PCIE_TYPE_ENDPOINT : PCIE_TYPE_INTEGRATED, 0);
    }
    pci_add_msi(s->pci, 0xd0, 0, true, false);
    pci_add_pm(s->pci, 0xc8);
    s->tx_frame = g_malloc(TX_MAX);
    s->tx_segment = g_malloc(TX_MAX);
    s->rx_frame = g_malloc(RX_MAX);
    s->net = net;
    if (net && !net_attach(net, &receiver, err)) {
        s->net = NULL;
        regions_free(s);
        return false;
    }
    return true;
}

static void e1000e_unrealize(void *opaque)
{
    E1000eState *s = opaque;

    if (s->net) {
        net_detach(s->net);
    }
    regions_free(s);
}

static const PciClass e1000e_pci = {
    .core = offsetof(E1000eState, pci),
    .vendor = 0x8086,
    .device = 0x10d3,
    .class_code = 0x020000,
    .config_written = e1000e_config_written,
    .master_changed = e1000e_master_changed,
};

// clang-format off
PCI_DEVICE(e1000e, E1000eState, "e1000e", DEVICE_NETWORK,
    .desc = "Intel 82574L GbE Controller",
    .bank = {{.name = "e1000e-registers", .size = BAR_SIZE, .regs = e1000e_regs, .valid_min = 4, .valid_max = 8, .impl_max = 4},
             {.name = "e1000e-flash", .size = BAR_SIZE, .regs = flash_regs, .valid_min = 1, .valid_max = 4},
             {.name = "e1000e-io", .size = 32, .regs = io_regs, .valid_min = 4, .valid_max = 4}},
    .unrealize = e1000e_unrealize,
    .reset = e1000e_reset,
    .pre_save = e1000e_pre_save,
    .post_load = e1000e_post_load);
// clang-format on
