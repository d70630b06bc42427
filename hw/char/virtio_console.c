/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio console device, "virtio-serial-device", and what is plugged into its bus: ports that are
 * consoles (virtconsole) or channels with a name (virtserialport).
 *
 * Specification: VIRTIO 1.2, 5.3.
 *
 * Ports have no state or lock of their own: all is in the console device and under its lock.
 * Output that the chardev does not take stays in the ring, tx_offset says how far it got; input
 * waits in the chardev until the driver offers a buffer. Control messages for the driver are bits
 * of `pending` until there is a buffer for them; what a message says is looked up when it is sent.
 *
 * Invariant: fields of a port that is not plugged are 0.
 * Test: tests/unit/test-virtio.c
 */
#include "hw/virtio_pci.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <string.h>

#define PORTS_MAX          31
#define QUEUES             (2 * (PORTS_MAX + 1))
#define QUEUE_SIZE         128
#define CONTROL_QUEUE_SIZE 32
#define CONTROL_SIZE       8
#define CONTROL_RX         2
#define CONTROL_TX         3
#define READ_MAX           65536
#define NR_AUTO            UINT32_MAX

enum { F_MULTIPORT = 1, F_EMERG_WRITE = 2 };

enum { CFG_MAX_NR_PORTS = 4, CFG_EMERG_WR = 8, CFG_SIZE = 12 };

/* Control events, 5.3.6.2. */
enum {
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_REMOVE = 2,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

/* The order in which a port's pending messages go out. */
static const uint8_t pending_order[] = {PORT_ADD, CONSOLE_PORT, PORT_NAME, PORT_OPEN};
#define PENDING_ALL (1u << PORT_ADD | 1u << CONSOLE_PORT | 1u << PORT_NAME | 1u << PORT_OPEN)

#define SERIAL_PORT_STATE(F, A, D, N)                                                              \
    F(uint8_t, pending, 0) /* 1 << event, for the driver */                                        \
    F(bool, ready, false)  /* the driver said PORT_READY */                                        \
    F(bool, guest_open, false)                                                                     \
    F(bool, told_open, false) /* what the driver was last told of our side */                      \
    F(uint32_t, tx_offset, 0) /* bytes of the next output buffer that are done */

SUBSTATE(serial_port, SerialPort, SERIAL_PORT_STATE, struct VirtPortState *dev;)

#define VIRTIO_SERIAL_STATE(F, A, D, N)                                                            \
    VIRTIO_STATE(N, QUEUES)                                                                        \
    N(SerialPort, port, PORTS_MAX, serial_port)

STATE(virtio_serial, VirtioSerialState, VIRTIO_SERIAL_STATE, DeviceBus bus; uint32_t max_ports;)

/* A port as a device on the bus. */
STATE(virt_port, VirtPortState, NO_STATE, VirtioSerialState *serial; CharFront front;
      bool host_open; bool console;
      /* Properties. */
      uint32_t nr; Chardev * chardev; char *name;)

// clang-format off
PROPS(virtio_serial, VirtioSerialState,
    PROP("max_ports", U32, max_ports, "31", PUBLIC, "1 to 31"),
    VIRTIO_PROPS)

PROPS(virt_port, VirtPortState,
    PROP("chardev", CHARDEV, chardev, NULL, PUBLIC, "ID of a chardev to use as a backend"),
    PROP("name", STRING, name, NULL, PUBLIC, "as the guest sees it"),
    PROP("nr", U32, nr, "4294967295", PUBLIC, "number of the port; 4294967295: the first that is free"))
// clang-format on

static bool multiport(const VirtioSerialState *s)
{
    return virtio_has(s->vio, F_MULTIPORT);
}

static VirtQueue *port_rx(VirtioSerialState *s, unsigned nr)
{
    return &s->vq[nr ? 2 * nr + 2 : 0];
}

static VirtQueue *port_tx(VirtioSerialState *s, unsigned nr)
{
    return port_rx(s, nr) + 1;
}

/* ---- control messages ---- */

static bool control_send(VirtioSerialState *s, unsigned nr, uint8_t event)
{
    SerialPort *port = &s->port[nr];
    VirtPortState *p = port->dev;
    VirtElem *e = virtqueue_pop(s->vio, &s->vq[CONTROL_RX], sizeof(*e));
    uint8_t msg[CONTROL_SIZE];
    bool open = p->console || p->host_open;
    size_t len, name_len = event == PORT_NAME ? strlen(p->name) : 0;

    if (!e) {
        return false;
    }
    virtio_put32(s->vio, msg, nr);
    virtio_put16(s->vio, msg + 4, event);
    virtio_put16(s->vio, msg + 6, event == PORT_OPEN ? open : 1);
    len = iov_put(e->in, e->n_in, 0, msg, sizeof(msg));
    len += iov_put(e->in, e->n_in, len, p->name, name_len);
    if (len < sizeof(msg) + name_len) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: control buffer of %" PRIu64 " bytes is too small\n",
                      device_name(s), e->in_len);
    }
    port->told_open = event == PORT_OPEN ? open : port->told_open;
    virtqueue_push(s->vio, e, len);
    g_free(e);
    return true;
}

