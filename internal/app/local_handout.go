package app

import (
	"bytes"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/syncer"
)

// handouts counts, for each transaction that is being broadcast, the peers that were told of it and those that fetched it:
// the machine's messages are looked at as they pass.
type handouts map[spv.Hash]*handout

// handout is how far one transaction is.
type handout struct {
	wtxid      spv.Hash
	told, took map[syncer.Peer]bool
}

// see notes what a step of the machine did with transactions of ours.
func (h handouts) see(in syncer.Input, out []syncer.Output) {
	switch in := in.(type) {
	case syncer.Broadcast:
		for _, tx := range in.Txs {
			if id := tx.TxHash(); h[id] == nil {
				h[id] = &handout{tx.WitnessHash(), map[syncer.Peer]bool{}, map[syncer.Peer]bool{}}
			}
		}
	case syncer.Forget:
		delete(h, in.TxID)
	}
	if len(h) == 0 {
		return
	}
	for _, o := range out {
		send, ok := o.(syncer.Send)
		if !ok {
			continue
		}
		switch m := send.Message.(type) {
		case *wire.MsgInv:
			for _, v := range m.InvList {
				if x := h.find(v.Hash); x != nil {
					x.told[send.Peer] = true
				}
			}
		case *msg.Tx:
			var tx wire.MsgTx
			if tx.Deserialize(bytes.NewReader(m.Raw)) == nil {
				if x := h[tx.TxHash()]; x != nil {
					x.took[send.Peer] = true
				}
			}
		}
	}
}

// find returns what is noted of a transaction by an id of either kind; nil: nothing.
func (h handouts) find(id spv.Hash) *handout {
	if x := h[id]; x != nil {
		return x
	}
	for _, x := range h {
		if x.wtxid == id {
			return x
		}
	}
	return nil
}

// count returns how many peers were told of a transaction, and how many fetched it.
func (h handouts) count(id spv.Hash) (told, took int) {
	if x := h[id]; x != nil {
		return len(x.told), len(x.took)
	}
	return 0, 0
}
