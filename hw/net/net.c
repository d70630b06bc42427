/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * What network cards share; see hw/net.h.
 *
 * Specification: RFC 1071 (sums), 791, 8200, 768, 9293; "Receive Side Scaling" of the Windows
 * driver kit (Toeplitz hash, which Intel's data sheets refer to).
 *
 * Test: tests/unit/test-e1000e.c
 */
#include "hw/net.h"
#include "rhea/error.h"
#include "softmmu/machine.h"

#include <stdio.h>
#include <string.h>

enum { ETH_HEADER = 14, TYPE_IP4 = 0x0800, TYPE_IP6 = 0x86dd, TYPE_VLAN = 0x8100 };
enum {
    PROTO_HOP = 0,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_OPTIONS = 60
};

static bool mac_parse(const char *text, uint8_t *mac)
{
    unsigned b[NET_MAC_SIZE];
    int end = 0;

    if ((sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                &end) != 6 &&
         sscanf(text, "%2x-%2x-%2x-%2x-%2x-%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
                &end) != 6) ||
        text[end]) {
        return false;
    }
    for (unsigned i = 0; i < NET_MAC_SIZE; i++) {
        mac[i] = b[i];
    }
    return true;
}

bool net_card_mac(Device *d, const char *text, uint8_t mac[NET_MAC_SIZE], GError **err)
{
    static const uint8_t first[NET_MAC_SIZE] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    unsigned n = 0;
    Device *other;

    if (text && *text) {
        if (!mac_parse(text, mac)) {
            rhea_error_set(err, "Property '%s.mac' doesn't take value '%s'", d->cls->name, text);
            return false;
        }
        return true;
    }
    for (unsigned i = 0; d->machine && (other = device_at(d->machine, i)); i++) {
        /* What carries another device is not the card itself. */
        n += other->cls->category == DEVICE_NETWORK && !other->cls->backend;
    }
    memcpy(mac, first, NET_MAC_SIZE);
    mac[NET_MAC_SIZE - 1] += n;
    return true;
}

bool net_card_backend(Device *d, const char *netdev, NetBackend **b, GError **err)
{
    *b = NULL;
    if (netdev && *netdev && !(*b = net_find(d->machine, netdev))) {
        rhea_error_set(err, "Property '%s.netdev' can't find value '%s'", d->cls->name, netdev);
        return false;
    }
    return true;
}

/* ---- sums ---- */

uint32_t net_sum(const uint8_t *data, size_t len, uint32_t sum)
{
    uint64_t total = sum;

    for (size_t i = 0; i + 1 < len; i += 2) {
        total += data[i] << 8 | data[i + 1];
    }
    total += len & 1 ? data[len - 1] << 8 : 0;
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return total;
}

uint16_t net_sum_fold(uint32_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* ---- frames ---- */

static unsigned get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static unsigned parse_ip4(const uint8_t *frame, size_t len, NetParts *p)
{
    const uint8_t *ip = frame + p->l3;
    size_t header = len - p->l3 >= 20 ? (ip[0] & 15) * 4 : 0;

    if (header < 20 || ip[0] >> 4 != 4 || get16(ip + 2) < header || get16(ip + 2) > len - p->l3) {
        return UINT8_MAX;
    }
    p->ip4 = true;
    p->ip_sum_good = net_sum_fold(net_sum(ip, header, 0)) == 0xffff;
    p->end = p->l3 + get16(ip + 2);
    p->l4 = p->l3 + header;
    p->fragment = get16(ip + 6) & 0x3fff;
    return ip[9];
}

static unsigned parse_ip6(const uint8_t *frame, size_t len, NetParts *p)
{
    const uint8_t *ip = frame + p->l3;
    unsigned proto;

    if (len - p->l3 < 40 || ip[0] >> 4 != 6 || 40u + get16(ip + 4) > len - p->l3) {
        return UINT8_MAX;
    }
    p->ip6 = true;
    p->end = p->l3 + 40 + get16(ip + 4);
    p->l4 = p->l3 + 40;
    proto = ip[6];
    while ((proto == PROTO_HOP || proto == PROTO_ROUTING || proto == PROTO_OPTIONS ||
            proto == PROTO_FRAGMENT) &&
           p->end - p->l4 >= 8) {
        const uint8_t *h = frame + p->l4;
        size_t size = proto == PROTO_FRAGMENT ? 8 : (h[1] + 1) * 8;

        p->fragment |= proto == PROTO_FRAGMENT;
        proto = h[0];
        if (size > p->end - p->l4) {
            return UINT8_MAX;
        }
        p->l4 += size;
    }
    return proto;
}

void net_parse(const uint8_t *frame, size_t len, NetParts *p)
{
    unsigned type, proto = UINT8_MAX;

    *p = (NetParts){.l3 = ETH_HEADER};
    if (len < ETH_HEADER + 4) {
        return;
    }
    type = get16(frame + 12);
    if (type == TYPE_VLAN) {
        type = get16(frame + 16);
        p->l3 += 4;
    }
    if (len > p->l3 && type == TYPE_IP4) {
        proto = parse_ip4(frame, len, p);
    } else if (len > p->l3 && type == TYPE_IP6) {
        proto = parse_ip6(frame, len, p);
    }
    if (!p->fragment && p->l4) {
        p->tcp = proto == PROTO_TCP && p->end - p->l4 >= 20;
        p->udp = proto == PROTO_UDP && p->end - p->l4 >= 8;
    }
}

bool net_l4_sum_good(const uint8_t *frame, const NetParts *p)
{
    size_t len = p->end - p->l4;
    uint32_t sum = (p->tcp ? PROTO_TCP : PROTO_UDP) + (len >> 16) + (len & 0xffff);

    if (p->udp && get16(frame + p->l4 + 6) == 0) {
        return true;
    }
    sum = p->ip4 ? net_sum(frame + p->l3 + 12, 8, sum) : net_sum(frame + p->l3 + 8, 32, sum);
    return net_sum_fold(net_sum(frame + p->l4, len, sum)) == 0xffff;
}

uint32_t net_rss_hash(const uint8_t *frame, const NetParts *p, bool ports, const uint8_t key[40])
{
    uint8_t input[36];
    size_t n = p->ip4 ? 8 : 32;
    uint32_t hash = 0, window = (uint32_t)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];

    memcpy(input, frame + p->l3 + (p->ip4 ? 12 : 8), n);
    if (ports) {
        memcpy(input + n, frame + p->l4, 4);
        n += 4;
    }
    for (size_t i = 0; i < 8 * n; i++) {
        hash ^= input[i / 8] >> (7 - i % 8) & 1 ? window : 0;
        window = window << 1 | (key[i / 8 + 4] >> (7 - i % 8) & 1);
    }
    return hash;
}
