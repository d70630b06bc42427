/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Arm's interrupt controllers as boards see them.
 *
 * Devices: "arm_gic" (GICv2: banks distributor, CPU interface, virtual interface control, virtual
 * CPU interface; the last two with has-virtualization-extensions), "arm-gicv3" (banks distributor,
 * redistributor regions), "arm-gicv3-its" and "arm-gicv2m" (MSIs). Properties are in the files
 * hw/intc/arm_gic*.c.
 *
 * Inputs (device_irq_input()): shared interrupt n (INTID 32 + n) is input n; private ones follow,
 * ARM_GIC_PPI(). Outputs (device_connect_irq()): ARM_GIC_OUT(). An input may be driven from any
 * thread with a device's lock held.
 *
 * Boards name the CPUs by their index (CPU.index): that is the number of the CPU interface. Where
 * an access comes from, cpu_current() tells.
 */
#ifndef HW_INTC_ARM_GIC_H
#define HW_INTC_ARM_GIC_H

#include "hw/device.h"
#include "target/arm.h"

/* Input for private interrupt `intid` (16..31) of a CPU; num_irq: the property "num-irq". */
#define ARM_GIC_PPI(num_irq, cpu, intid) ((num_irq)-32 + (cpu)*32 + (intid))
/* Output for ARM_LINE_IRQ, FIQ, VIRQ, VFIQ of a CPU. */
#define ARM_GIC_OUTS                     4
#define ARM_GIC_OUT(cpu, line)           ((cpu)*ARM_GIC_OUTS + (line))

/* With has-security-extensions: how to tell whether an access of a CPU is a secure one. Not set:
 * all are. Before the guest runs. */
void arm_gic_set_security(void *gic, bool (*is_secure)(CPU *cpu));
void arm_gicv3_set_security(void *gic, bool (*is_secure)(CPU *cpu));

/* GICv3: the CPU interface for arm_cpu_set_gicv3(cpu, &arm_gicv3_cpu_ops, arm_gicv3_cpu(gic, n)).
 */
extern const ARMGicv3Ops arm_gicv3_cpu_ops;
void *arm_gicv3_cpu(void *gic, unsigned n);
/* Affinity of CPU n: MPIDR's Aff3.Aff2.Aff1.Aff0, a byte each. After realize, before the guest
 * runs; until then clusters of 16 are taken. */
void arm_gicv3_set_affinity(void *gic, unsigned n, uint32_t affinity);

/* For the ITS: LPI `intid` of CPU n becomes pending, or is no longer; all LPIs of one CPU move to
 * another. Any thread, with a device's and an interrupt controller's lock held. */
unsigned arm_gicv3_num_cpu(void *gic);
void arm_gicv3_lpi(void *gic, unsigned n, uint32_t intid, bool pending);
/* True if it was pending. */
bool arm_gicv3_lpi_take(void *gic, unsigned n, uint32_t intid);
void arm_gicv3_lpi_move_all(void *gic, unsigned from, unsigned to);
/* The configuration table changed: INV, INVALL. */
void arm_gicv3_lpi_config_changed(void *gic, unsigned n);

#endif
