package keystore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
)

// bip174Keys is the keyring of the master key that BIP174's vectors derive from.
func bip174Keys(t testing.TB) *Keyring {
	t.Helper()
	raw := base58.Decode("tprv8ZgxMBicQKsPd9TeAdPADNnSyH9SSUUbTVeFszDE23Ki6TBB5nCefAdHkK8Fm3qMQR6sHwA56zqRmKmxnHk37JkiFzvncDqoKmPWubu7hDF")
	root := new(node)
	copy(root.chain[:], raw[13:45])
	root.key.SetByteSlice(raw[46:78])
	return &Keyring{hide(&keyring{root: root})}
}

type psbtVectors struct {
	Signer   []struct{ PSBT string }
	Combiner []struct{ Result string }
}

func readPSBT(t testing.TB) (v psbtVectors) {
	t.Helper()
	if err := json.Unmarshal(testdata.Read(t, "vectors/core-rpc_psbt.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func parsePSBT(t testing.TB, text string) *psbt.Packet {
	t.Helper()
	p, err := psbt.NewFromRawBytes(strings.NewReader(text), true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func encodePSBT(t testing.TB, p *psbt.Packet) string {
	t.Helper()
	text, err := p.B64Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// BIP174's example: its two signers hold two keys each of one master; the keyring signs with all four, which gives what the
// combiner makes of both, bit for bit. One of them needed a second try for a low R.
func TestBIP174Signer(t *testing.T) {
	v := readPSBT(t)
	p := parsePSBT(t, v.Signer[0].PSBT)
	n, err := bip174Keys(t).SignPSBT(p)
	if err != nil || n != 4 {
		t.Fatalf("%d signatures (%v), want 4", n, err)
	}
	// No BIP orders the signatures of one input.
	want := parsePSBT(t, v.Combiner[0].Result)
	for _, packet := range []*psbt.Packet{p, want} {
		for i := range packet.Inputs {
			slices.SortFunc(packet.Inputs[i].PartialSigs, func(a, b *psbt.PartialSig) int { return bytes.Compare(a.PubKey, b.PubKey) })
		}
	}
	if got := encodePSBT(t, p); got != encodePSBT(t, want) {
		t.Errorf("signed:\n%s\nwant\n%s", got, v.Combiner[0].Result)
	}
	if n, err := bip174Keys(t).SignPSBT(p); n != 0 || err != nil {
		t.Errorf("signed twice: %d, %v", n, err)
	}
	checkRuns(t, p)
	if n, err := bip174Keys(t).SignPSBT(p); n != 0 || err != nil {
		t.Errorf("signed a final packet: %d, %v", n, err)
	}
	other := mustOpen(t, mustWords(t, abandon).Seed(nil))
	if n, err := other.SignPSBT(parsePSBT(t, v.Signer[0].PSBT)); n != 0 || err != nil {
		t.Errorf("foreign keys: %d, %v", n, err)
	}
}

// checkRuns finalises the packet and has btcd's script interpreter run every input.
func checkRuns(t *testing.T, p *psbt.Packet) *wire.MsgTx {
	t.Helper()
	if err := psbt.MaybeFinalizeAll(p); err != nil {
		t.Fatal(err)
	}
	tx, err := psbt.Extract(p)
	if err != nil {
		t.Fatal(err)
	}
	spent := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range tx.TxIn {
		out := p.Inputs[i].WitnessUtxo
		if whole := p.Inputs[i].NonWitnessUtxo; whole != nil {
			out = whole.TxOut[in.PreviousOutPoint.Index]
		}
		spent.AddPrevOut(in.PreviousOutPoint, out)
	}
	hashes := txscript.NewTxSigHashes(tx, spent)
	for i, in := range tx.TxIn {
		out := spent.FetchPrevOutput(in.PreviousOutPoint)
		engine, err := txscript.NewEngine(out.PkScript, tx, i, txscript.StandardVerifyFlags, nil, hashes, out.Value, spent)
		if err == nil {
			err = engine.Execute()
		}
		if err != nil {
			t.Errorf("input %d: %v", i, err)
		}
	}
	return tx
}

func TestSignPSBTRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(p *psbt.Packet)
		want  string
	}{
		{"other transaction", func(p *psbt.Packet) { p.Inputs[0].NonWitnessUtxo.LockTime++ }, "comes with transaction"},
		{"output out of range", func(p *psbt.Packet) { p.UnsignedTx.TxIn[0].PreviousOutPoint.Index = 9 }, "comes with transaction"},
		{"two outputs", func(p *psbt.Packet) { p.Inputs[0].WitnessUtxo = &wire.TxOut{Value: 1} }, "two different outputs"},
		{"no output", func(p *psbt.Packet) { p.Inputs[0].NonWitnessUtxo = nil }, "is missing"},
		{"lie about a legacy output", func(p *psbt.Packet) {
			p.Inputs[0].WitnessUtxo, p.Inputs[0].NonWitnessUtxo = p.Inputs[0].NonWitnessUtxo.TxOut[0], nil
		}, "whole transaction"},
		{"redeem script", func(p *psbt.Packet) { p.Inputs[0].RedeemScript[5] ^= 1 }, "redeem script"},
		{"no redeem script", func(p *psbt.Packet) { p.Inputs[1].RedeemScript = nil }, "redeem script"},
		{"witness script", func(p *psbt.Packet) { p.Inputs[1].WitnessScript[5] ^= 1 }, "witness script"},
		{"sighash NONE", func(p *psbt.Packet) { p.Inputs[1].SighashType = txscript.SigHashNone }, "only ALL"},
		{"sighash SINGLE", func(p *psbt.Packet) { p.Inputs[0].SighashType = txscript.SigHashSingle }, "only ALL"},
		{"sighash ANYONECANPAY", func(p *psbt.Packet) { p.Inputs[0].SighashType = 0x81 }, "only ALL"},
		{"other path", func(p *psbt.Packet) { p.Inputs[1].Bip32Derivation[0].Bip32Path[2]++ }, "is "},
		{"key not in the script", func(p *psbt.Packet) {
			p.Inputs[0].Bip32Derivation = append(p.Inputs[0].Bip32Derivation, p.Inputs[1].Bip32Derivation[0])
		}, "does not hold"},
		{"inputs missing", func(p *psbt.Packet) { p.Inputs = p.Inputs[:1] }, "PSBT"},
	}
	for _, tt := range tests {
		p := parsePSBT(t, readPSBT(t).Signer[0].PSBT)
		tt.spoil(p)
		n, err := bip174Keys(t).SignPSBT(p)
		if err == nil || !strings.Contains(err.Error(), tt.want) || n != 0 {
			t.Errorf("%s: %d signed, error %v, want %q", tt.name, n, err, tt.want)
		}
		for i := range p.Inputs {
			if len(p.Inputs[i].PartialSigs) != 0 {
				t.Errorf("%s: input %d was signed", tt.name, i)
			}
		}
	}
}

// taprootPacket spends a key path, a key path with scripts, and a script path; the first by SIGHASH_ALL.
func taprootPacket(t *testing.T, keys *Keyring) *psbt.Packet {
	t.Helper()
	fingerprint, err := keys.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	tx := wire.NewMsgTx(2)
	tx.AddTxOut(wire.NewTxOut(1000, []byte{txscript.OP_1}))
	for i := range uint32(3) {
		tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{1}, i), nil, nil))
	}
	p, err := psbt.NewFromUnsignedTx(tx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Inputs {
		path := mustPath(t, "m/86'/0'/0'/0/0").Child(uint32(i))
		public, err := keys.Public(path)
		if err != nil {
			t.Fatal(err)
		}
		x := schnorr.SerializePubKey(public.Key())
		d := &psbt.TaprootBip32Derivation{XOnlyPubKey: x, MasterKeyFingerprint: binary.LittleEndian.Uint32(fingerprint[:]), Bip32Path: path}
		in := &p.Inputs[i]
		internal := public.Key()
		if i == 2 {
			internal, _ = schnorr.ParsePubKey(unhex(t, "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"))
		}
		in.TaprootInternalKey = schnorr.SerializePubKey(internal)
		if i > 0 {
			script := append(append([]byte{txscript.OP_DATA_32}, x...), txscript.OP_CHECKSIG)
			scripts := txscript.AssembleTaprootScriptTree(txscript.NewBaseTapLeaf(script), txscript.NewBaseTapLeaf([]byte{txscript.OP_1}))
			root := scripts.RootNode.TapHash()
			in.TaprootMerkleRoot = root[:]
			if i == 2 {
				control := scripts.LeafMerkleProofs[0].ToControlBlock(internal)
				raw, err := control.ToBytes()
				if err != nil {
					t.Fatal(err)
				}
				leaf := txscript.NewBaseTapLeaf(script).TapHash()
				d.LeafHashes = [][]byte{leaf[:]}
				in.TaprootLeafScript = []*psbt.TaprootTapLeafScript{{ControlBlock: raw, Script: script, LeafVersion: txscript.BaseLeafVersion}}
			}
		} else {
			in.SighashType = txscript.SigHashAll
		}
		output, err := txscript.PayToTaprootScript(txscript.ComputeTaprootOutputKey(internal, in.TaprootMerkleRoot))
		if err != nil {
			t.Fatal(err)
		}
		in.WitnessUtxo = wire.NewTxOut(1000, output)
		in.TaprootBip32Derivation = []*psbt.TaprootBip32Derivation{d}
	}
	return p
}

func TestSignTaprootPSBT(t *testing.T) {
	keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
	p := taprootPacket(t, keys)
	p = parsePSBT(t, encodePSBT(t, p)) // as it comes from elsewhere
	n, err := keys.SignPSBT(p)
	if err != nil || n != 3 {
		t.Fatalf("%d signatures (%v), want 3", n, err)
	}
	if n, err := keys.SignPSBT(p); n != 0 || err != nil {
		t.Errorf("signed twice: %d, %v", n, err)
	}
	tx := checkRuns(t, p)
	if len(tx.TxIn[0].Witness[0]) != 65 || len(tx.TxIn[1].Witness[0]) != 64 {
		t.Error("signature lengths do not tell ALL from DEFAULT")
	}
}

func TestSignTaprootPSBTRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(p *psbt.Packet)
		want  string
	}{
		{"merkle root", func(p *psbt.Packet) { p.Inputs[1].TaprootMerkleRoot[0] ^= 1 }, "do not give the output"},
		{"leaf script", func(p *psbt.Packet) {
			leaf := p.Inputs[2].TaprootLeafScript[0]
			leaf.Script = append(leaf.Script, txscript.OP_NOP)
			hash := txscript.NewBaseTapLeaf(leaf.Script).TapHash()
			p.Inputs[2].TaprootBip32Derivation[0].LeafHashes[0] = hash[:]
		}, "not of the output"},
		{"path", func(p *psbt.Packet) { p.Inputs[2].TaprootBip32Derivation[0].Bip32Path[5]++ }, "is "},
		{"sighash", func(p *psbt.Packet) { p.Inputs[2].SighashType = txscript.SigHashNone }, "only DEFAULT and ALL"},
		{"an output is missing", func(p *psbt.Packet) { p.Inputs[0].WitnessUtxo = nil }, "one is missing"},
		{"no taproot", func(p *psbt.Packet) { p.Inputs[0].WitnessUtxo.PkScript = []byte{txscript.OP_1} }, "no taproot output"},
		{"foreign key in the leaf", func(p *psbt.Packet) {
			p.Inputs[2].TaprootBip32Derivation[0].Bip32Path[5] = 0
			p.Inputs[2].TaprootBip32Derivation[0].XOnlyPubKey = p.Inputs[0].TaprootInternalKey
		}, "does not hold"},
	}
	for _, tt := range tests {
		keys := mustOpen(t, mustWords(t, abandon).Seed(nil))
		p := taprootPacket(t, keys)
		tt.spoil(p)
		if n, err := keys.SignPSBT(p); err == nil || !strings.Contains(err.Error(), tt.want) || n != 0 {
			t.Errorf("%s: %d signed, error %v, want %q", tt.name, n, err, tt.want)
		}
		for i, in := range p.Inputs {
			if in.TaprootKeySpendSig != nil || in.TaprootScriptSpendSig != nil {
				t.Errorf("%s: input %d was signed", tt.name, i)
			}
		}
	}
}

func FuzzSignPSBT(f *testing.F) {
	for _, v := range readPSBT(f).Signer {
		p := parsePSBT(f, v.PSBT)
		var raw bytes.Buffer
		if err := p.Serialize(&raw); err != nil {
			f.Fatal(err)
		}
		f.Add(raw.Bytes())
	}
	keys := bip174Keys(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := readForeign(raw)
		if err != nil {
			return
		}
		_, _ = keys.SignPSBT(p) // must not panic
	})
}

// readForeign parses a packet. The library's parser panics at an output's derivation that is empty; whoever reads packets
// from elsewhere guards against that, and SignPSBT gets what was parsed.
func readForeign(raw []byte) (p *psbt.Packet, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("parser: %v", fault)
		}
	}()
	return psbt.NewFromRawBytes(bytes.NewReader(raw), false)
}
