/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What the parts of the NVMe controller share: nvme.c (registers, queues, completion), admin.c,
 * io.c (NVM commands), ns.c (namespaces).
 *
 * Specification: NVM Express Base 1.4; section numbers in these files are its own.
 *
 * A command is taken from its submission queue only when there is a slot for it and room for its
 * completion: cq_reserved counts entries that are promised. So no completion ever waits, and what
 * is under way is bounded. All of this is under the controller's lock; only the data moves without.
 */
#ifndef HW_NVME_PRIVATE_H
#define HW_NVME_PRIVATE_H

#include "hw/block_conf.h"
#include "hw/pci.h"

#define NVME_SLOTS      256 /* commands under way */
#define NVME_NS_MAX     256
#define NVME_QUEUES_MAX 2048 /* with the admin queue */
#define NVME_AERL_MAX   16
#define NVME_EVENTS_MAX 64
#define NVME_SQE_SIZE   64
#define NVME_CQE_SIZE   16
#define NVME_HELD_WORDS 9 /* of a held command: its queue, and the 64 bytes */
#define NVME_ERRORS     4 /* entries of the error log */
#define NVME_NSID_ALL   UINT32_MAX

/* Status: type << 8 | code, figures 126 to 128 of 4.6.1; and the flags beside them. */
enum {
    NVME_OK = 0,
    NVME_INVALID_OPCODE = 0x01,
    NVME_INVALID_FIELD = 0x02,
    NVME_DATA_TRANSFER_ERROR = 0x04,
    NVME_INTERNAL_ERROR = 0x06,
    NVME_ABORT_REQUESTED = 0x07,
    NVME_ABORTED_SQ_DELETION = 0x08,
    NVME_INVALID_NAMESPACE = 0x0b,
    NVME_SEQUENCE_ERROR = 0x0c,
    NVME_PRP_OFFSET = 0x13,
    NVME_WRITE_PROTECTED = 0x20,
    NVME_LBA_RANGE = 0x80,
    NVME_CAPACITY_EXCEEDED = 0x81,
    NVME_CQ_INVALID = 0x100,
    NVME_QID_INVALID = 0x101,
    NVME_QUEUE_SIZE = 0x102,
    NVME_AER_LIMIT = 0x105,
    NVME_VECTOR_INVALID = 0x108,
    NVME_LOG_PAGE_INVALID = 0x109,
    NVME_QUEUE_DELETION = 0x10c,
    NVME_FEATURE_NOT_SAVEABLE = 0x10d,
    NVME_FEATURE_NOT_CHANGEABLE = 0x10e,
    NVME_FEATURE_NOT_OF_NS = 0x10f,
    NVME_WRITE_FAULT = 0x280,
    NVME_READ_ERROR = 0x281,
    NVME_COMPARE_FAILURE = 0x285,
    NVME_STATUS_MASK = 0x7ff,
    NVME_DNR = 0x4000,     /* a retry would fail, too */
    NVME_SILENT = 0xfffe,  /* it ends without a completion */
    NVME_PENDING = 0xffff, /* of handlers: the command completes later */
};

/* Asynchronous events, 5.2: type | information << 8 | log page << 16. */
enum {
    NVME_EVENT_DOORBELL_REGISTER = 0x010000,
    NVME_EVENT_DOORBELL_VALUE = 0x010100,
    NVME_EVENT_TEMPERATURE = 0x020101,
};

typedef struct NvmeState NvmeState;
typedef struct NvmeReq NvmeReq;

/* A submission and a completion queue of the same number, which need not belong together. */
#define NVME_QUEUE_STATE(F, A, D, N)                                                               \
    F(bool, sq_on, false)                                                                          \
    F(uint64_t, sq_base, 0)                                                                        \
    F(uint32_t, sq_size, 0) /* entries */                                                          \
    F(uint32_t, sq_head, 0)                                                                        \
    F(uint32_t, sq_tail, 0)                                                                        \
    F(uint16_t, sq_cq, 0) /* where it completes */                                                 \
    F(bool, cq_on, false)                                                                          \
    F(uint64_t, cq_base, 0)                                                                        \
    F(uint32_t, cq_size, 0)                                                                        \
    F(uint32_t, cq_head, 0)                                                                        \
    F(uint32_t, cq_tail, 0)                                                                        \
    F(bool, cq_phase, true)                                                                        \
    F(bool, cq_irq, false)                                                                         \
    F(uint16_t, cq_vector, 0)

