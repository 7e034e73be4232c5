package gbt

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/layeredpow/lamina/spv"
	"github.com/layeredpow/lamina/spv/chains"
)

const (
	// askEvery is how often a node that offers no long polling is asked for a template.
	askEvery = 5 * time.Second
	// longPollTime is when an unanswered long poll is given up and begun again.
	longPollTime = 10 * time.Minute
	// breathTime is how long to wait before each long poll: a node might answer all of them at once.
	breathTime = 200 * time.Millisecond
	// restTime is how long to wait after a node could not be asked.
	restTime = 5 * time.Second
)

// Node is a full node of an L1 that gives templates and takes blocks. It is safe for concurrent use.
type Node struct {
	chain  *chains.Params
	caller *caller
}

// NewNode returns a node of a chain. It does not speak to it yet.
func NewNode(chain *chains.Params, a Access) (*Node, error) {
	if chain.Kind != chains.L1 {
		return nil, fmt.Errorf("node of %s: only an L1's templates are taken", chain.Name)
	}
	if chain.Challenge != nil {
		return nil, fmt.Errorf("node of %s: its blocks need a signature, which is not made here", chain.Name)
	}
	c, err := newCaller(a)
	if err != nil {
		return nil, err
	}
	return &Node{chain: chain, caller: c}, nil
}

// Template asks for a template that pays to an output script, with up to template.MaxExtra bytes of the miner's own in
// the coinbase. With the long-poll id of an earlier offer the node answers when it has a better one.
func (n *Node) Template(ctx context.Context, payout, extra []byte, longPoll string) (*Offer, error) {
	limit := askTime
	request := map[string]any{"rules": knownRules(n.chain),
		"capabilities": []string{"coinbasevalue", "coinbase/append", "longpoll", "workid"}}
	if longPoll != "" {
		limit = longPollTime
		request["longpollid"] = longPoll
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var raw json.RawMessage
	if err := n.caller.call(limited, &raw, "getblocktemplate", request); err != nil {
		return nil, err
	}
	offer, err := parseOffer(n.chain, raw, payout, extra)
	if err != nil {
		return nil, fmt.Errorf("getblocktemplate: %w", err)
	}
	return offer, nil
}

// Follow asks for templates until the context ends: at once, whenever the node has a better one, and again after a
// failure. Post gets every offer, failed (which may be nil) every error.
func (n *Node) Follow(ctx context.Context, payout, extra []byte, post func(*Offer), failed func(error)) {
	longPoll := ""
	for ctx.Err() == nil {
		offer, err := n.Template(ctx, payout, extra, longPoll)
		rest := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && longPoll != "" && errors.Is(err, context.DeadlineExceeded):
			longPoll = "" // nothing new for long: ask anew
		case err != nil:
			longPoll, rest = "", restTime
			if failed != nil {
				failed(err)
			}
		default:
			post(offer)
			if longPoll, rest = offer.LongPoll, breathTime; longPoll == "" {
				rest = askEvery
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// Submit hands in a block as it travels. A block that the node has already is no error.
func (n *Node) Submit(ctx context.Context, block []byte) error {
	h, err := spv.ParseHeader(block)
	if err != nil {
		return fmt.Errorf("submitblock: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var reason *string
	if err := n.caller.call(limited, &reason, "submitblock", hex.EncodeToString(block)); err != nil {
		return fmt.Errorf("block %s: %w", h.ID(), err)
	}
	if reason == nil || strings.HasPrefix(*reason, "duplicate") && *reason != "duplicate-invalid" {
		return nil
	}
	return fmt.Errorf("block %s: the node refuses it: %.300q", h.ID(), *reason)
}
