#include "textflag.h"
#include "scan_amd64.h"

// SHA-256d of 8 headers at once that differ only in the nonce: what scan_avx512_amd64.s does, without its rotations and
// three-way operations, and with too few registers for the message words.
//
// Y0..Y7 state: in round r, a is in Y(-r mod 8), b in the next and so on. Word i of the message is on the stack at
// 32*(i mod 16). Y8..Y13 temporaries, Y14 nonces, Y15 byte order.
// AX scanInput, CX batches to do, R8 nonce, R9 batches done, DX hits.

// TURN does acc ^= x >>> n.
#define TURN(n, x, acc) \
	VPSRLD $n, x, Y9 \
	VPSLLD $(32-n), x, Y10 \
	VPXOR  Y9, acc, acc \
	VPXOR  Y10, acc, acc

// TURNED does acc = x >>> n.
#define TURNED(n, x, acc) \
	VPSRLD $n, x, acc \
	VPSLLD $(32-n), x, Y10 \
	VPXOR  Y10, acc, acc

// SUM1 does h += Sigma1(e) + Ch(e, f, g); d += h.
#define SUM1(d, e, f, g, h) \
	TURNED(6, e, Y8) \
	VPXOR g, f, Y11 \
	TURN(11, e, Y8) \
	VPAND e, Y11, Y11 \
	TURN(25, e, Y8) \
	VPXOR  g, Y11, Y11 \
	VPADDD Y11, h, h \
	VPADDD Y8, h, h \
	VPADDD h, d, d

// SUM0 does h += Sigma0(a) + Maj(a, b, c).
#define SUM0(a, b, c, h) \
	TURNED(2, a, Y8) \
	VPXOR b, a, Y11 \
	VPXOR c, b, Y12 \
	TURN(13, a, Y8) \
	VPAND Y12, Y11, Y11 \
	TURN(22, a, Y8) \
	VPXOR  b, Y11, Y11 \
	VPADDD Y11, h, h \
	VPADDD Y8, h, h

// HALF is a round without its new a. Its message word is in Y13.
#define HALF(k, a, b, c, d, e, f, g, h) \
	VPBROADCASTD k(AX), Y8 \
	VPADDD       Y13, h, h \
	VPADDD       Y8, h, h \
	SUM1(d, e, f, g, h)

// ROUND is a round with the constant at offset k and the message word in Y13.
#define ROUND(k, a, b, c, d, e, f, g, h) \
	HALF(k, a, b, c, d, e, f, g, h) \
	SUM0(a, b, c, h)

// FIXED is a round whose message word is part of the constant.
#define FIXED(k, a, b, c, d, e, f, g, h) \
	VPBROADCASTD k(AX), Y8 \
	VPADDD       Y8, h, h \
	SUM1(d, e, f, g, h) \
	SUM0(a, b, c, h)

// ADD0 and ADD1 do Y13 += sigma of the word at offset w of the stack.
#define ADD0(w) \
	VMOVDQU w(SP), Y12 \
	VPSRLD  $3, Y12, Y8 \
	TURN(7, Y12, Y8) \
	TURN(18, Y12, Y8) \
	VPADDD Y8, Y13, Y13

#define ADD1(w) \
	VMOVDQU w(SP), Y12 \
	VPSRLD  $10, Y12, Y8 \
	TURN(17, Y12, Y8) \
	TURN(19, Y12, Y8) \
	VPADDD Y8, Y13, Y13

// CONST does Y13 += the word at offset c of the scanInput.
#define CONST(c) \
	VPBROADCASTD c(AX), Y8 \
	VPADDD       Y8, Y13, Y13

// WORD makes the next message word out of those 16, 15, 7 and 2 rounds ago, in the place of the oldest and in Y13.
#define WORD(w16, w15, w7, w2) \
	VMOVDQU w16(SP), Y13 \
	VPADDD  w7(SP), Y13, Y13 \
	ADD0(w15) \
	ADD1(w2) \
	VMOVDQU Y13, w16(SP)

// STEP is a round with a word that is made for it.
#define STEP(k, w16, w15, w7, w2, a, b, c, d, e, f, g, h) \
	WORD(w16, w15, w7, w2) \
	ROUND(k, a, b, c, d, e, f, g, h)

