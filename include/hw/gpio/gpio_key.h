/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* A push button on a GPIO line: device "gpio-key", output 0. */
#ifndef HW_GPIO_GPIO_KEY_H
#define HW_GPIO_GPIO_KEY_H

/* Press it: the line goes up for a tenth of a second of guest time. Main loop, no lock held. */
void gpio_key_press(void *dev);

#endif