SUBSTATE(nvme_queue, NvmeQueue, NVME_QUEUE_STATE, uint32_t sq_busy; /* commands under way */
         uint32_t cq_reserved; bool cq_news; /* an interrupt is due when nvme_run() ends */
         NvmeReq * sq_delete;
         /* the command that waits for sq_busy 0 */)

typedef struct NvmeNs {
    Device dev;
    BlockConf conf;
    NvmeState *ctrl;
    uint8_t lba_shift;
    uint64_t blocks;
    uint8_t uuid_bytes[16], nguid_bytes[16];
    bool has_nguid;
    /* Properties. */
    uint32_t nsid;
    char *uuid, *nguid;
    uint64_t eui64;
    bool shared, detached;
} NvmeNs;

#define NVME_STATE(F, A, D, N)                                                                     \
    PCI_STATE(N)                                                                                   \
    F(uint32_t, intms, 0)                                                                          \
    F(uint32_t, cc, 0)                                                                             \
    F(uint32_t, csts, 0)                                                                           \
    F(uint32_t, aqa, 0)                                                                            \
    F(uint64_t, asq, 0)                                                                            \
    F(uint64_t, acq, 0)                                                                            \
    /* Features, 5.21.1 */                                                                         \
    F(uint32_t, arbitration, 0)                                                                    \
    F(uint32_t, power, 0)                                                                          \
    F(uint16_t, temp_over, 343) /* kelvins */                                                      \
    F(uint16_t, temp_under, 0)                                                                     \
    F(uint32_t, error_recovery, 0)                                                                 \
    F(bool, write_cache, KEEP)                                                                     \
    F(uint32_t, coalescing, 0)                                                                     \
    F(uint32_t, write_atomicity, 0)                                                                \
    F(uint32_t, event_config, 0)                                                                   \
    F(uint64_t, time, 0)     /* as it was set, ms */                                               \
    F(uint64_t, time_set, 0) /* when: CLK_VIRTUAL, ns */                                           \
    F(uint8_t, time_origin, 0)                                                                     \
    D(uint8_t, vector_config, vector_config_count, 0)                                              \
    /* Asynchronous events */                                                                      \
    A(uint16_t, aer_cid, NVME_AERL_MAX, 0)                                                         \
    F(uint32_t, n_aer, 0)                                                                          \
    A(uint32_t, events, NVME_EVENTS_MAX, 0)                                                        \
    F(uint32_t, n_events, 0)                                                                       \
    F(uint8_t, events_masked, 0) /* types that wait for their log page to be read */               \
    /* Health */                                                                                   \
    F(uint64_t, blocks_read, KEEP) /* of 512 bytes */                                              \
    F(uint64_t, blocks_written, KEEP)                                                              \
    F(uint64_t, reads, KEEP)                                                                       \
    F(uint64_t, writes, KEEP)                                                                      \
    F(uint64_t, media_errors, KEEP)                                                                \
    F(uint64_t, n_errors, KEEP)                                                                    \
    A(uint8_t, errors, NVME_ERRORS * 64, KEEP)                                                     \
    /* Commands that failed where the policy is to stop the machine */                             \
    F(uint32_t, n_held, 0)                                                                         \
    D(uint64_t, held, held_words, 0)

