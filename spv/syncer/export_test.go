package syncer

import "fmt"

// CheckBounds tells which of the machine's queues is longer than it may ever be, nil if
// none is.
func (m *Machine) CheckBounds() error {
	blocks := int(m.tree.Tip().Height) + 1
	type bound struct {
		name      string
		got, most int
	}
	bounds := []bound{{"output", len(m.out), 10_000}}
	if m.scan != nil {
		bounds = append(bounds,
			bound{"accepted hashes", len(m.claims.accepted), claimsAhead}, bound{"doubts", len(m.claims.doubts), blocks},
			bound{"batches", len(m.filters.batches), batchesAhead}, bound{"filter bytes", m.filters.held, filterMemory + batchSize<<18},
			bound{"fetches", len(m.fetches), blocksAhead + 2}, bound{"hits", len(m.scan.hits), blocks}, bound{"ids", len(m.ids.ids), idStride})
	}
	if m.scan != nil && m.scan.bloom != nil {
		bounds = append(bounds, bound{"bloom hits", len(m.scan.bloom.hits), blocks}, bound{"told a filter", len(m.scan.bloom.told), bloomPeers})
		for _, c := range m.scan.bloom.told {
			bounds = append(bounds, bound{"answers due", len(c.asked) + len(c.stale), 2 * bloomDue}, bound{"matches", len(c.matches), blocks})
		}
	}
	if r := m.relay; r != nil {
		bounds = append(bounds, bound{"rumours", len(r.young) + len(r.old), 2 * maxRumours}, bound{"strangers", len(r.strangers), maxStrangers},
			bound{"stranger bytes", r.weight, strangerMemory}, bound{"unconfirmed", len(r.ours), maxUnconfirmed},
			bound{"asked", len(r.asked), maxAsked * max(1, len(m.peers)+8)}, bound{"loose coins", len(r.loose), maxLoose})
	}
	for _, p := range m.peers {
		bounds = append(bounds, bound{"said", len(p.word.said), roundSpan})
	}
	for _, b := range bounds {
		if b.got > b.most {
			return fmt.Errorf("%s: %d, want at most %d", b.name, b.got, b.most)
		}
	}
	return nil
}
