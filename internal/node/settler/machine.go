package settler

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Config says what a settler works on.
type Config struct {
	Layer Layer
	L1    L1
	// Keys are the public keys, x-only, that the signer holds, of whatever sets. Without one
	// the machine signs nothing.
	Keys [][32]byte
	Log  Log
	// Synced tells whether both chains have all that their peers have told of.
	Synced func() bool
	// Share measures the layer's share of the L1's work (protocol.md section 9) over the last
	// risk.ShortWindow blocks of L1. Its lower bound counts: with little data that is low.
	Share func() (risk.Share, error)
}

// Machine is one settler. One goroutine uses it.
type Machine struct {
	cfg     Config
	netID   spv.Hash
	ledger  *Ledger
	job     *job
	sweeps  map[wire.OutPoint]*sweep
	signing spv.Hash // the sweep that the signer was asked for last; zero: it has answered
	refusal *Refusal
	supply  peg.Supply
	at      [2]spv.Block // tips of layer and L1 that the supply was read at
	oldest  int32        // L1 height of the vault's oldest output then
	out     []Output
}

// job is a batch that is being signed, or a sweep.
type job struct {
	batch    *peg.Batch
	txid     spv.Hash
	hashes   []spv.Hash
	own      []map[int]bool   // our places in the set of each input
	sigs     []peg.Signatures // verified
	trouble  *Refusal         // with our own signer
	complete *wire.MsgTx
}

// New returns a settler that has read nothing yet. It refuses a layer without a peg to the
// L1, and a Config that leaves out what refusals depend on.
func New(cfg Config) (*Machine, error) {
	if cfg.Log == nil || cfg.Synced == nil || cfg.Share == nil {
		return nil, errors.New("settler: want a log and functions for sync and share")
	}
	l, err := NewLedger(cfg.Layer, cfg.L1)
	if err != nil {
		return nil, err
	}
	return &Machine{cfg: cfg, netID: cfg.Layer.Params().NetID(), ledger: l, sweeps: map[wire.OutPoint]*sweep{},
		refusal: refuse(RefuseBehind, "nothing has been read yet")}, nil
}

// Step takes one input and returns what to do about it.
func (m *Machine) Step(in Input) []Output {
	m.out = nil
	switch in := in.(type) {
	case Moved:
		m.look(false)
	case Tick:
		m.look(true)
	case Heard:
		m.hear(in.From, in.Sig)
	case Asked:
		m.asked(in.From, in.Ask)
	case Signed:
		m.signed(&in)
	}
	return m.out
}

// Status returns what the settler is at.
func (m *Machine) Status() Status {
	s := Status{Refusal: m.refusal, Sweeps: len(m.sweeps), Supply: m.supply, Layer: m.at[0], L1: m.at[1], Oldest: m.oldest, Last: m.ledger.last()}
	if j := m.job; j != nil {
		s.Number, s.Attempt, s.TxID, s.Payouts = j.batch.Number, j.batch.Attempt, j.txid, len(j.batch.Payouts)
		s.Complete = j.complete != nil
		for i, sigs := range j.sigs {
			s.Signatures, s.Needed = append(s.Signatures, len(sigs)), append(s.Needed, j.batch.Spends[i].Set.K)
		}
	}
	return s
}

// Ledger returns the account of both chains, as of the last Moved or Tick.
func (m *Machine) Ledger() *Ledger { return m.ledger }

func (m *Machine) emit(o Output) { m.out = append(m.out, o) }

// look reads the chains and does what is due. With again set it repeats what may have been
// lost.
func (m *Machine) look(again bool) {
	batch, err := m.due()
	if m.refusal = nil; err != nil {
		if m.refusal = asRefusal(err); m.refusal.Name == RefuseBehind {
			return // what was collected may be wanted again in a moment
		}
	}
	m.lookAtBatch(batch, again)
	m.lookAtSweeps(again, err == nil)
}

