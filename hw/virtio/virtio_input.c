/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio input devices: keyboard, mouse, tablet.
 *
 * Specification: VIRTIO 1.2, 5.8; event types and codes are those of Linux' input-event-codes.h.
 *
 * Events are kept until their group ends; then all of it goes to the driver, or nothing if it has
 * too few buffers there.
 *
 * Lock: the device's. Test: tests/unit/test-virtio-misc.c
 */
#include "hw/virtio_pci.h"
#include "io/input.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <linux/input-event-codes.h>
#include <string.h>

enum { QUEUE_EVENTS, QUEUE_STATUS, QUEUES };

/* struct virtio_input_config */
enum { CFG_SELECT = 0, CFG_SUBSEL = 1, CFG_LENGTH = 2, CFG_DATA = 8, CFG_SIZE = 136 };
enum {
    SEL_NAME = 1,
    SEL_SERIAL = 2,
    SEL_DEVIDS = 3,
    SEL_EV_BITS = 0x11,
    SEL_ABS_INFO = 0x12,
};

#define QUEUE_SIZE   64
#define EVENT_SIZE   8
#define GROUP_MAX    32
#define STRING_MAX   (CFG_SIZE - CFG_DATA - 1)
#define KEYS         231 /* of a keyboard: from 1 up to this, less one */
#define BUS_VIRTUAL  6
#define VENDOR       0x0627
#define VIRTIO_LED_N 3

/* What distinguishes the devices. */
typedef struct InputType {
    InputOps ops;
    uint16_t product, version;
} InputType;

#define VIRTIO_INPUT_STATE(F, A, D, N)                                                             \
    VIRTIO_STATE(N, QUEUES)                                                                        \
    F(uint8_t, select, 0)                                                                          \
    F(uint8_t, subsel, 0)                                                                          \
    F(uint8_t, leds, 0) /* by LED_* numbers */

STATE(virtio_input, VirtioInputState, VIRTIO_INPUT_STATE, InputHandler *handler;
      uint8_t group[GROUP_MAX][EVENT_SIZE]; unsigned n_group; bool overflow;
      /* Properties. */
      char *serial; char *display; uint32_t head;)

// clang-format off
PROPS(virtio_input, VirtioInputState,
    PROP("serial", STRING, serial, NULL, PUBLIC, "serial number that the guest sees"),
    PROP("display", STRING, display, NULL, PUBLIC, "taken, has no effect"),
    PROP("head", U32, head, "0", PUBLIC, "taken, has no effect"),
    VIRTIO_PROPS)
// clang-format on

static const InputType *input_type(const VirtioInputState *s)
{
    return virtio_class(s)->info;
}

static bool input_takes(const VirtioInputState *s, InputKind kind)
{
    return input_type(s)->ops.kinds & INPUT_MASK(kind);
}

/* ---- configuration ---- */

static const uint16_t button_codes[INPUT_BUTTONS] = {
    [INPUT_LEFT] = BTN_LEFT,
    [INPUT_MIDDLE] = BTN_MIDDLE,
    [INPUT_RIGHT] = BTN_RIGHT,
    [INPUT_SIDE] = BTN_SIDE,
    [INPUT_EXTRA] = BTN_EXTRA,
    [INPUT_WHEEL_UP] = BTN_GEAR_UP,
    [INPUT_WHEEL_DOWN] = BTN_GEAR_DOWN,
    [INPUT_TOUCH] = BTN_TOUCH,
};

static unsigned bit_set(uint8_t *data, unsigned bit)
{
    data[bit / 8] |= 1u << bit % 8;
    return bit / 8 + 1;
}

static unsigned string_put(uint8_t *data, const char *text)
{
    unsigned len = text ? MIN(strlen(text), STRING_MAX) : 0;

    if (len == 0) {
        return 0;
    }
    memcpy(data, text, len);
    return len + 1;
}

/* The codes of an event type; returns bytes used. */
static unsigned event_bits(const VirtioInputState *s, unsigned type, uint8_t *data)
{
    unsigned len = 0;

    switch (type) {
    case EV_KEY:
        for (unsigned i = 1; input_takes(s, INPUT_KEY) && i <= KEYS; i++) {
            len = bit_set(data, i);
        }
        for (unsigned i = 0; input_takes(s, INPUT_BUTTON) && i < INPUT_BUTTONS; i++) {
            len = button_codes[i] ? MAX(len, bit_set(data, button_codes[i])) : len;
        }
        return len;
    case EV_REL:
        if (input_takes(s, INPUT_REL)) {
            bit_set(data, REL_X);
            bit_set(data, REL_Y);
        }
        return input_takes(s, INPUT_BUTTON) ? bit_set(data, REL_WHEEL) : 0;
    case EV_ABS:
        return input_takes(s, INPUT_ABS) ? MAX(bit_set(data, ABS_X), bit_set(data, ABS_Y)) : 0;
    case EV_LED:
        for (unsigned i = 0; input_takes(s, INPUT_KEY) && i < VIRTIO_LED_N; i++) {
            len = bit_set(data, i);
        }
        return len;
    case EV_REP:
        return input_takes(s, INPUT_KEY) ? 1 : 0; /* the driver repeats keys */
    default:
        return 0;
    }
}

