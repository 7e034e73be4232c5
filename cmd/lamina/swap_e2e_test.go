package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/layeredpow/lamina/assets"
	"github.com/layeredpow/lamina/internal/realnode"
	"github.com/layeredpow/lamina/spv/chains"
	"github.com/layeredpow/lamina/wallet/address"
)

// The two chains of a swap that share neither a clock nor our nodes.
const (
	firstForeign  = "bitcoin-regtest"
	secondForeign = "litecoin-regtest"
)

// abroad is the daemons of alice and bob on two chains of full nodes that we did not write.
type abroad struct {
	*dealWorld
	nodes map[string]*realnode.Node
}

// newAbroad makes the wallets anew from words, so that they look at all blocks.
func newAbroad(t *testing.T, nodes map[string]*realnode.Node, words ...string) *abroad {
	t.Helper()
	w := &abroad{&dealWorld{soakWorld: &soakWorld{t: t, dir: t.TempDir(), program: os.Args[0]}}, nodes}
	w.hidden = w.path("password")
	must(t, os.WriteFile(w.hidden, []byte("only for a test\n"), 0o600))
	w.endWithTest()
	for i, name := range []string{"alice", "bob"} {
		file := w.path(name + ".words")
		must(t, os.WriteFile(file, []byte(words[i]+"\n"), 0o600))
		w.must(nil, "wallet", "restore", name, "--data-dir", w.path(name), "--chain", firstForeign, "--chain", secondForeign,
			"--password-file", w.hidden, "--words-file", file, "--birthday", "2020-01-01")
		w.wallets[i] = &soakProcess{name: name, dir: w.path(name), args: []string{"daemon", "--data-dir", w.path(name),
			"--connect", firstForeign + "=" + nodes[firstForeign].P2P, "--connect", secondForeign + "=" + nodes[secondForeign].P2P}}
		w.up(w.wallets[i])
	}
	return w
}

// mined waits until a node's pool holds one transaction, and mines it two deep.
func (w *abroad) mined(what, chain string) {
	w.t.Helper()
	w.until(what, func() error {
		var pool []string
		w.nodes[chain].Call(w.t, &pool, "getrawmempool")
		if len(pool) != 1 {
			return fmt.Errorf("%d transactions in the pool", len(pool))
		}
		return nil
	})
	w.nodes[chain].Generate(w.t, 2)
}

// reach mines a chain up to a height.
func (w *abroad) reach(chain string, height uint32) {
	w.t.Helper()
	var now uint32
	w.nodes[chain].Call(w.t, &now, "getblockcount")
	if height > now {
		w.nodes[chain].Generate(w.t, int(height-now))
	}
}

// paid has both sides agree on a swap in P2WSH and pay.
func (w *abroad) paid() {
	w.t.Helper()
	offer, answer := w.path("offer.txt"), w.path("answer.txt")
	w.of("alice", nil, "swap", "offer", "--give", firstForeign+"=1", "--give-form", "p2wsh", "--get", secondForeign+"=5", "--get-form", "p2wsh",
		"--yes", "-o", offer)
	w.of("bob", nil, "swap", "take", "@"+offer, "--yes", "-o", answer)
	w.of("alice", nil, "swap", "accept", "0", "@"+answer)
	w.fund("alice")
	w.mined("alice's leg", firstForeign)
	w.moves("bob", "fund")
	w.fund("bob")
	w.mined("bob's leg", secondForeign)
	w.moves("alice", "redeem")
}

