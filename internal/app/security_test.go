package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/msg"
	"github.com/layeredpow/lamina/spv/proof"
	"github.com/layeredpow/lamina/spv/risk"
	"github.com/layeredpow/lamina/spv/said"
	"github.com/layeredpow/lamina/spv/syncer"
)

// measured is a Local that follows a stack from peers of the test's own.
type measured struct {
	*Local
	t      *testing.T
	events <-chan Event
}

func (w *stackWorld) open(t *testing.T, low, high *headerPeer) *measured {
	t.Helper()
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.OpenLocal(LocalOptions{DataDir: t.TempDir(), Chains: []*chains.Params{w.l1, w.layer}, Agent: "/test/",
		Peers: map[string][]string{w.l1.Name: {low.address}, w.layer.Name: {high.address}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &measured{l, t, l.Subscribe(context.Background())}
}

// await reads events until one is as it should be.
func (m *measured) await(what string, ok func(Event) bool) Event {
	m.t.Helper()
	late := time.After(patience)
	for {
		select {
		case e := <-m.events:
			if ok(e) {
				return e
			}
		case <-late:
			state, _ := m.ListChains(context.Background())
			m.t.Fatalf("never came: %s; %+v", what, state)
		}
	}
}

func (m *measured) security(chain string) ChainSecurity {
	m.t.Helper()
	s, err := m.ChainSecurity(m.t.Context(), chain, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

func alarmOf(kind risk.Kind, cleared bool) func(Event) bool {
	return func(e Event) bool { return e.Kind == EventAlarm && e.Alarm.Kind == kind && e.Alarm.Cleared == cleared }
}

// TestMeasuredShare: the stack of the test is known to the block. No parent of its layer is a block of the L1, though all meet
// its target: what is measured is no share, every block a near miss, and an alarm.
func TestMeasuredShare(t *testing.T) {
	w := newStackWorld(t, false)
	m := w.open(t, listen(t, w.l1, w.low), listen(t, w.layer, w.high))
	raised := m.await("withholding", alarmOf(risk.Withholding, false)).Alarm
	if raised.Chain != w.layer.Name || raised.Seen.Got != 0 || raised.Do == "" || strings.Contains(raised.What+raised.Title, "{") {
		t.Errorf("%+v", raised)
	}
	m.await("synced", func(e Event) bool {
		s := m.security(w.layer.Name)
		return s.Trust.Synced && s.Trust.Tip.Height == 500
	})
	s := m.security(w.layer.Name)
	if s.L1 != w.l1.Name || s.Unknown != "" || len(s.Windows) != 2 || !s.Watched || s.Honest == nil || *s.Honest != 0 {
		t.Fatalf("%+v", s)
	}
	// Block k of the layer builds on L1 block 8+k/10, and the L1 ends in 60.
	if win := s.Windows[1]; win.From != 9 || win.To != 60 || win.Seals != 0 || win.Share != 0 || win.Blocks != 500 || win.High < 0.01 || win.High > 0.15 {
		t.Errorf("window %+v", win)
	}
	if want := (ParentTally{Blocks: 500, Near: 500}); s.Parent != want {
		t.Errorf("parents %+v, want %+v", s.Parent, want)
	}
	if s.Half != 1 || len(s.Pools) != 1 || s.Pools[0].Blocks != 500 || s.Pools[0].Payee == "" {
		t.Errorf("pools %+v, %d", s.Pools, s.Half)
	}
	if len(s.Points) != 26 || s.Points[25].To != 60 || s.Points[0].From != 9 {
		t.Errorf("%d points: %+v", len(s.Points), s.Points)
	}
	for _, wait := range s.Waits {
		if !wait.Never || wait.Confirmations != nil {
			t.Errorf("without a share: %+v", wait)
		}
	}
	list, err := m.Alarms(t.Context())
	if err != nil || len(list) != 1 || list[0].Kind != risk.Withholding || len(s.Alarms) != 1 {
		t.Errorf("alarms %+v, %v", list, err)
	}
	own := m.security(w.l1.Name)
	if own.Unknown == "" || own.Windows != nil || own.Honest != nil || own.L1 != "" || *own.Majority != 0.5 || *own.Waits[0].Confirmations != 6 {
		t.Errorf("the L1: %+v", own)
	}
	if _, err := m.ChainSecurity(t.Context(), "nowhere", 0); CodeOf(err) != CodeMissing {
		t.Errorf("an unknown chain: %v", err)
	}
}

// TestEclipseAlarm: the L1's peers hide blocks that the layer's proofs build on. The alarm is raised while the layer waits,
// and is over when they show them.
func TestEclipseAlarm(t *testing.T) {
	w := newStackWorld(t, false)
	low := listen(t, w.l1, w.low[:40])
	m := w.open(t, low, listen(t, w.layer, w.high))
	raised := m.await("eclipse", alarmOf(risk.Eclipse, false)).Alarm
	if raised.Seen.Block != (spv.Block{Height: 40, Hash: w.low[39].Header.ID()}) || raised.Seen.Blocks < 6 {
		t.Errorf("%+v", raised.Seen)
	}
	if got := m.security(w.layer.Name); got.Trust.Synced || len(got.Alarms) == 0 {
		t.Errorf("%+v", got)
	}
	low.now(w.low)
	m.await("the end of it", alarmOf(risk.Eclipse, true))
	m.await("synced", func(e Event) bool { return m.security(w.layer.Name).Trust.Tip.Height == 500 })
}

// TestLostAnchor: the L1 leaves the branch that the layer's tip stands on, deeper than its anchor lies.
func TestLostAnchor(t *testing.T) {
	w := newStackWorld(t, false)
	depth := int(w.layer.Layer.AnchorDepth + w.layer.Layer.AnchorWindow)
	l1 := spv.NewTree(&w.l1.Rules)
	if _, err := l1.Connect(w.low, 0); err != nil {
		t.Fatal(err)
	}
	left := 8 + 499/10 - depth - 1 // the tip's parent builds on 8+499/10
	side := extend(t, l1, w.low[left-1].Header.ID(), 60-left+1, func() uint32 { return 600 }, 7)
	low := listen(t, w.l1, w.low)
	m := w.open(t, low, listen(t, w.layer, w.high))
	m.await("synced", func(e Event) bool {
		s := m.security(w.layer.Name)
		return s.Trust.Synced && s.Trust.Tip.Height == 500
	})
	low.now(append(w.low[:left:left], side...))
	raised := m.await("anchor lost", alarmOf(risk.AnchorLost, false)).Alarm
	if raised.Seen.Block.Height != int32(left+1) {
		t.Errorf("%+v, left after %d", raised.Seen, left)
	}
}

// TestProvePayment: a proof of a payment verifies where nothing is known of the wallet, and no byte of it can be another.
func TestProvePayment(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(30)
	h := newHome(t, n)
	h.restore()
	script := h.scripts(1, "")[0]
	tx := n.payIn(7e8, script)
	n.mine(1, n.payIn(1, []byte{0x51}), tx, n.payIn(2, []byte{0x51}))
	n.mine(5)
	h.current()
	id := tx.TxHash()
	p, err := h.Prove(t.Context(), h.in, id, 6)
	h.must(err)
	elsewhere, err := Open(Options{})
	h.must(err)
	got, err := elsewhere.CheckProof(p.File)
	h.must(err)
	claim := got.Claim
	if claim == nil || got.Refuted != "" || len(got.Checks) == 0 || claim.TxID != id || len(claim.Confirmations) != 6 || claim.Block.Height != 31 || claim.Index != 2 ||
		!bytes.Equal(claim.Outputs[0].Script, script) {
		t.Fatalf("%+v", got)
	}
	checkSpoilt(t, elsewhere, p.File)
	h.checkOwn(p.File)
	h.checkBlock(id)
	h.checkUnproven(id)
	h.checkEvidence(id)
}

// checkSpoilt: a proof with any one byte changed is refuted, and a file too large is not read.
func checkSpoilt(t *testing.T, a *App, file []byte) {
	t.Helper()
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		if got, err := a.CheckProof(bad); err != nil || got.Claim != nil || got.Refuted == "" || got.Checks[len(got.Checks)-1].Outcome != spv.Failed {
			t.Fatalf("byte %d of %d can be another", i, len(bad))
		}
	}
	if _, err := a.CheckProof(make([]byte, MaxPaymentProof+1)); CodeOf(err) != CodeInvalid {
		t.Errorf("a huge file: %v", err)
	}
}

// checkBlock: what a peer may send in the place of the payment's block is not believed.
func (h *home) checkBlock(id spv.Hash) {
	h.t.Helper()
	c, err := h.ledger(testChain)
	h.must(err)
	for i, spoil := range []func([]byte) []byte{
		func(raw []byte) []byte { return raw[:len(raw)-1] },
		func(raw []byte) []byte { raw[len(raw)-8]++; return raw },
		func(raw []byte) []byte { raw[spv.HeaderSize]--; return raw },
	} {
		var raw []byte
		h.net.do(func() { raw = bytes.Clone(h.net.ledger[30].Raw) })
		header, err := spv.ParseHeader(raw)
		h.must(err)
		if _, err := c.locate(raw, id, header.MerkleRoot()); err != nil {
			h.t.Fatal(err)
		}
		if _, err := c.locate(spoil(raw), id, header.MerkleRoot()); err == nil {
			h.t.Errorf("spoilt block %d was believed", i)
		}
	}
}

// checkUnproven: there is no proof of an unknown payment, nor of no confirmations, nor of more than there are.
func (h *home) checkUnproven(id spv.Hash) {
	h.t.Helper()
	for _, c := range []struct {
		id   spv.Hash
		n    int32
		code Code
	}{{spv.Hash{1}, 6, CodeMissing}, {id, 0, CodeInvalid}, {id, 1 << 20, CodeInvalid}} {
		if _, err := h.Prove(h.t.Context(), h.in, c.id, c.n); CodeOf(err) != c.code {
			h.t.Errorf("%v %d: %v", c.id, c.n, err)
		}
	}
}

// checkEvidence: what is known of a payment, with a network and after it is gone.
func (h *home) checkEvidence(id spv.Hash) {
	h.t.Helper()
	e, err := h.Evidence(h.t.Context(), h.in, id)
	h.must(err)
	want := map[string]LegState{"transaction": LegChecked, "merkle path": LegChecked, "header": LegChecked, "work": LegChecked,
		"filter": LegMissing, "peers": LegChecked} // one peer alone gave the filters
	checkLegs(h.t, e, want)
	h.checkRisk(id)
	h.close()
	h.o.Offline = true
	h.open()
	if _, err := h.Prove(h.t.Context(), h.in, id, 6); CodeOf(err) != CodeOffline {
		h.t.Errorf("offline: %v", err)
	}
	e, err = h.Evidence(h.t.Context(), h.in, id)
	h.must(err)
	want["merkle path"], want["peers"] = LegMissing, LegMissing
	checkLegs(h.t, e, want)
	b, err := h.BalanceEvidence(h.t.Context(), h.in)
	h.must(err)
	if b.Whole || len(b.Legs) != 5 {
		h.t.Errorf("%+v", b)
	}
}

// checkOwn: a proof is held to the header chain that is held: here it is on it, and elsewhere there is another.
func (h *home) checkOwn(file []byte) {
	h.t.Helper()
	got, err := h.CheckProof(h.t.Context(), file)
	h.must(err)
	if got.Claim == nil || got.Claim.Linked != proof.OwnChain {
		h.t.Errorf("own chain: %+v", got)
	}
	n := newNetwork(h.t, params(h.t, testChain))
	n.mine(33)
	n.mine(1, n.payIn(9, []byte{0x51}))
	other := newHome(h.t, n)
	other.restore()
	other.current()
	if got, err = other.CheckProof(h.t.Context(), file); err != nil || got.Claim != nil || !strings.Contains(got.Refuted, proof.CheckOwnChain) {
		h.t.Errorf("another chain: %+v, %v", got, err)
	}
	if got, err = h.CheckProof(h.t.Context(), []byte("LPAY")); err != nil || got.Refuted == "" {
		h.t.Errorf("no proof: %+v, %v", got, err)
	}
	if _, err := h.CheckProof(h.t.Context(), make([]byte, MaxPaymentProof+1)); CodeOf(err) != CodeInvalid {
		h.t.Errorf("a huge file: %v", err)
	}
}

func checkLegs(t testing.TB, e Evidence, want map[string]LegState) {
	t.Helper()
	if len(e.Legs) != len(want) || e.Whole {
		t.Errorf("%+v", e)
	}
	for _, leg := range e.Legs {
		if want[leg.Name] != leg.State || leg.Text == "" {
			t.Errorf("%+v, want %s", leg, want[leg.Name])
		}
		checkSaid(t, leg.Said)
	}
}

// checkSaid makes sure that no value of a sentence has words, which would be English in every language. Ids are hex digits.
func checkSaid(t testing.TB, s said.Sentence) {
	t.Helper()
	for _, v := range s.Values {
		if v.Said != nil {
			checkSaid(t, *v.Said)
		}
		if strings.ContainsAny(v.Text, "ghijklmnopqrstuvwxyz") {
			t.Errorf("%q: the value %q is English", s.Form, v.Text)
		}
	}
}

// TestRefusalsAreSaid: what a rule says of a bad proof is said as the error says it, apart.
func TestRefusalsAreSaid(t *testing.T) {
	rules := &params(t, testChain).Rules
	bad := spv.Sealed{Header: rules.Genesis}
	bad.Header[0] ^= 1
	bad.Header[72] ^= 0xff
	err := rules.CheckWork(&bad, 1, nil)
	s, ok := refusal(err).(said.Sentence)
	if err == nil || !ok || s.String() != err.Error() {
		t.Fatalf("%v is said as %+v", err, s)
	}
	checkSaid(t, *s.Values[1].Said)
	checkSaid(t, *s.Values[2].Said)
	if refusal(io.EOF) != io.EOF {
		t.Error("a foreign error is not left as it is")
	}
}

// checkRisk compares with the figure in protocol.md section 9: 6 confirmations, 10%: 5.91e-4.
func (h *home) checkRisk(id spv.Hash) {
	h.t.Helper()
	risks, err := h.PaymentRisks(h.t.Context(), h.in, []spv.Hash{id, id}, 0.1)
	h.must(err)
	r := risks[1]
	if r.Depth != 6 || r.Risk == nil || math.Abs(*r.Risk-5.91e-4) > 1e-6 || r.Anchor != nil || r.Unknown != "" || len(r.Later) == 0 ||
		r.Later[0].Risk >= *r.Risk || *r.Waits[1].Confirmations != 6 {
		h.t.Errorf("%+v", r)
	}
	risks, err = h.PaymentRisks(h.t.Context(), h.in, []spv.Hash{id}, 0)
	h.must(err)
	r = risks[0]
	if r.Attacker != risk.DefaultAttacker || *r.Waits[1].Confirmations <= 6 {
		h.t.Errorf("%+v", r)
	}
	for _, bad := range []float64{-1, 1, math.NaN()} {
		if _, err := h.PaymentRisks(h.t.Context(), h.in, []spv.Hash{id}, bad); CodeOf(err) != CodeInvalid {
			h.t.Errorf("attacker %g: %v", bad, err)
		}
	}
}

// payIn is pay from outside the node's loop.
func (n *network) payIn(value int64, script []byte) (tx *wire.MsgTx) {
	n.do(func() { tx = n.pay(value, script) })
	return tx
}

// TestFetch: who does not have a block, goes away or says nothing has the next one asked, and all once more in the end.
func TestFetch(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	genesis := params(t, testChain).Genesis
	w := &wantedBlock{block: spv.Block{Hash: genesis.ID()}, done: make(chan []byte, 1)}
	f := &fetch{wanted: []*wantedBlock{w}}
	step := func(in syncer.Input, want syncer.Peer) {
		t.Helper()
		out := f.step(now, in)
		if want == 0 && len(out) == 0 {
			return
		}
		if len(out) != 1 || out[0].(syncer.Send).Peer != want {
			t.Errorf("%+v, want one for %d", out, want)
		}
	}
	id := genesis.ID()
	step(syncer.Connected{Peer: 1}, 0) // serves nothing
	step(syncer.Connected{Peer: 2, Services: wire.SFNodeNetwork}, 2)
	step(syncer.Connected{Peer: 3, Services: wire.SFNodeNetworkLimited}, 0)
	step(syncer.Received{Peer: 3, Message: &wire.MsgNotFound{InvList: []*wire.InvVect{{Hash: id}}}}, 0) // was not asked
	step(syncer.Received{Peer: 2, Message: &wire.MsgNotFound{InvList: []*wire.InvVect{{Hash: id}}}}, 3)
	step(syncer.Disconnected{Peer: 3}, 0)
	now = now.Add(fetchTime + time.Second)
	step(syncer.Tick{}, 2)
	now = now.Add(fetchTime + time.Second)
	step(syncer.Tick{}, 2)
	step(syncer.Received{Peer: 2, Message: &msg.Block{Raw: []byte{1}}}, 0)
	step(syncer.Received{Peer: 2, Message: &msg.Block{Raw: make([]byte, 100)}}, 0)
	step(syncer.Received{Peer: 2, Message: &msg.Block{Raw: genesis[:]}}, 0)
	select {
	case raw := <-w.done:
		if !bytes.Equal(raw, genesis[:]) || len(f.wanted) != 0 {
			t.Errorf("%x, %d wanted", raw, len(f.wanted))
		}
	default:
		t.Error(errors.New("the block never came"))
	}
}

// TestFilterAlarm: blocks whose filters are disputed raise an alarm until every one is settled or gone.
func TestFilterAlarm(t *testing.T) {
	n := newNetwork(t, params(t, testChain))
	n.mine(10)
	h := newHome(t, n)
	h.restore()
	c, err := h.ledger(testChain)
	h.must(err)
	events := h.Subscribe(t.Context())
	for i, step := range []struct {
		out syncer.Output
		on  int32 // height of the block that is told of; 0: no alarm
	}{
		{syncer.StoreFilters{From: 4, Filters: [][]byte{{1}, {}, {1}, {}}}, 5},
		{syncer.StoreFilters{From: 8, Filters: [][]byte{{1}}}, 5},
		{syncer.StoreFilters{From: 7, Filters: [][]byte{{1}}}, 5},
		{syncer.CutFilters{To: 5}, 5},
		{syncer.CutFilters{To: 4}, 0},
		{syncer.StoreFilters{From: 5, Filters: [][]byte{{}}}, 5},
		{syncer.StoreFilters{From: 5, Filters: [][]byte{{1}}}, 0},
	} {
		before := c.gauge.alarms()
		_, err := call(t.Context(), c, func() (struct{}, error) {
			c.gaugeFilters(step.out)
			c.publishAlarms()
			return struct{}{}, nil
		})
		h.must(err)
		list, err := h.Alarms(t.Context())
		h.must(err)
		if (step.on > 0) != (len(list) == 1) || (step.on > 0 && (list[0].Kind != risk.FilterConflict || list[0].Seen.Block.Height != step.on)) {
			t.Errorf("step %d: %+v", i, list)
		}
		if len(before) != len(list) {
			e := <-events
			for e.Kind != EventAlarm {
				e = <-events
			}
			if e.Alarm.Cleared != (step.on == 0) || e.Alarm.Chain != testChain {
				t.Errorf("step %d: %+v", i, e.Alarm)
			}
		}
	}
}

// TestLend: a chain that is merge-mined under rules of its own is measured if the chain that lends its work is followed, too.
func TestLend(t *testing.T) {
	a, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	borrower := params(t, "namecoin-regtest")
	for _, c := range []struct {
		all  []*chains.Params
		says string
	}{{[]*chains.Params{borrower}, "not followed"}, {[]*chains.Params{borrower, params(t, borrower.Parent)}, "no layer block"}} {
		l, err := a.OpenLocal(LocalOptions{DataDir: t.TempDir(), Chains: c.all, Offline: true, Agent: "/test/"})
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.ChainSecurity(t.Context(), borrower.Name, 0)
		if err != nil || !strings.Contains(s.Unknown, c.says) || s.Honest != nil || s.Majority != nil || s.Watched || s.L1 != borrower.Parent ||
			s.Waits[0].Never || s.Waits[0].Confirmations != nil {
			t.Errorf("%+v, %v", s, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
