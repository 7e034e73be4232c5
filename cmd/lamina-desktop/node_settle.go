package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/layeredpow/lamina/spv/chains"
)

// The settlers of the development chains have the keys 1, 2 and 3, known to all: their money is
// worth nothing. So that what is burned there is paid out, the node that is started here is the
// first of them, and the second runs beside it.

// devSettlers is how many of them there are here. It has to be as many as a batch wants signatures.
const devSettlers = 2

// settlerKey is the name of the key file in a node's folder, settlerFolder that of the second
// settler's folder.
const (
	settlerKey    = "settler.key"
	settlerFolder = "settler-2"
)

// linkPause is how long it takes until it is looked anew whether a layer has its first connector.
const linkPause = time.Second

// settled returns the layers of a stack whose burns the settlers that are started here can pay out.
func settled(stack *chains.Stack) (layers []string) {
	if stack.L1.Network != chains.Dev {
		return nil
	}
	for _, p := range stack.Layers {
		if p.Peg != nil && p.Parent == stack.L1.Name && len(p.Settlers) > 0 && enough(&p.Settlers[0]) {
			layers = append(layers, p.Name)
		}
	}
	return layers
}

func enough(set *chains.Settlers) bool {
	for n := byte(1); n <= devSettlers; n++ {
		_, key := btcec.PrivKeyFromBytes([]byte{n})
		if !slices.Contains(set.Keys, [32]byte(schnorr.SerializePubKey(key))) {
			return false
		}
	}
	return set.K <= devSettlers
}

// settleArgs are what has a node sign batches; writeKey puts its key where they say.
func (o *nodeOrder) settleArgs() []string {
	if o.settler == 0 {
		return nil
	}
	return []string{"--settle", "--settler-key", filepath.Join(o.dir, settlerKey)}
}

func (o *nodeOrder) writeKey() error {
	if o.settler == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(o.dir, settlerKey), fmt.Appendf(nil, "%064x\n", o.settler), 0o600)
}

// second is the settler beside a node, and the goroutine that sees to it.
type second struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// startSecond has a second settler run for as long as a node does, or until it is stopped. What
// goes wrong with it is among what the node writes: the node itself is well.
func startSecond(program string, extra []string, main *nodeChild) *second {
	ctx, cancel := context.WithCancel(context.Background())
	s := &second{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		defer cancel()
		o := nodeOrder{stack: main.order.stack, dir: secondFolder(main.order.dir), peers: map[string][]string{}, settler: devSettlers}
		for chain, at := range main.ports.reach() {
			o.peers[chain] = []string{at}
		}
		if err := s.run(ctx, program, extra, main, o); err != nil && ctx.Err() == nil {
			fmt.Fprintf(main.log, "settler: %v\n", err)
		}
	}()
	return s
}

func secondFolder(dir string) string { return filepath.Join(dir, settlerFolder) }

func (s *second) run(ctx context.Context, program string, extra []string, main *nodeChild, o nodeOrder) (err error) {
	if foreign, err := endLeftover(ctx, o.dir); err != nil || foreign {
		return err
	}
	c, err := launch(program, extra, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	if err := c.wait(ctx); err != nil {
		return err
	}
	var linking sync.WaitGroup
	if main.order.Mine { // else no block comes that would have it
		linking.Go(func() { link(ctx, main) })
	}
	defer linking.Wait()
	defer s.cancel()
	select {
	case <-ctx.Done():
	case <-main.ended:
	case <-c.ended:
		return c.reason()
	}
	return nil
}

// stop ends the settler. A nil one has ended.
func (s *second) stop() {
	if s != nil {
		s.cancel()
		<-s.ended
	}
}

// link has the first connector of every layer made, which all batches follow on.
func link(ctx context.Context, main *nodeChild) {
	every := time.NewTicker(linkPause)
	defer every.Stop()
	missing, ordered, open := settled(&main.order.stack), map[string]bool{}, 0
	for wanted := len(missing); len(missing) > 0; {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		missing = slices.DeleteFunc(missing, func(layer string) bool { return linked(ctx, main, layer, ordered) })
		// Each is paid from the reward of a block that anybody may spend. Where all pay a wallet some are mined for it.
		if open < wanted && slices.ContainsFunc(missing, func(layer string) bool { return !ordered[layer] }) &&
			mineOpen(ctx, main) == nil {
			open++
		}
	}
}

// linked tells whether a layer has its first connector, and orders it once where it has not.
func linked(ctx context.Context, main *nodeChild, layer string, ordered map[string]bool) bool {
	client, err := nodeClient(main.order.dir, layer)
	if err != nil {
		return false
	}
	var batches []struct{}
	if err := client.Call(ctx, &batches, "listbatches", 0, 1); err != nil || len(batches) > 0 {
		return err == nil
	}
	if !ordered[layer] {
		ordered[layer] = client.Call(ctx, nil, "makefirstlink") == nil
	}
	return false
}

// opTrue is the script that ends well whatever it is given.
const opTrue = 0x51

// mineOpen mines a block of the L1 whose reward anybody may spend.
func mineOpen(ctx context.Context, main *nodeChild) error {
	client, err := nodeClient(main.order.dir, main.order.stack.L1.Name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte{opTrue})
	var script struct{ Address string }
	if err := client.Call(ctx, &script, "decodescript", hex.EncodeToString(append([]byte{0, byte(len(sum))}, sum[:]...))); err != nil {
		return err
	}
	return client.Call(ctx, nil, "generatetoaddress", 1, script.Address)
}
