/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Input: who gets which event, and keys that are typed for a monitor; see io/input.h.
 *
 * A handler whose driver came or went is moved by the main loop's thread when it next looks at the
 * list, so that the list belongs to that thread alone.
 */
#include "io/input.h"
#include "softmmu/machine.h"

#include <string.h>

#define HOLD_MS 100

struct InputHandler {
    const InputOps *ops;
    void *opaque;
    unsigned number; /* as monitors call it */
    int wanted;      /* atomic: -1: as it is; 0, 1: to be switched off or on */
    bool active;
    bool pending; /* got events since the last sync */
};

/* Keys to be held for a time. */
typedef struct TypedKeys {
    uint16_t keys[INPUT_KEYS_MAX];
    unsigned n, hold_ms;
} TypedKeys;

struct InputCore {
    Machine *m;
    GPtrArray *handlers; /* InputHandler *, the one in use first */
    unsigned next_number;
    GQueue typed; /* TypedKeys *; the first is held now */
    Timer release;
};

static void release_timer(void *opaque);

static InputCore *core(Machine *m)
{
    if (!m->input) {
        m->input = g_new0(InputCore, 1);
        m->input->m = m;
        m->input->handlers = g_ptr_array_new();
        timer_init(&m->input->release, m->clocks, CLK_VIRTUAL, release_timer, m->input);
    }
    return m->input;
}

void input_core_free(InputCore *c)
{
    if (c) {
        timer_del(&c->release);
        g_queue_clear_full(&c->typed, g_free);
        g_ptr_array_free(c->handlers, TRUE);
        g_free(c);
    }
}

/* ---- handlers ---- */

InputHandler *input_handler_add(Machine *m, const InputOps *ops, void *opaque)
{
    InputCore *c = core(m);
    InputHandler *h = g_new0(InputHandler, 1);

    h->ops = ops;
    h->opaque = opaque;
    h->number = c->next_number++;
    h->wanted = -1;
    g_ptr_array_add(c->handlers, h);
    return h;
}

void input_handler_remove(Machine *m, InputHandler *h)
{
    g_ptr_array_remove(core(m)->handlers, h);
    g_free(h);
}

void input_handler_activate(Machine *m, InputHandler *h, bool active)
{
    __atomic_store_n(&h->wanted, active, __ATOMIC_RELEASE);
}

static void move_first(InputCore *c, InputHandler *h)
{
    g_ptr_array_remove(c->handlers, h);
    g_ptr_array_insert(c->handlers, 0, h);
}

static void handlers_update(InputCore *c)
{
    for (unsigned i = 0; i < c->handlers->len; i++) {
        InputHandler *h = g_ptr_array_index(c->handlers, i);
        int wanted = __atomic_exchange_n(&h->wanted, -1, __ATOMIC_ACQUIRE);

        if (wanted >= 0) {
            if (wanted && !h->active) {
                move_first(c, h);
            }
            h->active = wanted;
        }
    }
}

static InputHandler *handler_for(InputCore *c, InputKind kind)
{
    handlers_update(c);
    for (unsigned i = 0; i < c->handlers->len; i++) {
        InputHandler *h = g_ptr_array_index(c->handlers, i);

        if (h->active && h->ops->kinds & INPUT_MASK(kind)) {
            return h;
        }
    }
    return NULL;
}

void input_send(Machine *m, const InputEvent *e)
{
    InputHandler *h = handler_for(core(m), e->kind);

    if (h) {
        h->pending = true;
        h->ops->event(h->opaque, e);
    }
}

void input_sync(Machine *m)
{
    InputCore *c = core(m);

    for (unsigned i = 0; i < c->handlers->len; i++) {
        InputHandler *h = g_ptr_array_index(c->handlers, i);

        if (h->pending) {
            h->pending = false;
            h->ops->sync(h->opaque);
        }
    }
}

/* ---- pointers ---- */

static bool is_pointer(const InputHandler *h)
{
    return h->ops->kinds & (INPUT_MASK(INPUT_REL) | INPUT_MASK(INPUT_ABS));
}

static InputHandler *pointer_at(InputCore *c, unsigned i)
{
    handlers_update(c);
    for (unsigned k = 0; k < c->handlers->len; k++) {
        InputHandler *h = g_ptr_array_index(c->handlers, k);

        if (is_pointer(h) && i-- == 0) {
            return h;
        }
    }
    return NULL;
}

bool input_pointer_is_absolute(Machine *m)
{
    InputHandler *h = handler_for(core(m), INPUT_BUTTON);

    return h && h->ops->kinds & INPUT_MASK(INPUT_ABS);
}

bool input_pointer_at(Machine *m, unsigned i, unsigned *number, const char **name, bool *absolute)
{
    const InputHandler *h = pointer_at(core(m), i);

    if (!h) {
        return false;
    }
    *number = h->number;
    *name = h->ops->name;
    *absolute = h->ops->kinds & INPUT_MASK(INPUT_ABS);
    return true;
}

bool input_pointer_choose(Machine *m, unsigned number)
{
    InputCore *c = core(m);
    InputHandler *h;

    for (unsigned i = 0; (h = pointer_at(c, i)); i++) {
        if (h->number == number) {
            h->active = true;
            move_first(c, h);
            return true;
        }
    }
    return false;
}

/* ---- typing ---- */

static void key_send(InputCore *c, uint16_t key, bool down)
{
    input_send(c->m, &(InputEvent){INPUT_KEY, key, down});
    input_sync(c->m);
}

static void keys_press(InputCore *c)
{
    const TypedKeys *t = g_queue_peek_head(&c->typed);

    for (unsigned i = 0; t && i < t->n; i++) {
        key_send(c, t->keys[i], true);
    }
    if (t) {
        timer_mod(&c->release, clock_get_ns(c->m->clocks, CLK_VIRTUAL) + t->hold_ms * NS_PER_MS);
    }
}

static void keys_release(void *opaque)
{
    InputCore *c = opaque;
    g_autofree TypedKeys *t = g_queue_pop_head(&c->typed);

    for (unsigned i = t->n; i > 0; i--) {
        key_send(c, t->keys[i - 1], false);
    }
    keys_press(c);
}

/* With -icount on a vCPU's thread. */
static void release_timer(void *opaque)
{
    InputCore *c = opaque;

    mainloop_post(c->m->loop, keys_release, c);
}

void input_type_keys(Machine *m, const uint16_t *keys, unsigned n, unsigned hold_ms)
{
    InputCore *c = core(m);
    TypedKeys *t = g_new0(TypedKeys, 1);

    t->n = MIN(n, INPUT_KEYS_MAX);
    memcpy(t->keys, keys, t->n * sizeof(keys[0]));
    t->hold_ms = hold_ms ? hold_ms : HOLD_MS;
    g_queue_push_tail(&c->typed, t);
    if (g_queue_get_length(&c->typed) == 1) {
        keys_press(c);
    }
}
