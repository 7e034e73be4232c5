package settler

import (
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// Input is what Machine.Step takes: Moved, Tick, Heard, Asked or Signed.
type Input interface{ input() }

type (
	// Moved says that one of the chains may have moved.
	Moved struct{}
	// Tick comes every so often: what got lost is sent again. A few times a minute is enough.
	Tick struct{}
	// Heard brings a signature that a peer has sent.
	Heard struct {
		From syncer.Peer
		Sig  *msg.SettleSig
	}
	// Asked brings what a depositor asks for, through a peer.
	Asked struct {
		From syncer.Peer
		Ask  *msg.SweepAsk
	}
	// Signed brings what the signer made of a Sign.
	Signed struct {
		TxID spv.Hash
		Sigs []peg.Signatures // of each input
		Err  error            // why there are none
	}
)

func (Moved) input()  {}
func (Tick) input()   {}
func (Heard) input()  {}
func (Asked) input()  {}
func (Signed) input() {}

// Output is what Machine.Step asks for: Sign, Gossip, Spread, Broadcast or Blame. Outputs are
// carried out in order.
type Output interface{ output() }

type (
	// Sign asks for signatures with all keys that Config.Keys named. Whatever must be
	// remembered of it is in the Log already. It may be asked more than once.
	Sign struct {
		Batch  *peg.Batch
		Hashes []spv.Hash // what is signed in each input
	}
	// Gossip sends a verified signature to all peers but one.
	Gossip struct {
		Sig    *msg.SettleSig
		Except syncer.Peer // who sent it; 0: nobody
	}
	// Spread sends a verified ask to all peers but one.
	Spread struct {
		Ask    *msg.SweepAsk
		Except syncer.Peer // who sent it; 0: nobody
	}
	// Broadcast hands a batch or a sweep with all its witnesses to the L1's nodes. It comes again until
	// the batch is in L1; that they know it already is no fault.
	Broadcast struct{ Tx *wire.MsgTx }
	// Blame says that a peer has sent what no honest one would have passed on.
	Blame struct {
		Peer syncer.Peer
		Why  string
	}
)

func (Sign) output()      {}
func (Gossip) output()    {}
func (Spread) output()    {}
func (Broadcast) output() {}
func (Blame) output()     {}

// Log remembers what was signed, for ever.
type Log interface {
	// Signed returns the transaction that was recorded for a batch and attempt.
	Signed(number uint32, attempt int) (txid spv.Hash, ok bool, err error)
	// Record is durable when it returns. It refuses another transaction for a batch and attempt
	// than the one that is there.
	Record(number uint32, attempt int, txid spv.Hash) error
	// Swept returns fee and transaction of the sweep that was recorded last for a refundable deposit on L1.
	Swept(deposit wire.OutPoint) (fee int64, txid spv.Hash, ok bool, err error)
	// RecordSweep is durable when it returns. It refuses a fee that is not higher than the one that is there, but for the
	// same transaction.
	RecordSweep(deposit wire.OutPoint, fee int64, txid spv.Hash) error
}

// Status tells what a settler is at.
type Status struct {
	// Refusal is why nothing is signed; nil if nothing stands against it.
	Refusal *Refusal
	// Supply was read at these tips of layer and L1; zero: it was never read.
	Supply peg.Supply
	Layer  spv.Block
	L1     spv.Block
	// Oldest is the L1 height of the vault's oldest output, 0 if it is empty. An output's recovery
	// age counts from there.
	Oldest int32
	// Sweeps is how many refundable deposits are being swept.
	Sweeps int
	// Last is the last batch in L1, or the first connector's transaction; nil: there is none.
	Last *Settled
	// What follows is about the batch that is due; a zero TxID: none is.
	Number     uint32
	Attempt    int
	TxID       spv.Hash
	Payouts    int
	Signatures []int // held, of each input
	Needed     []int // of each input
	Complete   bool  // k for every input: it has been broadcast
}

// Recovery returns how many L1 blocks the vault's oldest output is from the age at which its
// recovery script can be used; all of them if the vault is empty.
func (s *Status) Recovery(p *chains.Params) int32 {
	if s.Oldest == 0 {
		return p.Peg.Recovery
	}
	return max(0, s.Oldest+p.Peg.Recovery-s.L1.Height)
}
