package app

import (
	"bytes"
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
)

// announced returns what the wallet announced on the connections that it keeps, and on others.
func (n *network) announced() (kept, strange []spv.Hash) {
	n.do(func() {
		for agent, ids := range n.told {
			if agent == "/test/" {
				kept = append(kept, ids...)
			} else {
				strange = append(strange, ids...)
			}
		}
	})
	return kept, strange
}

// TestPrivate: a private payment is told on connections of their own alone, whatever happens: made without a network,
// restarted, raised, replaced. What peers did with it is counted.
func TestPrivate(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(5)
	h := newHome(t, n)
	h.restore()
	h.fund(5e7, 4e7)
	h.close()
	h.o.Offline = true
	h.open()
	quietly := func(d Draft, err error) spv.Hash {
		t.Helper()
		h.must(err)
		sent, err := h.Send(t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Private: true})
		h.must(err)
		return sent.ID
	}
	first := quietly(h.Draft(t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(1), Amount: 1e7}}, Rate: 2000}))
	h.close()
	h.o.Offline = false
	h.open()
	secrets := []spv.Hash{first}
	silent := func(when string) {
		t.Helper()
		named := func(list []spv.Hash, id spv.Hash) bool {
			return slices.Contains(list, id) || slices.Contains(list, h.witnessID(id))
		}
		if kept, strange := n.announced(); slices.ContainsFunc(secrets, func(id spv.Hash) bool { return named(kept, id) }) ||
			!named(strange, secrets[len(secrets)-1]) {
			t.Fatalf("%s: announced %v by connections that are kept, and %v by others; private are %v", when, kept, strange, secrets)
		}
	}
	handed := func(id spv.Hash) {
		t.Helper()
		h.arrived(id)
		h.until("somebody took it", func() bool { return h.transaction(id).Took > 0 })
		if tx := h.transaction(id); !tx.Private || tx.Told != tx.Took || tx.Seen != 0 {
			t.Fatalf("private %t, told %d, took %d, seen %d", tx.Private, tx.Told, tx.Took, tx.Seen)
		}
	}
	handed(first)
	silent("made offline")

	// What spends from it, or replaces it, is as private without being asked.
	openly := func(d Draft, err error) spv.Hash {
		t.Helper()
		h.must(err)
		sent, err := h.Send(t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Consent: concernsOf(d)})
		h.must(err)
		return sent.ID
	}
	for _, step := range []struct {
		name string
		plan func(context.Context, Purse, spv.Hash, int64) (Draft, error)
		rate int64
	}{{"raised", h.Raise, 20_000}, {"replaced", h.Bump, 60_000}} {
		id := openly(step.plan(t.Context(), h.in, first, step.rate))
		secrets = append(secrets, id)
		handed(id)
		silent(step.name)
	}
	h.until("announced by others", func() bool {
		n.do(func() {
			for peer := range maps.Keys(n.links) {
				if n.agents[peer] == "/test/" {
					n.send(peer, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeTx, &secrets[len(secrets)-1])}})
				}
			}
		})
		return h.transaction(secrets[len(secrets)-1]).Seen == 1
	})
	n.mine(1)
	h.current()
	open := openly(h.Draft(t.Context(), h.in, Payment{To: []Recipient{{Address: h.somebody(2), Amount: 1e7}}}))
	h.arrived(open)
	h.until("fetched", func() bool { return h.transaction(open).Took == 1 })
	if tx := h.transaction(open); tx.Private || tx.Told != 1 {
		t.Fatalf("an open payment: private %t, told %d", tx.Private, tx.Told)
	}
	if kept, _ := n.announced(); !slices.Contains(kept, h.witnessID(open)) {
		t.Fatalf("announced %v, not the open payment %s", kept, open)
	}
}

func concernsOf(d Draft) (out []string) {
	for _, w := range d.Warnings {
		out = append(out, w.Concern)
	}
	return out
}

// witnessID returns what a transaction of the history is announced as to peers that said wtxidrelay (BIP339).
func (h *home) witnessID(id spv.Hash) spv.Hash {
	h.t.Helper()
	raw, err := hex.DecodeString(h.transaction(id).Raw)
	h.must(err)
	var tx wire.MsgTx
	h.must(tx.Deserialize(bytes.NewReader(raw)))
	return tx.WitnessHash()
}