static unsigned config_data(const VirtioInputState *s, uint8_t *data)
{
    switch (s->select) {
    case SEL_NAME:
        return s->subsel ? 0 : string_put(data, input_type(s)->ops.name);
    case SEL_SERIAL:
        return s->subsel ? 0 : string_put(data, s->serial);
    case SEL_DEVIDS:
        pci_put16(data, BUS_VIRTUAL);
        pci_put16(data + 2, VENDOR);
        pci_put16(data + 4, input_type(s)->product);
        pci_put16(data + 6, input_type(s)->version);
        return s->subsel ? 0 : 8;
    case SEL_EV_BITS:
        return event_bits(s, s->subsel, data);
    case SEL_ABS_INFO:
        if (!input_takes(s, INPUT_ABS) || s->subsel > ABS_Y) {
            return 0;
        }
        pci_put32(data + 4, INPUT_ABS_MAX);
        return 20; /* min, max, fuzz, flat, res */
    default:
        return 0;
    }
}

static void virtio_input_config_get(void *opaque, uint8_t *config)
{
    VirtioInputState *s = opaque;

    config[CFG_SELECT] = s->select;
    config[CFG_SUBSEL] = s->subsel;
    config[CFG_LENGTH] = config_data(s, config + CFG_DATA);
    if (config[CFG_LENGTH] == 0) {
        memset(config + CFG_DATA, 0, CFG_SIZE - CFG_DATA);
    }
}

static void virtio_input_config_set(void *opaque, const uint8_t *config, unsigned offset,
                                    unsigned size)
{
    VirtioInputState *s = opaque;

    if (offset + size > CFG_LENGTH) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: write to read-only configuration at 0x%x\n",
                      device_name(s), offset);
        return;
    }
    s->select = config[CFG_SELECT];
    s->subsel = config[CFG_SUBSEL];
}

/* ---- events ---- */

static void group_add(VirtioInputState *s, uint16_t type, uint16_t code, int32_t value)
{
    if (s->n_group == GROUP_MAX) {
        s->overflow = true;
        return;
    }
    pci_put16(s->group[s->n_group], type);
    pci_put16(s->group[s->n_group] + 2, code);
    pci_put32(s->group[s->n_group] + 4, value);
    s->n_group++;
}

static void input_event(void *opaque, const InputEvent *e)
{
    VirtioInputState *s = opaque;

    device_lock(s);
    switch (e->kind) {
    case INPUT_KEY:
        group_add(s, EV_KEY, e->code, e->value);
        break;
    case INPUT_BUTTON:
        if (e->code == INPUT_WHEEL_UP || e->code == INPUT_WHEEL_DOWN) {
            if (e->value) {
                group_add(s, EV_REL, REL_WHEEL, e->code == INPUT_WHEEL_UP ? 1 : -1);
            }
        } else if (button_codes[e->code]) {
            group_add(s, EV_KEY, button_codes[e->code], e->value);
        }
        break;
    case INPUT_REL:
        group_add(s, EV_REL, e->code == INPUT_X ? REL_X : REL_Y, e->value);
        break;
    default:
        group_add(s, EV_ABS, e->code == INPUT_X ? ABS_X : ABS_Y, e->value);
    }
    device_unlock(s);
}

static void group_send(VirtioInputState *s)
{
    VirtElem *e[GROUP_MAX + 1];
    uint32_t len[GROUP_MAX + 1] = {0};
    unsigned n = 0;

    while (n < s->n_group && (e[n] = virtqueue_pop(s->vio, &s->vq[QUEUE_EVENTS], sizeof(*e[n])))) {
        len[n] = EVENT_SIZE;
        if (iov_put(e[n]->in, e[n]->n_in, 0, s->group[n], EVENT_SIZE) < EVENT_SIZE) {
            virtio_error(s->vio, "event buffer of %u bytes", (unsigned)e[n]->in_len);
            g_free(e[n]);
            break;
        }
        n++;
    }
    if (n == s->n_group) {
        virtqueue_push_all(s->vio, e, len, n);
    } else {
        rhea_log_mask(LOG_DEVICE, "%s: events lost\n", device_name(s));
        for (unsigned i = n; i > 0; i--) {
            virtqueue_unpop(s->vio, e[i - 1]);
        }
    }
    while (n) {
        g_free(e[--n]);
    }
}

