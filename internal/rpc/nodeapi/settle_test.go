package nodeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/peg"
	"github.com/layeredpow/lamina/spv/risk"
)

// fakeSettlement shows what the test says.
type fakeSettlement struct {
	status settler.Status
	done   []settler.Settled
	made   int
}

func (s *fakeSettlement) Status() settler.Status     { return s.status }
func (s *fakeSettlement) Share() (risk.Share, error) { return risk.Share{Low: 0.5, Seals: 3}, nil }
func (s *fakeSettlement) Keys() [][32]byte           { return [][32]byte{{1, 2}} }

func (s *fakeSettlement) Settled(context.Context) ([]settler.Settled, error) { return s.done, nil }

func (s *fakeSettlement) FirstLink(set int) ([]*wire.TxOut, error) {
	if set > 0 {
		return nil, errors.New("settlers 1: there is one set")
	}
	return []*wire.TxOut{wire.NewTxOut(1000, []byte{0x51}), wire.NewTxOut(0, []byte{0x6a})}, nil
}

func (s *fakeSettlement) MakeFirstLink(context.Context) (spv.Hash, error) {
	if s.made++; s.made > 1 {
		return spv.Hash{}, errors.New("made already")
	}
	return spv.Hash{5}, nil
}

// answers compares a method's answer with JSON.
func answers(t *testing.T, c *rpc.Client, want, method string, params ...any) {
	t.Helper()
	var got, wanted any
	if err := c.Call(t.Context(), &got, method, params...); err != nil {
		t.Errorf("%s %v: %v", method, params, err)
		return
	}
	check(t, json.Unmarshal([]byte(want), &wanted))
	if !reflect.DeepEqual(got, wanted) {
		text, _ := json.Marshal(got)
		t.Errorf("%s %v: %s, want %s", method, params, text, want)
	}
}

// TestSettlement: every refusal is told with its reason, amounts are satoshis, and who follows no
// peg says so.
func TestSettlement(t *testing.T) {
	w := start(t)
	layer, zero := w.to("dev-native"), spv.Hash{}.String()
	s := &fakeSettlement{}
	for _, method := range []string{"getsettlement", "auditsupply", "listbatches", "settlefirstlink", "makefirstlink"} {
		var e *rpc.Error
		if err := layer.Call(t.Context(), nil, method); !errors.As(err, &e) || e.Code != rpc.Unavailable {
			t.Errorf("%s without a settlement: %v", method, err)
		}
	}
	w.layer.node.Settlement = s
	var e *rpc.Error
	s.status.Refusal = &settler.Refusal{Name: settler.RefuseBehind, Why: "nothing has been read yet"}
	if err := layer.Call(t.Context(), nil, "auditsupply"); !errors.As(err, &e) || e.Code != rpc.Unavailable {
		t.Errorf("an account that was never read: %v", err)
	}
	for _, name := range []string{settler.RefuseParked, settler.RefuseSupply, settler.RefuseShare, settler.RefuseVault, settler.RefuseSigner} {
		s.status.Refusal = &settler.Refusal{Name: name, Why: "because of " + name}
		var got struct {
			Refusal *struct{ Name, Why string }
			Keys    []string
			Due     any
			Share   risk.Share
		}
		check(t, layer.Call(t.Context(), &got, "getsettlement"))
		if got.Refusal == nil || got.Refusal.Name != name || got.Refusal.Why != "because of "+name || got.Due != nil || len(got.Keys) != 1 || got.Share.Seals != 3 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	one := spv.Hash{1}
	batch := settler.Settled{Block: spv.Block{Height: 7}, TxID: one, Number: 3, Attempt: 1, Payouts: []peg.Payout{{Burn: wire.OutPoint{Hash: one, Index: 2}, Value: 900, Script: []byte{0x51}}}}
	s.done = []settler.Settled{{TxID: one}, batch}
	s.status = settler.Status{Supply: peg.Supply{Claimed: 1000, Burned: 300, Vault: 800, Unpaid: 100}, Layer: spv.Block{Height: 9}, L1: spv.Block{Height: 50},
		Oldest: 20, Number: 4, Attempt: 2, TxID: one, Payouts: 1, Signatures: []int{1, 2}, Needed: []int{2, 2}, Last: &batch}
	listed := fmt.Sprintf(`{"number":3,"attempt":1,"txid":%q,"block":{"height":7,"hash":%q},"cut":{"height":0,"hash":%q},
		"payouts":[{"txid":%q,"vout":2,"value":900,"script":"51"}]}`, one, zero, zero, one)
	answers(t, layer, fmt.Sprintf(`{"chain":"dev-native","tip":{"height":9,"hash":%q},"l1_tip":{"height":50,"hash":%q},"claimed":1000,"burned":300,
		"vault":800,"unpaid":100,"difference":0,"ok":true,"recovery_blocks":170}`, zero, zero), "auditsupply")
	answers(t, layer, "["+listed+"]", "listbatches", 1)
	answers(t, layer, "["+listed+"]", "listbatches", 1, 5)
	var got struct {
		Refusal any
		Due     json.RawMessage
		Last    struct{ Number int }
	}
	check(t, layer.Call(t.Context(), &got, "getsettlement"))
	due := fmt.Sprintf(`{"number":4,"attempt":2,"txid":%q,"payouts":1,"signatures":[1,2],"needed":[2,2],"complete":false}`, one)
	if got.Refusal != nil || string(got.Due) != due || got.Last.Number != 3 {
		t.Errorf("%+v, due %s", got, got.Due)
	}
	answers(t, layer, fmt.Sprintf(`{"set":0,"outputs":[{"value":1000,"script":"51"},{"value":0,"script":"6a"}],"connector":%q}`, one), "settlefirstlink")
	s.status.Supply.Vault++
	var audit struct {
		Difference int64
		OK         bool
	}
	check(t, layer.Call(t.Context(), &audit, "auditsupply"))
	if audit.Difference != -1 || audit.OK {
		t.Errorf("%+v", audit)
	}
	answers(t, layer, fmt.Sprintf("%q", spv.Hash{5}), "makefirstlink")
	for _, bad := range [][]any{{"makefirstlink"}, {"settlefirstlink", 1}, {"listbatches", -1}, {"listbatches", 0, 0}, {"listbatches", 0, 101}} {
		if err := layer.Call(t.Context(), nil, bad[0].(string), bad[1:]...); !errors.As(err, &e) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