static void control_flush(VirtioSerialState *s)
{
    for (unsigned nr = 0; nr < s->max_ports; nr++) {
        SerialPort *port = &s->port[nr];

        for (unsigned i = 0; port->pending && i < G_N_ELEMENTS(pending_order); i++) {
            unsigned event = pending_order[i];

            if (port->pending >> event & 1) {
                if (!control_send(s, nr, event)) {
                    return;
                }
                port->pending &= ~(1u << event);
            }
        }
    }
}

static void port_tell_open(VirtioSerialState *s, SerialPort *port)
{
    if (port->ready && port->told_open != (port->dev->console || port->dev->host_open)) {
        port->pending |= 1u << PORT_OPEN;
        control_flush(s);
    }
}

static void control_port_event(VirtioSerialState *s, SerialPort *port, uint16_t event,
                               uint16_t value)
{
    VirtPortState *p = port->dev;

    switch (event) {
    case PORT_READY:
        if (!value) {
            rhea_log_mask(LOG_GUEST_ERROR, "%s: the driver could not add port %u\n", device_name(s),
                          p->nr);
            break;
        }
        port->ready = true;
        port->pending |= p->console ? 1u << CONSOLE_PORT : 0;
        port->pending |= p->name ? 1u << PORT_NAME : 0;
        port->pending |= p->console || p->host_open ? 1u << PORT_OPEN : 0;
        break;
    case PORT_OPEN:
        port->guest_open = value;
        char_accept_input(&p->front);
        break;
    default:
        rhea_log_mask(LOG_GUEST_ERROR, "%s: control event %u\n", device_name(s), event);
    }
}

static void control_receive(VirtioSerialState *s, const VirtElem *e)
{
    uint8_t msg[CONTROL_SIZE];

    if (iov_get(e->out, e->n_out, 0, msg, sizeof(msg)) < sizeof(msg)) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: control message of %" PRIu64 " bytes\n", device_name(s),
                      e->out_len);
        return;
    }
    uint32_t nr = virtio_get32(s->vio, msg);
    uint16_t event = virtio_get16(s->vio, msg + 4), value = virtio_get16(s->vio, msg + 6);
    if (event == DEVICE_READY) {
        for (unsigned i = 0; value && i < s->max_ports; i++) {
            s->port[i].pending |= s->port[i].dev ? 1u << PORT_ADD : 0;
        }
    } else if (nr < s->max_ports && s->port[nr].dev) {
        control_port_event(s, &s->port[nr], event, value);
    } else {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: control event %u for port %u\n", device_name(s), event,
                      nr);
    }
}

/* ---- output ---- */

