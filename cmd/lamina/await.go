package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/layeredpow/lamina/internal/app"
)

// lonelyTime is how long a command waits for a peer, where none can be found.
const lonelyTime = 20 * time.Second

// awaitSync waits until all that the peers know is taken in.
func (s *session) awaitSync(ctx context.Context, d *desk, most time.Duration) error {
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, most, fmt.Errorf("not synced after %s", most))
		defer cancel()
	}
	shown := ""
	defer func() {
		if shown != "" && isTerminal(s.err) {
			fmt.Fprintf(s.err, "\r%*s\r", len(shown), "")
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	lonely := time.AfterFunc(s.lonely, func() { giveUp(fmt.Errorf("no peer for %s", s.lonely)) })
	defer lonely.Stop()
	var at app.ChainState
	for {
		now, synced, err := d.synced(ctx)
		if err == nil {
			at = now
		} else if ctx.Err() == nil {
			return err
		}
		if synced {
			return nil
		}
		if at.Trust.Peers > 0 {
			lonely.Reset(s.lonely)
		}
		if line := stageLine(&at); line != shown && isTerminal(s.err) {
			fmt.Fprintf(s.err, "\r%-*s", len(shown), line)
			shown = line
		}
		select {
		case <-ctx.Done():
			text := fmt.Sprintf("%s: %v: %s", d.in.Chain, context.Cause(ctx), stageLine(&at))
			return unreadable(errors.New(text), "--connect HOST:PORT names a peer; --offline answers as of the last run")
		case <-tick.C:
		}
	}
}

// synced tells how far the desk's chain is, and whether that is all that its peers know.
func (d *desk) synced(ctx context.Context) (app.ChainState, bool, error) {
	at, err := d.state(ctx)
	if err != nil {
		return at, false, err
	}
	b, err := d.Balance(ctx, d.in)
	return at, err == nil && b.Trust.Synced && b.Trust.Scanned == b.Trust.Tip, err
}

func stageLine(c *app.ChainState) string {
	line := fmt.Sprintf("%s  %s  %d of %d (%d%%)  %s", c.Name, c.Stage, c.Done, c.Total, int(100*c.Share), peersText(c.Trust.Peers))
	if c.Waiting != "" {
		line += "  waiting for " + c.Waiting
	}
	if c.Trouble != "" {
		line += "  (" + c.Trouble + ")"
	}
	return line
}
