package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/layeredpow/lamina/assets"
)

const (
	soakPace   = "300ms"     // between two L1 blocks
	soakStock  = 5_0000_0000 // that each wallet begins with on each pegged layer, base units of the L1
	soakRipe   = 3           // rewards that each wallet begins with on the L1 and the issued layer
	soakUnlock = "10m"       // for how long wallets sign by themselves
)

// newSoakWorld starts a stack. A short run has one of the pegged layers alone.
func newSoakWorld(t *testing.T, seed uint64, short bool) *soakWorld {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	w := &soakWorld{t: t, began: time.Now(), seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), program: program,
		homes: map[string][]*soakLink{}}
	w.hidden = w.path("password")
	must(t, os.WriteFile(w.hidden, []byte(soakPassword+"\n"), 0o600))
	w.endWithTest()
	w.writeStack(short)
	w.startNodes()
	w.startWallets()
	w.fund()
	return w
}

// writeStack makes a stack of three or four chain files. It differs from the development stack in the settlers' keys: theirs are known to
// all, and could not be looked for.
func (w *soakWorld) writeStack(short bool) {
	dir := w.path("stack")
	must(w.t, os.Mkdir(dir, 0o700))
	w.global = []string{"--chains-dir", dir}
	var settlers []string
	for i := range w.settlerKeys {
		w.settlerKeys[i] = make([]byte, 32)
		for j := range w.settlerKeys[i] {
			w.settlerKeys[i][j] = byte(w.rng.Uint32())
		}
		_, public := btcec.PrivKeyFromBytes(w.settlerKeys[i])
		settlers = append(settlers, fmt.Sprintf("%q", hex.EncodeToString(schnorr.SerializePubKey(public))))
		must(w.t, os.WriteFile(w.settlerFile(i), fmt.Appendf(nil, "%x\n", w.settlerKeys[i]), 0o600))
	}
	for i, from := range soakChains {
		if short && i == 2 {
			continue
		}
		raw, err := fs.ReadFile(assets.Chains, from+".toml")
		must(w.t, err)
		text := strings.NewReplacer(`name = "dev`, `name = "soak`, `parent = "dev"`, `parent = "soak"`, `message = "Lamina dev`, `message = "Lamina soak`,
			`magic = "e14c44`, `magic = "e14c45`, `hrp = "ld`, `hrp = "ls`, `chain_id = 0x4C0`, `chain_id = 0x4C2`, `port = 295`, `port = 296`).Replace(string(raw))
		text = regexp.MustCompile(`(?m)^hash = .*\n`).ReplaceAllString(text, "")
		text = regexp.MustCompile(`(?s)keys = \[\n.*?\]`).ReplaceAllString(text, "keys = ["+strings.Join(settlers, ", ")+"]")
		name := strings.Replace(from, "dev", "soak", 1)
		must(w.t, os.WriteFile(w.path("stack/"+name+".toml"), []byte(text), 0o600))
		switch i {
		case 0:
			w.l1 = name
		case 1:
			w.issued = name
		default:
			w.pegged = append(w.pegged, name)
		}
	}
}

func (w *soakWorld) settlerFile(i int) string { return w.path(fmt.Sprintf("settler-%d.key", i)) }

// chains returns the L1 and its layers.
func (w *soakWorld) chains() []string { return append([]string{w.l1, w.issued}, w.pegged...) }

// process describes a process with a folder and a clock of its own.
func (w *soakWorld) process(name string, args ...string) *soakProcess {
	skew := w.path(name + ".skew")
	must(w.t, os.WriteFile(skew, []byte("0"), 0o600))
	w.skews = append(w.skews, skew)
	dir := w.path(name)
	return &soakProcess{name: name, dir: dir, args: append(append(w.global[:2:2], args...), "--data-dir", dir), env: []string{skewMark + skew}}
}

// startNodes starts three nodes, each a settler. The first mines; each follows those before it through links.
func (w *soakWorld) startNodes() {
	w.free = ownHost() + ":0"
	for i, name := range []string{"node-a", "node-b", "node-c"} {
		p := w.process(name, "node", "--stack", w.l1, "--settle", "--settler-key", w.settlerFile(i))
		if i == 0 {
			p.args = append(p.args, "--mine", "--mine-every", soakPace)
		}
		for _, chain := range w.chains() {
			p.args = append(p.args, "--listen", chain+"="+w.free)
			for j := range i {
				link := w.link(w.nodeAddress(j, chain))
				p.args = append(p.args, "--connect", chain+"="+link.address())
				if j == 0 {
					w.between = append(w.between, link)
				}
			}
		}
		w.nodes[i] = p
		w.up(p)
		w.pin(i)
	}
}

