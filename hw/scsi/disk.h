/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What disks and CD drives share: disk.c has the commands of both and of disks, cd.c those of CD
 * drives alone.
 */
#ifndef HW_SCSI_DISK_H
#define HW_SCSI_DISK_H

#include "hw/scsi.h"

#define SCSI_DISK_STATE(F, A, D, N)                                                                \
    SCSI_STATE(N)                                                                                  \
    F(bool, write_cache, false)                                                                    \
    F(bool, stopped, false)                                                                        \
    F(bool, locked, false) /* removal is prevented */                                              \
    F(bool, tray_open, false)                                                                      \
    F(uint8_t, media_event, 0) /* CD: of GET EVENT STATUS NOTIFICATION, told once */

/* clang-format off */
STATE(scsi_disk, ScsiDisk, SCSI_DISK_STATE, BlockConf conf; uint64_t blocks; uint8_t shift;
      bool is_cd;
      /* Properties. */
      char *serial; char *vendor; char *product; char *ver; char *device_id; uint64_t wwn;
      uint64_t port_wwn; uint16_t port_index; int32_t scsi_version; bool removable; bool dpofua;
      uint16_t rotation_rate; uint64_t max_unmap_size; uint64_t max_io_size; uint32_t cyls;
      uint32_t heads; uint32_t secs;)
/* clang-format on */

static inline bool scsi_disk_is_cd(const ScsiDisk *s)
{
    return s->is_cd;
}

/* cd.c: true if the command was one of its own. */
bool scsi_cd_execute(ScsiDisk *s, ScsiRequest *r);
/* Its capabilities page for MODE SENSE; returns the length. */
unsigned scsi_cd_mode_page(const ScsiDisk *s, uint8_t *d);
/* The medium went or came, by the guest's wish. */
void scsi_cd_tray(ScsiDisk *s, bool open);
/* disk.c: is there a medium that can be used? Fails r if not. */
bool scsi_disk_ready(ScsiDisk *s, ScsiRequest *r);
void scsi_disk_transfer(ScsiDisk *s, ScsiRequest *r, uint64_t lba, uint64_t blocks, bool write);

#endif
