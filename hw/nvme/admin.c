/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Admin commands: queues, Identify, features, log pages, asynchronous event requests, Abort.
 *
 * Specification: NVM Express Base 1.4, chapter 5. Not offered, and said so in Identify: namespace
 * management, firmware download, security, formatting, shadow doorbells.
 *
 * Lock: the controller's. Test: tests/unit/test-nvme.c
 */
#include "hw/nvme/private.h"

#include <string.h>

#include "rhea/log.h"
#include "softmmu/machine.h"

enum {
    ADMIN_DELETE_SQ = 0x00,
    ADMIN_CREATE_SQ = 0x01,
    ADMIN_GET_LOG = 0x02,
    ADMIN_DELETE_CQ = 0x04,
    ADMIN_CREATE_CQ = 0x05,
    ADMIN_IDENTIFY = 0x06,
    ADMIN_ABORT = 0x08,
    ADMIN_SET_FEATURES = 0x09,
    ADMIN_GET_FEATURES = 0x0a,
    ADMIN_ASYNC_EVENT = 0x0c,
};

enum {
    FEATURE_ARBITRATION = 0x01,
    FEATURE_POWER = 0x02,
    FEATURE_TEMPERATURE = 0x04,
    FEATURE_ERROR_RECOVERY = 0x05,
    FEATURE_WRITE_CACHE = 0x06,
    FEATURE_QUEUES = 0x07,
    FEATURE_COALESCING = 0x08,
    FEATURE_VECTOR = 0x09,
    FEATURE_ATOMICITY = 0x0a,
    FEATURE_EVENTS = 0x0b,
    FEATURE_TIMESTAMP = 0x0e,
};

enum { LOG_ERROR = 1, LOG_HEALTH = 2, LOG_FIRMWARE = 3, LOG_EFFECTS = 5 };

#define IDENTIFY_SIZE   4096
#define TEMPERATURE     323 /* kelvins */
#define TEMPERATURE_TOP 343 /* of the warning */
#define SQE_LOG2        6
#define CQE_LOG2        4

/* ---- queues, 5.3 to 5.6 ---- */

static uint16_t create_cq(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint16_t id = nvme_cdw(r, 10), vector = nvme_cdw(r, 11) >> 16;
    uint32_t size = (nvme_cdw(r, 10) >> 16) + 1, flags = nvme_cdw(r, 11) & 0xffff;
    uint64_t base = nvme_cdq(r, 6);

    if (id == 0 || id >= s->n_queues || s->queue[id].cq_on) {
        return NVME_QID_INVALID | NVME_DNR;
    }
    if (size < 2 || size > s->mqes + 1u) {
        return NVME_QUEUE_SIZE | NVME_DNR;
    }
    if (vector >= s->msix_qsize || (!pci_msix_enabled(s->pci) && vector != 0)) {
        return NVME_VECTOR_INVALID | NVME_DNR;
    }
    if (!(flags & 1) || (s->cc >> 20 & 15) != CQE_LOG2) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (base == 0 || (base & (nvme_page_size(s) - 1))) {
        return NVME_PRP_OFFSET | NVME_DNR;
    }
    NvmeQueue *q = &s->queue[id];
    q->cq_on = true;
    q->cq_base = base;
    q->cq_size = size;
    q->cq_head = q->cq_tail = 0;
    q->cq_phase = true;
    q->cq_irq = flags >> 1 & 1;
    q->cq_vector = vector;
    return NVME_OK;
}

static uint16_t create_sq(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint16_t id = nvme_cdw(r, 10), cq = nvme_cdw(r, 11) >> 16;
    uint32_t size = (nvme_cdw(r, 10) >> 16) + 1, flags = nvme_cdw(r, 11) & 0xffff;
    uint64_t base = nvme_cdq(r, 6);

    if (cq == 0 || cq >= s->n_queues || !s->queue[cq].cq_on) {
        return NVME_CQ_INVALID | NVME_DNR;
    }
    if (id == 0 || id >= s->n_queues || s->queue[id].sq_on) {
        return NVME_QID_INVALID | NVME_DNR;
    }
    if (size < 2 || size > s->mqes + 1u) {
        return NVME_QUEUE_SIZE | NVME_DNR;
    }
    if (!(flags & 1) || (s->cc >> 16 & 15) != SQE_LOG2) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (base == 0 || (base & (nvme_page_size(s) - 1))) {
        return NVME_PRP_OFFSET | NVME_DNR;
    }
    NvmeQueue *q = &s->queue[id];
    q->sq_on = true;
    q->sq_base = base;
    q->sq_size = size;
    q->sq_head = q->sq_tail = 0;
    q->sq_cq = cq;
    return NVME_OK;
}

