package descriptor

import "strings"

const (
	checksumSize = 8
	inputSet     = "0123456789()[],'/*abcdefgh@:$%{}" +
		"IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" +
		"ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
	checksumSet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
)

// step feeds one symbol of 5 bits to BIP380's code.
func step(state uint64, symbol int) uint64 {
	top := state >> 35
	state = (state&0x7ffffffff)<<5 ^ uint64(symbol)
	for i, generator := range [...]uint64{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd} {
		if top>>i&1 == 1 {
			state ^= generator
		}
	}
	return state
}

// checksum returns the eight characters that follow the #, or the position of a character that no descriptor has.
func checksum(text string) (sum string, bad int) {
	state, class, classes := uint64(1), 0, 0
	for i := range len(text) {
		at := strings.IndexByte(inputSet, text[i])
		if at < 0 {
			return "", i
		}
		state = step(state, at&31)
		class, classes = class*3+at>>5, classes+1
		if classes == 3 {
			state, class, classes = step(state, class), 0, 0
		}
	}
	if classes > 0 {
		state = step(state, class)
	}
	for range checksumSize {
		state = step(state, 0)
	}
	state ^= 1
	var out [checksumSize]byte
	for i := range out {
		out[i] = checksumSet[state>>(5*(checksumSize-1-i))&31]
	}
	return string(out[:]), -1
}
