/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What machine.c needs of loader.c. */
#ifndef SOFTMMU_LOADER_PRIVATE_H
#define SOFTMMU_LOADER_PRIVATE_H

#include "softmmu/loader.h"

/* Adds its reset handler. */
struct Loader *loader_new(Machine *m);
void loader_free(struct Loader *l);
/* After the vCPUs' reset: what loader_set_cpu_entry() asked for. */
void loader_set_cpu_entries(struct Loader *l);

#endif