static void input_group_end(void *opaque)
{
    VirtioInputState *s = opaque;

    device_lock(s);
    if (s->n_group && !s->overflow) {
        group_add(s, EV_SYN, SYN_REPORT, 0);
        if (!s->overflow) {
            group_send(s);
        }
    }
    s->n_group = 0;
    s->overflow = false;
    device_unlock(s);
}

static void status_take(VirtioInputState *s, const VirtElem *e)
{
    uint8_t event[EVENT_SIZE];

    if (iov_get(e->out, e->n_out, 0, event, EVENT_SIZE) < EVENT_SIZE) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: a status that is no event\n", device_name(s));
    } else if (pci_get16(event) == EV_LED && pci_get16(event + 2) < VIRTIO_LED_N) {
        uint8_t bit = 1u << pci_get16(event + 2);

        s->leds = pci_get32(event + 4) ? s->leds | bit : s->leds & ~bit;
    }
}

static void virtio_input_notify(void *opaque, VirtQueue *q)
{
    VirtioInputState *s = opaque;
    VirtElem *e;

    while (q->index == QUEUE_STATUS && (e = virtqueue_pop(s->vio, q, sizeof(*e)))) {
        status_take(s, e);
        virtqueue_push(s->vio, e, 0);
        g_free(e);
    }
}

/* ---- life ---- */

static void virtio_input_start(void *opaque)
{
    VirtioInputState *s = opaque;

    input_handler_activate(s->dev.machine, s->handler, true);
}

static void virtio_input_clear(void *opaque)
{
    VirtioInputState *s = opaque;

    s->select = s->subsel = s->leds = 0;
    s->n_group = 0;
    input_handler_activate(s->dev.machine, s->handler, false);
}

static bool virtio_input_post_load(void *opaque, GError **err)
{
    VirtioInputState *s = opaque;

    s->n_group = 0;
    input_handler_activate(s->dev.machine, s->handler, virtio_running(s->vio));
    return true;
}

static bool virtio_input_realize(void *opaque, GError **err)
{
    VirtioInputState *s = opaque;

    if (!virtio_init(s, s->vq, QUEUES, 0, err)) {
        return false;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        virtio_queue_init(s->vio, i, QUEUE_SIZE);
    }
    s->handler = input_handler_add(s->dev.machine, &input_type(s)->ops, s);
    return true;
}

static void virtio_input_unrealize(void *opaque)
{
    VirtioInputState *s = opaque;

    input_handler_remove(s->dev.machine, s->handler);
}

#define KIND_POINTER INPUT_MASK(INPUT_BUTTON)
#define INPUT_DEVICE(prefix, NAME, CLASS, TITLE, KINDS, PRODUCT, VERSION)                          \
    static const InputType prefix##_type = {                                                       \
        {TITLE, KINDS, input_event, input_group_end}, PRODUCT, VERSION};                           \
    VIRTIO_DEVICE_AS(prefix, virtio_input, VirtioInputState, NAME, DEVICE_INPUT, 1,                \
                     .id = VIRTIO_ID_INPUT, .config_size = CFG_SIZE, .info = &prefix##_type,       \
                     .config_get = virtio_input_config_get, .config_set = virtio_input_config_set, \
                     .notify = virtio_input_notify, .start = virtio_input_start,                   \
                     .reset = virtio_input_clear, .post_load = virtio_input_post_load);            \
    VIRTIO_PCI_MODERN(prefix, NAME, DEVICE_INPUT, .pci.class_code = CLASS, .vectors = 2)

// clang-format off
INPUT_DEVICE(virtio_keyboard, "virtio-keyboard", 0x090000, "QEMU Virtio Keyboard", INPUT_MASK(INPUT_KEY), 1, 1);
INPUT_DEVICE(virtio_mouse, "virtio-mouse", 0x090200, "QEMU Virtio Mouse", KIND_POINTER | INPUT_MASK(INPUT_REL), 2, 2);
INPUT_DEVICE(virtio_tablet, "virtio-tablet", 0x098000, "QEMU Virtio Tablet", KIND_POINTER | INPUT_MASK(INPUT_ABS), 3, 2);
// clang-format on