static uint16_t delete_sq(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint16_t id = nvme_cdw(r, 10);

    if (id == 0 || id >= s->n_queues || !s->queue[id].sq_on || s->queue[id].sq_delete) {
        return NVME_QID_INVALID | NVME_DNR;
    }
    nvme_held_abort(s, id);
    if (s->queue[id].sq_busy > 0) {
        s->queue[id].sq_delete = r;
        return NVME_PENDING;
    }
    s->queue[id].sq_on = false;
    return NVME_OK;
}

static uint16_t delete_cq(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint16_t id = nvme_cdw(r, 10);

    if (id == 0 || id >= s->n_queues || !s->queue[id].cq_on) {
        return NVME_QID_INVALID | NVME_DNR;
    }
    for (uint32_t i = 1; i < s->n_queues; i++) {
        if (s->queue[i].sq_on && s->queue[i].sq_cq == id) {
            return NVME_QUEUE_DELETION | NVME_DNR;
        }
    }
    s->queue[id].cq_on = false;
    return NVME_OK;
}

/* ---- Identify, 5.15 ---- */

static void put_text(uint8_t *at, unsigned len, const char *text)
{
    unsigned n = strlen(text);

    memset(at, ' ', len);
    memcpy(at, text, MIN(n, len));
}

static void identify_controller(NvmeState *s, uint8_t *d)
{
    uint64_t total = 0;

    for (unsigned i = 1; i <= NVME_NS_MAX; i++) {
        total += s->ns[i] ? s->ns[i]->blocks << s->ns[i]->lba_shift : 0;
    }
    pci_put16(d, pci_get16(s->pci->config + PCI_VENDOR_ID));
    pci_put16(d + 2, pci_get16(s->pci->config + PCI_SUBSYSTEM_VENDOR));
    put_text(d + 4, 20, s->serial);
    put_text(d + 24, 40, s->model ? s->model : "QEMU NVMe Ctrl");
    put_text(d + 64, 8, s->firmware_version ? s->firmware_version : "1.0");
    d[72] = 6;                       /* RAB */
    memcpy(d + 73, "\0\x54\x52", 3); /* IEEE */
    d[77] = s->mdts;
    pci_put32(d + 80, 0x00010400); /* VER */
    d[111] = 1;                    /* CNTRLTYPE: I/O */
    d[258] = 3;                    /* ACL */
    d[259] = s->aerl;
    d[260] = 3;               /* FRMW: one slot, read-only */
    d[261] = 1 << 1 | 1 << 2; /* LPA: effects log, offsets in log pages */
    d[262] = NVME_ERRORS - 1; /* ELPE */
    pci_put16(d + 266, TEMPERATURE_TOP);
    pci_put16(d + 268, TEMPERATURE_TOP + 30);
    pci_put32(d + 280, total); /* TNVMCAP */
    pci_put32(d + 284, total >> 32);
    d[512] = SQE_LOG2 << 4 | SQE_LOG2;
    d[513] = CQE_LOG2 << 4 | CQE_LOG2;
    pci_put32(d + 516, NVME_NS_MAX);
    /* ONCS: Compare, Dataset Management, Write Zeroes, Select in Get Features, Timestamp. */
    pci_put16(d + 520, 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6);
    /* VWC: there may be a cache; a flush may name all namespaces. */
    d[525] = 7;
    g_snprintf((char *)d + 768, 256, "nqn.2019-08.org.qemu:%.200s", s->serial);
    pci_put16(d + 2048, 2500); /* PSD0: 25 W at most; latencies in microseconds */
    pci_put32(d + 2048 + 4, 16);
    pci_put32(d + 2048 + 8, 4);
}

