package pow

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/sys/cpu"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
)

// scanners lists the implementations that this processor and operating system run, the fastest last.
var scanners = func() []scanner {
	found := []scanner{{"portable", scanPortable}}
	if cpu.X86.HasAVX2 {
		found = append(found, scanner{"avx2", vectorScan(8, scanAVX2)})
	}
	if hasSHA {
		found = append(found, scanner{"sha", scanPairs})
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW {
		found = append(found, scanner{"avx512", vectorScan(16, scanAVX512)})
	}
	return found
}()

// scanInput is all that the vector code needs of a header: what is the same for every nonce has been computed. The
// assembly knows the offsets of its fields. w0, w1 ... are the message words of the block at hand.
type scanInput struct {
	mid   shaWords   // after the header's first 64 bytes
	start shaWords   // after the first three rounds of the second block, which do not see the nonce
	kw    [64]uint32 // round constants of the second block; in 4..17 those message words are added
	kw2   [64]uint32 // round constants of the second hash; in 8..15 those message words are added
	iv    shaWords

	w16, w17 uint32 // of the second block
	c18, c19 uint32 // w18 - sigma0(nonce), w19 - nonce
	pad      uint32 // the bit behind a message
	bits     uint32 // length of the header: w15
	c30, c31 uint32 // sigma0(w15), sigma0(w16) + w15

	a1, e1   uint32 // a and e after the second hash's first round, less w0
	bits2    uint32 // length of a digest: w15 of the second hash
	d17      uint32 // sigma1(w15)
	d23, d30 uint32 // sigma0(w8), sigma0(w15)

	limit uint32
}

// scanAVX2 tries batches of 8 nonces from first upwards until one has a candidate. It returns the number of batches
// before that one and a bit for each of its candidates, no bit if there was none.
//
//go:noescape
func scanAVX2(in *scanInput, first uint32, batches uint64) (done uint64, hits uint32)

// scanAVX512 does the same with batches of 16.
//
//go:noescape
func scanAVX512(in *scanInput, first uint32, batches uint64) (done uint64, hits uint32)

// newScanInput computes what is the same for every nonce (FIPS 180-4, section 6.2).
func newScanInput(header *[80]byte, limit uint32) *scanInput {
	in := &scanInput{mid: midstate(header), kw: shaK, kw2: shaK, iv: shaWordsIV, limit: limit}
	in.pad, in.bits, in.bits2 = 1<<31, 80*8, 32*8
	var w [3]uint32
	in.start = in.mid
	for i := range w {
		w[i] = binary.BigEndian.Uint32(header[64+4*i:])
		in.start = in.start.round(shaK[i] + w[i])
	}
	in.w16 = sigma0(w[1]) + w[0]
	in.w17 = sigma1(in.bits) + sigma0(w[2]) + w[1]
	in.c18 = sigma1(in.w16) + w[2]
	in.c19 = sigma1(in.w17) + sigma0(in.pad)
	in.c30 = sigma0(in.bits)
	in.c31 = sigma0(in.w16) + in.bits
	in.kw[4] += in.pad
	in.kw[15] += in.bits
	in.kw[16] += in.w16
	in.kw[17] += in.w17

	first := shaWordsIV.round(shaK[0])
	in.a1, in.e1 = first[0], first[4]
	in.kw2[8] += in.pad
	in.kw2[15] += in.bits2
	in.d17 = sigma1(in.bits2)
	in.d23 = sigma0(in.pad)
	in.d30 = sigma0(in.bits2)
	return in
}

// preemptBatches is how many batches vector code does at a time: the scheduler cannot stop it in between.
const preemptBatches = 1 << 12

// vectorScan makes a scan out of vector code that does lanes nonces at a time.
func vectorScan(lanes int, kernel func(*scanInput, uint32, uint64) (uint64, uint32)) scanFunc {
	return func(header *[80]byte, first uint32, count uint64, limit uint32) (uint32, bool) {
		in := newScanInput(header, limit)
		for at := uint64(0); at < count; {
			batches := min((count-at+uint64(lanes)-1)/uint64(lanes), preemptBatches)
			done, hits := kernel(in, first+uint32(at), batches)
			at += done * uint64(lanes)
			if hits != 0 {
				at += uint64(bits.TrailingZeros32(hits))
				return first + uint32(at), at < count
			}
		}
		return 0, false
	}
}

// scanPairs tries nonces two at a time with the SHA extensions.
func scanPairs(header *[80]byte, first uint32, count uint64, limit uint32) (uint32, bool) {
	tails, digests := headerEnd, digestEnd
	copy(tails[0][:12], header[64:])
	copy(tails[1][:12], header[64:])
	mid := midstate(header)
	var start [2]shaState
	for i, at := range digestOrder {
		start[0][at], start[1][at] = mid[i], mid[i]
	}
	for done := uint64(0); done < count; done += 2 {
		nonce := first + uint32(done)
		binary.LittleEndian.PutUint32(tails[0][12:], nonce)
		binary.LittleEndian.PutUint32(tails[1][12:], nonce+1)
		states := start
		tails.compress(&states)
		var a, b chainhash.Hash
		secondHash(&states, &digests, &a, &b)
		if hashTop(&a) <= limit {
			return nonce, true
		}
		if hashTop(&b) <= limit && done+1 < count {
			return nonce + 1, true
		}
	}
	return 0, false
}
