/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * TARGET_HELPER(target, name, result, env?, flags, argument types...) describes the static function
 * helper_<target>_<name> for generated code, as the constant <target>_helper_<name>. Cells that the
 * function reads or writes one by one go into `.reads` and `.writes`: a description of its own
 * then.
 */
#ifndef RHEA_TARGET_HELPER_H
#define RHEA_TARGET_HELPER_H

#include "tcg/ir.h"

#define TARGET_HELPER(target_, name_, ret_, env_, flags_, ...)                                     \
    const TCGHelper target_##_helper_##name_ = {                                                   \
        .name = #target_ "_" #name_,                                                               \
        .fn = (void *)helper_##target_##_##name_,                                                  \
        .ret = TCG_##ret_,                                                                         \
        .nargs = sizeof((uint8_t[]){0, ##__VA_ARGS__}) - 1,                                        \
        .args = {__VA_ARGS__},                                                                     \
        .pass_env = env_,                                                                          \
        .flags = flags_,                                                                           \
    }

#endif
