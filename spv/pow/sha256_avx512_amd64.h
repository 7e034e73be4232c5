// The rounds of SHA-256 of 16 messages at once, one in each 32-bit lane (FIPS 180-4, section 6.2).
//
// Z0..Z7 state: in round r, a is in Z(-r mod 8), b in the next and so on. Z8..Z23 message words: word i is in
// Z(8 + i mod 16). Z24..Z27 temporaries. AX is what the offsets of constants are from.

// SUM1 does h += Sigma1(e) + Ch(e, f, g); d += h.
#define SUM1(d, e, f, g, h) \
	VPRORD     $6, e, Z24 \
	VPRORD     $11, e, Z25 \
	VPRORD     $25, e, Z26 \
	VMOVDQA64  e, Z27 \
	VPTERNLOGD $0x96, Z24, Z25, Z26 \
	VPTERNLOGD $0xca, g, f, Z27 \
	VPADDD     Z27, h, h \
	VPADDD     Z26, h, h \
	VPADDD     h, d, d

// SUM0 does h += Sigma0(a) + Maj(a, b, c).
#define SUM0(a, b, c, h) \
	VPRORD     $2, a, Z24 \
	VPRORD     $13, a, Z25 \
	VPRORD     $22, a, Z26 \
	VMOVDQA64  a, Z27 \
	VPTERNLOGD $0x96, Z24, Z25, Z26 \
	VPTERNLOGD $0xe8, c, b, Z27 \
	VPADDD     Z27, h, h \
	VPADDD     Z26, h, h

// HALF is a round without its new a.
#define HALF(k, w, a, b, c, d, e, f, g, h) \
	VPADDD.BCST k(AX), h, h \
	VPADDD      w, h, h \
	SUM1(d, e, f, g, h)

// ROUND is a round with the constant at offset k and the message word w.
#define ROUND(k, w, a, b, c, d, e, f, g, h) \
	HALF(k, w, a, b, c, d, e, f, g, h) \
	SUM0(a, b, c, h)

// FIXED is a round whose message word is part of the constant.
#define FIXED(k, a, b, c, d, e, f, g, h) \
	VPADDD.BCST k(AX), h, h \
	SUM1(d, e, f, g, h) \
	SUM0(a, b, c, h)

// SIGMA0 and SIGMA1 do out = sigma(w).
#define SIGMA0(w, out) \
	VPRORD     $7, w, Z24 \
	VPRORD     $18, w, Z25 \
	VPSRLD     $3, w, out \
	VPTERNLOGD $0x96, Z24, Z25, out

#define SIGMA1(w, out) \
	VPRORD     $17, w, Z24 \
	VPRORD     $19, w, Z25 \
	VPSRLD     $10, w, out \
	VPTERNLOGD $0x96, Z24, Z25, out

// ADD0 and ADD1 do to += sigma(w).
#define ADD0(w, to) \
	SIGMA0(w, Z26) \
	VPADDD Z26, to, to

#define ADD1(w, to) \
	SIGMA1(w, Z27) \
	VPADDD Z27, to, to

// CONST does to += the word at offset c.
#define CONST(c, to) VPADDD.BCST c(AX), to, to

// WORD turns the message word of 16 rounds ago into the next one, given those of 15, 7 and 2 rounds ago.
#define WORD(w16, w15, w7, w2) \
	ADD0(w15, w16) \
	VPADDD w7, w16, w16 \
	ADD1(w2, w16)

// STEP is a round with a word that is made for it.
#define STEP(k, w16, w15, w7, w2, a, b, c, d, e, f, g, h) \
	WORD(w16, w15, w7, w2) \
	ROUND(k, w16, a, b, c, d, e, f, g, h)

// EIGHT is eight rounds from a multiple of 16 on, MORE the eight behind them.
#define EIGHT(k) \
	STEP(k, Z8, Z9, Z17, Z22, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7) \
	STEP(k+4, Z9, Z10, Z18, Z23, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6) \
	STEP(k+8, Z10, Z11, Z19, Z8, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5) \
	STEP(k+12, Z11, Z12, Z20, Z9, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4) \
	STEP(k+16, Z12, Z13, Z21, Z10, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3) \
	STEP(k+20, Z13, Z14, Z22, Z11, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2) \
	STEP(k+24, Z14, Z15, Z23, Z12, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1) \
	STEP(k+28, Z15, Z16, Z8, Z13, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)

#define MORE(k) \
	STEP(k, Z16, Z17, Z9, Z14, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7) \
	STEP(k+4, Z17, Z18, Z10, Z15, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6) \
	STEP(k+8, Z18, Z19, Z11, Z16, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5) \
	STEP(k+12, Z19, Z20, Z12, Z17, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4) \
	STEP(k+16, Z20, Z21, Z13, Z18, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3) \
	STEP(k+20, Z21, Z22, Z14, Z19, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2) \
	STEP(k+24, Z22, Z23, Z15, Z20, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1) \
	STEP(k+28, Z23, Z8, Z16, Z21, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
