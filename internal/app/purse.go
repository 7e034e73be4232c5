package app

import (
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/syncer"
	"github.com/layeredpow/lamina/wallet"
)

// purse is one wallet's side on one chain. It belongs to the chain's loop.
type purse struct {
	Purse
	chain    *wallet.Chain
	book     *notebook
	birthday int64             // Unix seconds; 0: unknown
	outbox   map[spv.Hash]bool // what the machine broadcasts for us
	hush     map[spv.Hash]*whispered
	live     bool // the machine looks for what the purse does
}

// openPurse reads a purse from its records.
func openPurse(log wallet.Log, p *chains.Params, name string, birthday int64, accounts []wallet.Account) (*purse, error) {
	book := &notebook{disk: log}
	chain, err := wallet.Open(p, accounts, book)
	if err != nil {
		return nil, fmt.Errorf("wallet %s on %s: %w", name, p.Name, err)
	}
	if err := book.widen(len(accounts)); err != nil {
		return nil, fmt.Errorf("wallet %s on %s: %w", name, p.Name, err)
	}
	return &purse{Purse: Purse{name, p.Name}, chain: chain, book: book, birthday: birthday, outbox: map[spv.Hash]bool{},
		hush: map[spv.Hash]*whispered{}}, nil
}

// placed says whether it is known where the scan begins.
func (p *purse) placed() bool {
	at := p.book.place
	return at.first > 0 && (at.birthday == p.birthday || at.birthday == 0 || p.birthday > at.birthday)
}

// next returns the lowest block that is to be looked at.
func (p *purse) next() int32 {
	from := p.chain.Tip().Height + 1
	if p.book.redo > 0 {
		from = min(from, p.book.redo)
	}
	return max(from, p.book.place.first)
}

// put notes, durably, where the scan begins. Below is the block under it.
func (p *purse) put(below spv.Block) error {
	first := below.Height + 1
	defer p.book.drop()
	p.book.setPlace(placed{first, p.birthday})
	if p.chain.Tip().Height >= below.Height { // restored anew with an earlier birthday
		p.book.setRedo(first)
		return p.book.flush()
	}
	return p.chain.Scanned(below)
}

// scanned takes in how far the machine is.
func (p *purse) scanned(to spv.Block) error {
	defer p.book.drop()
	tip := p.chain.Tip()
	if to.Height < tip.Height {
		if p.book.redo == to.Height+1 {
			return nil
		}
		p.book.setRedo(max(to.Height+1, 1))
		return p.book.flush()
	}
	if p.book.redo > 0 {
		p.book.setRedo(0)
	}
	if to == tip {
		return p.book.flush()
	}
	return p.chain.Scanned(to)
}

// watch returns what the purse looks for: its scripts, and its coins, also those that
// unconfirmed transactions take, as another one may take them in the end.
func (p *purse) watch() (scripts [][]byte, coins []wire.OutPoint) {
	for _, k := range p.chain.Coins() {
		coins = append(coins, k.Outpoint)
	}
	for _, row := range p.pending() {
		tx, _, _ := p.chain.Transaction(row.ID)
		coins = append(coins, inputsOf(tx)...)
	}
	return p.chain.Scripts(), coins
}

// pending returns the transactions that are not confirmed: they come first.
func (p *purse) pending() (rows []wallet.Row) {
	const stretch = 64
	for {
		page := p.chain.History(len(rows), stretch)
		i := slices.IndexFunc(page, func(r wallet.Row) bool { return r.Status == wallet.StatusConfirmed })
		if i >= 0 {
			return append(rows, page[:i]...)
		}
		rows = append(rows, page...)
		if len(page) < stretch {
			return rows
		}
	}
}

// deepen looks once more at what a block brought: each address that is paid makes further
// ones known, and the same transactions may pay to those, too. Then the purse is read
// anew from its records. It returns the scripts that are to be looked for besides.
func (p *purse) deepen(f syncer.Found) ([][]byte, error) {
	done, err := p.chain.Apply(f.Block, f.Header.Time(), nil) // nothing but the new addresses
	if err != nil {
		return nil, err
	}
	missed := func(tx *wire.MsgTx) bool {
		_, row, ok := p.chain.Transaction(tx.TxHash())
		return ok && row.Status == wallet.StatusConfirmed && slices.ContainsFunc(tx.TxOut, func(out *wire.TxOut) bool {
			a, ours := p.chain.AddressOf(out.PkScript)
			return ours && a.Uses == 0
		})
	}
	if !slices.ContainsFunc(f.Txs, missed) {
		return done.Scripts, nil
	}
	chain, err := wallet.Open(p.chain.Params(), p.chain.Accounts(), p.book)
	if err != nil {
		return nil, err
	}
	p.chain = chain
	return chain.Scripts(), nil
}

// widen takes further accounts in: what was paid to them is looked for from the beginning, once the machine begins anew.
func (p *purse) widen(accounts []wallet.Account) error {
	chain, err := wallet.Open(p.chain.Params(), accounts, p.book)
	if err != nil {
		return err
	}
	p.chain = chain
	return p.book.widen(len(accounts))
}

// mail returns what to tell the machine about transactions whose state may be another:
// ours that are pending are broadcast, with what they descend from, others no more.
func (p *purse) mail(changed []spv.Hash) (out []syncer.Input) {
	for _, id := range changed {
		tx, row, ok := p.chain.Transaction(id)
		wanted := ok && row.Ours && row.Status == wallet.StatusPending
		switch {
		case p.book.private[id]:
			p.hushAs(id, wanted)
		case wanted && !p.outbox[id]:
			p.outbox[id] = true
			out = append(out, syncer.Broadcast{Txs: p.parcel(tx)})
		case !wanted && p.outbox[id]:
			delete(p.outbox, id)
			out = append(out, syncer.Forget{TxID: id})
		}
	}
	return out
}

// parcel returns a transaction behind the unconfirmed one that it spends from, if there is
// exactly one that nobody broadcasts for us: a child that pays for its parent.
func (p *purse) parcel(tx *wire.MsgTx) []*wire.MsgTx {
	var parents []*wire.MsgTx
	for _, in := range tx.TxIn {
		id := in.PreviousOutPoint.Hash
		parent, row, ok := p.chain.Transaction(id)
		if ok && row.Status == wallet.StatusPending && !slices.ContainsFunc(parents, func(t *wire.MsgTx) bool { return t.TxHash() == id }) {
			parents = append(parents, parent)
		}
	}
	if len(parents) != 1 {
		return []*wire.MsgTx{tx}
	}
	return []*wire.MsgTx{parents[0], tx}
}

func inputsOf(tx *wire.MsgTx) (out []wire.OutPoint) {
	for _, in := range tx.TxIn {
		out = append(out, in.PreviousOutPoint)
	}
	return out
}
