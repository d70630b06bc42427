/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V: bits of control registers and of page-table entries (privileged specification 1.13,
 * chapters 3 and 12), and the macro that describes a helper. Internal to target/riscv.
 */
#ifndef RHEA_TARGET_RISCV_BITS_H
#define RHEA_TARGET_RISCV_BITS_H

#include <stdint.h>

#include "target/helper.h"

#define BIT64(n) (UINT64_C(1) << (n))

/* mstatus, 3.1.6 */
#define MSTATUS_SIE       BIT64(1)
#define MSTATUS_MIE       BIT64(3)
#define MSTATUS_SPIE      BIT64(5)
#define MSTATUS_MPIE      BIT64(7)
#define MSTATUS_SPP       BIT64(8)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP       (UINT64_C(3) << 11)
#define MSTATUS_FS_SHIFT  13
#define MSTATUS_FS        (UINT64_C(3) << 13)
#define MSTATUS_MPRV      BIT64(17)
#define MSTATUS_SUM       BIT64(18)
#define MSTATUS_MXR       BIT64(19)
#define MSTATUS_TVM       BIT64(20)
#define MSTATUS_TW        BIT64(21)
#define MSTATUS_TSR       BIT64(22)
#define MSTATUS_SD32      BIT64(31)
#define MSTATUS_UXL_SHIFT 32
#define MSTATUS_SXL_SHIFT 34
#define MSTATUS_UXL       (UINT64_C(3) << 32)
#define MSTATUS_SXL       (UINT64_C(3) << 34)
#define MSTATUS_SD64      BIT64(63)
#define MXL_64            2

/* sstatus, 12.1.1 */
#define CSR_SSTATUS 0x100
#define SSTATUS_WRITE                                                                              \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR)
#define SSTATUS_READ (SSTATUS_WRITE | MSTATUS_UXL)

/* mip and mie, 3.1.9 */
#define MIP_SSIP   BIT64(1)
#define MIP_MSIP   BIT64(3)
#define MIP_STIP   BIT64(5)
#define MIP_MTIP   BIT64(7)
#define MIP_SEIP   BIT64(9)
#define MIP_MEIP   BIT64(11)
#define MIP_LCOFIP BIT64(13)

/* menvcfg, senvcfg, 3.1.18, 12.1.10 */
#define ENVCFG_FIOM  BIT64(0)
#define ENVCFG_CBIE  (UINT64_C(3) << 4)
#define ENVCFG_CBCFE BIT64(6)
#define ENVCFG_CBZE  BIT64(7)
#define ENVCFG_ADUE  BIT64(61)
#define ENVCFG_PBMTE BIT64(62)
#define ENVCFG_STCE  BIT64(63)

/* mseccfg, 3.1.19 */
#define MSECCFG_MML   BIT64(0)
#define MSECCFG_MMWP  BIT64(1)
#define MSECCFG_RLB   BIT64(2)
#define MSECCFG_USEED BIT64(8)
#define MSECCFG_SSEED BIT64(9)

/* mstateen0, chapter "Smstateen" */
#define STATEEN_SE      BIT64(63)
#define STATEEN0_ENVCFG BIT64(62)
#define STATEEN0_CSRIND BIT64(60)
#define STATEEN0_AIA    BIT64(59)
#define STATEEN0_IMSIC  BIT64(58)

/* mcounteren and its kin, 3.1.11 */
#define COUNTER_CY BIT64(0)
#define COUNTER_TM BIT64(1)
#define COUNTER_IR BIT64(2)

/* mhpmevent, chapter "Sscofpmf" */
#define HPMEVENT_OF   BIT64(63)
#define HPMEVENT_MINH BIT64(62)
#define HPMEVENT_SINH BIT64(61)
#define HPMEVENT_UINH BIT64(60)

/* Page-table entries, 12.3.1, 12.4.1 and chapters "Svnapot", "Svpbmt" */
#define PTE_V         BIT64(0)
#define PTE_R         BIT64(1)
#define PTE_W         BIT64(2)
#define PTE_X         BIT64(3)
#define PTE_U         BIT64(4)
#define PTE_G         BIT64(5)
#define PTE_A         BIT64(6)
#define PTE_D         BIT64(7)
#define PTE_PPN_SHIFT 10
#define PTE_PPN64     (UINT64_C(0xfffffffffff) << 10)
#define PTE_RESERVED  (UINT64_C(0x7f) << 54)
#define PTE_PBMT      (UINT64_C(3) << 61)
#define PTE_N         BIT64(63)

/* satp, 12.1.11 */
#define SATP32_MODE BIT64(31)
#define SATP32_ASID (UINT64_C(0x1ff) << 22)
#define SATP32_PPN  UINT64_C(0x3fffff)
#define SATP64_MODE (UINT64_C(0xf) << 60)
#define SATP64_ASID (UINT64_C(0xffff) << 44)
#define SATP64_PPN  UINT64_C(0xfffffffffff)

/* pmpcfg, 3.7.1 */
#define PMP_R       1
#define PMP_W       2
#define PMP_X       4
#define PMP_A_SHIFT 3
#define PMP_A       (3 << 3)
#define PMP_A_OFF   (0 << 3)
#define PMP_A_TOR   (1 << 3)
#define PMP_A_NA4   (2 << 3)
#define PMP_A_NAPOT (3 << 3)
#define PMP_L       0x80

/* RISCV_HELPER(name, result, env?, flags, argument types...): see target/helper.h. */
#define RISCV_HELPER(...) TARGET_HELPER(riscv, __VA_ARGS__)

#endif
