/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Virtio SCSI host adapter.
 *
 * Specification: VIRTIO 1.2, 5.6 (5.6.4 configuration, 5.6.6.1 requests, 5.6.6.2 task management,
 * 5.6.6.3 events).
 *
 * A kick takes all requests off the queue and gives them to the logical units; nothing waits on the
 * vCPU's thread. Those that are under way are in `busy`. What was given to the host cannot be
 * called back: a request that the driver aborts goes on and then ends as aborted, and the task
 * management function answers when the last of those has ended.
 *
 * A request that failed where the policy is to stop the machine is "held": only its place in the
 * rings is kept, and it is done again from the start when the machine goes on.
 *
 * Lock: the device's, units included; `idle_lock` only for who waits for n_busy 0.
 * Test: tests/unit/test-scsi.c, tests/fuzz/storage.c
 */
#include "hw/scsi.h"
#include "hw/virtio_pci.h"
#include "rhea/error.h"
#include "rhea/log.h"
#include "softmmu/machine.h"

#include <inttypes.h>
#include <string.h>

#define REQUEST_QUEUES_MAX 16
#define QUEUES_MAX         (REQUEST_QUEUES_MAX + 2)
#define REQUEST_FIXED      19 /* bytes of a request before the command */
#define RESPONSE_FIXED     12 /* of a response before the sense data */
#define SENSE_DEFAULT      96
#define SENSE_MAX          4096
#define EVENT_SIZE         16

enum { Q_CONTROL = 0, Q_EVENT = 1, Q_REQUEST = 2 };

enum { F_HOTPLUG = 1, F_CHANGE = 2 };

enum {
    S_OK = 0,
    S_OVERRUN = 1,
    S_ABORTED = 2,
    S_BAD_TARGET = 3,
    S_RESET = 4,
    S_FUNCTION_SUCCEEDED = 10,
    S_FUNCTION_REJECTED = 11,
    S_INCORRECT_LUN = 12,
};

enum { T_TMF = 0, T_AN_QUERY = 1, T_AN_SUBSCRIBE = 2 };

enum {
    TMF_ABORT_TASK = 0,
    TMF_ABORT_TASK_SET = 1,
    TMF_CLEAR_ACA = 2,
    TMF_CLEAR_TASK_SET = 3,
    TMF_NEXUS_RESET = 4,
    TMF_UNIT_RESET = 5,
    TMF_QUERY_TASK = 6,
    TMF_QUERY_TASK_SET = 7,
};

enum { E_NONE = 0, E_TRANSPORT_RESET = 1, E_MISSED = 1u << 31 };
enum { E_RESET_RESCAN = 1, E_RESET_REMOVED = 2 };

/* Offsets in the configuration space. */
enum {
    CFG_NUM_QUEUES = 0,
    CFG_SEG_MAX = 4,
    CFG_MAX_SECTORS = 8,
    CFG_CMD_PER_LUN = 12,
    CFG_EVENT_SIZE = 16,
    CFG_SENSE_SIZE = 20,
    CFG_CDB_SIZE = 24,
    CFG_MAX_CHANNEL = 28,
    CFG_MAX_TARGET = 30,
    CFG_MAX_LUN = 32,
    CFG_SIZE = 36,
};

#define VIRTIO_SCSI_STATE(F, A, D, N)                                                              \
    VIRTIO_STATE(N, QUEUES_MAX)                                                                    \
    F(uint32_t, sense_size, SENSE_DEFAULT)                                                         \
    F(uint32_t, cdb_size, SCSI_CDB_MAX)                                                            \
    F(bool, events_missed, false)                                                                  \
    F(uint32_t, n_held, 0)                                                                         \
    D(uint32_t, held, held_max, 0) /* queue << 16 | descriptor */

typedef struct Request Request;

/* clang-format off */
STATE(virtio_scsi, VirtioScsiState, VIRTIO_SCSI_STATE, uint32_t held_max; ScsiBus bus;
      Request * busy; unsigned n_busy; bool draining; GMutex idle_lock; GCond idle;
      /* Properties. */
      uint32_t num_queues; uint32_t virtqueue_size; bool seg_max_adjust; uint32_t max_sectors;
      uint32_t cmd_per_lun; bool hotplug; bool param_change; char *iothread;)

