package settler_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/syncer"
)

// elsewhere signs every leaf of a PSBT with one key by btcd's own signing function, as a
// signer that knows nothing of batches would.
func elsewhere(t testing.TB, packet []byte, n byte) []byte {
	t.Helper()
	key, public := btcec.PrivKeyFromBytes([]byte{n})
	p, err := psbt.NewFromRawBytes(bytes.NewReader(packet), false)
	check(t, err)
	fetch := txscript.NewMultiPrevOutFetcher(nil)
	for i, in := range p.UnsignedTx.TxIn {
		fetch.AddPrevOut(in.PreviousOutPoint, p.Inputs[i].WitnessUtxo)
	}
	mid := txscript.NewTxSigHashes(p.UnsignedTx, fetch)
	for i := range p.Inputs {
		in := &p.Inputs[i]
		leaf := txscript.NewBaseTapLeaf(in.TaprootLeafScript[0].Script)
		sig, err := txscript.RawTxInTapscriptSignature(p.UnsignedTx, mid, i, in.WitnessUtxo.Value, in.WitnessUtxo.PkScript,
			leaf, txscript.SigHashDefault, key)
		check(t, err)
		hash := leaf.TapHash()
		in.TaprootScriptSpendSig = []*psbt.TaprootScriptSpendSig{{
			XOnlyPubKey: schnorr.SerializePubKey(public), LeafHash: hash[:], Signature: sig,
		}}
	}
	var b bytes.Buffer
	check(t, p.Serialize(&b))
	return b.Bytes()
}

// TestRemote: a signer elsewhere gives the same signatures as one here, and what it gives
// back is verified.
func TestRemote(t *testing.T) {
	_, _, s := thieves(t)
	key := keyFile(t, 3)
	remote := &daemon.Remote{Public: key.Keys(), Ask: func(_ context.Context, packet []byte) ([]byte, error) { return elsewhere(t, packet, 3), nil }}
	got, err := remote.Sign(t.Context(), s)
	check(t, err)
	for i := range s.Hashes {
		if sig, ok := got[i][2]; !ok || len(got[i]) != 1 {
			t.Fatalf("input %d: %d signatures", i, len(got[i]))
		} else if err := s.Batch.Spends[i].CheckSignature(2, s.Hashes[i], sig); err != nil {
			t.Fatal(err)
		}
	}
	packet, err := s.Packet()
	check(t, err)
	if sigs, err := s.Read(elsewhere(t, packet, 9)); err != nil || len(sigs[0]) != 0 {
		t.Errorf("of a stranger: %v, %v", sigs, err)
	}
	spoil := func(what string, change func(p *psbt.Packet)) {
		p, err := psbt.NewFromRawBytes(bytes.NewReader(elsewhere(t, packet, 3)), false)
		check(t, err)
		change(p)
		var b bytes.Buffer
		check(t, p.Serialize(&b))
		if _, err := s.Read(b.Bytes()); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	spoil("another transaction", func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].Value-- })
	spoil("a bad signature", func(p *psbt.Packet) { p.Inputs[1].TaprootScriptSpendSig[0].Signature[9] ^= 1 })
	spoil("signatures exchanged", func(p *psbt.Packet) {
		a, b := p.Inputs[0].TaprootScriptSpendSig[0], p.Inputs[1].TaprootScriptSpendSig[0]
		a.Signature, b.Signature = b.Signature, a.Signature
	})
	spoil("another sighash", func(p *psbt.Packet) { p.Inputs[1].TaprootScriptSpendSig[0].SigHash = txscript.SigHashAll })
	for _, bad := range [][]byte{nil, packet[:20], make([]byte, settler.MaxPacket+1)} {
		if _, err := s.Read(bad); err == nil {
			t.Errorf("%d bytes: taken", len(bad))
		}
	}
}

// FuzzRead: whatever a signer elsewhere sends back, what is taken from it is a signature.
func FuzzRead(f *testing.F) {
	_, layer, l1 := large(f, 2, 1)
	b, _, err := peg.Derive(layer, l1, largeState(layer, 2, 1))
	check(f, err)
	hashes, err := b.SigHashes()
	check(f, err)
	s := &settler.Sign{Batch: b, Hashes: hashes}
	packet, err := s.Packet()
	check(f, err)
	f.Add(packet)
	f.Add(elsewhere(f, packet, 3))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sigs, err := s.Read(raw)
		if err != nil {
			return
		}
		for i := range sigs {
			for place, sig := range sigs[i] {
				if err := b.Spends[i].CheckSignature(place, hashes[i], sig); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// TestRun runs two settlers, one with a signer elsewhere, and a third who has no key, as
// the program does: each in a loop of its own, over lines between them.
func TestRun(t *testing.T) {
	w, _, coin := funded(t, "dev-native")
	_, tx := w.burn(coin, 100_000, 5000)
	w.pool2 = append(w.pool2, tx)
	w.mine(9)
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	key := keyFile(t, 2)
	signers := []daemon.Signer{keyFile(t, 1), nil,
		&daemon.Remote{Public: key.Keys(), Ask: func(_ context.Context, packet []byte) ([]byte, error) { return elsewhere(t, packet, 2), nil }}}
	lines := make([]chan settler.Input, len(signers))
	for i := range lines {
		lines[i] = make(chan settler.Input, 100)
	}
	got := make(chan *wire.MsgTx, 100)
	quiet := make(chan struct{})
	var all sync.WaitGroup
	for i, signer := range signers {
		j, err := daemon.OpenJournal(t.TempDir()+"/signed.db", w.p2.NetID())
		check(t, err)
		defer j.Close()
		c := settler.Config{Layer: w.l2, L1: w.l1, Log: j, Synced: func() bool { return true },
			Share: func() (risk.Share, error) { return risk.Share{Low: 0.5}, nil }}
		if signer != nil {
			c.Keys = signer.Keys()
		}
		m, err := settler.New(c)
		check(t, err)
		all.Go(func() {
			daemon.Run(ctx, daemon.Config{
				Machine: m, Signer: signer, News: []func() <-chan struct{}{func() <-chan struct{} { return quiet }},
				Heard: lines[i], Again: 50 * time.Millisecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
				Gossip: func(m msg.Message, except syncer.Peer) {
					for to := range lines {
						if to != i && syncer.Peer(to+1) != except {
							select {
							case lines[to] <- settler.Heard{From: syncer.Peer(i + 1), Sig: m.(*msg.SettleSig)}:
							default:
							}
						}
					}
				},
				Blame:     func(p syncer.Peer, why string) { t.Errorf("settler %d blames %d: %s", i, p, why) },
				Broadcast: func(_ context.Context, tx *wire.MsgTx) error { got <- tx; return nil },
			})
		})
	}
	select {
	case tx := <-got:
		w.pool = append(w.pool, tx)
	case <-ctx.Done():
		t.Error("no batch")
	}
	stop()
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-got:
		case <-done:
			open = false
		}
	}
	l, err := settler.NewLedger(w.l2, w.l1)
	check(t, err)
	w.mine(1)
	check(t, l.Update())
	if n := len(l.Settled()); n != 2 {
		t.Fatalf("%d batches in L1, want 1", n-1)
	}
}
