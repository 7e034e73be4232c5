package app

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/wallet"
)

const (
	draftAge  = time.Hour // after which a draft is forgotten
	maxDrafts = 1000
)

// drafts are the transactions and plans that somebody looks at. They are in memory alone.
type drafts struct {
	mu    sync.Mutex
	list  map[string]*planned
	plans map[string]*wallet.Plan // by purse and id
}

// planned is a draft and what it was made for.
type planned struct {
	id      string
	in      Purse
	draft   *wallet.Draft
	payment [32]byte          // what was asked for
	label   string            // for the transaction
	labels  map[string]string // for addresses
	packet  spv.Hash          // unsigned transaction, once it was given out
	made    time.Time
	private bool // as SendRequest.Private
}

// digest tells one request from another.
func digest(kind string, in Purse, request ...any) [32]byte {
	b, err := json.Marshal([]any{kind, in, request})
	if err != nil {
		panic("app: request does not encode: " + err.Error())
	}
	return sha256.Sum256(b)
}

// digest is that of the draft that would be made; false if not exactly one is asked for.
func (a *Asked) digest(in Purse) (sum [32]byte, one bool) {
	n := 0
	add := func(asked bool, make func() [32]byte) {
		if asked {
			n++
			sum = make()
		}
	}
	add(a.Payment != nil, func() [32]byte { return digest("pay", in, *a.Payment) })
	add(a.Split != nil, func() [32]byte { return digest("split", in, *a.Split) })
	add(a.Bump != nil, func() [32]byte { return digest("bump", in, a.Bump.ID, a.Bump.Rate) })
	add(a.Cancel != nil, func() [32]byte { return digest("cancel", in, a.Cancel.ID, a.Cancel.Rate) })
	add(a.Raise != nil, func() [32]byte { return digest("cpfp", in, a.Raise.ID, a.Raise.Rate) })
	return sum, n == 1
}

// keep keeps a draft, and forgets those that are old or too many.
func (d *drafts) keep(p *planned, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = map[string]*planned{}
	}
	p.id, p.made = fmt.Sprintf("%016x", randomID()), now
	d.list[p.id] = p
	for id, old := range d.list {
		if now.Sub(old.made) > draftAge {
			delete(d.list, id)
		}
	}
	if len(d.list) > maxDrafts {
		oldest := ""
		for id, old := range d.list {
			if oldest == "" || cmp.Or(old.made.Compare(d.list[oldest].made), cmp.Compare(id, oldest)) < 0 {
				oldest = id
			}
		}
		delete(d.list, oldest)
	}
}

// get returns a draft that was kept.
func (d *drafts) get(id string) (*planned, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.list[id]; ok {
		return p, nil
	}
	return nil, Saying(CodeMissing, "draft %.40q: there is none, or it is older than %s", id, draftAge)
}

// of returns the draft that was given out as a packet of an unsigned transaction.
func (d *drafts) of(packet spv.Hash) *planned {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.list {
		if p.packet == packet {
			return p
		}
	}
	return nil
}

func (d *drafts) discard(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.list, id)
}

// keepPlan keeps a plan until it is started.
func (d *drafts) keepPlan(in Purse, p *wallet.Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.plans == nil || len(d.plans) >= maxDrafts {
		d.plans = map[string]*wallet.Plan{}
	}
	d.plans[in.name()+"/"+p.ID] = p
}

func (d *drafts) plan(in Purse, id string) *wallet.Plan {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plans[in.name()+"/"+id]
}

// concerns are all there are.
var concerns = []wallet.Concern{wallet.HighShare, wallet.HighRate, wallet.AnyoneCanSpend, wallet.Reuse, wallet.Shaky}

// consentTo reads the concerns that somebody agrees to.
func consentTo(names []string) (out []wallet.Concern, err error) {
	for _, name := range names {
		at := slices.IndexFunc(concerns, func(c wallet.Concern) bool { return c.String() == name })
		if at < 0 {
			return nil, Coded(CodeInvalid, "consent %.40q: want one of %v", name, concerns)
		}
		out = append(out, concerns[at])
	}
	return out, nil
}

// consented says whether all warnings of a draft are agreed to.
func consented(d *wallet.Draft, to []wallet.Concern) error {
	for _, w := range d.Warnings() {
		if !slices.Contains(to, w.Concern) {
			return Saying(CodeConsent, "%s: wants consent (%s)", w.Text, w.Concern)
		}
	}
	return nil
}