PROPS(virtio_scsi, VirtioScsiState,
    PROP("iothread", STRING, iothread, NULL, PUBLIC, "id of the -object iothread that serves it"),
    PROP("num_queues", U32, num_queues, "4294967295", PUBLIC, "1 to 16; 4294967295: as the transport likes it"),
    PROP("virtqueue_size", U32, virtqueue_size, "256", PUBLIC, "descriptors, a power of two up to 1024"),
    PROP("seg_max_adjust", BOOL, seg_max_adjust, "on", PUBLIC, "on/off"),
    PROP("max_sectors", U32, max_sectors, "65535", PUBLIC, "of a request, hint for the driver"),
    PROP("cmd_per_lun", U32, cmd_per_lun, "128", PUBLIC, "hint for the driver"),
    PROP("hotplug", BOOL, hotplug, "on", PUBLIC, "on/off"),
    PROP("param_change", BOOL, param_change, "on", PUBLIC, "on/off"),
    VIRTIO_PROPS)
/* clang-format on */

/* A task management function that waits for `left` requests to end. */
typedef struct Tmf {
    VirtElem *e;
    unsigned left;
} Tmf;

/* A request of the driver. */
struct Request {
    VirtElem e; /* first */
    VirtioScsiState *s;
    Request *next, **prev; /* in s->busy */
    ScsiRequest scsi;
    struct iovec *data_out, *data_in;
    uint32_t response_size; /* the data begins behind it */
    uint8_t lun[8];
    uint64_t tag;
    bool aborted;
    Tmf *tmf; /* that waits for this one */
};

static VirtioScsiState *state_of(ScsiBus *b)
{
    return (VirtioScsiState *)((uint8_t *)b - offsetof(VirtioScsiState, bus));
}

/* ---- addresses, 5.6.6.1 ---- */

/* First byte 1, target, then a single-level unit number, which is peripheral or flat. */
static bool address_parse(const uint8_t *a, uint32_t *target, uint32_t *lun)
{
    *target = a[1];
    *lun = (a[2] & 0x3f) << 8 | a[3];
    return a[0] == 1 && ((a[2] & 0xc0) == 0x40 || a[2] == 0) && (a[4] | a[5] | a[6] | a[7]) == 0;
}

static void address_put(uint8_t *a, uint32_t target, uint32_t lun)
{
    memset(a, 0, 8);
    a[0] = 1;
    a[1] = target;
    a[2] = lun >> 8 | 0x40;
    a[3] = lun;
}

/* ---- completion ---- */

static void busy_add(VirtioScsiState *s, Request *r)
{
    r->next = s->busy;
    r->prev = &s->busy;
    if (r->next) {
        r->next->prev = &r->next;
    }
    s->busy = r;
    virtio_begin(s->vio, r->e.q);
    g_mutex_lock(&s->idle_lock);
    s->n_busy++;
    g_mutex_unlock(&s->idle_lock);
}

static void tmf_answer(VirtioScsiState *s, VirtElem *e, uint8_t response)
{
    if (virtio_elem_live(e)) {
        iov_put(e->in, e->n_in, 0, &response, 1);
    }
    virtqueue_push(s->vio, e, 1);
    g_free(e);
}

static void request_free(Request *r)
{
    VirtioScsiState *s = r->s;
    VirtQueue *vq = r->e.q;
    Tmf *t = r->tmf;

    *r->prev = r->next;
    if (r->next) {
        r->next->prev = r->prev;
    }
    g_free(r->data_out);
    g_free(r->data_in);
    g_free(r);
    if (t && --t->left == 0) {
        tmf_answer(s, t->e, S_FUNCTION_SUCCEEDED);
        g_free(t);
    }
    virtio_end(s->vio, vq);
    g_mutex_lock(&s->idle_lock);
    if (--s->n_busy == 0 && s->draining) { /* a broadcast is a system call */
        g_cond_broadcast(&s->idle);
    }
    g_mutex_unlock(&s->idle_lock);
}

/* moved: bytes of data. */
static void request_respond(Request *r, uint8_t response, uint64_t moved)
{
    VirtioScsiState *s = r->s;
    VirtioCore *v = s->vio;
    ScsiRequest *q = &r->scsi;
    g_autofree uint8_t *d = g_malloc0(r->response_size);
    bool in = q->in_len > 0;
    uint64_t total = in ? q->in_len : q->out_len;
    uint32_t room = r->response_size - RESPONSE_FIXED;

    if (response == S_OK) {
        uint32_t sense = MIN(q->sense_len, room);

        virtio_put32(v, d, sense);
        virtio_put32(v, d + 4, MIN(total - MIN(moved, total), UINT32_MAX));
        d[10] = q->status;
        memcpy(d + RESPONSE_FIXED, q->sense, sense);
    }
    d[11] = response;
    if (virtio_elem_live(&r->e)) {
        iov_put(r->e.in, r->e.n_in, 0, d, r->response_size);
    }
    virtqueue_push(v, &r->e, r->response_size + (in ? moved : 0));
    request_free(r);
}

