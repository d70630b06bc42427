# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""What RISC-V instructions compute, written from the specification in plain Python: integers of
any size and exact rationals, no host floating point. The instruction tests take their expected
values from here. Functions take and return unsigned integers of XLEN (or of the format's) bits."""
from fractions import Fraction
from math import isqrt

# ---- integers --------------------------------------------------------------------------------------


def mask(n):
    return (1 << n) - 1


def sext(x, n):
    """The signed value of the low n bits."""
    x &= mask(n)
    return x - (1 << n) if x >> (n - 1) else x


def sext_to(x, n, xlen):
    return sext(x, n) & mask(xlen)


def rol(x, k, n):
    x &= mask(n)
    k %= n
    return (x << k | x >> (n - k)) & mask(n)


def ror(x, k, n):
    return rol(x, n - k % n, n)


def div_signed(a, b, n):
    a, b = sext(a, n), sext(b, n)
    if b == 0:
        return mask(n)
    q = abs(a) // abs(b)
    return (q if (a < 0) == (b < 0) else -q) & mask(n)


def rem_signed(a, b, n):
    a, b = sext(a, n), sext(b, n)
    if b == 0:
        return a & mask(n)
    r = abs(a) % abs(b)
    return (-r if a < 0 else r) & mask(n)


def div_unsigned(a, b, n):
    a, b = a & mask(n), b & mask(n)
    return a // b if b else mask(n)


def rem_unsigned(a, b, n):
    a, b = a & mask(n), b & mask(n)
    return a % b if b else a


def clmul_full(a, b):
    r = 0
    while b:
        if b & 1:
            r ^= a
        a <<= 1
        b >>= 1
    return r


def reverse_bits(x, n):
    return int(format(x & mask(n), f'0{n}b')[::-1], 2)


def by_bytes(x, xlen, f):
    return sum(f(x >> i & 0xff) << i for i in range(0, xlen, 8))


def clz(x, n):
    return n - (x & mask(n)).bit_length()


def ctz(x, n):
    x &= mask(n)
    return n if x == 0 else (x & -x).bit_length() - 1


def xperm(rs1, rs2, xlen, w):
    """Each w-bit element of rs2 picks an element of rs1, 0 when it points outside."""
    r = 0
    for i in range(0, xlen, w):
        k = (rs2 >> i & mask(w)) * w
        if k < xlen:
            r |= (rs1 >> k & mask(w)) << i
    return r


def zip_bits(x):
    r = 0
    for i in range(16):
        r |= (x >> i & 1) << 2 * i | (x >> (i + 16) & 1) << (2 * i + 1)
    return r


def unzip_bits(x):
    r = 0
    for i in range(16):
        r |= (x >> 2 * i & 1) << i | (x >> (2 * i + 1) & 1) << (i + 16)
    return r


# ---- AES and SHA -----------------------------------------------------------------------------------


def gf_mul(a, b):
    """The product in GF(2^8) modulo x^8+x^4+x^3+x+1."""
    r = clmul_full(a, b)
    for i in range(14, 7, -1):
        if r >> i & 1:
            r ^= 0x11b << (i - 8)
    return r


def _make_sbox():
    box = []
    for x in range(256):
        inv = next((y for y in range(256) if gf_mul(x, y) == 1), 0)
        box.append(inv ^ rol(inv, 1, 8) ^ rol(inv, 2, 8) ^ rol(inv, 3, 8) ^ rol(inv, 4, 8) ^ 0x63)
    return box


SBOX = _make_sbox()
INV_SBOX = [SBOX.index(i) for i in range(256)]


def _column(w, coefficients):
    """A column times the circulant matrix whose first row is given (MixColumns and its inverse)."""
    b = [w >> 8 * i & 0xff for i in range(4)]
    out = 0
    for r in range(4):
        v = 0
        for c in range(4):
            v ^= gf_mul(coefficients[(c - r) % 4], b[c])
        out |= v << 8 * r
    return out


FWD, INV = (2, 3, 1, 1), (14, 11, 13, 9)


def mix64(x, coefficients):
    return _column(x & mask(32), coefficients) | _column(x >> 32, coefficients) << 32


def aes64_round(rs1, rs2, inverse, mix):
    """The low half of a round on the state whose low half is rs1 and high half is rs2."""
    s = [(rs2 << 64 | rs1) >> 8 * i & 0xff for i in range(16)]
    out = 0
    for i in range(8):
        c, r = divmod(i, 4)
        src = 4 * ((c - r if inverse else c + r) % 4) + r
        out |= (INV_SBOX if inverse else SBOX)[s[src]] << 8 * i
    return mix64(out, INV if inverse else FWD) if mix else out


RCON = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36, 0]


