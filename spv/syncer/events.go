package syncer

import (
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
)

// Peer names a connection; the driver never uses a name twice.
type Peer uint64

// Input is something that happened: one of the types below.
type Input interface{ input() }

// Output is something to do: one of the types below. The driver carries outputs out in
// order; what Store, StoreFilters and CutFilters say is durable before a later Send
// speaks of it, and before the next Step, which may read it back.
type Output interface{ output() }

type (
	// Tick says that time has passed. The driver sends one every second or so.
	Tick struct{}
	// Resume answers an Again.
	Resume struct{}
	// Connected says that the handshake with a peer is complete.
	Connected struct {
		Peer     Peer
		Address  string // host:port
		Inbound  bool   // it came to us
		Version  uint32 // protocol version, by its own word as all up to Wants
		Agent    string // user agent: foreign text
		Services wire.ServiceFlag
		Height   int32     // of its best block
		Clock    time.Time // what its clock showed when it connected; zero: it has not told
		Wants    bool      // it wants transactions announced (BIP37's relay flag)
		Relay    bool      // we let it announce transactions to us
		WTxID    bool      // both sides said wtxidrelay (BIP339)
	}
	// Drained says that all messages to a peer have left, after many bytes had waited: a
	// peer that asks for much is best given it piece by piece.
	Drained struct{ Peer Peer }
	// Disconnected says that a peer has gone.
	Disconnected struct{ Peer Peer }
	// Received brings a message of a connected peer.
	Received struct {
		Peer    Peer
		Message msg.Message
	}
	// ParentMoved says that the chain whose work this one borrows has new blocks.
	ParentMoved struct{}
	// Seek asks the peers for the header of a block that none of them has on its best
	// chain: a layer's proof builds on it (Missing). Ignored while headers are being fetched.
	Seek struct{ Block spv.Hash }
	// Watch adds output scripts whose payments and spends are wanted from a height on,
	// and coins (outpoints) whose spends are. Where blocks from that height on have been
	// looked through already they are looked through again, for the new scripts only. A
	// height below Scan.From counts as Scan.From. It is the answer to a Found that made
	// the wallet derive new scripts: then it comes before any other input, with the
	// height of the Found block. The first Watch tells where the driver's cursor is: after
	// a restart it names all scripts and coins, with the height above the last Scanned.
	Watch struct {
		Scripts [][]byte
		Coins   []wire.OutPoint
		From    int32
		// Again: blocks from From on are looked through for scripts that were watched before, too.
		Again bool
	}
	// Broadcast announces a transaction, or a parent and its child in this order, to some
	// of the peers, and again from time to time, until Forget or a block that holds it.
	// The wallet has it on disk before.
	Broadcast struct{ Txs []*wire.MsgTx }
	// Tell sends a message to half of the peers, chosen by chance, once. It is for what no peer answers.
	Tell struct{ Message msg.Message }
	// Forget ends the broadcast of a transaction.
	Forget struct{ TxID spv.Hash }
)

type (
	// Store makes a change of the best chain durable. Where it undoes blocks, the
	// filters, the wallet's records and its cursor above the fork are undone with it. While
	// headers are fetched for the first time Claimed is how high the peer that gives them
	// says its chain is, else 0.
	Store struct {
		Change  spv.Change
		Claimed int32
	}
	// StoreFilters appends verified filters: that of the block at From, which is one
	// above the last, and those behind it, with their filter headers. An empty filter
	// stands for one that the peers dispute and nobody can settle: its block is always
	// looked through whole.
	StoreFilters struct {
		From    int32
		Headers []spv.Hash
		Filters [][]byte
	}
	// CutFilters takes the filters above a height away: they turned out to be a lie, or
	// do not read.
	CutFilters struct{ To int32 }
	// Doubt makes durable that peers dispute a block's filter and nobody can settle it: the
	// block is looked through whole, whatever its filter says. It ends with the block, when
	// that is undone, and with CutFilters from below it; Scan.Doubts brings it back.
	Doubt struct{ Height int32 }
	// Hearsay makes durable from which height on blocks are taken as looked through by the
	// word of Bloom peers alone, who may have hidden what they hold; 0: none any more. From
	// Alone on there may have been the word of one peer only. It comes before the first
	// Scanned that rests on it; Scan.Hearsay and Scan.Alone bring it back.
	Hearsay struct{ From, Alone int32 }
	// Found brings a block of the best chain, whose body is verified, with those of its
	// transactions, in block order, that pay to a watched script, spend a watched coin
	// or are being broadcast. Found blocks come in height order, one a Step; a block comes again
	// when a Watch makes more of it. What it brings is not settled before Scanned
	// reaches its height. Whole is the block with all its transactions.
	Found struct {
		Block  spv.Block
		Header spv.Header
		Txs    []*wire.MsgTx
		Whole  *spv.FullBlock
	}
	// Scanned says that every block up to To has been looked through for everything
	// that is watched. To goes back when a Watch reaches back or when filters were a lie.
	// The driver makes it durable in one transaction with the wallet's records.
	Scanned struct{ To spv.Block }
	// Seen brings an unconfirmed transaction that pays to a watched script or spends a
	// watched coin, verified in no way, and the number of peers that announced it:
	// when it is first seen and each time that the number grows.
	Seen struct {
		Tx    *wire.MsgTx
		Peers int
	}
	// Echo tells how many peers announce a transaction of Broadcast to us without having
	// had it from us.
	Echo struct {
		TxID  spv.Hash
		Peers int
	}
	// Missing names a block of the parent chain that a proof builds on. The first of a step is not known: either the parent
	// chain is behind, or the block was left by a reorganisation; those after it may be. It is told again while a peer waits.
	Missing struct{ Parent spv.Hash }
	// Stray answers a Seek. The header is the one asked for and is judged in no other way.
	Stray struct{ Header spv.Header }
	// Send sends a message to a peer.
	Send struct {
		Peer    Peer
		Message msg.Message
	}
	// Drop ends the connection with a peer, and tells why. Ban says that it broke a
	// rule that no honest peer breaks.
	Drop struct {
		Peer Peer
		Err  error
		Ban  bool
	}
	// Again asks the driver to send a Resume once it has carried out what came
	// before: there is work left that need not hold those up.
	Again struct{}
)

func (Tick) input()         {}
func (Resume) input()       {}
func (Connected) input()    {}
func (Disconnected) input() {}
func (Drained) input()      {}
func (Received) input()     {}
func (ParentMoved) input()  {}
func (Seek) input()         {}
func (Watch) input()        {}
func (Broadcast) input()    {}
func (Tell) input()         {}
func (Forget) input()       {}

func (Store) output()        {}
func (StoreFilters) output() {}
func (CutFilters) output()   {}
func (Doubt) output()        {}
func (Hearsay) output()      {}
func (Found) output()        {}
func (Scanned) output()      {}
func (Seen) output()         {}
func (Echo) output()         {}
func (Missing) output()      {}
func (Stray) output()        {}
func (Send) output()         {}
func (Drop) output()         {}
func (Again) output()        {}
