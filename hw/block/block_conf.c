/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Drive, sizes and error policies of a disk device. See hw/block_conf.h. Main thread, but for
 * block_conf_policy() (any). Test: tests/unit/test-nvme.c, tests/unit/test-virtio.c */
#include "hw/block_conf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "io/drive.h"
#include "io/node.h"
#include "rhea/error.h"
#include "softmmu/json.h"
#include "softmmu/machine.h"

const char *const block_on_error_names[] = {"report", "ignore", "enospc", "stop", "auto", NULL};

static bool block_size_set(uint64_t *size, uint64_t least, uint64_t def, const Device *d,
                           const char *prop, GError **err)
{
    if (*size == 0) {
        *size = def;
    }
    if (*size < least || *size > 2 << 20 || (*size & (*size - 1))) {
        rhea_error_set(err,
                       "Property %s.%s doesn't take value %" PRIu64
                       ": a power of two between %" PRIu64 " B and 2 MiB",
                       d->cls->name, prop, *size, least);
        return false;
    }
    return true;
}

static bool sizes_check(BlockConf *c, const Device *d, uint32_t block, GError **err)
{
    if (!block_size_set(&c->logical_block_size, 512, block, d, "logical_block_size", err) ||
        !block_size_set(&c->physical_block_size, c->logical_block_size, c->logical_block_size, d,
                        "physical_block_size", err)) {
        return false;
    }
    if (c->min_io_size % c->logical_block_size || c->opt_io_size % c->logical_block_size ||
        c->min_io_size / c->logical_block_size > UINT16_MAX ||
        c->opt_io_size / c->logical_block_size > UINT32_MAX) {
        rhea_error_set(err, "min_io_size and opt_io_size must be multiples of the block size that "
                            "fit 16 and 32 bits");
        return false;
    }
    if (c->discard_granularity != UINT32_MAX && c->discard_granularity % c->logical_block_size) {
        rhea_error_set(err, "discard_granularity must be a multiple of the block size");
        return false;
    }
    return true;
}

static bool policies_take(BlockConf *c, OptDict *o, GError **err)
{
    int r = c->rerror, w = c->werror;

    if ((r == ON_ERROR_AUTO && !opt_take_enum(o, "rerror", block_on_error_names, &r, err)) ||
        (w == ON_ERROR_AUTO && !opt_take_enum(o, "werror", block_on_error_names, &w, err))) {
        return false;
    }
    if (r == ON_ERROR_ENOSPC) {
        rhea_error_set(err, "rerror=enospc makes no sense: a read needs no space");
        return false;
    }
    c->on_read_error = r == ON_ERROR_AUTO ? ON_ERROR_REPORT : r;
    c->on_write_error = w == ON_ERROR_AUTO ? ON_ERROR_ENOSPC : w;
    return true;
}

bool block_conf_open(BlockConf *c, Device *d, uint32_t block, bool empty, GError **err)
{
    Machine *m = d->machine;
    GError *why = NULL;
    OptDict *o;

    if (!c->drive && !empty) {
        rhea_error_set(err, "drive property not set");
        return false;
    }
    if (!sizes_check(c, d, block, err)) {
        return false;
    }
    if (!c->drive) {
        return true;
    }
    c->backend = drive_open(m, c->drive, c->share_rw, &o, &why);
    if (!c->backend) {
        if (g_str_has_prefix(why->message, "can't find")) {
            g_prefix_error(&why, "Property '%s.drive' ", d->cls->name);
        }
        g_propagate_error(err, why);
        return false;
    }
    c->machine = m;
    drive_use(m, c->backend)->path = device_path(d);
    const Device *owner = d->lock_owner && d->lock_owner->backend == d ? d->lock_owner : d;
    drive_use(m, c->backend)->qdev = g_strdup(owner->id);
    c->synchronous = m->icount_shift != -1;
    c->wce = c->write_cache == ONOFFAUTO_AUTO ? block_is_writeback(c->backend)
                                              : c->write_cache == ONOFFAUTO_ON;
    if (!policies_take(c, o, err) || !opt_check_unused(o, err)) {
        block_conf_close(c);
        return false;
    }
    return true;
}

void block_conf_close(BlockConf *c)
{
    if (c->backend) {
        drive_close(c->machine, c->backend);
        c->backend = NULL;
    }
}

/* BLOCK_IO_ERROR, which main's thread tells, if the drive is still there. */
typedef struct IoError {
    Machine *m;
    BlockBackend *backend;
    bool write;
    int error;
    BlockOnError action;
} IoError;

static void error_tell(void *opaque)
{
    static const char *const actions[] = {
        [ON_ERROR_REPORT] = "report", [ON_ERROR_IGNORE] = "ignore", [ON_ERROR_STOP] = "stop"};
    IoError *e = opaque;
    DriveUse *u = drive_use(e->m, e->backend);
    const char *node = u ? block_top(u->backend)->name : NULL;

    if (u) {
        g_autoptr(GString) name = g_string_new(NULL);

        u->error = e->action == ON_ERROR_STOP ? e->error : u->error;
        node = node || !u->row ? node : opt_get(u->row, "node-name");
        if (node) {
            json_add(name, ", 'node-name': %s", node);
        }
        machine_event(e->m, "BLOCK_IO_ERROR",
                      "{'qom-path': %s, 'device': %s, 'operation': %s, 'action': %s, 'nospace': "
                      "%b, 'reason': %s%r}",
                      u->path, u->id ? u->id : "", e->write ? "write" : "read", actions[e->action],
                      e->error == ENOSPC, g_strerror(e->error), name->str);
    }
    g_free(e);
}

BlockOnError block_conf_policy(const BlockConf *c, bool write, int error)
{
    BlockOnError policy = write ? c->on_write_error : c->on_read_error;

    if (policy == ON_ERROR_ENOSPC) {
        policy = error == ENOSPC ? ON_ERROR_STOP : ON_ERROR_REPORT;
    }
    if (c->machine->qmp && c->machine->loop) {
        IoError *e = g_new(IoError, 1);

        *e = (IoError){c->machine, c->backend, write, error, policy};
        mainloop_post(c->machine->loop, error_tell, e);
    }
    return policy;
}

uint64_t block_conf_discard_unit(const BlockConf *c)
{
    return c->discard_granularity == UINT32_MAX
               ? c->logical_block_size
               : MAX(c->discard_granularity, c->logical_block_size);
}
