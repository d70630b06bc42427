/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What a CD or DVD drive answers that a disk does not: one finished session with one data track.
 *
 * Specification: MMC-5: 6.5 (GET CONFIGURATION), 6.6 (GET EVENT STATUS NOTIFICATION), 6.17 (READ
 * CD), 6.21 (READ DISC INFORMATION), 6.22 (READ DISC STRUCTURE), 6.25 (READ TOC), 6.26 (READ TRACK
 * INFORMATION); MMC-3, 5.5.10 (capabilities page).
 *
 * Lock: the adapter's. Test: tests/unit/test-scsi.c
 */
#include "hw/scsi/disk.h"

#include <string.h>

enum {
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46,
    GET_EVENT_STATUS = 0x4a,
    READ_DISC_INFORMATION = 0x51,
    READ_TRACK_INFORMATION = 0x52,
    READ_DISC_STRUCTURE = 0xad,
    MECHANISM_STATUS = 0xbd,
    READ_CD = 0xbe,
};

enum { PROFILE_CD_ROM = 0x08, PROFILE_DVD_ROM = 0x10 };
enum { EVENT_NONE = 0, EVENT_NEW_MEDIA = 2, EVENT_MEDIA_REMOVED = 3 };

#define CD_BLOCKS 405000 /* more than a CD of 90 minutes holds: a DVD */
#define LEAD_OUT  0xaa

static bool has_medium(const ScsiDisk *s)
{
    return s->conf.backend && !s->tray_open;
}

