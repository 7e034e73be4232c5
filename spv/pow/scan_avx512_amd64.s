#include "textflag.h"
#include "scan_amd64.h"

// SHA-256d of 16 headers at once that differ only in the nonce, one in each 32-bit lane (FIPS 180-4, section 6.2). What
// does not depend on the nonce comes computed in a scanInput. Of the second hash only the last word is made, which needs
// neither the last three rounds nor, in the four before them, a new a.
//
// Z0..Z7 state: in round r, a is in Z(-r mod 8), b in the next and so on. Z8..Z23 message words: word i is in
// Z(8 + i mod 16). Z24..Z27 temporaries, Z29 byte order, Z30 nonces, Z31 0..15.
// AX scanInput, CX batches to do, R8 nonce, R9 batches done, DX hits.

DATA ·scanLanes+0(SB)/8, $0x0000000100000000
DATA ·scanLanes+8(SB)/8, $0x0000000300000002
DATA ·scanLanes+16(SB)/8, $0x0000000500000004
DATA ·scanLanes+24(SB)/8, $0x0000000700000006
DATA ·scanLanes+32(SB)/8, $0x0000000900000008
DATA ·scanLanes+40(SB)/8, $0x0000000b0000000a
DATA ·scanLanes+48(SB)/8, $0x0000000d0000000c
DATA ·scanLanes+56(SB)/8, $0x0000000f0000000e
GLOBL ·scanLanes(SB), RODATA|NOPTR, $64

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

// func scanAVX512(in *scanInput, first uint32, batches uint64) (done uint64, hits uint32)
TEXT ·scanAVX512(SB), NOSPLIT, $0-36
	MOVQ            in+0(FP), AX
	MOVL            first+8(FP), R8
	MOVQ            batches+16(FP), CX
	XORL            R9, R9
	XORL            DX, DX
	VMOVDQU32       ·scanLanes(SB), Z31
	VBROADCASTI32X4 ·wordSwap(SB), Z29