static void identify_list(const NvmeState *s, uint32_t after, uint8_t *d)
{
    for (uint32_t i = after + 1, n = 0; i <= NVME_NS_MAX && n < 1024; i++) {
        if (s->ns[i]) {
            pci_put32(d + 4 * n++, i);
        }
    }
}

/* Namespace identification descriptors, figure 249. */
static void identify_names(const NvmeNs *ns, uint8_t *d)
{
    if (ns->eui64) {
        d[0] = 1;
        d[1] = 8;
        for (unsigned i = 0; i < 8; i++) {
            d[4 + i] = ns->eui64 >> (56 - 8 * i);
        }
        d += 12;
    }
    if (ns->has_nguid) {
        d[0] = 2;
        d[1] = 16;
        memcpy(d + 4, ns->nguid_bytes, 16);
        d += 20;
    }
    d[0] = 3;
    d[1] = 16;
    memcpy(d + 4, ns->uuid_bytes, 16);
}

static uint16_t identify(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint8_t cns = nvme_cdw(r, 10);
    uint32_t nsid = nvme_cdw(r, 1), controller = nvme_cdw(r, 10) >> 16;
    g_autofree uint8_t *d = g_malloc0(IDENTIFY_SIZE);
    const NvmeNs *ns = nvme_ns(s, nsid);

    switch (cns) {
    case 0x00: /* namespace; one that is not active is all zeroes */
    case 0x11: /* the same if it is allocated */
        if (!nvme_nsid_valid(nsid) || (nsid == NVME_NSID_ALL && cns == 0x11)) {
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        }
        if (ns) {
            nvme_ns_identify(ns, d);
        } else if (nsid == NVME_NSID_ALL) {
            d[128 + 2] = 9; /* what all namespaces have in common: no more than the format */
        }
        break;
    case 0x01:
        identify_controller(s, d);
        break;
    case 0x02: /* active, and */
    case 0x10: /* allocated namespaces */
        if (nsid >= NVME_NSID_ALL - 1) {
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        }
        identify_list(s, nsid, d);
        break;
    case 0x03:
        if (!ns) {
            return NVME_INVALID_NAMESPACE | NVME_DNR;
        }
        identify_names(ns, d);
        break;
    case 0x12: /* controllers of a namespace, and */
        if (!ns) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        /* fall through */
    case 0x13: /* of the subsystem: number 0 alone */
        pci_put16(d, controller == 0);
        break;
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return nvme_give(r, d, IDENTIFY_SIZE);
}

/* ---- log pages, 5.14 ---- */

static void health_log(NvmeState *s, uint8_t *d)
{
    uint64_t hours = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) / NS_PER_SEC / 3600;
    /* 1000 blocks of 512 bytes, rounded up. */
    uint64_t values[] = {(s->blocks_read + 999) / 1000, (s->blocks_written + 999) / 1000, s->reads,
                         s->writes};

    pci_put16(d + 1, TEMPERATURE);
    d[3] = 100; /* spare, */
    d[4] = 10;  /*   and its threshold */
    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        pci_put32(d + 32 + 16 * i, values[i]);
        pci_put32(d + 36 + 16 * i, values[i] >> 32);
    }
    pci_put32(d + 128, hours);
    pci_put32(d + 160, s->media_errors);
    pci_put32(d + 164, s->media_errors >> 32);
    pci_put32(d + 176, s->n_errors);
    pci_put32(d + 180, s->n_errors >> 32);
}

