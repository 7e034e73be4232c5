#include "textflag.h"

// ROMix of RFC 7914 for 16 hashes at once: four streams of four hashes, one hash in each 128-bit part of a register.
//
// A Salsa20 block is four rows of diagonals, a=(0,5,10,15) b=(4,9,14,3) c=(8,13,2,7) d=(12,1,6,11): a round is then four
// steps on whole rows, and a rotation of the rows b, c and d turns columns into rows and back. Stream s holds its rows in
// Z(4s)..Z(4s+3) and keeps both blocks of its states at 512*s(DI), rows of 64 bytes, the low block first. The streams are
// there to fill the latency of the steps, each of which waits for the one before.
//
// V is V[1024][16 hashes][128 bytes], each block being one cache line of its four rows.
//
// DI states, SI start of V, BX V[i] while V is written, CX iteration 0..2047, DX double rounds left, R8..R11 V[j] of a stream.

// STEPS does d ^= (x + y) <<< n in each stream.
#define STEPS(n, d0, x0, y0, d1, x1, y1, d2, x2, y2, d3, x3, y3) \
	VPADDD x0, y0, Z16 \
	VPADDD x1, y1, Z17 \
	VPADDD x2, y2, Z18 \
	VPADDD x3, y3, Z19 \
	VPROLD $n, Z16, Z16 \
	VPROLD $n, Z17, Z17 \
	VPROLD $n, Z18, Z18 \
	VPROLD $n, Z19, Z19 \
	VPXORD Z16, d0, d0 \
	VPXORD Z17, d1, d1 \
	VPXORD Z18, d2, d2 \
	VPXORD Z19, d3, d3

#define SHUFFLE(n, r0, r1, r2, r3) \
	VPSHUFD $n, r0, r0 \
	VPSHUFD $n, r1, r1 \
	VPSHUFD $n, r2, r2 \
	VPSHUFD $n, r3, r3

// ROUND is one Salsa20 round of each stream. Rows b and d change places from one round to the next.
#define ROUND(b0, d0, b1, d1, b2, d2, b3, d3) \
	STEPS(7, b0, Z0, d0, b1, Z4, d1, b2, Z8, d2, b3, Z12, d3) \
	STEPS(9, Z2, b0, Z0, Z6, b1, Z4, Z10, b2, Z8, Z14, b3, Z12) \
	STEPS(13, d0, Z2, b0, d1, Z6, b1, d2, Z10, b2, d3, Z14, b3) \
	SHUFFLE(0x93, b0, b1, b2, b3) \
	STEPS(18, Z0, d0, Z2, Z4, d1, Z6, Z8, d2, Z10, Z12, d3, Z14) \
	SHUFFLE(0x4e, Z2, Z6, Z10, Z14) \
	SHUFFLE(0x39, d0, d1, d2, d3)

#define DOUBLEROUND \
	ROUND(Z1, Z3, Z5, Z7, Z9, Z11, Z13, Z15) \
	ROUND(Z3, Z1, Z7, Z5, Z11, Z9, Z15, Z13)

// TRANSPOSE turns four rows of four hashes into the four blocks of those hashes in Z20..Z23, or blocks into rows.
#define TRANSPOSE(a, b, c, d) \
	VSHUFI32X4 $0x44, b, a, Z16 \
	VSHUFI32X4 $0xee, b, a, Z17 \
	VSHUFI32X4 $0x44, d, c, Z18 \
	VSHUFI32X4 $0xee, d, c, Z19 \
	VSHUFI32X4 $0x88, Z18, Z16, Z20 \
	VSHUFI32X4 $0xdd, Z18, Z16, Z21 \
	VSHUFI32X4 $0x88, Z19, Z17, Z22 \
	VSHUFI32X4 $0xdd, Z19, Z17, Z23

#define LOADROWS(at, a, b, c, d) \
	VMOVDQU32 (at)(DI), a \
	VMOVDQU32 (at+64)(DI), b \
	VMOVDQU32 (at+128)(DI), c \
	VMOVDQU32 (at+192)(DI), d

#define STOREROWS(at, a, b, c, d) \
	VMOVDQU32 a, (at)(DI) \
	VMOVDQU32 b, (at+64)(DI) \
	VMOVDQU32 c, (at+128)(DI) \
	VMOVDQU32 d, (at+192)(DI)

#define XORROWS(a, b, c, d, p, q, r, s) \
	VPXORD p, a, a \
	VPXORD q, b, b \
	VPXORD r, c, c \
	VPXORD s, d, d

#define ADDROWS(at, a, b, c, d) \
	VPADDD (at)(DI), a, a \
	VPADDD (at+64)(DI), b, b \
	VPADDD (at+128)(DI), c, c \
	VPADDD (at+192)(DI), d, d

