package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/btcsuite/btcd/txscript"

	"github.com/layeredpow/lamina/internal/node"
	court "github.com/layeredpow/lamina/internal/node/settler"
	"github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/spv/peg"
)

// jury is several settlers at one node.
type jury []daemon.Signer

// settlersOf returns development settlers by their keys, 1 to 3.
func settlersOf(t testing.TB, keys ...int) (j jury) {
	t.Helper()
	for _, n := range keys {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, fmt.Appendf(nil, "%064x\n", n), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := daemon.ReadKey(path)
		if err != nil {
			t.Fatal(err)
		}
		j = append(j, k)
	}
	return j
}

func (j jury) Keys() (keys [][32]byte) {
	for _, k := range j {
		keys = append(keys, k.Keys()...)
	}
	return keys
}

func (j jury) Sign(ctx context.Context, s *court.Sign) ([]peg.Signatures, error) {
	all := make([]peg.Signatures, len(s.Hashes))
	for i := range all {
		all[i] = peg.Signatures{}
	}
	for _, k := range j {
		own, err := k.Sign(ctx, s)
		if err != nil {
			return nil, err
		}
		for i := range own {
			for place, sig := range own[i] {
				all[i][place] = sig
			}
		}
	}
	return all, nil
}

// on has the settlers sign for every pegged layer.
func (j jury) on(all []*chains.Params) map[string]daemon.Signer {
	if len(j) == 0 {
		return nil
	}
	out := map[string]daemon.Signer{}
	for _, p := range all {
		if p.Peg != nil {
			out[p.Name] = j
		}
	}
	return out
}

// establish makes the first connector of a layer, and a history in which all L1 blocks carry one of the layer's: without
// both settlers refuse. The settlers' only peers are light clients, from then on.
func (w *devStack) establish(layer string) {
	w.t.Helper()
	sum := sha256.Sum256([]byte{txscript.OP_TRUE})
	w.mine("dev", 1, append([]byte{0, 32}, sum[:]...))
	w.mine("dev", 10, nil)
	id, err := w.node.Settlement(layer).MakeFirstLink(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	w.pooled("dev", id)
	w.mine("dev", 1, nil)
	_, stop := w.run(node.Config{Mine: true, Threads: 1, MineEvery: 30 * time.Millisecond, Peers: w.peers})
	l1 := w.loop("dev").View()
	from := l1.Tip().Height
	w.wait("a history of the layer", func() bool {
		share, err := w.node.Settlement(layer).Share()
		return l1.Tip().Height >= from+40 && err == nil && share.Low > 0.4
	})
	stop()
	// The miner may have died between the header of its last block and the block. Settlers wait for what it was, until another
	// one has more work.
	for _, chain := range []string{"dev", layer} {
		w.wait("no header without a block", func() bool {
			l := w.loop(chain)
			if s := l.Status(); s.Tip != s.Header {
				w.mine(chain, 1, nil)
			}
			return l.Status().Tip == l.Status().Header && l.Status().Peers == 0
		})
	}
	w.wait("settlers who would sign", func() bool {
		s := w.node.Settlement(layer).Status()
		return s.L1 == l1.Tip() && s.Layer == w.loop(layer).View().Tip() && s.Refusal == nil
	})
}

// signRefundable plans a refundable deposit and signs it.
func (s *settler) signRefundable(amount int64) (Funding, error) {
	ctx := context.Background()
	d, err := s.DraftDeposit(ctx, DepositRequest{Wallet: s.name, Layer: "dev-native", Amount: amount, Refundable: true})
	if err != nil {
		return Funding{}, err
	}
	return s.SignFunding(ctx, SendRequest{Draft: d.ID, Password: Secret(password), Consent: consentOf(d)})
}

// refundable returns the state of the wallet's refundable deposit that was sent, and of what it was swept to.
func (s *settler) refundable() (out, vault *Deposit) {
	s.w.t.Helper()
	all, err := s.Deposits(context.Background(), s.name, "dev-native")
	s.must(err)
	for i := range all {
		switch {
		case all[i].Phase == "planned":
		case slices.Contains([]string{"sent", "buried", "claimable", "claiming", "claimed"}, all[i].Phase) && !all[i].Refundable:
			vault = &all[i]
		default:
			out = &all[i]
		}
	}
	return out, vault
}

// TestRefundableSwept: settlers sweep a refundable deposit, for whose sweep the wallet asks of its own accord, also where all
// but the words was lost, once it is unlocked; it is claimed on the layer, and no refund is sent.
func TestRefundableSwept(t *testing.T) {
	t.Parallel()
	manyLives(t)
	w := newSettledStack(t, settlersOf(t, 1, 3), "dev-native")
	w.establish("dev-native")
	s := w.wallet("ann", testWords)
	s.fund("dev", 2)
	funding, err := s.signRefundable(200_000)
	s.must(err)
	s.again() // signed, and the network has heard of nothing: it is gone, and can be planned anew
	if out, _ := s.refundable(); out != nil {
		t.Fatalf("not sent: %+v", out)
	}
	if _, err := s.SendFunding(context.Background(), s.on("dev"), funding.ID); CodeOf(err) != CodeMissing {
		t.Fatalf("funding after a restart: %v", err)
	}
	if funding, err = s.signRefundable(200_000); err != nil {
		t.Fatal(err)
	}
	_, err = s.SendFunding(context.Background(), s.on("dev"), funding.ID)
	s.must(err)
	w.pooled("dev", funding.ID)
	s.lose(testWords)
	w.mine("dev", 1, nil)
	s.deposit("dev-native", "waiting")
	s.current() // or what it asks is heard half a minute later
	s.unlock()
	w.wait("the sweep", func() bool { return len(w.loop("dev").Pool().All()) == 1 })
	s.lose(testWords)
	w.mine("dev", 6, nil)
	w.wait("claimed", func() bool {
		out, vault := s.refundable()
		if len(w.loop("dev-native").Pool().All()) > 0 {
			w.mine("dev-native", 1, nil)
		}
		return out != nil && out.Phase == "swept" && vault != nil && vault.Phase == "claimed"
	})
	w.mine("dev", 20, nil)
	s.current()
	if n := len(w.loop("dev").Pool().All()); n != 0 {
		t.Fatalf("%d transactions on the L1 after all is done", n)
	}
	if b := s.balance("dev-native"); b.Confirmed < 150_000 {
		t.Fatalf("on the layer: %+v", b)
	}
}
