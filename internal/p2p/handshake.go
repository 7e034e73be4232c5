package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"time"

	"github.com/btcsuite/btcd/wire"

	"github.com/layeredpow/lamina/internal/p2p/bip324"
	"github.com/layeredpow/lamina/spv/msg"
)

const (
	// handshakeTime is how long a peer may take to introduce itself.
	handshakeTime = 15 * time.Second
	// oldestVersion is the least protocol version that we talk to: it knows sendheaders.
	oldestVersion = 70012
	// extendedVersion is the least that knows wtxidrelay and sendaddrv2.
	extendedVersion = 70016
	// maxGreetings bounds what a peer may say before it says verack, maxGreeting each in
	// bytes.
	maxGreetings = 20
	maxGreeting  = 4 << 10
)

// errSelf: the other end is this very program.
var errSelf = errors.New("connected to ourselves")

// greet introduces us to a peer and waits until it has done the same. Whoever dialled
// speaks first.
func (k *link) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTime, fmt.Errorf("no handshake within %s", handshakeTime))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = k.conn.Close() })
	defer stop()
	err := k.secure()
	if err == nil {
		err = k.shake()
	}
	if ctx.Err() != nil || !stop() {
		return context.Cause(ctx)
	}
	return err
}

// secure encrypts the connection if both sides want it (BIP324). Whoever is dialled leaves
// that to the other side, whose first bytes tell.
func (k *link) secure() error {
	shake := bip324.Initiate
	if k.inbound {
		shake = bip324.Respond
		first, err := k.in.buf.Peek(bip324.PrefixSize)
		if err != nil {
			return err
		}
		if bip324.Plain([bip324.PrefixSize]byte(first)) {
			return nil
		}
	} else if !k.v2 {
		return nil
	}
	garbage := make([]byte, mathrand.N(bip324.MaxGarbage)) // never the most: btcd v0.25 refuses that
	_, _ = rand.Read(garbage)                              // never fails (crypto/rand)
	session, err := shake(k.in.buf, k.conn, k.host.cfg.Codec.Magic, garbage)
	if err != nil {
		return fmt.Errorf("encryption: %w", err)
	}
	k.session, k.in.session = session, session
	return nil
}

func (k *link) shake() error {
	if !k.inbound {
		if err := k.writeOne(k.ourVersion()); err != nil {
			return err
		}
	}
	k.in.most = maxGreeting
	defer func() { k.in.most = 0 }()
	theirs := false
	for range maxGreetings {
		m, n, err := k.in.next()
		k.in.release()
		if err != nil {
			return err
		}
		k.count(n)
		switch m := m.(type) {
		case *wire.MsgVersion:
			if k.version != nil {
				return errors.New("a second version message")
			}
			if err := k.acceptable(m); err != nil {
				return err
			}
			k.version = m
			if err := k.answerVersion(); err != nil {
				return err
			}
		case *wire.MsgWTxIdRelay:
			theirs = true
		case *wire.MsgSendAddrV2:
			k.addrV2 = true
		case *wire.MsgVerAck:
			if k.version == nil {
				return errors.New("verack before version")
			}
			k.wtxid = theirs && k.extended()
			return nil
		}
	}
	return fmt.Errorf("no verack within %d messages", maxGreetings)
}

func (k *link) ourVersion() *wire.MsgVersion {
	cfg := &k.host.cfg
	height := int32(0)
	if cfg.Height != nil {
		height = cfg.Height()
	}
	v := wire.NewMsgVersion(&wire.NetAddress{Services: cfg.Services}, address(k.conn.RemoteAddr()), k.host.nonce, height)
	v.ProtocolVersion = int32(cfg.Protocol)
	v.Services = cfg.Services
	if cfg.V2 && cfg.Listen != nil {
		v.Services |= wire.SFNodeP2PV2
	}
	v.Timestamp = time.Unix(time.Now().Unix(), 0)
	v.UserAgent = cfg.Agent
	v.DisableRelayTx = !cfg.Relay
	return v
}

func address(a net.Addr) *wire.NetAddress {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return wire.NewNetAddress(tcp, 0)
	}
	return &wire.NetAddress{}
}

func (k *link) acceptable(v *wire.MsgVersion) error {
	if v.Nonce == k.host.nonce {
		return errSelf
	}
	if v.ProtocolVersion < oldestVersion {
		return fmt.Errorf("protocol version %d, want at least %d", v.ProtocolVersion, oldestVersion)
	}
	return nil
}

// extended tells whether both sides speak a version that knows wtxidrelay.
func (k *link) extended() bool {
	return min(uint32(k.version.ProtocolVersion), k.host.cfg.Protocol) >= extendedVersion
}

// answerVersion says what has to be said between their version and verack.
func (k *link) answerVersion() error {
	var answers []msg.Message
	if k.inbound {
		answers = append(answers, k.ourVersion())
	}
	if k.extended() {
		answers = append(answers, &wire.MsgWTxIdRelay{}, &wire.MsgSendAddrV2{})
	}
	for _, m := range append(answers, &wire.MsgVerAck{}) {
		if err := k.writeOne(m); err != nil {
			return err
		}
	}
	return nil
}