/* Figure 199: supported; changes contents. */
static void effects_log(uint8_t *d)
{
    static const uint8_t admin[] = {ADMIN_DELETE_SQ,  ADMIN_CREATE_SQ,    ADMIN_GET_LOG,
                                    ADMIN_DELETE_CQ,  ADMIN_CREATE_CQ,    ADMIN_IDENTIFY,
                                    ADMIN_ABORT,      ADMIN_SET_FEATURES, ADMIN_GET_FEATURES,
                                    ADMIN_ASYNC_EVENT};

    for (unsigned i = 0; i < G_N_ELEMENTS(admin); i++) {
        pci_put32(d + 4 * admin[i], 1);
    }
    for (unsigned op = 0; op < 16; op++) {
        /* flush, write, read, compare; write zeroes, dataset management */
        if (0x0327 >> op & 1) {
            pci_put32(d + 1024 + 4 * op, op == 1 || op >= 8 ? 3 : 1);
        }
    }
}

static uint16_t get_log(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint32_t c10 = nvme_cdw(r, 10), nsid = nvme_cdw(r, 1);
    uint8_t id = c10;
    bool keep = c10 >> 15 & 1; /* retain asynchronous event */
    uint64_t dwords = ((c10 >> 16) | (uint64_t)(nvme_cdw(r, 11) & 0xffff) << 16) + 1;
    uint64_t offset = nvme_cdq(r, 12);
    uint32_t size, type;
    g_autofree uint8_t *d = g_malloc0(4096);

    switch (id) {
    case LOG_ERROR:
        size = sizeof(s->errors);
        memcpy(d, s->errors, size);
        type = 0;
        break;
    case LOG_HEALTH:
        if (nsid != NVME_NSID_ALL && nsid != 0) {
            return NVME_INVALID_FIELD | NVME_DNR; /* there is none of a single namespace */
        }
        size = 512;
        health_log(s, d);
        type = 1;
        break;
    case LOG_FIRMWARE:
        size = 512;
        d[0] = 1;
        put_text(d + 8, 8, s->firmware_version ? s->firmware_version : "1.0");
        type = 2;
        break;
    case LOG_EFFECTS:
        size = 4096;
        effects_log(d);
        type = 7;
        break;
    default:
        return NVME_LOG_PAGE_INVALID | NVME_DNR;
    }
    if (offset >= size || (offset & 3)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    uint16_t status = nvme_give(r, d + offset, MIN(dwords * 4, size - offset));
    if (status == NVME_OK && !keep) {
        s->events_masked &= ~(1u << type);
        nvme_events_send(s);
    }
    return status;
}

/* ---- features, 5.12 and 5.21 ---- */

void nvme_features_reset(NvmeState *s)
{
    s->arbitration = 0;
    s->power = 0;
    s->temp_over = TEMPERATURE_TOP;
    s->temp_under = 0;
    s->error_recovery = 0;
    s->coalescing = 0;
    s->write_atomicity = 0;
    s->event_config = 0;
    s->time = s->time_set = 0;
    s->time_origin = 0;
    memset(s->vector_config, 0, s->vector_config_count);
    s->write_cache = false;
    for (unsigned i = 1; i <= NVME_NS_MAX; i++) {
        s->write_cache |= s->ns[i] && s->ns[i]->conf.wce;
    }
}

static uint64_t now_ms(const NvmeState *s)
{
    return clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) / NS_PER_MS;
}

static uint16_t give_timestamp(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint64_t t = s->time + now_ms(s) - s->time_set;
    uint8_t d[8] = {0};

    pci_put32(d, t);
    pci_put16(d + 4, t >> 32);
    d[6] = s->time_origin << 1;
    return nvme_give(r, d, sizeof(d));
}

static uint16_t take_timestamp(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint8_t d[8];
    uint16_t status = nvme_take(r, d, sizeof(d));

    if (status == NVME_OK) {
        s->time = pci_get64(d) & UINT64_C(0xffffffffffff);
        s->time_set = now_ms(s);
        s->time_origin = 1;
    }
    return status;
}

static bool feature_of_namespace(uint8_t id)
{
    return id == FEATURE_ERROR_RECOVERY;
}

static bool feature_known(uint8_t id)
{
    return (id >= FEATURE_ARBITRATION && id <= FEATURE_EVENTS && id != 3) ||
           id == FEATURE_TIMESTAMP;
}

static uint32_t queues_feature(const NvmeState *s)
{
    return (s->max_ioqpairs - 1) | (s->max_ioqpairs - 1) << 16;
}

