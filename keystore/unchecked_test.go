package keystore

import (
	"bytes"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
)

// TestUnchecked: the same signatures as the keyring's, but for ECDSA's in a batch, which verify; and none after it is
// locked.
func TestUnchecked(t *testing.T) {
	seed, err := NewSeed(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Open(seed)
	if err != nil {
		t.Fatal(err)
	}
	fast := keys.Unchecked()
	sameSignatures(t, keys, fast)
	for _, n := range []uint32{0, 1, 2, 100} {
		goodBatches(t, keys, fast, n)
	}
	badQuestions(t, fast)
	keys.Lock()
	nothingSigned(t, fast)
	if n := len(keys.reveal().branches.known); n != 0 {
		t.Errorf("%d branches remembered after Lock", n)
	}
}

// sameSignatures wants one signature at a time to be the keyring's, of more branches than one.
func sameSignatures(t *testing.T, keys *Keyring, fast Unchecked) {
	t.Helper()
	for i := range uint32(40) {
		path, hash := Path{Hardened + 84, Hardened, Hardened + i%20, 0, i}, [32]byte{byte(i)}
		want, err := keys.SignECDSA(path, hash)
		got, err2 := fast.SignECDSA(path, hash)
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: ECDSA %x (%v), want %x (%v)", path, got, err2, want, err)
		}
		want, err = keys.SignSchnorr(path, hash, nil)
		got, err2 = fast.SignSchnorr(path, hash, nil)
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: Schnorr %x (%v), want %x (%v)", path, got, err2, want, err)
		}
	}
}

// goodBatches wants a batch of n signatures of either kind: ECDSA's verify, Schnorr's are the keyring's.
func goodBatches(t *testing.T, keys *Keyring, fast Unchecked, n uint32) {
	t.Helper()
	var paths []Path
	var hashes [][32]byte
	for i := range n {
		paths, hashes = append(paths, Path{Hardened + 84, Hardened, Hardened + i%20, 0, i}), append(hashes, [32]byte{byte(i), byte(n)})
	}
	all, err := fast.SignECDSAAll(paths, hashes)
	if err != nil || len(all) != int(n) {
		t.Fatalf("%d of %d signatures, %v", len(all), n, err)
	}
	for i, got := range all {
		pub, err := keys.Public(paths[i])
		if err != nil {
			t.Fatal(err)
		}
		if sig, err := ecdsa.ParseDERSignature(got); err != nil || !sig.Verify(hashes[i][:], pub.Key()) || len(got) > 70 {
			t.Fatalf("%s: %x does not verify, or is long (%v)", paths[i], got, err)
		}
	}
	all, err = fast.SignSchnorrAll(paths, hashes)
	if err != nil || len(all) != int(n) {
		t.Fatalf("%d of %d Schnorr signatures, %v", len(all), n, err)
	}
	for i, got := range all { // of the library, which verifies them
		if want, err := keys.SignSchnorr(paths[i], hashes[i], nil); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: Schnorr %x, want %x (%v)", paths[i], got, want, err)
		}
	}
}

// badQuestions wants a refusal of what cannot be signed.
func badQuestions(t *testing.T, fast Unchecked) {
	t.Helper()
	if _, err := fast.SignECDSAAll([]Path{{1}}, nil); err == nil {
		t.Error("a path without a hash was taken")
	}
	if _, err := fast.SignECDSAAll([]Path{{1}, make(Path, 300)}, make([][32]byte, 2)); err == nil {
		t.Error("a path that leads nowhere was taken")
	}
	if _, err := fast.SignSchnorrAll([]Path{{1}}, nil); err == nil {
		t.Error("a path without a hash was taken for Schnorr")
	}
	if _, err := fast.SignSchnorr(nil, [32]byte{}, []byte{1}); err == nil {
		t.Error("a merkle root of one byte was taken")
	}
}

// nothingSigned wants ErrLocked from every way to sign.
func nothingSigned(t *testing.T, fast Unchecked) {
	t.Helper()
	if _, err := fast.SignECDSA(Path{0}, [32]byte{}); err != ErrLocked {
		t.Errorf("after Lock: %v, want %v", err, ErrLocked)
	}
	if _, err := fast.SignECDSAAll([]Path{{0}}, make([][32]byte, 1)); err != ErrLocked {
		t.Errorf("after Lock: %v, want %v", err, ErrLocked)
	}
	if _, err := fast.SignSchnorrAll([]Path{{0}}, make([][32]byte, 1)); err != ErrLocked {
		t.Errorf("after Lock: %v, want %v", err, ErrLocked)
	}
}