def aes64ks1i(rs1, rnum):
    t = rs1 >> 32
    if rnum != 10:
        t = ror(t, 8, 32)
    t = by_bytes(t, 32, lambda b: SBOX[b]) ^ RCON[rnum]
    return t << 32 | t


def aes64ks2(rs1, rs2):
    w0 = rs1 >> 32 ^ rs2 & mask(32)
    return (w0 ^ rs2 >> 32) << 32 | w0


def aes32(rs1, rs2, bs, inverse, mix):
    b = (INV_SBOX if inverse else SBOX)[rs2 >> 8 * bs & 0xff]
    if mix:
        b = _column(b, INV if inverse else FWD)
    return rs1 ^ rol(b, 8 * bs, 32)


def sha256(name, x):
    a, b, c, shift = {'sig0': (7, 18, 3, True), 'sig1': (17, 19, 10, True),
                      'sum0': (2, 13, 22, False), 'sum1': (6, 11, 25, False)}[name]
    x &= mask(32)
    return ror(x, a, 32) ^ ror(x, b, 32) ^ (x >> c if shift else ror(x, c, 32))


def sha512(name, x):
    a, b, c, shift = {'sig0': (1, 8, 7, True), 'sig1': (19, 61, 6, True),
                      'sum0': (28, 34, 39, False), 'sum1': (14, 18, 41, False)}[name]
    return ror(x, a, 64) ^ ror(x, b, 64) ^ (x >> c if shift else ror(x, c, 64))


# ---- floating point --------------------------------------------------------------------------------

NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
RNE, RTZ, RDN, RUP, RMM = range(5)


class Format:
    def __init__(self, name, bits, exp_bits):
        self.name, self.bits = name, bits
        self.frac = bits - 1 - exp_bits  # stored fraction bits
        self.p = self.frac + 1
        self.bias = mask(exp_bits - 1)
        self.emin, self.emax = 1 - self.bias, self.bias
        self.exp_mask = mask(exp_bits)
        self.sign_bit = 1 << (bits - 1)
        self.inf = self.exp_mask << self.frac
        self.nan = self.inf | 1 << (self.frac - 1)
        self.max = self.inf - 1

    def is_nan(self, x):
        return x & mask(self.bits - 1) > self.inf

    def is_snan(self, x):
        return self.is_nan(x) and not x >> (self.frac - 1) & 1

    def is_inf(self, x):
        return x & mask(self.bits - 1) == self.inf

    def is_zero(self, x):
        return x & mask(self.bits - 1) == 0

    def sign(self, x):
        return x >> (self.bits - 1)

    def value(self, x):
        """The exact value of a finite number."""
        e, f = x >> self.frac & self.exp_mask, x & mask(self.frac)
        m = f if e == 0 else f | 1 << self.frac
        q = max(e, 1) - self.bias - self.frac
        v = Fraction(m) * (Fraction(2) ** q)
        return -v if self.sign(x) else v


H = Format('h', 16, 5)
S = Format('s', 32, 8)
D = Format('d', 64, 11)


def _log2(x):
    """floor(log2(x)) of a positive rational."""
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if x >= Fraction(2) ** e else e - 1


def round_integer(x, sign, rm):
    """A non-negative rational to an integer; (integer, inexact)."""
    n = x.numerator // x.denominator
    rest = x - n
    if rest == 0:
        return n, False
    half = Fraction(1, 2)
    up = {RNE: rest > half or rest == half and n & 1, RTZ: False, RDN: sign, RUP: not sign,
          RMM: rest >= half}[rm]
    return n + (1 if up else 0), True


def round_value(fmt, sign, x, rm):
    """A positive rational to the format; (bits, flags). Tininess is detected after rounding."""
    s = fmt.sign_bit if sign else 0
    e = _log2(x)
    q = max(e, fmt.emin) - fmt.frac
    n, inexact = round_integer(x / Fraction(2) ** q, sign, rm)
    flags = NX if inexact else 0
    if inexact and e < fmt.emin:
        n1, _ = round_integer(x / Fraction(2) ** (e - fmt.frac), sign, rm)
        if Fraction(n1) * Fraction(2) ** (e - fmt.frac) < Fraction(2) ** fmt.emin:
            flags |= UF
    if n >> fmt.p:
        n >>= 1
        q += 1
    if n >> fmt.frac == 0:  # subnormal or zero
        return s | n, flags
    if q + fmt.frac > fmt.emax:
        inf = rm in (RNE, RMM) or (rm == RDN and sign) or (rm == RUP and not sign)
        return s | (fmt.inf if inf else fmt.max), OF | NX
    return s | (q + fmt.frac + fmt.bias) << fmt.frac | n & mask(fmt.frac), flags


