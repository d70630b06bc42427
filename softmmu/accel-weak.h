/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The accelerator's entry points, so that the program links while it has none. */
#ifndef SOFTMMU_ACCEL_WEAK_H
#define SOFTMMU_ACCEL_WEAK_H

#include "accel/accel.h"

#pragma weak accel_options_default
#pragma weak accel_new
#pragma weak accel_cpu_count
#pragma weak accel_cpu
#pragma weak accel_start
#pragma weak accel_resume_all
#pragma weak accel_pause_all
#pragma weak accel_reset_all
#pragma weak accel_stop
#pragma weak accel_icount_ns
#pragma weak accel_timer_changed
#pragma weak accel_free
#pragma weak accel_uses_icount
#pragma weak accel_print_stats

#endif