func (w *soakWorld) link(to string) *soakLink {
	l := newSoakLink(w.t, to, w.seed+uint64(len(w.links)))
	w.links = append(w.links, l)
	return l
}

// pin has a node listen at the same ports when it comes back.
func (w *soakWorld) pin(node int) {
	args := w.nodes[node].args
	for i, arg := range args {
		if chain, ok := strings.CutSuffix(arg, "="+w.free); ok {
			args[i] = chain + "=" + w.nodeAddress(node, chain)
		}
	}
}

// nodeAddress returns where a running node accepts peers of a chain.
func (w *soakWorld) nodeAddress(i int, chain string) string {
	var ready nodePorts
	if err := json.Unmarshal(w.nodes[i].ready, &ready); err != nil || ready.Chains[chain] == "" {
		w.t.Fatalf("%s said %q: want the address of %s: %v", w.nodes[i].name, w.nodes[i].ready, chain, err)
	}
	return ready.Chains[chain]
}

// startWallets makes two wallets, each with a daemon that has the first two nodes for peers.
func (w *soakWorld) startWallets() {
	for i, name := range []string{"alice", "bob"} {
		p := w.process(name, "daemon")
		for _, chain := range w.chains() {
			for node := range w.nodes[:2] {
				link := w.link(w.nodeAddress(node, chain))
				w.homes[name+" "+chain] = append(w.homes[name+" "+chain], link)
				p.args = append(p.args, "--connect", chain+"="+link.address())
			}
		}
		w.wallets[i] = p
		must(w.t, w.signed(i, nil, append([]string{"wallet", "create", name, "--words-to", w.path(name + ".words")}, w.onChains()...)...))
		w.up(p)
	}
}

// onChains returns the flags that give a wallet accounts on all chains.
func (w *soakWorld) onChains() (flags []string) {
	for _, chain := range w.chains() {
		flags = append(flags, "--chain", chain)
	}
	return flags
}

// fund has blocks of the L1 and of the issued layer pay to both wallets, and both deposit on the pegged layers.
func (w *soakWorld) fund() {
	for i := range w.wallets {
		for _, chain := range []string{w.l1, w.issued} {
			w.until("rewards", func() error { return w.generate(0, i, chain, soakRipe) })
		}
	}
	for i := range w.wallets {
		for _, chain := range []string{w.l1, w.issued} {
			w.spendable(i, chain, soakRipe*soakReward)
		}
	}
	for _, layer := range w.pegged {
		w.until("the first connector on "+layer, func() error { return w.rpc(0, layer, nil, "makefirstlink") })
		for i := range w.wallets {
			w.deposit(i, layer, soakStock)
		}
	}
	for i := range w.wallets {
		for _, layer := range w.pegged {
			w.spendable(i, layer, soakStock*9/10)
		}
	}
}

// spendable waits until a wallet can spend so much.
func (w *soakWorld) spendable(i int, chain string, least int64) {
	w.t.Helper()
	w.until(w.wallets[i].name+" has money on "+chain, func() error {
		b, err := w.balance(i, chain)
		if err == nil && b.Spendable < least {
			err = fmt.Errorf("%d are spendable, want %d", b.Spendable, least)
		}
		return err
	})
}

func (w *soakWorld) balance(i int, chain string) (b demoBalance, err error) {
	err = w.of(i, &b, "balance", "--chain", chain)
	return b, err
}

func (w *soakWorld) tryAddress(i int, chain string) (string, error) {
	var answer struct {
		Address string `json:"address"`
	}
	err := w.of(i, &answer, "receive", "--new", "--chain", chain)
	return answer.Address, err
}

// generate has a node mine blocks for a wallet, if both can.
func (w *soakWorld) generate(node, to int, chain string, blocks int) error {
	address, err := w.tryAddress(to, chain)
	if err != nil {
		return err
	}
	return w.rpc(node, chain, nil, "generatetoaddress", fmt.Sprint(blocks), address)
}