static void request_done(ScsiRequest *q)
{
    Request *r = q->opaque;
    VirtioScsiState *s = r->s;

    bool alive = virtio_elem_live(&r->e);

    if (r->aborted) {
        request_respond(r, S_ABORTED, 0);
        return;
    }
    if (q->held && alive && virtqueue_can_hold(s->vio) && s->n_held < s->held_max) {
        s->held[s->n_held++] = (uint32_t)r->e.q->index << 16 | r->e.head;
        machine_request_stop(s->dev.machine, RUN_IO_ERROR);
        request_free(r);
        return;
    }
    if (q->held && alive) {
        rhea_warn_report("%s: a packed ring cannot wait for the disk: the guest is told of the "
                         "error",
                         device_name(s));
        scsi_sense_put(q->sense, SENSE_WRITE_ERROR);
        q->sense_len = SCSI_SENSE_SIZE;
        q->status = SCSI_CHECK_CONDITION;
        q->moved = 0;
    }
    request_respond(r, q->overrun ? S_OVERRUN : S_OK, q->moved);
}

/* ---- requests ---- */

/* Pieces of a buffer behind its first `skip` bytes. */
static struct iovec *pieces_behind(const struct iovec *iov, uint32_t n, uint64_t skip, int *left)
{
    struct iovec *copy = g_memdup2(iov, MAX(n, 1) * sizeof(*iov)), *at = copy;

    iov_trim_front(&at, &n, skip);
    memmove(copy, at, n * sizeof(*at));
    *left = n;
    return copy;
}

/* False: the driver broke the rules of framing; the request stays with the device. */
static bool request_start(VirtioScsiState *s, Request *r)
{
    VirtioCore *v = s->vio;
    uint32_t request_size = REQUEST_FIXED + s->cdb_size, target, lun;
    uint8_t head[REQUEST_FIXED];
    ScsiRequest *q = &r->scsi;

    r->response_size = RESPONSE_FIXED + s->sense_size;
    if (r->e.out_len < request_size || r->e.in_len < r->response_size) {
        virtio_error(v, "request with %" PRIu64 " readable and %" PRIu64 " writable bytes",
                     r->e.out_len, r->e.in_len);
        g_free(r);
        return false;
    }
    r->s = s;
    iov_get(r->e.out, r->e.n_out, 0, head, sizeof(head));
    memcpy(r->lun, head, 8);
    r->tag = virtio_get64(v, head + 8);
    iov_get(r->e.out, r->e.n_out, REQUEST_FIXED, q->cdb, MIN(s->cdb_size, SCSI_CDB_MAX));
    r->data_out = pieces_behind(r->e.out, r->e.n_out, request_size, &q->n_out);
    r->data_in = pieces_behind(r->e.in, r->e.n_in, r->response_size, &q->n_in);
    q->out = r->data_out;
    q->in = r->data_in;
    q->out_len = r->e.out_len - request_size;
    q->in_len = r->e.in_len - r->response_size;
    q->done = request_done;
    q->opaque = r;
    busy_add(s, r);
    if (!address_parse(r->lun, &target, &lun) || !scsi_has_target(&s->bus, target)) {
        request_respond(r, S_BAD_TARGET, 0);
    } else {
        scsi_submit(&s->bus, target, lun, q);
    }
    return true;
}

/* ---- task management, 5.6.6.2 ---- */

static bool same_unit(const uint8_t *a, const uint8_t *b)
{
    uint32_t ta, la, tb, lb;

    return address_parse(a, &ta, &la) && address_parse(b, &tb, &lb) && ta == tb && la == lb;
}

static bool same_target(const uint8_t *a, const uint8_t *b)
{
    return a[0] == 1 && b[0] == 1 && a[1] == b[1];
}

