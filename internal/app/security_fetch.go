package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/merkle"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/pow"
	"github.com/layeredpow/lamina/spv/syncer"
)

const (
	fetchTime = 20 * time.Second // until another peer is asked for a block
	fetchMost = time.Minute      // until whoever waits for it is told that nobody has it
	mostKept  = 64               // inclusions that are remembered
)

// fetch has single blocks fetched once more, for what a wallet does not keep: where in its block a transaction stands. The
// machine ignores blocks that it has not asked for. It belongs to the chain's loop.
type fetch struct {
	peers  []syncer.Connected
	wanted []*wantedBlock
	kept   map[spv.Hash]merkle.Inclusion // by transaction; the block is on the best chain when it is used
}

// wantedBlock is a block that somebody waits for.
type wantedBlock struct {
	block spv.Block
	done  chan []byte // holds one
	asked time.Time   // zero: nobody is asked
	peer  syncer.Peer
	tried []syncer.Peer // in this round
	last  time.Time     // when somebody was asked
}

// restart forgets the peers: their names are another run's.
func (f *fetch) restart() {
	f.peers = nil
	f.giveUp(func(w *wantedBlock) bool { return true })
}

// step looks at what happens, and asks for what is wanted.
func (f *fetch) step(now time.Time, in syncer.Input) (out []syncer.Output) {
	switch in := in.(type) {
	case syncer.Connected:
		f.peers = append(f.peers, in)
	case syncer.Disconnected:
		f.peers = slices.DeleteFunc(f.peers, func(p syncer.Connected) bool { return p.Peer == in.Peer })
		f.giveUp(func(w *wantedBlock) bool { return w.peer == in.Peer })
	case syncer.Received:
		f.received(in)
	}
	f.giveUp(func(w *wantedBlock) bool { return now.Sub(w.asked) > fetchTime })
	for _, w := range f.wanted {
		if !w.asked.IsZero() {
			continue
		}
		p := f.server(w)
		if p == nil && now.Sub(w.last) > fetchTime {
			w.tried = nil // all were: another round
			p = f.server(w)
		}
		if p != nil {
			w.asked, w.last, w.peer, w.tried = now, now, p.Peer, append(w.tried, p.Peer)
			hash := w.block.Hash
			out = append(out, syncer.Send{Peer: p.Peer, Message: &wire.MsgGetData{InvList: []*wire.InvVect{wire.NewInvVect(wire.InvTypeBlock, &hash)}}})
		}
	}
	return out
}

func (f *fetch) received(in syncer.Received) {
	switch m := in.Message.(type) {
	case *msg.Block:
		if len(m.Raw) < spv.HeaderSize {
			return
		}
		id := spv.Hash(pow.DoubleSHA256(m.Raw[:spv.HeaderSize]))
		f.wanted = slices.DeleteFunc(f.wanted, func(w *wantedBlock) bool {
			if w.block.Hash != id {
				return false
			}
			select {
			case w.done <- m.Raw:
			default: // the one before is not looked at yet
			}
			return true
		})
	case *wire.MsgNotFound:
		for _, v := range m.InvList {
			f.giveUp(func(w *wantedBlock) bool { return w.peer == in.Peer && w.block.Hash == v.Hash })
		}
	}
}

// giveUp has others asked.
func (f *fetch) giveUp(on func(*wantedBlock) bool) {
	for _, w := range f.wanted {
		if !w.asked.IsZero() && on(w) {
			w.asked, w.peer = time.Time{}, 0
		}
	}
}

// server returns a peer that may have a block and was not asked in this round.
func (f *fetch) server(w *wantedBlock) *syncer.Connected {
	for i := range f.peers {
		p := &f.peers[i]
		if p.Services&(wire.SFNodeNetwork|wire.SFNodeNetworkLimited) != 0 && !slices.Contains(w.tried, p.Peer) {
			return p
		}
	}
	return nil
}