/* The bytes of e from the port's offset on; false if some are left over. */
static bool output_write(VirtPortState *p, SerialPort *port, const VirtElem *e)
{
    uint8_t chunk[4096];

    while (port->tx_offset < e->out_len) {
        size_t len = iov_get(e->out, e->n_out, port->tx_offset, chunk, sizeof(chunk));
        size_t done = char_write(&p->front, chunk, len);

        port->tx_offset += done;
        if (done < len) {
            return false;
        }
    }
    return true;
}

static void output_process(VirtioSerialState *s, unsigned nr)
{
    SerialPort *port = &s->port[nr];
    VirtPortState *p = port->dev;
    VirtElem *e;

    while ((e = virtqueue_pop(s->vio, port_tx(s, nr), sizeof(*e)))) {
        /* With nobody at the other end it vanishes. */
        bool wanted = p && char_attached(&p->front) && (p->console || p->host_open);

        if (wanted && !output_write(p, port, e)) {
            virtqueue_unpop(s->vio, e);
            g_free(e);
            return;
        }
        port->tx_offset = 0;
        virtqueue_push(s->vio, e, 0);
        g_free(e);
    }
}

/* ---- input ---- */

static bool input_wanted(VirtioSerialState *s, unsigned nr)
{
    return !multiport(s) || s->port[nr].guest_open;
}

static unsigned port_can_read(void *opaque)
{
    VirtPortState *p = opaque;
    VirtioSerialState *s = p->serial;
    uint64_t room = 0;
    VirtElem *e;

    device_lock(s);
    while (room == 0 && input_wanted(s, p->nr) &&
           (e = virtqueue_pop(s->vio, port_rx(s, p->nr), sizeof(*e)))) {
        room = MIN(e->in_len, READ_MAX);
        if (room) {
            virtqueue_unpop(s->vio, e);
        } else {
            virtqueue_push(s->vio, e, 0);
        }
        g_free(e);
    }
    device_unlock(s);
    return room;
}

/* What does not fit any more, as the driver reset the device meanwhile, is lost. */
static void port_read(void *opaque, const uint8_t *buf, unsigned len)
{
    VirtPortState *p = opaque;
    VirtioSerialState *s = p->serial;
    VirtElem *e;

    device_lock(s);
    while (len > 0 && (e = virtqueue_pop(s->vio, port_rx(s, p->nr), sizeof(*e)))) {
        size_t done = iov_put(e->in, e->n_in, 0, buf, len);

        virtqueue_push(s->vio, e, done);
        g_free(e);
        buf += done;
        len -= done;
    }
    device_unlock(s);
}

static void port_write_ready(void *opaque)
{
    VirtPortState *p = opaque;

    device_lock(p->serial);
    output_process(p->serial, p->nr);
    device_unlock(p->serial);
}

static void port_event(void *opaque, CharEvent event)
{
    VirtPortState *p = opaque;

    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        device_lock(p->serial);
        p->host_open = event == CHAR_EVENT_OPENED;
        port_tell_open(p->serial, &p->serial->port[p->nr]);
        output_process(p->serial, p->nr);
        device_unlock(p->serial);
    }
}

static const CharHandlers port_handlers = {
    .can_read = port_can_read,
    .read = port_read,
    .write_ready = port_write_ready,
    .event = port_event,
};

/* ---- the console device ---- */

static void virtio_serial_notify(void *opaque, VirtQueue *q)
{
    VirtioSerialState *s = opaque;
    unsigned nr = q->index < 2 ? 0 : (q->index - 2) / 2;
    VirtElem *e;

    if (q->index == CONTROL_RX) {
        control_flush(s);
    } else if (q->index == CONTROL_TX) {
        while ((e = virtqueue_pop(s->vio, q, sizeof(*e)))) {
            control_receive(s, e);
            virtqueue_push(s->vio, e, 0);
            g_free(e);
        }
        control_flush(s);
    } else if (q->index & 1) {
        output_process(s, nr);
    } else if (s->port[nr].dev) {
        char_accept_input(&s->port[nr].dev->front);
    }
}