static uint16_t profile(const ScsiDisk *s)
{
    return !has_medium(s) ? 0 : s->blocks > CD_BLOCKS ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

void scsi_cd_tray(ScsiDisk *s, bool open)
{
    if (s->tray_open == open) {
        return;
    }
    s->tray_open = open;
    if (s->conf.backend) {
        s->media_event = open ? EVENT_MEDIA_REMOVED : EVENT_NEW_MEDIA;
        if (!open) {
            s->scsi->unit_attention = UA_MEDIUM_CHANGED;
        }
    }
}

/* MMC-3, 5.5.10 */
unsigned scsi_cd_mode_page(const ScsiDisk *s, uint8_t *d)
{
    d[0] = 0x2a;
    d[1] = 20;
    d[2] = 0x3b;                       /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
    d[4] = 0x70;                       /* mode 2, multi-session */
    d[6] = 0x29 | (s->locked ? 2 : 0); /* tray, can be locked, ejects */
    scsi_put16(d + 8, 50 * 176);       /* speeds in kB/s, buffer in KiB */
    scsi_put16(d + 12, 2048);
    scsi_put16(d + 14, 16 * 176);
    return 22;
}

/* An address: blocks, or minutes, seconds and frames from the start of the lead-in. */
static void put_address(uint8_t *at, uint64_t lba, bool msf)
{
    lba = MIN(lba, UINT32_MAX - 150);
    if (!msf) {
        scsi_put32(at, lba);
        return;
    }
    lba += 150;
    at[0] = 0;
    at[1] = MIN(lba / 75 / 60, 255);
    at[2] = lba / 75 % 60;
    at[3] = lba % 75;
}

static unsigned put_track(uint8_t *d, uint8_t track, uint64_t lba, bool msf)
{
    d[1] = 0x14; /* position in Q, data */
    d[2] = track;
    put_address(d + 4, lba, msf);
    return 8;
}

static void read_toc(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[64] = {0, 0, 1, 1}, format = r->cdb[2] & 15, first = r->cdb[6];
    bool msf = r->cdb[1] & 2;
    unsigned n = 4;

    /* Older drivers have the format at the end. */
    format = format ? format : r->cdb[9] >> 6;
    if (!scsi_disk_ready(s, r)) {
        return;
    }
    switch (format) {
    case 0:
        if (first > 1 && first != LEAD_OUT) {
            scsi_fail(r, SENSE_INVALID_FIELD);
            return;
        }
        if (first <= 1) {
            n += put_track(d + n, 1, 0, msf);
        }
        n += put_track(d + n, LEAD_OUT, s->blocks, msf);
        break;
    case 1: /* the first track of the last session */
        n += put_track(d + n, 1, 0, msf);
        break;
    case 2: /* raw: first and last track, lead-out, track 1; all in minutes */
        for (unsigned i = 0; i < 4; i++, n += 11) {
            static const uint8_t point[] = {0xa0, 0xa1, 0xa2, 1};

            d[n] = 1;
            d[n + 1] = 0x14;
            d[n + 3] = point[i];
            if (i < 2) {
                d[n + 8] = 1;
            } else {
                uint8_t at[4];

                put_address(at, i == 2 ? s->blocks : 0, true);
                memcpy(d + n + 8, at + 1, 3);
            }
        }
        break;
    default:
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    scsi_put16(d, n - 2);
    scsi_reply(r, d, n, scsi_get16(r->cdb + 7));
}

/* One feature descriptor, MMC-5, 5.2.2. */
static unsigned put_feature(uint8_t *d, uint16_t code, bool persistent, bool current,
                            const void *data, uint8_t len)
{
    scsi_put16(d, code);
    d[2] = (persistent ? 2 : 0) | (current ? 1 : 0);
    d[3] = len;
    memcpy(d + 4, data, len);
    return 4 + len;
}

static void get_configuration(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[128] = {0}, how = r->cdb[1] & 3;
    uint16_t start = scsi_get16(r->cdb + 2), now = profile(s);
    unsigned n = 8;
    struct {
        uint16_t code;
        bool persistent, current;
        uint8_t len, data[12];
    } features[] = {
        {0x000, true, true, 8, {0, 0x10, now == 0x10, 0, 0, 0x08, now == 0x08, 0}}, /* profiles */
        {0x001, true, true, 8, {0, 0, 0, 1, 0, 0, 0, 0}},                           /* core: SCSI */
        {0x002, true, true, 4, {2, 0, 0, 0}},    /* morphing: OCEvent */
        {0x003, true, true, 4, {0x29, 0, 0, 0}}, /* removable medium: tray, lock, eject */
        {0x010, false, now != 0, 8, {0, 0, 8, 0, 0, 16, 0, 0}}, /* random reads */
        {0x01e, false, now == 0x08, 4, {0, 0, 0, 0}},           /* CD read */
        {0x01f, false, now == 0x10, 4, {0, 0, 0, 0}},           /* DVD read */
    };

    if (how == 3) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        if ((how == 2 ? features[i].code == start : features[i].code >= start) &&
            (how != 1 || features[i].current)) {
            n += put_feature(d + n, features[i].code, features[i].persistent, features[i].current,
                             features[i].data, features[i].len);
        }
    }
    scsi_put32(d, n - 4);
    scsi_put16(d + 6, now);
    scsi_reply(r, d, n, scsi_get16(r->cdb + 7));
}

static void get_event_status(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[8] = {0}, classes = r->cdb[4];

    if (!(r->cdb[1] & 1)) {
        scsi_fail(r, SENSE_INVALID_FIELD); /* only by polling */
        return;
    }
    d[3] = 1 << 4; /* events of media */
    if (!(classes & 1 << 4)) {
        d[2] = 0x80; /* no event available */
        scsi_put16(d, 2);
        scsi_reply(r, d, 4, scsi_get16(r->cdb + 7));
        return;
    }
    d[2] = 4;
    scsi_put16(d, 6);
    d[4] = s->media_event;
    d[5] = (s->tray_open ? 1 : 0) | (has_medium(s) ? 2 : 0);
    s->media_event = EVENT_NONE;
    scsi_reply(r, d, 8, scsi_get16(r->cdb + 7));
}

static void read_disc_information(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[34] = {0};

    if (!scsi_disk_ready(s, r)) {
        return;
    }
    if (r->cdb[1] & 7) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    scsi_put16(d, sizeof(d) - 2);
    d[2] = 0x0e; /* last session and disc complete */
    d[3] = d[4] = d[5] = d[6] = 1;
    d[7] = 0x20;             /* may be used without restrictions */
    memset(d + 16, 0xff, 8); /* no next session, no last lead-out to start */
    scsi_reply(r, d, sizeof(d), scsi_get16(r->cdb + 7));
}

static void read_track_information(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[36] = {0};
    uint32_t number = scsi_get32(r->cdb + 2);

    if (!scsi_disk_ready(s, r)) {
        return;
    }
    if ((r->cdb[1] & 3) == 0 ? number >= s->blocks : (r->cdb[1] & 3) == 3 || number != 1) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    scsi_put16(d, sizeof(d) - 2);
    d[2] = d[3] = 1;
    d[5] = 4; /* data */
    d[6] = 1; /* mode 1 */
    scsi_put32(d + 24, MIN(s->blocks, UINT32_MAX));
    scsi_reply(r, d, sizeof(d), scsi_get16(r->cdb + 7));
}

static void read_disc_structure(ScsiDisk *s, ScsiRequest *r)
{
    g_autofree uint8_t *d = g_malloc0(2052);
    uint32_t allocation = scsi_get16(r->cdb + 8);

    if (!scsi_disk_ready(s, r)) {
        return;
    }
    if (profile(s) != PROFILE_DVD_ROM || r->cdb[6] != 0) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    switch (r->cdb[7]) {
    case 0: /* physical format, MMC-5, 6.22.3.2.1 */
        scsi_put16(d, 2050);
        d[4] = 1;    /* DVD-ROM, part version 1 */
        d[5] = 0x0f; /* 120 mm, rate not said */
        d[6] = 1;    /* one layer, embossed */
        scsi_put32(d + 8, 0x30000);
        scsi_put32(d + 12, 0x30000 + MIN(s->blocks, 0xffffff) - 1);
        scsi_reply(r, d, 2052, allocation);
        break;
    case 1: /* copyright: none */
        scsi_put16(d, 6);
        scsi_reply(r, d, 8, allocation);
        break;
    default:
        scsi_fail(r, SENSE_INVALID_FIELD);
    }
}

static void mechanism_status(ScsiDisk *s, ScsiRequest *r)
{
    uint8_t d[8] = {0};

    d[1] = s->tray_open ? 0x10 : 0;
    d[5] = 1; /* no slots */
    scsi_reply(r, d, sizeof(d), scsi_get16(r->cdb + 8));
}

/* Only user data. */
static void read_cd(ScsiDisk *s, ScsiRequest *r)
{
    uint64_t blocks = (uint32_t)r->cdb[6] << 16 | scsi_get16(r->cdb + 7);
    uint8_t type = r->cdb[1] >> 2 & 7, what = r->cdb[9];

    if (type != 0 && type != 2) {
        scsi_fail(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!(what & 0xf8) || blocks == 0) {
        if (scsi_disk_ready(s, r)) {
            scsi_complete(r);
        }
    } else if ((what & 0xf8) != 0x10 || r->cdb[10]) {
        scsi_fail(r, SENSE_INVALID_FIELD);
    } else {
        scsi_disk_transfer(s, r, scsi_get32(r->cdb + 2), blocks, false);
    }
}

bool scsi_cd_execute(ScsiDisk *s, ScsiRequest *r)
{
    switch (r->cdb[0]) {
    case READ_TOC:
        read_toc(s, r);
        return true;
    case GET_CONFIGURATION:
        get_configuration(s, r);
        return true;
    case GET_EVENT_STATUS:
        get_event_status(s, r);
        return true;
    case READ_DISC_INFORMATION:
        read_disc_information(s, r);
        return true;
    case READ_TRACK_INFORMATION:
        read_track_information(s, r);
        return true;
    case READ_DISC_STRUCTURE:
        read_disc_structure(s, r);
        return true;
    case MECHANISM_STATUS:
        mechanism_status(s, r);
        return true;
    case READ_CD:
        read_cd(s, r);
        return true;
    default:
        return false;
    }
}
