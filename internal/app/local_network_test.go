package app

import (
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/syncer"
)

// TestVerified: an answer counts as verified only if it is whole and nobody could have left anything out.
func TestVerified(t *testing.T) {
	tip := spv.Block{Height: 7, Hash: spv.Hash{7}}
	sound := syncer.Status{Tip: tip, Synced: true, Rung: syncer.Committed}
	for name, c := range map[string]struct {
		spoil    func(*syncer.Status)
		scanned  spv.Block
		verified bool
	}{
		"sound":          {func(*syncer.Status) {}, tip, true},
		"compared":       {func(s *syncer.Status) { s.Rung = syncer.Compared }, tip, true},
		"whole blocks":   {func(s *syncer.Status) { s.Rung = syncer.Whole }, tip, true},
		"bloom filters":  {func(s *syncer.Status) { s.Rung, s.BloomPeers = syncer.Bloomed, 2 }, tip, false},
		"disputed":       {func(s *syncer.Status) { s.Disputed = 1 }, tip, false},
		"not synced":     {func(s *syncer.Status) { s.Synced = false }, tip, false},
		"not looked at":  {func(*syncer.Status) {}, spv.Block{Height: 6, Hash: spv.Hash{6}}, false},
		"another branch": {func(*syncer.Status) {}, spv.Block{Height: 7, Hash: spv.Hash{8}}, false},
	} {
		l := &ledger{followed: &followed{}, clock: func() time.Time { return time.Unix(100, 0) }}
		s := sound
		c.spoil(&s)
		l.shown.Store(&chainSnapshot{status: s})
		if got := l.trust(c.scanned); got.Verified != c.verified {
			t.Errorf("%s: verified %t", name, got.Verified)
		}
	}
}