/* The requests that a function is about: counted, and called off if `abort`. */
static unsigned requests_find(VirtioScsiState *s, uint32_t function, const uint8_t *lun,
                              uint64_t tag, Tmf *abort)
{
    unsigned n = 0;

    for (Request *r = s->busy; r; r = r->next) {
        bool one = function == TMF_ABORT_TASK || function == TMF_QUERY_TASK;

        if ((function == TMF_NEXUS_RESET ? !same_target(r->lun, lun) : !same_unit(r->lun, lun)) ||
            (one && r->tag != tag)) {
            continue;
        }
        n++;
        if (abort) {
            r->aborted = true;
            if (!r->tmf) {
                r->tmf = abort;
                abort->left++;
            }
        }
    }
    return n;
}

static void units_attention(VirtioScsiState *s, uint32_t function, uint32_t target, uint32_t lun)
{
    for (unsigned i = 0; i < s->bus.units->len; i++) {
        ScsiUnit *u = g_ptr_array_index(s->bus.units, i);

        if (u->target == target && (u->lun == lun || function == TMF_NEXUS_RESET)) {
            device_reset_locked(u->dev);
            u->unit_attention = UA_RESET;
        }
    }
}

static void tmf(VirtioScsiState *s, VirtElem *e, const uint8_t *d)
{
    uint32_t function = virtio_get32(s->vio, d + 4), target, lun;
    const uint8_t *address = d + 8;
    uint64_t tag = virtio_get64(s->vio, d + 16);

    if (!address_parse(address, &target, &lun) || !scsi_has_target(&s->bus, target)) {
        tmf_answer(s, e, S_BAD_TARGET);
        return;
    }
    if (function != TMF_NEXUS_RESET && !scsi_find(&s->bus, target, lun)) {
        tmf_answer(s, e, S_INCORRECT_LUN);
        return;
    }
    switch (function) {
    case TMF_QUERY_TASK:
    case TMF_QUERY_TASK_SET:
        /* The function succeeded: there is such a task; complete: there is none. */
        tmf_answer(s, e,
                   requests_find(s, function, address, tag, NULL) ? S_FUNCTION_SUCCEEDED : S_OK);
        return;
    case TMF_ABORT_TASK:
    case TMF_ABORT_TASK_SET:
    case TMF_CLEAR_TASK_SET:
    case TMF_NEXUS_RESET:
    case TMF_UNIT_RESET:
        break;
    default:
        tmf_answer(s, e, S_FUNCTION_REJECTED);
        return;
    }
    Tmf *t = g_new0(Tmf, 1);
    t->e = e;
    requests_find(s, function, address, tag, t);
    if (function == TMF_NEXUS_RESET || function == TMF_UNIT_RESET) {
        units_attention(s, function, target, lun);
    }
    if (t->left == 0) {
        tmf_answer(s, e, S_FUNCTION_SUCCEEDED);
        g_free(t);
    }
}

static bool control_start(VirtioScsiState *s, VirtElem *e)
{
    VirtioCore *v = s->vio;
    uint8_t d[24] = {0}, answer[5] = {0};
    size_t n = iov_get(e->out, e->n_out, 0, d, sizeof(d));
    uint32_t type = virtio_get32(v, d);

    if (n < 16 || (type == T_TMF && n < 24) || e->in_len < (type == T_TMF ? 1 : 5)) {
        virtio_error(v, "control message of %zu readable and %" PRIu64 " writable bytes", n,
                     e->in_len);
        g_free(e);
        return false;
    }
    switch (type) {
    case T_TMF:
        tmf(s, e, d);
        return true;
    case T_AN_QUERY:
    case T_AN_SUBSCRIBE:
        /* None of the asynchronous notifications is there: event_actual 0, S_OK. */
        iov_put(e->in, e->n_in, 0, answer, sizeof(answer));
        virtqueue_push(v, e, sizeof(answer));
        break;
    default:
        virtqueue_push(v, e, 0);
    }
    g_free(e);
    return true;
}

/* ---- events, 5.6.6.3 ---- */

static void event_send(VirtioScsiState *s, uint32_t event, uint32_t reason, const ScsiUnit *u)
{
    VirtioCore *v = s->vio;
    uint8_t d[EVENT_SIZE] = {0};
    VirtElem *e = virtqueue_pop(v, &s->vq[Q_EVENT], sizeof(*e));

    if (!e) {
        s->events_missed = true;
        return;
    }
    if (e->in_len < EVENT_SIZE) {
        virtio_error(v, "buffer for events of %" PRIu64 " bytes", e->in_len);
        g_free(e);
        return;
    }
    virtio_put32(v, d, event | (s->events_missed ? E_MISSED : 0));
    if (u) {
        address_put(d + 4, u->target, u->lun);
    }
    virtio_put32(v, d + 12, reason);
    s->events_missed = false;
    iov_put(e->in, e->n_in, 0, d, sizeof(d));
    virtqueue_push(v, e, sizeof(d));
    g_free(e);
}