// inclusionOf returns where a transaction stands in its block, proved by what a peer sends, and judged. Who sends what is not
// so has the next one asked.
func (l *ledger) inclusionOf(ctx context.Context, id spv.Hash, at spv.Block) (merkle.Inclusion, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchMost)
	defer cancel()
	start, err := call(ctx, l, func() (located, error) { return l.want(id, at) })
	if err != nil || start.want == nil {
		return start.in, err
	}
	w, bad := start.want, error(nil)
	defer func() {
		_, _ = call(context.WithoutCancel(ctx), l, func() (struct{}, error) {
			l.fetch.wanted = slices.DeleteFunc(l.fetch.wanted, func(other *wantedBlock) bool { return other == w })
			return struct{}{}, nil
		})
	}()
	for {
		select {
		case raw := <-w.done:
			in, err := l.locate(raw, id, start.root)
			if err == nil {
				return in, l.keep(ctx, id, in)
			}
			bad = fmt.Errorf("block %s as a peer sent it: %w", at, err)
			if err := l.again(ctx, w); err != nil {
				return merkle.Inclusion{}, errors.Join(bad, err)
			}
		case <-ctx.Done():
			return merkle.Inclusion{}, errors.Join(bad, fmt.Errorf("block %s: no peer gave it: %w", at, ctx.Err()))
		case <-l.ended:
			return merkle.Inclusion{}, Saying(CodeStopped, "%s: the program is closing", l.params.Name)
		}
	}
}

// located is what is known of a transaction's place before anybody is asked: all, or which block is wanted.
type located struct {
	in   merkle.Inclusion
	want *wantedBlock // nil: in is known
	root spv.Hash     // of the block's transactions
}

// want has a block fetched, in the loop, unless it was before.
func (l *ledger) want(id spv.Hash, at spv.Block) (located, error) {
	headers, err := l.chain.Headers(at.Height, 1)
	if err != nil {
		return located{}, err
	}
	if headers[0].ID() != at.Hash {
		return located{}, Saying(CodeMissing, "block %s: it is no longer on the best chain", at)
	}
	root := headers[0].MerkleRoot()
	if kept, ok := l.fetch.kept[id]; ok && kept.Branch.Root(id, kept.Index) == root {
		return located{in: kept}, nil
	}
	if l.offline {
		return located{}, Saying(CodeOffline, "block %s: only the network has it, and it is not asked", at)
	}
	w := &wantedBlock{block: at, done: make(chan []byte, 1)}
	l.fetch.wanted = append(l.fetch.wanted, w)
	return located{want: w, root: root}, nil
}

// again has another peer asked: what came is not what the header says.
func (l *ledger) again(ctx context.Context, w *wantedBlock) error {
	_, err := call(ctx, l, func() (struct{}, error) {
		w.asked, w.peer = time.Time{}, 0
		l.fetch.wanted = append(l.fetch.wanted, w)
		return struct{}{}, nil
	})
	return err
}

// keep remembers where a transaction stands.
func (l *ledger) keep(ctx context.Context, id spv.Hash, in merkle.Inclusion) error {
	_, err := call(ctx, l, func() (struct{}, error) {
		if len(l.fetch.kept) >= mostKept || l.fetch.kept == nil {
			l.fetch.kept = map[spv.Hash]merkle.Inclusion{}
		}
		l.fetch.kept[id] = in
		return struct{}{}, nil
	})
	return err
}

// locate finds a transaction in a block, and judges its place by the root in the block's header.
func (l *ledger) locate(raw []byte, id, root spv.Hash) (in merkle.Inclusion, err error) {
	block, _, err := l.params.ParseBlock(raw)
	if err != nil {
		return in, err
	}
	ids := block.TxIDs()
	i := slices.Index(ids, id)
	if i < 0 {
		return in, fmt.Errorf("transaction %s is not among its %d", id, len(ids))
	}
	in.Index, in.Coinbase = uint32(i), block.Txs[0].AppendStripped(nil)
	if in.Branch, err = merkle.NewBranch(ids, in.Index); err != nil {
		return in, err
	}
	if in.CoinbaseBranch, err = merkle.NewBranch(ids, 0); err != nil {
		return in, err
	}
	tx := block.Txs[i].AppendStripped(nil)
	if i == 0 {
		return in, in.VerifyCoinbase(tx, root)
	}
	return in, in.Verify(tx, root)
}
