#include "textflag.h"

// The round constants of SHA-256 (FIPS 180-4, section 4.2.2), two to an entry.
DATA ·sha256K+0(SB)/8, $0x71374491428a2f98
DATA ·sha256K+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA ·sha256K+16(SB)/8, $0x59f111f13956c25b
DATA ·sha256K+24(SB)/8, $0xab1c5ed5923f82a4
DATA ·sha256K+32(SB)/8, $0x12835b01d807aa98
DATA ·sha256K+40(SB)/8, $0x550c7dc3243185be
DATA ·sha256K+48(SB)/8, $0x80deb1fe72be5d74
DATA ·sha256K+56(SB)/8, $0xc19bf1749bdc06a7
DATA ·sha256K+64(SB)/8, $0xefbe4786e49b69c1
DATA ·sha256K+72(SB)/8, $0x240ca1cc0fc19dc6
DATA ·sha256K+80(SB)/8, $0x4a7484aa2de92c6f
DATA ·sha256K+88(SB)/8, $0x76f988da5cb0a9dc
DATA ·sha256K+96(SB)/8, $0xa831c66d983e5152
DATA ·sha256K+104(SB)/8, $0xbf597fc7b00327c8
DATA ·sha256K+112(SB)/8, $0xd5a79147c6e00bf3
DATA ·sha256K+120(SB)/8, $0x1429296706ca6351
DATA ·sha256K+128(SB)/8, $0x2e1b213827b70a85
DATA ·sha256K+136(SB)/8, $0x53380d134d2c6dfc
DATA ·sha256K+144(SB)/8, $0x766a0abb650a7354
DATA ·sha256K+152(SB)/8, $0x92722c8581c2c92e
DATA ·sha256K+160(SB)/8, $0xa81a664ba2bfe8a1
DATA ·sha256K+168(SB)/8, $0xc76c51a3c24b8b70
DATA ·sha256K+176(SB)/8, $0xd6990624d192e819
DATA ·sha256K+184(SB)/8, $0x106aa070f40e3585
DATA ·sha256K+192(SB)/8, $0x1e376c0819a4c116
DATA ·sha256K+200(SB)/8, $0x34b0bcb52748774c
DATA ·sha256K+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA ·sha256K+216(SB)/8, $0x682e6ff35b9cca4f
DATA ·sha256K+224(SB)/8, $0x78a5636f748f82ee
DATA ·sha256K+232(SB)/8, $0x8cc7020884c87814
DATA ·sha256K+240(SB)/8, $0xa4506ceb90befffa
DATA ·sha256K+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL ·sha256K(SB), RODATA|NOPTR, $256

// The shuffle that turns the bytes of four big-endian words around.
DATA ·wordSwap+0(SB)/8, $0x0405060700010203
DATA ·wordSwap+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL ·wordSwap(SB), RODATA|NOPTR, $16

// One SHA-256 block of two independent streams with the SHA extensions. Each pair of rounds waits for the one before, so
// the second stream runs in the time that the first leaves idle.
//
// Stream 1 has its state in X1 (a, b, e, f) and X2 (c, d, g, h) and its message words in X3..X6, stream 2 in X7, X8 and
// X9..X12. X0 is the implicit operand of SHA256RNDS2, X13 the round constants, X14 a temporary.

// LOAD takes 16 message bytes at offset at of both streams.
#define LOAD(at, m, n) \
	MOVOU  at(SI), m \
	PSHUFB X15, m \
	MOVOU  at(BX), n \
	PSHUFB X15, n

// RUN does four rounds of one stream with the message words m.
#define RUN(m, abef, cdgh) \
	MOVO        X13, X0 \
	PADDD       m, X0 \
	SHA256RNDS2 X0, abef, cdgh \
	PSHUFD      $0x0e, X0, X0 \
	SHA256RNDS2 X0, cdgh, abef

// ROUNDS does four rounds of both streams, the first of them being round k/4.
#define ROUNDS(k, m, n) \
	MOVOU ·sha256K+k(SB), X13 \
	RUN(m, X1, X2) \
	RUN(n, X7, X8)

// NEXT completes the message words next from last and prev, the words just used and those before them.
#define NEXT(prev, last, next) \
	MOVO       last, X14 \
	PALIGNR    $4, prev, X14 \
	PADDD      X14, next \
	SHA256MSG2 last, next

// SCHEDULE does four rounds with the words m3 (n3 in stream 2), completes the words that follow in m0, and prepares m2.
#define SCHEDULE(k, m0, m2, m3, n0, n2, n3) \
	ROUNDS(k, m3, n3) \
	NEXT(m2, m3, m0) \
	NEXT(n2, n3, n0) \
	SHA256MSG1 m3, m2 \
	SHA256MSG1 n3, n2

// func compress2(states *[2]shaState, p, q *[64]byte)
TEXT ·compress2(SB), NOSPLIT, $0-24
	MOVQ  states+0(FP), DI
	MOVQ  p+8(FP), SI
	MOVQ  q+16(FP), BX
	MOVOU (DI), X1
	MOVOU 16(DI), X2
	MOVOU 32(DI), X7
	MOVOU 48(DI), X8
	MOVOU ·wordSwap(SB), X15
	LOAD(0, X3, X9)
	LOAD(16, X4, X10)
	LOAD(32, X5, X11)
	LOAD(48, X6, X12)

	ROUNDS(0, X3, X9)
	ROUNDS(16, X4, X10)
	SHA256MSG1 X4, X3
	SHA256MSG1 X10, X9
	ROUNDS(32, X5, X11)
	SHA256MSG1 X5, X4
	SHA256MSG1 X11, X10
	SCHEDULE(48, X3, X5, X6, X9, X11, X12)
	SCHEDULE(64, X4, X6, X3, X10, X12, X9)
	SCHEDULE(80, X5, X3, X4, X11, X9, X10)
	SCHEDULE(96, X6, X4, X5, X12, X10, X11)
	SCHEDULE(112, X3, X5, X6, X9, X11, X12)
	SCHEDULE(128, X4, X6, X3, X10, X12, X9)
	SCHEDULE(144, X5, X3, X4, X11, X9, X10)
	SCHEDULE(160, X6, X4, X5, X12, X10, X11)
	SCHEDULE(176, X3, X5, X6, X9, X11, X12)
	SCHEDULE(192, X4, X6, X3, X10, X12, X9)
	ROUNDS(208, X4, X10)
	NEXT(X3, X4, X5)
	NEXT(X9, X10, X11)
	ROUNDS(224, X5, X11)
	NEXT(X4, X5, X6)
	NEXT(X10, X11, X12)
	ROUNDS(240, X6, X12)

	MOVOU (DI), X3
	MOVOU 16(DI), X4
	MOVOU 32(DI), X5
	MOVOU 48(DI), X6
	PADDD X3, X1
	PADDD X4, X2
	PADDD X5, X7
	PADDD X6, X8
	MOVOU X1, (DI)
	MOVOU X2, 16(DI)
	MOVOU X7, 32(DI)
	MOVOU X8, 48(DI)
	RET

// func cpuidFeatures() (ebx7 uint32)
TEXT ·cpuidFeatures(SB), NOSPLIT, $0-4
	XORL  AX, AX
	CPUID
	XORL  BX, BX // no feature, if leaf 7 does not exist
	CMPL  AX, $7
	JCS   done
	MOVL  $7, AX
	XORL  CX, CX
	CPUID

done:
	MOVL BX, ebx7+0(FP)
	RET
