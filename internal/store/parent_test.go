package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/testdata"
	"github.com/layeredpow/lamina/spv"
)

// realRun is eleven consecutive merge-mined headers of a chain that exists, as they travel.
func realRun(t testing.TB) (run []spv.Sealed) {
	t.Helper()
	for _, raw := range testdata.HexLines(t, "headers/dogecoin-mainnet-974401-974411-auxpow.hex") {
		s, _, err := spv.ParseSealed(raw, true)
		check(t, err)
		run = append(run, s)
	}
	return run
}

func changeOf(undo int, run []spv.Sealed) spv.Change {
	c := spv.Change{Undo: undo, Proofs: []*spv.AuxPoW{}}
	for _, s := range run {
		c.Headers, c.Proofs = append(c.Headers, s.Header), append(c.Proofs, s.Aux)
	}
	return c
}

func openReal(t testing.TB, dir string, start spv.Header) (*Store, *Chain) {
	t.Helper()
	s, err := Open(dir)
	check(t, err)
	c, cut, err := s.Chain("real", start, 974401, one)
	if err != nil || cut != 0 {
		t.Fatalf("%d cut, %v", cut, err)
	}
	return s, c
}

// reference reads a proof with btcd's decoders alone.
func reference(t testing.TB, s spv.Sealed) Parent {
	t.Helper()
	raw := bytes.NewReader(s.Aux.Append(nil))
	var coinbase wire.MsgTx
	check(t, coinbase.Deserialize(raw))
	all := s.Aux.Append(nil)
	var h wire.BlockHeader
	check(t, h.Deserialize(bytes.NewReader(all[len(all)-80:])))
	p := Parent{Hash: h.BlockHash(), Prev: h.PrevBlock, Time: uint32(h.Timestamp.Unix()), Bits: h.Bits,
		Slot: int32(binary.LittleEndian.Uint32(all[len(all)-84:]))}
	for _, out := range coinbase.TxOut {
		if p.Outputs += out.Value; out.Value > 0 && p.Payout == [32]byte{} {
			p.Payout = sha256.Sum256(out.PkScript)
		}
	}
	return p
}

func TestParentsAndProofs(t *testing.T) {
	run := realRun(t)
	dir := t.TempDir()
	s, c := openReal(t, dir, run[0].Header)
	check(t, c.Apply(changeOf(0, run[1:6])))
	check(t, c.Apply(changeOf(0, run[6:])))
	look := func(top int) {
		t.Helper()
		list, err := c.Parents(974401, int32(top))
		check(t, err)
		for i, p := range list {
			aux, err := c.Proof(974401 + int32(i))
			check(t, err)
			if i == 0 { // came from a checkpoint, without its proof
				if p != nil || aux != nil {
					t.Fatalf("header 0 has %+v", p)
				}
				continue
			}
			if p == nil || *p != reference(t, run[i]) {
				t.Fatalf("header %d: got %+v, want %+v", i, p, reference(t, run[i]))
			}
			if p.Outputs < 12.5e8 || p.Outputs > 60e8 {
				t.Errorf("header %d: coinbase pays %d", i, p.Outputs)
			}
			if aux == nil || !bytes.Equal(aux.Append(nil), run[i].Aux.Append(nil)) {
				t.Fatalf("proof %d differs", i)
			}
		}
		if aux, err := c.Proof(974401 + int32(top)); aux != nil || err != nil {
			t.Fatalf("a proof above the tip: %v", err)
		}
	}
	look(11)
	check(t, s.Close())
	s, c = openReal(t, dir, run[0].Header)
	look(11)
	check(t, c.Apply(spv.Change{Undo: 4}))
	look(7)

	// Headers without proofs in the place of some that had them, said so or not.
	check(t, c.Apply(spv.Change{Headers: link(run[6].Header, 1, 9), Proofs: make([]*spv.AuxPoW, 1)}))
	check(t, c.Apply(spv.Change{Headers: link(link(run[6].Header, 1, 9)[0], 1, 9)}))
	for _, h := range []int32{974408, 974409} {
		list, err := c.Parents(h, 1)
		check(t, err)
		if aux, err := c.Proof(h); list[0] != nil || aux != nil || err != nil {
			t.Fatalf("%d: %+v", h, list[0])
		}
	}
	check(t, s.Close())

	// Neither a flipped bit nor a lost file passes for a record.
	flip(t, filepath.Join(dir, "real.parents"), 3*parentSize+40)
	s, c = openReal(t, dir, run[0].Header)
	defer s.Close()
	list, err := c.Parents(974401, 5)
	check(t, err)
	if list[3] != nil || list[2] == nil || list[4] == nil {
		t.Fatalf("after a flipped bit: %v", list)
	}
	if err := c.Apply(spv.Change{Headers: link(run[6].Header, 1, 9), Proofs: make([]*spv.AuxPoW, 2)}); err == nil {
		t.Fatal("two proofs for one header were taken")
	}
}

