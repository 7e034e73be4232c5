package settler

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// maxSweeps is how many refundable deposits are swept at a time. Each has the least deposit in it, and what is not taken
// is asked for again.
const maxSweeps = 256

// sweep is a refundable deposit that its depositor wants in the vault.
type sweep struct {
	*job
	ask   *msg.SweepAsk
	tries int // signatures that the signer did not give
}

// asked takes a depositor's ask. One about an output that L1 does not have here is let go without blame: it comes again.
func (m *Machine) asked(from syncer.Peer, ask *msg.SweepAsk) {
	old := m.sweeps[ask.Outpoint]
	switch {
	case ask.NetID != m.netID, old == nil && len(m.sweeps) >= maxSweeps:
		return
	case old != nil && (ask.Fee < 2*old.ask.Fee || ask.Fee == 0): // known, or by somebody who knows less
		return
	}
	// For another fee it is signed again only if that is twice as high: so nobody has settlers sign for ever.
	if fee, _, ok, err := m.cfg.Log.Swept(ask.Outpoint); err != nil || ok && ask.Fee != fee && ask.Fee < 2*fee {
		return
	}
	coin, err := m.cfg.L1.Coin(ask.Outpoint)
	if err != nil || coin == nil {
		return
	}
	batch, err := ask.Sweep(m.cfg.Layer.Params(), m.cfg.L1.Params(), coin.Value)
	if err == nil {
		err = ask.CheckSignature()
	}
	if err != nil {
		m.emit(Blame{from, err.Error()})
		return
	}
	if !bytes.Equal(batch.Spends[0].Vault.PkScript, coin.Script) {
		m.emit(Blame{from, "sweep of " + ask.Outpoint.String() + ": no refundable deposit of these terms"})
		return
	}
	if peg.CheckSweepable(m.cfg.Layer.Params(), ask.Set, coin.Height, m.cfg.L1.Tip().Height) != nil {
		return
	}
	j, err := m.newJob(batch)
	if err != nil {
		return
	}
	m.sweeps[ask.Outpoint] = &sweep{job: j, ask: ask}
	m.emit(Spread{ask, from})
	m.askSweep(m.refusal == nil)
}

// lookAtSweeps drops sweeps that are over and repeats what may have been lost of the others. Nothing is signed unless
// there is no reason against it: what must not be paid out should not be taken in.
func (m *Machine) lookAtSweeps(again, sign bool) {
	p, tip := m.cfg.Layer.Params(), m.cfg.L1.Tip().Height
	for _, s := range m.ordered() {
		coin, err := m.cfg.L1.Coin(s.ask.Outpoint)
		if err != nil {
			continue
		}
		if coin == nil || peg.CheckSweepable(p, s.ask.Set, coin.Height, tip) != nil {
			delete(m.sweeps, s.ask.Outpoint)
			continue
		}
		if again {
			m.emit(Spread{Ask: s.ask})
			m.tell(s.job)
		}
	}
	m.askSweep(sign)
}

// askSweep has one sweep signed, after the batch: the same one until the signer has answered, then the one that it was
// asked for least often.
func (m *Machine) askSweep(sign bool) {
	if !sign || m.job != nil && m.job.wanting() {
		return
	}
	var next *sweep
	for _, s := range m.ordered() {
		if s.wanting() && (next == nil || s.txid == m.signing || s.tries < next.tries && next.txid != m.signing) {
			next = s
		}
	}
	if next == nil {
		return
	}
	if err := m.cfg.Log.RecordSweep(next.ask.Outpoint, next.ask.Fee, next.txid); err != nil {
		next.tries++
		m.refusal = refuse(RefuseRecord, "sweep of %s: %v", next.ask.Outpoint, err)
		return
	}
	m.signing = next.txid
	m.emit(Sign{next.batch, next.hashes})
}

// swept takes the signatures of the sweep that the signer was asked for.
func (m *Machine) swept(in *Signed) {
	m.signing = spv.Hash{}
	for _, s := range m.sweeps {
		if s.txid != in.TxID {
			continue
		}
		if s.add(m, in) != nil {
			s.tries++
			return // it is asked for again at the next look
		}
		m.assemble(s.job)
	}
	m.askSweep(m.refusal == nil)
}

func (m *Machine) ordered() []*sweep {
	all := make([]*sweep, 0, len(m.sweeps))
	for _, s := range m.sweeps {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *sweep) int {
		x, y := a.ask.Outpoint, b.ask.Outpoint
		return cmp.Or(bytes.Compare(x.Hash[:], y.Hash[:]), cmp.Compare(x.Index, y.Index))
	})
	return all
}