// lookAtBatch does what is due about a batch; nil: none is.
func (m *Machine) lookAtBatch(batch *peg.Batch, again bool) {
	if batch == nil {
		m.job = nil
		return
	}
	if m.job == nil || m.job.txid != batch.Tx.TxHash() {
		var err error
		if m.job, err = m.newJob(batch); err != nil {
			m.refusal, m.job = asRefusal(err), nil
			return
		}
		again = true
	}
	if err := m.record(); err != nil {
		m.refusal, m.job = asRefusal(err), nil
		return
	}
	m.refusal = m.job.trouble // until the signer has done it
	if again {
		m.repeat()
	}
}

// due returns the batch that may be signed now. There is none beside an error.
func (m *Machine) due() (*peg.Batch, error) {
	if !m.cfg.Synced() {
		return nil, refuse(RefuseBehind, "the chains are not synced")
	}
	if err := m.ledger.Update(); err != nil {
		return nil, err
	}
	if parked := m.cfg.Layer.Parked(); len(parked) > 0 {
		return nil, refuse(RefuseParked, "%d branches, the first ends in %s", len(parked), parked[0])
	}
	var err error
	if m.supply, err = m.ledger.Supply(); err != nil {
		return nil, err
	}
	m.at = [2]spv.Block{m.ledger.above.tip(), m.ledger.below.tip()}
	m.oldest = m.ledger.oldest()
	if err := m.supply.Check(); err != nil {
		return nil, refuse(RefuseSupply, "%v", err)
	}
	batch, err := m.ledger.Due()
	if err != nil {
		return nil, err
	}
	err = m.trusted()
	if moved := m.ledger.settled(); moved != nil { // while it was read: a coin may be spent by a batch that is not
		return nil, moved
	}
	if err != nil {
		return nil, err
	}
	return batch, nil
}

// trusted refuses while the share is too low, or the vault is not whole.
func (m *Machine) trusted() error {
	share, err := m.cfg.Share()
	if err != nil {
		return refuse(RefuseShare, "not known: %v", err)
	}
	if !(share.Low >= LeastShare) { // not a number is not enough either
		return refuse(RefuseShare, "lower bound %.3f, of the last %d L1 blocks %d carry a layer block: want at least %.1f",
			share.Low, share.To-share.From+1, share.Seals, LeastShare)
	}
	return m.ledger.present()
}

func (m *Machine) newJob(b *peg.Batch) (*job, error) {
	hashes, err := b.SigHashes()
	if err != nil {
		return nil, fmt.Errorf("batch %d: %w", b.Number, err)
	}
	j := &job{batch: b, txid: b.Tx.TxHash(), hashes: hashes}
	for i := range b.Spends {
		own := map[int]bool{}
		for place, key := range b.Spends[i].Set.Keys {
			for _, k := range m.cfg.Keys {
				if k == key {
					own[place] = true
				}
			}
		}
		j.own = append(j.own, own)
		j.sigs = append(j.sigs, peg.Signatures{})
	}
	return j, nil
}

// wanting tells whether there are signatures of ours that the job lacks.
func (j *job) wanting() bool {
	for i := range j.own {
		for place := range j.own[i] {
			if _, ok := j.sigs[i][place]; !ok {
				return true
			}
		}
	}
	return false
}

// record makes durable what is about to be signed. It refuses what differs from what was
// signed before: two transactions for one batch and attempt never have our signatures.
func (m *Machine) record() error {
	j := m.job
	if !j.wanting() {
		return nil
	}
	was, ok, err := m.cfg.Log.Signed(j.batch.Number, j.batch.Attempt)
	if err == nil && ok && was != j.txid {
		return refuse(RefuseSigned, "batch %d, attempt %d: %s was signed, now it would be %s", j.batch.Number, j.batch.Attempt, was, j.txid)
	}
	if err == nil && !ok {
		err = m.cfg.Log.Record(j.batch.Number, j.batch.Attempt, j.txid)
	}
	if err != nil {
		return refuse(RefuseRecord, "batch %d, attempt %d: %v", j.batch.Number, j.batch.Attempt, err)
	}
	return nil
}

// repeat asks for signatures that are wanting, and sends all that are there.
func (m *Machine) repeat() {
	if m.job.wanting() {
		m.emit(Sign{m.job.batch, m.job.hashes})
	}
	m.tell(m.job)
}

