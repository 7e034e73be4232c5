package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/book"
	"github.com/layeredpow/lamina/spv/msg"
)

// whisperTime is how long a peer may take to ask for a transaction and to take it; others
// wait a few seconds before they ask whom they do not know.
const whisperTime = time.Minute

// Whisper tells one peer of a transaction over a connection of its own that ends after it, and
// returns the peer's address once that has taken the bytes. The connection tells neither our
// program nor our height, nor anything by which it could be linked to others; but it comes from
// our address, unless there is a proxy. Address is the peer's, host:port; empty: one that the
// book chooses and to which there is no connection. A peer that knows the transaction already
// does not ask for it, which is an error here.
func (s *Switchboard) Whisper(ctx context.Context, tx *wire.MsgTx, address string) (string, error) {
	var h *host
	var services wire.ServiceFlag
	err := s.on(ctx, func(_ context.Context, l *loop) error {
		h = l.host
		if address == "" {
			e, ok := l.book.Select(l.random, time.Now(), l.stranger)
			if !ok {
				return errors.New("no peer is known besides those that are connected")
			}
			address, services = e.Addr.String(), e.Services
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, h.dialTime()+whisperTime, fmt.Errorf("not within %s", whisperTime))
	defer cancel()
	q := h.quiet()
	defer func() { h.sent.Add(q.sent.Load()); h.heard.Add(q.heard.Load()) }()
	k, err := q.connect(ctx, address, book.Addr{}, services)
	if err == nil {
		err = k.whisper(ctx, tx)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", address, err)
	}
	return address, nil
}

// stranger tells whether an address of the book is of a node that we are not connected to.
func (l *loop) stranger(e book.Entry) bool {
	for _, k := range l.links {
		if k.address == e.Addr.String() {
			return false
		}
	}
	return !l.busy[e.Addr] && l.reaches(e.Addr)
}

// quiet returns a host whose connections say nothing of this one.
func (h *host) quiet() *host {
	cfg := h.cfg
	// Whom we do not tell of witnesses asks for the transaction without, and some nodes cannot read it with them then.
	cfg.Services &= wire.SFNodeWitness
	cfg.Agent, cfg.Height, cfg.Relay, cfg.Listen = "", nil, false, nil
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	return &host{cfg: cfg, nonce: binary.LittleEndian.Uint64(nonce[:]), memory: room{most: maxIncoming}}
}

// whisper announces a transaction, hands it over when it is asked for, and waits for the answer
// to a ping, which comes after the peer has taken it.
func (k *link) whisper(ctx context.Context, tx *wire.MsgTx) error {
	defer k.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = k.conn.Close() })
	defer stop()
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return err
	}
	const typeWTx = wire.InvType(5) // BIP339
	id, kind := tx.TxHash(), wire.InvTypeTx
	if k.wtxid {
		id, kind = tx.WitnessHash(), typeWTx
	}
	if err := k.writeOne(&wire.MsgInv{InvList: []*wire.InvVect{wire.NewInvVect(kind, &id)}}); err != nil {
		return err
	}
	handed, err := k.hand(id, &msg.Tx{Raw: raw.Bytes()})
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil && !handed {
		return fmt.Errorf("it did not ask for the transaction, which it may know: %w", err)
	}
	return err
}

// hand answers the question for one transaction and returns once the peer has taken it.
func (k *link) hand(id chainhash.Hash, tx *msg.Tx) (handed bool, err error) {
	const most = 1000 // messages about other things
	for range most {
		m, n, err := k.in.next()
		k.in.release()
		if err != nil {
			return handed, err
		}
		k.count(n)
		switch m := m.(type) {
		case *wire.MsgPing:
			err = k.writeOne(wire.NewMsgPong(m.Nonce))
		case *wire.MsgGetData:
			asked := slices.ContainsFunc(m.InvList, func(v *wire.InvVect) bool { return v.Hash == id })
			if asked && !handed {
				handed = true
				err = errors.Join(k.writeOne(tx), k.writeOne(k.ping()))
			}
		case *wire.MsgPong:
			if k.ponged(m.Nonce); handed && k.lately.Load() > 0 {
				return true, nil
			}
		}
		if err != nil {
			return handed, err
		}
	}
	return handed, fmt.Errorf("%d messages about other things", most)
}
