/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Until the character devices and machine.c are there. */
#include "io/chardev.h"
#include "softmmu/machine.h"
#define W __attribute__((weak))
W Chardev *chardev_find(CharSet *s, const char *id)
{
    return NULL;
}
W const char *chardev_id(const Chardev *c)
{
    return "";
}
W bool char_attach(CharFront *f, Chardev *chr, GError **err)
{
    return true;
}
W void char_detach(CharFront *f)
{
}
W void char_set_handlers(CharFront *f, const CharHandlers *handlers, void *opaque)
{
}
W size_t char_write(CharFront *f, const void *buf, size_t len)
{
    return len;
}
W void char_accept_input(CharFront *f)
{
}
W void machine_request_reset(Machine *m, ShutdownCause cause)
{
}
W void machine_request_shutdown(Machine *m, ShutdownCause cause, int exit_code)
{
}
