/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Keyboards and pointers: between whoever has input (displays, monitors) and the devices that the
 * guest sees.
 *
 * A device adds a handler, and activates it when its driver is there. An event goes to the first
 * active handler that takes its kind; the one activated last, or chosen by input_pointer_choose(),
 * is the first. Events that belong together end with input_sync().
 *
 * Lock: the main loop's thread, but for input_handler_activate(), which any thread calls. Handlers
 * are called without a lock. Test: tests/unit/test-virtio-misc.c
 */
#ifndef IO_INPUT_H
#define IO_INPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Machine Machine;
typedef struct InputCore InputCore;
typedef struct InputHandler InputHandler;

typedef enum { INPUT_KEY, INPUT_BUTTON, INPUT_REL, INPUT_ABS, INPUT_KINDS } InputKind;
#define INPUT_MASK(kind) (1u << (kind))

typedef enum {
    INPUT_LEFT,
    INPUT_MIDDLE,
    INPUT_RIGHT,
    INPUT_WHEEL_UP,
    INPUT_WHEEL_DOWN,
    INPUT_SIDE,
    INPUT_EXTRA,
    INPUT_WHEEL_LEFT,
    INPUT_WHEEL_RIGHT,
    INPUT_TOUCH,
    INPUT_BUTTONS,
} InputButton;

typedef enum { INPUT_X, INPUT_Y } InputAxis;

#define INPUT_ABS_MAX  0x7fff
#define INPUT_KEYS_MAX 16 /* typed together */

typedef struct InputEvent {
    InputKind kind;
    uint16_t code; /* a key by the numbers of Linux' input-event-codes.h; InputButton; InputAxis */
    int32_t value; /* 1: pressed, 0: released; a distance; 0 to INPUT_ABS_MAX */
} InputEvent;

typedef struct InputOps {
    const char *name; /* "QEMU Virtio Keyboard" */
    unsigned kinds;   /* INPUT_MASK()s */
    void (*event)(void *opaque, const InputEvent *e);
    void (*sync)(void *opaque);
} InputOps;

void input_core_free(InputCore *c); /* may be NULL */

InputHandler *input_handler_add(Machine *m, const InputOps *ops, void *opaque);
void input_handler_remove(Machine *m, InputHandler *h);
void input_handler_activate(Machine *m, InputHandler *h, bool active);

void input_send(Machine *m, const InputEvent *e);
void input_sync(Machine *m);

/* Is the pointer that gets events now an absolute one? */
bool input_pointer_is_absolute(Machine *m);
/* i from 0: number, name and kind of the i-th pointer, the one in use first; false at the end. */
bool input_pointer_at(Machine *m, unsigned i, unsigned *number, const char **name, bool *absolute);
bool input_pointer_choose(Machine *m, unsigned number);

/* The key of this name ("ctrl", "a", "f1", "ret", ..., or a PC scan code as 0xNN); 0: none. */
uint16_t input_key_find(const char *name);
/* NULL: it has none. */
const char *input_key_name(uint16_t key);
/* Press the keys (up to INPUT_KEYS_MAX) in order, hold them, release them in reverse order; after
 * what was asked for before. hold_ms 0: 100. */
void input_type_keys(Machine *m, const uint16_t *keys, unsigned n, unsigned hold_ms);

#endif
