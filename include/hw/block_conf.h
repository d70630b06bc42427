/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What all guest devices that carry a disk share: which drive, the sizes that the guest is told,
 * cache mode and what happens on errors.
 *
 * A device has a BlockConf `conf` among its members and BLOCK_PROPS(conf) among its properties,
 * with BLOCK_ERROR_PROPS(conf) if it can stop the machine on an error; realize() calls
 * block_conf_open(), unrealize() block_conf_close(). Test: tests/unit/test-nvme.c
 */
#ifndef HW_BLOCK_CONF_H
#define HW_BLOCK_CONF_H

#include "hw/bootorder.h"
#include "io/block.h"

typedef enum BlockOnError {
    ON_ERROR_REPORT,
    ON_ERROR_IGNORE,
    ON_ERROR_ENOSPC,
    ON_ERROR_STOP,
    ON_ERROR_AUTO,
} BlockOnError;

typedef struct BlockConf {
    /* Properties. */
    char *drive;
    uint64_t logical_block_size, physical_block_size; /* bytes */
    uint64_t min_io_size, opt_io_size;                /* bytes */
    uint64_t discard_granularity;                     /* bytes; UINT32_MAX: not said */
    int write_cache, rerror, werror;
    bool share_rw;
    int32_t bootindex; /* BOOT_PROP() */
    /* Since block_conf_open(). */
    BlockBackend *backend; /* NULL: no medium */
    Machine *machine;
    bool synchronous;      /* requests finish inside block_submit() */
    bool wce;              /* the guest sees a volatile write cache after reset */
    BlockOnError on_read_error, on_write_error; /* not AUTO */
} BlockConf;

extern const char *const block_on_error_names[];

#define BLOCK_PROPS(conf)                                                                          \
    PROP("drive", DRIVE, conf.drive, NULL, PUBLIC,                                                 \
         "Node name or ID of a block device to use as a backend"),                                 \
        PROP("logical_block_size", SIZE, conf.logical_block_size, "0", PUBLIC,                     \
             "A power of two between 512 B and 2 MiB"),                                            \
        PROP("physical_block_size", SIZE, conf.physical_block_size, "0", PUBLIC,                   \
             "A power of two between 512 B and 2 MiB"),                                            \
        PROP("min_io_size", SIZE, conf.min_io_size, "0", PUBLIC, "bytes"),                         \
        PROP("opt_io_size", SIZE, conf.opt_io_size, "0", PUBLIC, "bytes"),                         \
        PROP("discard_granularity", SIZE, conf.discard_granularity, "4294967295", PUBLIC,          \
             "bytes; 4294967295: a block"),                                                        \
        PROP("write-cache", ONOFFAUTO, conf.write_cache, "auto", PUBLIC, "on/off/auto"),           \
        PROP("share-rw", BOOL, conf.share_rw, "off", PUBLIC, "on/off")

#define BLOCK_ERROR_PROPS(conf)                                                                    \
    PROP("rerror", ENUM, conf.rerror, "auto", PUBLIC,                                              \
         "Error handling policy (report/ignore/enospc/stop/auto)",                                 \
         .values = block_on_error_names),                                                          \
        PROP("werror", ENUM, conf.werror, "auto", PUBLIC,                                          \
             "Error handling policy (report/ignore/enospc/stop/auto)",                             \
             .values = block_on_error_names)

/*
 * Open the drive and check the sizes, whose default is a block of `block` bytes. Without drive= the
 * backend stays NULL if `empty` is allowed, else that is an error.
 */
bool block_conf_open(BlockConf *c, Device *d, uint32_t block, bool empty, GError **err);
void block_conf_close(BlockConf *c);
/* REPORT, IGNORE or STOP for an error (an errno) of a request. */
BlockOnError block_conf_policy(const BlockConf *c, bool write, int error);
/* Bytes of the unit of discards. */
uint64_t block_conf_discard_unit(const BlockConf *c);

#endif
