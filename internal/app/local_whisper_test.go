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

// discreet is a home that makes private payments.
type discreet struct {
	*home
	secrets []spv.Hash // all of them, the newest last
}

// quietly sends a draft as a private payment.
func (w *discreet) quietly(d Draft, err error) spv.Hash {
	w.t.Helper()
	w.must(err)
	sent, err := w.Send(w.t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Private: true})
	w.must(err)
	return sent.ID
}

// openly sends a draft without asking for privacy.
func (w *discreet) openly(d Draft, err error) spv.Hash {
	w.t.Helper()
	w.must(err)
	sent, err := w.Send(w.t.Context(), SendRequest{Draft: d.ID, Password: Secret(password), Consent: concernsOf(d)})
	w.must(err)
	return sent.ID
}

// handed waits until a peer took a private payment: all that were told took it, and none announced it.
func (w *discreet) handed(id spv.Hash) {
	w.t.Helper()
	w.arrived(id)
	w.until("somebody took it", func() bool { return w.transaction(id).Took > 0 })
	if tx := w.transaction(id); !tx.Private || tx.Told != tx.Took || tx.Seen != 0 {
		w.t.Fatalf("private %t, told %d, took %d, seen %d", tx.Private, tx.Told, tx.Took, tx.Seen)
	}
}

// silent: no private payment was announced on a connection that is kept, and the newest was on another.
func (w *discreet) silent(when string) {
	w.t.Helper()
	named := func(list []spv.Hash, id spv.Hash) bool {
		return slices.Contains(list, id) || slices.Contains(list, w.witnessID(id))
	}
	if kept, strange := w.net.announced(); slices.ContainsFunc(w.secrets, func(id spv.Hash) bool { return named(kept, id) }) ||
		!named(strange, w.secrets[len(w.secrets)-1]) {
		w.t.Fatalf("%s: announced %v by connections that are kept, and %v by others; private are %v", when, kept, strange, w.secrets)
	}
}

// cameBack has the peers that are kept announce the newest private payment, and waits until that is counted.
func (w *discreet) cameBack() {
	w.t.Helper()
	n, newest := w.net, w.secrets[len(w.secrets)-1]
	w.until("announced by others", func() bool {
		n.do(func() {
			for peer := range maps.Keys(n.links) {
				if n.agents[peer] == "/test/" {
					n.send(peer, &wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeTx, &newest)}})
				}
			}
		})
		return w.transaction(newest).Seen == 1
	})
}

// TestPrivate: a private payment is told on connections of their own alone, whatever happens: made without a network,
// restarted, raised, replaced. What peers did with it is counted.
func TestPrivate(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(5)
	w := &discreet{home: newHome(t, n)}
	w.restore()
	w.fund(5e7, 4e7)
	w.close()
	w.o.Offline = true
	w.open()
	first := w.quietly(w.Draft(t.Context(), w.in, Payment{To: []Recipient{{Address: w.somebody(1), Amount: 1e7}}, Rate: 2000}))
	w.close()
	w.o.Offline = false
	w.open()
	w.secrets = []spv.Hash{first}
	w.handed(first)
	w.silent("made offline")

	// What spends from it, or replaces it, is as private without being asked.
	for _, step := range []struct {
		name string
		plan func(context.Context, Purse, spv.Hash, int64) (Draft, error)
		rate int64
	}{{"raised", w.Raise, 20_000}, {"replaced", w.Bump, 60_000}} {
		id := w.openly(step.plan(t.Context(), w.in, first, step.rate))
		w.secrets = append(w.secrets, id)
		w.handed(id)
		w.silent(step.name)
	}
	w.cameBack()
	n.mine(1)
	w.current()
	open := w.openly(w.Draft(t.Context(), w.in, Payment{To: []Recipient{{Address: w.somebody(2), Amount: 1e7}}}))
	w.arrived(open)
	w.until("fetched", func() bool { return w.transaction(open).Took == 1 })
	if tx := w.transaction(open); tx.Private || tx.Told != 1 {
		t.Fatalf("an open payment: private %t, told %d", tx.Private, tx.Told)
	}
	if kept, _ := n.announced(); !slices.Contains(kept, w.witnessID(open)) {
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