static void virtio_serial_config_get(void *opaque, uint8_t *config)
{
    VirtioSerialState *s = opaque;

    virtio_put32(s->vio, config + CFG_MAX_NR_PORTS, s->max_ports);
}

static void virtio_serial_config_set(void *opaque, const uint8_t *config, unsigned offset,
                                     unsigned size)
{
    VirtioSerialState *s = opaque;

    if (offset <= CFG_EMERG_WR && CFG_EMERG_WR < offset + size) {
        uint8_t c = virtio_get32(s->vio, config + CFG_EMERG_WR);

        if (s->port[0].dev) {
            char_write(&s->port[0].dev->front, &c, 1);
        }
    }
}

static void virtio_serial_clear(void *opaque)
{
    VirtioSerialState *s = opaque;

    for (unsigned nr = 0; nr < PORTS_MAX; nr++) {
        SerialPort *port = &s->port[nr];

        *port = (SerialPort){.dev = port->dev};
    }
}

static void virtio_serial_queue_reset(void *opaque, VirtQueue *q)
{
    VirtioSerialState *s = opaque;

    if (q->index == 1 || (q->index > CONTROL_TX && (q->index & 1))) {
        s->port[q->index == 1 ? 0 : (q->index - 2) / 2].tx_offset = 0;
    }
}

static bool virtio_serial_post_load(void *opaque, GError **err)
{
    VirtioSerialState *s = opaque;

    for (unsigned nr = 0; nr < PORTS_MAX; nr++) {
        SerialPort *port = &s->port[nr];
        bool used = port->pending || port->ready || port->guest_open || port->told_open;

        if ((port->pending & ~PENDING_ALL) || (!port->dev && used) ||
            ((port->pending >> PORT_NAME & 1) && !port->dev->name)) {
            rhea_error_set(err, "snapshot: port %u is another one", nr);
            return false;
        }
    }
    for (unsigned nr = 0; nr < PORTS_MAX; nr++) {
        if (s->port[nr].dev) {
            port_tell_open(s, &s->port[nr]);
            char_accept_input(&s->port[nr].dev->front);
        }
    }
    return true;
}

/* The number of the port, chosen or checked. */
static bool port_number(VirtioSerialState *s, VirtPortState *p, GError **err)
{
    bool console = strcmp(p->dev.cls->name, "virtconsole") == 0;

    if (p->nr == NR_AUTO) {
        for (p->nr = console ? 0 : 1; p->nr < s->max_ports && s->port[p->nr].dev;) {
            p->nr++;
        }
        if (p->nr >= s->max_ports) {
            rhea_error_set(err, "Maximum port number reached (max_ports=%u)", s->max_ports);
            return false;
        }
    }
    if (p->nr >= s->max_ports) {
        rhea_error_set(err, "Out-of-range port id specified, max. allowed: %u", s->max_ports - 1);
    } else if (s->port[p->nr].dev) {
        rhea_error_set(err, "A port already exists at id %u", p->nr);
    } else if (p->nr == 0 && !console) {
        rhea_error_set(err, "Port number 0 on virtio-serial devices reserved for virtconsole "
                            "devices for backward compatibility.");
    } else {
        return true;
    }
    return false;
}

static bool serial_bus_attach(DeviceBus *bus, Device *child, GError **err)
{
    VirtioSerialState *s = (VirtioSerialState *)bus->owner;
    VirtPortState *p = (VirtPortState *)child;

    p->serial = s;
    return port_number(s, p, err);
}

