package simnet

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/btcutil/bloom"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
)

// Full is what a node serves that has everything.
const Full = wire.SFNodeNetwork | wire.SFNodeWitness | wire.SFNodeCF

// Lie is how a node deceives about blocks and filters. The zero value is honest.
type Lie struct {
	From     int32        // lowest height of the lies
	Omit     [][]byte     // scripts that its filters do not hold, though they should
	Spends   bool         // omit them only where they are spent, not where they are paid
	Hashes   bool         // filter hashes made up, filters are honest
	Links    bool         // the filter header before those asked for is made up
	Points   bool         // filter headers at every 1,000th block are made up
	Tree     bool         // trees of merkleblock are spoilt
	Withhold bool         // has no blocks
	Body     func([]byte) // spoils a block on its way
}

type filterEntry struct {
	filter       []byte
	hash, header spv.Hash
}

// Follow gives a node a chain of blocks to serve.
func (node *Node) Follow(l Ledger) {
	node.Ledger, node.Chain = l, l.Headers()
	if node.young == nil {
		node.young = map[spv.Hash]time.Time{}
	}
	known := node.filters
	node.filters = make(map[spv.Hash]filterEntry, len(l))
	var prev spv.Hash
	for i, b := range l {
		if i == 0 {
			prev = b.FilterBelow
		}
		if _, ok := known[b.ID]; !ok && node.net != nil && node.Lag > 0 {
			node.young[b.ID] = node.net.Now.Add(node.Lag)
		}
		e := node.lie(b, int32(i)+1)
		e.header = pow.HashPair(&e.hash, &prev)
		prev = e.header
		node.filters[b.ID] = e
	}
}

// lie returns what the node says that a block's filter is.
func (node *Node) lie(b *Block, height int32) filterEntry {
	e := filterEntry{filter: b.Filter}
	if height >= node.Lie.From && b.touches(node.Lie.Omit) {
		e.filter = b.without(node.Lie.Omit, node.Lie.Spends)
	}
	e.hash = pow.DoubleSHA256(e.filter)
	if node.Lie.Hashes && height >= node.Lie.From {
		e.hash[0] ^= 1
	}
	return e
}

// Lies tells whether what the node says of the filters from one height to another is a lie
// that the blocks refute.
func (node *Node) Lies(from, to int) bool {
	for _, b := range node.Ledger[from-1 : min(to, len(node.Ledger))] {
		if node.filters[b.ID].hash == spv.Hash(pow.DoubleSHA256(b.Filter)) {
			continue
		}
		if node.Lie.Hashes || (!node.Lie.Spends && slices.ContainsFunc(b.Paid(), within(node.Lie.Omit))) {
			return true
		}
	}
	return false
}

// within returns a test for being one of some scripts.
func within(scripts [][]byte) func([]byte) bool {
	return func(s []byte) bool {
		return slices.ContainsFunc(scripts, func(o []byte) bool { return slices.Equal(o, s) })
	}
}

// lags tells whether a message asks for filters up to a block that the node's index has not got to yet.
func (node *Node) lags(m msg.Message) bool {
	var stop spv.Hash
	switch m := m.(type) {
	case *wire.MsgGetCFHeaders:
		stop = m.StopHash
	case *wire.MsgGetCFCheckpt:
		stop = m.StopHash
	case *wire.MsgGetCFilters:
		stop = m.StopHash
	}
	return node.net.Now.Before(node.young[stop])
}

// serve answers what is not about headers.
func (node *Node) serve(m msg.Message) {
	switch m := m.(type) {
	case *wire.MsgGetCFHeaders:
		if run := node.span(m.StartHeight, m.StopHash, 2000); run != nil {
			answer := &wire.MsgCFHeaders{StopHash: m.StopHash, PrevFilterHeader: node.below(int(m.StartHeight))}
			for _, b := range run {
				hash := node.filters[b.ID].hash
				answer.FilterHashes = append(answer.FilterHashes, &hash)
			}
			if node.Lie.Links {
				answer.PrevFilterHeader = spv.Hash{byte(node.net.Rand.Uint32()), 1}
			}
			node.tell(answer)
		}
	case *wire.MsgGetCFCheckpt:
		answer := &wire.MsgCFCheckpt{StopHash: m.StopHash}
		for i, b := range node.span(1, m.StopHash, len(node.Ledger)) {
			if (i+1)%wire.CFCheckptInterval == 0 {
				header := node.filters[b.ID].header
				if node.Lie.Points {
					header[0] ^= 1
				}
				answer.FilterHeaders = append(answer.FilterHeaders, &header)
			}
		}
		node.tell(answer)
	case *wire.MsgGetCFilters:
		for _, b := range node.span(m.StartHeight, m.StopHash, 1000) {
			node.tell(&wire.MsgCFilter{BlockHash: b.ID, Data: slices.Clone(node.filters[b.ID].filter)})
		}
	case *wire.MsgFilterLoad:
		node.bloom = bloom.LoadFilter(m)
	case *wire.MsgFilterClear:
		node.bloom = nil
	case *wire.MsgGetData:
		node.serveData(m)
	case *wire.MsgInv:
		if !node.Deaf {
			node.hearTxs(m)
		}
	case *msg.Tx:
		node.last = m.Raw
		node.takeTx(m.Raw)
	}
}

