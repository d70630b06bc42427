/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What monitors have in common. See monitor-link.h. */
#include "monitor-link.h"

static unsigned can_read(void *opaque)
{
    return ((MonitorLink *)opaque)->out->len ? 0 : 4096;
}

static void read_bytes(void *opaque, const uint8_t *buf, unsigned len)
{
    MonitorLink *l = opaque;

    for (unsigned i = 0; i < len; i++) {
        l->byte(l->opaque, buf[i]);
    }
}

static void write_ready(void *opaque)
{
    MonitorLink *l = opaque;

    monitor_link_flush(l);
    if (!l->out->len) {
        char_accept_input(&l->front);
    }
}

static void event(void *opaque, CharEvent e)
{
    MonitorLink *l = opaque;

    l->event(l->opaque, e);
}

static const CharHandlers handlers = {
    .can_read = can_read,
    .read = read_bytes,
    .write_ready = write_ready,
    .event = event,
    .background = true,
};

void monitor_link_init(MonitorLink *l)
{
    l->out = g_string_new(NULL);
}

bool monitor_link_attach(MonitorLink *l, Chardev *chr, GError **err)
{
    return char_attach(&l->front, chr, err);
}

void monitor_link_start(MonitorLink *l)
{
    char_set_handlers(&l->front, &handlers, l);
}

void monitor_link_flush(MonitorLink *l)
{
    g_string_erase(l->out, 0, char_write(&l->front, l->out->str, l->out->len));
}

void monitor_link_end(MonitorLink *l)
{
    char_detach(&l->front);
    g_string_free(l->out, TRUE);
}
