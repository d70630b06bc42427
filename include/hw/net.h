/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* What network cards share: their addresses, checksums, the parts of a frame, receive-side hash. */
#ifndef HW_NET_H
#define HW_NET_H

#include "hw/device.h"
#include "io/net.h"

#define NET_MAC_SIZE 6

/* The card's address: what mac= says, or 52:54:00:12:34:56 and up, in the order of the cards. */
bool net_card_mac(Device *d, const char *text, uint8_t mac[NET_MAC_SIZE], GError **err);
/* What netdev= names; NULL without an error if it is not given. */
bool net_card_backend(Device *d, const char *netdev, NetBackend **b, GError **err);

/* One's complement sum of 16-bit big-endian words, to be folded; an odd last byte is padded. */
uint32_t net_sum(const uint8_t *data, size_t len, uint32_t sum);
uint16_t net_sum_fold(uint32_t sum);

/* Where things are in a frame. */
typedef struct NetParts {
    bool ip4, ip6, tcp, udp;
    bool fragment;    /* then neither tcp nor udp */
    bool ip_sum_good; /* with ip4 */
    size_t l3, l4;    /* offsets; l4 is 0 if it is not known */
    size_t end;       /* of the IP packet in the frame */
} NetParts;
void net_parse(const uint8_t *frame, size_t len, NetParts *p);
/* The TCP or UDP checksum of a whole packet is right; 0 (UDP) counts as right. */
bool net_l4_sum_good(const uint8_t *frame, const NetParts *p);

/* Toeplitz hash of addresses, and ports if `ports`; key of 40 bytes. */
uint32_t net_rss_hash(const uint8_t *frame, const NetParts *p, bool ports, const uint8_t key[40]);

#endif