batch:
	CMPQ R9, CX
	JEQ  end

	// The header's second block from round 3 on. Word 3 is the nonce, word 4 a bit, word 15 the length.
	VPBROADCASTD R8, Z30
	VPADDD       Z31, Z30, Z30
	VPSHUFB      Z29, Z30, Z30
	VPBROADCASTD (START+0)(AX), Z5
	VPBROADCASTD (START+4)(AX), Z6
	VPBROADCASTD (START+8)(AX), Z7
	VPBROADCASTD (START+12)(AX), Z0
	VPBROADCASTD (START+16)(AX), Z1
	VPBROADCASTD (START+20)(AX), Z2
	VPBROADCASTD (START+24)(AX), Z3
	VPBROADCASTD (START+28)(AX), Z4
	ROUND(KW+12, Z30, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	FIXED(KW+16, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	FIXED(KW+20, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	FIXED(KW+24, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	FIXED(KW+28, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	FIXED(KW+32, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	FIXED(KW+36, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	FIXED(KW+40, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	FIXED(KW+44, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	FIXED(KW+48, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	FIXED(KW+52, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	FIXED(KW+56, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	FIXED(KW+60, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	FIXED(KW+64, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	FIXED(KW+68, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)

	VPBROADCASTD W16(AX), Z8
	VPBROADCASTD W17(AX), Z9
	SIGMA0(Z30, Z10)
	CONST(C18, Z10)
	ROUND(KW+72, Z10, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	VPADDD.BCST C19(AX), Z30, Z11
	ROUND(KW+76, Z11, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	SIGMA1(Z10, Z12)
	CONST(PAD, Z12)
	ROUND(KW+80, Z12, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	SIGMA1(Z11, Z13)
	ROUND(KW+84, Z13, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	SIGMA1(Z12, Z14)
	CONST(BITS, Z14)
	ROUND(KW+88, Z14, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	SIGMA1(Z13, Z15)
	VPADDD Z8, Z15, Z15
	ROUND(KW+92, Z15, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	SIGMA1(Z14, Z16)
	VPADDD Z9, Z16, Z16
	ROUND(KW+96, Z16, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	SIGMA1(Z15, Z17)
	VPADDD Z10, Z17, Z17
	ROUND(KW+100, Z17, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	SIGMA1(Z16, Z18)
	VPADDD Z11, Z18, Z18
	ROUND(KW+104, Z18, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	SIGMA1(Z17, Z19)
	VPADDD Z12, Z19, Z19
	ROUND(KW+108, Z19, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	SIGMA1(Z18, Z20)
	VPADDD Z13, Z20, Z20
	ROUND(KW+112, Z20, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	SIGMA1(Z19, Z21)
	VPADDD Z14, Z21, Z21
	ROUND(KW+116, Z21, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	SIGMA1(Z20, Z22)
	VPADDD Z15, Z22, Z22
	CONST(C30, Z22)
	ROUND(KW+120, Z22, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	SIGMA1(Z21, Z23)
	VPADDD Z16, Z23, Z23
	CONST(C31, Z23)
	ROUND(KW+124, Z23, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	EIGHT(KW+128)
	MORE(KW+160)
	EIGHT(KW+192)
	MORE(KW+224)

	// The digest is the second hash's message; its first round starts from constants.
	VPADDD.BCST  (MID+0)(AX), Z0, Z8
	VPADDD.BCST  (MID+4)(AX), Z1, Z9
	VPADDD.BCST  (MID+8)(AX), Z2, Z10
	VPADDD.BCST  (MID+12)(AX), Z3, Z11
	VPADDD.BCST  (MID+16)(AX), Z4, Z12
	VPADDD.BCST  (MID+20)(AX), Z5, Z13
	VPADDD.BCST  (MID+24)(AX), Z6, Z14
	VPADDD.BCST  (MID+28)(AX), Z7, Z15
	VPBROADCASTD (IV+0)(AX), Z0
	VPBROADCASTD (IV+4)(AX), Z1
	VPBROADCASTD (IV+8)(AX), Z2
	VPBROADCASTD (IV+16)(AX), Z4
	VPBROADCASTD (IV+20)(AX), Z5
	VPBROADCASTD (IV+24)(AX), Z6
	VPADDD.BCST  E1(AX), Z8, Z3
	VPADDD.BCST  A1(AX), Z8, Z7
	ROUND(KW2+4, Z9, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	ROUND(KW2+8, Z10, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	ROUND(KW2+12, Z11, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	ROUND(KW2+16, Z12, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	ROUND(KW2+20, Z13, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	ROUND(KW2+24, Z14, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	ROUND(KW2+28, Z15, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	FIXED(KW2+32, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	FIXED(KW2+36, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	FIXED(KW2+40, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	FIXED(KW2+44, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	FIXED(KW2+48, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	FIXED(KW2+52, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	FIXED(KW2+56, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	FIXED(KW2+60, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)

	ADD0(Z9, Z8)
	ROUND(KW2+64, Z8, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	ADD0(Z10, Z9)
	CONST(D17, Z9)
	ROUND(KW2+68, Z9, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	ADD0(Z11, Z10)
	ADD1(Z8, Z10)
	ROUND(KW2+72, Z10, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	ADD0(Z12, Z11)
	ADD1(Z9, Z11)
	ROUND(KW2+76, Z11, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	ADD0(Z13, Z12)
	ADD1(Z10, Z12)
	ROUND(KW2+80, Z12, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	ADD0(Z14, Z13)
	ADD1(Z11, Z13)
	ROUND(KW2+84, Z13, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	ADD0(Z15, Z14)
	ADD1(Z12, Z14)
	CONST(BITS2, Z14)
	ROUND(KW2+88, Z14, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	ADD1(Z13, Z15)
	VPADDD Z8, Z15, Z15
	CONST(D23, Z15)
	ROUND(KW2+92, Z15, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	SIGMA1(Z14, Z16)
	VPADDD Z9, Z16, Z16
	CONST(PAD, Z16)
	ROUND(KW2+96, Z16, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	SIGMA1(Z15, Z17)
	VPADDD Z10, Z17, Z17
	ROUND(KW2+100, Z17, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	SIGMA1(Z16, Z18)
	VPADDD Z11, Z18, Z18
	ROUND(KW2+104, Z18, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	SIGMA1(Z17, Z19)
	VPADDD Z12, Z19, Z19
	ROUND(KW2+108, Z19, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	SIGMA1(Z18, Z20)
	VPADDD Z13, Z20, Z20
	ROUND(KW2+112, Z20, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)
	SIGMA1(Z19, Z21)
	VPADDD Z14, Z21, Z21
	ROUND(KW2+116, Z21, Z3, Z4, Z5, Z6, Z7, Z0, Z1, Z2)
	SIGMA1(Z20, Z22)
	VPADDD Z15, Z22, Z22
	CONST(D30, Z22)
	ROUND(KW2+120, Z22, Z2, Z3, Z4, Z5, Z6, Z7, Z0, Z1)
	SIGMA1(Z21, Z23)
	VPADDD Z16, Z23, Z23
	ADD0(Z8, Z23)
	CONST(BITS2, Z23)
	ROUND(KW2+124, Z23, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z0)
	EIGHT(KW2+128)
	MORE(KW2+160)
	EIGHT(KW2+192)
	STEP(KW2+224, Z16, Z17, Z9, Z14, Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7)
	WORD(Z17, Z18, Z10, Z15)
	HALF(KW2+228, Z17, Z7, Z0, Z1, Z2, Z3, Z4, Z5, Z6)
	WORD(Z18, Z19, Z11, Z16)
	HALF(KW2+232, Z18, Z6, Z7, Z0, Z1, Z2, Z3, Z4, Z5)
	WORD(Z19, Z20, Z12, Z17)
	HALF(KW2+236, Z19, Z5, Z6, Z7, Z0, Z1, Z2, Z3, Z4)
	WORD(Z20, Z21, Z13, Z18)
	HALF(KW2+240, Z20, Z4, Z5, Z6, Z7, Z0, Z1, Z2, Z3)

	// What is e now will be h; the hash's topmost 32 bits are its bytes in reverse.
	CONST(IV+28, Z7)
	VPSHUFB      Z29, Z7, Z7
	VPCMPUD.BCST $2, LIMIT(AX), Z7, K1
	KMOVW        K1, DX
	TESTL        DX, DX
	JNZ          end
	ADDL         $16, R8
	INCQ         R9
	JMP          batch

end:
	MOVQ R9, done+24(FP)
	MOVL DX, hits+32(FP)
	VZEROUPPER
	RET