static uint16_t feature_value(NvmeReq *r, uint8_t id, bool def, uint32_t *val)
{
    NvmeState *s = r->s;
    uint32_t c11 = nvme_cdw(r, 11);
    bool wce = false;

    switch (id) {
    case FEATURE_ARBITRATION:
        *val = s->arbitration;
        break;
    case FEATURE_POWER:
        *val = s->power;
        break;
    case FEATURE_TEMPERATURE:
        /* The composite temperature is the only sensor. */
        if ((c11 >> 16 & 15) != 0) {
            *val = 0;
            return NVME_OK;
        }
        *val = (c11 >> 20 & 3) == 0   ? def ? TEMPERATURE_TOP : s->temp_over
               : (c11 >> 20 & 3) == 1 ? def ? 0 : s->temp_under
                                      : 0;
        return (c11 >> 20 & 3) > 1 ? NVME_INVALID_FIELD | NVME_DNR : NVME_OK;
    case FEATURE_ERROR_RECOVERY:
        *val = s->error_recovery;
        break;
    case FEATURE_WRITE_CACHE:
        for (unsigned i = 1; i <= NVME_NS_MAX; i++) {
            wce |= s->ns[i] && s->ns[i]->conf.wce;
        }
        *val = def ? wce : s->write_cache;
        return NVME_OK;
    case FEATURE_QUEUES:
        *val = queues_feature(s);
        return NVME_OK;
    case FEATURE_COALESCING:
        *val = s->coalescing;
        break;
    case FEATURE_VECTOR:
        if ((c11 & 0xffff) >= s->vector_config_count) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        *val = (c11 & 0xffff) | (def ? 0 : (uint32_t)s->vector_config[c11 & 0xffff] << 16);
        return NVME_OK;
    case FEATURE_ATOMICITY:
        *val = s->write_atomicity;
        break;
    default:
        *val = s->event_config;
    }
    *val = def ? 0 : *val;
    return NVME_OK;
}

static uint16_t get_features(NvmeReq *r)
{
    uint8_t id = nvme_cdw(r, 10), select = nvme_cdw(r, 10) >> 8 & 7;
    uint32_t nsid = nvme_cdw(r, 1);

    if (!feature_known(id) || select > 3) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (feature_of_namespace(id) && (!nvme_ns(r->s, nsid) || nsid == 0)) {
        return NVME_INVALID_NAMESPACE | NVME_DNR;
    }
    if (select == 3) {
        /* Changeable, not saveable; of a namespace. */
        r->result = 4 | (feature_of_namespace(id) ? 2 : 0);
        return NVME_OK;
    }
    if (id == FEATURE_TIMESTAMP) {
        return give_timestamp(r);
    }
    return feature_value(r, id, select != 0, &r->result);
}