// EIGHT is eight rounds from a multiple of 16 on, MORE the eight behind them.
#define EIGHT(k) \
	STEP(k, 0, 32, 288, 448, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7) \
	STEP(k+4, 32, 64, 320, 480, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6) \
	STEP(k+8, 64, 96, 352, 0, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5) \
	STEP(k+12, 96, 128, 384, 32, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4) \
	STEP(k+16, 128, 160, 416, 64, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3) \
	STEP(k+20, 160, 192, 448, 96, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2) \
	STEP(k+24, 192, 224, 480, 128, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1) \
	STEP(k+28, 224, 256, 0, 160, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)

#define MORE(k) \
	STEP(k, 256, 288, 32, 192, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7) \
	STEP(k+4, 288, 320, 64, 224, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6) \
	STEP(k+8, 320, 352, 96, 256, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5) \
	STEP(k+12, 352, 384, 128, 288, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4) \
	STEP(k+16, 384, 416, 160, 320, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3) \
	STEP(k+20, 416, 448, 192, 352, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2) \
	STEP(k+24, 448, 480, 224, 384, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1) \
	STEP(k+28, 480, 0, 256, 416, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)

// func scanAVX2(in *scanInput, first uint32, batches uint64) (done uint64, hits uint32)
TEXT ·scanAVX2(SB), 0, $512-36
	MOVQ           in+0(FP), AX
	MOVL           first+8(FP), R8
	MOVQ           batches+16(FP), CX
	XORL           R9, R9
	XORL           DX, DX
	VBROADCASTI128 ·wordSwap(SB), Y15