static bool virtio_serial_realize(void *opaque, GError **err)
{
    VirtioSerialState *s = opaque;
    uint64_t features = 1u << F_EMERG_WRITE;
    unsigned n = 0;
    DeviceBus *bus;

    if (s->max_ports < 1 || s->max_ports > PORTS_MAX) {
        rhea_error_set(err, "max_ports must be between 1 and %u", PORTS_MAX);
        return false;
    }
    features |= s->max_ports > 1 ? 1u << F_MULTIPORT : 0;
    if (!virtio_init(s, s->vq, QUEUES, features, err)) {
        return false;
    }
    for (unsigned nr = 0; nr < s->max_ports; nr++) {
        virtio_queue_init(s->vio, port_rx(s, nr)->index, QUEUE_SIZE);
        virtio_queue_init(s->vio, port_tx(s, nr)->index, QUEUE_SIZE);
    }
    if (s->max_ports > 1) {
        virtio_queue_init(s->vio, CONTROL_RX, CONTROL_QUEUE_SIZE);
        virtio_queue_init(s->vio, CONTROL_TX, CONTROL_QUEUE_SIZE);
    }
    for (unsigned i = 0; (bus = device_bus_at(s->dev.machine, i)); i++) {
        n += strcmp(bus->type, "virtio-serial-bus") == 0;
    }
    g_autofree char *name =
        s->dev.id ? g_strdup_printf("%s.0", s->dev.id) : g_strdup_printf("virtio-serial-bus.%u", n);
    device_bus_init(&s->bus, s->dev.machine, &s->dev, "virtio-serial-bus", name, 0);
    s->bus.attach = serial_bus_attach;
    return true;
}

static void virtio_serial_unrealize(void *opaque)
{
    device_bus_destroy(&((VirtioSerialState *)opaque)->bus);
}

// clang-format off
VIRTIO_DEVICE(virtio_serial, VirtioSerialState, "virtio-serial", DEVICE_INPUT, 2,
    .id = VIRTIO_ID_CONSOLE,
    .config_size = CFG_SIZE,
    .config_get = virtio_serial_config_get,
    .config_set = virtio_serial_config_set,
    .notify = virtio_serial_notify,
    .reset = virtio_serial_clear,
    .queue_reset = virtio_serial_queue_reset,
    .post_load = virtio_serial_post_load);
// clang-format on

/* ---- ports ---- */

static bool virt_port_realize(void *opaque, GError **err)
{
    VirtPortState *p = opaque;
    VirtioSerialState *s = p->serial;

    if (!s) {
        rhea_error_set(err, "No 'virtio-serial-bus' bus found for device '%s'", p->dev.cls->name);
        return false;
    }
    p->console = strcmp(p->dev.cls->name, "virtconsole") == 0;
    if (!char_attach(&p->front, p->chardev, err)) {
        return false;
    }
    device_lock(s);
    s->port[p->nr].dev = p;
    if (multiport(s) && (s->vio->status & VIRTIO_STATUS_DRIVER_OK)) {
        s->port[p->nr].pending |= 1u << PORT_ADD;
        control_flush(s);
    }
    device_unlock(s);
    char_set_handlers(&p->front, &port_handlers, p);
    return true;
}

static void virt_port_unrealize(void *opaque)
{
    VirtPortState *p = opaque;
    VirtioSerialState *s = p->serial;

    char_set_handlers(&p->front, NULL, NULL);
    char_detach(&p->front);
    device_lock(s);
    s->port[p->nr] = (SerialPort){.dev = NULL};
    device_unlock(s);
}

// clang-format off
#define PORT_CLASS(NAME)                                                                           \
    .name = NAME, .bus = "virtio-serial-bus", .category = DEVICE_INPUT, .user_creatable = true,    \
    .version = 1, .props = virt_port_props, .realize = virt_port_realize,                          \
    .unrealize = virt_port_unrealize
DEVICE(virt_port, VirtPortState, PORT_CLASS("virtserialport"));
DEVICE_AS(virtconsole, virt_port, VirtPortState, PORT_CLASS("virtconsole"));
// clang-format on

VIRTIO_PCI(virtio_serial, "virtio-serial", DEVICE_INPUT, .pci.class_code = 0x078000,
           .legacy_device = 0x1003, .vectors = 2);