// TestProofsBounded: only the newest proofs are kept in full, and none of old headers if
// so told, nor very large ones.
// TestProofsExpected: on the way up to a height that is expected only those proofs are written
// that will be among the newest there.
func TestProofsExpected(t *testing.T) {
	aux := realRun(t)[1].Aux
	s, c, _ := open(t, t.TempDir())
	defer s.Close()
	c.ExpectHeight(3000)
	change := spv.Change{Headers: link(genesis, 1000, 1), Proofs: slices.Repeat([]*spv.AuxPoW{aux}, 1000)}
	check(t, c.Apply(change))
	for h, want := range map[int32]bool{1: false, 3000 - KeptProofs: false, 3001 - KeptProofs: true, 1000: true} {
		if p, err := c.Proof(h); err != nil || (p != nil) != want {
			t.Fatalf("proof at %d: %v, %v; want %v", h, p != nil, err, want)
		}
	}
	c.ExpectHeight(0) // that was a lie: what comes from now on is kept
	more := spv.Change{Headers: link(change.Headers[999], 1, 1), Proofs: []*spv.AuxPoW{aux}}
	check(t, c.Apply(more))
	if p, err := c.Proof(1001); err != nil || p == nil {
		t.Fatalf("the proof behind it: %v, %v", p, err)
	}
}

func TestProofsBounded(t *testing.T) {
	aux := realRun(t)[1].Aux
	s, c, _ := open(t, t.TempDir())
	defer s.Close()
	count := func() (first, n int32) {
		tip, _ := c.Tip()
		for h := range tip.Height + 1 {
			if p, err := c.Proof(h); err != nil {
				t.Fatal(err)
			} else if p != nil {
				if n == 0 {
					first = h
				}
				n++
			}
		}
		return first, n
	}
	last := genesis
	for range 4 {
		change := spv.Change{Headers: link(last, 1000, 1), Proofs: make([]*spv.AuxPoW, 1000)}
		for i := range change.Proofs {
			change.Proofs[i] = aux
		}
		last = change.Headers[999]
		check(t, c.Apply(change))
	}
	if first, n := count(); first != 4001-KeptProofs || n != KeptProofs {
		t.Fatalf("%d proofs from %d on", n, first)
	}
	more := spv.Change{Headers: link(last, 3, 1), Proofs: []*spv.AuxPoW{aux, aux, nil}}
	c.KeepProofs(more.Headers[1].Time())
	large := *aux
	large.CoinbaseBranch = make([]spv.Hash, maxKeptProof/32)
	more.Proofs[2] = &large
	check(t, c.Apply(more))
	if first, n := count(); first != 4004-KeptProofs || n != KeptProofs-2 {
		t.Fatalf("%d proofs from %d on", n, first)
	}
	list, err := c.Parents(4001, 3)
	check(t, err)
	for i, p := range list {
		if p == nil || p.Hash != aux.Parent.ID() {
			t.Fatalf("record %d: %+v", i, p)
		}
	}
}

func TestParentOfOddCoinbases(t *testing.T) {
	outputs := func(values ...uint64) *spv.AuxPoW {
		b := append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...)
		b = append(b, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, byte(len(values)))
		for i, v := range values {
			b = append(binary.LittleEndian.AppendUint64(b, v), 1, byte(i))
		}
		tx, _, err := spv.ParseTx(append(b, 0, 0, 0, 0))
		check(t, err)
		return &spv.AuxPoW{Coinbase: tx}
	}
	for name, c := range map[string]struct {
		aux  *spv.AuxPoW
		want int64
		paid int // which output, -1 for none
	}{
		"no value":        {outputs(0, 0), 0, -1},
		"the second pays": {outputs(0, 7, 8), 15, 1},
		"negative":        {outputs(5, 1<<63), -1, 0},
		"overflow":        {outputs(1<<63-1, 1), -1, 0},
		"all there is":    {outputs(1<<63-1, 0), 1<<63 - 1, 0},
	} {
		want := [32]byte{}
		if c.paid >= 0 {
			want = sha256.Sum256([]byte{byte(c.paid)})
		}
		if p := ParentOf(c.aux); p.Outputs != c.want || p.Payout != want {
			t.Errorf("%s: %d paid to %x", name, p.Outputs, p.Payout)
		}
	}
}

// TestProofsKilledAtEveryByte: no header is ever found without the record of its proof, or
// with another's.
func TestProofsKilledAtEveryByte(t *testing.T) {
	run := realRun(t)
	proofs := []*spv.AuxPoW{run[1].Aux, nil, run[2].Aux, run[3].Aux}
	a, b := link(genesis, 4, 1), link(genesis, 1, 1)
	b = append(b, link(b[0], 3, 2)...)
	want := map[spv.Hash]*spv.AuxPoW{genesis.ID(): nil}
	for i := range a {
		want[a[i].ID()] = proofs[i]
		want[b[i].ID()] = proofs[3-i]
	}
	want[a[0].ID()] = proofs[0]
	steps := applied(spv.Change{Headers: a[:2], Proofs: proofs[:2]}, spv.Change{Headers: a[2:], Proofs: proofs[2:]},
		spv.Change{Undo: 3, Headers: b[1:], Proofs: []*spv.AuxPoW{proofs[2], proofs[1], proofs[0]}})
	everyByte(t, steps, func(t *testing.T, c *Chain, _ int) {
		tip, _ := c.Tip()
		list, err := c.Parents(0, tip.Height+1)
		check(t, err)
		headers, err := c.Headers(0, tip.Height+1)
		check(t, err)
		for h, p := range list {
			aux := want[headers[h].ID()]
			full, err := c.Proof(int32(h))
			check(t, err)
			if (p == nil) != (aux == nil) || (full == nil) != (aux == nil) {
				t.Fatalf("header %d: record %v, proof %v, want %v", h, p != nil, full != nil, aux != nil)
			}
			if aux != nil && (*p != ParentOf(aux) || full.Parent != aux.Parent) {
				t.Fatalf("header %d has another's proof", h)
			}
		}
	})
}