// WRITE stores a stream (its high block in a..d) in V[i] and leaves low ^ high in a..d and in the place of the low block.
#define WRITE(stream, a, b, c, d) \
	TRANSPOSE(a, b, c, d) \
	VMOVDQU32 Z20, (stream+64)(BX) \
	VMOVDQU32 Z21, (stream+192)(BX) \
	VMOVDQU32 Z22, (stream+320)(BX) \
	VMOVDQU32 Z23, (stream+448)(BX) \
	LOADROWS(stream, Z24, Z25, Z26, Z27) \
	TRANSPOSE(Z24, Z25, Z26, Z27) \
	VMOVDQU32 Z20, (stream)(BX) \
	VMOVDQU32 Z21, (stream+128)(BX) \
	VMOVDQU32 Z22, (stream+256)(BX) \
	VMOVDQU32 Z23, (stream+384)(BX) \
	XORROWS(a, b, c, d, Z24, Z25, Z26, Z27) \
	STOREROWS(stream, a, b, c, d)

// LOCATE sets r to the address of V[j] of a hash, less the hash's place in V[j]; its word 16 is at the offset word.
#define LOCATE(word, r) \
	MOVL (word)(DI), r \
	ANDL $1023, r \
	SHLL $11, r \
	ADDQ SI, r

// BLOCKS loads the four rows of the blocks at offset at of a stream's V[j] to Z20..Z23.
#define BLOCKS(at) \
	VMOVDQU32 (at)(R8), Z24 \
	VMOVDQU32 (at+128)(R9), Z25 \
	VMOVDQU32 (at+256)(R10), Z26 \
	VMOVDQU32 (at+384)(R11), Z27 \
	TRANSPOSE(Z24, Z25, Z26, Z27)

// READ XORs V[j] to a stream (its high block in a..d) and leaves low ^ high in a..d and in the place of the low block.
#define READ(stream, a, b, c, d) \
	LOCATE(stream+256, R8) \
	LOCATE(stream+272, R9) \
	LOCATE(stream+288, R10) \
	LOCATE(stream+304, R11) \
	BLOCKS(stream+64) \
	XORROWS(a, b, c, d, Z20, Z21, Z22, Z23) \
	STOREROWS(stream+256, a, b, c, d) \
	BLOCKS(stream) \
	XORROWS(a, b, c, d, Z20, Z21, Z22, Z23) \
	XORROWS(a, b, c, d, (stream)(DI), (stream+64)(DI), (stream+128)(DI), (stream+192)(DI)) \
	STOREROWS(stream, a, b, c, d)

// LOWDONE ends the low block: adds its input, keeps it, and leaves low ^ high in a..d and in the place of the high block.
#define LOWDONE(stream, a, b, c, d) \
	ADDROWS(stream, a, b, c, d) \
	STOREROWS(stream, a, b, c, d) \
	XORROWS(a, b, c, d, (stream+256)(DI), (stream+320)(DI), (stream+384)(DI), (stream+448)(DI)) \
	STOREROWS(stream+256, a, b, c, d)

// HIGHDONE ends the high block: adds its input and keeps it.
#define HIGHDONE(stream, a, b, c, d) \
	ADDROWS(stream+256, a, b, c, d) \
	STOREROWS(stream+256, a, b, c, d)

// func romixAVX512(rows *uint32, v *block)
TEXT ·romixAVX512(SB), NOSPLIT, $0-16
	MOVQ rows+0(FP), DI
	MOVQ v+8(FP), SI
	MOVQ SI, BX
	XORL CX, CX
	LOADROWS(256, Z0, Z1, Z2, Z3)
	LOADROWS(768, Z4, Z5, Z6, Z7)
	LOADROWS(1280, Z8, Z9, Z10, Z11)
	LOADROWS(1792, Z12, Z13, Z14, Z15)

iteration:
	CMPL CX, $1024
	JGE  read
	WRITE(0, Z0, Z1, Z2, Z3)
	WRITE(512, Z4, Z5, Z6, Z7)
	WRITE(1024, Z8, Z9, Z10, Z11)
	WRITE(1536, Z12, Z13, Z14, Z15)
	ADDQ $2048, BX
	JMP  mix

read:
	READ(0, Z0, Z1, Z2, Z3)
	READ(512, Z4, Z5, Z6, Z7)
	READ(1024, Z8, Z9, Z10, Z11)
	READ(1536, Z12, Z13, Z14, Z15)

mix:
	MOVL $4, DX

low:
	DOUBLEROUND
	DECL DX
	JNZ  low
	LOWDONE(0, Z0, Z1, Z2, Z3)
	LOWDONE(512, Z4, Z5, Z6, Z7)
	LOWDONE(1024, Z8, Z9, Z10, Z11)
	LOWDONE(1536, Z12, Z13, Z14, Z15)
	MOVL $4, DX

high:
	DOUBLEROUND
	DECL DX
	JNZ  high
	HIGHDONE(0, Z0, Z1, Z2, Z3)
	HIGHDONE(512, Z4, Z5, Z6, Z7)
	HIGHDONE(1024, Z8, Z9, Z10, Z11)
	HIGHDONE(1536, Z12, Z13, Z14, Z15)
	INCL CX
	CMPL CX, $2048
	JLT  iteration

	VZEROUPPER // the SSE code of crypto/sha256 comes next
	RET