// tell sends what there is of a job.
func (m *Machine) tell(j *job) {
	for i, sigs := range j.sigs {
		for place := range j.batch.Spends[i].Set.Keys {
			if sig, ok := sigs[place]; ok {
				m.emit(Gossip{Sig: m.message(j, i, place, sig)})
			}
		}
	}
	if j.complete != nil {
		m.emit(Broadcast{j.complete})
	}
}

func (m *Machine) message(j *job, input, place int, sig [64]byte) *msg.SettleSig {
	b := j.batch
	return &msg.SettleSig{NetID: m.netID, Number: b.Number, Attempt: uint8(b.Attempt), TxID: j.txid,
		Input: uint16(input), Settler: uint8(place), Signature: sig}
}

// hear takes a peer's signature. What is about another transaction than ours is let go
// without blame: one of us may be behind, and it will come again.
func (m *Machine) hear(from syncer.Peer, s *msg.SettleSig) {
	j := m.jobOf(s.TxID)
	if j == nil || s.NetID != m.netID {
		return
	}
	if s.Number != j.batch.Number || int(s.Attempt) != j.batch.Attempt || int(s.Input) >= len(j.sigs) {
		m.emit(Blame{from, fmt.Sprintf("batch %s: batch %d, attempt %d, input %d: want batch %d, attempt %d, an input below %d",
			s.TxID, s.Number, s.Attempt, s.Input, j.batch.Number, j.batch.Attempt, len(j.sigs))})
		return
	}
	input, place := int(s.Input), int(s.Settler)
	if _, ok := j.sigs[input][place]; ok {
		return
	}
	if err := j.batch.Spends[input].CheckSignature(place, j.hashes[input], s.Signature); err != nil {
		m.emit(Blame{from, fmt.Sprintf("batch %s, input %d: %v", s.TxID, input, err)})
		return
	}
	j.sigs[input][place] = s.Signature
	m.emit(Gossip{Sig: s, Except: from})
	m.assemble(j)
}

// signed takes what our own signer made. It, too, is verified.
func (m *Machine) signed(in *Signed) {
	if in.TxID == m.signing {
		m.swept(in)
		return
	}
	j := m.job
	if j == nil || in.TxID != j.txid {
		return // something else is due by now
	}
	was := j.trouble
	if j.trouble = j.add(m, in); j.trouble != nil || m.refusal == was {
		m.refusal = j.trouble
	}
	m.assemble(j)
	m.askSweep(m.refusal == nil)
}

// jobOf returns the batch or the sweep with an id; nil: neither is due.
func (m *Machine) jobOf(txid spv.Hash) *job {
	if m.job != nil && m.job.txid == txid {
		return m.job
	}
	for _, s := range m.sweeps {
		if s.txid == txid {
			return s.job
		}
	}
	return nil
}

// add takes the signatures that are good; what is wrong with the others is returned.
func (j *job) add(m *Machine, in *Signed) *Refusal {
	if in.Err != nil {
		return refuse(RefuseSigner, "%v", in.Err)
	}
	if len(in.Sigs) != len(j.sigs) {
		return refuse(RefuseSigner, "signatures of %d inputs, want %d", len(in.Sigs), len(j.sigs))
	}
	for i, sigs := range in.Sigs {
		for place := range j.batch.Spends[i].Set.Keys {
			sig, made := sigs[place]
			if _, has := j.sigs[i][place]; !made || has {
				continue
			}
			if err := j.batch.Spends[i].CheckSignature(place, j.hashes[i], sig); err != nil {
				return refuse(RefuseSigner, "input %d: %v", i, err)
			}
			j.sigs[i][place] = sig
			m.emit(Gossip{Sig: m.message(j, i, place, sig)})
		}
	}
	return nil
}

// assemble puts the transaction together once every input has its k signatures.
func (m *Machine) assemble(j *job) {
	if j.complete != nil {
		return
	}
	for i, sigs := range j.sigs {
		if len(sigs) < j.batch.Spends[i].Set.K {
			return
		}
	}
	tx, err := j.batch.Sign(j.sigs)
	if err != nil {
		panic("settler: " + err.Error()) // every signature was verified before
	}
	j.complete = tx
	m.emit(Broadcast{tx})
}
