/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * RISC-V advanced interrupt architecture: what boards do with its two devices.
 *
 * "riscv.imsic" is one interrupt file; its line 0 goes to the hart's external interrupt, bank 0 is
 * its page (and those of the guests' files that a hart without hypervisor does not have).
 * "riscv.aplic" is one domain: with "msimode" it sends messages, else line n is hart n's external
 * interrupt. Sources are inputs 1 and up, of the root domain.
 */
#ifndef HW_INTC_RISCV_AIA_H
#define HW_INTC_RISCV_AIA_H

#include "hw/device.h"
#include "target/riscv.h"

#define IMSIC_PAGE 0x1000u

/* The file's CSR side, for riscv_cpu_set_imsic(). */
RISCVImsic riscv_imsic_csrs(Device *imsic);
/* child gets the sources that parent delegates. Before reset. */
void riscv_aplic_set_child(Device *parent, Device *child);

#endif
