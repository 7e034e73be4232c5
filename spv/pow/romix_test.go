package pow

import (
	"testing"
	"golang.org/x/crypto/scrypt"
)

func BenchmarkX(b *testing.B) {
	h := make([]byte, 80)
	b.Run("xcrypto", func(b *testing.B) {
		for b.Loop() { scrypt.Key(h, h, 1024, 1, 1, 32) }
	})
	var v [scryptN]block
	var x block
	x[3] = 4
	b.Run("go", func(b *testing.B) {
		for b.Loop() { romixGo(&x, &v) }
	})
}
