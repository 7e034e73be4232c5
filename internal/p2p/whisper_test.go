package p2p

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/spv/msg"
)

// listener asks for what it is told of, over one connection.
type listener struct {
	version *wire.MsgVersion
	txs     []*wire.MsgTx
	said    []string
	closed  bool
	asks    bool
	modern  bool // it knows wtxidrelay
}

func (l *listener) serve(c net.Conn) {
	out := make(chan wire.Message, 100)
	defer close(out)
	go func() {
		for m := range out {
			_ = wire.WriteMessage(c, m, msg.Version, regtest)
		}
	}()
	say := func(m wire.Message) { out <- m }
	defer func() { l.closed = true; _ = c.Close() }()
	for {
		_, m, _, err := wire.ReadMessageWithEncodingN(c, msg.Version, regtest, wire.WitnessEncoding)
		if errors.Is(err, wire.ErrUnknownMessage) {
			continue
		}
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *wire.MsgVersion:
			l.version = m
			v := wire.NewMsgVersion(&wire.NetAddress{}, &wire.NetAddress{}, 77, 5)
			v.ProtocolVersion = msg.Version
			say(v)
			if l.modern {
				say(&wire.MsgWTxIdRelay{})
			}
			say(&wire.MsgVerAck{})
			say(wire.NewMsgPing(7))
		case *wire.MsgInv:
			if l.asks {
				time.Sleep(2 * time.Second)
				say(&wire.MsgGetData{InvList: m.InvList})
				say(&wire.MsgGetData{InvList: m.InvList})
			}
		case *wire.MsgTx:
			l.txs = append(l.txs, m)
		case *wire.MsgPing:
			say(wire.NewMsgPong(m.Nonce))
		}
		l.said = append(l.said, m.Command())
	}
}

// TestWhisper: a peer gets the transaction over a connection of its own that tells nothing of
// us, and the machine hears nothing of it.
func TestWhisper(t *testing.T) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{Witness: wire.TxWitness{{1, 2, 3}}})
	tx.AddTxOut(&wire.TxOut{Value: 5, PkScript: []byte{0x51}})
	for name, l := range map[string]*listener{"old": {asks: true}, "modern": {asks: true, modern: true}, "knows it": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const at = "8.1.0.1:1"
				m, board := &answerer{}, NewSwitchboard()
				dials := 0
				running(t, Config{Switchboard: board, Services: wire.SFNodeNetwork | wire.SFNodeWitness, Relay: true, Height: func() int32 { return 77 },
					Dial: func(context.Context, string) (net.Conn, error) {
						ours, theirs := net.Pipe()
						dials++
						go l.serve(theirs)
						return &placed{ours, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(at))}, nil
					}}, m)
				to, err := board.Whisper(t.Context(), tx, at)
				synctest.Wait()
				if !l.closed || dials != 1 || len(m.connected) != 0 || len(board.Links()) != 0 {
					t.Errorf("closed: %v, %d dials, the machine was told of %d", l.closed, dials, len(m.connected))
				}
				if v := l.version; v.UserAgent != "" || v.Services != wire.SFNodeWitness || v.LastBlock != 0 || !v.DisableRelayTx {
					t.Errorf("%+v", v)
				}
				if !l.asks {
					if err == nil || !strings.Contains(err.Error(), "did not ask") || len(l.txs) != 0 {
						t.Errorf("to %q: %v", to, err)
					}
					return
				}
				good(t, err)
				if to != at || len(l.txs) != 1 {
					t.Fatalf("to %s, %d transactions", to, len(l.txs))
				}
				var want, got bytes.Buffer
				good(t, tx.Serialize(&want))
				good(t, l.txs[0].Serialize(&got))
				if !bytes.Equal(want.Bytes(), got.Bytes()) {
					t.Errorf("%x, want %x", got.Bytes(), want.Bytes())
				}
				for _, said := range l.said {
					if strings.Contains("version verack wtxidrelay sendaddrv2 inv tx ping pong", said) {
						continue
					}
					t.Errorf("it was told %s", said)
				}
			})
		})
	}
}

// TestWhisperNobody: without an address and a book there is nobody to tell.
func TestWhisperNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w, _ := manned(t, Config{Book: t.TempDir() + "/peers"})
		if _, err := s.Whisper(t.Context(), wire.NewMsgTx(2), ""); err == nil || len(w.dialed) > 0 {
			t.Errorf("%v, dialled %v", err, w.dialed)
		}
	})
}
