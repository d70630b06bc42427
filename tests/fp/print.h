/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Text and numbers of the vectors' guests, on a put_char() that stands before this is included.
 */
static void put(const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            put_char('\r');
        put_char(*text);
    }
}

static void put_hex(uint64_t value)
{
    int digits = 1;

    while (digits < 16 && value >> (4 * digits))
        digits++;
    while (digits-- > 0)
        put_char("0123456789abcdef"[value >> (4 * digits) & 15]);
}

static void put_number(uint64_t value)
{
    if (value >= 10)
        put_number(value / 10);
    put_char('0' + value % 10);
}