static uint16_t set_temperature(NvmeState *s, uint32_t val)
{
    if ((val >> 16 & 15) != 0 && (val >> 16 & 15) != 15) {
        return NVME_OK; /* of a sensor that is not there */
    }
    switch (val >> 20 & 3) {
    case 0:
        s->temp_over = val;
        break;
    case 1:
        s->temp_under = val;
        break;
    default:
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if ((s->event_config & 2) && (TEMPERATURE >= s->temp_over || TEMPERATURE <= s->temp_under)) {
        nvme_event(s, NVME_EVENT_TEMPERATURE);
    }
    return NVME_OK;
}

static uint16_t set_queues(NvmeReq *r, uint32_t val)
{
    NvmeState *s = r->s;

    for (uint32_t i = 1; i < s->n_queues; i++) {
        if (s->queue[i].sq_on || s->queue[i].cq_on) {
            return NVME_SEQUENCE_ERROR | NVME_DNR;
        }
    }
    if ((val & 0xffff) == 0xffff || val >> 16 == 0xffff) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    r->result = queues_feature(s);
    return NVME_OK;
}

static uint16_t set_features(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint8_t id = nvme_cdw(r, 10);
    uint32_t val = nvme_cdw(r, 11), nsid = nvme_cdw(r, 1);

    if (!feature_known(id)) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (nvme_cdw(r, 10) >> 31) {
        return NVME_FEATURE_NOT_SAVEABLE | NVME_DNR;
    }
    if (feature_of_namespace(id) ? nsid != NVME_NSID_ALL && (!nvme_ns(s, nsid) || nsid == 0)
                                 : nsid != 0 && nsid != NVME_NSID_ALL) {
        return feature_of_namespace(id) || !nvme_ns(s, nsid) ? NVME_INVALID_NAMESPACE | NVME_DNR
                                                             : NVME_FEATURE_NOT_OF_NS | NVME_DNR;
    }
    switch (id) {
    case FEATURE_ARBITRATION:
        s->arbitration = val;
        break;
    case FEATURE_POWER:
        if (val & 0x1f) {
            return NVME_INVALID_FIELD | NVME_DNR; /* there is one state */
        }
        s->power = val & 0xff;
        break;
    case FEATURE_TEMPERATURE:
        return set_temperature(s, val);
    case FEATURE_ERROR_RECOVERY:
        if (val >> 16 & 1) {
            return NVME_INVALID_FIELD | NVME_DNR; /* no errors for deallocated blocks */
        }
        s->error_recovery = val & 0xffff;
        break;
    case FEATURE_WRITE_CACHE:
        s->write_cache = val & 1;
        break;
    case FEATURE_QUEUES:
        return set_queues(r, val);
    case FEATURE_COALESCING:
        s->coalescing = val & 0xffff;
        break;
    case FEATURE_VECTOR:
        if ((val & 0xffff) >= s->vector_config_count) {
            return NVME_INVALID_FIELD | NVME_DNR;
        }
        s->vector_config[val & 0xffff] = val >> 16 & 1;
        break;
    case FEATURE_ATOMICITY:
        s->write_atomicity = val & 1;
        break;
    case FEATURE_EVENTS:
        s->event_config = val & 0xffff;
        break;
    default:
        return take_timestamp(r);
    }
    return NVME_OK;
}

/* ---- asynchronous events, abort ---- */

static uint16_t async_event(NvmeReq *r)
{
    NvmeState *s = r->s;

    if (s->n_aer > s->aerl) {
        return NVME_AER_LIMIT | NVME_DNR;
    }
    s->aer_cid[s->n_aer++] = pci_get16(r->cmd + 2);
    return NVME_SILENT; /* it holds no slot while it waits; nvme_events_send() completes it */
}

/* 5.1: as far as it goes. Commands that are with the disk cannot be called back. */
static uint16_t abort_command(NvmeReq *r)
{
    NvmeState *s = r->s;
    uint16_t sqid = nvme_cdw(r, 10), cid = nvme_cdw(r, 10) >> 16;

    r->result = 1; /* not aborted */
    if (sqid >= s->n_queues || !s->queue[sqid].sq_on) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    for (uint32_t i = 0; sqid == 0 && i < s->n_aer; i++) {
        if (s->aer_cid[i] == cid && nvme_abort_async(s, i)) {
            r->result = 0;
            break;
        }
    }
    return NVME_OK;
}

uint16_t nvme_admin(NvmeReq *r)
{
    switch (r->cmd[0]) {
    case ADMIN_DELETE_SQ:
        return delete_sq(r);
    case ADMIN_CREATE_SQ:
        return create_sq(r);
    case ADMIN_GET_LOG:
        return get_log(r);
    case ADMIN_DELETE_CQ:
        return delete_cq(r);
    case ADMIN_CREATE_CQ:
        return create_cq(r);
    case ADMIN_IDENTIFY:
        return identify(r);
    case ADMIN_ABORT:
        return abort_command(r);
    case ADMIN_SET_FEATURES:
        return set_features(r);
    case ADMIN_GET_FEATURES:
        return get_features(r);
    case ADMIN_ASYNC_EVENT:
        return async_event(r);
    default:
        rhea_log_mask(LOG_GUEST_ERROR, "%s: admin command 0x%02x is not there\n", device_name(r->s),
                      r->cmd[0]);
        return NVME_INVALID_OPCODE | NVME_DNR;
    }
}