batch:
	CMPQ R9, CX
	JEQ  end

	// The header's second block from round 3 on. Word 3 is the nonce, word 4 a bit, word 15 the length.
	MOVQ         R8, X14
	VPBROADCASTD X14, Y14
	VPADDD       ·scanLanes(SB), Y14, Y14
	VPSHUFB      Y15, Y14, Y14
	VPBROADCASTD (START+0)(AX), Y5
	VPBROADCASTD (START+4)(AX), Y6
	VPBROADCASTD (START+8)(AX), Y7
	VPBROADCASTD (START+12)(AX), Y0
	VPBROADCASTD (START+16)(AX), Y1
	VPBROADCASTD (START+20)(AX), Y2
	VPBROADCASTD (START+24)(AX), Y3
	VPBROADCASTD (START+28)(AX), Y4
	VMOVDQU      Y14, Y13
	ROUND(KW+12, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	FIXED(KW+16, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	FIXED(KW+20, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	FIXED(KW+24, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	FIXED(KW+28, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	FIXED(KW+32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FIXED(KW+36, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	FIXED(KW+40, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	FIXED(KW+44, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	FIXED(KW+48, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	FIXED(KW+52, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	FIXED(KW+56, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	FIXED(KW+60, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	FIXED(KW+64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FIXED(KW+68, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)

	VPBROADCASTD W16(AX), Y13
	VMOVDQU      Y13, 0(SP)
	VPBROADCASTD W17(AX), Y13
	VMOVDQU      Y13, 32(SP)
	VMOVDQU      Y14, 96(SP)
	VPBROADCASTD C18(AX), Y13
	ADD0(96)
	VMOVDQU Y13, 64(SP)
	ROUND(KW+72, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	VPBROADCASTD C19(AX), Y13
	VPADDD       Y14, Y13, Y13
	VMOVDQU      Y13, 96(SP)
	ROUND(KW+76, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	VPBROADCASTD PAD(AX), Y13
	ADD1(64)
	VMOVDQU Y13, 128(SP)
	ROUND(KW+80, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	VPXOR Y13, Y13, Y13
	ADD1(96)
	VMOVDQU Y13, 160(SP)
	ROUND(KW+84, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	VPBROADCASTD BITS(AX), Y13
	ADD1(128)
	VMOVDQU Y13, 192(SP)
	ROUND(KW+88, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	VMOVDQU 0(SP), Y13
	ADD1(160)
	VMOVDQU Y13, 224(SP)
	ROUND(KW+92, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	VMOVDQU 32(SP), Y13
	ADD1(192)
	VMOVDQU Y13, 256(SP)
	ROUND(KW+96, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	VMOVDQU 64(SP), Y13
	ADD1(224)
	VMOVDQU Y13, 288(SP)
	ROUND(KW+100, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	VMOVDQU 96(SP), Y13
	ADD1(256)
	VMOVDQU Y13, 320(SP)
	ROUND(KW+104, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	VMOVDQU 128(SP), Y13
	ADD1(288)
	VMOVDQU Y13, 352(SP)
	ROUND(KW+108, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	VMOVDQU 160(SP), Y13
	ADD1(320)
	VMOVDQU Y13, 384(SP)
	ROUND(KW+112, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	VMOVDQU 192(SP), Y13
	ADD1(352)
	VMOVDQU Y13, 416(SP)
	ROUND(KW+116, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	VMOVDQU 224(SP), Y13
	ADD1(384)
	CONST(C30)
	VMOVDQU Y13, 448(SP)
	ROUND(KW+120, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	VMOVDQU 256(SP), Y13
	ADD1(416)
	CONST(C31)
	VMOVDQU Y13, 480(SP)
	ROUND(KW+124, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	EIGHT(KW+128)
	MORE(KW+160)
	EIGHT(KW+192)
	MORE(KW+224)

	// The digest is the second hash's message; its first round starts from constants.
	VPBROADCASTD (MID+0)(AX), Y8
	VPADDD       Y8, Y0, Y8
	VMOVDQU      Y8, 0(SP)
	VPBROADCASTD (MID+4)(AX), Y8
	VPADDD       Y8, Y1, Y8
	VMOVDQU      Y8, 32(SP)
	VPBROADCASTD (MID+8)(AX), Y8
	VPADDD       Y8, Y2, Y8
	VMOVDQU      Y8, 64(SP)
	VPBROADCASTD (MID+12)(AX), Y8
	VPADDD       Y8, Y3, Y8
	VMOVDQU      Y8, 96(SP)
	VPBROADCASTD (MID+16)(AX), Y8
	VPADDD       Y8, Y4, Y8
	VMOVDQU      Y8, 128(SP)
	VPBROADCASTD (MID+20)(AX), Y8
	VPADDD       Y8, Y5, Y8
	VMOVDQU      Y8, 160(SP)
	VPBROADCASTD (MID+24)(AX), Y8
	VPADDD       Y8, Y6, Y8
	VMOVDQU      Y8, 192(SP)
	VPBROADCASTD (MID+28)(AX), Y8
	VPADDD       Y8, Y7, Y8
	VMOVDQU      Y8, 224(SP)
	VPBROADCASTD (IV+0)(AX), Y0
	VPBROADCASTD (IV+4)(AX), Y1
	VPBROADCASTD (IV+8)(AX), Y2
	VPBROADCASTD (IV+16)(AX), Y4
	VPBROADCASTD (IV+20)(AX), Y5
	VPBROADCASTD (IV+24)(AX), Y6
	VPBROADCASTD E1(AX), Y3
	VPADDD       0(SP), Y3, Y3
	VPBROADCASTD A1(AX), Y7
	VPADDD       0(SP), Y7, Y7
	VMOVDQU      32(SP), Y13
	ROUND(KW2+4, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	VMOVDQU 64(SP), Y13
	ROUND(KW2+8, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	VMOVDQU 96(SP), Y13
	ROUND(KW2+12, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	VMOVDQU 128(SP), Y13
	ROUND(KW2+16, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	VMOVDQU 160(SP), Y13
	ROUND(KW2+20, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	VMOVDQU 192(SP), Y13
	ROUND(KW2+24, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	VMOVDQU 224(SP), Y13
	ROUND(KW2+28, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	FIXED(KW2+32, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	FIXED(KW2+36, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	FIXED(KW2+40, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	FIXED(KW2+44, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	FIXED(KW2+48, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	FIXED(KW2+52, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	FIXED(KW2+56, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	FIXED(KW2+60, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)

	VMOVDQU 0(SP), Y13
	ADD0(32)
	VMOVDQU Y13, 0(SP)
	ROUND(KW2+64, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	VMOVDQU 32(SP), Y13
	ADD0(64)
	CONST(D17)
	VMOVDQU Y13, 32(SP)
	ROUND(KW2+68, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	VMOVDQU 64(SP), Y13
	ADD0(96)
	ADD1(0)
	VMOVDQU Y13, 64(SP)
	ROUND(KW2+72, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	VMOVDQU 96(SP), Y13
	ADD0(128)
	ADD1(32)
	VMOVDQU Y13, 96(SP)
	ROUND(KW2+76, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	VMOVDQU 128(SP), Y13
	ADD0(160)
	ADD1(64)
	VMOVDQU Y13, 128(SP)
	ROUND(KW2+80, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	VMOVDQU 160(SP), Y13
	ADD0(192)
	ADD1(96)
	VMOVDQU Y13, 160(SP)
	ROUND(KW2+84, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	VMOVDQU 192(SP), Y13
	ADD0(224)
	ADD1(128)
	CONST(BITS2)
	VMOVDQU Y13, 192(SP)
	ROUND(KW2+88, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	VMOVDQU 224(SP), Y13
	ADD1(160)
	VPADDD 0(SP), Y13, Y13
	CONST(D23)
	VMOVDQU Y13, 224(SP)
	ROUND(KW2+92, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	VMOVDQU 32(SP), Y13
	ADD1(192)
	CONST(PAD)
	VMOVDQU Y13, 256(SP)
	ROUND(KW2+96, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	VMOVDQU 64(SP), Y13
	ADD1(224)
	VMOVDQU Y13, 288(SP)
	ROUND(KW2+100, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	VMOVDQU 96(SP), Y13
	ADD1(256)
	VMOVDQU Y13, 320(SP)
	ROUND(KW2+104, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	VMOVDQU 128(SP), Y13
	ADD1(288)
	VMOVDQU Y13, 352(SP)
	ROUND(KW2+108, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	VMOVDQU 160(SP), Y13
	ADD1(320)
	VMOVDQU Y13, 384(SP)
	ROUND(KW2+112, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)
	VMOVDQU 192(SP), Y13
	ADD1(352)
	VMOVDQU Y13, 416(SP)
	ROUND(KW2+116, Y3, Y4, Y5, Y6, Y7, Y0, Y1, Y2)
	VMOVDQU 224(SP), Y13
	ADD1(384)
	CONST(D30)
	VMOVDQU Y13, 448(SP)
	ROUND(KW2+120, Y2, Y3, Y4, Y5, Y6, Y7, Y0, Y1)
	VMOVDQU 256(SP), Y13
	ADD1(416)
	ADD0(0)
	CONST(BITS2)
	VMOVDQU Y13, 480(SP)
	ROUND(KW2+124, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y0)
	EIGHT(KW2+128)
	MORE(KW2+160)
	EIGHT(KW2+192)
	STEP(KW2+224, 256, 288, 32, 192, Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7)
	WORD(288, 320, 64, 224)
	HALF(KW2+228, Y7, Y0, Y1, Y2, Y3, Y4, Y5, Y6)
	WORD(320, 352, 96, 256)
	HALF(KW2+232, Y6, Y7, Y0, Y1, Y2, Y3, Y4, Y5)
	WORD(352, 384, 128, 288)
	HALF(KW2+236, Y5, Y6, Y7, Y0, Y1, Y2, Y3, Y4)
	WORD(384, 416, 160, 320)
	HALF(KW2+240, Y4, Y5, Y6, Y7, Y0, Y1, Y2, Y3)

	// What is e now will be h; the hash's topmost 32 bits are its bytes in reverse. AVX2 compares only signed numbers,
	// but its minimum knows unsigned ones.
	VPBROADCASTD (IV+28)(AX), Y8
	VPADDD       Y8, Y7, Y7
	VPSHUFB      Y15, Y7, Y7
	VPBROADCASTD LIMIT(AX), Y8
	VPMINUD      Y8, Y7, Y8
	VPCMPEQD     Y8, Y7, Y8
	VMOVMSKPS    Y8, DX
	TESTL        DX, DX
	JNZ          end
	ADDL         $8, R8
	INCQ         R9
	JMP          batch

end:
	MOVQ R9, done+24(FP)
	MOVL DX, hits+32(FP)
	VZEROUPPER
	RET
