/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Interrupt lines: level-triggered wires from a device to an input of another one, or of a vCPU.
 *
 * A line is a value: the sink's handler, the sink and the number of the input there. Who owns the
 * sink makes the line, the source keeps a copy and drives it; a line has one driver.
 * Handlers may be called from any thread, with the driver's device lock held, and take at most the
 * lock of an interrupt controller. Setting the level that a line already has is allowed and cheap.
 */
#ifndef HW_IRQ_H
#define HW_IRQ_H

#include <stdbool.h>
#include <stddef.h>

typedef void IrqHandler(void *opaque, unsigned n, bool level);

typedef struct IrqLine {
    IrqHandler *handler; /* NULL: not connected */
    void *opaque;
    unsigned n;
} IrqLine;

static inline void irq_set(const IrqLine *line, bool level)
{
    if (line->handler) {
        line->handler(line->opaque, line->n, level);
    }
}

static inline void irq_raise(const IrqLine *line)
{
    irq_set(line, true);
}

static inline void irq_lower(const IrqLine *line)
{
    irq_set(line, false);
}

#endif
