package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/layeredpow/lamina/internal/node"
	settlerd "github.com/layeredpow/lamina/internal/node/settler/daemon"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/chains"
)

const settleHelp = `

--settle signs the batches that pay burned money out, for every pegged layer whose settlers have the key:

  lamina settler key new settler.key
  lamina node --stack dev --settle --settler-key settler.key --settler-password-file pw
  lamina node --stack dev --settle --settler-remote DIR --settler-public KEY

With --settler-remote the key is elsewhere: what is to be signed appears as DIR/LAYER/packet.psbt, and is expected
as signed.psbt beside it. On the development chains the settlers' keys are the numbers 1, 2 and 3, known to all; there
a file with one of them in 64 hexadecimal digits will do, and "lamina rpc --chain LAYER makefirstlink" makes the first
connector once a block's reward that anybody may spend is ripe. Every node, with a key or without, tells by getsettlement,
auditsupply and listbatches how it stands, and passes signatures on.`

// settleFlags say who signs batches.
type settleFlags struct {
	on       bool
	key      string
	password secretFlags
	remote   string
	public   []string
}

func (f *settleFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.on, "settle", false, "sign the batches of the stack's pegged layers")
	flags.StringVar(&f.key, "settler-key", "", "file with the settler's key")
	f.password.add(flags, "settler-password")
	flags.StringVar(&f.remote, "settler-remote", "", "folder by which PSBTs go to a signer elsewhere and come back")
	flags.StringArrayVar(&f.public, "settler-public", nil, "public key of the signer elsewhere, 64 hexadecimal digits (repeatable)")
}

// signers returns who signs, by layer. The caller calls wipe at the end.
func (s *session) signers(ctx context.Context, f *settleFlags, stack *chains.Stack) (
	of map[string]settlerd.Signer, wipe func(), err error) {
	wipe = func() {}
	const hint = "lamina node --help tells how to settle"
	switch {
	case !f.on && f.key == "" && f.remote == "":
		return nil, wipe, nil
	case !f.on:
		return nil, wipe, unreadable(errors.New("--settler-key and --settler-remote: want --settle, too"), hint)
	case (f.key == "") == (f.remote == ""):
		return nil, wipe, unreadable(errors.New("--settle: want --settler-key FILE or --settler-remote DIR"), hint)
	case (f.remote == "") != (len(f.public) == 0):
		return nil, wipe, unreadable(errors.New("--settler-remote: want --settler-public KEY, and the other way round"), hint)
	}
	var signer func(layer string) (settlerd.Signer, error)
	var keys [][32]byte
	if f.remote != "" {
		signer, keys, err = f.elsewhere()
	} else {
		var own keySigner
		if own, err = s.settlerKey(ctx, f, stack.L1); err == nil {
			signer, keys, wipe = func(string) (settlerd.Signer, error) { return own, nil }, own.Keys(), own.Wipe
		}
	}
	if err != nil {
		return nil, wipe, unreadable(err, hint)
	}
	of = map[string]settlerd.Signer{}
	for _, p := range stack.Layers {
		if p.Peg == nil || !node.Settles(p, keys) {
			continue
		}
		if of[p.Name], err = signer(p.Name); err != nil {
			return nil, wipe, unreadable(err, hint)
		}
	}
	if len(of) == 0 {
		return nil, wipe, unreadable(fmt.Errorf("settler key %x: no pegged layer of %s has settlers with it", keys, stack.L1.Name), hint)
	}
	return of, wipe, nil
}

// keySigner is a signer that holds its key.
type keySigner interface {
	settlerd.Signer
	Wipe()
}

// plainKey is the size of the largest file that holds a key in clear, bytes.
const plainKey = 128

// settlerKey opens a key file: one that is sealed, or on a private network one in clear.
func (s *session) settlerKey(ctx context.Context, f *settleFlags, l1 *chains.Params) (keySigner, error) {
	at, err := os.Stat(f.key)
	if err != nil {
		return nil, err
	}
	if at.Size() <= plainKey {
		if l1.Network != chains.Dev && l1.Network != chains.Regtest {
			return nil, fmt.Errorf("%s: holds a key in clear, which is for private networks: "+
				"lamina settler key new makes a sealed one", f.key)
		}
		return settlerd.ReadKey(f.key)
	}
	file, err := settlerd.OpenKeyFile(f.key)
	if err != nil {
		return nil, err
	}
	password, err := s.secret(ctx, &f.password, "password of the settler's key", false)
	if err != nil {
		return nil, err
	}
	defer password.Wipe()
	return file.Unlock(password)
}

// elsewhere returns signers that are reached by folders, one for each layer.
func (f *settleFlags) elsewhere() (func(string) (settlerd.Signer, error), [][32]byte, error) {
	var keys [][32]byte
	for _, text := range f.public {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != 32 {
			return nil, nil, fmt.Errorf("--settler-public %s: want 64 hexadecimal digits", text)
		}
		keys = append(keys, [32]byte(b))
	}
	return func(layer string) (settlerd.Signer, error) {
		dir := filepath.Join(f.remote, layer)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		return &settlerd.Remote{Public: keys, Ask: settlerd.Folder(dir).Ask}, nil
	}, keys, nil
}

// settleMetrics are the numbers of the pegs, L1 satoshis.
func (n *nodeServer) settleMetrics() []rpc.Metric {
	m := []rpc.Metric{
		{Name: "lamina_peg_claimed", Text: "Deposits claimed on the layer, satoshis of the L1.", Kind: rpc.Gauge},
		{Name: "lamina_peg_burned", Text: "Burned on the layer, satoshis of the L1.", Kind: rpc.Gauge},
		{Name: "lamina_peg_vault", Text: "Claimed deposits and change in the vault.", Kind: rpc.Gauge},
		{Name: "lamina_peg_unpaid", Text: "Burned and not paid out yet.", Kind: rpc.Gauge},
		{Name: "lamina_peg_difference", Text: "(claimed - burned) - (vault - unpaid); anything but 0 is an alarm.", Kind: rpc.Gauge},
		{Name: "lamina_peg_refuses", Text: "1 if something stands against signing batches.", Kind: rpc.Gauge},
		{Name: "lamina_peg_last_batch", Text: "Number of the last batch in L1.", Kind: rpc.Gauge},
		{Name: "lamina_peg_recovery_blocks", Text: "L1 blocks until fewer settlers can move the vault's oldest output.", Kind: rpc.Gauge},
		{Name: "lamina_peg_share_low", Text: "Lower bound of the share of the L1's work that mines the layer.", Kind: rpc.Gauge},
	}
	for _, l := range n.node.Loops() {
		name := l.Params().Name
		settlement := n.node.Settlement(name)
		if settlement == nil {
			continue
		}
		st := settlement.Status()
		s, refuses, last := st.Supply, 0.0, 0.0
		if st.Refusal != nil {
			refuses = 1
		}
		if st.Last != nil {
			last = float64(st.Last.Number)
		}
		share, _ := settlement.Share() // what cannot be measured is no share
		for i, number := range []float64{float64(s.Claimed), float64(s.Burned), float64(s.Vault), float64(s.Unpaid),
			float64((s.Claimed - s.Burned) - (s.Vault - s.Unpaid)), refuses, last, float64(st.Recovery(l.Params())), share.Low} {
			m[i].Values = append(m[i].Values, rpc.Value{Labels: []string{"chain", name}, Number: number})
		}
	}
	if len(m[0].Values) == 0 {
		return nil
	}
	return m
}
