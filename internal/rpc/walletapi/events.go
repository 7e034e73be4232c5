package walletapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
)

// Publish hands a Backend's events on to a feed until the context ends, and those about payments and alarms to push as
// well, which may be nil. An event's body is an app.Event.
func Publish(ctx context.Context, b app.Backend, feed *rpc.Feed, push func(rpc.Event)) {
	for e := range b.Subscribe(ctx) {
		chain := e.Purse.Chain
		switch {
		case e.Chain != nil:
			chain = e.Chain.Name
		case e.Alarm != nil:
			chain = e.Alarm.Chain
		}
		told := feed.Publish(chain, string(e.Kind), e)
		if push != nil && (e.TxID != nil || e.Alarm != nil) {
			push(told)
		}
	}
}

const (
	clientQueue = 256
	againTime   = time.Second // before a client asks for events once more
)

// Subscribe sends what happens, as the daemon tells it, until the context ends. The first event is marked as Missed, since
// some may have happened before the daemon listened to us, and so is one after a gap.
func (c *Client) Subscribe(ctx context.Context) <-chan app.Event {
	out := make(chan app.Event, clientQueue)
	go func() {
		defer close(out)
		missed, last := true, ""
		take := func(e rpc.Event) error {
			if e.ID != "" {
				last = e.ID
			}
			var told app.Event
			if e.ID == "" || json.Unmarshal(e.Body, &told) != nil { // the feed's own, or a newer daemon's
				missed = true
				return ctx.Err()
			}
			told.Missed = told.Missed || missed
			select {
			case out <- told:
				missed = false
			default:
				missed = true
			}
			return ctx.Err()
		}
		for ctx.Err() == nil {
			_ = c.rpc.Events(ctx, last, nil, take)
			t := time.NewTimer(againTime)
			select {
			case <-ctx.Done():
			case <-t.C:
			}
			t.Stop()
		}
	}()
	return out
}
