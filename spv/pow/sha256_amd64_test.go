package pow

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestWithoutExtensions runs the comparisons again as on processors that lack the SHA extensions, 16 lanes, or both.
func TestWithoutExtensions(t *testing.T) {
	sha, avx512 := hasSHA, hasAVX512
	defer func() { hasSHA, hasAVX512 = sha, avx512 }()
	for name, has := range map[string]struct{ sha, avx512 bool }{"none": {}, "sha": {sha: sha}, "avx512": {avx512: avx512}} {
		hasSHA, hasAVX512 = has.sha, has.avx512
		t.Run(name, func(t *testing.T) {
			t.Run("mixers", TestMixers)
			t.Run("headers", TestHashHeaders)
			t.Run("pairs", TestHashPairs)
		})
	}
}

// TestCompress2 hashes messages of several blocks whose streams differ, in the two orders.
func TestCompress2(t *testing.T) {
	if !hasSHA {
		t.Skip("this processor has no SHA extensions, so that the kernel cannot run here; crypto/sha256 serves instead")
	}
	source := rand.NewChaCha8([32]byte{13})
	for blocks := 1; blocks <= 8; blocks++ {
		var messages [2][]byte
		for i := range messages {
			messages[i] = make([]byte, 64*blocks)
			source.Read(messages[i])
			end := messages[i][len(messages[i])-9:]
			end[0] = 0x80
			binary.BigEndian.PutUint64(end[1:], uint64(8*(64*blocks-9)))
		}
		for first := range messages {
			states := shaStart
			for at := 0; at < 64*blocks; at += 64 {
				compress2(&states, (*[64]byte)(messages[first][at:]), (*[64]byte)(messages[1-first][at:]))
			}
			for i := range states {
				var got [32]byte
				states[i].put(got[:])
				if want := sha256.Sum256(messages[i^first][:64*blocks-9]); got != want {
					t.Errorf("%d blocks, stream %d: %x, want %x", blocks, i, got, want)
				}
			}
		}
	}
}
