/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Pointer authentication: QARMA's published vector (R. Avanzi, "The QARMA Block Cipher Family",
 * ToSC 2017, appendix B), and codes in pointers at each level that identification registers can
 * name. What a guest sees is compared in boot/arm/aarch64/pauth-*.
 */
#include "target/arm/internals.h"
#include "target/arm/pauth.h"

static void test_qarma(void)
{
    g_assert_cmphex(arm_pac_qarma(5, UINT64_C(0xfb623599da6e8127), UINT64_C(0x477d469dec0b8762),
                                  UINT64_C(0x84be85ce9804e94b), UINT64_C(0xec2802d4e0a488e9)),
                    ==, UINT64_C(0xc003b93999b33765));
}

/* EL1, 48 bits of address in both ranges, upper range tagged. */
static ARMEnv *env_at(ARMConfig *c, unsigned level)
{
    ARMEnv *env = g_new0(ARMEnv, 1);

    c->id_aa64isar1 = level << 4;
    env->cfg = c;
    env->sys.el = 1;
    env->sys.tcr[1] = 16 | 16 << 16 | TCR_TBI1;
    env->sys.apkey[0][0] = 1;
    env->sys.apkey[3][1] = 2;
    return env;
}

static void test_levels(void)
{
    const uint64_t low = 0x7fff12345678, high = UINT64_C(0xabff800012345678);

    for (unsigned level = ARM_PAUTH_PLAIN; level <= ARM_PAUTH_FPAC_COMBINED; level++) {
        ARMConfig c = {0};
        g_autofree ARMEnv *env = env_at(&c, level);
        uint64_t out, p = arm_pac_add(env, low, 5, 0), q = arm_pac_add(env, high, 5, 3);

        g_assert_cmphex(p & (ARM_BIT(48) - 1), ==, low);
        g_assert_cmphex(p, !=, low);
        g_assert_cmphex(q >> 55, ==, high >> 55); /* the tag and bit 55 */
        g_assert_cmphex(arm_pac_strip(env, p, false), ==, low);
        g_assert_cmphex(arm_pac_strip(env, q, true), ==, high);
        g_assert_true(arm_pac_auth(env, p, 5, 0, false, &out));
        g_assert_cmphex(out, ==, low);
        g_assert_true(arm_pac_auth(env, q, 5, 3, true, &out));
        g_assert_cmphex(out, ==, high);
        g_assert_cmpint(arm_pac_auth(env, p, 6, 0, false, &out), ==, level < ARM_PAUTH_FPAC);
        if (level < ARM_PAUTH_2) {
            g_assert_cmphex(out, ==, low | UINT64_C(1) << 61);
            g_assert_true(arm_pac_auth(env, q, 6, 3, false, &out));
            g_assert_cmphex(out, ==, (high & ~ARM_BIT(53)) | ARM_BIT(54));
        }
        g_assert_cmpint(arm_pac_auth(env, q, 6, 3, true, &out), ==,
                        level < ARM_PAUTH_FPAC_COMBINED);
        /* A pointer that is not canonical never gets a good code. */
        p = arm_pac_add(env, low | ARM_BIT(50), 5, 0);
        g_assert_false(arm_pac_auth(env, p, 5, 0, false, &out) && out == low);
    }
}

/* The range of a pointer without a tag is told by bit 55 if the other range has tags, else by bit
 * 63; the code begins where the addresses of that range end. */
static void test_ranges(void)
{
    ARMConfig c = {0};
    g_autofree ARMEnv *env = env_at(&c, ARM_PAUTH_PLAIN);
    uint64_t p = ARM_BIT(63) | 0x1234;

    g_assert_cmphex(arm_pac_add(env, p, 0, 0) & ARM_BIT(55), ==, 0);
    env->sys.tcr[1] = 16 | 24 << 16;
    uint64_t q = arm_pac_add(env, p, 0, 0);
    g_assert_cmphex(q & ARM_BIT(55), ==, ARM_BIT(55));
    g_assert_cmphex(q & (ARM_BIT(40) - 1), ==, 0x1234);
    g_assert_cmphex(ARM_BITS(q, 40, 8), !=, 0);
}

static void test_models(void)
{
    static const struct {
        const char *cpu;
        uint64_t isar1, isar2;
    } good[] = {{"max", 0x10000500, 0},
                {"max,pauth-impdef=off", 0x10000500, 0},
                {"max,pauth-impdef=on", 0x10000500, 0},
                {"max,pauth-qarma5=on,pauth-impdef=off", 0x1000050, 0},
                {"max,pauth-qarma3=on", 0, 0x5100},
                {"max,pauth=off", 0, 0},
                {"cortex-a76", 0, 0}};
    static const char *const bad[] = {"max,pauth-qarma3=on,pauth-impdef=on",
                                      "max,pauth=off,pauth-qarma5=on",
                                      "cortex-a57,pauth-impdef=on"};

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree ARMConfig *c = arm_cpu_model_parse(good[i].cpu, 64, NULL);
        g_assert_cmphex(c->id_aa64isar1 & 0xff000ff0, ==, good[i].isar1);
        g_assert_cmphex(c->id_aa64isar2 & 0xff00, ==, good[i].isar2);
        g_assert_cmpint(arm_has(c, ARM_FEAT_PAUTH), ==, good[i].isar1 || good[i].isar2);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *err = NULL;
        g_assert_null(arm_cpu_model_parse(bad[i], 64, &err));
        g_assert_nonnull(err);
        g_clear_error(&err);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arm/pauth/qarma", test_qarma);
    g_test_add_func("/arm/pauth/levels", test_levels);
    g_test_add_func("/arm/pauth/ranges", test_ranges);
    g_test_add_func("/arm/pauth/models", test_models);
    return g_test_run();
}
