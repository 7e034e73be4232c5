#include "textflag.h"

// ROMix of RFC 7914 for 6 hashes at once: three streams of two hashes, one hash in each 128-bit half of a register.
//
// A Salsa20 block is four rows of diagonals, a=(0,5,10,15) b=(4,9,14,3) c=(8,13,2,7) d=(12,1,6,11): a round is then four
// steps on whole rows, and a rotation of the rows b, c and d turns columns into rows and back. Stream s holds its rows in
// Y(4s)..Y(4s+3) and keeps both blocks of its states at 256*s(DI), rows of 32 bytes, the low block first. Three streams
// fill most of the latency of the steps, and with four temporaries all the registers.
//
// V is V[1024][6 hashes][128 bytes], each block being one cache line of its four rows.
//
// DI states, SI start of V, BX V[i] while V is written, CX iteration 0..2047, DX double rounds left, R8 and R9 V[j] of a stream.

// STEP does d ^= (x + y) <<< n; left is n and right is 32-n.
#define STEP(left, right, d, x, y, t, u) \
	VPADDD x, y, t \
	VPSLLD $left, t, u \
	VPXOR  u, d, d \
	VPSRLD $right, t, t \
	VPXOR  t, d, d

#define STEPS(left, right, d0, x0, y0, d1, x1, y1, d2, x2, y2) \
	STEP(left, right, d0, x0, y0, Y12, Y13) \
	STEP(left, right, d1, x1, y1, Y14, Y15) \
	STEP(left, right, d2, x2, y2, Y12, Y13)

#define SHUFFLE(n, r0, r1, r2) \
	VPSHUFD $n, r0, r0 \
	VPSHUFD $n, r1, r1 \
	VPSHUFD $n, r2, r2

// ROUND is one Salsa20 round of each stream. Rows b and d change places from one round to the next.
#define ROUND(b0, d0, b1, d1, b2, d2) \
	STEPS(7, 25, b0, Y0, d0, b1, Y4, d1, b2, Y8, d2) \
	STEPS(9, 23, Y2, b0, Y0, Y6, b1, Y4, Y10, b2, Y8) \
	STEPS(13, 19, d0, Y2, b0, d1, Y6, b1, d2, Y10, b2) \
	SHUFFLE(0x93, b0, b1, b2) \
	STEPS(18, 14, Y0, d0, Y2, Y4, d1, Y6, Y8, d2, Y10) \
	SHUFFLE(0x4e, Y2, Y6, Y10) \
	SHUFFLE(0x39, d0, d1, d2)

#define DOUBLEROUND \
	ROUND(Y1, Y3, Y5, Y7, Y9, Y11) \
	ROUND(Y3, Y1, Y7, Y5, Y11, Y9)

// WRITEROW stores a row in V[i] (y and x name the register with the row of the high block) and leaves low ^ high in y and
// in the place of the low row. row is the low row's offset in the states, line its offset in V[i] for the first hash.
#define WRITEROW(y, x, row, line) \
	VMOVDQU      x, (line+64)(BX) \
	VEXTRACTI128 $1, y, (line+192)(BX) \
	VMOVDQU      (row)(DI), Y12 \
	VMOVDQU      X12, (line)(BX) \
	VEXTRACTI128 $1, Y12, (line+128)(BX) \
	VPXOR        Y12, y, y \
	VMOVDQU      y, (row)(DI)

#define WRITE(stream, ya, xa, yb, xb, yc, xc, yd, xd) \
	WRITEROW(ya, xa, stream, stream) \
	WRITEROW(yb, xb, stream+32, stream+16) \
	WRITEROW(yc, xc, stream+64, stream+32) \
	WRITEROW(yd, xd, stream+96, stream+48)

// LOCATE sets r to the address of V[j] of a hash, less the hash's place in V[j]; its word 16 is at the offset word.
#define LOCATE(word, r) \
	MOVL  (word)(DI), r \
	ANDL  $1023, r \
	IMULL $768, r \
	ADDQ  SI, r

