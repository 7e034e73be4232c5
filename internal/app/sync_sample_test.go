package app

import (
	"encoding/binary"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/holiman/uint256"

	"github.com/layeredpow/lamina/internal/store"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
)

// spaced returns headers ten minutes apart, long after the chain's genesis.
func spaced(layer *chains.Params, n int) []spv.Header {
	run := make([]spv.Header, n)
	prev := spv.Hash{1}
	for i := range run {
		binary.LittleEndian.PutUint32(run[i][0:], 4)
		copy(run[i][4:], prev[:])
		binary.LittleEndian.PutUint32(run[i][68:], layer.Genesis.Time()+1_000_000+uint32(i)*600)
		binary.LittleEndian.PutUint32(run[i][72:], layer.Genesis.Bits())
		prev = run[i].ID()
	}
	return run
}

// sampledFrom opens a chain that begins with the run at block 1000, of which eleven blocks were sampled; it returns the last of those.
func sampledFrom(t *testing.T, f *Follow, disk *store.Store, layer *chains.Params, run []spv.Header) (*followed, spv.Block) {
	t.Helper()
	c, err := f.openChain(disk, layer)
	if err != nil || !c.sampling {
		t.Fatal(c, err)
	}
	last := spv.Block{Height: 1010, Hash: run[10].ID()}
	if err := c.chain.Place(run[:11], 1000, *uint256.NewInt(5000), spv.Change{Headers: run[11:], Proofs: make([]*spv.AuxPoW, len(run)-11)},
		Sampled{To: last, Security: SampleSecurity}); err != nil {
		t.Fatal(err)
	}
	if c.tree, err = c.chain.Tree(&layer.Rules); err != nil {
		t.Fatal(err)
	}
	return c, last
}

// TestSampledBirthday: a wallet that is older than the sampled start is never placed, and told why; a newer one is; and a folder with
// wallets that look from genesis on cannot begin by a sampled proof.
func TestSampledBirthday(t *testing.T) {
	layer := params(t, "dev-native")
	run := spaced(layer, 200)
	base := int64(run[0].Time())
	disk, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	f := Follow{Verify: VerifySample, Log: slog.New(slog.DiscardHandler)}
	c, last := sampledFrom(t, &f, disk, layer, run)
	l := &ledger{followed: c}
	l.shown.Store(&chainSnapshot{sampled: c.chain.Sampled()})
	l.clock = func() time.Time { return time.Unix(base, 0) }
	if b, ok, err := l.before(base+150*600, true); err != nil || !ok || b.Height <= last.Height || c.older {
		t.Errorf("a new wallet: below %s, %v, %v", b, ok, err)
	}
	for _, birthday := range []int64{0, int64(layer.Genesis.Time()), base - 10*86400, base + 600} {
		c.older = false
		if b, ok, err := l.before(birthday, true); err != nil || ok || !c.older {
			t.Errorf("a wallet of %d: placed above %s; %v", birthday, b, err)
		}
	}
	status := syncer.Status{Synced: true}
	if c.follow(&status); status.Synced || !strings.Contains(status.Waiting, "--verify all") {
		t.Errorf("%+v", status)
	}
	if trust := l.trust(last); trust.Sampled != last.Height || trust.SampledBits != SampleSecurity {
		t.Errorf("%+v", trust)
	}
	if _, err := VerifyAll.begin(disk, c.chain, layer, f.Log); err != nil || c.chain.Sampled() != nil {
		t.Fatalf("back to genesis: %v", err)
	}
	beginsSampledUnlessOlder(t, disk, c.chain, layer)
}

// beginsSampledUnlessOlder: a chain begins by a sampled proof until a wallet of the folder looks from genesis on.
func beginsSampledUnlessOlder(t *testing.T, disk *store.Store, chain *store.Chain, layer *chains.Params) {
	t.Helper()
	w, err := disk.Wallet(layer.Name, "savings")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name    string
		write   func(book *notebook) error
		sampled bool
	}{
		{"no wallet", func(*notebook) error { return nil }, true},
		{"one that gave out an address", func(b *notebook) error { return b.disk.Write([]store.Record{{Key: []byte{1}, Value: []byte{1}}}) }, true},
		{"one that looks from genesis on", func(b *notebook) error { b.setPlace(placed{first: 1}); return b.flush() }, false},
	} {
		if err := step.write(&notebook{disk: w}); err != nil {
			t.Fatal(err)
		}
		if sampled, err := VerifySample.begin(disk, chain, layer, slog.New(slog.DiscardHandler)); err != nil || sampled != step.sampled {
			t.Errorf("%s: sampled start %v, want %v; %v", step.name, sampled, step.sampled, err)
		}
	}
}