// TestSwapForeignChains swaps by the command line between two chains whose full nodes we did not write, once to both
// redemptions and once to both refunds, of which one is sent from its file alone.
func TestSwapForeignChains(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts two full nodes; the whole run does")
	}
	nodes := map[string]*realnode.Node{firstForeign: realnode.BtcdStrict(t), secondForeign: realnode.Litecoind(t)}
	fair := newAbroad(t, nodes, "legal winner thank year wave sausage worth useful legal winner thank yellow",
		"letter advice cage absurd amount doctor acoustic avoid letter advice cage above")
	late := newAbroad(t, nodes, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
		"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about")
	set, err := chains.Load(assets.Chains)
	must(t, err)
	first, err := set.Get(firstForeign)
	must(t, err)
	nodes[secondForeign].Generate(t, 450) // until witnesses count
	for _, w := range []*abroad{fair, late} {
		script, err := address.Decode(first, w.address("alice", firstForeign))
		must(t, err)
		nodes[firstForeign].MineTo(t, script)
		nodes[secondForeign].Call(t, nil, "generatetoaddress", 1, w.address("bob", secondForeign))
	}
	nodes[firstForeign].Generate(t, 450)
	nodes[secondForeign].Generate(t, 100)
	for _, w := range []*abroad{fair, late} {
		for who, chain := range map[string]string{"alice": firstForeign, "bob": secondForeign} {
			w.until(who+"'s coins on "+chain, func() error {
				if n := w.spendable(who, chain); n < 6*dealCoin {
					return fmt.Errorf("spendable %d", n)
				}
				return nil
			})
		}
	}
	t.Run("redeemed", func(t *testing.T) { fair.t = t; redeemedAbroad(fair) })
	t.Run("refunded", func(t *testing.T) { late.t = t; refundedAbroad(late) })
}

func redeemedAbroad(w *abroad) {
	w.paid()
	w.of("alice", nil, "swap", "redeem", "0")
	w.mined("alice's redemption", secondForeign)
	w.phase("alice", "redeemed")
	w.moves("bob", "redeem")
	w.of("bob", nil, "swap", "redeem", "0")
	w.mined("bob's redemption", firstForeign)
	w.phase("bob", "redeemed")
	for who, chain := range map[string]string{"alice": secondForeign, "bob": firstForeign} {
		w.until(who+"'s money", func() error {
			if n := w.spendable(who, chain); n < 99*dealCoin/100 {
				return fmt.Errorf("spendable %d", n)
			}
			return nil
		})
	}
}

func refundedAbroad(w *abroad) {
	w.paid()
	var terms struct{ T1, T2 uint32 }
	w.show("bob", &terms, "swap", "status", "0")
	if err := w.wallets[1].signal(syscall.SIGKILL); err != nil { // and his machine is gone, but for the file
		w.fail("%v", err)
	}
	raw, err := os.ReadFile(w.path("bob.refunds"))
	must(w.t, err)
	var kept keptRefunds
	must(w.t, json.Unmarshal(raw, &kept))
	if err := w.ask(nil, "swap", "refund", "0", "--data-dir", w.path("alice"), "--password-file", w.hidden); err == nil ||
		!strings.Contains(err.Error(), "not to be refunded now") {
		w.fail("refunded before its time: %v", err)
	}
	w.reach(secondForeign, terms.T2)
	w.nodes[secondForeign].Call(w.t, nil, "sendrawtransaction", kept.Refunds[0].Raw)
	w.mined("bob's refund", secondForeign)
	w.reach(firstForeign, terms.T1)
	w.moves("alice", "refund")
	w.of("alice", nil, "swap", "refund", "0")
	w.mined("alice's refund", firstForeign)
	w.phase("alice", "refunded")
	w.up(w.wallets[1])
	w.phase("bob", "refunded")
}