STATE_PARTS(nvme, NvmeState, NVME_STATE, NvmeQueue, queue, n_queues, nvme_queue, uint32_t n_queues;
            uint32_t held_words; uint32_t vector_config_count; uint32_t n_doorbells; MemRegion bar;
            DeviceBus bus; NvmeNs * ns[NVME_NS_MAX + 1]; /* by number */
            unsigned n_busy;                             /* slots in use */
            uint32_t epoch;   /* of reset and load: commands of an older one have no effect */
            bool resetting;   /* CC.EN fell or the function was reset, and commands are under way */
            bool synchronous; /* requests finish inside block_submit() */
            bool draining;    /* somebody waits for them, with the lock given up */
            bool running, again, news; /* in nvme_run(); some queue has cq_news */
            unsigned next_queue;       /* that is looked at first */
            BlockRequest shutdown_io; uint32_t shutdown_ns; /* whose cache is being flushed */
            /* Properties. */
            BlockConf conf; char *serial; char *model; char *firmware_version;
            uint32_t max_ioqpairs; uint32_t num_queues; uint16_t msix_qsize; uint16_t mqes;
            uint8_t mdts; uint8_t aerl; uint32_t aer_max_queued; bool use_intel_id; bool ioeventfd;)

/* A command under way. */
struct NvmeReq {
    NvmeState *s;
    uint8_t cmd[NVME_SQE_SIZE];
    uint16_t sqid, cqid;
    uint32_t epoch;
    uint32_t result; /* dword 0 of the completion */
    NvmeNs *ns;
    BlockRequest io;
    struct iovec *iov; /* guest memory, */
    int niov;
    uint64_t iov_len;
    uint8_t *bounce; /* compare: what the disk holds; dataset management: the ranges */
    struct iovec bounce_iov;
    uint32_t step; /* of a command with several requests */
};

static inline uint32_t nvme_cdw(const NvmeReq *r, unsigned n)
{
    return pci_get32(r->cmd + 4 * n);
}

static inline uint64_t nvme_cdq(const NvmeReq *r, unsigned n)
{
    return pci_get64(r->cmd + 4 * n);
}

static inline uint32_t nvme_page_size(const NvmeState *s)
{
    return 4096u << (s->cc >> 7 & 15);
}

static inline NvmeNs *nvme_ns(NvmeState *s, uint32_t nsid)
{
    return nsid <= NVME_NS_MAX ? s->ns[nsid] : NULL;
}

/* Is this one of the numbers that a namespace may have? */
static inline bool nvme_nsid_valid(uint32_t nsid)
{
    return nsid && (nsid <= NVME_NS_MAX || nsid == NVME_NSID_ALL);
}

/* nvme.c */
/* The command ends: status as above. Frees r. */
void nvme_complete(NvmeReq *r, uint16_t status);
/* Find the guest's memory for `len` bytes: 0, or a status. */
uint16_t nvme_map(NvmeReq *r, uint64_t len, bool to_guest);
/* The device wrote what was mapped. */
void nvme_mapped_written(NvmeReq *r);
/* Answer with len bytes of data: a status. */
uint16_t nvme_give(NvmeReq *r, const void *data, uint32_t len);
/* Take len bytes of parameters: a status. */
uint16_t nvme_take(NvmeReq *r, void *data, uint32_t len);
void nvme_event(NvmeState *s, uint32_t event);
/* Send what can be sent. */
void nvme_events_send(NvmeState *s);
/* Complete the i-th event request that waits as aborted; false: not now. */
bool nvme_abort_async(NvmeState *s, uint32_t i);
void nvme_error_log(NvmeState *s, uint16_t sqid, uint16_t cid, uint16_t status, uint64_t lba,
                    uint32_t nsid);
/* Keep the command until the machine goes on. */
void nvme_hold(NvmeReq *r);
/* Wait for all commands under way; they have no effect. Without the lock. */
void nvme_forget_commands(NvmeState *s);
/* Those of a queue that is to be deleted. */
void nvme_held_abort(NvmeState *s, uint16_t sqid);

/* admin.c and io.c: a status, or NVME_PENDING. */
uint16_t nvme_admin(NvmeReq *r);
uint16_t nvme_io(NvmeReq *r);
void nvme_features_reset(NvmeState *s);

/* ns.c */
extern const char nvme_bus_type[];
bool nvme_bus_init(NvmeState *s, GError **err);
void nvme_ns_identify(const NvmeNs *ns, uint8_t *data);

#endif
