package wallet

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/wallet/address"
)

// TestSortedMultisig lets two of three keyrings sign a P2WSH coin, each its own copy of
// the packet, and puts the signatures together.
func TestSortedMultisig(t *testing.T) {
	var worlds []*world
	var pubs [][]byte
	in := psbt.PInput{}
	for seed := range uint64(3) {
		w := newWorld(t, "dev", 20+seed)
		worlds = append(worlds, w)
		a := w.c.Accounts()[2]
		key, err := a.Key.Derive(0, 7)
		if err != nil {
			t.Fatal(err)
		}
		pub := key.SerializeCompressed()
		pubs = append(pubs, pub)
		d, _ := origin(address.P2WPKH, pub, a.Master, a.Path.Child(0, 7))
		in.Bip32Derivation = append(in.Bip32Derivation, d...)
	}
	slices.SortFunc(pubs, bytes.Compare) // BIP67
	in.WitnessScript = []byte{0x52}
	for _, pub := range pubs {
		in.WitnessScript = append(append(in.WitnessScript, 33), pub...)
	}
	in.WitnessScript = append(in.WitnessScript, 0x53, 0xae)
	hash := sha256.Sum256(in.WitnessScript)
	coin := worlds[0].pay(append([]byte{0, 32}, hash[:]...), 100_000)
	in.WitnessUtxo, in.NonWitnessUtxo = coin.TxOut[0], coin
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: coin.TxHash()}, nil, nil))
	tx.AddTxOut(wire.NewTxOut(99_000, worlds[0].stranger()))
	raw, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	raw.Inputs[0] = in
	p, err := ParsePacket((&Packet{raw}).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var parts []*Packet
	for _, w := range worlds {
		signed, n, err := p.Sign(w.keys)
		if err != nil || n != 1 {
			t.Fatalf("%d signatures, %v", n, err)
		}
		if _, err := signed.Extract(); err == nil {
			t.Error("one of three suffices")
		}
		parts = append(parts, signed)
	}
	both, err := parts[2].Combine(parts[0])
	if err != nil || both.Inputs()[0].Signatures != 2 {
		t.Fatalf("%+v %v", both, err)
	}
	s, err := both.Extract()
	if err != nil || s.Fee() != 1000 {
		t.Fatalf("%+v %v", s, err)
	}
	// A signature that is not right is found when the scripts are run.
	bad, _ := ParsePacket(both.Bytes())
	bad.p.Inputs[0].PartialSigs[0].Signature[20] ^= 1
	if _, err := bad.Extract(); err == nil {
		t.Error("a spoilt signature passes")
	}
	if _, err := bad.Combine(both); err == nil {
		t.Error("two different signatures of one key are combined")
	}
	bad, _ = ParsePacket(both.Bytes())
	bad.p.Inputs[0].WitnessUtxo = wire.NewTxOut(5000, coin.TxOut[0].PkScript)
	if _, err := bad.Extract(); err == nil {
		t.Error("an amount that is not the coin's passes")
	}
}
