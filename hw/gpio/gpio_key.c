/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A push button: pressed by the board, it holds its line high for a tenth of a second. That is what
 * Linux's gpio-keys (Documentation/devicetree/bindings/input/gpio-keys.yaml) takes for the power
 * button behind a PL061.
 *
 * Invariants: the timer is pending exactly while the line is high.
 * Test: tests/unit/test-primecell.c
 */
#include "hw/gpio/gpio_key.h"
#include "hw/device.h"
#include "softmmu/machine.h"

#define PRESS_NS (100 * NS_PER_MS)

#define GPIO_KEY_STATE(F, A, D, N)                                                                 \
    F(int64_t, left, -1) /* ns that the key stays down; set by pre_save */

STATE(gpio_key, GpioKeyState, GPIO_KEY_STATE, Timer timer;)

static void key_timer(void *opaque)
{
    GpioKeyState *s = opaque;

    device_lock(s);
    if (!timer_pending(&s->timer)) {
        irq_lower(&s->dev.irq[0]);
    }
    device_unlock(s);
}

static void key_hold(GpioKeyState *s, int64_t ns)
{
    timer_mod(&s->timer, clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL) + ns);
    irq_raise(&s->dev.irq[0]);
}

void gpio_key_press(void *dev)
{
    GpioKeyState *s = dev;

    device_lock(s);
    key_hold(s, PRESS_NS);
    device_unlock(s);
}

static bool gpio_key_realize(void *opaque, GError **err)
{
    GpioKeyState *s = opaque;

    timer_init(&s->timer, s->dev.machine->clocks, CLK_VIRTUAL, key_timer, s);
    return true;
}

static void gpio_key_unrealize(void *opaque)
{
    GpioKeyState *s = opaque;

    timer_del_sync(&s->timer);
}

static void gpio_key_reset(void *opaque)
{
    GpioKeyState *s = opaque;

    timer_del(&s->timer);
    irq_lower(&s->dev.irq[0]);
}

static void gpio_key_pre_save(void *opaque)
{
    GpioKeyState *s = opaque;

    s->left = -1;
    if (timer_pending(&s->timer)) {
        int64_t now = clock_get_ns(s->dev.machine->clocks, CLK_VIRTUAL);

        s->left = MAX(timer_expire_ns(&s->timer) - now, 0);
    }
}

static bool gpio_key_post_load(void *opaque, GError **err)
{
    GpioKeyState *s = opaque;

    if (s->left > PRESS_NS) {
        rhea_error_set(err, "snapshot: key is held for too long");
        return false;
    }
    timer_del(&s->timer);
    if (s->left >= 0) {
        key_hold(s, s->left);
    } else {
        irq_lower(&s->dev.irq[0]);
    }
    return true;
}

// clang-format off
DEVICE(gpio_key, GpioKeyState,
    .name = "gpio-key",
    .desc = "Push button on a GPIO line",
    .bus = "System",
    .category = DEVICE_INPUT,
    .version = 1,
    .n_irqs = 1,
    .realize = gpio_key_realize,
    .unrealize = gpio_key_unrealize,
    .reset = gpio_key_reset,
    .pre_save = gpio_key_pre_save,
    .post_load = gpio_key_post_load);
// clang-format on