def round_signed(fmt, v, rm, zero_sign=0):
    if v == 0:
        return (fmt.sign_bit if zero_sign else 0), 0
    return round_value(fmt, 1 if v < 0 else 0, abs(v), rm)


def _nan(fmt, *ops):
    return fmt.nan, (NV if any(fmt.is_snan(o) for o in ops) else 0)


def f_add(fmt, a, b, rm):
    if fmt.is_nan(a) or fmt.is_nan(b):
        return _nan(fmt, a, b)
    if fmt.is_inf(a) or fmt.is_inf(b):
        if fmt.is_inf(a) and fmt.is_inf(b) and a != b:
            return fmt.nan, NV
        return (a if fmt.is_inf(a) else b), 0
    v = fmt.value(a) + fmt.value(b)
    same = fmt.sign(a) == fmt.sign(b)
    return round_signed(fmt, v, rm, fmt.sign(a) if same else rm == RDN)


def f_sub(fmt, a, b, rm):
    if fmt.is_nan(b):
        return _nan(fmt, a, b)
    return f_add(fmt, a, b ^ fmt.sign_bit, rm)


def f_mul(fmt, a, b, rm):
    if fmt.is_nan(a) or fmt.is_nan(b):
        return _nan(fmt, a, b)
    sign = fmt.sign(a) ^ fmt.sign(b)
    if fmt.is_inf(a) or fmt.is_inf(b):
        if fmt.is_zero(a) or fmt.is_zero(b):
            return fmt.nan, NV
        return (fmt.sign_bit if sign else 0) | fmt.inf, 0
    return round_signed(fmt, fmt.value(a) * fmt.value(b), rm, sign)


def f_div(fmt, a, b, rm):
    if fmt.is_nan(a) or fmt.is_nan(b):
        return _nan(fmt, a, b)
    sign = fmt.sign(a) ^ fmt.sign(b)
    s = fmt.sign_bit if sign else 0
    if fmt.is_inf(a):
        return (fmt.nan, NV) if fmt.is_inf(b) else (s | fmt.inf, 0)
    if fmt.is_inf(b):
        return s, 0
    if fmt.is_zero(b):
        return (fmt.nan, NV) if fmt.is_zero(a) else (s | fmt.inf, DZ)
    return round_signed(fmt, fmt.value(a) / fmt.value(b), rm, sign)


def f_sqrt(fmt, a, rm):
    if fmt.is_nan(a):
        return _nan(fmt, a)
    if fmt.is_zero(a):
        return a, 0
    if fmt.sign(a):
        return fmt.nan, NV
    if fmt.is_inf(a):
        return a, 0
    v = fmt.value(a)
    k = 2 * fmt.p + 8 + fmt.bias
    scaled = v * (1 << 2 * k)
    assert scaled.denominator == 1
    n = isqrt(scaled.numerator)
    # between n and n+1 every further digit only says "inexact"
    root = Fraction(n) if n * n == scaled.numerator else n + Fraction(1, 2)
    return round_value(fmt, 0, root / (1 << k), rm)


def f_fma(fmt, a, b, c, rm, negate_product=False, negate_c=False):
    if (fmt.is_inf(a) and fmt.is_zero(b)) or (fmt.is_zero(a) and fmt.is_inf(b)):
        return fmt.nan, NV
    if any(fmt.is_nan(x) for x in (a, b, c)):
        return _nan(fmt, a, b, c)
    if negate_product:
        a ^= fmt.sign_bit
    if negate_c:
        c ^= fmt.sign_bit
    sign = fmt.sign(a) ^ fmt.sign(b)
    if fmt.is_inf(a) or fmt.is_inf(b):
        if fmt.is_inf(c) and fmt.sign(c) != sign:
            return fmt.nan, NV
        return (fmt.sign_bit if sign else 0) | fmt.inf, 0
    if fmt.is_inf(c):
        return c, 0
    v = fmt.value(a) * fmt.value(b) + fmt.value(c)
    return round_signed(fmt, v, rm, sign if sign == fmt.sign(c) else rm == RDN)


def _order(fmt, x):
    """A key that orders all numbers, -0 below +0."""
    m = x & mask(fmt.bits - 1)
    return -m - 1 if fmt.sign(x) else m


def f_minmax(fmt, a, b, largest, propagate=False):
    flags = NV if fmt.is_snan(a) or fmt.is_snan(b) else 0
    if propagate and (fmt.is_nan(a) or fmt.is_nan(b)) or fmt.is_nan(a) and fmt.is_nan(b):
        return fmt.nan, flags
    if fmt.is_nan(a):
        return b, flags
    if fmt.is_nan(b):
        return a, flags
    return ((a if _order(fmt, a) >= _order(fmt, b) else b) if largest else
            (a if _order(fmt, a) <= _order(fmt, b) else b)), flags