static void unit_changed(ScsiBus *b, ScsiUnit *u, bool removed)
{
    VirtioScsiState *s = state_of(b);

    if (virtio_has(s->vio, F_HOTPLUG)) {
        event_send(s, E_TRANSPORT_RESET, removed ? E_RESET_REMOVED : E_RESET_RESCAN, u);
    }
}

/* ---- queues ---- */

static void virtio_scsi_notify(void *opaque, VirtQueue *q)
{
    VirtioScsiState *s = opaque;

    if (q->index == Q_EVENT) {
        if (s->events_missed) {
            event_send(s, E_NONE, 0, NULL);
        }
        return;
    }
    for (;;) {
        bool control = q->index == Q_CONTROL;
        void *r = virtqueue_pop(s->vio, q, control ? sizeof(VirtElem) : sizeof(Request));

        if (!r || !(control ? control_start(s, r) : request_start(s, r))) {
            break;
        }
    }
}

/* Main loop, when the machine goes on: try again what was held. */
static void virtio_scsi_run_change(void *opaque, bool running)
{
    VirtioScsiState *s = opaque;

    if (!running) {
        return;
    }
    device_lock(s);
    uint32_t n = s->n_held;
    g_autofree uint32_t *held = g_memdup2(s->held, n * sizeof(held[0]));
    s->n_held = 0;
    for (uint32_t i = 0; i < n; i++) {
        Request *r = virtqueue_pop_head(s->vio, &s->vq[held[i] >> 16], held[i], sizeof(*r));

        if (r) {
            request_start(s, r);
        }
    }
    device_unlock(s);
}

/* ---- configuration ---- */

static void virtio_scsi_config_get(void *opaque, uint8_t *config)
{
    VirtioScsiState *s = opaque;
    VirtioCore *v = s->vio;

    virtio_put32(v, config + CFG_NUM_QUEUES, s->num_queues);
    virtio_put32(v, config + CFG_SEG_MAX, (s->seg_max_adjust ? s->virtqueue_size : 128) - 2);
    virtio_put32(v, config + CFG_MAX_SECTORS, s->max_sectors);
    virtio_put32(v, config + CFG_CMD_PER_LUN, s->cmd_per_lun);
    virtio_put32(v, config + CFG_EVENT_SIZE, EVENT_SIZE);
    virtio_put32(v, config + CFG_SENSE_SIZE, s->sense_size);
    virtio_put32(v, config + CFG_CDB_SIZE, s->cdb_size);
    virtio_put16(v, config + CFG_MAX_CHANNEL, 0);
    virtio_put16(v, config + CFG_MAX_TARGET, SCSI_TARGETS - 1);
    virtio_put32(v, config + CFG_MAX_LUN, SCSI_LUN_MAX);
}

static void virtio_scsi_config_set(void *opaque, const uint8_t *config, unsigned offset,
                                   unsigned size)
{
    VirtioScsiState *s = opaque;
    uint32_t sense = virtio_get32(s->vio, config + CFG_SENSE_SIZE);
    uint32_t cdb = virtio_get32(s->vio, config + CFG_CDB_SIZE);

    if (offset < CFG_SENSE_SIZE || offset + size > CFG_CDB_SIZE + 4 || sense > SENSE_MAX ||
        cdb > SCSI_CDB_MAX) {
        rhea_log_mask(LOG_GUEST_ERROR, "%s: write to configuration at 0x%x\n", device_name(s),
                      offset);
        return;
    }
    s->sense_size = sense;
    s->cdb_size = cdb;
}

/* ---- life ---- */

static void virtio_scsi_clear(void *opaque)
{
    VirtioScsiState *s = opaque;

    s->sense_size = SENSE_DEFAULT;
    s->cdb_size = SCSI_CDB_MAX;
    s->events_missed = false;
    s->n_held = 0;
    scsi_bus_reset(&s->bus);
}

static void virtio_scsi_queue_reset(void *opaque, VirtQueue *q)
{
    VirtioScsiState *s = opaque;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->n_held; i++) {
        if (s->held[i] >> 16 != q->index) {
            s->held[kept++] = s->held[i];
        }
    }
    s->n_held = kept;
}

static void virtio_scsi_cancel(void *opaque)
{
    scsi_bus_cancel(&((VirtioScsiState *)opaque)->bus);
}

