/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* RISC-V CPU models: what -cpu takes, what it refuses and how it says so, the device tree's words.
 */
#include <string.h>
#include "target/riscv.h"

#define RV64_TAIL                                                                                  \
    "_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicsr_zifencei_"          \
    "zihintntl_zihintpause_zihpm_zmmul_za64rs_zaamo_zalrsc_zawrs_zfa_zca_zcd_zba_zbb_zbc_zbs_"     \
    "sdtrig_ssccptr_sscounterenw_ssstrict_sstc_sstvala_sstvecd_ssu64xl_svadu_svvptc"

static const struct {
    const char *cpu;
    unsigned xlen;
    const char *isa, *mmu;
} good[] = {
    {"rv64", 64, "rv64imafdc" RV64_TAIL, "riscv,sv57"},
    {"rv64,h=off,v=false", 64, "rv64imafdc" RV64_TAIL, "riscv,sv57"},
    {"rv64,Zifencei=on", 64, "rv64imafdc" RV64_TAIL, "riscv,sv57"},
    {"sifive-u54", 64, "rv64imafdc_zicntr_zicsr_zifencei_zihpm_sdtrig", "riscv,sv39"},
    {"sifive-e51", 64, "rv64imac_zicntr_zicsr_zifencei_zihpm_sdtrig", "riscv,none"},
    {"sifive-e31", 32, "rv32imac_zicntr_zicsr_zifencei_zihpm_sdtrig", "riscv,none"},
    {"sifive-u34", 32, "rv32imafdc_zicntr_zicsr_zifencei_zihpm_sdtrig", "riscv,sv32"},
    {"sifive-u34", 64, "rv32imafdc_zicntr_zicsr_zifencei_zihpm_sdtrig", "riscv,sv32"},
    {"thead-c906", 64,
     "rv64imafdc_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicsr_zifencei_zihpm_zfh_zfhmin_sdtrig_"
     "ssccptr",
     "riscv,sv39"},
    {"rv64,short-isa-string=on", 64, "rv64imafdc", "riscv,sv57"},
    {"rv64,short-isa-string=on,d=off,f=off,zfa=off", 64, "rv64imac", "riscv,sv57"},
    {"rv64i,short-isa-string=on,g=on", 64, "rv64imafd", "riscv,none"},
    {"rv64,short-isa-string=on,sv57=off", 64, "rv64imafdc", "riscv,sv48"},
    {"rv64,short-isa-string=on,sv48=off", 64, "rv64imafdc", "riscv,sv39"},
    {"rv64,short-isa-string=on,sv39=on", 64, "rv64imafdc", "riscv,sv39"},
    {"rv64,short-isa-string=on,mmu=off", 64, "rv64imafdc", "riscv,none"},
    {"rv64,short-isa-string=on,s=off", 64, "rv64imafdc", "riscv,none"},
    {"sifive-u54,zihpm=off", 64, "rv64imafdc_zicntr_zicsr_zifencei_sdtrig", "riscv,sv39"},
};

static void test_good(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) err = NULL;
        RISCVConfig *c = riscv_cpu_model_parse(good[i].cpu, good[i].xlen, &err);
        g_assert_no_error(err);
        g_autofree char *isa = riscv_isa_string(c);
        g_assert_cmpstr(isa, ==, good[i].isa);
        g_assert_cmpstr(riscv_mmu_type(c), ==, good[i].mmu);
        g_assert_cmpstr(riscv_isa_base(c), ==, c->xlen == 32 ? "rv32i" : "rv64i");
        /* The list says the same as the string. */
        g_auto(GStrv) list = riscv_isa_extensions(c);
        if (!c->short_isa) {
            GString *s = g_string_new(NULL);
            g_string_printf(s, "rv%u", c->xlen);
            for (unsigned j = 0; list[j]; j++) {
                g_string_append_printf(s, "%s%s", list[j][1] ? "_" : "", list[j]);
            }
            g_assert_cmpstr(s->str, ==, isa);
            g_string_free(s, TRUE);
        }
        g_assert_cmpstr(riscv_target_desc(c)->name, ==, c->xlen == 32 ? "riscv32" : "riscv64");
        g_free(c);
    }
}