// TestSwapEndToEnd: alice and bob swap money of the L1 for that of a layer. Between any two steps both daemons are killed, and the node
// with what it has in no block: with them, or in turns right after them, so that they see it go and come back.
func TestSwapEndToEnd(t *testing.T) {
	w := newDealWorld(t)
	w.reward("alice", "dev")
	w.reward("bob", "dev-issued")
	kills := 0
	kill := func() {
		t.Helper()
		if kills++; kills%2 == 0 {
			w.kill(w.nodes[0], w.wallets[0], w.wallets[1])
			return
		}
		w.kill(w.wallets[:]...)
		w.kill(w.nodes[0])
	}
	var height int
	w.must(&height, "rpc", "--data-dir", w.path("node"), "--chain", "dev", "getblockcount")
	offer, answer := w.path("offer.txt"), w.path("answer.txt")
	w.of("alice", nil, "swap", "offer", "--give", "dev=3", "--get", "dev-issued=5", "--t1", strconv.Itoa(height+9200), "--t2", strconv.Itoa(height+9000),
		"--yes", "-o", offer)
	kill()
	w.of("bob", nil, "swap", "take", "@"+offer, "--yes", "-o", answer)
	kill()
	w.of("alice", nil, "swap", "accept", "0", "@"+answer)
	kill()
	w.fund("alice")
	kill()
	w.moves("bob", "fund")
	w.fund("bob")
	kill()
	w.moves("alice", "redeem")
	w.of("alice", nil, "swap", "redeem", "0")
	kill() // what she has signed is sent all the same
	w.phase("alice", "redeemed")
	w.until("alice's money", func() error {
		if n := w.spendable("alice", "dev-issued"); n < 5*dealCoin-100_000 {
			return fmt.Errorf("spendable %d", n)
		}
		return nil
	})
	kill()
	w.of("bob", nil, "wallet", "unlock", "bob", "--for", "10m") // he does nothing else: his daemon redeems
	w.phase("bob", "redeemed")
	w.until("bob's money", func() error {
		if n := w.spendable("bob", "dev"); n < 3*dealCoin-100_000 {
			return fmt.Errorf("spendable %d", n)
		}
		return nil
	})
	kill()
	var list struct {
		Swaps []struct{ Phase, Move string }
	}
	for _, who := range []string{"alice", "bob"} {
		w.moves(who, "rest") // once the redemption is deep
		w.show(who, &list, "swap", "list")
		if len(list.Swaps) != 1 || list.Swaps[0].Phase != "redeemed" || list.Swaps[0].Move != "rest" {
			t.Errorf("%s: %+v", who, list)
		}
	}
}

// swapNow is what a swap's status says.
type swapNow struct {
	Phase, Move, Why string
	Signed           *string
	Refunds          []struct{ Raw string }
}

func (w *dealWorld) swap(who string, holds func(*swapNow) bool) (now swapNow) {
	w.t.Helper()
	w.until(who+"'s swap", func() error {
		now = swapNow{}
		w.show(who, &now, "swap", "status", "0")
		if !holds(&now) {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	return now
}

func (w *dealWorld) moves(who, move string) swapNow {
	w.t.Helper()
	return w.swap(who, func(s *swapNow) bool { return s.Move == move })
}

func (w *dealWorld) phase(who, phase string) swapNow {
	w.t.Helper()
	return w.swap(who, func(s *swapNow) bool { return s.Phase == phase })
}

// fund funds a side. Where the refunds cannot be written nothing is signed.
func (w *dealWorld) fund(who string) {
	w.t.Helper()
	w.moves(who, "fund") // a daemon that was just started may have to look first
	args := []string{"swap", "fund", "0", "--data-dir", w.path(who), "--password-file", w.hidden, "--yes", "-o"}
	if err := w.ask(nil, append(args, filepath.Join(w.dir, "no", "folder"))...); err == nil || !strings.Contains(err.Error(), "nothing was signed") {
		w.fail("funded without refunds: %v", err)
	}
	if s := w.moves(who, "fund"); s.Signed != nil || len(s.Refunds) > 0 {
		w.fail("signed: %+v", s)
	}
	file := w.path(who + ".refunds")
	w.must(nil, append(args, file)...)
	raw, err := os.ReadFile(file)
	var kept keptRefunds
	if err = errors.Join(err, json.Unmarshal(raw, &kept)); err != nil || len(kept.Refunds) == 0 || kept.Refunds[0].Raw == "" {
		w.fail("%s: %v: %s", file, err, raw)
	}
}
