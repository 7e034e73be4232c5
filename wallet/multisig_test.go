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

// sortedMultisig returns three wallets, and the packet of a payment of 99,000 of the 100,000 that a coin holds which two of
// them must sign for: P2WSH of sorted keys (BIP67).
func sortedMultisig(t *testing.T) (worlds []*world, p *Packet) {
	t.Helper()
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
	if p, err = ParsePacket((&Packet{raw}).Bytes()); err != nil {
		t.Fatal(err)
	}
	return worlds, p
}

// TestSortedMultisig lets each of three keyrings sign its own copy of a packet, and puts the signatures together.
func TestSortedMultisig(t *testing.T) {
	worlds, p := sortedMultisig(t)
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
	bad.p.Inputs[0].WitnessUtxo = wire.NewTxOut(5000, bad.p.Inputs[0].WitnessUtxo.PkScript)
	if _, err := bad.Extract(); err == nil {
		t.Error("an amount that is not the coin's passes")
	}
}

// TestCombineContradictions changes one field of a packet at a time: two that say different things are not combined.
func TestCombineContradictions(t *testing.T) {
	w := newWorld(t, "dev", 31)
	a := w.c.Accounts()[3]
	key, err := a.Key.Derive(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	pub := key.SerializeCompressed()
	_, from := origin(address.P2TR, pub, a.Master, a.Path.Child(0, 0))
	control := append([]byte{0xc0}, pub[1:]...)
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: [32]byte{1}}, nil, nil))
	tx.AddTxOut(wire.NewTxOut(99_000, w.stranger()))
	packet := func(spoil func(in *psbt.PInput, out *psbt.POutput)) *Packet {
		raw, err := psbt.NewFromUnsignedTx(tx)
		if err != nil {
			t.Fatal(err)
		}
		in, out, d := &raw.Inputs[0], &raw.Outputs[0], *from[0]
		d.LeafHashes = [][]byte{bytes.Repeat([]byte{2}, 32)}
		in.WitnessUtxo = wire.NewTxOut(100_000, w.stranger())
		in.WitnessUtxo.PkScript = append([]byte{0x51, 32}, pub[1:]...)
		in.TaprootInternalKey = pub[1:]
		in.TaprootBip32Derivation = []*psbt.TaprootBip32Derivation{&d}
		in.TaprootLeafScript = []*psbt.TaprootTapLeafScript{{ControlBlock: control, Script: []byte{0x51}, LeafVersion: 0xc0}}
		out.TaprootBip32Derivation = []*psbt.TaprootBip32Derivation{from[0]}
		spoil(in, out)
		p, err := ParsePacket((&Packet{raw}).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole := packet(func(*psbt.PInput, *psbt.POutput) {})
	if both, err := whole.Combine(packet(func(in *psbt.PInput, _ *psbt.POutput) { *in = psbt.PInput{} })); err != nil || both.Base64() != whole.Base64() {
		t.Errorf("with less: %v", err)
	}
	for name, spoil := range map[string]func(in *psbt.PInput, out *psbt.POutput){
		"leaf hashes":    func(in *psbt.PInput, _ *psbt.POutput) { in.TaprootBip32Derivation[0].LeafHashes[0][5] ^= 1 },
		"no leaf hashes": func(in *psbt.PInput, _ *psbt.POutput) { in.TaprootBip32Derivation[0].LeafHashes = nil },
		"path":           func(in *psbt.PInput, _ *psbt.POutput) { in.TaprootBip32Derivation[0].Bip32Path = []uint32{7} },
		"leaf":           func(in *psbt.PInput, _ *psbt.POutput) { in.TaprootLeafScript[0].Script = []byte{0x52} },
		"leaf version":   func(in *psbt.PInput, _ *psbt.POutput) { in.TaprootLeafScript[0].LeafVersion = 0xc2 },
		"amount":         func(in *psbt.PInput, _ *psbt.POutput) { in.WitnessUtxo.Value++ },
		"hash type":      func(in *psbt.PInput, _ *psbt.POutput) { in.SighashType = 1; whole.p.Inputs[0].SighashType = 2 },
		"leaf hashes of out": func(_ *psbt.PInput, out *psbt.POutput) {
			d := *out.TaprootBip32Derivation[0]
			d.LeafHashes = [][]byte{make([]byte, 32)}
			out.TaprootBip32Derivation[0] = &d
		},
	} {
		if _, err := whole.Combine(packet(spoil)); err == nil {
			t.Errorf("%s: two that are different are combined", name)
		}
		whole.p.Inputs[0].SighashType = 0
	}
}