static const struct {
    const char *cpu;
    unsigned xlen;
    const char *error; /* a part of it */
} bad[] = {
    {"", 64, "no CPU model"},
    {"rv65", 64, "unable to find CPU model 'rv65'"},
    {"rv64", 32, "needs the 64-bit emulator"},
    {"rv64,foo=1", 64, "there is no property 'foo'"},
    {"rv64,zba", 64, "expected property=value, found 'zba'"},
    {"rv64,+zbb", 64, "expected property=value"},
    {"rv64,=on", 64, "expected property=value"},
    {"rv64,zba=maybe", 64, "is 'on' or 'off'"},
    {"rv64,f=off", 64, "'d' requires 'f'"},
    {"rv64,d=off,f=off", 64, "'zfa' requires 'f'"},
    {"rv64,a=off,zacas=on", 64, "'zacas' requires 'zaamo'"},
    {"rv64,i=off", 64, "base instructions"},
    {"rv64,u=off", 64, "'s' requires 'u'"},
    {"rv64,v=on", 64, "'v' (vectors) is not implemented"},
    {"rv64,h=on", 64, "'h' (hypervisor) is not implemented"},
    {"rv64,e=on", 64, "not implemented"},
    {"rv64,zk=on,zbkb=off", 64, "includes 'zbkb'"},
    {"rv64,c=on,zcd=off", 64, "includes 'zcd'"},
    {"rv64,s=off,sstc=on", 64, "no supervisor mode"},
    {"rv64,priv_spec=v1.11.0,sstc=on", 64, "older"},
    {"rv64,priv_spec=1.12", 64, "priv_spec"},
    {"rv64,pmp=off,smepmp=on", 64, "PMP is off"},
    {"rv64,sv64=on", 64, "more than this CPU can do"},
    {"rv64,sv57=on,sv39=off", 64, "larger one"},
    {"rv32,svnapot=on", 32, "64-bit CPUs only"},
    {"rv32,sv39=on", 32, "there is no property"},
    {"rv64,zcf=on", 64, "32-bit CPUs only"},
    {"rv64,cboz_blocksize=33", 64, "power of two"},
    {"rv64,cboz_blocksize=8192", 64, "0 to 4096"},
    {"rv64,num-pmp-regions=65", 64, "0 to 64"},
    {"rv64,num-pmp-regions=x", 64, "number"},
    {"rv64,pmp-granularity=5", 64, "power of two"},
    {"rv64,pmu-mask=7", 64, "bits 0 to 2"},
    {"rv64,sscofpmf=on,zihpm=off", 64, "'sscofpmf' requires 'zihpm'"},
    {"sifive-u54,zba=on", 64, "none can be added"},
    {"sifive-u54,sv48=on", 64, "more than this CPU can do"},
};

static void test_bad(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *err = NULL;
        RISCVConfig *c = riscv_cpu_model_parse(bad[i].cpu, bad[i].xlen, &err);
        if (c || !err || !strstr(err->message, bad[i].error) || strchr(err->message, '\n')) {
            g_test_message("%s: %s", bad[i].cpu, err ? err->message : "no error");
            g_test_fail();
        }
        g_clear_error(&err);
    }
}

static void test_numbers(void)
{
    RISCVConfig *c = riscv_cpu_model_parse("rv64,num-pmp-regions=64,pmp-granularity=0x1000,"
                                           "pmu-num=3,mvendorid=0x489,marchid=2,mimpid=3,"
                                           "resetvec=0x80000000,cbom_blocksize=128,"
                                           "priv_spec=v1.12.0",
                                           64, NULL);
    g_assert_nonnull(c);
    g_assert_cmpint(c->pmp_entries, ==, 64);
    g_assert_cmpint(c->pmp_grain, ==, 10);
    g_assert_cmphex(c->pmu_mask, ==, 0x38);
    g_assert_cmphex(c->mvendorid, ==, 0x489);
    g_assert_cmphex(c->marchid, ==, 2);
    g_assert_cmphex(c->mimpid, ==, 3);
    g_assert_cmphex(c->resetvec, ==, 0x80000000);
    g_assert_cmpint(c->cbom_size, ==, 128);
    g_assert_cmpint(c->priv_spec, ==, RISCV_PRIV_1_12);
    g_assert_false(riscv_has(c, RISCV_EXT_ZIC64B));
    g_free(c);
    /* max has all there is, and nothing that contradicts it. */
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        GError *err = NULL;
        c = riscv_cpu_model_parse("max", xlen, &err);
        g_assert_no_error(err);
        g_assert_true(riscv_has(c, RISCV_EXT_ZK) && riscv_has(c, RISCV_EXT_ZFH));
        g_assert_false(riscv_has(c, RISCV_EXT_V) || riscv_has(c, RISCV_EXT_SVADE));
        g_assert_cmpint(riscv_has(c, RISCV_EXT_ZCF), ==, xlen == 32);
        g_free(c);
    }
    c = riscv_cpu_model_parse("rva22s64", 64, NULL);
    g_assert_nonnull(c);
    g_assert_true(riscv_has(c, RISCV_EXT_ZBA) && riscv_has(c, RISCV_EXT_SVPBMT));
    g_free(c);
}

static void test_help(void)
{
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        char *text;
        size_t len;
        FILE *f = open_memstream(&text, &len);
        riscv_cpu_model_help(f, xlen);
        fclose(f);
        g_assert_true(g_str_has_prefix(text, "Available CPUs:\n  max\n"));
        g_assert_nonnull(strstr(text, "\n  sifive-e31\n"));
        g_assert_cmpint(strstr(text, "\n  rv64\n") != NULL, ==, xlen == 64);
        free(text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/model/good", test_good);
    g_test_add_func("/riscv/model/bad", test_bad);
    g_test_add_func("/riscv/model/numbers", test_numbers);
    g_test_add_func("/riscv/model/help", test_help);
    return g_test_run();
}