def f_compare(fmt, a, b, op, quiet):
    if fmt.is_nan(a) or fmt.is_nan(b):
        return 0, NV if not quiet or fmt.is_snan(a) or fmt.is_snan(b) else 0
    ka, kb = (0 if fmt.is_zero(x) else _order(fmt, x) for x in (a, b))
    ka, kb = ((k + 1 if k < 0 else k) for k in (ka, kb))
    return int({'eq': ka == kb, 'lt': ka < kb, 'le': ka <= kb}[op]), 0


def f_class(fmt, x):
    if fmt.is_nan(x):
        return 1 << 8 if fmt.is_snan(x) else 1 << 9
    if fmt.is_inf(x):
        return 1 << 0 if fmt.sign(x) else 1 << 7
    if fmt.is_zero(x):
        return 1 << 3 if fmt.sign(x) else 1 << 4
    sub = x >> fmt.frac & fmt.exp_mask == 0
    return (1 << 2 if sub else 1 << 1) if fmt.sign(x) else (1 << 5 if sub else 1 << 6)


def f_to_int(fmt, x, rm, bits, signed, xlen):
    lo, hi = (-(1 << (bits - 1)), mask(bits - 1)) if signed else (0, mask(bits))
    if fmt.is_nan(x):
        v, flags = hi, NV
    elif fmt.is_inf(x):
        v, flags = (lo if fmt.sign(x) else hi), NV
    else:
        n, inexact = round_integer(abs(fmt.value(x)), fmt.sign(x), rm)
        v = -n if fmt.sign(x) else n
        flags = NX if inexact else 0
        if not lo <= v <= hi:
            v, flags = (lo if v < lo else hi), NV
    return sext_to(v, bits, xlen), flags


def f_from_int(fmt, x, rm, bits, signed):
    v = sext(x, bits) if signed else x & mask(bits)
    return round_signed(fmt, Fraction(v), rm)


def f_convert(dst, src, x, rm):
    if src.is_nan(x):
        return dst.nan, NV if src.is_snan(x) else 0
    if src.is_inf(x) or src.is_zero(x):
        return (dst.sign_bit if src.sign(x) else 0) | (dst.inf if src.is_inf(x) else 0), 0
    return round_signed(dst, src.value(x), rm)


def f_round(fmt, x, rm, exact):
    """Zfa: to an integral value in the same format; `exact` raises inexact (froundnx)."""
    if fmt.is_nan(x):
        return _nan(fmt, x)
    if fmt.is_inf(x) or fmt.is_zero(x):
        return x, 0
    n, inexact = round_integer(abs(fmt.value(x)), fmt.sign(x), rm)
    r, _ = round_signed(fmt, Fraction(-n if fmt.sign(x) else n), RNE, fmt.sign(x))
    return r, NX if inexact and exact else 0


def f_cvtmod(x, xlen):
    """Zfa fcvtmod.w.d: toward zero, modulo 2^32."""
    if D.is_nan(x) or D.is_inf(x):
        return 0, NV
    n, inexact = round_integer(abs(D.value(x)), D.sign(x), RTZ)
    v = -n if D.sign(x) else n
    flags = NX if inexact else 0
    if not -(1 << 31) <= v < 1 << 31:
        flags = NV
    return sext_to(v, 32, xlen), flags


def f_li(fmt, i):
    """Zfa fli: the constant table."""
    table = [None, None, Fraction(1, 1 << 16), Fraction(1, 1 << 15), Fraction(1, 256), Fraction(1, 128),
             Fraction(1, 16), Fraction(1, 8)]
    table += [Fraction(k, 16) for k in (4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48)]
    table += [Fraction(v) for v in (4, 8, 16, 128, 256, 1 << 15, 1 << 16)]
    if i == 0:
        return round_signed(fmt, Fraction(-1), RNE)[0]
    if i == 1:
        return 1 << fmt.frac  # the smallest normal number
    if i == 30:
        return fmt.inf
    if i == 31:
        return fmt.nan
    if i == 29 and fmt is H:
        return fmt.inf  # 2^16 is beyond half precision
    return round_signed(fmt, table[i], RNE)[0]


def nan_box(fmt, x, flen=64):
    return x | (mask(flen) ^ mask(fmt.bits))


def unbox(fmt, x, flen=64):
    return x & mask(fmt.bits) if x >> fmt.bits == mask(flen - fmt.bits) or fmt.bits == flen else fmt.nan
