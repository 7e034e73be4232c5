package pow

// scryptN is the cost parameter: the number of 128-byte blocks that ROMix keeps for each hash.
const scryptN = 1024

// block is the state of one hash inside ROMix: 2*r = 2 Salsa20 blocks as little-endian words.
type block [32]uint32

// romixGo is scryptROMix of RFC 7914, section 5, for N=1024 and r=1: it replaces x, using v as scratch.
func romixGo(x *block, v *[scryptN]block) {
	lo, hi := (*[16]uint32)(x[:16]), (*[16]uint32)(x[16:])
	for i := range v {
		v[i] = *x
		salsaXOR(lo, hi)
		salsaXOR(hi, lo)
	}
	for range v {
		xorBlock(x, &v[x[16]%scryptN])
		salsaXOR(lo, hi)
		salsaXOR(hi, lo)
	}
}

// xorBlock does x ^= y, eight words at a time: it is a tenth of the second half of ROMix.
func xorBlock(x, y *block) {
	for i := 0; i < len(x); i += 8 {
		a, b := (*[8]uint32)(x[i:]), (*[8]uint32)(y[i:])
		a[0] ^= b[0]
		a[1] ^= b[1]
		a[2] ^= b[2]
		a[3] ^= b[3]
		a[4] ^= b[4]
		a[5] ^= b[5]
		a[6] ^= b[6]
		a[7] ^= b[7]
	}
}
