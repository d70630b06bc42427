/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * SiFive test finisher: the guest ends the run, with an exit code if it likes, or resets.
 *
 * Specification: FU540 device tree binding "sifive,test0" and the values that OpenSBI and Linux
 * (syscon-poweroff, syscon-reboot) write: the lower half is the command, the upper one the exit
 * code.
 *
 * No state. Test: tests/boot (bare)
 */
#include "hw/device.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <libfdt.h>

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

STATE(finisher, FinisherState, NO_STATE)

static MemTxResult finisher_read(void *opaque, hwaddr offset, unsigned size, uint64_t *val)
{
    *val = 0;
    return MEMTX_OK;
}

static MemTxResult finisher_write(void *opaque, hwaddr offset, unsigned size, uint64_t val)
{
    FinisherState *s = opaque;
    Machine *m = s->dev.machine;

    if (offset == 0) {
        switch (val & 0xffff) {
        case FINISHER_FAIL:
        case FINISHER_PASS:
            machine_request_shutdown(m, SHUTDOWN_GUEST_POWEROFF, (val >> 16) & 0xff);
            return MEMTX_OK;
        case FINISHER_RESET:
            machine_request_reset(m, SHUTDOWN_GUEST_RESET);
            return MEMTX_OK;
        }
    }
    rhea_log_mask(LOG_GUEST_ERROR, "%s: write of 0x%" PRIx64 " at offset 0x%" PRIx64 "\n",
                  device_name(s), val, offset);
    return MEMTX_OK;
}

static const MmioOps finisher_ops = {
    .read = finisher_read, .write = finisher_write, .valid_min = 2, .valid_max = 4};

static void finisher_fdt(void *opaque, const FdtNode *n)
{
    static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";

    fdt_node_begin(n, "test");
    fdt_property(n->fdt, "compatible", compatible, sizeof(compatible));
    fdt_node_reg(n);
    fdt_property_u32(n->fdt, "phandle", n->phandle);
    fdt_end_node(n->fdt);
}

// clang-format off
DEVICE(finisher, FinisherState,
    .name = "riscv.sifive.test",
    .desc = "SiFive test finisher",
    .bus = "System",
    .category = DEVICE_MISC,
    .version = 1,
    .bank = {{.size = 0x1000, .ops = &finisher_ops}},
    .fdt = finisher_fdt);
// clang-format on