static void virtio_scsi_drain(void *opaque)
{
    VirtioScsiState *s = opaque;

    g_mutex_lock(&s->idle_lock);
    s->draining = true;
    while (s->n_busy > 0) {
        g_cond_wait(&s->idle, &s->idle_lock);
    }
    s->draining = false;
    g_mutex_unlock(&s->idle_lock);
}

static bool virtio_scsi_post_load(void *opaque, GError **err)
{
    VirtioScsiState *s = opaque;

    for (uint32_t i = 0; i < MIN(s->n_held, s->held_max); i++) {
        if (s->held[i] >> 16 < Q_REQUEST || s->held[i] >> 16 >= s->num_queues + Q_REQUEST) {
            s->n_held = UINT32_MAX;
        }
    }
    if (s->n_held > s->held_max || s->sense_size > SENSE_MAX || s->cdb_size > SCSI_CDB_MAX) {
        rhea_error_set(err, "snapshot: bad requests or sizes");
        return false;
    }
    return true;
}

static bool properties_check(VirtioScsiState *s, GError **err)
{
    if (s->num_queues == UINT32_MAX) {
        s->num_queues = s->vio->transport && s->vio->transport->many_queues
                            ? MIN(s->dev.machine->smp.cpus, REQUEST_QUEUES_MAX)
                            : 1;
    }
    if (s->num_queues < 1 || s->num_queues > REQUEST_QUEUES_MAX) {
        rhea_error_set(err,
                       "Invalid number of queues (= %u), must be a positive integer less than %u.",
                       s->num_queues, REQUEST_QUEUES_MAX + 1);
        return false;
    }
    if (s->virtqueue_size < 4 || s->virtqueue_size > VIRTIO_QUEUE_MAX ||
        !virtio_power_of_2(s->virtqueue_size)) {
        rhea_error_set(err, "invalid virtqueue_size property (%u), must be a power of 2 (max %u)",
                       s->virtqueue_size, VIRTIO_QUEUE_MAX);
        return false;
    }
    return true;
}

static bool virtio_scsi_realize(void *opaque, GError **err)
{
    VirtioScsiState *s = opaque;
    uint64_t features = (s->hotplug ? 1u << F_HOTPLUG : 0) | (s->param_change ? 1u << F_CHANGE : 0);
    Device *carrier = s->dev.lock_owner;

    if (!properties_check(s, err) || !virtio_init(s, s->vq, QUEUES_MAX, features, err) ||
        !virtio_set_iothread(s, s->iothread, err)) {
        return false;
    }
    for (unsigned i = 0; i < s->num_queues + Q_REQUEST; i++) {
        virtio_queue_init(s->vio, i, s->virtqueue_size);
    }
    s->held_max = s->num_queues * s->virtqueue_size;
    device_state_alloc(s);
    g_mutex_init(&s->idle_lock);
    g_cond_init(&s->idle);
    scsi_bus_init(&s->bus, &s->dev, carrier && carrier->id ? carrier->id : s->dev.id, s->hotplug);
    s->bus.changed = unit_changed;
    s->bus.iothread = s->vio->iothread;
    machine_add_run_change(s->dev.machine, virtio_scsi_run_change, s);
    return true;
}

static void virtio_scsi_unrealize(void *opaque)
{
    VirtioScsiState *s = opaque;

    machine_remove_run_change(s->dev.machine, s);
    virtio_scsi_drain(s);
    virtio_exit(s);
    scsi_bus_destroy(&s->bus);
    g_mutex_clear(&s->idle_lock);
    g_cond_clear(&s->idle);
}

// clang-format off
VIRTIO_DEVICE(virtio_scsi, VirtioScsiState, "virtio-scsi", DEVICE_STORAGE, 1,
    .id = VIRTIO_ID_SCSI,
    .config_size = CFG_SIZE,
    .config_get = virtio_scsi_config_get,
    .config_set = virtio_scsi_config_set,
    .notify = virtio_scsi_notify,
    .reset = virtio_scsi_clear,
    .queue_reset = virtio_scsi_queue_reset,
    .cancel = virtio_scsi_cancel,
    .drain = virtio_scsi_drain,
    .post_load = virtio_scsi_post_load);
// clang-format on

VIRTIO_PCI(virtio_scsi, "virtio-scsi", DEVICE_STORAGE, .pci.class_code = 0x010000,
           .legacy_device = 0x1004);
