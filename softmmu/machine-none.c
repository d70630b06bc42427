/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The machine "none": no CPU, no memory, no devices. For tools that only ask questions. Test:
 * tests/cli/
 */
#include "softmmu/machine.h"
#include "softmmu/memory.h"

static bool none_init(Machine *m, GError **err)
{
    static MemRegion root;
    if (m->kernel) {
        rhea_error_set(err, "-kernel is not supported by machine 'none'");
        return false;
    }
    memory_region_init_container(&root, m->ms, "system", UINT64_MAX);
    m->as = address_space_new(m->ms, "memory", &root);
    return true;
}

static const MachineDesc machine_none = {
    .name = "none",
    .help = "empty machine",
    .max_cpus = 1,
    .no_cpu = true,
    .init = none_init,
};

RHEA_MACHINE(machine_none);
