package syncer

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/gcs"
	"github.com/btcsuite/btcd/btcutil/gcs/builder"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// TestFiltersAfterBloom: what peers left out when they matched blocks with Bloom filters is
// looked at again as soon as compact filters tell of it, and not before they do so.
func TestFiltersAfterBloom(t *testing.T) {
	const blocks, hidden = 9, 4
	r, script := benchRules(), append([]byte{0, 20}, make([]byte, 20)...)
	run := benchHeaders(r, blocks)
	tree := spv.NewTree(r)
	if _, err := tree.Connect(run, 0); err != nil {
		t.Fatal(err)
	}
	for _, pays := range []bool{false, true} {
		s := &shelf{}
		m := NewWith(Config{Tree: tree, Scan: &Scan{From: 1, Filters: s, Headers: s, Bloom: true}})
		now := time.Unix(1_700_000_000, 0)
		m.Step(now, Connected{Peer: 1, Height: blocks, Services: wire.SFNodeNetwork | wire.SFNodeBloom})
		m.Step(now, Received{Peer: 1, Message: &msg.Headers{}})
		m.Step(now, Resume{})
		m.Step(now, Watch{Scripts: [][]byte{script}, From: 1})
		m.scan.lacking = now
		now = now.Add(fallbackTime + time.Second)
		m.Step(now, Tick{})
		if !m.scan.blooming {
			t.Fatal("no Bloom filter is used")
		}
		m.scan.bloom.to = blocks // the peers have answered, and left the payment out
		m.Step(now, Tick{})
		if got := m.scan.done.Height; got != blocks {
			t.Fatalf("looked through up to %d, want %d", got, blocks)
		}
		s.fill(t, run, func(height int) []byte {
			if pays && height == hidden {
				return script
			}
			return []byte{0x6a, byte(height)}
		})
		m.filters.at = blocks
		outs := m.Step(now, Tick{})
		want := int32(blocks)
		if pays {
			want = hidden - 1
		}
		if got := m.scan.done.Height; got != want {
			t.Errorf("payment %v: looked through up to %d, want %d", pays, got, want)
		}
		told := false
		for _, out := range outs {
			scanned, ok := out.(Scanned)
			told = told || ok && scanned.To.Height == want
		}
		if told != pays {
			t.Errorf("payment %v: the wallet is told so: %v", pays, told)
		}
	}
}

// fill makes a filter of one script for every block.
func (s *shelf) fill(t *testing.T, run []spv.Sealed, script func(height int) []byte) {
	for i := range run {
		id := run[i].Header.ID()
		f, err := gcs.BuildGCSFilter(builder.DefaultP, builder.DefaultM, builder.DeriveKey(&id), [][]byte{script(i + 1)})
		if err != nil {
			t.Fatal(err)
		}
		data, err := f.NBytes()
		if err != nil {
			t.Fatal(err)
		}
		s.filters = append(s.filters, data)
	}
}