// READROW XORs V[j] to a row of both blocks and leaves low ^ high in y and in the place of the low row.
#define READROW(y, row, line) \
	VMOVDQU     (line+64)(R8), X12 \
	VINSERTI128 $1, (line+192)(R9), Y12, Y12 \
	VPXOR       Y12, y, y \
	VMOVDQU     y, (row+128)(DI) \
	VMOVDQU     (line)(R8), X13 \
	VINSERTI128 $1, (line+128)(R9), Y13, Y13 \
	VPXOR       (row)(DI), Y13, Y13 \
	VPXOR       Y13, y, y \
	VMOVDQU     y, (row)(DI)

#define READ(stream, a, b, c, d) \
	LOCATE(stream+128, R8) \
	LOCATE(stream+144, R9) \
	READROW(a, stream, stream) \
	READROW(b, stream+32, stream+16) \
	READROW(c, stream+64, stream+32) \
	READROW(d, stream+96, stream+48)

// LOWROW ends a row of the low block: adds its input, keeps it, and leaves low ^ high in y and in the place of the high row.
#define LOWROW(y, row) \
	VPADDD  (row)(DI), y, y \
	VMOVDQU y, (row)(DI) \
	VPXOR   (row+128)(DI), y, y \
	VMOVDQU y, (row+128)(DI)

#define LOWDONE(stream, a, b, c, d) \
	LOWROW(a, stream) \
	LOWROW(b, stream+32) \
	LOWROW(c, stream+64) \
	LOWROW(d, stream+96)

// HIGHROW ends a row of the high block: adds its input and keeps it.
#define HIGHROW(y, row) \
	VPADDD  (row+128)(DI), y, y \
	VMOVDQU y, (row+128)(DI)

#define HIGHDONE(stream, a, b, c, d) \
	HIGHROW(a, stream) \
	HIGHROW(b, stream+32) \
	HIGHROW(c, stream+64) \
	HIGHROW(d, stream+96)

#define LOADHIGH(stream, a, b, c, d) \
	VMOVDQU (stream+128)(DI), a \
	VMOVDQU (stream+160)(DI), b \
	VMOVDQU (stream+192)(DI), c \
	VMOVDQU (stream+224)(DI), d

// func romixAVX2(rows *uint32, v *block)
TEXT ·romixAVX2(SB), NOSPLIT, $0-16
	MOVQ rows+0(FP), DI
	MOVQ v+8(FP), SI
	MOVQ SI, BX
	XORL CX, CX
	LOADHIGH(0, Y0, Y1, Y2, Y3)
	LOADHIGH(256, Y4, Y5, Y6, Y7)
	LOADHIGH(512, Y8, Y9, Y10, Y11)

iteration:
	CMPL CX, $1024
	JGE  read
	WRITE(0, Y0, X0, Y1, X1, Y2, X2, Y3, X3)
	WRITE(256, Y4, X4, Y5, X5, Y6, X6, Y7, X7)
	WRITE(512, Y8, X8, Y9, X9, Y10, X10, Y11, X11)
	ADDQ $768, BX
	JMP  mix

read:
	READ(0, Y0, Y1, Y2, Y3)
	READ(256, Y4, Y5, Y6, Y7)
	READ(512, Y8, Y9, Y10, Y11)

mix:
	MOVL $4, DX

low:
	DOUBLEROUND
	DECL DX
	JNZ  low
	LOWDONE(0, Y0, Y1, Y2, Y3)
	LOWDONE(256, Y4, Y5, Y6, Y7)
	LOWDONE(512, Y8, Y9, Y10, Y11)
	MOVL $4, DX

high:
	DOUBLEROUND
	DECL DX
	JNZ  high
	HIGHDONE(0, Y0, Y1, Y2, Y3)
	HIGHDONE(256, Y4, Y5, Y6, Y7)
	HIGHDONE(512, Y8, Y9, Y10, Y11)
	INCL CX
	CMPL CX, $2048
	JLT  iteration

	VZEROUPPER // the SSE code of crypto/sha256 comes next
	RET
