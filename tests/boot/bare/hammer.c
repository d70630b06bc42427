/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A bare-metal program that writes to a virtio disk until it is stopped from outside: numbered
 * blocks of 4 KiB all over the disk, several at a time, a flush after each batch, and a line
 * "flushed N" after each flush. Block N * 37 mod (number of blocks) holds MAGIC and N.
 *
 * Specification: VIRTIO 1.2, 4.2.4 (legacy MMIO), 2.7.2 (layout of legacy rings), 5.2.
 * Run by tests/boot/suite.py (disk/kill).
 */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;

#define UART   ((volatile unsigned char *)0x10000000)
#define MMIO   0x10001000ul
#define SLOTS  8
#define NUM    64 /* descriptors */
#define BATCH  8
#define BLOCK  4096
#define BLOCKS 16384ul
#define MAGIC  0x6164697265686172ul

struct desc {
    u64 addr;
    u32 len;
    u16 flags, next;
};
static struct {
    struct desc desc[NUM];
    u16 avail_flags, avail_idx, avail[NUM], avail_event;
    char pad[4096 - 16 * NUM - 2 * (NUM + 3)];
    u16 used_flags;
    volatile u16 used_idx;
    struct {
        u32 id, len;
    } used[NUM];
} ring __attribute__((aligned(4096)));
static struct {
    u32 type, zero;
    u64 sector;
} header[BATCH];
static u64 data[BATCH][BLOCK / 8] __attribute__((aligned(4096)));
static volatile unsigned char status[BATCH];
static volatile u32 *regs;

__asm__(".section .text.start\n.globl _start\n_start:\n la sp, stack_end\n call run\n1: j 1b\n"
        ".bss\n.align 12\n.space 16384\nstack_end:\n.text\n");

static void put(const char *s)
{
    for (; *s; s++) {
        *UART = *s;
    }
}

static void put_number(u64 n)
{
    char text[24], *p = text + sizeof(text);

    *--p = 0;
    do {
        *--p = '0' + n % 10;
    } while (n /= 10);
    put(p);
}

/* One request in slot i; len 0: no data. */
static void queue(unsigned i, u32 type, u64 sector, u32 len)
{
    struct desc *d = &ring.desc[3 * i];

    header[i].type = type;
    header[i].sector = sector;
    d[0] = (struct desc){(u64)&header[i], 16, 1, len ? 3 * i + 1 : 3 * i + 2};
    d[1] = (struct desc){(u64)data[i], len, 1, 3 * i + 2};
    d[2] = (struct desc){(u64)&status[i], 1, 2, 0};
    status[i] = 255;
    ring.avail[ring.avail_idx % NUM] = 3 * i;
    __sync_synchronize();
    ring.avail_idx++;
    __sync_synchronize();
}

/* Kick, and wait for all that was queued. */
static int finish(unsigned n)
{
    regs[0x50 / 4] = 0;
    while (ring.used_idx != ring.avail_idx) {
    }
    __sync_synchronize();
    for (unsigned i = 0; i < n; i++) {
        if (status[i]) {
            put("FAIL: status\n");
            return 0;
        }
    }
    return 1;
}

void run(void)
{
    u64 n = 0;

    for (unsigned i = 0; i < SLOTS; i++) {
        regs = (volatile u32 *)(MMIO + 0x1000 * i);
        if (regs[2] == 2) {
            break;
        }
    }
    regs[0x70 / 4] = 0;
    regs[0x70 / 4] = 3;
    regs[0x20 / 4] = 1 << 9; /* flush */
    regs[0x28 / 4] = 4096;
    regs[0x30 / 4] = 0;
    regs[0x38 / 4] = NUM;
    regs[0x3c / 4] = 4096;
    regs[0x40 / 4] = (u64)&ring / 4096;
    regs[0x70 / 4] = 7;
    for (;;) {
        unsigned batch = 1 + n / 3 % BATCH;

        for (unsigned i = 0; i < batch; i++, n++) {
            data[i][0] = MAGIC;
            data[i][1] = n;
            data[i][BLOCK / 8 - 1] = ~n;
            queue(i, 1, n * 37 % BLOCKS * (BLOCK / 512), BLOCK);
        }
        if (!finish(batch)) {
            return;
        }
        queue(0, 4, 0, 0);
        if (!finish(1)) {
            return;
        }
        put("flushed ");
        put_number(n);
        put("\n");
    }
}