func (node *Node) below(start int) spv.Hash {
	if start <= 1 {
		return node.Ledger[0].FilterBelow
	}
	return node.filters[node.Ledger[start-2].ID].header
}

// span returns the blocks from a height up to one with an id; none if that is not so, like
// a real node, which then says nothing.
func (node *Node) span(start uint32, stop spv.Hash, most int) []*Block {
	if node.Services&wire.SFNodeCF == 0 || start < 1 {
		return nil
	}
	i := slices.IndexFunc(node.Ledger, func(b *Block) bool { return b.ID == stop })
	if i < 0 || i+1 < int(start) || i+2-int(start) > most {
		return nil
	}
	return node.Ledger[start-1 : i+1]
}

func (node *Node) serveData(m *wire.MsgGetData) {
	missing := &wire.MsgNotFound{}
	for _, v := range m.InvList {
		switch v.Type &^ wire.InvWitnessFlag {
		case wire.InvTypeBlock:
			i := slices.IndexFunc(node.Ledger, func(b *Block) bool { return b.ID == v.Hash })
			if i < 0 || node.Lie.Withhold {
				missing.InvList = append(missing.InvList, v)
				continue
			}
			raw := slices.Clone(node.Ledger[i].Raw)
			if node.Lie.Body != nil {
				node.Lie.Body(raw)
			}
			node.tell(&msg.Block{Raw: raw})
		case wire.InvTypeFilteredBlock:
			i := slices.IndexFunc(node.Ledger, func(b *Block) bool { return b.ID == v.Hash })
			if i < 0 || node.Lie.Withhold {
				missing.InvList = append(missing.InvList, v)
				continue
			}
			node.matchBlock(node.Ledger[i], int32(i)+1)
		case wire.InvTypeTx:
			if tx := node.mempool[v.Hash]; tx != nil {
				node.tell(&msg.Tx{Raw: rawTx(tx)})
			}
		}
	}
	if len(missing.InvList) > 0 {
		node.tell(missing)
	}
}

// hearTxs asks for announced transactions, as a node does that relays.
func (node *Node) hearTxs(m *wire.MsgInv) {
	request := &wire.MsgGetData{}
	for _, v := range m.InvList {
		if v.Type == wire.InvTypeTx && node.mempool[v.Hash] == nil {
			request.InvList = append(request.InvList, wire.NewInvVect(wire.InvTypeWitnessTx, &v.Hash))
		}
	}
	if len(request.InvList) > 0 {
		node.tell(request)
	}
}

// takeTx puts a transaction into the mempool and passes it on to all other nodes.
func (node *Node) takeTx(raw []byte) {
	tx := parseTx(raw)
	if tx == nil {
		return
	}
	node.Hold(tx)
	for _, other := range node.net.connected() {
		if other != node && other.mempool[tx.TxHash()] == nil {
			other.Hold(tx)
			other.AnnounceTx(tx)
		}
	}
}

// Hold puts a transaction into the node's mempool.
func (node *Node) Hold(tx *wire.MsgTx) {
	if node.mempool == nil {
		node.mempool = map[spv.Hash]*wire.MsgTx{}
	}
	node.mempool[tx.TxHash()] = tx
}

// Holds tells whether a transaction is in the node's mempool.
func (node *Node) Holds(tx *wire.MsgTx) bool { return node.mempool[tx.TxHash()] != nil }

// Forget empties the node's mempool.
func (node *Node) Forget() { node.mempool = nil }

// Ask lets a node ask the machine for a transaction.
func (node *Node) Ask(kind wire.InvType, id spv.Hash) {
	node.tell(&wire.MsgGetData{InvList: []*wire.InvVect{wire.NewInvVect(kind, &id)}})
}

// LastTx returns the last transaction that the machine sent, as it came; nil if there is none.
func (node *Node) LastTx() []byte { return node.last }

// AnnounceTx lets a node tell the machine of a transaction.
func (node *Node) AnnounceTx(tx *wire.MsgTx) {
	id := tx.TxHash()
	node.tell(&wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeTx, &id)}})
}

// touches tells whether the block pays to one of some scripts or spends from it.
func (b *Block) touches(scripts [][]byte) bool {
	return slices.ContainsFunc(b.Paid(), within(scripts)) || slices.ContainsFunc(b.Spent, within(scripts))
}

// without returns the block's filter as if some scripts were not in it.
func (b *Block) without(scripts [][]byte, spendsOnly bool) []byte {
	out := within(scripts)
	block := wire.MsgBlock{Header: b.wire.Header}
	for _, tx := range b.wire.Transactions {
		c := tx.Copy()
		if !spendsOnly {
			c.TxOut = slices.DeleteFunc(c.TxOut, func(o *wire.TxOut) bool { return out(o.PkScript) })
		}
		block.Transactions = append(block.Transactions, c)
	}
	return build(&block, slices.DeleteFunc(slices.Clone(b.Spent), out))
}
